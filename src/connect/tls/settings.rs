//! What a user may say about TLS without writing a rustls configuration.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::ALPN;
use super::provider::provider;
use super::verifier::{AcceptAny, AcceptTrusted};
use crate::error::Error;

/// TLS settings for `wss://`. Default: the roots that Mozilla trusts, TLS 1.2 and 1.3, no client
/// certificate.
///
/// What cannot be used is reported when the connection is made, by an error of kind
/// [`Config`](crate::ErrorKind::Config) that names the setting. Each of these settings has its own
/// cache of TLS sessions; put them into a [`Client`](crate::Client) to share it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use longwire::Tls;
///
/// let tls = Tls::default().add_root_pem(std::fs::read("our-ca.pem")?);
/// let ws = longwire::connect("wss://feed.internal").tls(tls).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    /// PEM texts, as they were given.
    roots: Vec<Vec<u8>>,
    /// The PEM texts of a certificate chain and of its key.
    client_cert: Option<(Vec<u8>, Vec<u8>)>,
    accept_invalid_certs: bool,
}

impl Tls {
    /// Trusts the certificates in this PEM text too: a private authority, or one self-signed
    /// certificate of a server. May be called more than once.
    pub fn add_root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.push(pem.as_ref().to_owned());
        self
    }

    /// Shows this certificate if the server asks for one: the PEM text of the certificate with those
    /// that lead to its authority behind it, and the PEM text of its private key.
    pub fn client_cert_pem(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.client_cert = Some((chain.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }

    /// Takes **any** certificate of the server: expired, for another name, made by anybody.
    ///
    /// Whoever sits between the two ends can then read and change everything. For tests, and for
    /// devices that cannot be given a certificate; trust a self-signed one by
    /// [`add_root_pem`](Self::add_root_pem) instead.
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        self.accept_invalid_certs = true;
        self
    }

    /// The configuration that these settings describe.
    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        let provider = provider().ok_or_else(|| {
            Error::config(
                "this build of longwire has no TLS provider, so wss:// cannot be used: enable the \
                 feature rustls-ring or rustls-aws-lc-rs, or install a CryptoProvider",
            )
        })?;
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                let message = format!("the TLS provider has no usable cipher suites: {error}");
                Error::config(message).with_source(error)
            })?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client_cert {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates("client_cert_pem", chain)?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| bad_pem("client_cert_pem", "private key", &error))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| unusable("client_cert_pem", error))?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let mut added = Vec::new();
        for pem in &self.roots {
            added.extend(certificates("add_root_pem", pem)?);
        }
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for certificate in &added {
            roots
                .add(certificate.clone())
                .map_err(|error| unusable("add_root_pem", error))?;
        }
        if self.accept_invalid_certs {
            return Ok(Arc::new(AcceptAny(Arc::clone(provider))));
        }
        let rules =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| unusable("add_root_pem", error))?;
        Ok(Arc::new(AcceptTrusted { rules, added }))
    }
}

/// Shows no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("added_roots", &self.roots.len())
            .field("client_cert", &self.client_cert.is_some())
            .field("accept_invalid_certs", &self.accept_invalid_certs)
            .finish()
    }
}

fn certificates(setting: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad_pem(setting, "certificate", &error))?;
    if certificates.is_empty() {
        return Err(bad_pem(setting, "certificate", &pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn bad_pem(setting: &str, what: &str, error: &pem::Error) -> Error {
    let message = match error {
        pem::Error::NoItemsFound => format!("{setting}: there is no {what} in the PEM text"),
        // Not shown: it may quote a line of a private key.
        _ => format!("{setting}: the {what} in the PEM text is malformed"),
    };
    Error::config(message)
}

fn unusable(setting: &str, error: impl StdError + Send + Sync + 'static) -> Error {
    Error::config(format!("{setting}: it cannot be used: {error}")).with_source(error)
}
