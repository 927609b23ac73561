//! TLS by rustls: settings, the handshake, and its failures in words.

mod certificate;
mod explain;
#[cfg(feature = "platform-verifier")]
mod platform;
mod provider;
mod settings;
#[cfg(test)]
mod tests;
mod verifier;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, SignatureScheme,
};
use tokio_rustls::{TlsConnector, client};

use super::target::Host;
use super::{Progress, Transport};
use crate::error::{Error, ErrorKind, Phase};
use crate::report::{CertificateReport, TlsReport};

pub(super) use self::explain::blame;
use self::explain::blame_handshake;
pub use self::settings::Tls;

/// How TLS is set up where it is not left to the defaults.
#[derive(Clone)]
pub(crate) enum TlsChoice {
    Settings(Tls),
    Config(Arc<ClientConfig>),
}

impl TlsChoice {
    /// A configuration of the caller's. The only protocol spoken inside is HTTP/1.1, so it must not
    /// offer another one by ALPN; if it offers none, that is left alone.
    pub(crate) fn config(config: Arc<ClientConfig>) -> Self {
        if config.alpn_protocols.iter().all(|name| name == ALPN) {
            return Self::Config(config);
        }
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![ALPN.to_vec()];
        Self::Config(Arc::new(config))
    }
}

impl fmt::Debug for TlsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(tls) => fmt::Debug::fmt(tls, f),
            Self::Config(_) => f.write_str("ClientConfig"),
        }
    }
}

pub(super) use client::TlsStream;

/// What TLS is spoken over.
pub(super) fn inside<S>(stream: &TlsStream<S>) -> &S {
    stream.get_ref().0
}

/// Does TLS handshakes. Its clones share the cache of sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    /// Stands in for the host.
    server_name: Option<ServerName<'static>>,
}

/// Makes a connector, or says which setting cannot be used.
pub(crate) fn connector(choice: Option<&TlsChoice>) -> Result<Connector, Error> {
    let default = TlsChoice::Settings(Tls::default());
    let (config, server_name) = match choice.unwrap_or(&default) {
        TlsChoice::Config(config) => (Arc::clone(config), None),
        TlsChoice::Settings(tls) => (Arc::new(tls.client_config()?), tls.own_server_name()?),
    };
    Ok(Connector {
        config,
        server_name,
    })
}

impl Connector {
    /// The same for a server that is not to learn who the client is.
    pub(super) fn without_client_cert(mut self) -> Self {
        if self.config.client_auth_cert_resolver.has_certs() {
            let mut config = ClientConfig::clone(&self.config);
            config.client_auth_cert_resolver = Arc::new(NoClientCert);
            self.config = Arc::new(config);
        }
        self
    }

    /// TLS over `stream`, with a server whose certificate is for `host`.
    pub(super) async fn handshake(
        &self,
        stream: Transport,
        host: &Host,
        progress: &mut Progress,
    ) -> Result<Transport, Error> {
        progress.enter(Phase::Tls);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let is_proxy = progress.proxy().is_some();
        let plain = if is_proxy { "http://" } else { "ws://" };
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        // It is large, and passed on several times.
        let (connected, refused) = verifier::watching(Box::pin(connecting)).await;
        let stream = connected.map_err(|error| failure(error, plain, refused.as_ref()))?;
        let agreed = agreed(stream.get_ref().1, progress.since.elapsed());
        progress.handshake.report.tls = Some(Box::new(agreed));
        Ok(stream.into())
    }
}

/// Shows no certificate to anybody.
#[derive(Debug)]
struct NoClientCert;

impl ResolvesClientCert for NoClientCert {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// What a handshake has led to.
fn agreed(session: &ClientConnection, elapsed: Duration) -> TlsReport {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let suite = session.negotiated_cipher_suite();
    // rustls names those of TLS 1.3 in its own way.
    let cipher = suite.map_or_else(String::new, |suite| {
        format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
    });
    let certificates = session.peer_certificates().unwrap_or_default();
    let alpn = session.alpn_protocol().map(String::from_utf8_lossy);
    TlsReport {
        elapsed,
        version,
        cipher,
        alpn: alpn.map(Into::into),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        certificate: certificates.first().and_then(|der| certificate::read(der)),
    }
}

/// What the certificate must be for; a name is sent as SNI, an address is not (RFC 6066 §3).
fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Ip(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) | Host::Unix(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            ServerName::try_from(name.to_owned()).map_err(|error| {
                let message = format!("{name} cannot be the name of a TLS server: {error}");
                Error::new(ErrorKind::Tls, Phase::Tls, message).with_source(error)
            })
        }
    }
}

fn failure(error: io::Error, plain: &str, refused: Option<&CertificateReport>) -> Error {
    let error = match blame_handshake(error, plain, refused) {
        Ok(error) => return error,
        Err(error) => error,
    };
    let message = if error.kind() == io::ErrorKind::UnexpectedEof {
        "the server closed the connection in the middle of the TLS handshake".to_owned()
    } else {
        format!("the connection was lost in the TLS handshake: {error}")
    };
    let message = format!("{message}; if it does not speak TLS on this port, use {plain}");
    Error::new(ErrorKind::Io, Phase::Tls, message).with_source(error)
}

/// The protocol inside TLS (RFC 7301 §6).
const ALPN: &[u8] = b"http/1.1";
