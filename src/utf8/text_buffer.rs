//! A text that arrives in pieces.

use bytes::{BufMut, Bytes};

use super::validator::Validator;
use super::{InvalidUtf8, Utf8Bytes};
use crate::growing_buffer::GrowingBuffer;
use crate::parted_buffer::PartedBuffer;

/// A [`GrowingBuffer`] whose content is checked as it grows.
#[derive(Debug)]
pub(crate) struct TextBuffer {
    bytes: GrowingBuffer,
    /// How many of `bytes` the validator has seen.
    checked: usize,
    validator: Validator,
}

impl TextBuffer {
    /// Starts a text in `storage`, which is empty.
    pub(crate) fn new(storage: GrowingBuffer) -> Self {
        Self {
            bytes: storage,
            checked: 0,
            validator: Validator::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// See [`GrowingBuffer::make_room`].
    pub(crate) fn make_room(&mut self, declared: usize, ceiling: usize) {
        self.bytes.make_room(declared, ceiling);
    }

    /// See [`GrowingBuffer::spare`].
    pub(crate) fn spare(&self) -> usize {
        self.bytes.spare()
    }

    /// Where at most `limit` bytes of the text may be appended; [`check`](Self::check) follows.
    pub(crate) fn room(&mut self, limit: usize) -> impl BufMut + '_ {
        self.bytes.room(limit)
    }

    /// Checks a piece and appends it.
    #[inline]
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        self.check()?;
        self.validator.push(piece)?;
        self.bytes.push(piece);
        self.checked = self.bytes.len();
        Ok(())
    }

    /// Checks what was appended since the last check.
    #[inline]
    pub(crate) fn check(&mut self) -> Result<(), InvalidUtf8> {
        if self.checked == self.bytes.len() {
            return Ok(());
        }
        self.validator
            .push(&self.bytes.as_slice()[self.checked..])?;
        self.checked = self.bytes.len();
        Ok(())
    }

    /// The storage of a text of which nothing has come.
    pub(crate) fn into_storage(self) -> GrowingBuffer {
        self.bytes
    }

    /// What has come, and what must see the rest of the text.
    pub(crate) fn break_off(mut self) -> Result<(Bytes, Validator), InvalidUtf8> {
        self.check()?;
        Ok((self.bytes.seal().0, self.validator))
    }

    /// The text ends here. Gives it, and the storage if that can be used again.
    pub(crate) fn finish(mut self) -> Result<(Utf8Bytes, GrowingBuffer), InvalidUtf8> {
        self.check()?;
        self.validator.finish()?;
        let (bytes, storage) = self.bytes.seal();
        Ok((Utf8Bytes(bytes), storage))
    }
}

/// A [`PartedBuffer`] whose content is checked as it grows.
#[derive(Debug, Default)]
pub(crate) struct PartedText {
    bytes: PartedBuffer,
    validator: Validator,
}

impl PartedText {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Checks a piece and appends it; see [`PartedBuffer::push`].
    pub(crate) fn push(&mut self, piece: &[u8], ceiling: usize) -> Result<(), InvalidUtf8> {
        self.validator.push(piece)?;
        self.bytes.push(piece, ceiling);
        Ok(())
    }

    /// What has come, and what must see the rest of the text.
    pub(crate) fn break_off(self) -> (Bytes, Validator) {
        (self.bytes.seal(), self.validator)
    }

    /// The text ends here.
    pub(crate) fn finish(mut self) -> Result<Utf8Bytes, InvalidUtf8> {
        self.validator.finish()?;
        Ok(Utf8Bytes(self.bytes.seal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_checked_however_its_bytes_came() {
        let mut text = TextBuffer::new(GrowingBuffer::default());
        text.push("smør".as_bytes()).unwrap();
        text.make_room(4, 64);
        text.room(3).put_slice("€".as_bytes());
        let (text, _) = text.finish().unwrap();
        assert_eq!(text, "smør€");
    }

    #[test]
    fn bytes_put_into_the_room_are_not_trusted() {
        let mut text = TextBuffer::new(GrowingBuffer::default());
        text.make_room(1, 64);
        text.room(1).put_u8(0xff);
        assert!(text.finish().is_err());
    }
}
