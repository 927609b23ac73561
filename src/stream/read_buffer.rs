//! Bytes that were read and not yet taken.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::pool::{self, BUFFER_SIZE, Buffer};

/// Holds a buffer only while there are bytes in it.
pub(super) struct ReadBuffer {
    /// A buffer of the pool, to read into.
    own: Option<Box<Buffer>>,
    /// Where the bytes are if there is no such buffer: in it, but to be read only, from when a slice of
    /// it was given until the next read; or in as much memory as they take, while nothing can be read.
    kept: Bytes,
    start: usize,
    end: usize,
    /// How much is read at once.
    at_once: usize,
    /// So many reads are still to be copied from, because slices given before were being held.
    unshared: u16,
    /// How many it will be when that is seen again.
    unshared_next: u16,
    /// Whether something was read since somebody last asked.
    pub(super) fresh: bool,
}

impl ReadBuffer {
    /// Begins with bytes that somebody else has read, such as those behind a 101 response.
    pub(super) fn new(read_already: Bytes) -> Self {
        let mut buffer = Self {
            own: None,
            kept: Bytes::new(),
            start: 0,
            end: 0,
            at_once: BUFFER_SIZE,
            unshared: 0,
            unshared_next: COPIED,
            fresh: true,
        };
        buffer.keep(Vec::from(read_already));
        buffer
    }

    /// Whether nothing is unread: less of a look than [`unread`](Self::unread).
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        match &self.own {
            Some(own) => &own[self.start..self.end],
            None => &self.kept[self.start..self.end],
        }
    }

    /// What is unread, and how much of the buffer has been consumed: to lend the one and move on in
    /// the other.
    pub(super) fn lend(&mut self) -> (&[u8], &mut usize) {
        let bytes = match &self.own {
            Some(own) => &own[..],
            None => &self.kept,
        };
        (&bytes[self.start..self.end], &mut self.start)
    }

    /// Whether a message that is neither small nor large is to be a slice: if some of this buffer were
    /// given already, or many will be, and nobody was seen to keep them.
    #[inline]
    pub(super) fn is_bulk(&self) -> bool {
        let is_shared = self.kept.len() == BUFFER_SIZE;
        let is_bulk = is_shared || self.end - self.start >= BULK;
        is_bulk && self.unshared == 0
    }

    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
    }

    /// A part of what is unread, to be given away: a slice of the buffer, unless those given before
    /// are being kept. Then a copy, so that nobody's few bytes hold a whole buffer.
    pub(super) fn share(&mut self, part: Range<usize>) -> Bytes {
        if self.unshared > 0 {
            return Bytes::copy_from_slice(&self.unread()[part]);
        }
        if let Some(own) = self.own.take() {
            let own: Box<[u8]> = own;
            self.kept = own.into();
        }
        self.kept
            .slice(self.start + part.start..self.start + part.end)
    }

    /// Reads once; `Ready(0)` is the end of the transport.
    ///
    /// What is unread stays in front; room is made for it to become `wanted` bytes in all, which are
    /// no more than a buffer of the pool holds. When nothing can be read, [`park`](Self::park) follows.
    #[expect(
        clippy::inline_always,
        reason = "of three places that call it one is usual: out of line at all else"
    )]
    #[inline(always)]
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        self.unshared = self.unshared.saturating_sub(1);
        if self.start < self.end {
            self.make_room(wanted);
        } else {
            (self.start, self.end) = (0, 0);
            if !self.kept.is_empty() {
                self.take_back();
            }
        }
        let own = self.own.get_or_insert_with(pool::take);
        let most = BUFFER_SIZE.min(self.end + self.at_once);
        let mut room = ReadBuf::new(&mut own[self.end..most]);
        ready!(Pin::new(io).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        if count == self.at_once {
            self.at_once = BUFFER_SIZE;
        }
        self.end += count;
        self.fresh = true;
        Poll::Ready(Ok(count))
    }

    /// Reads once behind whatever is unread, for somebody who does not take it. `None` when there is no
    /// room: a buffer is all that is kept of what nobody takes.
    pub(super) fn poll_more<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Option<Poll<io::Result<usize>>> {
        if self.unread().len() >= BUFFER_SIZE / 2 {
            return None;
        }
        let mut room = [0; AT_ONCE_UNASKED];
        let mut room = ReadBuf::new(&mut room);
        Some(Pin::new(io).poll_read(cx, &mut room).map_ok(|()| {
            let read = room.filled();
            let mut all = Vec::with_capacity(self.unread().len() + read.len());
            all.extend_from_slice(self.unread());
            all.extend_from_slice(read);
            self.clear();
            self.keep(all);
            self.fresh = true;
            read.len()
        }))
    }

    /// A frame was so large that most of it went past this buffer. The next may be as large: then
    /// what is read here together with its header has to be copied, so it shall not be much.
    pub(super) fn expect_large(&mut self) {
        self.at_once = BEFORE_LARGE;
    }

    /// Nothing can be read now: keeps what is unread, and no buffer.
    #[inline]
    pub(super) fn park(&mut self) {
        if !self.is_empty() {
            return self.park_unread();
        }
        (self.start, self.end) = (0, 0);
        if let Some(own) = self.own.take() {
            pool::give(own);
        }
    }

    #[inline(never)]
    fn park_unread(&mut self) {
        let unread = self.unread().to_vec();
        self.clear();
        self.keep(unread);
    }

    /// Goes on with bytes that are in no buffer.
    fn keep(&mut self, bytes: Vec<u8>) {
        self.end = bytes.len();
        self.kept = bytes.into_boxed_slice().into();
    }

    /// Drops everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if !self.kept.is_empty() {
            self.take_back();
        }
        if let Some(own) = self.own.take() {
            pool::give(own);
        }
    }

    /// Makes room behind what is unread. A little of it is moved to the front at each read, so that
    /// reads go where memory is warm; much of it only when it must be.
    #[cold]
    fn make_room(&mut self, wanted: usize) {
        let unread = self.start..self.end;
        let wanted = wanted.max(unread.len() + 1);
        debug_assert!(wanted <= BUFFER_SIZE, "a longer frame is not kept here");
        let mut kept = Bytes::new();
        if !self.kept.is_empty() {
            kept = self.take_back();
        }
        if let Some(own) = &mut self.own {
            if unread.len() > MOVED && self.start + wanted <= BUFFER_SIZE {
                return;
            }
            own.copy_within(unread.clone(), 0);
        } else {
            let mut own = pool::take();
            own[..unread.len()].copy_from_slice(&kept[unread.clone()]);
            self.own = Some(own);
        }
        (self.start, self.end) = (0, unread.len());
    }

    /// Ends the sharing. The buffer is our own again if all slices of it are gone; else it is given,
    /// and messages are copied for a while. Given as well is what was in no buffer.
    #[cold]
    fn take_back(&mut self) -> Bytes {
        let kept = std::mem::take(&mut self.kept);
        if !kept.is_unique() {
            self.unshared = self.unshared_next;
            self.unshared_next = self.unshared.saturating_mul(2).min(MOST_COPIED);
            return kept;
        }
        match Vec::from(kept).into_boxed_slice().try_into() {
            Ok(buffer) => {
                self.own = Some(buffer);
                Bytes::new()
            }
            Err(kept) => kept.into(),
        }
    }
}

/// A backlog: so many bytes are a dozen messages of a size that is a question.
const BULK: usize = 8 << 10;

/// Little is expected where nobody reads: Pongs, and what is pushed unasked.
const AT_ONCE_UNASKED: usize = 2 << 10;

/// Room for a header and a few small frames, and little to copy if a large one follows.
const BEFORE_LARGE: usize = 512;

/// An incomplete frame of this size is moved at each read: 60 ns at most.
const MOVED: usize = 4 << 10;

/// So many reads are copied from before it is tried again whether slices are dropped soon, and twice as
/// many each time that they are not: who keeps one message in a hundred would hold a buffer for each.
const COPIED: u16 = 64;
const MOST_COPIED: u16 = 1 << 12;

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
            .poll_fill(io, &mut Context::from_waker(Waker::noop()), 0)
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
        buffer.park();
        assert_eq!(buffer.unread(), b"ab");
        assert!(buffer.own.is_none() && buffer.kept.len() == 2);
    }

    #[test]
    fn slices_outlive_what_is_read_next() {
        let mut buffer = ReadBuffer::new(Bytes::new());
        assert_eq!(fill(&mut buffer, &mut &b"abcdef"[..]), Poll::Ready(6));
        let first = buffer.share(0..2);
        buffer.consume(2);
        let second = buffer.share(0..3);
        buffer.consume(3);
        assert_eq!(fill(&mut buffer, &mut &b"gh"[..]), Poll::Ready(2));
        assert_eq!(buffer.unread(), b"fgh");
        assert_eq!((&first[..], &second[..]), (&b"ab"[..], &b"cde"[..]));
    }

    #[test]
    fn a_buffer_comes_back_when_its_slices_are_gone() {
        let mut buffer = ReadBuffer::new(Bytes::new());
        let mut address = None;
        for _ in 0..3 {
            assert_eq!(fill(&mut buffer, &mut &b"ab"[..]), Poll::Ready(2));
            let slice = buffer.share(0..2);
            assert_eq!(*address.get_or_insert(slice.as_ptr()), slice.as_ptr());
            buffer.consume(2);
        }
    }

    #[test]
    fn whoever_keeps_slices_gets_copies() {
        let mut buffer = ReadBuffer::new(Bytes::new());
        let mut kept = Vec::new();
        for copies in [COPIED, 2 * COPIED, 4 * COPIED] {
            assert_eq!(fill(&mut buffer, &mut &b"ab"[..]), Poll::Ready(2));
            kept.push(buffer.share(0..2));
            assert_eq!(kept.last().unwrap().as_ptr(), buffer.unread().as_ptr());
            buffer.consume(2);
            for _ in 0..copies {
                assert_eq!(fill(&mut buffer, &mut &b"cd"[..]), Poll::Ready(2));
                let copy = buffer.share(0..2);
                assert_ne!(copy.as_ptr(), buffer.unread().as_ptr());
                buffer.consume(2);
            }
        }
        assert_eq!(kept, ["ab"; 3]);
    }

    #[test]
    fn what_is_in_no_buffer_is_no_backlog_unless_it_is_long() {
        assert!(!ReadBuffer::new(vec![0; BULK - 1].into()).is_bulk());
        assert!(ReadBuffer::new(vec![0; BULK].into()).is_bulk());
        let mut buffer = ReadBuffer::new(Bytes::new());
        assert_eq!(fill(&mut buffer, &mut &b"abcd"[..]), Poll::Ready(4));
        assert!(!buffer.is_bulk());
        buffer.share(0..2);
        assert!(buffer.is_bulk(), "a slice was given already");
        buffer.consume(2);
        buffer.park();
        assert!(!buffer.is_bulk());
    }

    #[test]
    fn room_is_made_for_a_frame_of_the_size_of_the_buffer() {
        let mut buffer = ReadBuffer::new(Bytes::new());
        let bytes = vec![7; BUFFER_SIZE];
        assert_eq!(fill(&mut buffer, &mut &bytes[..]), Poll::Ready(BUFFER_SIZE));
        buffer.consume(10_000);
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = buffer.poll_fill(&mut &bytes[..], cx, BUFFER_SIZE);
        assert!(matches!(polled, Poll::Ready(Ok(10_000))));
        assert_eq!(buffer.unread(), bytes);
    }
}
