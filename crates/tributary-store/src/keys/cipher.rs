//! The two cryptographic tools: ChaCha20-Poly1305 (RFC 8439) for secrecy and HMAC-SHA256 for keyed hashes.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Length of a nonce in bytes.
pub(super) const NONCE: usize = 12;
/// Length of the tag that proves that nothing was changed.
pub(super) const TAG: usize = 16;

/// A key of 32 bytes that cannot be printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(pub(super) [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Encrypts `buffer[from..]` in place and appends the tag. Answers false when the text is too long for the cipher (256 GiB).
    #[must_use]
    pub(super) fn encrypt(
        &self,
        nonce: [u8; NONCE],
        bound_to: &[u8],
        buffer: &mut Vec<u8>,
        from: usize,
    ) -> bool {
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        let Some(text) = buffer.get_mut(from..) else { return false };
        match cipher.encrypt_inout_detached(&Nonce::from(nonce), bound_to, text.into()) {
            Ok(tag) => {
                buffer.extend_from_slice(&tag);
                true
            }
            Err(_) => false,
        }
    }

    /// Decrypts text and tag; nothing when anything was changed.
    pub(super) fn decrypt(&self, nonce: [u8; NONCE], bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let tag = Tag::try_from(tag).ok()?;
        let mut plain = text.to_vec();
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        cipher
            .decrypt_inout_detached(&Nonce::from(nonce), bound_to, plain.as_mut_slice().into(), &tag)
            .ok()?;
        Some(plain)
    }
}

/// HMAC-SHA256 with its key already taken in; cloning it is cheaper than keying it anew.
#[derive(Clone)]
pub(super) struct Authenticator(Hmac<Sha256>);

/// Keys an authenticator.
pub(super) fn authenticator(key: &[u8; 32]) -> Authenticator {
    // The block length of SHA-256 is 64 bytes: HMAC pads a shorter key with zeros, so this keys exactly as `new_from_slice` would,
    // without an error to handle.
    let mut block = [0u8; 64];
    block[..32].copy_from_slice(key);
    Authenticator(Hmac::new(&block.into()))
}

impl Authenticator {
    /// The keyed hash of parts that are written one behind the other; the caller separates them.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authenticator_is_plain_hmac_sha256() {
        let key = [0x0b; 32];
        let by_slice =
            Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(b"Hi There").finalize().into_bytes();
        assert_eq!(authenticator(&key).sign(&[b"Hi ", b"There"]), <[u8; 32]>::from(by_slice));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let key = Key([7; 32]);
        let mut sealed = b"personal".to_vec();
        assert!(key.encrypt([1; NONCE], b"bound", &mut sealed, 0));
        assert_eq!(key.decrypt([1; NONCE], b"bound", &sealed).unwrap(), b"personal");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.decrypt([1; NONCE], b"bound", &changed), None, "byte {at}");
        }
        assert_eq!(key.decrypt([1; NONCE], b"other", &sealed), None);
        assert_eq!(key.decrypt([2; NONCE], b"bound", &sealed), None);
        assert_eq!(key.decrypt([1; NONCE], b"bound", &sealed[..TAG - 1]), None);
    }
}
