//! A peer that does not read: sending waits, memory stays where the settings put it, and nothing
//! else is held up.

use std::time::Duration;

use longwire::{CloseCode, Config, ErrorKind};
use tokio::time::timeout;

use crate::support::alloc::Meter;
use crate::support::io::{Chaos, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::{Peer, upgraded};
use crate::support::verdict::next_text;
use crate::support::wire::{self, text};

/// A transport whose other end never reads: it takes `bytes`, and then nothing.
fn stuck(
    bytes: usize,
) -> (
    Chaos<tokio::io::DuplexStream>,
    Peer<tokio::io::DuplexStream>,
) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let io = Chaos::over(near).after_writing(bytes, Exhausted::Blocks);
    (io, Peer::new(far))
}

#[test]
fn sending_to_a_peer_that_never_reads_waits_and_costs_a_bounded_amount() {
    paused(async {
        for owned in [false, true] {
            let (io, _peer) = stuck(10_000);
            let mut ws = upgraded(io, Config::default());
            let payload = vec![7; 64 << 10];
            let meter = Meter::start();
            let mut taken = 0;
            for _ in 0..2_048 {
                let feed = async {
                    if owned {
                        ws.feed(payload.clone()).await
                    } else {
                        ws.feed_binary(&payload).await
                    }
                };
                if timeout(Duration::from_millis(1), feed).await.is_err() {
                    break;
                }
                taken += payload.len();
            }
            // The high-water mark, and one message above it.
            let most = (128 << 10) + payload.len() + 10_000;
            assert!((128 << 10..=most).contains(&taken), "{taken} bytes");
            assert!(meter.peak() < 1 << 20, "{} bytes", meter.peak());
            let flush = timeout(Duration::from_secs(1), ws.flush()).await;
            assert!(flush.is_err(), "a flush that the peer did not allow");
        }
    });
}

#[test]
fn small_messages_to_a_peer_that_never_reads_wait_too() {
    paused(async {
        let (io, _peer) = stuck(0);
        let mut ws = upgraded(io, Config::default().write_high_water(1_000));
        let meter = Meter::start();
        let mut taken = 0;
        while taken < 1_000 {
            let fed = timeout(Duration::from_millis(1), ws.feed_text("0123456789")).await;
            if fed.is_err() {
                break;
            }
            taken += 1;
        }
        assert!((50..=110).contains(&taken), "{taken} messages were taken");
        assert!(meter.peak() < 192 << 10, "{} bytes", meter.peak());
        let ping = timeout(Duration::from_millis(1), ws.ping("p")).await;
        assert!(ping.is_err(), "a Ping above the mark");
    });
}

#[test]
fn a_peer_that_reads_late_gets_everything_in_order() {
    paused(async {
        let (near, far) = tokio::io::duplex(1_000);
        let mut ws = upgraded(near, Config::default().write_high_water(2_000));
        let sender = tokio::spawn(async move {
            for number in 0..2_000_u32 {
                ws.send(format!("message {number}")).await.unwrap();
            }
            ws
        });
        let mut peer = Peer::new(far);
        for number in 0..2_000 {
            peer.expect(wire::TEXT, format!("message {number}")).await;
        }
        sender.await.unwrap();
    });
}

#[test]
fn one_message_larger_than_every_buffer_is_sent_whole() {
    paused(async {
        let (near, far) = tokio::io::duplex(1_000);
        let mut ws = upgraded(near, Config::default().write_high_water(0));
        let payload: Vec<u8> = (0..251).cycle().take(3 << 20).collect();
        let expected = payload.clone();
        let sender = tokio::spawn(async move {
            ws.send_binary(&payload).await.unwrap();
            ws.send(payload).await.unwrap();
            ws.send("done").await.unwrap();
            ws
        });
        let mut peer = Peer::new(far);
        peer.expect(wire::BINARY, &expected).await;
        peer.expect(wire::BINARY, &expected).await;
        peer.expect(wire::TEXT, "done").await;
        sender.await.unwrap();
    });
}

/// Reading goes on while nothing can be written: otherwise two ends that send at once stand still.
#[test]
fn reading_goes_on_while_writing_is_stuck() {
    paused(async {
        let (io, mut peer) = stuck(0);
        let mut ws = upgraded(io, Config::default());
        ws.feed_binary(&[7; 1_000]).await.unwrap();
        for number in 0..100 {
            peer.send(text(format!("{number}")).bytes()).await;
            assert_eq!(next_text(&mut ws).await, format!("{number}"));
        }
    });
}

/// A deadline of the user's own on a send that waits: the connection can still be ended in time.
#[test]
fn a_stuck_connection_can_still_be_closed() {
    paused(async {
        let (io, _peer) = stuck(100);
        let limit = Duration::from_millis(300);
        let mut ws = upgraded(io, Config::default().close_timeout(limit));
        let large = vec![7; 1 << 20];
        let sent = timeout(Duration::from_secs(1), ws.send_binary(&large)).await;
        assert!(sent.is_err(), "a send that the peer did not allow");
        let info = timeout(Duration::from_secs(1), ws.close(CloseCode::NORMAL, ""))
            .await
            .expect("an end in time")
            .unwrap();
        assert!(!info.clean);
        assert_eq!(ws.send("late").await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn messages_are_cut_into_frames_of_the_size_set() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 20);
        let mut ws = upgraded(near, Config::default().fragment_size(1_000));
        let mut peer = Peer::new(far);
        for length in [0, 1, 999, 1_000, 1_001, 2_000, 2_500] {
            let payload: Vec<u8> = (0..251).cycle().take(length).collect();
            ws.send_binary(&payload).await.unwrap();
            let mut joined = Vec::new();
            let mut frames = 0;
            loop {
                let frame = peer.next().await.unwrap();
                assert_eq!(frame.opcode == wire::BINARY, frames == 0);
                assert!(frame.payload.len() <= 1_000);
                joined.extend(frame.payload);
                frames += 1;
                if frame.fin {
                    break;
                }
            }
            assert_eq!(joined, payload);
            assert_eq!(frames, length.div_ceil(1_000).max(1));
        }
    });
}
