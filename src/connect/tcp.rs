//! From addresses to a TCP connection.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Progress;
use crate::error::{Error, ErrorKind, Phase};
use crate::report::Attempt;

/// Tries the addresses one after the other, and keeps every failure.
///
/// `left` is what remains until the deadline. Each address gets an equal share of what is left when
/// its turn comes, so that a dead one leaves time for those behind it.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    left: Duration,
    progress: &mut Progress,
) -> Result<TcpStream, Error> {
    progress.enter(Phase::Connect);
    let began = Instant::now();
    let mut last_error = None;
    for (at, &address) in addresses.iter().enumerate() {
        let turns = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let left = left.saturating_sub(began.elapsed());
        let share = if turns == 1 {
            left
        } else {
            (left / turns).max(MIN_SHARE)
        };
        let error = match attempt(address, share, progress).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        last_error = Some(error);
    }
    let message = describe(&progress.report.attempts);
    let error = Error::new(ErrorKind::Connect, Phase::Connect, message);
    Err(match last_error {
        Some(source) => error.with_source(source),
        None => error,
    })
}

async fn attempt(
    address: SocketAddr,
    share: Duration,
    progress: &mut Progress,
) -> io::Result<TcpStream> {
    let attempts = &mut progress.report.attempts;
    attempts.push(Attempt {
        address,
        elapsed: Duration::ZERO,
        error: None,
    });
    let began = Instant::now();
    let result = match timeout(share, TcpStream::connect(address)).await {
        // Messages are small and gathered here already: Nagle's algorithm would only hold them back.
        Ok(connected) => connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream)),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer for {share:.1?}"),
        )),
    };
    if let Some(attempt) = attempts.last_mut() {
        attempt.elapsed = began.elapsed();
        attempt.error = result.as_ref().err().map(ToString::to_string);
    }
    result
}

/// The deadline has ended the last attempt; all of them together took `elapsed`.
pub(super) fn abandon(attempts: &mut [Attempt], elapsed: Duration) {
    if let Some((last, earlier)) = attempts.split_last_mut() {
        let before: Duration = earlier.iter().map(|attempt| attempt.elapsed).sum();
        last.elapsed = elapsed.saturating_sub(before);
        last.error = Some("no answer before the deadline".to_owned());
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

/// The least that one address gets while others wait: a SYN that was lost is sent again after 1 s.
const MIN_SHARE: Duration = Duration::from_secs(2);

/// More addresses than this in one line help nobody; the report has all of them.
const SHOWN: usize = 8;
