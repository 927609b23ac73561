//! [`MessageReader`]: one message, given as it arrives.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::{FusedStream, Stream};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Transport;
use crate::error::{Error, ErrorKind};
use crate::message::MessageKind;
use crate::protocol::{Handed, Part};
use crate::stream::byte_stream::to_io;
use crate::stream::receiving::{COPIED, STREAK, Step, TURN};
use crate::stream::wakers::Role;
use crate::stream::{State, WsStream, pool};

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// The next message, before it is complete: an `AsyncRead` and a stream of chunks. `None` once
    /// the connection has ended.
    ///
    /// It waits for the beginning of a message only. For messages of any length, also longer than
    /// memory: whatever a message's or a frame's size, no more than a read buffer (64 KiB; a
    /// compressed message takes 128 KiB more) is held of it. So
    /// [`max_message_size`](crate::Config::max_message_size) and
    /// [`max_frame_size`](crate::Config::max_frame_size) are not for messages that are read in parts;
    /// their limit is [`max_parts_size`](crate::Config::max_parts_size), by default none.
    ///
    /// ```
    /// # async fn example(ws: &mut longwire::WsStream) -> Result<(), Box<dyn std::error::Error>> {
    /// while let Some(message) = ws.next_parts().await {
    ///     let mut file = tokio::fs::File::create("download").await?;
    ///     tokio::io::copy_buf(&mut message?, &mut file).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Messages may be received whole and in parts in any order: what [`next`](Self::next) had
    /// received of a message when its future was dropped is the beginning of what is given here.
    ///
    /// For a stream that is not split. An answer to [`Liveness::app_ping`](crate::Liveness::app_ping)
    /// is kept from the application if it comes uncompressed, in one frame of at most 64 KiB.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped. When the *reader* is dropped, the rest of its
    /// message is passed over; see [`MessageReader`].
    pub async fn next_parts(&mut self) -> Option<Result<MessageReader<'_, T>, Error>> {
        let begun = poll_fn(|cx| self.poll_begin(cx)).await?;
        Some(begun.map(|kind| MessageReader {
            ws: self,
            kind,
            offered: 0,
            done: false,
        }))
    }

    /// Waits for the beginning of a message.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<MessageKind, Error>>> {
        if let Some(message) = self.take_held() {
            let kind = message.kind();
            self.protocol.hand_on(message);
            return Poll::Ready(Some(Ok(kind)));
        }
        if self.streak >= STREAK {
            self.streak = 0;
            return self.take_turns(Role::Reader, cx);
        }
        for _ in 0..TURN {
            if self.receives() && !self.awaits_answer() {
                match self.protocol.begin_parts(self.read.unread()) {
                    Ok(Some((kind, taken))) => {
                        self.read.consume(taken);
                        return Poll::Ready(Some(Ok(kind)));
                    }
                    Ok(None) => {}
                    Err(error) => self.fail(&error, Role::Reader),
                }
            }
            match ready!(self.poll_step(Role::Reader, cx)) {
                Step::Again => {}
                Step::Give(Some(Ok(message))) => {
                    let kind = message.kind();
                    self.protocol.hand_on(message);
                    return Poll::Ready(Some(Ok(kind)));
                }
                Step::Give(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Step::Give(None) => return Poll::Ready(None),
            }
        }
        self.take_turns(Role::Reader, cx)
    }

    fn receives(&self) -> bool {
        matches!(self.state, State::Open | State::Closing(_))
    }

    /// Whether what comes may be an answer to the application's ping, which is looked at whole.
    fn awaits_answer(&mut self) -> bool {
        if !self.filters() {
            return false;
        }
        self.drop_answers();
        let unread = self.read.unread();
        self.protocol.is_short_text(unread, pool::BUFFER_SIZE)
    }

    /// Waits for the next part of the message that is being read.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, Option<Error>>> {
        if self.streak >= STREAK {
            self.streak = 0;
            return self.take_turns(Role::Reader, cx);
        }
        for _ in 0..TURN {
            if self.receives() {
                match self.protocol.part(self.read.unread()) {
                    Ok((taken, part)) => {
                        self.read.consume(taken);
                        if part != Part::Nothing {
                            self.streak += 1;
                            return Poll::Ready(Ok(part));
                        }
                    }
                    Err(error) => self.fail(&error, Role::Reader),
                }
            }
            match ready!(self.poll_step(Role::Reader, cx)) {
                // There is no message to give while the rest of this one is to come.
                Step::Again | Step::Give(Some(Ok(_))) => {}
                Step::Give(Some(Err(error))) => return Poll::Ready(Err(Some(error))),
                Step::Give(None) => return Poll::Ready(Err(None)),
            }
        }
        self.take_turns(Role::Reader, cx)
    }

    /// A message has been handed on, or passed over.
    pub(in crate::stream) fn handed_on(&mut self, handed: Option<Handed>) {
        if let Some(handed) = handed {
            self.stats.received.handed_on(handed);
        }
    }

    #[cold]
    fn cut_short(&self) -> Error {
        let error = Error::new(
            ErrorKind::Closed,
            self.phase(),
            "the connection was closed in the middle of a message",
        );
        self.error_at_end(error)
    }
}

/// A message that is given as it arrives, made by [`WsStream::next_parts`].
///
/// It is a `Stream` of chunks, as [`chunk`](Self::chunk) gives them, and an `AsyncRead` and
/// `AsyncBufRead` of its bytes, which end where the message ends; an [`Error`] is then the inner error
/// of the [`io::Error`]. Where chunks end means nothing: neither frames nor characters end there.
///
/// While it is read, Pings are answered and liveness is kept as ever. A text that is not UTF-8 fails
/// the connection at its first bad byte, and a message above
/// [`max_parts_size`](crate::Config::max_parts_size) at the header of the frame that exceeds it. An end
/// of the connection inside the message, also by the server's Close frame, is an error: whoever has
/// seen the end of the message has all of it, and it was valid.
///
/// # When it is dropped
///
/// The rest of the message is passed over: it is received, checked and discarded by whatever receives
/// next, which then gives the message behind it.
///
/// ```
/// # async fn example(ws: &mut longwire::WsStream) -> Result<(), longwire::Error> {
/// let Some(message) = ws.next_parts().await else {
///     return Ok(());
/// };
/// let mut message = message?;
/// while let Some(chunk) = message.chunk().await {
///     if chunk?.contains(&0) {
///         break; // the rest is of no interest
///     }
/// }
/// println!("{:?}", ws.next().await); // the message behind it, whole
/// # Ok(())
/// # }
/// ```
pub struct MessageReader<'a, T = Transport> {
    ws: &'a mut WsStream<T>,
    kind: MessageKind,
    /// How many bytes `poll_fill_buf` has lent.
    offered: usize,
    /// Nothing more comes, because the message or the connection has ended.
    done: bool,
}

impl<T> MessageReader<'_, T> {
    /// Whether the message is text or binary.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Whether this is a text message.
    pub const fn is_text(&self) -> bool {
        matches!(self.kind, MessageKind::Text)
    }

    /// The connection, to look at.
    pub const fn get_ref(&self) -> &WsStream<T> {
        self.ws
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> MessageReader<'_, T> {
    /// The next bytes of the message, as they arrive: one to 64 KiB. `None` at its end.
    ///
    /// # Errors
    ///
    /// One error if the connection ends before the message, and then `None`: of the kinds of
    /// [`WsStream::next`], and `Closed` when it ends cleanly by a Close frame.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped. The next call goes on where it stopped.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let chunk = match ready!(self.poll_part(cx)) {
            Some(Ok(Part::Here(count))) => {
                let chunk = if count > COPIED {
                    self.ws.read.share(0..count)
                } else {
                    Bytes::copy_from_slice(&self.ws.read.unread()[..count])
                };
                self.ws.read.consume(count);
                self.ws.protocol.handed_on(count);
                chunk
            }
            Some(Ok(_)) => self
                .ws
                .protocol
                .ready()
                .map(std::mem::take)
                .unwrap_or_default(),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        self.settle();
        Poll::Ready(Some(Ok(chunk)))
    }

    /// The next part, which is not the end; `None` at the end.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, Error>>> {
        self.offered = 0;
        if self.done {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.ws.poll_part(cx)) {
            Ok(Part::End(handed)) => {
                self.done = true;
                self.ws.handed_on(handed);
                None
            }
            Ok(part) => Some(Ok(part)),
            Err(error) => {
                self.done = true;
                Some(Err(error.unwrap_or_else(|| self.ws.cut_short())))
            }
        })
    }

    /// A message of which all has been taken has ended, whether or not somebody asks for more.
    fn settle(&mut self) {
        // What is wrong with its end is found again by whoever asks.
        if let Ok((_, Part::End(handed))) = self.ws.protocol.part(&[]) {
            self.done = true;
            self.ws.handed_on(handed);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for MessageReader<'_, T> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for MessageReader<'_, T> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for MessageReader<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for MessageReader<'_, T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let bytes = match ready!(this.poll_part(cx)).transpose().map_err(to_io)? {
            None => &[],
            Some(Part::Here(count)) => &this.ws.read.unread()[..count],
            Some(_) => this.ws.protocol.ready().map_or(&[][..], |ready| ready),
        };
        this.offered = bytes.len();
        Poll::Ready(Ok(bytes))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        let this = self.get_mut();
        let count = count.min(this.offered);
        this.offered -= count;
        let ready = this.ws.protocol.ready();
        if let Some(ready) = ready.filter(|ready| !ready.is_empty()) {
            ready.advance(count);
        } else {
            this.ws.read.consume(count);
            this.ws.protocol.handed_on(count);
        }
        if this.offered == 0 {
            this.settle();
        }
    }
}

impl<T> fmt::Debug for MessageReader<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader")
            .field("kind", &self.kind)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
