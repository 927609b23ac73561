//! Receiving: what [`WsStream`] does until there is a message to give.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::observer::ControlFrame;
use super::wakers::Role;
use super::{State, WsStream, pool};
use crate::error::Error;
use crate::frame::{ControlPayload, Opcode};
use crate::message::Message;
use crate::protocol::keepalive::Sight;
use crate::protocol::{Event, WholeMessage};
use crate::spare;
use crate::utf8::{self, Utf8Bytes};

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// The next message; `None` once the connection has ended.
    ///
    /// # Errors
    ///
    /// One error, if the connection does not end by a clean close: kind `Reset` when it ends without
    /// a Close frame, `Protocol`, `Utf8`, `Deflate` or `TooLarge` when the server breaks the rules (it is told
    /// so by a Close frame first), `Timeout` when it does not answer a Close frame of ours.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped. The next call goes on where it stopped.
    #[expect(
        clippy::should_implement_trait,
        reason = "a future is no iterator's item; an `async fn` would move the message once more"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<Message, Error>>> {
        Next(self)
    }

    #[expect(
        clippy::inline_always,
        reason = "as of the future: everybody who awaits a message goes this way"
    )]
    #[inline(always)]
    pub(super) fn poll_message(
        &mut self,
        role: Role,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.streak >= self.detour_at {
            if let Some(polled) = self.detour(role, cx) {
                return polled;
            }
        }
        for _ in 0..TURN {
            // The short path: a message that lies whole in what has been read. It is built here, where
            // it is given away, because moving it costs more than making it.
            if let Some(whole) = self.protocol.whole_message(self.read.unread()) {
                let (opcode, taken, len) = (whole.opcode, whole.taken, whole.payload.len());
                if len > COPIED_IN_BULK && (len > COPIED || self.read.is_bulk()) {
                    if let Some(message) = self.share(opcode, len, taken) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                } else if opcode == Opcode::Binary {
                    let bytes = spare::copy(whole.payload);
                    self.given(taken, len);
                    return Poll::Ready(Some(Ok(Message::Binary(bytes))));
                // What is no text is found again, and failed, on the long way.
                } else if let Ok(text) = Utf8Bytes::copy_from_utf8(whole.payload) {
                    self.given(taken, len);
                    return Poll::Ready(Some(Ok(Message::Text(text))));
                }
            }
            if let Step::Give(item) = ready!(self.poll_step(role, cx)) {
                return Poll::Ready(item);
            }
        }
        self.take_turns(role, cx)
    }

    /// What is looked at before the short path where that is not to be taken at once.
    #[inline(never)]
    fn detour(
        &mut self,
        role: Role,
        cx: &mut Context<'_>,
    ) -> Option<Poll<Option<Result<Message, Error>>>> {
        if let Some(message) = self.take_held() {
            return Some(Poll::Ready(Some(Ok(message))));
        }
        if self.streak >= STREAK {
            self.streak = 0;
            return Some(self.take_turns(role, cx));
        }
        if self.filters() {
            self.drop_answers();
        }
        None
    }

    /// Lets other tasks run before this one goes on.
    pub(super) fn take_turns<R>(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<R> {
        // A peer that never leaves room for a wait is alive, but the application's ping may be due.
        // What a dead one has sent before is no life.
        if self.must_watch() && !self.watch.is_dead() {
            let _ = self.watch(role, Sight::Nothing, cx);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// A message that lies whole in the read buffer, where it ends after `taken` bytes, and is too
    /// large to be copied at little cost.
    #[inline(never)]
    pub(super) fn share(&mut self, opcode: Opcode, len: usize, taken: usize) -> Option<Message> {
        let bytes = self.read.share(taken - len..taken);
        let message = match opcode {
            Opcode::Binary => Message::Binary(bytes),
            _ => Message::Text(Utf8Bytes::try_from(bytes).ok()?),
        };
        self.given(taken, len);
        Some(message)
    }

    #[inline]
    fn given(&mut self, taken: usize, len: usize) {
        self.read.consume(taken);
        self.stats.received.message(len);
        self.streak += 1;
    }

    /// Whether texts may be answers to the application's pings, which it is not to see.
    #[inline]
    pub(super) fn filters(&self) -> bool {
        self.detour_at == 0
    }

    /// Drops answers to the application's pings that lie whole in front of what has been read.
    pub(super) fn drop_answers(&mut self) {
        while let Some(whole) = self.protocol.whole_message(self.read.unread()) {
            let WholeMessage { payload, taken, .. } = whole;
            let is_answer = |text| self.watch.is_answer(text);
            if whole.opcode != Opcode::Text || !utf8::text(payload).is_some_and(is_answer) {
                return;
            }
            self.stats.received.message(payload.len());
            self.watch.answered();
            self.read.consume(taken);
        }
    }

    /// Whether a message that was put together is not for the application.
    #[cold]
    fn drops(&mut self, message: &Message) -> bool {
        let text = message.as_text();
        let drops = text.is_some_and(|text| self.watch.is_answer(text));
        if drops {
            self.watch.answered();
            self.drop_answers();
        }
        drops
    }

    /// Keeps a message for a batch to lend.
    pub(super) fn hold(&mut self, message: Message) {
        self.held = Some(Box::new(message));
        // So that the next message is not given before somebody has looked here.
        self.streak |= HELD;
    }

    /// The message that a batch has lent, unless it was taken from the batch.
    pub(super) fn take_held(&mut self) -> Option<Message> {
        self.streak &= !HELD;
        let held = self.held.take();
        held.filter(|_| !std::mem::take(&mut self.held_taken))
            .map(|message| *message)
    }

    /// Whatever is to be done when no whole message lies there: one frame, one read, or one step
    /// towards the end.
    #[inline(never)]
    pub(super) fn poll_step(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<Step> {
        if !matches!(self.state, State::Open | State::Closing(_)) {
            let error = ready!(self.poll_end(role, cx));
            return Poll::Ready(Step::Give(error.map(Err)));
        }
        let mut wanted = 0;
        if !self.read.is_empty() {
            match self.protocol.incomplete_message(self.read.unread()) {
                // It fits the read buffer, where its other bytes may be next.
                Some(len) if len <= pool::BUFFER_SIZE => wanted = len,
                _ => {
                    if let Some(step) = self.receive_frame(role, cx) {
                        return Poll::Ready(step);
                    }
                }
            }
        }
        self.poll_fill(wanted, role, cx)
    }

    /// Takes what lies in the read buffer, up to the next event; `None` when more must be read.
    pub(super) fn receive_frame(&mut self, role: Role, cx: &mut Context<'_>) -> Option<Step> {
        match self.protocol.receive(self.read.unread()) {
            Ok((taken, None)) => {
                self.read.consume(taken);
                return None;
            }
            Ok((taken, Some(Event::Message(message)))) => return Some(self.give(taken, message)),
            Ok((taken, Some(Event::Inflated(message, from)))) => {
                self.stats.received.compressed(message.len(), from);
                return Some(self.give(taken, message));
            }
            Ok((taken, Some(Event::Ping(payload)))) => {
                self.stats.received.pings += 1;
                self.observe(ControlFrame::Ping(payload));
                self.pong_due = Some(Box::new(ControlPayload::new(payload)));
                self.read.consume(taken);
                // A socket that takes nothing just now keeps the Pong waiting, not the reader;
                // one that failed shows it when there is nothing left to read.
                let _ = self.poll_out(role, cx);
            }
            Ok((taken, Some(Event::Pong(payload)))) => {
                self.stats.received.pongs += 1;
                self.watch.pong(payload);
                self.observe(ControlFrame::Pong(payload));
                self.read.consume(taken);
            }
            Ok((taken, Some(Event::Passed(handed)))) => {
                self.read.consume(taken);
                self.handed_on(handed);
                self.streak += 1;
            }
            Ok((taken, Some(Event::Close))) => {
                self.read.consume(taken);
                self.close_received(role);
            }
            Err(error) => self.fail(&error, role),
        }
        if self.filters() {
            self.drop_answers();
        }
        Some(Step::Again)
    }

    /// A message that was put together, unless it is not for the application.
    #[inline]
    fn give(&mut self, taken: usize, message: Message) -> Step {
        self.given(taken, message.len());
        if self.filters() && self.drops(&message) {
            return Step::Again;
        }
        Step::Give(Some(Ok(message)))
    }

    /// Brings more bytes, and the message if they were read right into their place and completed it.
    #[inline]
    fn poll_fill(&mut self, wanted: usize, role: Role, cx: &mut Context<'_>) -> Poll<Step> {
        // Whoever waits for the peer leaves nothing unsent behind.
        let _ = self.poll_out(role, cx);
        if let State::Closing(deadline) = &mut self.state {
            let cx = &mut Context::from_waker(self.wakers.register(role, cx.waker()));
            if deadline.as_mut().poll(cx).is_ready() {
                self.close_timed_out();
                return Poll::Ready(Step::Again);
            }
        }
        let in_place = self
            .protocol
            .payload_left()
            .is_some_and(|left| left >= IN_PLACE);
        let mut polled = self.poll_read(in_place, wanted, cx);
        if polled.is_pending() {
            if let Some(both) = self.wakers.instead_of(role, cx.waker()) {
                // Two tasks wait: the socket is to wake both, whoever came last.
                polled = self.poll_read_again(in_place, wanted, &mut Context::from_waker(&both));
            }
        }
        if wanted > 0 && !matches!(polled, Poll::Ready(Ok(1..))) {
            // The rest of the message is not there: what is there is judged now.
            if let Some(step) = self.receive_frame(role, cx) {
                return Poll::Ready(step);
            }
        }
        match polled {
            Poll::Ready(Ok(0)) => self.lost(None, role),
            Poll::Ready(Ok(count)) => {
                self.stats.received.wire_bytes += count as u64;
                if self.watch.hears {
                    self.heard();
                }
                if in_place {
                    match self.protocol.filled(count) {
                        Ok(Some(message)) => {
                            if message.len() > pool::BUFFER_SIZE {
                                self.read.expect_large();
                            }
                            return Poll::Ready(self.give(0, message));
                        }
                        Ok(None) => {}
                        Err(error) => self.fail(&error, role),
                    }
                }
            }
            Poll::Ready(Err(error)) => self.lost(Some(error), role),
            Poll::Pending => {
                self.streak = 0;
                self.read.park();
                self.protocol.idle();
                if self.must_watch() && self.watch(role, Sight::Whole, cx).is_some() {
                    return Poll::Ready(Step::Again);
                }
                let Some(error) = self.write_error.take() else {
                    return Poll::Pending;
                };
                self.lost(Some(error), role);
            }
        }
        Poll::Ready(Step::Again)
    }

    #[cold]
    fn poll_read_again(
        &mut self,
        in_place: bool,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_read(in_place, wanted, cx)
    }

    /// Reads once: right into the message if there is much of it to come, else into the buffer.
    #[expect(
        clippy::inline_always,
        reason = "called at two places, one of them cold: out of line at both else"
    )]
    #[inline(always)]
    fn poll_read(
        &mut self,
        in_place: bool,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if in_place {
            self.read.clear();
            let io = Pin::new(&mut self.io);
            let fill = |mut room: &mut dyn BufMut| poll_read_buf(io, cx, &mut room);
            if let Some(polled) = self.protocol.with_room(fill) {
                return polled;
            }
        }
        self.read.poll_fill(&mut self.io, cx, wanted)
    }
}

/// The future of [`WsStream::next`].
struct Next<'a, T>(&'a mut WsStream<T>);

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Next<'_, T> {
    type Output = Option<Result<Message, Error>>;

    #[expect(
        clippy::inline_always,
        reason = "a message that is returned from a call is moved: 4 ns of 20"
    )]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_message(Role::Reader, cx)
    }
}

/// What came of one step of receiving.
pub(super) enum Step {
    /// Something has changed: look again.
    Again,
    /// What the stream gives next.
    Give(Option<Result<Message, Error>>),
}

/// A message or batch that is given without waiting counts; after this many the task lets others run.
pub(super) const STREAK: u16 = 128;

/// Set in the count of messages while one is held for a batch.
const HELD: u16 = 1 << 15;

/// Steps of one poll, such as reads that complete no message, before the task lets others run.
pub(super) const TURN: usize = 64;

/// A message up to here that comes alone is copied out of the read buffer, which costs 17 ns at 150 bytes where a
/// slice of it costs 26; longer ones are slices. glibc keeps blocks of at most 1,032 bytes at hand.
pub(super) const COPIED: usize = 1024;

/// The same in a backlog whose messages are dropped soon. To give the first slice of a buffer and to have it back takes 50 ns,
/// each slice 15; a copy takes as long as that at 400 bytes.
const COPIED_IN_BULK: usize = 512;

/// When this much of a frame is still to come, it is read right into the message's own buffer.
const IN_PLACE: usize = 4 << 10;
