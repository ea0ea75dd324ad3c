//! The most frequent ways to a conversion.

use serde::Serialize;
use tributary_domain::money::{Currency, Money};

use super::decimals::{millionths, ratio};
use super::frequent::{Countable, Frequent};
use super::journeys::{Attributed, EarnerNumber, Earners};

/// Paths shown.
const SHOWN: usize = 50;
/// Touchpoints of remembered paths together: 64 MiB of memory at most. Paths of up to four touchpoints count as four.
const ROOM: usize = 4_000_000;

/// The most frequent paths.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct TopPaths {
    /// Whether touchpoints of one earner that follow each other are one step.
    pub folds_repeats: bool,
    /// How many different paths there are; `None` when there were too many to remember.
    pub different: Option<u64>,
    /// By how much a count may be too low, and how often a missing path may have been seen; zero while all paths were remembered.
    pub missed_at_most: u64,
    /// The most frequent first, ties by value, then by the path.
    pub rows: Vec<PathRow>,
}

/// One path.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct PathRow {
    /// The earners in order of time.
    pub path: Vec<String>,
    /// Conversions that took it.
    pub conversions: u64,
    /// Part of the attributed conversions, in millionths.
    pub share_ppm: u64,
    /// Their value.
    pub value: String,
    /// The same in minor units.
    #[serde(skip)]
    pub minor: i64,
    /// Touchpoints per conversion, to two places: more than steps where repeats are folded.
    pub average_touchpoints: String,
}

type Path = Box<[EarnerNumber]>;

impl Countable for Path {
    fn size(&self) -> usize {
        self.len().max(4)
    }
}

pub(super) struct TopPathsCollector {
    folds_repeats: bool,
    paths: Frequent<Path>,
    conversions: u64,
}

impl TopPathsCollector {
    pub(super) fn new(folds_repeats: bool) -> Self {
        Self { folds_repeats, paths: Frequent::new(ROOM), conversions: 0 }
    }

    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        let mut path = journey.earners.clone();
        if self.folds_repeats {
            path.dedup();
        }
        self.conversions += 1;
        self.paths.add(path.into_boxed_slice(), journey.value(), journey.earners.len() as u64);
    }

    pub(super) fn finish(self, earners: &Earners, currency: Currency) -> TopPaths {
        let (different, missed_at_most) = (self.paths.different(), self.paths.missed());
        let all = u128::from(self.conversions);
        let rows = self.paths.greatest(SHOWN, |path| {
            path.iter().map(|earner| earners.label(*earner)).collect::<Vec<String>>()
        });
        let rows = rows.into_iter().map(|(path, tally)| PathRow {
            path,
            conversions: tally.count,
            share_ppm: millionths(tally.count.into(), all),
            value: Money::new(tally.value, currency).decimal(),
            minor: tally.value,
            average_touchpoints: ratio(tally.touchpoints.into(), tally.count.into(), 2),
        });
        TopPaths { folds_repeats: self.folds_repeats, different, missed_at_most, rows: rows.collect() }
    }
}
