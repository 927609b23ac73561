//! tokio-websockets 0.13.
//!
//! SIMD is found at run time and needs no feature; `fastrand` is its fastest source of masking keys. The flush threshold
//! is raised from 8 KiB so that a batch is written when the caller flushes it.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Config, Message, WebSocketStream};

use crate::library::{Class, Fault, Io, Kind, Library, Profile, Setup, Ws, unexpected};

pub struct TokioWebsockets;

impl Library for TokioWebsockets {
    const NAME: &'static str = "tokio-websockets";
    const CLASS: Class = Class::Rival;

    type Ws<S: Io> = WebSocketStream<S>;
    type Batching<S: Io> = WebSocketStream<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        let config = match setup.profile {
            Profile::Default => Config::default(),
            Profile::Busy | Profile::Quiet => Config::default().flush_threshold(64 * 1024),
        };
        Ok(ClientBuilder::new().config(config).take_over(io))
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        let builder = ClientBuilder::new().uri("ws://localhost/")?;
        Ok(builder.connect_on(io).await?)
    }
}

impl<S: Io> Ws for WebSocketStream<S> {
    type Owned = Message;
    type Text = Bytes;
    type Binary = Bytes;

    fn payload(owned: &Message) -> &[u8] {
        owned.as_payload()
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
            let message = self.next().await.ok_or("end of stream")??;
            if message.is_text() {
                look(Kind::Text, message.as_payload());
            } else if message.is_binary() {
                look(Kind::Binary, message.as_payload());
            } else {
                return Err(unexpected("a control frame"));
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

    async fn feed_text(&mut self, text: &Bytes) -> Result<(), Fault> {
        Ok(self.feed(Message::text(text.clone())).await?)
    }

    async fn feed_binary(&mut self, bytes: &Bytes) -> Result<(), Fault> {
        Ok(self.feed(Message::binary(bytes.clone())).await?)
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
