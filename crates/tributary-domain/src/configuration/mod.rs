//! What the operator sets up: brands, campaigns, partners, links, plans, sources; versioned in time.
//!
//! An entity is a list of versions, each in force from a moment on. A fact is judged by the version in force when
//! it happened; what happened before the first version is judged by the first.

mod campaign;
mod stand_down;
mod terms;

use std::collections::{BTreeMap, HashMap};

use crate::attribution::models::TrainedWeights;
use crate::channels::ChannelRules;
use crate::click_id::LinkFingerprint;
use crate::identity::{IdentityRules, KnownIdentifiers};
use crate::ids::{
    BrandKey, CampaignKey, Goal, LinkKey, PartnerKey, PlanKey, PromoCode, SourceKey, WeightsKey,
};
use crate::money::{Currency, Money};
use crate::ownership::CustomerOwnership;
use crate::time::{Span, Timestamp};

pub use campaign::{Campaign, Tier};
pub use stand_down::StandDown;
pub use terms::{
    BUILT_IN_MODEL, GoalTerms, StatedWindows, TermsLevel, TierTerms, Tiers, WindowLevels, Windows,
};

/// Versions of one entity, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Versions<T>(Vec<(Timestamp, T)>);

impl<T> Versions<T> {
    /// One version, in force always.
    #[must_use]
    pub fn always(value: T) -> Self {
        Self(vec![(Timestamp(i64::MIN), value)])
    }

    /// Adds a version, or replaces the one that starts at the same moment.
    pub fn add(&mut self, effective_from: Timestamp, value: T) {
        match self.0.binary_search_by_key(&effective_from, |(from, _)| *from) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (effective_from, value)),
        }
    }

    /// The version in force at a moment.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> &T {
        let after = self.0.partition_point(|(from, _)| *from <= moment);
        &self.0[after.saturating_sub(1)].1
    }

    /// The newest version.
    #[must_use]
    pub fn latest(&self) -> &T {
        &self.0[self.0.len() - 1].1
    }

    /// When the version in force at a moment began, and when the next one takes its place.
    ///
    /// What happened before the first version is judged by the first, which then begins after that moment.
    #[must_use]
    pub fn in_force_at(&self, moment: Timestamp) -> (Timestamp, Option<Timestamp>) {
        let place = self.0.partition_point(|(from, _)| *from <= moment).saturating_sub(1);
        (self.0[place].0, self.0.get(place + 1).map(|(from, _)| *from))
    }

    /// All versions with the moment each begins, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &(Timestamp, T)> {
        self.0.iter()
    }
}

/// A brand.
#[derive(Clone, PartialEq, Debug)]
pub struct Brand {
    /// Its name for people.
    pub name: String,
    /// The currency that events without one are refused in favour of naming; shown in pages.
    pub currency: Currency,
    /// Where clicks on unknown links are sent; without it they get a 404 page.
    pub fallback_url: Option<String>,
    /// More distinct customers than this on one visitor, e-mail or device, and it no longer joins people.
    pub most_customers_per_identifier: u32,
    /// Whether the partner who won a customer keeps him.
    pub customer_ownership: CustomerOwnership,
    /// Windows and models for all campaigns of a tier.
    pub tiers: Tiers,
    /// Whether clicks after the cart was opened stand down, in campaigns that do not say so themselves.
    pub stand_down: StandDown,
    /// By which channel clicks came that name nobody.
    pub channels: ChannelRules,
    /// What else keeps identifiers from joining people.
    pub identity: IdentityRules,
}

/// What a partner is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PartnerKind {
    /// Publisher.
    Affiliate,
    /// Influencer.
    Creator,
    /// Introducing broker.
    IntroducingBroker,
    /// Network of publishers.
    Network,
}

/// A partner.
#[derive(Clone, PartialEq, Debug)]
pub struct Partner {
    /// Its brand.
    pub brand: BrandKey,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: PartnerKind,
    /// Who recruited it.
    pub parent: Option<PartnerKey>,
    /// A plan of its own, before the campaign's.
    pub plan: Option<PlanKey>,
    /// Whether its money is held.
    pub on_hold: bool,
    /// Whether its links work.
    pub active: bool,
    /// Smallest payout per currency; smaller balances roll over.
    pub minimum_payout: Vec<Money>,
    /// How long its touchpoints may earn credit, where it has windows of its own.
    pub windows: StatedWindows,
}

/// A link or promo code: partner x campaign x destination.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// Its brand.
    pub brand: BrandKey,
    /// Whose it is.
    pub partner: PartnerKey,
    /// What it promotes.
    pub campaign: CampaignKey,
    /// Its own destination, else the campaign's.
    pub destination: Option<String>,
    /// The promo code that stands for this link, if any.
    pub promo_code: Option<PromoCode>,
    /// Whether it works.
    pub active: bool,
}

/// What a plan pays for one goal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// A fixed amount for each conversion, shared by attribution.
    CostPerAction(Money),
    /// A share of the conversion's value, in millionths (100,000 = 10 %).
    Percentage {
        /// Millionths of the value.
        ppm: u32,
    },
}

/// A commission plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Its brand.
    pub brand: BrandKey,
    /// What each goal pays.
    pub rules: Vec<(Goal, Rate)>,
    /// How long an approved commission waits before it is payable, counted from the conversion.
    pub hold: Span,
    /// Whether conversions are approved without the operator's word.
    pub approves_automatically: bool,
}

/// How a source proves who it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    /// Its brand.
    pub brand: BrandKey,
    /// Name of the decoder for `/postback` and `/webhooks`, such as `tributary`, `everflow`.
    pub adapter: String,
    /// Secrets that are live, newest first; each may have an end.
    pub secrets: Vec<(Secret, Option<Timestamp>)>,
    /// Whether a postback may come without secret, trusted by its unguessable click id alone.
    pub accepts_unsigned_postbacks: bool,
    /// Events per second; `None` is unlimited.
    pub rate_limit: Option<u32>,
    /// Sources with the same namespace speak about the same transactions; its own key by default.
    pub transaction_namespace: String,
    /// The currency of amounts without one; without it such events are refused.
    pub default_currency: Option<Currency>,
    /// Decimal comma instead of point.
    pub decimal_comma: bool,
    /// Own names for parameters, before the adapter's: (name as sent, canonical field).
    pub aliases: Vec<(String, String)>,
    /// Answer of successful postbacks as plain text, for old systems.
    pub plain_answer: Option<String>,
}

/// A shared secret; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The whole set-up, as one value that is swapped when it changes.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Counts the changes that were applied.
    pub revision: u64,
    /// Brands by key.
    pub brands: HashMap<BrandKey, Versions<Brand>>,
    /// Campaigns by brand and key.
    pub campaigns: HashMap<(BrandKey, CampaignKey), Versions<Campaign>>,
    /// Partners by brand and key.
    pub partners: HashMap<(BrandKey, PartnerKey), Versions<Partner>>,
    /// Links by key; short keys are unique in the whole installation, since `/c/{link}` names no brand.
    pub links: HashMap<LinkKey, Versions<Link>>,
    /// Trained weights of data-driven models by brand and key.
    pub weights: HashMap<(BrandKey, WeightsKey), Versions<TrainedWeights>>,
    /// Plans by brand and key.
    pub plans: HashMap<(BrandKey, PlanKey), Versions<Plan>>,
    /// Sources by key; unique in the whole installation, since `/postback/{source}` names no brand.
    pub sources: HashMap<SourceKey, Versions<Source>>,
    /// Links by the fingerprint inside click ids; filled by [`Configuration::index`].
    pub link_fingerprints: HashMap<LinkFingerprint, LinkKey>,
    /// The link that got each promo code last; filled by [`Configuration::index`].
    pub promo_codes: HashMap<(BrandKey, PromoCode), LinkKey>,
    /// Every link that ever had a promo code, in order of keys; filled by [`Configuration::index`].
    pub promo_code_links: HashMap<(BrandKey, PromoCode), Vec<LinkKey>>,
    /// Identifiers that stand for nobody or for testers, hashed; filled by who holds the key of the hashes.
    pub known_identifiers: HashMap<BrandKey, KnownIdentifiers>,
}

impl Configuration {
    /// Fills the look-ups that are derived from the links. Call it after the links are in place.
    pub fn index(&mut self) {
        self.link_fingerprints.clear();
        self.promo_codes.clear();
        self.promo_code_links.clear();
        // In order of keys, so that the result does not depend on the order of a hash map.
        let links: BTreeMap<&LinkKey, &Versions<Link>> = self.links.iter().collect();
        let mut given: HashMap<(BrandKey, PromoCode), (Timestamp, &LinkKey)> = HashMap::new();
        for (key, versions) in links {
            for (from, link) in versions.iter() {
                self.link_fingerprints.insert(LinkFingerprint::of(&link.brand, key), key.clone());
                let Some(code) = &link.promo_code else { continue };
                let code = (link.brand.clone(), code.clone());
                let holders = self.promo_code_links.entry(code.clone()).or_default();
                if holders.last() != Some(key) {
                    holders.push(key.clone());
                }
                let last = given.entry(code).or_insert((*from, key));
                if last.0 < *from {
                    *last = (*from, key);
                }
            }
        }
        self.promo_codes.extend(given.into_iter().map(|(code, (_, key))| (code, key.clone())));
    }

    /// The link that a promo code stands for at a moment, and whether the code is valid then.
    ///
    /// A code may pass from one link to another. Valid is a link that carries it and is active; of several, the one whose
    /// version in force began last. Without any, the link that got the code last, as not valid.
    #[must_use]
    pub fn link_of_code(
        &self,
        brand: &BrandKey,
        code: &PromoCode,
        at: Timestamp,
    ) -> Option<(&LinkKey, &Link, bool)> {
        let index = (brand.clone(), code.clone());
        let holders = self.promo_code_links.get(&index)?;
        let mut valid: Option<(Option<Timestamp>, &LinkKey, &Link)> = None;
        for (key, versions) in holders.iter().filter_map(|key| self.links.get_key_value(key)) {
            let link = versions.at(at);
            let began = versions.iter().map(|(from, _)| *from).take_while(|from| *from <= at).last();
            let stands = link.active && link.promo_code.as_ref() == Some(code);
            if stands && valid.as_ref().is_none_or(|(before, ..)| *before < began) {
                valid = Some((began, key, link));
            }
        }
        if let Some((_, key, link)) = valid {
            return Some((key, link, true));
        }
        let (key, versions) = self.links.get_key_value(self.promo_codes.get(&index)?)?;
        Some((key, versions.at(at), false))
    }

    /// The link in force at a moment.
    #[must_use]
    pub fn link(&self, key: &LinkKey, at: Timestamp) -> Option<&Link> {
        self.links.get(key).map(|versions| versions.at(at))
    }

    /// The brand in force at a moment.
    #[must_use]
    pub fn brand(&self, key: &BrandKey, at: Timestamp) -> Option<&Brand> {
        self.brands.get(key).map(|versions| versions.at(at))
    }

    /// The campaign in force at a moment.
    #[must_use]
    pub fn campaign(&self, brand: &BrandKey, key: &CampaignKey, at: Timestamp) -> Option<&Campaign> {
        self.campaigns.get(&(brand.clone(), key.clone())).map(|versions| versions.at(at))
    }

    /// The partner in force at a moment.
    #[must_use]
    pub fn partner(&self, brand: &BrandKey, key: &PartnerKey, at: Timestamp) -> Option<&Partner> {
        self.partners.get(&(brand.clone(), key.clone())).map(|versions| versions.at(at))
    }

    /// The trained weights in force at a moment.
    #[must_use]
    pub fn trained_weights(
        &self,
        brand: &BrandKey,
        key: &WeightsKey,
        at: Timestamp,
    ) -> Option<&TrainedWeights> {
        self.weights.get(&(brand.clone(), key.clone())).map(|versions| versions.at(at))
    }

    /// The plan in force at a moment.
    #[must_use]
    pub fn plan(&self, brand: &BrandKey, key: &PlanKey, at: Timestamp) -> Option<&Plan> {
        self.plans.get(&(brand.clone(), key.clone())).map(|versions| versions.at(at))
    }

    /// The source in force at a moment.
    #[must_use]
    pub fn source(&self, key: &SourceKey, at: Timestamp) -> Option<&Source> {
        self.sources.get(key).map(|versions| versions.at(at))
    }

    /// The namespace that a source's transaction ids live in.
    #[must_use]
    pub fn transaction_namespace<'a>(&'a self, source: &'a SourceKey, at: Timestamp) -> &'a str {
        self.source(source, at).map_or(source.as_str(), |found| found.transaction_namespace.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_force_is_the_last_that_began() {
        let mut versions = Versions::always("first");
        versions.add(Timestamp(100), "second");
        versions.add(Timestamp(200), "third");
        for (moment, expected) in
            [(0, "first"), (99, "first"), (100, "second"), (199, "second"), (200, "third")]
        {
            assert_eq!(*versions.at(Timestamp(moment)), expected);
        }
        let always = Timestamp(i64::MIN);
        for (moment, began, ends) in
            [(99, always, Some(100)), (100, Timestamp(100), Some(200)), (300, Timestamp(200), None)]
        {
            assert_eq!(versions.in_force_at(Timestamp(moment)), (began, ends.map(Timestamp)));
        }
    }

    #[test]
    fn what_happened_before_the_first_version_is_judged_by_it() {
        let mut versions = Versions::always("x");
        versions.0.clear();
        versions.add(Timestamp(100), "first");
        assert_eq!(*versions.at(Timestamp(1)), "first");
    }
    #[test]
    fn a_promo_code_stands_for_the_link_that_has_it_at_that_moment() {
        let brand = BrandKey::parse("acme").unwrap();
        let code = PromoCode::parse("summer10").unwrap();
        let link = |partner: &str, code: Option<&PromoCode>| Link {
            brand: brand.clone(),
            partner: PartnerKey::parse(partner).unwrap(),
            campaign: CampaignKey::parse("summer").unwrap(),
            destination: None,
            promo_code: code.cloned(),
            active: true,
        };
        let mut configuration = Configuration::default();
        let mut of_anna = Versions::always(link("anna", Some(&code)));
        of_anna.add(Timestamp(100), link("anna", None));
        let mut of_ben = Versions(Vec::new());
        of_ben.add(Timestamp(150), link("ben", Some(&code)));
        of_ben.add(Timestamp(300), link("ben", None));
        configuration.links.insert(LinkKey::parse("z").unwrap(), of_anna);
        configuration.links.insert(LinkKey::parse("b").unwrap(), of_ben);
        configuration.index();
        for (moment, expected) in [(50, ("anna", true)), (200, ("ben", true)), (300, ("ben", false))] {
            let (_, found, valid) = configuration.link_of_code(&brand, &code, Timestamp(moment)).unwrap();
            assert_eq!((found.partner.as_str(), valid), expected, "at {moment}");
        }
        let unknown = PromoCode::parse("other").unwrap();
        assert!(configuration.link_of_code(&brand, &unknown, Timestamp(0)).is_none());
        assert_eq!(configuration.promo_codes[&(brand, code)].as_str(), "b");
    }
}
