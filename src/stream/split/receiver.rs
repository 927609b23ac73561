//! [`WsReceiver`]: the half that receives, and the way back to one stream.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::bell::Who;
use super::mailbox::{InboxStats, Mailbox};
use super::{Shared, WsSender};
use crate::close_code::CloseCode;
use crate::connect::Transport;
use crate::error::Error;
use crate::handshake::Handshake;
use crate::message::{CloseInfo, Message};
use crate::stream::wakers::Role;
use crate::stream::{Stats, WsStream};

/// The half of a connection that receives, made by [`WsStream::split`] or [`WsStream::spawn`].
///
/// A `Stream` of messages, which ends as the connection's own would: with `None` after a clean
/// close, with one `Err` and then `None` after anything else.
pub struct WsReceiver<T = Transport> {
    shared: Arc<Shared<T>>,
    /// Where messages come from when a task drives the connection.
    mailbox: Option<Arc<Mailbox>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsReceiver<T> {
    /// The next message; `None` once the connection has ended.
    ///
    /// # Errors
    ///
    /// As [`WsStream::next`]. The error is given here also when another half was the one to see it: who
    /// closes is told by [`CloseInfo`] how that ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped. The next call goes on where it stopped.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Closes the connection, for all its halves; see [`WsSender::close`].
    ///
    /// # Errors
    ///
    /// As [`WsSender::close`].
    ///
    /// # Cancel safety
    ///
    /// As [`WsSender::close`].
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<CloseInfo, Error> {
        self.sender().close(code, reason).await
    }

    /// Begins to close the connection; see [`WsSender::start_close`].
    ///
    /// # Errors
    ///
    /// As [`WsSender::start_close`].
    ///
    /// # Cancel safety
    ///
    /// As [`WsSender::start_close`].
    pub async fn start_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<(), Error> {
        self.sender().start_close(code, reason).await
    }

    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if let Some(mailbox) = &self.mailbox {
            return mailbox.poll_take(cx);
        }
        self.shared.poll(Who::Reader, cx, |link, cx| {
            link.ws.poll_message(Role::Reader, cx)
        })
    }
}

impl<T> WsReceiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.with(|link| link.has_reader = true);
        Self {
            shared,
            mailbox: None,
        }
    }

    pub(super) fn driven(shared: Arc<Shared<T>>, mailbox: Arc<Mailbox>) -> Self {
        let mailbox = Some(mailbox);
        Self { shared, mailbox }
    }

    /// The counters of the inbox; `None` unless [`WsStream::spawn`] has made one.
    pub fn inbox(&self) -> Option<InboxStats> {
        self.mailbox.as_ref().map(|mailbox| mailbox.stats())
    }

    /// Another half that sends, also when all others are gone.
    pub fn sender(&self) -> WsSender<T> {
        WsSender::new(Arc::clone(&self.shared))
    }

    /// Makes one stream of the halves again.
    ///
    /// Nothing is lost: what is queued stays queued, and what has been read is given next.
    ///
    /// ```
    /// # async fn example(ws: longwire::WsStream) -> Result<(), longwire::Error> {
    /// let (sender, receiver) = ws.split();
    /// if let Ok(mut ws) = receiver.reunite(sender) {
    ///     ws.send("one task again").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Gives both halves back when they are of two connections, when `sender` has clones, or when a task
    /// drives the connection ([`WsStream::spawn`]).
    pub fn reunite(self, sender: WsSender<T>) -> Result<WsStream<T>, ReuniteError<T>> {
        let same = Arc::ptr_eq(&self.shared, &sender.shared);
        if !same || Arc::strong_count(&self.shared) > 2 || self.mailbox.is_some() {
            return Err(ReuniteError(Box::new((sender, self))));
        }
        let shared = Arc::clone(&self.shared);
        drop((self, sender));
        Arc::try_unwrap(shared)
            .map(Shared::into_stream)
            // Not reached: whoever could hold it is gone.
            .map_err(|shared| {
                let sender = WsSender::new(Arc::clone(&shared));
                ReuniteError(Box::new((sender, Self::new(shared))))
            })
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

    /// How long the server took to answer the last Ping that it answered; see [`WsStream::rtt`].
    pub fn rtt(&self) -> Option<Duration> {
        self.shared.with(|link| link.ws.rtt())
    }

    /// Asks the server for a sign of life at once; see [`WsSender::nudge`].
    pub fn nudge(&self) {
        self.shared.with(|link| link.ws.nudge());
    }

    pub(super) fn has_ended(&self) -> bool {
        if let Some(mailbox) = &self.mailbox {
            return mailbox.is_over();
        }
        self.shared.with(|link| link.ws.is_over())
    }
}

impl<T> Drop for WsReceiver<T> {
    fn drop(&mut self) {
        if let Some(mailbox) = &self.mailbox {
            mailbox.abandon();
            self.shared.with(|_| self.shared.bell.ring_reader());
            return;
        }
        let waker = self.shared.with(|link| {
            link.has_reader = false;
            // They read from now on.
            self.shared.bell.ring_senders();
            self.shared.bell.forget(Who::Reader)
        });
        drop(waker);
    }
}

impl<T> fmt::Debug for WsReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsReceiver")
            .field("close_info", &self.close_info())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Two halves that are not the only two of one connection; they can be had back.
pub struct ReuniteError<T = Transport>(Box<(WsSender<T>, WsReceiver<T>)>);

impl<T> ReuniteError<T> {
    /// The halves as they were.
    pub fn into_halves(self) -> (WsSender<T>, WsReceiver<T>) {
        *self.0
    }
}

impl<T> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not the only ones that use one connection")
    }
}

impl<T> fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").field(&self.0).finish()
    }
}

impl<T> StdError for ReuniteError<T> {}
