//! Buffers that a thread's connections share, so that an idle connection holds none.
//!
//! A connection takes one when bytes are about to move and gives it back when it is drained. The
//! memory is written once, when a buffer is made: reading into it needs no zeroing and no `unsafe`.

use std::cell::{Cell, RefCell};

/// Buffers are of this size: large enough that a flood costs few system calls and that a frame of
/// 64 KiB fits with its header, small enough to stay in the second-level cache.
pub(super) const BUFFER_SIZE: usize = (64 << 10) + 64;

/// Of a known size, so that to hand one on is to move one word. Two words are written one after the
/// other and, where the compiler likes, read back at once: for that a processor waits until all that
/// was written before has reached its cache, 20 ns behind a payload of 1 KiB.
pub(super) type Buffer = [u8; BUFFER_SIZE];

/// A buffer of initialised bytes, whose content is whatever it held last.
#[inline]
pub(super) fn take() -> Box<Buffer> {
    // While the thread ends, the pool may be gone before the last connection.
    let pooled = POOL.try_with(|pool| {
        let first = pool.first.take();
        first.or_else(|| pool.more.borrow_mut().pop())
    });
    pooled.ok().flatten().unwrap_or_else(make)
}

#[cold]
#[expect(
    clippy::large_stack_arrays,
    reason = "not reached, and no panic: the zeroes are as many as the buffer has bytes"
)]
fn make() -> Box<Buffer> {
    let zeroes: Box<[u8]> = vec![0; BUFFER_SIZE].into();
    zeroes
        .try_into()
        .unwrap_or_else(|_| Box::new([0; BUFFER_SIZE]))
}

/// Gives a buffer back.
#[inline]
pub(super) fn give(buffer: Box<Buffer>) {
    let _ = POOL.try_with(|pool| {
        if let Some(second) = pool.first.replace(Some(buffer)) {
            let mut more = pool.more.borrow_mut();
            if more.len() < KEPT {
                more.push(second);
            }
        }
    });
}

/// So many buffers are kept beside the first: what a message of 1 MiB takes on its way out.
const KEPT: usize = 16;

struct Pool {
    /// The buffer that moves most bytes, in reach without a search.
    first: Cell<Option<Box<Buffer>>>,
    more: RefCell<Vec<Box<Buffer>>>,
}

thread_local! {
    static POOL: Pool = const {
        Pool { first: Cell::new(None), more: RefCell::new(Vec::new()) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_and_the_pool_stays_small() {
        let buffer = take();
        let address = buffer.as_ptr();
        give(buffer);
        let again = take();
        assert_eq!(again.as_ptr(), address);

        for _ in 0..3 * KEPT {
            give(make());
        }
        assert_eq!(POOL.with(|pool| pool.more.borrow().len()), KEPT);
    }
}
