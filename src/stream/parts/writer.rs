//! [`MessageWriter`]: one message, sent while it is made.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect::Transport;
use crate::error::{Error, ErrorKind};
use crate::frame::Opcode;
use crate::message::MessageKind;
use crate::protocol::Fragment;
use crate::protocol::keepalive::Sight;
use crate::stream::WsStream;
use crate::stream::byte_stream::{MESSAGE_SIZE, to_io};
use crate::stream::receiving::TURN;
use crate::stream::wakers::Role;
use crate::utf8::Validator;

/// A message of which frames have been queued, and not its last.
#[derive(Debug)]
pub(in crate::stream) struct Unfinished {
    kind: MessageKind,
    /// Has seen what was queued of a text.
    validator: Validator,
    /// Bytes that were queued of it.
    size: u64,
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// Begins a message that is sent while it is made: an `AsyncWrite`, and a `Sink` of chunks. Nothing
    /// is sent before its first chunk.
    ///
    /// For messages of any length: each chunk leaves in a frame of its own (RFC 6455 §5.4), and no more
    /// than [`write_high_water`](crate::Config::write_high_water) and one chunk wait to be written.
    ///
    /// ```
    /// use longwire::MessageKind;
    ///
    /// # async fn example(ws: &mut longwire::WsStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = tokio::fs::File::open("upload").await?;
    /// let mut message = ws.send_parts(MessageKind::Binary);
    /// tokio::io::copy(&mut file, &mut message).await?;
    /// message.finish().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// For a stream that is not split. See [`MessageWriter`] for what becomes of a message that is not
    /// finished.
    pub fn send_parts(&mut self, kind: MessageKind) -> MessageWriter<'_, T> {
        MessageWriter {
            ws: self,
            kind,
            stage: Stage::New,
        }
    }

    /// Goes on with a message whose writer was dropped before it was finished; `None` if there is none.
    ///
    /// ```
    /// # async fn example(ws: &mut longwire::WsStream) -> Result<(), longwire::Error> {
    /// if let Some(mut message) = ws.resume_parts() {
    ///     message.finish().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume_parts(&mut self) -> Option<MessageWriter<'_, T>> {
        let kind = self.unfinished.as_ref()?.kind;
        Some(MessageWriter {
            ws: self,
            kind,
            stage: Stage::Begun,
        })
    }

    /// While a message is sent in parts nobody else reads: deals with the control frames in front of
    /// the next message.
    fn attend(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.check_open()?;
        let waker = self.wakers.register(Role::Writer, cx.waker()).clone();
        let cx = &mut Context::from_waker(&waker);
        for _ in 0..TURN {
            let before = self.stats.received.wire_bytes;
            let sight = self.read_unasked(Role::Writer, cx);
            if self.stats.received.wire_bytes != before && self.watch.hears {
                self.heard();
            }
            let mut took = false;
            while self.is_open() && self.protocol.control_is_next(self.read.unread()) {
                self.receive_frame(Role::Writer, cx);
                took = true;
            }
            if let Some(error) = &self.write_error {
                let copy = io::Error::new(error.kind(), error.to_string());
                return Err(Error::transport(copy, self.phase()));
            }
            self.check_open()?;
            if sight == Sight::Bytes || !took {
                return Ok(());
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Queues frames of a message that goes on, the first of them with this opcode.
    fn queue_part(&mut self, opcode: Opcode, part: Part<'_>) {
        let fragments = |len| self.protocol.fragments(opcode, len);
        let bytes: &[u8] = match part {
            // In one frame, a payload that was given away need not be copied.
            Part::Owned(bytes) if fragments(bytes.len()).nth(1).is_none() => {
                return self.queue.push_owned(opcode, false, bytes);
            }
            Part::Owned(ref bytes) => bytes,
            Part::Borrowed(bytes) => bytes,
        };
        for Fragment { opcode, range, .. } in fragments(bytes.len()) {
            self.queue.push(opcode, false, &bytes[range]);
        }
    }

    /// Whether a message may be queued, if there is room: not while another one is unfinished.
    pub(in crate::stream) fn check_finished(&self) -> Result<(), Error> {
        match &self.unfinished {
            None => Ok(()),
            Some(_) => Err(self.misused(
                "a message that is sent in parts is not finished, and none may stand inside it (RFC \
                 6455 §5.4): resume_parts goes on with it",
            )),
        }
    }

    #[cold]
    fn misused(&self, complaint: &'static str) -> Error {
        Error::new(ErrorKind::Config, self.phase(), complaint)
    }
}

/// A message that is sent while it is made, by [`WsStream::send_parts`].
///
/// An `AsyncWrite`, whose shutdown finishes the message, and a `Sink` of chunks, whose close does. Each
/// chunk leaves in a frame of its own, or in several if it is longer than
/// [`fragment_size`](crate::Config::fragment_size); who writes many small pieces puts a
/// [`BufWriter`](tokio::io::BufWriter) in front. The message is not compressed, whatever was agreed.
///
/// A text must be UTF-8 as a whole; chunks may end inside a character. A chunk that cannot go on with
/// the text is refused with kind `Config` before any of it is sent, and the message can go on without it.
///
/// Whoever writes also sees to it that Pings are answered and a Close is noticed, as far as they come
/// in front of the server's next message. Messages are not received meanwhile: they wait, the first
/// 32 KiB in memory, and the rest in the network.
///
/// # When it is dropped
///
/// Before the first chunk nothing has happened. After it, the message stays open: other messages are
/// refused with kind `Config` until [`resume_parts`](WsStream::resume_parts) has gone on with it and
/// finished it. Receiving, Pings and closing go on as ever; a message that is open when the connection
/// is closed never becomes whole for the server.
///
/// # Cancel safety
///
/// Nothing is lost or sent in part when a future over this writer is dropped, as far as that future
/// keeps no bytes to itself: a chunk was queued whole or not at all.
pub struct MessageWriter<'a, T = Transport> {
    ws: &'a mut WsStream<T>,
    kind: MessageKind,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// Nothing has been queued.
    New,
    /// The stream's unfinished message is this one.
    Begun,
    Finished,
}

/// What is queued at once.
enum Part<'a> {
    Owned(Bytes),
    Borrowed(&'a [u8]),
}

impl<T> MessageWriter<'_, T> {
    /// Whether the message is text or binary.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The connection, to look at.
    pub const fn get_ref(&self) -> &WsStream<T> {
        self.ws
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> MessageWriter<'_, T> {
    /// Sends a chunk, and returns when the transport has taken it.
    ///
    /// ```
    /// # async fn example(
    /// #     ws: &mut longwire::WsStream,
    /// #     mut lines: tokio::sync::mpsc::Receiver<String>,
    /// # ) -> Result<(), longwire::Error> {
    /// let mut message = ws.send_parts(longwire::MessageKind::Text);
    /// while let Some(line) = lines.recv().await {
    ///     message.send(line).await?;
    /// }
    /// message.finish().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`WsStream::send`]; kind `Config` for a chunk that makes the text no UTF-8, when the message is
    /// finished, and when another one is not.
    ///
    /// # Cancel safety
    ///
    /// Dropped while the queue was above its high-water mark, the chunk was not queued; dropped later,
    /// it is queued whole and leaves with the next call.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) -> Result<(), Error> {
        self.feed(chunk).await?;
        self.flush().await
    }

    /// Queues a chunk without waiting for it to be written; it leaves with the next
    /// [`flush`](Self::flush). An empty one is nothing.
    ///
    /// Waits only while more than the high-water mark is queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waited, the chunk was not queued.
    pub async fn feed(&mut self, chunk: impl Into<Bytes>) -> Result<(), Error> {
        let chunk = chunk.into();
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.put(Part::Owned(chunk))
    }

    /// Waits until the transport has taken everything that is queued.
    ///
    /// # Errors
    ///
    /// As [`WsStream::flush`].
    ///
    /// # Cancel safety
    ///
    /// Safe: what has not been written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_written(cx)).await
    }

    /// Ends the message, and returns when the transport has taken all of it. A message without a chunk
    /// is an empty one.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); kind `Config` when the text ends inside a character, and then it is not
    /// finished.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the message is finished, and its end leaves with the next call.
    pub async fn finish(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_finish(cx)).await
    }

    /// Waits until a chunk may be queued.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check()?;
        self.ws.attend(cx)?;
        self.ws.poll_room(cx)
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = self.ws.poll_flush_queue(cx);
        if flushed.is_pending() {
            self.ws.attend(cx)?;
        }
        flushed
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.stage != Stage::Finished {
            self.end()?;
        }
        self.poll_written(cx)
    }

    /// Whether this message may go on.
    fn check(&self) -> Result<(), Error> {
        self.ws.check_open()?;
        match self.stage {
            Stage::New => self.ws.check_finished(),
            Stage::Begun => Ok(()),
            Stage::Finished => Err(self.ws.misused("the message has been finished")),
        }
    }

    /// Queues a part of the message.
    fn put(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.check()?;
        let bytes: &[u8] = match &part {
            Part::Owned(bytes) => bytes,
            Part::Borrowed(bytes) => bytes,
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let mut validator = Validator::default();
        if let Some(unfinished) = &self.ws.unfinished {
            validator.clone_from(&unfinished.validator);
        }
        if self.kind == MessageKind::Text && validator.push(bytes).is_err() {
            return Err(self
                .ws
                .misused("the chunk makes a text that is not UTF-8 (RFC 6455 §8.1)"));
        }
        let opcode = self.next_opcode();
        let kind = self.kind;
        let unfinished = self.ws.unfinished.get_or_insert_with(|| Unfinished {
            kind,
            validator: Validator::default(),
            size: 0,
        });
        unfinished.size += bytes.len() as u64;
        unfinished.validator = validator;
        self.ws.queue_part(opcode, part);
        self.stage = Stage::Begun;
        self.ws.ready_below = 0;
        Ok(())
    }

    /// Queues the final frame.
    fn end(&mut self) -> Result<(), Error> {
        self.check()?;
        let mut size = 0;
        if let Some(unfinished) = &self.ws.unfinished {
            size = unfinished.size;
            let text = self.kind == MessageKind::Text;
            if text && unfinished.validator.clone().finish().is_err() {
                return Err(self
                    .ws
                    .misused("the text ends inside a character (RFC 6455 §8.1)"));
            }
        }
        self.ws.queue.push(self.next_opcode(), true, &[]);
        self.ws.stats.sent.in_parts(size);
        self.ws.unfinished = None;
        self.ws.ready_below = self.ws.write_high_water.saturating_add(1);
        self.stage = Stage::Finished;
        Ok(())
    }

    fn next_opcode(&self) -> Opcode {
        match (self.stage, self.kind) {
            (Stage::New, MessageKind::Text) => Opcode::Text,
            (Stage::New, MessageKind::Binary) => Opcode::Binary,
            _ => Opcode::Continuation,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MessageWriter<'_, T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = &bytes[..bytes.len().min(MESSAGE_SIZE)];
        ready!(this.poll_room(cx)).map_err(to_io)?;
        this.put(Part::Borrowed(bytes)).map_err(to_io)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx).map_err(to_io)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_finish(cx).map_err(to_io)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Bytes> for MessageWriter<'_, T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, chunk: Bytes) -> Result<(), Error> {
        self.get_mut().put(Part::Owned(chunk))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_finish(cx)
    }
}

impl<T> fmt::Debug for MessageWriter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("kind", &self.kind)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
