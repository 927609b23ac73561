//! How far connecting has come, and the deadlines over it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::task::coop;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Target, tcp};
use crate::error::{Error, ErrorKind, Phase};
use crate::handshake::Handshake;
use crate::report::{ConnectReport, Failure};
use crate::trace;

/// How far connecting has come. It lives outside of the work, so that it is still there when a
/// deadline has ended the work.
pub(super) struct Progress {
    /// When everything began.
    pub(super) began: Instant,
    /// When the way to the present URL began.
    turned: Instant,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Instant,
    /// When the server's answer had come.
    answered: Option<Instant>,
    /// How many bytes of the response have come.
    pub(super) received: usize,
    /// What is to become of it, with the report so far.
    pub(super) handshake: Box<Handshake>,
}

impl Progress {
    /// Connecting begins with this phase, which is entered by whoever has something to do in it.
    pub(super) fn new(target: &Target, phase: Phase) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            turned: now,
            phase,
            since: now,
            answered: None,
            received: 0,
            handshake: Handshake::begun(ConnectReport {
                target: target.shown(),
                ..ConnectReport::default()
            }),
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
        trace::entered(phase);
    }

    /// The server's answer has come.
    pub(super) fn answered(&mut self) {
        let now = Instant::now();
        self.handshake.report.upgrade = Some(now - self.since);
        self.answered = Some(now);
    }

    /// A redirect leads on to another URL: what was reported becomes one of its redirects.
    pub(super) fn turn_to(&mut self, target: &Target) {
        self.handshake.report.elapsed = self.turned.elapsed();
        self.turned = Instant::now();
        self.received = 0;
        let next = ConnectReport {
            target: target.shown(),
            redirects: std::mem::take(&mut self.handshake.report.redirects),
            ..ConnectReport::default()
        };
        let last = std::mem::replace(&mut self.handshake.report, next);
        self.handshake.report.redirects.push(last);
        trace::redirected(target);
    }

    /// The connection was made.
    pub(super) fn succeeded(mut self) -> Box<Handshake> {
        let now = self.answered.unwrap_or_else(Instant::now);
        let report = &mut self.handshake.report;
        report.elapsed = now - self.turned;
        // It stays with the connection.
        report.addresses.shrink_to_fit();
        report.attempts.shrink_to_fit();
        trace::connected(report);
        self.handshake
    }

    /// The error with the report of what led to it.
    pub(super) fn failed(self, error: Error) -> Error {
        let mut report = Box::new(self.handshake.report);
        report.elapsed = self.turned.elapsed();
        report.failure = Some(Box::new(Failure {
            phase: error.phase(),
            elapsed: self.since.elapsed(),
            error: error.to_string(),
        }));
        trace::failed(&error, &report);
        let mut target = report.target.clone();
        if let Some(first) = report.redirects.first() {
            target = format!("{target} (redirected from {})", first.target);
        }
        // One that has opened the way may still be the one who spoils it.
        let proxy = report.proxy.as_ref();
        if let Some(proxy) = proxy.filter(|proxy| proxy.elapsed.is_some()) {
            target = format!("{target} (through the proxy {})", proxy.name());
        }
        error.context(target).with_report(report)
    }

    /// The error for the deadline that has ended the work.
    pub(super) fn late(&self, limit: Limit) -> Error {
        let detail = match self.phase {
            Phase::Resolve => "the resolver has not answered".to_owned(),
            Phase::Connect => tcp::describe(&self.handshake.report.attempts),
            Phase::Upgrade if self.received == 0 => "the server has sent nothing".to_owned(),
            Phase::Upgrade => format!(
                "the server's response is not complete after {} bytes",
                self.received
            ),
            Phase::Tls => {
                "the server does not answer; if it does not speak TLS on this port, use ws://"
                    .to_owned()
            }
            Phase::Proxy => "the proxy has not opened the way".to_owned(),
            _ => "the server does not answer".to_owned(),
        };
        let phase = self.phase;
        let message = match limit {
            Limit::Whole(limit) => format!(
                "the connect deadline of {limit:?} passed in {phase}, {:.1?} after that had begun: \
                 {detail}",
                self.since.elapsed()
            ),
            Limit::Phase(limit) => {
                format!("the limit of {limit:?} for {phase} passed: {detail}")
            }
        };
        self.blame(Error::new(ErrorKind::Timeout, phase, message))
    }

    /// Says so if it is a failure of the proxy, or on the way to it.
    pub(super) fn blame(&self, error: Error) -> Error {
        match self.proxy() {
            Some(proxy) => error.context(format!("the proxy {proxy}")),
            None => error,
        }
    }

    /// The proxy, as long as it has not opened the way to the server.
    pub(super) fn proxy(&self) -> Option<String> {
        let proxy = self.handshake.report.proxy.as_ref();
        let proxy = proxy.filter(|proxy| proxy.elapsed.is_none())?;
        Some(proxy.name())
    }
}

/// How long connecting may take: all of it, and each phase by itself where that is limited.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    whole: Duration,
    phases: Vec<(Phase, Duration)>,
}

impl Limits {
    pub(crate) fn whole(&self) -> Duration {
        self.whole
    }

    pub(crate) fn set_whole(&mut self, limit: Duration) {
        self.whole = limit;
    }

    pub(crate) fn set_phase(&mut self, phase: Phase, limit: Duration) {
        self.phases.retain(|(other, _)| *other != phase);
        self.phases.push((phase, limit));
    }

    fn of(&self, phase: Phase) -> Option<Duration> {
        let mut phases = self.phases.iter();
        phases
            .find(|(other, _)| *other == phase)
            .map(|(_, limit)| *limit)
    }

    /// What is left of a phase that begins now, if connecting began at `began`.
    pub(super) fn left(&self, phase: Phase, began: Instant) -> Duration {
        let left = self.whole.saturating_sub(began.elapsed());
        self.of(phase).map_or(left, |limit| limit.min(left))
    }

    /// Ends the work of a phase at the limit of that phase, if it has one. The work stays where it is: it is
    /// large, and would be moved at every step outwards.
    pub(super) async fn within<T>(
        &self,
        phase: Phase,
        work: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Stop> {
        let Some(limit) = self.of(phase) else {
            return Ok(work.await?);
        };
        // Most have no limit of their own, and no room is kept for it.
        match Box::pin(timeout(limit, work)).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Stop::Late(Limit::Phase(limit))),
        }
    }

    /// Ends all of the work, which began then, at the deadline over everything.
    pub(super) async fn within_whole<T>(
        &self,
        began: Instant,
        work: Pin<&mut impl Future<Output = Result<T, Stop>>>,
    ) -> Result<T, Stop> {
        let Some(deadline) = began.checked_add(self.whole) else {
            return work.await;
        };
        let (mut work, mut timer) = (work, None);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            // Made when there is something to wait for.
            let timer =
                timer.get_or_insert_with(|| Box::pin(coop::unconstrained(sleep_until(deadline))));
            ready!(timer.as_mut().poll(cx));
            Poll::Ready(Err(Stop::Late(Limit::Whole(self.whole))))
        })
        .await
    }

    /// The first limit that makes no sense, by the name of its setter.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.whole.is_zero() {
            return Err(Error::config(
                "timeout is 0: nothing can be done in no time",
            ));
        }
        for (phase, limit) in &self.phases {
            if matches!(phase, Phase::Open | Phase::Closing) {
                let message = format!(
                    "phase_timeout: {phase:?} is not a phase of connecting; see close_timeout"
                );
                return Err(Error::config(message));
            }
            if limit.is_zero() {
                let message =
                    format!("phase_timeout of {phase:?} is 0: nothing can be done in no time");
                return Err(Error::config(message));
            }
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(10),
            phases: Vec::new(),
        }
    }
}

/// Which limit has passed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Whole(Duration),
    Phase(Duration),
}

/// Why the work ended without a connection.
pub(super) enum Stop {
    Failed(Error),
    Late(Limit),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
