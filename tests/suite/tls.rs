//! `wss://`: a private root, certificates that must be refused, and ends of TLS.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use longwire::error::RedirectError;
use longwire::rustls::pki_types::CertificateDer;
use longwire::rustls::pki_types::pem::PemObject;
use longwire::rustls::{ClientConfig, RootCertStore};
use longwire::{Client, CloseCode, ErrorKind, Phase, Tls};
use rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::run::{paused, real};
use crate::support::scripted::Server;
use crate::support::tls::{Identity, TlsServer, provider};
use crate::support::verdict::{assert_error, ends, fails, next_text};
use crate::support::wire::{self, close, text};

/// Greets, and answers the close.
async fn serve(identity: &Identity) -> TlsServer {
    TlsServer::start(identity, |peer| async move {
        let mut peer = peer.expect("a client that trusts the certificate");
        peer.switch().await;
        peer.send(text("secure").bytes()).await;
        peer.expect(wire::TEXT, "hello").await;
        peer.answer_close(1000).await;
        peer.expect_end().await;
    })
    .await
}

/// Expects a client that gives up in the TLS handshake, so that not one byte of a request comes.
async fn distrusted(identity: &Identity) -> TlsServer {
    TlsServer::start(identity, |peer| async move {
        assert!(peer.is_none(), "the client accepted the certificate");
    })
    .await
}

#[test]
fn a_private_root_is_all_that_is_needed() {
    real(async {
        let identity = Identity::of(&["localhost", "127.0.0.1"]);
        let trust = || Tls::default().add_root_pem(identity.pem());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(identity.pem().as_bytes()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let shared = Client::builder().tls(trust()).build();
        for way in 0..4 {
            let server = serve(&identity).await;
            let url = server.url(if way == 1 { "127.0.0.1" } else { "localhost" });
            let connect = match way {
                0 | 1 => longwire::connect(url).tls(trust()),
                2 => longwire::connect(url).tls_config(Arc::new(config.clone())),
                _ => shared.connect(url),
            };
            let mut ws = connect.await.unwrap();
            assert!(ws.handshake().report().tls.is_some());
            assert_eq!(next_text(&mut ws).await, "secure");
            ws.send("hello").await.unwrap();
            assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
            server.done().await;
        }
    });
}

#[test]
fn what_is_no_tls_behind_the_tls_handshake_is_not_blamed_on_the_port() {
    real(async {
        let identity = Identity::of(&["localhost"]);
        let server = TlsServer::start(&identity, |peer| async move {
            let mut socket = peer.expect("a client that trusts us").into_socket();
            socket.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
            // Ended by the client.
            while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
        })
        .await;
        let error = longwire::connect(server.url("localhost"))
            .tls(Tls::default().add_root_pem(identity.pem()))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Upgrade);
        assert!(!error.to_string().contains("port"), "{error}");
        server.done().await;
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    real(async {
        let identity = Identity::of(&["localhost"]);
        let server = distrusted(&identity).await;
        let error = longwire::connect(server.url("localhost"))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        let shown = error.to_string();
        assert!(
            shown.contains("it is signed by itself (\"CN=rcgen"),
            "{shown}"
        );
        assert!(error.source().is_some());
        assert!(!error.is_retryable());
        server.done().await;
    });
}

#[test]
fn a_certificate_for_another_name_is_refused_with_both_names() {
    real(async {
        let identity = Identity::of(&["other.example"]);
        let server = distrusted(&identity).await;
        let error = longwire::connect(server.url("localhost"))
            .tls(Tls::default().add_root_pem(identity.pem()))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        let message = error.to_string();
        assert!(
            message.contains("localhost") && message.contains("other.example"),
            "{message}"
        );
        server.done().await;
    });
}

#[test]
fn an_expired_certificate_is_refused_with_its_date() {
    real(async {
        let identity = Identity::with(&["localhost"], |certificate| {
            certificate.not_before = date_time_ymd(2001, 1, 1);
            certificate.not_after = date_time_ymd(2002, 2, 3);
        });
        let server = distrusted(&identity).await;
        let error = longwire::connect(server.url("localhost"))
            .tls(Tls::default().add_root_pem(identity.pem()))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        let message = error.to_string();
        assert!(
            message.contains("expired") && message.contains("2002"),
            "{message}"
        );
        server.done().await;
    });
}

#[test]
fn who_says_so_aloud_may_accept_any_certificate() {
    real(async {
        let server = serve(&Identity::of(&["other.example"])).await;
        let mut ws = longwire::connect(server.url("localhost"))
            .tls(Tls::default().danger_accept_invalid_certs())
            .await
            .unwrap();
        assert_eq!(next_text(&mut ws).await, "secure");
        ws.send("hello").await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        server.done().await;
    });
}

#[test]
fn settings_of_tls_that_cannot_work_are_refused_by_name() {
    paused(async {
        let bad = [
            Tls::default().add_root_pem("no certificate"),
            Tls::default().client_cert_pem("no certificate", "no key"),
        ];
        for tls in bad {
            let error = longwire::connect("wss://localhost:1/")
                .tls(tls)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        }
        let (near, _far) = tokio::io::duplex(1 << 10);
        let error = longwire::connect("wss://localhost/")
            .tls(Tls::default())
            .over(near)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    });
}

#[test]
fn tls_on_a_plain_port_and_plain_http_on_a_tls_port_say_so() {
    real(async {
        let plain = Server::start(|mut peer| async move {
            peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
            peer.drain().await;
        })
        .await;
        let url = format!("wss://localhost:{}/", plain.address.port());
        let error = longwire::connect(url).await.unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        assert!(error.to_string().contains("TLS"), "{error}");
        plain.done().await;

        let secure = distrusted(&Identity::of(&["localhost"])).await;
        let url = format!("ws://localhost:{}/", secure.address.port());
        let error = longwire::connect(url).await.unwrap_err();
        assert_error(&error, ErrorKind::Handshake, Phase::Upgrade);
        assert!(error.to_string().contains("TLS"), "{error}");
        secure.done().await;
    });
}

#[test]
fn who_hangs_up_on_a_stranger_may_speak_tls_or_not() {
    real(async {
        for reset in [false, true] {
            for (scheme, other) in [("ws", "use wss://"), ("wss", "use ws://")] {
                let server = Server::start(move |mut peer| async move {
                    if reset {
                        peer.reset();
                    } else {
                        peer.finish().await;
                        peer.drain().await;
                    }
                })
                .await;
                let url = format!("{scheme}://localhost:{}/", server.address.port());
                let error = longwire::connect(url).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io);
                assert!(error.to_string().contains(other), "{error}");
                server.done().await;
            }
        }
    });
}

#[test]
fn a_tls_handshake_that_stalls_ends_at_the_deadline() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}/", listener.local_addr().unwrap());
        let limit = Duration::from_millis(200);
        let begun = Instant::now();
        let error = longwire::connect(url).timeout(limit).await.unwrap_err();
        assert!(begun.elapsed() >= limit && begun.elapsed() < Duration::from_secs(2));
        assert_error(&error, ErrorKind::Timeout, Phase::Tls);
        assert!(error.to_string().contains("use ws://"), "{error}");
    });
}

#[test]
fn a_redirect_leads_from_ws_to_wss_and_never_back() {
    real(async {
        let identity = Identity::of(&["localhost"]);
        let trust = || Tls::default().add_root_pem(identity.pem());
        let secure = TlsServer::start(&identity, |peer| async move {
            let mut peer = peer.unwrap();
            let request = peer.request().await;
            assert!(request.all("authorization").is_empty(), "{request:?}");
            let answer = "HTTP/1.1 301 Back\r\nLocation: http://localhost:1/\r\n\r\n";
            peer.send(answer).await;
            peer.drain().await;
        })
        .await;
        let location = secure.url("localhost").replace("wss://", "https://");
        let plain = Server::start(move |mut peer| async move {
            peer.request().await;
            let answer = format!("HTTP/1.1 301 Up\r\nLocation: {location}\r\n\r\n");
            peer.send(answer).await;
            peer.drain().await;
        })
        .await;
        let error = longwire::connect(plain.url())
            .tls(trust())
            .bearer("s3cret")
            .redirects(5)
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Redirect, Phase::Upgrade);
        let reason = error.source().unwrap().downcast_ref::<RedirectError>();
        assert_eq!(reason, Some(&RedirectError::Downgrade));
        let report = error.report().unwrap();
        assert_eq!(report.redirects.len(), 1);
        assert!(report.tls.is_some() && report.redirects[0].tls.is_none());
        plain.done().await;
        secure.done().await;
    });
}

/// The WebSocket's own closing handshake says that nothing is missing.
#[test]
fn a_clean_close_without_close_notify_is_clean() {
    real(async {
        let identity = Identity::of(&["localhost"]);
        let server = TlsServer::start(&identity, |peer| async move {
            let mut peer = peer.unwrap();
            peer.switch().await;
            peer.send(close(1000, "bye").bytes()).await;
            peer.expect_close(1000).await;
        })
        .await;
        let mut ws = longwire::connect(server.url("localhost"))
            .tls(Tls::default().add_root_pem(identity.pem()))
            .await
            .unwrap();
        ends(&mut ws).await;
        let info = ws.close_info().unwrap();
        assert!(info.clean);
        assert_eq!(info.reason, "bye");
        server.done().await;
    });
}

#[test]
fn an_end_of_tls_inside_a_message_is_a_reset() {
    real(async {
        let identity = Identity::of(&["localhost"]);
        for with_close_notify in [false, true] {
            let server = TlsServer::start(&identity, move |peer| async move {
                let mut peer = peer.unwrap();
                peer.switch().await;
                peer.send(&text("half of it").bytes()[..5]).await;
                if with_close_notify {
                    peer.finish().await;
                    peer.drain().await;
                }
            })
            .await;
            let mut ws = longwire::connect(server.url("localhost"))
                .tls(Tls::default().add_root_pem(identity.pem()))
                .await
                .unwrap();
            fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
            drop(ws);
            server.done().await;
        }
    });
}
