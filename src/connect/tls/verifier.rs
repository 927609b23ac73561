//! Who decides whether a server's certificate is accepted.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{self, CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate;
use crate::report::CertificateReport;

/// Whoever knows which authorities are trusted.
pub(super) type Judge = Arc<dyn ServerCertVerifier>;

/// Believes what a trusted authority has issued, by the rules of RFC 5280, and the very certificates
/// that the user has added.
///
/// The latter is not one of those rules: most tools make self-signed certificates as authorities, and
/// an authority's certificate may not be a server's.
#[derive(Debug)]
pub(super) struct AcceptTrusted {
    pub(super) rules: Judge,
    pub(super) added: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for AcceptTrusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let rules = &self.rules;
        match rules.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The dates have been looked at before this is found, the name has not.
            Err(error) if is_authority(&error) && self.added.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                let _ = REFUSED.try_with(|refused| refused.replace(certificate::read(certificate)));
                Err(error)
            }
            accepted => accepted,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}

/// Does a handshake, and gives what is known of the certificate if it was refused.
pub(super) async fn watching<F: Future>(handshake: F) -> (F::Output, Option<CertificateReport>) {
    let watched = async {
        let done = handshake.await;
        (done, REFUSED.with(RefCell::take))
    };
    REFUSED.scope(RefCell::new(None), watched).await
}

tokio::task_local! {
    /// The certificate that the present handshake was refused for: the errors of rustls say nothing of
    /// it, and the verifier is shared by all handshakes.
    static REFUSED: RefCell<Option<CertificateReport>>;
}

/// Whether a certificate was refused because it is an authority's (`CA:TRUE`).
pub(super) fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        return false;
    };
    other.0.to_string() == "CaUsedAsEndEntity"
}

/// Believes every certificate, though not that the server has its key: that is still proven.
#[derive(Debug)]
pub(super) struct AcceptAny(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
