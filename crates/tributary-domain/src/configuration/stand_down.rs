//! Whether clicks after the cart was opened stand down.

use crate::time::Span;

use super::{Brand, Campaign, TermsLevel};

/// Whether partners' touchpoints that come after the cart was opened stand down for whoever brought the customer before.
///
/// Coupon extensions of browsers click for the customer when he is about to pay: the last touch, and it brought nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StandDown {
    /// They take part like any other.
    #[default]
    Off,
    /// They take no part.
    AfterCart {
        /// How long after the cart was opened. Who comes later has come back.
        within: Span,
    },
}

impl StandDown {
    /// What holds for touchpoints of a campaign: its own word, else the brand's.
    #[must_use]
    pub fn of(brand: Option<&Brand>, campaign: Option<&Campaign>) -> Self {
        Self::with_level(brand, campaign).0
    }

    /// The same as [`Self::of`], with the level that states it.
    #[must_use]
    pub fn with_level(brand: Option<&Brand>, campaign: Option<&Campaign>) -> (Self, TermsLevel) {
        match (campaign.and_then(|campaign| campaign.stand_down), brand) {
            (Some(rule), _) => (rule, TermsLevel::Campaign),
            (None, Some(brand)) => (brand.stand_down, TermsLevel::Brand),
            (None, None) => (Self::default(), TermsLevel::BuiltIn),
        }
    }
}
