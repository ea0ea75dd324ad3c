//! How many notes each source may have in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};

/// Whose allowance a note uses. There are twice as many as there are sources, and two more.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Bucket {
    /// A source's, apart for senders who proved to be it and for those who did not.
    Source(String, bool),
    /// Of all who name no source that there is.
    Strangers,
    /// Of all who follow links that lead nowhere.
    Visitors,
}

/// The allowances of all sources.
#[derive(Debug)]
pub(super) struct Allowance {
    per_minute: u32,
    minutes: Mutex<HashMap<Bucket, Minute>>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    taken: u32,
    by_reason: HashMap<Reason, u32>,
}

impl Allowance {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, minutes: Mutex::default() }
    }

    /// Takes one note out of the allowance of this minute; false when it is used up.
    ///
    /// One reason may use up half of it: a source that sends too fast must not hide that its amounts are wrong.
    pub(super) fn take(&self, bucket: &Bucket, reason: Reason, at: Timestamp) -> bool {
        let number = at.0.div_euclid(60 * Span::SECOND.0);
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = match minutes.get_mut(bucket) {
            Some(minute) => minute,
            None => minutes.entry(bucket.clone()).or_default(),
        };
        // A clock that was set back begins no new minute, or a jumping one would be an allowance without end.
        if number > minute.number {
            *minute = Minute { number, ..Minute::default() };
        }
        let of_reason = minute.by_reason.entry(reason).or_default();
        if minute.taken >= self.per_minute || *of_reason >= self.per_minute.div_ceil(2) {
            return false;
        }
        minute.taken += 1;
        *of_reason += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_notes_a_minute_and_one_reason_half_of_them() {
        let allowance = Allowance::new(10);
        let shop = Bucket::Source("shop".to_owned(), true);
        let at = |second: i64| Timestamp(1_768_471_200_000_000 + second * Span::SECOND.0);
        let taken = |bucket: &Bucket, reason, second| {
            (0..100).filter(|_| allowance.take(bucket, reason, at(second))).count()
        };
        assert_eq!(taken(&shop, Reason::RateLimited, 0), 5);
        assert_eq!(taken(&shop, Reason::InvalidField, 30), 5);
        assert_eq!(taken(&shop, Reason::MissingField, 59), 0, "the whole is used up");
        assert_eq!(taken(&Bucket::Source("shop".to_owned(), false), Reason::SignatureInvalid, 59), 5);
        assert_eq!(taken(&Bucket::Strangers, Reason::UnknownSource, 59), 5);
        assert_eq!(taken(&shop, Reason::RateLimited, 60), 5, "a new minute");
        assert_eq!(taken(&shop, Reason::RateLimited, 0), 0, "a clock that was set back");
        assert!(Allowance::new(1).take(&shop, Reason::RateLimited, at(0)));
    }
}
