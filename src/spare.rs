//! Memory of a message that was sent, for the next one that comes.
//!
//! Who sends back what came, or answers one message with another, would free and allocate as much for
//! each: that is a tenth of what a short echo costs. So each thread keeps the memory of one small
//! message that was given away to be sent and that nobody else holds. No connection holds any.

use std::cell::Cell;

use bytes::{Buf, Bytes};

/// `bytes` in memory of their own: in what is spare if that fits, else in what is allocated.
#[inline]
pub(crate) fn copy(bytes: &[u8]) -> Bytes {
    // Two calls that return what they made where it is wanted: to move it takes as long as to make it.
    if fits(LEN.get(), bytes.len()) {
        return copy_to_spare(bytes);
    }
    Bytes::copy_from_slice(bytes)
}

/// Keeps the memory of what has been sent.
#[inline]
pub(crate) fn keep(sent: Bytes) {
    if sent.len() <= MOST && sent.is_unique() {
        let mut memory = Vec::from(sent);
        if memory.capacity() <= MOST {
            memory.resize(memory.capacity(), 0);
            put(memory.into());
        }
    }
}

/// Whether so much memory has room for `len` bytes, and is no more than twice of that.
#[inline]
fn fits(memory: usize, len: usize) -> bool {
    memory >= len && memory / 2 <= len
}

/// Behind what is not used: `Bytes` know where their memory begins, not where it ends.
#[inline(never)]
fn copy_to_spare(bytes: &[u8]) -> Bytes {
    let Some(mut memory) = take() else {
        return Bytes::copy_from_slice(bytes);
    };
    let unused = memory.len() - bytes.len();
    memory[unused..].copy_from_slice(bytes);
    let mut copy = Bytes::from(memory);
    copy.advance(unused);
    copy
}

#[inline]
fn take() -> Option<Box<[u8]>> {
    // Not by `set`, which hands its value to a closure: a call where nothing is linked whole.
    LEN.with(|len| len.set(0));
    // While the thread ends, it may be gone before the last connection.
    MEMORY.try_with(Cell::take).ok().flatten()
}

#[inline]
fn put(memory: Box<[u8]>) {
    let len = memory.len();
    if MEMORY.try_with(|kept| kept.set(Some(memory))).is_ok() {
        LEN.with(|kept| kept.set(len));
    }
}

/// More than this is not kept, and nobody's message holds it without need.
const MOST: usize = 1024;

thread_local! {
    static MEMORY: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    /// How much that is. Apart, because it is asked for each message that comes.
    static LEN: Cell<usize> = const { Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_the_memory_of_what_comes() {
        let first = copy(&[1; 64]);
        let address = first.as_ptr();
        keep(first);
        assert_eq!(LEN.get(), 64);
        let second = copy(&[2; 64]);
        assert_eq!(second.as_ptr(), address);
        assert_eq!((&second[..], LEN.get()), (&[2; 64][..], 0));
        keep(second);
        // Of other lengths too, and back to the whole of it.
        for len in [32, 64, 50, 33, 64] {
            let shorter = copy(&vec![3; len]);
            assert_eq!(shorter.as_ptr() as usize, address as usize + 64 - len);
            assert_eq!(shorter, vec![3; len]);
            keep(shorter);
            assert_eq!(LEN.get(), 64);
        }
    }

    #[test]
    fn nobody_holds_more_than_twice_what_it_needs() {
        keep(copy(&[1; 64]));
        for len in [65, 31, 0] {
            assert_eq!(copy(&vec![2; len]), vec![2; len]);
            assert_eq!(LEN.get(), 64);
        }
    }

    #[test]
    fn what_others_hold_is_left_alone_and_large_memory_is_freed() {
        let shared = Bytes::from(vec![1; 64]);
        keep(shared.clone());
        keep(Bytes::from_static(b"static"));
        keep(Bytes::from(vec![1; MOST + 1]));
        keep(Bytes::from(vec![1; 4 * MOST]).slice(..10));
        assert_eq!((LEN.get(), &shared[..]), (0, &[1; 64][..]));
        // A vector with room to grow is one block of memory all the same.
        let mut vector = Vec::with_capacity(100);
        vector.extend([5; 70]);
        keep(vector.into());
        assert!((100..=MOST).contains(&LEN.get()));
    }
}
