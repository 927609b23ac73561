//! What went wrong, by blame: the peer broke the protocol, the network failed, the server refused,
//! or the caller asked for something that cannot be.

mod handshake;
mod protocol;
mod quote;
mod redirect;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, header};

use crate::date;
use crate::message::CloseInfo;
use crate::report::ConnectReport;

pub use self::handshake::HandshakeError;
pub use self::protocol::ProtocolError;
pub(crate) use self::quote::{quotable, reason};
pub use self::redirect::RedirectError;

/// Everything that can go wrong, in 8 bytes.
///
/// Its `Display` alone says what was tried, what was wanted and what was found; `kind` and `phase`
/// are for programs, and `source` leads to the cause in the types of the library that reported it.
/// User names, passwords, tokens and the query of the URL are never shown, nor are they when a server
/// sends them back: its words are quoted with dots in their place.
///
/// ```
/// # async fn example() {
/// use longwire::ErrorKind;
///
/// if let Err(error) = longwire::connect("wss://example.com/feed").await {
///     match error.kind() {
///         ErrorKind::Refused => println!("{:?}, wait {:?}", error.response(), error.retry_after()),
///         _ if error.is_retryable() => println!("try again: {error}"),
///         _ => println!("give up: {error}"),
///     }
/// }
/// # }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    phase: Phase,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    response: Option<Response<Bytes>>,
    close_info: Option<CloseInfo>,
    report: Option<Box<ConnectReport>>,
}

impl Error {
    /// What kind of failure this is: who is to blame, and what a program may do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done when it happened.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// The response of a server that refused the opening handshake, or of a proxy that refused the
    /// way to it: status, fields, and up to 64 KiB of its body. For a redirect that is not followed,
    /// the response without its body.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.0.response.as_ref()
    }

    /// How long the server asked to wait before the next attempt (`Retry-After`, RFC 9110 §10.2.3):
    /// seconds, or a date measured against the response's own `Date`.
    pub fn retry_after(&self) -> Option<Duration> {
        let fields = self.0.response.as_ref()?.headers();
        let value = fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let clock = clock.unwrap_or_default();
        let now = fields
            .get(header::DATE)
            .and_then(|date| date::parse_http(date.to_str().ok()?.trim(), clock))
            .unwrap_or(clock);
        let until = date::parse_http(value, now)?;
        Some(until.saturating_sub(now))
    }

    /// How the connection ended, if it had been open.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        self.0.close_info.as_ref()
    }

    /// How far connecting came: the addresses, every attempt, and how long each phase took.
    pub fn report(&self) -> Option<&ConnectReport> {
        self.0.report.as_deref()
    }

    /// Whether the same attempt may succeed later.
    ///
    /// | kind | retryable |
    /// |---|---|
    /// | `Resolve`, `Connect`, `Io`, `Reset` | yes: the network may recover |
    /// | `Timeout`, `NoPong`, `Stalled`, `Idle` | yes: a deadline passed |
    /// | `Refused`, `Proxy` | with the statuses 408, 425, 429, 500, 502, 503 and 504; of a proxy also what it reports of the network |
    /// | `Closed` | with the close codes 1001, 1006, 1011, 1012 and 1013 |
    /// | `Url`, `Config` | no: the caller must change something |
    /// | `Tls` | no: a certificate does not get better by itself |
    /// | `Redirect`, `Handshake` | no: the server is not set up for this |
    /// | `Protocol`, `Utf8`, `Deflate`, `TooLarge` | no: the same messages would come again |
    /// | `SlowConsumer` | no: the application must change something |
    ///
    /// [`retry_after`](Self::retry_after) says how long to wait if the server did.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Resolve
            | ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Reset
            | ErrorKind::NoPong
            | ErrorKind::Stalled
            | ErrorKind::Idle
            | ErrorKind::Io => true,
            ErrorKind::Refused => self.is_refused_for_now(),
            ErrorKind::Proxy => {
                let source = self.0.source.as_ref();
                self.is_refused_for_now()
                    || source.is_some_and(|source| {
                        let inner = source.downcast_ref::<Self>();
                        source.is::<io::Error>() || inner.is_some_and(Self::is_retryable)
                    })
            }
            ErrorKind::Closed => self
                .0
                .close_info
                .as_ref()
                .is_some_and(CloseInfo::is_retryable),
            _ => false,
        }
    }

    fn is_refused_for_now(&self) -> bool {
        self.0.response.as_ref().is_some_and(|response| {
            matches!(
                response.status().as_u16(),
                408 | 425 | 429 | 500 | 502 | 503 | 504
            )
        })
    }

    /// Whether a deadline passed; [`phase`](Self::phase) says which.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Timeout | ErrorKind::NoPong | ErrorKind::Stalled | ErrorKind::Idle
        )
    }

    pub(crate) fn new(
        kind: ErrorKind,
        phase: Phase,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            phase,
            message: message.into(),
            source: None,
            response: None,
            close_info: None,
            report: None,
        }))
    }

    /// A setting that cannot work, named by `message`.
    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, Phase::Resolve, message)
    }

    /// The server refused: any status but 101 (and whatever interim responses came before it).
    /// `note` is what else is to be said of it, and `hide` takes what is nobody's business out of the
    /// server's words.
    pub(crate) fn refused(
        response: Response<Bytes>,
        note: &str,
        hide: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Self {
        let message = refusal(&response, note, hide);
        Self::new(ErrorKind::Refused, Phase::Upgrade, message).with_response(response)
    }

    /// A redirect that is not followed.
    pub(crate) fn redirect(reason: RedirectError, response: Response<Bytes>) -> Self {
        let message = format!("the server answered {}: {reason}", response.status());
        Self::new(ErrorKind::Redirect, Phase::Upgrade, message)
            .with_response(response)
            .with_source(reason)
    }

    /// A transport that failed while the connection was open or closing.
    pub(crate) fn transport(error: io::Error, phase: Phase) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => ErrorKind::Reset,
            io::ErrorKind::TimedOut => ErrorKind::Timeout,
            _ => ErrorKind::Io,
        };
        let message = format!("the connection was lost without a Close frame: {error}");
        Self::new(kind, phase, message).with_source(error)
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_response(mut self, response: Response<Bytes>) -> Self {
        self.0.response = Some(response);
        self
    }

    pub(crate) fn with_phase(mut self, phase: Phase) -> Self {
        self.0.phase = phase;
        self
    }

    pub(crate) fn with_close_info(mut self, info: CloseInfo) -> Self {
        self.0.close_info = Some(info);
        self
    }

    pub(crate) fn with_report(mut self, report: Box<ConnectReport>) -> Self {
        self.0.report = Some(report);
        self
    }

    /// Puts `context`, such as the address of the server, in front of the message.
    pub(crate) fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message).into();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// Shows no field values of a response: they may be cookies or tokens.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("phase", &self.0.phase);
        debug.field("message", &self.0.message);
        if let Some(response) = &self.0.response {
            debug.field("status", &response.status());
        }
        if let Some(info) = &self.0.close_info {
            debug.field("close_info", info);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// What `FrameCodec` needs to stand in somebody's `Framed`: a transport that failed while open.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::transport(error, Phase::Open)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        let message = format!(
            "the server broke the protocol: {error}; the connection is failed with {}",
            error.close_code()
        );
        Self::new(error.kind(), Phase::Open, message).with_source(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::new(ErrorKind::Handshake, Phase::Upgrade, error.to_string()).with_source(error)
    }
}

/// The kinds of failure, by blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL cannot be used: scheme, host, port, a fragment, or a character that may not be there.
    Url,
    /// A setting cannot be used; the message names it.
    Config,
    /// The host name could not be resolved.
    Resolve,
    /// No address could be reached by TCP; the report has each failure.
    Connect,
    /// The proxy refused or failed. That its name, its address or its certificate is at fault is of
    /// the kinds `Resolve`, `Connect` and `Tls`, with the proxy named in the message.
    Proxy,
    /// TLS failed: a certificate that is not trusted, or an end that does not speak TLS.
    Tls,
    /// The server answered the opening handshake with a status other than 101.
    Refused,
    /// A redirect that is not followed.
    Redirect,
    /// A response that breaks the rules of the opening handshake (RFC 6455 §4.1).
    Handshake,
    /// A deadline passed; the phase says which.
    Timeout,
    /// The server broke the framing rules; 1002 was sent.
    Protocol,
    /// The server sent text that is not UTF-8; 1007 was sent.
    Utf8,
    /// The server sent compressed data that cannot be inflated; 1007 was sent.
    Deflate,
    /// The server sent a message or frame above the limit; 1009 was sent.
    TooLarge,
    /// The connection ended without a Close frame.
    Reset,
    /// No Pong came in time.
    NoPong,
    /// No bytes came in time.
    Stalled,
    /// No message came in time.
    Idle,
    /// The application did not take its messages in time.
    SlowConsumer,
    /// The connection was used after its end.
    Closed,
    /// The transport failed in some other way.
    Io,
}

/// What a connection was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading the URL and the settings, and resolving the host name.
    Resolve,
    /// Opening TCP.
    Connect,
    /// Talking to a proxy: TLS with it, if its URL says so, and asking it for the way to the server.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The opening handshake (RFC 6455 §4).
    Upgrade,
    /// Open: messages go both ways.
    Open,
    /// The closing handshake (RFC 6455 §7).
    Closing,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the host name",
            Self::Connect => "opening TCP",
            Self::Proxy => "talking to the proxy",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the opening handshake",
            Self::Open => "the connection was open",
            Self::Closing => "the closing handshake",
        })
    }
}

/// A refusal in one line: the status, the versions of the protocol that the server speaks if it says
/// so (RFC 6455 §4.4), and the beginning of its reason.
fn refusal(response: &Response<Bytes>, note: &str, hide: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let status = response.status();
    let mut message = format!("the server refused the opening handshake with {status}");
    let mut separator = " (it speaks WebSocket version ";
    for versions in response.headers().get_all(header::SEC_WEBSOCKET_VERSION) {
        message.push_str(separator);
        message.push_str(&quotable(&hide(versions.as_bytes())));
        separator = ", ";
    }
    if response
        .headers()
        .contains_key(header::SEC_WEBSOCKET_VERSION)
    {
        message.push_str("; this client speaks 13)");
    }
    message.push_str(note);
    let reason = reason(response.body(), hide);
    if !reason.is_empty() {
        message.push_str(": ");
        message.push_str(&reason);
    }
    message
}

const _: () = {
    const fn is_send_sync<T: Send + Sync + 'static>() {}
    is_send_sync::<Error>();
    assert!(size_of::<Error>() == 8 || size_of::<usize>() != 8);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_with(fields: &[(&str, &str)]) -> Error {
        let mut response = Response::builder().status(503);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        Error::refused(
            response
                .body(Bytes::from_static(b"down\r\nfor maintenance"))
                .unwrap(),
            "",
            <[u8]>::to_vec,
        )
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        let wait = |fields: &[(&str, &str)]| refusal_with(fields).retry_after();
        assert_eq!(
            wait(&[("retry-after", "120")]),
            Some(Duration::from_secs(120))
        );
        assert_eq!(
            wait(&[
                ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:07 GMT")
            ]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            wait(&[("retry-after", "99999999999999999999999")]),
            Some(Duration::from_secs(u64::MAX))
        );
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn a_refusal_quotes_the_servers_reason_and_hides_field_values() {
        let error = refusal_with(&[("set-cookie", "session=s3cret")]);
        assert_eq!(
            error.to_string(),
            "the server refused the opening handshake with 503 Service Unavailable: \
             down  for maintenance"
        );
        assert!(!format!("{error:?}").contains("s3cret"));
        assert!(error.is_retryable());
    }

    #[test]
    fn a_refusal_shows_the_versions_that_the_server_speaks() {
        let fields = [
            ("sec-websocket-version", "8, 7"),
            ("sec-websocket-version", "0"),
        ];
        assert_eq!(
            refusal_with(&fields).to_string(),
            "the server refused the opening handshake with 503 Service Unavailable \
             (it speaks WebSocket version 8, 7, 0; this client speaks 13): down  for maintenance"
        );
    }

    #[test]
    fn a_protocol_error_names_the_close_code_and_keeps_its_cause() {
        let error = Error::from(ProtocolError::MaskedFrame);
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("1002"));
        assert!(error.source().unwrap().is::<ProtocolError>());
        assert!(!error.is_retryable());
    }
}
