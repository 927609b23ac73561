//! Which paragraph of `DIFFERENCES.md` explains a difference: decided by a look of its own at the
//! frames, so that no difference is explained by what was not there.

use crate::LIMIT;
use crate::play::{End, Outcome};
use crate::wire;

/// The headings of `DIFFERENCES.md`.
pub(crate) const ALL: &[&str] = &[
    NOT_SHORTEST,
    HIGHEST_BIT,
    BAD_AND_TOO_LARGE,
    NEVER_WHOLE,
    CLOSE_CODE,
    CLOSE_CODE_AND_REASON,
    BAD_GATEWAY,
];

const NOT_SHORTEST: &str = "A length that is not in its shortest form";
const HIGHEST_BIT: &str = "A length with its highest bit set";
const BAD_AND_TOO_LARGE: &str = "A header that is wrong and a length above the limit";
const NEVER_WHOLE: &str = "A frame that is wrong and never becomes whole";
const CLOSE_CODE: &str = "A close code that must not be sent";
const CLOSE_CODE_AND_REASON: &str =
    "A close code that must not be sent, with a reason that is no text";
const BAD_GATEWAY: &str = "Close code 1014";

pub(crate) fn explain(bytes: &[u8], ours: &Outcome, theirs: &Outcome) -> Option<&'static str> {
    let frame = first_out_of_the_ordinary(bytes)?;
    // Only for a length in a longer form does the other one go on, and give more.
    if frame.is_not_shortest {
        let is_ours = ours.end == End::Protocol && theirs.messages.starts_with(&ours.messages);
        return is_ours.then_some(NOT_SHORTEST);
    }
    if ours.messages != theirs.messages {
        return None;
    }
    let closes =
        matches!(&theirs.end, End::Close(Some(1002), reason) if reason == "Protocol violation");
    Some(match (&ours.end, &theirs.end) {
        (End::Protocol, End::TooLarge) if frame.length >= 1 << 63 => HIGHEST_BIT,
        (End::Protocol, End::TooLarge) if frame.is_wrong && frame.is_too_large() => {
            BAD_AND_TOO_LARGE
        }
        (End::Protocol, End::Reset) if frame.is_wrong && !frame.is_whole => NEVER_WHOLE,
        (End::TooLarge, End::Reset) if frame.is_too_much && !frame.is_whole => NEVER_WHOLE,
        (End::Utf8, End::Reset) if frame.is_text && !frame.is_whole => NEVER_WHOLE,
        (End::Protocol, _) if closes && frame.close_code.is_some_and(is_never_sent) => CLOSE_CODE,
        (End::Protocol, End::Utf8) if frame.close_code.is_some_and(is_never_sent) => {
            CLOSE_CODE_AND_REASON
        }
        (End::Close(Some(1014), _), _) if closes && frame.close_code == Some(1014) => BAD_GATEWAY,
        _ => return None,
    })
}

/// RFC 6455 §7.4, and the register of IANA that it founded.
fn is_never_sent(code: u16) -> bool {
    !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// A frame at which the two may part.
#[derive(Debug)]
struct Frame {
    length: u64,
    is_not_shortest: bool,
    is_whole: bool,
    /// Whether its first two bytes break RFC 6455 §5, by themselves or behind the frames before.
    is_wrong: bool,
    /// Whether it is part of a text message.
    is_text: bool,
    /// Whether it takes its message above the limit.
    is_too_much: bool,
    close_code: Option<u16>,
}

impl Frame {
    fn is_too_large(&self) -> bool {
        self.length > LIMIT as u64
    }
}

/// The first frame that is wrong, too large, not whole, or a Close.
fn first_out_of_the_ordinary(bytes: &[u8]) -> Option<Frame> {
    let mut rest = bytes;
    // The opcode of the message that has begun.
    let mut message = None;
    // How many bytes of it there are.
    let mut size = 0;
    loop {
        let (&first, behind) = rest.split_first()?;
        let (&second, behind) = behind.split_first()?;
        let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let (length, behind, least) = match second & 0x7f {
            126 => (
                behind
                    .first_chunk()
                    .map(|l| u64::from(u16::from_be_bytes(*l))),
                behind.get(2..),
                126,
            ),
            127 => (
                behind.first_chunk().map(|l| u64::from_be_bytes(*l)),
                behind.get(8..),
                1 << 16,
            ),
            short => (Some(u64::from(short)), Some(behind), 0),
        };
        let is_masked = second & 0x80 != 0;
        let behind = behind.and_then(|behind| behind.get(if is_masked { 4.. } else { 0.. }));
        // Where the header itself is cut, its shortest possible length.
        let length = length.unwrap_or(least);
        let payload = behind.zip(usize::try_from(length).ok());
        let payload = payload.and_then(|(behind, length)| behind.get(..length));
        let is_control = opcode & 8 != 0;
        let is_in_order = match opcode {
            wire::CONTINUATION => message.is_some(),
            wire::TEXT | wire::BINARY => message.is_none(),
            wire::CLOSE | wire::PING | wire::PONG => fin && length <= 125,
            _ => false,
        };
        if !is_control && opcode != wire::CONTINUATION {
            message = Some(opcode);
        }
        if !is_control {
            size += length.min(1 << 62);
        }
        let frame = Frame {
            length,
            is_not_shortest: length < least,
            is_whole: payload.is_some(),
            is_wrong: !is_in_order || rsv != 0 || is_masked,
            is_too_much: size > LIMIT as u64,
            is_text: !is_control && message == Some(wire::TEXT),
            close_code: payload
                .filter(|_| opcode == wire::CLOSE)
                .and_then(|body| body.first_chunk())
                .map(|code| u16::from_be_bytes(*code)),
        };
        let is_ordinary = !frame.is_not_shortest
            && !frame.is_wrong
            && !frame.is_too_much
            && opcode != wire::CLOSE;
        let (Some(behind), Some(payload), true) = (behind, payload, is_ordinary) else {
            return Some(frame);
        };
        if fin && !is_control {
            message = None;
            size = 0;
        }
        rest = &behind[payload.len()..];
    }
}
