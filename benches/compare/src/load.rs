//! What is sent: payloads that are the same on every run, and their frames on the wire.

use std::sync::Arc;

use crate::{
    frames::{header_len, write_message},
    library::Kind,
};

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
    /// ASCII JSON, as a feed of trades really sends it: fields that are always there, counters that go up, prices that
    /// wander. For rows in which it matters how well it compresses.
    Trades,
    /// Text of two-, three- and four-byte characters, and hardly any ASCII.
    World,
    /// Bytes without meaning.
    Binary,
}

impl Style {
    pub fn kind(self) -> Kind {
        match self {
            Self::Json | Self::Trades | Self::World => Kind::Text,
            Self::Binary => Kind::Binary,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Trades => "trades",
            Self::World => "world",
            Self::Binary => "binary",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Json, Self::Trades, Self::World, Self::Binary]
            .into_iter()
            .find(|style| style.name() == name)
    }
}

impl Shape {
    pub const fn new(style: Style, len: usize) -> Self {
        Self {
            style,
            len,
            frames: 1,
        }
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
        let last = if rest > 0 || full == 0 {
            header_len(rest) + rest
        } else {
            0
        };
        full * (header_len(part) + part) + last
    }

    /// The `index`th message of this shape.
    pub fn payload(self, index: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(index as u64);
        match self.style {
            Style::Json => json(self.len, &mut random),
            Style::Trades => trades(self.len, index as u64, &mut random),
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
            write_message(&mut wire, shape.style.kind(), shape.frames, message);
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

/// One trade, or as many as there is room for, filled up with the name of the last one's venue.
fn trades(len: usize, index: u64, random: &mut fastrand::Rng) -> Vec<u8> {
    const SYMBOLS: [&str; 6] = [
        "BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT",
    ];
    const END: &str = "\"}]";
    let mut text = String::from("[");
    let (mut time, mut number) = (1_699_999_000_000 + index * 97, 3_187_200_000 + index * 53);
    loop {
        let trade = format!(
            "{{\"e\":\"trade\",\"E\":{time},\"s\":\"{}\",\"t\":{number},\"p\":\"{}.{:02}\",\"q\":\"0.{:05}\",\
             \"m\":{}}}",
            SYMBOLS[random.usize(..SYMBOLS.len())],
            random.u32(36_900..37_100),
            random.u32(..100),
            random.u32(..100_000),
            random.bool()
        );
        if text.len() + trade.len() + VENUE.len() + END.len() > len {
            break;
        }
        text.push_str(&trade);
        text.push(',');
        time += random.u64(..40);
        number += random.u64(1..4);
    }
    text.push_str(VENUE);
    text.extend(
        "binance-spot-"
            .chars()
            .cycle()
            .take(len - text.len() - END.len()),
    );
    text.push_str(END);
    text.into_bytes()
}

const VENUE: &str = "{\"v\":\"";

fn world(len: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let letters = [
        'ж',
        'λ',
        'é',
        '価',
        '格',
        '上',
        '한',
        'ह',
        '🚀',
        '\u{10348}',
    ];
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
