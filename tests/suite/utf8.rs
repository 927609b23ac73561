//! Text is UTF-8 (RFC 6455 §8.1): wherever it is cut, and from the first byte that cannot be.

use longwire::{CloseCode, ErrorKind};

use crate::support::run::paused;
use crate::support::scripted::open;
use crate::support::verdict::{breaks, fail_with, next_text};
use crate::support::wire::{self, Frame, continuation, text};

/// Twelve ways of not being UTF-8 (Unicode 16, table 3-7), each with the offset of the first byte
/// that cannot stand where it stands.
const INVALID: [(&str, &[u8], usize); 12] = [
    ("a lone continuation byte", b"ok\x80", 2),
    ("an overlong slash in two bytes", b"\xc0\xaf", 0),
    ("an overlong two-byte lead", b"\xc1\xbf", 0),
    ("an overlong form in three bytes", b"\xe0\x80\xaf", 1),
    ("an overlong form in four bytes", b"\xf0\x80\x80\xaf", 1),
    ("a high surrogate", b"\xed\xa0\x80", 1),
    ("a low surrogate", b"x\xed\xbf\xbf", 2),
    ("above the last code point", b"\xf4\x90\x80\x80", 1),
    ("a lead for five bytes", b"\xf8\x88\x80\x80\x80", 0),
    ("a lead that never is", b"\xff\xfe", 0),
    ("a lead inside a sequence", b"\xe2\x82\xe2", 2),
    ("ASCII inside a sequence", b"\xf0\x9f\xa6x", 3),
];

async fn is_not_text(frames: &[Frame]) {
    breaks(
        &wire::concat(frames),
        &[],
        ErrorKind::Utf8,
        CloseCode::INVALID_PAYLOAD,
    )
    .await;
}

#[test]
fn twelve_kinds_of_invalid_text_fail_the_connection() {
    paused(async {
        for (what, bytes, _) in INVALID {
            eprintln!("{what}");
            is_not_text(&[text(bytes)]).await;
            let padded = ["é".repeat(1_000).as_bytes(), bytes, b"tail"].concat();
            is_not_text(&[text(padded)]).await;
        }
    });
}

#[test]
fn twelve_kinds_of_invalid_text_fail_wherever_they_are_split() {
    paused(async {
        for (what, bytes, _) in INVALID {
            for cut in 0..=bytes.len() {
                eprintln!("{what}, cut at {cut}");
                let (head, tail) = bytes.split_at(cut);
                is_not_text(&[text(head).more(), continuation(tail)]).await;
                is_not_text(&[
                    text(head).more(),
                    continuation("").more(),
                    continuation(tail).more(),
                    continuation(" more"),
                ])
                .await;
            }
        }
    });
}

#[test]
fn the_first_impossible_byte_fails_the_connection_at_once() {
    paused(async {
        for (what, bytes, at) in INVALID {
            eprintln!("{what}");
            let (mut ws, mut peer) = open();
            // Of a frame of 100,000 bytes, in a message that is not final, up to the bad byte.
            let mut begun = text("").more().declaring(100_000).bytes();
            begun.extend_from_slice(b"good ");
            begun.extend_from_slice(&bytes[..=at]);
            peer.send(begun).await;
            fail_with(
                &mut ws,
                &mut peer,
                ErrorKind::Utf8,
                CloseCode::INVALID_PAYLOAD,
            )
            .await;
        }
    });
}

#[test]
fn text_that_ends_inside_a_code_point_fails_the_connection() {
    paused(async {
        for whole in ["é", "€", "𝄞"] {
            for cut in 1..whole.len() {
                let half = &whole.as_bytes()[..cut];
                is_not_text(&[text(half)]).await;
                is_not_text(&[text(half).more(), continuation("")]).await;
            }
        }
    });
}

#[test]
fn a_code_point_may_be_split_over_fragments() {
    paused(async {
        let (mut ws, mut peer) = open();
        let whole = "aé€𝄞\u{10ffff}\u{0}\u{feff}한";
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                let bytes = whole.as_bytes();
                let frames = [
                    text(&bytes[..first]).more(),
                    continuation(&bytes[first..second]).more(),
                    continuation(&bytes[second..]),
                ];
                peer.send(wire::concat(&frames)).await;
                assert_eq!(next_text(&mut ws).await, whole);
            }
        }
    });
}

#[test]
fn binary_messages_may_hold_any_bytes() {
    paused(async {
        let (mut ws, mut peer) = open();
        for (_, bytes, _) in INVALID {
            peer.send(wire::binary(bytes).bytes()).await;
            let message = ws.next().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), bytes);
            assert_eq!(message.as_text(), None);
        }
    });
}
