//! Compressed messages in parts (RFC 7692): inflated as they arrive, whatever comes out of them.

use futures::FutureExt;
use longwire::{Deflate, ErrorKind, MessageKind, Phase};

use crate::support::alloc::Meter;
use crate::support::compressed::{agreed, agreed_with, asking, binary, received, text};
use crate::support::deflate::{Blocks, Encoder, Symbol};
use crate::support::inflate::StrictInflater;
use crate::support::parts::{LITTLE, begins, rest, whole};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::verdict::{assert_error, ends, next_text};
use crate::support::wire::{self, concat, continuation, ping};

/// What inflating takes beside the read buffer: a window, what came out last, and a copy of it.
const INFLATING: i64 = LITTLE + (192 << 10);

/// `length` bytes of zero, in a thousandth of them.
fn zeros(length: usize) -> Vec<u8> {
    let repeat = Symbol::Repeat {
        length: 258,
        distance: 1,
    };
    let mut symbols = vec![Symbol::Literal(0)];
    symbols.extend(std::iter::repeat_n(repeat, length / 258));
    Blocks::default().fixed(false, &symbols).message()
}

#[test]
fn compressed_messages_are_the_same_however_they_are_cut() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        let frames = [
            text(hello),
            text(&hello[..3]).more(),
            ping("p"),
            continuation("").more(),
            continuation(&hello[3..]).more(),
            continuation(""),
            // It repeats the one before.
            text(b"\xf2\x00\x11\x00\x00"),
            text(""),
            // And one that is not compressed between them.
            wire::text("plain"),
            text(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
        ];
        let bytes = concat(&frames);
        for step in [1, 2, 3, 5, 8, bytes.len()] {
            for piece in bytes.chunks(step) {
                peer.send(piece).await;
            }
            for expected in ["Hello", "Hello", "Hello", "", "plain", "Hello"] {
                let message = begins(&mut ws).await;
                assert!(message.is_text());
                let (found, error) = rest(message).await;
                assert!(error.is_none(), "{error:?}");
                assert_eq!(found, expected.as_bytes(), "in steps of {step}");
            }
        }
    });
}

/// Some are read whole, some in parts, some are dropped: the window is that of all of them.
#[test]
fn what_is_passed_over_is_remembered() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut random = Random::new();
        let mut encoder = Encoder::new(15, true);
        let content = random.bytes(20_000);
        for number in 0..100 {
            let at = random.below(10_000);
            let message = &content[at..at + 1 + random.below(10_000)];
            let payload = encoder.message(message);
            let (head, tail) = payload.split_at(random.below(payload.len() + 1));
            let frames = [binary(head).more(), continuation(tail)];
            peer.send(concat(&frames)).await;
            match random.below(3) {
                0 => assert!(ws.next().await.unwrap().unwrap().as_bytes() == message),
                1 => assert!(whole(&mut ws).await == message, "message {number}"),
                _ => {
                    let first = begins(&mut ws).await.chunk().await.unwrap().unwrap();
                    assert!(message.starts_with(&first));
                }
            }
        }
        // The rest of one that was dropped is looked at when something comes behind it.
        peer.send(wire::text("last").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "last");
        let received = ws.stats().received;
        assert_eq!(
            (received.messages, received.compressed.messages),
            (101, 100)
        );
        assert_eq!(received.compressed.bytes_before, received.bytes - 4);
    });
}

#[test]
fn a_message_that_inflates_to_more_than_the_limit_for_whole_ones_takes_little_memory() {
    paused(async {
        let settings = || asking(Deflate::default()).max_message_size(1 << 20);
        let (mut ws, mut peer) = agreed_with(settings(), "").await;
        let payload = zeros(64 << 20);
        // Twice, so that what the thread's connections share is there.
        for _ in 0..2 {
            peer.send(binary(&payload).bytes()).await;
            let meter = Meter::start();
            let mut message = begins(&mut ws).await;
            let mut received = 0;
            while let Some(chunk) = message.chunk().await {
                received += chunk.unwrap().len();
            }
            assert!(received > 63 << 20);
            assert!(meter.peak() < INFLATING, "{} bytes", meter.peak());
        }
        // For whole messages the limit is what it was.
        peer.send(binary(&payload).bytes()).await;
        let error = ws.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    });
}

#[test]
fn a_message_of_which_a_part_was_inflated_whole_goes_on_in_parts() {
    paused(async {
        let settings = asking(Deflate::default()).max_message_size(2 << 20);
        let (mut ws, mut peer) = agreed_with(settings, "").await;
        let payload = zeros(64 << 20);
        let (head, tail) = payload.split_at(1_000);
        peer.send(binary(head).more().bytes()).await;
        assert!(ws.next().now_or_never().is_none());
        peer.send(continuation(tail).bytes()).await;
        assert!(whole(&mut ws).await.len() > 63 << 20);
        assert_eq!(ws.stats().received.compressed.messages, 1);
    });
}

#[test]
fn the_limit_is_on_what_comes_out() {
    paused(async {
        let settings = || asking(Deflate::default()).max_parts_size(100_000);
        let (mut ws, mut peer) = agreed_with(settings(), "").await;
        peer.send(binary(zeros(99_000)).bytes()).await;
        assert!(whole(&mut ws).await.len() > 98_000);
        peer.send(binary(zeros(101_000)).bytes()).await;
        let (bytes, error) = rest(begins(&mut ws).await).await;
        let error = error.unwrap();
        assert_error(&error, ErrorKind::TooLarge, Phase::Open);
        assert!(error.to_string().contains("max_parts_size"), "{error}");
        assert!(bytes.len() <= 100_000);
        ends(&mut ws).await;
        peer.expect_close(1009).await;

        // An announcement that is out of all proportion.
        let (mut ws, mut peer) = agreed_with(settings(), "").await;
        peer.send(binary("").declaring(1 << 40).bytes()).await;
        let error = ws.next_parts().await.unwrap().unwrap_err();
        assert_error(&error, ErrorKind::TooLarge, Phase::Open);
        peer.expect_close(1009).await;
    });
}

#[test]
fn what_cannot_be_inflated_or_is_no_text_fails_the_connection() {
    paused(async {
        let bad_text = Blocks::default().stored(false, b"a\xff").message();
        for (frames, kind) in [
            (vec![binary([0xff; 10])], ErrorKind::Deflate),
            // It ends inside a block.
            (
                vec![text(b"\xf2\x48").more(), continuation("")],
                ErrorKind::Deflate,
            ),
            (vec![text(bad_text)], ErrorKind::Utf8),
            (
                vec![text("").more(), continuation("").rsv(0b100)],
                ErrorKind::Protocol,
            ),
        ] {
            for skipped in [false, true] {
                let (mut ws, mut peer) = agreed("").await;
                peer.send(concat(&frames)).await;
                if skipped {
                    let _ = begins(&mut ws).await;
                    let error = ws.next().await.unwrap().unwrap_err();
                    assert_error(&error, kind, Phase::Open);
                } else {
                    let (_, error) = rest(begins(&mut ws).await).await;
                    assert_error(&error.unwrap(), kind, Phase::Open);
                }
                ends(&mut ws).await;
            }
        }
    });
}

/// Its fault is found while the part before it is taken, and told to whoever asks for it: the text behind
/// it does not go on as if nothing had been there.
#[test]
fn a_part_that_is_no_text_is_not_left_out() {
    paused(async {
        let repeats = |count| {
            std::iter::repeat_n(
                Symbol::Repeat {
                    length: 258,
                    distance: 1,
                },
                count,
            )
        };
        let mut symbols = vec![Symbol::Literal(b'a')];
        symbols.extend(repeats(300));
        symbols.push(Symbol::Literal(0xff));
        symbols.push(Symbol::Literal(b'a'));
        symbols.extend(repeats(900));
        let payload = Blocks::default().fixed(false, &symbols).message();
        let (mut ws, mut peer) = agreed("").await;
        peer.send(text(payload).bytes()).await;
        let (bytes, error) = rest(begins(&mut ws).await).await;
        assert_error(&error.unwrap(), ErrorKind::Utf8, Phase::Open);
        assert!(bytes.len() <= 1 + 300 * 258 && bytes.iter().all(|&byte| byte == b'a'));
        ends(&mut ws).await;
        peer.expect_close(1007).await;
    });
}

/// Uncompressed messages always are allowed (RFC 7692 §6), and the compressor never saw this one.
#[test]
fn a_message_sent_in_parts_goes_uncompressed_between_compressed_ones() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut inflater = StrictInflater::new(15, true);
        let long = "the same, ".repeat(50);
        for _ in 0..3 {
            ws.send_text(&long).await.unwrap();
            let (bytes, compressed) = received(&mut peer, &mut inflater).await;
            assert_eq!((&bytes[..], compressed), (long.as_bytes(), true));
            let mut message = ws.send_parts(MessageKind::Text);
            message.send(long.clone()).await.unwrap();
            message.finish().await.unwrap();
            let (bytes, compressed) = received(&mut peer, &mut inflater).await;
            assert_eq!((&bytes[..], compressed), (long.as_bytes(), false));
        }
    });
}
