//! The halves as a `Sink` and a `Stream`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::sender::Outgoing;
use super::{Link, WsReceiver, WsSender};
use crate::close_code::CloseCode;
use crate::error::Error;
use crate::message::Message;
use crate::protocol::close;

/// A clone that was found ready keeps its right to queue one message until it does, or is dropped.
///
/// `poll_flush` waits for what was queued when it began. `poll_close` closes the connection for all
/// halves: it does what [`close`](WsSender::close) does with [`CloseCode::NORMAL`].
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WsSender<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll(cx, Link::poll_room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        this.flush_until = None;
        this.shared.with(|link| {
            link.ws.check_open()?;
            link.ws.check_finished()?;
            link.put(this.seat, Outgoing::Owned(message));
            Ok(())
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let begun = this.flush_until;
        let mut until = None;
        let flushed = this.poll(cx, |link, _, cx| {
            let until = *until.insert(begun.unwrap_or_else(|| link.flush_target()));
            link.poll_flush(until, cx)
        });
        this.flush_until = until.filter(|_| flushed.is_pending());
        flushed
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let body = close::write_body(CloseCode::NORMAL, "")?;
        let this = self.get_mut();
        let closed = this.poll_close(&body, this.is_closing, cx);
        this.is_closing = closed.is_pending();
        closed.map_ok(|_| ())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for WsReceiver<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for WsReceiver<T> {
    fn is_terminated(&self) -> bool {
        self.has_ended()
    }
}
