//! Text: what is UTF-8, and where it stops being UTF-8, is as the standard library says, however a
//! text is fragmented and cut (RFC 6455 §8.1).

use bytes::Bytes;
use longwire::{Config, ErrorKind, Message, Utf8Bytes, WsStream};

use crate::finish;
use crate::input::Input;
use crate::outcome::{By, outcome};
use crate::script::Script;
use crate::wire;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut fragments = input.cuts();
    let cuts = input.cuts();
    let closes = input.byte() % 2 == 0;
    let text = input.rest();

    let valid = std::str::from_utf8(text);
    assert_eq!(Utf8Bytes::try_from(text).is_ok(), valid.is_ok());

    // The last fragment never comes if the peer does not finish: what can still become a code point
    // is then no error, what cannot is one at once.
    let mut bytes = Vec::new();
    let mut rest = text;
    let mut kind = wire::TEXT;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fragments.size().min(rest.len()));
        bytes.extend(wire::frame(kind, now).more().bytes());
        kind = wire::CONTINUATION;
        rest = later;
    }
    if closes {
        bytes.extend(wire::frame(kind, "").bytes());
        bytes.extend(wire::close(1000, "").bytes());
    }
    let script = Script::new(&bytes, cuts);
    let written = script.written();
    let ws = WsStream::from_upgraded(script, Bytes::new(), Config::default());
    let outcome = finish(outcome(ws, written, By::Next));

    let kind = outcome.error.map(|(kind, _)| kind);
    match valid {
        Ok(valid) if closes => {
            assert_eq!((kind, outcome.close_sent), (None, Some(1000)));
            assert_eq!(outcome.messages, [Message::from(valid)]);
        }
        Err(error) if closes || error.error_len().is_some() => {
            assert_eq!(kind, Some(ErrorKind::Utf8));
            assert_eq!(outcome.close_sent, Some(1007));
            assert_eq!(outcome.messages, []);
        }
        _ => assert_eq!((kind, outcome.messages), (Some(ErrorKind::Reset), vec![])),
    }
}
