//! Closing from our side (RFC 6455 §7.1.2): `close` and `start_close`, and peers that do not play.

use std::time::Duration;

use longwire::{CloseCode, Config, ErrorKind, Phase, Side};
use tokio::time::Instant;

use crate::support::run::paused;
use crate::support::scripted::{open, open_with, upgraded};
use crate::support::verdict::{
    CLOSE_TIMEOUT, FAILED_WITHIN, assert_error, close_info, ends, fails, next_text,
};
use crate::support::wire::{self, close, frame, ping, text};

#[test]
fn close_waits_for_the_answer_and_says_how_it_ended() {
    paused(async {
        let (mut ws, mut peer) = open();
        let server = tokio::spawn(async move {
            let frame = peer.next().await.unwrap();
            assert_eq!(frame.close_code_and_reason(), Some((4002, "done")));
            peer.send(wire::concat([&text("on its way"), &close(4002, "agreed")]))
                .await;
            peer.finish().await;
            peer.expect_end().await;
        });
        let ended = ws.close(CloseCode(4002), "done").await.unwrap();
        assert_eq!(ended, close_info(Side::Client, 4002, "agreed", true));
        assert_eq!(ws.close_info(), Some(&ended));
        ends(&mut ws).await;
        server.await.unwrap();
    });
}

#[test]
fn close_of_a_silent_server_ends_at_the_close_timeout() {
    paused(async {
        let (mut ws, mut peer) = open();
        let begun = Instant::now();
        let ended = ws.close(CloseCode::NORMAL, "").await.unwrap();
        let took = begun.elapsed();
        assert!(
            (CLOSE_TIMEOUT..CLOSE_TIMEOUT + Duration::from_millis(100)).contains(&took),
            "{took:?}"
        );
        assert_eq!(ended, close_info(Side::Client, 1006, "", false));
        ends(&mut ws).await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

#[test]
fn close_of_a_server_that_talks_for_ever_ends_at_the_close_timeout() {
    paused(async {
        let (mut ws, mut peer) = open();
        let talker = tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(10));
            while peer.try_send(text("more").bytes()).await.is_ok() {
                clock.tick().await;
            }
        });
        let begun = Instant::now();
        let ended = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(begun.elapsed() < CLOSE_TIMEOUT + Duration::from_millis(100));
        assert_eq!(ended, close_info(Side::Client, 1006, "", false));
        drop(ws);
        talker.await.unwrap();
    });
}

#[test]
fn close_of_a_server_that_leaves_without_a_close_is_not_clean() {
    paused(async {
        let (mut ws, mut peer) = open();
        let server = tokio::spawn(async move {
            peer.expect_close(1000).await;
            peer.finish().await;
            peer.drain().await;
        });
        let ended = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(ended, close_info(Side::Client, 1006, "", false));
        server.await.unwrap();
    });
}

#[test]
fn a_setting_of_close_that_cannot_be_is_refused_before_anything_is_sent() {
    paused(async {
        let (mut ws, mut peer) = open();
        let long = "x".repeat(124);
        for (code, reason) in [
            (0, ""),
            (999, ""),
            (1004, ""),
            (1005, ""),
            (1006, ""),
            (1015, ""),
            (2999, ""),
            (5000, ""),
            (1000, &long),
        ] {
            let error = ws.close(CloseCode(code), reason).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{code}: {error:?}");
            let error = ws.start_close(CloseCode(code), reason).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{code}: {error:?}");
        }
        ws.send("still open").await.unwrap();
        peer.expect(wire::TEXT, "still open").await;
    });
}

#[test]
fn close_after_an_error_says_that_the_connection_is_over() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.finish().await;
        fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
        let error = ws.close(CloseCode::NORMAL, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        let error = ws.start_close(CloseCode::NORMAL, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}

#[test]
fn crossing_closes_end_cleanly_with_the_servers_code() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(close(4001, "mine").bytes()).await;
        peer.finish().await;
        let ended = ws.close(CloseCode(4000), "ours").await.unwrap();
        assert_eq!((ended.code, ended.clean), (Some(CloseCode(4001)), true));
        assert_eq!(ended.reason, "mine");
        let frame = peer.next().await.unwrap();
        assert_eq!(frame.opcode, wire::CLOSE);
        peer.expect_end().await;
        ends(&mut ws).await;
    });
}

#[test]
fn start_close_goes_on_receiving_until_the_servers_close() {
    paused(async {
        let (mut ws, mut peer) = open();
        ws.start_close(CloseCode::GOING_AWAY, "moving")
            .await
            .unwrap();
        let refused = ws.send("late").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        let server = tokio::spawn(async move {
            let frame = peer.next().await.unwrap();
            assert_eq!(frame.close_code_and_reason(), Some((1001, "moving")));
            peer.send(wire::concat([&text("one"), &ping("p"), &text("two")]))
                .await;
            // A Pong is due until the server has closed too (RFC 6455 §5.5.2).
            peer.expect(wire::PONG, "p").await;
            peer.send(close(1001, "").bytes()).await;
            peer.finish().await;
            peer.expect_end().await;
        });
        assert_eq!(next_text(&mut ws).await, "one");
        assert_eq!(next_text(&mut ws).await, "two");
        ends(&mut ws).await;
        assert_eq!(
            ws.close_info(),
            Some(&close_info(Side::Client, 1001, "", true))
        );
        server.await.unwrap();
    });
}

#[test]
fn start_close_to_a_silent_server_fails_at_the_close_timeout() {
    paused(async {
        let limit = Duration::from_millis(700);
        let (mut ws, mut peer) = open_with(Config::default().close_timeout(limit));
        ws.start_close(CloseCode::NORMAL, "").await.unwrap();
        let begun = Instant::now();
        let error = ws.next().await.expect("an error").unwrap_err();
        assert!(begun.elapsed() < limit + Duration::from_millis(100));
        assert_error(&error, ErrorKind::Timeout, Phase::Closing);
        assert!(error.is_timeout());
        ends(&mut ws).await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

/// A peer that reads nothing cannot hold the close up: its socket takes no Close frame either.
#[test]
fn close_of_a_server_that_never_reads_ends_at_the_close_timeout() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 10);
        let mut ws = upgraded(near, Config::default());
        ws.feed_binary(&vec![7; 50_000]).await.unwrap();
        let begun = Instant::now();
        let ended = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(begun.elapsed() < CLOSE_TIMEOUT + Duration::from_millis(100));
        assert!(!ended.clean);
        drop(far);
    });
}

/// What comes while we close is judged as ever, but one Close frame is all that we send.
#[test]
fn a_frame_that_may_not_be_while_closing_ends_it_without_a_second_close() {
    paused(async {
        for bad in [close(1005, ""), text("x").rsv(1), frame(wire::CLOSE, "x")] {
            let (mut ws, mut peer) = open();
            ws.start_close(CloseCode::NORMAL, "").await.unwrap();
            peer.expect_close(1000).await;
            peer.send(bad.bytes()).await;
            let begun = Instant::now();
            let error = fails(&mut ws, ErrorKind::Protocol, Phase::Closing).await;
            assert!(begun.elapsed() <= FAILED_WITHIN);
            assert!(!error.close_info().unwrap().clean);
            peer.expect_end().await;
        }
    });
}

#[test]
fn close_of_a_server_that_breaks_the_rules_ends_early_and_is_not_clean() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(text("x").masked([0; 4]).bytes()).await;
        let begun = Instant::now();
        let ended = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(begun.elapsed() <= FAILED_WITHIN);
        assert!(!ended.clean, "{ended:?}");
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}
