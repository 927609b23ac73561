//! A marker in every place where a secret can be, and a search for it in every text that comes out.
//! What is a proxy's is in `proxy_secrets`.

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longwire::http::{HeaderValue, Request};
use longwire::{Client, Connect, CookieStore, Error};
use tokio::net::TcpListener;

use crate::support::run::real;
use crate::support::scripted::{Server, dead_end};

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

/// A jar that holds nothing but the marker.
struct Jar(Mutex<u32>);

impl CookieStore for Jar {
    fn cookies(&self, _: &str) -> Option<HeaderValue> {
        Some(HeaderValue::from_static("session=m4rk3r"))
    }

    fn set_cookies(&self, _: &str, fields: &mut dyn Iterator<Item = &HeaderValue>) {
        *self.0.lock().unwrap() += u32::try_from(fields.count()).unwrap();
    }
}

/// Connections to a server, with the marker in each place of a client's settings.
fn marked(scheme_and_host: &str) -> Vec<Connect> {
    let (scheme, host) = scheme_and_host.split_once("://").unwrap();
    let plain = format!("{scheme}://{host}/feed");
    let connect = || longwire::connect(&plain);
    let request = Request::get(format!("{plain}?token={MARKER}"))
        .header("x-api-key", MARKER)
        .body(())
        .unwrap();
    let client = Client::builder()
        .bearer(MARKER)
        .header("x-secret", MARKER)
        .cookies(Jar(Mutex::new(0)))
        .build();
    assert_debug_clean(&client);
    let connects = vec![
        longwire::connect(format!("{scheme}://{MARKER}:{MARKER}@{host}/feed")),
        longwire::connect(format!("{plain}?token={MARKER}&x=y")),
        longwire::connect(request),
        connect().bearer(MARKER),
        connect().basic(MARKER, MARKER),
        connect().header("cookie", format!("session={MARKER}")),
        connect().header("proxy-authorization", MARKER),
        connect().cookies(Jar(Mutex::new(0))),
        client.connect(&plain),
    ];
    connects
        .into_iter()
        .map(|connect| connect.redirects(1).timeout(Duration::from_millis(100)))
        .collect()
}

async fn fails_cleanly(connect: Connect) {
    assert_debug_clean(&connect);
    match connect.await {
        Ok(_) => panic!("it connected"),
        Err(error) => assert_error_clean(&error),
    }
}

#[test]
fn no_failure_of_the_network_shows_a_secret() {
    real(async {
        let (_held, refusing) = dead_end();
        // Accepts, and never says a word.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for host in [
            refusing.to_string(),
            silent.local_addr().unwrap().to_string(),
            "no-such-host.invalid".to_owned(),
        ] {
            for connect in marked(&format!("ws://{host}")) {
                fails_cleanly(connect).await;
            }
        }
    });
}

#[cfg(feature = "__tls")]
#[test]
fn no_failure_of_tls_shows_a_secret() {
    use crate::support::tls::{Identity, TlsServer};

    real(async {
        for number in 0..marked("wss://localhost").len() {
            let identity = Identity::of(&["other.example"]);
            let server = TlsServer::start(&identity, |peer| async move {
                assert!(peer.is_none());
            })
            .await;
            let host = format!("wss://localhost:{}", server.address.port());
            fails_cleanly(marked(&host).remove(number)).await;
            server.done().await;
        }
    });
}

#[cfg(feature = "__tls")]
#[test]
fn no_key_of_a_client_is_shown() {
    use crate::support::pki::Authority;
    use longwire::Tls;

    real(async {
        let leaf = Authority::new("ours").issue(&["me"]);
        // A line from inside of the key.
        let line = leaf.key_pem().lines().nth(1).unwrap().to_owned();
        let broken = leaf.key_pem().replace(&line, &format!("{line}!{MARKER}"));
        for key in [broken.as_str(), &leaf.key_pem()] {
            let chain = if key == broken {
                &leaf.pem
            } else {
                "no certificate"
            };
            let tls = Tls::default().client_cert_pem(chain, key);
            let connect = longwire::connect("wss://localhost:1/").tls(tls.clone());
            let shown = format!(
                "{tls:?} {connect:?} {:?}",
                Client::builder().tls(tls.clone()).build()
            );
            assert!(!shown.contains(&line) && !shown.contains(MARKER), "{shown}");
            let error = connect.await.unwrap_err();
            assert_error_clean(&error);
            let shown = format!(
                "{error} {error:?} {:?}",
                error.source().map(ToString::to_string)
            );
            assert!(!shown.contains(&line), "{shown}");
        }
    });
}

#[test]
fn no_answer_of_a_server_makes_a_secret_be_shown() {
    real(async {
        for answer in [
            "HTTP/1.1 403 Forbidden\r\nSet-Cookie: session=m4rk3r\r\nContent-Length: 2\r\n\r\nno"
                .to_owned(),
            "HTTP/1.1 302 Found\r\nLocation: /login?token=m4rk3r\r\nSet-Cookie: a=m4rk3r\r\n\r\n"
                .to_owned(),
            format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{MARKER}:{MARKER}@localhost:1/x?t={MARKER}\r\n\r\n"
            ),
            format!("HTTP/1.1 302 Found\r\nLocation: file:///{MARKER}\r\n\r\n"),
            format!(
                "HTTP/1.1 302 Found\r\nLocation: //{MARKER}:{MARKER}@localhost:99999/{MARKER}\r\n\r\n"
            ),
            "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
            "SSH-2.0-x\r\n".to_owned(),
            String::new(),
        ] {
            for number in 0..marked("ws://localhost").len() {
                let answer = answer.clone();
                let server = Server::start(move |mut peer| async move {
                    let request = peer.request().await;
                    assert!(!request.line.is_empty());
                    peer.send(answer).await;
                    peer.finish().await;
                    peer.drain().await;
                })
                .await;
                let host = format!("ws://{}", server.address);
                fails_cleanly(marked(&host).remove(number)).await;
                server.done().await;
            }
        }
    });
}

#[test]
fn a_server_that_sends_the_request_back_makes_no_secret_be_shown() {
    // Each makes an answer of the request.
    let answers: [fn(&str) -> String; 6] = [
        str::to_owned,
        |request| format!("HTTP/1.1 400 Bad Request\r\n\r\n{request}"),
        |request| {
            let path = request.split(' ').nth(1).unwrap();
            format!("HTTP/1.1 404 Not Found\r\n\r\nCannot GET {path}")
        },
        |request| {
            let secret = request.lines().find(|line| line.contains(MARKER));
            format!("HTTP/1.1 401 Unauthorized\r\n\r\nunknown: {secret:?}")
        },
        |_| format!("HTTP/1.1 401 Unauthorized\r\n\r\nno user {MARKER} with {MARKER}"),
        |request| {
            let line = request.lines().next().unwrap();
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: {line}\r\n\r\n")
        },
    ];
    real(async {
        for answer in answers {
            for number in 0..marked("ws://localhost").len() {
                let server = Server::start(move |mut peer| async move {
                    let request = peer.request().await;
                    let fields = request.fields.iter();
                    let fields = fields.map(|(name, value)| format!("{name}: {value}\r\n"));
                    let request = format!("{}\r\n{}\r\n", request.line, fields.collect::<String>());
                    peer.send(answer(&request)).await;
                    peer.finish().await;
                    peer.drain().await;
                })
                .await;
                let host = format!("ws://{}", server.address);
                fails_cleanly(marked(&host).remove(number)).await;
                server.done().await;
            }
        }
    });
}

#[test]
fn what_is_no_secret_is_still_quoted() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\n\r\nthe Origin https://a.example is not known")
                .await;
        })
        .await;
        let connect = longwire::connect(server.url()).origin("https://a.example");
        let error = connect.bearer(MARKER).await.unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains("the Origin https://a.example is not"),
            "{shown}"
        );
        server.done().await;
    });
}

#[test]
fn a_connection_that_is_made_shows_no_secret() {
    real(async {
        for number in 0..marked("ws://localhost").len() {
            let server = Server::start(|mut peer| async move {
                let request = peer.request().await;
                let sent = format!("{request:?}");
                let encoded = STANDARD.encode(format!("{MARKER}:{MARKER}"));
                assert!(sent.contains(MARKER) || sent.contains(&encoded), "{sent}");
                let response = crate::support::request::Response::to(&request);
                peer.send(response.add("Set-Cookie", "session=m4rk3r").bytes())
                    .await;
                peer.drain().await;
            })
            .await;
            let connect = marked(&format!("ws://{}", server.address)).remove(number);
            let ws = connect.await.unwrap();
            assert_debug_clean(&ws.handshake());
            assert_debug_clean(ws.get_ref());
            assert_clean(&ws.handshake().report().to_string());
            drop(ws);
            server.done().await;
        }
    });
}

#[test]
fn no_setting_that_cannot_be_used_is_quoted() {
    real(async {
        let connect = || longwire::connect("ws://localhost:1/");
        for connect in [
            longwire::connect(format!("ws://{MARKER}:{MARKER}@a b/?{MARKER}")),
            longwire::connect(format!("ws://localhost:99999/?{MARKER}")),
            longwire::connect(format!("ws+unix:///{MARKER}?{MARKER}")),
            connect().header("x-api-key", format!("{MARKER}\r\nX: y")),
            connect().header("host", MARKER),
            connect().bearer(format!("{MARKER}\n")),
            connect().basic(format!("{MARKER}:"), MARKER),
            connect().origin(format!("{MARKER}\n")),
        ] {
            fails_cleanly(connect).await;
        }
    });
}
