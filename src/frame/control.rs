//! The payload of a control frame, which is small enough to need no heap (RFC 6455 §5.5).

use std::fmt;

/// At most 125 bytes.
#[derive(Clone, Copy)]
pub(crate) struct ControlPayload {
    len: u8,
    bytes: [u8; MAX_CONTROL_PAYLOAD],
}

impl ControlPayload {
    /// Keeps the first 125 bytes of `payload`; callers have seen that there are no more.
    pub(crate) fn new(payload: &[u8]) -> Self {
        let mut this = Self {
            len: 0,
            bytes: [0; MAX_CONTROL_PAYLOAD],
        };
        this.extend(payload);
        this
    }

    /// Appends what fits.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let start = usize::from(self.len);
        let take = more.len().min(MAX_CONTROL_PAYLOAD - start);
        self.bytes[start..start + take].copy_from_slice(&more[..take]);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "start + take is at most 125"
        )]
        {
            self.len = (start + take) as u8;
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlPayload")
            .field(&self.as_slice())
            .finish()
    }
}

/// The payload of a control frame is at most this long, in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;
