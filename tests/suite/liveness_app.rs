//! Pings in the application's own words, and feeds that must not fall silent.

use std::time::Duration;

use longwire::{Config, ErrorKind, Liveness, Message, Phase};
use tokio::time::{Instant, sleep};

use crate::support::io::{Endless, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::{open_with, upgraded};
use crate::support::verdict::{fails, next_text};
use crate::support::wire::{self, binary, continuation, ping, pong, text};

const INTERVAL: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_secs(1);

fn asking() -> Config {
    Config::default().liveness(Liveness::default().app_ping("ask", |text| text == "answer"))
}

#[test]
fn the_applications_ping_goes_out_at_the_interval_and_its_answer_is_not_given() {
    paused(async {
        let (mut ws, mut peer) = open_with(asking());
        let begun = Instant::now();
        let server = tokio::spawn(async move {
            for number in 1..=10_u32 {
                peer.expect(wire::TEXT, "ask").await;
                let after = begun.elapsed();
                assert!(after >= INTERVAL * number, "{after:?}");
                assert!(after <= INTERVAL * number + TICK, "{after:?}");
                peer.send(text("answer").bytes()).await;
            }
            peer.send(text("news").bytes()).await;
            peer
        });
        assert_eq!(next_text(&mut ws).await, "news");
        drop(server.await.unwrap());
        // No Ping was needed: there was an answer in time each time.
        assert_eq!(ws.stats().sent.pings, 0);
        assert_eq!(ws.stats().sent.messages, 10);
        assert_eq!(ws.stats().received.messages, 11);
    });
}

/// Whether they come alone or among others, in one frame or several, small or large.
#[test]
fn answers_are_filtered_wherever_they_stand() {
    paused(async {
        let long = format!("answer{}", "!".repeat(100_000));
        let liveness = Liveness::default().app_ping("ask", |text| text.starts_with("answer"));
        let answer = text("answer").bytes();
        let frames = wire::concat([
            &text("answer"),
            &text("answer"),
            &text("a"),
            &text("answer"),
            &ping("p"),
            &text("answer"),
            &text("ans").more(),
            &continuation("wer"),
            &binary("answer"),
            &text(long),
            &text("answer"),
            &text("b"),
            &text("answer"),
        ]);
        let wanted = ["a".into(), Message::from(&b"answer"[..]), "b".into()];
        for step in [1, 3, 7, 100, usize::MAX] {
            for batches in [false, true] {
                let (mut ws, mut peer) = open_with(Config::default().liveness(liveness.clone()));
                let pieces = frames.clone();
                let feeder = tokio::spawn(async move {
                    for piece in pieces.chunks(step) {
                        peer.send(piece).await;
                        tokio::task::yield_now().await;
                    }
                    peer.finish().await;
                    peer
                });
                let mut found: Vec<Message> = Vec::new();
                if batches {
                    while let Some(Ok(batch)) = ws.next_batch().await {
                        let before = found.len();
                        found.extend(batch.map(Message::from));
                        assert!(found.len() > before, "a batch of nothing");
                    }
                } else {
                    while let Some(Ok(message)) = ws.next().await {
                        found.push(message);
                    }
                }
                assert_eq!(found, wanted, "cut at {step}, in batches: {batches}");
                drop(feeder.await.unwrap());
            }
        }
        // Nor are they given to whoever takes only the first of each batch.
        let io = Endless::new(
            wire::concat([&text("a")]),
            [answer, text("b").bytes()].concat(),
        )
        .turns(5, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default().liveness(liveness));
        let mut found = String::new();
        while let Some(Ok(mut batch)) = ws.next_batch().await {
            found += batch.next().unwrap().as_text().unwrap();
        }
        assert_eq!(found, "abbbbb");
    });
}

/// Without `app_ping` the same text is a message like any other.
#[test]
fn without_it_nothing_is_filtered() {
    paused(async {
        let (mut ws, mut peer) = open_with(Config::default());
        peer.send(text("answer").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "answer");
    });
}

/// A proxy may still answer Pings for a service that is gone.
#[test]
fn a_service_that_does_not_answer_is_dead_though_pongs_come() {
    paused(async {
        let (mut ws, mut peer) = open_with(asking());
        let begun = Instant::now();
        let server = tokio::spawn(async move {
            while peer.try_send(pong("").bytes()).await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let error = fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(error.to_string().contains("app_ping"), "{error}");
        let took = begun.elapsed();
        assert!(took >= INTERVAL + TIMEOUT, "{took:?}");
        assert!(took <= INTERVAL + TIMEOUT + TICK, "{took:?}");
        drop(ws);
        server.await.unwrap();
    });
}

#[test]
fn any_message_shows_that_the_service_is_there() {
    paused(async {
        let (mut ws, mut peer) = open_with(asking());
        let feeder = tokio::spawn(async move {
            for _ in 0..20 {
                sleep(Duration::from_secs(18)).await;
                peer.send(text("news").bytes()).await;
            }
            peer
        });
        for _ in 0..20 {
            assert_eq!(next_text(&mut ws).await, "news");
        }
        drop(feeder.await.unwrap());
    });
}

/// The peer leaves no room for a wait, and still hears from us.
#[test]
fn a_flood_does_not_keep_the_applications_ping_back() {
    paused(async {
        let io = Endless::new(Vec::new(), text("x".repeat(100)).bytes());
        let liveness = Liveness::default().app_ping("ask", |_| false);
        let mut ws = upgraded(io, Config::default().liveness(liveness));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(65) {
            for _ in 0..1_000 {
                ws.next().await.unwrap().unwrap();
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(ws.stats().sent.messages, 3);
        assert_eq!(ws.stats().sent.pings, 0);
    });
}

fn never_idle(limit: u64) -> Config {
    let limit = Duration::from_secs(limit);
    Config::default().liveness(Liveness::default().data_idle(limit))
}

#[test]
fn a_feed_without_messages_is_idle_though_the_peer_is_there() {
    paused(async {
        let (mut ws, mut peer) = open_with(never_idle(60));
        peer.send(text("last").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "last");
        let begun = Instant::now();
        let server = tokio::spawn(async move {
            loop {
                tokio::select! {
                    frame = peer.next() => match frame {
                        Some(frame) if frame.opcode == wire::PING => {
                            peer.send(pong(frame.payload).bytes()).await;
                        }
                        Some(_) => {}
                        None => return,
                    },
                    () = sleep(Duration::from_secs(7)) => peer.send(ping("p").bytes()).await,
                }
            }
        });
        let error = fails(&mut ws, ErrorKind::Idle, Phase::Open).await;
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(60), "{took:?}");
        assert!(took <= Duration::from_secs(60) + TICK, "{took:?}");
        assert!(error.is_timeout() && error.is_retryable());
        assert!(error.to_string().contains("data_idle"), "{error}");
        server.await.unwrap();
    });
}

/// Neither are answers to the application's pings, which are no messages of the feed.
#[test]
fn answers_do_not_keep_a_feed_from_being_idle() {
    paused(async {
        let liveness = Liveness::default()
            .app_ping("ask", |text| text == "answer")
            .data_idle(Duration::from_secs(90));
        let (mut ws, mut peer) = open_with(Config::default().liveness(liveness));
        let begun = Instant::now();
        let server = tokio::spawn(async move {
            while let Some(frame) = peer.next().await {
                if frame.opcode == wire::TEXT {
                    peer.send(text("answer").bytes()).await;
                }
            }
        });
        fails(&mut ws, ErrorKind::Idle, Phase::Open).await;
        assert!(begun.elapsed() <= Duration::from_secs(90) + TICK);
        server.await.unwrap();
    });
}

#[test]
fn messages_in_time_and_large_ones_that_take_their_time_are_not_idle() {
    paused(async {
        let (mut ws, mut peer) = open_with(never_idle(30));
        let feeder = tokio::spawn(async move {
            for _ in 0..20 {
                sleep(Duration::from_secs(28)).await;
                peer.send(text("news").bytes()).await;
            }
            for piece in text("x".repeat(20_000)).bytes().chunks(1_500) {
                sleep(Duration::from_secs(18)).await;
                peer.send(piece).await;
            }
            peer
        });
        for _ in 0..20 {
            assert_eq!(next_text(&mut ws).await, "news");
        }
        assert_eq!(next_text(&mut ws).await.len(), 20_000);
        drop(feeder.await.unwrap());
    });
}

/// The application has not looked for a while: what it has not seen yet is there.
#[test]
fn an_application_that_was_away_is_not_told_that_its_feed_is_idle() {
    paused(async {
        let (mut ws, mut peer) = open_with(never_idle(30));
        peer.send(text("one").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "one");
        let _ = tokio::time::timeout(Duration::from_secs(5), ws.next()).await;
        peer.send(text("two").bytes()).await;
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(next_text(&mut ws).await, "two");
    });
}
