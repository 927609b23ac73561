//! The opening handshake: whatever the server answers, and however it is cut, the verdict is the
//! same; what stands behind a good answer are frames.

use std::error::Error as _;

use longwire::error::HandshakeError;
use longwire::{Error, ErrorKind, Phase};

use crate::finish;
use crate::input::{Cuts, Input};
use crate::outcome::{By, Outcome, outcome};
use crate::request::Request;
use crate::script::Script;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let subprotocols = input.byte() % 2 == 1;
    let cuts = input.cuts();
    let answer = input.rest();

    let whole = play(answer, subprotocols, Cuts::nowhere());
    assert_eq!(play(answer, subprotocols, cuts), whole);
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted {
        subprotocol: Option<String>,
        then: Outcome,
    },
    Refused {
        status: u16,
        fields: usize,
    },
    Failed(ErrorKind, Option<std::mem::Discriminant<HandshakeError>>),
}

fn play(answer: &[u8], subprotocols: bool, cuts: Cuts) -> Verdict {
    let answer = answer.to_vec();
    let script = Script::answering(move |request| fill_in(&answer, request), cuts);
    let written = script.written();
    let mut connect = longwire::connect("ws://server.example/feed");
    if subprotocols {
        connect = connect.subprotocols(["v1.feed", "v2.feed"]);
    }
    finish(async {
        match connect.over(script).await {
            Ok(ws) => Verdict::Accepted {
                subprotocol: ws.handshake().subprotocol().map(str::to_owned),
                then: outcome(ws, written, By::Next).await,
            },
            Err(error) => failed(&error),
        }
    })
}

fn failed(error: &Error) -> Verdict {
    assert_eq!(error.phase(), Phase::Upgrade);
    assert!(!error.to_string().is_empty());
    match error.response() {
        Some(response) if error.kind() == ErrorKind::Refused => {
            assert!(response.body().len() <= 64 << 10);
            Verdict::Refused {
                status: response.status().as_u16(),
                fields: response.headers().len(),
            }
        }
        _ => {
            let reason = error.source().and_then(|source| source.downcast_ref());
            Verdict::Failed(error.kind(), reason.map(std::mem::discriminant))
        }
    }
}

/// `{accept}` stands for what an input cannot know.
pub(crate) fn fill_in(answer: &[u8], request: &Request) -> Vec<u8> {
    const HOLE: &[u8] = b"{accept}";
    let Some(at) = answer.windows(HOLE.len()).position(|window| window == HOLE) else {
        return answer.to_vec();
    };
    let (before, behind) = (&answer[..at], &answer[at + HOLE.len()..]);
    [before, request.accept().as_bytes(), behind].concat()
}
