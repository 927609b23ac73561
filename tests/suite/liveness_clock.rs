//! Liveness and time: nudges, a clock that jumps, an application that is away, a year.

use std::time::Duration;

use futures::FutureExt;
use longwire::{Config, ErrorKind, Liveness, Phase};
use tokio::runtime::Builder;
use tokio::time::{Instant, advance, sleep, timeout};

use crate::support::alloc::Meter;
use crate::support::run::paused;
use crate::support::scripted::{open, open_with, upgraded};
use crate::support::verdict::{fails, next_text};
use crate::support::wire::{self, pong, text};

/// How long a nudged peer has.
const NUDGE: Duration = Duration::from_secs(5);

#[test]
fn a_nudged_peer_has_five_seconds() {
    paused(async {
        let (mut ws, mut peer) = open();
        let waited = timeout(Duration::from_secs(3), ws.next()).await;
        assert!(waited.is_err());
        let begun = Instant::now();
        ws.nudge();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(begun.elapsed() >= NUDGE);
        assert!(begun.elapsed() <= NUDGE + Duration::from_millis(10));
        assert_eq!(peer.next().await.unwrap().opcode, wire::PING);
        peer.expect_end().await;
    });
}

#[test]
fn a_nudged_peer_that_answers_lives_on() {
    paused(async {
        let (mut ws, mut peer) = open();
        let _ = timeout(Duration::from_secs(3), ws.next()).await;
        ws.nudge();
        let answering = tokio::spawn(async move {
            let ping = peer.next().await.unwrap();
            sleep(Duration::from_millis(4_900)).await;
            peer.send(pong(ping.payload).bytes()).await;
            sleep(Duration::from_secs(19)).await;
            peer.send(text("fine").bytes()).await;
            peer
        });
        assert_eq!(next_text(&mut ws).await, "fine");
        assert_eq!(ws.rtt(), Some(Duration::from_millis(4_900)));
        assert_eq!(ws.stats().sent.pings, 1);
        drop(answering.await.unwrap());
    });
}

/// What came before it shows nothing.
#[test]
fn a_nudge_right_behind_a_message_still_asks() {
    paused(async {
        let (mut ws, mut peer) = open();
        let _ = timeout(Duration::from_secs(3), ws.next()).await;
        peer.send(text("last").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "last");
        let begun = Instant::now();
        ws.nudge();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(begun.elapsed() <= NUDGE + Duration::from_millis(10));
    });
}

#[test]
fn nudges_in_a_row_do_not_pile_up_behind_a_write_that_is_stuck() {
    paused(async {
        let (near, _far) = tokio::io::duplex(16);
        let mut ws = upgraded(near, Config::default());
        let _ = timeout(Duration::from_secs(1), ws.send_binary(&[7; 100])).await;
        let queued = ws.stats().write_queue;
        for _ in 0..1_000 {
            ws.nudge();
        }
        assert!(ws.stats().write_queue <= queued + 20);
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        ws.nudge();
        assert_eq!(ws.stats().write_queue, 0, "nothing is sent after the end");
    });
}

/// The machine slept, and the peer did not wait.
#[test]
fn after_a_jump_of_the_clock_the_peer_is_asked_and_has_little_time() {
    paused(async {
        let (mut ws, mut peer) = open();
        assert!(ws.next().now_or_never().is_none());
        advance(Duration::from_secs(3_600)).await;
        let begun = Instant::now();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(begun.elapsed() >= NUDGE);
        assert!(begun.elapsed() <= NUDGE + Duration::from_millis(10));
        assert_eq!(peer.next().await.unwrap().opcode, wire::PING);
    });
}

#[test]
fn after_a_jump_of_the_clock_a_peer_that_answers_lives_on() {
    paused(async {
        let (mut ws, mut peer) = open();
        for _ in 0..5 {
            assert!(ws.next().now_or_never().is_none());
            advance(Duration::from_secs(3_600)).await;
            assert!(ws.next().now_or_never().is_none());
            let ping = peer.next().await.unwrap();
            assert_eq!(ping.opcode, wire::PING);
            peer.send(pong(ping.payload).bytes()).await;
            let _ = timeout(Duration::from_secs(2), ws.next()).await;
        }
        peer.send(text("fine").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "fine");
    });
}

/// Also when a Ping was out when the clock jumped.
#[test]
fn a_jump_of_the_clock_while_a_pong_is_awaited_is_no_verdict() {
    paused(async {
        let (mut ws, mut peer) = open();
        let _ = timeout(Duration::from_secs(25), ws.next()).await;
        assert_eq!(peer.next().await.unwrap().opcode, wire::PING);
        advance(Duration::from_secs(3_600)).await;
        assert!(ws.next().now_or_never().is_none());
        let ping = peer.next().await.unwrap();
        peer.send(pong(ping.payload).bytes()).await;
        peer.send(text("fine").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "fine");
    });
}

/// It comes back now and then, each time late: a dead peer is noticed all the same.
#[test]
fn an_application_that_is_often_away_notices_a_dead_peer() {
    paused(async {
        let (mut ws, _peer) = open();
        let mut polls = 0;
        let error = loop {
            match ws.next().now_or_never() {
                None => polls += 1,
                Some(item) => break item.unwrap().unwrap_err(),
            }
            assert!(polls < 5, "never noticed");
            advance(Duration::from_secs(60)).await;
        };
        assert_eq!(error.kind(), ErrorKind::NoPong);
    });
}

/// Bytes lay in the transport all the time: they are read before anything is said of the peer.
#[test]
fn an_application_that_was_away_reads_before_it_judges() {
    paused(async {
        for away in [10, 45, 3_600] {
            let (mut ws, mut peer) = open();
            let _ = timeout(Duration::from_secs(21), ws.next()).await;
            let ping = peer.next().await.unwrap();
            assert_eq!(ping.opcode, wire::PING);
            peer.send(pong(ping.payload).bytes()).await;
            advance(Duration::from_secs(away)).await;
            assert!(ws.next().now_or_never().is_none(), "away for {away} s");
            peer.send(text("fine").bytes()).await;
            assert_eq!(next_text(&mut ws).await, "fine");
        }
    });
}

/// 400 days with a Ping every five minutes: every one in time, and no memory that stays.
#[test]
fn a_year_of_silence_drifts_and_leaks_nothing() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let interval = Duration::from_secs(300);
        let days = Duration::from_secs(400 * 24 * 3_600);
        let liveness = Liveness::default().interval(interval);
        let (mut ws, mut peer) = open_with(Config::default().liveness(liveness));
        let answers = tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                let ping = peer.next().await.unwrap();
                let gap = last.elapsed();
                assert!(gap >= interval, "{gap:?}");
                assert!(gap <= interval + Duration::from_millis(1_100), "{gap:?}");
                last = Instant::now();
                peer.send(pong(ping.payload).bytes()).await;
            }
        });
        let _ = timeout(Duration::from_secs(3_600), ws.next()).await;
        let meter = Meter::start();
        assert!(timeout(days, ws.next()).await.is_err());
        assert!(meter.live() < 1_000, "{} bytes", meter.live());
        let pings = ws.stats().sent.pings;
        assert!((114_000..=115_213).contains(&pings), "{pings}");
        assert!(
            pings - ws.stats().received.pongs <= 1,
            "the last may be under way"
        );
        answers.abort();
    });
}
