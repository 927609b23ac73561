//! Messages received in parts: of any length and in little memory, with the same rules and verdicts.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use longwire::{CloseCode, Config, ErrorKind, Liveness, Message, MessageKind, Phase};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, DuplexStream};

use crate::support::alloc::Meter;
use crate::support::io::{Chaos, Cuts, Endless, Exhausted};
use crate::support::parts::{LITTLE, begins, rest, whole};
use crate::support::pipe::pipe;
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, open, open_with, upgraded};
use crate::support::verdict::{assert_error, ends, fails, next_text};
use crate::support::wire::{
    self, ClientFrames, Frame, binary, close, concat, continuation, ping, pong, text,
};

const GIB: u64 = 1 << 30;

/// The connection must fail inside the next message.
async fn breaks_off(
    config: Config,
    frames: &[Frame],
    before: &[u8],
    kind: ErrorKind,
    code: CloseCode,
) {
    let (mut ws, mut peer) = open_with(config);
    peer.send(concat(frames)).await;
    let (bytes, error) = rest(begins(&mut ws).await).await;
    assert_eq!(bytes, before);
    assert_error(&error.expect("an error"), kind, Phase::Open);
    ends(&mut ws).await;
    peer.expect_close(code.into()).await;
    peer.expect_end().await;
}

/// A frame of 1 GiB, and a thousand fragments of a MiB: sixteen times what `next` would accept.
#[test]
fn a_message_of_a_gibibyte_takes_no_more_than_a_read_buffer() {
    real(async {
        let piece = vec![7; 1 << 20];
        let fragments = continuation(&piece).more().bytes();
        let turns = usize::try_from(GIB >> 20).unwrap();
        let transports = [
            Endless::new(binary("").declaring(GIB).bytes(), piece.clone()),
            Endless::new(binary("").more().bytes(), fragments),
        ];
        for io in transports {
            let mut ws = upgraded(io.turns(turns, Exhausted::Ends), Config::default());
            let meter = Meter::start();
            let mut message = begins(&mut ws).await;
            let mut received = 0;
            while received < GIB {
                let chunk = message.chunk().await.unwrap().unwrap();
                assert!(chunk.len() < 70_000, "{}", chunk.len());
                assert_eq!(chunk.last(), Some(&7));
                received += chunk.len() as u64;
            }
            assert_eq!(received, GIB);
            assert!(meter.peak() < LITTLE, "{} bytes", meter.peak());
        }
    });
}

#[test]
fn a_reader_of_bytes_takes_as_little_memory_and_ends_with_the_message() {
    real(async {
        let turns = 64;
        let text = "é".repeat(1 << 19);
        let head = wire::text("").declaring((turns * text.len()) as u64);
        let io = Endless::new(head.bytes(), text.into_bytes()).turns(turns, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default());
        let mut buffer = vec![0; 10_001];
        let meter = Meter::start();
        let mut message = begins(&mut ws).await;
        assert!(message.is_text() && message.kind() == MessageKind::Text);
        let mut received = 0;
        loop {
            let count = message.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            received += count;
        }
        assert_eq!(received, turns << 20);
        assert!(meter.peak() < LITTLE, "{} bytes", meter.peak());
        assert_eq!(message.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(ws.stats().received.messages, 1);
        assert_eq!(ws.stats().received.bytes, (turns << 20) as u64);
        fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
    });
}

/// A conversation in which everything occurs: frames of all forms of length, empty ones, Pings
/// between fragments, characters that fragments cut.
fn conversation() -> (Vec<u8>, Vec<Message>) {
    let long = "k€r🦀".repeat(60);
    let (head, tail) = long.as_bytes().split_at(124);
    let frames = [
        text("whole"),
        text(&long[..1]).more(),
        ping("1"),
        continuation(&head[1..]).more(),
        continuation("").more(),
        continuation(tail),
        binary(""),
        text("").more(),
        ping("2"),
        continuation(""),
        binary([0xff; 300]),
        binary([1]).more(),
        continuation([2]),
        ping("3"),
    ];
    let messages = vec![
        Message::from("whole"),
        Message::from(long),
        Message::from(b""),
        Message::from(""),
        Message::from(vec![0xff; 300]),
        Message::from(&[1, 2]),
    ];
    (concat(&frames), messages)
}

fn replay(bytes: Vec<u8>) -> Endless {
    Endless::new(bytes, vec![0]).turns(0, Exhausted::Ends)
}

#[test]
fn wherever_the_bytes_are_cut_the_messages_are_the_same() {
    paused(async {
        let (bytes, messages) = conversation();
        let cuts = (1..bytes.len()).map(Cuts::Once);
        for cuts in cuts.chain([1, 2, 3, 5, 7].map(Cuts::Every)) {
            let what = format!("{cuts:?}");
            let io = Chaos::over(replay(bytes.clone())).read_cuts(cuts);
            let mut ws = upgraded(io, Config::default());
            for expected in &messages {
                let message = begins(&mut ws).await;
                assert_eq!(message.kind(), expected.kind(), "{what}");
                let (found, error) = rest(message).await;
                assert!(error.is_none(), "{what}: {error:?}");
                assert!(found == expected.as_bytes(), "{what}");
            }
            let end = ws.next_parts().await.unwrap();
            assert_eq!(end.unwrap_err().kind(), ErrorKind::Reset, "{what}");
            assert!(ws.next_parts().await.is_none());
            let received = ws.stats().received;
            assert_eq!((received.messages, received.pings), (6, 3), "{what}");
            let payload: usize = messages.iter().map(Message::len).sum();
            assert_eq!(received.bytes, payload as u64, "{what}");
        }
    });
}

#[test]
fn the_beginning_of_a_message_is_there_before_its_end_and_pings_are_answered_between() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(binary([7; 5]).declaring(1 << 40).bytes()).await;
        let mut message = begins(&mut ws).await;
        assert_eq!(message.chunk().await.unwrap().unwrap(), [7; 5][..]);
        assert!(message.chunk().now_or_never().is_none());
        peer.send([8; 3]).await;
        assert_eq!(message.next().await.unwrap().unwrap(), [8; 3][..]);

        let (mut ws, mut peer) = open();
        let frames = [text("a").more(), ping("p"), continuation("b").more()];
        peer.send(concat(&frames)).await;
        let mut message = begins(&mut ws).await;
        assert_eq!(message.chunk().await.unwrap().unwrap(), "a");
        assert_eq!(message.chunk().await.unwrap().unwrap(), "b");
        peer.expect(wire::PONG, "p").await;
        assert!(message.chunk().now_or_never().is_none());
        peer.send(concat([&ping("q"), &continuation("c")])).await;
        assert_eq!(message.chunk().await.unwrap().unwrap(), "c");
        peer.expect(wire::PONG, "q").await;
        assert!(message.chunk().await.is_none());
        assert_eq!(message.get_ref().stats().received.messages, 1);
    });
}

#[test]
fn lines_can_be_read_across_frames() {
    paused(async {
        let (mut ws, mut peer) = open();
        let frames = [
            text("one\ntw").more(),
            continuation("o\nthr").more(),
            continuation("ee"),
            text("other"),
        ];
        peer.send(concat(&frames)).await;
        let mut lines = begins(&mut ws).await.lines();
        for expected in ["one", "two", "three"] {
            assert_eq!(lines.next_line().await.unwrap().unwrap(), expected);
        }
        assert!(lines.next_line().await.unwrap().is_none());
        assert_eq!(next_text(&mut ws).await, "other");
    });
}

#[test]
fn text_fails_at_its_first_bad_byte() {
    paused(async {
        let fails_behind = async |frames: &[Frame], before: &str| {
            let (kind, code) = (ErrorKind::Utf8, CloseCode::INVALID_PAYLOAD);
            breaks_off(Config::default(), frames, before.as_bytes(), kind, code).await;
        };
        fails_behind(&[text(b"a\xff").declaring(1 << 40)], "").await;
        fails_behind(&[text("a").more(), continuation(b"b\xe2\x28").more()], "a").await;
        fails_behind(&[text("a").more(), pong(""), continuation([0xff])], "a").await;
        // A character that the message's end cuts.
        let cut = [text("a").more(), continuation([0xe2, 0x82])];
        let mut before = b"a".to_vec();
        before.extend([0xe2, 0x82]);
        let (mut ws, mut peer) = open();
        peer.send(concat(&cut)).await;
        let (bytes, error) = rest(begins(&mut ws).await).await;
        assert_eq!(bytes, before);
        assert_eq!(error.unwrap().kind(), ErrorKind::Utf8);
        peer.expect_close(1007).await;
    });
}

#[test]
fn the_rules_of_fragments_are_kept() {
    paused(async {
        let (kind, code) = (ErrorKind::Protocol, CloseCode::PROTOCOL_ERROR);
        for bad in [
            text("x"),
            binary("").more(),
            continuation("x").rsv(1),
            continuation("x").masked([1; 4]),
            ping("x").more(),
            wire::frame(3, ""),
        ] {
            breaks_off(
                Config::default(),
                &[binary("a").more(), bad],
                b"a",
                kind,
                code,
            )
            .await;
        }
        for bad in [continuation("x"), text("x").rsv(4)] {
            let (mut ws, mut peer) = open();
            peer.send(bad.bytes()).await;
            let error = ws.next_parts().await.unwrap().unwrap_err();
            assert_error(&error, kind, Phase::Open);
            ends(&mut ws).await;
            peer.expect_close(1002).await;
        }
    });
}

#[test]
fn the_limit_is_one_of_their_own_inclusive_and_judged_from_headers() {
    paused(async {
        // Above the limits for messages and frames, which still hold for `next`.
        let config = || {
            let config = Config::default().max_message_size(3).max_frame_size(2);
            config.max_parts_size(10)
        };
        let (mut ws, mut peer) = open_with(config());
        let frames = [
            binary([1; 10]),
            binary([2; 4]).more(),
            continuation([2; 6]).more(),
            continuation(""),
            binary([3; 3]),
        ];
        peer.send(concat(&frames)).await;
        assert_eq!(whole(&mut ws).await, [1; 10]);
        assert_eq!(whole(&mut ws).await, [2; 10]);
        fails(&mut ws, ErrorKind::TooLarge, Phase::Open).await;

        let (kind, code) = (ErrorKind::TooLarge, CloseCode::TOO_BIG);
        let frames = [binary([1; 10]).more(), continuation("").declaring(1 << 20)];
        breaks_off(config(), &frames, &[1; 10], kind, code).await;
        let (mut ws, mut peer) = open_with(config());
        peer.send(binary("").declaring(1 << 40).bytes()).await;
        let error = ws.next_parts().await.unwrap().unwrap_err();
        assert_error(&error, kind, Phase::Open);
        assert!(error.to_string().contains("max_parts_size"), "{error}");
        peer.expect_close(1009).await;
    });
}

#[test]
fn an_end_inside_a_message_is_an_error_and_not_its_end() {
    paused(async {
        for frames in [
            &[binary("abc").declaring(1 << 40)][..],
            &[text("abc").more()],
            &[text("ab").more(), continuation("c").more(), ping("")],
        ] {
            let (mut ws, mut peer) = open();
            peer.send(concat(frames)).await;
            peer.finish().await;
            let (bytes, error) = rest(begins(&mut ws).await).await;
            assert_eq!(bytes, b"abc");
            assert_error(&error.unwrap(), ErrorKind::Reset, Phase::Open);
            ends(&mut ws).await;

            let (mut ws, mut peer) = open();
            peer.send(concat(frames)).await;
            peer.finish().await;
            let mut bytes = Vec::new();
            let read = begins(&mut ws).await.read_to_end(&mut bytes).await;
            assert_eq!(
                read.unwrap_err().kind(),
                std::io::ErrorKind::ConnectionReset
            );
            assert_eq!(bytes, b"abc");
        }
    });
}

#[test]
fn a_close_inside_a_message_ends_cleanly_and_the_message_with_an_error() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(concat([&text("half").more(), &close(1001, "bye")]))
            .await;
        let server = async {
            peer.expect_close(1001).await;
            peer.finish().await;
        };
        let reading = async { rest(begins(&mut ws).await).await };
        let ((bytes, error), ()) = tokio::join!(reading, server);
        assert_eq!(bytes, b"half");
        let error = error.unwrap();
        assert_error(&error, ErrorKind::Closed, Phase::Closing);
        assert_eq!(error.close_info().unwrap().reason, "bye");
        assert!(ws.close_info().unwrap().clean);
        ends(&mut ws).await;
    });
}

#[test]
fn what_still_arrives_behind_our_close_can_be_read_in_parts() {
    paused(async {
        let (mut ws, mut peer) = open();
        ws.start_close(CloseCode::NORMAL, "").await.unwrap();
        peer.send(concat([&text("la").more(), &continuation("st")]))
            .await;
        peer.answer_close(1000).await;
        assert_eq!(whole(&mut ws).await, b"last");
        assert!(ws.next_parts().await.is_none());
    });
}

#[test]
fn answers_to_the_applications_ping_are_not_given() {
    paused(async {
        let liveness = Liveness::default().app_ping("ask", |text| text == "answer");
        let frames = [
            text("answer"),
            text("one"),
            text("answer"),
            ping(""),
            text("answer"),
            binary("answer"),
            text("t").more(),
            continuation("wo"),
            text("answer"),
            text("x".repeat(100_000)),
        ];
        let bytes = concat(&frames);
        for step in [1, 3, 7, usize::MAX] {
            let (mut ws, peer) = open_with(Config::default().liveness(liveness.clone()));
            let feeder = tokio::spawn(feed(peer, bytes.clone(), step));
            for expected in ["one", "answer", "two"] {
                assert_eq!(whole(&mut ws).await, expected.as_bytes(), "{step}");
            }
            assert_eq!(whole(&mut ws).await.len(), 100_000);
            drop(feeder.await.unwrap());
        }
    });
}

async fn feed(mut peer: Peer<DuplexStream>, bytes: Vec<u8>, step: usize) -> Peer<DuplexStream> {
    for piece in bytes.chunks(step) {
        peer.send(piece).await;
        tokio::task::yield_now().await;
    }
    peer
}

#[test]
fn liveness_is_kept_while_a_message_is_read() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(binary("x").declaring(1 << 40).bytes()).await;
        let (_, error) = rest(begins(&mut ws).await).await;
        assert_error(&error.unwrap(), ErrorKind::NoPong, Phase::Open);

        let (mut ws, mut peer) = open();
        peer.send(binary("x").declaring(1 << 40).bytes()).await;
        let drip = tokio::spawn(async move {
            while peer.try_send("x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let (_, error) = rest(begins(&mut ws).await).await;
        assert_error(&error.unwrap(), ErrorKind::Stalled, Phase::Open);
        drop(ws);
        drip.await.unwrap();
    });
}

#[test]
fn a_message_that_never_lacks_bytes_lets_other_tasks_run() {
    paused(async {
        let io = Endless::new(binary("").declaring(GIB).bytes(), vec![7; 1 << 10]);
        let reading = tokio::spawn(async move {
            let mut ws = upgraded(io, Config::default());
            let mut message = begins(&mut ws).await;
            while let Some(chunk) = message.chunk().await {
                chunk.unwrap();
            }
        });
        // Only an abort between two chunks can end it here.
        tokio::task::yield_now().await;
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn pongs_that_readers_queue_are_frames_of_their_own() {
    paused(async {
        let (bytes, messages) = conversation();
        let (near, far) = pipe(1_000);
        far.put(&bytes);
        let mut ws = upgraded(near, Config::default());
        for expected in &messages {
            assert_eq!(whole(&mut ws).await, expected.as_bytes());
        }
        let mut frames = ClientFrames::default();
        assert!(ws.next().now_or_never().is_none());
        frames.push(&far.take(1_000));
        let mut pongs = 0;
        while let Some(frame) = frames.next() {
            assert_eq!(frame.opcode, wire::PONG);
            pongs += 1;
        }
        assert!(pongs > 0 && !frames.inside_frame());
    });
}
