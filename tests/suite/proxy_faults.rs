//! Proxies that break the rules, break off or say nothing: the connect fails, and the server is never
//! reached behind the proxy's back.

use std::error::Error as _;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use longwire::error::HandshakeError;
use longwire::{Error, ErrorKind, Phase};
use tokio::time::{Instant, sleep};

use crate::support::alloc::Meter;
use crate::support::proxy::{ESTABLISHED, Untouched, at, by_name, http_proxy, is_through, origin};
use crate::support::run::{paused, real};
use crate::support::scripted::{Server, dead_end};
use crate::support::verdict::assert_error;

/// What a proxy does behind its answer.
#[derive(Debug, Clone, Copy)]
enum Then {
    Waits,
    Closes,
    Resets,
}

/// The error of a client whose proxy reads the request, sends these bytes and then does that. The
/// server it wanted must not have been reached.
async fn fails(answer: impl Into<Vec<u8>>, then: Then) -> Error {
    let answer = answer.into();
    let origin = Untouched::new();
    let proxy = Server::start(move |mut peer| async move {
        peer.request().await;
        // The client may have had enough before the end.
        let _ = peer.try_send(answer).await;
        match then {
            Then::Waits => peer.drain().await,
            Then::Closes => {}
            Then::Resets => peer.reset(),
        }
    })
    .await;
    let connect = longwire::connect(origin.url()).proxy(at("http", proxy.address));
    let error = connect.await.unwrap_err();
    proxy.done().await;
    origin.assert_untouched();
    let message = error.to_string();
    assert!(message.contains("the proxy http://127.0.0.1:"), "{message}");
    let report = error.report().unwrap();
    assert_eq!(report.failure.as_ref().unwrap().phase, Phase::Proxy);
    assert_eq!(report.proxy.as_ref().unwrap().elapsed, None);
    error
}

#[test]
fn what_is_no_answer_to_connect_is_an_error_at_once() {
    real(async {
        for (answer, words) in [
            (
                &b"\x15\x03\x01\x00\x02\x02\x46"[..],
                "write https:// in its URL",
            ),
            (b"\x05\x00", "\\x05"),
            (b"SSH-2.0-x\r\n", "SSH-2.0-x"),
            (b"HTTP/2 200\r\n\r\n", "HTTP/2"),
            (b"HTTP/1.1 2OO OK\r\n\r\n", "status line"),
            (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "proper name"),
            (b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "control character"),
            (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "\\r\\n"),
        ] {
            let error = fails(answer, Then::Waits).await;
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.response().is_none() && !error.is_retryable());
            let is_tls = answer[0] == 0x15;
            let reason = error
                .source()
                .and_then(|it| it.downcast_ref::<HandshakeError>());
            assert_eq!(reason.is_none(), is_tls);
        }
    });
}

#[test]
fn bytes_behind_the_answer_before_anything_was_said_are_an_error() {
    real(async {
        for (behind, count) in [
            ("x", 1),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 36),
            ("HTTP/1.1 200 OK\r\n\r\n", 19),
        ] {
            let error = fails(format!("{ESTABLISHED}{behind}"), Then::Waits).await;
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            let words = format!("{count} bytes came behind its answer");
            assert!(error.to_string().contains(&words), "{error}");
        }
        // What would be a body is one of these too: there is none in a tunnel.
        let error = fails(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            Then::Waits,
        )
        .await;
        assert!(error.to_string().contains("2 bytes came behind"), "{error}");
    });
}

#[test]
fn an_answer_without_an_end_is_cut_off_early_and_cheaply() {
    real(async {
        for (begin, piece) in [
            ("HTTP/1.1 200 ", "x".repeat(4096)),
            ("HTTP/1.1 200 OK\r\n", "A: b\r\n".repeat(500)),
            ("", "HTTP/1.1 103 Early\r\n\r\n".repeat(100)),
        ] {
            let meter = Meter::start();
            let answer = format!("{begin}{}", piece.repeat(100));
            let length = answer.len() as u64;
            let error = fails(answer, Then::Waits).await;
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            let source: &HandshakeError = error.source().unwrap().downcast_ref().unwrap();
            assert!(
                matches!(source, HandshakeError::HeadTooLarge(_)),
                "{source:?}"
            );
            let peak = u64::try_from(meter.peak()).unwrap();
            assert!(peak < 3 * length + (512 << 10), "{peak} bytes");
        }
    });
}

#[test]
fn an_end_or_a_reset_in_the_answer_is_a_failure_of_the_proxy() {
    real(async {
        for cut in [0, 1, 7, 12, 20, ESTABLISHED.len() - 1] {
            for then in [Then::Closes, Then::Resets] {
                let error = fails(&ESTABLISHED.as_bytes()[..cut], then).await;
                assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
                assert!(error.is_retryable(), "{error}");
                assert!(error.source().unwrap().is::<io::Error>());
                let words = if cut == 0 {
                    "before it answered CONNECT; if it speaks TLS, write https:// in its URL"
                } else {
                    "in the middle of its answer to CONNECT"
                };
                let message = error.to_string();
                // A reset may overtake what was sent before it.
                let overtaken = matches!(then, Then::Resets) && message.contains("before it");
                assert!(message.contains(words) || overtaken, "{message}");
            }
        }
    });
}

#[test]
fn a_proxy_that_ends_behind_its_answer_ends_the_opening_handshake() {
    real(async {
        let proxy = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send(ESTABLISHED).await;
            peer.finish().await;
            peer.drain().await;
        })
        .await;
        let error = by_name(at("http", proxy.address)).await.unwrap_err();
        assert_error(&error, ErrorKind::Io, Phase::Upgrade);
        // From here on it is the server that is spoken of, and by which way.
        let way = format!(
            "ws://server.example:80/feed (through the proxy http://{})",
            proxy.address
        );
        assert!(error.to_string().starts_with(&way), "{error}");
        assert!(
            error
                .report()
                .unwrap()
                .proxy
                .as_ref()
                .unwrap()
                .elapsed
                .is_some()
        );
        proxy.done().await;
    });
}

#[test]
fn a_proxy_that_never_answers_or_drips_ends_at_the_deadline_in_its_own_phase() {
    real(async {
        for drips in [false, true] {
            for whole in [false, true] {
                let origin = Untouched::new();
                let proxy = Server::start(move |mut peer| async move {
                    peer.request().await;
                    peer.send(if drips { "HTTP/1.1 200 " } else { "" }).await;
                    while drips && peer.try_send("x").await.is_ok() {
                        sleep(Duration::from_millis(20)).await;
                    }
                    peer.drain().await;
                })
                .await;
                let limit = Duration::from_millis(300);
                let connect = longwire::connect(origin.url()).proxy(at("http", proxy.address));
                let connect = if whole {
                    connect.timeout(limit)
                } else {
                    connect.phase_timeout(Phase::Proxy, limit)
                };
                let begun = Instant::now();
                let error = connect.await.unwrap_err();
                assert!(
                    begun.elapsed() < Duration::from_secs(3),
                    "{:?}",
                    begun.elapsed()
                );
                assert_error(&error, ErrorKind::Timeout, Phase::Proxy);
                let message = error.to_string();
                assert!(
                    message.contains(&format!("the proxy http://{}", proxy.address)),
                    "{message}"
                );
                // Whether it says nothing or something that has no end.
                assert!(message.contains("has not opened the way"), "{message}");
                let failure = error.report().unwrap().failure.as_ref().unwrap();
                assert!(failure.elapsed >= Duration::from_millis(200), "{failure:?}");
                proxy.done().await;
                origin.assert_untouched();
            }
        }
    });
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_and_the_server_is_not_tried() {
    real(async {
        for scheme in ["http", "socks4", "socks4a", "socks5", "socks5h"] {
            let origin = Untouched::new();
            let (_socket, dead) = dead_end();
            let connect = longwire::connect(origin.url()).proxy(at(scheme, dead));
            let error = connect.await.unwrap_err();
            assert_error(&error, ErrorKind::Connect, Phase::Connect);
            assert!(error.is_retryable());
            let message = error.to_string();
            assert!(
                message.contains(&format!("the proxy {scheme}://{dead}: ")),
                "{message}"
            );
            let report = error.report().unwrap();
            assert_eq!(report.attempts[0].address, dead);
            let via = report.proxy.as_ref().unwrap();
            assert_eq!(via.url, format!("{scheme}://{dead}"));
            origin.assert_untouched();
        }
    });
}

#[test]
fn a_proxy_whose_name_leads_nowhere_is_named() {
    paused(async {
        let connect = |timeout| {
            longwire::connect("ws://server.example/")
                .proxy(longwire::Proxy::new("http://proxy.example:3128"))
                .timeout(timeout)
        };
        let error = connect(Duration::from_secs(10))
            .resolver(|host: String, _| {
                assert_eq!(host, "proxy.example");
                future::ready(Err::<Vec<SocketAddr>, _>(io::Error::other("no such name")))
            })
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Resolve, Phase::Resolve);
        let message = error.to_string();
        assert!(
            message.contains("the proxy http://proxy.example:3128: "),
            "{message}"
        );

        let error = connect(Duration::from_millis(100))
            .resolver(|_: String, _| future::pending::<io::Result<Vec<SocketAddr>>>())
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Resolve);
        let message = error.to_string();
        assert!(
            message.contains("the proxy http://proxy.example:3128: "),
            "{message}"
        );
    });
}

#[test]
fn the_addresses_of_a_proxy_race_too() {
    real(async {
        let origin = origin().await;
        let proxy = http_proxy(origin.address, ESTABLISHED, |_| {}).await;
        let (_socket, dead) = dead_end();
        let addresses = vec![dead, proxy.address];
        let mut ws = longwire::connect("ws://server.example/")
            .proxy(longwire::Proxy::new("http://proxy.example:3128"))
            .resolver(move |host: String, port| {
                assert_eq!((&*host, port), ("proxy.example", 3128));
                future::ready(Ok(addresses.clone()))
            })
            .await
            .unwrap();
        let report = ws.handshake().report();
        assert_eq!(report.attempts.len(), 2);
        assert_eq!(report.peer(), Some(proxy.address));
        is_through(&mut ws).await;
        origin.done().await;
        proxy.done().await;
    });
}
