//! From a host name to addresses.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::Progress;
use super::target::{Host, Target};
use crate::error::{Error, ErrorKind, Phase};

/// Finds the addresses of a host: a cache, a service registry, another DNS library, a test's fixed
/// answer.
///
/// Implemented for functions from host name and port to a future, and for [`SystemResolver`], the
/// default. It is not asked for addresses that stand in the URL as numbers. The addresses are tried
/// in the order given; with the port as given, so that it may be another.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// let ws = longwire::connect("wss://example.com")
///     .resolver(|_host, port| async move { Ok(vec![([10, 0, 0, 7], port).into()]) })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. The future is dropped when the connect deadline passes.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// What [`Resolve::resolve`] returns.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

impl<F, R> Resolve for F
where
    F: Fn(String, u16) -> R + Send + Sync,
    R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(self(host.to_owned(), port))
    }
}

impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        (**self).resolve(host, port)
    }
}

/// The resolver of the operating system (`getaddrinfo`), on tokio's pool for blocking work.
///
/// A look-up cannot be cut short: after the deadline its thread goes on until the system gives up,
/// though nobody waits for it.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// The addresses of the target, which `progress` keeps too.
pub(super) async fn addresses(
    target: &Target,
    resolver: &dyn Resolve,
    progress: &mut Progress,
) -> Result<Vec<SocketAddr>, Error> {
    let addresses = match &target.host {
        Host::Ip(address) => vec![SocketAddr::new(*address, target.port)],
        Host::Name(name) => {
            progress.enter(Phase::Resolve);
            let start = Instant::now();
            let found = resolver.resolve(name, target.port).await;
            progress.report.resolve = Some(start.elapsed());
            found.map_err(|error| {
                let message = format!("the host name {name} could not be resolved: {error}");
                Error::new(ErrorKind::Resolve, Phase::Resolve, message).with_source(error)
            })?
        }
    };
    if addresses.is_empty() {
        let message = format!("the host name {} has no addresses", target.host);
        return Err(Error::new(ErrorKind::Resolve, Phase::Resolve, message));
    }
    progress.report.addresses.clone_from(&addresses);
    Ok(addresses)
}
