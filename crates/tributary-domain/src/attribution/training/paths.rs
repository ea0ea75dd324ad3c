//! Journeys, aggregated: which channels in which order, how many of them converted, for how much, and how many did not.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::TrainingError;

/// Channels per set of paths; four of their numbers and "no channel" fit into 64 bits.
const MOST_CHANNELS: usize = 65_000;

/// Memory of one distinct path in bytes, at most, besides its steps: outcome, place in the map and in the sorted rows.
const PATH_BYTES: usize = 160;

/// What became of journeys of one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Conversions.
    pub conversions: u64,
    /// Their value, in whole units of any size that is the same for all paths.
    pub value: u64,
    /// Journeys that ended without a conversion.
    pub nulls: u64,
}

impl Outcome {
    /// Conversions and journeys without.
    #[must_use]
    pub const fn journeys(&self) -> u64 {
        self.conversions.saturating_add(self.nulls)
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.conversions = self.conversions.saturating_add(other.conversions);
        self.value = self.value.saturating_add(other.value);
        self.nulls = self.nulls.saturating_add(other.nulls);
    }
}

/// Takes in journeys one by one; needs memory for each distinct path only.
///
/// ```
/// use tributary_domain::attribution::training::{Outcome, PathCollector};
///
/// let mut collector: PathCollector<String> = PathCollector::default();
/// let converted = Outcome { conversions: 1, value: 1_000, nulls: 0 };
/// collector.add(["search", "anna"], &converted)?;
/// collector.add(["anna"], &Outcome { nulls: 1, ..Outcome::default() })?;
/// collector.add(["search", "anna"], &converted)?;
/// let paths = collector.finish();
/// assert_eq!(paths.channels(), ["anna", "search"]);
/// let rows: Vec<_> = paths.iter().collect();
/// assert_eq!(rows[0], (&[0][..], &Outcome { nulls: 1, ..Outcome::default() }));
/// assert_eq!(rows[1], (&[1, 0][..], &Outcome { conversions: 2, value: 2_000, nulls: 0 }));
/// # Ok::<(), tributary_domain::attribution::training::TrainingError>(())
/// ```
#[derive(Debug)]
pub struct PathCollector<C> {
    numbers: HashMap<C, u16>,
    outcomes: HashMap<Box<[u16]>, Outcome, BuildHasherDefault<StepHasher>>,
    path: Vec<u16>,
    /// Bytes that distinct paths may still take.
    room: usize,
}

impl<C> Default for PathCollector<C> {
    fn default() -> Self {
        Self::with_room(usize::MAX)
    }
}

impl<C> PathCollector<C> {
    /// Refuses distinct paths that together would take more than about so many bytes. Whether they do depends on the journeys alone, not on
    /// their order.
    #[must_use]
    pub fn with_room(bytes: usize) -> Self {
        Self { numbers: HashMap::new(), outcomes: HashMap::default(), path: Vec::new(), room: bytes }
    }
}

impl<C: Ord + Hash> PathCollector<C> {
    /// Adds journeys of one path. A path without channels says nothing about any and is left out.
    ///
    /// # Errors
    /// When there are too many channels, or no room for one more path.
    pub fn add<'p, Q>(
        &mut self,
        path: impl IntoIterator<Item = &'p Q>,
        outcome: &Outcome,
    ) -> Result<(), TrainingError>
    where
        C: Borrow<Q>,
        Q: ToOwned<Owned = C> + Hash + Eq + ?Sized + 'p,
    {
        self.path.clear();
        for channel in path {
            let number = match self.numbers.get(channel) {
                Some(number) => *number,
                None => self.number(channel.to_owned())?,
            };
            self.path.push(number);
        }
        if self.path.is_empty() || (outcome.conversions == 0 && outcome.nulls == 0) {
            return Ok(());
        }
        match self.outcomes.get_mut(self.path.as_slice()) {
            Some(known) => known.add(outcome),
            None => {
                let bytes = PATH_BYTES + std::mem::size_of_val(self.path.as_slice());
                self.room = self.room.checked_sub(bytes).ok_or(TrainingError::TooManyPaths)?;
                self.outcomes.insert(self.path.as_slice().into(), *outcome);
            }
        }
        Ok(())
    }

    fn number(&mut self, channel: C) -> Result<u16, TrainingError> {
        let too_many = TrainingError::TooManyChannels { most: MOST_CHANNELS };
        let number = u16::try_from(self.numbers.len()).map_err(|_| too_many)?;
        if usize::from(number) >= MOST_CHANNELS {
            return Err(too_many);
        }
        self.numbers.insert(channel, number);
        Ok(number)
    }

    /// The aggregated paths; channels and paths in their own order, however they came.
    #[must_use]
    pub fn finish(self) -> Paths<C> {
        let mut numbered: Vec<(C, u16)> = self.numbers.into_iter().collect();
        numbered.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut renumbered = vec![0_u16; numbered.len()];
        for (place, (_, number)) in (0..).zip(&numbered) {
            renumbered[usize::from(*number)] = place;
        }
        let mut rows: Vec<(Box<[u16]>, Outcome)> = self.outcomes.into_iter().collect();
        for (path, _) in &mut rows {
            for step in path.iter_mut() {
                *step = renumbered[usize::from(*step)];
            }
        }
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Paths { channels: numbered.into_iter().map(|(channel, _)| channel).collect(), rows }
    }
}

/// Aggregated journeys of a period.
#[derive(Clone, PartialEq, Debug)]
pub struct Paths<C> {
    channels: Vec<C>,
    rows: Vec<(Box<[u16]>, Outcome)>,
}

impl<C> Paths<C> {
    /// The channels, in their order; a path's steps are places in it.
    #[must_use]
    pub fn channels(&self) -> &[C] {
        &self.channels
    }

    /// Every distinct path with its outcome, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u16], &Outcome)> {
        self.rows.iter().map(|(path, outcome)| (&**path, outcome))
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Outcome {
        let mut total = Outcome::default();
        self.rows.iter().for_each(|(_, outcome)| total.add(outcome));
        total
    }
}

/// Hashes paths, of which there are millions: multiply and fold, eight bytes at a time. Nothing depends on the order in the map.
#[derive(Default)]
struct StepHasher(u64);

impl StepHasher {
    const fn fold(&mut self, word: u64) {
        // 2^64 over the golden ratio, as in SplitMix64.
        let wide = (self.0.rotate_left(23) ^ word) as u128 * 0x9e37_79b9_7f4a_7c15;
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }
}

impl Hasher for StepHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.fold(u64::from_le_bytes(last));
    }

    fn write_usize(&mut self, length: usize) {
        self.fold(length as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
