//! What the connections of a thread share: coders that remember nothing, and memory to work in.

use std::cell::RefCell;

use zlib_rs::{Deflate, DeflateConfig, Inflate};

/// A decoder that remembers nothing.
pub(super) fn take_inflater() -> Inflate {
    let pooled = with_pool(|pool| pool.inflaters.pop()).flatten();
    match pooled {
        Some(mut inflater) => {
            inflater.reset(false);
            inflater
        }
        // Always the largest window: it accepts what any smaller one does, and zlib-rs needs the
        // same memory for all of them.
        None => Inflate::new(false, 15),
    }
}

pub(super) fn give_inflater(inflater: Inflate) {
    with_pool(|pool| keep(&mut pool.inflaters, inflater));
}

/// An encoder that remembers nothing.
pub(super) fn take_deflater(level: u8, window_bits: u8) -> Deflate {
    let pooled = with_pool(|pool| {
        let fits = |kept: &Kept| (kept.level, kept.window_bits) == (level, window_bits);
        let at = pool.deflaters.iter().position(fits)?;
        Some(pool.deflaters.swap_remove(at).deflater)
    });
    if let Some(mut deflater) = pooled.flatten() {
        deflater.reset();
        return deflater;
    }
    Deflate::new_with_config(DeflateConfig {
        level: level.into(),
        // Negative: no header and no checksum around it.
        window_bits: -i32::from(window_bits),
        mem_level: MEMORY_LEVEL,
        ..DeflateConfig::default()
    })
}

pub(super) fn give_deflater(level: u8, window_bits: u8, deflater: Deflate) {
    let kept = Kept {
        level,
        window_bits,
        deflater,
    };
    with_pool(|pool| keep(&mut pool.deflaters, kept));
}

/// [`SCRATCH`] bytes of initialised memory, whose content is whatever it held last.
pub(super) fn take_scratch() -> Box<[u8]> {
    let pooled = with_pool(|pool| pool.scratch.pop()).flatten();
    pooled.unwrap_or_else(|| vec![0; SCRATCH].into())
}

/// Gives memory back; it is kept only if it is of the pool's size.
pub(super) fn give_scratch(scratch: Box<[u8]>) {
    if scratch.len() == SCRATCH {
        with_pool(|pool| keep(&mut pool.scratch, scratch));
    }
}

/// For what comes out, and for the end of what goes in.
pub(super) const SCRATCH: usize = OUTPUT + ENDING + 5 + PADDING;

/// Twice the window of DEFLATE: what was last decoded stays in reach behind what comes next.
pub(super) const OUTPUT: usize = 64 << 10;

/// So much of a payload is copied, so that its tail can stand behind it: it costs less than a call of
/// the inflater.
pub(super) const ENDING: usize = 4 << 10;

/// zlib-rs leaves its fast loop where fewer than 15 bytes are left to read.
pub(super) const PADDING: usize = 16;

/// zlib's measure of the memory beside the window. 8, its default, takes 107 KB more and compresses
/// a stream of small messages no better; below 4 blocks become short and large messages grow.
const MEMORY_LEVEL: i32 = 4;

/// So many of each are kept: a thread works on one message at a time, save those that are interrupted.
const KEPT: usize = 2;

#[derive(Default)]
struct Pool {
    inflaters: Vec<Inflate>,
    deflaters: Vec<Kept>,
    scratch: Vec<Box<[u8]>>,
}

struct Kept {
    level: u8,
    window_bits: u8,
    deflater: Deflate,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// `None` while the thread ends: the pool may be gone before the last connection.
fn with_pool<R>(work: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    POOL.try_with(|pool| work(&mut pool.borrow_mut())).ok()
}

fn keep<T>(kept: &mut Vec<T>, one: T) {
    if kept.len() < KEPT {
        kept.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_few_and_only_what_fits() {
        for _ in 0..5 {
            give_inflater(Inflate::new(false, 15));
            give_scratch(vec![0; SCRATCH].into());
            give_scratch(vec![0; 7].into());
        }
        give_deflater(1, 12, take_deflater(1, 12));
        drop(take_deflater(6, 12));
        let kept = with_pool(|pool| {
            (
                pool.inflaters.len(),
                pool.scratch.len(),
                pool.deflaters.len(),
            )
        });
        assert_eq!(kept, Some((KEPT, KEPT, 1)));
        drop(take_deflater(1, 12));
        assert_eq!(with_pool(|pool| pool.deflaters.len()), Some(0));
    }
}
