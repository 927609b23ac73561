//! TLS against servers with certificates made on the spot: good ones, and each kind of bad one.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{HandshakeKind, RootCertStore, ServerConfig, version};

use super::provider::provider;
use super::*;
use crate::connect::tests::{dial_with, limits, plan, read_request, switching};
use crate::connect::{Opened, Transport};

/// An authority that nobody trusts unless told to.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both as PEM.
struct Certificate {
    chain: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, after a last touch by `change`.
    fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Certificate {
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn localhost(&self) -> Certificate {
        self.issue(&["localhost", "127.0.0.1"], |_| {})
    }
}

impl Certificate {
    fn server_config(&self, clients: Option<&Authority>) -> ServerConfig {
        let versions = ServerConfig::builder_with_provider(provider().unwrap());
        let builder = versions.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider().unwrap());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        builder.with_single_cert(chain, key).unwrap()
    }
}

/// A server that does opening handshakes over TLS, one after the other, as long as the test runs.
async fn serve(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not like the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            assert!(matches!(
                stream.get_ref().1.alpn_protocol(),
                None | Some(b"http/1.1")
            ));
            let request = read_request(&mut stream).await;
            stream
                .write_all(switching(&request).as_bytes())
                .await
                .unwrap();
            stream.flush().await.unwrap();
        }
    });
    address
}

async fn dial_as(
    host: &str,
    address: SocketAddr,
    tls: &Connector,
) -> Result<(Transport, Opened), Error> {
    let plan = plan(&format!("wss://{host}:{}/feed", address.port()));
    dial_with(
        &plan,
        &move |_, _| async move { Ok(vec![address]) },
        Some(tls),
    )
    .await
}

fn trusting(authority: &Authority) -> Tls {
    Tls::default().add_root_pem(authority.pem())
}

fn connector_of(tls: Tls) -> Connector {
    connector(Some(&TlsChoice::Settings(tls))).unwrap()
}

/// How a handshake with this certificate fails, for a client that trusts its authority.
async fn failure_with(authority: &Authority, certificate: &Certificate) -> String {
    let address = serve(certificate.server_config(None)).await;
    let tls = connector_of(trusting(authority));
    let error = dial_as("localhost", address, &tls).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Tls, Phase::Tls),
        "{error}"
    );
    assert!(!error.is_retryable());
    let report = error.report().unwrap();
    assert!(error.source().unwrap().is::<tokio_rustls::rustls::Error>());
    assert_eq!(report.peer(), Some(address));
    let failure = report.failure.as_ref().unwrap();
    assert_eq!(failure.phase, Phase::Tls);
    assert!(error.to_string().ends_with(&failure.error));
    assert!(report.to_string().contains(&failure.error));
    error.to_string()
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let authority = Authority::new("ours");
    let address = serve(authority.localhost().server_config(None)).await;
    let tls = connector_of(trusting(&authority));
    for host in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1"] {
        let (stream, opened) = dial_as(host, address, &tls).await.unwrap();
        assert!(stream.is_tls());
        assert_eq!(stream.peer_addr().unwrap(), address);
        let report = opened.handshake.report();
        let tls = report.tls.as_ref().unwrap();
        assert_eq!(tls.version, "TLS 1.3");
        assert!(tls.cipher.starts_with("TLS_"), "{tls:?}");
        assert_eq!(tls.alpn, None);
        let certificate = tls.certificate.as_ref().unwrap();
        assert_eq!(certificate.issuer, "CN=ours");
        let shown = report.to_string();
        assert!(shown.contains("\n  tls      TLS 1.3, TLS_"), "{shown}");
        assert!(
            shown.contains("issued by CN=ours, expires 4096-01-01"),
            "{shown}"
        );
    }
}

/// A certificate signed with its own key, as an authority's (`CA:TRUE`) or not.
fn self_signed(is_authority: bool, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    change(&mut params);
    Certificate {
        chain: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

#[tokio::test]
async fn a_self_signed_certificate_may_be_trusted_itself() {
    for is_authority in [false, true] {
        let certificate = self_signed(is_authority, |_| {});
        let address = serve(certificate.server_config(None)).await;
        let tls = connector_of(Tls::default().add_root_pem(&certificate.chain));
        assert!(dial_as("localhost", address, &tls).await.is_ok());

        let error = dial_as("127.0.0.1", address, &tls).await.err().unwrap();
        assert!(
            error
                .to_string()
                .contains("it is for localhost, and 127.0.0.1"),
            "{error}"
        );

        let other = self_signed(is_authority, |_| {});
        let tls = connector_of(Tls::default().add_root_pem(&other.chain));
        let error = dial_as("localhost", address, &tls).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");

        let expired = self_signed(is_authority, |params| {
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let address = serve(expired.server_config(None)).await;
        let tls = connector_of(Tls::default().add_root_pem(&expired.chain));
        let error = dial_as("localhost", address, &tls).await.err().unwrap();
        assert!(
            error.to_string().contains("it expired on 2020-01-01"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_name_mismatch_says_both_names() {
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["a.example", "*.b.example", "192.0.2.1"], |_| {});
    let shown = failure_with(&authority, &certificate).await;
    assert!(
        shown.ends_with(
            "/feed: the server's certificate is not accepted: it is for a.example, *.b.example, \
             192.0.2.1, and localhost was wanted"
        ),
        "{shown}"
    );
}

#[tokio::test]
async fn an_expired_certificate_says_since_when() {
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 29);
    });
    let shown = failure_with(&authority, &certificate).await;
    assert!(
        shown.contains("it expired on 2020-02-29 00:00:00 UTC; the clock here says 2"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_certificate_from_the_future_says_from_when() {
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["localhost"], |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    let shown = failure_with(&authority, &certificate).await;
    assert!(
        shown.contains("not valid before 2999-01-01 00:00:00 UTC"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_unknown_issuer_says_what_to_do() {
    let certificate = Authority::new("theirs").localhost();
    let shown = failure_with(&Authority::new("ours"), &certificate).await;
    assert!(
        shown.contains("has issued it, but \"CN=theirs\", or the server does not send"),
        "{shown}"
    );
    assert!(shown.contains("add_root_pem"), "{shown}");

    let certificate = Authority::new("ours").localhost();
    let shown = failure_with(&Authority::new("ours"), &certificate).await;
    assert!(
        shown.contains("not made with the key of the authority that it names"),
        "{shown}"
    );
}

#[tokio::test]
async fn any_certificate_is_taken_if_that_is_demanded() {
    let certificate = Authority::new("ours").issue(&["a.example"], |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let address = serve(certificate.server_config(None)).await;
    let tls = connector_of(Tls::default().danger_accept_invalid_certs());
    assert!(dial_as("localhost", address, &tls).await.is_ok());
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_it_is_asked_for() {
    let authority = Authority::new("ours");
    let own = authority.issue(&["client"], |_| {});
    for version in [&version::TLS12, &version::TLS13] {
        let mut config = authority.localhost().server_config(Some(&authority));
        // The server decides the version by what it offers.
        let versions = ServerConfig::builder_with_provider(provider().unwrap())
            .with_protocol_versions(&[version])
            .unwrap();
        let resolver = config.cert_resolver.clone();
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider().unwrap())
                .build()
                .unwrap();
        config = versions
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver);
        let address = serve(config).await;
        let with = connector_of(trusting(&authority).client_cert_pem(&own.chain, &own.key));
        assert!(dial_as("localhost", address, &with).await.is_ok());

        let without = connector_of(trusting(&authority));
        let error = dial_as("localhost", address, &without).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(error.to_string().contains("client certificate"), "{error}");
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let tls = connector(None).unwrap();
    let (opened, ()) = tokio::join!(dial_as("localhost", address, &tls), server);
    let error = opened.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Tls));
    assert!(
        error
            .to_string()
            .contains("does not speak TLS on this port: use ws://"),
        "{error}"
    );
}

#[tokio::test]
async fn tls_on_the_plain_port_says_so() {
    let address = serve(Authority::new("ours").localhost().server_config(None)).await;
    let plan = plan(&format!("ws://{address}/"));
    let never = |_, _| async { unreachable!("an address is not resolved") };
    let error = dial_with(&plan, &never, None).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Handshake, Phase::Upgrade)
    );
    assert!(
        error
            .to_string()
            .contains("the server speaks TLS here: use wss://"),
        "{error}"
    );
}

#[tokio::test]
async fn an_end_in_the_handshake_is_the_networks_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
        stream.read_exact(&mut rest).await.unwrap();
    };
    let tls = connector(None).unwrap();
    let (opened, ()) = tokio::join!(dial_as("localhost", address, &tls), server);
    let error = opened.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Io, Phase::Tls));
    assert!(error.is_retryable());
    assert!(
        error
            .to_string()
            .contains("in the middle of the TLS handshake"),
        "{error}"
    );
}

#[tokio::test]
async fn the_deadline_in_the_handshake_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut plan = plan(&format!("wss://{address}/"));
    plan.limits = limits(Duration::from_millis(100));
    let never = |_, _| async { unreachable!("an address is not resolved") };
    let tls = connector(None).unwrap();
    let error = dial_with(&plan, &never, Some(&tls)).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Tls)
    );
    assert!(
        error
            .to_string()
            .contains("100ms passed in the TLS handshake"),
        "{error}"
    );
}

#[tokio::test]
async fn sessions_are_resumed_through_one_connector() {
    let authority = Authority::new("ours");
    let config = authority.localhost().server_config(None);
    let versions = ServerConfig::builder_with_provider(provider().unwrap())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap();
    let config = versions
        .with_no_client_auth()
        .with_cert_resolver(config.cert_resolver);
    let address = serve(config).await;
    let tls = connector_of(trusting(&authority));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = server_name(&plan("wss://localhost").target.host).unwrap();
        let mut stream = TlsConnector::from(Arc::clone(&tls.config))
            .connect(name, tcp)
            .await
            .unwrap();
        kinds.push(stream.get_ref().1.handshake_kind());
        stream
            .write_all(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n")
            .await
            .unwrap();
        stream.read_u8().await.unwrap();
    }
    assert_eq!(
        kinds,
        [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
    );
}

#[test]
fn a_callers_configuration_offers_nothing_but_http_1_1() {
    let config = |protocols: &[&[u8]]| {
        let mut config = Tls::default().client_config().unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let TlsChoice::Config(config) = TlsChoice::config(Arc::new(config)) else {
            panic!("a configuration became settings");
        };
        config.alpn_protocols.clone()
    };
    assert_eq!(config(&[b"h2", b"http/1.1"]), [b"http/1.1"]);
    assert_eq!(config(&[b"h2"]), [b"http/1.1"]);
    assert_eq!(config(&[b"http/1.1"]), [b"http/1.1"]);
    assert!(config(&[]).is_empty());
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let authority = Authority::new("ours");
    let (one, other) = (authority.localhost(), authority.localhost());
    let broken = "-----BEGIN CERTIFICATE-----\nMIIBs3cret!\n-----END CERTIFICATE-----\n";
    let legacy = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,s3cret\n\n\
                  AAAA\n-----END EC PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (tls, named) in [
        (
            Tls::default().add_root_pem(""),
            "add_root_pem: there is no certificate",
        ),
        (
            Tls::default().add_root_pem(&one.key),
            "add_root_pem: there is no certificate",
        ),
        (
            Tls::default().add_root_pem(broken),
            "add_root_pem: the certificate in the PEM text is",
        ),
        (
            Tls::default().add_root_pem(garbage),
            "add_root_pem: it cannot be used",
        ),
        (
            Tls::default().client_cert_pem("", &one.key),
            "client_cert_pem: there is no certificate",
        ),
        (
            Tls::default().client_cert_pem(&one.chain, ""),
            "client_cert_pem: there is no private key",
        ),
        (
            Tls::default().client_cert_pem(&one.chain, &other.key),
            "client_cert_pem: the private key is not the certificate's",
        ),
        (
            Tls::default()
                .client_cert_pem(&one.chain, one.key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            "client_cert_pem: the private key is encrypted",
        ),
        (
            Tls::default().client_cert_pem(&one.chain, legacy),
            "client_cert_pem: the private key is encrypted",
        ),
        (
            Tls::default().add_root_pem(b"\x30\x82\x01\x00s3cret"),
            "add_root_pem: there is no certificate in it, for it is no PEM text",
        ),
        (
            Tls::default().add_root_pem_file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
            concat!(
                "add_root_pem_file: ",
                env!("CARGO_MANIFEST_DIR"),
                "/Cargo.toml: there is no"
            ),
        ),
        (
            Tls::default().add_root_pem_file("/no/such/ca.pem"),
            "add_root_pem_file: /no/such/ca.pem cannot be read",
        ),
        (
            Tls::default().client_cert_pem_file("/no/such/me.pem", "/x"),
            "client_cert_pem_file: /no/such/me.pem cannot be read",
        ),
        (
            Tls::default().only_added_roots(),
            "only_added_roots: there are none",
        ),
        (
            Tls::default().server_name("a b\n"),
            "server_name: \"a b\\n\" is neither",
        ),
    ] {
        let error = connector(Some(&TlsChoice::Settings(tls.clone())))
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with(named), "{error}");
        assert!(!format!("{error} {error:?} {tls:?}").contains("s3cret"));
    }
}
