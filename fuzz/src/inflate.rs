//! Compressed messages: however they are cut, what comes of them is what another decoder makes of
//! them, and what is broken or too large fails the connection as it should.

use longwire::{Deflate, ErrorKind, Message};

use crate::finish;
use crate::input::{Cuts, Input};
use crate::outcome::{By, Outcome, outcome};
use crate::reference::{Reference, Refusal};
use crate::request::{Request, Response};
use crate::script::Script;
use crate::wire::{Frame, binary, continuation, ping, text};

/// The limits of a message that three bits of settings pick.
const LIMITS: [usize; 8] = [0, 1, 5, 100, 4_096, 65_536, 100_000, 1 << 20];

struct Settings {
    text: bool,
    takeover: bool,
    /// What the server says of its window; what it does is bound by no less than 15 bits.
    window_bits: u8,
    limit: usize,
    /// The most that a frame carries.
    fragment: usize,
    /// Whether there are other frames between them.
    mixed: bool,
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (flags, sizes) = (input.byte(), input.byte());
    let settings = Settings {
        text: flags & 1 != 0,
        takeover: flags & 2 == 0,
        mixed: flags & 4 != 0,
        window_bits: 8 + (flags >> 3 & 7),
        limit: LIMITS[usize::from(sizes & 7)],
        fragment: usize::from(sizes >> 3) + 1,
    };
    let cuts = input.cuts();
    // A length, and so many bytes; the last has all that is left.
    let mut payloads = Vec::new();
    while !input.is_empty() && payloads.len() < 8 {
        let length = match input.number() {
            255 => usize::MAX,
            length => length,
        };
        payloads.push(input.bytes(length).to_vec());
    }

    let nowhere = Cuts::nowhere();
    for (fragment, cuts, by) in [
        (usize::MAX, nowhere.clone(), By::Next),
        (settings.fragment, nowhere, By::Next),
        (usize::MAX, cuts.clone(), By::Batch),
        (settings.fragment, cuts, By::Next),
    ] {
        let outcome = play(&payloads, &settings, fragment, cuts, by);
        compare(&payloads, &settings, &outcome);
    }
}

/// What the client makes of it, and what it should.
fn compare(payloads: &[Vec<u8>], settings: &Settings, outcome: &Outcome) {
    let mut reference = Reference::new(settings.takeover, settings.limit);
    let mut messages = outcome.messages.iter();
    for payload in payloads {
        let expected = reference.message(payload);
        if let Ok(expected) = &expected
            && (!settings.text || std::str::from_utf8(expected).is_ok())
        {
            let message = messages.next();
            assert_eq!(message.map(Message::as_bytes), Some(&expected[..]));
            assert_eq!(message.unwrap().is_text(), settings.text);
            continue;
        }
        let kind = outcome.error.as_ref().map(|(kind, _)| *kind);
        match expected {
            Ok(_) => assert_eq!(kind, Some(ErrorKind::Utf8)),
            // A text may have been bad before that; how it is cut says which is found first.
            Err(_) if settings.text && kind == Some(ErrorKind::Utf8) => {}
            Err(Refusal::Broken) => assert_eq!(kind, Some(ErrorKind::Deflate)),
            // What follows the byte that is too much may be looked at before it is counted.
            Err(Refusal::TooLarge) if kind == Some(ErrorKind::Deflate) => {}
            Err(Refusal::TooLarge) => assert_eq!(kind, Some(ErrorKind::TooLarge)),
        }
        let code = if kind == Some(ErrorKind::TooLarge) {
            1009
        } else {
            1007
        };
        assert_eq!(outcome.close_sent, Some(code));
        assert_eq!(messages.next(), None);
        return;
    }
    assert_eq!(messages.next(), None);
    let kind = outcome.error.as_ref().map(|(kind, _)| *kind);
    assert_eq!(
        kind,
        Some(ErrorKind::Reset),
        "the server ends without a Close frame"
    );
}

fn play(payloads: &[Vec<u8>], settings: &Settings, fragment: usize, cuts: Cuts, by: By) -> Outcome {
    let mut frames = Vec::new();
    for payload in payloads {
        let begin = if settings.text { text } else { binary };
        let mut parts = payload.chunks(fragment).peekable();
        let mut frame = marked(begin(parts.next().unwrap_or_default()));
        while parts.peek().is_some() {
            frames.extend(frame.more().bytes());
            if settings.mixed {
                frames.extend(ping("between").bytes());
                frames.extend(continuation("").more().bytes());
            }
            frame = continuation(parts.next().unwrap_or_default());
        }
        if settings.mixed && fragment < usize::MAX {
            frames.extend(frame.more().bytes());
            frame = continuation("");
        }
        frames.extend(frame.bytes());
    }
    let mut agreed = format!(
        "permessage-deflate; server_max_window_bits={}",
        settings.window_bits
    );
    if !settings.takeover {
        agreed.push_str("; server_no_context_takeover");
    }
    let answer = move |request: &Request| {
        let response = Response::to(request).add("Sec-WebSocket-Extensions", agreed.as_str());
        [response.bytes(), frames.clone()].concat()
    };
    let script = Script::answering(answer, cuts);
    let written = script.written();
    let connecting = longwire::connect("ws://server.example/")
        .deflate(Deflate::default())
        .max_message_size(settings.limit)
        .over(script);
    finish(async {
        let ws = connecting.await.expect("an answer that fits");
        outcome(ws, written, by).await
    })
}

fn marked(frame: Frame) -> Frame {
    frame.rsv(0b100)
}
