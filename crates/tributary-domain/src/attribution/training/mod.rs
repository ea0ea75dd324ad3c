//! Training data-driven weights: from the journeys of a period to what each channel brought.
//!
//! | method | answers |
//! | --- | --- |
//! | [`markov`] | how many conversions would be lost if everybody who comes to a channel left there |
//! | [`shapley`] | what each channel adds on average to whichever others are there |
//!
//! Journeys are counted in whole numbers ([`Paths`]), so that neither the order in which they come nor any hash map can move a digit.
//! From there on training calculates with floating point, always in the order of the channels, and [`whole_weights`] rounds its result once: what
//! is paid by are the whole numbers of [`super::models::TrainedWeights`], and they are never trained anew behind anybody's back.

pub mod markov;
pub mod paths;
pub mod shapley;
mod solving;
mod weights;

pub use markov::Markov;
pub use paths::{Outcome, PathCollector, Paths};
pub use weights::{millionths, whole_weights};

use thiserror::Error;

/// Why nothing could be trained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TrainingError {
    /// More channels than a path can be written with.
    #[error("there are more than {most} channels; leave out or join the rare ones")]
    TooManyChannels {
        /// How many are possible.
        most: usize,
    },
    /// More different paths than there is room for.
    #[error("the journeys take too many different paths; choose fewer days, a goal or a campaign")]
    TooManyPaths,
    /// Solving the chain once for each channel would take too long.
    #[error(
        "there are too many channels and steps between them; choose a lower order, fewer days, a goal or a campaign"
    )]
    TooMuchWork,
    /// Exact enumeration would take too long.
    #[error(
        "{channels} channels are too many to go through all their combinations (15 at most); sample instead"
    )]
    TooManyToEnumerate {
        /// How many there are.
        channels: usize,
    },
    /// Markov order out of range.
    #[error("order {0} is not known; choose 1 to 4")]
    UnknownOrder(u8),
    /// Sampling without samples.
    #[error("at least two permutations are needed to know how far off the result may be")]
    TooFewPermutations,
    /// No conversion to share.
    #[error("no journey converted in this period; choose a longer one")]
    NothingConverted,
}

#[cfg(test)]
mod tests;
