//! What a peer said, as it stands in an error: on one line, short, and of a page its title.

/// The beginning of a body that says why something was refused.
pub(crate) fn reason(body: &[u8], hide: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let body = &body[..body.len().min(SEARCHED)];
    if !body.trim_ascii_start().starts_with(b"<") {
        return quotable(&hide(&body[..body.len().min(8 * QUOTED_CHARS)]));
    }
    // A page is for browsers, and its beginning says nothing.
    match title(body) {
        Some(title) => format!("an HTML page with the title \"{}\"", quotable(&hide(title))),
        None => "an HTML page".to_owned(),
    }
}

/// What stands between `<title>` and the next tag.
fn title(page: &[u8]) -> Option<&[u8]> {
    let mut starts = page.windows(b"<title".len());
    let tag = starts.position(|start| start.eq_ignore_ascii_case(b"<title"))?;
    let rest = &page[tag..];
    let rest = &rest[rest.iter().position(|&byte| byte == b'>')? + 1..];
    let end = rest.iter().position(|&byte| byte == b'<')?;
    let title = rest[..end].trim_ascii();
    (!title.is_empty()).then_some(title)
}

/// The beginning of what a peer sent, on one line.
pub(crate) fn quotable(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(8 * QUOTED_CHARS)])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTED_CHARS)
        .collect();
    text.trim().to_owned()
}

/// Enough for an API's one-line reason; not enough to flood a log.
const QUOTED_CHARS: usize = 200;

/// How much of a page is searched for its title, in bytes: there are long heads before it.
const SEARCHED: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_its_title() {
        for (body, told) in [
            ("no\r\nway", "no  way"),
            ("", ""),
            (
                "<!DOCTYPE html>\n<html><head><TITLE id=x> Log in\n</TITLE>",
                "an HTML page with the title \"Log in\"",
            ),
            (
                "\r\n<html><title>s3cret</title>",
                "an HTML page with the title \"\u{2026}\"",
            ),
            ("<html><title></title>", "an HTML page"),
            ("<html><title", "an HTML page"),
            ("<p>hello", "an HTML page"),
        ] {
            let hide = |text: &[u8]| {
                let text = String::from_utf8_lossy(text);
                text.replace("s3cret", "\u{2026}").into_bytes()
            };
            assert_eq!(reason(body.as_bytes(), hide), told, "{body:?}");
        }
        let long = reason(&[b'x'; 10_000], <[u8]>::to_vec);
        assert_eq!(long.len(), QUOTED_CHARS);
    }
}
