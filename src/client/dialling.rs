//! What can be said about dialling: where names lead, how sockets are set, which TLS is spoken. None of
//! it makes sense over a stream of the caller's.

use std::fmt;
use std::sync::Arc;

use super::{ClientBuilder, Connect};
use crate::connect::proxy::ProxyChoice;
use crate::connect::tls::TlsChoice;
use crate::connect::{Fixed, Policy, Redirect, Redirects, Resolve, SocketOptions};
use crate::error::Error;

#[derive(Clone, Default)]
pub(super) struct Dialling {
    pub(super) tls: Option<TlsChoice>,
    pub(super) resolver: Option<Arc<dyn Resolve>>,
    pub(super) fixed: Vec<Fixed>,
    pub(super) sockets: SocketOptions,
    pub(super) redirects: Option<usize>,
    pub(super) redirect_policy: Option<Policy>,
    pub(super) proxy: Option<ProxyChoice>,
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

    /// What is to be done with redirects.
    pub(super) fn redirects_or(&self, defaults: &Self) -> Redirects {
        let policy = self.redirect_policy.as_ref();
        Redirects {
            most: self.redirects.or(defaults.redirects).unwrap_or(0),
            policy: policy.or(defaults.redirect_policy.as_ref()).cloned(),
        }
    }

    /// The name of the first setting that has been made.
    pub(super) fn first_set(&self) -> Option<&'static str> {
        [
            (self.tls.is_some(), "TLS settings"),
            (self.resolver.is_some(), "a resolver"),
            (!self.fixed.is_empty(), "resolve"),
            (self.redirects.is_some(), "redirects"),
            (self.redirect_policy.is_some(), "redirect_policy"),
            (self.proxy.as_ref().is_some_and(ProxyChoice::is_on), "proxy"),
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
            .field("redirects", &self.redirects)
            .field("redirect_policy", &self.redirect_policy.is_some())
            .field("proxy", &self.proxy)
            .finish()
    }
}

macro_rules! dialling_setters {
    () => {
        /// Asks this resolver for the addresses of host names. Default:
        /// [`SystemResolver`](crate::SystemResolver).
        pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
            self.options().dialling.resolver = Some(Arc::new(resolver));
            self
        }

        /// Connects to these addresses whenever `host` is to be reached, and asks no resolver for it.
        /// Default: none.
        ///
        /// Like `curl --resolve`: for tests, and for a server that is to be reached behind the back
        /// of DNS. A port of 0 stands for the port of the URL. The name in the URL is still the one
        /// that goes into `Host` and that the certificate must be for. May be called for several
        /// hosts; for the same host the last call counts. A proxy that gets the name looks it up
        /// itself, so that only the proxy's own name is a host to be reached then.
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
            self.options().dialling.fix(fixed, host);
            self
        }

        /// Connects from this address of the machine. Default: the operating system chooses.
        ///
        /// Only servers of the same family can then be reached: addresses of the other one fail at
        /// once, and the report says so.
        pub fn local_address(mut self, address: impl Into<std::net::IpAddr>) -> Self {
            self.options().dialling.sockets.local_address = Some(address.into());
            self
        }

        /// Whether TCP sends small segments at once (`TCP_NODELAY`). Default: `true`.
        ///
        /// `false` switches Nagle's algorithm on: a little less traffic where many small messages
        /// are sent one by one, and up to a round trip (40 ms and more) of delay for each.
        pub fn nodelay(mut self, at_once: bool) -> Self {
            self.options().dialling.sockets.nodelay = Some(at_once);
            self
        }

        /// Has TCP probe the other end after this long without traffic (`SO_KEEPALIVE`), in whole
        /// seconds. Default: no probes.
        ///
        /// How often and how many probes are sent is up to the operating system. They keep the
        /// entries of routers alive, but prove only that the other *machine* is there.
        pub fn tcp_keepalive(mut self, idle: std::time::Duration) -> Self {
            self.options().dialling.sockets.keepalive = Some(idle);
            self
        }

        /// Gives a connection up when what was sent stays unacknowledged by TCP for this long
        /// (`TCP_USER_TIMEOUT`, RFC 5482), in whole milliseconds. Default: the operating system's,
        /// about 15 minutes on Linux.
        ///
        /// For Linux and Android; elsewhere it is an error of kind
        /// [`Config`](crate::ErrorKind::Config).
        pub fn tcp_user_timeout(mut self, limit: std::time::Duration) -> Self {
            self.options().dialling.sockets.user_timeout = Some(limit);
            self
        }

        /// Follows up to this many redirects: 301, 302, 303, 307 and 308 with a `Location`
        /// (RFC 9110 §15.4). Default: 0, a redirect is a refusal.
        ///
        /// Each is a connection of its own, with a key of its own, under the same deadline.
        /// `http://` and `https://` stand for `ws://` and `wss://`. Where scheme, host or port
        /// change, **all** fields that were set are dropped, and so are the user name and password
        /// of the URL and the client certificate; subprotocols are offered again. A way from `wss://` to `ws://`, back to a
        /// request that was made already, or to more redirects than this is an error of kind
        /// [`Redirect`](crate::ErrorKind::Redirect), whose source is a
        /// [`RedirectError`](crate::error::RedirectError).
        ///
        /// ```no_run
        /// # async fn example() -> Result<(), longwire::Error> {
        /// let ws = longwire::connect("wss://example.com/feed").redirects(5).await?;
        /// for earlier in &ws.handshake().report().redirects {
        ///     println!("by way of {}", earlier.target);
        /// }
        /// # Ok(())
        /// # }
        /// ```
        pub fn redirects(mut self, most: usize) -> Self {
            self.options().dialling.redirects = Some(most);
            self
        }

        /// Asks `policy` before a redirect is followed, when its addresses are known and before any
        /// of them is connected to; if it says `false`, the connection fails with an error of kind
        /// [`Redirect`](crate::ErrorKind::Redirect). Default: every redirect that
        /// [`redirects`](Self::redirects) allows is followed.
        ///
        /// So that a server cannot send the client into a network of its own:
        ///
        /// ```no_run
        /// # async fn example() -> Result<(), longwire::Error> {
        /// let ws = longwire::connect("wss://example.com/feed")
        ///     .redirects(5)
        ///     .redirect_policy(|redirect| {
        ///         redirect.addresses().iter().all(|address| !address.ip().is_loopback())
        ///     })
        ///     .await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn redirect_policy(
            mut self,
            policy: impl Fn(&Redirect<'_>) -> bool + Send + Sync + 'static,
        ) -> Self {
            self.options().dialling.redirect_policy = Some(Arc::new(policy));
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
