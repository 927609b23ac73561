//! Whether the peer is still there: Pings after silence (RFC 6455 §5.5.2), a floor of progress inside a
//! frame, a limit on the time without a message, pings in the application's words.
//!
//! Nothing is told of single messages here. What has been counted is compared whenever
//! [`due`](Keepalive::due) passes: every tick while bytes come, and else when there is something to
//! decide.

use std::time::{Duration, Instant};

use crate::error::ErrorKind;
use crate::liveness::Liveness;

/// What has been counted since the connection was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Bytes that came from the transport.
    pub(crate) received: u64,
    /// Bytes that the transport took.
    pub(crate) written: u64,
    /// Frames that have ended: while it stands still, what is being received is the same frame.
    pub(crate) frames: u64,
    /// Those of messages, without the answers to the application's pings.
    pub(crate) data_frames: u64,
    /// Whether part of a frame has come.
    pub(crate) in_frame: bool,
    /// Whether that is a frame of a message.
    pub(crate) in_data: bool,
    pub(crate) sight: Sight,
}

/// What the one who looks can say of what has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sight {
    /// Everything was read and taken.
    Whole,
    /// Everything was read, but nobody takes messages: nothing can be said of them.
    Bytes,
    /// There is more to be read, and no room for it: nothing can be said of the peer.
    Nothing,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Due {
    /// A Ping is to be sent; [`pinged`](Keepalive::pinged) follows.
    pub(crate) ping: bool,
    /// The application's own ping is to be sent; in place of the Ping, if that is due too.
    pub(crate) app_ping: bool,
    /// The connection is dead.
    pub(crate) verdict: Option<Verdict>,
}

/// What a connection died of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing came for so long, of which the last part was the wait for a Pong.
    NoPong { silent: Duration, waited: Duration },
    /// Neither an answer to the application's ping nor another message came.
    NoAnswer { waited: Duration },
    /// So many bytes of a frame came in that time.
    Stalled { bytes: u64, within: Duration },
    /// No message came for so long.
    Idle { silent: Duration },
}

#[derive(Debug)]
pub(crate) struct Keepalive {
    liveness: Liveness,
    /// How far apart two looks are while bytes come.
    tick: Duration,
    /// What was counted at the last look.
    seen: Counts,
    /// The last byte came then, or up to a tick before.
    heard: Instant,
    /// Nothing came in the last tick: the next byte is to be told by [`heard`](Self::heard).
    quiet: bool,
    /// The Ping that only bytes can answer, whatever they are.
    probe: Option<Probe>,
    /// The frame that is being received.
    frame: Frame,
    /// The last message, or part of one, came then, or up to a tick before.
    data: Instant,
    /// When the application's ping is to go out next.
    ask: Instant,
    /// Since when an answer to it is waited for.
    asked: Option<Instant>,
    due: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    /// When it was sent; as long as it waits behind something that is being written, when the
    /// transport last took some of that.
    since: Instant,
    limit: Duration,
    /// How many bytes the transport has taken when the Ping is gone.
    end: u64,
    /// It was sent because the clock had jumped.
    after_jump: bool,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    /// When it began, or when it had last made progress enough.
    since: Instant,
    /// How many bytes had been received then.
    received: u64,
    /// How many frames had been counted; `None` if that is not known yet.
    frames: Option<u64>,
}

impl Keepalive {
    pub(crate) fn new(liveness: Liveness, now: Instant, counts: Counts) -> Self {
        let interval = liveness.interval;
        let tick = interval.min(liveness.timeout) / 8;
        let mut this = Self {
            liveness,
            tick: tick.clamp(LEAST_WAIT, MOST_TICK),
            seen: counts,
            heard: now,
            quiet: true,
            probe: None,
            frame: Frame {
                since: now,
                received: counts.received,
                frames: Some(counts.frames),
            },
            data: now,
            ask: later(now, interval),
            asked: None,
            due: now,
        };
        this.set_due(now);
        this
    }

    pub(crate) fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// When [`look`](Self::look) is to be called.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Whether the next bytes that come are to be told by [`heard`](Self::heard).
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// When the last byte came; up to a tick later than it did.
    pub(crate) fn last_heard(&self, now: Instant, received: u64) -> Instant {
        if received == self.seen.received {
            self.heard
        } else {
            now
        }
    }

    /// The first bytes after a silence have come.
    pub(crate) fn heard(&mut self, now: Instant, received: u64) {
        self.heard = now;
        self.quiet = false;
        self.probe = None;
        self.seen.received = received;
        if !self.seen.in_frame {
            // The frame that begins with these bytes; it has not been looked at.
            self.frame = Frame {
                since: now,
                received,
                frames: None,
            };
        }
        self.set_due(now);
    }

    /// Compares what has been counted. The caller has seen that nothing is left to be read.
    pub(crate) fn look(&mut self, now: Instant, counts: Counts) -> Due {
        let late = now.saturating_duration_since(self.due);
        let jumped = late >= self.liveness.timeout.min(JUMP);
        let before = std::mem::replace(&mut self.seen, counts);
        let came = counts.received != before.received;
        self.quiet = !came;
        if came || counts.sight == Sight::Nothing {
            self.heard = now;
            self.probe = None;
        }
        if jumped {
            // Nobody looked, or the machine slept: that time counts for nothing.
            self.data = later(self.data, late);
            self.frame.since = later(self.frame.since, late);
            self.asked = self.asked.map(|asked| later(asked, late));
        }

        let mut due = Due::default();
        self.look_at_silence(now, jumped, &mut due);
        self.look_at_frame(now, &before, &mut due);
        self.look_at_messages(now, &before, &mut due);
        if self.liveness.app_ping.is_some() && now >= self.ask {
            due.app_ping = true;
            self.ask = later(now, self.liveness.interval);
            self.asked.get_or_insert(now);
        }
        self.set_due(now);
        due
    }

    /// A Ping was queued; it is gone when the transport has taken `end` bytes.
    pub(crate) fn pinged(&mut self, now: Instant, end: u64) {
        let limit = self
            .probe
            .map_or(self.liveness.timeout, |probe| probe.limit);
        let after_jump = self.probe.is_some_and(|probe| probe.after_jump);
        self.probe = Some(Probe {
            since: now,
            limit,
            end,
            after_jump,
        });
        self.set_due(now);
    }

    /// Whether the transport has taken some of what was in front of a Ping, or the Ping.
    pub(crate) fn waits_to_leave(&self, taken: u64) -> bool {
        let waits = self
            .probe
            .is_some_and(|probe| self.seen.written < probe.end);
        waits && taken != self.seen.written
    }

    /// The transport has taken so many bytes.
    pub(crate) fn wrote(&mut self, now: Instant, taken: u64) {
        self.seen.written = taken;
        if let Some(probe) = &mut self.probe {
            probe.since = now;
        }
        self.set_due(now);
    }

    /// The peer is to show within a short time that it is there. Whether a Ping has to be sent for
    /// that; if not, one is waiting to be written.
    pub(crate) fn nudge(&mut self, now: Instant, received: u64, written: u64) -> bool {
        self.heard = self.last_heard(now, received);
        // What came before the nudge shows nothing.
        self.seen.received = received;
        self.quiet = true;
        let ping = self.expect_soon(now, written, false);
        self.set_due(now);
        ping
    }

    fn expect_soon(&mut self, now: Instant, written: u64, after_jump: bool) -> bool {
        let waits = self.probe.filter(|probe| written < probe.end);
        self.probe = Some(Probe {
            since: now,
            limit: self.liveness.timeout.min(NUDGE),
            end: waits.map_or(0, |probe| probe.end),
            after_jump,
        });
        waits.is_none()
    }

    fn look_at_silence(&mut self, now: Instant, jumped: bool, due: &mut Due) {
        if jumped && !self.probe.is_some_and(|probe| probe.after_jump) {
            if self.heard < now {
                due.ping = self.expect_soon(now, self.seen.written, true);
            }
            return;
        }
        let Some(probe) = &self.probe else {
            due.ping = now.saturating_duration_since(self.heard) >= self.liveness.interval;
            return;
        };
        let waited = now.saturating_duration_since(probe.since);
        if waited >= probe.limit {
            let silent = now.saturating_duration_since(self.heard);
            due.verdict = Some(Verdict::NoPong { silent, waited });
        }
    }

    fn look_at_frame(&mut self, now: Instant, before: &Counts, due: &mut Due) {
        let (least, within) = self.liveness.progress;
        let known = self.frame.frames.get_or_insert(self.seen.frames);
        if !self.seen.in_frame || self.seen.frames != *known {
            // The frame of which there is a part now began after the last look, if at all.
            self.frame = Frame {
                since: now,
                received: before.received,
                frames: Some(self.seen.frames),
            };
            return;
        }
        let took = now.saturating_duration_since(self.frame.since);
        if took < within || self.seen.sight != Sight::Whole {
            return;
        }
        let bytes = self.seen.received - self.frame.received;
        if bytes >= least {
            self.frame.since = now;
            self.frame.received = self.seen.received;
        } else if self.probe.is_none() && due.verdict.is_none() {
            // With a Ping on its way nothing comes at all, which has a verdict of its own.
            due.verdict = Some(Verdict::Stalled {
                bytes,
                within: took,
            });
        }
    }

    fn look_at_messages(&mut self, now: Instant, before: &Counts, due: &mut Due) {
        if self.seen.data_frames != before.data_frames {
            self.data = now;
            self.asked = None;
        } else if self.seen.in_data && self.heard > self.data {
            self.data = self.heard;
            self.asked = self.asked.map(|asked| asked.max(self.heard));
        }
        if self.seen.sight != Sight::Whole {
            return;
        }
        let silent = now.saturating_duration_since(self.data);
        if self.liveness.data_idle.is_some_and(|limit| silent >= limit) {
            due.verdict.get_or_insert(Verdict::Idle { silent });
        }
        let waited = self
            .asked
            .map(|asked| now.saturating_duration_since(asked))
            .filter(|waited| *waited >= self.liveness.timeout);
        if let Some(waited) = waited {
            due.verdict.get_or_insert(Verdict::NoAnswer { waited });
        }
    }

    /// An answer to the application's ping has come.
    pub(crate) fn answered(&mut self) {
        self.asked = None;
    }

    fn set_due(&mut self, now: Instant) {
        let mut due = match &self.probe {
            Some(probe) => later(probe.since, probe.limit),
            None => later(self.heard, self.liveness.interval),
        };
        let mut sooner = |at: Instant| due = due.min(at);
        if !self.quiet
            || self
                .probe
                .is_some_and(|probe| self.seen.written < probe.end)
        {
            sooner(later(now, self.tick));
        }
        if self.liveness.app_ping.is_some() {
            sooner(self.ask);
        }
        if self.seen.sight == Sight::Whole {
            if self.seen.in_frame && self.probe.is_none() {
                sooner(later(self.frame.since, self.liveness.progress.1));
            }
            if let Some(limit) = self.liveness.data_idle {
                sooner(later(self.data, limit));
            }
            if let Some(asked) = self.asked {
                sooner(later(asked, self.liveness.timeout));
            }
        }
        self.due = due.max(later(now, LEAST_WAIT));
    }
}

impl Verdict {
    pub(crate) fn kind(self) -> ErrorKind {
        match self {
            Self::NoPong { .. } | Self::NoAnswer { .. } => ErrorKind::NoPong,
            Self::Stalled { .. } => ErrorKind::Stalled,
            Self::Idle { .. } => ErrorKind::Idle,
        }
    }

    pub(crate) fn message(self) -> String {
        match self {
            Self::NoPong { silent, waited } => format!(
                "the server is gone: nothing came from it for {silent:.1?}, of which {waited:.1?} \
                 after a Ping"
            ),
            Self::NoAnswer { waited } => format!(
                "the service is gone: neither an answer to app_ping nor any other message came \
                 within {waited:.1?}"
            ),
            Self::Stalled { bytes, within } => format!(
                "the server stalls: of a frame that it has begun, only {bytes} bytes came in \
                 {within:.1?}"
            ),
            Self::Idle { silent } => format!(
                "no message came for {silent:.1?}, the limit of data_idle, though the server is there"
            ),
        }
    }
}

/// A time that is out of reach where the sum cannot be expressed.
fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by)
        .or_else(|| from.checked_add(OUT_OF_REACH))
        .unwrap_or(from)
}

const OUT_OF_REACH: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// While bytes come, a look a second costs nothing against them, and delays no verdict by more.
const MOST_TICK: Duration = Duration::from_secs(1);

/// Timers are no finer than this.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// A timer that fires so much too late has not been waited for all the time: the application was
/// busy elsewhere, or the machine slept. A busy machine delays it by less.
const JUMP: Duration = Duration::from_secs(5);

/// How long a peer has that was nudged: a lost packet is sent again several times within that.
const NUDGE: Duration = Duration::from_secs(5);
