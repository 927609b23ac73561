//! Messages on their way out: compressed where that makes them smaller (RFC 7692 §7.2.1).

use std::fmt;
use std::ops::Deref;

use super::coder::Coder;
use super::pool;
use crate::deflate::{AgreedDeflate, Deflate};
use crate::send_options::Compress;

/// The sending side of one connection.
pub(crate) struct Compression {
    level: u8,
    window_bits: u8,
    min_size: usize,
    takeover: bool,
    /// What remembers earlier messages; made when the first message is compressed.
    coder: Option<Coder>,
}

/// What a message is compressed to: the payload of its frames.
pub(crate) struct Compressed {
    memory: Box<[u8]>,
    len: usize,
}

impl Compression {
    /// `None` where this side cannot compress within what was agreed: 8 window bits are legal, but
    /// zlib has no such compressor. Uncompressed messages always are allowed (RFC 7692 §6).
    pub(super) fn new(settings: &Deflate, agreed: AgreedDeflate) -> Option<Self> {
        let wanted = settings.client_max_window_bits.unwrap_or(WINDOW_BITS);
        let window_bits = wanted.min(agreed.client_max_window_bits);
        (window_bits >= 9).then_some(Self {
            level: settings.level,
            window_bits,
            min_size: settings.min_size,
            takeover: !agreed.client_no_context_takeover,
            coder: None,
        })
    }

    /// Compresses a message; `None` if it is better sent as it is.
    pub(crate) fn compress(&mut self, payload: &[u8], choice: Compress) -> Option<Compressed> {
        match choice {
            Compress::Never => return None,
            Compress::Default if payload.len() < self.min_size.max(2) => return None,
            Compress::Default | Compress::Always => {}
        }
        if payload.is_empty() {
            // An empty stored block without its tail (RFC 7692 §7.2.3.6): nothing to be remembered.
            return Some(Compressed {
                memory: Box::new([0]),
                len: 1,
            });
        }
        // Literals of nine bits, the headers of blocks, and the tail. Memory that is asked for as
        // zeros is not touched before it is used.
        let room = payload.len() + payload.len() / 7 + 64;
        let mut memory = if room <= pool::SCRATCH {
            pool::take_scratch()
        } else {
            vec![0; room].into()
        };
        let (level, window_bits) = (self.level, self.window_bits);
        let coder = self.coder.take();
        let mut coder = coder.unwrap_or_else(|| pool::take_coder(level, window_bits));
        let len = coder.compress(payload, &mut memory)?;
        let shrunk = len < payload.len() || choice == Compress::Always;
        if self.takeover {
            if !shrunk {
                // It remembers a message that the server will never see compressed.
                coder.forget_last();
            }
            self.coder = Some(coder);
        } else {
            pool::give_coder(level, window_bits, coder);
        }
        let compressed = Compressed { memory, len };
        shrunk.then_some(compressed)
    }
}

impl Deref for Compressed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Compressed {
    fn drop(&mut self) {
        pool::give_scratch(std::mem::take(&mut self.memory));
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compression")
            .field("level", &self.level)
            .field("window_bits", &self.window_bits)
            .field("min_size", &self.min_size)
            .field("takeover", &self.takeover)
            .finish_non_exhaustive()
    }
}

/// The compressor's window where nothing else is said: 4 KiB. At level 1 it takes 45 KiB in all, at any
/// other 158; 15 takes 73 or 228, and messages of a feed resemble the last few before them.
const WINDOW_BITS: u8 = 12;

#[cfg(test)]
mod tests {
    use super::super::TAIL;
    use super::*;

    fn agreed(client_no_context_takeover: bool, client_max_window_bits: u8) -> AgreedDeflate {
        AgreedDeflate {
            server_no_context_takeover: false,
            client_no_context_takeover,
            server_max_window_bits: 15,
            client_max_window_bits,
        }
    }

    fn compression(no_takeover: bool) -> Compression {
        Compression::new(&Deflate::default(), agreed(no_takeover, 15)).unwrap()
    }

    /// Bytes that nothing can make smaller.
    fn noise(len: usize, mut state: u32) -> Vec<u8> {
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        };
        (0..len).map(|_| byte()).collect()
    }

    #[test]
    fn the_window_is_the_smallest_of_what_was_set_and_agreed() {
        let bits = |settings: Deflate, agreed_bits| {
            Compression::new(&settings, agreed(false, agreed_bits)).map(|made| made.window_bits)
        };
        assert_eq!(bits(Deflate::default(), 15), Some(12));
        assert_eq!(bits(Deflate::default(), 10), Some(10));
        assert_eq!(bits(Deflate::default(), 8), None);
        assert_eq!(
            bits(Deflate::default().client_max_window_bits(15), 15),
            Some(15)
        );
        assert_eq!(
            bits(Deflate::default().client_max_window_bits(9), 15),
            Some(9)
        );
    }

    #[test]
    fn a_message_is_compressed_only_where_that_helps() {
        let mut compression = compression(false);
        let text = b"the same, the same, the same, the same, the same, the same, the same";
        let compressed = compression.compress(text, Compress::Default).unwrap();
        assert!(compressed.len() < text.len() / 2);
        assert!(!compressed.ends_with(&TAIL));
        assert!(
            compression
                .compress(&text[..63], Compress::Default)
                .is_none()
        );
        assert!(compression.compress(text, Compress::Never).is_none());
        assert!(
            compression
                .compress(&noise(200_000, 1), Compress::Default)
                .is_none()
        );
        assert!(compression.compress(&text[..3], Compress::Always).is_some());
        for len in [1, 100, 70_000] {
            let message = noise(len, 1);
            let compressed = compression.compress(&message, Compress::Always).unwrap();
            assert!(compressed.len() > len);
        }
    }

    #[test]
    fn an_empty_message_is_one_byte() {
        let mut compression = compression(false);
        for _ in 0..2 {
            let compressed = compression.compress(b"", Compress::Always).unwrap();
            assert_eq!(compressed[..], [0]);
        }
        assert!(compression.compress(b"", Compress::Default).is_none());
    }

    #[test]
    fn only_takeover_remembers() {
        let message = noise(500, 7);
        for (no_takeover, remembers) in [(false, true), (true, false)] {
            let mut compression = compression(no_takeover);
            let mut len = || {
                let compressed = compression.compress(&message, Compress::Always);
                compressed.unwrap().len()
            };
            let (first, second) = (len(), len());
            assert_eq!(second < first / 10, remembers);
            assert_eq!(compression.coder.is_some(), remembers);
        }
    }

    #[test]
    fn what_went_uncompressed_is_forgotten() {
        let message = noise(500, 7);
        let mut compression = compression(false);
        assert!(compression.compress(&message, Compress::Default).is_none());
        let compressed = compression.compress(&message, Compress::Always).unwrap();
        assert!(compressed.len() > message.len());
    }
}
