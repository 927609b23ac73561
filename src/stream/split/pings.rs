//! Pings whose Pongs somebody waits for.

use std::future::poll_fn;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::sync::{Mutex, MutexGuard};
use super::{Seat, WsSender};
use crate::error::{Error, ErrorKind, Phase};
use crate::frame::Opcode;
use crate::stream::observer::ControlFrame;
use crate::stream::watch;

impl<T: AsyncRead + AsyncWrite + Unpin> WsSender<T> {
    /// Sends a Ping and waits for its Pong: how long that took.
    ///
    /// The Pong is read by the receiving half: while that is alive and nobody polls it, or while the
    /// inbox of a connection that a task drives [blocks](crate::Inbox::block), no Pong can be seen.
    ///
    /// ```
    /// # async fn example(sender: &mut longwire::WsSender) -> Result<(), longwire::Error> {
    /// println!("the server is {:?} away", sender.ping().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Kind `NoPong` when the Pong has not come within 20 s; otherwise as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropped while the queue was above its high-water mark, the Ping was not queued; dropped later,
    /// it is sent, and its Pong is not waited for.
    pub async fn ping(&mut self) -> Result<Duration, Error> {
        let pings = Arc::clone(&self.shared.pings);
        let mut sent: Option<(Probe, Instant)> = None;
        let answer = poll_fn(|cx| {
            self.poll(cx, |link, seat, cx| {
                let (probe, from) = if let Some(sent) = &sent {
                    sent
                } else {
                    ready!(link.poll_room(seat, cx))?;
                    link.set_seat(seat, Seat::Idle);
                    // Numbered as they are queued, because a Pong answers all before it.
                    let probe = pings.probe();
                    let ws = &mut link.ws;
                    ws.queue.push(Opcode::Ping, true, &probe.payload());
                    ws.watch.round_trips().sent(&probe.payload(), watch::now());
                    ws.stats.sent.pings += 1;
                    sent.insert((probe, Instant::now()))
                };
                let flushed = link.poll_flush(0, cx);
                if let Some(to) = probe.answered() {
                    return Poll::Ready(Ok(to.duration_since(*from)));
                }
                match flushed {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => link
                        .ws
                        .check_open()
                        .map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
                }
            })
        });
        timeout(PONG_TIMEOUT, answer).await.unwrap_or_else(|_| {
            let message = format!("no Pong came within {PONG_TIMEOUT:?}");
            Err(Error::new(ErrorKind::NoPong, Phase::Open, message))
        })
    }
}

/// The Pings of a connection's senders that are on their way.
#[derive(Debug, Default)]
pub(super) struct Pings(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last_number: u64,
    probes: Vec<(u64, Option<Instant>)>,
}

/// One Ping, for as long as somebody waits for its Pong.
#[derive(Debug)]
pub(super) struct Probe {
    pings: Arc<Pings>,
    number: u64,
}

/// How long a Pong may take, as an idle connection's may.
const PONG_TIMEOUT: Duration = Duration::from_secs(20);

/// Begins the payload of every such Ping, so that it is not taken for one of somebody else.
const TAG: &[u8; 8] = b"longwire";

impl Pings {
    pub(super) fn probe(self: &Arc<Self>) -> Probe {
        let mut waiting = self.lock();
        waiting.last_number += 1;
        let number = waiting.last_number;
        waiting.probes.push((number, None));
        Probe {
            pings: Arc::clone(self),
            number,
        }
    }

    /// A frame has come: says whether somebody waits for it.
    ///
    /// A Pong answers the Pings before its own too: a peer may answer only the newest
    /// (RFC 6455 §5.5.3).
    pub(super) fn answered(&self, frame: ControlFrame<'_>) -> bool {
        let ControlFrame::Pong(payload) = frame else {
            return false;
        };
        let number = payload
            .strip_prefix(TAG)
            .and_then(|rest| rest.try_into().ok())
            .map(u64::from_be_bytes);
        let Some(number) = number else {
            return false;
        };
        let now = Instant::now();
        let mut waiting = self.lock();
        let mut any = false;
        for (probe, answered) in &mut waiting.probes {
            if *probe <= number && answered.is_none() {
                *answered = Some(now);
                any = true;
            }
        }
        any
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe {
    pub(super) fn payload(&self) -> [u8; 16] {
        let mut payload = [0; 16];
        payload[..8].copy_from_slice(TAG);
        payload[8..].copy_from_slice(&self.number.to_be_bytes());
        payload
    }

    /// When its Pong came.
    pub(super) fn answered(&self) -> Option<Instant> {
        let waiting = self.pings.lock();
        let probe = waiting
            .probes
            .iter()
            .find(|(number, _)| *number == self.number);
        probe.and_then(|(_, answered)| *answered)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let mut waiting = self.pings.lock();
        waiting.probes.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pong_answers_its_own_ping_and_those_before() {
        let pings = Arc::new(Pings::default());
        let probes = [pings.probe(), pings.probe(), pings.probe()];
        let second = probes[1].payload();
        assert!(!pings.answered(ControlFrame::Ping(&second)));
        assert!(!pings.answered(ControlFrame::Pong(b"longwire")));
        assert!(!pings.answered(ControlFrame::Pong(b"")));
        assert!(pings.answered(ControlFrame::Pong(&second)));
        assert!(!pings.answered(ControlFrame::Pong(&second)), "nobody waits");
        let answered = probes.each_ref().map(|probe| probe.answered().is_some());
        assert_eq!(answered, [true, true, false]);
        drop(probes);
        assert!(pings.lock().probes.is_empty());
    }
}
