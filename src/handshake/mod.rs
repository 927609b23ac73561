//! The opening handshake (RFC 6455 §4) as values: the request that goes out, the response that comes
//! in, and what was agreed. No I/O, no clock.

mod body;
#[cfg(feature = "deflate")]
mod deflate;
mod extensions;
mod fields;
mod head;
pub(crate) mod http1;
mod key;
pub(crate) mod request;
mod response;

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use http::Response;
use http::header::HeaderMap;

use crate::deflate::AgreedDeflate;
use crate::report::ConnectReport;

pub(crate) use self::body::BodyReader;
#[cfg(not(feature = "deflate"))]
pub(crate) use self::extensions::Extension;
pub(crate) use self::head::KeptHead;
pub(crate) use self::key::Key;
pub(crate) use self::request::{Offer, ROOM, basic, bearer, is_single};
pub(crate) use self::response::{Answer, ResponseReader};

/// What was agreed when the connection was opened.
///
/// After [`WsStream::from_upgraded`](crate::WsStream::from_upgraded), where somebody else did the
/// opening handshake, it is the default: a 101 without fields.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// let ws = longwire::connect("wss://example.com/chat").subprotocols(["v2.chat", "v1.chat"]).await?;
/// match ws.handshake().subprotocol() {
///     Some("v2.chat") => println!("the new protocol"),
///     other => println!("the old ways: {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Handshake {
    head: KeptHead,
    /// Made of the head when somebody asks, which few do.
    response: OnceLock<Box<Response<()>>>,
    deflate: Option<AgreedDeflate>,
    pub(crate) report: ConnectReport,
}

impl Handshake {
    /// Connecting has begun.
    pub(crate) fn begun(report: ConnectReport) -> Box<Self> {
        Box::new(Self {
            head: KeptHead::default(),
            response: OnceLock::new(),
            deflate: None,
            report,
        })
    }

    /// The server has accepted, and agreed to this.
    pub(crate) fn accept(&mut self, head: KeptHead, deflate: Option<AgreedDeflate>) {
        self.report.status = Some(head.status());
        self.head = head;
        self.deflate = deflate;
    }

    /// The default where there is none.
    pub(crate) fn known(handshake: Option<&Self>) -> &Self {
        static UNKNOWN: LazyLock<Handshake> = LazyLock::new(Handshake::default);
        handshake.unwrap_or_else(|| &UNKNOWN)
    }

    /// See [`Handshake::deflate`], which exists only where there can be compression.
    pub(crate) fn agreed_deflate(&self) -> Option<AgreedDeflate> {
        self.deflate
    }

    /// The server's response: 101, and its fields.
    pub fn response(&self) -> &Response<()> {
        self.response
            .get_or_init(|| Box::new(self.head.to_response()))
    }

    /// The fields of the server's response.
    pub fn headers(&self) -> &HeaderMap {
        self.response().headers()
    }

    /// The subprotocol that the server chose among those offered, if it chose one (RFC 6455 §1.9).
    pub fn subprotocol(&self) -> Option<&str> {
        let chosen = self.head.value("sec-websocket-protocol")?;
        std::str::from_utf8(fields::trim(chosen)).ok()
    }

    /// How the connection came about: addresses, attempts, and how long each phase took. Empty where
    /// there was nothing to dial.
    pub fn report(&self) -> &ConnectReport {
        &self.report
    }
}

/// Shows the names of the fields, not their values: they may be cookies.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("status", &self.head.status())
            .field("fields", &self.headers().keys().collect::<Vec<_>>())
            .field("subprotocol", &self.subprotocol())
            .field("deflate", &self.deflate)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const ODD: &[u8] = b"\r\n \t:;,\0\x7f\xff019aA";

    /// Bytes that are nearly a response: a proper one with some bytes exchanged, cut or doubled.
    fn nearly_a_response(random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut bytes = b"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 403 No\r\nA:\r\n b\r\n\
            Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n"
            .to_vec();
        for _ in 0..random(4) {
            let at = random(bytes.len() - 1);
            match random(4) {
                0 => bytes[at] = ODD[random(ODD.len())],
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, bytes[at]),
                _ => bytes.swap(at, at + 1),
            }
        }
        bytes
    }

    /// Everything that is made of `parts`: the answer or its fault, and the body.
    fn read(parts: &[&[u8]]) -> String {
        let offer = Offer {
            headers: &HeaderMap::new(),
            subprotocols: &[],
            deflate: None,
        };
        let key = Key::generate();
        let mut reader = ResponseReader::new(&offer, &key);
        let mut buffer = Vec::new();
        let mut parts = parts.iter();
        let head = loop {
            let Some(part) = parts.next() else {
                return "incomplete".to_owned();
            };
            buffer.extend_from_slice(part);
            match reader.read(&mut buffer) {
                Ok(None) => {}
                Ok(Some(Answer::Refused(head))) => break head,
                Ok(Some(Answer::Accepted(head, _))) => return format!("accepted {head:?}"),
                Err(fault) => return format!("{:?}", std::mem::discriminant(&fault)),
            }
        };
        let mut body = BodyReader::new(&head);
        let mut done = body.read(&buffer);
        for part in parts {
            done = done || body.read(part);
        }
        format!("{head:?} {:?} {done}", body.into_body())
    }

    #[test]
    fn however_bytes_are_cut_the_same_is_made_of_them_and_nothing_panics() {
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        for round in 0..5_000 {
            let bytes = nearly_a_response(&mut random);
            let whole = read(&[&bytes]);
            let (a, b) = bytes.split_at(random(bytes.len()));
            let bytewise: Vec<_> = bytes.chunks(1).collect();
            let shown = bytes.escape_ascii();
            assert_eq!(read(&[a, b]), whole, "round {round}: {shown}");
            assert_eq!(read(&bytewise), whole, "round {round}: {shown}");
        }
    }

    #[test]
    fn nothing_known_is_a_101_without_fields() {
        let unknown = Handshake::default();
        assert_eq!(unknown.response().status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(unknown.headers().is_empty());
        assert_eq!(unknown.subprotocol(), None);
        assert_eq!(unknown.report().peer(), None);
    }

    #[test]
    fn debug_shows_no_field_values() {
        let mut buffer = Vec::from(
            &b"HTTP/1.1 101 S\r\nSet-Cookie: session=s3cret\r\nSec-WebSocket-Protocol: chat\r\n\r\n"[..],
        );
        let head = http1::HeadReader::default().read_final(&mut buffer, |head| Ok(head.keep()));
        let head = head.unwrap().expect("a whole head");
        let mut handshake = Handshake::default();
        handshake.accept(head, None);
        let shown = format!("{handshake:?}");
        assert!(shown.contains("set-cookie") && !shown.contains("s3cret"));
        assert_eq!(handshake.subprotocol(), Some("chat"));
    }
}
