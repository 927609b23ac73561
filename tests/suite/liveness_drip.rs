//! A peer that sends so little that nothing ever becomes whole (kind `Stalled`).

use std::time::Duration;

use longwire::{Config, ErrorKind, Liveness, Phase};
use tokio::time::{Instant, sleep};

use crate::support::run::paused;
use crate::support::scripted::{open, open_with};
use crate::support::verdict::{fails, next_text};
use crate::support::wire::{self, binary, close, continuation, ping, text};

/// Sends `bytes` one by one, `pause` apart, and gives the time that the verdict took.
async fn drip(bytes: Vec<u8>, pause: Duration, config: Config) -> Duration {
    let (mut ws, mut peer) = open_with(config);
    let (first, rest) = bytes.split_first().unwrap();
    let begun = Instant::now();
    peer.send([*first]).await;
    let rest = rest.to_vec();
    let feeder = tokio::spawn(async move {
        for byte in rest {
            sleep(pause).await;
            if peer.try_send([byte]).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    });
    let error = fails(&mut ws, ErrorKind::Stalled, Phase::Open).await;
    assert!(error.is_timeout() && error.is_retryable());
    assert!(error.to_string().contains("stalls"), "{error}");
    feeder.abort();
    begun.elapsed()
}

#[test]
fn a_byte_every_ten_seconds_inside_a_frame_ends_within_thirty_seconds() {
    paused(async {
        let limit = Duration::from_secs(31);
        for bytes in [
            binary([7; 1_000]).bytes(),
            binary(vec![7; 100_000]).bytes(),
            ping([7; 100]).bytes(),
            close(1000, "x".repeat(100)).bytes(),
            // Never whole, not even its header.
            binary("").declaring(1 << 20).bytes(),
        ] {
            let took = drip(bytes, Duration::from_secs(10), Config::default()).await;
            assert!(took <= limit, "{took:?}");
            assert!(took >= Duration::from_secs(29), "{took:?}");
        }
    });
}

/// Also when it drips faster, or so slowly that Pings go out in between.
#[test]
fn other_drips_end_too() {
    paused(async {
        for (pause, most) in [(100, 31), (1_000, 31), (25_000, 31), (38_000, 78)] {
            let pause = Duration::from_millis(pause);
            let took = drip(binary([7; 900]).bytes(), pause, Config::default()).await;
            assert!(took <= Duration::from_secs(most), "{pause:?}: {took:?}");
        }
    });
}

/// Behind other messages, with no silence before it.
#[test]
fn a_drip_behind_a_busy_feed_ends_too() {
    paused(async {
        let (mut ws, mut peer) = open();
        let feeder = tokio::spawn(async move {
            for _ in 0..1_000 {
                peer.send(text("tick").bytes()).await;
                sleep(Duration::from_millis(77)).await;
            }
            for byte in text("x".repeat(100)).bytes() {
                if peer.try_send([byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(10)).await;
            }
        });
        for _ in 0..1_000 {
            assert_eq!(next_text(&mut ws).await, "tick");
        }
        let begun = Instant::now();
        fails(&mut ws, ErrorKind::Stalled, Phase::Open).await;
        assert!(begun.elapsed() <= Duration::from_secs(32));
        feeder.await.unwrap();
    });
}

#[test]
fn what_makes_progress_enough_is_not_stalled() {
    paused(async {
        let (mut ws, mut peer) = open();
        let feeder = tokio::spawn(async move {
            // 1,050 bytes in 29 s, each time with a part of the next frame.
            for piece in text("x".repeat(20_000)).bytes().chunks(1_050) {
                peer.send(piece).await;
                sleep(Duration::from_secs(29)).await;
            }
            peer
        });
        assert_eq!(next_text(&mut ws).await.len(), 20_000);
        drop(feeder.await.unwrap());
    });
}

/// Each frame is whole in time, however small it is and whatever is cut off with it.
#[test]
fn a_slow_feed_of_small_frames_is_not_stalled() {
    paused(async {
        let (mut ws, mut peer) = open();
        let feeder = tokio::spawn(async move {
            let frames = wire::concat([&text("a").more(), &continuation("b")]);
            let bytes = frames.repeat(100);
            // Always in the middle of a frame, and never for long in the same.
            for piece in bytes.chunks(2) {
                peer.send(piece).await;
                sleep(Duration::from_millis(4_900)).await;
            }
            peer
        });
        for _ in 0..100 {
            assert_eq!(next_text(&mut ws).await, "ab");
        }
        drop(feeder.await.unwrap());
    });
}

/// Between fragments a server may think.
#[test]
fn the_time_between_fragments_does_not_count() {
    paused(async {
        let (mut ws, mut peer) = open();
        let feeder = tokio::spawn(async move {
            peer.send(text("a").more().bytes()).await;
            for _ in 0..20 {
                sleep(Duration::from_secs(18)).await;
                peer.send(continuation("b").more().bytes()).await;
            }
            peer.send(continuation("c").bytes()).await;
            peer
        });
        assert_eq!(next_text(&mut ws).await, format!("a{}c", "b".repeat(20)));
        drop(feeder.await.unwrap());
    });
}

#[test]
fn the_floor_can_be_moved_and_taken_away() {
    paused(async {
        let strict = Liveness::default().progress(10, Duration::from_secs(3));
        let config = Config::default().liveness(strict);
        let took = drip(text("x".repeat(50)).bytes(), Duration::from_secs(1), config).await;
        assert!(took <= Duration::from_secs(4), "{took:?}");

        let none = Liveness::default().progress(0, Duration::from_secs(30));
        let (mut ws, mut peer) = open_with(Config::default().liveness(none));
        let feeder = tokio::spawn(async move {
            for byte in text("x".repeat(100)).bytes() {
                peer.send([byte]).await;
                sleep(Duration::from_secs(10)).await;
            }
            peer
        });
        assert_eq!(next_text(&mut ws).await.len(), 100);
        drop(feeder.await.unwrap());
    });
}
