//! The server: says what the input says, legal or not, and judges what it hears.

use std::collections::VecDeque;

use longwire::Message;

use super::content;
use crate::pipe::Far;
use crate::wire::{self, ClientFrames};

pub(super) struct Peer {
    far: Far,
    heard: ClientFrames,
    /// The message that is coming from the client in fragments.
    partial: Option<(u8, Vec<u8>)>,
    last_heard: Option<usize>,
    /// Messages whose sending was reported as done and that have not come.
    promised: VecDeque<usize>,
    /// Messages that were said whole and not given to the user yet.
    said: VecDeque<Message>,
    /// The fragments of a message so far.
    saying: Option<(u8, Vec<u8>)>,
    /// Whether something was said behind which nothing is known: illegal bytes, a Close, the end.
    unknown: bool,
    finished: bool,
}

impl Peer {
    pub(super) fn new(far: Far) -> Self {
        Self {
            far,
            heard: ClientFrames::default(),
            partial: None,
            last_heard: None,
            promised: VecDeque::new(),
            said: VecDeque::new(),
            saying: None,
            unknown: false,
            finished: false,
        }
    }

    /// Says one legal frame.
    pub(super) fn say(&mut self, kind: u8, length: usize) {
        if self.unknown {
            return;
        }
        let payload = "ü".repeat(length / 2);
        let payload = payload.as_bytes();
        let frame = match kind % 8 {
            0 => wire::ping(&payload[..payload.len().min(124)]),
            1 => wire::pong("unasked"),
            2 if kind > 200 => {
                self.unknown = true;
                wire::close(1001, "away")
            }
            _ => self.part(kind, payload),
        };
        self.far.put(&frame.bytes());
    }

    /// A frame of a message: of the one that has begun, or of a new one.
    fn part(&mut self, kind: u8, payload: &[u8]) -> wire::Frame {
        let first = if kind & 8 == 0 {
            wire::TEXT
        } else {
            wire::BINARY
        };
        let opcode = if self.saying.is_some() {
            wire::CONTINUATION
        } else {
            first
        };
        let (opcode_of_all, all) = self.saying.get_or_insert_with(|| (first, Vec::new()));
        all.extend_from_slice(payload);
        if kind % 8 == 3 {
            return wire::frame(opcode, payload).more();
        }
        let all = std::mem::take(all);
        self.said.push_back(if *opcode_of_all == wire::TEXT {
            Message::from(String::from_utf8(all).unwrap())
        } else {
            Message::from(all)
        });
        self.saying = None;
        wire::frame(opcode, payload)
    }

    /// Says anything.
    pub(super) fn babble(&mut self, bytes: &[u8]) {
        if !self.finished && !bytes.is_empty() {
            self.unknown = true;
            self.far.put(bytes);
        }
    }

    pub(super) fn finish(&mut self) {
        self.unknown = true;
        self.finished = true;
        self.far.finish();
    }

    /// Whether there was something to hear.
    pub(super) fn listen(&mut self, most: usize) -> bool {
        let bytes = self.far.take(most);
        self.heard.push(&bytes);
        while let Some(frame) = self.heard.next() {
            if matches!(frame.opcode, wire::PING | wire::PONG | wire::CLOSE) {
                continue;
            }
            let (_, all) = self.partial.get_or_insert((frame.opcode, Vec::new()));
            all.extend_from_slice(&frame.payload);
            if frame.fin {
                self.judge();
            }
        }
        !bytes.is_empty()
    }

    /// A message of the client is whole: what it should be, and behind those before it.
    fn judge(&mut self) {
        let (opcode, bytes) = self.partial.take().unwrap();
        let digits: Vec<u8> = bytes
            .iter()
            .copied()
            .take_while(u8::is_ascii_digit)
            .collect();
        let number = String::from_utf8(digits).unwrap().parse().unwrap();
        let length = bytes.len() - format!("{number}:").len();
        let message = content(number, length);
        assert_eq!(message.as_bytes(), bytes);
        assert_eq!(message.is_text(), opcode == wire::TEXT);
        assert!(self.last_heard < Some(number), "{number} out of order");
        self.last_heard = Some(number);
        if let Some(due) = self.promised.front() {
            assert!(number <= *due, "{number} came, and {due} was sent before");
            if number == *due {
                self.promised.pop_front();
            }
        }
    }

    /// The client says that this message has been sent.
    pub(super) fn promise(&mut self, number: usize) {
        self.promised.push_back(number);
    }

    /// The user got this message; some before it may have been discarded.
    pub(super) fn given(&mut self, message: &Message, discards: bool) {
        while let Some(said) = self.said.pop_front() {
            if said == *message {
                return;
            }
            assert!(discards, "{message:?} was given, {said:?} is due");
        }
        assert!(self.unknown, "{message:?} was never said");
    }

    /// `whole`: nothing made the client stop in the middle of a frame, our end or a deadline.
    pub(super) fn judge_the_end(mut self, whole: bool) {
        self.listen(usize::MAX);
        assert!(!whole || !self.heard.inside_frame(), "half a frame is left");
        assert!(self.promised.is_empty(), "never came: {:?}", self.promised);
        assert!(self.far.client_has_finished(), "no end of the transport");
    }
}
