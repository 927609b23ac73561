//! `Sec-WebSocket-Extensions` and `Sec-WebSocket-Protocol` of an answer that is good otherwise
//! (RFC 6455 §9.1, §4.1; RFC 7692 §7.1): what was not offered is not accepted, and what was offered is
//! in the ways that the grammar has, and in no other.

use longwire::{Deflate, ErrorKind};

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
    let mut connecting = longwire::connect("ws://server.example/").subprotocols(SUBPROTOCOLS);
    let offered = (fields & 4 != 0).then(|| Offer::of(fields >> 3));
    if let Some(offer) = &offered {
        connecting = connecting.deflate(offer.settings());
    }
    let finished = finish(connecting.over(script).into_future());
    if let Some(offer) = offered.filter(|_| !is_protocol) {
        let agreed = finished.map(|ws| {
            let agreed = ws.handshake().deflate()?;
            Some(Terms {
                takeover: [
                    !agreed.server_no_context_takeover,
                    !agreed.client_no_context_takeover,
                ],
                bits: [agreed.server_max_window_bits, agreed.client_max_window_bits],
            })
        });
        match agreed {
            Ok(agreed) => {
                assert!(agreed.is_some(), "{values:?}");
                assert_eq!(offer.judge(&values), agreed, "{values:?}");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Handshake, "{error}");
                assert_eq!(offer.judge(&values), None, "{values:?}");
            }
        }
        return;
    }
    match finished {
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

/// What this side offers, by four bits.
struct Offer {
    takeover: [bool; 2],
    /// The windows of the server and of the client, if they are limited.
    bits: [Option<u8>; 2],
}

/// What was agreed: first of the server's messages, then of the client's.
#[derive(Debug, PartialEq)]
struct Terms {
    takeover: [bool; 2],
    bits: [u8; 2],
}

impl Offer {
    fn of(flags: u8) -> Self {
        Self {
            takeover: [flags & 1 == 0, flags & 2 == 0],
            bits: [
                (flags & 4 != 0).then_some(12),
                (flags & 8 != 0).then_some(11),
            ],
        }
    }

    fn settings(&self) -> Deflate {
        let mut settings = Deflate::default();
        if !self.takeover[0] {
            settings = settings.server_no_context_takeover();
        }
        if !self.takeover[1] {
            settings = settings.client_no_context_takeover();
        }
        if let Some(bits) = self.bits[0] {
            settings = settings.server_max_window_bits(bits);
        }
        if let Some(bits) = self.bits[1] {
            settings = settings.client_max_window_bits(bits);
        }
        settings
    }

    /// What an answer comes to, by another reading of the RFCs; `None` if it must be refused.
    fn judge(&self, values: &[String]) -> Option<Terms> {
        let list: Vec<Vec<(String, Option<String>)>> = parse(&values.join(","))?;
        let [extension] = list.as_slice() else {
            return None;
        };
        let [(name, None), parameters @ ..] = extension.as_slice() else {
            return None;
        };
        if name != "permessage-deflate" {
            return None;
        }
        let mut flags = [false; 2];
        let mut bits = [None; 2];
        for (name, value) in parameters {
            let side = usize::from(name.starts_with("client"));
            match (name.split_once('_')?.1, value) {
                _ if !["server", "client"].contains(&name.split_once('_')?.0) => return None,
                ("no_context_takeover", None) if !flags[side] => flags[side] = true,
                ("max_window_bits", Some(value)) if bits[side].is_none() => {
                    let number: u8 = value.parse().ok()?;
                    let most = self.bits[side].unwrap_or(15);
                    if number.to_string() != *value || !(8..=most).contains(&number) {
                        return None;
                    }
                    bits[side] = Some(number);
                }
                _ => return None,
            }
        }
        // What the server was asked for it has to say.
        if !self.takeover[0] && !flags[0] || self.bits[0].is_some() && bits[0].is_none() {
            return None;
        }
        Some(Terms {
            takeover: [!flags[0], self.takeover[1] && !flags[1]],
            bits: bits.map(|bits| bits.unwrap_or(15)),
        })
    }
}

/// The elements of the list, each as its name and its parameters, with their values.
fn parse(text: &str) -> Option<Vec<Vec<(String, Option<String>)>>> {
    let is_token = |text: &str| {
        let other = |c: char| !c.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(c);
        !text.is_empty() && !text.contains(other)
    };
    let blank = [' ', '\t'];
    let mut list = Vec::new();
    for element in split(text, ',') {
        if element.trim_matches(blank).is_empty() {
            continue;
        }
        let mut parts = Vec::new();
        for part in split(&element, ';') {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) if !parts.is_empty() => (name, Some(value.trim_matches(blank))),
                _ => (&part[..], None),
            };
            let value = match value {
                Some(value) if value.starts_with('"') => Some(unquote(value)?),
                value => value.map(str::to_owned),
            };
            let name = name.trim_matches(blank);
            if !is_token(name) || value.as_ref().is_some_and(|value| !is_token(value)) {
                return None;
            }
            parts.push((name.to_owned(), value));
        }
        list.push(parts);
    }
    Some(list)
}

/// Splits outside of quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        if c == at && !quoted {
            parts.push(String::new());
            continue;
        }
        (quoted, escaped) = match c {
            '"' if !escaped => (!quoted, false),
            '\\' if quoted && !escaped => (quoted, true),
            _ => (quoted, false),
        };
        parts.last_mut().unwrap().push(c);
    }
    parts
}

/// The content of a quoted string that is nothing else.
fn unquote(text: &str) -> Option<String> {
    let mut content = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(content),
            '\\' => content.push(chars.next()?),
            c => content.push(c),
        }
    }
}
