//! The frame header: [`Header::parse`] and [`Header::write`] are inverse of each other.

use std::ops::Range;

use super::{MAX_CONTROL_PAYLOAD, Opcode};
use crate::error::ProtocolError;

/// The reserved bit that marks a compressed message (RFC 7692 §6).
pub(crate) const RSV1: u8 = 0b100;

/// A frame header that keeps the rules of RFC 6455 §5.2 and §5.5: a known opcode, a length in its
/// shortest form, and control frames that are short and final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    /// RSV1 to RSV3, as the number that the three bits make.
    pub(crate) rsv: u8,
    pub(crate) opcode: Opcode,
    pub(crate) mask: Option<[u8; 4]>,
    /// The payload length in bytes; its most significant bit is never set.
    pub(crate) len: u64,
}

impl Header {
    /// Reads a header from the beginning of `bytes`: it, and how many bytes it takes.
    /// `None` while it has not fully arrived.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let fin = first & FIN != 0;
        let rsv = (first & RSV) >> 4;
        let Some(opcode) = Opcode::from_bits(first & OPCODE) else {
            return Err(ProtocolError::Opcode(first & OPCODE));
        };
        let short = second & LEN;
        if opcode.is_control() {
            if usize::from(short) > MAX_CONTROL_PAYLOAD {
                return Err(ProtocolError::ControlTooLong);
            }
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
        }
        let (len, mut used) = match short {
            LEN_16 => {
                let Some((extended, _)) = rest.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                (u64::from(u16::from_be_bytes(*extended)), 4)
            }
            LEN_64 => {
                let Some((extended, _)) = rest.split_first_chunk::<8>() else {
                    return Ok(None);
                };
                (u64::from_be_bytes(*extended), 10)
            }
            short => (u64::from(short), 2),
        };
        if len >> 63 != 0 {
            return Err(ProtocolError::LengthTooHigh);
        }
        if short_form(len) != short {
            return Err(ProtocolError::LengthNotMinimal);
        }
        let mask = if second & MASK == 0 {
            None
        } else {
            let Some((key, _)) = bytes[used..].split_first_chunk::<4>() else {
                return Ok(None);
            };
            used += 4;
            Some(*key)
        };
        Ok(Some((
            Self {
                fin,
                rsv,
                opcode,
                mask,
                len,
            },
            used,
        )))
    }

    /// The reserved bits and whether there is a mask, which two bytes tell.
    #[inline]
    pub(crate) fn beginning(bytes: &[u8]) -> Option<(u8, bool)> {
        let [first, second, ..] = bytes else {
            return None;
        };
        Some(((first & RSV) >> 4, second & MASK != 0))
    }

    /// Looks for the usual case, and for nothing else: a message in one frame, no reserved bit, not
    /// masked, its length in the shortest form, and less than 1 MiB. `None` means that
    /// [`parse`](Self::parse) must look.
    #[inline]
    pub(crate) fn whole_message(bytes: &[u8]) -> Option<MessageHeader> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let opcode = match first ^ FIN {
            TEXT => Opcode::Text,
            BINARY => Opcode::Binary,
            _ => return None,
        };
        let (header, len) = match *second {
            short @ 0..=125 => (2, usize::from(short)),
            LEN_16 => (4, medium(rest)?),
            LEN_64 => (10, large(rest)?),
            _ => return None,
        };
        Some(MessageHeader {
            opcode,
            header,
            len,
        })
    }

    /// The kind of a message whose first fragment begins `bytes`, as far as its first byte tells.
    #[inline]
    pub(crate) fn first_fragment(bytes: &[u8]) -> Option<Opcode> {
        match *bytes.first()? {
            TEXT => Some(Opcode::Text),
            BINARY => Some(Opcode::Binary),
            _ => None,
        }
    }

    /// As [`whole_message`](Self::whole_message), for a fragment of at most 64 KiB: whether it is the
    /// last of its message, and where its payload is. It is a continuation unless it `begins` a message.
    #[inline]
    pub(crate) fn fragment(bytes: &[u8], begins: bool) -> Option<(bool, Range<usize>)> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let fin = match *first {
            0 if !begins => false,
            FIN if !begins => true,
            TEXT | BINARY if begins => false,
            _ => return None,
        };
        let (header, len) = match *second {
            short @ 0..=125 => (2, usize::from(short)),
            LEN_16 => (4, medium(rest)?),
            _ => return None,
        };
        Some((fin, header..header + len))
    }

    /// Writes the header to the beginning of `out`, with the length in its shortest form; how many
    /// bytes that took.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8; MAX_HEADER]) -> usize {
        out[0] = if self.fin { FIN } else { 0 } | self.rsv << 4 | self.opcode.bits();
        let mask = if self.mask.is_some() { MASK } else { 0 };
        let short = short_form(self.len);
        out[1] = mask | short;
        let used = match short {
            LEN_16 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "short_form saw that it fits"
                )]
                out[2..4].copy_from_slice(&(self.len as u16).to_be_bytes());
                4
            }
            LEN_64 => {
                out[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
            _ => 2,
        };
        let Some(key) = self.mask else {
            return used;
        };
        out[used..used + 4].copy_from_slice(&key);
        used + 4
    }
}

/// What the header of a message in one frame says; the message may be still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageHeader {
    pub(crate) opcode: Opcode,
    /// How many bytes the header takes.
    pub(crate) header: usize,
    /// The length of the payload.
    pub(crate) len: usize,
}

/// The 16-bit length that begins `rest`.
#[inline]
fn medium(rest: &[u8]) -> Option<usize> {
    let (extended, _) = rest.split_first_chunk::<2>()?;
    let len = u16::from_be_bytes(*extended);
    (len >= 126).then_some(usize::from(len))
}

/// The 64-bit length that begins `rest`; one of 1 MiB is not usual.
#[cold]
fn large(rest: &[u8]) -> Option<usize> {
    let (extended, _) = rest.split_first_chunk::<8>()?;
    let len = u64::from_be_bytes(*extended);
    if !(0x1_0000..1 << 20).contains(&len) {
        return None;
    }
    usize::try_from(len).ok()
}

/// The 7-bit length that stands for `len`: the length itself, or the mark of a longer form.
#[inline]
fn short_form(len: u64) -> u8 {
    match len {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the pattern says that it fits"
        )]
        0..=125 => len as u8,
        126..=0xffff => LEN_16,
        _ => LEN_64,
    }
}

/// The longest header: two bytes, eight of length, four of masking key.
pub(crate) const MAX_HEADER: usize = 14;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASK: u8 = 0x80;
const LEN: u8 = 0x7f;
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
        Header::parse(bytes)
    }

    #[test]
    fn parse_undoes_write_and_waits_for_every_missing_byte() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, u64::MAX >> 1];
        let opcodes = [
            Opcode::Continuation,
            Opcode::Text,
            Opcode::Binary,
            Opcode::Ping,
        ];
        for (len, opcode) in lengths
            .iter()
            .flat_map(|len| opcodes.map(|opcode| (*len, opcode)))
        {
            for (fin, mask) in [(true, None), (false, Some([1, 2, 3, 4]))] {
                let header = Header {
                    fin,
                    rsv: 5,
                    opcode,
                    mask,
                    len,
                };
                if opcode.is_control() && (len > 125 || !fin) {
                    continue;
                }
                let mut out = [0; MAX_HEADER];
                let used = header.write(&mut out);
                assert_eq!(parse(&out), Ok(Some((header, used))));
                for cut in 0..used {
                    assert_eq!(parse(&out[..cut]), Ok(None), "{header:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let (header, used) = parse(&[0x81, 0x05]).unwrap().unwrap();
        assert_eq!(
            (header.fin, header.opcode, header.len, used),
            (true, Opcode::Text, 5, 2)
        );
        let (header, used) = parse(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d])
            .unwrap()
            .unwrap();
        assert_eq!((header.mask, used), (Some([0x37, 0xfa, 0x21, 0x3d]), 6));
        let (header, _) = parse(&[0x82, 0x7e, 0x01, 0x00]).unwrap().unwrap();
        assert_eq!((header.opcode, header.len), (Opcode::Binary, 256));
        let (header, _) = parse(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0])
            .unwrap()
            .unwrap();
        assert_eq!(header.len, 65536);
    }

    #[test]
    fn the_short_look_agrees_with_the_parser_or_says_nothing() {
        let payload = [0; 300];
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for extended in [
                    &[0, 125][..],
                    &[0, 126],
                    &[1, 0],
                    &[0, 0, 0, 0, 0, 0, 255, 255],
                    &[0, 0, 0, 0, 0, 1, 0, 0],
                    &[0, 0, 0, 0, 0, 16, 0, 0],
                    &[128, 0, 0, 0, 0, 1, 0, 0],
                ] {
                    let bytes = [&[first, second], extended, &payload].concat();
                    for cut in [1, 2, 3, 4, 10, 129, 130, 131, 260, bytes.len()] {
                        let bytes = &bytes[..cut];
                        let Some(whole) = Header::whole_message(bytes) else {
                            continue;
                        };
                        let (header, used) = parse(bytes).unwrap().unwrap();
                        assert!(header.fin && header.rsv == 0 && header.mask.is_none());
                        assert_eq!((header.opcode, used), (whole.opcode, whole.header));
                        assert_eq!(header.len, whole.len as u64);
                    }
                }
            }
        }
        for (bytes, opcode, header, len) in [
            (&[0x82, 1][..], Opcode::Binary, 2, 1),
            (
                &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0],
                Opcode::Text,
                10,
                0x1_0000,
            ),
        ] {
            let whole = MessageHeader {
                opcode,
                header,
                len,
            };
            assert_eq!(Header::whole_message(bytes), Some(whole));
        }
    }

    #[test]
    fn headers_that_break_a_rule_are_refused() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(
                parse(&[0x80 | opcode, 0]),
                Err(ProtocolError::Opcode(opcode))
            );
        }
        assert_eq!(parse(&[0x89, 126]), Err(ProtocolError::ControlTooLong));
        assert_eq!(parse(&[0x08, 0]), Err(ProtocolError::FragmentedControl));
        assert_eq!(
            parse(&[0x82, 126, 0, 125]),
            Err(ProtocolError::LengthNotMinimal)
        );
        assert_eq!(
            parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            Err(ProtocolError::LengthNotMinimal)
        );
        assert_eq!(
            parse(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            Err(ProtocolError::LengthTooHigh)
        );
    }
}
