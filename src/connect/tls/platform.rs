//! The operating system as the judge of certificates.

use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::Tls;
use super::verifier::Judge;

impl Tls {
    /// Leaves the verdict on certificates to the operating system, with the authorities that its users
    /// and administrators have added, and on Windows and macOS its revocation lists. Default: the roots
    /// that Mozilla trusts, compiled in.
    ///
    /// Certificates that are added here are trusted besides, save on Android. Loading the system's
    /// takes some milliseconds, once for each [`Client`](crate::Client).
    pub fn platform_verifier(mut self) -> Self {
        self.platform = Some(judge);
        self
    }
}

#[cfg(not(target_os = "android"))]
fn judge(
    added: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Judge, Error> {
    Ok(Arc::new(Verifier::new_with_extra_roots(added, provider)?))
}

#[cfg(target_os = "android")]
fn judge(
    added: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Judge, Error> {
    if !added.is_empty() {
        let why = "on Android the platform's verifier takes no roots but its own";
        return Err(Error::General(why.to_owned()));
    }
    Ok(Arc::new(Verifier::new(provider)?))
}
