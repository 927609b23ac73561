//! [`FrameCodec`]: the framing rules of RFC 6455 §5, for `tokio_util::codec` and for our own stream.

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::error::{Error, ErrorKind, Phase, ProtocolError};
use crate::frame::{Frame, Header, MAX_CONTROL_PAYLOAD, MAX_HEADER, Opcode, mask};

/// A client's frames over any byte stream: decodes what a server sends, encodes what it may receive.
///
/// It knows frames and nothing above them: fragments are not joined, Pings are not answered, text
/// is not validated. [`WsStream`](crate::WsStream) is what does that.
///
/// ```
/// use longwire::{Frame, FrameCodec};
/// use tokio_util::codec::Framed;
///
/// # async fn example(upgraded: tokio::net::TcpStream) -> Result<(), longwire::Error> {
/// use futures::{SinkExt, StreamExt};
///
/// let mut frames = Framed::new(upgraded, FrameCodec::new());
/// frames.send(Frame::text("hello")).await?;
/// while let Some(frame) = frames.next().await {
///     println!("{:?}", frame?.opcode);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FrameCodec {
    max_frame_size: usize,
    in_parts: bool,
    /// The data frame whose payload is being handed on in parts.
    partial: Option<Partial>,
}

/// What is still to come of a data frame.
#[derive(Debug, Clone, Copy)]
struct Partial {
    left: u64,
    fin: bool,
}

impl FrameCodec {
    /// A codec that gives whole frames of at most 64 MiB.
    pub fn new() -> Self {
        Self {
            max_frame_size: 64 << 20,
            in_parts: false,
            partial: None,
        }
    }

    /// The largest data frame that is accepted, in bytes of payload, inclusive. Default: 64 MiB.
    ///
    /// Control frames have a limit of their own, 125 bytes (RFC 6455 §5.5).
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// Hands a data frame on in parts as it arrives, exactly as if the peer had fragmented it
    /// (RFC 6455 §5.4): only the last part carries the frame's FIN, and all but the first are
    /// Continuation frames. Control frames stay whole.
    pub fn in_parts(mut self) -> Self {
        self.in_parts = true;
        self
    }

    /// Reads and judges a header: it, and how many bytes it takes. `None` while it is not complete.
    /// `reserved` are the reserved bits that an extension has given a meaning.
    #[inline]
    pub(crate) fn header(
        &self,
        bytes: &[u8],
        reserved: u8,
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        let parsed = Self::header_of_any_size(bytes, reserved)?;
        let Some((header, _)) = &parsed else {
            return Ok(None);
        };
        if header.len > self.max_frame_size as u64 && !header.opcode.is_control() {
            let (size, limit) = (header.len, self.max_frame_size);
            return Err(ProtocolError::FrameTooLarge { size, limit });
        }
        Ok(parsed)
    }

    /// As [`header`](Self::header), with no limit on the frame.
    #[inline]
    pub(crate) fn header_of_any_size(
        bytes: &[u8],
        reserved: u8,
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        // What is wrong in the first two bytes is wrong whether or not the others ever come.
        match Header::beginning(bytes) {
            Some((rsv, _)) if rsv & !reserved != 0 => return Err(ProtocolError::ReservedBits(rsv)),
            Some((_, true)) => return Err(ProtocolError::MaskedFrame),
            Some((_, false)) => {}
            None => return Ok(None),
        }
        Header::parse(bytes)
    }
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        if let Some(partial) = self.partial {
            return Ok(self.next_part(partial, Opcode::Continuation, src));
        }
        let Some((header, used)) = self.header(src, 0)? else {
            return Ok(None);
        };
        let whole = used as u64 + header.len;
        if whole <= src.len() as u64 {
            src.advance(used);
            #[expect(clippy::cast_possible_truncation, reason = "it is in memory")]
            let payload = src.split_to(header.len as usize).freeze();
            return Ok(Some(Frame {
                fin: header.fin,
                opcode: header.opcode,
                payload,
            }));
        }
        if self.in_parts && !header.opcode.is_control() {
            src.advance(used);
            let partial = Partial {
                left: header.len,
                fin: header.fin,
            };
            self.partial = Some(partial);
            return Ok(self.next_part(partial, header.opcode, src));
        }
        let missing = whole - src.len() as u64;
        src.reserve(
            usize::try_from(missing)
                .unwrap_or(usize::MAX)
                .min(RESERVE_LIMIT),
        );
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(src)? {
            None if !src.is_empty() || self.partial.is_some() => Err(Error::new(
                ErrorKind::Reset,
                Phase::Open,
                "the connection ended in the middle of a frame",
            )),
            frame => Ok(frame),
        }
    }
}

impl FrameCodec {
    /// What has arrived of a frame, if anything has.
    fn next_part(&mut self, partial: Partial, opcode: Opcode, src: &mut BytesMut) -> Option<Frame> {
        // The first part may be empty: it tells of the message's beginning and its kind.
        if src.is_empty() && opcode == Opcode::Continuation {
            return None;
        }
        let take = src
            .len()
            .min(usize::try_from(partial.left).unwrap_or(usize::MAX));
        let left = partial.left - take as u64;
        self.partial = (left > 0).then_some(Partial { left, ..partial });
        let payload = src.split_to(take).freeze();
        Some(Frame {
            fin: partial.fin && left == 0,
            opcode,
            payload,
        })
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = Error;

    /// Masks with a fresh key and appends. A control frame that is too long or not final is refused
    /// with kind `Config`, and nothing is appended.
    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), Error> {
        let Frame {
            fin,
            opcode,
            payload,
        } = frame;
        if opcode.is_control() && (payload.len() > MAX_CONTROL_PAYLOAD || !fin) {
            return Err(Error::new(
                ErrorKind::Config,
                Phase::Open,
                format!(
                    "a control frame must be final and of at most {MAX_CONTROL_PAYLOAD} bytes \
                     (RFC 6455 §5.5); this one has {}",
                    payload.len()
                ),
            ));
        }
        let key = mask::new_key();
        let len = payload.len() as u64;
        let mut head = [0; MAX_HEADER];
        let used = Header {
            fin,
            rsv: 0,
            opcode,
            mask: Some(key),
            len,
        }
        .write(&mut head);
        dst.reserve(used + payload.len());
        dst.put_slice(&head[..used]);
        let start = dst.len();
        dst.put_slice(&payload);
        mask::apply(&mut dst[start..], key);
        Ok(())
    }
}

/// Room that is made for a frame on its header's word; more comes as bytes arrive.
const RESERVE_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(mut codec: FrameCodec, bytes: &[u8]) -> Result<Vec<Frame>, Error> {
        let mut src = BytesMut::from(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = codec.decode(&mut src)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn a_frame_is_given_when_its_last_byte_is_there() {
        let bytes = [0x81, 3, b'b', b'i', b'd', 0x89, 1, b'!'];
        let expected = [Frame::text("bid"), Frame::ping(&b"!"[..])];
        for cut in 0..=bytes.len() {
            let whole = usize::from(cut >= 5) + usize::from(cut >= 8);
            let frames = decode_all(FrameCodec::new(), &bytes[..cut]).unwrap();
            assert_eq!(frames, expected[..whole], "cut at {cut}");
        }
    }

    #[test]
    fn parts_look_as_if_the_peer_had_fragmented_the_frame() {
        let mut codec = FrameCodec::new().in_parts();
        let mut src = BytesMut::from(&[0x82, 4, 1, 2][..]);
        let first = codec.decode(&mut src).unwrap().unwrap();
        assert_eq!(first, Frame::binary(&[1, 2][..]).not_final());
        assert_eq!(codec.decode(&mut src).unwrap(), None);
        src.extend_from_slice(&[3, 4, 0x8a, 0]);
        let last = codec.decode(&mut src).unwrap().unwrap();
        assert_eq!(last, Frame::new(Opcode::Continuation, &[3, 4][..]));
        assert_eq!(codec.decode(&mut src).unwrap().unwrap(), Frame::pong(""));
    }

    #[test]
    fn what_a_server_may_not_send_is_refused() {
        let kind = |bytes: &[u8]| decode_all(FrameCodec::new(), bytes).unwrap_err().kind();
        assert_eq!(kind(&[0xc1, 0]), ErrorKind::Protocol);
        assert_eq!(kind(&[0x81, 0x80, 0, 0, 0, 0]), ErrorKind::Protocol);
        let small = FrameCodec::new().max_frame_size(3);
        assert_eq!(
            decode_all(small.clone(), &[0x82, 3, 1, 2, 3])
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            decode_all(small.clone(), &[0x82, 4]).unwrap_err().kind(),
            ErrorKind::TooLarge
        );
        let ping = [0x89, 4, 1, 2, 3, 4];
        assert_eq!(decode_all(small, &ping).unwrap().len(), 1);
    }

    #[test]
    fn an_encoded_frame_is_masked_with_a_key_of_its_own() {
        let mut codec = FrameCodec::new();
        let mut dst = BytesMut::new();
        codec.encode(Frame::binary(vec![0; 8]), &mut dst).unwrap();
        codec.encode(Frame::binary(vec![0; 8]), &mut dst).unwrap();
        let (one, two) = dst.split_at(14);
        assert_eq!(one[..2], [0x82, 0x88]);
        assert_eq!(one[2..6], one[6..10], "zeros masked give the key");
        assert_ne!(one[2..6], two[2..6], "two frames have two keys");
    }

    #[test]
    fn a_long_control_frame_is_refused_and_leaves_nothing() {
        let mut dst = BytesMut::new();
        let error = FrameCodec::new()
            .encode(Frame::ping(vec![0; 126]), &mut dst)
            .unwrap_err();
        assert_eq!((error.kind(), dst.len()), (ErrorKind::Config, 0));
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        let mut codec = FrameCodec::new();
        let error = codec
            .decode_eof(&mut BytesMut::from(&[0x81, 2, b'a'][..]))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert_eq!(codec.decode_eof(&mut BytesMut::new()).unwrap(), None);
    }
}
