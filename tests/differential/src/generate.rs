//! Streams of a server: conversations that keep to RFC 6455, and the same with a few things spoilt.

use std::fmt::Write;

use crate::random::Random;
use crate::wire::{self, Frame};

/// Some stream, spoilt in two cases of three.
pub(crate) fn stream(random: &mut Random) -> Vec<u8> {
    let mut frames = conversation(random);
    let spoilt = !random.one_in(3);
    if spoilt {
        for _ in 0..=random.below(2) {
            spoil_frames(random, &mut frames);
        }
    }
    let mut bytes = wire::concat(&frames);
    if spoilt && random.one_in(2) {
        spoil_bytes(random, &mut bytes);
    }
    bytes
}

fn conversation(random: &mut Random) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..=random.below(4) {
        let length = *random.pick(&[0, 1, 3, 20, 125, 126, 400, 1_995]);
        let is_text = !random.one_in(3);
        let payload = payload(random, is_text, length);
        let mut rest = &payload[..];
        let mut opcode = if is_text { wire::TEXT } else { wire::BINARY };
        while random.one_in(3) {
            let (part, behind) = rest.split_at(random.below(rest.len() + 1));
            frames.push(wire::frame(opcode, part).more());
            opcode = wire::CONTINUATION;
            rest = behind;
            control(random, &mut frames);
        }
        frames.push(wire::frame(opcode, rest));
        control(random, &mut frames);
    }
    if random.one_in(2) {
        frames.push(end(random));
    }
    frames
}

fn payload(random: &mut Random, is_text: bool, length: usize) -> Vec<u8> {
    if is_text {
        random.text(length).into_bytes()
    } else {
        random.bytes(length)
    }
}

fn control(random: &mut Random, frames: &mut Vec<Frame>) {
    while random.one_in(4) {
        let length = random.below(126);
        let opcode = *random.pick(&[wire::PING, wire::PONG]);
        frames.push(wire::frame(opcode, random.bytes(length)));
    }
}

fn end(random: &mut Random) -> Frame {
    if random.one_in(4) {
        return wire::frame(wire::CLOSE, "");
    }
    let code = *random.pick(&[1_000, 1_001, 1_011, 1_012, 3_000, 4_999]);
    let length = random.below(40);
    wire::close(code, random.text(length))
}

/// One frame more, or one less, somewhere: legal or not.
fn spoil_frames(random: &mut Random, frames: &mut Vec<Frame>) {
    let at = random.below(frames.len() + 1);
    let frame = match random.below(12) {
        0 => wire::text("x").rsv(1 << random.below(3)),
        1 => wire::frame(*random.pick(&[3, 7, 11, 15]), "x"),
        2 => wire::binary("masked").masked([1, 2, 3, 4]),
        3 => wire::binary("short").length_in_16_bits(),
        4 => wire::binary(random.bytes(200)).length_in_64_bits(),
        5 => wire::ping(random.bytes(126)),
        6 => wire::pong("").more(),
        7 => {
            let code = *random.pick(&[
                0, 999, 1_003, 1_004, 1_005, 1_006, 1_013, 1_014, 1_015, 1_016, 1_100, 2_000,
                2_999, 5_000, 65_535,
            ]);
            wire::close(code, "why")
        }
        8 => wire::frame(wire::CLOSE, bad_close_body(random)),
        9 => {
            let opcode = *random.pick(&[wire::CONTINUATION, wire::TEXT]);
            let frame = wire::frame(opcode, bad_text(random));
            if random.one_in(2) {
                frame.more()
            } else {
                frame
            }
        }
        10 => {
            let length = *random.pick(&[2_000, 2_001, 70_000, 1 << 31, 1 << 63, u64::MAX]);
            wire::binary("").declaring(length)
        }
        _ => {
            if at < frames.len() {
                frames.remove(at);
            }
            return;
        }
    };
    frames.insert(at, frame);
}

fn bad_close_body(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        0 => vec![3],
        1 => wire::close_body(1_000, [0xff]),
        _ => wire::close_body(4_000, "é".as_bytes().split_last().unwrap().1),
    }
}

fn bad_text(random: &mut Random) -> Vec<u8> {
    let length = random.below(30);
    let mut text = random.text(length).into_bytes();
    let bad: &[&[u8]] = &[
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b"\xf0\x9f\xa6",
    ];
    let bad: &&[u8] = random.pick(bad);
    text.extend_from_slice(bad);
    if random.one_in(2) {
        text.extend_from_slice(b"behind");
    }
    text
}

/// Bits flipped, bytes cut off, moved in or taken out.
fn spoil_bytes(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => {
            bytes.remove(at);
        }
        _ => bytes.insert(
            at,
            *random.pick(&[0, 1, 0x7e, 0x7f, 0x80, 0x81, 0x88, 0xff]),
        ),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
