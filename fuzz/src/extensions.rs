//! `Sec-WebSocket-Extensions` and `Sec-WebSocket-Protocol` of an answer that is good otherwise
//! (RFC 6455 §9.1, §4.1): what was not offered is not accepted.

use longwire::ErrorKind;

use crate::finish;
use crate::input::Input;
use crate::request::{Request, Response};
use crate::script::Script;

const SUBPROTOCOLS: [&str; 2] = ["v1.feed", "v2.feed"];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let fields = input.byte();
    let cuts = input.cuts();
    let Ok(value) = std::str::from_utf8(input.rest()) else {
        return;
    };
    // The end of a line would begin another field, which is the other target's.
    let value = value.replace(['\r', '\n', '\0'], " ");
    let is_protocol = fields % 2 == 1;
    let name = if is_protocol {
        "Sec-WebSocket-Protocol"
    } else {
        "Sec-WebSocket-Extensions"
    };
    // A field may be spread over several of its name (RFC 9110 §5.3).
    let values: Vec<String> = match value.split_once(';') {
        Some((one, two)) if fields & 2 != 0 => vec![one.to_owned(), two.to_owned()],
        _ => vec![value],
    };

    let answered = values.clone();
    let answer = move |request: &Request| {
        let mut response = Response::to(request);
        for value in &answered {
            response = response.add(name, value);
        }
        response.bytes()
    };
    let script = Script::answering(answer, cuts);
    let connecting = longwire::connect("ws://server.example/")
        .subprotocols(SUBPROTOCOLS)
        .over(script);
    match finish(connecting.into_future()) {
        Ok(ws) if is_protocol => {
            let given = ws.handshake().subprotocol();
            let named = values[0].trim_matches([' ', '\t']);
            assert_eq!((values.len(), given), (1, Some(named)));
            assert!(SUBPROTOCOLS.contains(&named));
        }
        Ok(ws) => {
            let blank = |value: &String| value.chars().all(|c| matches!(c, ' ' | '\t' | ','));
            assert!(values.iter().all(blank), "accepted: {values:?}");
            assert_eq!(ws.handshake().subprotocol(), None);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Handshake, "{error}"),
    }
}
