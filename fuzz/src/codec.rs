//! `FrameCodec`: however the bytes are cut, the frames are the same, in parts too; and what is
//! encoded is what an independent parser reads.

use bytes::BytesMut;
use longwire::{ErrorKind, Frame, FrameCodec, Opcode};
use tokio_util::codec::{Decoder, Encoder};

use crate::input::{Cuts, Input};
use crate::wire::{self, ClientFrames};

/// The payload lengths that one byte of settings picks as the limit of a frame.
const LIMITS: [usize; 8] = [0, 1, 125, 126, 127, 1_000, 65_535, 64 << 20];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = LIMITS[input.number() % LIMITS.len()];
    let cuts = input.cuts();
    let bytes = input.rest();

    let codec = || FrameCodec::new().max_frame_size(limit);
    let whole = decode(codec(), bytes, Cuts::nowhere());
    for frame in &whole.0 {
        if frame.opcode.is_control() {
            assert!(frame.fin && frame.payload.len() <= 125);
        } else {
            assert!(frame.payload.len() <= limit);
        }
        encode(frame);
    }
    assert_eq!(decode(codec(), bytes, cuts.clone()), whole);

    for cuts in [Cuts::nowhere(), cuts] {
        let (parts, end) = decode(codec().in_parts(), bytes, cuts);
        assert_eq!(end, whole.1);
        same_but_for_the_last(join(&whole.0), join(&parts));
    }
}

/// In parts, a frame that never becomes whole shows too: as one more, or as more of the last.
fn same_but_for_the_last(mut whole: Vec<Joined>, mut parts: Vec<Joined>) {
    assert!(matches!(parts.len() - whole.len(), 0 | 1));
    if parts.len() > whole.len() {
        assert!(!parts.pop().unwrap().fin);
    } else if let (Some(last), Some(longer)) = (whole.pop(), parts.pop()) {
        assert_eq!(last.opcode, longer.opcode);
        assert!(longer.payload.starts_with(&last.payload));
        assert!(last.payload == longer.payload || !last.fin);
    }
    assert_eq!(parts, whole);
}

/// All frames, and how it ended: in good order, or with an error of this kind.
fn decode(
    mut codec: FrameCodec,
    bytes: &[u8],
    mut cuts: Cuts,
) -> (Vec<Frame>, Result<(), ErrorKind>) {
    let mut frames = Vec::new();
    let mut buffer = BytesMut::new();
    let mut rest = bytes;
    let end = loop {
        let decoded = if rest.is_empty() {
            codec.decode_eof(&mut buffer)
        } else {
            codec.decode(&mut buffer)
        };
        match decoded {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) if rest.is_empty() => break Ok(()),
            Ok(None) => {
                let (now, later) = rest.split_at(cuts.size().min(rest.len()));
                buffer.extend_from_slice(now);
                rest = later;
            }
            Err(error) => break Err(error.kind()),
        }
    };
    (frames, end)
}

#[derive(Debug, PartialEq)]
struct Joined {
    fin: bool,
    opcode: Opcode,
    payload: Vec<u8>,
}

/// Each Continuation frame joined to the frame that it follows: parts cannot be told from fragments.
fn join(frames: &[Frame]) -> Vec<Joined> {
    let mut joined: Vec<Joined> = Vec::new();
    for frame in frames {
        match joined.last_mut() {
            Some(last) if !last.fin && frame.opcode == Opcode::Continuation => {
                last.payload.extend_from_slice(&frame.payload);
                last.fin = frame.fin;
            }
            _ => joined.push(Joined {
                fin: frame.fin,
                opcode: frame.opcode,
                payload: frame.payload.to_vec(),
            }),
        }
    }
    joined
}

/// A frame, encoded, is the same frame to somebody else.
fn encode(frame: &Frame) {
    let mut encoded = BytesMut::new();
    let encoding = FrameCodec::new().encode(frame.clone(), &mut encoded);
    encoding.expect("what can be decoded can be encoded");
    let opcode = match frame.opcode {
        // The parser judges the order, too, and this is a frame alone.
        Opcode::Continuation | Opcode::Text => wire::TEXT,
        Opcode::Binary => wire::BINARY,
        Opcode::Close if frame.payload.len() == 1 => return,
        Opcode::Close => wire::CLOSE,
        Opcode::Ping => wire::PING,
        Opcode::Pong => wire::PONG,
        opcode => panic!("a new opcode: {opcode:?}"),
    };
    if frame.opcode == Opcode::Continuation {
        encoded[0] |= wire::TEXT;
    }
    let mut parser = ClientFrames::default();
    parser.push(&encoded);
    let parsed = parser.next().expect("a whole frame");
    assert!(!parser.inside_frame(), "bytes behind the frame");
    assert_eq!((parsed.fin, parsed.opcode), (frame.fin, opcode));
    assert_eq!(parsed.payload, frame.payload);
}
