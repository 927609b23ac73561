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

use bytes::{Bytes, BytesMut};
use http::header::COOKIE;
use http::{HeaderValue, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::cookies::CookieStore;
use crate::error::{Error, Phase};
use crate::handshake::{Answer, Handshake, Offer};
use crate::trace;

pub(crate) use self::dns::Fixed;
pub use self::dns::{Resolve, Resolving, SystemResolver};
pub(crate) use self::progress::Limits;
use self::progress::{Progress, Stop};
use self::proxy::ProxyChoice;
pub use self::redirect::Redirect;
use self::redirect::Trail;
pub(crate) use self::redirect::{Policy, Redirects};
use self::secrets::Secrets;
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
    pub(crate) cookies: Option<Arc<dyn CookieStore>>,
}

impl Plan {
    /// What the jar has for this request. A `Cookie` field of the caller's own comes first.
    fn cookie_field(&self) -> Option<HeaderValue> {
        if self.offer.headers.contains_key(COOKIE) {
            return None;
        }
        self.cookies.as_ref()?.cookies(&self.target.cookie_url())
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

/// An open connection, ready for frames.
pub(crate) struct Opened<S> {
    pub(crate) stream: S,
    /// What came behind the 101: the first frames.
    pub(crate) read_already: Bytes,
    pub(crate) handshake: Box<Handshake>,
}

/// Opens a connection of our own: goes to the URL, and on to wherever its answer leads.
pub(crate) async fn dial(mut plan: Plan, means: &Means<'_>) -> Result<Opened<Transport>, Error> {
    let mut progress = Progress::new(&plan.target, Phase::Resolve);
    let began = progress.began;
    let limits = plan.limits.clone();
    let outcome = {
        let work = pin!(async {
            let mut trail = Trail::new(&plan, &means.redirects);
            loop {
                let upgraded = reach(&plan, means, &trail, &mut progress).await?;
                if !trail.follow(&upgraded.answer, &mut plan)? {
                    return Ok(upgraded);
                }
                progress.turn_to(&plan.target);
            }
        });
        limits.within_whole(began, work).await
    };
    match conclude(&limits, progress, outcome) {
        Ok(opened) => Ok(opened),
        Err(explained) => Err(explained.await),
    }
}

/// Opens a connection over a stream that the caller has brought.
pub(crate) async fn over<S>(plan: &Plan, stream: S) -> Result<Opened<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut progress = Progress::new(&plan.target, Phase::Upgrade);
    trace::entered(Phase::Upgrade);
    let began = progress.began;
    let outcome = {
        let upgrade = pin!(upgrade(stream, plan, &mut progress));
        let work = pin!(plan.limits.within(Phase::Upgrade, upgrade));
        plan.limits.within_whole(began, work).await
    };
    match conclude(&plan.limits, progress, outcome) {
        Ok(opened) => Ok(opened),
        Err(explained) => Err(explained.await),
    }
}

/// The whole way from one URL to the server's answer.
async fn reach(
    plan: &Plan,
    means: &Means<'_>,
    trail: &Trail<'_>,
    progress: &mut Progress,
) -> Result<Upgraded<Transport>, Stop> {
    let (target, limits) = (&plan.target, &plan.limits);
    // What cannot be had is said before anything is dialled.
    let mut tls = target.secure.then(means.tls).transpose()?;
    if trail.is_away() {
        tls = tls.map(tls::Connector::without_client_cert);
    }
    let mut stream = match (&target.host, proxy::route(means.proxy, target)?) {
        (_, Some(route)) => route.open(plan, means, trail, progress).await?,
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
    let upgrade = pin!(upgrade(stream, plan, progress));
    limits.within(Phase::Upgrade, upgrade).await
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
    outcome: Result<Upgraded<S>, Stop>,
) -> Result<Opened<S>, impl Future<Output = Error>>
where
    S: AsyncRead + Unpin,
{
    let failed = match outcome {
        Ok(Upgraded {
            answer: Answer::Accepted(head, deflate),
            stream,
            rest,
            ..
        }) => {
            return Ok(Opened {
                stream,
                // A copy of its own size: whoever keeps it should not keep the whole buffer.
                read_already: Bytes::copy_from_slice(&rest),
                handshake: Box::new(Handshake::new(head, deflate, progress.succeeded())),
            });
        }
        Ok(Upgraded {
            answer: Answer::Refused(head),
            stream,
            rest,
            secrets,
            note,
        }) => Ok(Refusal {
            head,
            stream,
            rest,
            secrets,
            note,
        }),
        Err(stop) => Err(stop),
    };
    // Elsewhere, because no room is kept for it where connecting goes well.
    Err(Box::pin(explain(limits.whole(), progress, failed)))
}

/// A final answer other than 101, and the stream that its body comes from.
struct Refusal<S> {
    head: Box<Response<()>>,
    stream: S,
    rest: BytesMut,
    secrets: Secrets,
    note: String,
}

/// The error of a connection that was not made.
async fn explain<S>(limit: Duration, progress: Progress, failed: Result<Refusal<S>, Stop>) -> Error
where
    S: AsyncRead + Unpin,
{
    let error = match failed {
        Ok(refusal) => {
            // Outside of the deadline's own timer, so that it cannot hide the refusal.
            let left = limit.saturating_sub(progress.began.elapsed());
            let body = read_body(refusal.stream, &refusal.head, refusal.rest, left).await;
            let response = refusal.head.map(|()| body);
            Error::refused(response, &refusal.note, |text| refusal.secrets.hide(text))
        }
        Err(Stop::Failed(error)) => progress.blame(error),
        Err(Stop::Late(limit)) => progress.late(limit),
    };
    progress.failed(error)
}
