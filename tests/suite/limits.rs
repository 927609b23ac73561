//! What a peer can make the client hold (RFC 6455 §10.4): the limits, and the memory behind them.

use futures::FutureExt;
use longwire::{CloseCode, Config, ErrorKind, Phase, WsStream};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{open_with, upgraded};
use crate::support::verdict::{assert_error, fail_with, next_binary};
use crate::support::wire::{self, Frame, binary, close, continuation, ping, pong, text};

/// What a hostile peer can cause at most: twice the message limit and 192 KiB.
fn bound(limit: usize) -> i64 {
    i64::try_from(2 * limit + (192 << 10)).unwrap()
}

async fn is_too_large(config: Config, frames: &[Frame]) {
    let (mut ws, mut peer) = open_with(config);
    peer.send(wire::concat(frames)).await;
    fail_with(&mut ws, &mut peer, ErrorKind::TooLarge, CloseCode::TOO_BIG).await;
}

#[test]
fn a_message_of_the_limit_passes_and_one_byte_more_fails() {
    paused(async {
        let config = || Config::default().max_message_size(1_000);
        let (mut ws, mut peer) = open_with(config());
        let whole = vec![7; 1_000];
        let frames = [
            binary(&whole),
            binary(&whole[..1]).more(),
            continuation(&whole[1..999]).more(),
            continuation(&whole[999..]),
            binary(&whole).more(),
            continuation(""),
        ];
        peer.send(wire::concat(&frames)).await;
        for _ in 0..3 {
            assert_eq!(next_binary(&mut ws).await, whole);
        }
        is_too_large(config(), &[binary([7; 1_001])]).await;
        is_too_large(config(), &[text([b'x'; 1_001])]).await;
        is_too_large(config(), &[text([b'x'; 1_001]).more()]).await;
        is_too_large(config(), &[binary(&whole).more(), continuation("x")]).await;
        is_too_large(
            config(),
            &[
                text([b'x'; 500]).more(),
                continuation([b'x'; 500]).more(),
                continuation("x").more(),
            ],
        )
        .await;
    });
}

#[test]
fn a_frame_of_the_limit_passes_and_one_byte_more_fails() {
    paused(async {
        let config = || Config::default().max_frame_size(1_000);
        let (mut ws, mut peer) = open_with(config());
        let whole = vec![7; 1_000];
        peer.send(wire::concat([
            &binary(&whole).more(),
            &continuation(&whole),
        ]))
        .await;
        assert_eq!(next_binary(&mut ws).await, whole.repeat(2));
        is_too_large(config(), &[binary([7; 1_001])]).await;
        is_too_large(config(), &[binary("").more(), continuation([7; 1_001])]).await;
    });
}

#[test]
fn control_frames_pass_whatever_the_limits_are() {
    paused(async {
        let config = Config::default().max_frame_size(2).max_message_size(0);
        let (mut ws, mut peer) = open_with(config);
        let frames = [ping([7; 125]), pong([7; 125]), close(1000, "x".repeat(123))];
        peer.send(wire::concat(&frames)).await;
        assert!(ws.next().now_or_never().is_none(), "the peer is to end TCP");
        peer.expect(wire::PONG, [7; 125]).await;
        peer.expect(wire::CLOSE, 1000_u16.to_be_bytes()).await;
        drop(peer);
        assert!(ws.next().await.is_none());
    });
}

#[test]
fn the_default_limits_are_64_mib_and_inclusive() {
    paused(async {
        let limit = 64 << 20;
        let io = Endless::new(binary("").declaring(limit).bytes(), vec![7; 64 << 10])
            .turns(1 << 10, Exhausted::Blocks);
        let mut ws = upgraded(io, Config::default());
        let meter = Meter::start();
        let message = ws.next().await.unwrap().unwrap();
        assert_eq!(message.len() as u64, limit);
        assert!(
            meter.peak() <= bound(usize::try_from(limit).unwrap()),
            "{} bytes",
            meter.peak()
        );
        for frames in [
            vec![binary("").declaring(limit + 1)],
            vec![text("").declaring(1 << 62)],
            vec![binary("x").more(), continuation("").declaring(limit)],
        ] {
            is_too_large(Config::default(), &frames).await;
        }
    });
}

#[test]
fn the_verdict_falls_on_the_header_and_costs_no_memory() {
    real(async {
        for length in [70_000, 1 << 20, 1 << 40, (1 << 63) - 1] {
            let config = Config::default().max_message_size(1_000);
            let io = Endless::new(binary("").declaring(length).bytes(), vec![7; 1 << 16]);
            let mut ws = upgraded(io, config);
            let meter = Meter::start();
            let error = ws.next().await.unwrap().unwrap_err();
            assert_error(&error, ErrorKind::TooLarge, Phase::Open);
            assert!(meter.peak() < 192 << 10, "{} bytes", meter.peak());
        }
    });
}

/// A declared length is no reason to hold memory that the peer has not filled.
#[test]
fn a_declared_length_that_never_comes_reserves_at_most_a_mebibyte() {
    paused(async {
        for first in [binary("").declaring(64 << 20), text("").declaring(64 << 20)] {
            let io = Endless::new(first.bytes(), vec![b'x'; 100]).turns(1, Exhausted::Blocks);
            let mut ws = upgraded(io, Config::default());
            let meter = Meter::start();
            polls_pending(&mut ws);
            let bound = (1 << 20) + (192 << 10);
            assert!(meter.peak() <= bound, "{} bytes", meter.peak());
        }
    });
}

fn polls_pending(ws: &mut WsStream<Endless>) {
    let next = ws.next().now_or_never();
    assert!(next.is_none(), "{next:?}");
}

#[test]
fn fragments_for_ever_end_at_the_limit() {
    real(async {
        let limit = 1 << 20;
        for size in [64 << 10, 1_000, 1] {
            let config = Config::default().max_message_size(limit);
            let fragment = continuation(vec![b'x'; size]).more().bytes();
            let repeats = (64 << 10) / fragment.len() + 1;
            let io = Endless::new(text("").more().bytes(), fragment.repeat(repeats));
            let mut ws = upgraded(io, config);
            let meter = Meter::start();
            let error = ws.next().await.unwrap().unwrap_err();
            assert_error(&error, ErrorKind::TooLarge, Phase::Open);
            assert!(
                meter.peak() <= bound(limit),
                "fragments of {size}: {} bytes",
                meter.peak()
            );
        }
    });
}

/// Empty fragments add nothing to a message, and must add nothing to memory either.
#[test]
fn empty_fragments_for_ever_cost_no_memory() {
    paused(async {
        let fragment = continuation("").more().bytes();
        let io = Endless::new(binary("").more().bytes(), fragment.repeat(32 << 10))
            .turns(30, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default());
        let meter = Meter::start();
        let error = ws.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Reset | ErrorKind::TooLarge),
            "{error:?}"
        );
        assert!(meter.peak() < 192 << 10, "{} bytes", meter.peak());
    });
}

#[test]
fn an_idle_connection_holds_next_to_nothing() {
    paused(async {
        let frames = || {
            let mut frames = text("warm").bytes().repeat(1_000);
            // In fragments, and so large that memory was kept for a next one while more came.
            let half = [b'x'; 2_000];
            frames.extend(wire::concat([&text(half).more(), &continuation(half)]));
            // What the transport holds is not the client's: it shall be no more than is counted.
            frames.shrink_to_fit();
            frames
        };
        let warm = async |sends: usize| {
            let io = Endless::new(frames(), vec![0]).turns(0, Exhausted::Blocks);
            let mut ws = upgraded(io, Config::default());
            for _ in 0..1_001 {
                ws.next().await.unwrap().unwrap();
            }
            if sends > 0 {
                ws.send_binary(&vec![7; sends]).await.unwrap();
            }
            polls_pending(&mut ws);
            ws
        };
        for (sends, most) in [(0, 1_500), (100, 2_048), (1_000, 2_048), (100_000, 2_048)] {
            // The first few fill what the thread's connections share.
            let first = [warm(sends).await, warm(sends).await, warm(sends).await];
            let meter = Meter::start();
            let mut connections = Vec::with_capacity(100);
            for _ in 0..100 {
                connections.push(warm(sends).await);
            }
            let of_the_transport = 100 * (frames().len() + 1);
            let of_its_state = 100 * size_of::<Endless>();
            let held = meter.live() - i64::try_from(of_the_transport + of_its_state).unwrap();
            assert!(
                held / 100 <= most,
                "{} bytes each, {sends} sent",
                held / 100
            );
            drop(first);
        }
    });
}
