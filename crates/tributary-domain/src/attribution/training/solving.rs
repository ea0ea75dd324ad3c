//! Absorbing chains: where a walk ends that starts at the beginning.
//!
//! With `q` the shares that stay within the chain and `r` those that leave it in a certain way, the sought `x` solves `(1 - q) x = r` (Kemeny
//! and Snell, Finite Markov Chains, 1960, chapter 3). Small chains are solved by eliminating one state after another without a single
//! subtraction (Grassmann, Taksar, Heyman, 1985), so that no digit is lost. Large ones are swept (Gauss and Seidel) from below, together with the share
//! that ends in any way: what is missing from 1 bounds the error from above.

/// Chains up to this size are eliminated; beyond, sweeping costs less.
const MOST_ELIMINATED: usize = 200;
/// No chain of real journeys comes near: what is left then is told as the error.
const MOST_SWEEPS: usize = 20_000;
/// Below this share of walks that have not ended, sweeping gains nothing: it is what 64 bits resolve.
const RESOLVED: f64 = 1e-15;

/// Transitions in numbers of journeys.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Journeys that begin in each state.
    pub(super) begins: Vec<u64>,
    /// Where journeys go from each state, in order, without those that stay.
    pub(super) moves: Vec<Vec<(usize, u64)>>,
    /// Conversions out of each state.
    pub(super) conversions: Vec<u64>,
    /// Value of the conversions out of each state.
    pub(super) values: Vec<u64>,
    /// Journeys that end in each state without a conversion.
    pub(super) nulls: Vec<u64>,
}

/// How walks end.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Ending {
    /// Share that converts.
    pub(super) probability: f64,
    /// Mean value of a walk.
    pub(super) value: f64,
    /// How much `probability` may be too small.
    pub(super) error: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of journeys are far below 2^53")]
const fn real(count: u64) -> f64 {
    count as f64
}

impl Chain {
    pub(super) const fn states(&self) -> usize {
        self.begins.len()
    }

    /// How walks end when those that come to a state for which `removed` is true end there without a conversion.
    pub(super) fn ending(&self, removed: &[bool]) -> Ending {
        let all: u64 = self.begins.iter().sum();
        if all == 0 {
            return Ending::default();
        }
        let kept: Vec<usize> = (0..self.states()).filter(|state| !removed[*state]).collect();
        if kept.len() <= MOST_ELIMINATED { self.eliminate(&kept, all) } else { self.sweep(&kept, all) }
    }

    /// Journeys that leave a state.
    fn leaving(&self, state: usize) -> u64 {
        let moving: u64 = self.moves[state].iter().map(|(_, count)| *count).sum();
        moving + self.conversions[state] + self.nulls[state]
    }

    /// Eliminates one state after another. Columns: the kept states, then conversions and value.
    pub(super) fn eliminate(&self, kept: &[usize], all: u64) -> Ending {
        let size = kept.len();
        let (converted, valued) = (size, size + 1);
        let mut place_of = vec![usize::MAX; self.states()];
        for (place, state) in kept.iter().enumerate() {
            place_of[*state] = place;
        }
        // A last row for the beginning.
        let mut rows = vec![vec![0.0_f64; size + 2]; size + 1];
        for (place, state) in kept.iter().enumerate() {
            let leaving = real(self.leaving(*state));
            for (to, count) in self.moves[*state].iter().filter(|(to, _)| place_of[*to] != usize::MAX) {
                rows[place][place_of[*to]] = real(*count) / leaving;
            }
            if leaving > 0.0 {
                rows[place][converted] = real(self.conversions[*state]) / leaving;
                rows[place][valued] = real(self.values[*state]) / leaving;
            }
            rows[size][place] = real(self.begins[*state]) / real(all);
        }
        // What leaves a state other than to states not yet eliminated, conversions included: kept apart, so that it is never a difference.
        let mut away: Vec<f64> = kept
            .iter()
            .map(|state| {
                let removed = self.moves[*state].iter().filter(|(to, _)| place_of[*to] == usize::MAX);
                let lost: u64 = removed.map(|(_, count)| *count).sum();
                let leaving = self.leaving(*state).max(1);
                real(lost + self.conversions[*state] + self.nulls[*state]) / real(leaving)
            })
            .collect();
        away.push(0.0);
        for place in (0..size).rev() {
            let (before, rest) = rows.split_at_mut(place);
            let Some((pivot, after)) = rest.split_first_mut() else { continue };
            // What does not return to itself.
            let leaving = pivot[..place].iter().sum::<f64>() + away[place];
            let start = after.last_mut();
            for (from, row) in before.iter_mut().enumerate().chain(start.map(|row| (size, row))) {
                let share = row[place];
                if share == 0.0 || leaving == 0.0 {
                    continue;
                }
                let factor = share / leaving;
                for (own, through) in row[..place].iter_mut().zip(&pivot[..place]) {
                    *own += factor * through;
                }
                row[converted] += factor * pivot[converted];
                row[valued] += factor * pivot[valued];
                away[from] += factor * away[place];
            }
        }
        Ending { probability: rows[size][converted], value: rows[size][valued], error: 0.0 }
    }

    /// Sweeps until hardly any walk has not ended.
    pub(super) fn sweep(&self, kept: &[usize], all: u64) -> Ending {
        let mut state_of = vec![Row::default(); self.states()];
        let mut is_kept = vec![false; self.states()];
        kept.iter().for_each(|state| is_kept[*state] = true);
        let mut edges: Vec<(usize, f64)> = Vec::new();
        let mut ends: Vec<(usize, usize, [f64; 3])> = Vec::with_capacity(kept.len());
        for state in kept {
            let leaving = real(self.leaving(*state).max(1));
            let mut lost = self.nulls[*state];
            let first = edges.len();
            for (to, count) in &self.moves[*state] {
                if is_kept[*to] {
                    edges.push((*to, real(*count) / leaving));
                } else {
                    lost += count;
                }
            }
            let converted = real(self.conversions[*state]) / leaving;
            let ended = real(lost + self.conversions[*state]) / leaving;
            ends.push((*state, first, [converted, real(self.values[*state]) / leaving, ended]));
        }
        let mut ending = Ending { error: 1.0, ..Ending::default() };
        for sweep in 1..=MOST_SWEEPS {
            let mut last = edges.len();
            // Backwards: later states of a path lie later in the order more often than not.
            for (state, first, [converted, value, ended]) in ends.iter().rev() {
                let mut row = Row { converted: *converted, value: *value, ended: *ended };
                for (to, share) in &edges[*first..last] {
                    let next = &state_of[*to];
                    row.converted += share * next.converted;
                    row.value += share * next.value;
                    row.ended += share * next.ended;
                }
                state_of[*state] = row;
                last = *first;
            }
            if sweep % 8 == 0 {
                let before = ending;
                ending = self.ending_of(kept, &state_of, real(all));
                // Within rounding the sums stand still before everything has ended.
                if ending.error <= RESOLVED
                    || (ending == before && ending.probability.is_normal() && ending.error < 1e-12)
                {
                    break;
                }
            }
        }
        ending
    }

    fn ending_of(&self, kept: &[usize], state_of: &[Row], all: f64) -> Ending {
        let mut ending = Ending::default();
        for state in kept {
            let share = real(self.begins[*state]) / all;
            ending.probability += share * state_of[*state].converted;
            ending.value += share * state_of[*state].value;
            ending.error += share * (1.0 - state_of[*state].ended).max(0.0);
        }
        ending
    }
}

/// What is known of the walks from one state.
#[derive(Clone, Copy, Default)]
struct Row {
    converted: f64,
    value: f64,
    ended: f64,
}
