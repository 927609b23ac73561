//! The head of a response as it came, with its fields where they stand: most connections never ask for
//! more of it than the opening handshake looks at.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

/// A head that has been parsed: every field has a proper name and value.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    status: StatusCode,
    version: Version,
    text: Bytes,
    fields: Box<[Field]>,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: Span,
    value: Span,
}

/// Where something stands in a head, which has at most 64 KiB.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u16,
    len: u16,
}

impl Head {
    /// A copy of `text` and where the `fields` in it stand; `None` for what does not stand in it.
    pub(super) fn new(
        status: StatusCode,
        version: Version,
        text: &[u8],
        fields: &[httparse::Header<'_>],
    ) -> Option<Self> {
        let place = |field: &httparse::Header<'_>| {
            Some(Field {
                name: Span::of(field.name.as_bytes(), text)?,
                value: Span::of(field.value, text)?,
            })
        };
        Some(Self {
            status,
            version,
            // A copy of its own size: an open connection keeps it, and the buffer is large.
            text: Bytes::copy_from_slice(text),
            fields: fields.iter().map(place).collect::<Option<_>>()?,
        })
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The values of all fields with this name, in the order in which they came.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(|field| self.at(field.name).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.at(field.value))
    }

    /// The same as a value of [`http`]. Its fields share one copy of the head.
    pub(crate) fn to_response(&self) -> Response<()> {
        let mut headers = HeaderMap::with_capacity(self.fields.len());
        for field in &self.fields {
            let name = HeaderName::from_bytes(self.at(field.name));
            let value = self.text.slice_ref(self.at(field.value));
            let value = HeaderValue::from_maybe_shared(value);
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

    fn at(&self, span: Span) -> &[u8] {
        let start = usize::from(span.start);
        &self.text[start..start + usize::from(span.len)]
    }
}

/// A 101 without fields.
impl Default for Head {
    fn default() -> Self {
        Self {
            status: StatusCode::SWITCHING_PROTOCOLS,
            version: Version::HTTP_11,
            text: Bytes::new(),
            fields: Box::default(),
        }
    }
}

impl Span {
    fn of(part: &[u8], whole: &[u8]) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        let span = Self {
            start: start.try_into().ok()?,
            len: part.len().try_into().ok()?,
        };
        (start + part.len() <= whole.len()).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with one field, if it can be parsed.
    fn with_field(name: &[u8], value: &[u8]) -> Option<Head> {
        let text = [b"HTTP/1.1 101 S\r\n", name, b":", value, b"\r\n\r\n"].concat();
        let mut fields = [httparse::EMPTY_HEADER; 4];
        let mut parsed = httparse::Response::new(&mut fields);
        parsed.parse(&text).ok()?;
        let head = Head::new(
            StatusCode::SWITCHING_PROTOCOLS,
            Version::HTTP_11,
            &text,
            parsed.headers,
        );
        Some(head.expect("fields that stand in the head"))
    }

    #[test]
    fn no_field_that_can_be_parsed_is_lost_in_the_map() {
        let mut names = 0;
        let mut values = 0;
        for byte in 0..=u8::MAX {
            if let Some(head) = with_field(&[b'a', byte, b'b'], b"1") {
                // A colon or a line break in the middle makes other fields, but fields.
                assert_eq!(head.to_response().headers().len(), head.fields.len());
                names += 1;
            }
            if let Some(head) = with_field(b"a", &[b'x', byte, b'y']) {
                assert_eq!(head.to_response().headers().len(), head.fields.len());
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
        let head = with_field(&name, b"1").unwrap();
        assert_eq!(head.to_response().headers().len(), 1);
    }

    #[test]
    fn values_are_found_whatever_the_case_of_their_names() {
        let head = with_field(b"Upgrade", b" websocket\r\nUPGRADE: h2c").unwrap();
        let values: Vec<_> = head.values("upgrade").collect();
        assert_eq!(values, [&b"websocket"[..], b"h2c"]);
        assert_eq!(
            head.to_response()
                .headers()
                .get_all("upgrade")
                .iter()
                .count(),
            2
        );
    }

    #[test]
    fn what_does_not_stand_in_the_head_has_no_place_in_it() {
        let whole = b"0123456789";
        assert!(Span::of(&whole[3..5], whole).is_some());
        assert!(Span::of(&whole[3..], &whole[..9]).is_none());
        assert!(Span::of(&whole[..3], &whole[1..]).is_none());
    }
}
