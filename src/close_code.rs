//! Close status codes, RFC 6455 §7.4.

use std::fmt;

/// A status code of a Close frame (RFC 6455 §7.4).
///
/// Any number survives: the registered codes are constants, every other value is kept as it came.
///
/// ```
/// use longwire::CloseCode;
///
/// assert_eq!(CloseCode::from(1000), CloseCode::NORMAL);
/// assert_eq!(u16::from(CloseCode(4321)), 4321);
/// assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001 (going away)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a status code is a number and nothing else"
)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an endpoint goes away, such as a server that restarts.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a protocol error.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that cannot be accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the Close frame carried no code. Never sent; stands only where other APIs want a number.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a Close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not fit the type of the message, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violates the endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client expected an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the service restarts.
    pub const RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try again later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// 1014: a gateway received an invalid response from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS: Self = Self(1015);

    /// Whether this code may stand in a Close frame: the defined codes below 1015 and 3000 to 4999
    /// (RFC 6455 §7.4.1, §7.4.2, and the IANA registry that extends them).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether the code speaks of a condition that passes, so that connecting again makes sense:
    /// 1001, 1006, 1011, 1012 and 1013.
    pub const fn is_retryable(self) -> bool {
        matches!(self.0, 1001 | 1006 | 1011 | 1012 | 1013)
    }

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL => "normal",
            Self::GOING_AWAY => "going away",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::UNSUPPORTED => "unsupported data",
            Self::NO_STATUS => "no status",
            Self::ABNORMAL => "abnormal closure",
            Self::INVALID_PAYLOAD => "invalid payload",
            Self::POLICY => "policy violation",
            Self::TOO_BIG => "message too big",
            Self::MANDATORY_EXTENSION => "mandatory extension",
            Self::INTERNAL => "internal error",
            Self::RESTART => "service restart",
            Self::TRY_AGAIN => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            Self::TLS => "TLS handshake failed",
            _ => return None,
        })
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_sent_are_those_of_the_rfc_and_the_registry() {
        let sendable: Vec<u16> = (0..=u16::MAX)
            .filter(|code| CloseCode(*code).is_sendable())
            .collect();
        let expected: Vec<u16> = (1000..=1003)
            .chain(1007..=1014)
            .chain(3000..=4999)
            .collect();
        assert_eq!(sendable, expected);
    }

    #[test]
    fn unknown_codes_survive_and_show_as_numbers() {
        assert_eq!(u16::from(CloseCode::from(65535)), 65535);
        assert_eq!(CloseCode(4001).to_string(), "4001");
        assert_eq!(format!("{:?}", CloseCode::NORMAL), "CloseCode(1000)");
    }
}
