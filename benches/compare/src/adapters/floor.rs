//! No library: a loop that parses and validates, or writes a header and masks, and nothing else.
//!
//! No control frames, no limits, no close, no timers, no error values to speak of. What it costs is what the protocol
//! costs; what a library costs above it is the library.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    frames::{masked_len, write_masked_header},
    library::{Class, Fault, Io, Kind, Library, Setup, Ws, unexpected},
    opening,
};

pub struct Floor;

pub struct Loop<S> {
    io: S,
    /// Bytes read, of which those between `start` and `end` are still to be parsed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A message that comes in fragments.
    assembled: Vec<u8>,
    pending: Pending,
}

/// One frame of the buffer: its first byte, and where its payload is.
struct Found {
    first: u8,
    payload: std::ops::Range<usize>,
}

impl<S: Io> Loop<S> {
    /// Where the next frame is, once it is whole in the buffer.
    async fn frame(&mut self) -> Result<Found, Fault> {
        loop {
            let mut wanted = 2;
            if let [first, second, rest @ ..] = &self.buffer[self.start..self.end] {
                if first & 0x70 != 0 || second & 0x80 != 0 {
                    return Err("a reserved bit or a masked frame".into());
                }
                let (header, len) = match second {
                    127 => (10, rest.first_chunk().map(|len| u64::from_be_bytes(*len))),
                    126 => (
                        4,
                        rest.first_chunk()
                            .map(|len| u16::from_be_bytes(*len).into()),
                    ),
                    short => (2, Some(u64::from(*short))),
                };
                wanted = header;
                if let Some(len) = len {
                    wanted = header + usize::try_from(len)?;
                    if self.end - self.start >= wanted {
                        let payload = self.start + header..self.start + wanted;
                        self.start = payload.end;
                        return Ok(Found {
                            first: *first,
                            payload,
                        });
                    }
                }
            }
            self.fill(wanted).await?;
        }
    }

    /// Reads more, behind what is there; makes room for `wanted` bytes from `start` on first.
    async fn fill(&mut self, wanted: usize) -> Result<(), Fault> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if wanted > self.buffer.len() {
                self.buffer.resize(wanted, 0);
            }
        }
        match self.io.read(&mut self.buffer[self.end..]).await? {
            0 => Err("end of stream".into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }

    /// The next message, in the buffer or assembled.
    async fn message(&mut self) -> Result<(Kind, &[u8]), Fault> {
        let found = self.frame().await?;
        let kind = match found.first & 0x0F {
            0x1 => Kind::Text,
            0x2 => Kind::Binary,
            _ => return Err(unexpected("a control or continuation frame")),
        };
        let payload = if found.first & 0x80 == 0 {
            self.assemble(found).await?;
            &self.assembled[..]
        } else {
            &self.buffer[found.payload]
        };
        // Short text that is ASCII shows it in half the time that validating it takes; long text does not.
        let plain = payload.len() < 512 && payload.is_ascii();
        if kind == Kind::Text && !plain {
            simdutf8::basic::from_utf8(payload)?;
        }
        Ok((kind, payload))
    }

    async fn assemble(&mut self, first: Found) -> Result<(), Fault> {
        self.assembled.clear();
        self.assembled
            .extend_from_slice(&self.buffer[first.payload]);
        loop {
            let found = self.frame().await?;
            if found.first & 0x0F != 0 {
                return Err(unexpected("a frame that is no continuation"));
            }
            self.assembled
                .extend_from_slice(&self.buffer[found.payload]);
            if found.first & 0x80 != 0 {
                return Ok(());
            }
        }
    }
}

impl Library for Floor {
    const NAME: &'static str = "floor";
    const CLASS: Class = Class::Floor;

    type Ws<S: Io> = Loop<S>;
    type Batching<S: Io> = Loop<S>;

    async fn wrap<S: Io>(io: S, _: Setup) -> Result<Self::Ws<S>, Fault> {
        Ok(Loop {
            io,
            buffer: vec![0; 64 * 1024],
            start: 0,
            end: 0,
            assembled: Vec::new(),
            pending: Pending::default(),
        })
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(mut io: S) -> Result<impl Sized, Fault> {
        let key = opening::key();
        let request = opening::request("/").replace("dGhlIHNhbXBsZSBub25jZQ==", &key);
        io.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(1024);
        while opening::head_len(&head).is_none() {
            if io.read_buf(&mut head).await? == 0 {
                return Err("end of stream".into());
            }
        }
        if opening::field(&head, "sec-websocket-accept") != Some(&opening::accept(&key)) {
            return Err("a wrong Sec-WebSocket-Accept".into());
        }
        Ok(io)
    }
}

impl<S: Io> Ws for Loop<S> {
    type Owned = Box<[u8]>;
    type Text = String;
    type Binary = Vec<u8>;

    fn payload(owned: &Box<[u8]>) -> &[u8] {
        owned
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
            let (kind, payload) = self.message().await?;
            look(kind, payload);
        }
        Ok(())
    }

    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Box<[u8]>),
    ) -> Result<(), Fault> {
        for _ in 0..count {
            keep(self.message().await?.1.into());
        }
        Ok(())
    }

    async fn feed_text(&mut self, text: &String) -> Result<(), Fault> {
        self.pending.push(Kind::Text, text.as_bytes());
        Ok(())
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        self.pending.push(Kind::Binary, bytes);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        self.io.write_all(self.pending.take()).await?;
        Ok(self.io.flush().await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        let mut reply = Pending::default();
        for _ in 0..count {
            let (kind, payload) = self.message().await?;
            reply.push(kind, payload);
            self.io.write_all(reply.take()).await?;
            self.io.flush().await?;
        }
        Ok(())
    }
}

/// Frames to be written. The buffer only grows, so that masking can be one pass from payload to buffer without zeroing
/// it first.
#[derive(Default)]
struct Pending {
    buffer: Vec<u8>,
    len: usize,
}

impl Pending {
    fn push(&mut self, kind: Kind, payload: &[u8]) {
        let end = self.len + masked_len(payload.len());
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        let key = fastrand::u32(..).to_ne_bytes();
        let frame = &mut self.buffer[self.len..end];
        let (header, masked) = frame.split_at_mut(frame.len() - payload.len());
        write_masked_header(header, kind, payload.len(), key);
        let word = u64::from_ne_bytes([
            key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
        ]);
        let mut to = masked.chunks_exact_mut(8);
        let mut from = payload.chunks_exact(8);
        for (to, from) in (&mut to).zip(&mut from) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(from);
            to.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
        }
        let keys = key.into_iter().cycle();
        for ((to, from), key) in to
            .into_remainder()
            .iter_mut()
            .zip(from.remainder())
            .zip(keys)
        {
            *to = from ^ key;
        }
        self.len = end;
    }

    fn take(&mut self) -> &[u8] {
        &self.buffer[..std::mem::take(&mut self.len)]
    }
}
