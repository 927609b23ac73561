//! The response of the opening handshake (RFC 6455 §4.1): what makes a connection, and what must not.

use std::time::Duration;

use longwire::{ErrorKind, Phase};
use tokio::time::Instant;

use crate::support::answer::{answered, assert_reason};
use crate::support::io::{Chaos, Cuts, Exhausted};
use crate::support::request::{self, Request, Response};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, Server};
use crate::support::verdict::{assert_error, ends, next_binary, next_text};
use crate::support::wire::{self, binary, close, ping, text};

#[test]
fn a_correct_answer_opens_the_connection() {
    paused(async {
        let ws = answered(|request| Response::to(request).add("X-Own", "kept").bytes())
            .await
            .unwrap();
        assert_eq!(ws.handshake().headers()["x-own"], "kept");
        assert_eq!(ws.handshake().subprotocol(), None);
    });
}

#[test]
fn names_have_no_case_and_values_may_stand_in_white_space() {
    paused(async {
        let loud = |request: &Request| {
            Response::to(request)
                .without("Sec-WebSocket-Accept")
                .without("Upgrade")
                .add(
                    "SEC-WEBSOCKET-ACCEPT",
                    format!(" \t{}\t ", request.accept()),
                )
                .add("uPGRADE", "\twebsocket  ")
                .bytes()
        };
        answered(loud).await.expect("RFC 9110 section 5.1 and 5.5");
    });
}

#[test]
fn a_server_that_never_answers_ends_at_the_deadline() {
    paused(async {
        for (limit, connect) in [
            (10_000, longwire::connect("ws://server.example/")),
            (
                300,
                longwire::connect("ws://server.example/").timeout(Duration::from_millis(300)),
            ),
        ] {
            let limit = Duration::from_millis(limit);
            let (near, far) = tokio::io::duplex(1 << 16);
            let begun = Instant::now();
            let error = connect.over(near).await.unwrap_err();
            let took = begun.elapsed();
            assert_error(&error, ErrorKind::Timeout, Phase::Upgrade);
            assert!(error.is_timeout() && error.is_retryable());
            assert!(limit <= took && took <= limit + Duration::from_millis(100));
            drop(far);
        }
    });
}

/// The deadline is over the whole, not over each read.
#[test]
fn a_head_that_drips_for_ever_ends_at_the_deadline() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let mut peer = Peer::new(far);
        let dripping = tokio::spawn(async move {
            peer.request().await;
            peer.send("HTTP/1.1 101 Switching Protocols\r\n").await;
            while peer.try_send("X: y\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
        });
        let begun = Instant::now();
        let error = longwire::connect("ws://server.example/")
            .over(near)
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Upgrade);
        assert!(begun.elapsed() <= Duration::from_millis(10_100));
        dripping.await.unwrap();
    });
}

#[test]
fn an_end_or_a_reset_at_every_offset_of_the_head_fails_the_handshake() {
    paused(async {
        let length = Response::to(&Request::parse(b"GET\r\nSec-WebSocket-Key: k\r\n\r\n"))
            .bytes()
            .len();
        let reset = Exhausted::Fails(std::io::ErrorKind::ConnectionReset);
        for (cut, then) in (0..length).flat_map(|cut| [(cut, Exhausted::Ends), (cut, reset)]) {
            let (near, far) = tokio::io::duplex(1 << 16);
            let mut peer = Peer::new(far);
            let server = async {
                let request = peer.request().await;
                // At offset 0 the client is gone already.
                let _ = peer.try_send(Response::to(&request).bytes()).await;
            };
            let io = Chaos::over(near).after_reading(cut, then);
            let connect = longwire::connect("ws://server.example/").over(io);
            let begun = Instant::now();
            let (result, ()) = tokio::join!(connect.into_future(), server);
            let error = result.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Io | ErrorKind::Handshake),
                "at {cut}: {error:?}"
            );
            assert_eq!(error.phase(), Phase::Upgrade);
            assert!(begun.elapsed() < Duration::from_millis(100));
        }
    });
}

#[test]
fn an_accept_that_does_not_prove_the_handshake_fails_it() {
    paused(async {
        type Spoil = fn(&str) -> Vec<String>;
        let spoilt: [(&str, Spoil); 9] = [
            ("missing", |_| vec![]),
            ("wrong", |_| vec![request::accept("another key")]),
            ("lower case", |right| vec![right.to_ascii_lowercase()]),
            ("cut", |right| vec![right[..right.len() - 1].into()]),
            ("longer", |right| vec![format!("{right}=")]),
            ("empty", |_| vec![String::new()]),
            ("quoted", |right| vec![format!("\"{right}\"")]),
            ("twice", |right| vec![right.into(), right.into()]),
            ("right and wrong", |right| {
                vec![right.into(), "wrong".into()]
            }),
        ];
        for (what, spoil) in spoilt {
            let result = answered(|request| {
                spoil(&request.accept())
                    .into_iter()
                    .fold(
                        Response::to(request).without("Sec-WebSocket-Accept"),
                        |response, value| response.add("Sec-WebSocket-Accept", value),
                    )
                    .bytes()
            })
            .await;
            assert_reason!(result, Accept, what);
        }
        let echoed = answered(|request| {
            let key = request.one("sec-websocket-key").to_owned();
            Response::to(request)
                .with("Sec-WebSocket-Accept", key)
                .bytes()
        })
        .await;
        assert_reason!(echoed, Accept, "the key itself");
    });
}

#[test]
fn an_upgrade_that_is_not_exactly_websocket_fails_the_handshake() {
    paused(async {
        for value in [
            "h2c",
            "websockets",
            "websockets2",
            "web socket",
            "",
            "websocket, h2c",
        ] {
            let result =
                answered(|request| Response::to(request).with("Upgrade", value).bytes()).await;
            assert_reason!(result, Upgrade, value);
        }
        let missing = answered(|request| Response::to(request).without("Upgrade").bytes()).await;
        assert_reason!(missing, Upgrade, "missing");
        let twice =
            answered(|request| Response::to(request).add("Upgrade", "websocket").bytes()).await;
        assert_reason!(twice, Upgrade, "twice");
        let loud = answered(|request| Response::to(request).with("Upgrade", "WebSocket").bytes());
        loud.await.expect("a value is compared without its case");
    });
}

#[test]
fn a_connection_without_the_token_upgrade_fails_the_handshake() {
    paused(async {
        for value in [
            "close",
            "not-upgrade",
            "upgraded",
            "keep-alive",
            "",
            "up grade",
        ] {
            let result =
                answered(|request| Response::to(request).with("Connection", value).bytes()).await;
            assert_reason!(result, Connection, value);
        }
        let missing = answered(|request| Response::to(request).without("Connection").bytes()).await;
        assert_reason!(missing, Connection, "missing");
    });
}

#[test]
fn connection_is_a_list_over_all_its_fields() {
    paused(async {
        for value in [
            "upgrade",
            "UPGRADE",
            "keep-alive, Upgrade",
            "Upgrade,keep-alive",
            ", ,upgrade,",
            "close\t,\tupgrade",
        ] {
            answered(|request| Response::to(request).with("Connection", value).bytes())
                .await
                .expect(value);
        }
        answered(|request| {
            Response::to(request)
                .with("Connection", "keep-alive")
                .add("connection", "Upgrade")
                .bytes()
        })
        .await
        .expect("two fields");
    });
}

#[test]
fn a_response_cut_anywhere_opens_the_connection() {
    paused(async {
        let length = Response::to(&Request::parse(b"GET\r\nSec-WebSocket-Key: k\r\n\r\n"))
            .bytes()
            .len();
        // The accept of that request is as long as any.
        for cut in 1..length + 6 {
            let (near, far) = tokio::io::duplex(1 << 16);
            let mut peer = Peer::new(far);
            let io = Chaos::over(near).read_cuts(Cuts::Once(cut));
            let connect = longwire::connect("ws://server.example/").over(io);
            let server = async {
                let request = peer.request().await;
                let head = Response::to(&request).bytes();
                assert_eq!(head.len(), length);
                peer.send([head, text("glued").bytes()].concat()).await;
            };
            let (ws, ()) = tokio::join!(connect.into_future(), server);
            assert_eq!(next_text(&mut ws.unwrap()).await, "glued", "cut at {cut}");
        }
    });
}

#[test]
fn dropping_a_connect_ends_the_attempt() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.request().await;
            peer.expect_end().await;
        })
        .await;
        let connect = longwire::connect(server.url()).into_future();
        let waited = tokio::time::timeout(Duration::from_millis(50), connect).await;
        assert!(waited.is_err(), "a connection that nobody opened");
        server.done().await;
    });
}

#[test]
fn frames_glued_to_the_response_are_delivered() {
    paused(async {
        let one = text("glued").bytes();
        let many: Vec<u8> = (0..1_000)
            .flat_map(|number| text(format!("message {number}")).bytes())
            .collect();
        let large = binary(vec![7; 300_000]).bytes();
        let glued = [one, many, large].concat();
        let half = ping("half").bytes();
        let (near, far) = tokio::io::duplex(1 << 20);
        let mut peer = Peer::new(far);
        let connect = longwire::connect("ws://server.example/").over(near);
        let server = async {
            let request = peer.request().await;
            let head = Response::to(&request).bytes();
            peer.send([head, glued, half[..3].to_vec()].concat()).await;
        };
        let (ws, ()) = tokio::join!(connect.into_future(), server);
        let mut ws = ws.unwrap();
        assert_eq!(next_text(&mut ws).await, "glued");
        for number in 0..1_000 {
            assert_eq!(next_text(&mut ws).await, format!("message {number}"));
        }
        assert_eq!(next_binary(&mut ws).await, vec![7; 300_000]);
        peer.send([&half[3..], &text("end").bytes()].concat()).await;
        assert_eq!(next_text(&mut ws).await, "end");
        peer.expect(wire::PONG, "half").await;
    });
}

#[test]
fn a_whole_conversation_in_one_segment_ends_cleanly() {
    real(async {
        let server = Server::start(|mut peer| async move {
            let request = peer.request().await;
            let frames = wire::concat([&text("all there is"), &close(1000, "bye")]);
            peer.send([Response::to(&request).bytes(), frames].concat())
                .await;
            peer.finish().await;
            peer.expect_close(1000).await;
            peer.expect_end().await;
        })
        .await;
        let mut ws = longwire::connect(server.url()).await.unwrap();
        assert_eq!(next_text(&mut ws).await, "all there is");
        ends(&mut ws).await;
        let info = ws.close_info().unwrap();
        assert!(info.clean);
        assert_eq!(info.reason, "bye");
        server.done().await;
    });
}
