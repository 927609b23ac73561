//! What compresses: by level.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status};

use super::TAIL;
use super::quick::Quick;

/// Compresses messages, each of which may refer to those before it.
pub(super) enum Coder {
    /// Level 1.
    Quick(Quick),
    /// Any other.
    Thorough(Deflate),
}

impl Coder {
    pub(super) fn new(level: u8, window_bits: u8) -> Self {
        if level == 1 {
            return Self::Quick(Quick::new(window_bits));
        }
        Self::Thorough(Deflate::new_with_config(DeflateConfig {
            level: level.into(),
            // Negative: no header and no checksum around it.
            window_bits: -i32::from(window_bits),
            mem_level: MEMORY_LEVEL,
            ..DeflateConfig::default()
        }))
    }

    /// Compresses all of `payload` into `room`: how long the result is without its tail. `None` if it
    /// does not fit, and then this must not be used again.
    pub(super) fn compress(&mut self, payload: &[u8], room: &mut [u8]) -> Option<usize> {
        match self {
            Self::Quick(quick) => quick.compress(payload, room),
            Self::Thorough(deflate) => compress(deflate, payload, room),
        }
    }

    /// Refers to nothing of what was compressed so far.
    pub(super) fn forget(&mut self) {
        match self {
            Self::Quick(quick) => quick.forget(),
            Self::Thorough(deflate) => deflate.reset(),
        }
    }

    /// Does not refer to the last message, nor perhaps to those before it.
    pub(super) fn forget_last(&mut self) {
        match self {
            Self::Quick(quick) => quick.forget_last(),
            Self::Thorough(deflate) => deflate.reset(),
        }
    }
}

/// Where it does not fit there is output that was held back: then zlib-rs 0.6.8 must not be reset, since
/// it would go on behind that output, and beyond its memory.
fn compress(deflater: &mut Deflate, payload: &[u8], room: &mut [u8]) -> Option<usize> {
    let (mut taken, mut len) = (0, 0);
    // Usually once: zlib takes at most 4 GiB at a time.
    while taken < payload.len() {
        let (total_in, total_out) = (deflater.total_in(), deflater.total_out());
        let (input, output) = (&payload[taken..], &mut room[len..]);
        let status = deflater.compress(input, output, DeflateFlush::SyncFlush);
        if status != Ok(Status::Ok) || deflater.total_in() == total_in {
            return None;
        }
        taken += usize::try_from(deflater.total_in() - total_in).ok()?;
        len += usize::try_from(deflater.total_out() - total_out).ok()?;
        // A full buffer means that there may be more.
        if len == room.len() {
            return None;
        }
    }
    room[..len].strip_suffix(&TAIL).map(<[u8]>::len)
}

/// zlib's measure of the memory beside the window. 8, its default, takes 107 KB more and compresses
/// a stream of small messages no better; below 4 blocks become short and large messages grow.
const MEMORY_LEVEL: i32 = 4;
