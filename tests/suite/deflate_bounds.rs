//! What a server can cost by compressing (RFC 7692 §8, RFC 6455 §10.4): memory and time.

use std::time::{Duration, Instant};

use longwire::{CloseCode, Connect, Deflate, ErrorKind, Phase, WsStream};
use tokio::io::DuplexStream;

use crate::support::alloc::Meter;
use crate::support::compressed::{agreed_with, asking, binary, text};
use crate::support::deflate::{Blocks, Symbol, literals};
use crate::support::run::paused;
use crate::support::scripted::Peer;
use crate::support::verdict::{assert_error, fail_with, next_binary};
use crate::support::wire::{Frame, concat, continuation};

/// No server may keep a processor busy for longer. Without optimisation and beside other tests
/// everything takes many times as long.
const WITHIN: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(10)
} else {
    Duration::from_millis(100)
};

/// What may be held beside a message of the limit.
const BESIDE: usize = 3 << 20;

async fn limited(limit: usize) -> (WsStream<DuplexStream>, Peer<DuplexStream>) {
    agreed_with(limit_of(limit), "").await
}

fn limit_of(limit: usize) -> Connect {
    asking(Deflate::default()).max_message_size(limit)
}

/// `length` bytes of zero, in a thousandth of them.
fn zeros(length: usize) -> Blocks {
    let repeat = Symbol::Repeat {
        length: 258,
        distance: 1,
    };
    let (repeats, rest) = ((length - 1) / 258, (length - 1) % 258);
    let mut symbols = vec![Symbol::Literal(0)];
    symbols.extend(std::iter::repeat_n(repeat, repeats));
    symbols.extend(std::iter::repeat_n(Symbol::Literal(0), rest));
    Blocks::default().fixed(false, &symbols)
}

/// The connection must fail for what it is sent, in time and within the memory for its limit.
async fn explodes(limit: usize, frames: &[Frame], what: &str) {
    let (mut ws, mut peer) = limited(limit).await;
    peer.send(concat(frames)).await;
    let meter = Meter::start();
    let begun = Instant::now();
    let error = ws.next().await.unwrap().unwrap_err();
    let took = begun.elapsed();
    assert!(took < WITHIN, "{what}: {took:?}");
    assert_error(&error, ErrorKind::TooLarge, Phase::Open);
    let bound = i64::try_from(limit + BESIDE).unwrap();
    assert!(meter.peak() <= bound, "{what}: {} bytes", meter.peak());
    // Buffers that the thread's connections share.
    let stays = meter.live();
    assert!(stays < 192 << 10, "{what}: {stays} bytes stay");
    peer.expect_close(1009).await;
}

#[test]
fn a_bomb_is_cut_off_at_the_limit() {
    paused(async {
        let mib = 1 << 20;
        for limit in [1, 1_000, mib, 16 * mib, 64 * mib] {
            let payload = zeros(limit + limit / 2 + 100).message();
            explodes(limit, &[binary(&payload)], &format!("binary {limit}")).await;
            if limit <= mib {
                explodes(limit, &[text(&payload)], &format!("text {limit}")).await;
            }
        }
    });
}

#[test]
fn a_bomb_in_fragments_is_cut_off_too() {
    paused(async {
        let limit = 4 << 20;
        let payload = zeros(2 * limit).message();
        for size in [1, 100, 4_000] {
            let parts: Vec<Frame> = payload
                .chunks(size)
                .enumerate()
                .map(|(number, part)| match number {
                    0 => binary(part).more(),
                    _ => continuation(part).more(),
                })
                .collect();
            explodes(limit, &parts, &format!("fragments of {size}")).await;
        }
    });
}

#[test]
fn blocks_that_hold_nothing_are_not_read_for_ever() {
    paused(async {
        let empty = |count: usize, block: &dyn Fn(Blocks) -> Blocks| {
            let blocks = (0..count).fold(Blocks::default(), |blocks, _| block(blocks));
            blocks.raw()
        };
        for (what, blocks) in [
            ("stored", empty(10_000, &|blocks| blocks.stored(false, b""))),
            ("fixed", empty(20_000, &|blocks| blocks.fixed(false, &[]))),
            ("final", empty(5_000, &|blocks| blocks.fixed(true, &[]))),
        ] {
            // More than the limit on what may come in for nothing, within that for the message.
            let times = (1_100 << 10) / blocks.len() + 1;
            let (mut ws, mut peer) = limited(64 << 20).await;
            let begun = Instant::now();
            let sending = async {
                peer.send(binary("").more().bytes()).await;
                for _ in 0..times {
                    if peer
                        .try_send(continuation(&blocks).more().bytes())
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
                peer.drain().await;
            };
            let receiving = async {
                let error = ws.next().await.unwrap().unwrap_err();
                assert_error(&error, ErrorKind::TooLarge, Phase::Open);
                drop(ws);
            };
            tokio::join!(sending, receiving);
            assert!(begun.elapsed() < WITHIN, "{what}: {:?}", begun.elapsed());
        }
    });
}

/// Each of them has the inflater begin again with its whole window.
#[test]
fn final_blocks_with_much_to_remember_are_not_read_for_ever() {
    paused(async {
        let window = vec![b'w'; 32 << 10];
        for content in [&b""[..], b"x"] {
            let content = literals(content);
            let blocks = (0..100_000)
                .fold(Blocks::default(), |blocks, _| blocks.fixed(true, &content))
                .message();
            let (mut ws, mut peer) = limited(64 << 20).await;
            let first = Blocks::default().stored(false, &window).message();
            peer.send(concat(&[binary(first), binary(blocks)])).await;
            assert!(next_binary(&mut ws).await == window);
            let begun = Instant::now();
            let error = ws.next().await.unwrap().unwrap_err();
            assert_error(&error, ErrorKind::TooLarge, Phase::Open);
            assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
        }
        // Where something comes of each, they may.
        let line = literals("{\"bid\":1}\n");
        let blocks = (0..20_000).fold(Blocks::default(), |blocks, _| blocks.fixed(true, &line));
        let (mut ws, mut peer) = limited(64 << 20).await;
        peer.send(binary(blocks.message()).bytes()).await;
        assert_eq!(next_binary(&mut ws).await.len(), 20_000 * line.len());
    });
}

#[test]
fn a_compressed_message_that_outgrows_every_message_fails_at_the_header() {
    paused(async {
        // Twice the limit and 64 KiB.
        let limit = 1_000;
        let most = 2_000 + (64 << 10);
        for frames in [
            vec![binary("").declaring(most + 1)],
            vec![binary("").more(), continuation("").declaring(most + 1)],
            vec![
                binary([0, 1, 0, 0xfe, 0xff]).more(),
                continuation("").declaring(most - 4),
            ],
        ] {
            let (mut ws, mut peer) = limited(limit).await;
            peer.send(concat(&frames)).await;
            fail_with(&mut ws, &mut peer, ErrorKind::TooLarge, CloseCode::TOO_BIG).await;
        }
    });
}

#[test]
fn the_limit_is_on_what_comes_out_and_inclusive() {
    paused(async {
        for limit in [1_000, 65_536, 300_000] {
            let (mut ws, mut peer) = limited(limit).await;
            let whole = zeros(limit).message();
            // Compressed by nothing, a message is larger than itself.
            let stored = (0..limit)
                .step_by(100)
                .fold(Blocks::default(), |blocks, at| {
                    blocks.stored(false, &vec![7; 100.min(limit - at)])
                })
                .message();
            assert!(stored.len() > limit);
            let sending = async {
                for payload in [&whole, &stored] {
                    peer.send(binary(payload).bytes()).await;
                    let (first, second) = payload.split_at(payload.len() / 3);
                    let parts = [binary(first).more(), continuation(second)];
                    peer.send(concat(&parts)).await;
                }
                peer.send(binary(zeros(limit + 1).message()).bytes()).await;
            };
            let receiving = async {
                for content in [0, 0, 7, 7] {
                    assert!(next_binary(&mut ws).await == vec![content; limit]);
                }
                let error = ws.next().await.unwrap().unwrap_err();
                assert_error(&error, ErrorKind::TooLarge, Phase::Open);
            };
            tokio::join!(sending, receiving);
        }
    });
}

#[test]
fn a_good_message_of_the_limit_costs_twice_the_limit_at_most() {
    paused(async {
        let limit = 16 << 20;
        let (mut ws, mut peer) = limited(limit).await;
        peer.send(binary(zeros(limit).message()).bytes()).await;
        let meter = Meter::start();
        assert_eq!(next_binary(&mut ws).await.len(), limit);
        let bound = i64::try_from(2 * limit + (192 << 10)).unwrap();
        assert!(meter.peak() <= bound, "{} bytes", meter.peak());
    });
}
