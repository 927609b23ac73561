//! The async face of a connection: polls and wakers, nothing else.

mod batch;
mod byte_stream;
mod closing;
mod ending;
mod gather;
mod observer;
mod parts;
mod pool;
mod read_buffer;
mod receiving;
mod sending;
mod split;
mod stats;
mod traits;
mod wakers;
mod watch;
mod write_queue;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

pub use self::batch::{Batch, MessageRef};
pub use self::byte_stream::ByteStream;
use self::ending::Ending;
pub use self::observer::ControlFrame;
pub(crate) use self::observer::Observer;
use self::parts::Unfinished;
pub use self::parts::{MessageReader, MessageWriter};
use self::read_buffer::ReadBuffer;
use self::receiving::STREAK;
pub use self::split::{
    Inbox, InboxStats, Permit, ReuniteError, TrySendError, WsReceiver, WsSender,
};
use self::stats::Counters;
pub use self::stats::{CompressedTraffic, Stats, Traffic};
use self::wakers::{Role, Wakers};
use self::watch::Watch;
use self::write_queue::WriteQueue;
use crate::close_code::CloseCode;
use crate::config::Config;
use crate::connect::Transport;
use crate::error::{Error, ErrorKind, Phase, ProtocolError};
use crate::frame::{ControlPayload, Opcode};
use crate::handshake::Handshake;
use crate::message::{CloseInfo, Message};
use crate::protocol::Protocol;

/// An open WebSocket connection: a `Stream` of messages and a `Sink` for them.
///
/// Pings are answered, fragments are joined and the closing handshake is carried out inside, by
/// whichever method is being polled; reading alone is enough to keep a connection alive. For several
/// tasks there is [`split`](Self::split), for an application that is busy [`spawn`](Self::spawn).
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
    pong_due: Option<Box<ControlPayload>>,
    /// Why nothing more can be written, until the reader gives it as the end.
    write_error: Option<io::Error>,
    state: State,
    /// The error at the end, seen by a half that is not for errors of the stream.
    unseen: Option<Error>,
    wakers: Wakers,
    /// Messages given since the reader last had to wait.
    streak: u16,
    /// At this streak the short path is not taken at once: to let other tasks run, or always when
    /// texts may be answers to the application's pings.
    detour_at: u16,
    /// A message that a batch lends because it does not lie in the read buffer.
    held: Option<Box<Message>>,
    /// Whether it was taken from the batch, and only waits to be dropped.
    held_taken: bool,
    /// When the bytes in the read buffer came, as far as batches asked.
    read_at: Option<Instant>,
    stats: Counters,
    watch: Watch,
    write_high_water: usize,
    /// A message may be queued at once when less than this waits to be written: one more than the
    /// high-water mark, and 0 while a message that is sent in parts is unfinished.
    ready_below: usize,
    unfinished: Option<Unfinished>,
    close_timeout: Duration,
    observer: Option<Observer>,
    /// Elsewhere, because the stream is moved about, and this is large and seldom asked for; `None`
    /// where somebody else has done it.
    handshake: Option<Box<Handshake>>,
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
        let mut ws = Self::opened(io, read_already, &config, None, None);
        if let Err(error) = config.check() {
            ws.state = State::Ending(Box::new(Ending::lost(error)));
            ws.read = ReadBuffer::new(Bytes::new());
        }
        ws
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
            if self.pong_due.is_some() {
                self.queue_pong();
            }
            let before = self.queue.len();
            let mut polled = self.queue.poll_flush(&mut self.io, cx);
            if polled.is_pending() {
                if let Some(both) = self.wakers.instead_of(role, cx.waker()) {
                    let cx = &mut Context::from_waker(&both);
                    polled = self.queue.poll_flush_again(&mut self.io, cx);
                }
            }
            if self.queue.len() < before {
                self.wakers.wake_other(role);
            }
            if let Err(error) = ready!(polled) {
                let copy = io::Error::new(error.kind(), error.to_string());
                self.fail_write(copy);
                return Poll::Ready(Err(error));
            }
            if self.pong_due.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Queues the Pong that is due, unless another waits to be written.
    #[cold]
    fn queue_pong(&mut self) {
        if !self.queue.holds_pong() {
            if let Some(payload) = self.pong_due.take() {
                self.queue.push_pong(payload.as_slice());
                self.stats.sent.pongs += 1;
            }
        }
    }

    /// Nothing more can be written.
    fn fail_write(&mut self, error: io::Error) {
        self.queue.clear();
        self.pong_due = None;
        self.write_error.get_or_insert(error);
    }

    /// The end: the error that says why, once.
    fn poll_end(&mut self, role: Role, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let State::Ending(ending) = &mut self.state else {
            return Poll::Ready(match role {
                Role::Reader => self.unseen.take(),
                Role::Writer => None,
            });
        };
        let cx = &mut Context::from_waker(self.wakers.register(role, cx.waker()));
        let outcome = ready!(ending.poll(&mut self.io, &mut self.read, &mut self.queue, cx));
        self.state = State::Ended;
        self.wakers.wake_other(role);
        if role == Role::Writer && self.wakers.are_kept() {
            self.unseen = outcome;
            return Poll::Ready(None);
        }
        Poll::Ready(outcome)
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    fn fail(&mut self, error: &ProtocolError, role: Role) {
        let code = error.close_code();
        let error = Error::from(error.clone()).with_phase(self.phase());
        self.fail_with(error, code, role);
    }

    /// Fails the connection and tells the peer so by a Close frame with `code`.
    fn fail_with(&mut self, error: Error, code: CloseCode, role: Role) {
        if let Some(body) = self.protocol.fail(code) {
            self.queue.push(Opcode::Close, true, body.as_slice());
        }
        let error = self.error_at_end(error);
        self.end(Ending::failed(error), role);
    }

    /// Gives a connection up that is of no use any more, or never was.
    fn fail_at_once(&mut self, error: Error) {
        if matches!(self.state, State::Open | State::Closing(_)) {
            self.protocol.lost();
            let error = self.error_at_end(error);
            self.end(Ending::lost(error), Role::Reader);
        }
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

    fn end(&mut self, ending: Ending, role: Role) {
        self.watch.trace().ended(self.protocol.close_info());
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
    /// The settings have been judged.
    pub(crate) fn opened(
        io: T,
        read_already: Bytes,
        config: &Config,
        handshake: Option<Box<Handshake>>,
        observer: Option<Observer>,
    ) -> Self {
        let target = handshake.as_ref().map(|it| &*it.report().target);
        let watch = Watch::new(config.liveness.clone(), target.unwrap_or_default());
        let mut counters = Counters::default();
        counters.received.wire_bytes = read_already.len() as u64;
        let agreed = handshake.as_ref().and_then(|it| it.agreed_deflate());
        let mut ws = Self {
            io,
            read: ReadBuffer::new(read_already),
            protocol: Protocol::new(config),
            queue: WriteQueue::default(),
            pong_due: None,
            write_error: None,
            state: State::Open,
            unseen: None,
            wakers: Wakers::default(),
            streak: 0,
            detour_at: if watch.filters() { 0 } else { STREAK },
            held: None,
            held_taken: false,
            read_at: None,
            stats: counters,
            watch,
            write_high_water: config.write_high_water,
            ready_below: config.write_high_water.saturating_add(1),
            unfinished: None,
            close_timeout: config.close_timeout,
            observer,
            handshake,
        };
        if let Some(agreed) = agreed {
            ws.protocol.compress_as(config, agreed);
        }
        ws
    }

    /// What was agreed in the opening handshake: the response, the subprotocol, and the report of
    /// how the connection came about.
    pub fn handshake(&self) -> &Handshake {
        Handshake::known(self.handshake.as_deref())
    }

    /// How the connection ended; `None` while it has not.
    ///
    /// It is known as soon as the server's Close frame is there or the connection has failed.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        self.protocol.close_info()
    }

    /// Whether there is nothing more to give, not even an error.
    fn is_over(&self) -> bool {
        matches!(self.state, State::Ended) && self.unseen.is_none()
    }

    #[inline]
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open) && self.write_error.is_none()
    }

    /// The counters of this connection, and its state just now.
    pub fn stats(&self) -> Stats {
        let Counters { received, mut sent } = self.stats;
        sent.wire_bytes = self.queue.taken();
        Stats {
            received,
            sent,
            write_queue: self.queue.len(),
            last_activity: self.watch.last_activity(received.wire_bytes),
            rtt: self.watch.rtt(),
        }
    }

    /// How long the server took to answer the last Ping that it answered, from when that was queued;
    /// `None` before the first. Pings of [`Liveness`](crate::Liveness) go out only after a silence;
    /// [`ping`](Self::ping) measures whenever it is called.
    ///
    /// [`Stats::rtt`] has the mean and the history.
    pub fn rtt(&self) -> Option<Duration> {
        self.watch.rtt().last
    }

    /// The transport underneath, to look at; reading from it or writing to it breaks the connection.
    pub fn get_ref(&self) -> &T {
        &self.io
    }
}
