//! The request of the opening handshake (RFC 6455 §4.1), and the settings that shape it.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longwire::{Connect, Error, ErrorKind};
use tokio::io::AsyncReadExt;

use crate::support::request::Request;
use crate::support::run::paused;
use crate::support::scripted::{Peer, join};

/// The request that `connect` writes.
async fn request_of(connect: Connect) -> Request {
    let (near, far) = tokio::io::duplex(64 << 10);
    let server = tokio::spawn(async move {
        let mut peer = Peer::new(far);
        peer.switch().await
    });
    connect.over(near).await.expect("an open connection");
    join(server).await
}

/// The error of a `connect` that must fail before a byte is written.
async fn refused_before_io(connect: Connect) -> Error {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let error = connect
        .over(near)
        .await
        .expect_err("a setting that cannot work");
    let mut written = Vec::new();
    far.read_to_end(&mut written).await.unwrap();
    assert_eq!(written, b"", "bytes were written before the refusal");
    error
}

#[test]
fn the_request_is_what_the_rfc_demands() {
    paused(async {
        let request = request_of(longwire::connect(
            "ws://server.example:8080/feed/a?x=1&y=%20",
        ))
        .await;
        assert_eq!(request.line, "GET /feed/a?x=1&y=%20 HTTP/1.1");
        assert_eq!(request.one("host"), "server.example:8080");
        assert!(request.one("upgrade").eq_ignore_ascii_case("websocket"));
        assert!(request.one("connection").eq_ignore_ascii_case("upgrade"));
        assert_eq!(request.one("sec-websocket-version"), "13");
        let key = STANDARD.decode(request.one("sec-websocket-key")).unwrap();
        assert_eq!(key.len(), 16);
        for absent in [
            "origin",
            "sec-websocket-protocol",
            "sec-websocket-extensions",
        ] {
            assert_eq!(request.all(absent), [""; 0], "{absent}");
        }
    });
}

#[test]
fn the_host_field_has_the_port_only_when_it_is_not_the_default() {
    paused(async {
        for (url, host, line) in [
            ("ws://server.example", "server.example", "GET / HTTP/1.1"),
            (
                "ws://server.example:80/",
                "server.example",
                "GET / HTTP/1.1",
            ),
            (
                "WS://server.example:443/",
                "server.example:443",
                "GET / HTTP/1.1",
            ),
            (
                "ws://[2001:db8::1]:9000/p",
                "[2001:db8::1]:9000",
                "GET /p HTTP/1.1",
            ),
            ("ws://[::1]/", "[::1]", "GET / HTTP/1.1"),
            ("ws://127.0.0.1:1/", "127.0.0.1:1", "GET / HTTP/1.1"),
            (
                "ws://server.example?q",
                "server.example",
                "GET /?q HTTP/1.1",
            ),
        ] {
            let request = request_of(longwire::connect(url)).await;
            assert_eq!((request.one("host"), request.line.as_str()), (host, line));
        }
    });
}

#[test]
fn every_connection_has_a_key_of_its_own() {
    paused(async {
        let mut keys = HashSet::new();
        for _ in 0..100 {
            let request = request_of(longwire::connect("ws://server.example/")).await;
            assert!(keys.insert(request.one("sec-websocket-key").to_owned()));
        }
    });
}

#[test]
fn settings_become_fields() {
    paused(async {
        let connect = longwire::connect("ws://server.example/")
            .header("X-One", "1")
            .header("X-Two", "a b")
            .header("X-Two", "c")
            .origin("https://app.example")
            .bearer("token")
            .subprotocols(["v2.feed", "v1.feed"]);
        let request = request_of(connect).await;
        assert_eq!(request.one("x-one"), "1");
        assert_eq!(request.all("x-two"), ["a b", "c"]);
        assert_eq!(request.one("origin"), "https://app.example");
        assert_eq!(request.one("authorization"), "Bearer token");
        let offered: Vec<_> = request
            .all("sec-websocket-protocol")
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .map(str::to_owned)
            .collect();
        assert_eq!(offered, ["v2.feed", "v1.feed"]);
    });
}

#[test]
fn user_and_password_become_basic_authentication() {
    paused(async {
        let expected = format!("Basic {}", STANDARD.encode("user:pass word"));
        let by_setting = longwire::connect("ws://server.example/").basic("user", "pass word");
        let by_url = longwire::connect("ws://user:pass%20word@server.example/");
        for connect in [by_setting, by_url] {
            let request = request_of(connect).await;
            assert_eq!(request.one("authorization"), expected);
            assert_eq!(request.one("host"), "server.example");
            assert!(!request.line.contains('@'));
        }
    });
}

#[test]
fn a_request_of_the_http_crate_keeps_its_fields() {
    paused(async {
        let request = http::Request::get("ws://server.example/feed")
            .header("X-Own", "kept")
            .header("Cookie", "a=b")
            .body(())
            .unwrap();
        let request = request_of(longwire::connect(request)).await;
        assert_eq!(request.line, "GET /feed HTTP/1.1");
        assert_eq!(request.one("x-own"), "kept");
        assert_eq!(request.one("cookie"), "a=b");
        let uri: http::Uri = "ws://server.example/uri".parse().unwrap();
        let request = request_of(longwire::connect(uri)).await;
        assert_eq!(request.line, "GET /uri HTTP/1.1");
    });
}

#[test]
fn reserved_fields_are_refused_by_name() {
    paused(async {
        for name in [
            "Host",
            "upgrade",
            "Connection",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Protocol",
            "sec-websocket-extensions",
        ] {
            let connect = longwire::connect("ws://server.example/").header(name, "x");
            let error = refused_before_io(connect).await;
            assert_eq!(error.kind(), ErrorKind::Config, "{name}: {error:?}");
            let message = error.to_string().to_ascii_lowercase();
            assert!(message.contains(&name.to_ascii_lowercase()), "{message}");
        }
    });
}

#[test]
fn nothing_can_smuggle_a_line_into_the_request() {
    paused(async {
        let base = || longwire::connect("ws://server.example/");
        let evil = "x\r\nX-Injected: 1";
        for connect in [
            base().header("X-Name", evil),
            base().header("X\r\nX-Injected", "1"),
            base().header("X-Name", "a\0b"),
            base().header("bad name", "x"),
            base().bearer(evil),
            base().origin(evil),
            base().subprotocols([evil]),
            base().subprotocols(["two words"]),
            base().subprotocols([""]),
            base().subprotocols(["twice", "twice"]),
        ] {
            let error = refused_before_io(connect).await;
            assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        }
        for url in [
            "ws://server.example/\r\nX-Injected: 1",
            "ws://server.example/a b",
            "ws://server.example\r\n/",
            "ws://server.example/\0",
        ] {
            let error = refused_before_io(longwire::connect(url)).await;
            assert_eq!(error.kind(), ErrorKind::Url, "{error:?}");
        }
    });
}

#[test]
fn urls_that_cannot_be_are_refused_before_anything_is_dialled() {
    paused(async {
        for url in [
            "",
            "server.example",
            "/feed",
            "ftp://server.example/",
            "ws:server.example",
            "ws://",
            "ws:///feed",
            "ws://:80/",
            "ws://server.example:65536/",
            "ws://server.example:99999/",
            "ws://server.example:0x50/",
            "ws://server.example:-1/",
            "ws://server.example/#fragment",
            "ws://server.example#",
            "ws://[::1/",
            "ws://[nonsense]/",
            "ws://sérver.example/",
            "ws://ser ver.example/",
        ] {
            let error = longwire::connect(url).await.expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Url, "{url}: {error:?}");
        }
    });
}

#[cfg(not(feature = "__tls"))]
#[test]
fn wss_without_tls_is_refused_with_the_feature_to_add() {
    paused(async {
        let error = longwire::connect("wss://server.example/")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert!(error.to_string().contains("rustls-ring"), "{error}");
    });
}

#[test]
fn secrets_of_the_url_are_not_shown() {
    paused(async {
        for url in [
            "ws://user:s3cret@server.example:99999/?token=s3cret",
            "ws://user:s3cret@server.example/?token=s3cret#part",
            "ftp://user:s3cret@server.example/?token=s3cret",
        ] {
            let connect = longwire::connect(url);
            assert!(!format!("{connect:?}").contains("s3cret"));
            let error = connect.await.unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
        let connect = longwire::connect("ws://server.example/")
            .bearer("s3cret")
            .header("X-Api-Key", "s3cret");
        assert!(!format!("{connect:?}").contains("s3cret"));
    });
}

/// RFC 6455 §4.1: nothing is sent before the response has been read.
#[test]
fn nothing_follows_the_request_before_the_response() {
    paused(async {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let connecting =
            tokio::spawn(async move { longwire::connect("ws://server.example/").over(near).await });
        let mut written = vec![0; 64 << 10];
        let mut size = 0;
        let mut wait = std::time::Duration::from_secs(5);
        while let Ok(read) = tokio::time::timeout(wait, far.read(&mut written[size..])).await {
            size += read.unwrap();
            wait = std::time::Duration::from_secs(1);
        }
        Request::parse(&written[..size]);
        connecting.abort();
    });
}
