//! Money as it is and as it would be: what a ruling on an identity and another set-up are both judged by.

use serde::Serialize;
use tributary_domain::money::{Currency, Money};

/// Money in minor units of one currency, now and then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NowAndThen {
    /// Credited value now.
    pub value_now: i64,
    /// Credited value then.
    pub value_then: i64,
    /// Commission owed now.
    pub commission_now: i64,
    /// Commission owed then.
    pub commission_then: i64,
}

impl NowAndThen {
    /// Adds other sums of the same currency.
    pub fn add(&mut self, other: &Self) {
        self.value_now += other.value_now;
        self.value_then += other.value_then;
        self.commission_now += other.commission_now;
        self.commission_then += other.commission_then;
    }

    /// Whether anything changes.
    #[must_use]
    pub const fn differs(&self) -> bool {
        self.value_now != self.value_then || self.commission_now != self.commission_then
    }

    /// Commission then less commission now.
    #[must_use]
    pub const fn difference(&self) -> i64 {
        self.commission_then - self.commission_now
    }
}

/// The same as decimals, for people and programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Amounts {
    /// Currency of the amounts; empty where a conversion has none.
    pub currency: String,
    /// Credited value now.
    pub value_now: String,
    /// Credited value then.
    pub value_then: String,
    /// Commission owed now.
    pub commission_now: String,
    /// Commission owed then.
    pub commission_then: String,
    /// Commission then less commission now.
    pub difference: String,
}

impl Amounts {
    /// Decimals of a currency by its code.
    #[must_use]
    pub fn of(currency: &str, sums: &NowAndThen) -> Self {
        Self {
            currency: currency.to_owned(),
            value_now: decimal(currency, sums.value_now),
            value_then: decimal(currency, sums.value_then),
            commission_now: decimal(currency, sums.commission_now),
            commission_then: decimal(currency, sums.commission_then),
            difference: decimal(currency, sums.difference()),
        }
    }

    /// Whether anything changes.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.value_now != self.value_then || self.commission_now != self.commission_then
    }
}

/// Minor units as a decimal of a currency by its code; as they are without one.
pub(super) fn decimal(currency: &str, minor: i64) -> String {
    Currency::parse(currency)
        .map_or_else(|_| minor.to_string(), |currency| Money::new(minor, currency).decimal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_decimals_of_their_currency_and_tell_whether_they_differ() {
        let mut sums =
            NowAndThen { value_now: 1_000, value_then: 1_000, commission_now: 50, commission_then: 0 };
        let amounts = Amounts::of("JPY", &sums);
        assert_eq!((&*amounts.value_now, &*amounts.difference), ("1000", "-50"));
        assert!(sums.differs() && amounts.differs());
        sums.add(&NowAndThen { commission_then: 50, ..NowAndThen::default() });
        let amounts = Amounts::of("EUR", &sums);
        assert_eq!((&*amounts.commission_then, &*amounts.difference), ("0.50", "0.00"));
        assert!(!sums.differs() && !amounts.differs());
        assert_eq!(decimal("", 7), "7");
    }
}
