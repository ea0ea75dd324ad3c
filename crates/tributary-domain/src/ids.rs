//! Identifiers: operator-chosen keys, event ids, hashes that stand for persons.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::money::Currency;
use crate::time::Timestamp;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Empty, too long or with characters outside `A-Z a-z 0-9 . _ -`.
    #[error("`{text}` is not a {what}; use 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    Key {
        /// What was expected, such as `partner key`.
        what: &'static str,
        /// The text as given, cut to 80 characters.
        text: String,
    },
    /// Empty, too long or with control characters.
    #[error("{what} must have 1 to {longest} characters, none of them a control character")]
    Text {
        /// What was expected, such as `transaction_id`.
        what: &'static str,
        /// Greatest length in characters.
        longest: usize,
    },
    /// Not a UUID.
    #[error("`{0}` is not an event id; it has the form of a UUID")]
    NotUuid(String),
}

macro_rules! operator_key {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and keeps an operator-chosen key exactly as given.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_key(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(IdError::Key { what: $what, text: text.chars().take(80).collect() })
                }
            }

            /// The key as the operator wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

fn is_key(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

operator_key!(
    /// A brand: the tenant boundary.
    BrandKey, "brand key");
operator_key!(
    /// A partner: affiliate, creator, introducing broker or network.
    PartnerKey, "partner key");
operator_key!(
    /// A campaign of a brand.
    CampaignKey, "campaign key");
operator_key!(
    /// The short key of a tracked link, as it stands in `/c/{link}`.
    LinkKey, "link key");
operator_key!(
    /// A source: an authenticated sender of events.
    SourceKey, "source key");
operator_key!(
    /// A commission plan.
    PlanKey, "plan key");
operator_key!(
    /// Trained weights of a data-driven attribution model.
    WeightsKey, "weights key");
operator_key!(
    /// A step that a plan can pay for, such as `purchase` or `ftd`.
    Goal, "goal");
operator_key!(
    /// A channel that is not a partner, such as `email` or `paid_search`.
    Channel, "channel");

/// The sender's own number of an order, deposit or trade; up to 128 characters, kept as given.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TransactionId(Arc<str>);

impl TransactionId {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        plain_text("transaction_id", text, 128).map(Self)
    }

    /// The number as the sender wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A promo code, folded to upper case so that `anna10` and `ANNA10` are one code.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PromoCode(Arc<str>);

impl PromoCode {
    /// Folds and checks a code. Folding may lengthen it (`ß` becomes `SS`); the length is that of the folded code, so that
    /// a stored code always reads back.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        plain_text("promo_code", &text.trim().to_uppercase(), 64).map(Self)
    }

    /// The folded code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of 1 to `longest` characters without control characters.
pub fn plain_text(what: &'static str, text: &str, longest: usize) -> Result<Arc<str>, IdError> {
    let length = text.chars().count();
    if (1..=longest).contains(&length) && !text.chars().any(char::is_control) {
        Ok(Arc::from(text))
    } else {
        Err(IdError::Text { what, longest })
    }
}

/// The id of one event: a UUIDv7 whose time is the event's own and whose random part is a hash of its
/// deduplication key, so that the same fact has the same id wherever and whenever it is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// Derives the id from the event's time and its deduplication key.
    ///
    /// Layout: RFC 9562 section 5.7 (48 bits of milliseconds, version 7, variant 10); 74 bits of SHA-256.
    #[must_use]
    pub fn derive(occurred_at: Timestamp, deduplication_key: &DeduplicationKey) -> Self {
        Self::from_parts(occurred_at, &deduplication_key.0)
    }

    /// An id of time and any 16 bytes that are unique within their millisecond.
    #[must_use]
    pub fn from_parts(moment: Timestamp, unique: &[u8; 16]) -> Self {
        let mut bytes = *unique;
        bytes[..6].copy_from_slice(&moment.milliseconds().to_be_bytes()[2..]);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Reads the hyphenated form.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = || IdError::NotUuid(text.chars().take(80).collect());
        let compact: String = text.trim().chars().filter(|c| *c != '-').collect();
        let decoded = hex::decode(&compact).map_err(|_| error())?;
        decoded.try_into().map(Self).map_err(|_| error())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; 32];
        let digits = match hex::encode_to_slice(self.0, &mut buffer) {
            Ok(()) => std::str::from_utf8(&buffer).unwrap_or_default(),
            Err(_) => "",
        };
        let part = |from, to| digits.get(from..to).unwrap_or_default();
        write!(f, "{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// First 16 bytes of a SHA-256 over length-prefixed parts; prefixes keep `a:b`+`c` apart from `a`+`b:c`.
#[must_use]
pub fn fingerprint(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut short = [0u8; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// A [`fingerprint`] whose place in an index follows the number at the end of `name`, so that orders numbered one after another have their
/// keys side by side.
///
/// Hashes scatter: with millions stored, each new key would change an index page of its own, and writing pages is what an event costs most.
/// The first three of the sixteen bytes give way to a place: that of everything before the number, hashed, plus one for every
/// 128 numbers. The other 104 bits are the hash and keep different names apart. Only for names that identify no person: the place tells the
/// number's neighbourhood.
#[must_use]
pub fn fingerprint_in_order(parts: &[&[u8]], name: &str) -> [u8; 16] {
    /// Numbers with one place: about as many as keys fit on a page.
    const NEIGHBOURS: u64 = 128;
    let mut key = fingerprint(parts);
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count().min(18);
    let (stem, number) = name.split_at(name.len() - digits);
    if let Ok(number) = number.parse::<u64>() {
        let [a, b, c, ..] = fingerprint(&[b"stem", stem.as_bytes()]);
        let place = u64::from(u32::from_be_bytes([0, a, b, c])) + number / NEIGHBOURS;
        key[..3].copy_from_slice(&place.to_be_bytes()[5..]);
    }
    key
}

/// What makes two deliveries the same event: see [`crate::fact::Fact`] for how it is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeduplicationKey(pub [u8; 16]);

impl fmt::Debug for DeduplicationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A keyed hash that stands for a raw personal identifier; equal for equal identifiers of one brand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectHash(pub [u8; 16]);

impl fmt::Debug for SubjectHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The id of one commission line: the conversion it belongs to, the partner and the plan, hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommissionId(pub EventId);

impl CommissionId {
    /// Derives the id; one conversion grants a partner at most one line per plan and currency. A plan that comes to pay in another
    /// currency grants another line: what payouts hold of the former one stays in the former currency's books.
    #[must_use]
    pub fn derive(
        conversion: EventId,
        occurred_at: Timestamp,
        partner: &PartnerKey,
        plan: &PlanKey,
        currency: Currency,
    ) -> Self {
        let unique = fingerprint(&[
            &conversion.0,
            partner.as_str().as_bytes(),
            plan.as_str().as_bytes(),
            currency.code().as_bytes(),
        ]);
        Self(EventId::from_parts(occurred_at, &unique))
    }
}

impl fmt::Display for CommissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CommissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_consecutive_numbers_are_neighbours_and_never_equal() {
        let key = |name: &str| fingerprint_in_order(&[b"transaction", name.as_bytes()], name);
        let mut places = std::collections::BTreeSet::new();
        let mut keys = std::collections::BTreeSet::new();
        for number in 0..10_000 {
            let key = key(&format!("order-{number}"));
            assert!(keys.insert(key));
            places.insert(key[..3].to_vec());
        }
        assert_eq!(places.len(), 10_000_usize.div_ceil(128));
        for (one, other) in [("a1", "b1"), ("7", "07"), ("x", "y"), ("", "0"), ("№ 7", "# 7")] {
            assert_ne!(key(one), key(other));
        }
        assert_eq!(key("no number"), fingerprint(&[b"transaction", b"no number"]));
        assert_eq!(key(&"9".repeat(128)), key(&"9".repeat(128)));
    }

    #[test]
    fn keys_are_kept_as_given_or_refused() {
        for text in ["cr_8f3a2d", "summer_launch", "video_12", "A.b-C"] {
            assert_eq!(PartnerKey::parse(text).unwrap().as_str(), text);
        }
        let long = "x".repeat(65);
        for text in ["", " a", "a b", "ü", "a/b", "a:b", long.as_str()] {
            assert!(PartnerKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_folded_promo_code_reads_back_as_itself() {
        for text in ["anna10", " Straße ", &"ß".repeat(32), "ŉ-10"] {
            let code = PromoCode::parse(text).unwrap();
            assert_eq!(PromoCode::parse(code.as_str()).unwrap(), code, "{text}");
        }
        assert!(PromoCode::parse(&"ß".repeat(33)).is_err());
    }

    #[test]
    fn d4_parts_are_not_joined_by_a_separator_that_they_may_contain() {
        assert_ne!(fingerprint(&[b"a:b", b"c"]), fingerprint(&[b"a", b"b:c"]));
        assert_ne!(fingerprint(&[b"ab", b""]), fingerprint(&[b"a", b"b"]));
    }

    #[test]
    fn event_ids_are_version_seven_and_read_back() {
        let at = Timestamp::parse("2026-01-15T10:00:00Z").unwrap();
        let id = EventId::derive(at, &DeduplicationKey(fingerprint(&[b"shop", b"order-1"])));
        let text = id.to_string();
        assert_eq!(&text[14..15], "7");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(EventId::parse(&text).unwrap(), id);
        assert_eq!(u64::from_str_radix(&text.replace('-', "")[..12], 16).unwrap(), at.milliseconds());
    }

    #[test]
    fn commission_lines_in_two_currencies_are_two_lines() {
        let at = Timestamp(1_768_471_200_000_000);
        let conversion = EventId::from_parts(at, &[1; 16]);
        let (anna, plan) = (PartnerKey::parse("anna").unwrap(), PlanKey::parse("standard").unwrap());
        let line = |code| CommissionId::derive(conversion, at, &anna, &plan, Currency::parse(code).unwrap());
        assert_eq!(line("EUR"), line("EUR"));
        assert_ne!(line("EUR"), line("USD"));
    }
}
