//! What decided about a touchpoint, in an explanation: where the set-up states it, and since when.

use serde::Serialize;

/// Where the set-up states a term, and since when that holds.
#[derive(Debug, Serialize, Clone, PartialEq, Eq)]
pub struct StatedAt {
    /// `goal`, `partner`, `campaign`, `tier`, `brand`, or `built_in` where nobody states it.
    pub level: &'static str,
    /// The kind of the entity that states it: `campaign`, `partner` or `brand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Since when its version has been in force; absent for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<String>,
}

impl StatedAt {
    /// What nobody states.
    pub const BUILT_IN: Self = Self { level: "built_in", kind: None, key: None, effective_from: None };

    /// The level alone, for who may not know the entity.
    #[must_use]
    pub fn level_alone(&self) -> Self {
        Self { level: self.level, kind: None, key: None, effective_from: None }
    }
}

/// How old a touchpoint had to be.
#[derive(Debug, Serialize, Clone)]
pub struct MinimumTime {
    /// In seconds.
    pub seconds: i64,
    /// Who states it.
    pub stated_at: StatedAt,
}

/// The id that an advertising platform hung on a click that it sold.
#[derive(Debug, Serialize, Clone)]
pub struct PaidClick {
    /// The parameter, such as `gclid`.
    pub parameter: &'static str,
    /// The beginning of its value; the operator's alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it made the touchpoint's channel.
    pub made_channel: bool,
}

/// Why a touchpoint is of its channel.
#[derive(Debug, Serialize, Clone)]
pub struct ChannelExplained {
    /// The channel.
    pub channel: String,
    /// `named` by the sender, `own_rule` of the brand, `built_in_rule`, or `no_rule`: nothing or nothing known is carried.
    pub rule: &'static str,
    /// Which of the brand's own rules, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// The tracking parameters that met the rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<&'static str>,
    /// Who states the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated_at: Option<StatedAt>,
}

/// When the cart of an order was opened last.
#[derive(Debug, Serialize, Clone)]
pub struct CartExplained {
    /// When.
    pub opened_at: String,
    /// What tells it: `order` (its `cart_opened_at`), or an event of the goal `cart` or `checkout`.
    pub told_by: &'static str,
    /// The event that tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// Why a touchpoint stood down.
#[derive(Debug, Serialize, Clone)]
pub struct StandDownExplained {
    /// The cart.
    pub cart: CartExplained,
    /// How long after the cart was opened it came.
    pub seconds_after_cart: i64,
    /// Until how long after it touchpoints stand down.
    pub within_seconds: i64,
    /// Who states the rule.
    pub stated_at: StatedAt,
}
