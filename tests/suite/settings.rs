//! Settings at their ends: none may panic, overflow, or hold memory that was not filled.

use std::time::Duration;

use futures::FutureExt;
use longwire::{CloseCode, Config, ErrorKind};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::{Peer, open_with, upgraded};
use crate::support::verdict::{next_binary, next_text};
use crate::support::wire::{self, binary, close, continuation, ping, text};

#[test]
fn an_exchange_works_at_the_ends_of_every_setting() {
    paused(async {
        let config = Config::default;
        for config in [
            config().max_message_size(usize::MAX),
            config().max_frame_size(usize::MAX),
            config().max_parts_size(u64::MAX),
            config().max_parts_size(0),
            config().write_high_water(usize::MAX),
            config().write_high_water(0),
            config().fragment_size(usize::MAX),
            config().fragment_size(1),
            config().close_timeout(Duration::MAX),
        ] {
            let (mut ws, mut peer) = open_with(config.clone());
            let frames = [
                text("in"),
                binary([7; 300]).more(),
                ping("p"),
                continuation(""),
            ];
            peer.send(wire::concat(&frames)).await;
            assert_eq!(next_text(&mut ws).await, "in");
            assert_eq!(next_binary(&mut ws).await, [7; 300]);
            peer.expect(wire::PONG, "p").await;
            ws.send("o").await.unwrap();
            peer.expect(wire::TEXT, "o").await;
            peer.send(close(1000, "").bytes()).await;
            peer.finish().await;
            let info = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(info.clean, "{config:?}");
        }
    });
}

#[test]
fn limits_of_nothing_leave_empty_messages() {
    paused(async {
        for config in [
            Config::default().max_message_size(0),
            Config::default().max_frame_size(0),
        ] {
            let (mut ws, mut peer) = open_with(config);
            peer.send(wire::concat([
                &text(""),
                &text("").more(),
                &continuation(""),
            ]))
            .await;
            assert_eq!(next_text(&mut ws).await, "");
            assert_eq!(next_text(&mut ws).await, "");
            peer.send(text("x").bytes()).await;
            let error = ws.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge);
        }
    });
}

#[test]
fn a_close_timeout_of_nothing_waits_for_nobody() {
    paused(async {
        let (mut ws, mut peer) = open_with(Config::default().close_timeout(Duration::ZERO));
        let info = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(!info.clean);
        peer.expect_close(1000).await;
    });
}

#[test]
fn a_deadline_without_end_is_none() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let connect = longwire::connect("ws://server.example/")
            .timeout(Duration::MAX)
            .close_timeout(Duration::MAX)
            .over(near);
        let mut peer = Peer::new(far);
        let (ws, _) = tokio::join!(connect.into_future(), peer.switch());
        let mut ws = ws.unwrap();
        peer.send(text("in").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "in");
    });
}

/// With every limit off, a length of almost 2^63 bytes is still only a number.
#[test]
fn without_limits_a_declared_length_still_costs_what_arrives() {
    paused(async {
        let huge = (1 << 63) - 1;
        for head in [
            binary("").declaring(huge).bytes(),
            text("").declaring(huge).bytes(),
            wire::concat([&binary([7; 10]).more(), &continuation("").declaring(huge)]),
        ] {
            let config = Config::default()
                .max_message_size(usize::MAX)
                .max_frame_size(usize::MAX);
            let io = Endless::new(head, vec![b'x'; 1_000]).turns(100, Exhausted::Blocks);
            let mut ws = upgraded(io, config);
            let meter = Meter::start();
            assert!(ws.next().now_or_never().is_none());
            assert!(meter.peak() < 3 << 20, "{} bytes", meter.peak());
        }
    });
}
