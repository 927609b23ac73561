//! The async face of a connection: polls and wakers, nothing else.

mod ending;
mod observer;
mod pool;
mod read_buffer;
mod sending;
mod stats;
mod traits;
mod wakers;
mod write_queue;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use self::ending::Ending;
pub use self::observer::ControlFrame;
pub(crate) use self::observer::Observer;
use self::read_buffer::ReadBuffer;
pub use self::stats::{Stats, Traffic};
use self::wakers::{Role, Wakers};
use self::write_queue::WriteQueue;
use crate::config::Config;
use crate::connect::Transport;
use crate::error::{Error, ErrorKind, Phase, ProtocolError};
use crate::frame::{ControlPayload, Opcode};
use crate::handshake::Handshake;
use crate::message::{CloseInfo, Message};
use crate::protocol::{Event, Protocol};
use crate::utf8::Utf8Bytes;

/// An open WebSocket connection: a `Stream` of messages and a `Sink` for them.
///
/// Pings are answered, fragments are joined and the closing handshake is carried out inside, by
/// whichever method is being polled; reading alone is enough to keep a connection alive.
///
/// The stream ends with `None` after a clean close. Anything else ends it with one `Err`, then
/// `None`; [`close_info`](Self::close_info) says how it ended.
///
/// Dropping the stream drops the transport, without a closing handshake; to end in good order, call
/// [`close`](Self::close).
///
/// ```
/// # async fn example() -> Result<(), longwire::Error> {
/// let mut ws = longwire::connect("wss://example.com/feed").await?;
/// ws.send("subscribe").await?;
/// while let Some(message) = ws.next().await {
///     println!("{}", message?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct WsStream<T = Transport> {
    io: T,
    read: ReadBuffer,
    protocol: Protocol,
    queue: WriteQueue,
    /// The payload of the newest Ping that has no Pong in the queue yet.
    pong_due: Option<ControlPayload>,
    /// Why nothing more can be written, until the reader gives it as the end.
    write_error: Option<io::Error>,
    state: State,
    wakers: Wakers,
    /// Messages given since the reader last had to wait.
    streak: u16,
    stats: Stats,
    write_high_water: usize,
    close_timeout: Duration,
    observer: Option<Observer>,
    handshake: Handshake,
}

enum State {
    /// Messages go both ways.
    Open,
    /// Our Close frame is queued; the peer's has until the deadline to come.
    Closing(Pin<Box<Sleep>>),
    /// No more messages come.
    Ending(Box<Ending>),
    /// Everything has been said.
    Ended,
}

/// What came of one step of receiving.
enum Step {
    /// Something has changed: look again.
    Again,
    /// What the stream gives next.
    Give(Option<Result<Message, Error>>),
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// A stream over a transport on which somebody else has done the opening handshake.
    ///
    /// `read_already` is what was read from the transport behind the response; it is the beginning
    /// of the first frame.
    ///
    /// A setting of `config` that cannot work ends the stream with one error of kind `Config`.
    ///
    /// ```
    /// use longwire::{Config, WsStream};
    ///
    /// # async fn example(upgraded: tokio::net::TcpStream) {
    /// let ws = WsStream::from_upgraded(upgraded, bytes::Bytes::new(), Config::default());
    /// # }
    /// ```
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a caller has no more use for it"
    )]
    pub fn from_upgraded(io: T, read_already: Bytes, config: Config) -> Self {
        Self::opened(io, read_already, &config, Handshake::default(), None)
    }

    /// The next message; `None` once the connection has ended.
    ///
    /// # Errors
    ///
    /// One error, if the connection does not end by a clean close: kind `Reset` when it ends without
    /// a Close frame, `Protocol`, `Utf8` or `TooLarge` when the server breaks the rules (it is told
    /// so by a Close frame first), `Timeout` when it does not answer a Close frame of ours.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped. The next call goes on where it stopped.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(Role::Reader, cx)).await
    }

    #[inline]
    fn poll_message(
        &mut self,
        role: Role,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.streak >= STREAK {
            self.streak = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        for _ in 0..TURN {
            // The short path: a message that lies whole in what has been read. It is built here, where
            // it is given away, because moving it costs more than making it.
            let unread = self.read.unread();
            if let Some((opcode, range)) = self.protocol.whole_message(unread) {
                let (payload, taken) = (&unread[range.clone()], range.end);
                if opcode == Opcode::Binary {
                    let bytes = Bytes::copy_from_slice(payload);
                    self.given(taken, range.len());
                    return Poll::Ready(Some(Ok(Message::Binary(bytes))));
                }
                // What is no text is found again, and failed, on the long way.
                if let Ok(text) = Utf8Bytes::copy_from_utf8(payload) {
                    self.given(taken, range.len());
                    return Poll::Ready(Some(Ok(Message::Text(text))));
                }
            }
            if let Step::Give(item) = ready!(self.poll_step(role, cx)) {
                return Poll::Ready(item);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    #[inline]
    fn given(&mut self, taken: usize, len: usize) {
        self.read.consume(taken);
        self.stats.received.message(len);
        self.streak += 1;
    }

    /// Whatever is to be done when no whole message lies there: one frame, one read, or one step
    /// towards the end.
    fn poll_step(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<Step> {
        if !matches!(self.state, State::Open | State::Closing(_)) {
            let error = ready!(self.poll_end(role, cx));
            return Poll::Ready(Step::Give(error.map(Err)));
        }
        if !self.read.unread().is_empty() {
            if let Some(step) = self.receive_frame(role, cx) {
                return Poll::Ready(step);
            }
        }
        self.poll_fill(role, cx)
    }

    /// Takes what lies in the read buffer, up to the next event; `None` when more must be read.
    fn receive_frame(&mut self, role: Role, cx: &mut Context<'_>) -> Option<Step> {
        match self.protocol.receive(self.read.unread()) {
            Ok((taken, None)) => {
                self.read.consume(taken);
                return None;
            }
            Ok((taken, Some(Event::Message(message)))) => {
                self.given(taken, message.len());
                return Some(Step::Give(Some(Ok(message))));
            }
            Ok((taken, Some(Event::Ping(payload)))) => {
                self.stats.received.pings += 1;
                self.observe(ControlFrame::Ping(payload));
                self.pong_due = Some(ControlPayload::new(payload));
                self.read.consume(taken);
                // A socket that takes nothing just now keeps the Pong waiting, not the reader;
                // one that failed shows it when there is nothing left to read.
                let _ = self.poll_out(role, cx);
            }
            Ok((taken, Some(Event::Pong(payload)))) => {
                self.stats.received.pongs += 1;
                self.observe(ControlFrame::Pong(payload));
                self.read.consume(taken);
            }
            Ok((taken, Some(Event::Close))) => {
                self.read.consume(taken);
                self.close_received(role);
            }
            Err(error) => self.fail(&error, role),
        }
        Some(Step::Again)
    }

    /// Brings more bytes, and the message if they were read right into their place and completed it.
    #[inline]
    fn poll_fill(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<Step> {
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
        let mut polled = self.poll_read(in_place, cx);
        if polled.is_pending() {
            let waker = self.wakers.register(role, cx.waker());
            if !waker.will_wake(cx.waker()) {
                // Two tasks wait: the socket is to wake both, whoever came last.
                let both = waker.clone();
                polled = self.poll_read_again(in_place, &mut Context::from_waker(&both));
            }
        }
        match polled {
            Poll::Ready(Ok(0)) => self.lost(None, role),
            Poll::Ready(Ok(count)) if in_place => match self.protocol.filled(count) {
                Ok(Some(message)) => {
                    self.read.expect_large();
                    self.given(0, message.len());
                    return Poll::Ready(Step::Give(Some(Ok(message))));
                }
                Ok(None) => {}
                Err(error) => self.fail(&error, role),
            },
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => self.lost(Some(error), role),
            Poll::Pending => {
                self.streak = 0;
                self.protocol.idle();
                let Some(error) = self.write_error.take() else {
                    return Poll::Pending;
                };
                self.lost(Some(error), role);
            }
        }
        Poll::Ready(Step::Again)
    }

    #[cold]
    fn poll_read_again(&mut self, in_place: bool, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_read(in_place, cx)
    }

    /// Reads once: right into the message if there is much of it to come, else into the buffer.
    #[inline(always)]
    fn poll_read(&mut self, in_place: bool, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if in_place {
            self.read.clear();
            let io = Pin::new(&mut self.io);
            let fill = |mut room: &mut dyn BufMut| poll_read_buf(io, cx, &mut room);
            if let Some(polled) = self.protocol.with_room(fill) {
                return polled;
            }
        }
        self.read.poll_fill(&mut self.io, cx)
    }

    /// Sends what is queued and the Pong that is due.
    #[inline]
    fn poll_out(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.queue.is_clean() && self.pong_due.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_queue(role, cx)
    }

    fn poll_queue(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.queue.holds_pong() {
                if let Some(payload) = self.pong_due.take() {
                    self.queue.push_pong(payload.as_slice());
                    self.stats.sent.pongs += 1;
                }
            }
            if self.queue.is_clean() {
                return Poll::Ready(Ok(()));
            }
            let before = self.queue.len();
            let mut polled = self.queue.poll_flush(&mut self.io, cx);
            if polled.is_pending() {
                let waker = self.wakers.register(role, cx.waker());
                if !waker.will_wake(cx.waker()) {
                    let cx = &mut Context::from_waker(waker);
                    polled = self.queue.poll_flush_again(&mut self.io, cx);
                }
            }
            if self.queue.len() < before {
                self.wakers.wake_other(role);
            }
            if let Err(error) = ready!(polled) {
                self.queue.clear();
                self.pong_due = None;
                let copy = io::Error::new(error.kind(), error.to_string());
                self.write_error.get_or_insert(copy);
                return Poll::Ready(Err(error));
            }
        }
    }

    /// The end: the error that says why, once.
    fn poll_end(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let State::Ending(ending) = &mut self.state else {
            return Poll::Ready(None);
        };
        let cx = &mut Context::from_waker(self.wakers.register(role, cx.waker()));
        let outcome = ready!(ending.poll(&mut self.io, &mut self.read, &mut self.queue, cx));
        self.state = State::Ended;
        self.wakers.wake_other(role);
        Poll::Ready(outcome)
    }

    fn close_received(&mut self, role: Role) {
        if let Some(info) = self.protocol.close_info() {
            self.observe(ControlFrame::Close(info));
        }
        if let Some(body) = self.protocol.close_reply() {
            self.queue.push(Opcode::Close, true, body.as_slice());
        }
        let deadline = match std::mem::replace(&mut self.state, State::Ended) {
            State::Closing(deadline) => deadline,
            _ => Box::pin(tokio::time::sleep(self.close_timeout)),
        };
        self.end(Ending::clean(deadline), role);
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    fn fail(&mut self, error: &ProtocolError, role: Role) {
        if let Some(body) = self.protocol.fail(error) {
            self.queue.push(Opcode::Close, true, body.as_slice());
        }
        let error = self.error_at_end(Error::from(error.clone()).with_phase(self.phase()));
        self.end(Ending::failed(error), role);
    }

    /// The transport ended, or failed with `error`.
    fn lost(&mut self, error: Option<io::Error>, role: Role) {
        let in_message = self.protocol.lost();
        let phase = self.phase();
        let error = match error {
            Some(error) => Error::transport(error, phase),
            None if in_message => Error::new(
                ErrorKind::Reset,
                phase,
                "the server ended the connection in the middle of a message, without a Close frame",
            ),
            None => Error::new(
                ErrorKind::Reset,
                phase,
                "the server ended the connection without a Close frame",
            ),
        };
        let error = self.error_at_end(error);
        self.end(Ending::lost(error), role);
    }

    fn close_timed_out(&mut self) {
        self.protocol.lost();
        let message = format!(
            "the server did not answer the Close frame within close_timeout, {:?}",
            self.close_timeout
        );
        let error = Error::new(ErrorKind::Timeout, Phase::Closing, message);
        let error = self.error_at_end(error);
        self.end(Ending::lost(error), Role::Reader);
    }

    fn end(&mut self, ending: Ending, role: Role) {
        self.pong_due = None;
        self.read.clear();
        self.state = State::Ending(Box::new(ending));
        self.wakers.wake_other(role);
    }

    fn error_at_end(&self, error: Error) -> Error {
        match self.protocol.close_info() {
            Some(info) => error.with_close_info(info.clone()),
            None => error,
        }
    }

    fn phase(&self) -> Phase {
        if matches!(self.state, State::Open) {
            Phase::Open
        } else {
            Phase::Closing
        }
    }

    fn observe(&self, frame: ControlFrame<'_>) {
        if let Some(observer) = &self.observer {
            observer(frame);
        }
    }
}

impl<T> WsStream<T> {
    pub(crate) fn opened(
        io: T,
        read_already: Bytes,
        config: &Config,
        handshake: Handshake,
        observer: Option<Observer>,
    ) -> Self {
        let (state, read) = match config.check() {
            Ok(()) => (State::Open, ReadBuffer::new(read_already)),
            Err(error) => (
                State::Ending(Box::new(Ending::lost(error))),
                ReadBuffer::new(Bytes::new()),
            ),
        };
        Self {
            io,
            read,
            protocol: Protocol::new(config),
            queue: WriteQueue::default(),
            pong_due: None,
            write_error: None,
            state,
            wakers: Wakers::default(),
            streak: 0,
            stats: Stats::default(),
            write_high_water: config.write_high_water,
            close_timeout: config.close_timeout,
            observer,
            handshake,
        }
    }

    /// What was agreed in the opening handshake: the response, the subprotocol, and the report of
    /// how the connection came about.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// How the connection ended; `None` while it has not.
    ///
    /// It is known as soon as the server's Close frame is there or the connection has failed.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        self.protocol.close_info()
    }

    /// The counters of this connection.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The transport underneath, to look at; reading from it or writing to it breaks the connection.
    pub fn get_ref(&self) -> &T {
        &self.io
    }
}

/// A message that is given without waiting counts; after this many the task lets others run.
const STREAK: u16 = 128;

/// Steps of one poll, such as reads that complete no message, before the task lets others run.
const TURN: usize = 64;

/// When this much of a frame is still to come, it is read right into the message's own buffer.
const IN_PLACE: usize = 4 << 10;
