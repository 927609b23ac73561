//! Closing (RFC 6455 §7): what [`WsStream`] does once either side has had enough.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::ending::Ending;
use super::observer::ControlFrame;
use super::wakers::Role;
use super::{State, WsStream};
use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind, Phase};
use crate::frame::{ControlPayload, Opcode};
use crate::message::CloseInfo;
use crate::protocol::close;

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// Closes the connection in good order (RFC 6455 §7): sends a Close frame, discards what still
    /// arrives, waits for the server's Close frame and for it to end the transport.
    ///
    /// It takes at most `close_timeout` (5 s by default). If the server has not answered by then,
    /// or drops the connection, the result says so by `clean: false`.
    ///
    /// To go on receiving what still arrives, call [`start_close`](Self::start_close) instead.
    ///
    /// ```
    /// # async fn example(mut ws: longwire::WsStream) -> Result<(), longwire::Error> {
    /// let info = ws.close(longwire::CloseCode::NORMAL, "done").await?;
    /// println!("{info}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Kind `Config` when the code may not be sent (RFC 6455 §7.4) or the reason is above 123
    /// bytes, and nothing is sent; `Closed` when the connection had failed before.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the closing handshake has begun: `close` or `next` carries it
    /// on, within the same deadline.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<CloseInfo, Error> {
        let body = close::write_body(code.into(), reason.as_ref())?;
        poll_fn(|cx| self.poll_close_with(&body, cx)).await
    }

    /// Begins to close the connection: queues a Close frame and begins to write it, after which
    /// nothing more can be sent.
    ///
    /// What still arrives is given by [`next`](Self::next), which carries the closing handshake on
    /// and ends with an error of kind `Timeout` if the server does not answer within
    /// `close_timeout`.
    ///
    /// # Errors
    ///
    /// Kind `Config` as [`close`](Self::close); `Closed` when the connection is closing or has
    /// ended already.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the Close frame is queued.
    pub async fn start_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<(), Error> {
        let body = close::write_body(code.into(), reason.as_ref())?;
        self.check_open()?;
        self.begin_close(&body);
        self.begin_flush().await
    }

    /// Carries the closing handshake on, which it begins if nobody has.
    pub(super) fn poll_close_with(
        &mut self,
        body: &ControlPayload,
        cx: &mut Context<'_>,
    ) -> Poll<Result<CloseInfo, Error>> {
        if self.check_open().is_ok() {
            self.begin_close(body);
        } else if matches!(self.state, State::Ended) {
            return Poll::Ready(match self.close_info() {
                Some(info) if info.clean => Ok(info.clone()),
                _ => Err(self.closed()),
            });
        }
        // Messages are discarded, and an error only means that the end is not clean.
        while ready!(self.poll_message(Role::Writer, cx)).is_some() {}
        self.wakers.forget(Role::Writer);
        Poll::Ready(self.close_info().cloned().ok_or_else(|| self.closed()))
    }

    /// Queues a Close frame; nothing may follow it.
    pub(super) fn begin_close(&mut self, body: &ControlPayload) {
        self.queue.push(Opcode::Close, true, body.as_slice());
        self.protocol.close_sent();
        self.watch.trace().closing();
        self.state = State::Closing(Box::pin(tokio::time::sleep(self.close_timeout)));
        // There is a deadline now, and whoever waits for the peer has to watch it.
        self.wakers.wake_reader();
    }

    /// The peer's Close frame has come.
    pub(super) fn close_received(&mut self, role: Role) {
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

    /// The peer has not answered our Close frame in time.
    pub(super) fn close_timed_out(&mut self) {
        self.protocol.lost();
        let message = format!(
            "the server did not answer the Close frame within close_timeout, {:?}",
            self.close_timeout
        );
        let error = Error::new(ErrorKind::Timeout, Phase::Closing, message);
        let error = self.error_at_end(error);
        self.end(Ending::lost(error), Role::Reader);
    }

    /// Why nothing can be sent any more.
    #[cold]
    pub(super) fn closed(&self) -> Error {
        match self.close_info() {
            Some(info) => Error::new(
                ErrorKind::Closed,
                self.phase(),
                format!("the connection is closed to sending: {info}"),
            )
            .with_close_info(info.clone()),
            None if matches!(self.state, State::Closing(_)) => Error::new(
                ErrorKind::Closed,
                Phase::Closing,
                "a Close frame has been sent: nothing may follow it (RFC 6455 §5.5.1)",
            ),
            None => Error::new(
                ErrorKind::Closed,
                self.phase(),
                "writing to the connection has failed before",
            ),
        }
    }
}
