//! How many touchpoints a conversion took.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_domain::money::{Currency, Money};

use super::decimals::{millionths, ratio};
use super::distribution::Distribution;
use super::journeys::Attributed;

/// How many touchpoints a conversion took.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct PathLength {
    /// Touchpoints per conversion, to two places.
    pub average: String,
    /// Half of the conversions took no more.
    pub median: Option<u64>,
    /// Nine tenths of the conversions took no more.
    pub ninth_decile: Option<u64>,
    /// One row per length that there is.
    pub rows: Vec<PathLengthRow>,
}

/// One length.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct PathLengthRow {
    /// Touchpoints that took part.
    pub touchpoints: u64,
    /// Conversions with so many.
    pub conversions: u64,
    /// Part of the attributed conversions, in millionths.
    pub share_ppm: u64,
    /// Their value.
    pub value: String,
}

#[derive(Default)]
pub(super) struct PathLengthCollector {
    lengths: Distribution,
    rows: BTreeMap<u64, (u64, i64)>,
}

impl PathLengthCollector {
    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        let length = journey.touchpoints.len() as u64;
        self.lengths.add(length);
        let (count, value) = self.rows.entry(length).or_default();
        *count += 1;
        *value = value.saturating_add(journey.value());
    }

    pub(super) fn finish(self, currency: Currency) -> PathLength {
        let conversions = u128::from(self.lengths.count());
        let touchpoints =
            self.rows.iter().map(|(length, (count, _))| u128::from(*length) * u128::from(*count)).sum();
        PathLength {
            average: ratio(touchpoints, conversions, 2),
            median: self.lengths.percentile(50),
            ninth_decile: self.lengths.percentile(90),
            rows: self
                .rows
                .into_iter()
                .map(|(length, (count, value))| PathLengthRow {
                    touchpoints: length,
                    conversions: count,
                    share_ppm: millionths(count.into(), conversions),
                    value: Money::new(value, currency).decimal(),
                })
                .collect(),
        }
    }
}
