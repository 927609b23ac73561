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
    /// The addresses that the resolver gave, in the order in which they were tried.
    pub addresses: Vec<SocketAddr>,
    /// Each address that was tried, in order; the last one is the one in use if connecting succeeded.
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
    /// How long it took to succeed, to fail or to be given up.
    pub elapsed: Duration,
    /// Why it failed, or that the deadline came first; `None` if it succeeded.
    pub error: Option<String>,
}

impl ConnectReport {
    /// The address of the TCP connection that was opened.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.attempts
            .last()
            .filter(|attempt| attempt.error.is_none())
            .map(|last| last.address)
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
