//! The setters that exist with TLS only.

use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::{ClientBuilder, Connect};
use crate::connect::tls::{Tls, TlsChoice};

macro_rules! tls_setters {
    () => {
        /// TLS settings for `wss://`: more roots, a client certificate. Default: [`Tls::default`].
        ///
        /// Replaces what [`tls_config`](Self::tls_config) has set.
        pub fn tls(mut self, tls: Tls) -> Self {
            self.options().dialling.tls = Some(TlsChoice::Settings(tls));
            self
        }

        /// A whole rustls configuration for `wss://`, with its roots, its client certificate and
        /// its session cache. If it offers protocols by ALPN, `http/1.1` alone is offered.
        ///
        /// Replaces what [`tls`](Self::tls) has set.
        pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
            self.options().dialling.tls = Some(TlsChoice::config(config));
            self
        }
    };
}

impl ClientBuilder {
    tls_setters!();
}

impl<D> Connect<D> {
    tls_setters!();
}
