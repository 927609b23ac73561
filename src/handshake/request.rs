//! The client's opening handshake (RFC 6455 §4.1): what is asked for, and how it is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::fields::{is_token, quote};
use super::key::Key;
use crate::deflate::Deflate;

/// Everything that the request says, save what the URL says, and the key: that is made anew for each
/// attempt.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'a> {
    /// The caller's fields, none of them reserved.
    pub(crate) headers: &'a HeaderMap,
    /// In order of preference; the server picks one or none.
    pub(crate) subprotocols: &'a [String],
    pub(crate) deflate: Option<&'a Deflate>,
}

impl Offer<'_> {
    /// The first thing in it that may not be sent, in words that name the setting.
    pub(crate) fn check(&self) -> Result<(), String> {
        for name in self.headers.keys() {
            check_name(name)?;
        }
        for (at, subprotocol) in self.subprotocols.iter().enumerate() {
            let shown = quote(subprotocol.as_bytes());
            if !is_token(subprotocol.as_bytes()) {
                return Err(format!(
                    "subprotocols: {shown} is not a token (RFC 6455 §4.1): letters, digits and \
                     !#$%&'*+-.^_`|~ only"
                ));
            }
            if self.subprotocols[..at].contains(subprotocol) {
                return Err(format!("subprotocols: {shown} is given twice"));
            }
        }
        Ok(())
    }

    /// The request, ready for the wire.
    ///
    /// `host` is the value of `Host`: with a port that is not the default, with brackets around IPv6.
    /// `resource` is the resource name (RFC 6455 §3): path and query, never empty.
    pub(crate) fn request(&self, host: &str, resource: &str, key: &Key) -> Vec<u8> {
        let mut request = Vec::with_capacity(ROOM);
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                request.extend_from_slice(part);
            }
        };
        put(&[b"GET ", resource.as_bytes(), b" HTTP/1.1\r\n"]);
        put(&[b"Host: ", host.as_bytes(), b"\r\n"]);
        put(&[b"Upgrade: websocket\r\nConnection: Upgrade\r\n"]);
        put(&[b"Sec-WebSocket-Key: ", key.as_bytes(), b"\r\n"]);
        put(&[b"Sec-WebSocket-Version: 13\r\n"]);
        if !self.subprotocols.is_empty() {
            let offered = self.subprotocols.join(", ");
            put(&[b"Sec-WebSocket-Protocol: ", offered.as_bytes(), b"\r\n"]);
        }
        if let Some(deflate) = self.deflate {
            let offer = deflate.offer();
            put(&[b"Sec-WebSocket-Extensions: ", offer.as_bytes(), b"\r\n"]);
        }
        for (name, value) in self.headers {
            put(&[&in_capitals(name), b": ", value.as_bytes(), b"\r\n"]);
        }
        put(&[b"\r\n"]);
        request
    }
}

/// Room for most requests, and for most responses of servers that accept: the buffer of the one is that of
/// the other. Small for the allocator.
pub(crate) const ROOM: usize = 1000;

/// The value of `Authorization` for a user and a password (RFC 7617), marked as a secret.
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    if user.contains(':') {
        return Err("a user name may not contain a colon (RFC 7617 §2)");
    }
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err("user name and password may not contain control characters (RFC 7617 §2)");
    }
    secret(&format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
}

/// The value of `Authorization` for a token (RFC 6750 §2.1), marked as a secret.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, &'static str> {
    if token.is_empty() {
        return Err("the token is empty");
    }
    secret(&format!("Bearer {token}"))
}

fn secret(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "the token contains a character that may not stand in a field value")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Refuses the fields that the opening handshake sets itself, and those that announce a body.
fn check_name(name: &HeaderName) -> Result<(), String> {
    let why = match name.as_str() {
        "host" => "it is taken from the URL",
        "upgrade" | "connection" => "the opening handshake sets it",
        "sec-websocket-protocol" => "use subprotocols",
        "sec-websocket-extensions" => "use deflate",
        reserved if reserved.starts_with("sec-websocket-") => "the opening handshake sets it",
        "content-length" | "transfer-encoding" => "the request has no body",
        _ => return Ok(()),
    };
    Err(format!("header {name} cannot be set: {why}"))
}

/// Whether a request may carry the field only once, so that setting it again replaces it.
pub(crate) fn is_single(name: &HeaderName) -> bool {
    [header::AUTHORIZATION, header::ORIGIN, header::USER_AGENT].contains(name)
}

/// The name of a field as people write it, `X-Api-Key`: some servers compare names as they stand.
pub(crate) fn in_capitals(name: &HeaderName) -> Vec<u8> {
    let mut at_start = true;
    let capital = |byte: u8| {
        let start = std::mem::replace(&mut at_start, byte == b'-');
        if start {
            byte.to_ascii_uppercase()
        } else {
            byte
        }
    };
    name.as_str().bytes().map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer<'a>(headers: &'a HeaderMap, subprotocols: &'a [String]) -> Offer<'a> {
        Offer {
            headers,
            subprotocols,
            deflate: None,
        }
    }

    #[test]
    fn a_request_reads_as_the_rfc_wants_it() {
        let mut headers = HeaderMap::new();
        headers.append("origin", "https://example.com".parse().unwrap());
        headers.append("x-api-key", "1".parse().unwrap());
        headers.append("x-api-key", "2".parse().unwrap());
        let key = Key::generate();
        let subprotocols = ["a".to_owned(), "b".to_owned()];
        let request = offer(&headers, &subprotocols).request("example.com:8080", "/feed?x=1", &key);
        let text = std::str::from_utf8(&request).unwrap();
        let key = std::str::from_utf8(key.as_bytes()).unwrap();
        assert_eq!(
            text,
            format!(
                "GET /feed?x=1 HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Protocol: a, b\r\nOrigin: https://example.com\r\nX-Api-Key: 1\r\n\
                 X-Api-Key: 2\r\n\r\n"
            )
        );
    }

    #[test]
    fn reserved_fields_are_refused_by_name() {
        for name in [
            "host",
            "upgrade",
            "connection",
            "sec-websocket-key",
            "sec-websocket-version",
            "sec-websocket-protocol",
            "sec-websocket-extensions",
            "sec-websocket-anything",
            "content-length",
            "transfer-encoding",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, "s3cret".parse().unwrap());
            let complaint = offer(&headers, &[]).check().unwrap_err();
            assert!(complaint.contains(name), "{complaint}");
            assert!(!complaint.contains("s3cret"), "{complaint}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-sec-websocket-key", "fine".parse().unwrap());
        assert_eq!(offer(&headers, &[]).check(), Ok(()));
    }

    #[test]
    fn subprotocols_are_unique_tokens() {
        let check = |subprotocols: &[&str]| {
            let subprotocols: Vec<_> = subprotocols.iter().map(ToString::to_string).collect();
            offer(&HeaderMap::new(), &subprotocols).check()
        };
        assert_eq!(check(&["chat", "Chat", "v2.chat"]), Ok(()));
        for bad in ["", "a b", "a,b", "a\r\nX: y", "\u{e4}", "a/b"] {
            assert!(check(&["chat", bad]).is_err(), "{bad:?}");
        }
        assert_eq!(
            check(&["chat", "chat"]).unwrap_err(),
            "subprotocols: \"chat\" is given twice"
        );
    }

    #[test]
    fn credentials_become_one_safe_value() {
        let value = basic("Aladdin", "open sesame").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        assert!(basic("a:b", "c").is_err());
        assert!(basic("a", "b\r\nX: y").is_err());
        assert_eq!(bearer("abc").unwrap(), "Bearer abc");
        assert!(bearer("abc").unwrap().is_sensitive());
        assert!(bearer("").is_err());
        assert!(bearer("a\r\nX: y").is_err());
    }
}
