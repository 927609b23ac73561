//! Nine cases in which clients of this kind were seen to fail their users; here each goes right.

use std::time::Duration;

use longwire::{CloseCode, ErrorKind, Phase};
use tokio::time::{Instant, sleep};

use crate::support::answer::{answered, assert_reason};
use crate::support::request::Response;
use crate::support::run::paused;
use crate::support::scripted::{Peer, open};
use crate::support::verdict::{assert_error, fails, next_text};
use crate::support::wire::{self, ping, text};

#[test]
fn a_pong_leaves_before_the_app_is_busy() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(wire::concat([&ping("alive?"), &text("work")]))
            .await;
        assert_eq!(next_text(&mut ws).await, "work");
        // The app works, and polls nothing: the server has its Pong all the same.
        peer.expect(wire::PONG, "alive?").await;
        drop(ws);
    });
}

#[test]
fn an_end_without_a_close_is_an_error_of_its_own_kind() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.finish().await;
        fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
    });
}

#[test]
fn an_extension_never_offered_is_not_accepted() {
    paused(async {
        let result = answered(|request| {
            Response::to(request)
                .add("Sec-WebSocket-Extensions", "permessage-deflate")
                .bytes()
        })
        .await;
        assert_reason!(result, Extension, "permessage-deflate");
    });
}

#[test]
fn a_subprotocol_never_offered_is_not_accepted() {
    paused(async {
        let result = answered(|request| {
            Response::to(request)
                .add("Sec-WebSocket-Protocol", "graphql-ws")
                .bytes()
        })
        .await;
        assert_reason!(result, Subprotocol, "graphql-ws");
    });
}

#[test]
fn keep_alive_beside_upgrade_is_accepted() {
    paused(async {
        let mut ws = answered(|request| {
            Response::to(request)
                .with("Connection", "keep-alive, Upgrade")
                .bytes()
        })
        .await
        .unwrap();
        ws.send("hello").await.unwrap();
    });
}

#[test]
fn a_refusal_brings_its_late_body_and_its_retry_after() {
    paused(async {
        let (near, far) = tokio::io::duplex(64 << 10);
        let server = tokio::spawn(async move {
            let mut peer = Peer::new(far);
            peer.request().await;
            let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\n\
                        Content-Type: application/json\r\nContent-Length: 22\r\n\r\n";
            peer.send(head).await;
            sleep(Duration::from_millis(50)).await;
            peer.send("{\"error\":\"rate limit\"}").await;
            peer.drain().await;
        });
        let error = longwire::connect("ws://server.example/")
            .over(near)
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
        let response = error.response().unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body().as_ref(), b"{\"error\":\"rate limit\"}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        server.await.unwrap();
    });
}

#[test]
fn close_of_a_silent_peer_takes_five_seconds_and_says_so() {
    paused(async {
        let (mut ws, peer) = open();
        let begun = Instant::now();
        let info = ws.close(CloseCode::NORMAL, "").await.unwrap();
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(5) && took < Duration::from_millis(5_100));
        assert_eq!((info.code, info.clean), (Some(CloseCode::ABNORMAL), false));
        drop(peer);
    });
}

#[test]
fn a_handshake_never_answered_ends_and_names_the_phase() {
    paused(async {
        let (near, _far) = tokio::io::duplex(64 << 10);
        let begun = Instant::now();
        let error = longwire::connect("ws://server.example/")
            .over(near)
            .await
            .unwrap_err();
        assert!(begun.elapsed() <= Duration::from_millis(10_100));
        assert_error(&error, ErrorKind::Timeout, Phase::Upgrade);
        assert!(error.to_string().contains("opening handshake"), "{error}");
    });
}

#[test]
fn text_that_is_not_utf8_fails_the_connection() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(text(b"\xff\xfe").bytes()).await;
        fails(&mut ws, ErrorKind::Utf8, Phase::Open).await;
        peer.expect_close(1007).await;
        peer.expect_end().await;
    });
}
