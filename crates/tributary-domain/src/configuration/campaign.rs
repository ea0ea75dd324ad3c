//! A campaign: what is promoted, how long a touchpoint may earn, who gets which share.

use crate::attribution::models::Model;
use crate::ids::{BrandKey, PlanKey};
use crate::time::Span;

use super::{GoalTerms, StandDown, StatedWindows};

/// How far down the funnel a campaign aims; decides what a campaign has that states nothing itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tier {
    /// 30 days.
    Awareness,
    /// 14 days.
    Consideration,
    /// 7 days.
    Conversion,
}

impl Tier {
    /// Reads the published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "awareness" => Some(Self::Awareness),
            "consideration" => Some(Self::Consideration),
            "conversion" => Some(Self::Conversion),
            _ => None,
        }
    }

    /// The click-through window of the tier, from the commissioning text.
    #[must_use]
    pub const fn click_window(self) -> Span {
        match self {
            Self::Awareness => Span::days(30),
            Self::Consideration => Span::days(14),
            Self::Conversion => Span::days(7),
        }
    }
}

/// A campaign.
#[derive(Clone, PartialEq, Debug)]
pub struct Campaign {
    /// Its brand.
    pub brand: BrandKey,
    /// Its tier.
    pub tier: Tier,
    /// Where links lead unless they have their own destination.
    pub destination: String,
    /// Hosts that `to=` and links may lead to, beside the destination's own.
    pub allowed_hosts: Vec<String>,
    /// Name of the parameter that carries the click id to the destination.
    pub click_parameter: String,
    /// How long touchpoints may earn credit, where the campaign says so itself.
    pub windows: StatedWindows,
    /// What it states for single goals.
    pub goals: Vec<GoalTerms>,
    /// A click or impression younger than this at the conversion takes no part.
    pub minimum_time: Span,
    /// Whether clicks after the cart was opened stand down, where the campaign says so itself.
    pub stand_down: Option<StandDown>,
    /// Touchpoints of one partner closer together than this are one visit.
    pub visit_gap: Span,
    /// Who gets which share, where the campaign says so itself.
    pub model: Option<Model>,
    /// What is paid for it.
    pub plan: Option<PlanKey>,
    /// Whether its links redirect and count.
    pub active: bool,
}
