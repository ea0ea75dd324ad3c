//! Markov removal effect, order 1 to 4.
//!
//! Journeys are walks: from the start through channels to a conversion or to nothing. The share of journeys that go from one state to another
//! is the probability of that step. A channel's **removal effect** is the share of conversions that would be lost if every walk that comes to it
//! ended there: `1 - P(conversion without it) / P(conversion)`. Shares are in proportion to the effects.
//!
//! At order `k` a state is the last `k` channels (a sliding window); a shorter path is one state. A state goes with any of its
//! channels. Journeys without a conversion count.
//!
//! The **effect on value** removes expected value instead of conversions: every conversion out of a state stands for the mean value of
//! those conversions.
//!
//! Source: Anderl, Becker, von Wangenheim, Schumann, "Mapping the customer journey" (2016).

use std::collections::HashMap;

use super::solving::Chain;
use super::{Paths, TrainingError};

/// Highest order.
const MOST_CHANNELS_IN_STATE: u8 = 4;
/// Up to this many states, steps are counted in a table.
const MOST_IN_TABLE: usize = 512;

/// What removing channels would cost.
#[derive(Clone, PartialEq, Debug)]
pub struct Markov {
    /// Share of journeys that convert.
    pub probability: f64,
    /// Mean value of a journey, in the unit of the paths' values.
    pub expected_value: f64,
    /// Share of conversions lost without each channel, in the order of [`Paths::channels`]; 0 to 1.
    pub effects: Vec<f64>,
    /// Share of expected value lost without each channel, likewise.
    pub effects_on_value: Vec<f64>,
    /// How far off any effect may be, beyond the rounding of 64-bit numbers.
    pub error: f64,
}

impl Markov {
    /// Trains at an order.
    ///
    /// Three journeys `C1 C2 C3` converted, `C1` and `C2 C3` did not: one third converts. Without `C1` half of that is left, without `C2` or `C3`
    /// nothing.
    /// ```
    /// use tributary_domain::attribution::training::{Markov, Outcome, PathCollector};
    ///
    /// let (converted, not) = (Outcome { conversions: 1, value: 900, nulls: 0 }, Outcome { nulls: 1, ..Default::default() });
    /// let mut collector: PathCollector<String> = PathCollector::default();
    /// collector.add(["C1", "C2", "C3"], &converted)?;
    /// collector.add(["C1"], &not)?;
    /// collector.add(["C2", "C3"], &not)?;
    /// let markov = Markov::train(&collector.finish(), 1)?;
    /// let near = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-15);
    /// assert!(near(&[markov.probability, markov.expected_value / 900.0], &[1.0 / 3.0, 1.0 / 3.0]));
    /// assert!(near(&markov.effects, &[0.5, 1.0, 1.0]));
    /// assert!(near(&markov.shares(), &[0.2, 0.4, 0.4]));
    /// # Ok::<(), tributary_domain::attribution::training::TrainingError>(())
    /// ```
    ///
    /// # Errors
    /// When the order is not 1 to 4, or no journey converted.
    pub fn train<C>(paths: &Paths<C>, order: u8) -> Result<Self, TrainingError> {
        Self::train_within(paths, order, usize::MAX)
    }

    /// As [`Markov::train`], unless solving the chain once for each channel would pass more than `most_steps` steps between states in each
    /// round: a hundred million take some seconds.
    ///
    /// # Errors
    /// Likewise, and when it would be too much work.
    pub fn train_within<C>(paths: &Paths<C>, order: u8, most_steps: usize) -> Result<Self, TrainingError> {
        if !(1..=MOST_CHANNELS_IN_STATE).contains(&order) {
            return Err(TrainingError::UnknownOrder(order));
        }
        if paths.total().conversions == 0 {
            return Err(TrainingError::NothingConverted);
        }
        let (chain, windows) = chain_of(paths, usize::from(order));
        let steps = chain.states() + chain.moves.iter().map(Vec::len).sum::<usize>();
        if steps.saturating_mul(paths.channels().len()) > most_steps {
            return Err(TrainingError::TooMuchWork);
        }
        let whole = chain.ending(&vec![false; chain.states()]);
        let mut error = whole.error;
        let mut effects = Vec::with_capacity(paths.channels().len());
        let mut effects_on_value = Vec::with_capacity(paths.channels().len());
        let lost =
            |without: f64, with: f64| if with > 0.0 { (1.0 - without / with).clamp(0.0, 1.0) } else { 0.0 };
        for channel in (0..).take(paths.channels().len()) {
            let removed: Vec<bool> = windows.iter().map(|window| window.holds(channel)).collect();
            let rest = chain.ending(&removed);
            effects.push(lost(rest.probability, whole.probability));
            effects_on_value.push(lost(rest.value, whole.value));
            error = error.max(rest.error);
        }
        let (probability, expected_value) = (whole.probability, whole.value);
        Ok(Self { probability, expected_value, effects, effects_on_value, error: error / probability })
    }

    /// Each channel's share of the conversions; they sum to 1.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        in_proportion(&self.effects)
    }

    /// Each channel's share of the value; they sum to 1 unless there is no value.
    #[must_use]
    pub fn shares_of_value(&self) -> Vec<f64> {
        in_proportion(&self.effects_on_value)
    }
}

fn in_proportion(effects: &[f64]) -> Vec<f64> {
    let sum: f64 = effects.iter().sum();
    effects.iter().map(|effect| if sum > 0.0 { effect / sum } else { 0.0 }).collect()
}

/// The last channels of a journey, one in each 16 bits from the lowest on, counted from 1; 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Window(u64);

impl Window {
    fn of(channels: &[u16]) -> Self {
        Self(channels.iter().fold(0, |window, channel| (window << 16) | (u64::from(*channel) + 1)))
    }

    pub(super) fn holds(self, channel: u16) -> bool {
        (0..u32::from(MOST_CHANNELS_IN_STATE))
            .any(|place| (self.0 >> (16 * place)) & 0xffff == u64::from(channel) + 1)
    }
}

/// The states of a path in order.
fn windows_of(path: &[u16], order: usize) -> impl Iterator<Item = Window> {
    path.windows(order.min(path.len())).map(Window::of)
}

/// Counts the steps of all journeys; states are numbered in the order of their channels.
pub(super) fn chain_of<C>(paths: &Paths<C>, order: usize) -> (Chain, Vec<Window>) {
    let mut windows: Vec<Window> = if order == 1 {
        (0..).take(paths.channels().len()).map(|channel: u16| Window::of(&[channel])).collect()
    } else {
        let all: std::collections::HashSet<Window> =
            paths.iter().flat_map(|(path, _)| windows_of(path, order)).collect();
        all.into_iter().collect()
    };
    windows.sort_unstable();
    let number_of: HashMap<Window, usize> =
        windows.iter().enumerate().map(|(number, window)| (*window, number)).collect();
    let size = windows.len();
    let mut chain = Chain {
        begins: vec![0; size],
        moves: vec![Vec::new(); size],
        conversions: vec![0; size],
        values: vec![0; size],
        nulls: vec![0; size],
    };
    let mut steps = Steps::new(size);
    let mut numbers = Vec::new();
    for (path, outcome) in paths.iter() {
        numbers.clear();
        if order == 1 {
            numbers.extend(path.iter().map(|channel| usize::from(*channel)));
        } else {
            numbers.extend(windows_of(path, order).filter_map(|window| number_of.get(&window).copied()));
        }
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { continue };
        chain.begins[*first] += outcome.journeys();
        chain.conversions[*last] += outcome.conversions;
        chain.values[*last] += outcome.value;
        chain.nulls[*last] += outcome.nulls;
        for (from, to) in numbers.iter().zip(&numbers[1..]) {
            steps.add(*from, *to, outcome.journeys());
        }
    }
    steps.into_moves(&mut chain.moves);
    (chain, windows)
}

/// How many journeys take each step.
enum Steps {
    Table { size: usize, counts: Vec<u64> },
    Rare(HashMap<(usize, usize), u64>),
}

impl Steps {
    fn new(size: usize) -> Self {
        if size <= MOST_IN_TABLE {
            Self::Table { size, counts: vec![0; size * size] }
        } else {
            Self::Rare(HashMap::new())
        }
    }

    fn add(&mut self, from: usize, to: usize, journeys: u64) {
        match self {
            Self::Table { size, counts } => counts[from * *size + to] += journeys,
            Self::Rare(counts) => *counts.entry((from, to)).or_default() += journeys,
        }
    }

    /// Where a journey stays does not matter: sooner or later it leaves, and where to is in proportion to the rest.
    fn into_moves(self, moves: &mut [Vec<(usize, u64)>]) {
        let mut add = |from: usize, to: usize, count: u64| {
            if from != to && count > 0 {
                moves[from].push((to, count));
            }
        };
        match self {
            Self::Table { size, counts } => {
                counts
                    .into_iter()
                    .enumerate()
                    .for_each(|(place, count)| add(place / size, place % size, count));
            }
            Self::Rare(counts) => counts.into_iter().for_each(|((from, to), count)| add(from, to, count)),
        }
        moves.iter_mut().for_each(|to| to.sort_unstable());
    }
}
