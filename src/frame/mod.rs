//! Frames, RFC 6455 §5.2 and §5.3: bytes only.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               |Masking-key, if MASK set to 1  |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```

mod control;
mod header;
pub(crate) mod mask;

use bytes::Bytes;

use crate::close_code::CloseCode;

pub(crate) use self::control::{ControlPayload, MAX_CONTROL_PAYLOAD};
pub(crate) use self::header::{Header, MAX_HEADER, MessageHeader, RSV1};

/// What a frame is (RFC 6455 §5.2). The ten reserved opcodes cannot be expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Opcode {
    /// 0: the next part of a fragmented message.
    Continuation,
    /// 1: a text message, or its first part.
    Text,
    /// 2: a binary message, or its first part.
    Binary,
    /// 8: begins or answers the closing handshake.
    Close,
    /// 9: asks for a Pong.
    Ping,
    /// 10: answers a Ping, or comes unasked.
    Pong,
}

impl Opcode {
    /// Whether frames of this kind are control frames (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// A frame with its payload unmasked: what [`FrameCodec`](crate::FrameCodec) takes and gives.
///
/// ```
/// use longwire::{Frame, Opcode};
///
/// let frame = Frame::text("hello");
/// assert!(frame.fin && frame.opcode == Opcode::Text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Whether this is the last frame of its message (FIN).
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The payload, unmasked.
    pub payload: Bytes,
}

impl Frame {
    /// A final frame of any kind.
    pub fn new(opcode: Opcode, payload: impl Into<Bytes>) -> Self {
        Self {
            fin: true,
            opcode,
            payload: payload.into(),
        }
    }

    /// A whole text message.
    pub fn text(text: impl Into<crate::Utf8Bytes>) -> Self {
        Self::new(Opcode::Text, text.into())
    }

    /// A whole binary message.
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::Binary, payload)
    }

    /// A Ping (RFC 6455 §5.5.2).
    pub fn ping(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::Ping, payload)
    }

    /// A Pong (RFC 6455 §5.5.3).
    pub fn pong(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::Pong, payload)
    }

    /// A Close frame with a code and a reason (RFC 6455 §5.5.1).
    pub fn close(code: CloseCode, reason: &str) -> Self {
        let mut body = u16::from(code).to_be_bytes().to_vec();
        body.extend_from_slice(reason.as_bytes());
        Self::new(Opcode::Close, body)
    }

    /// The same frame, but not the last of its message.
    pub fn not_final(mut self) -> Self {
        self.fin = false;
        self
    }
}
