//! Compressed messages that come in (RFC 7692 §7.2.2).

use longwire::{Deflate, ErrorKind, Message, MessageRef};

use crate::support::compressed::{agreed, agreed_with, asking, binary, marked, text};
use crate::support::deflate::{Blocks, Encoder, Symbol, by_miniz, literals};
use crate::support::run::paused;
use crate::support::verdict::{fail_with, next_binary, next_text};
use crate::support::wire::{self, close, concat, continuation, ping};

/// Bytes that resemble themselves only at a distance.
fn bytes(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[2]
    };
    (0..length).map(|_| next()).collect()
}

/// The examples of RFC 7692 §7.2.3.
#[test]
fn the_examples_of_the_rfc_are_read() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let frames = [
            text(b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            text(b"\xf2\x48\xcd").more(),
            continuation(b"\xc9\xc9\x07\x00"),
            text(b"\xf2\x00\x11\x00\x00"),
            text(b"\x00\x05\x00\xfa\xffHello\x00"),
            text(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
            text(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
            text(b"\x02\x00"),
            text(b"\x00"),
            text(""),
            text(b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        ];
        peer.send(concat(&frames)).await;
        for _ in 0..6 {
            assert_eq!(next_text(&mut ws).await, "Hello");
        }
        for _ in 0..3 {
            assert_eq!(next_text(&mut ws).await, "");
        }
        assert_eq!(next_text(&mut ws).await, "Hello");
    });
}

#[test]
fn every_window_of_a_server_is_read_with_takeover_and_without() {
    paused(async {
        for bits in 8..=15 {
            for takeover in [true, false] {
                let mut parameters = format!("; server_max_window_bits={bits}");
                if !takeover {
                    parameters.push_str("; server_no_context_takeover");
                }
                let (mut ws, mut peer) = agreed(&parameters).await;
                let mut encoder = Encoder::new(bits, takeover);
                // The second repeats what is exactly a window behind.
                let window = bytes(1 << bits, 1);
                for content in [&window[..], &window, &window[..100], b"", &bytes(70_000, 2)] {
                    peer.send(binary(encoder.message(content)).bytes()).await;
                    assert!(next_binary(&mut ws).await == content, "{bits} {takeover}");
                }
            }
        }
    });
}

#[test]
fn all_kinds_of_blocks_are_read() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let repeat = Symbol::Repeat {
            length: 6,
            distance: 6,
        };
        let payloads = [
            Blocks::default().stored(false, b"stored").message(),
            Blocks::default()
                .fixed(false, &literals("fixed,"))
                .fixed(false, &[repeat])
                .message(),
            // Flushed twice, and emptily in between.
            Blocks::default()
                .stored(false, b"")
                .fixed(false, &literals("twice"))
                .stored(false, b"")
                .stored(false, b"")
                .fixed(false, &[])
                .message(),
            // The tail was not left out, and a stored block without what should follow it.
            Blocks::default()
                .fixed(false, &literals("tail"))
                .stored(false, b"")
                .raw(),
            Blocks::default().stored(false, b"no end").raw(),
            by_miniz(&b"dynamic codes, with their lengths. ".repeat(50)),
        ];
        for payload in &payloads {
            peer.send(text(payload).bytes()).await;
        }
        assert_eq!(next_text(&mut ws).await, "stored");
        assert_eq!(next_text(&mut ws).await, "fixed,fixed,");
        for expected in ["twice", "tail", "no end"] {
            assert_eq!(next_text(&mut ws).await, expected);
        }
        let dynamic = next_text(&mut ws).await;
        assert_eq!(dynamic, "dynamic codes, with their lengths. ".repeat(50));
    });
}

/// RFC 7692 §7.2.3.4: a block that ends the stream, and yet a message behind it.
#[test]
fn a_final_block_ends_neither_the_connection_nor_the_window() {
    paused(async {
        for takeover in [true, false] {
            let parameters = if takeover {
                ""
            } else {
                "; server_no_context_takeover"
            };
            let (mut ws, mut peer) = agreed(parameters).await;
            let mut encoder = Encoder::new(15, takeover);
            let old = bytes(20_000, 3);
            let contents = [
                &old[..],
                &old[..5_000],
                b"between",
                &old[10_000..],
                &old[..15_000],
                &bytes(40_000, 4),
                &bytes(40_000, 4),
                &old[..1],
                &bytes(33_000, 4),
            ];
            for (number, content) in contents.iter().enumerate() {
                let symbols = encoder.symbols(content);
                let payload = match number % 4 {
                    // In one block, with and without an empty block behind it.
                    1 => Blocks::default().fixed(true, &symbols).message(),
                    2 => Blocks::default().fixed(true, &symbols).raw(),
                    // In blocks that each end the stream.
                    3 => {
                        let (first, second) = symbols.split_at(symbols.len() / 2);
                        Blocks::default()
                            .fixed(true, first)
                            .fixed(true, second)
                            .stored(true, b"")
                            .message()
                    }
                    _ => Blocks::default().fixed(false, &symbols).message(),
                };
                peer.send(binary(payload).bytes()).await;
                assert!(
                    next_binary(&mut ws).await == *content,
                    "{takeover} {number}"
                );
            }
        }
    });
}

/// Its last four bytes are the tail itself, so they are left out like that.
#[test]
fn a_final_block_that_the_tail_completes_ends_no_connection() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        let hello_again = b"\xf2\x00\x11\x00\x00";
        for last in [&b"\x01"[..], b"\x11"] {
            peer.send(concat(&[text(hello), text(last), text(hello_again)]))
                .await;
            for expected in ["Hello", "", "Hello"] {
                assert_eq!(next_text(&mut ws).await, expected);
            }
        }
    });
}

#[test]
fn final_blocks_behind_others_keep_the_window_too() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut encoder = Encoder::new(15, true);
        let (one, other) = (bytes(9_000, 5), bytes(9_000, 6));
        for content in [&one[..], &other, &one, &other[..7_000], &one[1_000..]] {
            let payload = Blocks::default()
                .fixed(false, &encoder.symbols(content))
                .stored(true, b"")
                .message();
            peer.send(binary(payload).bytes()).await;
            assert!(next_binary(&mut ws).await == content);
        }
    });
}

/// Nothing has told of it before, and the message behind it refers to the one in front of it.
#[test]
fn the_first_final_block_behind_another_keeps_the_window() {
    paused(async {
        for first in [&b"a"[..], b"ab", b"abc", &bytes(7_000, 6)] {
            for behind in ["", ", more"] {
                let (mut ws, mut peer) = agreed("").await;
                let mut encoder = Encoder::new(15, true);
                let payloads = [
                    encoder.message(first),
                    Blocks::default()
                        .fixed(false, &encoder.symbols(b"between"))
                        .stored(true, behind.as_bytes())
                        .message(),
                ];
                let distance = behind.len() + "between".len() + first.len();
                let repeat = Symbol::Repeat {
                    length: first.len().clamp(3, 258),
                    distance,
                };
                let again = Blocks::default().fixed(false, &[repeat]).message();
                for payload in payloads.iter().chain([&again]) {
                    peer.send(binary(payload).bytes()).await;
                }
                let between = ["between", behind].concat();
                assert!(next_binary(&mut ws).await == first);
                assert_eq!(next_binary(&mut ws).await, between.as_bytes());
                let all = [first, between.as_bytes()].concat();
                let again = next_binary(&mut ws).await;
                assert!(again == all[..first.len().clamp(3, 258)], "{}", first.len());
            }
        }
    });
}

#[test]
fn uncompressed_messages_and_control_frames_may_come_at_any_time() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut encoder = Encoder::new(15, true);
        let first = encoder.message(b"compressed, compressed");
        let second = encoder.message(b"compressed");
        peer.send(concat(&[
            wire::text("plain"),
            text(&first[..5]).more(),
            ping("1"),
            continuation(&first[5..]).more(),
            continuation(""),
            wire::text("pl").more(),
            continuation("ain"),
            text(second),
        ]))
        .await;
        assert_eq!(next_text(&mut ws).await, "plain");
        assert_eq!(next_text(&mut ws).await, "compressed, compressed");
        peer.expect(wire::PONG, "1").await;
        assert_eq!(next_text(&mut ws).await, "plain");
        assert_eq!(next_text(&mut ws).await, "compressed");
        let received = ws.stats().received;
        assert_eq!((received.messages, received.bytes), (4, 5 + 22 + 5 + 10));
        let compressed = received.compressed;
        assert_eq!((compressed.messages, compressed.bytes_before), (2, 32));
        assert!(compressed.bytes_after < 32, "{compressed:?}");
    });
}

#[test]
fn a_close_inside_a_compressed_message_ends_the_connection_in_good_order() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let frames = [text(b"\xf2\x48\xcd").more(), close(1000, "bye")];
        peer.send(concat(&frames)).await;
        let server = async move { peer.expect_close(1000).await };
        let (end, ()) = tokio::join!(ws.next(), server);
        assert!(end.is_none(), "{end:?}");
        assert!(ws.close_info().unwrap().clean);
    });
}

#[test]
fn garbage_behind_a_final_block_fails_the_connection() {
    paused(async {
        for behind in [&b"\x06"[..], b"\xff\xff\xff", b"{}"] {
            let (mut ws, mut peer) = agreed("").await;
            let payload = [b"\xf3\x48\xcd\xc9\xc9\x07\x00", behind].concat();
            peer.send(text(payload).bytes()).await;
            fail_with(&mut ws, &mut peer, ErrorKind::Deflate, 1007.into()).await;
        }
    });
}

#[test]
fn only_the_first_frame_of_a_message_may_be_marked() {
    paused(async {
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        for frames in [
            vec![text(&hello[..3]).more(), marked(continuation(&hello[3..]))],
            vec![wire::text("a").more(), marked(continuation("b"))],
            vec![marked(continuation(hello))],
            vec![marked(ping(""))],
            vec![marked(wire::pong("x"))],
            vec![marked(close(1000, ""))],
            vec![wire::text("a").rsv(0b010)],
            vec![wire::text("a").rsv(0b001)],
            vec![wire::text(hello).rsv(0b110)],
        ] {
            let (mut ws, mut peer) = agreed("").await;
            peer.send(concat(&frames)).await;
            fail_with(&mut ws, &mut peer, ErrorKind::Protocol, 1002.into()).await;
        }
    });
}

#[test]
fn batches_give_compressed_messages_too() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut encoder = Encoder::new(15, true);
        let frames = [
            wire::text("a"),
            text(encoder.message(b"bbbbbb")),
            text(encoder.message(b"bbbbbb")),
            wire::text("c"),
        ];
        peer.send(concat(&frames)).await;
        let mut given = Vec::new();
        while given.len() < 4 {
            let batch = ws.next_batch().await.unwrap().unwrap();
            given.extend(batch.map(Message::from));
        }
        let expected = ["a", "bbbbbb", "bbbbbb", "c"].map(Message::from);
        assert_eq!(given, expected);
        peer.send(text(encoder.message(b"held")).bytes()).await;
        let batch = ws.next_batch().await.unwrap().unwrap();
        assert_eq!(batch.collect::<Vec<_>>(), [MessageRef::Text("held")]);
    });
}

#[test]
fn a_large_message_arrives_whole_however_it_is_cut() {
    paused(async {
        let connect = asking(Deflate::default());
        let (mut ws, mut peer) = agreed_with(connect, "").await;
        let content: Vec<u8> = (0..300_000_u32)
            .flat_map(|number| (number / 3).to_le_bytes())
            .collect();
        let payload = by_miniz(&content);
        let sending = async {
            for size in [usize::MAX, 10_000, 777] {
                let mut parts = payload.chunks(size.min(payload.len())).peekable();
                let mut frame = binary(parts.next().unwrap());
                while parts.peek().is_some() {
                    peer.send(frame.more().bytes()).await;
                    frame = continuation(parts.next().unwrap());
                }
                peer.send(frame.bytes()).await;
            }
        };
        let receiving = async {
            for _ in 0..3 {
                assert!(next_binary(&mut ws).await == content);
            }
        };
        tokio::join!(sending, receiving);
    });
}
