//! How long the peer takes to answer a Ping (RFC 6455 §5.5.2, §5.5.3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Round-trip times of a connection: from when a Ping was queued to when its Pong was taken.
///
/// Pings of [`Liveness`](crate::Liveness) and of [`ping`](crate::WsStream::ping) are measured alike.
/// Waiting behind other messages counts on both ways, as it does for messages.
///
/// ```
/// # async fn example(ws: &longwire::WsStream) {
/// let rtt = ws.stats().rtt;
/// if let (Some(last), Some(smoothed)) = (rtt.last, rtt.smoothed) {
///     println!("{last:?}, usually {smoothed:?}, at best {:?}", rtt.least);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rtt {
    /// The last one.
    pub last: Option<Duration>,
    /// A mean in which each new one counts an eighth (as TCP's, RFC 6298 §2).
    pub smoothed: Option<Duration>,
    /// The shortest of all.
    pub least: Option<Duration>,
    /// The longest of all.
    pub most: Option<Duration>,
    /// How many were measured.
    pub measured: u64,
    /// A ring of nanoseconds, the newest at `measured - 1`.
    recent: [u64; RECENT],
}

impl Rtt {
    /// The last eight, the newest first.
    pub fn recent(&self) -> impl Iterator<Item = Duration> + '_ {
        let newest = self.measured;
        let count = newest.min(RECENT as u64);
        #[expect(clippy::cast_possible_truncation, reason = "below the ring's size")]
        let at = move |back| ((newest - back) % RECENT as u64) as usize;
        (1..=count).map(move |back| Duration::from_nanos(self.recent[at(back)]))
    }

    fn add(&mut self, took: Duration) {
        #[expect(clippy::cast_possible_truncation, reason = "below the ring's size")]
        let at = (self.measured % RECENT as u64) as usize;
        self.recent[at] = took.as_nanos().try_into().unwrap_or(u64::MAX);
        self.measured += 1;
        self.last = Some(took);
        self.smoothed = Some(self.smoothed.map_or(took, |mean| mean * 7 / 8 + took / 8));
        self.least = Some(self.least.map_or(took, |least| least.min(took)));
        self.most = Some(self.most.map_or(took, |most| most.max(took)));
    }
}

/// Pings that wait for their Pongs.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips {
    waiting: VecDeque<Waiting>,
    /// How many Pings have been sent.
    sent: u64,
    rtt: Rtt,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    payload: Box<[u8]>,
    since: Instant,
}

impl RoundTrips {
    pub(crate) fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// A payload by which the Pong to the next Ping is known.
    pub(crate) fn payload(&self) -> [u8; 10] {
        let mut payload = *b"lw\0\0\0\0\0\0\0\0";
        payload[2..].copy_from_slice(&self.sent.to_be_bytes());
        payload
    }

    /// A Ping was queued: its number.
    pub(crate) fn sent(&mut self, payload: &[u8], now: Instant) -> u64 {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        let number = self.sent;
        self.sent += 1;
        self.waiting.push_back(Waiting {
            number,
            payload: payload.into(),
            since: now,
        });
        number
    }

    /// A Pong has come: the number of the Ping that it answers. Those before it are answered by it
    /// too (RFC 6455 §5.5.3 lets a peer answer only the newest). The clock is read only for a Pong
    /// that answers something.
    pub(crate) fn pong(&mut self, payload: &[u8], now: impl FnOnce() -> Instant) -> Option<u64> {
        let at = self
            .waiting
            .iter()
            .rposition(|ping| *ping.payload == *payload)?;
        let Waiting { number, since, .. } = self.waiting.drain(..=at).next_back()?;
        self.rtt.add(now().saturating_duration_since(since));
        if self.waiting.is_empty() {
            // Most of the time none waits.
            self.waiting = VecDeque::new();
        }
        Some(number)
    }
}

/// Enough to see a trend, and little to copy.
const RECENT: usize = 8;

/// A peer that answers none shall not make memory grow.
const WAITING: usize = 16;
