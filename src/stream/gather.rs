//! The buffer in which frames are gathered, so that many small ones leave in one write.

use super::pool::{self, BUFFER_SIZE, Buffer};

/// Initialised memory that is filled from the beginning: small while little is sent, one of the
/// pool's buffers when there is more.
#[derive(Default)]
pub(super) struct Gather {
    /// Made when something is sent, and kept.
    small: Box<[u8]>,
    /// In use instead of the small one, while there is one.
    large: Option<Box<Buffer>>,
    end: usize,
}

/// A buffer that nothing more is added to.
pub(super) struct Full(Gather);

impl Gather {
    /// What has been gathered.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        match &self.large {
            Some(large) => &large[..self.end],
            None => &self.small[..self.end],
        }
    }

    /// The memory behind it.
    #[inline]
    pub(super) fn room(&mut self) -> &mut [u8] {
        match &mut self.large {
            Some(large) => &mut large[self.end..],
            None => &mut self.small[self.end..],
        }
    }

    /// `count` bytes of the room have been written to.
    #[inline]
    pub(super) fn fill(&mut self, count: usize) {
        debug_assert!(count <= self.room().len());
        self.end += count;
    }

    /// Makes room for `count` more bytes, or for as many as a large buffer holds. Gives the buffer
    /// that is full with that, if any is.
    #[inline]
    pub(super) fn make_room(&mut self, count: usize) -> Option<Full> {
        if self.large.is_some() {
            return if BUFFER_SIZE - self.end < count {
                self.turn()
            } else {
                None
            };
        }
        if self.small.is_empty() && count <= SMALL {
            self.small = vec![0; SMALL].into();
        }
        if self.small.len() - self.end < count {
            let mut large = pool::take();
            if self.end > 0 {
                large[..self.end].copy_from_slice(self.filled());
            }
            self.large = Some(large);
        }
        None
    }

    /// Goes on in a large buffer of its own.
    pub(super) fn turn(&mut self) -> Option<Full> {
        let full = self.seal();
        self.large.get_or_insert_with(pool::take);
        full
    }

    /// Gives what has been gathered, so that something else can come behind it.
    pub(super) fn seal(&mut self) -> Option<Full> {
        if self.end == 0 {
            return None;
        }
        let large = self.large.take();
        let small = match &large {
            Some(_) => Box::default(),
            None => std::mem::take(&mut self.small),
        };
        let end = std::mem::take(&mut self.end);
        Some(Full(Self { small, large, end }))
    }

    /// Everything has been written: only the small buffer stays.
    #[inline]
    pub(super) fn release(&mut self) {
        self.end = 0;
        if let Some(large) = self.large.take() {
            pool::give(large);
        }
    }

    /// A buffer that was full has been written.
    pub(super) fn take_back(&mut self, Full(mut full): Full) {
        if self.small.is_empty() {
            self.small = std::mem::take(&mut full.small);
        }
    }
}

impl Full {
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.filled()
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        self.release();
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
        assert!(gather.large.is_none());
        assert!(put(&mut gather, &[7; SMALL]).is_none());
        assert!(gather.large.is_some());
        assert_eq!(gather.filled()[..5], [b'o', b'n', b'e', 7, 7]);
        gather.release();
        assert!(gather.large.is_none());
        assert_eq!((gather.small.len(), gather.filled().len()), (SMALL, 0));
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
