//! What a response can do wrong in the opening handshake.

use std::error::Error;
use std::fmt;

/// The response to the opening handshake breaks a rule (RFC 6455 §4.1, RFC 9112).
///
/// What the server sent is quoted where that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The response head is above 64 KiB or 128 fields, or more than 16 interim responses came.
    HeadTooLarge(String),
    /// What came is not an HTTP/1.1 response head.
    BadHead(String),
    /// `Upgrade` is not exactly one `websocket`; what was found.
    Upgrade(String),
    /// `Connection` does not list the token `upgrade`; what was found.
    Connection(String),
    /// `Sec-WebSocket-Accept` is missing, repeated or not the one that the key demands.
    Accept(String),
    /// `Sec-WebSocket-Protocol` names what was not offered, or comes twice.
    Subprotocol(String),
    /// `Sec-WebSocket-Extensions` names what was not offered, or is malformed.
    Extension(String),
}

impl HandshakeError {
    /// The same with other words for what was found.
    pub(crate) fn map(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::HeadTooLarge(detail) => Self::HeadTooLarge(change(&detail)),
            Self::BadHead(detail) => Self::BadHead(change(&detail)),
            Self::Upgrade(detail) => Self::Upgrade(change(&detail)),
            Self::Connection(detail) => Self::Connection(change(&detail)),
            Self::Accept(detail) => Self::Accept(change(&detail)),
            Self::Subprotocol(detail) => Self::Subprotocol(change(&detail)),
            Self::Extension(detail) => Self::Extension(change(&detail)),
        }
    }

    /// What is wrong with the response, whatever it answers.
    pub(crate) fn reason(&self) -> String {
        let (what, detail) = match self {
            Self::HeadTooLarge(detail) => ("the response head is too large", detail),
            Self::BadHead(detail) => ("what came is not an HTTP/1.1 response", detail),
            Self::Upgrade(detail) => ("Upgrade is not \"websocket\"", detail),
            Self::Connection(detail) => ("Connection does not list \"upgrade\"", detail),
            Self::Accept(detail) => ("Sec-WebSocket-Accept does not prove the handshake", detail),
            Self::Subprotocol(detail) => ("Sec-WebSocket-Protocol cannot be accepted", detail),
            Self::Extension(detail) => ("Sec-WebSocket-Extensions cannot be accepted", detail),
        };
        format!("{what}: {detail}")
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the opening handshake failed: {}", self.reason())
    }
}

impl Error for HandshakeError {}
