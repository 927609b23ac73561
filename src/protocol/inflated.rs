//! Compressed messages (RFC 7692 §6.2) to messages: what the [`Assembler`] does with their frames.

use bytes::Bytes;

use super::assembler::{Assembler, Body, Partial};
use crate::error::ProtocolError;
use crate::frame::{Header, Opcode};
use crate::message::Message;
use crate::parted_buffer::PartedBuffer;
use crate::utf8::{PartedText, Utf8Bytes};

/// What has come out of a message that does not come out at once.
#[derive(Debug)]
pub(super) enum Inflated {
    Text(PartedText),
    Binary(PartedBuffer),
}

impl Assembler {
    /// As [`push`](Self::push), for the frames of a compressed message: it, and how many bytes they
    /// carried.
    pub(super) fn push_compressed(
        &mut self,
        mut piece: &[u8],
    ) -> Result<Option<(Message, u64)>, ProtocolError> {
        let (Some(message), Some(frame), Some(inflation)) =
            (&mut self.message, &mut self.frame, &mut self.inflation)
        else {
            return Ok(None);
        };
        frame.left = frame.left.saturating_sub(piece.len());
        let (frame_ends, ends) = (frame.left == 0, frame.left == 0 && frame.fin);
        let is_text = matches!(message, Body::Text(_));
        loop {
            let (part, more) = inflation.inflate(&mut piece, ends)?;
            if ends && !more && self.inflated.is_none() {
                // All of it came out at once, which is usual: nothing has to grow.
                let whole = if is_text {
                    let text = Utf8Bytes::copy_from_utf8(part);
                    Message::Text(text.map_err(|_| ProtocolError::InvalidUtf8)?)
                } else {
                    Message::Binary(Bytes::copy_from_slice(part))
                };
                return Ok(Some(self.end_compressed(whole)));
            }
            if !part.is_empty() {
                let inflated = self
                    .inflated
                    .get_or_insert_with(|| Box::new(Inflated::new(is_text)));
                inflated.push(part, self.max_message_size)?;
            }
            if !more {
                break;
            }
        }
        if ends {
            let inflated = self.inflated.take();
            let whole = inflated.map_or_else(|| Inflated::new(is_text), |inflated| *inflated);
            return Ok(Some(self.end_compressed(whole.finish()?)));
        }
        if frame_ends {
            self.frame = None;
            self.fragments += 1;
        }
        Ok(None)
    }

    fn end_compressed(&mut self, message: Message) -> (Message, u64) {
        let storage = self.message.take().map(Body::into_storage);
        self.storage = storage.unwrap_or_default();
        let carried = self.inflation.as_mut().map_or(0, |coder| coder.end());
        (self.compressed, self.frame) = (false, None);
        (message, carried)
    }

    /// As [`begin`](Self::begin), for the frames of a compressed message.
    pub(super) fn begin_compressed(&mut self, header: &Header) -> Result<(), ProtocolError> {
        self.held(header.opcode)?;
        if header.rsv != 0 && header.opcode == Opcode::Continuation {
            // The first frame alone says whether the message is compressed (RFC 7692 §6).
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        let Ok(left) = usize::try_from(header.len) else {
            return Err(self.too_large(header.len));
        };
        if let Some(inflation) = &mut self.inflation {
            inflation.expect(header.len)?;
        }
        self.compressed = true;
        self.begin_message(header.opcode);
        self.frame = Some(Partial {
            left,
            ceiling: self.max_message_size,
            fin: header.fin,
        });
        Ok(())
    }
}

impl Inflated {
    fn new(is_text: bool) -> Self {
        if is_text {
            Self::Text(PartedText::default())
        } else {
            Self::Binary(PartedBuffer::default())
        }
    }

    fn push(&mut self, part: &[u8], ceiling: usize) -> Result<(), ProtocolError> {
        match self {
            Self::Text(text) => text
                .push(part, ceiling)
                .map_err(|_| ProtocolError::InvalidUtf8)?,
            Self::Binary(bytes) => bytes.push(part, ceiling),
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    fn finish(self) -> Result<Message, ProtocolError> {
        match self {
            Self::Text(text) => {
                let text = text.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
                Ok(Message::Text(text))
            }
            Self::Binary(bytes) => Ok(Message::Binary(bytes.seal())),
        }
    }
}
