//! The body of a response that refuses the opening handshake (RFC 9112 §6 and §7).

use http::{HeaderMap, Response, StatusCode, header};

use super::fields::list_elements;

/// Takes the body out of what follows the head, up to [`MAX_BODY`] bytes of it.
///
/// The connection ends behind it, so whatever is wrong with the framing merely ends the body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    framing: Framing,
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    /// This many bytes are left (`Content-Length`).
    Length(u64),
    Chunked(Chunked),
    /// Until the server closes the connection.
    UntilEnd,
}

#[derive(Debug, Clone, Copy)]
enum Chunked {
    /// The size of the next chunk, as far as it has been read; `None` before its first digit.
    Size(Option<u64>),
    /// The rest of the line behind a size.
    Extension(u64),
    Data(u64),
    /// The line break behind the data.
    Break,
}

impl BodyReader {
    /// Decides by the head how long the body is (RFC 9112 §6.3).
    pub(crate) fn new(head: &Response<()>) -> Self {
        let framing = match head.status() {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Framing::Length(0),
            _ if is_chunked(head.headers()) => Framing::Chunked(Chunked::Size(None)),
            _ => content_length(head.headers()).map_or(Framing::UntilEnd, Framing::Length),
        };
        Self {
            framing,
            body: Vec::new(),
        }
    }

    /// Reads what has arrived; whether that was the last of it.
    pub(crate) fn read(&mut self, mut input: &[u8]) -> bool {
        loop {
            match &mut self.framing {
                Framing::UntilEnd => {
                    self.keep(input);
                    return self.body.len() == MAX_BODY;
                }
                Framing::Length(left) => {
                    let taken = at_most(input, *left);
                    *left -= taken.len() as u64;
                    let done = *left == 0;
                    self.keep(taken);
                    return done || self.body.len() == MAX_BODY;
                }
                Framing::Chunked(Chunked::Data(left)) if *left > 0 => {
                    let taken = at_most(input, *left);
                    *left -= taken.len() as u64;
                    input = &input[taken.len()..];
                    self.keep(taken);
                    if self.body.len() == MAX_BODY {
                        return true;
                    }
                    if input.is_empty() {
                        return false;
                    }
                }
                Framing::Chunked(state) => {
                    let Some((&byte, rest)) = input.split_first() else {
                        return false;
                    };
                    input = rest;
                    match state.step(byte) {
                        Some(next) => *state = next,
                        None => return true,
                    }
                }
            }
        }
    }

    /// What has been kept.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_BODY - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl Chunked {
    /// What one byte outside of the data leads to; `None` at the last chunk, or if it is wrong.
    fn step(self, byte: u8) -> Option<Self> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        match (self, byte) {
            (Self::Size(size), _) if digit.is_some() => {
                let size = size.unwrap_or(0).checked_mul(16)?.checked_add(digit?)?;
                Some(Self::Size(Some(size)))
            }
            (Self::Size(Some(0)) | Self::Extension(0), b'\n') => None,
            (Self::Size(Some(size)) | Self::Extension(size), b'\n') => Some(Self::Data(size)),
            (Self::Size(Some(size)), b';' | b' ' | b'\t' | b'\r') | (Self::Extension(size), _) => {
                Some(Self::Extension(size))
            }
            (Self::Data(_) | Self::Break, b'\r') => Some(Self::Break),
            (Self::Data(_) | Self::Break, b'\n') => Some(Self::Size(None)),
            _ => None,
        }
    }
}

fn at_most(input: &[u8], limit: u64) -> &[u8] {
    &input[..usize::try_from(limit).map_or(input.len(), |limit| limit.min(input.len()))]
}

/// Whether the last transfer coding is `chunked`.
fn is_chunked(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| list_elements(value.as_bytes()))
        .last()
        .is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
}

/// The one length that all fields agree on, unless a transfer coding overrides it.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let mut lengths = headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|value| list_elements(value.as_bytes()))
        .map(decimal);
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Enough for any explanation, and no more than a hostile server may make us keep.
pub(crate) const MAX_BODY: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, and whether its end was recognised without the end of the connection.
    fn read(fields: &[(&str, &str)], parts: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut head = Response::builder().status(403);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        let mut reader = BodyReader::new(&head.body(()).unwrap());
        let done = parts.iter().any(|part| reader.read(part));
        (reader.into_body(), done)
    }

    fn expect(fields: &[(&str, &str)], input: &[u8], body: &[u8], done: bool) {
        let shown = input.escape_ascii();
        let expected = (body.to_vec(), done);
        assert_eq!(read(fields, &[input]), expected, "{fields:?} {shown}");
        let bytes: Vec<_> = input.chunks(1).collect();
        assert_eq!(
            read(fields, &bytes),
            expected,
            "{fields:?} {shown}, bytewise"
        );
    }

    #[test]
    fn a_length_ends_the_body() {
        expect(&[("content-length", "3")], b"abcd", b"abc", true);
        expect(&[("content-length", "3")], b"ab", b"ab", false);
        expect(&[("content-length", "3, 3")], b"abcd", b"abc", true);
        let twice = [("content-length", "3"), ("content-length", "3")];
        expect(&twice, b"abcd", b"abc", true);
        assert_eq!(read(&[("content-length", "0")], &[b""]), (vec![], true));
    }

    #[test]
    fn without_a_length_that_makes_sense_the_connection_ends_it() {
        for length in ["3, 4", "x", "-1", "+3", "18446744073709551616", ""] {
            expect(&[("content-length", length)], b"abcd", b"abcd", false);
        }
        expect(&[], b"abcd", b"abcd", false);
        let coded = [("transfer-encoding", "gzip"), ("content-length", "1")];
        expect(&coded, b"abcd", b"abcd", false);
    }

    #[test]
    fn chunks_are_put_together() {
        let chunked = [
            ("transfer-encoding", "gzip, Chunked"),
            ("content-length", "1"),
        ];
        expect(
            &chunked,
            b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
            b"abc0123456789",
            true,
        );
        expect(&chunked, b"3\nabc\n0\n\n", b"abc", true);
        expect(&chunked, b"3\r\nabc\r\n", b"abc", false);
        expect(&chunked, b"3\r\nab", b"ab", false);
    }

    #[test]
    fn broken_chunks_end_the_body() {
        let chunked = [("transfer-encoding", "chunked")];
        expect(&chunked, b"x\r\n", b"", true);
        expect(&chunked, b"\r\nabc", b"", true);
        expect(&chunked, b"3\r\nabcX0\r\n", b"abc", true);
        expect(&chunked, b"10000000000000000\r\nabc", b"", true);
        expect(&chunked, b"ffffffffffffffff\r\nabc", b"abc", false);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_says() {
        let endless = vec![b'x'; MAX_BODY + 1000];
        let kept = vec![b'x'; MAX_BODY];
        assert_eq!(read(&[], &[&endless]), (kept.clone(), true));
        assert_eq!(
            read(&[("content-length", "99999999")], &[&endless]),
            (kept.clone(), true)
        );
        let chunked = [("transfer-encoding", "chunked")];
        assert_eq!(read(&chunked, &[b"fffffff\r\n", &endless]), (kept, true));
    }

    #[test]
    fn statuses_without_a_body_have_none() {
        let head = Response::builder()
            .status(204)
            .header("content-length", "5");
        assert!(BodyReader::new(&head.body(()).unwrap()).read(b"abcde"));
    }
}
