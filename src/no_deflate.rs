//! The face of [`deflate`](super::deflate) in a build without compression: nothing can be asked for,
//! so nothing can be agreed.

use crate::handshake::Extension;

/// There is nothing to ask for.
#[derive(Debug, Clone)]
pub(crate) enum Deflate {}

/// There is nothing to agree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AgreedDeflate {}

impl Deflate {
    pub(crate) fn check(&self) -> Result<(), String> {
        match *self {}
    }

    pub(crate) fn offer(&self) -> String {
        match *self {}
    }

    pub(crate) fn judge(&self, _: &Extension<'_>) -> Result<AgreedDeflate, String> {
        match *self {}
    }
}
