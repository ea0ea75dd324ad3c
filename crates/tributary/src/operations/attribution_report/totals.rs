//! What the figures add up to, and what they leave out.

use serde::Serialize;
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;

use super::journeys::{Met, value};

/// Conversions and their value.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub conversions: u64,
    /// Their value.
    pub value: String,
}

/// What the figures add up to.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Conversions credited to somebody: what every model shares.
    pub attributed: Counted,
    /// Conversions of people of whom no touchpoint is known.
    pub without_touchpoint: Counted,
    /// Conversions whose touchpoints may not take part, each for its reason.
    pub without_eligible_touchpoint: Counted,
    /// Conversions that the operator rejected; in no other figure.
    pub rejected: u64,
    /// Conversions with value in another currency; in no other figure.
    pub other_currency: u64,
}

#[derive(Default)]
struct Count {
    conversions: u64,
    value: i64,
}

#[derive(Default)]
pub(super) struct TotalsCollector {
    attributed: Count,
    without_touchpoint: Count,
    without_eligible_touchpoint: Count,
    rejected: u64,
    other_currency: u64,
}

impl TotalsCollector {
    pub(super) fn add(&mut self, met: &Met<'_>) {
        let (count, conversion) = match met {
            Met::Rejected => {
                self.rejected += 1;
                return;
            }
            Met::OtherCurrency => {
                self.other_currency += 1;
                return;
            }
            Met::Unconverted(_) => return,
            Met::Attributed(journey) => (&mut self.attributed, journey.conversion),
            Met::Unattributed(conversion) if conversion.reason == Reason::NoTouchpoint => {
                (&mut self.without_touchpoint, *conversion)
            }
            Met::Unattributed(conversion) => (&mut self.without_eligible_touchpoint, *conversion),
        };
        count.conversions += 1;
        count.value = count.value.saturating_add(value(conversion));
    }

    pub(super) fn finish(&self, currency: Currency) -> Totals {
        let counted = |count: &Count| Counted {
            conversions: count.conversions,
            value: Money::new(count.value, currency).decimal(),
        };
        Totals {
            attributed: counted(&self.attributed),
            without_touchpoint: counted(&self.without_touchpoint),
            without_eligible_touchpoint: counted(&self.without_eligible_touchpoint),
            rejected: self.rejected,
            other_currency: self.other_currency,
        }
    }
}
