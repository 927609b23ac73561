//! HTTP/1.1 response heads (RFC 9112), read as they arrive; what follows a head stays where it is.

use std::io::BufRead as _;

use super::fields::quote;
use super::head::{Head, MAX_FIELDS, NO_FIELDS, NoHead, Room};
use crate::error::HandshakeError;

/// Reads one response head after the other off the front of a growing buffer.
///
/// Each byte is looked at a bounded number of times however finely they arrive: a head is parsed at the
/// first look and, if it was not whole then, when it is.
#[derive(Default)]
pub(crate) struct HeadReader {
    /// How many bytes of the buffer have been searched for the end of the head.
    searched: usize,
    /// Whether a line of the head begins with white space.
    folded: bool,
    /// How long all heads so far were: the limit is on their sum.
    spent: usize,
    /// How many interim responses have come.
    interim: usize,
}

impl HeadReader {
    /// Has `take` look at the head of the final response and takes it off the front of `buffer`, as it
    /// does with the interim ones before it; `None` while it is not whole. A 101 is final: what follows
    /// it is no HTTP.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), if too many interim responses come, and those of `take`.
    pub(crate) fn read_final<T>(
        &mut self,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&Head<'_, '_>) -> Result<T, HandshakeError>,
    ) -> Result<Option<T>, HandshakeError> {
        let mut take = |head: &Head<'_, '_>| head.is_final().then(|| take(head));
        while let Some(taken) = self.read(buffer, &mut take)? {
            if let Some(taken) = taken {
                return taken.map(Some);
            }
            // Any number of these may come first (RFC 9110 §15.2), but not for ever.
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                let limit = format!("more than {MAX_INTERIM} interim responses");
                return Err(HandshakeError::HeadTooLarge(limit));
            }
        }
        Ok(None)
    }

    /// Has `take` look at a head and takes it off the front of `buffer`; `None` while it is not whole.
    ///
    /// # Errors
    ///
    /// As soon as the bytes cannot become a head any more, or are too many.
    fn read<T>(
        &mut self,
        buffer: &mut Vec<u8>,
        take: impl FnOnce(&Head<'_, '_>) -> T,
    ) -> Result<Option<T>, HandshakeError> {
        check_beginning(buffer)?;
        let most = MAX_HEAD - self.spent;
        // Nearly every head comes whole and has no folded lines: the search can be spared.
        if self.searched == 0 {
            let mut room = NO_FIELDS;
            let bytes = &buffer[..buffer.len().min(most)];
            if let Ok(Some(head)) = Head::parse(bytes, &mut room) {
                let taken = take(&head);
                let end = head.text.len();
                return Ok(Some(self.take_off(buffer, end, taken)));
            }
        }
        let end = self.find_end(buffer);
        if end.unwrap_or(buffer.len()) > most {
            let limit = format!("more than {} KiB", MAX_HEAD >> 10);
            return Err(HandshakeError::HeadTooLarge(limit));
        }
        let Some(end) = end else {
            return Ok(None);
        };
        if std::mem::take(&mut self.folded) {
            unfold(&mut buffer[..end])?;
        }
        let mut room = NO_FIELDS;
        let taken = take(&parse(&buffer[..end], &mut room)?);
        Ok(Some(self.take_off(buffer, end, taken)))
    }

    /// The head is done with.
    fn take_off<T>(&mut self, buffer: &mut Vec<u8>, end: usize, taken: T) -> T {
        buffer.drain(..end);
        self.spent += end;
        self.searched = 0;
        taken
    }

    /// Where the first empty line ends.
    fn find_end(&mut self, buffer: &[u8]) -> Option<usize> {
        // The line break before the empty line may have been the last thing seen, with a CR.
        let mut from = self.searched.saturating_sub(2);
        self.searched = buffer.len();
        while let Some(at) = line_break(buffer, from) {
            match &buffer[at + 1..] {
                [b'\n', ..] => return Some(at + 2),
                [b'\r', b'\n', ..] => return Some(at + 3),
                [b' ' | b'\t', ..] => self.folded = true,
                _ => {}
            }
            from = at + 1;
        }
        None
    }
}

/// Where the first line break at or after `from` is.
fn line_break(bytes: &[u8], from: usize) -> Option<usize> {
    // Reading is how the standard library lets its fast search be used.
    let length = bytes.get(from..)?.skip_until(b'\n').ok()?;
    let at = (from + length).checked_sub(1)?;
    (length > 0 && bytes[at] == b'\n').then_some(at)
}

/// Fails at the first byte that cannot be the beginning of `HTTP/1.`, so that another protocol is
/// recognised without waiting for an end that never comes.
fn check_beginning(buffer: &[u8]) -> Result<(), HandshakeError> {
    let length = buffer.len().min(BEGINNING.len());
    if buffer[..length] == BEGINNING[..length] {
        return Ok(());
    }
    Err(HandshakeError::BadHead(if is_tls(buffer) {
        "the server speaks TLS here: use wss://".to_owned()
    } else {
        format!("it begins with {}", quote(&buffer[..buffer.len().min(32)]))
    }))
}

/// Whether these bytes begin as an answer in TLS does: with the record types alert and handshake, and
/// the major version (RFC 8446 §5.1).
pub(crate) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16] | [0x15 | 0x16, 0x03, ..])
}

/// Replaces each line break that is followed by white space with spaces (RFC 9112 §5.2).
fn unfold(head: &mut [u8]) -> Result<(), HandshakeError> {
    let mut in_status_line = true;
    let mut from = 0;
    while let Some(at) = line_break(head, from) {
        from = at + 1;
        if matches!(head.get(from), Some(b' ' | b'\t')) {
            // White space between the status line and the first field (RFC 9112 §2.2).
            if in_status_line {
                return Err(bad_head("white space before the first field", head));
            }
            head[at] = b' ';
            if head[at - 1] == b'\r' {
                head[at - 1] = b' ';
            }
        }
        in_status_line = false;
    }
    Ok(())
}

/// A head that is whole, as its end says.
fn parse<'f, 'a>(text: &'a [u8], room: &'f mut Room<'a>) -> Result<Head<'f, 'a>, HandshakeError> {
    let complain = |what| Err(bad_head(what, text));
    match Head::parse(text, room) {
        Ok(Some(head)) if head.text.len() == text.len() => Ok(head),
        Ok(_) => complain("a line that ends too early"),
        Err(NoHead::Syntax(httparse::Error::TooManyHeaders)) => {
            let limit = format!("more than {MAX_FIELDS} fields");
            Err(HandshakeError::HeadTooLarge(limit))
        }
        Err(NoHead::Syntax(error)) => complain(match error {
            httparse::Error::Version => "a version other than HTTP/1.1",
            httparse::Error::Status => "a status line without a status",
            httparse::Error::HeaderName => "a field without a proper name",
            httparse::Error::HeaderValue => "a field value with a control character",
            _ => "a line that is no field",
        }),
        Err(NoHead::Status) => complain("a status below 100"),
    }
}

/// What is wrong with a head, beside its first line: the fields may hold cookies.
fn bad_head(what: &str, head: &[u8]) -> HandshakeError {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    HandshakeError::BadHead(format!("{what}, under {}", quote(line.trim_ascii_end())))
}

/// Far above what servers send, and little for a peer to make us keep.
const MAX_HEAD: usize = 64 << 10;

/// More than any server has a reason to send.
pub(super) const MAX_INTERIM: usize = 16;

const BEGINNING: &[u8] = b"HTTP/1.";

#[cfg(test)]
mod tests {
    use http::{Response, Version};

    use super::*;

    fn response(head: &Head<'_, '_>) -> Response<()> {
        head.keep().to_response()
    }

    fn read(bytes: &[u8]) -> Result<Option<Response<()>>, HandshakeError> {
        HeadReader::default().read(&mut bytes.to_vec(), response)
    }

    fn whole(bytes: &[u8]) -> Response<()> {
        read(bytes).unwrap().expect("a whole head")
    }

    #[test]
    fn every_cut_of_a_head_gives_the_same_head_and_the_same_rest() {
        for line_end in ["\r\n", "\n"] {
            let head = "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nX-Folded: a\n\tb\n\
                        Connection: keep-alive,\n  Upgrade\nX-Empty:\nX-High: \u{e9}\n\n"
                .replace('\n', line_end);
            let stream = [head.as_bytes(), b"\x81\x05hello"].concat();
            let expected = whole(&stream);
            for cut in 0..=head.len() {
                let mut buffer = stream[..cut].to_vec();
                let mut reader = HeadReader::default();
                let first = reader.read(&mut buffer, response).unwrap();
                assert_eq!(first.is_some(), cut == head.len(), "cut at {cut}");
                buffer.extend_from_slice(&stream[cut..]);
                let response = match first {
                    Some(response) => response,
                    None => reader.read(&mut buffer, response).unwrap().unwrap(),
                };
                assert_eq!(response.headers(), expected.headers(), "cut at {cut}");
                assert_eq!(&buffer[..], b"\x81\x05hello", "cut at {cut}");
            }
            let mut buffer = Vec::new();
            let mut reader = HeadReader::default();
            for (at, byte) in head.bytes().enumerate() {
                buffer.extend_from_slice(&[byte]);
                let response = reader.read(&mut buffer, response).unwrap();
                assert_eq!(response.is_some(), at + 1 == head.len(), "byte {at}");
            }
        }
    }

    #[test]
    fn folds_high_bytes_and_empty_values_are_fine() {
        let response = whole(
            b"HTTP/1.1 200\r\nA: x\r\n \t y \r\nB:\r\nC: caf\xe9 \r\nD:  \t d\t \r\nd: 2\r\n\r\n",
        );
        let value = |name| response.headers().get(name).unwrap().as_bytes();
        assert_eq!(value("a"), b"x   \t y");
        assert_eq!(value("b"), b"");
        assert_eq!(value("c"), b"caf\xe9");
        let d: Vec<_> = response.headers().get_all("d").iter().collect();
        assert_eq!(d, ["d", "2"]);
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(whole(b"HTTP/1.0 403 No\n\n").version(), Version::HTTP_10);
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bad in [
            &b"HTTP/1.1 1O1 Switching\r\n\r\n"[..],
            b"HTTP/1.1 99 Low\r\n\r\n",
            b"HTTP/1.1 099 Low\r\n\r\n",
            b"HTTP/1.1 1010 Long\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.2 101 Switching\r\n\r\n",
            b"HTTP/1.1101 Switching\r\n\r\n",
            b"HTTP/1.1 101 a\0b\r\n\r\n",
            b"HTTP/1.1 101 a\rb\r\n\r\n",
            b"HTTP/1.1 101 S\r\nno colon\r\n\r\n",
            b"HTTP/1.1 101 S\r\n: no name\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA : space\r\n\r\n",
            b"HTTP/1.1 101 S\r\n A: leading space\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA: x\0y\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA: x\ry\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA: x\x7fy\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA\xe9: x\r\n\r\n",
            b"HTTP/1.1 101 S\r\nA: x\r\r\n\r\n",
        ] {
            let error = read(bad).unwrap_err();
            let shown = bad.escape_ascii();
            assert!(
                matches!(error, HandshakeError::BadHead(_)),
                "{shown}: {error}"
            );
        }
    }

    #[test]
    fn another_protocol_is_recognised_at_its_first_byte() {
        for (bytes, hint) in [
            (&b"\x15"[..], "use wss://"),
            (b"\x15\x03\x01\x00\x02\x02\x46", "use wss://"),
            (b"\x16\x03\x03", "use wss://"),
            (b"SSH-2.0-OpenSSH_9.9\r\n", "\"SSH-2.0-OpenSSH_9.9"),
            (b"\x15\x42", "\"\\x15B\""),
            (b"http/1.1 101\r\n", "http/1.1"),
            (b"\r\nHTTP/1.1 101", "\"\\r\\nHTTP"),
            (b"HTTP/2", "HTTP/2"),
            (b"\0", "\"\\x00\""),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(matches!(error, HandshakeError::BadHead(_)));
            assert!(error.to_string().contains(hint), "{error}");
        }
        assert!(read(b"").unwrap().is_none());
        assert!(read(b"HTTP/1").unwrap().is_none());
    }

    #[test]
    fn the_limit_is_on_the_head_and_not_on_what_follows() {
        let mut head = b"HTTP/1.1 200 OK\r\nA: ".to_vec();
        head.resize(MAX_HEAD - 4, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        assert_eq!(head.len(), MAX_HEAD);
        head.extend_from_slice(&vec![b'm'; 100_000]);
        assert!(read(&head).unwrap().is_some());

        head.insert(20, b'x');
        assert!(matches!(read(&head), Err(HandshakeError::HeadTooLarge(_))));
        assert!(
            read(&[BEGINNING, &vec![b'x'; MAX_HEAD - 7]].concat())
                .unwrap()
                .is_none()
        );
        assert!(matches!(
            read(&[BEGINNING, &vec![b'x'; MAX_HEAD - 6]].concat()),
            Err(HandshakeError::HeadTooLarge(_))
        ));
    }

    #[test]
    fn heads_share_one_limit() {
        let interim = format!("HTTP/1.1 103 Hints\r\nA: {}\r\n\r\n", "x".repeat(20 << 10));
        let mut buffer = interim.repeat(4).into_bytes();
        let mut reader = HeadReader::default();
        for _ in 0..3 {
            assert!(reader.read(&mut buffer, response).unwrap().is_some());
        }
        assert!(matches!(
            reader.read(&mut buffer, response),
            Err(HandshakeError::HeadTooLarge(_))
        ));
    }

    #[test]
    fn as_many_fields_as_the_limit_says() {
        let head = |fields| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(fields));
        assert_eq!(
            whole(head(MAX_FIELDS).as_bytes()).headers().len(),
            MAX_FIELDS
        );
        assert!(matches!(
            read(head(MAX_FIELDS + 1).as_bytes()),
            Err(HandshakeError::HeadTooLarge(_))
        ));
    }

    #[test]
    fn a_kept_head_is_no_larger_than_it_was_on_the_wire() {
        let mut buffer = Vec::with_capacity(1 << 20);
        buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
        let start = buffer.as_ptr() as usize;
        let response = HeadReader::default().read(&mut buffer, response);
        let response = response.unwrap().unwrap();
        let kept = response.headers()["a"].as_bytes().as_ptr() as usize;
        assert!(!(start..start + (1 << 20)).contains(&kept));
    }
}
