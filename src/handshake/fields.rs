//! The grammar that all HTTP fields share: tokens, lists, white space (RFC 9110 §5.6).

/// Whether `text` is a token: one or more of the characters that RFC 9110 §5.6.2 lists.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_char)
}

pub(crate) fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The elements of a comma-separated list without quoted strings, empty ones left out
/// (RFC 9110 §5.6.1.2).
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Without the optional white space around it: spaces and tabs (RFC 9110 §5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// What a peer sent, for an error: printable, in quotes, and cut where it gets long.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let shown = bytes.escape_ascii().take(QUOTED_CHARS).collect::<Vec<_>>();
    let dots = if bytes.len() > shown.len() { "…" } else { "" };
    format!("\"{}\"{dots}", String::from_utf8_lossy(&shown))
}

/// Enough to recognise a protocol or a misspelt value; not enough to flood a log.
const QUOTED_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_everything_else() {
        for good in ["chat", "v1.chat-2", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "a b", "a,b", "a/b", "\"a\"", "a\r\n", "ä", "a;b", "a=b", "\0",
        ] {
            assert!(!is_token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn lists_lose_their_empty_elements_and_their_white_space() {
        let elements: Vec<_> = list_elements(b" , a\t,,b c ,").collect();
        assert_eq!(elements, [&b"a"[..], b"b c"]);
        assert_eq!(list_elements(b" ,\t, ").count(), 0);
    }

    #[test]
    fn a_quotation_is_printable_and_short() {
        assert_eq!(quote(b"a\"\0\xff"), r#""a\"\x00\xff""#);
        let long = quote(&[b'x'; 1000]);
        assert_eq!(long.chars().count(), QUOTED_CHARS + 3);
        assert!(long.ends_with("\"…"));
    }
}
