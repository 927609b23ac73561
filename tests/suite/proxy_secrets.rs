//! What is for the proxy alone is found nowhere else: a marker in every place where a secret can be,
//! and a search for it in every text that comes out.

use std::error::Error as _;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longwire::{Client, Connect, Error, Proxy};

use crate::support::proxy::{
    ESTABLISHED, SUCCEEDED, Untouched, at, http_proxy, is_through, socks5_greeting, socks5_request,
};
use crate::support::run::real;
use crate::support::scripted::{Server, dead_end};
use crate::support::wire::text;

const MARKER: &str = "m4rk3r";

/// Fails if the marker is in a text, as it is or in the base64 of Basic authentication.
#[track_caller]
fn assert_clean(shown: &str) {
    let encoded = STANDARD.encode(format!("{MARKER}:{MARKER}"));
    for secret in [MARKER, encoded.trim_end_matches('=')] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[track_caller]
fn assert_debug_clean(value: &impl Debug) {
    assert_clean(&format!("{value:?} {value:#?}"));
}

/// Everything that an error can show, save the proxy's own words in its response.
#[track_caller]
fn assert_error_clean(error: &Error) {
    assert_clean(&error.to_string());
    assert_debug_clean(error);
    if let Some(report) = error.report() {
        assert_clean(&report.to_string());
        assert_debug_clean(report);
    }
    let mut source = error.source();
    while let Some(error) = source {
        assert_clean(&error.to_string());
        assert_debug_clean(&error);
        source = error.source();
    }
}

/// The same proxy with the marker in each place where credentials and fields can be.
fn marked(scheme: &str, address: SocketAddr) -> Vec<Proxy> {
    let mut proxies = vec![
        Proxy::new(format!("{scheme}://{MARKER}:{MARKER}@{address}")),
        at(scheme, address).basic(MARKER, MARKER),
    ];
    if scheme == "http" {
        let fields = ["proxy-authorization", "x-token"];
        proxies.extend(
            fields.map(|name| at(scheme, address).header(name, format!("Bearer {MARKER}"))),
        );
    }
    proxies
}

fn assert_settings_clean(url: &str, proxy: &Proxy) -> Connect {
    assert_debug_clean(proxy);
    let client = Client::builder().proxy(proxy.clone()).build();
    assert_debug_clean(&client);
    let connect = client.connect(url).proxy(proxy.clone());
    assert_debug_clean(&connect);
    connect.timeout(Duration::from_secs(5))
}

#[test]
fn the_server_gets_nothing_of_what_is_for_the_proxy() {
    real(async {
        for scheme in ["http", "socks5h"] {
            for way in 0..2 {
                let origin = Server::start(|mut peer| async move {
                    let request = peer.switch().await;
                    assert_debug_clean(&request);
                    assert!(request.all("proxy-authorization").is_empty());
                    peer.send(text("through").bytes()).await;
                    peer.answer_close(1000).await;
                })
                .await;
                let to = origin.address;
                let proxy = match scheme {
                    "http" => http_proxy(to, ESTABLISHED, |_| {}).await,
                    _ => {
                        Server::start(move |mut peer| async move {
                            socks5_greeting(&mut peer, &[0, 2], 2).await;
                            let sent: [u8; 15] = peer.exactly().await;
                            assert_eq!(&sent, b"\x01\x06m4rk3r\x06m4rk3r");
                            peer.send([1, 0]).await;
                            socks5_request(&mut peer).await;
                            peer.send(SUCCEEDED).await;
                            peer.carry_to(to).await;
                        })
                        .await
                    }
                };
                let choice = &marked(scheme, proxy.address)[way];
                let mut ws = assert_settings_clean("ws://server.example/", choice)
                    .await
                    .unwrap();
                assert_debug_clean(&ws);
                assert_debug_clean(ws.handshake());
                assert_clean(&ws.handshake().report().to_string());
                is_through(&mut ws).await;
                origin.done().await;
                proxy.done().await;
            }
        }
    });
}

#[test]
fn no_failure_of_an_http_proxy_shows_a_secret() {
    real(async {
        for answer in [
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\nno",
            "HTTP/1.0 401 Unauthorized\r\n\r\nno",
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nbehind",
            "HTTP/1.1 2",
            "garbage",
        ] {
            for way in 0..4 {
                let origin = Untouched::new();
                let proxy = Server::start(move |mut peer| async move {
                    peer.request().await;
                    peer.send(answer).await;
                    peer.finish().await;
                    peer.drain().await;
                })
                .await;
                let choice = &marked("http", proxy.address)[way];
                let error = assert_settings_clean(&origin.url(), choice)
                    .await
                    .unwrap_err();
                assert_error_clean(&error);
                proxy.done().await;
                origin.assert_untouched();
            }
        }
    });
}

#[test]
fn a_proxy_that_echoes_the_request_is_not_quoted() {
    real(async {
        for way in 0..4 {
            let proxy = Server::start(move |mut peer| async move {
                let request = peer.request().await;
                let mut echo = "you sent:\n".to_owned();
                for (name, value) in request.fields {
                    echo = echo + &name + ": " + &value + "\n";
                }
                // As it was sent, and as the proxy has read it.
                echo = format!("{MARKER} may not come in with {MARKER}\n{echo}");
                peer.send(format!("HTTP/1.1 400 Bad Request\r\n\r\n{echo}"))
                    .await;
                peer.finish().await;
                peer.drain().await;
            })
            .await;
            let choice = &marked("http", proxy.address)[way];
            let error = assert_settings_clean("ws://server.example/", choice)
                .await
                .unwrap_err();
            assert!(
                error
                    .response()
                    .unwrap()
                    .body()
                    .starts_with(MARKER.as_bytes())
            );
            assert_error_clean(&error);
            proxy.done().await;
        }
    });
}

#[test]
fn no_failure_of_a_socks_proxy_shows_a_secret() {
    real(async {
        for answer in [
            &b""[..],
            b"\x05",
            b"\x05\xff",
            b"\x05\x02",
            b"\x05\x02\x01\x01",
            b"HTTP/1.1",
        ] {
            for way in 0..2 {
                let origin = Untouched::new();
                let proxy = Server::start(move |mut peer| async move {
                    let [_, _, _, _] = peer.exactly().await;
                    peer.send(answer).await;
                    peer.finish().await;
                    peer.drain().await;
                })
                .await;
                let choice = &marked("socks5", proxy.address)[way];
                let error = assert_settings_clean(&origin.url(), choice)
                    .await
                    .unwrap_err();
                assert_error_clean(&error);
                proxy.done().await;
                origin.assert_untouched();
            }
        }
    });
}

#[test]
fn no_proxy_that_cannot_be_used_or_reached_shows_a_secret() {
    real(async {
        let (_socket, dead) = dead_end();
        let long = MARKER.repeat(50);
        for proxy in [
            marked("http", dead).remove(0),
            marked("socks5", dead).remove(0),
            Proxy::new(format!("ftp://{MARKER}:{MARKER}@{dead}")),
            Proxy::new(format!("http://{MARKER}:{MARKER}")),
            Proxy::new(format!("http://{MARKER}:{MARKER}#@proxy")),
            Proxy::new(format!("http://{MARKER} x@proxy")),
            Proxy::new(format!("socks4://{MARKER}:{MARKER}@{dead}")),
            at("socks5", dead).basic(&long, &long),
            at("http", dead).basic(format!("{MARKER}:"), MARKER),
            at("http", dead).header("x-token", format!("{MARKER}\n")),
            at("http", dead).header("host", MARKER),
        ] {
            let error = assert_settings_clean("ws://server.example/", &proxy)
                .await
                .unwrap_err();
            assert_error_clean(&error);
        }
    });
}
