//! What the connections of a thread share: coders that remember nothing, and memory to work in.

use std::cell::RefCell;

use zlib_rs::Inflate;

use super::coder::Coder;

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
pub(super) fn take_coder(level: u8, window_bits: u8) -> Coder {
    let pooled = with_pool(|pool| {
        let fits = |kept: &Kept| (kept.level, kept.window_bits) == (level, window_bits);
        let at = pool.coders.iter().position(fits)?;
        Some(pool.coders.swap_remove(at).coder)
    });
    let Some(mut coder) = pooled.flatten() else {
        return Coder::new(level, window_bits);
    };
    coder.forget();
    coder
}

pub(super) fn give_coder(level: u8, window_bits: u8, coder: Coder) {
    let kept = Kept {
        level,
        window_bits,
        coder,
    };
    with_pool(|pool| keep(&mut pool.coders, kept));
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

/// So many of each are kept: a thread works on one message at a time, save those that are interrupted.
const KEPT: usize = 2;

#[derive(Default)]
struct Pool {
    inflaters: Vec<Inflate>,
    coders: Vec<Kept>,
    scratch: Vec<Box<[u8]>>,
}

struct Kept {
    level: u8,
    window_bits: u8,
    coder: Coder,
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
        give_coder(1, 12, take_coder(1, 12));
        drop(take_coder(6, 12));
        let kept = with_pool(|pool| (pool.inflaters.len(), pool.scratch.len(), pool.coders.len()));
        assert_eq!(kept, Some((KEPT, KEPT, 1)));
        drop(take_coder(1, 12));
        assert_eq!(with_pool(|pool| pool.coders.len()), Some(0));
    }
}
