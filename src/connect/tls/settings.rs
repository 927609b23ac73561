//! What a user may say about TLS without writing a rustls configuration.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, KeyLogFile, RootCertStore};

use super::ALPN;
use super::provider::provider;
use super::verifier::{AcceptAny, AcceptTrusted, Judge};
use crate::error::Error;

/// TLS settings for `wss://`. Default: the roots that Mozilla trusts, TLS 1.2 and 1.3, no client
/// certificate, the host of the URL as the server's name.
///
/// What cannot be used is reported when the connection is made, by an error of kind
/// [`Config`](crate::ErrorKind::Config) that names the setting. Each of these settings has its own
/// cache of TLS sessions; put them into a [`Client`](crate::Client) to share it: its later connections
/// to the same server then resume the session of an earlier one, at less than half the cost.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// use longwire::Tls;
///
/// let tls = Tls::default()
///     .add_root_pem_file("/etc/feed/ca.pem")
///     .client_cert_pem_file("/etc/feed/me.pem", "/etc/feed/me.key");
/// let ws = longwire::connect("wss://feed.internal").tls(tls).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    roots: Vec<Pem>,
    only_added_roots: bool,
    /// A certificate chain and its key.
    client_cert: Option<(Pem, Pem)>,
    /// Makes the judge that stands in for the roots that everybody trusts.
    pub(super) platform: Option<MakeJudge>,
    server_name: Option<String>,
    log_keys: bool,
    accept_invalid_certs: bool,
}

/// Makes a judge of certificates that believes in these besides its own roots.
pub(super) type MakeJudge =
    fn(Vec<CertificateDer<'static>>, Arc<CryptoProvider>) -> Result<Judge, rustls::Error>;

impl Tls {
    /// Trusts the certificates in this PEM text too: a private authority, or one self-signed
    /// certificate of a server. May be called more than once.
    pub fn add_root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        let text = Pem::Text("add_root_pem", pem.as_ref().to_owned());
        self.roots.push(text);
        self
    }

    /// As [`add_root_pem`](Self::add_root_pem), from a file, which is read when a connection first
    /// needs it, once for a [`Client`](crate::Client). It is read on the spot, without a thread for it.
    pub fn add_root_pem_file(mut self, path: impl AsRef<Path>) -> Self {
        let file = Pem::File("add_root_pem_file", path.as_ref().to_owned());
        self.roots.push(file);
        self
    }

    /// Trusts nobody but those who are added: neither Mozilla's roots nor those of the operating
    /// system. For a server that only a private authority may vouch for.
    pub fn only_added_roots(mut self) -> Self {
        self.only_added_roots = true;
        self
    }

    /// Shows this certificate if the server asks for one: the PEM text of the certificate with those
    /// that lead to its authority behind it, and the PEM text of its private key (PKCS #8, PKCS #1 or
    /// SEC 1, not encrypted). A server of another origin to which a redirect leads does not get it.
    pub fn client_cert_pem(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let text = |pem: &[u8]| Pem::Text("client_cert_pem", pem.to_owned());
        self.client_cert = Some((text(chain.as_ref()), text(key.as_ref())));
        self
    }

    /// As [`client_cert_pem`](Self::client_cert_pem), from two files (or twice the same one), which
    /// are read as by [`add_root_pem_file`](Self::add_root_pem_file).
    pub fn client_cert_pem_file(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let file = |path: &Path| Pem::File("client_cert_pem_file", path.to_owned());
        self.client_cert = Some((file(chain.as_ref()), file(key.as_ref())));
        self
    }

    /// The name, or the address, that the server's certificate must be for, and that a name is sent
    /// as (SNI, RFC 6066 §3). Default: the host of the URL.
    ///
    /// For a server that is reached by an address or through a tunnel. It holds for redirects too.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Writes the secrets of each session into the file that the environment variable
    /// `SSLKEYLOGFILE` names, for tools such as Wireshark. Default: no, whatever the environment says.
    ///
    /// Who has the file can read all that these connections carry.
    pub fn key_log(mut self) -> Self {
        self.log_keys = true;
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
                let setting = chain.setting();
                builder
                    .with_client_auth_cert(chain.certificates()?, key.private_key()?)
                    .map_err(|error| match error {
                        rustls::Error::InconsistentKeys(_) => {
                            let message =
                                format!("{setting}: the private key is not the certificate's");
                            Error::config(message).with_source(error)
                        }
                        error => unusable(setting, error),
                    })?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        if self.log_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config)
    }

    /// The name that stands in for the host of the URL.
    pub(super) fn own_server_name(&self) -> Result<Option<ServerName<'static>>, Error> {
        let Some(name) = &self.server_name else {
            return Ok(None);
        };
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Some(ServerName::IpAddress(address.into())));
        }
        let bare = name.strip_suffix('.').unwrap_or(name).to_owned();
        ServerName::try_from(bare).map(Some).map_err(|error| {
            let shown = name.escape_debug();
            let message = format!("server_name: \"{shown}\" is neither a host name nor an address");
            Error::config(message).with_source(error)
        })
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let mut added = Vec::new();
        let mut roots = RootCertStore::empty();
        for pem in &self.roots {
            for certificate in pem.certificates()? {
                roots
                    .add(certificate.clone())
                    .map_err(|error| unusable(pem.setting(), error))?;
                added.push(certificate);
            }
        }
        if self.accept_invalid_certs {
            return Ok(Arc::new(AcceptAny(Arc::clone(provider))));
        }
        if self.only_added_roots && added.is_empty() {
            let message = "only_added_roots: there are none, so that nobody would be trusted";
            return Err(Error::config(message));
        }
        if let Some(judge) = self.platform.filter(|_| !self.only_added_roots) {
            let rules = judge(added.clone(), Arc::clone(provider))
                .map_err(|error| unusable("platform_verifier", error))?;
            return Ok(Arc::new(AcceptTrusted { rules, added }));
        }
        if !self.only_added_roots {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
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
            .field("only_added_roots", &self.only_added_roots)
            .field("client_cert", &self.client_cert.is_some())
            .field("platform_verifier", &self.platform.is_some())
            .field("server_name", &self.server_name)
            .field("key_log", &self.log_keys)
            .field("accept_invalid_certs", &self.accept_invalid_certs)
            .finish()
    }
}

/// PEM text or the path of it, with the name of the setting that brought it.
#[derive(Clone)]
enum Pem {
    Text(&'static str, Vec<u8>),
    File(&'static str, PathBuf),
}

impl Pem {
    fn setting(&self) -> &'static str {
        match self {
            Self::Text(setting, _) | Self::File(setting, _) => setting,
        }
    }

    fn text(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Text(_, text) => Ok(without_mark(text).to_vec()),
            Self::File(setting, path) => match std::fs::read(path) {
                Ok(text) => Ok(without_mark(&text).to_vec()),
                Err(error) => {
                    let message = format!("{setting}: {} cannot be read: {error}", path.display());
                    Err(Error::config(message).with_source(error))
                }
            },
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let text = self.text()?;
        let certificates = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.bad(&text, "certificate", &error))?;
        if certificates.is_empty() {
            return Err(self.bad(&text, "certificate", &pem::Error::NoItemsFound));
        }
        Ok(certificates)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let text = self.text()?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| self.bad(&text, "private key", &error))
    }

    /// What is wrong with this PEM text, without any of it: it may be a line of a private key.
    fn bad(&self, text: &[u8], what: &str, error: &pem::Error) -> Error {
        let place = match self {
            Self::Text(setting, _) => format!("{setting}: "),
            Self::File(setting, path) => format!("{setting}: {}: ", path.display()),
        };
        let has = |part: &[u8]| text.windows(part.len()).any(|found| found == part);
        let why = if has(b"ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
            "the private key is encrypted; decrypt it first (openssl pkey)".to_owned()
        } else if !matches!(error, pem::Error::NoItemsFound) {
            format!("the {what} in the PEM text is malformed")
        } else if has(b"-----BEGIN ") {
            format!("there is no {what} in the PEM text, but something else")
        } else {
            format!("there is no {what} in it, for it is no PEM text (-----BEGIN ...)")
        };
        Error::config(place + &why)
    }
}

/// Without the mark of UTF-8, which editors on Windows put in front.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

fn unusable(setting: &str, error: impl StdError + Send + Sync + 'static) -> Error {
    Error::config(format!("{setting}: it cannot be used: {error}")).with_source(error)
}
