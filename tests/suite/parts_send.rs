//! Messages sent in parts: frames in order, text that stays text, and a message that nobody finishes.

use std::io;
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt, stream};
use longwire::bytes::Bytes;
use longwire::{CloseCode, Config, Error, ErrorKind, Liveness, MessageKind, Phase, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::parts::LITTLE;
use crate::support::random::Random;
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, open, open_with, upgraded};
use crate::support::verdict::{ends, next_text};
use crate::support::wire::{self, ClientFrame, close, concat, ping, text};

/// The frames of the client's next message; between them there may be nothing else.
async fn frames<T>(peer: &mut Peer<T>) -> Vec<ClientFrame>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut frames = Vec::new();
    loop {
        let frame = peer.next().await.expect("a frame of the client");
        assert!(frame.opcode <= wire::BINARY, "{frame:?}");
        frames.push(frame);
        if frames.last().is_some_and(|frame| frame.fin) {
            return frames;
        }
    }
}

/// The kind of the client's next message, and all of it.
async fn joined<T>(peer: &mut Peer<T>) -> (u8, Vec<u8>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let frames = frames(peer).await;
    let opcode = frames[0].opcode;
    let payloads = frames.into_iter().map(|frame| frame.payload);
    (opcode, payloads.collect::<Vec<_>>().concat())
}

async fn expect_part<T>(peer: &mut Peer<T>, opcode: u8, fin: bool, payload: &str)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let frame = peer.next().await.expect("a frame of the client");
    assert_eq!((frame.opcode, frame.fin), (opcode, fin), "{frame:?}");
    assert_eq!(frame.payload, payload.as_bytes());
}

#[track_caller]
fn refuses(done: Result<(), Error>, what: &str) {
    let error = done.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn each_chunk_is_a_frame_and_the_end_is_one_too() {
    paused(async {
        let (mut ws, mut peer) = open();
        let mut message = ws.send_parts(MessageKind::Text);
        assert_eq!(message.kind(), MessageKind::Text);
        message.send("a").await.unwrap();
        expect_part(&mut peer, wire::TEXT, false, "a").await;
        message.feed("").await.unwrap();
        message.feed("bc").await.unwrap();
        assert_eq!(message.get_ref().stats().sent.messages, 0);
        message.finish().await.unwrap();
        expect_part(&mut peer, wire::CONTINUATION, false, "bc").await;
        expect_part(&mut peer, wire::CONTINUATION, true, "").await;
        refuses(message.feed("late").await, "finished");
        message.finish().await.unwrap();

        // One of no chunks is empty.
        ws.send_parts(MessageKind::Binary).finish().await.unwrap();
        expect_part(&mut peer, wire::BINARY, true, "").await;
        ws.send("whole").await.unwrap();
        peer.expect(wire::TEXT, "whole").await;
        let sent = ws.stats().sent;
        assert_eq!((sent.messages, sent.bytes), (3, 8));
    });
}

#[test]
fn chunks_of_every_size_arrive_by_every_way_to_write() {
    paused(async {
        let mut random = Random::new();
        for fragment_size in [None, Some(1_000)] {
            let mut config = Config::default();
            if let Some(bytes) = fragment_size {
                config = config.fragment_size(bytes);
            }
            let (mut ws, mut peer) = open_with(config);
            for size in [
                0, 1, 2, 125, 126, 127, 1_000, 1_001, 16_383, 16_384, 65_535, 65_536, 300_000,
            ] {
                let content = random.bytes(3 * size);
                let (first, rest) = content.split_at(size);
                let chunks = [first, rest].map(Bytes::copy_from_slice);
                for way in 0..4 {
                    let mut message = ws.send_parts(MessageKind::Binary);
                    match way {
                        0 => {
                            for chunk in chunks.clone() {
                                message.send(chunk).await.unwrap();
                            }
                            message.finish().await.unwrap();
                        }
                        1 => {
                            message.write_all(first).await.unwrap();
                            message.write_all(rest).await.unwrap();
                            message.shutdown().await.unwrap();
                        }
                        2 => {
                            let chunks = stream::iter(chunks.clone().map(Ok));
                            chunks.forward(&mut message).await.unwrap();
                        }
                        _ => {
                            let mut buffered = BufWriter::new(&mut message);
                            for byte in first {
                                buffered.write_u8(*byte).await.unwrap();
                            }
                            buffered.write_all(rest).await.unwrap();
                            buffered.shutdown().await.unwrap();
                        }
                    }
                    let frames = frames(&mut peer).await;
                    let payloads = || frames.iter().map(|frame| &frame.payload[..]);
                    assert!(
                        payloads().collect::<Vec<_>>().concat() == content,
                        "{way} {size}"
                    );
                    let most = fragment_size.unwrap_or(usize::MAX);
                    assert!(payloads().all(|payload| payload.len() <= most));
                }
            }
        }
    });
}

#[test]
fn text_may_be_cut_anywhere() {
    paused(async {
        let (mut ws, mut peer) = open();
        let whole = "a€🦀é.";
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                let bytes = whole.as_bytes();
                let mut message = ws.send_parts(MessageKind::Text);
                for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    message.write_all(part).await.unwrap();
                }
                message.finish().await.unwrap();
                assert_eq!(joined(&mut peer).await, (wire::TEXT, bytes.to_vec()));
            }
        }
    });
}

#[test]
fn a_chunk_that_makes_no_text_is_refused_and_nothing_of_it_is_sent() {
    paused(async {
        let (mut ws, mut peer) = open();
        let mut message = ws.send_parts(MessageKind::Text);
        refuses(message.send(&b"x\xff"[..]).await, "UTF-8");
        message.send(&b"a\xe2\x82"[..]).await.unwrap();
        refuses(message.send("b").await, "UTF-8");
        let error = message.write_all(b"ok\xc0\xaf").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.get_ref().unwrap().is::<Error>());
        refuses(message.finish().await, "character");
        message.send(&b"\xac"[..]).await.unwrap();
        message.finish().await.unwrap();
        assert_eq!(joined(&mut peer).await, (wire::TEXT, "a€".into()));

        let mut message = ws.send_parts(MessageKind::Binary);
        message.send(&b"\xff"[..]).await.unwrap();
        message.finish().await.unwrap();
        assert_eq!(joined(&mut peer).await, (wire::BINARY, vec![0xff]));
    });
}

#[test]
fn pings_are_answered_between_the_parts() {
    paused(async {
        let (mut ws, mut peer) = open();
        let mut message = ws.send_parts(MessageKind::Text);
        message.send("a").await.unwrap();
        expect_part(&mut peer, wire::TEXT, false, "a").await;
        peer.send(ping("1").bytes()).await;
        message.send("b").await.unwrap();
        peer.expect(wire::PONG, "1").await;
        expect_part(&mut peer, wire::CONTINUATION, false, "b").await;
        message.finish().await.unwrap();
        expect_part(&mut peer, wire::CONTINUATION, true, "").await;
    });
}

/// The server sends its Ping, and reads nothing before it: the Pong comes while the writer waits.
#[test]
fn a_ping_is_answered_while_the_writer_waits_and_what_comes_behind_is_kept() {
    paused(async {
        let (near, far) = tokio::io::duplex(1_000);
        let mut peer = Peer::new(far);
        let mut ws = upgraded(near, Config::default().write_high_water(0));
        let sending = async {
            let mut message = ws.send_parts(MessageKind::Binary);
            for _ in 0..10 {
                message.feed(vec![7; 10_000]).await.unwrap();
            }
            message.finish().await.unwrap();
        };
        let server = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.send(ping("p").bytes()).await;
            let mut before = 0;
            let mut received = 0;
            let mut fin = false;
            while !fin {
                let frame = peer.next().await.unwrap();
                if frame.opcode == wire::PONG {
                    before = received;
                    peer.send(concat([&text("in"), &ping("behind")])).await;
                } else {
                    received += frame.payload.len();
                    fin = frame.fin;
                }
            }
            (before, received)
        };
        let ((), (before, received)) = tokio::join!(sending, server);
        assert_eq!(received, 100_000);
        assert!((10_000..=20_000).contains(&before), "{before}");
        // What is behind the message is not looked at before that.
        assert_eq!(ws.stats().received.pings, 1);
        assert_eq!(next_text(&mut ws).await, "in");
        assert!(ws.next().now_or_never().is_none());
        peer.expect(wire::PONG, "behind").await;
    });
}

#[test]
fn a_close_of_the_server_ends_the_message() {
    paused(async {
        let (mut ws, mut peer) = open();
        let mut message = ws.send_parts(MessageKind::Text);
        message.send("half").await.unwrap();
        peer.send(close(1001, "enough").bytes()).await;
        let error = message.send("more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(error.close_info().unwrap().reason, "enough");
        assert_eq!(
            message.finish().await.unwrap_err().kind(),
            ErrorKind::Closed
        );
        expect_part(&mut peer, wire::TEXT, false, "half").await;
        let server = async {
            peer.expect_close(1001).await;
            peer.finish().await;
        };
        tokio::join!(ends(&mut ws), server);
        assert!(ws.close_info().unwrap().clean);
    });
}

#[test]
fn a_message_that_was_not_begun_leaves_nothing() {
    paused(async {
        let (mut ws, mut peer) = open();
        let _ = ws.send_parts(MessageKind::Text);
        let mut message = ws.send_parts(MessageKind::Text);
        message.feed("").await.unwrap();
        assert!(ws.resume_parts().is_none());
        ws.send("next").await.unwrap();
        peer.expect(wire::TEXT, "next").await;
    });
}

async fn refuses_messages<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WsStream<T>) {
    let refused = [
        ws.send("x").await,
        ws.send("").await,
        ws.feed(b"x").await,
        ws.send_text("").await,
        ws.feed_binary(b"x").await,
        SinkExt::feed(&mut *ws, "x".into()).await,
        futures::Sink::start_send(std::pin::Pin::new(&mut *ws), "x".into()),
        ws.send_parts(MessageKind::Text).send("x").await,
        ws.send_parts(MessageKind::Text).finish().await,
    ];
    for done in refused {
        refuses(done, "resume_parts");
    }
}

#[test]
fn a_message_that_was_dropped_unfinished_stays_open_until_it_is_finished() {
    paused(async {
        for high_water in [0, 128 << 10, usize::MAX] {
            let config = Config::default().write_high_water(high_water);
            let (mut ws, mut peer) = open_with(config);
            ws.send_parts(MessageKind::Text).send("a").await.unwrap();
            refuses_messages(&mut ws).await;
            // Everything else goes on.
            ws.ping("p").await.unwrap();
            peer.send(concat([&ping("q"), &text("in")])).await;
            assert_eq!(next_text(&mut ws).await, "in");
            ws.flush().await.unwrap();

            let mut message = ws.resume_parts().unwrap();
            assert_eq!(message.kind(), MessageKind::Text);
            refuses(message.send(&b"\xff"[..]).await, "UTF-8");
            message.send("b").await.unwrap();
            ws.resume_parts().unwrap().finish().await.unwrap();
            assert!(ws.resume_parts().is_none());
            ws.send("next").await.unwrap();

            expect_part(&mut peer, wire::TEXT, false, "a").await;
            peer.expect(wire::PING, "p").await;
            peer.expect(wire::PONG, "q").await;
            expect_part(&mut peer, wire::CONTINUATION, false, "b").await;
            expect_part(&mut peer, wire::CONTINUATION, true, "").await;
            peer.expect(wire::TEXT, "next").await;
        }
    });
}

#[test]
fn a_connection_can_be_closed_inside_a_message() {
    paused(async {
        let (mut ws, mut peer) = open();
        ws.send_parts(MessageKind::Text).send("a").await.unwrap();
        let server = async {
            expect_part(&mut peer, wire::TEXT, false, "a").await;
            peer.answer_close(1000).await;
        };
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL, ""), server);
        assert!(closed.unwrap().clean);
        let late = ws.resume_parts().unwrap().send("b").await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Closed);
    });
}

#[test]
fn halves_refuse_messages_too_while_one_is_open() {
    paused(async {
        let (mut ws, mut peer) = open();
        ws.send_parts(MessageKind::Text).send("a").await.unwrap();
        let (mut sender, receiver) = ws.split();
        refuses(sender.send("x").await, "resume_parts");
        refuses(sender.feed_text("x").await, "resume_parts");
        assert!(sender.try_send("x").is_err());
        let mut ws = receiver.reunite(sender).unwrap();
        ws.resume_parts().unwrap().finish().await.unwrap();
        assert_eq!(joined(&mut peer).await, (wire::TEXT, b"a".to_vec()));
    });
}

#[test]
fn the_applications_ping_does_not_go_into_a_message() {
    paused(async {
        let liveness = Liveness::default().app_ping("ask", |text| text == "answer");
        let (mut ws, mut peer) = open_with(Config::default().liveness(liveness));
        ws.send_parts(MessageKind::Binary).send("a").await.unwrap();
        let server = tokio::spawn(async move {
            expect_part(&mut peer, wire::BINARY, false, "a").await;
            for _ in 0..5 {
                // Pings in its place, which show whether the server is there.
                let frame = peer.next().await.unwrap();
                assert_eq!(frame.opcode, wire::PING);
                peer.send(wire::pong(&frame.payload).bytes()).await;
            }
            peer.send(text("in").bytes()).await;
            peer
        });
        assert_eq!(next_text(&mut ws).await, "in");
        ws.resume_parts().unwrap().finish().await.unwrap();
        let mut peer = server.await.unwrap();
        expect_part(&mut peer, wire::CONTINUATION, true, "").await;
        let server = async {
            peer.expect(wire::TEXT, "ask").await;
            peer.send(concat([&text("answer"), &text("last")])).await;
        };
        tokio::join!(server, async {
            assert_eq!(next_text(&mut ws).await, "last");
        });
    });
}

#[test]
fn a_long_message_takes_little_memory_and_waits_for_a_server_that_does_not_read() {
    let bound = LITTLE + (256 << 10);
    real(async {
        let io = Endless::new(Vec::new(), vec![0]).turns(0, Exhausted::Blocks);
        let mut ws = upgraded(io, Config::default());
        let chunk = vec![7; 64 << 10];
        let meter = Meter::start();
        let mut message = ws.send_parts(MessageKind::Binary);
        for _ in 0..2_000 {
            message.write_all(&chunk).await.unwrap();
        }
        message.finish().await.unwrap();
        assert!(meter.peak() < bound, "{} bytes", meter.peak());
        assert_eq!(ws.stats().sent.bytes, 2_000 * (64 << 10));
    });
    paused(async {
        let io = Endless::new(Vec::new(), vec![0])
            .turns(0, Exhausted::Blocks)
            .never_writable();
        let mut ws = upgraded(io, Config::default());
        let content = vec![7; 8 << 20];
        let meter = Meter::start();
        let mut message = ws.send_parts(MessageKind::Binary);
        let error = message.write_all(&content).await.unwrap_err();
        // Nobody reads what is sent, nor answers: the server is gone.
        let error = error.into_inner().unwrap().downcast::<Error>().unwrap();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::NoPong, Phase::Open)
        );
        assert!(meter.peak() < bound, "{} bytes", meter.peak());
    });
}
