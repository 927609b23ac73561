//! Buffers that a thread's connections share, so that an idle connection holds none.
//!
//! A connection takes one when bytes are about to move and gives it back when it is drained. The
//! memory is written once, when a buffer is made: reading into it needs no zeroing and no `unsafe`.

use std::cell::RefCell;

/// Buffers are of this size: large enough that a flood costs few system calls, small enough to stay
/// in the second-level cache.
pub(super) const BUFFER_SIZE: usize = 64 << 10;

/// A buffer of [`BUFFER_SIZE`] initialised bytes, whose content is whatever it held last.
pub(super) fn take() -> Vec<u8> {
    POOL.try_with(|pool| pool.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; BUFFER_SIZE])
}

/// Gives a buffer back. One that is not of the pool's size is freed.
pub(super) fn give(buffer: Vec<u8>) {
    if buffer.len() != BUFFER_SIZE {
        return;
    }
    // While the thread ends, the pool may be gone before the last connection: then it is freed.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < KEPT {
            pool.push(buffer);
        }
    });
}

/// One to read into, one to write from, and one that a slow consumer has just given back.
const KEPT: usize = 3;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
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

        for _ in 0..10 {
            give(vec![0; BUFFER_SIZE]);
        }
        give(vec![0; 10]);
        let kept = POOL.with(|pool| pool.borrow().iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!(kept, [BUFFER_SIZE; KEPT]);
    }
}
