//! Frames as bytes (RFC 6455 §5.2): any that a server can send, legal or not, and a parser that
//! refuses whatever a client may not send.

/// The opcodes of RFC 6455 §11.8.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A frame of a server, which may be as wrong as a test wants it.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: Length,
    payload: Vec<u8>,
}

/// How the header states the payload length.
#[derive(Debug, Clone, Copy)]
enum Length {
    Shortest,
    In16Bits,
    In64Bits,
    /// In 64 bits, and whatever the payload's true length is.
    Declared(u64),
}

pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame {
        fin: true,
        rsv: 0,
        opcode,
        mask: None,
        length: Length::Shortest,
        payload: payload.as_ref().to_vec(),
    }
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
    frame(TEXT, payload)
}

pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Frame {
    frame(BINARY, payload)
}

pub(crate) fn continuation(payload: impl AsRef<[u8]>) -> Frame {
    frame(CONTINUATION, payload)
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Frame {
    frame(PING, payload)
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Frame {
    frame(PONG, payload)
}

pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(CLOSE, close_body(code, reason))
}

/// The body of a Close frame (RFC 6455 §5.5.1).
pub(crate) fn close_body(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    let mut body = code.to_be_bytes().to_vec();
    body.extend_from_slice(reason.as_ref());
    body
}

impl Frame {
    /// More of the message follows.
    pub(crate) fn more(mut self) -> Self {
        self.fin = false;
        self
    }

    pub(crate) fn rsv(mut self, bits: u8) -> Self {
        self.rsv = bits;
        self
    }

    pub(crate) fn masked(mut self, key: [u8; 4]) -> Self {
        self.mask = Some(key);
        self
    }

    pub(crate) fn length_in_16_bits(mut self) -> Self {
        self.length = Length::In16Bits;
        self
    }

    pub(crate) fn length_in_64_bits(mut self) -> Self {
        self.length = Length::In64Bits;
        self
    }

    pub(crate) fn declaring(mut self, length: u64) -> Self {
        self.length = Length::Declared(length);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = self.payload.len();
        let mut bytes = Vec::with_capacity(length + 14);
        bytes.push(u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode);
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.length {
            Length::Shortest if length < 126 => {
                bytes.push(masked | u8::try_from(length).unwrap());
            }
            Length::Shortest if length < 1 << 16 => push_16(&mut bytes, masked, length),
            Length::In16Bits => push_16(&mut bytes, masked, length),
            Length::Shortest | Length::In64Bits => push_64(&mut bytes, masked, length as u64),
            Length::Declared(declared) => push_64(&mut bytes, masked, declared),
        }
        match self.mask {
            None => bytes.extend_from_slice(&self.payload),
            Some(key) => {
                bytes.extend_from_slice(&key);
                bytes.extend(
                    self.payload
                        .iter()
                        .zip(key.iter().cycle())
                        .map(|(byte, key)| byte ^ key),
                );
            }
        }
        bytes
    }
}

fn push_16(bytes: &mut Vec<u8>, masked: u8, length: usize) {
    bytes.push(masked | 0x7e);
    bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
}

fn push_64(bytes: &mut Vec<u8>, masked: u8, length: u64) {
    bytes.push(masked | 0x7f);
    bytes.extend_from_slice(&length.to_be_bytes());
}

/// Frames one behind the other.
pub(crate) fn concat<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(Frame::bytes).collect()
}

/// A frame of the client under test, unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientFrame {
    pub(crate) fin: bool,
    /// RSV1: the message is compressed (RFC 7692 §6).
    pub(crate) compressed: bool,
    pub(crate) opcode: u8,
    pub(crate) key: [u8; 4],
    pub(crate) payload: Vec<u8>,
}

impl ClientFrame {
    /// The code and reason of a Close frame; `None` when its body is empty.
    pub(crate) fn close_code_and_reason(&self) -> Option<(u16, &str)> {
        assert_eq!(self.opcode, CLOSE, "a Close frame was expected: {self:?}");
        if self.payload.is_empty() {
            return None;
        }
        let (code, reason) = self.payload.split_at(2);
        let reason = std::str::from_utf8(reason).expect("the reason of a Close frame is UTF-8");
        Some((u16::from_be_bytes([code[0], code[1]]), reason))
    }
}

/// Cuts what a client wrote into frames, and panics at the first byte that RFC 6455 forbids a
/// client: an unmasked frame (§5.1), a masking key used for two frames running (§5.3), reserved
/// bits or opcodes, a length that is not the shortest (§5.2), an illegal control frame (§5.5), a
/// broken order of fragments (§5.4), or anything behind a Close frame (§5.5.1) but a Pong, which is
/// due until the server's own Close frame has come (§5.5.2).
#[derive(Debug, Default)]
pub(crate) struct ClientFrames {
    buffer: Vec<u8>,
    consumed: usize,
    last_key: Option<[u8; 4]>,
    inside_message: bool,
    closed: bool,
    may_compress: bool,
}

impl ClientFrames {
    /// Compression was agreed: the first frame of a message may have RSV1 set.
    #[cfg(feature = "deflate")]
    pub(crate) fn may_compress(&mut self) {
        self.may_compress = true;
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 1 << 20 || self.consumed == self.buffer.len() {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a frame has begun and is not whole yet.
    pub(crate) fn inside_frame(&self) -> bool {
        self.consumed < self.buffer.len()
    }

    /// The next whole frame, if it is here.
    pub(crate) fn next(&mut self) -> Option<ClientFrame> {
        let (mut frame, size) = parse(&self.buffer[self.consumed..])?;
        self.consumed += size;
        for (byte, key) in frame.payload.iter_mut().zip(frame.key.iter().cycle()) {
            *byte ^= key;
        }
        self.judge(&frame);
        Some(frame)
    }

    fn judge(&mut self, frame: &ClientFrame) {
        assert_ne!(
            self.last_key.replace(frame.key),
            Some(frame.key),
            "one masking key for two frames running"
        );
        let may_be_marked = self.may_compress && matches!(frame.opcode, TEXT | BINARY);
        assert!(may_be_marked || !frame.compressed, "RSV1 is set: {frame:?}");
        match frame.opcode {
            CONTINUATION => {
                assert!(self.inside_message, "a continuation of nothing: {frame:?}");
                self.inside_message = !frame.fin;
            }
            TEXT | BINARY => {
                assert!(!self.inside_message, "a message inside another: {frame:?}");
                self.inside_message = !frame.fin;
            }
            CLOSE | PING | PONG => {
                assert!(frame.fin, "a fragmented control frame: {frame:?}");
                assert!(frame.payload.len() <= 125, "a long control frame");
            }
            opcode => panic!("the client used the reserved opcode {opcode:#x}"),
        }
        assert!(
            !self.closed || frame.opcode == PONG,
            "behind a Close frame: {frame:?}"
        );
        if frame.opcode == CLOSE {
            assert_ne!(frame.payload.len(), 1, "a Close body of one byte");
            self.closed = true;
        }
    }
}

/// The frame at the beginning of `bytes`, still masked, and its size on the wire.
fn parse(bytes: &[u8]) -> Option<(ClientFrame, usize)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    assert_eq!(first & 0x30, 0, "the client set reserved bits: {first:#x}");
    assert_ne!(second & 0x80, 0, "the client sent a frame without a mask");
    let (length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u16::from_be_bytes(*length).into();
            assert!(length > 125, "a length of {length} in 16 bits");
            (length, rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u64::from_be_bytes(*length);
            assert!(length > 0xffff, "a length of {length} in 64 bits");
            assert!(length < 1 << 63, "a length with its highest bit set");
            (length, rest)
        }
        short => (short.into(), rest),
    };
    let (key, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(length).unwrap();
    let payload = rest.get(..length)?;
    let frame = ClientFrame {
        fin: first & 0x80 != 0,
        compressed: first & 0x40 != 0,
        opcode: first & 0x0f,
        key: *key,
        payload: payload.to_vec(),
    };
    Some((frame, bytes.len() - rest.len() + length))
}
