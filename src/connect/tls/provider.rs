//! Which cryptography TLS uses. The choice is always explicit: rustls panics when it has to choose
//! between two providers that are linked into one program.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;

/// The provider that the program has installed, else the one that was compiled in.
pub(super) fn provider() -> Option<Arc<CryptoProvider>> {
    match CryptoProvider::get_default() {
        Some(installed) => Some(Arc::clone(installed)),
        None => compiled_in::provider().map(Arc::new),
    }
}

#[cfg(feature = "rustls-ring")]
mod compiled_in {
    use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

    #[expect(clippy::unnecessary_wraps, reason = "the other builds may have none")]
    pub(super) fn provider() -> Option<CryptoProvider> {
        Some(ring::default_provider())
    }
}

#[cfg(all(feature = "rustls-aws-lc-rs", not(feature = "rustls-ring")))]
mod compiled_in {
    use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

    #[expect(clippy::unnecessary_wraps, reason = "the other builds may have none")]
    pub(super) fn provider() -> Option<CryptoProvider> {
        Some(aws_lc_rs::default_provider())
    }
}

#[cfg(not(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
mod compiled_in {
    use tokio_rustls::rustls::crypto::CryptoProvider;

    pub(super) fn provider() -> Option<CryptoProvider> {
        None
    }
}
