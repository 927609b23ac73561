//! Percent-encoding (RFC 3986 §2.1).

use super::target::Complaint;

/// Path and query as they go into the request: what may not stand there is percent-encoded.
pub(super) fn encode_resource(resource: &str) -> Result<String, Complaint> {
    let is_plain = |byte| may_stand_in_resource(byte) && byte != b'%';
    if resource.starts_with('/') && resource.bytes().all(is_plain) {
        return Ok(resource.to_owned());
    }
    let mut encoded = String::with_capacity(resource.len() + 1);
    if !resource.starts_with('/') {
        encoded.push('/');
    }
    for (at, byte) in resource.bytes().enumerate() {
        match byte {
            b'%' if escape(&resource.as_bytes()[at..]).is_none() => return Err(BAD_ESCAPE),
            _ if may_stand_in_resource(byte) => encoded.push(char::from(byte)),
            _ => {
                let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    Ok(encoded)
}

fn may_stand_in_resource(byte: u8) -> bool {
    // Unreserved characters and sub-delims (RFC 3986 §2).
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'%' | b'/' | b'?' | b':' | b'@')
        || b"-._~!$&'()*+,;=".contains(&byte)
}

/// The text that a percent-encoded part of a URL stands for.
pub(super) fn decode(text: &str) -> Result<String, Complaint> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        if *byte == b'%' {
            decoded.push(escape(rest).ok_or(BAD_ESCAPE)?);
            rest = &rest[3..];
        } else {
            decoded.push(*byte);
            rest = behind;
        }
    }
    String::from_utf8(decoded).map_err(|_| "a percent-encoded part of it is not UTF-8")
}

/// The byte that the escape at the beginning of `text` stands for.
fn escape(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

const BAD_ESCAPE: Complaint =
    "it has a % without two hexadecimal digits behind it; percent-encode a % as %25";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_keeps_what_may_stand_in_it_and_encodes_the_rest() {
        for (resource, encoded) in [
            ("", "/"),
            ("?q", "/?q"),
            ("/caf\u{e9}?q=\u{20ac}", "/caf%C3%A9?q=%E2%82%AC"),
            ("/\"<>`{}|^[]", "/%22%3C%3E%60%7B%7D%7C%5E%5B%5D"),
            ("/%2f%C3%a9", "/%2f%C3%a9"),
            ("/-._~!$&'()*+,;=:@?/", "/-._~!$&'()*+,;=:@?/"),
            ("/a b\r\nX: y\0\u{7f}", "/a%20b%0D%0AX:%20y%00%7F"),
        ] {
            assert_eq!(
                encode_resource(resource).as_deref(),
                Ok(encoded),
                "{resource:?}"
            );
        }
    }

    #[test]
    fn an_escape_has_two_hexadecimal_digits() {
        for bad in ["/%", "/%4", "/%4g", "/%g4", "/%%41", "/?%+1", "/%\u{e9}"] {
            assert_eq!(encode_resource(bad), Err(BAD_ESCAPE), "{bad}");
            assert_eq!(decode(bad), Err(BAD_ESCAPE), "{bad}");
        }
    }

    #[test]
    fn decoding_gives_text() {
        assert_eq!(
            decode("a%20%c3%A9+\u{e9}%25").as_deref(),
            Ok("a \u{e9}+\u{e9}%")
        );
        assert!(decode("%ff").is_err());
    }
}
