//! longwire, as it comes: `Config::default()` in every row.
//!
//! Text and bytes that stay the caller's are sent by the borrowing methods.

use bytes::Bytes;
use longwire::{Config, Message, WsStream};

use crate::library::{Class, Fault, Io, Kind, Library, Setup, Ws};

pub struct Longwire;

impl Library for Longwire {
    const NAME: &'static str = "longwire";
    const CLASS: Class = Class::Ours;

    type Ws<S: Io> = WsStream<S>;
    type Batching<S: Io> = WsStream<S>;

    async fn wrap<S: Io>(io: S, _: Setup) -> Result<Self::Ws<S>, Fault> {
        Ok(WsStream::from_upgraded(io, Bytes::new(), Config::default()))
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        Ok(longwire::connect("ws://localhost/").over(io).await?)
    }
}

pub enum Outgoing {
    Text(String),
    Binary(Vec<u8>),
}

impl<S: Io> Ws for WsStream<S> {
    type Owned = Message;
    type Outgoing = Outgoing;

    fn payload(owned: &Message) -> &[u8] {
        owned.as_bytes()
    }

    fn outgoing(kind: Kind, payload: &[u8]) -> Outgoing {
        match kind {
            Kind::Text => Outgoing::Text(String::from_utf8_lossy(payload).into()),
            Kind::Binary => Outgoing::Binary(payload.to_vec()),
        }
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

    async fn feed(&mut self, message: &Outgoing) -> Result<(), Fault> {
        match message {
            Outgoing::Text(text) => Ok(self.feed_text(text).await?),
            Outgoing::Binary(bytes) => Ok(self.feed_binary(bytes).await?),
        }
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(Self::flush(self).await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let message = self.next().await.ok_or("end of stream")??;
            self.send(message).await?;
        }
        Ok(())
    }
}
