//! What a peer can do wrong on an open connection, and the close code that answers it.

use std::error::Error;
use std::fmt;

use super::ErrorKind;
use crate::close_code::CloseCode;

/// The peer broke a rule of RFC 6455 §5 to §8; the connection is failed (§7.1.7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no extension defines (§5.2); the three bits as a number.
    ReservedBits(u8),
    /// A reserved opcode (§5.2).
    Opcode(u8),
    /// The frame is masked, which only a client's may be (§5.1).
    MaskedFrame,
    /// A control frame with more than 125 bytes of payload (§5.5).
    ControlTooLong,
    /// A control frame that is not final (§5.4).
    FragmentedControl,
    /// A payload length that is not in its shortest form (§5.2).
    LengthNotMinimal,
    /// A payload length with its most significant bit set (§5.2).
    LengthTooHigh,
    /// A Continuation frame when no message is under way (§5.4).
    UnexpectedContinuation,
    /// A new data frame inside a fragmented message (§5.4).
    ExpectedContinuation,
    /// A Close frame whose body is one byte (§5.5.1).
    CloseBody,
    /// A close code that may not be sent (§7.4).
    CloseCode(CloseCode),
    /// A Close frame whose reason is not UTF-8 (§5.5.1).
    CloseReason,
    /// A text message that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A compressed message that cannot be inflated (RFC 7692 §7.2.2), and why.
    Deflate(&'static str),
    /// A frame above the limit.
    FrameTooLarge {
        /// The payload length that the frame declares, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A message above the limit.
    MessageTooLarge {
        /// What the message has grown to, with what its newest frame declares, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A message that is read in parts, above the limit for such messages.
    PartsTooLarge {
        /// What the message has grown to, with what its newest frame declares, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A message whose compressed form is out of proportion: to the message limit, or to what has
    /// come out of it.
    CompressedTooLarge {
        /// What the compressed form has grown to, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

impl ProtocolError {
    /// The code of the Close frame that answers this error (RFC 6455 §7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self.kind() {
            ErrorKind::Utf8 | ErrorKind::Deflate => CloseCode::INVALID_PAYLOAD,
            ErrorKind::TooLarge => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidUtf8 | Self::CloseReason => ErrorKind::Utf8,
            Self::Deflate(_) => ErrorKind::Deflate,
            Self::FrameTooLarge { .. }
            | Self::MessageTooLarge { .. }
            | Self::PartsTooLarge { .. }
            | Self::CompressedTooLarge { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::Protocol,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(bits) => {
                write!(
                    f,
                    "reserved bits {bits:03b} are set, and no extension defines them"
                )
            }
            Self::Opcode(opcode) => write!(f, "opcode {opcode:#x} is reserved"),
            Self::MaskedFrame => f.write_str("a server's frame is masked"),
            Self::ControlTooLong => f.write_str("a control frame has more than 125 bytes"),
            Self::FragmentedControl => f.write_str("a control frame is fragmented"),
            Self::LengthNotMinimal => f.write_str("a payload length is not in its shortest form"),
            Self::LengthTooHigh => f.write_str("a payload length has its most significant bit set"),
            Self::UnexpectedContinuation => {
                f.write_str("a Continuation frame came when no message was under way")
            }
            Self::ExpectedContinuation => {
                f.write_str("a new message began inside a fragmented one")
            }
            Self::CloseBody => f.write_str("the body of a Close frame is one byte long"),
            Self::CloseCode(code) => write!(f, "close code {code} may not be sent"),
            Self::CloseReason => f.write_str("the reason of a Close frame is not UTF-8"),
            Self::InvalidUtf8 => f.write_str("a text message is not UTF-8"),
            Self::Deflate(why) => write!(f, "a compressed message cannot be inflated: {why}"),
            Self::CompressedTooLarge { size, limit } => {
                write!(
                    f,
                    "a compressed message takes {size} bytes, and {limit} are the most that its \
                     content or the limit on messages allow"
                )
            }
            Self::PartsTooLarge { size, limit } => {
                write!(
                    f,
                    "a message of at least {size} bytes is above max_parts_size, {limit}"
                )
            }
            Self::FrameTooLarge { size, limit } => {
                write!(
                    f,
                    "a frame of {size} bytes is above max_frame_size, {limit}"
                )
            }
            Self::MessageTooLarge { size, limit } => {
                write!(
                    f,
                    "a message of at least {size} bytes is above max_message_size, {limit}"
                )
            }
        }
    }
}

impl Error for ProtocolError {}
