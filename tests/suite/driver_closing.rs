//! The end of a connection that a task drives: one defined outcome for each half, and no task left.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FusedStream;
use longwire::{CloseCode, Config, ErrorKind, Inbox, Side, WsReceiver, WsSender};
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Handle};
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::{Instant, sleep};

use crate::support::io::{Chaos, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, join, open, upgraded};
use crate::support::verdict::{CLOSE_TIMEOUT, close_info};
use crate::support::wire::{close, concat, ping, text};

type Driven = (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
);

fn spawn() -> Driven {
    let (ws, peer) = open();
    let (sender, receiver) = ws.spawn(Inbox::default());
    (sender, receiver, peer)
}

/// The driver must be gone within 100 ms.
async fn no_task_is_left() {
    let begun = Instant::now();
    while Handle::current().metrics().num_alive_tasks() > 0 {
        assert!(
            begun.elapsed() < Duration::from_millis(100),
            "a task is left"
        );
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn the_servers_close_ends_the_task_and_what_waits_is_still_given() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn();
        peer.send(concat([&text("1"), &text("2"), &close(4000, "enough")]))
            .await;
        peer.expect_close(4000).await;
        peer.finish().await;
        peer.expect_end().await;
        no_task_is_left().await;
        assert_eq!(receiver.next().await.unwrap().unwrap(), "1".into());
        assert_eq!(receiver.next().await.unwrap().unwrap(), "2".into());
        assert!(!receiver.is_terminated());
        assert!(StreamExt::next(&mut receiver).await.is_none());
        assert!(receiver.is_terminated() && receiver.next().await.is_none());
        let ended = close_info(Side::Server, 4000, "enough", true);
        assert_eq!(receiver.close_info(), Some(ended.clone()));
        assert_eq!(sender.closed().await, ended);
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}

#[test]
fn a_close_from_either_half_ends_both_and_the_task() {
    paused(async {
        for by_sender in [true, false] {
            let (mut sender, mut receiver, mut peer) = spawn();
            let server = tokio::spawn(async move { peer.answer_close(4001).await });
            let info = if by_sender {
                sender.close(CloseCode(4001), "done").await.unwrap()
            } else {
                receiver.close(CloseCode(4001), "done").await.unwrap()
            };
            assert_eq!(info, close_info(Side::Client, 4001, "", true));
            assert!(receiver.next().await.is_none());
            join(server).await;
            no_task_is_left().await;
        }
    });
}

#[test]
fn crossing_closes_end_cleanly() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn();
        peer.send(close(4001, "mine").bytes()).await;
        peer.finish().await;
        let info = sender.close(CloseCode(4000), "ours").await.unwrap();
        assert_eq!(info, close_info(Side::Client, 4001, "mine", true));
        assert!(receiver.next().await.is_none());
        peer.expect_close(4000).await;
        no_task_is_left().await;
    });
}

#[test]
fn a_silent_server_is_left_at_the_close_timeout_read_or_not() {
    paused(async {
        for start_only in [true, false] {
            let (mut sender, mut receiver, mut peer) = spawn();
            let begun = Instant::now();
            if start_only {
                sender.start_close(CloseCode::NORMAL, "").await.unwrap();
                assert_eq!(sender.closed().await.code, Some(CloseCode::ABNORMAL));
                let error = receiver.next().await.unwrap().unwrap_err();
                assert!(error.is_timeout());
            } else {
                let info = sender.close(CloseCode::NORMAL, "").await.unwrap();
                assert_eq!(info, close_info(Side::Client, 1006, "", false));
                let last = receiver.next().await;
                assert!(last.is_none_or(|last| last.unwrap_err().is_timeout()));
            }
            let took = begun.elapsed();
            assert!(took >= CLOSE_TIMEOUT && took < CLOSE_TIMEOUT + Duration::from_millis(100));
            no_task_is_left().await;
            peer.expect_close(1000).await;
            peer.expect_end().await;
        }
    });
}

/// Nobody reads, because the inbox is full; the deadline of the close holds all the same.
#[test]
fn a_full_inbox_does_not_hold_a_close_up() {
    paused(async {
        for start_only in [true, false] {
            let (ws, mut peer) = open();
            let (mut sender, mut receiver) = ws.spawn(Inbox::default().max_messages(1));
            for number in 0..100 {
                peer.send(text(number.to_string()).bytes()).await;
            }
            sleep(Duration::from_millis(10)).await;
            let begun = Instant::now();
            if start_only {
                sender.start_close(CloseCode::NORMAL, "").await.unwrap();
                sender.closed().await;
            } else {
                sender.close(CloseCode::NORMAL, "").await.unwrap();
            }
            assert!(begun.elapsed() < CLOSE_TIMEOUT + Duration::from_millis(100));
            no_task_is_left().await;
            assert_eq!(receiver.next().await.unwrap().unwrap(), "0".into());
        }
    });
}

#[test]
fn a_server_that_never_ends_the_transport_is_left_in_time() {
    paused(async {
        let (_sender, mut receiver, mut peer) = spawn();
        peer.send(close(1000, "").bytes()).await;
        let begun = Instant::now();
        assert!(receiver.next().await.is_none());
        assert!(begun.elapsed() < CLOSE_TIMEOUT + Duration::from_millis(100));
        no_task_is_left().await;
    });
}

#[test]
fn a_reset_is_one_error_behind_what_arrived() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn();
        peer.send(text("whole").bytes()).await;
        peer.finish().await;
        no_task_is_left().await;
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(receiver.next().await.unwrap().unwrap(), "whole".into());
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(receiver.next().await.is_none());
    });
}

#[test]
fn a_write_that_fails_ends_the_task_also_when_the_inbox_is_full() {
    paused(async {
        let (near, far) = tokio::io::duplex(10_000);
        let broken = std::io::ErrorKind::BrokenPipe;
        let io = Chaos::over(near).after_writing(100, Exhausted::Fails(broken));
        let (mut sender, mut receiver) =
            upgraded(io, Config::default()).spawn(Inbox::default().max_messages(1));
        let mut peer = Peer::new(far);
        peer.send(concat([&text("1"), &text("2"), &text("3")]))
            .await;
        sleep(Duration::from_millis(10)).await;
        let error = sender.send(vec![7; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        no_task_is_left().await;
        assert_eq!(receiver.next().await.unwrap().unwrap(), "1".into());
        let mut last = receiver.next().await.unwrap();
        while last.is_ok() {
            last = receiver.next().await.unwrap();
        }
        assert_eq!(last.unwrap_err().kind(), ErrorKind::Reset);
    });
}

#[test]
fn without_halves_the_task_and_the_transport_are_gone() {
    paused(async {
        let (sender, receiver, mut peer) = spawn();
        let clone = sender.clone();
        drop(sender);
        drop(receiver);
        // Read for the clone that is left, and its Pings answered.
        for _ in 0..10 {
            peer.send(concat([&text("nobody's"), &ping("p")])).await;
            peer.expect(crate::support::wire::PONG, "p").await;
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
        drop(clone);
        no_task_is_left().await;
        peer.expect_end().await;
    });
}

#[test]
fn dropping_both_halves_ends_a_task_whose_inbox_is_full() {
    paused(async {
        let (ws, mut peer) = open();
        let halves = ws.spawn(Inbox::default().max_messages(1));
        for _ in 0..10 {
            peer.send(text("x").bytes()).await;
        }
        sleep(Duration::from_millis(10)).await;
        drop(halves);
        no_task_is_left().await;
        peer.drain().await;
    });
}

/// The runtime of the task is shut down while the halves live on: they do not wait for ever.
#[test]
fn a_runtime_that_goes_leaves_an_error_behind() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (mut receiver, far) = {
        let _inside = runtime.enter();
        let (near, far) = tokio::io::duplex(100);
        let (_sender, receiver) = upgraded(near, Config::default()).spawn(Inbox::default());
        (receiver, far)
    };
    drop(runtime);
    paused(async {
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(receiver.next().await.is_none());
        drop(far);
    });
}

/// Its senders wait in another runtime, and nothing comes that would wake them.
#[test]
fn a_runtime_that_goes_takes_the_connection_along() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (near, far) = tokio::io::duplex(100);
    let (sender, _receiver) = {
        let _inside = runtime.enter();
        upgraded(near, Config::default()).spawn(Inbox::default())
    };
    real(async {
        let tasks: Vec<_> = (0..2)
            .map(|sends| {
                let mut sender = sender.clone();
                tokio::spawn(async move {
                    if sends == 0 {
                        return sender.closed().await.clean;
                    }
                    sender.send(vec![7; 1_000]).await.is_ok()
                })
            })
            .collect();
        yield_now().await;
        spawn_blocking(move || drop(runtime)).await.unwrap();
        for task in tasks {
            assert!(!join(task).await);
        }
        assert!(sender.is_closed());
        drop(far);
    });
}
