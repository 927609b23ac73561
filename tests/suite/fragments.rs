//! Messages in fragments (RFC 6455 §5.4).

use longwire::{CloseCode, ErrorKind};

use crate::support::run::paused;
use crate::support::scripted::open;
use crate::support::verdict::{breaks, next_binary, next_text};
use crate::support::wire::{self, Frame, binary, continuation, ping, text};

async fn breaks_the_order(frames: &[Frame], before: &[&str]) {
    breaks(
        &wire::concat(frames),
        before,
        ErrorKind::Protocol,
        CloseCode::PROTOCOL_ERROR,
    )
    .await;
}

#[test]
fn a_continuation_of_nothing_fails_the_connection() {
    paused(async {
        for orphan in [
            continuation("x"),
            continuation("").more(),
            continuation("x").more(),
            continuation(""),
        ] {
            breaks_the_order(&[orphan], &[]).await;
        }
    });
}

#[test]
fn a_continuation_behind_the_last_fragment_fails_the_connection() {
    paused(async {
        breaks_the_order(&[text("whole"), continuation("x")], &["whole"]).await;
        breaks_the_order(
            &[text("a").more(), continuation("b"), continuation("c")],
            &["ab"],
        )
        .await;
    });
}

#[test]
fn a_message_inside_another_fails_the_connection() {
    paused(async {
        for inner in [text("x"), binary("x"), text("x").more(), binary("").more()] {
            breaks_the_order(&[text("half").more(), inner.clone()], &[]).await;
            breaks_the_order(&[binary("a").more(), continuation("b").more(), inner], &[]).await;
        }
    });
}

#[test]
fn fragments_of_any_size_become_one_message() {
    paused(async {
        let (mut ws, mut peer) = open();
        let whole: String = ('a'..='z').cycle().take(1_000).collect();
        for size in [1, 2, 3, 125, 126, 999, 1_000] {
            let mut parts: Vec<Frame> = whole
                .as_bytes()
                .chunks(size)
                .map(|part| continuation(part).more())
                .collect();
            parts.insert(0, text("").more());
            parts.push(continuation(""));
            peer.send(wire::concat(&parts)).await;
            assert_eq!(next_text(&mut ws).await, whole);
        }
    });
}

#[test]
fn empty_messages_and_empty_fragments_are_messages_too() {
    paused(async {
        let (mut ws, mut peer) = open();
        let empty = || continuation("").more();
        let frames = [
            text(""),
            binary(""),
            text("").more(),
            continuation(""),
            binary("").more(),
            empty(),
            empty(),
            continuation("b"),
            text("a").more(),
            empty(),
            continuation("b").more(),
            empty(),
            continuation(""),
        ];
        peer.send(wire::concat(&frames)).await;
        assert_eq!(next_text(&mut ws).await, "");
        assert_eq!(next_binary(&mut ws).await, b"");
        assert_eq!(next_text(&mut ws).await, "");
        assert_eq!(next_binary(&mut ws).await, b"b");
        assert_eq!(next_text(&mut ws).await, "ab");
    });
}

#[test]
fn control_frames_may_stand_between_fragments() {
    paused(async {
        let (mut ws, mut peer) = open();
        let frames = [
            text("a").more(),
            ping("1"),
            continuation("b").more(),
            ping("2"),
            continuation("c"),
        ];
        for frame in &frames {
            peer.send(frame.bytes()).await;
        }
        assert_eq!(next_text(&mut ws).await, "abc");
        // Both came before the reader was polled, so that the newest alone may be answered
        // (RFC 6455 §5.5.3).
        let mut last = peer.next().await.unwrap();
        if last.payload == b"1" {
            last = peer.next().await.unwrap();
        }
        assert_eq!(
            (last.opcode, last.payload.as_slice()),
            (wire::PONG, &b"2"[..])
        );
    });
}
