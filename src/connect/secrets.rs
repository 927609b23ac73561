//! What a peer may send back of a request, and nobody is to read in an error: some quote what they
//! refuse, an unknown token or the whole query.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName,
    ORIGIN, PRAGMA, PROXY_AUTHORIZATION, USER_AGENT,
};

use super::percent;

/// The secrets of one request: the values of its fields and of its query, and their parts.
#[derive(Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Those in the fields of a request and in its resource.
    pub(super) fn of(fields: &HeaderMap, resource: &str) -> Self {
        let mut secrets = Self::default();
        for (name, value) in fields.iter().filter(|(name, _)| !HARMLESS.contains(name)) {
            secrets.add_field(name, value.as_bytes());
        }
        let (_, query) = resource.split_once('?').unwrap_or_default();
        for pair in query.split(['&', ';']) {
            secrets.add_value(pair.as_bytes());
            secrets.add_value(percent::decode(pair).unwrap_or_default().as_bytes());
        }
        secrets
    }

    fn add_field(&mut self, name: &HeaderName, value: &[u8]) {
        let words = value.split(|byte| b" \t,;".contains(byte));
        let mut words = words.peekable();
        if [AUTHORIZATION, PROXY_AUTHORIZATION].contains(name) {
            // Its first word is a scheme, which a server may well speak of.
            let scheme = words.next_if(|word| word.len() < value.len());
            if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic")) {
                let decoded = words.peek().and_then(|word| STANDARD.decode(word).ok());
                for part in decoded.unwrap_or_default().splitn(2, |&byte| byte == b':') {
                    self.add(part);
                }
            }
        }
        for word in words {
            self.add_value(word);
        }
    }

    /// A value, and what stands behind the `=` if it has a name.
    fn add_value(&mut self, value: &[u8]) {
        match value.iter().position(|&byte| byte == b'=') {
            // A name alone tells nothing, and the `=` of base64 stand at its end.
            Some(at) if value[at..].iter().any(|&byte| byte != b'=') => self.add(&value[at + 1..]),
            _ => self.add(value),
        }
    }

    fn add(&mut self, secret: &[u8]) {
        let secret = secret.trim_ascii().to_vec();
        if secret.len() >= SHORTEST && !self.0.contains(&secret) {
            self.0.push(secret);
        }
    }

    /// The text with dots for each secret in it.
    pub(super) fn hide(&self, text: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(text.len());
        let mut rest = text;
        while let [byte, behind @ ..] = rest {
            if let Some(length) = self.found_at(rest) {
                shown.extend("…".as_bytes());
                rest = &rest[length..];
            } else {
                shown.push(*byte);
                rest = behind;
            }
        }
        shown
    }

    /// The same for text.
    pub(super) fn hide_in(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.hide(text.as_bytes())).into_owned()
    }

    /// How long the secret is with which the text begins; quotations may have cut it short.
    fn found_at(&self, text: &[u8]) -> Option<usize> {
        let common = |secret: &Vec<u8>| {
            let pairs = secret.iter().zip(text);
            let length = pairs.take_while(|(wanted, found)| wanted == found).count();
            (length >= secret.len().min(TELLING)).then_some(length)
        };
        self.0.iter().filter_map(common).max()
    }
}

/// What every program sends, and servers have reason to speak of.
const HARMLESS: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    ORIGIN,
    PRAGMA,
    USER_AGENT,
];

/// What is shorter keeps nothing secret, and would be found in every text.
const SHORTEST: usize = 4;

/// So many of the first bytes of a secret give it away.
const TELLING: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(fields: &[(&str, &str)], resource: &str, text: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Secrets::of(&map, resource).hide_in(text)
    }

    #[test]
    fn what_was_sent_is_hidden_where_it_comes_back() {
        for (name, value, text, shown) in [
            (
                "authorization",
                "Bearer s3cret",
                "Bearer s3cret?",
                "Bearer …?",
            ),
            ("authorization", "s3cret", "no s3cret here", "no … here"),
            // `alice:s3cret`, in both forms.
            (
                "authorization",
                "Basic YWxpY2U6czNjcmV0",
                "alice, s3cret, YWxpY2U6czNjcmV0",
                "…, …, …",
            ),
            (
                "cookie",
                "a=s3cret; b=other1",
                "b is other1, a=s3cret",
                "b is …, a=…",
            ),
            ("x-key", "czNjcmV0cw==", "czNjcmV0cw==", "…"),
            (
                "x-key",
                "a-rather-long-secret",
                "cut: a-rather-lon",
                "cut: …",
            ),
            (
                "origin",
                "https://a.example",
                "not for https://a.example",
                "not for https://a.example",
            ),
            ("x-version", "2", "2 is too old", "2 is too old"),
        ] {
            assert_eq!(hidden(&[(name, value)], "/", text), shown, "{name}");
        }
    }

    #[test]
    fn the_values_of_a_query_are_secrets_and_its_names_are_not() {
        let text = "no /feed?token=s3cr%20et&plain1&x=y: s3cr et";
        let shown = "no /feed?token=…&…&x=y: …";
        assert_eq!(hidden(&[], "/feed?token=s3cr%20et&plain1&x=y", text), shown);
        assert_eq!(hidden(&[], "/feed", "nothing at /feed"), "nothing at /feed");
    }
}
