//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), read in one pass.

use std::fmt;

use super::fields::{is_token_char, quote};

/// One element of the list: an extension and its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    /// Each with its value, if it has one; a quoted value without its quotes and escapes.
    pub(crate) parameters: Vec<(&'a str, Option<String>)>,
}

impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (name, value) in &self.parameters {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Reads the value of the field.
///
/// # Errors
///
/// What is wrong and where, if it does not follow the grammar: such a response fails the connection
/// (RFC 6455 §9.1).
pub(crate) fn parse(value: &[u8]) -> Result<Vec<Extension<'_>>, String> {
    let mut cursor = Cursor { value, at: 0 };
    let mut extensions = Vec::new();
    loop {
        cursor.skip_white_space();
        match cursor.peek() {
            // Empty elements are ignored (RFC 9110 §5.6.1.2).
            Some(b',') => cursor.at += 1,
            Some(_) => {
                extensions.push(cursor.extension()?);
                cursor.skip_white_space();
                if !matches!(cursor.peek(), None | Some(b',')) {
                    return Err(cursor.complain("a comma or the end"));
                }
            }
            // `1#extension` wants at least one.
            None if extensions.is_empty() => return Err(cursor.complain("an extension")),
            None => return Ok(extensions),
        }
    }
}

struct Cursor<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Takes `byte` and the white space on both sides of it, if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
            self.skip_white_space();
        }
        found
    }

    fn extension(&mut self) -> Result<Extension<'a>, String> {
        let name = self.token("the name of an extension")?;
        let mut parameters = Vec::new();
        while self.take(b';') {
            let name = self.token("the name of a parameter")?;
            let value = if self.take(b'=') {
                Some(self.parameter_value()?)
            } else {
                None
            };
            parameters.push((name, value));
        }
        Ok(Extension { name, parameters })
    }

    fn parameter_value(&mut self) -> Result<String, String> {
        if self.peek() == Some(b'"') {
            self.quoted_string()
        } else {
            self.token("the value of a parameter").map(str::to_owned)
        }
    }

    fn token(&mut self, what: &str) -> Result<&'a str, String> {
        let rest = &self.value[self.at..];
        let length = rest
            .iter()
            .position(|&byte| !is_token_char(byte))
            .unwrap_or(rest.len());
        match std::str::from_utf8(&rest[..length]) {
            Ok(token) if length > 0 => {
                self.at += length;
                Ok(token)
            }
            _ => Err(self.complain(what)),
        }
    }

    /// A quoted string, which must be a token once its escapes are resolved (RFC 6455 §9.1).
    fn quoted_string(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let mut next = self.peek();
            if next == Some(b'"') && !text.is_empty() {
                self.at += 1;
                return Ok(text);
            }
            if next == Some(b'\\') {
                self.at += 1;
                next = self.peek();
            }
            match next {
                Some(byte) if is_token_char(byte) => text.push(char::from(byte)),
                _ => return Err(self.complain("a token in quotes")),
            }
            self.at += 1;
        }
    }

    fn complain(&self, wanted: &str) -> String {
        let value = quote(self.value);
        format!("{wanted} was expected at byte {} of {value}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_grammar_allows_is_read() {
        for (value, shown) in [
            ("foo", "foo"),
            (" foo ; bar ", "foo; bar"),
            ("foo,bar;baz=2", "foo | bar; baz=2"),
            (", foo,, bar ,", "foo | bar"),
            ("foo;a=\"x\"", "foo; a=x"),
            ("foo;a=\"\\x\\y\"\t; b", "foo; a=xy; b"),
            (
                "permessage-deflate; client_max_window_bits = 10;server_no_context_takeover",
                "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
            ),
        ] {
            let extensions = parse(value.as_bytes()).unwrap();
            let read: Vec<_> = extensions.iter().map(ToString::to_string).collect();
            assert_eq!(read.join(" | "), shown, "{value}");
        }
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for value in [
            "",
            " ",
            ",",
            ",,",
            ";",
            "foo;",
            "foo;;bar",
            "foo;=1",
            "foo;a=",
            "foo;a=\"\"",
            "foo;a=\"",
            "foo;a=\"x",
            "foo;a=\"x\\",
            "foo;a=\"x y\"",
            "foo;a=\"x,y\"",
            "foo bar",
            "foo=1",
            "foo;a=1 2",
            "foo;a=\"x\"y",
            "f\u{e4}",
            "foo/bar",
            "\"foo\"",
            "foo;a=b=c",
        ] {
            assert!(parse(value.as_bytes()).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_complaint_says_what_was_expected_where() {
        assert_eq!(
            parse(b"foo; a=").unwrap_err(),
            r#"the value of a parameter was expected at byte 7 of "foo; a=""#
        );
    }
}
