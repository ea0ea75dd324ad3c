//! A limit of events per second for each source: a bucket that refills evenly and holds one second's worth.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tributary_domain::ids::SourceKey;
use tributary_domain::time::Timestamp;

/// The buckets of all sources.
#[derive(Debug, Default)]
pub struct RateLimits {
    buckets: Mutex<HashMap<SourceKey, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Millionths of an event.
    tokens: i64,
    filled_at: Timestamp,
}

const ONE: i64 = 1_000_000;

impl RateLimits {
    /// Takes `events` from the bucket; `Err` says after how many whole seconds to try again.
    ///
    /// A request larger than one second's worth is let through when the bucket is full, and leaves a debt.
    pub fn take(
        &self,
        source: &SourceKey,
        per_second: u32,
        events: usize,
        now: Timestamp,
    ) -> Result<(), u64> {
        let capacity = i64::from(per_second.max(1)) * ONE;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(source.clone()).or_insert(Bucket { tokens: capacity, filled_at: now });
        // One event a second is one millionth of an event a microsecond.
        let gained = now.since(bucket.filled_at).0.max(0).saturating_mul(i64::from(per_second));
        bucket.tokens = bucket.tokens.saturating_add(gained).min(capacity);
        bucket.filled_at = bucket.filled_at.max(now);
        let cost = i64::try_from(events).unwrap_or(i64::MAX / ONE).saturating_mul(ONE);
        let needed = cost.min(capacity);
        if bucket.tokens >= needed {
            bucket.tokens = bucket.tokens.saturating_sub(cost);
            return Ok(());
        }
        let missing = needed - bucket.tokens;
        let seconds = missing.saturating_add(capacity - 1) / capacity;
        Err(u64::try_from(seconds).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_its_rate_and_no_more() {
        let limits = RateLimits::default();
        let source = SourceKey::parse("shop").unwrap();
        let at = |milliseconds: i64| Timestamp(1_768_471_200_000_000 + milliseconds * 1000);
        let taken =
            |milliseconds| (0..100).filter(|_| limits.take(&source, 10, 1, at(milliseconds)).is_ok()).count();
        assert_eq!(taken(0), 10);
        assert_eq!(taken(0), 0);
        assert_eq!(taken(500), 5);
        assert_eq!(taken(10_000), 10);
        assert_eq!(limits.take(&source, 10, 1, at(10_000)), Err(1));
    }

    #[test]
    fn a_large_batch_passes_once_and_is_paid_off_later() {
        let limits = RateLimits::default();
        let source = SourceKey::parse("shop").unwrap();
        assert_eq!(limits.take(&source, 10, 50, Timestamp(0)), Ok(()));
        assert_eq!(limits.take(&source, 10, 1, Timestamp(0)), Err(5));
        assert_eq!(limits.take(&source, 10, 1, Timestamp(4_200_000)), Ok(()));
    }
}
