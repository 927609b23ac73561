//! Messages received in parts, and not to their end, among others that are received whole.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{FutureExt, Stream};
use longwire::{CloseCode, Config, ErrorKind, Message, MessageRef, Phase, WsStream};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::task::unconstrained;

use crate::support::alloc::Meter;
use crate::support::io::{Chaos, Cuts, Endless, Exhausted};
use crate::support::parts::{LITTLE, begins, whole};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::{open, open_with, upgraded};
use crate::support::subjects::polled;
use crate::support::verdict::{fails, next_text};
use crate::support::wire::{self, binary, concat, continuation, ping, text};

const GIB: u64 = 1 << 30;

/// Read up to a point, dropped there, with the rest at hand or still to come: whatever receives next
/// gives the message behind it.
#[test]
fn the_rest_of_a_message_that_nobody_reads_is_passed_over() {
    paused(async {
        let long = "🦀".repeat(30_000);
        let (head, tail) = long.as_bytes().split_at(70_001);
        let frames = [
            text(head).more(),
            ping("p"),
            continuation(tail),
            text("next"),
        ];
        let bytes = concat(&frames);
        for at_once in [true, false] {
            for taken in [0, 1, 69_999, 70_001, 70_002, long.len() - 1, long.len()] {
                for way in 0..3 {
                    let (mut ws, mut peer) = open();
                    if at_once {
                        peer.send(&bytes).await;
                    } else {
                        peer.send(&bytes[..71_000]).await;
                    }
                    let mut message = begins(&mut ws).await;
                    let mut part = vec![0; taken.min(70_500)];
                    message.read_exact(&mut part).await.unwrap();
                    assert_eq!(part, &long.as_bytes()[..part.len()]);
                    if !at_once {
                        peer.send(&bytes[71_000..]).await;
                    }
                    match way {
                        0 => assert_eq!(next_text(&mut ws).await, "next"),
                        1 => assert_eq!(whole(&mut ws).await, b"next"),
                        _ => {
                            let mut batch = ws.next_batch().await.unwrap().unwrap();
                            assert_eq!(batch.next(), Some(MessageRef::Text("next")));
                        }
                    }
                    peer.expect(wire::PONG, "p").await;
                    assert_eq!(ws.stats().received.messages, 2);
                }
            }
        }
    });
}

#[test]
fn what_is_passed_over_is_still_judged() {
    paused(async {
        for (bad, kind) in [
            (continuation([0xff]), ErrorKind::Utf8),
            (text("new"), ErrorKind::Protocol),
            (continuation([b'x'; 100]), ErrorKind::TooLarge),
        ] {
            let (mut ws, mut peer) = open_with(Config::default().max_parts_size(100));
            peer.send(concat([&text("a").more(), &bad])).await;
            let _ = begins(&mut ws).await;
            fails(&mut ws, kind, Phase::Open).await;
        }
        // And no more memory is held of it than of what is read.
        let io = Endless::new(binary("").declaring(GIB).bytes(), vec![7; 1 << 20])
            .turns(1 << 10, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default());
        let meter = Meter::start();
        begins(&mut ws).await.chunk().await.unwrap().unwrap();
        fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
        assert!(meter.peak() < LITTLE, "{} bytes", meter.peak());
        assert_eq!(ws.stats().received.messages, 1);
    });
}

#[test]
fn a_close_with_a_message_half_read_discards_the_rest() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(concat([&text("a").more(), &continuation("b")]))
            .await;
        begins(&mut ws).await.chunk().await.unwrap().unwrap();
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL, ""), peer.answer_close(1000));
        assert!(closed.unwrap().clean);
    });
}

/// A message that `next` has begun to receive, or that a batch has lent, is given from its beginning.
#[test]
fn messages_are_received_whole_and_in_parts_in_any_order() {
    paused(async {
        let (mut ws, mut peer) = open();
        let long = vec![7; 9_000];
        let frames = [
            text("1"),
            text("2").more(),
            ping(""),
            continuation("2"),
            text("3"),
            text("4").more(),
            continuation("4"),
        ];
        peer.send(concat(&frames)).await;
        assert_eq!(next_text(&mut ws).await, "1");
        assert_eq!(whole(&mut ws).await, b"22");
        assert_eq!(next_text(&mut ws).await, "3");
        // Lent, and not taken.
        ws.next_batch().await.unwrap().unwrap();
        assert_eq!(whole(&mut ws).await, b"44");

        let bytes = concat([&binary(&long).more(), &continuation(&long), &text("5")]);
        for cut in [1, 2, 3, 5, 5_000, 9_003, 9_004, 9_006, 18_000] {
            peer.send(&bytes[..cut]).await;
            assert!(ws.next().now_or_never().is_none());
            peer.send(&bytes[cut..]).await;
            assert_eq!(whole(&mut ws).await, long.repeat(2), "cut at {cut}");
            assert_eq!(next_text(&mut ws).await, "5");
        }
        // A character that the cut goes through.
        let frame = text("€€").bytes();
        for cut in 1..frame.len() {
            peer.send(&frame[..cut]).await;
            assert!(ws.next().now_or_never().is_none());
            peer.send(&frame[cut..]).await;
            assert_eq!(whole(&mut ws).await, "€€".as_bytes(), "cut at {cut}");
        }
        assert_eq!(ws.stats().received.messages, 4 + 2 * 9 + 7);
    });
}

/// Random conversations through a transport that cuts and stalls, received in every way there is, by
/// futures and readers that are dropped at any poll.
#[test]
fn whatever_is_dropped_the_messages_behind_it_are_right() {
    paused(unconstrained(async {
        let mut random = Random::new();
        let mut counts = [0; 4];
        for _ in 0..200 {
            let messages: Vec<Message> = (0..40).map(|_| message(&mut random)).collect();
            let mut bytes = Vec::new();
            for message in &messages {
                bytes.extend(in_frames(message, &mut random));
            }
            let io = Chaos::over(Endless::new(bytes, vec![0]).turns(0, Exhausted::Ends))
                .read_cuts(Cuts::Random(random.fork(), 5_000))
                .not_ready_one_in(3, random.fork());
            let mut ws = upgraded(io, Config::default());
            let mut left = &messages[..];
            while !left.is_empty() {
                let polls = 1 + random.below(4);
                let (way, taken) = receive(&mut ws, left, polls, &mut random);
                counts[way] += usize::from(taken > 0);
                left = &left[taken..];
            }
            assert_eq!(
                ws.next().await.unwrap().unwrap_err().kind(),
                ErrorKind::Reset
            );
        }
        assert!(counts.iter().all(|count| *count > 200), "{counts:?}");
    }));
}

fn message(random: &mut Random) -> Message {
    let length = match random.below(10) {
        0 => 0,
        1 => random.below(100_000),
        2..5 => random.below(5_000),
        _ => random.below(100),
    };
    if random.one_in(2) {
        Message::from(random.text(length))
    } else {
        Message::from(random.bytes(length))
    }
}

fn in_frames(message: &Message, random: &mut Random) -> Vec<u8> {
    let mut rest = message.as_bytes();
    let opcode = if message.is_text() {
        wire::TEXT
    } else {
        wire::BINARY
    };
    let (mut opcode, mut bytes) = (opcode, Vec::new());
    while random.one_in(2) {
        let (head, tail) = rest.split_at(random.below(rest.len() + 1));
        bytes.extend(wire::frame(opcode, head).more().bytes());
        if random.one_in(3) {
            bytes.extend(ping("p").bytes());
        }
        (opcode, rest) = (wire::CONTINUATION, tail);
    }
    bytes.extend(wire::frame(opcode, rest).bytes());
    bytes
}

/// Receives in a random way: which way that was, and how many messages are over.
fn receive<T>(
    ws: &mut WsStream<T>,
    due: &[Message],
    polls: usize,
    random: &mut Random,
) -> (usize, usize)
where
    T: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    match random.below(4) {
        0 => {
            let Some(item) = polled(polls, ws.next()) else {
                return (0, 0);
            };
            assert!(item.unwrap().unwrap() == due[0]);
            (0, 1)
        }
        1 => {
            let Some(batch) = polled(polls, ws.next_batch()) else {
                return (1, 0);
            };
            let batch = batch.unwrap().unwrap().take(1 + random.below(3));
            let taken: Vec<Message> = batch.map(Message::from).collect();
            assert!(taken == due[..taken.len()]);
            (1, taken.len())
        }
        _ => {
            let Some(begun) = polled(polls, ws.next_parts()) else {
                return (2, 0);
            };
            let mut message = begun.unwrap().unwrap();
            assert_eq!(message.kind(), due[0].kind());
            let mut received = Vec::new();
            // Dropped, with whatever is left of its message, after so many polls.
            let most = if random.one_in(2) { 3 } else { 200 };
            for _ in 0..random.below(most) {
                if received_part(&mut message, &mut received, random) {
                    assert!(received == due[0].as_bytes());
                    return (3, 1);
                }
                assert!(due[0].as_bytes().starts_with(&received));
            }
            (2, 1)
        }
    }
}

/// One poll of a reader in a random way; true at the message's end.
fn received_part(
    message: &mut (impl AsyncRead + Stream<Item = Result<bytes::Bytes, longwire::Error>> + Unpin),
    received: &mut Vec<u8>,
    random: &mut Random,
) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    if random.one_in(2) {
        return match Pin::new(message).poll_next(cx) {
            Poll::Ready(Some(chunk)) => {
                received.extend(chunk.unwrap());
                false
            }
            polled => polled.is_ready(),
        };
    }
    let mut buffer = [0; 3_000];
    let mut buffer = ReadBuf::new(&mut buffer[..=random.below(3_000)]);
    let polled = Pin::new(message).poll_read(cx, &mut buffer);
    received.extend(buffer.filled());
    polled.is_ready() && buffer.filled().is_empty()
}
