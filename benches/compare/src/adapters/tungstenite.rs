//! tokio-tungstenite 0.30.
//!
//! `Message` is cloned to send it again: a reference count, no copy. The free part of its read buffer is zeroed at every
//! read, so its default of 128 KiB is not its fastest: 32 KiB is, where there is much to read, and 4 KiB where a message
//! comes now and then.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Bytes, Message, Utf8Bytes,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::library::{Class, Fault, Io, Kind, Library, Profile, Setup, Ws, unexpected};

pub struct Tungstenite;

impl Library for Tungstenite {
    const NAME: &'static str = "tokio-tungstenite";
    const CLASS: Class = Class::Rival;

    type Ws<S: Io> = WebSocketStream<S>;
    type Batching<S: Io> = WebSocketStream<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        let config = match setup.profile {
            Profile::Default => WebSocketConfig::default(),
            Profile::Busy => WebSocketConfig::default().read_buffer_size(32 * 1024),
            Profile::Quiet => WebSocketConfig::default().read_buffer_size(4 * 1024),
        };
        Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await)
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        Ok(client_async("ws://localhost/", io).await?)
    }
}

impl<S: Io> Ws for WebSocketStream<S> {
    type Owned = Message;
    type Text = Utf8Bytes;
    type Binary = Bytes;

    fn payload(owned: &Message) -> &[u8] {
        match owned {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            _ => &[],
        }
    }

    fn text(text: &str) -> Utf8Bytes {
        Utf8Bytes::from(text)
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
            match self.next().await.ok_or("end of stream")?? {
                Message::Text(text) => look(Kind::Text, text.as_bytes()),
                Message::Binary(bytes) => look(Kind::Binary, &bytes),
                _ => return Err(unexpected("a control frame")),
            }
        }
        Ok(())
    }

    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Message),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            keep(self.next().await.ok_or("end of stream")??);
        }
        Ok(())
    }

    async fn feed_text(&mut self, text: &Utf8Bytes) -> Result<(), Fault> {
        Ok(self.feed(Message::Text(text.clone())).await?)
    }

    async fn feed_binary(&mut self, bytes: &Bytes) -> Result<(), Fault> {
        Ok(self.feed(Message::Binary(bytes.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(SinkExt::flush(self).await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let message = self.next().await.ok_or("end of stream")??;
            self.send(message).await?;
        }
        Ok(())
    }
}
