//! A connection: whatever the server sends, and however it is cut, the outcome is the same, and the
//! client stays within RFC 6455.

use bytes::Bytes;
use longwire::{Config, ErrorKind, WsStream};

use crate::finish;
use crate::input::{Cuts, Input};
use crate::outcome::{By, Outcome, outcome};
use crate::script::Script;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut config = Config::default();
    let limits = input.byte();
    if limits & 1 != 0 {
        config = config.max_message_size(input.number());
    }
    if limits & 2 != 0 {
        config = config.max_frame_size(input.number());
    }
    let cuts = input.cuts();
    let early = input.number();
    let bytes = input.rest();

    let whole = play(bytes, 0, &config, Cuts::nowhere(), By::Next);
    if limits & 1 != 0 {
        let longest = whole.messages.iter().map(longwire::Message::len).max();
        assert!(longest.is_none_or(|longest| longest <= usize::from(data[1])));
    }
    let (errors, clean) = (usize::from(whole.error.is_some()), whole.end.clean);
    assert_eq!(errors, usize::from(!clean), "{whole:?}");
    assert_eq!(play(bytes, early, &config, cuts.clone(), By::Next), whole);
    assert_eq!(
        play(bytes, early, &config, Cuts::nowhere(), By::Batch),
        whole
    );
    assert_eq!(play(bytes, 0, &config, cuts.clone(), By::Batch), whole);
    // Messages in parts are not under these limits.
    if !matches!(whole.error, Some((ErrorKind::TooLarge, _))) {
        assert_eq!(play(bytes, early, &config, cuts, By::Parts), whole);
    }
}

/// What becomes of `bytes`, of which the first `early` came with the opening handshake.
fn play(bytes: &[u8], early: usize, config: &Config, cuts: Cuts, by: By) -> Outcome {
    let (early, bytes) = bytes.split_at(early.min(bytes.len()));
    let script = Script::new(bytes, cuts);
    let written = script.written();
    let early = Bytes::copy_from_slice(early);
    let ws = WsStream::from_upgraded(script, early, config.clone());
    finish(outcome(ws, written, by))
}
