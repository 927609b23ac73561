//! The one buffer in which a message grows, however many frames it comes in.

use bytes::{BufMut, Bytes};

/// Bytes that are only ever appended, with room made by evidence: never much more than has arrived.
#[derive(Debug, Default)]
pub(crate) struct GrowingBuffer {
    bytes: Vec<u8>,
}

impl GrowingBuffer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for `declared` more bytes, of which at most [`RESERVE_LIMIT`] are believed now.
    ///
    /// Beyond that the buffer doubles, but never past `ceiling` bytes in all: what the message can
    /// become at most. The memory is not touched before bytes arrive.
    pub(crate) fn make_room(&mut self, declared: usize, ceiling: usize) {
        let wanted = self.bytes.len().saturating_add(declared.min(RESERVE_LIMIT));
        let capacity = self.bytes.capacity();
        if wanted > capacity {
            let grown = wanted.max(capacity.saturating_mul(2).min(ceiling));
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
    }

    /// How much can be appended without growing.
    pub(crate) fn spare(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Where at most `limit` bytes may be appended without growing.
    pub(crate) fn room(&mut self, limit: usize) -> impl BufMut + '_ {
        let limit = limit.min(self.spare());
        (&mut self.bytes).limit(limit)
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The finished bytes, and the storage for the next message.
    ///
    /// A small message is copied out at its exact size, which is one allocation and keeps the
    /// storage; a large one takes the storage with it.
    pub(crate) fn seal(mut self) -> (Bytes, Self) {
        if self.bytes.len() <= COPY_OUT {
            let bytes = Bytes::copy_from_slice(&self.bytes);
            return (bytes, self.cleared());
        }
        if self.spare() > self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        (Bytes::from(self.bytes), Self::default())
    }

    /// The empty storage; its memory is kept only if it is small.
    fn cleared(mut self) -> Self {
        if self.bytes.capacity() > 2 * COPY_OUT {
            return Self::default();
        }
        self.bytes.clear();
        self
    }
}

/// A peer's word is believed up to here: a frame that declares more gets no more before it arrives.
const RESERVE_LIMIT: usize = 1 << 20;

/// Up to here a copy (about 0.1 µs) is cheaper than a new buffer for the next message.
const COPY_OUT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_is_believed_up_to_one_mebibyte() {
        let mut buffer = GrowingBuffer::default();
        buffer.make_room(usize::MAX, usize::MAX);
        assert_eq!(buffer.bytes.capacity(), RESERVE_LIMIT);
    }

    #[test]
    fn growth_doubles_but_stays_below_the_ceiling() {
        let mut buffer = GrowingBuffer::default();
        let ceiling = 3 * RESERVE_LIMIT;
        let mut growths = 0;
        while buffer.len() < ceiling {
            let before = buffer.bytes.capacity();
            buffer.make_room(ceiling - buffer.len(), ceiling);
            growths += usize::from(buffer.bytes.capacity() != before);
            buffer.push(&[0; 4096]);
        }
        assert_eq!(buffer.bytes.capacity(), ceiling);
        assert_eq!(growths, 3);
    }

    #[test]
    fn a_small_message_leaves_the_storage_and_a_large_one_takes_it() {
        let mut buffer = GrowingBuffer::default();
        buffer.push(b"small");
        let (bytes, buffer) = buffer.seal();
        assert_eq!(&bytes[..], b"small");
        assert!(buffer.bytes.capacity() > 0 && buffer.len() == 0);

        let mut buffer = GrowingBuffer::default();
        buffer.push(&[7; COPY_OUT + 1]);
        let (bytes, buffer) = buffer.seal();
        assert_eq!(bytes, vec![7; COPY_OUT + 1]);
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
