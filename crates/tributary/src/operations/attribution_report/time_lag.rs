//! How long it took from a touchpoint to the conversion.

use serde::Serialize;
use tributary_domain::time::Span;

use super::decimals::millionths;
use super::distribution::Distribution;
use super::journeys::Attributed;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The rows: name, from so many seconds, until before so many.
const BUCKETS: [(&str, u64, u64); 11] = [
    ("under 1 hour", 0, HOUR),
    ("1 to 24 hours", HOUR, DAY),
    ("1 to 2 days", DAY, 2 * DAY),
    ("2 to 3 days", 2 * DAY, 3 * DAY),
    ("3 to 5 days", 3 * DAY, 5 * DAY),
    ("5 to 7 days", 5 * DAY, 7 * DAY),
    ("7 to 14 days", 7 * DAY, 14 * DAY),
    ("14 to 30 days", 14 * DAY, 30 * DAY),
    ("30 to 60 days", 30 * DAY, 60 * DAY),
    ("60 to 90 days", 60 * DAY, 90 * DAY),
    ("90 days and more", 90 * DAY, u64::MAX),
];

/// How long it took to convert.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct TimeLag {
    /// Since the first touchpoint that took part.
    pub from_first: Lag,
    /// Since the last one.
    pub from_last: Lag,
}

/// Time from one touchpoint to the conversion.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Half of the conversions took no longer, in seconds; whole minutes from an hour on.
    pub median_seconds: Option<u64>,
    /// Nine tenths of the conversions took no longer, likewise.
    pub ninth_decile_seconds: Option<u64>,
    /// How the conversions spread; every bucket, also empty ones.
    pub rows: Vec<LagRow>,
}

/// One bucket; its lower end belongs to it.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct LagRow {
    /// Its name.
    pub lag: &'static str,
    /// Its lower end in seconds.
    pub from_seconds: u64,
    /// Conversions in it.
    pub conversions: u64,
    /// Part of the attributed conversions, in millionths.
    pub share_ppm: u64,
}

#[derive(Default)]
pub(super) struct TimeLagCollector {
    from_first: Distribution,
    from_last: Distribution,
}

impl TimeLagCollector {
    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        let (first, last) = (journey.touchpoints.first(), journey.touchpoints.last());
        for (touchpoint, lags) in [(first, &mut self.from_first), (last, &mut self.from_last)] {
            if let Some(touchpoint) = touchpoint {
                lags.add(coarse(journey.conversion.occurred_at.since(touchpoint.occurred_at)));
            }
        }
    }

    pub(super) fn finish(self) -> TimeLag {
        TimeLag { from_first: lag(&self.from_first), from_last: lag(&self.from_last) }
    }
}

/// Whole seconds below an hour, whole minutes above: as many different numbers as a window has minutes, so that memory stays bounded.
/// A conversion stamped in whole seconds may lie before a touchpoint of the same second: no time passed.
fn coarse(lag: Span) -> u64 {
    let seconds = u64::try_from(lag.0 / Span::SECOND.0).unwrap_or(0);
    if seconds < HOUR { seconds } else { seconds - seconds % 60 }
}

fn lag(lags: &Distribution) -> Lag {
    let all = u128::from(lags.count());
    let rows = BUCKETS.iter().map(|(name, from, until)| {
        let conversions = lags.between(*from, *until);
        let share_ppm = millionths(conversions.into(), all);
        LagRow { lag: name, from_seconds: *from, conversions, share_ppm }
    });
    Lag {
        median_seconds: lags.percentile(50),
        ninth_decile_seconds: lags.percentile(90),
        rows: rows.collect(),
    }
}
