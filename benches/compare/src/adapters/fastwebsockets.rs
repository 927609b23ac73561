//! fastwebsockets 0.10.
//!
//! Received through `FragmentCollector`, whose pongs are automatic. It masks in place, so a payload is put into a buffer
//! that is used again and lent for the call: no allocation, where `Payload::Borrowed` would make one a message. It has
//! no write buffer of its own; who sends many small messages between flushes puts one under it, and uses `WebSocket`,
//! since `FragmentCollector` has no flush.

use bytes::Bytes;
use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Payload, Role, WebSocket, WebSocketError, handshake,
};
use http_body_util::Empty;
use hyper::{Request, header, rt::Executor};
use tokio::io::BufWriter;

use crate::library::{Class, Fault, Io, Kind, Library, Setup, Ws, unexpected};

pub struct Fastwebsockets;

pub struct Client<F> {
    frames: F,
    outgoing: Vec<u8>,
}

impl<F: Frames> Client<F> {
    fn new(frames: F) -> Self {
        Self {
            frames,
            outgoing: Vec::new(),
        }
    }

    async fn data_frame(&mut self) -> Result<(Kind, Frame<'static>), Fault> {
        let frame = self.frames.read().await?;
        match frame.opcode {
            OpCode::Text => Ok((Kind::Text, frame)),
            OpCode::Binary => Ok((Kind::Binary, frame)),
            _ => Err(unexpected("a control frame")),
        }
    }
}

impl Library for Fastwebsockets {
    const NAME: &'static str = "fastwebsockets";
    const CLASS: Class = Class::Rival;

    type Ws<S: Io> = Client<FragmentCollector<S>>;
    type Batching<S: Io> = Client<WebSocket<BufWriter<S>>>;

    async fn wrap<S: Io>(io: S, _: Setup) -> Result<Self::Ws<S>, Fault> {
        let ws = WebSocket::after_handshake(io, Role::Client);
        Ok(Client::new(FragmentCollector::new(ws)))
    }

    async fn wrap_batching<S: Io>(io: S, _: Setup) -> Result<Self::Batching<S>, Fault> {
        let io = BufWriter::with_capacity(64 * 1024, io);
        Ok(Client::new(WebSocket::after_handshake(io, Role::Client)))
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        let request = Request::builder()
            .uri("/")
            .header(header::HOST, "localhost")
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "upgrade")
            .header(header::SEC_WEBSOCKET_KEY, handshake::generate_key())
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .body(Empty::<Bytes>::new())?;
        Ok(handshake::client(&Spawn, request, io).await?)
    }
}

impl<F: Frames> Ws for Client<F> {
    type Owned = Frame<'static>;
    type Text = String;
    type Binary = Vec<u8>;

    fn payload<'a>(owned: &'a Frame<'static>) -> &'a [u8] {
        &owned.payload
    }

    fn text(text: &str) -> String {
        text.to_string()
    }

    fn binary(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    async fn receive(
        &mut self,
        count: usize,
        look: &mut impl FnMut(Kind, &[u8]),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            let (kind, frame) = self.data_frame().await?;
            look(kind, &frame.payload);
        }
        Ok(())
    }

    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Frame<'static>),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            keep(self.data_frame().await?.1);
        }
        Ok(())
    }

    async fn feed_text(&mut self, text: &String) -> Result<(), Fault> {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(text.as_bytes());
        let payload = Payload::BorrowedMut(&mut self.outgoing);
        Ok(self.frames.write(Frame::text(payload)).await?)
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        self.outgoing.clear();
        self.outgoing.extend_from_slice(bytes);
        let payload = Payload::BorrowedMut(&mut self.outgoing);
        Ok(self.frames.write(Frame::binary(payload)).await?)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(self.frames.flush().await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let (_, frame) = self.data_frame().await?;
            self.frames.write(frame).await?;
        }
        Ok(())
    }
}

/// The two types that read and write frames.
pub trait Frames: Send {
    async fn read(&mut self) -> Result<Frame<'static>, WebSocketError>;
    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WebSocketError>;
    async fn flush(&mut self) -> Result<(), WebSocketError>;
}

impl<S: Io> Frames for FragmentCollector<S> {
    async fn read(&mut self) -> Result<Frame<'static>, WebSocketError> {
        self.read_frame().await
    }

    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WebSocketError> {
        self.write_frame(frame).await
    }

    /// Every frame has been written through.
    async fn flush(&mut self) -> Result<(), WebSocketError> {
        Ok(())
    }
}

impl<S: Io> Frames for WebSocket<BufWriter<S>> {
    async fn read(&mut self) -> Result<Frame<'static>, WebSocketError> {
        self.read_frame().await
    }

    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WebSocketError> {
        self.write_frame(frame).await
    }

    async fn flush(&mut self) -> Result<(), WebSocketError> {
        Self::flush(self).await
    }
}

struct Spawn;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawn {
    fn execute(&self, connection: F) {
        tokio::spawn(connection);
    }
}
