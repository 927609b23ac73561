//! From a URL to an open connection: the only code that opens sockets.

mod dns;
mod percent;
mod target;
mod tcp;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(feature = "__tls")]
pub(crate) mod tls;
#[cfg(not(feature = "__tls"))]
#[path = "no_tls.rs"]
pub(crate) mod tls;
mod transport;
mod url;

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use crate::error::{Error, ErrorKind, Phase};
use crate::handshake::{Answer, BodyReader, Handshake, Key, Offer, ResponseReader};
use crate::report::ConnectReport;

pub use self::dns::{Resolve, Resolving, SystemResolver};
pub(crate) use self::target::Target;
pub use self::transport::Transport;
pub use self::url::IntoUrl;

/// What is to be connected to, and how long it may take.
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) offer: Offer,
    /// The one deadline over everything.
    pub(crate) limit: Duration,
}

/// An open connection, ready for frames.
pub(crate) struct Opened<S> {
    pub(crate) stream: S,
    /// What came behind the 101: the first frames.
    pub(crate) read_already: Bytes,
    pub(crate) handshake: Handshake,
}

/// Opens a connection of our own: address, TCP, TLS if there is a connector, opening handshake.
pub(crate) async fn dial(
    plan: &Plan,
    resolver: &dyn Resolve,
    tls: Option<&tls::Connector>,
) -> Result<Opened<Transport>, Error> {
    let began = Instant::now();
    let mut progress = Progress::new();
    let work = async {
        let addresses = dns::addresses(&plan.target, resolver, &mut progress).await?;
        let left = plan.limit.saturating_sub(began.elapsed());
        let tcp = tcp::connect(&addresses, left, &mut progress).await?;
        let transport = match tls {
            Some(tls) => Transport::tls(tls.handshake(tcp, &plan.target, &mut progress).await?),
            None => Transport::plain(tcp),
        };
        upgrade(transport, &plan.offer, &mut progress).await
    };
    let outcome = timeout(plan.limit, work).await;
    conclude(plan, began, progress, outcome).await
}

/// Opens a connection over a stream that the caller has brought.
pub(crate) async fn over<S>(plan: &Plan, stream: S) -> Result<Opened<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let began = Instant::now();
    let mut progress = Progress::new();
    let work = upgrade(stream, &plan.offer, &mut progress);
    let outcome = timeout(plan.limit, work).await;
    conclude(plan, began, progress, outcome).await
}

/// How far connecting has come. It lives outside of the work, so that it is still there when the
/// deadline has ended the work.
struct Progress {
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// How many bytes of the response have come.
    received: usize,
    report: ConnectReport,
}

impl Progress {
    fn new() -> Self {
        Self {
            phase: Phase::Resolve,
            since: Instant::now(),
            received: 0,
            report: ConnectReport::default(),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    fn deadline_passed(&mut self, limit: Duration) -> Error {
        let detail = match self.phase {
            Phase::Resolve => "while the host name was being resolved".to_owned(),
            Phase::Connect => {
                tcp::abandon(&mut self.report.attempts, self.since.elapsed());
                let attempts = tcp::describe(&self.report.attempts);
                format!("while TCP was being opened: {attempts}")
            }
            Phase::Upgrade if self.received == 0 => {
                "in the opening handshake: the server has sent nothing".to_owned()
            }
            Phase::Upgrade => format!(
                "in the opening handshake: the server's response is not complete after {} bytes",
                self.received
            ),
            phase => format!("in {phase}: the server does not answer"),
        };
        let message = format!("the connect deadline of {limit:?} passed {detail}");
        Error::new(ErrorKind::Timeout, self.phase, message)
    }
}

/// The server's answer, and the stream behind it.
struct Upgraded<S> {
    stream: S,
    answer: Answer,
    /// What came behind the head of the answer.
    rest: BytesMut,
}

/// The opening handshake on a byte stream (RFC 6455 §4.1), up to the head of the answer.
async fn upgrade<S>(
    mut stream: S,
    offer: &Offer,
    progress: &mut Progress,
) -> Result<Upgraded<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    progress.enter(Phase::Upgrade);
    let began = Instant::now();
    let key = Key::generate();
    // A server may refuse and close before it has read all of the request: its answer counts.
    let mut unsent = send(&mut stream, &offer.request(&key)).await.err();

    let mut response = ResponseReader::new(offer, &key);
    let mut buffer = BytesMut::new();
    let answer = loop {
        buffer.reserve(READ_SIZE);
        match stream.read_buf(&mut buffer).await {
            Ok(length @ 1..) => progress.received += length,
            ended => {
                let error = unsent.take().or_else(|| ended.err());
                let error = error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Err(lost(error, progress));
            }
        }
        if let Some(answer) = response.read(&mut buffer)? {
            break answer;
        }
    };
    progress.report.upgrade = Some(began.elapsed());
    Ok(Upgraded {
        stream,
        answer,
        rest: buffer,
    })
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> io::Result<()> {
    stream.write_all(request).await?;
    stream.flush().await
}

/// A stream that failed or ended before the server's answer was whole.
fn lost(error: io::Error, progress: &Progress) -> Error {
    // A TLS server that wants a client certificate says so only now (RFC 8446 §4.4.2.4).
    if let Some(why) = tls::explain(&error) {
        return Error::new(ErrorKind::Tls, progress.phase, why).with_source(error);
    }
    let ended = error.kind() == io::ErrorKind::UnexpectedEof;
    let message = match (progress.received, ended) {
        (0, true) => "the server closed the connection without an answer".to_owned(),
        (0, false) => format!("the connection was lost before the server answered: {error}"),
        (count, true) => {
            format!("the server closed the connection after {count} bytes of its response")
        }
        (count, false) => {
            format!("the connection was lost after {count} bytes of the response: {error}")
        }
    };
    let message = format!("the opening handshake failed: {message}");
    Error::new(ErrorKind::Io, progress.phase, message).with_source(error)
}

/// Turns whatever came of the work into a connection, or an error that carries the report.
async fn conclude<S>(
    plan: &Plan,
    began: Instant,
    mut progress: Progress,
    outcome: Result<Result<Upgraded<S>, Error>, Elapsed>,
) -> Result<Opened<S>, Error>
where
    S: AsyncRead + Unpin,
{
    progress.report.addresses.shrink_to_fit();
    progress.report.attempts.shrink_to_fit();
    let error = match outcome {
        Ok(Ok(upgraded)) => match upgraded.answer {
            Answer::Accepted(head) => {
                return Ok(Opened {
                    stream: upgraded.stream,
                    // A copy of its own size: whoever keeps it should not keep the whole buffer.
                    read_already: Bytes::copy_from_slice(&upgraded.rest),
                    handshake: Handshake::new(head, progress.report),
                });
            }
            Answer::Refused(head) => {
                // Outside of the deadline's own timer, so that it cannot hide the refusal.
                let left = plan.limit.saturating_sub(began.elapsed());
                let limit = left.min(BODY_TIMEOUT);
                let body = read_body(upgraded.stream, &head, upgraded.rest, limit).await;
                Error::refused(head.map(|()| body))
            }
        },
        Ok(Err(error)) => error,
        Err(_) => progress.deadline_passed(plan.limit),
    };
    Err(error.context(&plan.target).with_report(progress.report))
}

/// The body of a refusal, or as much of it as comes in time.
async fn read_body<S: AsyncRead + Unpin>(
    mut stream: S,
    head: &Response<()>,
    mut buffer: BytesMut,
    limit: Duration,
) -> Bytes {
    let mut body = BodyReader::new(head);
    let read = async {
        while !body.read(&buffer) {
            buffer.clear();
            buffer.reserve(READ_SIZE);
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                break;
            }
        }
    };
    // What has come when the time is up is what there is.
    let _ = timeout(limit, read).await;
    body.into_body().into()
}

/// How long the body of a refusal may take to arrive, while the connect deadline allows.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Larger than nearly every response, and small enough to be dropped without regret.
const READ_SIZE: usize = 4 << 10;
