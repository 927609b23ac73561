//! The head of a response: parsed where it stands for as long as it is looked at, and kept as text, since
//! most connections never ask for more of it than the opening handshake looks at.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

/// A head that has been parsed: every field has a proper name and value.
#[derive(Debug)]
pub(crate) struct Head<'f, 'a> {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    /// All of it, up to and with the empty line.
    pub(super) text: &'a [u8],
    pub(super) fields: &'f [httparse::Header<'a>],
}

/// Room for the fields of a head while it is looked at.
pub(super) type Room<'a> = [MaybeUninit<httparse::Header<'a>>; MAX_FIELDS];

/// Not filled with anything: that would take longer than the parsing.
pub(super) const NO_FIELDS: Room<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];

/// More than servers send, and little for a peer to make us keep.
pub(super) const MAX_FIELDS: usize = 128;

/// Why bytes are no head.
pub(super) enum NoHead {
    Syntax(httparse::Error),
    /// The status is below 100.
    Status,
}

impl<'f, 'a> Head<'f, 'a> {
    /// The head at the front of `bytes`; `None` if it goes on behind them.
    pub(super) fn parse(bytes: &'a [u8], room: &'f mut Room<'a>) -> Result<Option<Self>, NoHead> {
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let parsing = config.parse_response_with_uninit_headers(&mut parsed, bytes, room);
        let httparse::Status::Complete(length) = parsing.map_err(NoHead::Syntax)? else {
            return Ok(None);
        };
        let status = parsed
            .code
            .and_then(|code| StatusCode::from_u16(code).ok())
            .ok_or(NoHead::Status)?;
        Ok(Some(Self {
            status,
            version: match parsed.version {
                Some(0) => Version::HTTP_10,
                _ => Version::HTTP_11,
            },
            text: &bytes[..length],
            fields: parsed.headers,
        }))
    }

    /// Whether no other response follows. A 101 is final: what follows it is no HTTP.
    pub(super) fn is_final(&self) -> bool {
        !self.status.is_informational() || self.status == StatusCode::SWITCHING_PROTOCOLS
    }

    /// The values of all fields with this name, in the order in which they came.
    pub(super) fn values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'n, 'f, 'a> {
        let fields = self.fields.iter();
        let named = fields.filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }

    /// A copy of its own size: an open connection keeps it, and the buffer is large.
    pub(crate) fn keep(&self) -> KeptHead {
        KeptHead {
            status: self.status,
            version: self.version,
            text: Bytes::copy_from_slice(self.text),
        }
    }
}

/// A head that is kept, and parsed again for who asks for its fields.
#[derive(Debug, Clone)]
pub(crate) struct KeptHead {
    status: StatusCode,
    version: Version,
    text: Bytes,
}

impl KeptHead {
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The first value of the field with this name.
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        let mut room = NO_FIELDS;
        let head = Head::parse(&self.text, &mut room).ok()??;
        head.values(name).next()
    }

    /// The same as a value of [`http`]. Its fields share the text.
    pub(crate) fn to_response(&self) -> Response<()> {
        let mut room = NO_FIELDS;
        let head = Head::parse(&self.text, &mut room).ok().flatten();
        let fields = head.map_or(&[][..], |head| head.fields);
        let mut headers = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(self.text.slice_ref(field.value));
            debug_assert!(name.is_ok() && value.is_ok(), "they were parsed");
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        *response.version_mut() = self.version;
        *response.headers_mut() = headers;
        response
    }
}

/// A 101 without fields.
impl Default for KeptHead {
    fn default() -> Self {
        Self {
            status: StatusCode::SWITCHING_PROTOCOLS,
            version: Version::HTTP_11,
            text: Bytes::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with one field, if it can be parsed, and how many fields were found.
    fn with_field(name: &[u8], value: &[u8]) -> Option<(KeptHead, usize)> {
        let text = [b"HTTP/1.1 101 S\r\n", name, b":", value, b"\r\n\r\n"].concat();
        let mut room = NO_FIELDS;
        let head = Head::parse(&text, &mut room).ok()?;
        let head = head.expect("a whole head");
        Some((head.keep(), head.fields.len()))
    }

    #[test]
    fn no_field_that_can_be_parsed_is_lost_in_the_map() {
        let mut names = 0;
        let mut values = 0;
        for byte in 0..=u8::MAX {
            if let Some((head, fields)) = with_field(&[b'a', byte, b'b'], b"1") {
                // A colon or a line break in the middle makes other fields, but fields.
                assert_eq!(head.to_response().headers().len(), fields);
                names += 1;
            }
            if let Some((head, fields)) = with_field(b"a", &[b'x', byte, b'y']) {
                assert_eq!(head.to_response().headers().len(), fields);
                values += 1;
            }
        }
        assert!(
            names >= 77 && values >= 223,
            "{names} names, {values} values"
        );
    }

    #[test]
    fn the_longest_name_that_a_head_can_have_is_kept() {
        let name = vec![b'a'; (64 << 10) - 100];
        let (head, _) = with_field(&name, b"1").unwrap();
        assert_eq!(head.to_response().headers().len(), 1);
    }

    #[test]
    fn values_are_found_whatever_the_case_of_their_names() {
        let (head, _) = with_field(b"Upgrade", b" websocket \r\nUPGRADE: h2c").unwrap();
        assert_eq!(head.value("upgrade"), Some(&b"websocket"[..]));
        assert_eq!(head.value("connection"), None);
        let response = head.to_response();
        let values: Vec<_> = response.headers().get_all("upgrade").iter().collect();
        assert_eq!(values, ["websocket", "h2c"]);
    }
}
