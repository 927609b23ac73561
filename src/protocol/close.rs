//! The closing handshake (RFC 6455 §5.5.1, §7): who began, what was said, what is still due.

use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind, Phase, ProtocolError};
use crate::frame::ControlPayload;
use crate::message::{CloseInfo, Side};
use crate::utf8::Utf8Bytes;

/// Where the closing handshake stands.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Whether a Close frame of ours has been queued.
    sent: bool,
    info: Option<Box<CloseInfo>>,
}

impl Closing {
    /// How the connection ended; `None` while that is open.
    pub(super) fn info(&self) -> Option<&CloseInfo> {
        self.info.as_deref()
    }

    /// This side's Close frame is on its way.
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// The peer's Close frame.
    pub(super) fn receive(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        let (code, reason) = read_body(body)?;
        let by = if self.sent {
            Side::Client
        } else {
            Side::Server
        };
        self.info = Some(Box::new(CloseInfo {
            by,
            code,
            reason,
            clean: true,
        }));
        Ok(())
    }

    /// What answers the peer's Close frame, once, unless ours had gone before it (RFC 6455 §5.5.1).
    pub(super) fn reply(&mut self) -> Option<ControlPayload> {
        let info = self.info.as_ref().filter(|info| info.clean && !self.sent)?;
        self.sent = true;
        // The code is echoed, the reason is not: that would only repeat what the peer said.
        let code = info.code.map(|code| u16::from(code).to_be_bytes());
        Some(ControlPayload::new(
            code.as_ref().map_or(&[], |code| &code[..]),
        ))
    }

    /// This side fails the connection (RFC 6455 §7.1.7): the Close frame to send, if none was yet.
    pub(super) fn fail(&mut self, code: CloseCode) -> Option<ControlPayload> {
        self.end(Side::Client, code);
        if self.sent {
            return None;
        }
        self.sent = true;
        Some(ControlPayload::new(&u16::from(code).to_be_bytes()))
    }

    /// The transport ended, or a deadline passed, before the closing handshake was complete.
    pub(super) fn lost(&mut self) {
        let by = if self.sent {
            Side::Client
        } else {
            Side::Server
        };
        self.end(by, CloseCode::ABNORMAL);
    }

    fn end(&mut self, by: Side, code: CloseCode) {
        self.info.get_or_insert_with(|| {
            let (code, reason) = (Some(code), Utf8Bytes::default());
            Box::new(CloseInfo {
                by,
                code,
                reason,
                clean: false,
            })
        });
    }
}

/// The body of a Close frame that a user wants to send.
pub(crate) fn write_body(code: CloseCode, reason: &str) -> Result<ControlPayload, Error> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Config, Phase::Closing, message));
    if !code.is_sendable() {
        return refuse(format!("close code {code} may not be sent (RFC 6455 §7.4)"));
    }
    if reason.len() > MAX_REASON {
        return refuse(format!(
            "the close reason has {} bytes; at most {MAX_REASON} fit (RFC 6455 §5.5)",
            reason.len()
        ));
    }
    let mut body = ControlPayload::new(&u16::from(code).to_be_bytes());
    body.extend(reason.as_bytes());
    Ok(body)
}

fn read_body(body: &[u8]) -> Result<(Option<CloseCode>, Utf8Bytes), ProtocolError> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        return if body.is_empty() {
            Ok((None, Utf8Bytes::default()))
        } else {
            Err(ProtocolError::CloseBody)
        };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(ProtocolError::CloseCode(code));
    }
    let reason = Utf8Bytes::copy_from_utf8(reason).map_err(|_| ProtocolError::CloseReason)?;
    Ok((Some(code), reason))
}

/// A control frame's 125 bytes less the two of the code.
const MAX_REASON: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_close_is_answered_once_with_its_code() {
        let mut closing = Closing::default();
        closing.receive(b"\x03\xe8bye").unwrap();
        assert_eq!(closing.reply().unwrap().as_slice(), b"\x03\xe8");
        assert_eq!(closing.reply(), None);
        let info = closing.info().unwrap();
        assert_eq!(
            (info.by, info.code, info.clean),
            (Side::Server, Some(CloseCode::NORMAL), true)
        );
        assert_eq!(info.reason, "bye");
    }

    #[test]
    fn an_answer_to_our_close_is_not_answered() {
        let mut closing = Closing::default();
        closing.sent();
        closing.receive(b"").unwrap();
        assert_eq!(closing.reply(), None);
        let info = closing.info().unwrap();
        assert_eq!((info.by, info.code, info.clean), (Side::Client, None, true));
    }

    #[test]
    fn bodies_that_break_a_rule_are_refused() {
        let verdict = |body: &[u8]| Closing::default().receive(body).err();
        assert_eq!(verdict(&[3]), Some(ProtocolError::CloseBody));
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let expected = Some(ProtocolError::CloseCode(CloseCode(code)));
            assert_eq!(verdict(&code.to_be_bytes()), expected);
        }
        assert_eq!(verdict(b"\x03\xe8\xff"), Some(ProtocolError::CloseReason));
    }

    #[test]
    fn failing_sends_one_close_and_keeps_its_code() {
        let mut closing = Closing::default();
        let frame = closing.fail(CloseCode::INVALID_PAYLOAD).unwrap();
        assert_eq!(frame.as_slice(), 1007_u16.to_be_bytes());
        assert_eq!(closing.fail(CloseCode::PROTOCOL_ERROR), None);
        closing.lost();
        assert_eq!(
            closing.info().unwrap().code,
            Some(CloseCode::INVALID_PAYLOAD)
        );
    }

    #[test]
    fn what_may_not_be_sent_is_refused_before_it_is() {
        assert!(write_body(CloseCode::ABNORMAL, "").is_err());
        assert!(write_body(CloseCode::NORMAL, &"x".repeat(124)).is_err());
        let body = write_body(CloseCode::NORMAL, &"x".repeat(123)).unwrap();
        assert_eq!(body.as_slice().len(), 125);
    }
}
