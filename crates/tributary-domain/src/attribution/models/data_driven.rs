//! Data driven: shares by weights that were trained on a stated period and do not move afterwards.
//!
//! The weights are the removal effects or Shapley values of [`crate::attribution::training`], one per earner. A journey's value is
//! shared by the weights of its own earners (as `marketing-attribution-models` 2.1.1 does), an earner's share equally by his touchpoints. An
//! earner who was not there in training has no weight; a journey of such earners only is shared equally.

use std::collections::{BTreeMap, HashMap};

use super::super::Earner;
use super::Journey;

/// Weights per earner, trained once and fixed since: an artefact of the set-up with a version of its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrainedWeights {
    /// How they were trained, such as `markov order 1, 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z, 12345 journeys`.
    pub trained: String,
    /// Weight of each earner; only their ratios count.
    pub of_earner: BTreeMap<Earner, u32>,
}

impl TrainedWeights {
    /// The largest weight: the sum over any journey stays within 64 bits.
    pub const LARGEST: u32 = 1_000_000_000;
}

pub(super) fn weights(journey: &Journey<'_>) -> Vec<u64> {
    let count = journey.touchpoints.len();
    let Some(trained) = journey.trained else { return vec![1; count] };
    let mut touches: HashMap<&Earner, u64> = HashMap::new();
    for earner in journey.touchpoints.iter().filter_map(|touchpoint| touchpoint.earner.as_ref()) {
        *touches.entry(earner).or_default() += 1;
    }
    let weight = |earner: &Earner| {
        trained.of_earner.get(earner).map_or(0, |weight| u64::from((*weight).min(TrainedWeights::LARGEST)))
    };
    if touches.keys().all(|earner| weight(earner) == 0) {
        return vec![1; count];
    }
    // An earner's weight is divided by his touchpoints. To stay with whole numbers, all are scaled by what keeps eight digits.
    const SCALE: u64 = 100_000_000;
    journey
        .touchpoints
        .iter()
        .map(|touchpoint| {
            let earner = touchpoint.earner.as_ref();
            earner
                .map_or(0, |earner| weight(earner) * SCALE / touches.get(earner).copied().unwrap_or(1).max(1))
        })
        .collect()
}
