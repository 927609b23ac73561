//! yawc 0.5.
//!
//! UTF-8 is validated, which is not its default, and by SIMD. The backpressure boundary is the one of its own benchmarks,
//! the read buffer the fastest of those tried; the limits are raised because a 1 MiB message is above the default.

use bytes::Bytes;
use futures_util::SinkExt;
use url::Url;
use yawc::{CompressionLevel, Frame, OpCode, Options, Role, WebSocket};

use crate::library::{
    Class, Deflating, Fault, Io, Kind, Library, Profile, Setup, Terms, Ws, unexpected,
};

pub struct Yawc;

impl Library for Yawc {
    const NAME: &'static str = "yawc";
    const CLASS: Class = Class::Rival;

    type Ws<S: Io> = WebSocket<S>;
    type Batching<S: Io> = WebSocket<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        let options = Options::default().with_utf8();
        let options = match setup.profile {
            Profile::Default => options,
            Profile::Busy => busy(options),
            Profile::Quiet => options.with_limits(64 << 20, 128 << 20),
        };
        Ok(WebSocket::from_stream(io, Role::Client, options)?)
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        let url = Url::parse("ws://localhost/")?;
        Ok(WebSocket::handshake(url, io, Options::default().with_utf8()).await?)
    }
}

fn busy(options: Options) -> Options {
    options
        .with_limits(64 << 20, 128 << 20)
        .with_read_buffer_capacity(64 * 1024)
        .with_backpressure_boundary(64 * 1024)
}

impl Deflating for Yawc {
    type Compressed<S: Io> = WebSocket<S>;

    async fn wrap_compressed<S: Io>(io: S, terms: Terms) -> Result<Self::Compressed<S>, Fault> {
        let options =
            busy(Options::default().with_utf8()).with_compression_level(CompressionLevel::new(1));
        let answer = terms.answer();
        Ok(WebSocket::from_stream_with_extensions(
            io,
            Role::Client,
            Some(&answer),
            options,
        )?)
    }
}

impl<S: Io> Ws for WebSocket<S> {
    type Owned = Frame;
    type Text = Bytes;
    type Binary = Bytes;

    fn payload(owned: &Frame) -> &[u8] {
        owned.payload()
    }

    fn text(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn binary(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    async fn receive(
        &mut self,
        count: usize,
        look: &mut impl FnMut(Kind, &[u8]),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            let frame = self.next_frame().await?;
            match frame.opcode() {
                OpCode::Text => look(Kind::Text, frame.payload()),
                OpCode::Binary => look(Kind::Binary, frame.payload()),
                _ => return Err(unexpected("a control frame")),
            }
        }
        Ok(())
    }

    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Frame),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            keep(self.next_frame().await?);
        }
        Ok(())
    }

    async fn feed_text(&mut self, text: &Bytes) -> Result<(), Fault> {
        Ok(self.feed(Frame::text(text.clone())).await?)
    }

    async fn feed_binary(&mut self, bytes: &Bytes) -> Result<(), Fault> {
        Ok(self.feed(Frame::binary(bytes.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(SinkExt::flush(self).await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let frame = self.next_frame().await?;
            self.send(frame).await?;
        }
        Ok(())
    }
}
