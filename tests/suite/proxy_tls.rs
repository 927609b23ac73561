//! TLS and proxies: to the server through a proxy, to the proxy itself, and both.

use longwire::{ErrorKind, Phase, Proxy, Tls};

use crate::support::proxy::{
    ESTABLISHED, SUCCEEDED, Untouched, assert_unspoilt, at, by_name, http_proxy, is_through,
    origin, socks5_greeting, socks5_request,
};
use crate::support::run::real;
use crate::support::scripted::Server;
use crate::support::tls::{Identity, TlsServer};
use crate::support::verdict::assert_error;
use crate::support::wire::text;

/// As [`origin`], behind TLS.
async fn secure_origin(identity: &Identity) -> TlsServer {
    TlsServer::start(identity, |peer| async move {
        let mut peer = peer.expect("a client that trusts the certificate");
        let request = peer.switch().await;
        assert_unspoilt(&request);
        assert_eq!(request.one("host"), "server.example");
        peer.send(text("through").bytes()).await;
        peer.answer_close(1000).await;
    })
    .await
}

fn trusting(identity: &Identity) -> Tls {
    Tls::default().add_root_pem(identity.pem())
}

#[test]
fn wss_goes_through_each_kind_of_proxy() {
    real(async {
        let identity = Identity::of(&["server.example"]);
        for scheme in ["http", "socks5", "socks5h", "socks4", "socks4a"] {
            let origin = secure_origin(&identity).await;
            let to = origin.address;
            let proxy = Server::start(move |mut peer| async move {
                match scheme {
                    "http" => {
                        let request = peer.request().await;
                        assert_eq!(request.line, "CONNECT server.example:443 HTTP/1.1");
                        peer.send(ESTABLISHED).await;
                    }
                    "socks5" | "socks5h" => {
                        socks5_greeting(&mut peer, &[0], 0).await;
                        assert_eq!(socks5_request(&mut peer).await.2, 443);
                        peer.send(SUCCEEDED).await;
                    }
                    _ => {
                        let [_, _, high, low, a, b, c, _, user] = peer.exactly().await;
                        assert_eq!((u16::from_be_bytes([high, low]), user), (443, 0));
                        if [a, b, c] == [0; 3] {
                            assert_eq!(&peer.exactly().await, b"server.example\0");
                        }
                        peer.send([0, 90, 0, 0, 0, 0, 0, 0]).await;
                    }
                }
                peer.carry_to(to).await;
            })
            .await;
            let mut ws = longwire::connect("wss://server.example/")
                .resolve("server.example", [([192, 0, 2, 7], 0)])
                .tls(trusting(&identity))
                .proxy(at(scheme, proxy.address))
                .await
                .unwrap();
            assert!(ws.get_ref().is_tls());
            let report = ws.handshake().report();
            assert!(report.tls.is_some() && report.proxy.is_some());
            is_through(&mut ws).await;
            origin.done().await;
            proxy.done().await;
        }
    });
}

/// An HTTP proxy behind TLS.
async fn secure_proxy(
    identity: &Identity,
    to: std::net::SocketAddr,
    line: &'static str,
) -> TlsServer {
    TlsServer::start(identity, move |peer| async move {
        let mut peer = peer.expect("a client that trusts the proxy's certificate");
        let request = peer.request().await;
        assert_eq!(request.line, line);
        assert_eq!(request.one("proxy-authorization"), "Basic dTpwdw==");
        peer.send(ESTABLISHED).await;
        peer.carry_to(to).await;
    })
    .await
}

#[test]
fn tls_to_the_proxy_has_settings_of_its_own() {
    real(async {
        let proxys = Identity::of(&["127.0.0.1"]);
        let servers = Identity::of(&["server.example"]);

        let origin = origin().await;
        let line = "CONNECT server.example:80 HTTP/1.1";
        let proxy = secure_proxy(&proxys, origin.address, line).await;
        let url = format!("https://u:pw@{}", proxy.address);
        let choice = Proxy::new(&url).tls(trusting(&proxys));
        let mut ws = by_name(choice).await.unwrap();
        // TLS ends at the proxy: the server is spoken to in the open.
        assert!(!ws.get_ref().is_tls());
        let report = ws.handshake().report();
        assert!(report.tls.is_none());
        assert!(report.proxy.as_ref().unwrap().tls.is_some());
        assert_eq!(ws.get_ref().peer_addr().unwrap(), proxy.address);
        is_through(&mut ws).await;
        origin.done().await;
        proxy.done().await;

        let origin = secure_origin(&servers).await;
        let line = "CONNECT server.example:443 HTTP/1.1";
        let proxy = secure_proxy(&proxys, origin.address, line).await;
        let url = format!("https://u:pw@{}", proxy.address);
        let mut ws = longwire::connect("wss://server.example/")
            .tls(trusting(&servers))
            .proxy(Proxy::new(&url).tls(trusting(&proxys)))
            .await
            .unwrap();
        assert!(ws.get_ref().is_tls());
        assert_eq!(ws.get_ref().peer_addr().unwrap(), proxy.address);
        is_through(&mut ws).await;
        origin.done().await;
        proxy.done().await;
    });
}

#[test]
fn a_proxy_whose_certificate_is_not_trusted_gets_nothing() {
    real(async {
        let proxys = Identity::of(&["127.0.0.1"]);
        let others = Identity::of(&["other.example"]);
        for (shown, tls) in [
            (&proxys, None),
            // Trust in the server's authority is none in the proxy's.
            (&proxys, Some(Tls::default())),
            (&others, Some(trusting(&others))),
        ] {
            let server = Untouched::new();
            let proxy = TlsServer::start(shown, |peer| async move {
                assert!(peer.is_none(), "the client accepted the certificate");
            })
            .await;
            let choice = Proxy::new(format!("https://u:s3cret@{}", proxy.address));
            let choice = match tls {
                Some(tls) => choice.tls(tls),
                None => choice,
            };
            let error = longwire::connect(server.url())
                .tls(trusting(&proxys))
                .proxy(choice)
                .await
                .unwrap_err();
            assert_error(&error, ErrorKind::Tls, Phase::Proxy);
            assert!(!error.is_retryable());
            let message = error.to_string();
            let name = format!("the proxy https://{}: ", proxy.address);
            assert!(
                message.contains(&name)
                    && message.contains("Proxy::tls sets: the server's certificate"),
                "{message}"
            );
            assert_eq!(
                error.report().unwrap().proxy.as_ref().unwrap().elapsed,
                None
            );
            proxy.done().await;
            server.assert_untouched();
        }
    });
}

#[test]
fn what_the_proxy_may_be_trusted_with_the_server_may_not() {
    real(async {
        let servers = Identity::of(&["server.example"]);
        let origin = TlsServer::start(&servers, |peer| async move {
            assert!(peer.is_none(), "the client accepted the certificate");
        })
        .await;
        let proxy = http_proxy(origin.address, ESTABLISHED, |_| {}).await;
        let error = longwire::connect("wss://server.example/")
            .proxy(at("http", proxy.address).tls(trusting(&servers)))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        let shown = error.to_string();
        assert!(shown.contains("): the server's certificate"), "{shown}");
        assert!(shown.contains("(through the proxy http://"), "{shown}");
        origin.done().await;
        proxy.done().await;
    });
}

#[test]
fn a_proxy_that_speaks_no_tls_is_told_from_one_that_does() {
    real(async {
        // `https://` for a plain proxy.
        let proxy = Server::start(|mut peer| async move {
            peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
            peer.drain().await;
        })
        .await;
        let error = by_name(at("https", proxy.address)).await.unwrap_err();
        assert_error(&error, ErrorKind::Tls, Phase::Proxy);
        let message = error.to_string();
        assert!(
            message.contains("http://") && !message.contains("ws:// or"),
            "{message}"
        );
        proxy.done().await;

        // `http://` for one behind TLS.
        let identity = Identity::of(&["127.0.0.1"]);
        let proxy = TlsServer::start(&identity, |peer| async move {
            assert!(peer.is_none(), "that was no TLS");
        })
        .await;
        let error = by_name(at("http", proxy.address)).await.unwrap_err();
        assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
        let message = error.to_string();
        assert!(message.contains("write https:// in its URL"), "{message}");
        proxy.done().await;
    });
}

#[test]
fn a_proxy_that_breaks_off_in_tls_is_a_failure_of_the_proxy() {
    real(async {
        for begin in [&b""[..], b"\x16\x03\x03\x00"] {
            let server = Untouched::new();
            let proxy = Server::start(move |mut peer| async move {
                let [_] = peer.exactly().await;
                peer.send(begin).await;
                peer.finish().await;
                peer.drain().await;
            })
            .await;
            let connect = longwire::connect(server.url()).proxy(at("https", proxy.address));
            let error = connect.await.unwrap_err();
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            assert!(error.is_retryable(), "{error}");
            proxy.done().await;
            server.assert_untouched();
        }
    });
}

#[test]
fn a_setting_of_tls_that_cannot_be_used_is_an_error_before_anything_is_dialled() {
    real(async {
        let server = Untouched::new();
        let choice = at("https", server.address).tls(Tls::default().add_root_pem("s3cret"));
        let error = by_name(choice).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("s3cret"), "{error}");
        server.assert_untouched();
    });
}
