//! The server's opening handshake (RFC 6455 §4.1 and §4.2.2): what came, and whether it may be
//! accepted.

use http::{Response, StatusCode, Version};

use super::extensions;
use super::fields::{list_elements, quote, trim};
use super::head::{Head, KeptHead};
use super::http1::HeadReader;
use super::key::Key;
use super::request::Offer;
use crate::deflate::AgreedDeflate;
use crate::error::HandshakeError;

/// Reads the response to one request, bytes by bytes.
pub(crate) struct ResponseReader<'a> {
    offer: &'a Offer<'a>,
    key: &'a Key,
    heads: HeadReader,
}

/// The server's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The connection is open; this is the 101, and what was agreed about compression.
    Accepted(KeptHead, Option<AgreedDeflate>),
    /// Any other final status. A body may follow.
    Refused(Box<Response<()>>),
}

impl<'a> ResponseReader<'a> {
    pub(crate) fn new(offer: &'a Offer<'a>, key: &'a Key) -> Self {
        Self {
            offer,
            key,
            heads: HeadReader::default(),
        }
    }

    /// Looks at what has arrived; `None` while the answer is not whole. What follows the head of the
    /// answer is left in `buffer`: after a 101 these are the first frames.
    ///
    /// # Errors
    ///
    /// If the response breaks a rule: the connection is failed, and nothing more is read.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Answer>, HandshakeError> {
        let (offer, key) = (self.offer, self.key);
        self.heads.read_final(buffer, |head| {
            if head.status != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Answer::Refused(Box::new(head.keep().to_response())));
            }
            let deflate = check(head, offer, key)?;
            Ok(Answer::Accepted(head.keep(), deflate))
        })
    }
}

/// The rules for a 101, in the order of RFC 6455 §4.1. Content-Length and Transfer-Encoding mean
/// nothing here (RFC 9112 §6.3).
fn check(
    head: &Head<'_, '_>,
    offer: &Offer<'_>,
    key: &Key,
) -> Result<Option<AgreedDeflate>, HandshakeError> {
    if head.version != Version::HTTP_11 {
        let detail = "a 101 in HTTP/1.0, which cannot upgrade (RFC 9110 §7.8)";
        return Err(HandshakeError::BadHead(detail.to_owned()));
    }
    let fields = Fields::of(head);
    check_upgrade(&fields).map_err(HandshakeError::Upgrade)?;
    check_connection(head).map_err(HandshakeError::Connection)?;
    check_accept(&fields, key).map_err(HandshakeError::Accept)?;
    let deflate = check_extensions(&fields, offer).map_err(HandshakeError::Extension)?;
    check_subprotocol(&fields, offer).map_err(HandshakeError::Subprotocol)?;
    Ok(deflate)
}

/// The fields of an answer that may come only once (RFC 6455 §11.3).
#[derive(Default)]
struct Fields<'a> {
    upgrade: Single<'a>,
    accept: Single<'a>,
    extensions: Single<'a>,
    subprotocol: Single<'a>,
}

impl<'a> Fields<'a> {
    fn of(head: &Head<'_, 'a>) -> Self {
        let mut found = Self::default();
        for field in head.fields {
            let is = |name| field.name.eq_ignore_ascii_case(name);
            let single = if is("upgrade") {
                &mut found.upgrade
            } else if is("sec-websocket-accept") {
                &mut found.accept
            } else if is("sec-websocket-extensions") {
                &mut found.extensions
            } else if is("sec-websocket-protocol") {
                &mut found.subprotocol
            } else {
                continue;
            };
            single.is_repeated = single.value.is_some();
            single.value = Some(field.value);
        }
        found
    }
}

#[derive(Default)]
struct Single<'a> {
    value: Option<&'a [u8]>,
    is_repeated: bool,
}

impl<'a> Single<'a> {
    /// The value, without white space around it.
    fn value(&self) -> Result<Option<&'a [u8]>, String> {
        if self.is_repeated {
            return Err("it comes more than once".to_owned());
        }
        Ok(self.value.map(trim))
    }
}

/// Item 2: a single value, though HTTP allows a list: one protocol was offered.
fn check_upgrade(fields: &Fields<'_>) -> Result<(), String> {
    match fields.upgrade.value()? {
        Some(value) if value.eq_ignore_ascii_case(b"websocket") => Ok(()),
        Some(value) => Err(format!("it is {}", quote(value))),
        None => Err("it is missing".to_owned()),
    }
}

/// Item 3: the token stands anywhere in the list that all fields make together.
fn check_connection(head: &Head<'_, '_>) -> Result<(), String> {
    let is_upgrade = |token: &[u8]| token.eq_ignore_ascii_case(b"upgrade");
    let mut values = head.values("connection");
    if values.any(|value| is_upgrade(value) || list_elements(value).any(is_upgrade)) {
        return Ok(());
    }
    let values: Vec<_> = head.values("connection").collect();
    Err(if values.is_empty() {
        "it is missing".to_owned()
    } else {
        format!("it is {}", quote(&values.join(&b", "[..])))
    })
}

/// Item 4: exactly what the key demands, once (§11.3.3).
fn check_accept(fields: &Fields<'_>, key: &Key) -> Result<(), String> {
    let wanted = key.accept();
    match fields.accept.value()? {
        Some(value) if value == wanted => Ok(()),
        Some(value) => Err(format!(
            "{} was wanted, it is {}",
            quote(&wanted),
            quote(value)
        )),
        None => Err("it is missing".to_owned()),
    }
}

/// Item 5: nothing is in use but what was offered, and that once.
fn check_extensions(
    fields: &Fields<'_>,
    offer: &Offer<'_>,
) -> Result<Option<AgreedDeflate>, String> {
    let Some(value) = fields.extensions.value()? else {
        return Ok(None);
    };
    let extensions = extensions::parse(value)?;
    match (&extensions[..], offer.deflate) {
        ([], _) => Ok(None),
        ([extension], Some(deflate)) => deflate.judge(extension).map(Some),
        // Both would claim the same reserved bit (RFC 7692 §6), or one was never offered.
        ([first, second, ..], Some(deflate)) => {
            deflate.judge(first)?;
            Err(format!("\"{second}\" comes beside another"))
        }
        ([extension, ..], None) => Err(format!("\"{extension}\" was not offered")),
    }
}

/// Item 6: none, or one of those that were offered, as it was written.
fn check_subprotocol(fields: &Fields<'_>, offer: &Offer<'_>) -> Result<(), String> {
    let Some(value) = fields.subprotocol.value()? else {
        return Ok(());
    };
    let offered = |name: &String| name.as_bytes() == value;
    if offer.subprotocols.iter().any(offered) {
        return Ok(());
    }
    Err(if offer.subprotocols.is_empty() {
        format!("it is {}, and none was offered", quote(value))
    } else {
        let offered = offer.subprotocols.join(", ");
        format!(
            "it is {}, and what was offered is {}",
            quote(value),
            quote(offered.as_bytes())
        )
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::http1::MAX_INTERIM;
    use super::*;

    /// A proper 101 with `find` replaced; `ACCEPT` stands for the proper value.
    fn response(find: &str, replace: &str) -> String {
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: ACCEPT\r\n\r\n"
            .replace(find, replace)
    }

    fn answer(text: &str, subprotocols: &[&str]) -> Result<Option<Answer>, HandshakeError> {
        let key = Key::generate();
        let accept = String::from_utf8(key.accept().to_vec()).unwrap();
        let text = text.replace("ACCEPT", &accept);
        let text = text.replace("accept-in-lower-case", &accept.to_ascii_lowercase());
        let subprotocols: Vec<_> = subprotocols.iter().map(ToString::to_string).collect();
        let offer = Offer {
            headers: &HeaderMap::new(),
            subprotocols: &subprotocols,
            deflate: None,
        };
        ResponseReader::new(&offer, &key).read(&mut text.into_bytes())
    }

    #[track_caller]
    fn accepted(text: &str, subprotocols: &[&str]) {
        let answer = answer(text, subprotocols);
        assert!(
            matches!(answer, Ok(Some(Answer::Accepted(..)))),
            "{text}: {answer:?}"
        );
    }

    #[test]
    fn what_the_rules_allow_is_accepted() {
        accepted(&response("", ""), &[]);
        for (find, replace) in [
            ("Upgrade: websocket", "upgrade: \t WebSocket "),
            ("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
            ("Connection: Upgrade", "Connection: UPGRADE,,keep-alive"),
            (
                "Connection: Upgrade",
                "Connection: keep-alive\r\nConnection: upgrade",
            ),
            ("ACCEPT", "  ACCEPT\t"),
            ("ACCEPT", "\r\n ACCEPT"),
            (
                "\r\n\r\n",
                "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            ("Switching Protocols", ""),
        ] {
            accepted(&response(find, replace), &[]);
        }
        let chosen = response("\r\n\r\n", "\r\nSec-WebSocket-Protocol: b \r\n\r\n");
        accepted(&chosen, &["a", "b"]);
        accepted(&response("", ""), &["a", "b"]);
    }

    /// The rule that a response is found to break.
    fn broken_rule(text: &str) -> &'static str {
        match answer(text, &["a", "b"]) {
            Err(HandshakeError::Upgrade(_)) => "Upgrade",
            Err(HandshakeError::Connection(_)) => "Connection",
            Err(HandshakeError::Accept(_)) => "Accept",
            Err(HandshakeError::Extension(_)) => "Extension",
            Err(HandshakeError::Subprotocol(_)) => "Subprotocol",
            Err(HandshakeError::BadHead(_)) => "BadHead",
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_its_rule() {
        let upgrade = "Upgrade: websocket\r\nC";
        let connection = "Connection: Upgrade\r\n";
        let accept = "Sec-WebSocket-Accept: ACCEPT\r\n";
        for (rule, find, replace) in [
            ("Upgrade", upgrade, "C"),
            ("Upgrade", upgrade, "Upgrade:\r\nC"),
            ("Upgrade", upgrade, "Upgrade: h2c\r\nC"),
            ("Upgrade", upgrade, "Upgrade: websockets2\r\nC"),
            ("Upgrade", upgrade, "Upgrade: web socket\r\nC"),
            ("Upgrade", upgrade, "Upgrade: websocket/13\r\nC"),
            ("Upgrade", upgrade, "Upgrade: websocket, h2c\r\nC"),
            (
                "Upgrade",
                upgrade,
                "Upgrade: websocket\r\nUpgrade: websocket\r\nC",
            ),
            ("Connection", connection, ""),
            ("Connection", connection, "Connection:\r\n"),
            ("Connection", connection, "Connection: close\r\n"),
            ("Connection", connection, "Connection: not-upgrade\r\n"),
            ("Connection", connection, "Connection: upgrade2\r\n"),
            (
                "Connection",
                connection,
                "Connection: keep-alive, \"upgrade\"\r\n",
            ),
            ("Connection", connection, "Connection: an upgrade\r\n"),
            ("Accept", accept, ""),
            ("Accept", "ACCEPT", ""),
            ("Accept", "ACCEPT", "ACCEPTA"),
            ("Accept", "ACCEPT", "xACCEPT"),
            ("Accept", "ACCEPT", "ACCEPT, ACCEPT"),
            ("Accept", "ACCEPT", "\"ACCEPT\""),
            ("Accept", "ACCEPT", "accept-in-lower-case"),
            ("Accept", "ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Accept", "ACCEPT", "s3pPLMBiTxaQ"),
            ("Accept", "ACCEPT", "ACCEPT\r\nSec-WebSocket-Accept: ACCEPT"),
            ("BadHead", "HTTP/1.1", "HTTP/1.0"),
            ("BadHead", "101", "1O1"),
            ("BadHead", "Upgrade: w", "Upgrade w"),
        ] {
            assert_eq!(broken_rule(&response(find, replace)), rule, "{replace:?}");
        }
        for (rule, name, values) in [
            (
                "Extension",
                "Extensions",
                &[
                    "permessage-deflate",
                    "foo, bar",
                    "",
                    ",",
                    "foo;",
                    "foo; a=\"b",
                    "x y",
                ][..],
            ),
            (
                "Subprotocol",
                "Protocol",
                &[
                    "c",
                    "A",
                    "a, b",
                    "",
                    "a b",
                    "a\r\nSec-WebSocket-Protocol: a",
                ],
            ),
        ] {
            for value in values {
                let field = format!("\r\nSec-WebSocket-{name}: {value}\r\n\r\n");
                assert_eq!(broken_rule(&response("\r\n\r\n", &field)), rule, "{value}");
            }
        }
        let unasked = response("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a\r\n\r\n");
        assert!(matches!(
            answer(&unasked, &[]),
            Err(HandshakeError::Subprotocol(_))
        ));
    }

    #[test]
    fn an_error_says_what_was_wanted_and_what_was_found() {
        let text = response("\r\n\r\n", "\r\nSec-WebSocket-Protocol: c\r\n\r\n");
        assert_eq!(
            answer(&text, &["a", "b"]).unwrap_err().to_string(),
            "the opening handshake failed: Sec-WebSocket-Protocol cannot be accepted: \
             it is \"c\", and what was offered is \"a, b\""
        );
    }

    #[test]
    fn interim_responses_are_skipped_up_to_the_limit() {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let proper = response("", "");
        accepted(&format!("HTTP/1.1 100 Continue\r\n\r\n{proper}"), &[]);
        accepted(&format!("{}{proper}", early.repeat(MAX_INTERIM)), &[]);
        assert!(matches!(
            answer(&early.repeat(MAX_INTERIM + 1), &[]),
            Err(HandshakeError::HeadTooLarge(_))
        ));
    }

    #[test]
    fn any_other_final_status_is_a_refusal() {
        for status in [
            "200 OK",
            "301 Moved",
            "403 Forbidden",
            "426 Upgrade Required",
            "999 X",
        ] {
            let answer = answer(&response("101 Switching Protocols", status), &[]).unwrap();
            let Some(Answer::Refused(head)) = answer else {
                panic!("{status} was taken for {answer:?}");
            };
            assert!(status.starts_with(head.status().as_str()));
        }
    }

    #[test]
    fn what_follows_the_101_is_left_alone() {
        let offer = Offer {
            headers: &HeaderMap::new(),
            subprotocols: &[],
            deflate: None,
        };
        let key = Key::generate();
        let accept = String::from_utf8(key.accept().to_vec()).unwrap();
        let text = response("ACCEPT", &accept);
        let mut buffer = text.into_bytes();
        buffer.extend_from_slice(b"\x81\x02hi");
        let answer = ResponseReader::new(&offer, &key).read(&mut buffer).unwrap();
        assert!(matches!(answer, Some(Answer::Accepted(..))));
        assert_eq!(&buffer[..], b"\x81\x02hi");
    }
}
