//! From a URL to an open connection: the only code that opens sockets.

mod dns;
mod location;
mod percent;
mod progress;
#[cfg(feature = "proxy")]
pub(crate) mod proxy;
#[cfg(not(feature = "proxy"))]
#[path = "no_proxy.rs"]
pub(crate) mod proxy;
mod redirect;
mod secrets;
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

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::COOKIE;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::cookies::CookieStore;
use crate::error::{Error, Phase};
use crate::handshake::{Handshake, Offer};
use crate::trace;

pub(crate) use self::dns::Fixed;
pub use self::dns::{Resolve, Resolving, SystemResolver};
pub(crate) use self::progress::Limits;
use self::progress::{Progress, Stop};
use self::proxy::ProxyChoice;
pub use self::redirect::Redirect;
use self::redirect::Trail;
pub(crate) use self::redirect::{Policy, Redirects};
pub(crate) use self::socket::SocketOptions;
use self::target::Host;
pub(crate) use self::target::Target;
pub use self::transport::Transport;
use self::upgrade::{Answer, Refusal, read_body, upgrade};
pub use self::url::IntoUrl;

/// What is to be connected to, and how long it may take.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) target: &'a Target,
    pub(crate) offer: Offer<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) cookies: Option<&'a Arc<dyn CookieStore>>,
}

impl Plan<'_> {
    /// What the jar has for this request. A `Cookie` field of the caller's own comes first.
    fn cookie_field(&self) -> Option<HeaderValue> {
        if self.offer.headers.contains_key(COOKIE) {
            return None;
        }
        self.cookies?.cookies(&self.target.cookie_url())
    }
}

/// What dialling uses on its way.
pub(crate) struct Means<'a> {
    pub(crate) resolver: &'a dyn Resolve,
    /// Answers that the resolver is not asked for.
    pub(crate) fixed: &'a [Fixed],
    pub(crate) sockets: SocketOptions,
    /// Asked where a URL wants it.
    pub(crate) tls: &'a (dyn Fn() -> Result<tls::Connector, Error> + Sync),
    pub(crate) redirects: Redirects,
    pub(crate) proxy: Option<&'a ProxyChoice>,
}

/// That a connection is open, and ready for frames.
pub(crate) struct Opened {
    /// What came behind the 101: the first frames.
    pub(crate) read_already: Bytes,
    pub(crate) handshake: Box<Handshake>,
}

/// Opens a connection of our own: goes to the URL, and on to wherever its answer leads.
pub(crate) async fn dial(plan: &Plan<'_>, means: &Means<'_>) -> Result<(Transport, Opened), Error> {
    let mut progress = Progress::new(plan.target, Phase::Resolve);
    let (began, limits) = (progress.began, plan.limits);
    let outcome = {
        let work = pin!(async {
            let mut trail = Trail::new(*plan, &means.redirects);
            loop {
                let (stream, answer) = reach(&trail, means, &mut progress).await?;
                match answer {
                    Answer::Refused(refusal) if trail.follow(&refusal.head)? => {}
                    answer => return Ok((stream, answer)),
                }
                progress.turn_to(trail.plan().target);
            }
        });
        limits.within_whole(began, work).await
    };
    match conclude(limits, progress, outcome) {
        Ok(opened) => Ok(opened),
        Err(explained) => Err(explained.await),
    }
}

/// Opens a connection over a stream that the caller has brought.
pub(crate) async fn over<S>(plan: &Plan<'_>, stream: &mut S) -> Result<Opened, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut progress = Progress::new(plan.target, Phase::Upgrade);
    trace::entered(Phase::Upgrade);
    let began = progress.began;
    let outcome = {
        let upgrade = pin!(upgrade(stream, plan, &mut progress));
        let work = pin!(plan.limits.within(Phase::Upgrade, upgrade));
        plan.limits.within_whole(began, work).await
    };
    let outcome = outcome.map(|answer| (stream, answer));
    match conclude(plan.limits, progress, outcome) {
        Ok((_, opened)) => Ok(opened),
        Err(explained) => Err(explained.await),
    }
}

/// The whole way from one URL to the server's answer.
async fn reach(
    trail: &Trail<'_>,
    means: &Means<'_>,
    progress: &mut Progress,
) -> Result<(Transport, Answer), Stop> {
    let plan = trail.plan();
    let (target, limits) = (plan.target, plan.limits);
    // What cannot be had is said before anything is dialled.
    let mut tls = target.secure.then(means.tls).transpose()?;
    if trail.is_away() {
        tls = tls.map(tls::Connector::without_client_cert);
    }
    let mut stream = match (&target.host, proxy::route(means.proxy, target)?) {
        (_, Some(route)) => route.open(trail, means, progress).await?,
        (Host::Unix(path), None) => {
            let connecting = pin!(unix::connect(path.as_ref(), progress));
            limits.within(Phase::Connect, connecting).await?.into()
        }
        (host, None) => {
            let addresses = resolve(host, target.port, limits, means, progress).await?;
            trail.ask_policy(target, &addresses)?;
            open_tcp(&addresses, limits, means, progress).await?
        }
    };
    if let Some(tls) = tls {
        let handshake = pin!(tls.handshake(stream, &target.host, progress));
        stream = limits.within(Phase::Tls, handshake).await?;
        stream.set_secure();
    }
    progress.enter(Phase::Upgrade);
    let answer = {
        let upgrade = pin!(upgrade(&mut stream, &plan, progress));
        limits.within(Phase::Upgrade, upgrade).await?
    };
    Ok((stream, answer))
}

/// The addresses of a host, the server's or a proxy's.
async fn resolve(
    host: &Host,
    port: u16,
    limits: &Limits,
    means: &Means<'_>,
    progress: &mut Progress,
) -> Result<Vec<SocketAddr>, Stop> {
    let resolving = pin!(dns::addresses(
        host,
        port,
        means.resolver,
        means.fixed,
        progress
    ));
    limits.within(Phase::Resolve, resolving).await
}

/// A TCP connection to the fastest of the addresses.
async fn open_tcp(
    addresses: &[SocketAddr],
    limits: &Limits,
    means: &Means<'_>,
    progress: &mut Progress,
) -> Result<Transport, Stop> {
    let left = limits.left(Phase::Connect, progress.began);
    let connecting = pin!(tcp::connect(addresses, &means.sockets, left, progress));
    Ok(limits.within(Phase::Connect, connecting).await?.into())
}

/// Turns whatever came of the work into a connection, or into the way to the error that carries the
/// report.
fn conclude<S>(
    limits: &Limits,
    progress: Progress,
    outcome: Result<(S, Answer), Stop>,
) -> Result<(S, Opened), impl Future<Output = Error>>
where
    S: AsyncRead + Unpin,
{
    let failed = match outcome {
        Ok((stream, Answer::Accepted(rest))) => {
            let opened = Opened {
                // A copy of its own size: whoever keeps it should not keep the whole buffer.
                read_already: Bytes::copy_from_slice(&rest),
                handshake: progress.succeeded(),
            };
            return Ok((stream, opened));
        }
        Ok((stream, Answer::Refused(refusal))) => Ok((stream, refusal)),
        Err(stop) => Err(stop),
    };
    // Elsewhere, because no room is kept for it where connecting goes well.
    Err(Box::pin(explain(limits.whole(), progress, failed)))
}

/// The error of a connection that was not made.
async fn explain<S>(
    limit: Duration,
    progress: Progress,
    failed: Result<(S, Box<Refusal>), Stop>,
) -> Error
where
    S: AsyncRead + Unpin,
{
    let error = match failed {
        Ok((stream, refusal)) => {
            let Refusal {
                head,
                rest,
                secrets,
                note,
            } = *refusal;
            // Outside of the deadline's own timer, so that it cannot hide the refusal.
            let left = limit.saturating_sub(progress.began.elapsed());
            let body = read_body(stream, &head, rest, left).await;
            Error::refused(head.map(|()| body), &note, |text| secrets.hide(text))
        }
        Err(Stop::Failed(error)) => progress.blame(error),
        Err(Stop::Late(limit)) => progress.late(limit),
    };
    progress.failed(error)
}
