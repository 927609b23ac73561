//! Messages that are handed on in parts as they arrive: the same rules (RFC 6455 §5.4 and §8.1,
//! RFC 7692 §7.2.2), a limit of their own, and nothing collected, however long a message or frame is.

use bytes::Bytes;

use super::assembler::{Assembler, Body};
use super::inflated::Inflated;
use super::{Event, Protocol};
use crate::codec::FrameCodec;
use crate::error::ProtocolError;
use crate::frame::{Header, Opcode};
use crate::growing_buffer::GrowingBuffer;
use crate::message::{Message, MessageKind};
use crate::utf8::Validator;

/// A message that is being handed on.
#[derive(Debug)]
pub(super) struct Parts {
    /// Of a text. It has seen all that was handed on, and `checked` bytes more.
    validator: Option<Validator>,
    checked: usize,
    /// What comes before all that is still to come: what was inflated, or had been collected.
    ready: Bytes,
    /// The data frame whose payload has not been handed on whole.
    frame: Option<Frame>,
    /// More can be inflated of what was taken.
    held_back: bool,
    /// The final frame has been handed on.
    ended: bool,
    /// It was counted when it was given, whole, before somebody asked for it in parts.
    counted: bool,
    /// What frames have announced of it, or what was inflated, in bytes.
    size: u64,
    limit: u64,
    /// What was found wrong, also by one who had no use for it: nothing more is handed on.
    failure: Option<ProtocolError>,
}

#[derive(Debug)]
struct Frame {
    left: u64,
    fin: bool,
}

/// What can be handed on.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// So many bytes at the beginning of the input; [`handed_on`](Protocol::handed_on) follows.
    Here(usize),
    /// What [`ready`](Protocol::ready) gives.
    Ready,
    /// The message has ended. What it was, unless it was counted before.
    End(Option<Handed>),
    /// More bytes are needed, or a control frame comes first.
    Nothing,
}

/// A message that has been handed on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Handed {
    pub(crate) size: u64,
    /// How many bytes its frames carried, if it was compressed.
    pub(crate) inflated_from: Option<u64>,
}

impl Protocol {
    /// From here on the message that has begun is handed on in parts, or the one that begins `input`:
    /// its kind, and how many bytes of `input` that took. `None` when there is none, or when the rest
    /// of one that was handed on before is to be passed over.
    pub(crate) fn begin_parts(
        &mut self,
        input: &[u8],
    ) -> Result<Option<(MessageKind, usize)>, ProtocolError> {
        if self.assembler.is_in_parts() {
            return Ok(None);
        }
        let limit = self.max_parts_size;
        if let Some(kind) = self.assembler.break_off(limit)? {
            return Ok(Some((kind, 0)));
        }
        let Some((header, used)) = FrameCodec::header_of_any_size(input, self.reserved)? else {
            return Ok(None);
        };
        if header.opcode.is_control() {
            return Ok(None);
        }
        let kind = self.assembler.begin_parts(&header, limit)?;
        Ok(Some((kind, used)))
    }

    /// A message that is there whole is handed on in parts.
    pub(crate) fn hand_on(&mut self, message: Message) {
        self.assembler.hand_on(message);
    }

    /// Whether a whole control frame is at the beginning of `input`.
    pub(crate) fn control_is_next(&self, input: &[u8]) -> bool {
        !self.assembler.is_in_frame()
            && Header::parse(input).is_ok_and(|parsed| {
                parsed.is_some_and(|(header, used)| {
                    header.opcode.is_control() && used as u64 + header.len <= input.len() as u64
                })
            })
    }

    /// Whether a text has begun to come in one frame and will be of at most `limit` bytes with its
    /// header.
    pub(crate) fn is_short_text(&self, input: &[u8], limit: usize) -> bool {
        let begun = self.assembler.text_in_final_frame();
        begun.is_some_and(|len| len <= limit)
            || (self
                .incomplete_message(input)
                .is_some_and(|len| len <= limit)
                && Header::whole_message(input).is_some_and(|whole| whole.opcode == Opcode::Text))
    }

    /// Takes headers from the beginning of `input`, and finds what can be handed on of the message:
    /// how many bytes were taken, and where the part is.
    pub(crate) fn part(&mut self, input: &[u8]) -> Result<(usize, Part), ProtocolError> {
        self.assembler.part(input, self.reserved)
    }

    /// So many bytes of the input were handed on, of which [`part`](Self::part) has told.
    pub(crate) fn handed_on(&mut self, count: usize) {
        self.assembler.handed_on(count);
    }

    /// What is to be handed on before what the input holds.
    pub(crate) fn ready(&mut self) -> Option<&mut Bytes> {
        self.assembler.parts.as_mut().map(|parts| &mut parts.ready)
    }

    /// As [`receive`](Self::receive), where nobody takes the rest of a message in parts.
    #[inline(never)]
    pub(super) fn skip<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        let mut taken = 0;
        loop {
            let (used, part) = self.part(&input[taken..])?;
            taken += used;
            match part {
                Part::Here(count) => {
                    self.handed_on(count);
                    taken += count;
                }
                Part::Ready => {
                    if let Some(ready) = self.ready() {
                        ready.clear();
                    }
                }
                Part::End(handed) => return Ok((taken, Some(Event::Passed(handed)))),
                Part::Nothing => break,
            }
        }
        let rest = &input[taken..];
        let Some((header, used)) = FrameCodec::header_of_any_size(rest, self.reserved)? else {
            return Ok((taken, None));
        };
        let control = self.control(&header, &rest[used..])?;
        Ok(match control {
            Some((len, event)) => (taken + used + len, Some(event)),
            None => (taken, None),
        })
    }
}

impl Assembler {
    pub(super) fn is_in_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// Whether part of a message has come, and not all of it.
    pub(super) fn is_in_message(&self) -> bool {
        let ended = self.parts.as_ref().is_some_and(|parts| parts.ended);
        !self.is_idle() && !ended
    }

    /// Whether part of a data frame has come, and not all of it.
    pub(super) fn is_in_frame(&self) -> bool {
        let in_parts = || self.parts.as_ref().is_some_and(|it| it.frame.is_some());
        self.frame.is_some() || in_parts()
    }

    /// How long a text will be that is coming in its final frame.
    fn text_in_final_frame(&self) -> Option<usize> {
        let (Some(Body::Text(text)), Some(frame)) = (&self.message, &self.frame) else {
            return None;
        };
        let inflated = self.inflated.as_ref().map_or(0, |inflated| inflated.len());
        frame.fin.then(|| text.len() + inflated + frame.left)
    }

    fn begin_parts(&mut self, header: &Header, limit: u64) -> Result<MessageKind, ProtocolError> {
        let (kind, validator) = match header.opcode {
            Opcode::Text => (MessageKind::Text, Some(Validator::default())),
            Opcode::Binary => (MessageKind::Binary, None),
            _ => return Err(ProtocolError::UnexpectedContinuation),
        };
        self.compressed = header.rsv != 0;
        self.set_parts(Parts {
            validator,
            limit,
            ..Parts::default()
        });
        self.begin_frame(header)?;
        Ok(kind)
    }

    /// Hands on what has been collected of a message, and all that comes.
    fn break_off(&mut self, limit: u64) -> Result<Option<MessageKind>, ProtocolError> {
        let Some(message) = self.message.take() else {
            return Ok(None);
        };
        let inflated = self.inflated.take().map(|inflated| *inflated);
        let (kind, ready, validator) = match (message, inflated) {
            (_, Some(Inflated::Text(text))) => {
                let (ready, validator) = text.break_off();
                (MessageKind::Text, ready, Some(validator))
            }
            (_, Some(Inflated::Binary(bytes))) => (MessageKind::Binary, bytes.seal(), None),
            (Body::Text(text), None) => {
                let (ready, validator) =
                    text.break_off().map_err(|_| ProtocolError::InvalidUtf8)?;
                (MessageKind::Text, ready, Some(validator))
            }
            (Body::Binary(bytes), None) => (MessageKind::Binary, bytes.seal().0, None),
        };
        let frame = self.frame.take().map(|frame| Frame {
            left: frame.left as u64,
            fin: frame.fin,
        });
        // What is inflated counts when it comes out, everything else when a header announces it.
        let announced = frame.as_ref().filter(|_| !self.compressed);
        let size = ready.len() as u64 + announced.map_or(0, |frame| frame.left);
        if !self.compressed && size > limit {
            return Err(ProtocolError::PartsTooLarge { size, limit });
        }
        self.set_parts(Parts {
            validator,
            ready,
            frame,
            size,
            limit,
            ..Parts::default()
        });
        Ok(Some(kind))
    }

    fn hand_on(&mut self, message: Message) {
        self.compressed = false;
        self.set_parts(Parts {
            ready: message.into_bytes(),
            ended: true,
            counted: true,
            ..Parts::default()
        });
    }

    fn set_parts(&mut self, parts: Parts) {
        if let Some(inflation) = self.inflation.as_mut().filter(|_| self.compressed) {
            inflation.allow(parts.limit);
        }
        self.message = Some(Body::Binary(GrowingBuffer::default()));
        self.parts = Some(Box::new(parts));
    }

    fn part(&mut self, input: &[u8], reserved: u8) -> Result<(usize, Part), ProtocolError> {
        if let Some(failure) = self.parts.as_ref().and_then(|parts| parts.failure.as_ref()) {
            return Err(failure.clone());
        }
        let found = self.find_part(input, reserved);
        if let (Err(error), Some(parts)) = (&found, &mut self.parts) {
            parts.failure = Some(error.clone());
        }
        found
    }

    fn find_part(&mut self, input: &[u8], reserved: u8) -> Result<(usize, Part), ProtocolError> {
        let mut taken = 0;
        loop {
            let Some(parts) = &mut self.parts else {
                return Ok((taken, Part::Nothing));
            };
            if !parts.ready.is_empty() {
                return Ok((taken, Part::Ready));
            }
            let rest = &input[taken..];
            if let Some(frame) = &parts.frame {
                let here = usize::try_from(frame.left).map_or(rest.len(), |it| it.min(rest.len()));
                if here == 0 && frame.left > 0 && !parts.held_back {
                    return Ok((taken, Part::Nothing));
                }
                if !self.compressed {
                    parts.check(&rest[..here])?;
                    return Ok((taken, Part::Here(here)));
                }
                taken += self.inflate_part(&rest[..here])?;
                continue;
            }
            if parts.ended {
                return Ok((taken, Part::End(self.end_parts()?)));
            }
            let Some((header, used)) = FrameCodec::header_of_any_size(rest, reserved)? else {
                return Ok((taken, Part::Nothing));
            };
            match header.opcode {
                Opcode::Continuation => self.begin_frame(&header)?,
                Opcode::Text | Opcode::Binary => return Err(ProtocolError::ExpectedContinuation),
                _ => return Ok((taken, Part::Nothing)),
            }
            taken += used;
        }
    }

    /// A frame of the message begins: judges its size from the header alone.
    fn begin_frame(&mut self, header: &Header) -> Result<(), ProtocolError> {
        if header.rsv != 0 && header.opcode == Opcode::Continuation {
            // The first frame alone says whether the message is compressed (RFC 7692 §6).
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        if self.compressed {
            if let Some(inflation) = &mut self.inflation {
                inflation.expect(header.len)?;
            }
        } else {
            parts.size = parts.size.saturating_add(header.len);
            if parts.size > parts.limit {
                let (size, limit) = (parts.size, parts.limit);
                return Err(ProtocolError::PartsTooLarge { size, limit });
            }
        }
        parts.frame = Some(Frame {
            left: header.len,
            fin: header.fin,
        });
        if header.len == 0 && !self.compressed {
            self.end_frame();
        }
        Ok(())
    }

    fn end_frame(&mut self) {
        let Some(parts) = &mut self.parts else {
            return;
        };
        if let Some(frame) = parts.frame.take() {
            parts.ended = frame.fin;
            self.fragments += u64::from(!frame.fin);
        }
    }

    fn handed_on(&mut self, count: usize) {
        let Some(parts) = &mut self.parts else {
            return;
        };
        parts.checked = parts.checked.saturating_sub(count);
        if let Some(frame) = &mut parts.frame {
            frame.left = frame.left.saturating_sub(count as u64);
            if frame.left == 0 {
                self.end_frame();
            }
        }
    }

    /// Inflates from the beginning of `input`, which is of the current frame: how much was taken.
    fn inflate_part(&mut self, input: &[u8]) -> Result<usize, ProtocolError> {
        let (Some(parts), Some(inflation)) = (&mut self.parts, &mut self.inflation) else {
            return Ok(0);
        };
        let Some(frame) = &mut parts.frame else {
            return Ok(0);
        };
        let mut rest = input;
        let last = frame.fin && frame.left == input.len() as u64;
        let inflated = inflation.inflate(&mut rest, last);
        let (inflated, more) = inflated.map_err(|error| match error {
            ProtocolError::MessageTooLarge { size, .. } => ProtocolError::PartsTooLarge {
                size,
                limit: parts.limit,
            },
            other => other,
        })?;
        if let Some(validator) = &mut parts.validator {
            validator
                .push(inflated)
                .map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        parts.ready = Bytes::copy_from_slice(inflated);
        parts.size += inflated.len() as u64;
        parts.held_back = more;
        let taken = input.len() - rest.len();
        frame.left -= taken as u64;
        if frame.left == 0 && !more {
            self.end_frame();
        }
        Ok(taken)
    }

    fn end_parts(&mut self) -> Result<Option<Handed>, ProtocolError> {
        let Some(parts) = &mut self.parts else {
            return Ok(None);
        };
        if let Some(validator) = &mut parts.validator {
            validator.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        let inflation = self.inflation.as_mut().filter(|_| self.compressed);
        let handed = Handed {
            size: parts.size,
            inflated_from: inflation.map(|inflation| inflation.end()),
        };
        let handed = (!parts.counted).then_some(handed);
        (self.message, self.parts, self.compressed) = (None, None, false);
        Ok(handed)
    }
}

impl Parts {
    /// Checks what has come of a text and was not handed on.
    fn check(&mut self, here: &[u8]) -> Result<(), ProtocolError> {
        if let Some(validator) = &mut self.validator {
            // Some of it may have been seen before.
            if let Some(unseen) = here.get(self.checked..) {
                validator
                    .push(unseen)
                    .map_err(|_| ProtocolError::InvalidUtf8)?;
                self.checked = here.len();
            }
        }
        Ok(())
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            validator: None,
            checked: 0,
            ready: Bytes::new(),
            frame: None,
            held_back: false,
            ended: false,
            counted: false,
            size: 0,
            limit: u64::MAX,
            failure: None,
        }
    }
}
