//! [`ByteStream`]: a connection as a stream of bytes, for tunnels.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::wakers::Role;
use super::{State, WsStream};
use crate::close_code::CloseCode;
use crate::connect::Transport;
use crate::error::{Error, ErrorKind};
use crate::frame::Opcode;
use crate::message::Message;
use crate::protocol::close;

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// The connection as a stream of bytes, for whatever speaks over an `AsyncRead + AsyncWrite`:
    /// the payloads of binary messages, whose boundaries mean nothing.
    ///
    /// ```
    /// # async fn example(ws: longwire::WsStream) -> std::io::Result<()> {
    /// let mut local = tokio::net::TcpStream::connect("localhost:22").await?;
    /// let mut tunnel = ws.into_byte_stream();
    /// tokio::io::copy_bidirectional(&mut tunnel, &mut local).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_byte_stream(self) -> ByteStream<T> {
        let unread = Bytes::new();
        ByteStream { ws: self, unread }
    }
}

/// The payloads of binary messages as a stream of bytes, made by
/// [`WsStream::into_byte_stream`].
///
/// - Reading gives bytes as their messages arrive, the end after a clean close, and an error after
///   any other end. A text message is an error of kind `InvalidData`, and is passed over.
/// - Writing makes messages of at most 64 KiB. It waits above the high-water mark; what is written
///   leaves with a flush, or when reading has to wait.
/// - Shutting down sends a Close frame with code 1000. What the server still sends can be read, for at
///   most `close_timeout`.
///
/// An [`Error`] of the connection is the inner error of the [`io::Error`].
///
/// # Cancel safety
///
/// Nothing is lost or sent in part when a future over this stream is dropped, as far as that future
/// keeps no bytes to itself.
#[derive(Debug)]
pub struct ByteStream<T = Transport> {
    ws: WsStream<T>,
    /// What has not been read of the last message.
    unread: Bytes,
}

impl<T> ByteStream<T> {
    /// The connection underneath.
    pub fn get_ref(&self) -> &WsStream<T> {
        &self.ws
    }

    /// The connection, and what has not been read of its last message.
    pub fn into_inner(self) -> (WsStream<T>, Bytes) {
        (self.ws, self.unread)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<T> {
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

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for ByteStream<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(this.ws.poll_message(Role::Reader, cx)) {
                Some(Ok(Message::Binary(bytes))) => this.unread = bytes,
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the server sent a text message into a stream of bytes",
                    )));
                }
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => break,
            }
        }
        Poll::Ready(Ok(&this.unread))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        let unread = &mut self.get_mut().unread;
        unread.advance(count.min(unread.len()));
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let ws = &mut self.get_mut().ws;
        let bytes = &bytes[..bytes.len().min(MESSAGE_SIZE)];
        if !bytes.is_empty() {
            ready!(ws.poll_ready_to_queue(cx)).map_err(to_io)?;
            ws.queue_borrowed(Opcode::Binary, bytes);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ws = &mut self.get_mut().ws;
        ws.poll_flush_queue(cx).map_err(to_io)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ws = &mut self.get_mut().ws;
        if ws.is_open() {
            let body = close::write_body(CloseCode::NORMAL, "").map_err(to_io)?;
            ws.begin_close(&body);
        }
        if matches!(ws.state, State::Ended) {
            return Poll::Ready(Ok(()));
        }
        ws.poll_flush_queue(cx).map_err(to_io)
    }
}

pub(super) fn to_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Closed => io::ErrorKind::BrokenPipe,
        ErrorKind::Config => io::ErrorKind::InvalidInput,
        ErrorKind::Reset => io::ErrorKind::ConnectionReset,
        ErrorKind::Protocol | ErrorKind::Utf8 | ErrorKind::Deflate | ErrorKind::TooLarge => {
            io::ErrorKind::InvalidData
        }
        _ if error.is_timeout() => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The most that one message carries: what a write copies at once.
pub(super) const MESSAGE_SIZE: usize = 64 << 10;
