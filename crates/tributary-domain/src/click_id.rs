//! Click ids: short, ordered by time, self-describing, and refused without a look-up when forged or mistyped.
//!
//! Layout of the 27 bytes behind the 36 base64url characters, after the mark `t1`:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..6 | milliseconds since 1970, big endian |
//! | 6..14 | fingerprint of brand and link key, so that a conversion finds its link before its click arrives |
//! | 14..21 | random, or derived from the sender's event id |
//! | 21..27 | keyed check: HMAC-SHA256 over bytes 0..21, cut to 48 bits |
//!
//! 38 characters in all, under the 50 that the narrowest sub-id slot of the trade takes.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::ids::{BrandKey, LinkKey, fingerprint};
use crate::time::Timestamp;

/// The mark that tells our click ids from those of other trackers.
const MARK: &str = "t1";
const LENGTH: usize = 27;
const SIGNED: usize = 21;
const TEXT_LENGTH: usize = MARK.len() + 36;

/// Why a click id is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClickIdError {
    /// Empty, too long, or characters that are not URL-safe.
    #[error("a click id has 1 to 100 of the characters A-Z a-z 0-9 . _ ~ -")]
    Malformed,
    /// It has the form of ours but its check does not hold.
    #[error(
        "this click id was not issued here: its check does not hold; send it exactly as it stood in the landing URL"
    )]
    Forged,
}

/// The key of the click id's check.
#[derive(Clone)]
pub struct ClickIdKey(pub [u8; 32]);

impl fmt::Debug for ClickIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClickIdKey(..)")
    }
}

/// Which link a click id was issued for: a fingerprint of brand and link key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkFingerprint(pub [u8; 8]);

impl LinkFingerprint {
    /// The fingerprint of a link.
    #[must_use]
    pub fn of(brand: &BrandKey, link: &LinkKey) -> Self {
        let long = fingerprint(&[brand.as_str().as_bytes(), link.as_str().as_bytes()]);
        let mut short = [0u8; 8];
        short.copy_from_slice(&long[..8]);
        Self(short)
    }
}

/// A click id as it stands in URLs and postbacks: ours, checked, or another tracker's, kept as given.
///
/// ```
/// use tributary_domain::click_id::{ClickId, ClickIdError, ClickIdKey, LinkFingerprint};
/// use tributary_domain::ids::{BrandKey, LinkKey};
/// use tributary_domain::time::Timestamp;
///
/// let key = ClickIdKey([7; 32]);
/// let link = LinkFingerprint::of(&BrandKey::parse("acme").unwrap(), &LinkKey::parse("summer").unwrap());
/// let at = Timestamp::parse("2026-01-15T10:00:00Z").unwrap();
/// let id = ClickId::issue(&key, at, link, [0; 7]);
///
/// assert_eq!(ClickId::parse(&key, id.as_str()).unwrap().issued_for(), Some((link, at)));
/// assert_eq!(ClickId::parse(&ClickIdKey([8; 32]), id.as_str()), Err(ClickIdError::Forged));
/// assert_eq!(ClickId::parse(&key, "gclid-123").unwrap().issued_for(), None, "another tracker's");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClickId(Arc<str>);

impl ClickId {
    /// Issues an id. `unique` is random for a redirect; for a keyed event it is derived from its key.
    #[must_use]
    pub fn issue(key: &ClickIdKey, at: Timestamp, link: LinkFingerprint, unique: [u8; 7]) -> Self {
        let mut bytes = [0u8; LENGTH];
        bytes[..6].copy_from_slice(&at.milliseconds().to_be_bytes()[2..]);
        bytes[6..14].copy_from_slice(&link.0);
        bytes[14..SIGNED].copy_from_slice(&unique);
        let check = check(key, &bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&check);
        let mut text = String::with_capacity(TEXT_LENGTH);
        text.push_str(MARK);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self(Arc::from(text))
    }

    /// Reads an id from outside. One that has our form must hold our check; any other is another tracker's.
    pub fn parse(key: &ClickIdKey, text: &str) -> Result<Self, ClickIdError> {
        let id = Self::from_stored(text).ok_or(ClickIdError::Malformed)?;
        if let Some(bytes) = id.decode() {
            let expected = check(key, &bytes[..SIGNED]);
            if !bool::from(expected.ct_eq(&bytes[SIGNED..])) {
                return Err(ClickIdError::Forged);
            }
        } else if text.len() == TEXT_LENGTH && text.starts_with(MARK) {
            return Err(ClickIdError::Forged);
        }
        Ok(id)
    }

    /// Reads an id that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
        ((1..=100).contains(&text.len()) && text.bytes().all(url_safe)).then(|| Self(Arc::from(text)))
    }

    /// The link and time inside one of our own ids.
    #[must_use]
    pub fn issued_for(&self) -> Option<(LinkFingerprint, Timestamp)> {
        let bytes = self.decode()?;
        let mut link = [0u8; 8];
        link.copy_from_slice(&bytes[6..14]);
        let mut milliseconds = [0u8; 8];
        milliseconds[2..].copy_from_slice(&bytes[..6]);
        let milliseconds = i64::try_from(u64::from_be_bytes(milliseconds)).ok()?;
        Some((LinkFingerprint(link), Timestamp(milliseconds * 1000)))
    }

    /// The text as it stands in URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn decode(&self) -> Option<[u8; LENGTH]> {
        if self.0.len() != TEXT_LENGTH {
            return None;
        }
        let mut bytes = [0u8; LENGTH];
        let written = URL_SAFE_NO_PAD.decode_slice(self.0.strip_prefix(MARK)?, &mut bytes).ok()?;
        (written == LENGTH).then_some(bytes)
    }
}

fn check(key: &ClickIdKey, signed: &[u8]) -> [u8; LENGTH - SIGNED] {
    let mut short = [0u8; LENGTH - SIGNED];
    // A 32-byte key is always accepted by HMAC, so the other arm cannot be reached; it leaves the check at zero.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key.0) {
        mac.update(signed);
        short.copy_from_slice(&mac.finalize().into_bytes()[..LENGTH - SIGNED]);
    }
    short
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued() -> (ClickIdKey, LinkFingerprint, Timestamp, ClickId) {
        let key = ClickIdKey([7; 32]);
        let link = LinkFingerprint::of(&BrandKey::parse("acme").unwrap(), &LinkKey::parse("a1").unwrap());
        let at = Timestamp::parse("2026-01-15T10:00:00.123Z").unwrap();
        let id = ClickId::issue(&key, at, link, [1, 2, 3, 4, 5, 6, 7]);
        (key, link, at, id)
    }

    #[test]
    fn an_issued_id_is_short_and_tells_its_link_and_time() {
        let (key, link, at, id) = issued();
        assert!(id.as_str().len() <= 50);
        assert_eq!(ClickId::parse(&key, id.as_str()).unwrap().issued_for(), Some((link, at)));
    }

    #[test]
    fn every_single_mistyped_character_is_refused() {
        let (key, _, _, id) = issued();
        for position in 2..id.as_str().len() {
            let mut bytes = id.as_str().as_bytes().to_vec();
            let original = bytes[position];
            for wrong in [b'A', b'B', b'.', b'~'].into_iter().filter(|wrong| *wrong != original) {
                bytes[position] = wrong;
                let text = String::from_utf8(bytes.clone()).unwrap();
                assert_eq!(ClickId::parse(&key, &text), Err(ClickIdError::Forged), "position {position}");
            }
        }
        assert_eq!(ClickId::parse(&ClickIdKey([8; 32]), id.as_str()), Err(ClickIdError::Forged));
    }

    #[test]
    fn later_ids_sort_later_and_foreign_ids_are_kept() {
        let (key, link, at, id) = issued();
        let later = ClickId::issue(&key, Timestamp(at.0 + 3_600_000_000), link, [0; 7]);
        assert!(id.decode() < later.decode());
        assert_eq!(ClickId::parse(&key, "other-tracker_42").unwrap().issued_for(), None);
        for text in ["", "a b", "a'b", "ü"] {
            assert_eq!(ClickId::parse(&key, text), Err(ClickIdError::Malformed));
        }
    }
}
