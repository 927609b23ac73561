//! From a URL to an open connection: the only code that opens sockets.

mod dns;
mod percent;
mod progress;
mod socket;
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
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
#[path = "no_unix.rs"]
mod unix;
mod upgrade;
mod url;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Error, Phase};
use crate::handshake::{Answer, Handshake, Offer};

pub(crate) use self::dns::Fixed;
pub use self::dns::{Resolve, Resolving, SystemResolver};
pub(crate) use self::progress::Limits;
use self::progress::{Progress, Stop};
pub(crate) use self::socket::SocketOptions;
use self::target::Host;
pub(crate) use self::target::Target;
pub use self::transport::Transport;
use self::upgrade::{Upgraded, read_body, upgrade};
pub use self::url::IntoUrl;

/// What is to be connected to, and how long it may take.
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) offer: Offer,
    pub(crate) limits: Limits,
}

/// What dialling uses on its way.
pub(crate) struct Means<'a> {
    pub(crate) resolver: &'a dyn Resolve,
    /// Answers that the resolver is not asked for.
    pub(crate) fixed: &'a [Fixed],
    pub(crate) sockets: SocketOptions,
    /// There if the URL wants it.
    pub(crate) tls: Option<tls::Connector>,
}

/// An open connection, ready for frames.
pub(crate) struct Opened<S> {
    pub(crate) stream: S,
    /// What came behind the 101: the first frames.
    pub(crate) read_already: Bytes,
    pub(crate) handshake: Handshake,
}

/// Opens a connection of our own.
pub(crate) async fn dial(plan: &Plan, means: &Means<'_>) -> Result<Opened<Transport>, Error> {
    let mut progress = Progress::new(&plan.target);
    let work = reach(plan, means, &mut progress);
    let outcome = plan.limits.within_whole(work).await;
    conclude(&plan.limits, progress, outcome).await
}

/// Opens a connection over a stream that the caller has brought.
pub(crate) async fn over<S>(plan: &Plan, stream: S) -> Result<Opened<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut progress = Progress::new(&plan.target);
    let work = plan
        .limits
        .within(Phase::Upgrade, upgrade(stream, &plan.offer, &mut progress));
    let outcome = plan.limits.within_whole(work).await;
    conclude(&plan.limits, progress, outcome).await
}

/// The whole way from a URL to the server's answer.
async fn reach(
    plan: &Plan,
    means: &Means<'_>,
    progress: &mut Progress,
) -> Result<Upgraded<Transport>, Stop> {
    let (target, limits) = (&plan.target, &plan.limits);
    let mut stream = match &target.host {
        Host::Unix(path) => {
            let connecting = unix::connect(path.as_ref(), progress);
            limits.within(Phase::Connect, connecting).await?.into()
        }
        host => open_tcp(host, target.port, limits, means, progress).await?,
    };
    if let Some(tls) = &means.tls {
        let handshake = tls.handshake(stream, &target.host, progress);
        stream = limits.within(Phase::Tls, handshake).await?;
    }
    let upgrade = upgrade(stream, &plan.offer, progress);
    limits.within(Phase::Upgrade, upgrade).await
}

/// From a host and a port, the server's or a proxy's, to a TCP connection.
async fn open_tcp(
    host: &Host,
    port: u16,
    limits: &Limits,
    means: &Means<'_>,
    progress: &mut Progress,
) -> Result<Transport, Stop> {
    let resolving = dns::addresses(host, port, means.resolver, means.fixed, progress);
    let addresses = limits.within(Phase::Resolve, resolving).await?;
    let left = limits.left(Phase::Connect, progress.began);
    let connecting = tcp::connect(&addresses, &means.sockets, left, progress);
    Ok(limits.within(Phase::Connect, connecting).await?.into())
}

/// Turns whatever came of the work into a connection, or an error that carries the report.
async fn conclude<S>(
    limits: &Limits,
    progress: Progress,
    outcome: Result<Upgraded<S>, Stop>,
) -> Result<Opened<S>, Error>
where
    S: AsyncRead + Unpin,
{
    let error = match outcome {
        Ok(upgraded) => match upgraded.answer {
            Answer::Accepted(head) => {
                return Ok(Opened {
                    stream: upgraded.stream,
                    // A copy of its own size: whoever keeps it should not keep the whole buffer.
                    read_already: Bytes::copy_from_slice(&upgraded.rest),
                    handshake: Handshake::new(head, progress.succeeded()),
                });
            }
            Answer::Refused(head) => {
                // Outside of the deadline's own timer, so that it cannot hide the refusal.
                let left = limits.whole().saturating_sub(progress.began.elapsed());
                let body = read_body(upgraded.stream, &head, upgraded.rest, left).await;
                Error::refused(head.map(|()| body))
            }
        },
        Err(Stop::Failed(error)) => error,
        Err(Stop::Late(limit)) => progress.late(limit),
    };
    Err(progress.failed(error))
}
