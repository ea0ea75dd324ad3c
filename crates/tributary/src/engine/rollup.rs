//! What facts and conversions add to the rollups.

use std::collections::BTreeMap;

use tributary_domain::attribution::Earner;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{EventKind, Fact, FactBody, Touch, Verdict};
use tributary_domain::ids::BrandKey;
use tributary_domain::money::{Currency, split_by_largest_remainder};
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Timestamp;
use tributary_store::state::{RollupKey, RollupMeasures};

/// Changes of rollups, added up per key.
#[derive(Debug, Default)]
pub struct Rollups(BTreeMap<RollupKey, RollupMeasures>);

/// One conversion, in millionths.
const WHOLE_PPM: i64 = 1_000_000;

impl Rollups {
    /// Adds a click or impression; other facts add nothing by themselves.
    pub fn add_touch(&mut self, fact: &Fact, configuration: &Configuration) {
        let (touch, clicks) = match &fact.body {
            FactBody::Click(touch) => (touch, 1),
            FactBody::Impression(touch) => (touch, 0),
            _ => return,
        };
        let (campaign, earner) = touch_owner(fact, touch, configuration);
        let key = key(&fact.brand, fact.occurred_at, campaign, earner, None);
        let measures = self.0.entry(key).or_default();
        measures.clicks += clicks;
        measures.impressions += 1 - clicks;
    }

    /// Takes away the clicks and impressions that a row counts; its other measures stay.
    pub fn take_touches(&mut self, key: RollupKey, counted: RollupMeasures) {
        let measures = self.0.entry(key).or_default();
        measures.clicks -= counted.clicks;
        measures.impressions -= counted.impressions;
    }

    /// Adds a conversion's part (`sign` 1) or takes it away (`sign` -1). Rejected conversions add nothing.
    pub fn add_conversion(&mut self, conversion: &Conversion, sign: i64) {
        if conversion.verdict == Verdict::Rejected {
            return;
        }
        let currency = conversion.value.map(|value| value.currency);
        let weights: Vec<u64> = conversion.credits.iter().map(|credit| credit.weight).collect();
        let shares = split_by_largest_remainder(WHOLE_PPM, &weights);
        let refunds = split_by_largest_remainder(conversion.refunded, &weights);
        for ((credit, share), refunded) in conversion.credits.iter().zip(shares).zip(refunds) {
            let campaign = credit.campaign.as_ref().map_or("", |campaign| campaign.as_str());
            let key = key(
                &conversion.brand,
                conversion.occurred_at,
                campaign.into(),
                label(&credit.earner),
                currency,
            );
            self.add_share(key, conversion.kind, sign * share, sign * credit.minor, sign * refunded);
        }
        if conversion.credits.is_empty() {
            let campaign = conversion.campaign.as_ref().map_or("", |campaign| campaign.as_str());
            let key =
                key(&conversion.brand, conversion.occurred_at, campaign.into(), String::new(), currency);
            let value = conversion.value.map_or(0, |value| value.minor);
            self.add_share(key, conversion.kind, sign * WHOLE_PPM, sign * value, sign * conversion.refunded);
        }
        for commission in conversion.commissions.iter().filter(|commission| commission.owed != 0) {
            let earner = Earner::Partner(commission.partner.clone());
            let campaign = conversion.credits.iter().find(|credit| credit.earner == earner);
            let campaign =
                campaign.and_then(|credit| credit.campaign.as_ref()).map_or("", |key| key.as_str());
            let currency = Some(commission.granted.currency);
            let key =
                key(&conversion.brand, conversion.occurred_at, campaign.into(), label(&earner), currency);
            self.0.entry(key).or_default().commission += sign * commission.owed;
        }
    }

    fn add_share(&mut self, key: RollupKey, kind: EventKind, share: i64, value: i64, refunded: i64) {
        let measures = self.0.entry(key).or_default();
        match kind {
            EventKind::Registration => measures.registrations_ppm += share,
            EventKind::Qualification => measures.qualifications_ppm += share,
            _ => measures.conversions_ppm += share,
        }
        measures.value += value;
        measures.refunded += refunded;
    }

    /// The changes that are not nothing.
    #[must_use]
    pub fn into_changes(self) -> Vec<(RollupKey, RollupMeasures)> {
        self.0.into_iter().filter(|(_, measures)| *measures != RollupMeasures::default()).collect()
    }
}

fn touch_owner(fact: &Fact, touch: &Touch, configuration: &Configuration) -> (String, String) {
    let link = touch.link.as_ref().and_then(|key| configuration.link(key, fact.occurred_at));
    let campaign = link.map(|link| &link.campaign).or(touch.campaign.as_ref());
    let partner = link.map(|link| &link.partner).or(touch.partner.as_ref());
    let earner = match partner {
        Some(partner) => partner.as_str().to_owned(),
        None => configuration
            .channel_of(&fact.brand, touch, fact.occurred_at)
            .map_or_else(String::new, |channel| format!("@{channel}")),
    };
    (campaign.map_or_else(String::new, |campaign| campaign.as_str().to_owned()), earner)
}

/// An earner's name in rollups and reports: the partner's key, or `@channel`.
#[must_use]
pub fn label(earner: &Earner) -> String {
    match earner {
        Earner::Partner(partner) => partner.as_str().to_owned(),
        Earner::Channel(channel) => format!("@{channel}"),
    }
}

fn key(
    brand: &BrandKey,
    at: Timestamp,
    campaign: String,
    earner: String,
    currency: Option<Currency>,
) -> RollupKey {
    let currency = currency.map_or_else(String::new, |currency| currency.code().to_owned());
    RollupKey { brand: brand.clone(), hour: at.hour(), campaign, earner, currency }
}
