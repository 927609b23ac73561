//! The server's Close frame (RFC 6455 §5.5.1, §7): its body, its echo, and what stands around it.

use std::io;
use std::time::Duration;

use longwire::{CloseCode, Config, ErrorKind, Side};
use tokio::time::{Instant, timeout};

use crate::support::io::{Chaos, Endless, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, Server, open, upgraded};
use crate::support::verdict::{CLOSE_TIMEOUT, breaks, close_info, ends, next_text};
use crate::support::wire::{self, binary, close, close_body, continuation, frame, ping, text};

#[test]
fn the_servers_close_is_echoed_and_ends_the_stream() {
    paused(async {
        let codes = [
            1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        ];
        for code in codes.into_iter().chain([1002, 3000, 3999, 4000, 4999]) {
            let (mut ws, mut peer) = open();
            peer.send(wire::concat([&text("last"), &close(code, "über")]))
                .await;
            peer.finish().await;
            assert_eq!(next_text(&mut ws).await, "last");
            ends(&mut ws).await;
            let expected = close_info(Side::Server, code, "über", true);
            assert_eq!(ws.close_info(), Some(&expected));
            peer.expect_close(code).await;
            peer.expect_end().await;
        }
    });
}

#[test]
fn a_close_without_a_body_is_a_clean_end_without_a_code() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(frame(wire::CLOSE, "").bytes()).await;
        peer.finish().await;
        ends(&mut ws).await;
        assert_eq!(
            ws.close_info(),
            Some(&close_info(Side::Server, None, "", true))
        );
        let echo = peer.next().await.expect("an answer to the Close");
        assert_eq!(echo.opcode, wire::CLOSE);
        assert!(
            matches!(echo.close_code_and_reason(), None | Some((1000, _))),
            "{echo:?}"
        );
        peer.expect_end().await;
    });
}

#[test]
fn the_longest_reason_arrives_whole() {
    paused(async {
        let reason = "é".repeat(61) + "x";
        let (mut ws, mut peer) = open();
        peer.send(close(1000, &reason).bytes()).await;
        peer.finish().await;
        ends(&mut ws).await;
        assert_eq!(
            ws.close_info(),
            Some(&close_info(Side::Server, 1000, &reason, true))
        );
    });
}

#[test]
fn close_bodies_that_may_not_be_fail_the_connection() {
    paused(async {
        let codes = [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ];
        let bodies = codes.map(|code| close_body(code, "why"));
        for body in bodies.into_iter().chain([vec![3]]) {
            breaks(
                &frame(wire::CLOSE, body).bytes(),
                &[],
                ErrorKind::Protocol,
                CloseCode::PROTOCOL_ERROR,
            )
            .await;
        }
    });
}

#[test]
fn a_close_reason_that_is_not_utf8_fails_the_connection() {
    paused(async {
        for reason in [&b"\xff"[..], b"good \xc3", b"\xed\xa0\x80 tail"] {
            breaks(
                &close(1000, reason).bytes(),
                &[],
                ErrorKind::Utf8,
                CloseCode::INVALID_PAYLOAD,
            )
            .await;
        }
    });
}

#[test]
fn what_stands_behind_the_servers_close_is_dropped() {
    paused(async {
        let (mut ws, mut peer) = open();
        let frames = [
            text("last"),
            close(1001, "bye"),
            text("late"),
            ping("late"),
            close(1002, ""),
            text("wrong").rsv(7),
        ];
        peer.send(wire::concat(&frames)).await;
        peer.finish().await;
        assert_eq!(next_text(&mut ws).await, "last");
        ends(&mut ws).await;
        let expected = close_info(Side::Server, 1001, "bye", true);
        assert_eq!(ws.close_info(), Some(&expected));
        peer.expect_close(1001).await;
        peer.expect_end().await;
    });
}

#[test]
fn a_close_inside_a_message_drops_the_unfinished_part() {
    paused(async {
        for begun in [text("half"), binary("half")] {
            let (mut ws, mut peer) = open();
            let frames = [begun.more(), close(1011, "crash"), continuation("rest")];
            peer.send(wire::concat(&frames)).await;
            peer.finish().await;
            ends(&mut ws).await;
            let expected = close_info(Side::Server, 1011, "crash", true);
            assert_eq!(ws.close_info(), Some(&expected));
        }
    });
}

#[test]
fn a_server_that_never_closes_tcp_is_left_after_the_close_timeout() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(close(1000, "").bytes()).await;
        let begun = Instant::now();
        ends(&mut ws).await;
        let most = CLOSE_TIMEOUT + Duration::from_millis(100);
        assert!((CLOSE_TIMEOUT..=most).contains(&begun.elapsed()));
        assert_eq!(
            ws.close_info(),
            Some(&close_info(Side::Server, 1000, "", true))
        );
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

/// The server ends TCP first (RFC 6455 §7.1.1): until it does, this side's stays open.
#[test]
fn tcp_is_ended_after_the_server_has_ended_it() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(close(1000, "").bytes()).await;
        let begun = Instant::now();
        let server = async {
            peer.expect_close(1000).await;
            let end = timeout(Duration::from_secs(1), peer.expect_end()).await;
            assert!(end.is_err(), "the client ended TCP first");
            peer.finish().await;
            peer.expect_end().await;
        };
        tokio::join!(ends(&mut ws), server);
        assert_eq!(begun.elapsed().as_secs(), 1);
    });
}

#[test]
fn a_server_that_never_closes_tcp_is_left_in_time_on_a_socket_too() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.send(close(1000, "").bytes()).await;
            peer.expect_close(1000).await;
            peer.expect_end().await;
        })
        .await;
        let limit = Duration::from_millis(200);
        let mut ws = longwire::connect(server.url())
            .close_timeout(limit)
            .await
            .unwrap();
        let begun = Instant::now();
        ends(&mut ws).await;
        assert!(begun.elapsed() < limit + Duration::from_secs(1));
        server.done().await;
    });
}

/// Nor can a peer that closes and does not take the answer.
#[test]
fn a_server_that_closes_and_never_reads_is_left_at_the_close_timeout() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 10);
        let mut ws = upgraded(near, Config::default());
        let mut peer = Peer::new(far);
        ws.feed_binary(&vec![7; 50_000]).await.unwrap();
        peer.send(close(1001, "").bytes()).await;
        let begun = Instant::now();
        ends(&mut ws).await;
        assert!(begun.elapsed() < CLOSE_TIMEOUT + Duration::from_millis(100));
        assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::GOING_AWAY));
    });
}

/// The server's Close says how it ended, whatever becomes of the transport behind it.
#[test]
fn a_transport_that_fails_behind_the_servers_close_changes_nothing() {
    paused(async {
        let frame = close(1012, "restart").bytes();
        for then in [
            Exhausted::Ends,
            Exhausted::Fails(io::ErrorKind::ConnectionReset),
        ] {
            let io = Endless::new(frame.clone(), vec![0]).turns(0, then);
            let io = Chaos::over(io).after_writing(0, Exhausted::Fails(io::ErrorKind::BrokenPipe));
            let mut ws = upgraded(io, Config::default());
            ends(&mut ws).await;
            let found = ws.close_info().unwrap();
            assert_eq!(
                (found.by, found.code),
                (Side::Server, Some(CloseCode::RESTART))
            );
            assert_eq!(found.reason, "restart");
        }
    });
}
