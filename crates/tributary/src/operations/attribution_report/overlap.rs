//! Which earners share conversions.

use serde::Serialize;
use tributary_domain::money::{Currency, Money};

use super::assists::AssistCollector;
use super::decimals::millionths;
use super::frequent::{Countable, Frequent};
use super::journeys::{Attributed, EarnerNumber, Earners};

/// Pairs shown.
const SHOWN: usize = 100;
/// Pairs remembered.
const ROOM: usize = 1_000_000;
/// Conversions with more earners than this are counted apart: their pairs would outnumber all others.
const MOST_EARNERS: usize = 64;

/// Which earners share conversions.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Attributed conversions in which more than one earner took part.
    pub shared: u64,
    /// Those of them with more than 64 earners, which are in no pair.
    pub too_many_earners: u64,
    /// By how much a count may be too low; zero while all pairs were remembered.
    pub missed_at_most: u64,
    /// The pairs that share most first.
    pub rows: Vec<PairRow>,
}

/// Two earners that took part in the same conversions.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct PairRow {
    /// One of them.
    pub one: String,
    /// The other.
    pub other: String,
    /// Conversions in which both took part.
    pub conversions: u64,
    /// Their value.
    pub value: String,
    /// Part of the conversions in which the one took part, in millionths.
    pub of_one_ppm: u64,
    /// Part of the conversions in which the other took part, in millionths.
    pub of_other_ppm: u64,
}

impl Countable for (EarnerNumber, EarnerNumber) {
    fn size(&self) -> usize {
        1
    }
}

pub(super) struct OverlapCollector {
    pairs: Frequent<(EarnerNumber, EarnerNumber)>,
    shared: u64,
    too_many_earners: u64,
}

impl OverlapCollector {
    pub(super) fn new() -> Self {
        Self { pairs: Frequent::new(ROOM), shared: 0, too_many_earners: 0 }
    }

    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        let participants = journey.participants();
        if participants.len() < 2 {
            return;
        }
        self.shared += 1;
        if participants.len() > MOST_EARNERS {
            self.too_many_earners += 1;
            return;
        }
        for (place, one) in participants.iter().enumerate() {
            for other in participants.iter().skip(place + 1) {
                self.pairs.add((*one, *other), journey.value(), 0);
            }
        }
    }

    pub(super) fn finish(self, earners: &Earners, parts: &AssistCollector, currency: Currency) -> Overlap {
        let missed_at_most = self.pairs.missed();
        // The one is whose label comes first: numbers depend on whom the reading met first.
        let pairs = self.pairs.greatest(SHOWN, |(a, b)| {
            let (a, b) = ((earners.label(*a), *a), (earners.label(*b), *b));
            if a <= b { (a, b) } else { (b, a) }
        });
        let rows = pairs.into_iter().map(|(((one, a), (other, b)), tally)| PairRow {
            one,
            other,
            conversions: tally.count,
            value: Money::new(tally.value, currency).decimal(),
            of_one_ppm: millionths(tally.count.into(), parts.took_part(a).into()),
            of_other_ppm: millionths(tally.count.into(), parts.took_part(b).into()),
        });
        Overlap {
            shared: self.shared,
            too_many_earners: self.too_many_earners,
            missed_at_most,
            rows: rows.collect(),
        }
    }
}
