//! The last steps of a connection: what is still written and awaited before the stream ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::read_buffer::ReadBuffer;
use super::write_queue::WriteQueue;
use crate::error::Error;

/// A connection on its way out. It ends when its steps are done, or when the time is up.
///
/// From its beginning on the read buffer holds nothing, so that nothing can come of it.
pub(super) struct Ending {
    steps: &'static [Step],
    /// Not there when no step waits for the peer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// What the stream gives last: the one error, or nothing after a clean close.
    outcome: Option<Error>,
}

#[derive(Clone, Copy)]
enum Step {
    /// Write what is queued, our Close frame last.
    Flush,
    /// Read and discard until the peer ends the transport.
    Drain,
    /// End our side of the transport.
    Shutdown,
}

/// The server closes the transport first (RFC 6455 §7.1.1).
const CLEAN: &[Step] = &[Step::Flush, Step::Drain, Step::Shutdown];

/// Our side ends at once, but reading goes on: to drop a socket with unread bytes in it would reset
/// the connection, and the peer might never see our Close frame.
const FAILED: &[Step] = &[Step::Flush, Step::Shutdown, Step::Drain];

/// A peer that is still there learns of it; one that is not costs nothing.
const LOST: &[Step] = &[Step::Shutdown];

/// How long a peer that broke the rules, and does not read, may keep an error from its user.
const FAILED_FLUSH: Duration = Duration::from_millis(500);

/// The same for one that our Close frame is on its way to. Most are there and back in that time; who
/// goes on sending for longer may find the connection reset.
const FAILED_LINGER: Duration = Duration::from_millis(80);

impl Ending {
    /// Close frames have gone both ways, or the last is queued; the peer has until `deadline`.
    pub(super) fn clean(deadline: Pin<Box<Sleep>>) -> Self {
        Self {
            steps: CLEAN,
            deadline: Some(deadline),
            outcome: None,
        }
    }

    /// The connection is failed with `error` (RFC 6455 §7.1.7).
    pub(super) fn failed(error: Error) -> Self {
        let deadline = Some(Box::pin(tokio::time::sleep(FAILED_FLUSH)));
        Self {
            steps: FAILED,
            deadline,
            outcome: Some(error),
        }
    }

    /// The transport is of no more use.
    pub(super) fn lost(error: Error) -> Self {
        Self {
            steps: LOST,
            deadline: None,
            outcome: Some(error),
        }
    }

    /// Everything has been said, and the peer is not waited for as long as before.
    fn linger(&mut self) {
        let soon = Instant::now() + FAILED_LINGER;
        if let Some(deadline) = &mut self.deadline {
            if soon < deadline.deadline() {
                deadline.as_mut().reset(soon);
            }
        }
    }

    /// Goes as far as it can; `Ready` once, with what the stream gives last.
    pub(super) fn poll<T: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        read: &mut ReadBuffer,
        queue: &mut WriteQueue,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Error>> {
        while let Some((step, rest)) = self.steps.split_first() {
            let done = match step {
                Step::Flush => queue.poll_flush(io, cx),
                Step::Drain => drain(io, read, cx),
                Step::Shutdown => Pin::new(&mut *io).poll_shutdown(cx),
            };
            match done {
                Poll::Ready(Ok(())) => {
                    self.steps = rest;
                    if matches!(rest, [Step::Drain]) {
                        self.linger();
                    }
                }
                // A transport that is gone has nothing left to wait for.
                Poll::Ready(Err(_)) => break,
                Poll::Pending => {
                    if let Some(deadline) = &mut self.deadline {
                        ready!(deadline.as_mut().poll(cx));
                    }
                    break;
                }
            }
        }
        if self.steps.iter().any(|step| matches!(step, Step::Shutdown)) {
            // The time is up, but the peer shall still learn that this side is done, if it listens.
            let _ = Pin::new(io).poll_shutdown(cx);
        }
        self.steps = &[];
        queue.clear();
        read.clear();
        Poll::Ready(self.outcome.take())
    }
}

fn drain<T: AsyncRead + Unpin>(
    io: &mut T,
    read: &mut ReadBuffer,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    for _ in 0..DRAINED_AT_ONCE {
        let polled = read.poll_fill(io, cx, 0);
        if polled.is_pending() {
            read.park();
        }
        let count = ready!(polled)?;
        if count == 0 {
            return Poll::Ready(Ok(()));
        }
        read.consume(count);
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Reads between two looks at the deadline, and between two turns of other tasks.
const DRAINED_AT_ONCE: usize = 16;
