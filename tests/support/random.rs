//! Seeded randomness: a test that fails says with which seed it can be run again.

use std::hash::{BuildHasher, RandomState};
use std::thread;

/// `SplitMix64`, fresh for each run; `LONGWIRE_SEED` runs a failure again.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    state: u64,
    /// Only the first of a family speaks, so that a failure prints one line.
    speaks: bool,
}

impl Random {
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("LONGWIRE_SEED") {
            Ok(seed) => seed.parse().expect("LONGWIRE_SEED is a number"),
            Err(_) => RandomState::new().hash_one(0),
        };
        Self {
            seed,
            state: seed,
            speaks: true,
        }
    }

    /// A generator of its own for another part of the test, determined by the same seed.
    pub(crate) fn fork(&mut self) -> Self {
        let state = self.next();
        Self {
            seed: self.seed,
            state,
            speaks: false,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Text of about `length` bytes, in code points of one to four bytes.
    pub(crate) fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 4);
        while text.len() < length {
            text.push(*self.pick(&[
                'a', ' ', '"', '\u{0}', 'é', 'Ж', '€', '한', '\u{ffff}', '𝄞', '🦀',
            ]));
        }
        text
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if self.speaks && thread::panicking() {
            eprintln!("to run this failure again: LONGWIRE_SEED={}", self.seed);
        }
    }
}
