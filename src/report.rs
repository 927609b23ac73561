//! How a connection came about, or how far it came: plain values that the connect pipeline fills
//! and that a success and an error carry alike.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What happened while connecting: addresses, attempts and how long each phase took.
///
/// ```
/// # async fn example() {
/// match longwire::connect("wss://example.com/feed").await {
///     Ok(ws) => println!("{}", ws.handshake().report()),
///     Err(error) => {
///         if let Some(report) = error.report() {
///             eprintln!("{report}");
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConnectReport {
    /// How long the resolver took; `None` while no name was resolved.
    pub resolve: Option<Duration>,
    /// The addresses that the resolver gave, in the order in which they are tried.
    pub addresses: Vec<SocketAddr>,
    /// Each address that was tried, in the order in which the attempts began: they overlap. The one
    /// without an error is the one in use.
    pub attempts: Vec<Attempt>,
    /// How long the TLS handshake took; `None` without TLS.
    pub tls: Option<Duration>,
    /// How long the opening handshake took (RFC 6455 §4); `None` if it was not finished.
    pub upgrade: Option<Duration>,
}

/// One attempt to open a TCP connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The address that was tried.
    pub address: SocketAddr,
    /// How long after the first attempt this one began.
    pub after: Duration,
    /// How long it took to succeed, to fail or to be given up.
    pub elapsed: Duration,
    /// Why it failed, or that it was given up because another was faster or the deadline had come;
    /// `None` if it succeeded.
    pub error: Option<String>,
}

impl ConnectReport {
    /// The address of the TCP connection that was opened.
    pub fn peer(&self) -> Option<SocketAddr> {
        let mut attempts = self.attempts.iter();
        attempts
            .find(|attempt| attempt.error.is_none())
            .map(|attempt| attempt.address)
    }
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(took) = self.resolve {
            parts.push(format!(
                "resolved {} addresses in {took:.1?}",
                self.addresses.len()
            ));
        }
        for Attempt {
            address,
            elapsed,
            error,
            ..
        } in &self.attempts
        {
            parts.push(match error {
                Some(error) => format!("{address} failed after {elapsed:.1?}: {error}"),
                None => format!("{address} in {elapsed:.1?}"),
            });
        }
        if let Some(took) = self.tls {
            parts.push(format!("TLS in {took:.1?}"));
        }
        if let Some(took) = self.upgrade {
            parts.push(format!("opening handshake in {took:.1?}"));
        }
        f.write_str(&parts.join(", "))
    }
}
