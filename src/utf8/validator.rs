//! Incremental UTF-8 validation: a text may be cut anywhere, also inside a code point.

use super::short;

/// The bytes seen so far cannot be the beginning of any UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

/// Remembers the code point that the last piece left unfinished.
///
/// Fails at the first byte that no continuation could make valid, so a peer's bad text is refused
/// before the rest of it has arrived (RFC 6455 §8.1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Validator {
    /// The leading bytes of an unfinished code point; only `len` of them count.
    partial: [u8; 4],
    len: usize,
}

impl Validator {
    /// Takes the next piece of the text.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        while self.len > 0 {
            let Some((byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.partial[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.partial[..self.len]) {
                Ok(_) => self.len = 0,
                // At most three bytes can be an unfinished code point, so `len` stays below four.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(InvalidUtf8),
            }
        }
        if short::is_ascii(piece) {
            return Ok(());
        }
        let Err(error) = simdutf8::compat::from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(InvalidUtf8);
        }
        let tail = &piece[error.valid_up_to()..];
        self.partial[..tail.len()].copy_from_slice(tail);
        self.len = tail.len();
        Ok(())
    }

    /// The text ends here: no code point may be unfinished.
    pub(crate) fn finish(&mut self) -> Result<(), InvalidUtf8> {
        if self.len > 0 {
            return Err(InvalidUtf8);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(pieces: &[&[u8]]) -> bool {
        let mut validator = Validator::default();
        pieces.iter().all(|piece| validator.push(piece).is_ok()) && validator.finish().is_ok()
    }

    #[test]
    fn every_cut_of_a_text_gives_the_verdict_of_the_whole() {
        let texts: [&[u8]; 9] = [
            "κόσμε und 日本 🎉, plain".as_bytes(),
            b"\xed\xa0\x80",
            b"ab\xc0\xaf",
            b"\xf4\x90\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xe2\x82",
            b"\xff",
            b"\x80",
            b"",
        ];
        for text in texts {
            let whole = std::str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(
                        accepts(&pieces),
                        whole,
                        "{text:x?} cut at {first} and {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_impossible_byte_fails_though_the_code_point_is_unfinished() {
        for (good, bad) in [(0xed_u8, 0xa0_u8), (0xf4, 0x90), (0xe0, 0x80), (0xf0, 0x8f)] {
            let mut validator = Validator::default();
            assert_eq!(validator.push(&[good]), Ok(()));
            assert_eq!(validator.push(&[bad]), Err(InvalidUtf8), "{good:x} {bad:x}");
        }
    }
}
