//! A task of its own for a connection, so that the application may be busy.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

use super::bell::Who;
use super::inbox::{Inbox, Policy};
use super::mailbox::Mailbox;
use super::{Link, Seat, Shared, WsReceiver, WsSender, sync};
use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind, Phase};
use crate::message::Message;
use crate::stream::wakers::Role;
use crate::stream::{State, WsStream};

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> WsStream<T> {
    /// Moves the connection into a task of its own, and gives the two halves to use it by.
    ///
    /// The task reads, answers Pings and writes what is queued, also while the application is busy
    /// with something else: messages wait in the [`Inbox`], which is bounded and has a policy for
    /// an application that does not keep up.
    ///
    /// The task ends when the connection has ended, or when both halves are gone, which drops the
    /// transport without a closing handshake. Otherwise the halves are as those of
    /// [`split`](Self::split), except that what is fed needs no flush, and that they cannot be
    /// reunited. When only the receiver is dropped, the task goes on reading for the senders. A runtime
    /// that is shut down ends the connection with the task.
    ///
    /// ```
    /// # async fn example() -> Result<(), longwire::Error> {
    /// use longwire::Inbox;
    ///
    /// let ws = longwire::connect("wss://example.com/feed").await?;
    /// let (mut sender, mut receiver) = ws.spawn(Inbox::default().drop_oldest());
    /// sender.send("subscribe").await?;
    /// while let Some(message) = receiver.next().await {
    ///     println!("{}", message?);
    ///     std::thread::sleep(std::time::Duration::from_secs(60)); // Pings are answered all the same
    /// }
    /// println!("{:?}", receiver.inbox());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An `inbox` that cannot work, or a call from outside of a tokio runtime, ends the connection
    /// with one error of kind `Config`.
    pub fn spawn(mut self, inbox: Inbox) -> (WsSender<T>, WsReceiver<T>) {
        let runtime = inbox.check().and_then(|()| {
            Handle::try_current().map_err(|error| {
                Error::config("spawn needs a tokio runtime to put its task in").with_source(error)
            })
        });
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                self.fail_at_once(error.with_phase(Phase::Open));
                return self.split();
            }
        };
        let mailbox = Arc::new(Mailbox::new(inbox.max_messages, inbox.max_bytes));
        let shared = Arc::new(Shared::new(self));
        shared.with(|link| {
            link.is_driven = true;
            link.has_reader = true;
        });
        let sender = WsSender::new(Arc::clone(&shared));
        let receiver = WsReceiver::driven(Arc::clone(&shared), Arc::clone(&mailbox));
        let driver = Driver {
            shared,
            mailbox,
            policy: inbox.policy,
            read: VecDeque::new(),
            is_waiting: false,
            is_done: false,
        };
        sync::spawn(&runtime, driver);
        (sender, receiver)
    }
}

/// The task.
struct Driver<T: AsyncRead + AsyncWrite + Unpin> {
    shared: Arc<Shared<T>>,
    mailbox: Arc<Mailbox>,
    policy: Policy,
    /// Messages that were read and are not in the mailbox.
    read: VecDeque<Message>,
    /// The first of them has found no room, and has been counted for that.
    is_waiting: bool,
    /// It has ended by itself.
    is_done: bool,
}

/// What came of reading.
enum Read {
    /// Perhaps messages.
    Some,
    /// The connection has ended, with an error unless cleanly.
    End(Option<Error>),
    /// All halves are gone.
    Unused,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..TURN {
            let has_room = this.deliver(cx);
            match ready!(this.poll_read(has_room, cx)) {
                Read::Some => {}
                Read::End(error) => {
                    // What was read before the end is given before it, also what finds no room.
                    this.deliver(cx);
                    this.mailbox.finish(mem::take(&mut this.read), error);
                    this.is_done = true;
                    return Poll::Ready(());
                }
                Read::Unused => {
                    this.is_done = true;
                    return Poll::Ready(());
                }
            }
        }
        // Other tasks shall run, also when the transport never leaves room for a wait.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Puts what was read into the mailbox. Says whether everything found room.
    fn deliver(&mut self, cx: &mut Context<'_>) -> bool {
        if self.mailbox.is_abandoned() {
            // Not even its key is of interest.
            self.read.clear();
            return true;
        }
        while let Some(message) = self.read.pop_front() {
            let len = message.len();
            let refused = match &mut self.policy {
                Policy::DropOldest => {
                    self.mailbox.displace(message);
                    continue;
                }
                Policy::Conflate(conflate) => conflate.put(message, &self.mailbox).err(),
                _ => self.mailbox.append(message).err(),
            };
            let Some(message) = refused else {
                self.is_waiting = false;
                continue;
            };
            match self.policy {
                Policy::DropNewest => self.mailbox.dropped(1),
                Policy::Disconnect if self.disconnect() => {
                    self.mailbox.dropped(1 + self.read.len());
                    self.read.clear();
                }
                _ => {
                    self.read.push_front(message);
                    if self.mailbox.poll_room(len, cx).is_pending() {
                        if !mem::replace(&mut self.is_waiting, true) {
                            self.mailbox.overflowed();
                        }
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Says whether that was of use: not behind the end, before which everything is given.
    fn disconnect(&self) -> bool {
        let stats = self.mailbox.stats();
        let message = format!(
            "the application is too slow: {} messages of {} bytes wait for it, and its inbox is full",
            stats.lag, stats.lag_bytes
        );
        self.shared.with(|link| {
            if !matches!(link.ws.state, State::Open | State::Closing(_)) {
                return false;
            }
            let error = Error::new(ErrorKind::SlowConsumer, Phase::Open, message);
            link.ws.fail_with(error, CloseCode::POLICY, Role::Reader);
            true
        })
    }

    /// Reads what there is, up to what the mailbox takes; without room, only what else has to go on.
    fn poll_read(&mut self, has_room: bool, cx: &mut Context<'_>) -> Poll<Read> {
        let most = if has_room {
            self.mailbox.room().min(READ_AT_ONCE)
        } else {
            usize::MAX
        };
        let (mailbox, read) = (&self.mailbox, &mut self.read);
        self.shared.poll(Who::Reader, cx, |link, cx| {
            // Asked with the lock held: a receiver that goes after that rings for this task.
            if mailbox.is_abandoned() && link.seats.iter().all(|seat| *seat == Seat::Free) {
                return Poll::Ready(Read::Unused);
            }
            if !has_room && !link.ws.is_at_end(cx) {
                return link.poll_without_reading(cx).map(Read::End);
            }
            let mut bytes = 0;
            while read.len() < most && bytes < BYTES_AT_ONCE {
                match link.ws.poll_message(Role::Reader, cx) {
                    Poll::Ready(Some(Ok(message))) => {
                        bytes += message.len();
                        read.push_back(message);
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Read::End(Some(error))),
                    Poll::Ready(None) => return Poll::Ready(Read::End(None)),
                    Poll::Pending if read.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Read::Some)
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link<T> {
    /// What has to go on although nobody takes messages: writing, the deadline of a closing
    /// handshake, and the end. `Ready` with that.
    fn poll_without_reading(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let ws = &mut self.ws;
        if matches!(ws.state, State::Open | State::Closing(_)) {
            let _ = ws.poll_out(Role::Reader, cx);
            if let State::Closing(deadline) = &mut ws.state {
                let waker = ws.wakers.register(Role::Reader, cx.waker());
                if deadline
                    .as_mut()
                    .poll(&mut Context::from_waker(waker))
                    .is_ready()
                {
                    ws.close_timed_out();
                    return ws.poll_end(Role::Reader, cx);
                }
            }
            let Some(error) = ws.write_error.take() else {
                return Poll::Pending;
            };
            ws.lost(Some(error), Role::Reader);
        }
        ws.poll_end(Role::Reader, cx)
    }
}

/// The task is gone. Ended with its runtime, or because the transport or the application's key for
/// conflation panicked, it takes the connection along: its timers may be gone too.
impl<T: AsyncRead + AsyncWrite + Unpin> Drop for Driver<T> {
    fn drop(&mut self) {
        let error = || {
            let message = "the task that drives the connection was ended with its runtime";
            Error::new(ErrorKind::Closed, Phase::Open, message)
        };
        self.shared.with(|link| {
            link.is_driven = false;
            link.has_reader = false;
            if !self.is_done {
                link.ws.fail_at_once(error());
            }
            // They read from now on, if only to the end.
            self.shared.bell.ring_senders();
        });
        let read = mem::take(&mut self.read);
        self.mailbox.finish(read, Some(error()));
    }
}

/// Looks at the connection before the task lets others run.
const TURN: usize = 16;

/// Messages that are read with one look at the connection.
const READ_AT_ONCE: usize = 32;

/// Bytes after which that look ends.
const BYTES_AT_ONCE: usize = 64 << 10;
