//! [`WsStream`] as a `Stream` of messages and a `Sink` for them.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::WsStream;
use super::wakers::Role;
use crate::close_code::CloseCode;
use crate::error::Error;
use crate::message::Message;
use crate::protocol::close;

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for WsStream<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(Role::Reader, cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for WsStream<T> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

/// `poll_close` does what [`close`](WsStream::close) does with [`CloseCode::NORMAL`].
impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WsStream<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_ready_to_queue(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        this.check_open()?;
        this.check_finished()?;
        this.queue_message(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_flush_queue(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let body = close::write_body(CloseCode::NORMAL, "")?;
        ready!(self.get_mut().poll_close_with(&body, cx))?;
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for WsStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsStream")
            .field("handshake", self.handshake())
            .field("close_info", &self.close_info())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
