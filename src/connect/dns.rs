//! From a host name to addresses.

use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use super::Progress;
use super::target::Host;
use crate::error::{Error, ErrorKind, Phase};

/// Finds the addresses of a host: a cache, a service registry, another DNS library, a test's fixed
/// answer.
///
/// Implemented for functions from host name and port to a future, and for [`SystemResolver`], the
/// default. It is not asked for addresses that stand in the URL as numbers. The addresses race in the
/// order given, save that IPv6 and IPv4 take turns (RFC 8305 §4), beginning with the family of the
/// first; with the port as given, so that it may be another.
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

/// The addresses of a host in the order in which they are tried; `progress` keeps them too.
///
/// `fixed` are the answers that the caller has given in advance, by host name.
pub(super) async fn addresses(
    host: &Host,
    port: u16,
    resolver: &dyn Resolve,
    fixed: &[Fixed],
    progress: &mut Progress,
) -> Result<Vec<SocketAddr>, Error> {
    progress.enter(Phase::Resolve);
    let found = match host {
        Host::Ip(address) => vec![SocketAddr::new(*address, port)],
        Host::Name(name) => {
            if let Some(fixed) = fixed.iter().find(|fixed| fixed.is_for(name)) {
                fixed.addresses(port)
            } else {
                let found = resolver.resolve(name, port).await;
                progress.handshake.report.resolve = Some(progress.since.elapsed());
                found.map_err(|error| {
                    let message = format!("the host name {name} could not be resolved: {error}");
                    Error::new(ErrorKind::Resolve, Phase::Resolve, message).with_source(error)
                })?
            }
        }
        Host::Unix(_) => Vec::new(),
    };
    if found.is_empty() {
        let message = format!("the host name {host} has no addresses");
        return Err(Error::new(ErrorKind::Resolve, Phase::Resolve, message));
    }
    let addresses = interleaved(found);
    progress.handshake.report.addresses.clone_from(&addresses);
    Ok(addresses)
}

/// Alternates between the families, beginning with that of the first address, so that one family
/// without a route cannot hold up the other (RFC 8305 §4). Each address once.
fn interleaved(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = found.first().map(SocketAddr::is_ipv4) else {
        return found;
    };
    let mut seen = HashSet::new();
    let distinct = found.into_iter().filter(|address| seen.insert(*address));
    let (leading, other): (Vec<_>, Vec<_>) =
        distinct.partition(|address| address.is_ipv4() == first);
    let mut addresses = Vec::with_capacity(leading.len() + other.len());
    let (mut leading, mut other) = (leading.into_iter(), other.into_iter());
    while leading.len() + other.len() > 0 {
        addresses.extend(leading.next());
        addresses.extend(other.next());
    }
    addresses
}

/// The addresses of a host that the caller has given in advance.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Fixed {
    pub(crate) fn new(host: &str, addresses: Vec<SocketAddr>) -> Self {
        Self {
            host: host.to_owned(),
            addresses,
        }
    }

    pub(crate) fn is_for(&self, name: &str) -> bool {
        let bare = |name: &'_ str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        bare(&self.host) == bare(name)
    }

    /// With the URL's port where none was given.
    fn addresses(&self, port: u16) -> Vec<SocketAddr> {
        let mut addresses = self.addresses.clone();
        for address in addresses.iter_mut().filter(|address| address.port() == 0) {
            address.set_port(port);
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_addresss_begins() {
        let sort = |addresses: &[&str]| -> Vec<String> {
            let found = addresses.iter().map(|text| text.parse().unwrap());
            let sorted = interleaved(found.collect());
            sorted.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            sort(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
        assert_eq!(
            sort(&["1.1.1.1:1", "1.1.1.1:2", "1.1.1.1:1", "[::1]:1"]),
            ["1.1.1.1:1", "[::1]:1", "1.1.1.1:2"]
        );
        assert!(sort(&[]).is_empty());
    }

    #[test]
    fn a_fixed_answer_is_for_one_host_and_takes_the_urls_port() {
        let fixed = Fixed::new("Feed.Example.", vec!["1.1.1.1:0".parse().unwrap()]);
        assert!(fixed.is_for("feed.example") && fixed.is_for("feed.example."));
        assert!(!fixed.is_for("example"));
        assert_eq!(fixed.addresses(9), ["1.1.1.1:9".parse().unwrap()]);
    }
}
