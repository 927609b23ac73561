//! A TLS server with a certificate made at run time.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{Certificate, CertificateParams, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use super::scripted::{Peer, join};

/// A self-signed certificate and its key.
pub(crate) struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    /// For the names or addresses given.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self::with(names, |_| {})
    }

    /// For the names given, with more said about the certificate.
    pub(crate) fn with(names: &[&str], say: impl FnOnce(&mut CertificateParams)) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        say(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    /// What a client must trust to accept it.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.der().clone()],
                PrivateKeyDer::from(key),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[cfg(feature = "rustls-ring")]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

#[cfg(not(feature = "rustls-ring"))]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())
}

impl Peer<TlsStream<TcpStream>> {
    /// The socket under TLS, for what is no TLS.
    pub(crate) fn into_socket(self) -> TcpStream {
        self.io.into_inner().0
    }
}

/// A scripted server behind TLS, for one connection.
#[derive(Debug)]
pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    script: JoinHandle<()>,
}

impl TlsServer {
    /// The script gets `None` when the client gave up in the TLS handshake.
    pub(crate) async fn start<F, S>(identity: &Identity, script: F) -> Self
    where
        F: FnOnce(Option<Peer<TlsStream<TcpStream>>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        Self::accepting(identity.acceptor(), script).await
    }

    /// As [`start`](Self::start), with a configuration of the test's own.
    pub(crate) async fn with<F, S>(config: ServerConfig, script: F) -> Self
    where
        F: FnOnce(Option<Peer<TlsStream<TcpStream>>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        Self::accepting(TlsAcceptor::from(Arc::new(config)), script).await
    }

    async fn accepting<F, S>(acceptor: TlsAcceptor, script: F) -> Self
    where
        F: FnOnce(Option<Peer<TlsStream<TcpStream>>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            script(acceptor.accept(socket).await.ok().map(Peer::new)).await;
        });
        Self { address, script }
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("wss://{host}:{}/", self.address.port())
    }

    pub(crate) async fn done(self) {
        join(self.script).await;
    }
}
