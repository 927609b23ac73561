//! What a user sends and receives, and how a connection ended.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::close_code::CloseCode;
use crate::utf8::Utf8Bytes;

/// A data message (RFC 6455 §5.6).
///
/// There are two kinds, and there will never be more: Ping, Pong and Close are handled inside the
/// connection, and an observer may watch them.
///
/// ```
/// use longwire::Message;
///
/// let message = Message::from("subscribe");
/// assert_eq!(message.as_text(), Some("subscribe"));
/// assert_eq!(Message::from(vec![1, 2, 3]).to_string(), "<3 bytes>");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "two variants for ever, so that a match is complete"
)]
pub enum Message {
    /// Text: always valid UTF-8.
    Text(Utf8Bytes),
    /// Bytes that mean what the application says they mean.
    Binary(Bytes),
}

impl Message {
    /// The text, if this is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The payload of either kind; copies nothing.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, which is legal for both kinds.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Which of the two this is.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Whether this is a text message.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }
}

/// The two kinds of a [`Message`], where it is given or sent in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "as exhaustive as Message is")]
pub enum MessageKind {
    /// Text: UTF-8, as a whole.
    Text,
    /// Bytes that mean what the application says they mean.
    Binary,
}

/// Text as it is, binary as `<n bytes>`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Display::fmt(text, f),
            Self::Binary(bytes) => write!(f, "<{} bytes>", bytes.len()),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<BytesMut> for Message {
    fn from(bytes: BytesMut) -> Self {
        Self::Binary(bytes.freeze())
    }
}

impl From<&'static [u8]> for Message {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Binary(Bytes::from_static(bytes))
    }
}

impl<const N: usize> From<&'static [u8; N]> for Message {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::Binary(Bytes::from_static(bytes))
    }
}

/// One of the two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// This side.
    Client,
    /// The peer.
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// How a connection ended (RFC 6455 §7.1.4 to §7.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what there is to say about an end is said"
)]
pub struct CloseInfo {
    /// Who began the end: sent the first Close frame, failed the connection or dropped it.
    pub by: Side,
    /// The code in the server's Close frame; `None` when that frame carried none.
    ///
    /// When no Close frame came: the code that this side sent if it failed the connection (1002,
    /// 1007 or 1009), else [`CloseCode::ABNORMAL`].
    pub code: Option<CloseCode>,
    /// The reason in the server's Close frame; empty when there was none.
    ///
    /// Written for logs, not for end users (RFC 6455 §7.1.6).
    pub reason: Utf8Bytes,
    /// Whether the closing handshake was completed: a Close frame went each way.
    pub clean: bool,
}

impl CloseInfo {
    /// Whether connecting again makes sense; see [`CloseCode::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.code.is_some_and(CloseCode::is_retryable)
    }
}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.clean {
            "closed"
        } else {
            "ended without a complete closing handshake"
        };
        write!(f, "{how}, begun by the {}", self.by)?;
        match self.code {
            Some(code) => write!(f, ", code {code}")?,
            None => f.write_str(", no code")?,
        }
        if !self.reason.is_empty() {
            write!(f, ", reason {:?}", self.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promised_source_becomes_the_kind_it_should() {
        assert!(Message::from("a").is_text());
        assert!(Message::from(String::from("a")).is_text());
        assert!(Message::from(Utf8Bytes::from("a")).is_text());
        assert!(Message::from(vec![1]).is_binary());
        assert!(Message::from(Bytes::from_static(b"a")).is_binary());
        assert!(Message::from(BytesMut::from(&b"a"[..])).is_binary());
        assert!(Message::from(b"abc").is_binary());
        let slice: &'static [u8] = b"abc";
        assert_eq!(Message::from(slice).len(), 3);
    }

    #[test]
    fn a_close_info_reads_as_a_sentence() {
        let info = CloseInfo {
            by: Side::Server,
            code: Some(CloseCode::RESTART),
            reason: "deploy".into(),
            clean: true,
        };
        assert_eq!(
            info.to_string(),
            "closed, begun by the server, code 1012 (service restart), reason \"deploy\""
        );
        assert!(info.is_retryable());
    }
}
