//! Shapley values: what each channel adds on average, over all orders in which the channels could join.
//!
//! `phi(c) = sum over sets S without c of |S|! (n - |S| - 1)! / n! * (v(S + c) - v(S))`. Source: Shapley, "A value for n-person games" (1953).
//!
//! What a set of channels is worth, `v(S)`, is a choice, and packages differ in it ([`Worth`]). With conversions of journeys whose channels lie
//! within `S` the value has a closed form ([`of_conversions`], [`of_value`]): every journey is a game of its own in which its channels are worth
//! something only together, so they share it equally, and values add up over games. No combination has to be tried.

use std::collections::BTreeMap;

use super::{Outcome, Paths, TrainingError};

/// More channels than this cannot be enumerated in reasonable time.
pub const MOST_ENUMERATED: usize = 15;
/// Sets are bits of 128.
const MOST_SAMPLED: usize = 128;

/// Conversions shared by the Shapley value of `v(S)` = conversions of journeys whose channels lie within `S`, in the order of
/// [`Paths::channels`]. Exact for any number of channels; the same as enumeration with [`Worth::ConversionsWithin`].
///
/// `A` alone brought 10, `B` alone 5, both together 20 more: `v(A) = 10`, `v(B) = 5`, `v(AB) = 35`.
/// ```
/// use tributary_domain::attribution::training::{Outcome, PathCollector, shapley};
///
/// let mut collector: PathCollector<String> = PathCollector::default();
/// for (path, conversions) in [(&["A"][..], 10), (&["B"], 5), (&["A", "B", "A"], 20)] {
///     collector.add(path.iter().copied(), &Outcome { conversions, value: 0, nulls: 0 })?;
/// }
/// let paths = collector.finish();
/// assert_eq!(shapley::of_conversions(&paths), [20.0, 15.0]);
/// assert_eq!(shapley::enumerate(&shapley::Game::of(&paths, shapley::Worth::ConversionsWithin)?)?, [20.0, 15.0]);
/// # Ok::<(), tributary_domain::attribution::training::TrainingError>(())
/// ```
#[must_use]
pub fn of_conversions<C>(paths: &Paths<C>) -> Vec<f64> {
    shared_equally(paths, |outcome| outcome.conversions)
}

/// Value shared likewise, in the unit of the paths' values.
#[must_use]
pub fn of_value<C>(paths: &Paths<C>) -> Vec<f64> {
    shared_equally(paths, |outcome| outcome.value)
}

/// Sums whole numbers per channel and number of distinct channels first, so that only as many divisions round as there are channels.
fn shared_equally<C>(paths: &Paths<C>, amount: impl Fn(&Outcome) -> u64) -> Vec<f64> {
    let mut sums: Vec<BTreeMap<usize, u64>> = vec![BTreeMap::new(); paths.channels().len()];
    let mut last_seen = vec![usize::MAX; paths.channels().len()];
    let mut distinct: Vec<usize> = Vec::new();
    for (number, (path, outcome)) in paths.iter().enumerate() {
        let amount = amount(outcome);
        if amount == 0 {
            continue;
        }
        distinct.clear();
        for channel in path.iter().map(|channel| usize::from(*channel)) {
            if std::mem::replace(&mut last_seen[channel], number) != number {
                distinct.push(channel);
            }
        }
        for channel in &distinct {
            *sums[*channel].entry(distinct.len()).or_default() += amount;
        }
    }
    sums.iter().map(|sums| sums.iter().map(|(among, sum)| real(*sum) / real(*among as u64)).sum()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of journeys are far below 2^53")]
const fn real(count: u64) -> f64 {
    count as f64
}

/// What a set of channels is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worth {
    /// Conversions of journeys whose channels lie within the set: never falls when a channel joins.
    ConversionsWithin,
    /// Value of those conversions.
    ValueWithin,
    /// Conversions of journeys that touched exactly the set. Values may be negative: a channel may join a set that converts more often alone.
    ConversionsOfExactly,
    /// Share of the journeys that touched exactly the set which converted.
    RateOfExactly,
}

/// Channels as players, with what sets of them are worth.
#[derive(Clone, PartialEq, Debug)]
pub struct Game {
    players: usize,
    worth: Worth,
    /// Outcome of the journeys that touched exactly each set, as bits.
    exactly: BTreeMap<u128, Outcome>,
}

impl Game {
    /// The game of all channels.
    ///
    /// # Errors
    /// With more than 128 channels.
    pub fn of<C>(paths: &Paths<C>, worth: Worth) -> Result<Self, TrainingError> {
        let players = paths.channels().len();
        if players > MOST_SAMPLED {
            return Err(TrainingError::TooManyChannels { most: MOST_SAMPLED });
        }
        let mut exactly: BTreeMap<u128, Outcome> = BTreeMap::new();
        for (path, outcome) in paths.iter() {
            let set = path.iter().fold(0_u128, |set, channel| set | 1 << channel);
            exactly.entry(set).or_default().add(outcome);
        }
        Ok(Self { players, worth, exactly })
    }

    /// The same game among some of the channels only; the others are never there. Players keep their order.
    #[must_use]
    pub fn among(&self, players: &[usize]) -> Self {
        let all = players.iter().fold(0_u128, |set, player| set | 1 << player);
        let renumbered = |set: u128| {
            players.iter().enumerate().fold(0_u128, |sum, (new, old)| sum | ((set >> old) & 1) << new)
        };
        let within = self.exactly.iter().filter(|(set, _)| **set & !all == 0);
        let exactly = within.map(|(set, outcome)| (renumbered(*set), *outcome)).collect();
        Self { players: players.len(), worth: self.worth, exactly }
    }

    /// Outcome of the journeys that touched exactly each set of channels; the lowest bit is the first channel.
    pub fn sets(&self) -> impl Iterator<Item = (u128, &Outcome)> {
        self.exactly.iter().map(|(set, outcome)| (*set, outcome))
    }

    fn of_exactly(&self, outcome: &Outcome) -> f64 {
        match self.worth {
            Worth::ConversionsWithin | Worth::ConversionsOfExactly => real(outcome.conversions),
            Worth::ValueWithin => real(outcome.value),
            Worth::RateOfExactly => real(outcome.conversions) / real(outcome.journeys().max(1)),
        }
    }

    const fn is_within(&self) -> bool {
        matches!(self.worth, Worth::ConversionsWithin | Worth::ValueWithin)
    }

    /// What a set of players is worth.
    #[must_use]
    pub fn worth(&self, set: u128) -> f64 {
        if self.is_within() {
            let within = self.exactly.iter().filter(|(own, _)| **own & !set == 0);
            within.map(|(_, outcome)| self.of_exactly(outcome)).sum()
        } else {
            self.exactly.get(&set).map_or(0.0, |outcome| self.of_exactly(outcome))
        }
    }

    /// What every set is worth, the set's bits being its place.
    fn worths(&self) -> Vec<f64> {
        let mut worths = vec![0.0; 1 << self.players];
        for (set, outcome) in &self.exactly {
            if let Some(worth) = usize::try_from(*set).ok().and_then(|set| worths.get_mut(set)) {
                *worth = self.of_exactly(outcome);
            }
        }
        if self.is_within() {
            for player in 0..self.players {
                for set in (0..worths.len()).filter(|set| set >> player & 1 == 1) {
                    worths[set] += worths[set ^ (1 << player)];
                }
            }
        }
        worths
    }
}

/// Shapley values by going through all sets; their sum is the worth of all channels together.
///
/// # Errors
/// With more than [`MOST_ENUMERATED`] channels.
pub fn enumerate(game: &Game) -> Result<Vec<f64>, TrainingError> {
    if game.players > MOST_ENUMERATED {
        return Err(TrainingError::TooManyToEnumerate { channels: game.players });
    }
    Ok(values_of(game.players, &game.worths()))
}

/// Shapley values of any game of at most [`MOST_ENUMERATED`] players: `worths` tells what each set is worth, the set's bits being its place.
///
/// The published example with two players:
/// ```
/// use tributary_domain::attribution::training::shapley::values_of;
/// assert_eq!(values_of(2, &[0.0, 10.0, 5.0, 35.0]), [20.0, 15.0]);
/// ```
#[must_use]
pub fn values_of(players: usize, worths: &[f64]) -> Vec<f64> {
    // |S|! (n - |S| - 1)! / n! = 1 / (n * binomial(n - 1, |S|)).
    let mut weights = Vec::with_capacity(players);
    let mut binomial = 1.0;
    for size in 0..players {
        weights.push(1.0 / (real(players as u64) * binomial));
        binomial *= real((players - 1 - size) as u64) / real(size as u64 + 1);
    }
    let mut values = vec![0.0; players];
    for (set, worth) in worths.iter().enumerate() {
        let size = set.count_ones() as usize;
        for (player, value) in values.iter_mut().enumerate() {
            let is_member = set >> player & 1 == 1;
            // Each worth is added to its members and taken from the others.
            *value += match (is_member, size) {
                (true, size) => worth * weights.get(size - 1).copied().unwrap_or(0.0),
                (false, size) => -worth * weights.get(size).copied().unwrap_or(0.0),
            };
        }
    }
    values
}

/// Sampled Shapley values.
#[derive(Clone, PartialEq, Debug)]
pub struct Sampled {
    /// Estimates, in the order of the players; their sum is exact.
    pub values: Vec<f64>,
    /// Standard error of each: two out of three true values lie within one of it, 95 of 100 within two.
    pub errors: Vec<f64>,
}

/// Shapley values from random orders of the players, each taken forwards and backwards, which evens out much of the chance.
///
/// The seed decides everything: the same game, number and seed give the same result on every machine. Source: Castro, Gomez, Tejada,
/// "Polynomial calculation of the Shapley value based on sampling" (2009).
///
/// # Errors
/// With fewer than two permutations.
pub fn sample(game: &Game, permutations: u32, seed: u64) -> Result<Sampled, TrainingError> {
    if permutations < 2 {
        return Err(TrainingError::TooFewPermutations);
    }
    let players = game.players;
    let (mut sums, mut squares) = (vec![0.0; players], vec![0.0; players]);
    let mut order: Vec<usize> = (0..players).collect();
    let mut draws = Draws(seed);
    for _ in 0..permutations {
        for place in (1..players).rev() {
            order.swap(place, draws.below(place as u64 + 1));
        }
        let mut added = vec![0.0; players];
        join(game, order.iter().copied(), &mut added);
        join(game, order.iter().rev().copied(), &mut added);
        for (player, twice) in added.into_iter().enumerate() {
            let mean = twice / 2.0;
            sums[player] += mean;
            squares[player] += mean * mean;
        }
    }
    let count = f64::from(permutations);
    let values: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let variance = |square: f64, mean: f64| ((square - count * mean * mean) / (count - 1.0)).max(0.0);
    let errors =
        squares.iter().zip(&values).map(|(square, mean)| (variance(*square, *mean) / count).sqrt()).collect();
    Ok(Sampled { values, errors })
}

/// Adds to each player what he adds to those who joined before him.
fn join(game: &Game, order: impl Iterator<Item = usize>, added: &mut [f64]) {
    let (mut set, mut before) = (0_u128, 0.0);
    for player in order {
        set |= 1 << player;
        let worth = game.worth(set);
        added[player] += worth - before;
        before = worth;
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): equal seeds give equal draws for ever.
struct Draws(u64);

impl Draws {
    /// A number from 0 up to but without `bound`.
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        usize::try_from((u128::from(word) * u128::from(bound)) >> 64).unwrap_or(0)
    }
}
