//! `spawn`: a connection on a task of its own, and an application that stops for a minute under each
//! policy of the inbox.

use std::time::Duration;

use longwire::{CloseCode, Config, ErrorKind, Inbox, InboxStats, Message, WsReceiver, WsSender};
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::support::alloc::Meter;
use crate::support::run::paused;
use crate::support::scripted::{Peer, join, open, upgraded};
use crate::support::wire::{self, binary, close, concat, ping, text};

type Driven = (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
);

fn spawn(inbox: Inbox) -> Driven {
    let (ws, peer) = open();
    let (sender, receiver) = ws.spawn(inbox);
    (sender, receiver, peer)
}

/// Over a pipe that holds little, so that a server feels it when nobody reads.
fn spawn_narrow(inbox: Inbox) -> Driven {
    let (near, far) = tokio::io::duplex(100);
    let (sender, receiver) = upgraded(near, Config::default()).spawn(inbox);
    (sender, receiver, Peer::new(far))
}

/// A server that sends the numbers from 0 and a Ping behind them, while the application does
/// something else for a minute; says after how long the Pong came.
async fn a_minute_without_the_application(mut peer: Peer<DuplexStream>, numbers: usize) {
    let server = tokio::spawn(async move {
        for number in 0..numbers {
            peer.send(text(number.to_string()).bytes()).await;
            sleep(Duration::from_millis(10)).await;
        }
        peer.send(ping("behind").bytes()).await;
        timeout(Duration::from_millis(1), peer.expect(wire::PONG, "behind"))
            .await
            .expect("the Pong, at once");
        // The peer goes on being there, and says so when it is asked.
        while let Some(frame) = peer.next().await {
            assert_eq!(frame.opcode, wire::PING);
            peer.send(wire::pong(frame.payload).bytes()).await;
        }
    });
    sleep(Duration::from_secs(60)).await;
    assert!(!server.is_finished(), "the server failed");
}

/// The numbers that have arrived.
async fn arrived(receiver: &mut WsReceiver<DuplexStream>) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Ok(next) = timeout(Duration::from_millis(1), receiver.next()).await {
        let message = next.expect("no end").expect("no error");
        numbers.push(message.as_text().unwrap().parse().unwrap());
    }
    numbers
}

/// The counters that say something about the past.
fn counted(stats: Option<InboxStats>) -> (usize, u64, u64, u64) {
    let stats = stats.unwrap();
    let InboxStats {
        overflows,
        dropped,
        conflated,
        ..
    } = stats;
    (stats.max_lag, overflows, dropped, conflated)
}

#[test]
fn what_fits_waits_and_pings_are_answered() {
    paused(async {
        let (_sender, mut receiver, peer) = spawn(Inbox::default());
        a_minute_without_the_application(peer, 1_000).await;
        let stats = receiver.inbox().unwrap();
        assert_eq!((stats.lag, stats.lag_bytes), (1_000, 2_890));
        assert_eq!(arrived(&mut receiver).await, (0..1_000).collect::<Vec<_>>());
        assert_eq!(counted(receiver.inbox()), (1_000, 0, 0, 0));
        assert_eq!(receiver.inbox().unwrap().lag_bytes, 0);
    });
}

#[test]
fn block_holds_the_server_up_and_loses_nothing() {
    paused(async {
        let (_sender, mut receiver, mut peer) = spawn_narrow(Inbox::default().max_messages(10));
        let server = tokio::spawn(async move {
            for number in 0..3_000 {
                peer.send(text(number.to_string()).bytes()).await;
            }
            peer
        });
        sleep(Duration::from_secs(60)).await;
        assert!(!server.is_finished(), "nothing holds the server up");
        assert_eq!(receiver.inbox().unwrap().lag, 10);
        assert_eq!(arrived(&mut receiver).await, (0..3_000).collect::<Vec<_>>());
        let (max_lag, overflows, dropped, _) = counted(receiver.inbox());
        assert_eq!((max_lag, dropped), (10, 0));
        assert!(overflows > 0);
        drop(join(server).await);
    });
}

#[test]
fn block_is_bounded_in_bytes_too() {
    paused(async {
        let inbox = Inbox::default().max_bytes(1_000);
        let (_sender, mut receiver, mut peer) = spawn_narrow(inbox);
        let server = tokio::spawn(async move {
            for number in 0..20_u8 {
                peer.send(binary([number; 300]).bytes()).await;
            }
            // Larger than the inbox: it comes when nothing else waits.
            peer.send(binary([20; 5_000]).bytes()).await;
            peer
        });
        sleep(Duration::from_secs(60)).await;
        let stats = receiver.inbox().unwrap();
        assert_eq!((stats.lag, stats.lag_bytes), (3, 900));
        for number in 0..=20 {
            let message = receiver.next().await.unwrap().unwrap();
            assert_eq!(message.as_bytes()[0], number);
            assert!(receiver.inbox().unwrap().lag_bytes <= 5_000);
        }
        drop(join(server).await);
    });
}

#[test]
fn drop_oldest_keeps_the_last_ones() {
    paused(async {
        let inbox = Inbox::default().max_messages(10).drop_oldest();
        let (_sender, mut receiver, peer) = spawn_narrow(inbox);
        a_minute_without_the_application(peer, 1_000).await;
        assert_eq!(
            arrived(&mut receiver).await,
            (990..1_000).collect::<Vec<_>>()
        );
        assert_eq!(counted(receiver.inbox()), (10, 990, 990, 0));
    });
}

#[test]
fn drop_newest_keeps_the_first_ones() {
    paused(async {
        let inbox = Inbox::default().max_messages(10).drop_newest();
        let (_sender, mut receiver, peer) = spawn_narrow(inbox);
        a_minute_without_the_application(peer, 1_000).await;
        assert_eq!(arrived(&mut receiver).await, (0..10).collect::<Vec<_>>());
        assert_eq!(counted(receiver.inbox()), (10, 990, 990, 0));
    });
}

/// Numbers of the same last digit have the same key; those that end in 9 have none.
fn conflated() -> Inbox {
    Inbox::default().conflate(|message: &Message| {
        let number: usize = message.as_text()?.parse().ok()?;
        Some(number % 10).filter(|digit| *digit != 9)
    })
}

#[test]
fn conflate_keeps_the_newest_of_each_key_in_the_place_of_the_first() {
    paused(async {
        let (_sender, mut receiver, peer) = spawn_narrow(conflated());
        a_minute_without_the_application(peer, 1_000).await;
        let newest = 990..999;
        let without_a_key = (0..100).map(|tens| tens * 10 + 9);
        let due: Vec<usize> = newest.chain(without_a_key).collect();
        assert_eq!(arrived(&mut receiver).await, due);
        assert_eq!(counted(receiver.inbox()), (109, 0, 0, 9 * 99));
    });
}

#[test]
fn conflate_blocks_when_other_keys_fill_the_inbox() {
    paused(async {
        let (_sender, mut receiver, mut peer) = spawn_narrow(conflated().max_messages(4));
        let server = tokio::spawn(async move {
            for number in [1, 2, 3, 11, 4, 21, 31, 5, 41, 1, 51] {
                peer.send(text(number.to_string()).bytes()).await;
            }
            for _ in 0..20 {
                peer.send(text("6").bytes()).await;
            }
            peer
        });
        sleep(Duration::from_secs(30)).await;
        // 5 finds no room; what stands behind it has not been read.
        assert_eq!(arrived(&mut receiver).await[..5], [31, 2, 3, 4, 5]);
        assert!(counted(receiver.inbox()).1 > 0);
        drop(join(server).await);
    });
}

#[test]
fn disconnect_gives_what_waits_and_then_says_that_the_consumer_was_slow() {
    paused(async {
        let inbox = Inbox::default().max_messages(10).disconnect();
        let (mut sender, mut receiver, mut peer) = spawn(inbox);
        for number in 0..11 {
            peer.send(text(number.to_string()).bytes()).await;
        }
        peer.expect_close(1008).await;
        peer.expect_end().await;
        peer.finish().await;
        sleep(Duration::from_secs(60)).await;
        for number in 0..10 {
            let message = receiver.next().await.unwrap().unwrap();
            assert_eq!(message, number.to_string().into());
        }
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SlowConsumer);
        let info = error.close_info().unwrap();
        assert_eq!((info.code, info.clean), (Some(CloseCode::POLICY), false));
        assert!(receiver.next().await.is_none());
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(counted(receiver.inbox()), (10, 1, 1, 0));
    });
}

#[test]
fn disconnect_counts_everything_that_it_drops() {
    paused(async {
        let inbox = Inbox::default().max_bytes(100).disconnect();
        let (_sender, mut receiver, mut peer) = spawn(inbox);
        let message = text("x".repeat(60));
        peer.send(concat([&message, &message, &message])).await;
        peer.expect_close(1008).await;
        peer.finish().await;
        receiver.next().await.unwrap().unwrap();
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SlowConsumer);
        assert_eq!(counted(receiver.inbox()), (1, 2, 2, 0));
        assert_eq!(receiver.stats().received.messages, 3);
    });
}

/// The connection has ended by itself when it turns out that there is no room.
#[test]
fn disconnect_is_not_for_what_was_read_with_the_end() {
    paused(async {
        let inbox = Inbox::default().max_bytes(100).disconnect();
        let (near, far) = tokio::io::duplex(1_000);
        let mut peer = Peer::new(far);
        let message = text("x".repeat(60));
        peer.send(concat([&message, &message, &close(1000, "")]))
            .await;
        let (ended, mut peer) = {
            let (mut sender, mut receiver) = upgraded(near, Config::default()).spawn(inbox);
            let closed = tokio::spawn(async move { sender.closed().await });
            peer.finish().await;
            for _ in 0..2 {
                receiver.next().await.unwrap().unwrap();
            }
            assert!(receiver.next().await.is_none());
            (timeout(Duration::from_secs(1), closed).await, peer)
        };
        let info = ended.expect("a sender hears of the end").unwrap();
        assert_eq!((info.code, info.clean), (Some(CloseCode::NORMAL), true));
        peer.expect_close(1000).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
}

/// Small messages of many keys, each of which is then followed by a large one.
#[test]
fn conflate_is_bounded_in_bytes_too() {
    paused(async {
        let inbox = Inbox::default()
            .max_bytes(10_000)
            .conflate(|message| message.as_bytes().first().copied());
        let (_sender, mut receiver, mut peer) = spawn_narrow(inbox);
        let server = tokio::spawn(async move {
            for size in [10, 4_000] {
                for key in 0..100 {
                    peer.send(binary(vec![key; size]).bytes()).await;
                }
            }
            peer
        });
        sleep(Duration::from_secs(1)).await;
        assert!(!server.is_finished(), "nothing holds the server up");
        let mut newest = vec![0; 100];
        while let Ok(next) = timeout(Duration::from_millis(1), receiver.next()).await {
            let message = next.unwrap().unwrap();
            newest[usize::from(message.as_bytes()[0])] = message.len();
            assert!(receiver.inbox().unwrap().lag_bytes <= 10_000);
        }
        assert_eq!(newest, vec![4_000; 100]);
        assert_eq!(counted(receiver.inbox()).2, 0);
        drop(join(server).await);
    });
}

#[test]
fn what_is_fed_leaves_without_a_flush() {
    paused(async {
        let (mut sender, _receiver, mut peer) = spawn(Inbox::default());
        sender.feed("1").await.unwrap();
        sender.feed_binary(b"2").await.unwrap();
        peer.expect(wire::TEXT, "1").await;
        peer.expect(wire::BINARY, "2").await;
        sender.try_send("3").unwrap();
        peer.expect(wire::TEXT, "3").await;
    });
}

#[test]
fn a_ping_of_a_sender_is_answered_although_nobody_receives() {
    paused(async {
        let (mut sender, _receiver, mut peer) = spawn(Inbox::default());
        let server = tokio::spawn(async move {
            let frame = peer.next().await.unwrap();
            assert_eq!(frame.opcode, wire::PING);
            sleep(Duration::from_millis(40)).await;
            peer.send(wire::pong(frame.payload).bytes()).await;
            peer
        });
        assert_eq!(sender.ping().await.unwrap(), Duration::from_millis(40));
        drop(join(server).await);
    });
}

#[test]
fn keys_that_never_come_again_cost_no_memory() {
    paused(async {
        let inbox = Inbox::default().conflate(|message| Some(message.as_text()?.to_owned()));
        let (_sender, mut receiver, mut peer) = spawn(inbox);
        let mut given = 0;
        let measured = Meter::start();
        for number in 0..20_000 {
            peer.send(text(format!("{number:0100}")).bytes()).await;
            while let Ok(Some(_)) = timeout(Duration::ZERO, receiver.next()).await {
                given += 1;
            }
        }
        assert!(given > 19_000, "{given}");
        let grown = measured.live();
        assert!(grown < 300_000, "{grown} bytes are kept");
    });
}

#[test]
fn an_inbox_that_cannot_work_ends_the_connection_by_name() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn(Inbox::default().max_messages(0));
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("max_messages"), "{error}");
        assert!(receiver.next().await.is_none());
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(receiver.inbox().is_none());
        peer.expect_end().await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
}

#[test]
fn outside_of_a_runtime_nothing_panics() {
    let (mut receiver, far) = {
        let (near, far) = tokio::io::duplex(100);
        let (_sender, receiver) = upgraded(near, Config::default()).spawn(Inbox::default());
        (receiver, far)
    };
    paused(async {
        let error = receiver.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("runtime"), "{error}");
        drop(far);
    });
}

#[test]
fn halves_that_a_task_drives_are_not_reunited() {
    paused(async {
        let (sender, receiver, mut peer) = spawn(Inbox::default());
        let (_sender, mut receiver) = receiver.reunite(sender).unwrap_err().into_halves();
        peer.send(text("still").bytes()).await;
        assert_eq!(receiver.next().await.unwrap().unwrap(), "still".into());
        peer.send(close(1000, "").bytes()).await;
        peer.finish().await;
        assert!(receiver.next().await.is_none());
    });
}
