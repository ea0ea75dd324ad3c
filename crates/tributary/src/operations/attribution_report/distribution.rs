//! Counts per whole number, with their middle.

use std::collections::BTreeMap;

/// How often each number was seen.
#[derive(Default)]
pub(super) struct Distribution(BTreeMap<u64, u64>);

impl Distribution {
    pub(super) fn add(&mut self, number: u64) {
        *self.0.entry(number).or_default() += 1;
    }

    /// How many numbers were seen.
    pub(super) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many of them lie from `from` on and below `until`.
    pub(super) fn between(&self, from: u64, until: u64) -> u64 {
        self.0.range(from..until).map(|(_, count)| count).sum()
    }

    /// The smallest number that at least `percent` of all do not exceed (the nearest rank); `None` of nothing.
    pub(super) fn percentile(&self, percent: u64) -> Option<u64> {
        let wanted = (u128::from(self.count()) * u128::from(percent)).div_ceil(100).max(1);
        let mut passed = 0_u128;
        self.0.iter().find_map(|(number, count)| {
            passed += u128::from(*count);
            (passed >= wanted).then_some(*number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_that_were_seen() {
        let mut seen = Distribution::default();
        assert_eq!(seen.percentile(50), None);
        for number in [15, 20, 35, 40, 50] {
            seen.add(number);
        }
        assert_eq!(
            [5, 30, 40, 50, 100].map(|percent| seen.percentile(percent)),
            [15, 20, 20, 35, 50].map(Some)
        );
        assert_eq!((seen.count(), seen.between(20, 40)), (5, 2));
    }
}
