//! Liveness while a connection is polled: the timer, and what is done when it fires.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::{self, Sleep};

use super::ending::Ending;
use super::wakers::Role;
use super::{State, WsStream};
use crate::error::{Error, Phase};
use crate::frame::Opcode;
use crate::liveness::Liveness;
use crate::protocol::keepalive::{Counts, Keepalive, Sight, Verdict};
use crate::protocol::{RoundTrips, Rtt};
use crate::trace;

/// What a connection keeps to know whether its peer is there.
#[derive(Debug)]
pub(super) struct Watch {
    /// Whether [`WsStream::heard`] is to be called when bytes have come.
    pub(super) hears: bool,
    /// The end of the transport lies behind what is in the read buffer.
    at_end: bool,
    /// A writer has looked, who cannot judge messages: a reader is to look too.
    blind: bool,
    /// Made when the stream first has to wait, and then kept: to make one costs more than a message.
    timer: Option<Pin<Box<Sleep>>>,
    /// Apart, because nothing of it is touched while messages come.
    rest: Box<Rest>,
}

#[derive(Debug)]
struct Rest {
    watching: Watching,
    /// Made when the first Ping is sent.
    round_trips: Option<Box<RoundTrips>>,
    /// Answers to the application's pings that were kept from it.
    answers: u64,
    /// The peer is dead, but a reader without room has yet to give what lies in the read buffer.
    is_dead: bool,
    trace: trace::Connection,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, in a box, and it is the large one soon"
)]
enum Watching {
    /// For who wants no liveness.
    Never,
    /// From the first wait on.
    NotYet(Liveness),
    Since(Keepalive),
}

impl Rest {
    fn liveness(&self) -> Option<&Liveness> {
        match &self.watching {
            Watching::Never => None,
            Watching::NotYet(liveness) => Some(liveness),
            Watching::Since(keepalive) => Some(keepalive.liveness()),
        }
    }

    fn keepalive(&self) -> Option<&Keepalive> {
        match &self.watching {
            Watching::Since(keepalive) => Some(keepalive),
            _ => None,
        }
    }

    fn keepalive_mut(&mut self) -> Option<&mut Keepalive> {
        match &mut self.watching {
            Watching::Since(keepalive) => Some(keepalive),
            _ => None,
        }
    }
}

impl Watch {
    pub(super) fn new(liveness: Option<Liveness>, target: &str) -> Self {
        Self {
            hears: liveness.as_ref().is_some_and(|it| it.app_ping.is_some()),
            at_end: false,
            blind: false,
            timer: None,
            rest: Box::new(Rest {
                watching: liveness.map_or(Watching::Never, Watching::NotYet),
                round_trips: None,
                answers: 0,
                is_dead: false,
                trace: trace::Connection::opened(target),
            }),
        }
    }

    /// Whether texts may be answers to the application's pings.
    pub(super) fn filters(&self) -> bool {
        let liveness = self.rest.liveness();
        liveness.is_some_and(|liveness| liveness.app_ping.is_some())
    }

    /// Whether only what lies in the read buffer is still to come.
    pub(super) fn is_dead(&self) -> bool {
        self.rest.is_dead
    }

    pub(super) fn round_trips(&mut self) -> &mut RoundTrips {
        self.rest.round_trips.get_or_insert_default()
    }

    /// A Pong has come.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        let Rest {
            round_trips, trace, ..
        } = &mut *self.rest;
        let Some(round_trips) = round_trips else {
            return;
        };
        if round_trips.pong(payload, now).is_some() {
            trace.answered(round_trips.rtt().last);
        }
    }

    pub(super) fn trace(&self) -> &trace::Connection {
        &self.rest.trace
    }

    pub(super) fn rtt(&self) -> Rtt {
        let round_trips = self.rest.round_trips.as_ref();
        round_trips.map_or_else(Rtt::default, |round_trips| *round_trips.rtt())
    }

    /// When the last byte came, up to a tick later than it did; `None` while that is not watched.
    pub(super) fn last_activity(&self, received: u64) -> Option<Instant> {
        let keepalive = self.rest.keepalive()?;
        Some(keepalive.last_heard(now(), received))
    }

    /// Whether the timer has fired, as far as can be told without polling it.
    #[inline]
    fn has_fired(&self) -> bool {
        self.timer.as_ref().is_some_and(|timer| timer.is_elapsed())
    }

    /// Whether this is an answer to the application's ping.
    pub(super) fn is_answer(&self, text: &str) -> bool {
        let liveness = self.rest.liveness();
        let app_ping = liveness.and_then(|liveness| liveness.app_ping.as_ref());
        app_ping.is_some_and(|ping| (ping.is_answer)(text))
    }

    /// An answer was kept from the application.
    pub(super) fn answered(&mut self) {
        self.rest.answers += 1;
        if let Some(keepalive) = self.rest.keepalive_mut() {
            keepalive.answered();
        }
    }

    /// Sets the timer anew. Its waker must then be registered again.
    fn rearm(&mut self) {
        let Some(keepalive) = self.rest.keepalive() else {
            return;
        };
        self.hears = keepalive.is_quiet() || self.filters();
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(keepalive.due().into());
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// Bytes have come, the first after a silence or such as may be an answer to the application's
    /// ping.
    #[cold]
    pub(super) fn heard(&mut self) {
        self.watch.rest.is_dead = false;
        if let Some(keepalive) = self.watch.rest.keepalive_mut() {
            if keepalive.is_quiet() {
                keepalive.heard(now(), self.stats.received.wire_bytes);
                self.watch.rearm();
                self.wakers.told = false;
            }
        }
        if self.filters() {
            self.drop_answers();
        }
    }

    /// Whether [`watch`](Self::watch) has something to do. Whoever waits asks it.
    #[inline]
    pub(super) fn must_watch(&self) -> bool {
        !self.wakers.told || self.watch.blind || self.watch.has_fired()
    }

    /// Waits for the timer, and acts when it has fired: sends what is to be sent, or ends the
    /// connection. `sight` is what the caller can say of what has come.
    #[cold]
    pub(super) fn watch(
        &mut self,
        role: Role,
        sight: Sight,
        cx: &mut Context<'_>,
    ) -> Option<Verdict> {
        if !matches!(self.state, State::Open) {
            return None;
        }
        if !coop::has_budget_remaining() {
            // Nothing that the runtime drives is ready now, whether or not there is something.
            cx.waker().wake_by_ref();
            return None;
        }
        let waker = self.wakers.register(role, cx.waker()).clone();
        let cx = &mut Context::from_waker(&waker);
        self.wakers.told = true;
        if self.watch.timer.is_none() && !self.start_watch(sight) {
            return None;
        }
        self.wrote();
        let has_no_room = role == Role::Reader && sight == Sight::Bytes;
        loop {
            let timer = self.watch.timer.as_mut()?;
            let looks_again = self.watch.blind && sight == Sight::Whole;
            if timer.as_mut().poll(cx).is_pending() && !looks_again {
                return None;
            }
            self.watch.blind = role == Role::Writer;
            if self.watch.blind {
                self.wakers.wake_other(role);
            }
            let sight = match sight {
                Sight::Bytes => self.read_unasked(role, cx),
                seen => seen,
            };
            if has_no_room && self.watch.at_end {
                return None;
            }
            let counts = self.counts(sight);
            let due = self.watch.rest.keepalive_mut()?.look(now(), counts);
            self.watch.rest.is_dead = has_no_room && due.verdict.is_some();
            if let Some(verdict) = due.verdict {
                if !has_no_room {
                    self.die(verdict, role);
                }
                return Some(verdict);
            }
            match (due.ping, due.app_ping) {
                (ping, true) => self.push_app_ping(ping),
                (true, false) => self.push_ping(),
                (false, false) => {}
            }
            // A transport that takes nothing just now, or has failed, is seen by whoever waits for it.
            let _ = self.poll_out(role, cx);
            self.wrote();
            self.watch.rearm();
        }
    }

    /// For a reader that has no room for messages: whether the end has come, by a verdict or in the
    /// transport. Then it reads all the same: there is no more than lies in the buffer, and whatever
    /// has come is given before the end.
    pub(super) fn is_at_end(&mut self, cx: &mut Context<'_>) -> bool {
        self.must_watch() && self.watch(Role::Reader, Sight::Bytes, cx).is_some()
            || self.watch.at_end
    }

    /// A Ping counts from when the transport has taken it.
    fn wrote(&mut self) {
        let taken = self.queue.taken();
        if let Some(keepalive) = self.watch.rest.keepalive_mut() {
            if keepalive.waits_to_leave(taken) {
                keepalive.wrote(now(), taken);
                self.watch.rearm();
            }
        }
    }

    /// Without liveness there is nothing to watch for, and without a runtime there are no timers.
    fn start_watch(&mut self, sight: Sight) -> bool {
        let counts = self.counts(sight);
        let rest = &mut *self.watch.rest;
        let Watching::NotYet(liveness) = &rest.watching else {
            return false;
        };
        if Handle::try_current().is_err() {
            return false;
        }
        let keepalive = Keepalive::new(liveness.clone(), now(), counts);
        self.watch.timer = Some(Box::pin(time::sleep_until(keepalive.due().into())));
        self.watch.hears = true;
        rest.watching = Watching::Since(keepalive);
        true
    }

    fn counts(&self, sight: Sight) -> Counts {
        let received = &self.stats.received;
        let data_frames = received.messages + self.protocol.fragments_received();
        let in_data = self.protocol.is_in_frame();
        Counts {
            received: received.wire_bytes,
            written: self.queue.taken(),
            frames: data_frames + received.pings + received.pongs,
            data_frames: data_frames - self.watch.rest.answers,
            in_frame: in_data || !self.read.unread().is_empty(),
            in_data,
            sight,
        }
    }

    /// Reads what there is on behalf of somebody who only writes, or of a reader that has no room for
    /// messages, so that nobody is called dead whose bytes are there. They stay in the buffer.
    pub(super) fn read_unasked(&mut self, role: Role, cx: &mut Context<'_>) -> Sight {
        loop {
            match self.read.poll_more(&mut self.io, cx) {
                Some(Poll::Ready(Ok(count @ 1..))) => {
                    self.stats.received.wire_bytes += count as u64;
                    if role == Role::Writer {
                        self.wakers.wake_other(role);
                    }
                }
                // An end comes again when the reader looks. It is no sign of life.
                Some(Poll::Ready(Ok(_))) => {
                    self.watch.at_end = true;
                    return Sight::Bytes;
                }
                Some(Poll::Pending) => return Sight::Bytes,
                Some(Poll::Ready(Err(error))) => {
                    self.fail_write(error);
                    return Sight::Bytes;
                }
                None => return Sight::Nothing,
            }
        }
    }

    fn push_app_ping(&mut self, in_place_of_ping: bool) {
        if self.unfinished.is_some() {
            // No message may stand inside another (RFC 6455 §5.4); what was not asked is not answered.
            if let Some(keepalive) = self.watch.rest.keepalive_mut() {
                keepalive.answered();
            }
            if in_place_of_ping {
                self.push_ping();
            }
            return;
        }
        let liveness = self.watch.rest.liveness();
        if let Some(ping) = liveness.and_then(|liveness| liveness.app_ping.as_ref()) {
            let text = ping.text.clone();
            self.queue_borrowed(Opcode::Text, text.as_bytes());
        }
        self.watch.trace().app_pinged();
        if in_place_of_ping {
            self.pinged(now());
        }
    }

    /// The peer is gone: nothing more is written, and the transport ends.
    fn die(&mut self, verdict: Verdict, role: Role) {
        self.watch.trace().dead(verdict.kind(), &verdict.message());
        self.protocol.lost();
        self.queue.clear();
        self.write_error = Some(std::io::ErrorKind::TimedOut.into());
        let error = self.died(verdict);
        self.end(Ending::lost(error), role);
    }

    /// What whoever waited is told.
    pub(super) fn died(&self, verdict: Verdict) -> Error {
        self.error_at_end(Error::new(verdict.kind(), Phase::Open, verdict.message()))
    }
}

impl<T> WsStream<T> {
    /// Asks the peer for a sign of life at once: for when the machine has slept or the network has
    /// changed, which the connection itself cannot see.
    ///
    /// A Ping leaves with the next poll, and when nothing has come within 5 s (or
    /// [`Liveness::timeout`](crate::Liveness::timeout), if that is less) the connection ends with an
    /// error of kind [`NoPong`](crate::ErrorKind::NoPong). Without liveness it is only a Ping. After
    /// the end of the connection, or once it is closing, nothing happens.
    ///
    /// A timer that fires much too late, because the application was busy or its process was stopped,
    /// does the same by itself. After the machine has slept that needs a clock which goes on
    /// meanwhile; the one of Linux and macOS stands still, and then the silence is judged as if the
    /// machine had not slept.
    ///
    /// ```
    /// # async fn example(
    /// #     ws: &mut longwire::WsStream,
    /// #     mut network_changed: tokio::sync::mpsc::Receiver<()>,
    /// # ) -> Result<(), longwire::Error> {
    /// loop {
    ///     tokio::select! {
    ///         message = ws.next() => match message {
    ///             Some(message) => println!("{}", message?),
    ///             None => return Ok(()),
    ///         },
    ///         Some(()) = network_changed.recv() => ws.nudge(),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn nudge(&mut self) {
        if !self.is_open() {
            return;
        }
        let written = self.queue.taken();
        let ping = match self.watch.rest.keepalive_mut() {
            Some(keepalive) => keepalive.nudge(now(), self.stats.received.wire_bytes, written),
            None => true,
        };
        if ping {
            self.push_ping();
        }
        self.watch.rearm();
        self.wakers.told = false;
        self.wakers.wake();
    }

    fn push_ping(&mut self) {
        let now = now();
        let payload = self.watch.round_trips().payload();
        self.watch.round_trips().sent(&payload, now);
        self.queue.push(Opcode::Ping, true, &payload);
        self.stats.sent.pings += 1;
        self.watch.trace().pinged();
        self.pinged(now);
    }

    fn pinged(&mut self, now: Instant) {
        if let Some(keepalive) = self.watch.rest.keepalive_mut() {
            keepalive.pinged(now, self.queue.taken() + self.queue.len() as u64);
        }
    }
}

/// The clock that the timers go by, which tests may have stopped.
pub(super) fn now() -> Instant {
    time::Instant::now().into_std()
}
