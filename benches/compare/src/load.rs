//! What is sent: payloads that are the same on every run, and their frames on the wire.

use std::sync::Arc;

use crate::library::Kind;

/// A sort of message: how it looks, how long it is, in how many frames it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub style: Style,
    pub len: usize,
    pub frames: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// ASCII JSON, as a feed of trades sends it.
    Json,
    /// Text of two-, three- and four-byte characters, and hardly any ASCII.
    World,
    /// Bytes without meaning.
    Binary,
}

impl Style {
    pub fn kind(self) -> Kind {
        match self {
            Self::Json | Self::World => Kind::Text,
            Self::Binary => Kind::Binary,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::World => "world",
            Self::Binary => "binary",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Json, Self::World, Self::Binary]
            .into_iter()
            .find(|style| style.name() == name)
    }
}

impl Shape {
    pub const fn new(style: Style, len: usize) -> Self {
        Self { style, len, frames: 1 }
    }

    pub const fn json(len: usize) -> Self {
        Self::new(Style::Json, len)
    }

    pub const fn binary(len: usize) -> Self {
        Self::new(Style::Binary, len)
    }

    /// Bytes of one message on the wire, from the server.
    pub fn wire(self) -> usize {
        let part = self.len.div_ceil(self.frames).max(1);
        let (full, rest) = (self.len / part, self.len % part);
        let last = if rest > 0 || full == 0 { header_len(rest) + rest } else { 0 };
        full * (header_len(part) + part) + last
    }

    /// The `index`th message of this shape.
    pub fn payload(self, index: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(index as u64);
        match self.style {
            Style::Json => json(self.len, &mut random),
            Style::World => world(self.len, &mut random),
            Style::Binary => (0..self.len).map(|_| random.u8(..)).collect(),
        }
    }
}

/// A stretch of different messages of one shape, to be sent over and over.
#[derive(Clone)]
pub struct Load {
    pub shape: Shape,
    pub messages: Arc<[Vec<u8>]>,
    /// Their frames as a server sends them, one behind the other.
    pub wire: Arc<[u8]>,
}

impl Load {
    pub fn new(shape: Shape) -> Self {
        let variety = (VARIETY_BYTES / shape.len.max(1)).clamp(1, VARIETY);
        let messages: Arc<[_]> = (0..variety).map(|index| shape.payload(index)).collect();
        let mut wire = Vec::new();
        for message in messages.iter() {
            write_message(&mut wire, shape, message);
        }
        Self {
            shape,
            messages,
            wire: wire.into(),
        }
    }
}

/// Compares what arrives with what was sent.
pub struct Check<'a> {
    load: &'a Load,
    /// Whether every byte is compared, or the length and both ends.
    whole: bool,
    next: usize,
    seen: usize,
    wrong: usize,
}

impl<'a> Check<'a> {
    pub fn new(load: &'a Load, whole: bool) -> Self {
        Self {
            load,
            whole,
            next: 0,
            seen: 0,
            wrong: 0,
        }
    }

    #[inline]
    pub fn look(&mut self, kind: Kind, payload: &[u8]) {
        let expected = self.load.messages[self.next].as_slice();
        self.next += 1;
        if self.next == self.load.messages.len() {
            self.next = 0;
        }
        self.seen += 1;
        let right = kind == self.load.shape.style.kind()
            && payload.len() == expected.len()
            && if self.whole {
                payload == expected
            } else {
                payload.first_chunk::<8>() == expected.first_chunk::<8>()
                    && payload.last_chunk::<8>() == expected.last_chunk::<8>()
            };
        self.wrong += usize::from(!right);
    }

    /// # Errors
    ///
    /// When a message was missing, doubled or changed.
    pub fn verdict(&self, count: usize) -> Result<(), String> {
        if self.wrong > 0 {
            return Err(format!("{} of {} messages differ", self.wrong, self.seen));
        }
        if self.seen != count {
            return Err(format!("{} messages of {count} arrived", self.seen));
        }
        Ok(())
    }
}

/// Appends the unmasked frames of a message (RFC 6455 §5.2).
pub fn write_message(wire: &mut Vec<u8>, shape: Shape, message: &[u8]) {
    let size = message.len().div_ceil(shape.frames).max(1);
    let parts = message.len().div_ceil(size).max(1);
    for index in 0..parts {
        let part = &message[index * size..message.len().min((index + 1) * size)];
        let opcode = match (index, shape.style.kind()) {
            (0, Kind::Text) => 0x1,
            (0, Kind::Binary) => 0x2,
            _ => 0x0,
        };
        let fin = if index + 1 == parts { 0x80 } else { 0 };
        wire.push(fin | opcode);
        write_len(wire, part.len(), 0);
        wire.extend_from_slice(part);
    }
}

/// Appends one final frame with a masking key, as a client must send it (RFC 6455 §5.3).
pub fn write_masked(wire: &mut Vec<u8>, kind: Kind, payload: &[u8], key: [u8; 4]) {
    wire.push(match kind {
        Kind::Text => 0x81,
        Kind::Binary => 0x82,
    });
    write_len(wire, payload.len(), 0x80);
    wire.extend_from_slice(&key);
    let start = wire.len();
    wire.extend_from_slice(payload);
    mask(&mut wire[start..], key);
}

/// Bytes of a client's frame.
pub fn masked_len(payload: usize) -> usize {
    header_len(payload) + 4 + payload
}

/// XOR with the key from its first byte on; its own inverse.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let word = u64::from_ne_bytes([
        key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
    ]);
    let mut words = payload.chunks_exact_mut(8);
    for chunk in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

fn header_len(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

fn write_len(wire: &mut Vec<u8>, len: usize, masked: u8) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => wire.push(masked | short),
        (_, Ok(medium)) => {
            wire.push(masked | 126);
            wire.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            wire.push(masked | 127);
            wire.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

fn json(len: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    const LAST: &str = ",\"c\":\"";
    const END: &str = "\"}}";
    let mut text = String::from("{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\"");
    loop {
        let field = format!(
            ",\"{}\":\"{}.{:04}\"",
            random.lowercase(),
            random.u32(10_000..100_000),
            random.u32(..10_000)
        );
        if text.len() + field.len() + LAST.len() + END.len() > len {
            break;
        }
        text.push_str(&field);
    }
    text.push_str(LAST);
    while text.len() + END.len() < len {
        text.push(random.digit(10));
    }
    text.push_str(END);
    text.into_bytes()
}

fn world(len: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let letters = ['ж', 'λ', 'é', '価', '格', '上', '한', 'ह', '🚀', '\u{10348}'];
    let mut text = String::new();
    while text.len() + 4 <= len {
        text.push(letters[random.usize(..letters.len())]);
    }
    while text.len() < len {
        text.push('.');
    }
    text.into_bytes()
}

/// How many different messages a stretch has at most, and about how many bytes: enough that no branch predictor
/// learns them, and no more than a second-level cache holds beside a library's buffers.
const VARIETY: usize = 64;
const VARIETY_BYTES: usize = 64 * 1024;
