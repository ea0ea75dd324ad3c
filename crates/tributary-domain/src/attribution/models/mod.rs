//! Attribution models: who gets which share of a conversion. One small module each, with its source and worked examples.
//!
//! A model answers integer weights, so that value is split without rounding loss by
//! [`crate::money::split_by_largest_remainder`]: a touchpoint's share is its weight over the sum of weights. The definitions are those of
//! `docs/attribution.md`.

mod coupon_first;
mod data_driven;
mod position_based;
mod time_decay;
mod w_shaped;
mod weighted_last_touch;

use std::fmt;
use std::sync::Arc;

use super::Touchpoint;
use crate::ids::WeightsKey;
use crate::time::{Span, Timestamp};

pub use data_driven::TrainedWeights;

/// A share in millionths: 600,000 is 60 %.
pub type Millionths = u32;

/// The whole in millionths.
pub const WHOLE: Millionths = 1_000_000;

/// An attribution model with its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Model {
    /// All to the first touchpoint.
    FirstTouch,
    /// All to the last touchpoint.
    LastTouch,
    /// All to the last touchpoint that is not direct traffic; the same as [`Model::LastTouch`] wherever direct traffic is outranked,
    /// which is always so here, and kept because operators ask for it by this name.
    LastNonDirect,
    /// Equal shares to all touchpoints; a channel that was touched twice has two.
    Linear,
    /// The younger a touchpoint, the more.
    TimeDecay {
        /// The age by which a touchpoint weighs half as much.
        half_life: Span,
    },
    /// Fixed shares to the first and the last touchpoint, the rest equally to those between them: the U shape is 40 %, 20 %, 40 %.
    PositionBased {
        /// Share of the first.
        first: Millionths,
        /// Share of the last.
        last: Millionths,
    },
    /// Fixed shares to the first touchpoint, to the one that led to the registration and to the one that led to the qualification (or
    /// stands last without one); the rest equally to the others.
    WShaped {
        /// Share of the first.
        first: Millionths,
        /// Share of the one that led to the registration.
        lead: Millionths,
        /// Share of the one that led to the qualification.
        opportunity: Millionths,
    },
    /// A fixed share to the last touchpoint, the rest equally to the earlier ones; a single one takes all. The commissioned model.
    WeightedLastTouch {
        /// Share of the last touchpoint.
        last_share_ppm: Millionths,
    },
    /// All to the promo code that was used; without one, another model decides.
    CouponFirst {
        /// The other model.
        otherwise: Arc<Self>,
    },
    /// Shares as the channels' weights tell, which were trained on a stated period and are fixed since.
    DataDriven {
        /// The trained weights, in the set-up.
        weights: WeightsKey,
    },
}

/// What a model may look at: the eligible touchpoints of one conversion in order of time, and the milestones on the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Journey<'j> {
    /// In order of time; not empty.
    pub touchpoints: &'j [&'j Touchpoint],
    /// When the person registered first, if he did before the conversion.
    pub registered_at: Option<Timestamp>,
    /// When the person qualified first, if he did before the conversion.
    pub qualified_at: Option<Timestamp>,
    /// The trained weights that the model names, if they are set up.
    pub trained: Option<&'j TrainedWeights>,
}

impl<'j> Journey<'j> {
    /// A journey without milestones.
    #[must_use]
    pub const fn of(touchpoints: &'j [&'j Touchpoint]) -> Self {
        Self { touchpoints, registered_at: None, qualified_at: None, trained: None }
    }
}

impl Model {
    /// The published names of the models that rules decide, in the order of the documentation; [`Model::parse`] gives each its usual parameters.
    pub const RULE_BASED: [&str; 9] = [
        "first_touch",
        "last_touch",
        "last_non_direct",
        "linear",
        "time_decay",
        "position_based",
        "w_shaped",
        "weighted_last_touch",
        "coupon_first",
    ];

    /// The published name, without parameters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::FirstTouch => "first_touch",
            Self::LastTouch => "last_touch",
            Self::LastNonDirect => "last_non_direct",
            Self::Linear => "linear",
            Self::TimeDecay { .. } => "time_decay",
            Self::PositionBased { .. } => "position_based",
            Self::WShaped { .. } => "w_shaped",
            Self::WeightedLastTouch { .. } => "weighted_last_touch",
            Self::CouponFirst { .. } => "coupon_first",
            Self::DataDriven { .. } => "data_driven",
        }
    }

    /// The trained weights that the model needs.
    #[must_use]
    pub fn trained_weights(&self) -> Option<&WeightsKey> {
        match self {
            Self::DataDriven { weights } => Some(weights),
            Self::CouponFirst { otherwise } => otherwise.trained_weights(),
            _ => None,
        }
    }

    /// Whether the model asks when the person registered and qualified.
    #[must_use]
    pub fn has_milestones(&self) -> bool {
        match self {
            Self::WShaped { .. } => true,
            Self::CouponFirst { otherwise } => otherwise.has_milestones(),
            _ => false,
        }
    }

    /// Reads what [`fmt::Display`] writes, such as `linear`, `time_decay(7d)` or `coupon_first(position_based(400000,400000))`. A model
    /// with parameters may stand without them and has the usual ones then.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, parameters) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
            None => (text, None),
        };
        let shares = |usual: &[Millionths]| -> Option<Vec<Millionths>> {
            let Some(parameters) = parameters else { return Some(usual.to_vec()) };
            let shares: Vec<Millionths> =
                parameters.split(',').map(|share| share.parse().ok()).collect::<Option<_>>()?;
            let sum: u64 = shares.iter().copied().map(u64::from).sum();
            (shares.len() == usual.len() && sum <= u64::from(WHOLE)).then_some(shares)
        };
        let simple = |model: Self| parameters.is_none().then_some(model);
        match name {
            "first_touch" => simple(Self::FirstTouch),
            "last_touch" => simple(Self::LastTouch),
            "last_non_direct" => simple(Self::LastNonDirect),
            "linear" => simple(Self::Linear),
            "time_decay" => {
                let half_life = parameters.map_or(Some(Span::days(7)), |text| Span::parse(text).ok())?;
                (half_life.0 > 0).then_some(Self::TimeDecay { half_life })
            }
            "position_based" => {
                shares(&[400_000, 400_000]).map(|all| Self::PositionBased { first: all[0], last: all[1] })
            }
            "w_shaped" => shares(&[300_000, 300_000, 300_000]).map(|all| Self::WShaped {
                first: all[0],
                lead: all[1],
                opportunity: all[2],
            }),
            "weighted_last_touch" => {
                shares(&[600_000]).map(|all| Self::WeightedLastTouch { last_share_ppm: all[0] })
            }
            "coupon_first" => {
                let otherwise = Self::parse(parameters.unwrap_or("last_touch"))?;
                let nested = matches!(otherwise, Self::CouponFirst { .. });
                (!nested).then(|| Self::CouponFirst { otherwise: Arc::new(otherwise) })
            }
            "data_driven" => Some(Self::DataDriven { weights: WeightsKey::parse(parameters?).ok()? }),
            _ => None,
        }
    }

    /// Integer weights of the journey's touchpoints, in their order; not all are zero unless there is no touchpoint.
    ///
    /// | model | weights of three touchpoints |
    /// | --- | --- |
    /// | first touch | 1, 0, 0 |
    /// | last touch, last non-direct | 0, 0, 1 |
    /// | linear | 1, 1, 1 |
    /// | time decay, each one half-life after the other | 1, 2, 4 |
    /// | position based | 40 %, 20 %, 40 % |
    /// | weighted last touch, 60 % | 20 %, 20 %, 60 % |
    #[must_use]
    pub fn weights(&self, journey: &Journey<'_>) -> Vec<u64> {
        let count = journey.touchpoints.len();
        let Some(last) = count.checked_sub(1) else { return Vec::new() };
        let all_to = |place: usize| (0..count).map(|each| u64::from(each == place)).collect();
        match self {
            Self::FirstTouch => all_to(0),
            Self::LastTouch | Self::LastNonDirect => all_to(last),
            Self::Linear => vec![1; count],
            Self::TimeDecay { half_life } => time_decay::weights(journey.touchpoints, *half_life),
            Self::PositionBased { first, last } => position_based::weights(count, *first, *last),
            Self::WShaped { first, lead, opportunity } => {
                w_shaped::weights(journey, [*first, *lead, *opportunity])
            }
            Self::WeightedLastTouch { last_share_ppm } => {
                weighted_last_touch::weights(count, *last_share_ppm)
            }
            Self::CouponFirst { otherwise } => coupon_first::weights(journey, otherwise),
            Self::DataDriven { .. } => data_driven::weights(journey),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::TimeDecay { half_life } => write!(f, "{name}({half_life})"),
            Self::PositionBased { first, last } => write!(f, "{name}({first},{last})"),
            Self::WShaped { first, lead, opportunity } => write!(f, "{name}({first},{lead},{opportunity})"),
            Self::WeightedLastTouch { last_share_ppm } => write!(f, "{name}({last_share_ppm})"),
            Self::CouponFirst { otherwise } => write!(f, "{name}({otherwise})"),
            Self::DataDriven { weights } => write!(f, "{name}({weights})"),
            _ => f.write_str(name),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
