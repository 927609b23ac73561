//! Messages that go out compressed (RFC 7692 §7.2.1), read by a decoder that forgives nothing.

use futures::SinkExt;
use longwire::{Compress, Deflate, Inbox, Message, SendOptions};

use crate::support::compressed::{agreed, agreed_with, asking, joined, received};
use crate::support::inflate::StrictInflater;
use crate::support::run::paused;
use crate::support::wire::{self, BINARY, CONTINUATION, TEXT};

/// Different quotes, each of about 150 bytes.
fn quote(number: usize) -> String {
    format!(
        "{{\"amt\":0.00004661,\"bid\":{},\"rat\":2140000,\"stream\":\"market.trade.thb_btc\",\
         \"sym\":\"THB_BTC\",\"ts\":1636729677,\"txn\":\"BTCSELL{number:010}\"}}",
        86_911_896 + number * 7_919
    )
}

/// Bytes that nothing makes smaller.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn always() -> SendOptions {
    SendOptions::default().compress(Compress::Always)
}

#[test]
fn every_agreed_window_binds_with_takeover_and_without() {
    paused(async {
        for bits in 9..=15 {
            for takeover in [true, false] {
                let mut parameters = format!("; client_max_window_bits={bits}");
                if !takeover {
                    parameters.push_str("; client_no_context_takeover");
                }
                let connect = asking(Deflate::default().client_max_window_bits(15).level(9));
                let (mut ws, mut peer) = agreed_with(connect, &parameters).await;
                let mut inflater = StrictInflater::new(bits, takeover);
                // It repeats itself at every distance, and most of all far beyond the window.
                let far = noise(40_000, 5);
                let window = 1 << bits;
                let near = &far[..window * 3 / 8];
                let content = [&far[..], &far[..300], &far[39_000..], &far, near, near].concat();
                for part in [
                    &content[..],
                    &far,
                    &quote(1).into_bytes(),
                    &quote(2).into_bytes(),
                ] {
                    ws.send_with(part.to_vec(), always()).await.unwrap();
                    let (message, compressed) = received(&mut peer, &mut inflater).await;
                    assert!(compressed && message == part, "{bits} {takeover}");
                }
                assert!(
                    inflater.farthest > window / 4,
                    "{bits}: {}",
                    inflater.farthest
                );
            }
        }
    });
}

/// Where nothing is said about it, this side keeps to 4 KiB: a server may count on no less than it
/// has agreed to, and this side's memory stays small.
#[test]
fn the_window_is_twelve_bits_unless_more_is_asked_for() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut inflater = StrictInflater::new(12, true);
        let far = noise(4_000, 5);
        for _ in 0..3 {
            ws.send_with(far.repeat(3), always()).await.unwrap();
            assert!(received(&mut peer, &mut inflater).await == (far.repeat(3), true));
        }
    });
}

#[test]
fn with_takeover_messages_refer_to_earlier_ones_and_without_they_do_not() {
    paused(async {
        let mut sizes = Vec::new();
        for (parameters, takeover) in [("", true), ("; client_no_context_takeover", false)] {
            let (mut ws, mut peer) = agreed(parameters).await;
            let mut inflater = StrictInflater::new(15, takeover);
            let mut size = 0;
            for number in 0..50 {
                ws.send(quote(number)).await.unwrap();
                let (payload, compressed) = joined(&mut peer).await;
                assert!(compressed);
                assert_eq!(inflater.message(&payload), quote(number).as_bytes());
                size += payload.len();
            }
            let sent = ws.stats().sent;
            assert_eq!(sent.compressed.messages, 50);
            assert_eq!(sent.compressed.bytes_before, sent.bytes);
            assert_eq!(sent.compressed.bytes_after, size as u64);
            sizes.push(size);
        }
        assert!(sizes[0] * 3 < sizes[1] * 2, "{sizes:?}");
    });
}

#[test]
fn this_sides_own_wish_to_forget_is_kept_though_the_server_says_nothing() {
    paused(async {
        let connect = asking(Deflate::default().client_no_context_takeover());
        let (mut ws, mut peer) = agreed_with(connect, "").await;
        let mut inflater = StrictInflater::new(15, false);
        for number in 0..5 {
            ws.send(quote(number)).await.unwrap();
            let expected = (quote(number).into_bytes(), true);
            assert_eq!(received(&mut peer, &mut inflater).await, expected);
        }
    });
}

#[test]
fn a_server_that_allows_only_eight_bits_gets_uncompressed_messages() {
    paused(async {
        let (mut ws, mut peer) = agreed("; client_max_window_bits=8").await;
        for _ in 0..3 {
            ws.send(quote(1)).await.unwrap();
            ws.send_with(quote(1), always()).await.unwrap();
            for _ in 0..2 {
                assert_eq!(joined(&mut peer).await, (quote(1).into_bytes(), false));
            }
        }
        assert_eq!(ws.stats().sent.compressed.messages, 0);
    });
}

#[test]
fn small_messages_go_as_they_are() {
    paused(async {
        let connect = asking(Deflate::default().min_size(100));
        let (mut ws, mut peer) = agreed_with(connect, "").await;
        let mut inflater = StrictInflater::new(12, true);
        for (size, compressed) in [
            (99, false),
            (100, true),
            (0, false),
            (1, false),
            (1_000, true),
        ] {
            let content = "x".repeat(size);
            ws.send_text(&content).await.unwrap();
            let expected = (content.into_bytes(), compressed);
            assert_eq!(received(&mut peer, &mut inflater).await, expected);
        }
    });
}

#[test]
fn what_does_not_shrink_goes_as_it_is_and_is_not_referred_to() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut inflater = StrictInflater::new(12, true);
        for round in 0..3 {
            for size in [64, 1_000, 70_000] {
                let content = noise(size, 1_000 * round + size as u64);
                ws.send_binary(&content).await.unwrap();
                assert!(joined(&mut peer).await == (content.clone(), false));
                // The compressor has seen it, and the server's decoder has not.
                ws.send_with([&content[..], &content].concat(), always())
                    .await
                    .unwrap();
                let message = received(&mut peer, &mut inflater).await;
                assert!(message == (content.repeat(2), true), "{size}");
            }
        }
    });
}

#[test]
fn one_message_can_be_told_to_be_compressed_or_not() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut inflater = StrictInflater::new(12, true);
        let never = SendOptions::default().compress(Compress::Never);
        let secret = quote(7);
        for (content, options, compressed) in [
            (quote(1), SendOptions::default(), true),
            (secret.clone(), never, false),
            (String::new(), always(), true),
            ("a".to_owned(), always(), true),
            ("a".to_owned(), SendOptions::default(), false),
            (quote(2), always(), true),
            (quote(2), never, false),
            (String::new(), never, false),
        ] {
            ws.feed_with(content.clone(), options).await.unwrap();
            ws.flush().await.unwrap();
            let expected = (content.into_bytes(), compressed);
            assert_eq!(received(&mut peer, &mut inflater).await, expected);
        }
        // An empty message is one byte (RFC 7692 §7.2.3.6).
        ws.send_with("", always()).await.unwrap();
        assert_eq!(joined(&mut peer).await, (vec![0], true));
    });
}

#[test]
fn without_an_agreement_options_change_nothing() {
    paused(async {
        let (mut ws, mut peer) = crate::support::scripted::open();
        ws.send_with("plain", always()).await.unwrap();
        peer.expect(TEXT, "plain").await;
    });
}

#[test]
fn a_compressed_message_is_fragmented_behind_its_compression() {
    paused(async {
        let connect = asking(Deflate::default()).fragment_size(10);
        let (mut ws, mut peer) = agreed_with(connect, "").await;
        let mut inflater = StrictInflater::new(12, true);
        ws.send_text(&quote(1)).await.unwrap();
        let mut payload = Vec::new();
        loop {
            let frame = peer.next().await.unwrap();
            let first = payload.is_empty();
            assert_eq!(frame.opcode, if first { TEXT } else { CONTINUATION });
            assert_eq!(frame.compressed, first);
            assert!(frame.payload.len() == 10 || frame.fin);
            payload.extend(frame.payload);
            if frame.fin {
                break;
            }
        }
        assert!((20..quote(1).len()).contains(&payload.len()));
        assert_eq!(inflater.message(&payload), quote(1).as_bytes());
    });
}

#[test]
fn every_way_to_send_compresses() {
    paused(async {
        let (mut ws, mut peer) = agreed("").await;
        let mut inflater = StrictInflater::new(12, true);
        let content = quote(3);
        ws.send(content.clone()).await.unwrap();
        ws.feed(content.clone().into_bytes()).await.unwrap();
        ws.send_text(&content).await.unwrap();
        ws.send_binary(content.as_bytes()).await.unwrap();
        ws.feed_text(&content).await.unwrap();
        ws.feed_binary(content.as_bytes()).await.unwrap();
        SinkExt::send(&mut ws, Message::from(content.as_str()))
            .await
            .unwrap();
        for opcode in [TEXT, BINARY, TEXT, BINARY, TEXT, BINARY, TEXT] {
            let frame = peer.next().await.unwrap();
            assert!(frame.compressed && frame.fin);
            assert_eq!(frame.opcode, opcode);
            assert_eq!(inflater.message(&frame.payload), content.as_bytes());
        }
        // Control frames stay as they are.
        ws.ping("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
            .await
            .unwrap();
        assert_eq!(peer.next().await.unwrap().opcode, wire::PING);
    });
}

#[test]
fn messages_of_every_size_and_level_arrive() {
    paused(async {
        for level in 1..=9 {
            let connect = asking(Deflate::default().level(level).min_size(0));
            let (mut ws, mut peer) = agreed_with(connect, "").await;
            let mut inflater = StrictInflater::new(12, true);
            for size in [0, 1, 2, 3, 10, 125, 126, 1_000, 65_535, 65_536, 100_000] {
                let content: Vec<u8> = (0..size)
                    .map(|at: usize| (at * at / 99).to_le_bytes()[0])
                    .collect();
                ws.send_with(content.clone(), always()).await.unwrap();
                let message = received(&mut peer, &mut inflater).await;
                assert!(message == (content, true), "{size} at level {level}");
            }
        }
    });
}

/// Messages of all senders go through one compressor, in the order in which they are queued.
#[test]
fn halves_compress_as_the_stream_does() {
    paused(async {
        for driven in [true, false] {
            let (ws, mut peer) = agreed("").await;
            let (mut sender, receiver) = if driven {
                ws.spawn(Inbox::default())
            } else {
                ws.split()
            };
            let mut other = sender.clone();
            let never = SendOptions::default().compress(Compress::Never);
            let mut inflater = StrictInflater::new(15, true);
            sender.send(quote(1)).await.unwrap();
            other.send_text(&quote(2)).await.unwrap();
            other.send_with("ab", always()).await.unwrap();
            sender.send_with(quote(3), never).await.unwrap();
            sender.feed_with(quote(4), always()).await.unwrap();
            sender
                .feed_with("cd", SendOptions::default())
                .await
                .unwrap();
            other.reserve().await.unwrap().send(quote(5)).unwrap();
            sender.try_send(quote(6)).unwrap();
            other.flush().await.unwrap();
            let (two, three) = ("ab".to_owned(), "cd".to_owned());
            let expected = [
                (quote(1), true),
                (quote(2), true),
                (two, true),
                (quote(3), false),
                (quote(4), true),
                (three, false),
                (quote(5), true),
                (quote(6), true),
            ];
            let mut after = 0;
            for (text, is_compressed) in expected {
                let (payload, compressed) = joined(&mut peer).await;
                assert_eq!(compressed, is_compressed, "{text}");
                if compressed {
                    after += payload.len() as u64;
                    assert_eq!(inflater.message(&payload), text.as_bytes());
                } else {
                    assert_eq!(payload, text.as_bytes());
                }
            }
            let sent = receiver.stats().sent;
            assert_eq!((sent.messages, sent.compressed.messages), (8, 6));
            assert_eq!(sent.compressed.bytes_after, after);
            let before = sent.compressed.bytes_before;
            assert_eq!(before, 2 + 5 * quote(1).len() as u64);
        }
    });
}
