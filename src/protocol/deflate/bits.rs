//! The codes of a DEFLATE block that brings none of its own (RFC 1951 §3.2.5 and §3.2.6), and how
//! they stand in bytes.

/// Writes numbers of any few bits, one behind the other (RFC 1951 §3.1.1).
pub(super) struct Bits<'a> {
    out: &'a mut [u8],
    /// Whole bytes written.
    at: usize,
    /// What is still to be written, and how many bits that is.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self {
            out,
            at: 0,
            held: 0,
            count: 0,
        }
    }

    /// Puts `bits` bits; at most 57 between two [`spill`](Self::spill)s.
    #[inline]
    pub(super) fn put(&mut self, value: u32, bits: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += bits;
    }

    /// Writes what makes whole bytes. `None` where there is no more room.
    #[inline]
    pub(super) fn spill(&mut self) -> Option<()> {
        *self.out.get_mut(self.at..)?.first_chunk_mut()? = self.held.to_le_bytes();
        self.at += self.count as usize / 8;
        self.held >>= self.count & !7;
        self.count &= 7;
        Some(())
    }

    /// Fills the last byte with zeros: how many bytes were written.
    pub(super) fn finish(mut self) -> Option<usize> {
        self.count = self.count.next_multiple_of(8);
        self.spill()?;
        Some(self.at)
    }
}

/// The code of a byte as it is, and its length.
#[inline]
pub(super) fn literal_code(byte: u8) -> (u32, u32) {
    let packed = LITERALS[usize::from(byte)];
    (u32::from(packed & 0x1ff), u32::from(packed >> 12))
}

/// The code of a length of 3 to 258 with the bits that follow it.
#[inline]
pub(super) fn length_code(length: usize) -> (u32, u32) {
    let packed = LENGTHS[length.wrapping_sub(3) % LENGTHS.len()];
    (packed & 0xffff, packed >> 16)
}

/// The code of a distance of 1 to 32,768 with the bits that follow it.
#[inline]
pub(super) fn distance_code(distance: usize) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "at most 32,767")]
    let value = distance.wrapping_sub(1) as u32;
    let extra_bits = (value | 2).ilog2() - 1;
    let symbol = (value >> extra_bits) + 2 * extra_bits;
    let extra = value & ((1 << extra_bits) - 1);
    (reversed(symbol, 5) | extra << 5, 5 + extra_bits)
}

/// The longest that can be repeated.
pub(super) const LONGEST: usize = 258;

/// Codes begin with their highest bit.
const fn reversed(code: u32, bits: u32) -> u32 {
    code.reverse_bits() >> (32 - bits)
}

/// Codes of the literals in 9 bits, with their lengths in the highest four.
#[expect(clippy::cast_possible_truncation, reason = "13 bits")]
static LITERALS: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u32 = 0;
    while byte < 256 {
        let (code, bits) = if byte < 144 {
            (0b0011_0000 + byte, 8)
        } else {
            (0b1_1001_0000 + byte - 144, 9)
        };
        table[byte as usize] = (reversed(code, bits) | bits << 12) as u16;
        byte += 1;
    }
    table
};

/// Codes of the lengths from 3 on with what follows them, and in the highest half how long that is.
static LENGTHS: [u32; 256] = {
    let mut table = [0; 256];
    let mut value: u32 = 0;
    while value < 256 {
        let (symbol, extra, extra_bits) = if value == 255 {
            (285, 0, 0)
        } else if value < 8 {
            (257 + value, 0, 0)
        } else {
            let extra_bits = value.ilog2() - 2;
            let symbol = 257 + (value >> extra_bits) + 4 * extra_bits;
            (symbol, value & ((1 << extra_bits) - 1), extra_bits)
        };
        let (code, bits) = if symbol < 280 {
            (symbol - 256, 7)
        } else {
            (0b1100_0000 + symbol - 280, 8)
        };
        let whole = reversed(code, bits) | extra << bits;
        table[value as usize] = whole | (bits + extra_bits) << 16;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of RFC 1951 §3.2.5: symbol, extra bits, first value.
    #[test]
    fn codes_are_those_of_the_rfc() {
        // 'a' is 0x30 + 97 in 8 bits, 200 is 0x190 + 56 in 9.
        assert_eq!(literal_code(b'a'), (reversed(0x30 + 97, 8), 8));
        assert_eq!(literal_code(200), (reversed(0x190 + 56, 9), 9));
        for (length, symbol, extra, extra_bits) in [
            (3, 257, 0, 0),
            (10, 264, 0, 0),
            (11, 265, 0, 1),
            (12, 265, 1, 1),
            (34, 272, 3, 2),
            (114, 279, 15, 4),
            (115, 280, 0, 4),
            (257, 284, 30, 5),
            (258, 285, 0, 0),
        ] {
            let (code, bits) = if symbol < 280 {
                (reversed(symbol - 256, 7), 7)
            } else {
                (reversed(0b1100_0000 + symbol - 280, 8), 8)
            };
            let expected = (code | extra << bits, bits + extra_bits);
            assert_eq!(length_code(length), expected, "{length}");
        }
        for (distance, symbol, extra, extra_bits) in [
            (1, 0, 0, 0),
            (4, 3, 0, 0),
            (5, 4, 0, 1),
            (6, 4, 1, 1),
            (7, 5, 0, 1),
            (24, 8, 7, 3),
            (25, 9, 0, 3),
            (24_577, 29, 0, 13),
            (32_768, 29, 8_191, 13),
        ] {
            let expected = (reversed(symbol, 5) | extra << 5, 5 + extra_bits);
            assert_eq!(distance_code(distance), expected, "{distance}");
        }
    }

    #[test]
    fn bits_stand_from_the_lowest_on() {
        let mut out = [0xee; 12];
        let mut bits = Bits::new(&mut out);
        bits.put(0b1, 1);
        bits.put(0b0110, 4);
        bits.spill().unwrap();
        bits.put(0x1ff, 9);
        assert_eq!(bits.finish(), Some(2));
        assert_eq!(out[..2], [0b1110_1101, 0b0011_1111]);
        assert_eq!(Bits::new(&mut [0; 7]).spill(), None);
    }
}
