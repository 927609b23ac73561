//! The end of a split connection: one defined outcome for each half, whoever brings it about.

use std::pin::pin;
use std::time::Duration;

use futures::SinkExt;
use futures::future::poll_immediate;
use futures::stream::FusedStream as _;
use longwire::bytes::Bytes;
use longwire::{
    CloseCode, Config, Error, ErrorKind, Inbox, Liveness, Side, WsReceiver, WsSender, WsStream,
};
use tokio::io::DuplexStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::support::io::{Chaos, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::{Peer, join, open, upgraded};
use crate::support::verdict::{CLOSE_TIMEOUT, FAILED_WITHIN, close_info};
use crate::support::wire::{self, close, text};

type Halves = (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
);

fn split() -> Halves {
    let (ws, peer) = open();
    let (sender, receiver) = ws.split();
    (sender, receiver, peer)
}

/// Behind the end: nothing comes, nothing can be sent, and no call waits.
async fn is_over(sender: &mut WsSender<DuplexStream>, receiver: &mut WsReceiver<DuplexStream>) {
    let begun = Instant::now();
    for _ in 0..2 {
        assert!(receiver.next().await.is_none());
        let refused: [Error; 5] = [
            sender.send("late").await.unwrap_err(),
            sender.feed_binary(b"late").await.unwrap_err(),
            sender.clone().reserve().await.unwrap_err(),
            sender.ping().await.unwrap_err(),
            sender.start_close(CloseCode::NORMAL, "").await.unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
        }
        assert!(sender.try_send("late").is_err_and(|error| !error.is_full()));
        assert!(sender.is_closed());
        assert_eq!(receiver.close_info(), Some(sender.closed().await));
    }
    assert!(begun.elapsed() < Duration::from_millis(100));
}

/// The server never answers: the one who closes is told how it ended, and the receiver gets the error.
#[test]
fn a_sink_that_closes_is_told_the_same_whoever_sees_the_end() {
    paused(async {
        for receiver_first in [false, true] {
            let (mut sender, mut receiver, mut peer) = split();
            let server = tokio::spawn(async move { peer.drain().await });
            assert!(poll_immediate(SinkExt::close(&mut sender)).await.is_none());
            let timed_out = async |receiver: &mut WsReceiver<DuplexStream>| {
                assert!(!receiver.is_terminated());
                let error = receiver.next().await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Timeout);
                assert!(receiver.is_terminated());
            };
            if receiver_first {
                timed_out(&mut receiver).await;
            }
            SinkExt::close(&mut sender).await.unwrap();
            assert!(!sender.close_info().unwrap().clean);
            if !receiver_first {
                timed_out(&mut receiver).await;
            }
            is_over(&mut sender, &mut receiver).await;
            join(server).await;
        }
    });
}

/// One that settings have kept from ever being open has no Close frame and no transport to lose.
#[test]
fn whoever_waits_for_the_end_of_what_was_never_open_is_told() {
    paused(async {
        for driven in [false, true] {
            let (near, _far) = tokio::io::duplex(100);
            let config = Config::default().liveness(Liveness::default().interval(Duration::ZERO));
            let ws = WsStream::from_upgraded(near, Bytes::new(), config);
            let (mut sender, mut receiver) = if driven {
                ws.spawn(Inbox::default())
            } else {
                ws.split()
            };
            let error = receiver.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!sender.closed().await.clean);
            is_over(&mut sender, &mut receiver).await;
        }
    });
}

#[test]
fn a_sender_closes_and_the_receiver_ends() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        let reading = tokio::spawn(async move { (receiver.next().await.is_none(), receiver) });
        let server = tokio::spawn(async move {
            peer.answer_close(4002).await;
            peer.expect_end().await;
        });
        let info = sender.close(CloseCode(4002), "done").await.unwrap();
        assert_eq!(info, close_info(Side::Client, 4002, "", true));
        let (ended, mut receiver) = join(reading).await;
        assert!(ended);
        is_over(&mut sender, &mut receiver).await;
        join(server).await;
    });
}

#[test]
fn a_receiver_closes_with_a_code_too() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        let server = tokio::spawn(async move { peer.answer_close(4003).await });
        let info = receiver.close(CloseCode(4003), "done").await.unwrap();
        assert_eq!(info, close_info(Side::Client, 4003, "", true));
        is_over(&mut sender, &mut receiver).await;
        join(server).await;
    });
}

#[test]
fn what_arrives_behind_start_close_is_given() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        sender.start_close(CloseCode::NORMAL, "").await.unwrap();
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        let server = tokio::spawn(async move {
            peer.send(text("on its way").bytes()).await;
            peer.answer_close(1000).await;
        });
        let last = receiver.next().await.unwrap().unwrap();
        assert_eq!(last, "on its way".into());
        is_over(&mut sender, &mut receiver).await;
        assert_eq!(
            sender.close_info(),
            Some(close_info(Side::Client, 1000, "", true))
        );
        join(server).await;
    });
}

#[test]
fn everyone_who_closes_learns_how_it_ended() {
    paused(async {
        let (sender, mut receiver, mut peer) = split();
        let closing: Vec<_> = (0..3)
            .map(|_| sender.clone())
            .map(|mut clone| {
                tokio::spawn(async move { clone.close(CloseCode::NORMAL, "").await.unwrap() })
            })
            .collect();
        let reading = tokio::spawn(async move { receiver.next().await });
        yield_now().await;
        // Not clean, so that whoever came later would be refused.
        peer.expect_close(1000).await;
        peer.finish().await;
        for closing in closing {
            let info = join(closing).await;
            assert_eq!(info, close_info(Side::Client, 1006, "", false));
        }
        // If it was the first to notice, it has the error.
        assert!(join(reading).await.is_none_or(|last| last.is_err()));
    });
}

#[test]
fn a_close_to_a_silent_server_ends_both_halves_at_the_close_timeout() {
    paused(async {
        for is_read in [true, false] {
            let (mut sender, mut receiver, mut peer) = split();
            let reading = tokio::spawn(async move {
                if !is_read {
                    sleep(Duration::from_secs(60)).await;
                }
                (receiver.next().await, receiver)
            });
            yield_now().await;
            let begun = Instant::now();
            let info = sender.close(CloseCode::NORMAL, "").await.unwrap();
            let took = begun.elapsed();
            assert!(took >= CLOSE_TIMEOUT && took < CLOSE_TIMEOUT + Duration::from_millis(100));
            assert_eq!(info, close_info(Side::Client, 1006, "", false));
            // Whichever half noticed it, the other just ends.
            let (last, mut receiver) = join(reading).await;
            assert!(last.is_none_or(|last| last.unwrap_err().is_timeout()));
            is_over(&mut sender, &mut receiver).await;
            peer.expect_close(1000).await;
            peer.expect_end().await;
        }
    });
}

#[test]
fn a_server_that_never_ends_the_transport_is_left_in_time() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        peer.send(close(4000, "").bytes()).await;
        let begun = Instant::now();
        assert!(receiver.next().await.is_none());
        let took = begun.elapsed();
        assert!(took >= CLOSE_TIMEOUT && took < CLOSE_TIMEOUT + Duration::from_millis(100));
        assert_eq!(
            receiver.close_info(),
            Some(close_info(Side::Server, 4000, "", true))
        );
        is_over(&mut sender, &mut receiver).await;
        peer.expect_close(4000).await;
    });
}

#[test]
fn crossing_closes_end_both_halves_cleanly() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        peer.send(close(4001, "mine").bytes()).await;
        peer.finish().await;
        let info = sender.close(CloseCode(4000), "ours").await.unwrap();
        assert_eq!(info, close_info(Side::Client, 4001, "mine", true));
        is_over(&mut sender, &mut receiver).await;
        peer.expect_close(4000).await;
        peer.expect_end().await;
    });
}

#[test]
fn a_server_that_breaks_the_rules_is_an_error_for_one_half_and_the_end_for_the_other() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        peer.send(text("x").rsv(1).bytes()).await;
        let begun = Instant::now();
        let error = receiver.next().await.unwrap().unwrap_err();
        assert!(begun.elapsed() <= FAILED_WITHIN);
        assert_eq!(error.kind(), ErrorKind::Protocol);
        is_over(&mut sender, &mut receiver).await;
        peer.expect_close(1002).await;
    });
}

/// Whatever a sender waits for, it hears of the end, although the transport takes nothing more and so
/// never wakes it.
#[test]
fn senders_that_wait_hear_of_the_end() {
    paused(async {
        for last in [Vec::new(), close(1000, "").bytes(), text(b"\xff").bytes()] {
            let (near, far) = tokio::io::duplex(1_000);
            let io = Chaos::over(near).after_writing(100, Exhausted::Blocks);
            let ws = upgraded(io, Config::default().write_high_water(0));
            let (sender, mut receiver) = ws.split();
            let mut waiting = Vec::new();
            for way in 0..5 {
                let mut sender = sender.clone();
                waiting.push(tokio::spawn(async move {
                    let message = vec![7; 1_000];
                    match way {
                        0 => sender.send(message).await.unwrap_err(),
                        1 => sender.feed(message).await.unwrap_err(),
                        2 => sender.reserve().await.unwrap_err(),
                        3 => sender.flush().await.unwrap_err(),
                        _ => sender.ping().await.unwrap_err(),
                    }
                }));
            }
            let reading = tokio::spawn(async move { while receiver.next().await.is_some() {} });
            // The clock moves when all of them wait.
            sleep(Duration::from_secs(1)).await;
            assert!(waiting.iter().all(|task| !task.is_finished()));
            let mut peer = Peer::new(far);
            peer.send(last).await;
            peer.finish().await;
            for task in waiting {
                assert_eq!(join(task).await.kind(), ErrorKind::Closed);
            }
            join(reading).await;
        }
    });
}

/// The transport fails under a sender: it has the error, the other senders and the receiver the end.
#[test]
fn a_failure_to_write_reaches_every_half() {
    paused(async {
        let (near, _far) = tokio::io::duplex(10_000);
        let broken = std::io::ErrorKind::BrokenPipe;
        let io = Chaos::over(near).after_writing(100, Exhausted::Fails(broken));
        let (mut sender, mut receiver) = upgraded(io, Config::default()).split();
        let reading = tokio::spawn(async move { receiver.next().await.unwrap().unwrap_err() });
        yield_now().await;
        let error = sender.send(vec![7; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        let error = sender.clone().send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(join(reading).await.kind(), ErrorKind::Reset);
        assert_eq!(sender.closed().await.code, Some(CloseCode::ABNORMAL));
    });
}

/// A message that the transport has taken was sent, even if the end of the connection is noticed first.
#[test]
fn what_had_left_before_the_end_was_sent() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let (mut sender, mut receiver) = upgraded(near, Config::default()).split();
        let mut late = sender.clone();
        let mut sending = pin!(sender.send(vec![7; 1_000]));
        assert!(poll_immediate(&mut sending).await.is_none());
        let server = async {
            let mut peer = Peer::new(far);
            peer.expect(wire::BINARY, [7; 1_000]).await;
            peer.send(close(1000, "").bytes()).await;
            peer.finish().await;
            peer.expect_close(1000).await;
        };
        let (end, ()) = tokio::join!(receiver.next(), server);
        assert!(end.is_none());
        sending.await.unwrap();
        assert_eq!(late.flush().await.unwrap_err().kind(), ErrorKind::Closed);
    });
}
