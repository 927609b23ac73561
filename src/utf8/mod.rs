//! Text that is known to be UTF-8 (RFC 6455 §8.1): the finished [`Utf8Bytes`], and the buffer in
//! which a text grows and is checked as it grows.
//!
//! What keeps [`Utf8Bytes`] valid is in this folder alone: nobody else can build one unchecked.

mod short;
mod text_buffer;
mod validator;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

use crate::spare;

pub(crate) use self::text_buffer::{PartedText, TextBuffer};
pub(crate) use self::validator::{InvalidUtf8, Validator};

/// Reference-counted text: a [`Bytes`] that is always valid UTF-8.
///
/// Cloning copies no text. It is looked at as a `&str` (it dereferences to `str`) at no cost,
/// since the check was made when it was built.
///
/// ```
/// use longwire::Utf8Bytes;
///
/// let text = Utf8Bytes::from("bid");
/// assert_eq!(text.len(), 3);
/// assert!(Utf8Bytes::try_from(vec![0xff, 0xfe]).is_err());
/// ```
#[derive(Clone, Default)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// A text that lives as long as the program: no allocation, no copy.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        checked(&self.0)
    }

    /// The bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives up the guarantee and keeps the bytes; copies nothing.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Checks `bytes` and copies them: one pass each, one allocation.
    #[inline]
    pub(crate) fn copy_from_utf8(bytes: &[u8]) -> Result<Self, InvalidUtf8> {
        match text(bytes) {
            Some(_) => Ok(Self(spare::copy(bytes))),
            None => Err(InvalidUtf8),
        }
    }
}

/// `bytes` as text, if they are.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let valid = short::is_ascii(bytes) || simdutf8::basic::from_utf8(bytes).is_ok();
    valid.then(|| checked(bytes))
}

/// Bytes that have been checked, as text.
#[inline]
#[expect(unsafe_code, reason = "text is checked once, not at every look")]
fn checked(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "the bytes are UTF-8");
    // SAFETY: the function is private to this module and has two callers. `text` has just checked
    // the bytes. `as_str` passes those of a `Utf8Bytes`, and every way to build one has checked them
    // all: `from_static` and the `From` impls start from a `str` or `String`, `copy_from_utf8` and
    // `TryFrom` call a validator (what the former copies is what it checked), and
    // `TextBuffer::finish` has validated its whole content. `Bytes` cannot be changed through a shared
    // reference, and the field is private to this folder.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

impl Deref for Utf8Bytes {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        if simdutf8::basic::from_utf8(&bytes).is_ok() {
            return Ok(Self(bytes));
        }
        // The fast check does not say where; the slow one runs only on text that is refused.
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        Bytes::from(bytes).try_into()
    }
}

impl TryFrom<&[u8]> for Utf8Bytes {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        Bytes::copy_from_slice(bytes).try_into()
    }
}

impl<T: AsRef<str> + ?Sized> PartialEq<T> for Utf8Bytes {
    fn eq(&self, other: &T) -> bool {
        self.as_str() == other.as_ref()
    }
}

impl Eq for Utf8Bytes {}

impl PartialEq<Utf8Bytes> for str {
    fn eq(&self, other: &Utf8Bytes) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Utf8Bytes> for &str {
    fn eq(&self, other: &Utf8Bytes) -> bool {
        *self == other.as_str()
    }
}

impl PartialOrd for Utf8Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Utf8Bytes {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other)
    }
}

impl Hash for Utf8Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_cannot_become_text() {
        let cut = &"€".as_bytes()[..2];
        assert!(Utf8Bytes::try_from(cut).is_err());
        assert!(Utf8Bytes::try_from(vec![0xed, 0xa0, 0x80]).is_err());
        assert!(Utf8Bytes::copy_from_utf8(&[0xc0, 0x80]).is_err());
    }

    #[test]
    fn text_survives_every_way_in_and_out() {
        let text = Utf8Bytes::from(String::from("grün"));
        assert_eq!(text, "grün");
        assert_eq!(
            Utf8Bytes::try_from(text.clone().into_bytes()).unwrap(),
            text
        );
        assert_eq!(String::from(text.clone()), "grün");
        assert_eq!(format!("{text} {text:?}"), "grün \"grün\"");
    }
}
