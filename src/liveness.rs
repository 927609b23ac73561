//! How it is found out that a peer is gone: the settings, and what each of them costs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Phase};
use crate::utf8::Utf8Bytes;

/// When a connection counts as dead; on by default.
///
/// A peer that vanishes (a machine that lost power, a NAT that forgot the connection, a cable) says
/// nothing, and TCP alone notices after a quarter of an hour, or never while nothing is sent. So a
/// Ping (RFC 6455 §5.5.2) goes out after [`interval`](Self::interval) without a byte from the peer,
/// and when nothing has come for [`timeout`](Self::timeout) more, the connection ends with an error
/// of kind [`NoPong`](ErrorKind::NoPong). Any byte counts as life, not only the Pong: a peer in the
/// middle of a huge frame cannot answer before its end. A frame that has begun has to make
/// [`progress`](Self::progress) too: kind [`Stalled`](ErrorKind::Stalled).
///
/// What is judged is what arrives, not what the application takes. But a
/// [`WsStream`](crate::WsStream) has no task of its own: all of this happens while it is polled, by
/// `next`, or by a send or flush that has to wait. While nobody polls it, no Ping is answered and
/// none is sent, and the time does not count: when it is polled again, what lies in the socket is
/// read first, and if that is nothing the peer is probed as by [`nudge`](crate::WsStream::nudge).
/// Outside of a tokio runtime there are no timers, and so there is no liveness.
///
/// To keep it cheap, no clock is read when messages come: bytes are counted, and the counters are
/// compared from time to time. That may delay a verdict by one tick: an eighth of the shorter of
/// `interval` and `timeout`, at most 1 s.
///
/// ```no_run
/// use std::time::Duration;
///
/// use longwire::Liveness;
///
/// # async fn example() -> Result<(), longwire::Error> {
/// let ws = longwire::connect("wss://example.com/feed")
///     .liveness(
///         Liveness::default()
///             .interval(Duration::from_secs(5))
///             .timeout(Duration::from_secs(5))
///             .data_idle(Duration::from_secs(60)),
///     )
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Liveness {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) progress: (u64, Duration),
    pub(crate) data_idle: Option<Duration>,
    /// Shared, because most connections have none, and each keeps room for it.
    pub(crate) app_ping: Option<Arc<AppPing>>,
}

/// A ping in the application's own words.
pub(crate) struct AppPing {
    pub(crate) text: Utf8Bytes,
    pub(crate) is_answer: Matcher,
}

/// Says whether a text is an answer that the application is not to see.
pub(crate) type Matcher = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Default for Liveness {
    fn default() -> Self {
        let twenty = Duration::from_secs(20);
        Self {
            interval: twenty,
            timeout: twenty,
            progress: (1 << 10, Duration::from_secs(30)),
            data_idle: None,
            app_ping: None,
        }
    }
}

impl Liveness {
    /// How long nothing may come from the peer before it is sent a Ping. Default: 20 s.
    ///
    /// Less of it notices sooner, keeps stricter NATs and proxies open (many forget a silent
    /// connection after 30 to 60 s), and costs a small frame each way and two or three wake-ups per
    /// interval in which the peer is silent. `Duration::MAX` never sends one. 0 is refused.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long after the Ping nothing may come before the connection is dead. Default: 20 s.
    ///
    /// It counts from when the Ping has been handed to the transport; while the Ping waits behind
    /// messages that the transport is still taking, the peer is not blamed. Less of it gives up on
    /// peers that a congested network holds up. 0 is refused.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes have to come within each such time while a frame is incomplete.
    /// Default: 1 KiB in 30 s.
    ///
    /// Against a peer that sends a byte now and then, so that a message never becomes whole though
    /// the peer is never silent. A frame smaller than this has to be whole within that time. The time
    /// between the fragments of a message does not count. 0 bytes ask for no progress; a time of 0
    /// is refused.
    pub fn progress(mut self, bytes: u64, within: Duration) -> Self {
        self.progress = (bytes, within);
        self
    }

    /// How long no message may come before the connection ends with an error of kind
    /// [`Idle`](ErrorKind::Idle). Default: no limit.
    ///
    /// For feeds that always have something to say, so that silence means that the subscription is
    /// lost although the connection is alive. Pings and Pongs do not count, nor do answers to
    /// [`app_ping`](Self::app_ping); a message that is arriving does. 0 is refused.
    pub fn data_idle(mut self, limit: Duration) -> Self {
        self.data_idle = Some(limit);
        self
    }

    /// Sends this text at every [`interval`](Self::interval), whether or not the peer is silent, and
    /// keeps from the application every text that `is_answer` says is an answer. Default: none.
    ///
    /// For services that want pings in their own words, and to notice that the service behind a
    /// proxy has gone while the proxy still answers Pings: when neither an answer nor any other
    /// message has come within [`timeout`](Self::timeout), the connection ends with an error of kind
    /// [`NoPong`](ErrorKind::NoPong).
    ///
    /// `is_answer` is asked about every text that arrives, so it should be quick: a comparison, or a
    /// look at how the text begins.
    ///
    /// ```
    /// use longwire::Liveness;
    ///
    /// let liveness = Liveness::default()
    ///     .app_ping(r#"{"op":"ping"}"#, |answer| answer.starts_with(r#"{"op":"pong""#));
    /// ```
    pub fn app_ping(
        mut self,
        text: impl Into<Utf8Bytes>,
        is_answer: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.app_ping = Some(Arc::new(AppPing {
            text: text.into(),
            is_answer: Box::new(is_answer),
        }));
        self
    }

    /// The first setting that makes no sense, by name.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (_, within) = self.progress;
        for (name, duration) in [
            ("interval", self.interval),
            ("timeout", self.timeout),
            ("progress", within),
            ("data_idle", self.data_idle.unwrap_or(Duration::MAX)),
        ] {
            if duration.is_zero() {
                let message = format!(
                    "liveness: the time of {name} is 0: every connection would count as dead"
                );
                return Err(Error::new(ErrorKind::Config, Phase::Open, message));
            }
        }
        Ok(())
    }
}

/// Does not show the text of an application's ping, which may carry a token.
impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liveness")
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .field("progress", &self.progress)
            .field("data_idle", &self.data_idle)
            .field("app_ping", &self.app_ping.is_some())
            .finish()
    }
}
