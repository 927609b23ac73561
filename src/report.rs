//! How a connection came about, or how far it came: plain values that the connect pipeline fills
//! and that a success and an error carry alike.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::date;
use crate::error::Phase;

/// What happened while connecting: each phase, how long it took and how it ended.
///
/// Its `Display` is for people, several lines of it, as `curl -v` would say it; it shows neither user
/// names, passwords and tokens nor the query of the URL.
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
    /// What was to be connected to: the URL without user name, password and query. After redirects,
    /// the last one; all else here but `redirects` is about that one alone.
    pub target: String,
    /// How long it took altogether.
    pub elapsed: Duration,
    /// The proxy on the way, if there is one: the addresses and the attempts are then those of the
    /// proxy.
    pub proxy: Option<Box<ProxyReport>>,
    /// How long the resolver took; `None` while no name was resolved.
    pub resolve: Option<Duration>,
    /// The addresses that the resolver gave, in the order in which they are tried.
    pub addresses: Vec<SocketAddr>,
    /// Each address that was tried, in the order in which the attempts began: they overlap. The one
    /// without an error is the one in use.
    pub attempts: Vec<Attempt>,
    /// How long it took to reach the Unix socket; `None` if it was not reached, or there is none.
    pub unix: Option<Duration>,
    /// The TLS handshake; `None` without TLS, or if it failed.
    pub tls: Option<Box<TlsReport>>,
    /// How long the server took to answer the opening handshake (RFC 6455 §4); `None` if it did not.
    pub upgrade: Option<Duration>,
    /// The status of that answer.
    pub status: Option<StatusCode>,
    /// What failed in the end; `None` if nothing did.
    pub failure: Option<Box<Failure>>,
    /// The redirects that were followed before, each with the report of its own URL.
    pub redirects: Vec<Self>,
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

/// The way through a proxy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyReport {
    /// The proxy, as `scheme://host:port`.
    pub url: String,
    /// The environment variable that names it; `None` if the program has chosen it.
    pub variable: Option<&'static str>,
    /// The TLS handshake with the proxy; `None` if it wants none, or if it failed.
    pub tls: Option<Box<TlsReport>>,
    /// How long it took to open the way to the server, once it had been connected to; `None` if it
    /// did not.
    pub elapsed: Option<Duration>,
}

/// What TLS has agreed on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsReport {
    /// How long the handshake took.
    pub elapsed: Duration,
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: String,
    /// The cipher suite, by its registered name: `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The protocol that ALPN has chosen (RFC 7301); `None` if the server said nothing of it.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The server's certificate, as far as it could be read.
    pub certificate: Option<CertificateReport>,
}

/// The certificate of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateReport {
    /// Whose it is, `CN=example.com, O=Example`; the names it is for where that is empty.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it expires.
    pub expires: SystemTime,
}

/// Where and why connecting failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// What was under way.
    pub phase: Phase,
    /// How long that had been going on.
    pub elapsed: Duration,
    /// Why it failed, as the error says it.
    pub error: String,
}

impl ConnectReport {
    /// The address of the TCP connection that was opened: the proxy's, if there is one.
    pub fn peer(&self) -> Option<SocketAddr> {
        let mut attempts = self.attempts.iter();
        attempts
            .find(|attempt| attempt.error.is_none())
            .map(|attempt| attempt.address)
    }

    /// The lines of one phase: what is known of it, and the failure if it ended there.
    fn phase(
        &self,
        f: &mut fmt::Formatter<'_>,
        phase: Phase,
        name: &str,
        known: &[String],
    ) -> fmt::Result {
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.phase == phase);
        let failed = failure.map(|failure| {
            let Failure { elapsed, error, .. } = &**failure;
            if phase == Phase::Connect && !self.attempts.is_empty() {
                // Each attempt has said why.
                format!("failed after {elapsed:.1?}")
            } else {
                format!("failed after {elapsed:.1?}: {error}")
            }
        });
        let mut label = name;
        for line in known.iter().chain(&failed) {
            write!(f, "\n  {label:<9}{line}")?;
            label = "";
        }
        Ok(())
    }

    fn resolved(&self) -> Vec<String> {
        let Some(took) = self.resolve.filter(|_| !self.addresses.is_empty()) else {
            return Vec::new();
        };
        let mut shown: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        let more = shown.len().saturating_sub(SHOWN);
        shown.truncate(SHOWN);
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        let count = self.addresses.len();
        let plural = if count == 1 { "" } else { "es" };
        vec![format!(
            "{count} address{plural} in {took:.1?}: {}",
            shown.join(", ")
        )]
    }
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for earlier in &self.redirects {
            writeln!(f, "{earlier}")?;
        }
        let outcome = match (&self.failure, self.status) {
            (Some(_), _) => "failed after",
            (None, Some(status)) if status.is_redirection() => "redirected after",
            (None, _) => "connected in",
        };
        write!(f, "{}: {outcome} {:.1?}", self.target, self.elapsed)?;
        if let Some(proxy) = &self.proxy {
            write!(f, "\n  {:<9}{}", "via", proxy.name())?;
        }
        self.phase(f, Phase::Resolve, "resolve", &self.resolved())?;
        let mut attempts: Vec<_> = self.attempts.iter().map(ToString::to_string).collect();
        attempts.extend(
            self.unix
                .map(|took| format!("Unix socket: connected in {took:.1?}")),
        );
        self.phase(f, Phase::Connect, "connect", &attempts)?;
        let proxy = self
            .proxy
            .as_ref()
            .map_or_else(Vec::new, |proxy| proxy.lines());
        self.phase(f, Phase::Proxy, "proxy", &proxy)?;
        let tls = self.tls.as_ref().map_or_else(Vec::new, |tls| tls.lines());
        self.phase(f, Phase::Tls, "tls", &tls)?;
        let upgrade = match (self.status, self.upgrade) {
            (Some(status), Some(took)) => vec![format!("{status} in {took:.1?}")],
            _ => Vec::new(),
        };
        self.phase(f, Phase::Upgrade, "upgrade", &upgrade)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.address)?;
        match &self.error {
            None => write!(f, "connected in {:.1?}", self.elapsed)?,
            Some(error) => write!(f, "ended after {:.1?}: {error}", self.elapsed)?,
        }
        if self.after.is_zero() {
            return Ok(());
        }
        write!(f, " (begun {:.1?} after the first)", self.after)
    }
}

impl ProxyReport {
    /// The proxy, and the variable that names it, for who does not know where it comes from.
    pub(crate) fn name(&self) -> String {
        match self.variable {
            Some(variable) => format!("{}, named by {variable}", self.url),
            None => self.url.clone(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = self.tls.as_ref().map_or_else(Vec::new, |tls| tls.lines());
        lines.extend(
            self.elapsed
                .map(|took| format!("opened the way in {took:.1?}")),
        );
        lines
    }
}

impl TlsReport {
    fn lines(&self) -> Vec<String> {
        let mut agreed = format!("{}, {}", self.version, self.cipher);
        if let Some(alpn) = &self.alpn {
            agreed = format!("{agreed}, ALPN {alpn}");
        }
        let session = if self.resumed { "resumed" } else { "new" };
        let agreed = format!("{agreed}, a {session} session, in {:.1?}", self.elapsed);
        let certificate = self.certificate.as_ref().map(ToString::to_string);
        [agreed].into_iter().chain(certificate).collect()
    }
}

impl fmt::Display for CertificateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_1970 = self.expires.duration_since(SystemTime::UNIX_EPOCH);
        let date = date::show(since_1970.unwrap_or_default());
        write!(
            f,
            "certificate of {}, issued by {}, expires {date}",
            self.subject, self.issuer
        )
    }
}

/// More addresses than this in one line help nobody.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn attempt(last: u8, after: u32, elapsed: u32, error: Option<&str>) -> Attempt {
        Attempt {
            address: ([192, 0, 2, last], 443).into(),
            after: MS * after,
            elapsed: MS * elapsed,
            error: error.map(str::to_owned),
        }
    }

    fn report() -> ConnectReport {
        let attempts = vec![
            attempt(1, 0, 262, Some("given up: 192.0.2.2:443 was faster")),
            attempt(2, 250, 12, None),
        ];
        ConnectReport {
            target: "wss://a.example:443/feed".to_owned(),
            elapsed: MS * 309,
            resolve: Some(MS * 2),
            addresses: attempts.iter().map(|attempt| attempt.address).collect(),
            attempts,
            ..ConnectReport::default()
        }
    }

    #[test]
    fn a_success_reads_like_a_story() {
        let tls = TlsReport {
            elapsed: MS * 31,
            version: "TLS 1.3".to_owned(),
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
            alpn: Some("http/1.1".to_owned()),
            resumed: false,
            certificate: Some(CertificateReport {
                subject: "CN=a.example".to_owned(),
                issuer: "CN=Ours".to_owned(),
                expires: SystemTime::UNIX_EPOCH + Duration::from_secs(4_107_542_400),
            }),
        };
        let report = ConnectReport {
            tls: Some(tls.into()),
            upgrade: Some(MS * 14),
            status: Some(StatusCode::SWITCHING_PROTOCOLS),
            ..report()
        };
        assert_eq!(report.peer(), Some(report.attempts[1].address));
        assert_eq!(
            report.to_string(),
            "wss://a.example:443/feed: connected in 309.0ms\n  \
             resolve  2 addresses in 2.0ms: 192.0.2.1:443, 192.0.2.2:443\n  \
             connect  192.0.2.1:443: ended after 262.0ms: given up: 192.0.2.2:443 was faster\n           \
             192.0.2.2:443: connected in 12.0ms (begun 250.0ms after the first)\n  \
             tls      TLS 1.3, TLS_AES_128_GCM_SHA256, ALPN http/1.1, a new session, in 31.0ms\n           \
             certificate of CN=a.example, issued by CN=Ours, expires 2100-03-01 00:00:00 UTC\n  \
             upgrade  101 Switching Protocols in 14.0ms"
        );
    }

    #[test]
    fn a_failure_stands_where_it_happened() {
        let failing = |phase, error: &str| {
            let failure = Failure {
                phase,
                elapsed: MS * 5,
                error: error.to_owned(),
            };
            ConnectReport {
                failure: Some(failure.into()),
                ..report()
            }
        };
        let shown = failing(Phase::Tls, "the certificate is bad").to_string();
        assert!(
            shown.starts_with("wss://a.example:443/feed: failed after 309.0ms\n"),
            "{shown}"
        );
        assert!(
            shown.ends_with("\n  tls      failed after 5.0ms: the certificate is bad"),
            "{shown}"
        );
        let shown = failing(Phase::Connect, "a long list").to_string();
        assert!(
            shown.ends_with("\n           failed after 5.0ms"),
            "{shown}"
        );

        let mut unresolved = failing(Phase::Resolve, "no such host");
        unresolved.resolve = None;
        unresolved.attempts.clear();
        let shown = unresolved.to_string();
        assert!(
            shown.ends_with("309.0ms\n  resolve  failed after 5.0ms: no such host"),
            "{shown}"
        );
    }

    #[test]
    fn a_proxy_stands_before_what_is_about_it() {
        let through = |elapsed| ConnectReport {
            proxy: Some(Box::new(ProxyReport {
                url: "http://proxy.example:3128".to_owned(),
                variable: None,
                tls: None,
                elapsed,
            })),
            ..report()
        };
        let shown = through(Some(MS * 3)).to_string();
        assert!(
            shown.contains("309.0ms\n  via      http://proxy.example:3128\n  resolve  2"),
            "{shown}"
        );
        assert!(
            shown.ends_with("\n  proxy    opened the way in 3.0ms"),
            "{shown}"
        );
        let mut failed = through(None);
        failed.failure = Some(Box::new(Failure {
            phase: Phase::Proxy,
            elapsed: MS * 5,
            error: "it refused".to_owned(),
        }));
        let shown = failed.to_string();
        assert!(
            shown.ends_with("\n  proxy    failed after 5.0ms: it refused"),
            "{shown}"
        );
    }

    #[test]
    fn many_addresses_are_counted_and_not_all_shown() {
        let mut report = report();
        report.addresses = (0..20).map(|last| ([192, 0, 2, last], 1).into()).collect();
        let shown = report.to_string();
        assert!(
            shown.contains("20 addresses in 2.0ms: 192.0.2.0:1"),
            "{shown}"
        );
        assert!(shown.contains("192.0.2.7:1, and 12 more\n"), "{shown}");
    }
}
