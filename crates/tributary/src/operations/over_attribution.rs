//! `tributary report over-attribution`: what partners would claim if each counted alone, against the conversions there are.
//!
//! A partner who counts alone claims, as the last touch, every conversion that any of his touchpoints could have earned: within its window
//! and not barred by itself, whatever others did. Where several claim one conversion, claims add up to more than there is; how much more is
//! what an operator would pay twice. What other channels touched is shown beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tributary_domain::attribution::Earner;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::BrandKey;
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Conversion, settle};
use tributary_store::state::StateReader;

use super::report::Shares;
use super::walking;
use crate::engine::rollup::label;

/// Claims against conversions. Rejected conversions and other currencies do not count; values are before refunds.
#[derive(Debug, Serialize)]
pub struct OverAttributionReport {
    /// Currency of the amounts.
    pub currency: String,
    /// All conversions that stand.
    pub conversions: Counted,
    /// Those that at least one partner claims.
    pub claimed: Counted,
    /// The sum of what the partners claim.
    pub claims: Counted,
    /// Claims per claimed conversion, as a decimal of three places rounded down; 1.000 is no over-attribution. None without claims.
    pub claims_per_conversion: Option<String>,
    /// The same by value.
    pub claims_per_value: Option<String>,
    /// Conversions that several partners claim.
    pub claimed_by_several: Counted,
    /// Conversions that a partner claims and another channel touched as well.
    pub claimed_and_other_channels: Counted,
    /// Conversions that only other channels touched.
    pub only_other_channels: Counted,
    /// One row per partner, the most claims first.
    pub partners: Vec<PartnerClaims>,
    /// One row per other channel, the most conversions first.
    pub channels: Vec<ChannelPart>,
}

/// A number of conversions and their value.
#[derive(Debug, Serialize, Default, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub conversions: u64,
    /// Their value, as a decimal.
    pub value: String,
}

/// What one partner would claim alone, and what he was credited.
#[derive(Debug, Serialize)]
pub struct PartnerClaims {
    /// His key.
    pub partner: String,
    /// What he would claim.
    pub claims: Counted,
    /// Of his claims, those that other partners claim too.
    pub claimed_by_others: Counted,
    /// Of his claims, those that other channels touched too.
    pub touched_by_channels: Counted,
    /// Conversions credited to him, as a decimal.
    pub credited_conversions: String,
    /// Value credited to him, as a decimal.
    pub credited_value: String,
}

/// What another channel touched, and what it was credited; nobody is paid for it.
#[derive(Debug, Serialize)]
pub struct ChannelPart {
    /// Its name, with `@`.
    pub channel: String,
    /// Conversions that it touched.
    pub touched: Counted,
    /// Of these, those that partners claim.
    pub claimed_by_partners: Counted,
    /// Conversions credited to it, as a decimal.
    pub credited_conversions: String,
    /// Value credited to it, as a decimal.
    pub credited_value: String,
}

/// A sum in the making.
#[derive(Default, Clone, Copy)]
struct Sum {
    conversions: u64,
    // Claims count one value several times, so they may outgrow what any single amount can be.
    minor: i128,
}

impl Sum {
    fn add(&mut self, minor: i64) {
        self.conversions += 1;
        self.minor += i128::from(minor);
    }

    fn add_if(&mut self, holds: bool, minor: i64) {
        if holds {
            self.add(minor);
        }
    }

    fn counted(&self, currency: Currency) -> Counted {
        Counted { conversions: self.conversions, value: decimal(self.minor, currency) }
    }
}

/// One earner's sums.
#[derive(Default, Clone)]
struct Earned {
    touched: Sum,
    by_other_partners: Sum,
    by_channels: Sum,
    shares: Shares,
    credited: i128,
}

/// Everything that is summed up while walking: memory grows with the earners, not with the conversions.
#[derive(Default)]
struct Sums {
    conversions: Sum,
    claimed: Sum,
    claims: Sum,
    several: Sum,
    with_channels: Sum,
    only_channels: Sum,
    earners: BTreeMap<Earner, Earned>,
}

/// Works out claims and credits of a brand in one currency, settled afresh from the facts.
///
/// # Errors
/// When the store fails.
pub fn over_attribution(
    state: &dyn StateReader,
    configuration: &Configuration,
    brand: &BrandKey,
    currency: Currency,
) -> anyhow::Result<OverAttributionReport> {
    let mut sums = Sums::default();
    walking::clusters(state, |cluster| -> anyhow::Result<()> {
        let facts: Vec<_> = state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact).collect();
        if facts.iter().any(|fact| fact.body.action().is_some() && fact.brand == *brand) {
            for conversion in settle(&facts, configuration).conversions {
                sums.add(&conversion, currency);
            }
        }
        Ok(())
    })?;
    Ok(sums.report(currency))
}

impl Sums {
    fn add(&mut self, conversion: &Conversion, currency: Currency) {
        let value = conversion.value.filter(|value| value.currency == currency);
        let (Some(value), EventKind::Conversion) = (value, conversion.kind) else { return };
        if conversion.verdict == Verdict::Rejected {
            return;
        }
        let claims = conversion.considered.iter().filter(|each| is_claim(each.verdict));
        let earners: BTreeSet<&Earner> = claims.filter_map(|each| each.touchpoint.earner.as_ref()).collect();
        let partners = earners.iter().filter(|earner| is_partner(earner)).count();
        let channels = earners.len() - partners;
        let minor = value.minor;
        self.conversions.add(minor);
        self.claimed.add_if(partners > 0, minor);
        self.several.add_if(partners > 1, minor);
        self.with_channels.add_if(partners > 0 && channels > 0, minor);
        self.only_channels.add_if(partners == 0 && channels > 0, minor);
        for earner in earners {
            let is_partner = is_partner(earner);
            self.claims.add_if(is_partner, minor);
            let earned = self.earners.entry(earner.clone()).or_default();
            earned.touched.add(minor);
            earned.by_other_partners.add_if(partners > usize::from(is_partner), minor);
            earned.by_channels.add_if(channels > usize::from(!is_partner), minor);
        }
        for credit in &conversion.credits {
            let earned = self.earners.entry(credit.earner.clone()).or_default();
            earned.shares.add(credit.weight, credit.total_weight);
            earned.credited += i128::from(credit.minor);
        }
    }

    fn report(self, currency: Currency) -> OverAttributionReport {
        let (mut partners, mut channels) = (Vec::new(), Vec::new());
        let mut earners: Vec<(Earner, Earned)> = self.earners.into_iter().collect();
        earners
            .sort_by_key(|(_, earned)| std::cmp::Reverse((earned.touched.conversions, earned.touched.minor)));
        for (earner, earned) in earners {
            let touched = earned.touched.counted(currency);
            let by_other_partners = earned.by_other_partners.counted(currency);
            let credited_conversions = earned.shares.decimal();
            let credited_value = decimal(earned.credited, currency);
            if is_partner(&earner) {
                partners.push(PartnerClaims {
                    partner: label(&earner),
                    claims: touched,
                    claimed_by_others: by_other_partners,
                    touched_by_channels: earned.by_channels.counted(currency),
                    credited_conversions,
                    credited_value,
                });
            } else {
                channels.push(ChannelPart {
                    channel: label(&earner),
                    touched,
                    claimed_by_partners: by_other_partners,
                    credited_conversions,
                    credited_value,
                });
            }
        }
        OverAttributionReport {
            currency: currency.to_string(),
            conversions: self.conversions.counted(currency),
            claimed: self.claimed.counted(currency),
            claims: self.claims.counted(currency),
            claims_per_conversion: ratio(self.claims.conversions.into(), self.claimed.conversions.into()),
            claims_per_value: ratio(self.claims.minor, self.claimed.minor),
            claimed_by_several: self.several.counted(currency),
            claimed_and_other_channels: self.with_channels.counted(currency),
            only_other_channels: self.only_channels.counted(currency),
            partners,
            channels,
        }
    }
}

const fn is_partner(earner: &Earner) -> bool {
    matches!(earner, Earner::Partner(_))
}

/// Whether who counts alone would claim by a touchpoint with this verdict: one that took part, or lost only to others. Standing down is
/// losing to others: who counts alone does not know that somebody else had brought the customer before his cart.
const fn is_claim(verdict: Reason) -> bool {
    matches!(
        verdict,
        Reason::Eligible
            | Reason::OwnedByOther
            | Reason::StandDown
            | Reason::ViewOutranked
            | Reason::NamedOutranked
            | Reason::RepeatInVisit
            | Reason::TooManyTouchpoints
    )
}

/// An amount as a decimal; beyond what an amount can be, the greatest.
fn decimal(minor: i128, currency: Currency) -> String {
    let bounded = i64::try_from(minor).unwrap_or(if minor < 0 { i64::MIN } else { i64::MAX });
    Money::new(bounded, currency).decimal()
}

/// `part / whole` with three places, rounded down; nothing for no whole.
fn ratio(part: i128, whole: i128) -> Option<String> {
    const PLACES: i128 = 1_000;
    let thousandths = part.checked_mul(PLACES)?.checked_div(whole)?;
    Some(format!("{}.{:03}", thousandths / PLACES, thousandths % PLACES))
}

#[cfg(test)]
mod tests {
    use tributary_domain::ids::{Channel, PartnerKey};

    use super::*;
    use crate::workbench::Workbench;

    fn event(kind: &str, customer: &str, day: u32, more: &str) -> String {
        format!(
            r#"{{"event_type":"{kind}","timestamp":"2026-03-{day:02}T10:00:00Z","customer_id":"{customer}",{more}}}"#
        )
    }

    fn order(number: &str, customer: &str, more: &str) -> String {
        event("conversion", customer, 5, &format!(r#""transaction_id":"{number}","value":"90.00"{more}"#))
    }

    fn counted(conversions: u64, value: &str) -> Counted {
        Counted { conversions, value: value.to_owned() }
    }

    #[test]
    fn claims_of_each_alone_add_up_to_more_than_there_is() {
        let mut bench = Workbench::new();
        let click = |customer: &str, day: u32, more: &str| event("click", customer, day, more);
        let events = [
            // Both partners; both and a paid search; anna's view and ben's click; one alone; e-mail alone; nobody; rejected.
            click("1", 1, r#""link":"a""#),
            click("1", 2, r#""link":"b""#),
            order("o1", "1", ""),
            click("2", 1, r#""link":"a""#),
            click("2", 2, r#""gclid":"x""#),
            click("2", 3, r#""link":"b""#),
            order("o2", "2", ""),
            event("impression", "3", 5, r#""link":"a","event_id":"seen""#),
            click("3", 4, r#""link":"b""#),
            order("o3", "3", ""),
            click("4", 4, r#""link":"a""#),
            order("o4", "4", ""),
            click("5", 4, r#""utm_medium":"email""#),
            order("o5", "5", ""),
            order("o6", "6", ""),
            click("7", 4, r#""link":"a""#),
            order("o7", "7", r#","status":"rejected""#),
        ];
        bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
        let configuration = bench.desk.configuration.current();
        let euro = Currency::parse("EUR").unwrap();
        let report =
            over_attribution(bench.desk.state.as_ref(), &configuration, &Workbench::brand(), euro).unwrap();
        assert_eq!(report.conversions, counted(6, "540.00"));
        assert_eq!(report.claimed, counted(4, "360.00"));
        assert_eq!(report.claims, counted(7, "630.00"));
        assert_eq!(report.claims_per_conversion.as_deref(), Some("1.750"));
        assert_eq!(report.claimed_by_several, counted(3, "270.00"));
        assert_eq!(report.claimed_and_other_channels, counted(1, "90.00"));
        assert_eq!(report.only_other_channels, counted(1, "90.00"));
        let rows: Vec<_> = report
            .partners
            .iter()
            .map(|row| {
                let numbers = [&row.claims, &row.claimed_by_others, &row.touched_by_channels];
                (row.partner.as_str(), numbers.map(|each| each.conversions), row.credited_value.as_str())
            })
            .collect();
        assert_eq!(rows, [("anna", [4, 3, 1], "165.00"), ("ben", [3, 3, 1], "165.00")]);
        let channels: Vec<_> = report
            .channels
            .iter()
            .map(|row| {
                let numbers = [row.touched.conversions, row.claimed_by_partners.conversions];
                (row.channel.as_str(), numbers, row.credited_value.as_str())
            })
            .collect();
        assert_eq!(channels.len(), 2);
        assert!(channels.contains(&("@email", [1, 0], "90.00")), "{channels:?}");
        assert!(channels.contains(&("@paid_search", [1, 1], "30.00")), "{channels:?}");
    }

    #[test]
    fn a_click_that_stood_down_is_claimed_and_one_that_barred_itself_is_not() {
        let mut bench = Workbench::with(
            "
brands: [{key: acme, currency: EUR, stand_down: {after: cart, within: 1h}}]
plans: [{key: tenth, rules: [{goal: purchase, pays: '10%'}]}]
campaigns:
  - {key: spring, tier: conversion, destination: 'https://acme.example/', model: last_touch, plan: tenth}
  - {key: slow, tier: conversion, destination: 'https://acme.example/', model: last_touch, plan: tenth, minimum_time: 10m}
partners: [{key: anna, kind: creator}, {key: coupons, kind: affiliate}, {key: cleo, kind: affiliate}]
links: [{key: a, partner: anna, campaign: spring}, {key: x, partner: coupons, campaign: spring}, {key: c, partner: cleo, campaign: slow}]
sources: [{key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}]
",
        );
        let at = |time: &str, kind: &str, more: &str| {
            format!(r#"{{"event_type":"{kind}","timestamp":"2026-03-{time}:00Z","customer_id":"1",{more}}}"#)
        };
        let cart = r#""transaction_id":"o1","value":"90.00","cart_opened_at":"2026-03-05T10:00:00Z""#;
        let events = [
            at("01T10:00", "click", r#""link":"a""#),
            // After the cart: it would be the last touch, and yields to anna's.
            at("05T10:05", "click", r#""link":"x""#),
            // Too young by its own campaign's rule, whatever others did.
            at("05T10:06", "click", r#""link":"c""#),
            at("05T10:07", "conversion", cart),
        ];
        bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
        let configuration = bench.desk.configuration.current();
        let euro = Currency::parse("EUR").unwrap();
        let report =
            over_attribution(bench.desk.state.as_ref(), &configuration, &Workbench::brand(), euro).unwrap();
        let rows: Vec<_> = report
            .partners
            .iter()
            .map(|row| (row.partner.as_str(), row.claims.conversions, row.credited_value.as_str()))
            .collect();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows.contains(&("anna", 1, "90.00")) && rows.contains(&("coupons", 1, "0.00")), "{rows:?}");
        assert_eq!(report.claims_per_conversion.as_deref(), Some("2.000"));
    }

    #[test]
    fn without_claims_there_is_no_ratio_and_great_sums_stay_sums() {
        assert_eq!(ratio(0, 0), None);
        assert_eq!(ratio(7, 4).as_deref(), Some("1.750"));
        assert_eq!(ratio(5, 3).as_deref(), Some("1.666"));
        let yen = Currency::parse("JPY").unwrap();
        assert_eq!(decimal(i128::from(i64::MAX) * 9, yen), i64::MAX.to_string());
        assert!(is_partner(&Earner::Partner(PartnerKey::parse("anna").unwrap())));
        assert!(!is_partner(&Earner::Channel(Channel::parse("email").unwrap())));
    }
}
