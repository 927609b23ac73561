//! A quick answer for the usual text of a feed: short, and ASCII throughout.

/// Whether `bytes` are few and all ASCII; `false` may only mean that they are many.
///
/// Up to the limit this takes a third of the time of a validator that looks up its SIMD code and
/// copies the last, incomplete block. Beyond it the wider vectors of that code win.
#[inline]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    if bytes.len() > LIMIT {
        return false;
    }
    let Some(last) = bytes.last_chunk::<BLOCK>() else {
        return bytes.iter().fold(0, |seen, byte| seen | byte) < 0x80;
    };
    // The last block overlaps the one before it, so that no bytes are left over. There is no early
    // way out, and blocks are numbers, not arrays: of arrays the compiler makes single bytes as soon
    // as it may use AVX2.
    let mut seen = u128::from_ne_bytes(*last);
    for block in bytes.chunks_exact(BLOCK) {
        seen |= u128::from_ne_bytes(block.try_into().unwrap_or_default());
    }
    seen & HIGH == 0
}

/// The bit of each byte that no ASCII character has.
const HIGH: u128 = u128::from_ne_bytes([0x80; BLOCK]);
const LIMIT: usize = 512;
const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_high_byte_anywhere_is_seen() {
        for len in 0..=LIMIT {
            let mut bytes = vec![0x7f; len];
            assert!(is_ascii(&bytes), "{len}");
            for at in 0..len {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {len}");
                bytes[at] = 0x7f;
            }
        }
        assert!(!is_ascii(&[0; LIMIT + 1]));
    }
}
