//! A strict and slow decoder of DEFLATE (RFC 1951), written for what RFC 7692 wants of a client: it
//! panics at a distance beyond the agreed window or the beginning of what it may remember, at a
//! block that ends the stream, and at a message that does not end where it must.

/// Decodes what one client sends.
#[derive(Debug)]
pub(crate) struct StrictInflater {
    /// How far back a distance may reach.
    window: usize,
    takeover: bool,
    /// What may be referred to, then what the message adds.
    history: Vec<u8>,
    /// The largest distance that was seen.
    pub(crate) farthest: usize,
}

impl StrictInflater {
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            window: 1 << window_bits,
            takeover,
            history: Vec::new(),
            farthest: 0,
        }
    }

    /// The message whose frames carried `payload`.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        assert!(!payload.is_empty(), "an empty message is a byte of zero");
        assert!(
            !payload.ends_with(&[0, 0, 0xff, 0xff]),
            "the tail was not left out"
        );
        if !self.takeover {
            self.history.clear();
        }
        let start = self.history.len();
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut bits = Bits {
            input: &input,
            at: 0,
        };
        while bits.at < input.len() * 8 {
            assert_eq!(bits.take(1), 0, "a block that ends the stream");
            match bits.take(2) {
                0 => self.stored(&mut bits),
                1 => {
                    let lengths: Vec<u8> = (0..288)
                        .map(|symbol| match symbol {
                            144..=255 => 9,
                            256..=279 => 7,
                            _ => 8,
                        })
                        .collect();
                    self.coded(&mut bits, &Code::new(&lengths), &Code::new(&[5; 30]));
                }
                2 => {
                    let (literals, distances) = dynamic(&mut bits);
                    self.coded(&mut bits, &literals, &distances);
                }
                _ => panic!("a block of the reserved type"),
            }
        }
        let message = self.history.split_off(start);
        self.history.extend_from_slice(&message);
        let old = self.history.len().saturating_sub(self.window);
        self.history.drain(..old);
        message
    }

    fn stored(&mut self, bits: &mut Bits<'_>) {
        bits.at = bits.at.div_ceil(8) * 8;
        let length = bits.take(16);
        assert_eq!(
            bits.take(16),
            length ^ 0xffff,
            "the length of a stored block"
        );
        for _ in 0..length {
            self.history.push(u8::try_from(bits.take(8)).unwrap());
        }
    }

    fn coded(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) {
        loop {
            let symbol = literals.read(bits);
            match symbol {
                0..=255 => self.history.push(u8::try_from(symbol).unwrap()),
                256 => return,
                _ => {
                    let length = match symbol {
                        285 => 258,
                        286.. => panic!("the length code {symbol}"),
                        _ => 3 + ungroup(symbol - 257, 2, bits),
                    };
                    let distance = 1 + ungroup(distances.read(bits), 1, bits);
                    assert!(
                        distance <= self.window,
                        "a distance of {distance} in a window of {}",
                        self.window
                    );
                    assert!(
                        distance <= self.history.len(),
                        "a distance of {distance} behind {} bytes",
                        self.history.len()
                    );
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..length {
                        self.history
                            .push(self.history[self.history.len() - distance]);
                    }
                }
            }
        }
    }
}

/// The value of a group of lengths or distances: every power of two has 2 to the power of `parts`
/// groups (RFC 1951 §3.2.5).
fn ungroup(group: usize, parts: u32, bits: &mut Bits<'_>) -> usize {
    let extra = (group >> parts).saturating_sub(1);
    let base = if group >> parts == 0 {
        group
    } else {
        ((group & ((1 << parts) - 1)) + (1 << parts)) << extra
    };
    base + bits.take(extra)
}

/// The code lengths of a dynamic block (RFC 1951 §3.2.7).
fn dynamic(bits: &mut Bits<'_>) -> (Code, Code) {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let (literals, distances) = (257 + bits.take(5), 1 + bits.take(5));
    let mut of_lengths = [0; 19];
    for &at in &ORDER[..4 + bits.take(4)] {
        of_lengths[at] = u8::try_from(bits.take(3)).unwrap();
    }
    let code = Code::new(&of_lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, count) = match code.read(bits) {
            16 => (*lengths.last().expect("a length before"), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (u8::try_from(length).unwrap(), 1),
        };
        lengths.extend(std::iter::repeat_n(value, count));
    }
    assert_eq!(lengths.len(), literals + distances);
    (
        Code::new(&lengths[..literals]),
        Code::new(&lengths[literals..]),
    )
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

    fn read(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1);
            if code < first + count {
                return self.symbols[index + code - first];
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        panic!("a code that stands for nothing");
    }
}

struct Bits<'a> {
    input: &'a [u8],
    /// Counted in bits.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.input.get(self.at / 8).expect("more of the message");
            value |= usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        value
    }
}
