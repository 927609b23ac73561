//! RFC 6455 §5.2 in plain bytes: what the server writes, and how it reads what clients write.

use std::ops::Range;

use crate::library::{Fault, Kind};

/// The reserved bit of a compressed message's first frame (RFC 7692 §6).
pub const RSV1: u8 = 0x40;

/// Appends the unmasked frames of a message (RFC 6455 §5.2).
pub fn write_message(wire: &mut Vec<u8>, kind: Kind, frames: usize, message: &[u8]) {
    let size = message.len().div_ceil(frames).max(1);
    let parts = message.len().div_ceil(size).max(1);
    for index in 0..parts {
        let part = &message[index * size..message.len().min((index + 1) * size)];
        let opcode = match (index, kind) {
            (0, Kind::Text) => 0x1,
            (0, Kind::Binary) => 0x2,
            _ => 0x0,
        };
        let fin = if index + 1 == parts { 0x80 } else { 0 };
        wire.push(fin | opcode);
        write_len(wire, part.len());
        wire.extend_from_slice(part);
    }
}

/// Appends one final frame with a masking key, as a client must send it (RFC 6455 §5.3).
pub fn write_masked(wire: &mut Vec<u8>, kind: Kind, payload: &[u8], key: [u8; 4]) {
    let start = wire.len();
    wire.resize(start + header_len(payload.len()) + 4, 0);
    write_masked_header(&mut wire[start..], kind, payload.len(), key);
    let start = wire.len();
    wire.extend_from_slice(payload);
    mask(&mut wire[start..], key);
}

/// Fills in a client's header, which is as long as its payload's length demands.
pub fn write_masked_header(header: &mut [u8], kind: Kind, len: usize, key: [u8; 4]) {
    header[0] = match kind {
        Kind::Text => 0x81,
        Kind::Binary => 0x82,
    };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => header[1] = 0x80 + short,
        (_, Ok(medium)) => {
            header[1] = 0x80 + 126;
            header[2..4].copy_from_slice(&medium.to_be_bytes());
        }
        _ => {
            header[1] = 0x80 + 127;
            header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let at = header.len() - key.len();
    header[at..].copy_from_slice(&key);
}

/// Bytes of a client's frame.
pub fn masked_len(payload: usize) -> usize {
    header_len(payload) + 4 + payload
}

/// XOR with the key from its first byte on; its own inverse.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let word = u64::from_ne_bytes([
        key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
    ]);
    let mut words = payload.chunks_exact_mut(8);
    for chunk in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
    }
    for (byte, key) in words
        .into_remainder()
        .iter_mut()
        .zip(key.into_iter().cycle())
    {
        *byte ^= key;
    }
}

/// Bytes of a header without a key.
pub fn header_len(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

fn write_len(wire: &mut Vec<u8>, len: usize) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => wire.push(short),
        (_, Ok(medium)) => {
            wire.push(126);
            wire.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            wire.push(127);
            wire.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// A client's frame in a buffer.
pub struct Masked {
    pub kind: Kind,
    pub key: [u8; 4],
    /// Where its payload is, still masked; the frame ends with it.
    pub payload: Range<usize>,
}

/// The frame at the beginning of `bytes`, if it is there as a whole.
///
/// # Errors
///
/// For anything but a final, masked data frame: no contestant is asked to send another.
pub fn parse_masked(bytes: &[u8]) -> Result<Option<Masked>, Fault> {
    parse_marked(bytes, 0)
}

/// The same for a frame that is marked so by its reserved bits.
///
/// # Errors
///
/// As [`parse_masked`], and if it is not marked.
pub fn parse_marked(bytes: &[u8], mark: u8) -> Result<Option<Masked>, Fault> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let kind = match first ^ mark {
        0x81 => Kind::Text,
        0x82 => Kind::Binary,
        _ => return Err(format!("a frame that begins with {first:#04x}").into()),
    };
    if second & 0x80 == 0 {
        return Err("a frame without a masking key".into());
    }
    let (header, len) = match second & 0x7F {
        127 => (10, rest.first_chunk().map(|len| u64::from_be_bytes(*len))),
        126 => (
            4,
            rest.first_chunk()
                .map(|len| u16::from_be_bytes(*len).into()),
        ),
        short => (2, Some(short.into())),
    };
    let Some(len) = len else {
        return Ok(None);
    };
    let start = header + 4;
    let payload = start..start + usize::try_from(len)?;
    if bytes.len() < payload.end {
        return Ok(None);
    }
    let mut key = [0; 4];
    key.copy_from_slice(&bytes[header..start]);
    Ok(Some(Masked { kind, key, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masked_hello_of_the_rfc() {
        let mut wire = Vec::new();
        write_masked(&mut wire, Kind::Text, b"Hello", [0x37, 0xFA, 0x21, 0x3D]);
        let expected = [
            0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
        ];
        assert_eq!(wire, expected);
    }

    #[test]
    fn what_is_written_is_read_back_at_every_length_of_length() {
        for len in [0, 1, 7, 125, 126, 127, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut wire = Vec::new();
            write_masked(&mut wire, Kind::Binary, &payload, [1, 2, 3, 4]);
            assert_eq!(wire.len(), masked_len(len));
            assert!(parse_masked(&wire[..wire.len() - 1]).unwrap().is_none());
            let frame = parse_masked(&wire).unwrap().unwrap();
            assert_eq!(frame.payload.end, wire.len());
            mask(&mut wire[frame.payload.clone()], frame.key);
            assert_eq!(&wire[frame.payload], payload);
        }
    }

    #[test]
    fn fragments_are_one_opening_frame_and_continuations() {
        let mut wire = Vec::new();
        write_message(&mut wire, Kind::Text, 3, b"abcdefg");
        assert_eq!(wire, b"\x01\x03abc\x00\x03def\x80\x01g");
    }
}
