//! [`WsSender`]: the half that sends, as often as it is cloned.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::bell::Who;
use super::{Link, Seat, Shared};
use crate::connect::Transport;
use crate::error::Error;
use crate::frame::Opcode;
use crate::handshake::Handshake;
use crate::message::{CloseInfo, Message};
use crate::send_options::{Compress, SendOptions};
use crate::stream::Stats;

/// The half of a connection that sends, made by [`WsStream::split`](crate::WsStream::split).
///
/// A `Sink` of messages, cheap to clone. Each clone may queue its next message when at most the
/// high-water mark ([`Connect::write_high_water`](crate::Connect::write_high_water)) is queued;
/// clones that had to wait for that then have a right to one message each, so that nobody is
/// overtaken for ever. What is queued is thus at most the high-water mark and one message for each
/// clone.
///
/// ```
/// # async fn example() -> Result<(), longwire::Error> {
/// let (sender, mut receiver) = longwire::connect("wss://example.com/feed").await?.split();
/// for symbol in ["BTC", "ETH"] {
///     let mut sender = sender.clone();
///     tokio::spawn(async move { sender.send(format!("subscribe {symbol}")).await });
/// }
/// while let Some(message) = receiver.next().await {
///     println!("{}", message?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct WsSender<T = Transport> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) seat: usize,
    /// Where the flush that is under way by the `Sink` ends.
    pub(super) flush_until: Option<u64>,
    /// A close by the `Sink` is under way.
    pub(super) is_closing: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsSender<T> {
    /// Sends one message, and returns when the transport has taken it.
    ///
    /// What other clones have queued behind it is not waited for.
    ///
    /// # Errors
    ///
    /// Kind `Closed` after the end of the connection or after a Close frame; `Reset` or `Io` when
    /// the transport fails.
    ///
    /// # Cancel safety
    ///
    /// Nothing is ever sent in part. Dropped while the queue was above its high-water mark, the
    /// message was not queued; dropped later, it is queued whole and leaves with the next call of
    /// either half.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.put(Outgoing::Owned(message.into()), true).await
    }

    /// Sends one message with options of its own; see [`SendOptions`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_with(
        &mut self,
        message: impl Into<Message>,
        options: SendOptions,
    ) -> Result<(), Error> {
        let outgoing = Outgoing::Apart(message.into(), options.compress);
        self.put(outgoing, true).await
    }

    /// Queues one message with options of its own; see [`SendOptions`] and [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_with(
        &mut self,
        message: impl Into<Message>,
        options: SendOptions,
    ) -> Result<(), Error> {
        let outgoing = Outgoing::Apart(message.into(), options.compress);
        self.put(outgoing, false).await
    }

    /// Queues one message without waiting for it to be written; it leaves with the next
    /// [`flush`](Self::flush) of any clone, or when the receiver has to wait.
    ///
    /// Waits only while more than the high-water mark is queued (128 KiB by default).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waited, the message was not queued.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.put(Outgoing::Owned(message.into()), false).await
    }

    /// Sends a text that stays the caller's: it is copied and masked in one pass, with no
    /// allocation.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        let outgoing = Outgoing::Borrowed(Opcode::Text, text.as_bytes());
        self.put(outgoing, true).await
    }

    /// Sends bytes that stay the caller's; see [`send_text`](Self::send_text).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(Outgoing::Borrowed(Opcode::Binary, bytes), true)
            .await
    }

    /// Queues a text that stays the caller's; see [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_text(&mut self, text: &str) -> Result<(), Error> {
        let outgoing = Outgoing::Borrowed(Opcode::Text, text.as_bytes());
        self.put(outgoing, false).await
    }

    /// Queues bytes that stay the caller's; see [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(Outgoing::Borrowed(Opcode::Binary, bytes), false)
            .await
    }

    /// Waits until the transport has taken everything that is queued now, by whichever clone.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Safe: what has not been written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut until = None;
        poll_fn(|cx| {
            self.poll(cx, |link, _, cx| {
                let until = *until.get_or_insert_with(|| link.flush_target());
                link.poll_flush(until, cx)
            })
        })
        .await
    }

    async fn put(&mut self, outgoing: Outgoing<'_>, flush: bool) -> Result<(), Error> {
        self.flush_until = None;
        let mut outgoing = Some(outgoing);
        let mut until = 0;
        poll_fn(|cx| {
            self.poll(cx, |link, seat, cx| {
                if outgoing.is_some() {
                    ready!(link.poll_room(seat, cx))?;
                }
                if let Some(outgoing) = outgoing.take() {
                    link.put(seat, outgoing);
                    until = link.position();
                }
                if flush {
                    link.poll_flush(until, cx)
                } else {
                    Poll::Ready(Ok(()))
                }
            })
        })
        .await
    }

    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Link<T>, usize, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let seat = self.seat;
        self.shared
            .poll(Who::Sender(seat), cx, |link, cx| poll(link, seat, cx))
    }
}

impl<T> WsSender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let seat = shared.with(Link::take_seat);
        Self {
            shared,
            seat,
            flush_until: None,
            is_closing: false,
        }
    }

    /// How the connection ended; `None` while it has not.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.shared.with(|link| link.ws.close_info().cloned())
    }

    /// What was agreed in the opening handshake.
    pub fn handshake(&self) -> &Handshake {
        Handshake::known(self.shared.handshake.as_deref())
    }

    /// The counters of this connection.
    pub fn stats(&self) -> Stats {
        self.shared.with(|link| link.ws.stats())
    }

    /// How long the server took to answer the last Ping that it answered; see
    /// [`WsStream::rtt`](crate::WsStream::rtt).
    pub fn rtt(&self) -> Option<Duration> {
        self.shared.with(|link| link.ws.rtt())
    }

    /// Asks the server for a sign of life at once; see
    /// [`WsStream::nudge`](crate::WsStream::nudge).
    ///
    /// Tasks that wait for the connection are woken to do it.
    ///
    /// ```
    /// # fn example(ws: longwire::WsStream) {
    /// let (sender, receiver) = ws.spawn(longwire::Inbox::default());
    /// // Kept by whoever hears of changes of the network.
    /// let network_changed = move || sender.nudge();
    /// # }
    /// ```
    pub fn nudge(&self) {
        self.shared.with(|link| link.ws.nudge());
    }

    /// Whether the two are clones of one another.
    pub fn same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// A message to be queued.
pub(super) enum Outgoing<'a> {
    Owned(Message),
    Apart(Message, Compress),
    Borrowed(Opcode, &'a [u8]),
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link<T> {
    pub(super) fn put(&mut self, seat: usize, outgoing: Outgoing<'_>) {
        match outgoing {
            Outgoing::Owned(message) => self.ws.queue_message(message),
            Outgoing::Apart(message, compress) => self.ws.queue_apart(message, compress),
            Outgoing::Borrowed(opcode, payload) => self.ws.queue_borrowed(opcode, payload),
        }
        self.set_seat(seat, Seat::Idle);
    }
}

impl<T> Clone for WsSender<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for WsSender<T> {
    fn drop(&mut self) {
        let waker = self.shared.with(|link| {
            link.leave_seat(self.seat);
            if link.is_driven {
                // It may have been the last half that needs the task.
                self.shared.bell.ring_reader();
            }
            self.shared.bell.forget(Who::Sender(self.seat))
        });
        drop(waker);
    }
}

impl<T> fmt::Debug for WsSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsSender")
            .field("close_info", &self.close_info())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
