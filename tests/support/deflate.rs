//! DEFLATE (RFC 1951) as a server may write it: block by block, or whole messages by an encoder that
//! keeps to a window of any size, which the usual ones do not.

use std::collections::HashMap;

/// A payload in the making.
#[derive(Debug, Default, Clone)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 0 when it is full.
    bits: u32,
}

impl Blocks {
    /// A stored block (RFC 1951 §3.2.4).
    pub(crate) fn stored(mut self, ends_stream: bool, content: &[u8]) -> Self {
        self.put(ends_stream.into(), 3);
        self.bits = 0;
        let length = u16::try_from(content.len()).unwrap();
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend((!length).to_le_bytes());
        self.bytes.extend(content);
        self
    }

    /// A block with fixed codes (RFC 1951 §3.2.6).
    pub(crate) fn fixed(mut self, ends_stream: bool, symbols: &[Symbol]) -> Self {
        self.put(usize::from(ends_stream) | 0b10, 3);
        for symbol in symbols {
            match *symbol {
                Symbol::Literal(byte @ 0..=143) => self.put_code(0x30 + usize::from(byte), 8),
                Symbol::Literal(byte) => self.put_code(0x190 - 144 + usize::from(byte), 9),
                Symbol::Repeat { length, distance } => self.repeat(length, distance),
            }
        }
        self.put_code(0, 7);
        if ends_stream {
            // What follows begins with a byte.
            self.bits = 0;
        }
        self
    }

    /// As a message ends: the header of an empty stored block, whose tail is left out
    /// (RFC 7692 §7.2.1).
    pub(crate) fn message(mut self) -> Vec<u8> {
        self.put(0, 3);
        self.bytes
    }

    /// What there is, with nothing behind it.
    pub(crate) fn raw(self) -> Vec<u8> {
        self.bytes
    }

    fn repeat(&mut self, length: usize, distance: usize) {
        let (symbol, extra, extra_bits) = match length {
            258 => (28, 0, 0),
            _ => group(length - 3, 2),
        };
        if symbol < 23 {
            self.put_code(1 + symbol, 7);
        } else {
            self.put_code(0xc0 + symbol - 23, 8);
        }
        self.put(extra, extra_bits);
        let (symbol, extra, extra_bits) = group(distance - 1, 1);
        self.put_code(symbol, 5);
        self.put(extra, extra_bits);
    }

    fn put(&mut self, value: usize, count: u32) {
        for bit in 0..count {
            if self.bits == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> bit & 1 == 1) << self.bits;
            self.bits = (self.bits + 1) % 8;
        }
    }

    fn put_code(&mut self, code: usize, count: u32) {
        for bit in (0..count).rev() {
            self.put(code >> bit & 1, 1);
        }
    }
}

/// Which group of lengths or distances a value is in, and its place there.
fn group(value: usize, parts: u32) -> (usize, usize, u32) {
    let Some(extra) = value.checked_ilog2().and_then(|log| log.checked_sub(parts)) else {
        return (value, 0, 0);
    };
    let groups = (value >> extra) + (usize::try_from(extra).unwrap() << parts);
    (groups, value & ((1 << extra) - 1), extra)
}

/// What a block with codes consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Symbol {
    Literal(u8),
    Repeat { length: usize, distance: usize },
}

/// `text` as literals.
pub(crate) fn literals(text: impl AsRef<[u8]>) -> Vec<Symbol> {
    text.as_ref().iter().copied().map(Symbol::Literal).collect()
}

/// A server's encoder.
#[derive(Debug)]
pub(crate) struct Encoder {
    window: usize,
    takeover: bool,
    history: Vec<u8>,
    /// The last place of each three bytes.
    seen: HashMap<[u8; 3], usize>,
}

impl Encoder {
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            window: 1 << window_bits,
            takeover,
            history: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// The payload of a message.
    pub(crate) fn message(&mut self, content: &[u8]) -> Vec<u8> {
        let symbols = self.symbols(content);
        Blocks::default().fixed(false, &symbols).message()
    }

    /// The message as symbols, with every repetition that the window allows.
    pub(crate) fn symbols(&mut self, content: &[u8]) -> Vec<Symbol> {
        if !self.takeover {
            self.history.clear();
            self.seen.clear();
        }
        let mut at = self.history.len();
        self.history.extend_from_slice(content);
        let mut symbols = Vec::new();
        while at < self.history.len() {
            let rest = &self.history[at..];
            let earlier = rest
                .first_chunk()
                .and_then(|three| self.seen.get(three).copied())
                .filter(|earlier| at - earlier <= self.window);
            let length = earlier.map_or(1, |earlier| {
                let same = rest.iter().zip(&self.history[earlier..]);
                same.take(258).take_while(|(a, b)| a == b).count()
            });
            symbols.push(match earlier {
                Some(earlier) => Symbol::Repeat {
                    length,
                    distance: at - earlier,
                },
                None => Symbol::Literal(rest[0]),
            });
            for place in at..at + length {
                if let Some(three) = self.history[place..].first_chunk() {
                    self.seen.insert(*three, place);
                }
            }
            at += length;
        }
        symbols
    }
}

/// A message by an encoder of others, with dynamic blocks, as one piece without a history.
pub(crate) fn by_miniz(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::Compress::new(flate2::Compression::best(), false);
    let mut payload = Vec::with_capacity(content.len() + content.len() / 100 + 1_000);
    coder
        .compress_vec(content, &mut payload, flate2::FlushCompress::Sync)
        .unwrap();
    let whole = usize::try_from(coder.total_in()).unwrap();
    assert_eq!(whole, content.len());
    payload.truncate(payload.len() - 4);
    payload
}
