//! longwire, as it comes: `Config::default()` in every row.
//!
//! Text and bytes that stay the caller's are sent by the borrowing methods.

use bytes::Bytes;
use longwire::{Config, Deflate, Message, MessageRef, WsStream};

use crate::{
    library::{Class, Deflating, Fault, Io, Kind, Library, Setup, Terms, Ws},
    opening::Answering,
};

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

/// Compression is agreed in an opening handshake of its own, since that is the only way to have it.
impl Deflating for Longwire {
    type Compressed<S: Io> = WsStream<Answering<S>>;

    async fn wrap_compressed<S: Io>(io: S, terms: Terms) -> Result<Self::Compressed<S>, Fault> {
        let mut deflate = Deflate::default();
        if !terms.takeover {
            deflate = deflate
                .server_no_context_takeover()
                .client_no_context_takeover();
        }
        let io = Answering::new(io, terms.answer());
        let ws = longwire::connect("ws://localhost/")
            .deflate(deflate)
            .over(io)
            .await?;
        ws.handshake().deflate().ok_or("compression was declined")?;
        Ok(ws)
    }
}

impl<S: Io> Ws for WsStream<S> {
    type Owned = Message;
    type Text = String;
    type Binary = Vec<u8>;

    fn payload(owned: &Message) -> &[u8] {
        owned.as_bytes()
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

    async fn feed_text(&mut self, text: &String) -> Result<(), Fault> {
        Ok(Self::feed_text(self, text).await?)
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        Ok(Self::feed_binary(self, bytes).await?)
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

/// longwire, received by `next_batch`: messages are lent, so who keeps one copies it.
pub struct Batches;

pub struct Lent<S>(WsStream<S>);

impl Library for Batches {
    const NAME: &'static str = "longwire, batches";
    const CLASS: Class = Class::Ours;

    type Ws<S: Io> = Lent<S>;
    type Batching<S: Io> = Lent<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        Ok(Lent(Longwire::wrap(io, setup).await?))
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        Longwire::handshake(io).await
    }
}

impl<S: Io> Ws for Lent<S> {
    type Owned = Message;
    type Text = String;
    type Binary = Vec<u8>;

    fn payload(owned: &Message) -> &[u8] {
        owned.as_bytes()
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
        let mut left = count;
        while left > 0 {
            for message in self
                .0
                .next_batch()
                .await
                .ok_or("end of stream")??
                .take(left)
            {
                match message {
                    MessageRef::Text(text) => look(Kind::Text, text.as_bytes()),
                    MessageRef::Binary(bytes) => look(Kind::Binary, bytes),
                }
                left -= 1;
            }
        }
        Ok(())
    }

    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Message),
    ) -> Result<(), Fault> {
        let mut left = count;
        while left > 0 {
            for message in self
                .0
                .next_batch()
                .await
                .ok_or("end of stream")??
                .take(left)
            {
                keep(message.into());
                left -= 1;
            }
        }
        Ok(())
    }

    async fn feed_text(&mut self, text: &String) -> Result<(), Fault> {
        Ok(self.0.feed_text(text).await?)
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        Ok(self.0.feed_binary(bytes).await?)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(self.0.flush().await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        Ws::echo(&mut self.0, count).await
    }
}
