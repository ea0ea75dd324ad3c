//! Disorder for the proof that order does not matter: shuffles, repeats, splits. All from a seed.

use crate::random::Random;

/// Every event once, in an order that the seed decides (Fisher and Yates).
#[must_use]
pub fn shuffle<T>(mut events: Vec<T>, seed: u64) -> Vec<T> {
    let mut random = Random::new(seed);
    for place in (1..events.len()).rev() {
        let other = usize::try_from(random.below(place as u64 + 1)).unwrap_or(place);
        events.swap(place, other);
    }
    events
}

/// Every event at least once; `ppm` of a million once or more again, each repeat somewhere after its first.
#[must_use]
pub fn duplicate<T: Clone>(events: Vec<T>, ppm: u32, seed: u64) -> Vec<T> {
    let mut random = Random::new(seed);
    let count = events.len() as u64;
    let mut keyed: Vec<((u64, u64), T)> = Vec::with_capacity(events.len());
    for (place, event) in (0u64..).zip(events) {
        for again in 0..random.streak(ppm.min(900_000), 4) {
            let later = place + random.below(count - place);
            keyed.push(((later, 1 + u64::from(again)), event.clone()));
        }
        keyed.push(((place, 0), event));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

/// The events in consecutive batches of 1 to `largest`.
#[must_use]
pub fn split<T>(events: Vec<T>, largest: usize, seed: u64) -> Vec<Vec<T>> {
    let mut random = Random::new(seed);
    let mut batches = Vec::new();
    let mut rest = events.into_iter();
    loop {
        let size = 1 + random.below(largest.max(1) as u64);
        let batch: Vec<T> = rest.by_ref().take(usize::try_from(size).unwrap_or(1)).collect();
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_or_invented(count in 0usize..200, seed: u64, ppm in 0u32..=1_000_000, largest in 0usize..30) {
            let events: Vec<usize> = (0..count).collect();
            let mut shuffled = shuffle(events.clone(), seed);
            prop_assert_eq!(&shuffled, &shuffle(events.clone(), seed));
            shuffled.sort_unstable();
            prop_assert_eq!(&shuffled, &events);

            let mut doubled = duplicate(events.clone(), ppm, seed);
            let mut firsts = Vec::new();
            for event in &doubled {
                if !firsts.contains(event) {
                    firsts.push(*event);
                }
            }
            prop_assert_eq!(&firsts, &events);
            doubled.sort_unstable();
            doubled.dedup();
            prop_assert_eq!(&doubled, &events);

            let batches = split(events.clone(), largest, seed);
            prop_assert!(batches.iter().all(|batch| !batch.is_empty() && batch.len() <= largest.max(1)));
            prop_assert_eq!(batches.concat(), events);
        }
    }
}
