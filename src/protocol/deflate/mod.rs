//! Compression of messages (RFC 7692 §7.2), both ways, over zlib-rs.
//!
//! What the coders need is made when the first message needs it, and shared by the connections of a
//! thread wherever nothing has to be remembered from one message to the next.

mod bits;
mod coder;
mod compression;
mod inflation;
mod pool;
mod quick;
mod recall;

pub(crate) use self::compression::Compression;
pub(super) use self::inflation::Inflation;
use crate::deflate::{AgreedDeflate, Deflate};

/// Both directions of a connection, as they were agreed; sending never compresses if there is no
/// [`Compression`].
pub(super) fn coders(
    settings: &Deflate,
    agreed: AgreedDeflate,
    max_message_size: usize,
) -> (Option<Box<Inflation>>, Option<Box<Compression>>) {
    let inflation = Inflation::new(agreed, max_message_size);
    let compression = Compression::new(settings, agreed);
    (Some(Box::new(inflation)), compression.map(Box::new))
}

/// What ends every message before it is sent, and is left out there (RFC 7692 §7.2.1): an empty
/// stored block, less the bits of its header.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
