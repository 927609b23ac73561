//! `Sec-WebSocket-Key`, and the `Sec-WebSocket-Accept` that proves it was read (RFC 6455 §4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::random;

/// The nonce of one opening handshake, as it stands in `Sec-WebSocket-Key`: 16 bytes in base64.
///
/// It is never used twice: every attempt makes its own (RFC 6455 §4.1, request item 7).
pub(crate) struct Key([u8; 24]);

impl Key {
    /// A nonce from the same unpredictable source as the masking keys.
    pub(crate) fn generate() -> Self {
        let mut nonce = [0; 16];
        for word in nonce.chunks_exact_mut(4) {
            word.copy_from_slice(&random::word());
        }
        Self::from_nonce(nonce)
    }

    fn from_nonce(nonce: [u8; 16]) -> Self {
        let mut text = [0; 24];
        encode(&nonce, &mut text);
        Self(text)
    }

    /// The field's value.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The only `Sec-WebSocket-Accept` that answers this key (response item 4).
    pub(crate) fn accept(&self) -> [u8; 28] {
        let digest = Sha1::new()
            .chain_update(self.0)
            .chain_update(GUID)
            .finalize();
        let mut text = [0; 28];
        encode(&digest, &mut text);
        text
    }
}

fn encode(bytes: &[u8], text: &mut [u8]) {
    let written = STANDARD.encode_slice(bytes, text);
    debug_assert_eq!(written.ok(), Some(bytes.len().div_ceil(3) * 4));
}

/// What every WebSocket server knows and no other server happens to know (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_demands_the_accept_of_the_rfc() {
        let key = Key::from_nonce(*b"the sample nonce");
        assert_eq!(key.as_bytes(), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&key.accept(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn no_two_keys_are_alike() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| Key::generate().0).collect();
        assert_eq!(keys.len(), 1000);
    }
}
