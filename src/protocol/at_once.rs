//! A message in several frames that have all arrived, which is put together without the assembler: it
//! takes half the time.

use bytes::Bytes;

use super::Protocol;
use crate::frame::{Header, Opcode};
use crate::message::Message;
use crate::utf8::Utf8Bytes;

impl Protocol {
    /// The message in fragments that lies whole at the beginning of `input`, and how many bytes it takes.
    ///
    /// Looks for the usual case, and for nothing else: no control frame between the fragments, nothing
    /// that is compressed or breaks a rule. `None` says nothing but that the frames must be looked at
    /// one by one.
    pub(super) fn fragments_at_once(&mut self, input: &[u8]) -> Option<(usize, Message)> {
        if !self.assembler.is_idle() {
            return None;
        }
        let opcode = Header::first_fragment(input)?;
        let (mut taken, mut size, mut frames) = (0, 0, 0);
        let mut is_last = false;
        while !is_last {
            let (fin, payload) = Header::fragment(input.get(taken..)?, frames == 0)?;
            if payload.len() > self.max_whole {
                return None;
            }
            is_last = fin;
            taken += payload.end;
            size += payload.len();
            frames += 1;
        }
        let frames_of_it = input.get(..taken)?;
        if size > self.assembler.max_message_size() {
            return None;
        }

        let mut bytes = Vec::with_capacity(size);
        let mut rest = frames_of_it;
        while let Some((_, payload)) = Header::fragment(rest, rest.len() == taken) {
            bytes.extend_from_slice(rest.get(payload.clone())?);
            rest = &rest[payload.end..];
        }
        let bytes = Bytes::from(bytes);
        let message = match opcode {
            Opcode::Text => Message::Text(Utf8Bytes::try_from(bytes).ok()?),
            _ => Message::Binary(bytes),
        };
        self.assembler.count_fragments(frames - 1);
        Some((taken, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn at_once(config: &Config, bytes: &[u8]) -> Option<(usize, Message)> {
        Protocol::new(config).fragments_at_once(bytes)
    }

    #[test]
    fn fragments_are_joined_wherever_a_character_is_cut() {
        let bytes = b"\x01\x02\xe2\x82\x00\x00\x00\x01\xac\x80\x01!\x81\x01x";
        let (taken, message) = at_once(&Config::default(), bytes).unwrap();
        assert_eq!((taken, message), (bytes.len() - 3, "\u{20ac}!".into()));

        let long = [&b"\x02\x7e\x01\x00"[..], &[7; 256], b"\x80\x7d", &[7; 125]].concat();
        let (taken, message) = at_once(&Config::default(), &long).unwrap();
        assert_eq!((taken, message), (long.len(), vec![7; 381].into()));
    }

    #[test]
    fn fragments_are_counted_as_they_are_one_by_one() {
        let bytes = b"\x01\x01a\x00\x01b\x80\x01c";
        let mut protocol = Protocol::new(&Config::default());
        protocol.fragments_at_once(bytes).unwrap();
        assert_eq!(protocol.fragments_received(), 2);
    }

    #[test]
    fn all_that_is_unusual_is_left_to_the_assembler() {
        let config = Config::default();
        for (what, bytes) in [
            ("nothing", &b""[..]),
            ("a whole message", b"\x81\x01a"),
            ("a continuation first", b"\x00\x01a\x80\x01b"),
            ("a part only", b"\x01\x01a\x00\x01b"),
            ("half a header", b"\x01\x01a\x80"),
            ("half a payload", b"\x01\x01a\x80\x02b"),
            ("half a length", b"\x01\x01a\x80\x7e\x01"),
            ("a Ping between", b"\x01\x01a\x89\x00\x80\x01b"),
            ("a new message between", b"\x01\x01a\x81\x01b"),
            ("a first fragment twice", b"\x01\x01a\x01\x01b\x80\x01c"),
            ("a reserved bit", b"\x41\x01a\x80\x01b"),
            ("a reserved bit later", b"\x01\x01a\xc0\x01b"),
            ("an unknown opcode", b"\x01\x01a\x83\x01b"),
            ("a mask", b"\x01\x01a\x80\x81abcdb"),
            (
                "a length that is not minimal",
                b"\x01\x01a\x80\x7e\x00\x01b",
            ),
            ("no text", b"\x01\x01a\x80\x01\xff"),
            ("a text that ends too early", b"\x01\x01a\x80\x01\xc3"),
        ] {
            assert_eq!(at_once(&config, bytes), None, "{what}");
        }
        let bytes = b"\x02\x02ab\x80\x02cd";
        assert!(at_once(&Config::default().max_message_size(4), bytes).is_some());
        assert_eq!(at_once(&Config::default().max_message_size(3), bytes), None);
        assert_eq!(at_once(&Config::default().max_frame_size(1), bytes), None);
    }

    #[test]
    fn in_the_middle_of_a_message_nothing_is_taken_for_another() {
        let mut protocol = Protocol::new(&Config::default());
        protocol.receive(b"\x01\x01a").unwrap();
        assert_eq!(protocol.fragments_at_once(b"\x01\x01a\x80\x01b"), None);
    }
}
