//! How to learn what a decoder remembers.
//!
//! A final block (BFINAL) ends a DEFLATE stream, and with it the decoder's window; but the messages
//! of a connection with context takeover go on referring to what came before (RFC 7692 §7.2.3.4).
//! zlib-rs does not show the window. It does what a stream says, though, so it is given a block that
//! says: repeat what you remember, from its oldest byte on.

/// A block that repeats the last `len` bytes (1 to 32,768), and an empty stored block behind it, so
/// that the next block begins at a byte. Gives at least 3 bytes.
pub(super) fn block(len: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // Not final, fixed codes (RFC 1951 §3.2.3).
    bits.put(0b010, 3);
    let mut left = len.max(3);
    while left > 0 {
        // One or two bytes cannot be repeated alone.
        let take = match left {
            0..=258 => left,
            259 | 260 => left - 3,
            _ => 258,
        };
        bits.length(take);
        bits.distance(len);
        left -= take;
    }
    bits.put_code(0, 7);
    // Not final, stored, nothing in it.
    bits.put(0, 3);
    let mut block = bits.finish();
    block.extend_from_slice(&super::TAIL);
    block
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    /// Numbers begin with their lowest bit (RFC 1951 §3.1.1).
    fn put(&mut self, value: usize, bits: u32) {
        for bit in 0..bits {
            self.held |= u32::from(value >> bit & 1 != 0) << self.count;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.held.to_le_bytes()[0]);
                (self.held, self.count) = (0, 0);
            }
        }
    }

    /// Huffman codes begin with their highest bit.
    fn put_code(&mut self, code: usize, bits: u32) {
        for bit in (0..bits).rev() {
            self.put(code >> bit & 1, 1);
        }
    }

    /// A length of 3 to 258 (RFC 1951 §3.2.5 and §3.2.6).
    fn length(&mut self, length: usize) {
        let (symbol, extra, extra_bits) = match length {
            258 => (285, 0, 0),
            3..=10 => (257 + length - 3, 0, 0),
            _ => {
                let (group, extra, extra_bits) = grouped(length - 3, 2);
                (257 + group, extra, extra_bits)
            }
        };
        if symbol < 280 {
            self.put_code(symbol - 256, 7);
        } else {
            self.put_code(0b1100_0000 + symbol - 280, 8);
        }
        self.put(extra, extra_bits);
    }

    /// A distance of 1 to 32,768.
    fn distance(&mut self, distance: usize) {
        let (symbol, extra, extra_bits) = match distance {
            1..=4 => (distance - 1, 0, 0),
            _ => grouped(distance - 1, 1),
        };
        self.put_code(symbol, 5);
        self.put(extra, extra_bits);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.held.to_le_bytes()[0]);
        }
        self.bytes
    }
}

/// Which group of DEFLATE's lengths or distances a value is in, and its place there: each power of
/// two is cut into 2 to the power of `parts` groups.
fn grouped(value: usize, parts: u32) -> (usize, usize, u32) {
    let extra_bits = value.ilog2() - parts;
    let group = (value >> extra_bits) + ((extra_bits as usize) << parts);
    (group, value & ((1 << extra_bits) - 1), extra_bits)
}

#[cfg(test)]
mod tests {
    use zlib_rs::{Inflate, InflateFlush, Status};

    use super::*;

    #[test]
    fn a_decoder_repeats_all_that_it_remembers() {
        let remembered: Vec<u8> = (0..32_768_u32)
            .map(|at| (at * at / 7).to_le_bytes()[0])
            .collect();
        for len in (1..600).chain([1 << 14, 20_000, 32_767, 32_768]) {
            let mut inflater = Inflate::new(false, 15);
            inflater.set_dictionary(&remembered[..len]).unwrap();
            let mut output = vec![0; len + 3];
            let block = block(len);
            let status = inflater.decompress(&block, &mut output, InflateFlush::SyncFlush);
            assert_eq!(status, Ok(Status::Ok), "{len}");
            assert!(output[..len] == remembered[..len], "{len}");
            assert_eq!(inflater.total_in(), block.len() as u64);
            assert_eq!(inflater.total_out(), len.max(3) as u64);
        }
    }
}
