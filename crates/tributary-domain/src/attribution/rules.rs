//! What a touchpoint is judged by: its campaign and its windows, looked up once for each campaign and partner.

use std::collections::HashMap;

use crate::configuration::{Brand, Campaign, StandDown, Windows};
use crate::ids::{CampaignKey, PartnerKey};
use crate::time::Span;

use super::{Circumstances, TouchKind, Touchpoint};

/// The rules for the touchpoints of one partner for one campaign.
#[derive(Clone, Copy)]
pub(super) struct Rule<'c> {
    /// The campaign in force at the conversion.
    pub(super) campaign: Option<&'c Campaign>,
    windows: Windows,
    /// Whether it stands down after the cart was opened.
    pub(super) stand_down: StandDown,
}

impl Rule<'_> {
    /// How old a touchpoint may be.
    pub(super) const fn window(&self, kind: TouchKind) -> Span {
        match kind {
            TouchKind::Impression => self.windows.view,
            TouchKind::Click | TouchKind::Code | TouchKind::Named => self.windows.click,
        }
    }

    /// How old a touchpoint must be. What the order itself says happens at its own moment by nature.
    pub(super) fn minimum_time(&self, kind: TouchKind) -> Span {
        match kind {
            TouchKind::Click | TouchKind::Impression => {
                self.campaign.map_or(Span(0), |campaign| campaign.minimum_time)
            }
            TouchKind::Code | TouchKind::Named => Span(0),
        }
    }
}

/// The rules of one conversion, as far as they were asked for.
pub(super) struct Rules<'c> {
    circumstances: &'c Circumstances<'c>,
    brand: Option<&'c Brand>,
    known: HashMap<(Option<&'c CampaignKey>, Option<&'c PartnerKey>), Rule<'c>>,
}

impl<'c> Rules<'c> {
    pub(super) fn new(circumstances: &'c Circumstances<'c>) -> Self {
        let brand = circumstances.configuration.brand(circumstances.brand, circumstances.converted_at);
        Self { circumstances, brand, known: HashMap::new() }
    }

    /// The rule for a touchpoint.
    pub(super) fn of(&mut self, touchpoint: &'c Touchpoint) -> Rule<'c> {
        let Circumstances { configuration, brand, converted_at, goal, .. } = *self.circumstances;
        let place = (touchpoint.campaign.as_ref(), touchpoint.partner());
        *self.known.entry(place).or_insert_with(|| {
            let (campaign, partner) = place;
            let campaign = campaign.and_then(|key| configuration.campaign(brand, key, converted_at));
            let partner = partner.and_then(|key| configuration.partner(brand, key, converted_at));
            Rule {
                campaign,
                windows: Windows::of(self.brand, campaign, partner, goal),
                stand_down: StandDown::of(self.brand, campaign),
            }
        })
    }
}
