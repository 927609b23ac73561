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
    // way out: without it the loop becomes vector instructions.
    let mut seen = *last;
    for block in bytes.chunks_exact(BLOCK) {
        for (seen, byte) in seen.iter_mut().zip(block) {
            *seen |= byte;
        }
    }
    seen.iter().fold(0, |all, byte| all | byte) < 0x80
}

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
