//! The funnel: how many of a brand's events and conversions reached each of the six stages.
//!
//! Each stage counts things of the books, not shares of them: clicks as taken in, all other stages as settled. So a repeated
//! delivery, a second event for one order and a rejected order do not count.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::BrandKey;
use tributary_store::state::{StateError, StateReader};

use super::figures::share;

/// One stage of the funnel.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name in JSON.
    pub stage: &'static str,
    /// Its name for people.
    #[serde(skip)]
    pub title: &'static str,
    /// How many reached it.
    pub count: u64,
    /// Share of the stage before it, such as `12.3 %`; may be over 100 % where one person acts several times.
    pub of_previous: Option<String>,
    /// What is counted.
    pub meaning: &'static str,
}

/// Numbers of settled conversions of one brand, by kind.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Registrations that were not rejected.
    pub registrations: u64,
    /// Qualifications that were not rejected.
    pub qualifications: u64,
    /// Conversions that were not rejected.
    pub conversions: u64,
    /// Conversions that the operator approved.
    pub approved: u64,
    /// Conversions with a commission in a payout that arrived.
    pub paid: u64,
}

/// Counts the settled conversions of every brand.
///
/// # Errors
/// When the store cannot be read.
pub fn settled(state: &dyn StateReader) -> Result<BTreeMap<BrandKey, Settled>, StateError> {
    let mut brands: BTreeMap<BrandKey, Settled> = BTreeMap::new();
    for count in state.conversion_counts()?.into_iter().filter(|count| count.verdict != Verdict::Rejected) {
        let settled = brands.entry(count.brand).or_default();
        match count.kind {
            EventKind::Registration => settled.registrations += count.conversions,
            EventKind::Qualification => settled.qualifications += count.conversions,
            _ => {
                settled.conversions += count.conversions;
                settled.paid += count.paid;
                if count.verdict == Verdict::Approved {
                    settled.approved += count.conversions;
                }
            }
        }
    }
    Ok(brands)
}

/// The six stages of a brand.
#[must_use]
pub fn stages(clicks: u64, settled: Settled) -> Vec<Stage> {
    let counted = [
        ("clicks", "Clicks", clicks, "Followed links, as they were taken in."),
        (
            "registrations",
            "Registrations",
            settled.registrations,
            "Accounts opened, each once, none rejected.",
        ),
        (
            "qualifications",
            "Qualified",
            settled.qualifications,
            "Qualifying steps such as a first deposit, none rejected.",
        ),
        (
            "conversions",
            "Conversions",
            settled.conversions,
            "Qualifying actions with value, each order once, none rejected.",
        ),
        (
            "reconciled",
            "Reconciled",
            settled.approved,
            "Conversions that the operator approved, by status or by reconciliation.",
        ),
        ("paid_out", "Paid out", settled.paid, "Conversions whose commission was in a payout that arrived."),
    ];
    let mut previous = None;
    counted
        .into_iter()
        .map(|(stage, title, count, meaning)| {
            let of_previous = previous.and_then(|whole| share(count, whole));
            previous = Some(count);
            Stage { stage, title, count, of_previous, meaning }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_tells_its_share_of_the_one_before() {
        let settled =
            Settled { registrations: 100, qualifications: 0, conversions: 40, approved: 30, paid: 10 };
        let shares: Vec<Option<String>> =
            stages(1_000, settled).into_iter().map(|stage| stage.of_previous).collect();
        let expected = [None, Some("10.0 %"), Some("0.0 %"), None, Some("75.0 %"), Some("33.3 %")];
        assert_eq!(shares, expected.map(|share| share.map(str::to_owned)));
    }

    #[test]
    fn an_empty_brand_has_all_six_stages_at_nothing() {
        let stages = stages(0, Settled::default());
        assert_eq!(stages.len(), 6);
        assert!(stages.iter().all(|stage| stage.count == 0 && stage.of_previous.is_none()));
    }
}
