//! What can be said about dialling: where names lead, how sockets are set, which TLS is spoken. None of
//! it makes sense over a stream of the caller's.

use std::fmt;
use std::sync::Arc;

use super::{ClientBuilder, Connect};
use crate::connect::tls::TlsChoice;
use crate::connect::{Fixed, Resolve, SocketOptions};
use crate::error::Error;

#[derive(Clone, Default)]
pub(super) struct Dialling {
    pub(super) tls: Option<TlsChoice>,
    pub(super) resolver: Option<Arc<dyn Resolve>>,
    pub(super) fixed: Vec<Fixed>,
    pub(super) sockets: SocketOptions,
}

impl Dialling {
    /// Where a host leads: what was said last about it counts.
    fn fix(&mut self, fixed: Fixed, host: &str) {
        self.fixed.retain(|other| !other.is_for(host));
        self.fixed.push(fixed);
    }

    /// The answers given in advance, those of `defaults` last.
    pub(super) fn fixed_or(&self, defaults: &Self) -> Vec<Fixed> {
        [&self.fixed[..], &defaults.fixed].concat()
    }

    /// The name of the first setting that has been made.
    pub(super) fn first_set(&self) -> Option<&'static str> {
        [
            (self.tls.is_some(), "TLS settings"),
            (self.resolver.is_some(), "a resolver"),
            (!self.fixed.is_empty(), "resolve"),
        ]
        .into_iter()
        .find_map(|(is_set, name)| is_set.then_some(name))
        .or_else(|| self.sockets.first_set())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.sockets.check()
    }
}

impl fmt::Debug for Dialling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialling")
            .field("tls", &self.tls)
            .field("resolver", &self.resolver.is_some())
            .field("fixed", &self.fixed)
            .field("sockets", &self.sockets)
            .finish()
    }
}

macro_rules! dialling_setters {
    () => {
        /// Asks this resolver for the addresses of host names. Default:
        /// [`SystemResolver`](crate::SystemResolver).
        pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
            self.options.dialling.resolver = Some(Arc::new(resolver));
            self
        }

        /// Connects to these addresses whenever `host` is to be reached, and asks no resolver for it.
        /// Default: none.
        ///
        /// Like `curl --resolve`: for tests, and for a server that is to be reached behind the back
        /// of DNS. A port of 0 stands for the port of the URL. The name in the URL is still the one
        /// that goes into `Host` and that the certificate must be for. May be called for several
        /// hosts; for the same host the last call counts.
        ///
        /// ```no_run
        /// # async fn example() -> Result<(), longwire::Error> {
        /// let ws = longwire::connect("wss://feed.example.com/")
        ///     .resolve("feed.example.com", [([10, 0, 0, 7], 443), ([10, 0, 0, 8], 443)])
        ///     .await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn resolve<A: Into<std::net::SocketAddr>>(
            mut self,
            host: impl AsRef<str>,
            addresses: impl IntoIterator<Item = A>,
        ) -> Self {
            let addresses = addresses.into_iter().map(Into::into).collect();
            let host = host.as_ref();
            let fixed = Fixed::new(host, addresses);
            self.options.dialling.fix(fixed, host);
            self
        }

        /// Connects from this address of the machine. Default: the operating system chooses.
        ///
        /// Only servers of the same family can then be reached: addresses of the other one fail at
        /// once, and the report says so.
        pub fn local_address(mut self, address: impl Into<std::net::IpAddr>) -> Self {
            self.options.dialling.sockets.local_address = Some(address.into());
            self
        }

        /// Whether TCP sends small segments at once (`TCP_NODELAY`). Default: `true`.
        ///
        /// `false` switches Nagle's algorithm on: a little less traffic where many small messages
        /// are sent one by one, and up to a round trip (40 ms and more) of delay for each.
        pub fn nodelay(mut self, at_once: bool) -> Self {
            self.options.dialling.sockets.nodelay = Some(at_once);
            self
        }

        /// Has TCP probe the other end after this long without traffic (`SO_KEEPALIVE`), in whole
        /// seconds. Default: no probes.
        ///
        /// How often and how many probes are sent is up to the operating system. They keep the
        /// entries of routers alive, but prove only that the other *machine* is there.
        pub fn tcp_keepalive(mut self, idle: std::time::Duration) -> Self {
            self.options.dialling.sockets.keepalive = Some(idle);
            self
        }

        /// Gives a connection up when what was sent stays unacknowledged by TCP for this long
        /// (`TCP_USER_TIMEOUT`, RFC 5482), in whole milliseconds. Default: the operating system's,
        /// about 15 minutes on Linux.
        ///
        /// For Linux and Android; elsewhere it is an error of kind
        /// [`Config`](crate::ErrorKind::Config).
        pub fn tcp_user_timeout(mut self, limit: std::time::Duration) -> Self {
            self.options.dialling.sockets.user_timeout = Some(limit);
            self
        }
    };
}

impl ClientBuilder {
    dialling_setters!();
}

impl<D> Connect<D> {
    dialling_setters!();
}
