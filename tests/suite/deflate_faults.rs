//! Compressed messages that are wrong: each fails the connection with 1007, and nothing of them is
//! given.

use longwire::{CloseCode, Deflate, ErrorKind};

use crate::support::compressed::{agreed, agreed_with, asking, binary, text};
use crate::support::deflate::{Blocks, Encoder, Symbol, literals};
use crate::support::run::paused;
use crate::support::verdict::{fail_with, next_text};
use crate::support::wire::{Frame, concat, continuation};

/// The last of `frames` must fail the connection; those before it are good texts.
async fn cannot_be_inflated(parameters: &str, frames: &[Frame]) {
    let (mut ws, mut peer) = agreed(parameters).await;
    peer.send(concat(frames)).await;
    for _ in 1..frames.len() {
        next_text(&mut ws).await;
    }
    let code = CloseCode::INVALID_PAYLOAD;
    fail_with(&mut ws, &mut peer, ErrorKind::Deflate, code).await;
}

#[test]
fn what_is_no_deflate_fails_the_connection() {
    paused(async {
        for payload in [
            // The reserved kind of block.
            &b"\x06"[..],
            b"\x07\x00",
            // A stored block whose lengths do not agree.
            b"\x00\x05\x00\x00\x00Hello\x00",
            // A dynamic block of nonsense.
            b"\xff\xff\xff\xff\xff\xff\xff",
            b"\x04\x00\x00\x00\x00",
            // Not compressed at all.
            b"{\"bid\":1}",
            &[0xaa; 300],
        ] {
            cannot_be_inflated("", &[text(payload)]).await;
            cannot_be_inflated("; server_no_context_takeover", &[text(payload)]).await;
        }
    });
}

#[test]
fn a_message_that_is_cut_short_fails_the_connection() {
    paused(async {
        let long = Blocks::default()
            .fixed(false, &literals("cut short"))
            .message();
        let stored = Blocks::default().stored(false, b"cut short").message();
        for payload in [
            &long[..long.len() - 1],
            &long[..long.len() - 2],
            &long[..4],
            &long[..1],
            &stored[..stored.len() - 2],
            &stored[..7],
            &stored[..3],
            // A final block that does not end.
            b"\xf3\x48\xcd",
            b"\x03",
        ] {
            cannot_be_inflated("", &[text(payload)]).await;
            cannot_be_inflated("", &[text("\0"), text(payload)]).await;
        }
    });
}

#[test]
fn a_reference_to_what_never_was_fails_the_connection() {
    paused(async {
        let repeat = |distance| Symbol::Repeat {
            length: 3,
            distance,
        };
        let refers = |distance| {
            let symbols = [Symbol::Literal(b'x'), repeat(distance)];
            text(Blocks::default().fixed(false, &symbols).message())
        };
        cannot_be_inflated("", &[refers(2)]).await;
        cannot_be_inflated("", &[refers(32_768)]).await;
        cannot_be_inflated("", &[refers(1), refers(4 + 2)]).await;
        cannot_be_inflated("", &[refers(1), refers(4 + 1), refers(8 + 2)]).await;
        // Also where a final block ends the stream between them.
        let ends = |distance| {
            let symbols = [Symbol::Literal(b'x'), repeat(distance)];
            text(Blocks::default().fixed(true, &symbols).message())
        };
        cannot_be_inflated("", &[refers(1), ends(4 + 2)]).await;
        cannot_be_inflated("", &[ends(1), refers(4 + 1), ends(8 + 2)]).await;
    });
}

/// The server has agreed to forget, and refers to an earlier message all the same.
#[test]
fn a_breach_of_no_takeover_fails_the_connection() {
    paused(async {
        let mut encoder = Encoder::new(15, true);
        let first = text(encoder.message(b"once upon a time"));
        let second = text(encoder.message(b"once upon a time"));
        let (mut ws, mut peer) = agreed("").await;
        peer.send(concat(&[first.clone(), second.clone()])).await;
        for _ in 0..2 {
            assert_eq!(next_text(&mut ws).await, "once upon a time");
        }
        cannot_be_inflated("; server_no_context_takeover", &[first, second]).await;
    });
}

#[test]
fn compressed_text_fails_at_its_first_bad_byte_inside_an_unfinished_frame() {
    paused(async {
        for bad in [&b"\xff"[..], b"\xc0", b"\xed\xa0", b"\xf4\x90", b"\x80"] {
            let content = [b"good \xe2\x82\xac ", bad].concat();
            // A sync flush behind the bad byte: it can be known without the rest.
            let begun = Blocks::default().stored(false, &content).raw();
            for fragmented in [true, false] {
                let (mut ws, mut peer) = agreed("").await;
                let frame = if fragmented {
                    text(&begun).more().bytes()
                } else {
                    let whole = text([&begun[..], &[0; 1_000]].concat()).bytes();
                    whole[..4 + begun.len()].to_vec()
                };
                peer.send(frame).await;
                let code = CloseCode::INVALID_PAYLOAD;
                fail_with(&mut ws, &mut peer, ErrorKind::Utf8, code).await;
            }
        }
    });
}

#[test]
fn compressed_text_that_ends_inside_a_character_fails_the_connection() {
    paused(async {
        let cut = Blocks::default().stored(false, b"\xe2\x82").message();
        for frames in [
            vec![text(&cut)],
            vec![text(&cut[..2]).more(), continuation(&cut[2..])],
        ] {
            let (mut ws, mut peer) = agreed("").await;
            // The same bytes are fine where they are no text.
            peer.send(binary(&cut).bytes()).await;
            assert_eq!(ws.next().await.unwrap().unwrap().as_bytes(), b"\xe2\x82");
            peer.send(concat(&frames)).await;
            let code = CloseCode::INVALID_PAYLOAD;
            fail_with(&mut ws, &mut peer, ErrorKind::Utf8, code).await;
        }
    });
}

/// A payload has several faults: the first counts, wherever it is cut.
#[test]
fn what_comes_out_before_a_fault_is_judged_first() {
    paused(async {
        let long = "good \u{20ac} ".repeat(20);
        let too_long = [long.as_bytes(), b"\xff", &[b'x'; 300]].concat();
        let fixed = |content: &[u8]| Blocks::default().fixed(false, &literals(content));
        // The reserved kind of block.
        let bad_block = |blocks: Blocks| [&blocks.stored(false, b"").raw()[..], b"\x06"].concat();
        for (payload, kind, code) in [
            (bad_block(fixed(b"a\xff")), ErrorKind::Utf8, 1007),
            (bad_block(fixed(b"good")), ErrorKind::Deflate, 1007),
            (fixed(&too_long).message(), ErrorKind::Utf8, 1007),
            (fixed(&[b'x'; 401]).message(), ErrorKind::TooLarge, 1009),
            (bad_block(fixed(&[b'x'; 401])), ErrorKind::TooLarge, 1009),
        ] {
            for first in [0, 1, payload.len() / 2, payload.len() - 1, payload.len()] {
                let connect = asking(Deflate::default()).max_message_size(400);
                let (mut ws, mut peer) = agreed_with(connect, "").await;
                let (first, second) = payload.split_at(first);
                peer.send(concat(&[text(first).more(), continuation(second)]))
                    .await;
                fail_with(&mut ws, &mut peer, kind, code.into()).await;
            }
        }
    });
}

#[test]
fn an_error_says_what_is_wrong() {
    paused(async {
        let repeat = Symbol::Repeat {
            length: 3,
            distance: 9,
        };
        // Long enough for the inflater's fast loop.
        let symbols = [literals([b'x'; 4]), vec![repeat], literals([b'x'; 40])].concat();
        for (payload, why) in [
            (b"\x06".to_vec(), "invalid block type"),
            (
                Blocks::default().fixed(false, &symbols).message(),
                "before the beginning",
            ),
        ] {
            let (mut ws, mut peer) = agreed("").await;
            peer.send(text(payload).bytes()).await;
            let error = ws.next().await.unwrap().unwrap_err().to_string();
            assert!(
                error.contains("cannot be inflated: ")
                    && error.contains(why)
                    && error.contains("1007"),
                "{error}"
            );
            peer.expect_close(1007).await;
        }
    });
}
