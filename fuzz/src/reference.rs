//! A decoder of DEFLATE by the letter of RFC 1951, bit by bit, and of the messages of RFC 7692 §7.2.2:
//! slow, and nobody's but this fuzzer's.

/// Why a message is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no DEFLATE stream, or not all of one.
    Broken,
    /// It comes to more than the limit.
    TooLarge,
}

/// Reads the messages of one server.
pub(crate) struct Reference {
    takeover: bool,
    limit: usize,
    /// What may be referred to, then what the message adds.
    history: Vec<u8>,
    start: usize,
    /// Whether a final block that was not the first of its message has been seen: the first such one
    /// costs the client what came before the message, since it cannot know of it in time.
    wary: bool,
}

impl Reference {
    pub(crate) fn new(takeover: bool, limit: usize) -> Self {
        Self {
            takeover,
            limit,
            history: Vec::new(),
            start: 0,
            wary: false,
        }
    }

    /// The message whose frames carried `payload`; after a refusal there is no next.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !self.takeover {
            self.history.clear();
        }
        self.start = self.history.len();
        // A payload that cannot end with the header of the tail ends with its block.
        let header = payload.last().is_some_and(|last| *last >= 0x20);
        let tail: &[u8] = if header {
            &[0, 0, 0, 0xff, 0xff]
        } else {
            &[0, 0, 0xff, 0xff]
        };
        let input = [payload, tail].concat();
        let mut bits = Bits {
            input: &input,
            at: 0,
        };
        let ends = payload.len() * 8;
        let mut recalls = self.wary || payload.first().is_some_and(|first| first & 1 != 0);
        // A final block ends a stream; if nothing is behind it, the message too.
        let mut begins = true;
        while bits.at < input.len() * 8 && !(begins && bits.at == ends) {
            let before = self.history.len();
            begins = bits.take(1)? == 1;
            self.block(&mut bits)?;
            if begins {
                bits.at = bits.at.next_multiple_of(8);
                let whole = bits.at == input.len() * 8 && self.history.len() == before;
                if bits.at > ends && !whole {
                    return Err(Refusal::Broken);
                }
                if !recalls && self.start > 0 {
                    self.wary |=
                        self.history.len() - self.start < (32 << 10).min(self.history.len());
                    self.history.drain(..self.start);
                    self.start = 0;
                    recalls = true;
                }
            } else if bits.at == input.len() * 8 && self.history.len() > before {
                // The tail is an empty block of its own.
                return Err(Refusal::Broken);
            }
        }
        let message = self.history[self.start..].to_vec();
        let old = self.history.len().saturating_sub(32 << 10);
        self.history.drain(..old);
        Ok(message)
    }

    fn block(&mut self, bits: &mut Bits<'_>) -> Result<(), Refusal> {
        match bits.take(2)? {
            0 => self.stored(bits),
            1 => {
                let lengths: Vec<u8> = (0..288)
                    .map(|symbol| match symbol {
                        144..=255 => 9,
                        256..=279 => 7,
                        _ => 8,
                    })
                    .collect();
                self.coded(bits, &Code::new(&lengths), &Code::new(&[5; 32]))
            }
            2 => {
                let (literals, distances) = dynamic(bits)?;
                self.coded(bits, &literals, &distances)
            }
            _ => Err(Refusal::Broken),
        }
    }

    fn put(&mut self, byte: u8) -> Result<(), Refusal> {
        self.history.push(byte);
        if self.history.len() - self.start > self.limit {
            return Err(Refusal::TooLarge);
        }
        Ok(())
    }

    fn stored(&mut self, bits: &mut Bits<'_>) -> Result<(), Refusal> {
        bits.at = bits.at.next_multiple_of(8);
        let length = bits.take(16)?;
        if bits.take(16)? != length ^ 0xffff {
            return Err(Refusal::Broken);
        }
        for _ in 0..length {
            let byte = bits.take(8)?;
            self.put(byte.to_le_bytes()[0])?;
        }
        Ok(())
    }

    fn coded(
        &mut self,
        bits: &mut Bits<'_>,
        literals: &Code,
        distances: &Code,
    ) -> Result<(), Refusal> {
        loop {
            let symbol = literals.read(bits)?;
            match symbol {
                0..=255 => self.put(symbol.to_le_bytes()[0])?,
                256 => return Ok(()),
                286.. => return Err(Refusal::Broken),
                _ => {
                    let length = match symbol {
                        285 => 258,
                        _ => 3 + ungroup(symbol - 257, 2, bits)?,
                    };
                    let group = distances.read(bits)?;
                    if group >= 30 {
                        return Err(Refusal::Broken);
                    }
                    let distance = 1 + ungroup(group, 1, bits)?;
                    if distance > self.history.len() {
                        return Err(Refusal::Broken);
                    }
                    for _ in 0..length {
                        self.put(self.history[self.history.len() - distance])?;
                    }
                }
            }
        }
    }
}

/// The value of a group of lengths or distances: every power of two has 2 to the power of `parts`
/// groups (RFC 1951 §3.2.5).
fn ungroup(group: usize, parts: u32, bits: &mut Bits<'_>) -> Result<usize, Refusal> {
    let extra = (group >> parts).saturating_sub(1);
    let base = if group >> parts == 0 {
        group
    } else {
        ((group & ((1 << parts) - 1)) + (1 << parts)) << extra
    };
    Ok(base + bits.take(extra)?)
}

/// The codes of a dynamic block (RFC 1951 §3.2.7): complete, or of one code of one bit, or of none.
fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code), Refusal> {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let (literals, distances) = (257 + bits.take(5)?, 1 + bits.take(5)?);
    let count = 4 + bits.take(4)?;
    if literals > 286 || distances > 30 {
        return Err(Refusal::Broken);
    }
    let mut of_lengths = [0; 19];
    for &at in &ORDER[..count] {
        of_lengths[at] = bits.take(3)?.to_le_bytes()[0];
    }
    let code = Code::new(&of_lengths);
    if !code.is_complete() {
        return Err(Refusal::Broken);
    }
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, count) = match code.read(bits)? {
            16 => (*lengths.last().ok_or(Refusal::Broken)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length.to_le_bytes()[0], 1),
        };
        lengths.extend(std::iter::repeat_n(value, count));
    }
    if lengths.len() != literals + distances || lengths[256] == 0 {
        return Err(Refusal::Broken);
    }
    let codes = (
        Code::new(&lengths[..literals]),
        Code::new(&lengths[literals..]),
    );
    for code in [&codes.0, &codes.1] {
        if !code.is_complete() && code.longest() > 1 || code.is_overfull() {
            return Err(Refusal::Broken);
        }
    }
    Ok(codes)
}

/// A canonical Huffman code (RFC 1951 §3.2.2).
struct Code {
    /// How many symbols have a code of each length.
    counts: [usize; 16],
    /// The symbols in the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&at| lengths[at] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        for &symbol in &symbols {
            counts[usize::from(lengths[symbol])] += 1;
        }
        Self { counts, symbols }
    }

    /// How much of all that 15 bits can say has a meaning, in parts of 32,768.
    fn share(&self) -> usize {
        (1..16)
            .map(|length| self.counts[length] << (15 - length))
            .sum()
    }

    fn is_complete(&self) -> bool {
        self.share() == 1 << 15
    }

    fn is_overfull(&self) -> bool {
        self.share() > 1 << 15
    }

    fn longest(&self) -> usize {
        (1..16)
            .rev()
            .find(|&length| self.counts[length] > 0)
            .unwrap_or(0)
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Refusal> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Refusal::Broken)
    }
}

struct Bits<'a> {
    input: &'a [u8],
    /// Counted in bits.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Refusal> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.input.get(self.at / 8).ok_or(Refusal::Broken)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Ok(value)
    }
}
