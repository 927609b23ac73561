//! The buffer in which frames are gathered, so that many small ones leave in one write.

use super::pool;

/// Initialised memory that is filled from the beginning: small while little is sent, one of the
/// pool's buffers when there is more.
#[derive(Default)]
pub(super) struct Gather {
    buffer: Box<[u8]>,
    end: usize,
    /// The small buffer, while `buffer` is a large one.
    small: Box<[u8]>,
}

/// A buffer that nothing more is added to.
pub(super) struct Full {
    buffer: Box<[u8]>,
    end: usize,
}

impl Gather {
    /// What has been gathered.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        &self.buffer[..self.end]
    }

    /// The memory behind it.
    #[inline]
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.end..]
    }

    /// `count` bytes of the room have been written to.
    #[inline]
    pub(super) fn fill(&mut self, count: usize) {
        debug_assert!(count <= self.buffer.len() - self.end);
        self.end += count;
    }

    /// Makes room for `count` more bytes, or for as many as a large buffer holds. Gives the buffer
    /// that is full with that, if any is.
    #[cold]
    pub(super) fn make_room(&mut self, count: usize) -> Option<Full> {
        if self.buffer.is_empty() {
            self.buffer = std::mem::take(&mut self.small);
            if self.buffer.is_empty() && count <= SMALL {
                self.buffer = vec![0; SMALL].into();
            }
        }
        if self.buffer.len() - self.end >= count {
            return None;
        }
        if self.buffer.len() > SMALL {
            return self.turn();
        }
        let mut large = pool::take();
        large[..self.end].copy_from_slice(self.filled());
        self.small = std::mem::replace(&mut self.buffer, large);
        None
    }

    /// Goes on in a large buffer of its own.
    pub(super) fn turn(&mut self) -> Option<Full> {
        let full = self.seal();
        pool::give(std::mem::replace(&mut self.buffer, pool::take()));
        full
    }

    /// Gives what has been gathered, so that something else can come behind it.
    pub(super) fn seal(&mut self) -> Option<Full> {
        if self.end == 0 {
            return None;
        }
        let buffer = std::mem::take(&mut self.buffer);
        Some(Full {
            buffer,
            end: std::mem::take(&mut self.end),
        })
    }

    /// Everything has been written: only the small buffer stays.
    #[inline]
    pub(super) fn release(&mut self) {
        self.end = 0;
        if self.buffer.len() > SMALL {
            self.release_large();
        }
    }

    #[inline(never)]
    fn release_large(&mut self) {
        let small = std::mem::take(&mut self.small);
        pool::give(std::mem::replace(&mut self.buffer, small));
    }

    /// A buffer that was full has been written.
    pub(super) fn take_back(&mut self, full: Full) {
        if full.buffer.len() > SMALL {
            pool::give(full.buffer);
        } else if self.buffer.len() != SMALL {
            // Of two small ones one is enough.
            self.small = full.buffer;
        }
    }
}

impl Full {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.end]
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        pool::give(std::mem::take(&mut self.buffer));
    }
}

/// What stays with a connection once it has written something, in bytes.
const SMALL: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(gather: &mut Gather, bytes: &[u8]) -> Option<Full> {
        let full = gather.make_room(bytes.len());
        gather.room()[..bytes.len()].copy_from_slice(bytes);
        gather.fill(bytes.len());
        full
    }

    #[test]
    fn what_is_small_moves_to_a_large_buffer_and_back() {
        let mut gather = Gather::default();
        assert!(put(&mut gather, b"one").is_none());
        assert_eq!(gather.buffer.len(), SMALL);
        assert!(put(&mut gather, &[7; SMALL]).is_none());
        assert_eq!(gather.buffer.len(), pool::BUFFER_SIZE);
        assert_eq!(gather.filled()[..5], [b'o', b'n', b'e', 7, 7]);
        gather.release();
        assert_eq!((gather.buffer.len(), gather.filled().len()), (SMALL, 0));
    }

    #[test]
    fn a_full_buffer_makes_way_and_keeps_its_bytes() {
        let [ones, twos] = [1, 2].map(|byte| vec![byte; 60_000]);
        let mut gather = Gather::default();
        assert!(put(&mut gather, &ones).is_none());
        let full = put(&mut gather, &twos).unwrap();
        assert!(full.bytes() == ones && gather.filled() == twos);
        assert!(gather.seal().unwrap().bytes() == twos);
        assert!(gather.seal().is_none());
        gather.take_back(full);
        assert!(put(&mut gather, b"x").is_none());
    }
}
