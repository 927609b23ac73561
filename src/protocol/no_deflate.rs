//! The face of [`deflate`](super::deflate) in a build without compression: there are no coders.

use crate::deflate::{AgreedDeflate, Deflate};
use crate::error::ProtocolError;
use crate::send_options::Compress;

#[derive(Debug)]
pub(super) enum Inflation {}

#[derive(Debug)]
pub(crate) enum Compression {}

/// What a message is compressed to.
pub(crate) enum Compressed {}

pub(super) fn coders(
    settings: &Deflate,
    _: AgreedDeflate,
    _: usize,
) -> (Option<Box<Inflation>>, Option<Box<Compression>>) {
    match *settings {}
}

impl Inflation {
    pub(super) fn allow(&mut self, _: u64) {
        match *self {}
    }

    pub(super) fn expect(&mut self, _: u64) -> Result<(), ProtocolError> {
        match *self {}
    }

    pub(super) fn inflate(
        &mut self,
        _: &mut &[u8],
        _: bool,
    ) -> Result<(&[u8], bool), ProtocolError> {
        match *self {}
    }

    pub(super) fn end(&mut self) -> u64 {
        match *self {}
    }
}

impl Compression {
    pub(crate) fn compress(&mut self, _: &[u8], _: Compress) -> Option<Compressed> {
        match *self {}
    }
}

impl std::ops::Deref for Compressed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match *self {}
    }
}
