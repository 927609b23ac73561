//! `FrameCodec` on its own: whole frames or parts of them, the same however the bytes are cut, and
//! what it writes read by a parser of its own.

use longwire::bytes::BytesMut;
use longwire::{Error, ErrorKind, Frame, FrameCodec, Opcode};
use tokio_util::codec::{Decoder, Encoder};

use crate::support::random::Random;
use crate::support::wire::{self, ClientFrames, binary, continuation, frame, ping, text};

/// Everything that the codec makes of `bytes`, given to it in pieces of at most `most` bytes.
fn decoded(
    mut codec: FrameCodec,
    bytes: &[u8],
    most: usize,
    random: &mut Random,
) -> Result<Vec<Frame>, Error> {
    let mut frames = Vec::new();
    let mut buffer = BytesMut::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((1 + random.below(most)).min(rest.len()));
        buffer.extend_from_slice(piece);
        rest = behind;
        while let Some(frame) = codec.decode(&mut buffer)? {
            frames.push(frame);
        }
    }
    assert!(codec.decode_eof(&mut buffer)?.is_none());
    Ok(frames)
}

/// Random frames as bytes, and as the codec is to give them.
fn random_frames(random: &mut Random) -> (Vec<u8>, Vec<Frame>) {
    let opcodes = [
        (wire::CONTINUATION, Opcode::Continuation),
        (wire::TEXT, Opcode::Text),
        (wire::BINARY, Opcode::Binary),
        (wire::CLOSE, Opcode::Close),
        (wire::PING, Opcode::Ping),
        (wire::PONG, Opcode::Pong),
    ];
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for _ in 0..10 {
        let (number, opcode) = *random.pick(&opcodes);
        let longest = if opcode.is_control() { 126 } else { 70_000 };
        let length = match random.below(4) {
            0 => random.below(longest),
            _ => random.below(126),
        };
        let payload = random.bytes(length);
        let mut sent = frame(number, &payload);
        let mut expected = Frame::new(opcode, payload);
        if !opcode.is_control() && random.one_in(3) {
            sent = sent.more();
            expected.fin = false;
        }
        bytes.extend(sent.bytes());
        frames.push(expected);
    }
    (bytes, frames)
}

#[test]
fn any_cut_of_the_bytes_gives_the_same_whole_frames() {
    let mut random = Random::new();
    for _ in 0..100 {
        let (bytes, expected) = random_frames(&mut random);
        for most in [3, 1_000, 1_000_000] {
            let frames = decoded(FrameCodec::new(), &bytes, most, &mut random).unwrap();
            assert_eq!(frames, expected);
        }
    }
}

/// RFC 6455 §5.4: as if an intermediary had fragmented the frame.
#[test]
fn parts_of_a_frame_are_fragments_that_add_up_to_it() {
    let mut random = Random::new();
    for _ in 0..100 {
        let (bytes, expected) = random_frames(&mut random);
        let most = *random.pick(&[3, 1_000, 1_000_000]);
        let parts = decoded(FrameCodec::new().in_parts(), &bytes, most, &mut random).unwrap();
        let mut parts = parts.into_iter();
        for whole in expected {
            let first = parts.next().unwrap();
            assert_eq!(first.opcode, whole.opcode);
            let mut joined = first.payload.to_vec();
            let mut fin = first.fin;
            while joined.len() < whole.payload.len() {
                assert!(!whole.opcode.is_control() && !fin);
                let part = parts.next().unwrap();
                assert_eq!(part.opcode, Opcode::Continuation);
                joined.extend_from_slice(&part.payload);
                fin = part.fin;
            }
            assert_eq!((joined.as_slice(), fin), (&whole.payload[..], whole.fin));
        }
        assert_eq!(parts.next(), None);
    }
}

#[test]
fn what_the_codec_writes_is_masked_and_in_its_shortest_form() {
    let mut random = Random::new();
    let mut codec = FrameCodec::new();
    let mut parser = ClientFrames::default();
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
        let payload = random.bytes(length);
        let mut begun = Frame::new(Opcode::Binary, payload.clone());
        begun.fin = false;
        let rest = Frame::new(Opcode::Continuation, payload.clone());
        let mut bytes = BytesMut::new();
        for frame in [begun, Frame::new(Opcode::Ping, vec![7; 125]), rest] {
            codec.encode(frame, &mut bytes).unwrap();
        }
        parser.push(&bytes);
        for (opcode, fin, payload) in [
            (wire::BINARY, false, &payload),
            (wire::PING, true, &vec![7; 125]),
            (wire::CONTINUATION, true, &payload),
        ] {
            let frame = parser.next().unwrap();
            assert_eq!((frame.opcode, frame.fin), (opcode, fin));
            assert_eq!(frame.payload, *payload);
        }
    }
}

#[test]
fn frames_that_may_not_be_are_errors_of_the_same_kinds_as_on_a_stream() {
    let mut random = Random::new();
    let wrong = [
        (text("x").rsv(4), ErrorKind::Protocol),
        (frame(3, "x"), ErrorKind::Protocol),
        (frame(15, ""), ErrorKind::Protocol),
        (binary("x").masked([0; 4]), ErrorKind::Protocol),
        (ping([7; 126]), ErrorKind::Protocol),
        (ping("x").more(), ErrorKind::Protocol),
        (text("x").length_in_16_bits(), ErrorKind::Protocol),
        (text("x").declaring(1 << 63), ErrorKind::Protocol),
        (continuation([7; 1_001]), ErrorKind::TooLarge),
        (text("").declaring(1 << 62), ErrorKind::TooLarge),
    ];
    for (frame, kind) in wrong {
        for codec in [FrameCodec::new(), FrameCodec::new().in_parts()] {
            let codec = codec.max_frame_size(1_000);
            let error = decoded(codec, &frame.bytes(), 3, &mut random).unwrap_err();
            assert_eq!(error.kind(), kind, "{frame:?}: {error:?}");
        }
    }
}

/// A declared length alone makes the codec hold nothing.
#[test]
fn a_declared_length_reserves_at_most_a_mebibyte() {
    let meter = crate::support::alloc::Meter::start();
    let mut buffer = BytesMut::from(&binary("").declaring(64 << 20).bytes()[..]);
    assert!(FrameCodec::new().decode(&mut buffer).unwrap().is_none());
    assert!(meter.peak() <= (1 << 20) + 1_000, "{} bytes", meter.peak());
}
