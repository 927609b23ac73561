//! What can be wrong with a redirect.

use std::error::Error;
use std::fmt;

/// Why a redirect was not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// There were more redirects than [`redirects`](crate::Connect::redirects) allows; how many that
    /// is.
    TooMany(usize),
    /// It leads back to a request that has been made already.
    Loop,
    /// It leads from `wss://` to `ws://`.
    Downgrade,
    /// `Location` is missing, or leads nowhere that can be connected to; what is wrong with it.
    Location(String),
    /// [`redirect_policy`](crate::Connect::redirect_policy) has said no.
    Refused,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the redirect is not followed: ")?;
        match self {
            Self::TooMany(most) => write!(f, "there were {most} already, and no more are allowed"),
            Self::Loop => f.write_str("it leads back to where it came from"),
            Self::Downgrade => f.write_str("it leads from wss:// to ws://, away from TLS"),
            Self::Location(why) => write!(f, "its Location cannot be used: {why}"),
            Self::Refused => f.write_str("redirect_policy refuses it"),
        }
    }
}

impl Error for RedirectError {}
