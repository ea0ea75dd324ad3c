//! A small deterministic generator: SplitMix64, and one stream of it per subject.
//!
//! Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). Not for secrets.

/// A stream of pseudorandom numbers; equal seeds give equal streams for ever.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Random {
    /// A stream for a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of one subject under a seed: drawing from it leaves every other subject's stream as it was, so that a
    /// change in one journey does not move all that follow.
    #[must_use]
    pub fn of(seed: u64, subject: u64, number: u64) -> Self {
        Self { state: mix(seed ^ mix(subject.wrapping_mul(GOLDEN) ^ mix(number))) }
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number from 0 up to but without `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply and shift: the bias is under bound / 2^64, far below what any test could see.
        let wide = u128::from(self.word()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included; `low` when the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        low.saturating_add(i64::try_from(self.below(width.saturating_add(1))).unwrap_or(0))
    }

    /// True in `ppm` of a million draws.
    pub fn chance(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// How often in a row a draw of `ppm` succeeds, at most `most` times.
    pub fn streak(&mut self, ppm: u32, most: u32) -> u32 {
        let mut count = 0;
        while count < most && self.chance(ppm) {
            count += 1;
        }
        count
    }

    /// One of a list. `None` only for an empty list.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let place = self.below(list.len() as u64);
        list.get(usize::try_from(place).ok()?)
    }

    /// The place of one of a list of weights, in proportion to them; 0 when all are zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let whole: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(whole);
        for (place, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    /// A text of lower-case letters and digits, such as the random part of an id.
    pub fn letters(&mut self, length: usize) -> String {
        // Without i, l, o and 1, which people mistake for each other.
        const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
        let mut word = 0;
        (0..length)
            .map(|place| {
                if place % 12 == 0 {
                    word = self.word();
                }
                let letter = ALPHABET[usize::try_from(word & 31).unwrap_or(0)];
                word >>= 5;
                char::from(letter)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs of SplitMix64 for seed 1234567, as widely reproduced from the reference C code.
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.word()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        for _ in 0..500 {
            let drawn = random.between(-2, 2);
            seen[usize::try_from(drawn + 2).unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(7, 3), 7);
        assert!(!random.chance(0));
        assert!(random.chance(1_000_000));
    }

    #[test]
    fn weights_decide_how_often_each_is_drawn() {
        let mut random = Random::new(2);
        let mut counts = [0u32; 3];
        for _ in 0..40_000 {
            counts[random.weighted([1u32, 0, 3].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((9_000..11_000).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn subjects_have_streams_of_their_own() {
        let first = Random::of(7, 1, 1).word();
        assert_ne!(first, Random::of(7, 1, 2).word());
        assert_ne!(first, Random::of(7, 2, 1).word());
        assert_eq!(first, Random::of(7, 1, 1).word());
    }
}
