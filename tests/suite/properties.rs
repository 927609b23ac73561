//! Properties over random input: however the bytes are cut the messages are the same, and whatever
//! is sent arrives as it was at a decoder of its own.

use std::collections::HashSet;

use longwire::{CloseCode, Config, ErrorKind, Message, MessageKind, WsStream};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::io::{Chaos, Cuts, Endless, Exhausted};
use crate::support::parts::rest;
use crate::support::pipe::pipe;
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::upgraded;
use crate::support::wire::{
    self, ClientFrames, Frame, binary, close, continuation, ping, pong, text,
};

/// Everything that a stream gives: its messages, the kind of its error, and its close code.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<Message>,
    error: Option<ErrorKind>,
    code: Option<CloseCode>,
    clean: bool,
}

async fn outcome<T: AsyncRead + AsyncWrite + Unpin>(mut ws: WsStream<T>) -> Outcome {
    let mut messages = Vec::new();
    let mut error = None;
    while let Some(item) = ws.next().await {
        assert!(error.is_none(), "{item:?} behind {error:?}");
        match item {
            Ok(message) => messages.push(message),
            Err(failure) => error = Some(failure.kind()),
        }
    }
    let info = ws.close_info().expect("it is over");
    Outcome {
        messages,
        error,
        code: info.code,
        clean: info.clean,
    }
}

/// The same of a stream that is read in parts.
async fn outcome_in_parts(bytes: &[u8], cuts: Cuts, random: &mut Random) -> Outcome {
    let io = Chaos::over(replay(bytes))
        .read_cuts(cuts)
        .not_ready_one_in(4, random.fork());
    let mut ws = upgraded(io, Config::default());
    let mut messages = Vec::new();
    let mut failure = None;
    while let Some(begun) = ws.next_parts().await {
        assert!(failure.is_none(), "{begun:?} behind {failure:?}");
        match begun {
            Ok(message) => {
                let kind = message.kind();
                let (bytes, failed) = rest(message).await;
                failure = failed;
                match kind {
                    _ if failure.is_some() => {}
                    MessageKind::Text => messages.push(String::from_utf8(bytes).unwrap().into()),
                    MessageKind::Binary => messages.push(bytes.into()),
                }
            }
            Err(error) => failure = Some(error),
        }
    }
    let info = ws.close_info().expect("it is over");
    Outcome {
        messages,
        // A Close inside a message ends that with an error, and the connection cleanly.
        error: failure.map(|error| error.kind()).filter(|_| !info.clean),
        code: info.code,
        clean: info.clean,
    }
}

fn replay(bytes: &[u8]) -> Endless {
    Endless::new(bytes.to_vec(), vec![0]).turns(0, Exhausted::Ends)
}

async fn outcome_whole(bytes: &[u8]) -> Outcome {
    outcome(upgraded(replay(bytes), Config::default())).await
}

async fn outcome_cut(bytes: &[u8], cuts: Cuts, random: &mut Random) -> Outcome {
    let io = Chaos::over(replay(bytes))
        .read_cuts(cuts)
        .write_cuts(Cuts::Random(random.fork(), 7))
        .not_ready_one_in(4, random.fork());
    outcome(upgraded(io, Config::default())).await
}

/// A valid conversation, and the messages in it, of at most about `longest` bytes each.
fn conversation(random: &mut Random, longest: usize) -> (Vec<Frame>, Vec<Message>) {
    let mut frames = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..5 {
        let length = *random.pick(&[0, 1, 5, 40, 125, 126, 300, 5_000, 70_000]);
        let length = length.min(longest);
        let is_text = random.one_in(2);
        let payload = if is_text {
            random.text(length).into_bytes()
        } else {
            random.bytes(length)
        };
        let first = if is_text { text } else { binary };
        let mut rest = &payload[..];
        let mut fragment = Some(first);
        while let Some(kind) = fragment.take() {
            control_frames(random, &mut frames);
            if random.one_in(2) {
                frames.push(kind(rest));
            } else {
                let (part, behind) = rest.split_at(random.below(rest.len() + 1));
                frames.push(kind(part).more());
                rest = behind;
                fragment = Some(continuation);
            }
        }
        expected.push(if is_text {
            String::from_utf8(payload).unwrap().into()
        } else {
            payload.into()
        });
    }
    control_frames(random, &mut frames);
    (frames, expected)
}

/// Some Pings and Pongs, or none.
fn control_frames(random: &mut Random, frames: &mut Vec<Frame>) {
    while random.one_in(4) {
        let length = random.below(126);
        let payload = random.bytes(length);
        frames.push(if random.one_in(2) {
            ping(payload)
        } else {
            pong(payload)
        });
    }
}

#[test]
fn any_cut_of_a_valid_stream_gives_the_same_messages() {
    paused(async {
        let mut random = Random::new();
        for round in 0..150 {
            // Byte by byte, large messages would only take time.
            let (most, longest) = *random.pick(&[
                (1, 500),
                (2, 1_000),
                (100, 70_000),
                (4_000, 70_000),
                (100_000, 70_000),
            ]);
            let (mut frames, expected) = conversation(&mut random, longest);
            let closes = random.one_in(2);
            if closes {
                frames.push(close(1000, "done"));
            }
            let expected = Outcome {
                messages: expected,
                error: (!closes).then_some(ErrorKind::Reset),
                code: Some(if closes {
                    CloseCode::NORMAL
                } else {
                    CloseCode::ABNORMAL
                }),
                clean: closes,
            };
            let bytes = wire::concat(&frames);
            assert_eq!(outcome_whole(&bytes).await, expected, "round {round}");
            let cuts = Cuts::Random(random.fork(), most);
            let cut = outcome_cut(&bytes, cuts, &mut random).await;
            assert_eq!(cut, expected, "round {round}, cut to {most}");
            let cuts = Cuts::Random(random.fork(), most);
            let in_parts = outcome_in_parts(&bytes, cuts, &mut random).await;
            assert_eq!(in_parts, expected, "round {round}, in parts");
        }
    });
}

#[test]
fn every_single_cut_of_a_short_stream_gives_the_same_messages() {
    paused(async {
        let mut random = Random::new();
        let frames = [
            text("é€𝄞"),
            text("é€").more(),
            ping("between"),
            continuation("").more(),
            continuation("𝄞"),
            binary([7; 130]),
            pong("x"),
            text(""),
            close(4000, "ünd"),
        ];
        let bytes = wire::concat(&frames);
        let whole = outcome_whole(&bytes).await;
        assert_eq!(whole.messages.len(), 4);
        assert!(whole.clean);
        for cut in 0..=bytes.len() {
            let at = outcome_cut(&bytes, Cuts::Once(cut), &mut random).await;
            assert_eq!(at, whole, "cut at {cut}");
        }
    });
}

/// What is wrong is wrong in the same way however it comes, and nothing panics.
#[test]
fn any_cut_of_a_spoilt_stream_gives_the_same_outcome() {
    paused(async {
        let mut random = Random::new();
        for round in 0..400 {
            let (frames, _) = conversation(&mut random, 300);
            let mut bytes = wire::concat(&frames);
            bytes.truncate(2_000);
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            let whole = outcome_whole(&bytes).await;
            let most = *random.pick(&[1, 3, 50, 500]);
            let cuts = Cuts::Random(random.fork(), most);
            let cut = outcome_cut(&bytes, cuts, &mut random).await;
            assert_eq!(cut, whole, "round {round}, cut to {most}");
            // In parts a message may be longer.
            if whole.error != Some(ErrorKind::TooLarge) {
                let cuts = Cuts::Random(random.fork(), most);
                let in_parts = outcome_in_parts(&bytes, cuts, &mut random).await;
                assert_eq!(in_parts, whole, "round {round}, in parts");
            }
        }
    });
}

#[test]
fn random_bytes_never_panic_and_always_end() {
    paused(async {
        let mut random = Random::new();
        for _ in 0..2_000 {
            let length = random.below(300);
            let bytes = random.bytes(length);
            let whole = outcome_whole(&bytes).await;
            assert!(whole.clean || whole.error.is_some(), "{whole:?}");
        }
    });
}

#[test]
fn what_is_sent_arrives_as_it_was_at_another_decoder() {
    paused(async {
        let mut random = Random::new();
        for round in 0..100 {
            let mut config = Config::default();
            if random.one_in(2) {
                config = config.fragment_size(1 + random.below(3_000));
            }
            if random.one_in(2) {
                config = config.write_high_water(random.below(10_000));
            }
            let (most, longest) = *random.pick(&[(1, 500), (100, 20_000), (70_000, 200_000)]);
            let (near, far) = pipe(1 << 24);
            let io = Chaos::over(near)
                .write_cuts(Cuts::Random(random.fork(), most))
                .not_ready_one_in(5, random.fork());
            let mut ws = upgraded(io, config);
            let mut sent = Vec::new();
            for _ in 0..10 {
                sent.push(send_one(&mut ws, &mut random, longest).await);
            }
            ws.flush().await.unwrap();
            let mut frames = ClientFrames::default();
            frames.push(&far.take(usize::MAX));
            assert_eq!(messages(&mut frames), sent, "round {round}");
            assert!(!frames.inside_frame());
        }
    });
}

/// Sends something in one of the eight ways there are.
async fn send_one<T: AsyncRead + AsyncWrite + Unpin>(
    ws: &mut WsStream<T>,
    random: &mut Random,
    longest: usize,
) -> (u8, Vec<u8>) {
    let length = *random.pick(&[0, 1, 125, 126, 4_000, 20_000, 65_535, 65_536, 200_000]);
    let length = length.min(longest);
    let way = random.below(8);
    if way < 4 {
        let text = random.text(length);
        let expected = text.clone().into_bytes();
        match way {
            0 => ws.send(text).await,
            1 => ws.feed(text).await,
            2 => ws.send_text(&text).await,
            _ => ws.feed_text(&text).await,
        }
        .unwrap();
        (wire::TEXT, expected)
    } else {
        let bytes = random.bytes(length);
        let expected = bytes.clone();
        match way {
            4 => ws.send(bytes).await,
            5 => ws.feed(bytes).await,
            6 => ws.send_binary(&bytes).await,
            _ => ws.feed_binary(&bytes).await,
        }
        .unwrap();
        (wire::BINARY, expected)
    }
}

/// The messages in the client's frames.
fn messages(frames: &mut ClientFrames) -> Vec<(u8, Vec<u8>)> {
    let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
    while let Some(frame) = frames.next() {
        if frame.opcode == wire::CONTINUATION {
            messages.last_mut().unwrap().1.extend(frame.payload);
        } else {
            messages.push((frame.opcode, frame.payload));
        }
    }
    messages
}

/// Large payloads that somebody else still holds are sent, and not changed under their owner.
#[test]
fn shared_bytes_are_not_masked_under_their_other_owner() {
    paused(async {
        let (near, far) = pipe(1 << 24);
        let mut ws = upgraded(near, Config::default());
        for length in [10, 1_000, 100_000] {
            let shared = bytes::Bytes::from(vec![7; length]);
            ws.send(shared.clone()).await.unwrap();
            ws.send(shared.slice(1..)).await.unwrap();
            assert_eq!(shared, vec![7; length]);
        }
        let mut frames = ClientFrames::default();
        frames.push(&far.take(usize::MAX));
        let lengths: Vec<_> = messages(&mut frames)
            .iter()
            .inspect(|(_, payload)| assert!(payload.iter().all(|byte| *byte == 7)))
            .map(|(_, payload)| payload.len())
            .collect();
        assert_eq!(lengths, [10, 9, 1_000, 999, 100_000, 99_999]);
    });
}

/// 32 random bits a frame (RFC 6455 §5.3, §10.3): in 20,000 keys about 0.05 repeat, and every bit
/// is set in about half of them.
#[test]
fn masking_keys_are_fresh_and_random() {
    paused(async {
        let (near, far) = pipe(1 << 24);
        let mut ws = upgraded(near, Config::default());
        for _ in 0..20_000 {
            ws.feed_text("x").await.unwrap();
        }
        ws.flush().await.unwrap();
        let mut frames = ClientFrames::default();
        frames.push(&far.take(usize::MAX));
        let mut keys = HashSet::new();
        let mut set = [0_u32; 32];
        while let Some(frame) = frames.next() {
            let key = u32::from_be_bytes(frame.key);
            for (bit, count) in set.iter_mut().enumerate() {
                *count += key >> bit & 1;
            }
            keys.insert(key);
        }
        assert!(keys.len() > 19_990, "{} different keys", keys.len());
        // Ten standard deviations of a fair coin.
        assert!(
            set.iter().all(|count| (9_300..10_700).contains(count)),
            "{set:?}"
        );
    });
}
