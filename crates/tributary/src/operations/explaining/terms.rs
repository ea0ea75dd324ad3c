//! Which level of the set-up decided about a touchpoint, and what its click carried.

use tributary_domain::attribution::{TouchKind, Touchpoint};
use tributary_domain::channels::{ChannelBasis, Classified};
use tributary_domain::configuration::{
    Brand, Campaign, Configuration, StandDown, TermsLevel, Versions, Windows,
};
use tributary_domain::fact::{Fact, Touch};
use tributary_domain::ids::{BrandKey, CampaignKey, PartnerKey};
use tributary_domain::settlement::{CartOpened, Conversion};
use tributary_domain::time::{Span, Timestamp};

use super::answer::{CartExplained, ChannelExplained, MinimumTime, PaidClick, StandDownExplained, StatedAt};
use super::cluster::touch_of;

/// Characters of a paid click id that are shown: enough to find it in the platform's reports.
const SHOWN: usize = 8;

/// The set-up as it was in force for one conversion and one touchpoint.
pub(super) struct Terms<'c> {
    configuration: &'c Configuration,
    conversion: &'c Conversion,
    campaign: Option<&'c CampaignKey>,
    partner: Option<&'c PartnerKey>,
}

impl<'c> Terms<'c> {
    pub(super) const fn of_touchpoint(
        configuration: &'c Configuration,
        conversion: &'c Conversion,
        touchpoint: &'c Touchpoint,
    ) -> Self {
        let (campaign, partner) = (touchpoint.campaign.as_ref(), touchpoint.partner());
        Self { configuration, conversion, campaign, partner }
    }

    fn brand(&self) -> Option<&'c Brand> {
        self.configuration.brand(&self.conversion.brand, self.conversion.occurred_at)
    }

    fn campaign(&self) -> Option<&'c Campaign> {
        let (brand, at) = (&self.conversion.brand, self.conversion.occurred_at);
        self.campaign.and_then(|key| self.configuration.campaign(brand, key, at))
    }

    /// Who states the window that a touchpoint of this kind had.
    pub(super) fn window(&self, kind: TouchKind) -> StatedAt {
        let (brand, at) = (&self.conversion.brand, self.conversion.occurred_at);
        let partner = self.partner.and_then(|key| self.configuration.partner(brand, key, at));
        let (_, levels) = Windows::with_levels(self.brand(), self.campaign(), partner, &self.conversion.goal);
        self.stated_at(if kind == TouchKind::Impression { levels.view } else { levels.click })
    }

    /// How old a touchpoint of this kind had to be.
    pub(super) fn minimum_time(&self, kind: TouchKind) -> Option<MinimumTime> {
        let minimum = self.campaign()?.minimum_time;
        let applies = minimum > Span(0) && matches!(kind, TouchKind::Click | TouchKind::Impression);
        applies.then(|| MinimumTime {
            seconds: seconds(minimum),
            stated_at: self.stated_at(TermsLevel::Campaign),
        })
    }

    /// The rule by which a touchpoint stood down after the cart.
    pub(super) fn stand_down(&self, touched_at: Timestamp, cart: &CartOpened) -> Option<StandDownExplained> {
        let (rule, level) = StandDown::with_level(self.brand(), self.campaign());
        let StandDown::AfterCart { within } = rule else { return None };
        Some(StandDownExplained {
            cart: cart_explained(cart),
            seconds_after_cart: seconds(touched_at.since(cart.at)),
            within_seconds: seconds(within),
            stated_at: self.stated_at(level),
        })
    }

    /// The entity that states a level, and since when its version is in force.
    fn stated_at(&self, level: TermsLevel) -> StatedAt {
        let (configuration, at) = (self.configuration, self.conversion.occurred_at);
        let brand = &self.conversion.brand;
        let found = match level {
            TermsLevel::Goal | TermsLevel::Campaign => self.campaign.and_then(|key| {
                let versions = configuration.campaigns.get(&(brand.clone(), key.clone()))?;
                Some(("campaign", key.as_str(), since(versions, at)))
            }),
            TermsLevel::Partner => self.partner.and_then(|key| {
                let versions = configuration.partners.get(&(brand.clone(), key.clone()))?;
                Some(("partner", key.as_str(), since(versions, at)))
            }),
            TermsLevel::Tier | TermsLevel::Brand => {
                return of_brand(configuration, brand, level, at);
            }
            TermsLevel::BuiltIn => None,
        };
        stated(level, found)
    }
}

/// Who states the model of a conversion; of a customer who is owned, the brand states that he is.
pub(super) fn model_stated_at(configuration: &Configuration, conversion: &Conversion) -> StatedAt {
    let Conversion { brand, goal, occurred_at: at, .. } = conversion;
    if conversion.model.is_none() {
        return of_brand(configuration, brand, TermsLevel::Brand, *at);
    }
    let campaign = conversion.campaign.as_ref();
    let (_, level) = configuration.model_with_level(brand, campaign, goal, *at);
    Terms { configuration, conversion, campaign, partner: None }.stated_at(level)
}

fn of_brand(configuration: &Configuration, brand: &BrandKey, level: TermsLevel, at: Timestamp) -> StatedAt {
    let versions = configuration.brands.get(brand);
    stated(level, versions.map(|versions| ("brand", brand.as_str(), since(versions, at))))
}

fn stated(level: TermsLevel, found: Option<(&'static str, &str, Option<String>)>) -> StatedAt {
    match found {
        Some((kind, key, effective_from)) => {
            StatedAt { level: level.name(), kind: Some(kind), key: Some(key.to_owned()), effective_from }
        }
        None => StatedAt { level: level.name(), ..StatedAt::BUILT_IN },
    }
}

/// When the version in force at a moment began; `None` for always.
fn since<T>(versions: &Versions<T>, at: Timestamp) -> Option<String> {
    let (from, _) = versions.in_force_at(at);
    (from != Timestamp(i64::MIN)).then(|| from.to_string())
}

pub(super) fn cart_explained(cart: &CartOpened) -> CartExplained {
    CartExplained {
        opened_at: cart.at.to_string(),
        told_by: cart.evidence.name(),
        event_id: Some(cart.told_by.to_string()),
    }
}

/// Why a click is of its channel, and the id by which a platform sold it.
pub(super) fn carried(
    fact: &Fact,
    configuration: &Configuration,
) -> (Option<ChannelExplained>, Option<PaidClick>) {
    let Some(touch) = touch_of(fact) else { return (None, None) };
    let classified = configuration.classify(&fact.brand, touch, fact.occurred_at);
    let paid_click = paid_click(touch, classified.as_ref());
    // Link and partner go before a channel that the sender names beside them.
    let is_channel_s = touch.link.is_none() && touch.partner.is_none();
    let explained = classified.filter(|_| is_channel_s).map(|classified| {
        let (place, stated_at) = match classified.basis {
            ChannelBasis::OwnRule(place) => (
                Some(place + 1),
                Some(of_brand(configuration, &fact.brand, TermsLevel::Brand, fact.occurred_at)),
            ),
            ChannelBasis::BuiltInRule | ChannelBasis::NoRule => (None, Some(StatedAt::BUILT_IN)),
            ChannelBasis::Named => (None, None),
        };
        ChannelExplained {
            channel: classified.channel.to_string(),
            rule: classified.basis.name(),
            place,
            carries: classified.carries,
            stated_at,
        }
    });
    (explained, paid_click)
}

/// The paid click id that made the channel, else the first that is there.
fn paid_click(touch: &Touch, classified: Option<&Classified>) -> Option<PaidClick> {
    let ids = tributary_domain::tracking::PAID_CLICK_IDS;
    let carries = classified.map_or(&[][..], |classified| &classified.carries);
    let making = carries.iter().copied().find(|name| ids.contains(name));
    let (parameter, value) = match making {
        Some(name) => (name, touch.tracking.get(name)?),
        None => touch.tracking.paid_click_id()?,
    };
    Some(PaidClick { parameter, value: Some(shortened(value)), made_channel: making.is_some() })
}

fn shortened(value: &str) -> String {
    let beginning: String = value.chars().take(SHOWN).collect();
    if beginning.len() == value.len() { beginning } else { format!("{beginning}...") }
}

/// Whole seconds, towards the past.
const fn seconds(span: Span) -> i64 {
    span.0.div_euclid(Span::SECOND.0)
}
