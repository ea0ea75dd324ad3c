//! Counting many different things in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

/// What can be counted.
pub(super) trait Countable: Hash + Eq + Ord + Clone {
    /// Its size in memory, in any unit.
    fn size(&self) -> usize;
}

/// How often something was seen, with how much value and how many touchpoints.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) value: i64,
    /// Touchpoints of all that was counted.
    pub(super) touchpoints: u64,
}

/// Counts exactly as long as all that is different fits into `room`. Beyond it, the rarer half is forgotten; a count may then be too low,
/// by [`Frequent::missed`] at most.
pub(super) struct Frequent<K> {
    tallies: HashMap<K, Tally>,
    room: usize,
    size: usize,
    missed: u64,
    forgotten: bool,
}

impl<K: Countable> Frequent<K> {
    pub(super) fn new(room: usize) -> Self {
        Self { tallies: HashMap::new(), room, size: 0, missed: 0, forgotten: false }
    }

    pub(super) fn add(&mut self, key: K, value: i64, touchpoints: u64) {
        let size = key.size();
        let tally = self.tallies.entry(key).or_insert_with(|| {
            self.size += size;
            Tally::default()
        });
        tally.count += 1;
        tally.touchpoints += touchpoints;
        tally.value = tally.value.saturating_add(value);
        if self.size > self.room {
            self.forget();
        }
    }

    /// By how much a count may be too low; what was seen no more often may be missing. Zero while everything is exact.
    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }

    /// How many different things there are, as long as none was forgotten.
    pub(super) fn different(&self) -> Option<u64> {
        (!self.forgotten).then_some(self.tallies.len() as u64)
    }

    /// The most frequent ones, by the name that is shown: ties by value, then by name.
    pub(super) fn greatest<N: Ord>(self, most: usize, name: impl Fn(&K) -> N) -> Vec<(N, Tally)> {
        let mut all: Vec<_> = self.tallies.into_iter().map(|(key, tally)| (name(&key), tally)).collect();
        all.sort_by(most_frequent_first);
        all.truncate(most);
        all
    }

    fn forget(&mut self) {
        let mut all: Vec<_> = self.tallies.drain().collect();
        all.sort_by(most_frequent_first);
        let (mut kept, mut size) = (0, 0);
        for (key, _) in &all {
            size += key.size();
            if size > self.room / 2 {
                break;
            }
            kept += 1;
            self.size = size;
        }
        // What is forgotten in several rounds may have been the same thing each time.
        self.missed += all.get(kept).map_or(0, |(_, tally)| tally.count);
        self.forgotten = true;
        all.truncate(kept);
        if all.is_empty() {
            self.size = 0;
        }
        self.tallies = all.into_iter().collect();
    }
}

fn most_frequent_first<K: Ord>(a: &(K, Tally), b: &(K, Tally)) -> std::cmp::Ordering {
    (b.1.count, b.1.value).cmp(&(a.1.count, a.1.value)).then_with(|| a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Countable for u8 {
        fn size(&self) -> usize {
            1
        }
    }

    #[test]
    fn everything_is_exact_while_it_fits() {
        let mut frequent = Frequent::new(3);
        for key in [3_u8, 1, 2, 3] {
            frequent.add(key, 10, 2);
        }
        assert_eq!((frequent.missed(), frequent.different()), (0, Some(3)));
        let counts: Vec<_> = frequent
            .greatest(usize::MAX, |key| *key)
            .into_iter()
            .map(|(key, tally)| (key, tally.count, tally.value))
            .collect();
        assert_eq!(counts, [(3, 2, 20), (1, 1, 10), (2, 1, 10)]);
    }

    proptest! {
        #[test]
        fn no_count_is_too_low_by_more_than_is_said(keys in prop::collection::vec(0_u8..40, 0..400), room in 2_usize..30) {
            let mut frequent = Frequent::new(room);
            let mut exact: BTreeMap<u8, u64> = BTreeMap::new();
            for key in &keys {
                frequent.add(*key, 1, 0);
                *exact.entry(*key).or_default() += 1;
            }
            let missed = frequent.missed();
            let counted: BTreeMap<u8, u64> = frequent.greatest(usize::MAX, |key| *key).into_iter().map(|(key, tally)| (key, tally.count)).collect();
            prop_assert!(counted.len() <= room);
            for (key, count) in exact {
                let found = counted.get(&key).copied().unwrap_or(0);
                prop_assert!(found <= count && count <= found + missed, "{key}: {found} of {count}, {missed} missed");
            }
        }
    }
}
