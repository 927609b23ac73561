//! No library: the same bytes read or written by tokio alone, and nothing looked at.
//!
//! It is told how long messages are, and so is the only row whose content cannot be checked: its peer checks what it
//! writes, and what it reads is counted in bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    frames::write_masked,
    library::{Class, Fault, Io, Kind, Library, Setup, Ws},
    opening,
};

pub struct Limit;

pub struct Raw<S> {
    io: S,
    buffer: Vec<u8>,
    /// Bytes on the wire of one incoming message.
    message: usize,
    /// Bytes read and not yet counted as a message.
    surplus: usize,
    reply: Vec<u8>,
    pending: Vec<u8>,
}

impl<S: Io> Raw<S> {
    async fn skip(&mut self, count: usize) -> Result<(), Fault> {
        let wanted = count * self.message;
        while self.surplus < wanted {
            match self.io.read(&mut self.buffer).await? {
                0 => return Err("end of stream".into()),
                read => self.surplus += read,
            }
        }
        self.surplus -= wanted;
        Ok(())
    }

    async fn feed(&mut self, frame: &[u8]) -> Result<(), Fault> {
        if self.pending.is_empty() && frame.len() >= COPY_BELOW {
            return Ok(self.io.write_all(frame).await?);
        }
        self.pending.extend_from_slice(frame);
        Ok(())
    }
}

impl Library for Limit {
    const NAME: &'static str = "limit";
    const CLASS: Class = Class::Limit;

    type Ws<S: Io> = Raw<S>;
    type Batching<S: Io> = Raw<S>;

    async fn wrap<S: Io>(io: S, setup: Setup) -> Result<Self::Ws<S>, Fault> {
        let mut reply = Vec::new();
        write_masked(
            &mut reply,
            setup.shape.style.kind(),
            &vec![0; setup.shape.len],
            [0; 4],
        );
        Ok(Raw {
            io,
            buffer: vec![0; (64 * 1024).max(setup.shape.wire())],
            message: setup.shape.wire(),
            surplus: 0,
            reply,
            pending: Vec::new(),
        })
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(mut io: S) -> Result<impl Sized, Fault> {
        io.write_all(opening::request("/").as_bytes()).await?;
        let mut head = [0; 1024];
        let mut read = 0;
        while opening::head_len(&head[..read]).is_none() {
            match io.read(&mut head[read..]).await? {
                0 => return Err("end of stream".into()),
                more => read += more,
            }
        }
        Ok(io)
    }
}

impl<S: Io> Ws for Raw<S> {
    type Owned = ();
    /// Whole frames.
    type Text = Vec<u8>;
    type Binary = Vec<u8>;

    fn payload((): &()) -> &[u8] {
        &[]
    }

    fn text(text: &str) -> Vec<u8> {
        frame(Kind::Text, text.as_bytes())
    }

    fn binary(bytes: &[u8]) -> Vec<u8> {
        frame(Kind::Binary, bytes)
    }

    async fn receive(
        &mut self,
        count: usize,
        _: &mut impl FnMut(Kind, &[u8]),
    ) -> Result<(), Fault> {
        self.skip(count).await
    }

    async fn receive_owned(&mut self, count: usize, _: &mut impl FnMut(())) -> Result<(), Fault> {
        self.skip(count).await
    }

    async fn feed_text(&mut self, text: &Vec<u8>) -> Result<(), Fault> {
        self.feed(text).await
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        self.feed(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        if !self.pending.is_empty() {
            self.io.write_all(&self.pending).await?;
            self.pending.clear();
        }
        Ok(self.io.flush().await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            self.skip(1).await?;
            self.io.write_all(&self.reply).await?;
            self.io.flush().await?;
        }
        Ok(())
    }
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    write_masked(&mut frame, kind, payload, [0x37, 0xFA, 0x21, 0x3D]);
    frame
}

/// Longer messages are written from where they are.
const COPY_BELOW: usize = 1024;
