//! Bytes that nobody can predict, for masking keys and nonces (RFC 6455 §4.1, §10.3).
//!
//! They come from `rand`'s generator of the thread (`ChaCha12`, seeded and reseeded by the operating
//! system), 64 words at a time: asking it for each one alone takes 5 ns of the 20 that a short message
//! takes in all.

use std::cell::Cell;

use rand::Rng as _;

/// Four bytes, never given twice.
#[inline]
pub(crate) fn word() -> [u8; 4] {
    WORDS.with(|words| {
        if words.left.get() == 0 {
            words.refill();
        }
        let at = words.left.get() - 1;
        words.left.set(at);
        // What has been used is forgotten.
        words.drawn[at].take()
    })
}

/// Words that were drawn and not yet used.
struct Words {
    left: Cell<usize>,
    drawn: [Cell<[u8; 4]>; 64],
}

impl Words {
    #[cold]
    fn refill(&self) {
        let mut bytes = [0; 4 * 64];
        rand::rng().fill_bytes(&mut bytes);
        for (word, fresh) in self.drawn.iter().zip(bytes.chunks_exact(4)) {
            word.set(fresh.try_into().unwrap_or_default());
        }
        self.left.set(self.drawn.len());
    }
}

thread_local! {
    static WORDS: Words = const {
        Words { left: Cell::new(0), drawn: [const { Cell::new([0; 4]) }; 64] }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_comes_twice() {
        let words: Vec<_> = (0..1000).map(|_| word()).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        // Of 1,000 random words two are equal once in 8,600 runs; of constant or repeated ones, many.
        assert!(sorted.len() >= 998, "{} of 1000 words differ", sorted.len());
        assert!(!words.contains(&[0; 4]));
    }
}
