//! From addresses to a TCP connection: a race between them (RFC 8305, "Happy Eyeballs").

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Progress;
use super::socket::SocketOptions;
use crate::error::{Error, ErrorKind, Phase};
use crate::report::Attempt;

/// Lets the addresses race: each starts a little after the one before it, or at once when an earlier
/// one has failed. The first to connect wins; the others are given up and their sockets closed.
///
/// `left` is what remains until the deadline: all addresses have their start in the first half of it.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    options: &SocketOptions,
    left: Duration,
    progress: &mut Progress,
) -> Result<TcpStream, Error> {
    progress.enter(Phase::Connect);
    let mut race = Race {
        began: None,
        attempts: &mut progress.handshake.report.attempts,
        running: Vec::new(),
        last_error: None,
    };
    let pace = pace(addresses.len(), left);
    let mut waiting = addresses.iter();
    let mut due = Instant::now();
    loop {
        // A thread that is late starts those that it has missed, a few at a time.
        for _ in 0..MOST_STARTS {
            match waiting.next() {
                Some(&address) => race.start(address, options),
                None => break,
            }
            due += pace;
            if due > Instant::now() {
                break;
            }
        }
        if race.running.is_empty() {
            break;
        }
        let next_end = poll_fn(|cx| race.poll_end(cx));
        let ended = if waiting.len() == 0 {
            Some(next_end.await)
        } else {
            timeout_at(due, next_end).await.ok()
        };
        match ended {
            Some(Some(stream)) => {
                race.won_by(&stream);
                return Ok(stream);
            }
            Some(None) => due = Instant::now(),
            None => {}
        }
    }
    let source = race.last_error.take();
    drop(race);
    let message = describe(&progress.handshake.report.attempts);
    let error = Error::new(ErrorKind::Connect, Phase::Connect, message);
    Err(match source {
        Some(source) => error.with_source(source),
        None => error,
    })
}

/// How long an address waits for the one before it: 250 ms, as RFC 8305 §5 recommends, or less where
/// so many are given that the last would not have its start in half of the time that is left.
fn pace(addresses: usize, left: Duration) -> Duration {
    let turns = u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
    (left / 2 / turns).clamp(SHORTEST_DELAY, ATTEMPT_DELAY)
}

struct Race<'a> {
    /// When the first attempt began.
    began: Option<Instant>,
    attempts: &'a mut Vec<Attempt>,
    running: Vec<Runner>,
    last_error: Option<io::Error>,
}

/// An attempt that has not ended yet.
struct Runner {
    /// Its place among the attempts.
    at: usize,
    started: Instant,
    connecting: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
}

impl Race<'_> {
    fn start(&mut self, address: SocketAddr, options: &SocketOptions) {
        if self.running.len() == MOST_AT_ONCE {
            let oldest = self.running.remove(0);
            self.note(&oldest, "no answer, and others were waiting".to_owned());
        }
        let started = Instant::now();
        let socket = options.socket_for(address);
        self.running.push(Runner {
            at: self.attempts.len(),
            started,
            connecting: Box::pin(async move { socket?.connect(address).await }),
        });
        self.attempts.push(Attempt {
            address,
            after: started - *self.began.get_or_insert(started),
            elapsed: Duration::ZERO,
            error: None,
        });
    }

    /// The next attempt that ends: with a connection, or with an error that is noted.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<TcpStream>> {
        for at in 0..self.running.len() {
            let Poll::Ready(result) = self.running[at].connecting.as_mut().poll(cx) else {
                continue;
            };
            let runner = self.running.remove(at);
            return Poll::Ready(match result {
                Ok(stream) => {
                    self.attempts[runner.at].elapsed = runner.started.elapsed();
                    Some(stream)
                }
                Err(error) => {
                    self.note(&runner, error.to_string());
                    self.last_error = Some(error);
                    None
                }
            });
        }
        Poll::Pending
    }

    fn note(&mut self, runner: &Runner, error: String) {
        let attempt = &mut self.attempts[runner.at];
        attempt.elapsed = runner.started.elapsed();
        attempt.error = Some(error);
    }

    fn won_by(&mut self, winner: &TcpStream) {
        let faster = winner.peer_addr().map_or_else(
            |_| "another address was faster".to_owned(),
            |address| format!("given up: {address} was faster"),
        );
        for runner in std::mem::take(&mut self.running) {
            self.note(&runner, faster.clone());
        }
    }
}

/// Whoever drops a race that goes on does so because its time is up.
impl Drop for Race<'_> {
    fn drop(&mut self) {
        for runner in std::mem::take(&mut self.running) {
            self.note(&runner, "no answer before the deadline".to_owned());
        }
    }
}

/// What became of each address, in one line.
pub(super) fn describe(attempts: &[Attempt]) -> String {
    let mut message = "no address could be reached by TCP".to_owned();
    for (at, attempt) in attempts.iter().take(SHOWN).enumerate() {
        let separator = if at == 0 { ": " } else { "; " };
        let error = attempt.error.as_deref().unwrap_or_default();
        let _ = write!(message, "{separator}{}: {error}", attempt.address);
    }
    if attempts.len() > SHOWN {
        let _ = write!(message, "; and {} more", attempts.len() - SHOWN);
    }
    message
}

/// The recommended Connection Attempt Delay (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The least that RFC 8305 §5 allows.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

/// A list of addresses comes from the network, so it must not decide how many sockets are opened. The
/// oldest gives way: with the shortest delay it has had 0.6 s, more than any round trip takes.
const MOST_AT_ONCE: usize = 64;

/// Starts in one turn of a thread that is late: so few that none gives way before it was looked at.
const MOST_STARTS: usize = 8;

/// More addresses than this in one line help nobody; the report has all of them.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_250_ms_unless_many_addresses_have_to_start_in_time() {
        let limit = Duration::from_secs(10);
        for (addresses, delay) in [
            (0, 250),
            (1, 250),
            (2, 250),
            (20, 250),
            (200, 25),
            (5000, 10),
        ] {
            assert_eq!(
                pace(addresses, limit),
                Duration::from_millis(delay),
                "{addresses}"
            );
        }
        assert_eq!(
            pace(2, Duration::from_millis(400)),
            Duration::from_millis(100)
        );
        assert_eq!(pace(usize::MAX, Duration::MAX), ATTEMPT_DELAY);
    }
}
