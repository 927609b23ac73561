//! Buffers that a thread's connections share, so that an idle connection holds none.
//!
//! A connection takes one when bytes are about to move and gives it back when it is drained. The
//! memory is written once, when a buffer is made: reading into it needs no zeroing and no `unsafe`.

use std::cell::{Cell, RefCell};

/// Buffers are of this size: large enough that a flood costs few system calls and that a frame of
/// 64 KiB fits with its header, small enough to stay in the second-level cache.
pub(super) const BUFFER_SIZE: usize = (64 << 10) + 64;

/// A buffer of [`BUFFER_SIZE`] initialised bytes, whose content is whatever it held last.
#[inline]
pub(super) fn take() -> Box<[u8]> {
    // While the thread ends, the pool may be gone before the last connection.
    let pooled = POOL.try_with(|pool| {
        let first = pool.first.take();
        first.or_else(|| pool.more.borrow_mut().pop())
    });
    let pooled = pooled.ok().flatten();
    pooled.unwrap_or_else(|| vec![0; BUFFER_SIZE].into())
}

/// Gives a buffer back. One that is not of the pool's size is freed.
#[inline]
pub(super) fn give(buffer: Box<[u8]>) {
    if buffer.len() != BUFFER_SIZE {
        return;
    }
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
    first: Cell<Option<Box<[u8]>>>,
    more: RefCell<Vec<Box<[u8]>>>,
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
            give(vec![0; BUFFER_SIZE].into());
        }
        give(vec![0; 10].into());
        let sizes = |pool: &Pool| pool.more.borrow().iter().map(|kept| kept.len()).collect();
        let kept: Vec<usize> = POOL.with(sizes);
        assert_eq!(kept, [BUFFER_SIZE; KEPT]);
    }
}
