//! Bytes that were read and not yet taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::pool;

/// Holds a buffer only while there are bytes in it.
pub(super) struct ReadBuffer {
    /// Initialised memory; empty while nothing is held.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// How much is read at once.
    at_once: usize,
    /// Whether something was read since somebody last asked.
    pub(super) fresh: bool,
}

impl ReadBuffer {
    /// Begins with bytes that somebody else has read, such as those behind a 101 response.
    pub(super) fn new(read_already: Bytes) -> Self {
        let end = read_already.len();
        Self {
            buffer: Vec::from(read_already).into(),
            start: 0,
            end,
            at_once: pool::BUFFER_SIZE,
            fresh: true,
        }
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// What is unread, and how much of the buffer has been consumed: to lend the one and move on in
    /// the other.
    pub(super) fn lend(&mut self) -> (&[u8], &mut usize) {
        (&self.buffer[self.start..self.end], &mut self.start)
    }

    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
    }

    /// Reads once; `Ready(0)` is the end of the transport.
    ///
    /// The caller has taken all but a few bytes before: an unfinished header or control frame.
    #[inline]
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.start < self.end {
            self.make_room();
        } else {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() != pool::BUFFER_SIZE {
                self.buffer = pool::take();
            }
        }
        let most = self.buffer.len().min(self.end + self.at_once);
        let mut room = ReadBuf::new(&mut self.buffer[self.end..most]);
        let polled = Pin::new(io).poll_read(cx, &mut room);
        let count = room.filled().len();
        if polled.is_pending() {
            self.park();
        }
        ready!(polled)?;
        if count == self.at_once {
            self.at_once = pool::BUFFER_SIZE;
        }
        self.end += count;
        self.fresh = true;
        Poll::Ready(Ok(count))
    }

    /// A frame was so large that most of it went past this buffer. The next may be as large: then
    /// what is read here together with its header has to be copied, so it shall not be much.
    pub(super) fn expect_large(&mut self) {
        self.at_once = BEFORE_LARGE;
    }

    /// Drops everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        pool::give(std::mem::take(&mut self.buffer));
        (self.start, self.end) = (0, 0);
    }

    /// Puts what is unread at the beginning of a buffer of the pool.
    #[cold]
    fn make_room(&mut self) {
        let unread = self.start..self.end;
        debug_assert!(
            unread.len() < pool::BUFFER_SIZE / 2,
            "whole frames have been taken"
        );
        if self.buffer.len() == pool::BUFFER_SIZE {
            self.buffer.copy_within(unread.clone(), 0);
        } else {
            let mut buffer = pool::take();
            buffer[..unread.len()].copy_from_slice(self.unread());
            self.buffer = buffer;
        }
        (self.start, self.end) = (0, unread.len());
    }

    /// Nothing can be read now: keeps the few unread bytes, and no buffer.
    #[inline]
    fn park(&mut self) {
        let kept = if self.end == 0 {
            Box::default()
        } else {
            self.unread().into()
        };
        pool::give(std::mem::replace(&mut self.buffer, kept));
    }
}

/// Room for a header and a few small frames, and little to copy if a large one follows.
const BEFORE_LARGE: usize = 512;

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn fill(buffer: &mut ReadBuffer, io: &mut (impl AsyncRead + Unpin)) -> Poll<usize> {
        buffer
            .poll_fill(io, &mut Context::from_waker(Waker::noop()))
            .map(Result::unwrap)
    }

    #[test]
    fn unread_bytes_stay_in_front_of_what_is_read_next() {
        let mut buffer = ReadBuffer::new(Bytes::from_static(b"xab"));
        buffer.consume(1);
        assert_eq!(fill(&mut buffer, &mut &b"cd"[..]), Poll::Ready(2));
        assert_eq!(buffer.unread(), b"abcd");
        buffer.consume(3);
        assert_eq!(fill(&mut buffer, &mut &b"e"[..]), Poll::Ready(1));
        assert_eq!(buffer.unread(), b"de");
    }

    #[test]
    fn a_read_that_finds_nothing_leaves_no_buffer_behind() {
        let (mut near, _far) = tokio::io::duplex(8);
        let mut buffer = ReadBuffer::new(Bytes::from_static(b"ab"));
        assert_eq!(fill(&mut buffer, &mut near), Poll::Pending);
        assert_eq!(buffer.unread(), b"ab");
        assert!(buffer.buffer.len() == 2);
    }
}
