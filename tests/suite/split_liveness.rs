//! Liveness of a connection that is split or driven by a task: whoever waits notices a dead peer, and
//! an application that is away is no reason to call a live one dead.

use std::pin::pin;
use std::time::Duration;

use futures::future::{join as in_this_order, poll_immediate};
use longwire::{Config, ErrorKind, Inbox, Liveness, WsReceiver, WsSender};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::support::run::paused;
use crate::support::scripted::{Peer, join, open, upgraded};
use crate::support::wire::{self, binary, close, concat, pong, text};

/// A dead peer is to be noticed within this: interval, timeout and what comparing counters costs.
const NOTICED: Duration = Duration::from_secs(20 + 20 + 1);

type Ends = (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
);

/// Driven by a task, whose inbox has room for one message.
fn spawn_small() -> Ends {
    let (ws, peer) = open();
    let (sender, receiver) = ws.spawn(Inbox::default().max_messages(1));
    (sender, receiver, peer)
}

/// The messages up to the end, and the kind of the error that it came with.
async fn rest<T>(receiver: &mut WsReceiver<T>) -> (Vec<String>, Option<ErrorKind>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut texts = Vec::new();
    while let Some(next) = receiver.next().await {
        match next {
            Ok(message) => texts.push(message.to_string()),
            Err(error) => return (texts, Some(error.kind())),
        }
    }
    (texts, None)
}

#[test]
fn a_sender_that_waits_notices_a_dead_peer_although_nobody_receives() {
    paused(async {
        for feeds in [true, false] {
            let (near, _far) = tokio::io::duplex(100);
            let ws = upgraded(near, Config::default().write_high_water(0));
            let (mut sender, mut receiver) = ws.split();
            let begun = Instant::now();
            let error = if feeds {
                sender.feed_binary(&[7; 1_000]).await.unwrap();
                sender.feed("no room").await.unwrap_err()
            } else {
                sender.send(vec![7; 1_000]).await.unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::NoPong, "{error}");
            assert!(begun.elapsed() <= NOTICED, "{:?}", begun.elapsed());
            let expected = (Vec::new(), Some(ErrorKind::NoPong));
            assert_eq!(rest(&mut receiver).await, expected);
        }
    });
}

/// Two wait, and the one who cannot judge messages is always the first to look.
#[test]
fn a_sender_that_waits_does_not_keep_the_receiver_from_its_verdict() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let (mut sender, mut receiver) = upgraded(near, Config::default()).split();
        let mut peer = Peer::new(far);
        let begun = Instant::now();
        // It takes nothing, and lets a frame drip.
        let dripping = tokio::spawn(async move {
            peer.send(&binary([7; 100]).bytes()[..3]).await;
            loop {
                sleep(Duration::from_secs(10)).await;
                if peer.try_send([7]).await.is_err() {
                    return;
                }
            }
        });
        let both = in_this_order(sender.send(vec![7; 10_000]), receiver.next());
        let (sent, next) = both.await;
        assert_eq!(
            next.unwrap().unwrap_err().kind(),
            ErrorKind::Stalled,
            "{sent:?}"
        );
        sent.unwrap_err();
        let most = Duration::from_secs(30) + Duration::from_secs(2);
        assert!(begun.elapsed() <= most, "{:?}", begun.elapsed());
        drop((sender, receiver));
        join(dripping).await;
    });
}

#[test]
fn a_dead_peer_is_noticed_although_the_inbox_is_full() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn_small();
        peer.send(concat([&text("1"), &text("2"), &text("3")]))
            .await;
        let silent = Instant::now();
        let info = sender.closed().await;
        assert!(silent.elapsed() <= NOTICED, "{:?}", silent.elapsed());
        assert!(silent.elapsed() >= Duration::from_secs(40));
        assert!(!info.clean);
        let (texts, kind) = rest(&mut receiver).await;
        assert_eq!(texts, ["1", "2", "3"]);
        assert_eq!(kind, Some(ErrorKind::NoPong));
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
}

/// More messages than are given before a task lets others run, all of which came before the silence.
#[test]
fn a_dead_peer_is_noticed_in_time_although_many_messages_wait_outside_of_a_full_inbox() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = spawn_small();
        let sent: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let frames: Vec<_> = sent.iter().map(text).collect();
        peer.send(concat(&frames)).await;
        let silent = Instant::now();
        sender.closed().await;
        assert!(silent.elapsed() <= NOTICED, "{:?}", silent.elapsed());
        assert_eq!(rest(&mut receiver).await, (sent, Some(ErrorKind::NoPong)));
    });
}

/// An application that is away for ten minutes, and a peer that is there all the time.
#[test]
fn a_full_inbox_is_no_reason_to_call_a_live_peer_dead() {
    paused(async {
        // What the peer has to say: next to nothing, more than a buffer, more than the pipe takes.
        for count in [3, 2_000, 20_000] {
            let (near, far) = tokio::io::duplex(100_000);
            let liveness = Liveness::default().data_idle(Duration::from_secs(30));
            let config = Config::default().liveness(liveness);
            let inbox = Inbox::default().max_messages(1);
            let (_sender, mut receiver) = upgraded(near, config).spawn(inbox);
            let (reading, writing) = tokio::io::split(far);
            let server = tokio::spawn(async move {
                let mut peer = Peer::new(tokio::io::join(reading, writing));
                for number in 0..count {
                    peer.send(text(number.to_string()).bytes()).await;
                }
                while let Some(frame) = peer.next().await {
                    assert_eq!(frame.opcode, wire::PING);
                    peer.send(concat([&pong(frame.payload), &text("more")]))
                        .await;
                }
            });
            sleep(Duration::from_secs(600)).await;
            for number in 0..count {
                let message = receiver.next().await.unwrap().unwrap();
                assert_eq!(message, number.to_string().into());
            }
            assert_eq!(receiver.close_info(), None);
            assert!(!server.is_finished());
        }
    });
}

#[test]
fn a_server_that_ends_while_the_inbox_is_full_is_read_to_its_end() {
    paused(async {
        for closes in [true, false] {
            let (_sender, mut receiver, mut peer) = spawn_small();
            for number in 0..100 {
                peer.send(text(number.to_string()).bytes()).await;
            }
            if closes {
                peer.send(close(1000, "").bytes()).await;
            }
            peer.finish().await;
            sleep(Duration::from_secs(600)).await;
            let (texts, kind) = rest(&mut receiver).await;
            assert_eq!(texts.len(), 100);
            assert_eq!(kind, (!closes).then_some(ErrorKind::Reset));
        }
    });
}

#[test]
fn a_nudge_from_either_half_asks_at_once() {
    paused(async {
        for driven in [true, false] {
            let (ws, mut peer) = open();
            let (sender, mut receiver) = if driven {
                ws.spawn(Inbox::default())
            } else {
                ws.split()
            };
            let other = receiver.sender();
            let reading = tokio::spawn(async move {
                let last = receiver.next().await;
                (receiver, last)
            });
            sleep(Duration::from_secs(1)).await;
            assert_eq!(sender.rtt(), None);
            sender.nudge();
            let frame = timeout(Duration::from_millis(1), peer.next())
                .await
                .unwrap()
                .unwrap();
            sleep(Duration::from_millis(30)).await;
            peer.send(pong(frame.payload).bytes()).await;
            peer.send(text("answered").bytes()).await;
            let (mut receiver, message) = join(reading).await;
            assert_eq!(message.unwrap().unwrap(), "answered".into());
            let took = Some(Duration::from_millis(30));
            assert_eq!((sender.rtt(), receiver.rtt()), (took, took));

            receiver.nudge();
            let begun = Instant::now();
            let error = receiver.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoPong);
            assert!(begun.elapsed() <= Duration::from_secs(6));
            other.nudge();
        }
    });
}

/// A Ping that waits for room is not answered by the Pong to one that went before it.
#[test]
fn a_ping_that_was_not_sent_yet_is_not_answered() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let ws = upgraded(near, Config::default().write_high_water(0));
        let (mut late, mut receiver) = ws.split();
        let mut early = late.clone();
        let mut filling = late.clone();
        assert!(poll_immediate(early.reserve()).await.is_some());
        let permit = filling.reserve().await.unwrap();
        // Both have a right to queue, and then there is no room.
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        let ready = futures::Sink::poll_ready(std::pin::Pin::new(&mut early), cx);
        assert!(ready.is_ready());
        permit.send(vec![7; 1_000]).unwrap();

        let mut late = pin!(late.ping());
        assert!(poll_immediate(&mut late).await.is_none(), "there is room");
        let server = tokio::spawn(async move {
            let mut peer = Peer::new(far);
            peer.expect(wire::BINARY, [7; 1_000]).await;
            let first = peer.next().await.unwrap().payload;
            let second = peer.next().await.unwrap().payload;
            peer.send(pong(first).bytes()).await;
            sleep(Duration::from_millis(50)).await;
            peer.send(pong(second).bytes()).await;
            peer
        });
        let reading = tokio::spawn(async move { receiver.next().await });
        let (first, second) = tokio::join!(early.ping(), late);
        assert_eq!(first.unwrap(), Duration::ZERO);
        assert_eq!(second.unwrap(), Duration::from_millis(50));
        assert_eq!(early.rtt(), Some(Duration::from_millis(50)));
        reading.abort();
        drop(join(server).await);
    });
}
