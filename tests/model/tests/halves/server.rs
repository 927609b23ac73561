//! A server written byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pipe::End;

pub(crate) struct Server(pub(crate) End);

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

impl Server {
    /// The client's next frame: its opcode and its payload; `None` at its end, also inside a frame.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 6];
        self.0.read_exact(&mut head).await.ok()?;
        let [first, length, key @ ..] = head;
        assert_eq!(first & 0xf0, 0x80, "one frame, no reserved bits");
        assert_eq!(length & 0x80, 0x80, "masked");
        let length = usize::from(length & 0x7f);
        assert!(length < 126, "short, as all that is sent here");
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        Some((first & 0x0f, payload))
    }

    pub(crate) async fn expect(&mut self, opcode: u8, payload: &str) {
        let (found, bytes) = self.next().await.expect("a frame of the client");
        assert_eq!((found, bytes.as_slice()), (opcode, payload.as_bytes()));
    }

    /// Says whether the client was there to take it.
    pub(crate) async fn send(&mut self, opcode: u8, payload: impl AsRef<[u8]>) -> bool {
        let payload = payload.as_ref();
        let mut frame = vec![0x80 | opcode, u8::try_from(payload.len()).unwrap()];
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await.is_ok()
    }

    /// Reads on to the client's end.
    pub(crate) async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Answers the client's Close, whatever comes before it, and ends the transport.
    pub(crate) async fn answer_close(&mut self) {
        while let Some((opcode, payload)) = self.next().await {
            if opcode == CLOSE {
                self.send(CLOSE, payload).await;
                self.0.shutdown().await.unwrap();
            }
        }
    }
}
