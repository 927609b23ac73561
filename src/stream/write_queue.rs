//! Frames on their way out: masked, in order, and never cut short by a dropped future.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::gather::{Full, Gather};
use crate::frame::{Header, MAX_HEADER, Opcode, mask};

/// Holds frames until the transport takes them, and no more than a small buffer once it has.
///
/// Small frames are copied and masked in one pass into one buffer, so that many of them leave in one
/// write. A large payload that nobody else holds is masked where it is and written from there.
#[derive(Default)]
pub(super) struct WriteQueue {
    /// What goes out before what is being gathered.
    chunks: VecDeque<Chunk>,
    gather: Gather,
    /// How much of what is in front has been written.
    written: usize,
    /// Bytes that have not been written.
    len: usize,
    /// Bytes that the transport has taken.
    taken: u64,
    /// Bytes to be written up to the end of the last Pong; 0 when none is waiting.
    until_pong: usize,
    /// The transport took bytes that it has not been asked to flush.
    unflushed: bool,
}

enum Chunk {
    /// Small frames, and pieces of large ones.
    Gathered(Full),
    /// A large payload.
    Payload(BytesMut),
}

impl WriteQueue {
    /// How many bytes wait to be written.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes the transport has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether there is nothing to write and nothing to flush.
    #[inline]
    pub(super) fn is_clean(&self) -> bool {
        self.len == 0 && !self.unflushed
    }

    /// Whether a Pong waits to be written.
    pub(super) fn holds_pong(&self) -> bool {
        self.until_pong > 0
    }

    /// Queues a Pong. The caller has seen that none is waiting.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        self.push(Opcode::Pong, true, payload);
        self.until_pong = self.len;
    }

    /// Queues a frame: copies its payload and masks it with a fresh key, in one pass.
    #[inline]
    pub(super) fn push(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        self.push_marked::<0>(opcode, fin, payload);
    }

    /// As [`push`](Self::push), with reserved bits set.
    #[inline]
    pub(super) fn push_marked<const RSV: u8>(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        let room = self.gather.room();
        if room.len() < MAX_HEADER + payload.len() {
            return self.push_behind::<RSV>(opcode, fin, payload);
        }
        let Some(head) = room.first_chunk_mut() else {
            return;
        };
        let key = mask::new_key();
        let used = header(RSV, opcode, fin, payload.len(), key).write(head);
        let end = used + payload.len();
        mask::copy(&mut room[used..end], payload, key);
        self.gather.fill(end);
        self.len += end;
    }

    /// The same, when there is no room for it yet.
    #[inline(never)]
    fn push_behind<const RSV: u8>(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        if self.make_room(MAX_HEADER + payload.len()) {
            self.push_marked::<RSV>(opcode, fin, payload);
        } else {
            self.push_in_pieces::<RSV>(opcode, fin, payload);
        }
    }

    /// Makes room for `count` bytes, or for as many as a large buffer holds; whether that is enough.
    #[inline]
    fn make_room(&mut self, count: usize) -> bool {
        if let Some(full) = self.gather.make_room(count) {
            self.chunks.push_back(Chunk::Gathered(full));
        }
        self.gather.room().len() >= count
    }

    /// Spreads a payload over as many buffers as it takes.
    #[inline(never)]
    fn push_in_pieces<const RSV: u8>(&mut self, opcode: Opcode, fin: bool, mut payload: &[u8]) {
        let key = mask::new_key();
        self.push_header(&header(RSV, opcode, fin, payload.len(), key));
        loop {
            let mut room = self.gather.room().len();
            if room < payload.len() {
                // A multiple of the key's length, so that the next piece begins with its first byte.
                room &= !7;
            }
            let (piece, rest) = payload.split_at(room.min(payload.len()));
            mask::copy(&mut self.gather.room()[..piece.len()], piece, key);
            self.gather.fill(piece.len());
            self.len += piece.len();
            if rest.is_empty() {
                return;
            }
            payload = rest;
            let full = self.gather.turn();
            self.chunks.extend(full.map(Chunk::Gathered));
        }
    }

    /// Queues a header, for which a buffer has room at any rate.
    fn push_header(&mut self, header: &Header) {
        if self.gather.room().len() < MAX_HEADER {
            self.make_room(MAX_HEADER);
        }
        if let Some(head) = self.gather.room().first_chunk_mut() {
            let used = header.write(head);
            self.gather.fill(used);
            self.len += used;
        }
    }

    /// Queues a frame whose payload is given away: a large one is not copied if it is unique.
    pub(super) fn push_owned(&mut self, opcode: Opcode, fin: bool, payload: Bytes) {
        if payload.len() < MASKED_IN_PLACE {
            return self.push(opcode, fin, &payload);
        }
        let mut payload = match payload.try_into_mut() {
            Ok(payload) => payload,
            Err(shared) => return self.push(opcode, fin, &shared),
        };
        let key = mask::new_key();
        mask::apply(&mut payload, key);
        self.push_header(&header(0, opcode, fin, payload.len(), key));
        let gathered = self.gather.seal();
        self.chunks.extend(gathered.map(Chunk::Gathered));
        self.len += payload.len();
        self.chunks.push_back(Chunk::Payload(payload));
    }

    /// [`poll_flush`](Self::poll_flush), where that is rare.
    #[cold]
    pub(super) fn poll_flush_again<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_flush(io, cx)
    }

    /// Writes until the queue is empty or the transport takes no more, then flushes.
    #[expect(
        clippy::inline_always,
        reason = "called at two places, and left out of line at both: 1 ns a message"
    )]
    #[inline(always)]
    pub(super) fn poll_flush<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.len > 0 {
            let polled = if self.chunks.is_empty() {
                let rest = &self.gather.filled()[self.written..];
                Pin::new(&mut *io).poll_write(cx, rest)
            } else {
                self.poll_write_chunks(io, cx)
            };
            let count = ready!(polled)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.advance(count);
        }
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Drops everything: the transport will take no more.
    pub(super) fn clear(&mut self) {
        *self = Self {
            taken: self.taken,
            ..Self::default()
        };
    }

    /// Writes once, when there is something in front of what is being gathered.
    #[inline(never)]
    fn poll_write_chunks<T: AsyncWrite + Unpin>(
        &self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(io);
        let Some(front) = self.chunks.front() else {
            return io.poll_write(cx, &self.gather.filled()[self.written..]);
        };
        if !io.is_write_vectored() {
            return io.poll_write(cx, &front.bytes()[self.written..]);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let chunks = self.chunks.iter().map(Chunk::bytes);
        let parts = chunks.chain([self.gather.filled()]);
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        slices[0] = IoSlice::new(&front.bytes()[self.written..]);
        io.poll_write_vectored(cx, &slices[..count])
    }

    /// The transport took `count` bytes.
    #[inline]
    fn advance(&mut self, count: usize) {
        self.len = self.len.saturating_sub(count);
        self.taken += count as u64;
        self.until_pong = self.until_pong.saturating_sub(count);
        self.written += count;
        if !self.chunks.is_empty() {
            self.drop_written_chunks();
        }
        if self.len == 0 {
            self.gather.release();
            self.written = 0;
        }
    }

    #[inline(never)]
    fn drop_written_chunks(&mut self) {
        while let Some(front) = self.chunks.front() {
            let len = front.bytes().len();
            if self.written < len {
                return;
            }
            self.written -= len;
            if let Some(Chunk::Gathered(full)) = self.chunks.pop_front() {
                self.gather.take_back(full);
            }
        }
        self.chunks = VecDeque::new();
    }
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Gathered(full) => full.bytes(),
            Self::Payload(payload) => payload,
        }
    }
}

#[inline]
fn header(rsv: u8, opcode: Opcode, fin: bool, len: usize, key: [u8; 4]) -> Header {
    Header {
        fin,
        rsv,
        opcode,
        mask: Some(key),
        len: len as u64,
    }
}

/// From here on a payload that nobody else holds is masked where it is instead of copied: below, a
/// second slice in a vectored write costs more than the copy.
pub(super) const MASKED_IN_PLACE: usize = 16 << 10;

/// Slices in one vectored write: a message of 1 MiB. More would only cost at every write, since small
/// frames share a buffer.
const MAX_SLICES: usize = 17;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes at most `step` bytes a write, and nothing once `room` is used up.
    struct Sink {
        taken: Vec<u8>,
        step: usize,
        room: usize,
        vectored: bool,
        writes: usize,
    }

    impl Sink {
        fn new(step: usize, vectored: bool) -> Self {
            Self {
                taken: Vec::new(),
                step,
                room: usize::MAX,
                vectored,
                writes: 0,
            }
        }

        /// The payloads of the frames that were taken, unmasked byte by byte.
        fn payloads(&self) -> Vec<Vec<u8>> {
            let mut rest = &self.taken[..];
            let mut payloads = Vec::new();
            while let Some((header, used)) = Header::parse(rest).unwrap() {
                let end = used + usize::try_from(header.len).unwrap();
                let key = header.mask.unwrap();
                let masked = rest[used..end].iter().zip(key.iter().cycle());
                payloads.push(masked.map(|(byte, key)| byte ^ key).collect());
                rest = &rest[end..];
            }
            assert!(rest.is_empty());
            payloads
        }
    }

    impl AsyncWrite for Sink {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            let count = self.step.min(self.room);
            if count == 0 {
                return Poll::Pending;
            }
            let before = self.taken.len();
            for slice in slices {
                let left = count - (self.taken.len() - before);
                self.taken
                    .extend_from_slice(&slice[..left.min(slice.len())]);
            }
            let count = self.taken.len() - before;
            self.room -= count;
            Poll::Ready(Ok(count))
        }

        fn is_write_vectored(&self) -> bool {
            self.vectored
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn flush(queue: &mut WriteQueue, sink: &mut Sink) -> bool {
        let polled = queue.poll_flush(sink, &mut Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Ok(())))
    }

    #[test]
    fn frames_leave_whole_and_in_order_however_the_transport_takes_them() {
        let large: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        let shared = Bytes::from(large.clone());
        for (step, vectored) in [(97, false), (997, true), (50_000, true), (usize::MAX, true)] {
            let mut queue = WriteQueue::default();
            let mut expected = Vec::new();
            for at in 0..3 {
                queue.push(Opcode::Text, true, b"small");
                queue.push(Opcode::Binary, true, &large);
                queue.push_owned(Opcode::Binary, true, large.clone().into());
                queue.push_owned(Opcode::Binary, true, shared.clone());
                queue.push(Opcode::Text, true, &vec![at; 60_000]);
                expected.extend([
                    b"small".to_vec(),
                    large.clone(),
                    large.clone(),
                    large.clone(),
                ]);
                expected.push(vec![at; 60_000]);
            }
            let mut sink = Sink::new(step, vectored);
            assert!(flush(&mut queue, &mut sink));
            assert!(sink.payloads() == expected, "in steps of {step}");
            assert_eq!(shared, large, "what others hold is not masked in place");
            assert!(queue.is_clean() && queue.chunks.is_empty());
        }
    }

    #[test]
    fn many_small_frames_leave_in_one_write() {
        let mut queue = WriteQueue::default();
        for _ in 0..64 {
            queue.push(Opcode::Text, true, &[b'x'; 150]);
        }
        let mut sink = Sink::new(usize::MAX, true);
        assert!(flush(&mut queue, &mut sink));
        assert_eq!((sink.payloads().len(), sink.writes), (64, 1));
    }

    #[test]
    fn a_pong_waits_until_its_last_byte_is_written() {
        let mut queue = WriteQueue::default();
        queue.push(Opcode::Text, true, b"first");
        queue.push_pong(b"p");
        queue.push(Opcode::Text, true, b"last");
        let mut sink = Sink::new(usize::MAX, true);
        sink.room = 11 + 6;
        assert!(!flush(&mut queue, &mut sink));
        assert!(queue.holds_pong());
        sink.room = 1;
        assert!(!flush(&mut queue, &mut sink));
        assert!(!queue.holds_pong() && queue.len() == 10);
    }

    #[test]
    fn a_transport_that_takes_nothing_is_an_error() {
        struct Full;

        impl AsyncWrite for Full {
            fn poll_write(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(Ok(0))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }

        let mut queue = WriteQueue::default();
        queue.push(Opcode::Text, true, b"x");
        let polled = queue.poll_flush(&mut Full, &mut Context::from_waker(Waker::noop()));
        assert!(
            matches!(polled, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WriteZero)
        );
    }
}
