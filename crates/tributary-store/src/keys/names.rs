//! Names of keys.

use tributary_domain::ids::SubjectHash;
use tributary_domain::time::{Span, Timestamp};

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum KeyName {
    /// The check inside click ids.
    ClickId,
    /// Keyed hashes of identifiers.
    Lookup,
    /// Secrets of the set-up.
    SetUp,
    /// One UTC day, counted from 1970-01-01.
    Day(i32),
    /// One person.
    Subject(SubjectHash),
}

const SUBJECT: &[u8] = b"subject:";

impl KeyName {
    /// The UTC day of a moment.
    pub(super) fn day_of(moment: Timestamp) -> Self {
        Self::Day(i32::try_from(moment.0.div_euclid(Span::DAY.0)).unwrap_or(i32::MAX))
    }

    /// The name as it is stored: `click_id`, `lookup`, `set_up`, `day:2026-11-21`, `subject:` and 16 bytes.
    pub(super) fn stored(self) -> Vec<u8> {
        match self {
            Self::ClickId => b"click_id".to_vec(),
            Self::Lookup => b"lookup".to_vec(),
            Self::SetUp => b"set_up".to_vec(),
            Self::Day(day) => {
                let text = Timestamp(i64::from(day).saturating_mul(Span::DAY.0)).to_string();
                let date = text.split('T').next().unwrap_or_default();
                format!("day:{date}").into_bytes()
            }
            Self::Subject(hash) => [SUBJECT, &hash.0].concat(),
        }
    }

    /// The person whose key has this stored name.
    pub(super) fn subject_of_stored(name: &[u8]) -> Option<SubjectHash> {
        Some(SubjectHash(name.strip_prefix(SUBJECT)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stored_readably_and_a_day_is_the_utc_day() {
        let late = Timestamp::parse("2026-11-21T23:59:59Z").unwrap();
        let next = Timestamp::parse("2026-11-22T00:00:00Z").unwrap();
        assert_eq!(KeyName::day_of(late).stored(), b"day:2026-11-21");
        assert_eq!(KeyName::day_of(next).stored(), b"day:2026-11-22");
        assert_eq!(KeyName::day_of(Timestamp(-1)).stored(), b"day:1969-12-31");
        let subject = SubjectHash([5; 16]);
        assert_eq!(KeyName::subject_of_stored(&KeyName::Subject(subject).stored()), Some(subject));
        assert_eq!(KeyName::subject_of_stored(b"day:2026-11-21"), None);
    }
}
