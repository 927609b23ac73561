//! How to learn what a decoder remembers.
//!
//! A final block (BFINAL) ends a DEFLATE stream, and with it the decoder's window; but the messages
//! of a connection with context takeover go on referring to what came before (RFC 7692 §7.2.3.4).
//! zlib-rs does not show the window. It does what a stream says, though, so it is given a block that
//! says: repeat what you remember, from its oldest byte on.

use super::bits::{Bits, LONGEST, distance_code, length_code};

/// A block that repeats the last `len` bytes (1 to 32,768), and an empty stored block behind it, so
/// that the next block begins at a byte. Gives at least 3 bytes. It is written to
/// `room`; a repetition takes four bytes at most, and all of them 600.
pub(super) fn block(len: usize, room: &mut [u8]) -> &[u8] {
    let used = write(len, room).unwrap_or_default();
    let end = used + super::TAIL.len();
    room[used..end].copy_from_slice(&super::TAIL);
    &room[..end]
}

fn write(len: usize, out: &mut [u8]) -> Option<usize> {
    let mut bits = Bits::new(out);
    // Not final, fixed codes (RFC 1951 §3.2.3).
    bits.put(0b010, 3);
    let mut left = len.max(3);
    while left > 0 {
        // One or two bytes cannot be repeated alone.
        let take = match left {
            0..=LONGEST => left,
            259 | 260 => left - 3,
            _ => LONGEST,
        };
        for (code, count) in [length_code(take), distance_code(len)] {
            bits.put(code, count);
        }
        bits.spill()?;
        left -= take;
    }
    // The block's end, and the header of the empty stored block that follows.
    bits.put(0, 7 + 3);
    bits.finish()
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
            let mut room = [0; 600];
            let block = block(len, &mut room);
            let status = inflater.decompress(block, &mut output, InflateFlush::SyncFlush);
            assert_eq!(status, Ok(Status::Ok), "{len}");
            assert!(output[..len] == remembered[..len], "{len}");
            assert_eq!(inflater.total_in(), block.len() as u64);
            assert_eq!(inflater.total_out(), len.max(3) as u64);
        }
    }
}
