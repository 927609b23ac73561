//! The buffer of a message that no header has announced: how long it is shows as it is inflated.

use bytes::Bytes;

/// Bytes that are only ever appended, in parts.
///
/// A part that is full is left where it is, and only [`seal`](Self::seal) copies: to grow by moving
/// would hold half as much again when a peer drives it to the limit.
#[derive(Debug, Default)]
pub(crate) struct PartedBuffer {
    full: Vec<Vec<u8>>,
    /// The part that is not full.
    last: Vec<u8>,
    len: usize,
}

impl PartedBuffer {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a piece of what may become `ceiling` bytes long.
    pub(crate) fn push(&mut self, piece: &[u8], ceiling: usize) {
        let spare = self.last.capacity() - self.last.len();
        let (fits, rest) = piece.split_at(piece.len().min(spare));
        self.last.extend_from_slice(fits);
        if !rest.is_empty() {
            let doubled = self.len.min(LARGEST).min(ceiling).max(rest.len());
            if self.len < PART {
                self.last.reserve_exact(doubled);
            } else {
                let part = std::mem::replace(&mut self.last, Vec::with_capacity(doubled));
                self.full.push(part);
            }
            self.last.extend_from_slice(rest);
        }
        self.len += piece.len();
    }

    /// The finished bytes.
    pub(crate) fn seal(mut self) -> Bytes {
        if self.full.is_empty() {
            if self.last.capacity() - self.last.len() > self.last.len() / 4 {
                self.last.shrink_to_fit();
            }
            return Bytes::from(self.last);
        }
        self.full.push(self.last);
        Bytes::from(self.full.concat())
    }
}

/// From here on there are parts.
const PART: usize = 64 << 10;

/// No part is larger.
const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_much_more_than_it_is() {
        let mut buffer = PartedBuffer::default();
        let piece: Vec<u8> = (0..=250).cycle().take(30_000).collect();
        for count in 1..=400 {
            buffer.push(&piece, usize::MAX);
            assert_eq!(buffer.len, count * piece.len());
            let held: usize = buffer.full.iter().map(Vec::capacity).sum();
            let excess = held + buffer.last.capacity() - buffer.len;
            assert!(excess <= LARGEST, "{excess} bytes at {count}");
        }
        assert!(buffer.seal() == piece.repeat(400));
    }

    #[test]
    fn small_pieces_make_one_message() {
        let mut buffer = PartedBuffer::default();
        for byte in 0..200 {
            buffer.push(&[byte], 200);
            buffer.push(&[], 200);
        }
        assert_eq!(buffer.seal(), (0..200).collect::<Vec<u8>>());
    }
}
