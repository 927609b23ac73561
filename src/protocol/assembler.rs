//! Fragments to messages (RFC 6455 §5.4): their order, inflation if they are compressed, UTF-8 that
//! fails at the first bad byte, and the message limit. One growing buffer, however many fragments come.

use bytes::BufMut;

use super::deflate::Inflation;
use super::inflated::Inflated;
use super::parts::Parts;
use crate::error::ProtocolError;
use crate::frame::{Header, Opcode};
use crate::growing_buffer::GrowingBuffer;
use crate::message::Message;
use crate::utf8::TextBuffer;

/// Takes the data frames of one connection, in whatever pieces they arrive.
#[derive(Debug)]
pub(super) struct Assembler {
    /// The message whose final frame has not fully arrived.
    pub(super) message: Option<Body>,
    /// The data frame whose payload has not fully arrived; then `message` is there too.
    pub(super) frame: Option<Partial>,
    /// Memory that the last message left behind.
    pub(super) storage: GrowingBuffer,
    pub(super) max_message_size: usize,
    /// Frames that have come and were not the last of their message.
    pub(super) fragments: u64,
    /// The message that is handed on in parts; then `message` is an empty one, so that this is
    /// not idle, and `frame` is not there.
    pub(super) parts: Option<Box<Parts>>,
    /// What compressed messages go through, if compression was agreed.
    pub(super) inflation: Option<Box<Inflation>>,
    /// Whether the message is compressed; then `message` says no more than its kind.
    pub(super) compressed: bool,
    /// What has come out of a compressed message that does not come out at once.
    pub(super) inflated: Option<Box<Inflated>>,
}

#[derive(Debug)]
pub(super) enum Body {
    Text(TextBuffer),
    Binary(GrowingBuffer),
}

#[derive(Debug)]
pub(super) struct Partial {
    pub(super) left: usize,
    /// How long the message can become at most, as far as this frame tells.
    pub(super) ceiling: usize,
    pub(super) fin: bool,
}

impl Assembler {
    pub(super) fn new(max_message_size: usize) -> Self {
        Self {
            message: None,
            frame: None,
            storage: GrowingBuffer::default(),
            max_message_size,
            fragments: 0,
            parts: None,
            inflation: None,
            compressed: false,
            inflated: None,
        }
    }

    /// Compression was agreed: messages may be compressed from now on.
    pub(super) fn inflate_with(&mut self, inflation: Option<Box<Inflation>>) {
        self.inflation = inflation;
    }

    /// Whether nothing of any message is held.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.message.is_none()
    }

    pub(super) fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    /// So many frames have come, not the last of their message, that were not put together here.
    pub(super) fn count_fragments(&mut self, count: u64) {
        self.fragments += count;
    }

    pub(super) fn fragments(&self) -> u64 {
        self.fragments
    }

    /// Whether a message has begun that is compressed.
    #[inline]
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// How many bytes of the current frame are still to come; `None` between frames.
    #[inline]
    pub(super) fn left(&self) -> Option<usize> {
        self.frame.as_ref().map(|frame| frame.left)
    }

    /// A data frame begins: judges its place in the message and, from the header alone, its size.
    pub(super) fn begin(&mut self, header: &Header) -> Result<(), ProtocolError> {
        let held = self.held(header.opcode)?;
        let size = header.len.saturating_add(held as u64);
        let Some(left) = usize::try_from(header.len)
            .ok()
            .filter(|_| size <= self.max_message_size as u64)
        else {
            return Err(self.too_large(size));
        };
        // The final frame tells what the message will be; before it, the limit is all we know.
        let ceiling = if header.fin {
            held + left
        } else {
            self.max_message_size
        };
        let message = self.begin_message(header.opcode);
        message.make_room(left, ceiling);
        self.frame = Some(Partial {
            left,
            ceiling,
            fin: header.fin,
        });
        Ok(())
    }

    /// How much there is of the message that a data frame belongs to, if it comes in its turn.
    #[inline]
    pub(super) fn held(&self, opcode: Opcode) -> Result<usize, ProtocolError> {
        match (&self.message, opcode) {
            (None, Opcode::Continuation) => Err(ProtocolError::UnexpectedContinuation),
            (Some(message), Opcode::Continuation) => Ok(message.len()),
            (Some(_), _) => Err(ProtocolError::ExpectedContinuation),
            (None, _) => Ok(0),
        }
    }

    /// The next bytes of the current frame, at most as many as are [`left`](Self::left).
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Option<Message>, ProtocolError> {
        let (Some(message), Some(frame)) = (&mut self.message, &self.frame) else {
            return Ok(None);
        };
        if message.spare() < piece.len() {
            message.make_room(piece.len(), frame.ceiling);
        }
        match message {
            Body::Text(text) => text.push(piece).map_err(|_| ProtocolError::InvalidUtf8)?,
            Body::Binary(bytes) => bytes.push(piece),
        }
        self.arrived(piece.len())
    }

    #[inline]
    pub(super) fn begin_message(&mut self, opcode: Opcode) -> &mut Body {
        self.message.get_or_insert_with(|| {
            let storage = std::mem::take(&mut self.storage);
            match opcode {
                Opcode::Text => Body::Text(TextBuffer::new(storage)),
                _ => Body::Binary(storage),
            }
        })
    }

    /// Lends room for the rest of the current frame, or for as much of it as is made room for at
    /// once. What is put there counts once [`filled`](Self::filled) says so.
    pub(super) fn with_room<R>(&mut self, fill: impl FnOnce(&mut dyn BufMut) -> R) -> Option<R> {
        let frame = self.frame.as_ref()?;
        let message = self.message.as_mut()?;
        if message.spare() == 0 {
            message.make_room(frame.left, frame.ceiling);
        }
        Some(match message {
            Body::Text(text) => fill(&mut text.room(frame.left)),
            Body::Binary(bytes) => fill(&mut bytes.room(frame.left)),
        })
    }

    /// `count` bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) -> Result<Option<Message>, ProtocolError> {
        if let Some(Body::Text(text)) = &mut self.message {
            text.check().map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        self.arrived(count)
    }

    /// Gives back the memory that waits for the next message.
    pub(super) fn release(&mut self) {
        self.storage = GrowingBuffer::default();
    }

    /// Drops what is held of an unfinished message: no more of it comes.
    pub(super) fn discard(&mut self) {
        self.message = None;
        self.frame = None;
        self.parts = None;
        self.inflation = None;
        self.inflated = None;
        self.compressed = false;
        self.release();
    }

    fn arrived(&mut self, count: usize) -> Result<Option<Message>, ProtocolError> {
        let Some(frame) = &mut self.frame else {
            return Ok(None);
        };
        frame.left = frame.left.saturating_sub(count);
        if frame.left > 0 {
            return Ok(None);
        }
        let fin = frame.fin;
        self.frame = None;
        if !fin {
            self.fragments += 1;
            return Ok(None);
        }
        match self.message.take() {
            Some(Body::Text(text)) => {
                let (text, storage) = text.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
                self.storage = storage;
                Ok(Some(Message::Text(text)))
            }
            Some(Body::Binary(bytes)) => {
                let (bytes, storage) = bytes.seal();
                self.storage = storage;
                Ok(Some(Message::Binary(bytes)))
            }
            None => Ok(None),
        }
    }

    pub(super) fn too_large(&self, size: u64) -> ProtocolError {
        ProtocolError::MessageTooLarge {
            size,
            limit: self.max_message_size,
        }
    }
}

impl Body {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    fn spare(&self) -> usize {
        match self {
            Self::Text(text) => text.spare(),
            Self::Binary(bytes) => bytes.spare(),
        }
    }

    pub(super) fn into_storage(self) -> GrowingBuffer {
        match self {
            Self::Text(text) => text.into_storage(),
            Self::Binary(bytes) => bytes,
        }
    }

    fn make_room(&mut self, declared: usize, ceiling: usize) {
        match self {
            Self::Text(text) => text.make_room(declared, ceiling),
            Self::Binary(bytes) => bytes.make_room(declared, ceiling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(opcode: Opcode, fin: bool, len: u64) -> Header {
        Header {
            fin,
            rsv: 0,
            opcode,
            mask: None,
            len,
        }
    }

    fn frame(
        assembler: &mut Assembler,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
    ) -> Result<Option<Message>, ProtocolError> {
        assembler.begin(&header(opcode, fin, payload.len() as u64))?;
        assembler.push(payload)
    }

    #[test]
    fn fragments_become_one_message_also_when_some_are_empty() {
        let mut assembler = Assembler::new(64);
        assert_eq!(frame(&mut assembler, Opcode::Text, false, b""), Ok(None));
        assert_eq!(
            frame(&mut assembler, Opcode::Continuation, false, &[0xc3]),
            Ok(None)
        );
        assert!(!assembler.is_idle());
        let message = frame(&mut assembler, Opcode::Continuation, true, &[0xa9]);
        assert_eq!(message, Ok(Some(Message::from("é"))));
        assert!(assembler.is_idle());
    }

    #[test]
    fn the_order_of_fragments_is_kept() {
        let mut assembler = Assembler::new(64);
        let begin = |assembler: &mut Assembler, opcode| assembler.begin(&header(opcode, false, 0));
        assert_eq!(
            begin(&mut assembler, Opcode::Continuation),
            Err(ProtocolError::UnexpectedContinuation)
        );
        assert_eq!(frame(&mut assembler, Opcode::Binary, false, b"1"), Ok(None));
        assert_eq!(
            begin(&mut assembler, Opcode::Text),
            Err(ProtocolError::ExpectedContinuation)
        );
    }

    #[test]
    fn text_fails_at_its_first_bad_byte_inside_an_unfinished_frame() {
        let mut assembler = Assembler::new(1 << 20);
        assembler.begin(&header(Opcode::Text, false, 1000)).unwrap();
        assert_eq!(assembler.push(b"good"), Ok(None));
        assert_eq!(assembler.push(&[0xff]), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn the_limit_is_inclusive_and_judged_from_headers() {
        let mut assembler = Assembler::new(10);
        assert!(
            frame(&mut assembler, Opcode::Binary, true, &[0; 10])
                .unwrap()
                .is_some()
        );
        let too_large = |size| Err(ProtocolError::MessageTooLarge { size, limit: 10 });
        assert_eq!(
            assembler.begin(&header(Opcode::Binary, true, 11)),
            too_large(11)
        );
        assert_eq!(
            frame(&mut assembler, Opcode::Binary, false, &[0; 6]),
            Ok(None)
        );
        assert_eq!(
            assembler.begin(&header(Opcode::Continuation, true, 5)),
            too_large(11)
        );
    }

    #[test]
    fn bytes_read_in_place_are_checked_and_counted() {
        let mut assembler = Assembler::new(64);
        assembler.begin(&header(Opcode::Text, true, 4)).unwrap();
        let room = assembler.with_room(|room| {
            room.put_slice(&[0xf0, 0x9f]);
            room.remaining_mut()
        });
        assert_eq!(room, Some(2), "no more than the frame's own bytes fit");
        assert_eq!(assembler.filled(2), Ok(None));
        assert_eq!(assembler.push(&[0x98, 0x80]), Ok(Some(Message::from("😀"))));
    }
}
