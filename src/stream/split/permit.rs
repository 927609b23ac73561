//! Sending that does not wait: at once or not at all, or with room that was reserved before.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::sender::Outgoing;
use super::{Link, Seat, WsSender};
use crate::connect::Transport;
use crate::error::Error;
use crate::message::Message;

impl<T: AsyncRead + AsyncWrite + Unpin> WsSender<T> {
    /// Queues a message and begins to write it, if that can be done without waiting.
    ///
    /// What the transport does not take at once leaves with whichever half is polled next.
    ///
    /// ```
    /// # fn example(sender: &longwire::WsSender) {
    /// use longwire::TrySendError;
    ///
    /// match sender.try_send("a quote that is soon outdated") {
    ///     Ok(()) => {}
    ///     Err(TrySendError::Full(message)) => println!("not now: {message}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the message back: `Full` when more than the high-water mark is queued, `Closed` after
    /// the end of the connection or after a Close frame.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let message = message.into();
        self.shared.with(|link| {
            let cx = &mut Context::from_waker(&self.shared.writer);
            match link.poll_room(self.seat, cx) {
                Poll::Ready(Ok(())) => {
                    link.put(self.seat, Outgoing::Owned(message));
                    link.begin_to_write(cx);
                    Ok(())
                }
                Poll::Ready(Err(_)) => Err(TrySendError::Closed(message)),
                Poll::Pending => {
                    link.set_seat(self.seat, Seat::Idle);
                    Err(TrySendError::Full(message))
                }
            }
        })
    }

    /// Waits for room for one message, and keeps it for as long as the [`Permit`] lives.
    ///
    /// For a message that is only worth making when it can be sent.
    ///
    /// ```
    /// # async fn example(sender: &mut longwire::WsSender) -> Result<(), longwire::Error> {
    /// let permit = sender.reserve().await?;
    /// permit.send(format!("now is {:?}", std::time::SystemTime::now()))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped, nothing is reserved.
    pub async fn reserve(&mut self) -> Result<Permit<'_, T>, Error> {
        poll_fn(|cx| self.poll(cx, Link::poll_room)).await?;
        Ok(Permit { sender: self })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link<T> {
    /// Writes what the transport takes at once. A failure is seen by whoever comes next.
    fn begin_to_write(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_flush(0, cx);
    }
}

/// Room for one message, made by [`WsSender::reserve`]. Dropped, it gives the room back.
#[must_use]
pub struct Permit<'a, T = Transport> {
    sender: &'a mut WsSender<T>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Permit<'_, T> {
    /// Queues a message and begins to write it, without waiting.
    ///
    /// # Errors
    ///
    /// Kind `Closed` when the connection has ended since.
    pub fn send(self, message: impl Into<Message>) -> Result<(), Error> {
        let sender = &*self.sender;
        let message = message.into();
        sender.shared.with(|link| {
            link.ws.check_open()?;
            link.put(sender.seat, Outgoing::Owned(message));
            link.begin_to_write(&mut Context::from_waker(&sender.shared.writer));
            Ok(())
        })
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        let seat = self.sender.seat;
        self.sender
            .shared
            .with(|link| link.set_seat(seat, Seat::Idle));
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A message that [`WsSender::try_send`] could not queue, to be had back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way to fail")]
pub enum TrySendError {
    /// More than the high-water mark is queued: it may be tried again.
    Full(Message),
    /// Nothing more can be sent.
    Closed(Message),
}

impl TrySendError {
    /// The message as it was given.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }

    /// Whether it may be tried again.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "more than the high-water mark waits to be written",
            Self::Closed(_) => "the connection is closed to sending",
        })
    }
}

impl StdError for TrySendError {}
