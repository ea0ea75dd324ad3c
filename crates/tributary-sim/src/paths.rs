//! Marketing paths by the million, for training and its benchmark: which channels in which order, and whether the journey converted.

use crate::random::Random;

/// The channels, the frequent ones first.
pub const CHANNELS: [&str; 12] = [
    "paid_search",
    "organic",
    "anna",
    "email",
    "display",
    "bert",
    "social",
    "referral",
    "cora",
    "comparison",
    "retargeting",
    "podcast",
];
/// How often each channel begins or goes on a journey.
const FREQUENCY: [u32; 12] = [240, 180, 130, 110, 90, 70, 60, 45, 30, 25, 15, 5];
/// Chance in millionths that a journey which ends on the channel converts.
const CONVERTS: [u32; 12] = [
    160_000, 110_000, 240_000, 300_000, 40_000, 210_000, 60_000, 150_000, 260_000, 330_000, 280_000, 120_000,
];

/// One journey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeneratedPath {
    /// Places in [`CHANNELS`], in order of time.
    pub channels: Vec<usize>,
    /// Value in minor units, if it converted.
    pub converted: Option<u64>,
}

impl GeneratedPath {
    /// As packages read it: `paid_search > anna`.
    #[must_use]
    pub fn text(&self) -> String {
        let names: Vec<&str> =
            self.channels.iter().filter_map(|place| CHANNELS.get(*place).copied()).collect();
        names.join(" > ")
    }
}

/// Journeys without end; the same seed gives the same ones for ever. Two thirds of the steps lead on, one of three of them to the same channel
/// again; 30 channels at most, three on average.
pub fn paths(seed: u64) -> impl Iterator<Item = GeneratedPath> {
    (0..).map(move |number| {
        let mut random = Random::of(seed, number, 0);
        let more = usize::try_from(random.streak(660_000, 29)).unwrap_or(0);
        let mut channel = random.weighted(FREQUENCY.into_iter());
        let mut channels = vec![channel];
        for _ in 0..more {
            if !random.chance(330_000) {
                channel = random.weighted(FREQUENCY.into_iter());
            }
            channels.push(channel);
        }
        let converts = random.chance(CONVERTS.get(channel).copied().unwrap_or(0));
        let value = u64::try_from(random.between(500, 20_000)).unwrap_or(0);
        GeneratedPath { channels, converted: converts.then_some(value) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_paths_of_believable_shape() {
        let first: Vec<GeneratedPath> = paths(7).take(20_000).collect();
        assert_eq!(first, paths(7).take(20_000).collect::<Vec<_>>());
        assert_ne!(first[..50], paths(8).take(50).collect::<Vec<_>>()[..]);
        let touches: usize = first.iter().map(|path| path.channels.len()).sum();
        assert!((50_000..70_000).contains(&touches), "{touches}");
        let converted = first.iter().filter(|path| path.converted.is_some()).count();
        assert!((2_000..5_000).contains(&converted), "{converted}");
        let seen: std::collections::BTreeSet<usize> =
            first.iter().flat_map(|path| path.channels.clone()).collect();
        assert_eq!(seen.len(), CHANNELS.len());
        assert_eq!(GeneratedPath { channels: vec![0, 2], converted: None }.text(), "paid_search > anna");
    }
}
