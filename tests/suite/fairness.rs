//! A reader that always has something to read must leave its thread to other tasks now and then.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longwire::{CloseCode, Config, Inbox, WsStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::support::io::{Chaos, Cuts, Endless, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Server, upgraded};
use crate::support::verdict::next_text;
use crate::support::wire::{self, binary, close, continuation, ping, pong, text};

/// How often another task of the same thread runs while `work` is done.
async fn turns_of_others(work: impl Future<Output = ()>) -> u64 {
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    work.await;
    other.abort();
    turns.load(Ordering::Relaxed)
}

async fn reads_to_the_end<T: AsyncRead + AsyncWrite + Unpin>(mut ws: WsStream<T>, count: u32) {
    for number in 0..count {
        assert_eq!(next_text(&mut ws).await, "a trade", "message {number}");
    }
}

#[test]
fn twenty_thousand_messages_in_one_segment_are_fair() {
    paused(async {
        let io = Endless::new(Vec::new(), text("a trade").bytes()).turns(20_000, Exhausted::Blocks);
        let ws = upgraded(io, Config::default());
        let turns = turns_of_others(reads_to_the_end(ws, 20_000)).await;
        assert!(turns >= 20, "{turns} turns in 20,000 messages");
    });
}

#[test]
fn twenty_thousand_messages_on_a_socket_are_fair() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.send(text("a trade").bytes().repeat(20_000)).await;
            peer.answer_close(1000).await;
            peer.expect_end().await;
        })
        .await;
        let mut ws = longwire::connect(server.url()).await.unwrap();
        let turns = turns_of_others(async {
            for _ in 0..20_000 {
                next_text(&mut ws).await;
            }
        })
        .await;
        assert!(turns >= 20, "{turns} turns in 20,000 messages");
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
        server.done().await;
    });
}

/// Whichever way a message takes through the client: here it is never whole in one frame.
#[test]
fn a_hundred_thousand_messages_in_fragments_are_fair() {
    paused(async {
        let frames = wire::concat([&text("a ").more(), &continuation("trade")]);
        let io = Endless::new(Vec::new(), frames).turns(100_000, Exhausted::Blocks);
        let ws = upgraded(io, Config::default());
        let turns = turns_of_others(reads_to_the_end(ws, 100_000)).await;
        assert!(turns >= 100, "{turns} turns in 100,000 messages");
    });
}

/// Floods that give the user nothing must not keep the thread either: a deadline has to fire.
#[test]
fn floods_without_a_message_leave_the_thread_to_a_deadline() {
    real(async {
        for frames in [
            ping("flood").bytes(),
            pong("").bytes(),
            continuation("").more().bytes(),
        ] {
            let io = Endless::new(text("").more().bytes(), frames.repeat(1_000));
            let mut ws = upgraded(io, Config::default());
            let waited = timeout(Duration::from_millis(100), ws.next()).await;
            assert!(!matches!(waited, Ok(None | Some(Ok(_)))), "{waited:?}");
        }
    });
}

#[test]
fn closing_in_a_flood_leaves_the_thread_to_its_deadline() {
    real(async {
        let io = Endless::new(Vec::new(), text("more").bytes().repeat(1_000));
        let limit = Duration::from_millis(100);
        let mut ws = upgraded(io, Config::default().close_timeout(limit));
        let begun = std::time::Instant::now();
        let info = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(!info.clean);
        assert!(begun.elapsed() < limit + Duration::from_secs(1));
    });
}

/// A server that closes and then talks on for ever must not hold the end up.
#[test]
fn a_flood_behind_the_servers_close_leaves_the_thread_to_the_deadline() {
    real(async {
        let flood = text("late").bytes().repeat(1_000);
        let io = Endless::new(close(1000, "").bytes(), flood);
        let limit = Duration::from_millis(100);
        let mut ws = upgraded(io, Config::default().close_timeout(limit));
        let begun = std::time::Instant::now();
        assert!(ws.next().await.is_none());
        assert!(begun.elapsed() < limit + Duration::from_secs(1));
    });
}

#[test]
fn bytes_one_by_one_are_fair() {
    paused(async {
        let io = Endless::new(Vec::new(), text("a trade").bytes()).turns(2_000, Exhausted::Blocks);
        let io = Chaos::over(io).read_cuts(Cuts::Every(1));
        let ws = upgraded(io, Config::default());
        let turns = turns_of_others(reads_to_the_end(ws, 2_000)).await;
        assert!(turns >= 2, "{turns} turns in 18,000 reads");
    });
}

/// A transport that always has more, and a number of messages at once by which the turns of reading
/// cannot be divided: the task has to leave its thread all the same.
#[test]
fn a_task_that_drives_an_endless_feed_is_fair() {
    paused(async {
        let io = Endless::new(Vec::new(), binary(vec![7; 30_000]).bytes());
        let inbox = Inbox::default().max_bytes(1_000_000).drop_newest();
        let (sender, receiver) = upgraded(io, Config::default()).spawn(inbox);
        // On a task, because the runtime polls the test itself only now and then.
        let other = tokio::spawn(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            sender.stats().received.messages
        });
        let messages = other.await.unwrap();
        assert!(messages >= 100, "{messages}");
        drop(receiver);
    });
}
