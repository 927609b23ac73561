//! The end of a connection, as its senders see it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::WsSender;
use crate::close_code::CloseCode;
use crate::error::Error;
use crate::frame::ControlPayload;
use crate::message::CloseInfo;
use crate::protocol::close;
use crate::stream::State;

impl<T: AsyncRead + AsyncWrite + Unpin> WsSender<T> {
    /// Closes the connection in good order (RFC 6455 §7), for all its halves: sends a Close frame,
    /// discards what still arrives, waits for the server's Close frame and for it to end the
    /// transport.
    ///
    /// It takes at most `close_timeout` (5 s by default). If the server has not answered by then,
    /// or drops the connection, the result says so by `clean: false`, and the receiver gets the error
    /// before its `None`. It may get some of what still arrives; to let it have everything, call
    /// [`start_close`](Self::start_close) instead.
    ///
    /// # Errors
    ///
    /// Kind `Config` when the code may not be sent (RFC 6455 §7.4) or the reason is above 123
    /// bytes, and nothing is sent; `Closed` when the connection had failed before.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the closing handshake has begun: `close` of any half or the
    /// receiver's `next` carries it on, within the same deadline.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<CloseInfo, Error> {
        let body = close::write_body(code.into(), reason.as_ref())?;
        let mut begun = false;
        poll_fn(|cx| {
            let begun = std::mem::replace(&mut begun, true);
            self.poll_close(&body, begun, cx)
        })
        .await
    }

    /// Begins to close the connection: queues a Close frame and begins to write it, after which
    /// nothing more can be sent.
    ///
    /// What still arrives is given by the receiver, which carries the closing handshake on and ends
    /// with an error of kind `Timeout` if the server does not answer within `close_timeout`.
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
        let begun = poll_fn(|cx| {
            let begun = self.poll(cx, |link, _, cx| {
                link.ws.check_open()?;
                link.ws.begin_close(&body);
                link.poll_flush(0, cx)
            });
            Poll::Ready(begun)
        });
        match begun.await {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Whether nothing more can be sent: a Close frame has gone either way, or the connection has
    /// failed.
    pub fn is_closed(&self) -> bool {
        self.shared.with(|link| !link.ws.is_open())
    }

    /// Waits until the connection has ended, for whatever reason, and says how.
    ///
    /// The end is noticed by whoever reads: the receiver, or once that is dropped the senders.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn closed(&mut self) -> CloseInfo {
        poll_fn(|cx| {
            self.poll(cx, |link, _, cx| {
                link.read_for_nobody(cx);
                if matches!(link.ws.state, State::Ended) {
                    // One that was never open ends too.
                    link.ws.protocol.lost();
                }
                match link.ws.close_info() {
                    Some(info) if matches!(link.ws.state, State::Ended) => {
                        Poll::Ready(info.clone())
                    }
                    _ => Poll::Pending,
                }
            })
        })
        .await
    }

    /// `begun`: the connection had not ended when this closing began.
    pub(super) fn poll_close(
        &mut self,
        body: &ControlPayload,
        begun: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<CloseInfo, Error>> {
        self.poll(cx, |link, _, cx| {
            if begun && matches!(link.ws.state, State::Ended) {
                // Another half has seen the end before this one.
                let info = link.ws.close_info().cloned();
                return Poll::Ready(info.ok_or_else(|| link.ws.closed()));
            }
            link.ws.poll_close_with(body, cx)
        })
    }
}
