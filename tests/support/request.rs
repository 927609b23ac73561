//! The server's side of the opening handshake (RFC 6455 §4.2): the request as it came, and an
//! answer that can be right or wrong in any field.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// A request head, as the client wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Request {
    /// Parses a head with its blank line; panics at what RFC 9112 forbids.
    pub(crate) fn parse(head: &[u8]) -> Self {
        let head = std::str::from_utf8(head).expect("the request head is text");
        let mut lines = head
            .strip_suffix("\r\n\r\n")
            .expect("the request head ends with a blank line")
            .split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let fields = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a field has a colon");
                assert!(
                    !name.is_empty() && !name.contains(|c: char| c.is_whitespace()),
                    "the field name {name:?}"
                );
                (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
            })
            .collect();
        Self { line, fields }
    }

    /// The values of every field of this name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of a field that must be there once.
    pub(crate) fn one(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name} came {} times: {values:?}", values.len()),
        }
    }

    /// What `Sec-WebSocket-Accept` must be (RFC 6455 §4.2.2, 5.4).
    pub(crate) fn accept(&self) -> String {
        accept(self.one("sec-websocket-key"))
    }
}

/// The answer to a `Sec-WebSocket-Key` (RFC 6455 §1.3).
pub(crate) fn accept(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    STANDARD.encode(digest)
}

/// A response head that begins as a correct 101 and is then spoilt.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    status: String,
    fields: Vec<(String, String)>,
}

impl Response {
    /// The correct answer to `request`.
    pub(crate) fn to(request: &Request) -> Self {
        Self {
            status: "HTTP/1.1 101 Switching Protocols".into(),
            fields: vec![
                ("Upgrade".into(), "websocket".into()),
                ("Connection".into(), "Upgrade".into()),
                ("Sec-WebSocket-Accept".into(), request.accept()),
            ],
        }
    }

    pub(crate) fn status(mut self, line: &str) -> Self {
        self.status = line.into();
        self
    }

    /// One field more, beside others of its name.
    pub(crate) fn add(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// This field alone of its name.
    pub(crate) fn with(self, name: &str, value: impl Into<String>) -> Self {
        self.without(name).add(name, value)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}
