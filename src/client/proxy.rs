//! The setters that exist with the feature `proxy` only.

use super::{ClientBuilder, Connect};
use crate::connect::proxy::{Proxy, ProxyChoice};

macro_rules! proxy_setters {
    () => {
        /// Goes through this proxy, or fails: nothing is tried behind its back, and redirects go through
        /// it too. Default: [`Proxy::from_env`].
        pub fn proxy(mut self, proxy: Proxy) -> Self {
            self.options().dialling.proxy = Some(ProxyChoice::through(proxy));
            self
        }

        /// Goes through no proxy, whatever the environment or, for one connection, its client says.
        pub fn no_proxy(mut self) -> Self {
            self.options().dialling.proxy = Some(ProxyChoice::Off);
            self
        }
    };
}

impl ClientBuilder {
    proxy_setters!();
}

impl<D> Connect<D> {
    proxy_setters!();
}
