//! Sending: the methods of [`WsStream`] that write.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::wakers::Role;
use super::write_queue::MASKED_IN_PLACE;
use super::{State, WsStream, watch};
use crate::error::{Error, ErrorKind, Phase};
use crate::frame::{MAX_CONTROL_PAYLOAD, Opcode, RSV1};
use crate::message::Message;
use crate::protocol::Fragment;
use crate::protocol::keepalive::Sight;
use crate::send_options::{Compress, SendOptions};
use crate::spare;

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// Sends one message, and returns when the transport has taken it.
    ///
    /// # Errors
    ///
    /// Kind `Closed` after the end of the connection or after a Close frame; `Reset` or `Io` when
    /// the transport fails; `Config` while a message that is sent in parts is unfinished
    /// ([`send_parts`](Self::send_parts)).
    ///
    /// # Cancel safety
    ///
    /// Nothing is ever sent in part. Dropped while the queue was above its high-water mark, the
    /// message was not queued; dropped later, it is queued whole and leaves with the next call.
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        Sending(self, Some(message))
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
        self.feed_with(message, options).await?;
        self.flush().await
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
        self.ready().await?;
        self.queue_apart(message.into(), options.compress);
        Ok(())
    }

    /// Queues one message without waiting for it to be written; it leaves with the next
    /// [`flush`](Self::flush), or when [`next`](Self::next) has to wait.
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
    pub fn feed(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        let mut unsent = Some(message);
        poll_fn(move |cx| self.poll_feed(&mut unsent, cx))
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
        if !self.is_ready() {
            self.ready().await?;
        }
        self.queue_borrowed(Opcode::Text, text.as_bytes());
        self.flush().await
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
        if !self.is_ready() {
            self.ready().await?;
        }
        self.queue_borrowed(Opcode::Binary, bytes);
        self.flush().await
    }

    /// Queues a text that stays the caller's; many of them leave in one write.
    ///
    /// ```
    /// # async fn example(ws: &mut longwire::WsStream) -> Result<(), longwire::Error> {
    /// for symbol in ["BTC", "ETH"] {
    ///     ws.feed_text(&format!("subscribe {symbol}")).await?;
    /// }
    /// ws.flush().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_text(&mut self, text: &str) -> Result<(), Error> {
        if !self.is_ready() {
            self.ready().await?;
        }
        self.queue_borrowed(Opcode::Text, text.as_bytes());
        Ok(())
    }

    /// Queues bytes that stay the caller's; see [`feed_text`](Self::feed_text).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if !self.is_ready() {
            self.ready().await?;
        }
        self.queue_borrowed(Opcode::Binary, bytes);
        Ok(())
    }

    /// Waits until the transport has taken everything that is queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Safe: what has not been written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush_queue(cx)).await
    }

    /// Queues a Ping (RFC 6455 §5.5.2) of at most 125 bytes and begins to write it.
    ///
    /// Pongs are seen by an observer ([`Connect::on_control`](crate::Connect::on_control)).
    ///
    /// # Errors
    ///
    /// Kind `Config` when the payload is too long; otherwise as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        let payload = payload.as_ref();
        if payload.len() > MAX_CONTROL_PAYLOAD {
            let message = format!(
                "the payload of a Ping has {} bytes; at most {MAX_CONTROL_PAYLOAD} are allowed \
                 (RFC 6455 §5.5)",
                payload.len()
            );
            return Err(Error::new(ErrorKind::Config, Phase::Open, message));
        }
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.queue.push(Opcode::Ping, true, payload);
        self.watch.round_trips().sent(payload, watch::now());
        self.stats.sent.pings += 1;
        self.begin_flush().await
    }

    /// Queues a message once that may be done.
    #[inline]
    fn poll_feed(
        &mut self,
        unsent: &mut Option<impl Into<Message>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if unsent.is_some() && !self.is_ready() {
            ready!(self.poll_turn(cx))?;
        }
        if let Some(message) = unsent.take() {
            self.queue_message(message.into());
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until a message may be queued.
    async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_turn(cx)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_room(cx))?;
        Poll::Ready(self.check_finished())
    }

    /// Whether a message may be queued without a wait, which is nearly always.
    #[inline]
    fn is_ready(&self) -> bool {
        self.queue.len() < self.ready_below && self.is_open()
    }

    pub(super) fn poll_ready_to_queue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check_open()?;
        self.check_finished()?;
        self.poll_room(cx)
    }

    /// Waits until something may be queued.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check_open()?;
        if self.queue.len() > self.write_high_water {
            let flushed = self.poll_out(Role::Writer, cx);
            if self.queue.len() > self.write_high_water {
                ready!(self.poll_written(flushed, cx))?;
            }
            self.check_open()?;
        }
        self.wakers.forget(Role::Writer);
        Poll::Ready(Ok(()))
    }

    #[inline]
    pub(super) fn poll_flush_queue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.write_error.is_some() || matches!(self.state, State::Ended) {
            return Poll::Ready(Err(self.closed()));
        }
        let flushed = self.poll_out(Role::Writer, cx);
        let flushed = ready!(self.poll_written(flushed, cx));
        self.wakers.forget(Role::Writer);
        Poll::Ready(flushed)
    }

    /// What came of writing; who has to wait for it also sees to it that the peer is there.
    #[inline]
    pub(super) fn poll_written(
        &mut self,
        written: Poll<io::Result<()>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if written.is_pending() && self.must_watch() {
            if let Some(verdict) = self.watch(Role::Writer, Sight::Bytes, cx) {
                return Poll::Ready(Err(self.died(verdict)));
            }
            if let Some(error) = &self.write_error {
                let copy = io::Error::new(error.kind(), error.to_string());
                return Poll::Ready(Err(Error::transport(copy, self.phase())));
            }
        }
        written.map_err(|error| Error::transport(error, self.phase()))
    }

    #[inline]
    pub(super) fn queue_message(&mut self, message: Message) {
        if !self.protocol.goes_plain(message.len()) {
            let opcode = opcode(&message);
            return self.queue_borrowed_apart(opcode, message.as_bytes(), Compress::Default);
        }
        self.stats.sent.message(message.len());
        let opcode = opcode(&message);
        // Looked at where it is: to move it takes longer than to copy what is in it.
        if message.len() < MASKED_IN_PLACE {
            self.queue.push(opcode, true, message.as_bytes());
            spare::keep(message.into_bytes());
        } else {
            self.queue.push_owned(opcode, true, message.into_bytes());
        }
    }

    #[inline]
    pub(super) fn queue_borrowed(&mut self, opcode: Opcode, payload: &[u8]) {
        if self.protocol.goes_plain(payload.len()) {
            self.stats.sent.message(payload.len());
            self.queue.push(opcode, true, payload);
        } else {
            self.queue_borrowed_apart(opcode, payload, Compress::Default);
        }
    }

    /// Queues a message that is compressed by a choice of its own, if messages are compressed.
    pub(super) fn queue_apart(&mut self, message: Message, compress: Compress) {
        if self.protocol.compression().is_some() {
            self.queue_borrowed_apart(opcode(&message), message.as_bytes(), compress);
        } else {
            self.queue_message(message);
        }
    }

    /// Queues a message that is to be compressed or cut, as far as it is.
    #[inline(never)]
    fn queue_borrowed_apart(&mut self, opcode: Opcode, payload: &[u8], compress: Compress) {
        self.stats.sent.message(payload.len());
        let compression = self.protocol.compression();
        let compressed = compression.and_then(|coder| coder.compress(payload, compress));
        let Some(compressed) = compressed else {
            for Fragment { opcode, fin, range } in self.protocol.fragments(opcode, payload.len()) {
                self.queue.push(opcode, fin, &payload[range]);
            }
            return;
        };
        let after = compressed.len();
        self.stats.sent.compressed(payload.len(), after as u64);
        for Fragment { opcode, fin, range } in self.protocol.fragments(opcode, after) {
            // The first frame alone is marked (RFC 7692 §6.1).
            if range.start == 0 {
                self.queue
                    .push_marked::<RSV1>(opcode, fin, &compressed[range]);
            } else {
                self.queue.push(opcode, fin, &compressed[range]);
            }
        }
    }

    /// Writes what the transport takes at once and waits for nothing.
    pub(super) async fn begin_flush(&mut self) -> Result<(), Error> {
        let flushed = poll_fn(|cx| Poll::Ready(self.poll_flush_queue(cx))).await;
        match flushed {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    #[inline]
    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.is_open() {
            Ok(())
        } else {
            Err(self.closed())
        }
    }
}

/// The future of [`WsStream::send`].
struct Sending<'a, T, M>(&'a mut WsStream<T>, Option<M>);

/// A message that is not yet sent is never pinned.
impl<T, M> Unpin for Sending<'_, T, M> {}

impl<T: AsyncRead + AsyncWrite + Unpin, M: Into<Message>> Future for Sending<'_, T, M> {
    type Output = Result<(), Error>;

    #[expect(
        clippy::inline_always,
        reason = "a message that a call is given is moved: as long as it takes to send it"
    )]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self(ws, unsent) = &mut *self;
        ready!(ws.poll_feed(unsent, cx))?;
        ws.poll_flush_queue(cx)
    }
}

#[inline]
fn opcode(message: &Message) -> Opcode {
    if message.is_text() {
        Opcode::Text
    } else {
        Opcode::Binary
    }
}
