//! The protocol between two ends that are open, RFC 6455 §5.4, §5.5 and §7: frames to messages and
//! back. No I/O and no clock: bytes come in as arguments, what is to be done goes out as values.

mod assembler;
mod at_once;
pub(crate) mod close;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "no_deflate.rs"]
mod deflate;
mod fragmenter;
mod inflated;
pub(crate) mod keepalive;
mod parts;
mod round_trips;

use bytes::BufMut;

use self::assembler::Assembler;
use self::close::Closing;
pub(crate) use self::deflate::Compression;
pub(crate) use self::fragmenter::{Fragment, Fragments};
pub(crate) use self::parts::{Handed, Part};
pub(crate) use self::round_trips::RoundTrips;
pub use self::round_trips::Rtt;
use crate::close_code::CloseCode;
use crate::codec::FrameCodec;
use crate::config::Config;
use crate::deflate::AgreedDeflate;
use crate::error::ProtocolError;
use crate::frame::{ControlPayload, Header, MAX_HEADER, MessageHeader, Opcode, RSV1};
use crate::message::{CloseInfo, Message};

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Protocol {
    codec: FrameCodec,
    assembler: Assembler,
    closing: Closing,
    /// What compresses messages, if that was agreed.
    compression: Option<Box<Compression>>,
    /// The reserved bits that have a meaning.
    reserved: u8,
    /// The longest message that may be read in parts.
    max_parts_size: u64,
    /// The longest message that may come in one frame.
    max_whole: usize,
    /// The longest payload of a frame that is sent.
    fragment_size: usize,
    /// The longest message that is sent as it is and in one frame, whatever is in it.
    max_plain: usize,
}

/// A message that lies whole at the beginning of what was read.
pub(crate) struct WholeMessage<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// How many bytes it takes with its header.
    pub(crate) taken: usize,
}

/// What the peer's bytes came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Event<'a> {
    Message(Message),
    /// A message that was compressed, and how many bytes its frames carried.
    Inflated(Message, u64),
    /// A Ping, which is to be answered with the same payload (RFC 6455 §5.5.2).
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The peer's Close frame; [`close_reply`](Protocol::close_reply) has the answer to it.
    Close,
    /// Nothing was left to hand on of a message that is read in parts, or nobody took the rest of it.
    Passed(Option<Handed>),
}

impl Protocol {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            codec: FrameCodec::new().max_frame_size(config.max_frame_size),
            assembler: Assembler::new(config.max_message_size),
            closing: Closing::default(),
            compression: None,
            reserved: 0,
            max_parts_size: config.max_parts_size,
            max_whole: config.max_message_size.min(config.max_frame_size),
            fragment_size: config.fragment_size.unwrap_or(usize::MAX),
            max_plain: config.fragment_size.unwrap_or(usize::MAX),
        }
    }

    /// Compression was agreed in the opening handshake.
    pub(crate) fn compress_as(&mut self, config: &Config, agreed: AgreedDeflate) {
        if let Some(settings) = &config.deflate {
            let (inflation, compression) =
                deflate::coders(settings, agreed, config.max_message_size);
            self.assembler.inflate_with(inflation);
            if compression.is_some() {
                self.max_plain = 0;
            }
            self.compression = compression;
            self.reserved = RSV1;
        }
    }

    /// The short path: a message in one frame that lies whole at the beginning of `input`. `None` says
    /// nothing but that [`receive`](Self::receive) must look.
    #[inline]
    pub(crate) fn whole_message<'a>(&self, input: &'a [u8]) -> Option<WholeMessage<'a>> {
        let MessageHeader {
            opcode,
            header,
            len,
        } = Header::whole_message(input)?;
        if len > self.max_whole || !self.assembler.is_idle() {
            return None;
        }
        Some(WholeMessage {
            opcode,
            payload: input.get(header..)?.get(..len)?,
            taken: header + len,
        })
    }

    /// How long a frame at the beginning of `input` is in all that has not fully arrived, if it is a
    /// message by itself: then it need not be taken in parts. [`receive`](Self::receive) may still
    /// take it, and must when nothing more comes for now, since a text fails at its first bad byte.
    pub(crate) fn incomplete_message(&self, input: &[u8]) -> Option<usize> {
        let whole = Header::whole_message(input).or_else(|| self.marked_message(input))?;
        let end = whole.header + whole.len;
        (end > input.len() && whole.len <= self.max_whole && self.assembler.is_idle())
            .then_some(end)
    }

    /// As [`Header::whole_message`], for one that is compressed, if that was agreed.
    fn marked_message(&self, input: &[u8]) -> Option<MessageHeader> {
        if self.reserved == 0 {
            return None;
        }
        let mut head = [0; MAX_HEADER];
        let head = &mut head[..input.len().min(MAX_HEADER)];
        head.copy_from_slice(&input[..head.len()]);
        *head.first_mut()? ^= self.reserved << 4;
        Header::whole_message(head)
    }

    /// Takes bytes from the beginning of `input`: how many, and what they came to.
    ///
    /// Without an event more bytes are needed; what was not taken is then shorter than a control
    /// frame and must come again. An error is final: [`fail`](Self::fail) follows.
    pub(crate) fn receive<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        if self.assembler.is_in_parts() {
            return self.skip(input);
        }
        if self.assembler.is_compressed() {
            return self.receive_compressed(input, 0);
        }
        if let Some((taken, message)) = self.fragments_at_once(input) {
            return Ok((taken, Some(Event::Message(message))));
        }
        self.receive_frames::<false>(input)
    }

    /// Apart, so that it costs those nothing that are not compressed: from a marked frame on, until
    /// its message has come.
    #[inline(never)]
    fn receive_compressed<'a>(
        &mut self,
        input: &'a [u8],
        taken: usize,
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        let (more, event) = self.receive_frames::<true>(&input[taken..])?;
        Ok((taken + more, event))
    }

    #[inline]
    fn receive_frames<'a, const COMPRESSED: bool>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            if let Some(left) = self.assembler.left() {
                let take = left.min(rest.len());
                taken += take;
                let piece = &rest[..take];
                if COMPRESSED {
                    if let Some((message, from)) = self.assembler.push_compressed(piece)? {
                        return Ok((taken, Some(Event::Inflated(message, from))));
                    }
                } else if let Some(message) = self.assembler.push(piece)? {
                    return Ok((taken, Some(Event::Message(message))));
                }
                if take < left {
                    return Ok((taken, None));
                }
                continue;
            }
            let reserved = if COMPRESSED { self.reserved } else { 0 };
            let (header, used) = match self.codec.header(rest, reserved) {
                Ok(Some(found)) => found,
                Ok(None) => return Ok((taken, None)),
                Err(ProtocolError::ReservedBits(_)) if self.reserved != reserved => {
                    return self.receive_compressed(input, taken);
                }
                Err(error) => return Err(error),
            };
            if header.opcode.is_control() {
                let Some((len, event)) = self.control(&header, &rest[used..])? else {
                    return Ok((taken, None));
                };
                return Ok((taken + used + len, Some(event)));
            }
            if COMPRESSED {
                self.assembler.begin_compressed(&header)?;
            } else {
                self.assembler.begin(&header)?;
            }
            taken += used;
        }
    }

    /// A control frame whose payload is at the beginning of `input`: how long it is, and what it comes
    /// to. `None` while it has not fully arrived.
    #[inline]
    fn control<'a>(
        &mut self,
        header: &Header,
        input: &'a [u8],
    ) -> Result<Option<(usize, Event<'a>)>, ProtocolError> {
        if header.rsv != 0 {
            // Control frames are never compressed (RFC 7692 §6.1).
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is 125 at most")]
        let len = header.len as usize;
        let Some(payload) = input.get(..len) else {
            return Ok(None);
        };
        let event = match header.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => {
                self.closing.receive(payload)?;
                self.assembler.discard();
                Event::Close
            }
        };
        Ok(Some((len, event)))
    }

    /// How many bytes are still to come of a data frame's payload that can be read in place.
    #[inline]
    pub(crate) fn payload_left(&self) -> Option<usize> {
        self.assembler
            .left()
            .filter(|_| !self.assembler.is_compressed())
    }

    /// Whether part of a data frame has come, and not all of it.
    pub(crate) fn is_in_frame(&self) -> bool {
        self.assembler.is_in_frame()
    }

    /// What compresses messages, if that was agreed.
    #[inline]
    pub(crate) fn compression(&mut self) -> Option<&mut Compression> {
        self.compression.as_deref_mut()
    }

    /// How many data frames have come that were not the last of their message.
    pub(crate) fn fragments_received(&self) -> u64 {
        self.assembler.fragments()
    }

    /// Lends the memory that the rest of the current data frame belongs in, so that it can be read
    /// there without a copy; [`filled`](Self::filled) follows. `None` between frames.
    pub(crate) fn with_room<R>(&mut self, fill: impl FnOnce(&mut dyn BufMut) -> R) -> Option<R> {
        self.assembler.with_room(fill)
    }

    /// `count` bytes were put into the room: the message that they complete, if any.
    pub(crate) fn filled(&mut self, count: usize) -> Result<Option<Message>, ProtocolError> {
        self.assembler.filled(count)
    }

    /// Nothing has come for now: memory that only waits for the next message is given back.
    #[inline]
    pub(crate) fn idle(&mut self) {
        if self.assembler.is_idle() {
            self.assembler.release();
        }
    }

    /// Whether a message of this length goes out in one frame and uncompressed, whatever is in it.
    #[inline]
    pub(crate) fn goes_plain(&self, len: usize) -> bool {
        len <= self.max_plain
    }

    /// The frames of a message to send (RFC 6455 §6.1).
    #[inline]
    pub(crate) fn fragments(&self, opcode: Opcode, len: usize) -> Fragments {
        Fragments::new(opcode, len, self.fragment_size)
    }

    /// How the connection ended; `None` while it has not.
    pub(crate) fn close_info(&self) -> Option<&CloseInfo> {
        self.closing.info()
    }

    /// A Close frame of our own is queued: from here on nothing else may be sent.
    pub(crate) fn close_sent(&mut self) {
        self.closing.sent();
    }

    /// The body of the Close frame that answers the peer's, if one is due (RFC 6455 §5.5.1).
    pub(crate) fn close_reply(&mut self) -> Option<ControlPayload> {
        self.closing.reply()
    }

    /// Fails the connection (RFC 6455 §7.1.7): the body of the Close frame to send, if any.
    pub(crate) fn fail(&mut self, code: CloseCode) -> Option<ControlPayload> {
        self.assembler.discard();
        self.closing.fail(code)
    }

    /// The transport is gone, or a deadline passed, before the closing handshake was complete.
    /// Says whether that happened in the middle of a message.
    pub(crate) fn lost(&mut self) -> bool {
        let in_message = self.assembler.is_in_message();
        self.assembler.discard();
        self.closing.lost();
        in_message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that `bytes` come to, when they arrive in the given pieces.
    fn receive_in(pieces: &[&[u8]]) -> Result<Vec<String>, ProtocolError> {
        let mut protocol = Protocol::new(&Config::default());
        let mut held = Vec::new();
        let mut events = Vec::new();
        for piece in pieces {
            held.extend_from_slice(piece);
            loop {
                let (taken, seen) = if let Some(whole) = protocol.whole_message(&held) {
                    let payload = whole.payload.to_vec();
                    let message = match whole.opcode {
                        Opcode::Text => String::from_utf8(payload).unwrap().into(),
                        _ => Message::from(payload),
                    };
                    (whole.taken, Some(format!("{:?}", Event::Message(message))))
                } else {
                    let (taken, event) = protocol.receive(&held)?;
                    (taken, event.map(|event| format!("{event:?}")))
                };
                held.drain(..taken);
                match seen {
                    Some(seen) => events.push(seen),
                    None => break,
                }
            }
        }
        Ok(events)
    }

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_events() {
        let bytes: &[u8] = &[
            0x81, 2, 0xc3, 0xa9, // text
            0x02, 1, 7, // binary begins
            0x89, 1, b'p', // ping between fragments
            0x00, 0, // empty fragment
            0x80, 2, 8, 9, // binary ends
            0x8a, 0, // pong
            0x88, 2, 0x03, 0xe8, // close
        ];
        let whole = receive_in(&[bytes]).unwrap();
        assert_eq!(whole.len(), 5);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(
                    receive_in(&pieces).unwrap(),
                    whole,
                    "cut at {first} and {second}"
                );
            }
        }
    }

    #[test]
    fn bad_text_fails_before_its_frame_has_arrived() {
        assert_eq!(
            receive_in(&[&[0x81, 100, b'a', 0xff]]),
            Err(ProtocolError::InvalidUtf8)
        );
    }

    #[test]
    fn a_control_frame_is_not_taken_before_it_is_whole() {
        let mut protocol = Protocol::new(&Config::default());
        assert_eq!(protocol.receive(&[0x89, 3, 1, 2]), Ok((0, None)));
        assert_eq!(
            protocol.receive(&[0x01, 1, b'a', 0x89, 3, 1]),
            Ok((3, None))
        );
        assert_eq!(
            protocol.receive(&[0x89, 1, 5]),
            Ok((3, Some(Event::Ping(&[5]))))
        );
    }

    #[test]
    fn after_our_close_the_peers_is_not_answered() {
        let mut protocol = Protocol::new(&Config::default());
        protocol.close_sent();
        assert_eq!(protocol.receive(&[0x88, 0]), Ok((2, Some(Event::Close))));
        assert_eq!(protocol.close_reply(), None);
        assert!(protocol.close_info().unwrap().clean);
    }
}
