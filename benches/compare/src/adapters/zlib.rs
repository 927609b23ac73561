//! No library: zlib-rs, as it is, between one buffer and another.
//!
//! One call for a message and its tail, an output that is used again, and nothing checked but UTF-8: what a compressed
//! message costs at least.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zlib_rs::{
    Deflate, DeflateConfig, DeflateError, DeflateFlush, Inflate, InflateError, InflateFlush,
};

use crate::{
    frames::{RSV1, masked_len, write_masked},
    library::{
        Class, Deflating, Fault, Io, Kind, Library, OUR_WINDOW_BITS, Setup, Terms, Ws, unexpected,
    },
};

pub struct Zlib;

pub struct Coders<S> {
    io: S,
    takeover: bool,
    inflate: Inflate,
    deflate: Deflate,
    /// Bytes read, of which those between `start` and `end` are still to be parsed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    pending: Vec<u8>,
}

impl<S: Io> Coders<S> {
    async fn message(&mut self) -> Result<(Kind, &[u8]), Fault> {
        loop {
            if let [first, second, rest @ ..] = &self.buffer[self.start..self.end] {
                let (header, len) = match second {
                    126 => (
                        4,
                        rest.first_chunk()
                            .map(|len| u16::from_be_bytes(*len).into()),
                    ),
                    127.. => return Err("a long or a masked frame".into()),
                    short => (2, Some(usize::from(*short))),
                };
                let kind = match first ^ RSV1 {
                    0x81 => Kind::Text,
                    0x82 => Kind::Binary,
                    _ => return Err(unexpected("another frame")),
                };
                if let Some(len) = len.filter(|len| self.end - self.start >= header + len) {
                    let payload = self.start + header..self.start + header + len;
                    self.start = payload.end;
                    self.input.clear();
                    self.input.extend_from_slice(&self.buffer[payload]);
                    self.input.extend_from_slice(&TAIL);
                    return Ok((kind, self.inflated(kind)?));
                }
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            match self.io.read(&mut self.buffer[self.end..]).await? {
                0 => return Err("end of stream".into()),
                read => self.end += read,
            }
        }
    }

    fn inflated(&mut self, kind: Kind) -> Result<&[u8], Fault> {
        if !self.takeover {
            self.inflate.reset(false);
        }
        let before = self.inflate.total_out();
        self.inflate
            .decompress(&self.input, &mut self.output, InflateFlush::SyncFlush)
            .map_err(InflateError::as_str)?;
        let made = usize::try_from(self.inflate.total_out() - before)?;
        let payload = &self.output[..made];
        if kind == Kind::Text {
            simdutf8::basic::from_utf8(payload)?;
        }
        Ok(payload)
    }

    fn push(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Fault> {
        if !self.takeover {
            self.deflate.reset();
        }
        let before = self.deflate.total_out();
        self.deflate
            .compress(payload, &mut self.output, DeflateFlush::SyncFlush)
            .map_err(DeflateError::as_str)?;
        let made = usize::try_from(self.deflate.total_out() - before)?;
        let start = self.pending.len();
        self.pending.reserve(masked_len(made));
        let key = fastrand::u32(..).to_ne_bytes();
        let payload = &self.output[..made - TAIL.len()];
        write_masked(&mut self.pending, kind, payload, key);
        self.pending[start] |= RSV1;
        Ok(())
    }
}

impl Library for Zlib {
    const NAME: &'static str = "zlib-rs alone";
    const CLASS: Class = Class::Floor;

    type Ws<S: Io> = Coders<S>;
    type Batching<S: Io> = Coders<S>;

    async fn wrap<S: Io>(io: S, _: Setup) -> Result<Self::Ws<S>, Fault> {
        Self::wrap_compressed(io, Terms { takeover: true }).await
    }

    async fn wrap_batching<S: Io>(io: S, setup: Setup) -> Result<Self::Batching<S>, Fault> {
        Self::wrap(io, setup).await
    }

    async fn handshake<S: Io>(_: S) -> Result<impl Sized, Fault> {
        Err::<(), _>("it has none".into())
    }
}

impl Deflating for Zlib {
    type Compressed<S: Io> = Coders<S>;

    async fn wrap_compressed<S: Io>(io: S, terms: Terms) -> Result<Self::Compressed<S>, Fault> {
        let config = DeflateConfig {
            level: 1,
            window_bits: -i32::from(OUR_WINDOW_BITS),
            ..DeflateConfig::default()
        };
        Ok(Coders {
            io,
            takeover: terms.takeover,
            inflate: Inflate::new(false, 15),
            deflate: Deflate::new_with_config(config),
            buffer: vec![0; 64 * 1024],
            start: 0,
            end: 0,
            input: Vec::new(),
            output: vec![0; 64 * 1024],
            pending: Vec::new(),
        })
    }
}

impl<S: Io> Ws for Coders<S> {
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
        self.push(Kind::Text, text.as_bytes())
    }

    async fn feed_binary(&mut self, bytes: &Vec<u8>) -> Result<(), Fault> {
        self.push(Kind::Binary, bytes)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        self.io.write_all(&self.pending).await?;
        self.pending.clear();
        Ok(self.io.flush().await?)
    }

    async fn echo(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let (kind, payload) = self.message().await?;
            let payload = payload.to_vec();
            self.push(kind, &payload)?;
            self.flush().await?;
        }
        Ok(())
    }
}

/// What a message ends with before it is sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
