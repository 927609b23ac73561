//! Pings and Pongs (RFC 6455 §5.5.2, §5.5.3): answered before the next message is given, one at a
//! time, and seen by whoever wants to see them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longwire::{Config, ControlFrame, ErrorKind};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::{Peer, open, upgraded};
use crate::support::verdict::{ends, next_text};
use crate::support::wire::{self, close, continuation, ping, pong, text};

#[test]
fn a_ping_is_answered_before_the_next_message_is_given() {
    paused(async {
        let (mut ws, mut peer) = open();
        for payload in [&b""[..], b"p", &[0xff; 125]] {
            peer.send(wire::concat([&ping(payload), &text("next")]))
                .await;
            assert_eq!(next_text(&mut ws).await, "next");
            // The reader is not polled again: the Pong has left already.
            peer.expect(wire::PONG, payload).await;
        }
    });
}

#[test]
fn a_ping_between_fragments_is_answered_before_the_message_is_whole() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(wire::concat([&text("a").more(), &ping("between")]))
            .await;
        let reader = tokio::spawn(async move {
            let message = next_text(&mut ws).await;
            (ws, message)
        });
        peer.expect(wire::PONG, "between").await;
        peer.send(continuation("b").bytes()).await;
        let (_ws, message) = reader.await.unwrap();
        assert_eq!(message, "ab");
    });
}

#[test]
fn a_ping_is_answered_by_a_reader_that_waits() {
    paused(async {
        let (mut ws, mut peer) = open();
        let reader = tokio::spawn(async move { ws.next().await.is_none() });
        for payload in ["1", "2", "3"] {
            peer.send(ping(payload).bytes()).await;
            peer.expect(wire::PONG, payload).await;
        }
        peer.send(close(1000, "").bytes()).await;
        peer.expect_close(1000).await;
        peer.finish().await;
        assert!(reader.await.unwrap());
    });
}

#[test]
fn unsolicited_pongs_are_ignored() {
    paused(async {
        let (mut ws, mut peer) = open();
        let frames = [
            pong(""),
            pong([7; 125]),
            text("a").more(),
            pong("inside"),
            continuation("b"),
        ];
        peer.send(wire::concat(&frames)).await;
        assert_eq!(next_text(&mut ws).await, "ab");
        ws.send("answer").await.unwrap();
        peer.expect(wire::TEXT, "answer").await;
    });
}

#[test]
fn a_flood_of_pongs_costs_no_memory() {
    paused(async {
        let pattern = pong([7; 100]).bytes().repeat(100);
        let io = Endless::new(Vec::new(), pattern).turns(1_000, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default());
        let meter = Meter::start();
        let error = ws.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(meter.peak() < 192 << 10, "{} bytes", meter.peak());
        assert_eq!(ws.stats().received.pongs, 100_000);
    });
}

/// A peer that sends Pings and takes nothing: one Pong waits, and reading goes on.
#[test]
fn a_flood_of_pings_never_queues_more_than_one_pong() {
    paused(async {
        let pattern = ping([7; 100]).bytes().repeat(100);
        let tail = text("through").bytes();
        let io = Endless::new(Vec::new(), [pattern.repeat(100), tail].concat())
            .turns(25, Exhausted::Ends)
            .never_writable();
        let mut ws = upgraded(io, Config::default());
        let meter = Meter::start();
        for _ in 0..25 {
            assert_eq!(next_text(&mut ws).await, "through");
        }
        assert!(meter.peak() < 192 << 10, "{} bytes", meter.peak());
        assert_eq!(ws.stats().received.pings, 250_000);
        assert!(ws.stats().sent.pongs <= 1, "{:?}", ws.stats());
    });
}

/// What was not answered while the peer did not read is answered by the newest Pong once it does.
#[test]
fn the_newest_ping_is_answered_when_the_peer_reads_again() {
    paused(async {
        let (near, far) = tokio::io::duplex(64 << 10);
        let mut ws = upgraded(near, Config::default());
        let mut peer = Peer::new(far);
        // Fill the pipe, so that no Pong can leave.
        let filler = vec![b'x'; 100 << 10];
        ws.feed_binary(&filler).await.unwrap();
        let flush = tokio::time::timeout(Duration::from_millis(10), ws.flush()).await;
        assert!(flush.is_err(), "the pipe took 100 KiB");
        for number in 0..1_000 {
            peer.send(ping(format!("{number}")).bytes()).await;
        }
        peer.send(text("behind").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "behind");
        let reader = tokio::spawn(async move { ws.next().await.is_none() });
        peer.expect(wire::BINARY, &filler).await;
        let mut pongs = Vec::new();
        while pongs.last().is_none_or(|last| last != b"999") {
            let frame = peer.next().await.unwrap();
            assert_eq!(frame.opcode, wire::PONG);
            pongs.push(frame.payload);
        }
        assert!(pongs.len() <= 2, "{} Pongs were queued", pongs.len());
        peer.send(close(1000, "").bytes()).await;
        peer.finish().await;
        peer.expect_close(1000).await;
        assert!(reader.await.unwrap());
    });
}

#[test]
fn a_ping_of_our_own_is_sent_with_its_payload() {
    paused(async {
        let (mut ws, mut peer) = open();
        ws.ping("are you there").await.unwrap();
        ws.flush().await.unwrap();
        peer.expect(wire::PING, "are you there").await;
        ws.ping(vec![7; 125]).await.unwrap();
        ws.flush().await.unwrap();
        peer.expect(wire::PING, [7; 125]).await;
        let error = ws.ping(vec![7; 126]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(ws.stats().sent.pings, 2);
    });
}

#[test]
fn an_observer_sees_every_control_frame() {
    paused(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let (near, far) = tokio::io::duplex(64 << 10);
        let connecting = longwire::connect("ws://server.example/")
            .on_control(move |frame| {
                notes.lock().unwrap().push(match frame {
                    ControlFrame::Ping(payload) => format!("ping {payload:?}"),
                    ControlFrame::Pong(payload) => format!("pong {payload:?}"),
                    ControlFrame::Close(info) => format!("close {:?}", info.code),
                    other => format!("{other:?}"),
                });
            })
            .over(near);
        let mut peer = Peer::new(far);
        let (ws, _) = tokio::join!(connecting.into_future(), peer.switch());
        let mut ws = ws.unwrap();
        let frames = [
            ping([1]),
            text("a").more(),
            pong([2]),
            continuation("b"),
            close(1001, ""),
        ];
        peer.send(wire::concat(&frames)).await;
        peer.finish().await;
        assert_eq!(next_text(&mut ws).await, "ab");
        ends(&mut ws).await;
        assert_eq!(
            *seen.lock().unwrap(),
            ["ping [1]", "pong [2]", "close Some(CloseCode(1001))"]
        );
    });
}

#[test]
fn the_counters_count_each_way() {
    paused(async {
        let (mut ws, mut peer) = open();
        let frames = [
            text("four"),
            ping("p"),
            text("a").more(),
            continuation("bc"),
            pong("q"),
        ];
        peer.send(wire::concat(&frames)).await;
        ws.send("sent!").await.unwrap();
        ws.send_binary(b"123").await.unwrap();
        ws.ping("").await.unwrap();
        peer.send(text("end").bytes()).await;
        for _ in 0..3 {
            next_text(&mut ws).await;
        }
        let (received, sent) = (ws.stats().received, ws.stats().sent);
        assert_eq!((received.messages, received.bytes), (3, 10));
        assert_eq!((received.pings, received.pongs), (1, 1));
        assert_eq!((sent.messages, sent.bytes), (2, 8));
        assert_eq!((sent.pings, sent.pongs), (1, 1));
    });
}
