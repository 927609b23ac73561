//! The halves of a connection, for tasks of their own: who may enter, and what others learn of it.
//!
//! The [`WsStream`] lies behind a lock that is held for the length of one poll and never over an
//! await. A [`Bell`] wakes whoever waits once the lock is free again.

mod bell;
mod closing;
mod driver;
mod inbox;
mod mailbox;
mod overheard;
mod permit;
mod pings;
mod receiver;
mod sender;
mod sink;
#[cfg(not(longwire_model))]
mod sync;
#[cfg(longwire_model)]
#[path = "model.rs"]
mod sync;

use std::cell::Cell;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};

use self::bell::{Bell, Rung, Who};
pub use self::inbox::Inbox;
pub use self::mailbox::InboxStats;
use self::overheard::Overheard;
pub use self::permit::{Permit, TrySendError};
use self::pings::Pings;
pub use self::receiver::{ReuniteError, WsReceiver};
pub use self::sender::WsSender;
use self::sync::Mutex;
use super::observer::Observer;
use super::wakers::{Role, Wakers};
use super::{State, WsStream};
use crate::error::Error;
use crate::handshake::Handshake;

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// Splits the connection into a half that sends and one that receives, for two or more tasks.
    ///
    /// The sending half can be cloned. No task ever waits for another that holds the connection:
    /// its lock is held for the length of one poll. What is sent leaves in the order in which it
    /// was queued; Pongs and Close frames leave with whichever half is polled next.
    ///
    /// Whoever uses the connection from one task has no use for this, and pays nothing for it. To lend
    /// messages ([`next_batch`](Self::next_batch)), and to receive or send them in parts, takes the whole
    /// stream.
    ///
    /// ```
    /// # async fn example() -> Result<(), longwire::Error> {
    /// let ws = longwire::connect("wss://example.com/feed").await?;
    /// let (mut sender, mut receiver) = ws.split();
    /// tokio::spawn(async move {
    ///     while let Some(message) = receiver.next().await {
    ///         println!("{message:?}");
    ///     }
    /// });
    /// sender.send("subscribe").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What becomes of the connection when a half is dropped
    ///
    /// Dropping senders, also the last one, closes nothing: the receiver goes on. When the receiver
    /// is dropped, the senders go on, and whichever of them is being polled reads and discards what
    /// still arrives, so that Pings are answered and the end is noticed. When both are gone the
    /// transport is dropped, without a closing handshake.
    pub fn split(self) -> (WsSender<T>, WsReceiver<T>) {
        let shared = Arc::new(Shared::new(self));
        (WsSender::new(Arc::clone(&shared)), WsReceiver::new(shared))
    }
}

/// What the halves share.
struct Shared<T> {
    link: Mutex<Link<T>>,
    bell: Arc<Bell>,
    /// Rings for the receiver.
    reader: Waker,
    /// Rings for all senders.
    writer: Waker,
    pings: Arc<Pings>,
    /// The user's observer, which is called when the lock is free.
    observer: Option<Observer>,
    overheard: Overheard,
    handshake: Option<Box<Handshake>>,
}

/// The connection, and what is known of those who use it.
struct Link<T> {
    ws: WsStream<T>,
    /// One for each sender.
    seats: Vec<Seat>,
    /// How many of them wait.
    waiting: usize,
    /// Some no longer wait, and are to be told so.
    has_granted: bool,
    /// The receiver is there, or a task reads for it.
    has_reader: bool,
    /// A task of the connection's own reads and flushes.
    is_driven: bool,
}

/// How it stands with a sender's next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// There is no sender in it.
    Free,
    Idle,
    /// It waits for room in the queue.
    Waiting,
    /// Its next message may be queued.
    Granted,
}

impl<T> Shared<T> {
    fn new(mut ws: WsStream<T>) -> Self {
        let bell = Arc::new(Bell::default());
        let [reader, writer] = bell.wakers();
        ws.wakers = Wakers::kept(reader.clone(), writer.clone());
        let pings = Arc::new(Pings::default());
        let overheard = Overheard::default();
        let observer = ws.observer.take();
        ws.observer = Some({
            let pings = Arc::clone(&pings);
            let overheard = observer.is_some().then(|| overheard.clone());
            let writer = writer.clone();
            Arc::new(move |frame| {
                if pings.answered(frame) {
                    writer.wake_by_ref();
                }
                if let Some(overheard) = &overheard {
                    overheard.push(frame);
                }
            })
        });
        Self {
            handshake: ws.handshake.take(),
            link: Mutex::new(Link {
                ws,
                seats: Vec::new(),
                waiting: 0,
                has_granted: false,
                has_reader: false,
                is_driven: false,
            }),
            bell,
            reader,
            writer,
            pings,
            observer,
            overheard,
        }
    }

    /// One poll on behalf of `who`, with the lock held.
    fn poll<R>(
        &self,
        who: Who,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Link<T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let waker = match who {
            Who::Reader => &self.reader,
            Who::Sender(_) => &self.writer,
        };
        self.enter(|link, replaced| {
            let polled = poll(link, &mut Context::from_waker(waker));
            if polled.is_pending() {
                *replaced = self.bell.register(who, cx.waker());
            }
            polled
        })
    }

    /// Does something with the connection that waits for nothing.
    fn with<R>(&self, act: impl FnOnce(&mut Link<T>) -> R) -> R {
        self.enter(|link, _| act(link))
    }

    /// Holds the lock for as long as `act` takes, and tells those who wait what has changed.
    ///
    /// A waker that was replaced is dropped, as tasks are woken, when the lock is free.
    fn enter<R>(&self, act: impl FnOnce(&mut Link<T>, &mut Option<Waker>) -> R) -> R {
        let mut replaced = None;
        let delivery = Delivery::new(&self.bell);
        // A transport that panicked has broken its own task; the others see what it left.
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = delivery.enter();
        let before = link.mark();
        let result = act(&mut link, &mut replaced);
        let after = link.mark();
        link.grant();
        if mem::take(&mut link.has_granted) || after.taken != before.taken {
            self.bell.ring_senders();
        }
        if link.is_driven && after.end != before.end && !link.ws.queue.is_clean() {
            // What was queued leaves without anybody else's help.
            self.bell.ring_reader();
        }
        if after.stage != before.stage {
            self.bell.ring_senders();
            self.bell.ring_reader();
        }
        drop(inside);
        drop(link);
        drop(delivery);
        if let Some(observer) = &self.observer {
            self.overheard.tell(observer);
        }
        result
    }
}

impl<T> Shared<T> {
    /// The stream as it was before it was split.
    fn into_stream(self) -> WsStream<T> {
        let link = self.link.into_inner();
        let mut ws = link.unwrap_or_else(PoisonError::into_inner).ws;
        ws.wakers = Wakers::default();
        ws.observer = self.observer;
        ws.handshake = self.handshake;
        ws
    }
}

/// Wakes, when it is dropped, those for whom it rang.
struct Delivery<'a> {
    bell: &'a Bell,
    rung: Cell<Rung>,
}

/// The lock is held; what rings meanwhile is left to the delivery.
struct Inside<'a>(&'a Delivery<'a>);

impl<'a> Delivery<'a> {
    fn new(bell: &'a Bell) -> Self {
        let rung = Cell::default();
        Self { bell, rung }
    }

    fn enter(&'a self) -> Inside<'a> {
        self.bell.enter();
        Inside(self)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.rung.set(self.0.bell.leave());
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.bell.deliver(self.rung.get());
    }
}

/// What others may be waiting for.
struct Mark {
    /// Bytes that were written.
    taken: u64,
    /// Bytes that were queued.
    end: u64,
    /// How near the connection is to its end.
    stage: (mem::Discriminant<State>, bool),
}

impl<T> Link<T> {
    fn mark(&self) -> Mark {
        let ws = &self.ws;
        Mark {
            taken: ws.queue.taken(),
            end: self.position(),
            stage: (mem::discriminant(&ws.state), ws.write_error.is_some()),
        }
    }

    /// Where the queue ends now.
    fn position(&self) -> u64 {
        self.ws.queue.taken() + self.ws.queue.len() as u64
    }

    /// What a flush that begins now waits for; out of reach behind the end.
    fn flush_target(&self) -> u64 {
        if matches!(self.ws.state, State::Ended) {
            return u64::MAX;
        }
        self.position()
    }

    /// A seat for one more sender.
    fn take_seat(&mut self) -> usize {
        if let Some(seat) = self.seats.iter().position(|seat| *seat == Seat::Free) {
            self.seats[seat] = Seat::Idle;
            return seat;
        }
        self.seats.push(Seat::Idle);
        self.seats.len() - 1
    }

    fn leave_seat(&mut self, seat: usize) {
        self.set_seat(seat, Seat::Free);
    }

    fn set_seat(&mut self, seat: usize, to: Seat) {
        let before = mem::replace(&mut self.seats[seat], to);
        self.waiting -= usize::from(before == Seat::Waiting);
        self.waiting += usize::from(to == Seat::Waiting);
    }

    /// When there is room, whoever waits for it may queue one message each: nobody who comes later
    /// can be before them.
    fn grant(&mut self) {
        if self.waiting == 0 || self.ws.queue.len() > self.ws.write_high_water {
            return;
        }
        for seat in &mut self.seats {
            if *seat == Seat::Waiting {
                *seat = Seat::Granted;
            }
        }
        self.waiting = 0;
        self.has_granted = true;
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link<T> {
    /// Waits until the sender's next message may be queued, and keeps that right for it.
    fn poll_room(&mut self, seat: usize, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.read_for_nobody(cx);
        let polled = match self.seats[seat] {
            Seat::Granted => Poll::Ready(self.ws.check_open()),
            _ => self.ws.poll_ready_to_queue(cx),
        };
        let now = match &polled {
            Poll::Ready(Ok(())) => Seat::Granted,
            Poll::Ready(Err(_)) => Seat::Idle,
            Poll::Pending => Seat::Waiting,
        };
        self.set_seat(seat, now);
        // Before this one takes the room that it has just made.
        self.grant();
        polled
    }

    /// Waits until the transport has taken everything up to this position. What others have queued
    /// behind it is not waited for.
    fn poll_flush(&mut self, until: u64, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.read_for_nobody(cx);
        let ws = &mut self.ws;
        if ws.write_error.is_some() || matches!(ws.state, State::Ended) {
            // Whatever has happened since, that has left.
            let is_taken = until > 0 && ws.queue.taken() >= until;
            return Poll::Ready(if is_taken { Ok(()) } else { Err(ws.closed()) });
        }
        let mut polled = ws.poll_out(Role::Writer, cx);
        if polled.is_pending() && ws.queue.taken() >= until {
            let waker = ws.wakers.register(Role::Writer, cx.waker());
            polled = Pin::new(&mut ws.io).poll_flush(&mut Context::from_waker(waker));
        }
        ws.poll_written(polled, cx)
    }

    /// Without a receiver, whoever else is polled reads: so that Pings are answered, and the end of
    /// the connection is noticed.
    fn read_for_nobody(&mut self, cx: &mut Context<'_>) {
        if self.has_reader {
            return;
        }
        while let Poll::Ready(Some(_)) = self.ws.poll_message(Role::Reader, cx) {}
    }
}
