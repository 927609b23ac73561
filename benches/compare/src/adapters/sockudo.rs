//! sockudo-ws 3.1.
//!
//! permessage-deflate is a stream of its own there; the plain one does not know of it. Its defaults are its fast settings: reads of
//! 64 KiB, a write buffer, keys from `fastrand`; but for its heartbeat, which reads a clock at every message, and which no
//! other contestant has in these rows.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, DeflateWindowBits, Http1, Message,
    WebSocketStream, client::WebSocketClient,
};

use crate::library::{
    Class, Deflating, Fault, Io, Kind, Library, OUR_WINDOW_BITS, Profile, Setup, Terms, Ws,
    unexpected,
};

pub struct Sockudo;

impl Library for Sockudo {
    const NAME: &'static str = "sockudo-ws";
    const CLASS: Class = Class::Rival;

    type Ws<S: Io> = WebSocketStream<S>;
    type Batching<S: Io> = WebSocketStream<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        Ok(match setup.profile {
            Profile::Default => WebSocketStream::client(io, Config::default()),
            Profile::Busy | Profile::Quiet => WebSocketStream::client(io, no_heartbeat()),
        })
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(io: S) -> Result<impl Sized, Fault> {
        let client = WebSocketClient::<Http1>::new(Config::default());
        Ok(client.connect_raw(io, "localhost", "/", None).await?)
    }
}

fn no_heartbeat() -> Config {
    Config::builder().auto_ping(false).idle_timeout(0).build()
}

impl Deflating for Sockudo {
    type Compressed<S: Io> = CompressedWebSocketStream<S>;

    async fn wrap_compressed<S: Io>(io: S, terms: Terms) -> Result<Self::Compressed<S>, Fault> {
        let deflate = DeflateConfig {
            client_max_window_bits: DeflateWindowBits::try_from(OUR_WINDOW_BITS)?,
            server_no_context_takeover: !terms.takeover,
            client_no_context_takeover: !terms.takeover,
            compression_level: 1,
            ..DeflateConfig::default()
        };
        Ok(CompressedWebSocketStream::client(
            io,
            no_heartbeat(),
            deflate,
        ))
    }
}

macro_rules! ws {
    ($stream:ident) => {
        impl<S: Io> Ws for $stream<S> {
            type Owned = Message;
            type Text = Bytes;
            type Binary = Bytes;

            fn payload(owned: &Message) -> &[u8] {
                owned.as_bytes()
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
                    match self.next().await.ok_or("end of stream")?? {
                        Message::Text(text) => look(Kind::Text, &text),
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

            async fn feed_text(&mut self, text: &Bytes) -> Result<(), Fault> {
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
    };
}

ws!(WebSocketStream);
ws!(CompressedWebSocketStream);
