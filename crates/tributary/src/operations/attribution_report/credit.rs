//! Models side by side: what each gives to every earner, class of channel and campaign.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::Model;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::CampaignKey;
use tributary_domain::money::{Currency, Money, split_by_largest_remainder};

use super::decimals::{billionths, decimal, millionths, shares};
use super::journeys::{Attributed, EarnerNumber, Earners};
use super::trained::{Column, Columns};

/// What stands in place of a model's name for the credit that is booked and paid by.
pub const AS_PAID: &str = "as_paid";
/// The class of all partners.
pub const PARTNERS: &str = "partners";

/// Models side by side.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct SideBySide {
    /// The models, what is paid first and those trained on the report's own journeys last; the credits of every row are in this order.
    pub models: Vec<String>,
    /// Per partner, by key, and then per other channel (`@email`).
    pub by_earner: Vec<CreditRow>,
    /// All partners as one, then each other channel.
    pub by_class: Vec<CreditRow>,
    /// Per campaign of the touchpoint, by key; empty for touchpoints without one.
    pub by_campaign: Vec<CreditRow>,
}

/// How a campaign is written; empty for touchpoints without one.
pub(super) fn campaign_label(campaign: Option<&CampaignKey>) -> String {
    campaign.map_or_else(String::new, |key| key.as_str().to_owned())
}

/// One earner, class or campaign.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct CreditRow {
    /// Its label.
    pub key: String,
    /// Commission owed for the counted conversions; only for partners.
    pub commission: Option<String>,
    /// What each model gives.
    pub credits: Vec<Credited>,
}

/// What one model gives.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Credited {
    /// Conversions, with nine places; a model's rows sum to the attributed conversions.
    pub conversions: String,
    /// Value; a model's rows sum to the attributed value.
    pub value: String,
    /// Part of the attributed conversions, in millionths.
    pub share_ppm: u64,
    /// The value in minor units.
    #[serde(skip)]
    pub minor: i64,
    /// The conversions in billionths.
    #[serde(skip)]
    pub billionths: u128,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    /// In [`super::decimals::CONVERSION`]ths.
    shares: u128,
    minor: i64,
}

/// Collects the credit under every model.
pub(super) struct SideBySideCollector<'m> {
    models: &'m [Model],
    earners: Vec<Vec<Sum>>,
    campaigns: HashMap<Option<CampaignKey>, Vec<Sum>>,
    commissions: BTreeMap<Earner, i64>,
    conversions: u64,
}

impl<'m> SideBySideCollector<'m> {
    pub(super) fn new(models: &'m [Model]) -> Self {
        Self {
            models,
            earners: Vec::new(),
            campaigns: HashMap::new(),
            commissions: BTreeMap::new(),
            conversions: 0,
        }
    }

    pub(super) fn add(
        &mut self,
        journey: &Attributed<'_>,
        configuration: &Configuration,
        earners: &Earners,
        currency: Currency,
    ) {
        self.conversions += 1;
        self.add_paid(journey, earners, currency);
        let models = self.models;
        for (column, model) in (1..).zip(models) {
            let weights = journey.weights(model, configuration);
            let values = split_by_largest_remainder(journey.value(), &weights);
            let parts = shares(&weights).into_iter().zip(values);
            for ((touchpoint, earner), (share, minor)) in
                journey.touchpoints.iter().zip(&journey.earners).zip(parts)
            {
                self.credit(*earner, touchpoint.campaign.as_ref(), column, share, minor);
            }
        }
    }

    /// The credit as it is booked.
    fn add_paid(&mut self, journey: &Attributed<'_>, earners: &Earners, currency: Currency) {
        let credits = &journey.conversion.credits;
        let weights: Vec<u64> = credits.iter().map(|credit| credit.weight).collect();
        for (credit, share) in credits.iter().zip(shares(&weights)) {
            let Some(earner) = earners.known(&credit.earner) else { continue };
            self.credit(earner, credit.campaign.as_ref(), 0, share, credit.minor);
        }
        for line in &journey.conversion.commissions {
            if line.granted.currency == currency {
                *self.commissions.entry(Earner::Partner(line.partner.clone())).or_default() += line.owed;
            }
        }
    }

    fn credit(
        &mut self,
        earner: EarnerNumber,
        campaign: Option<&CampaignKey>,
        column: usize,
        share: i64,
        minor: i64,
    ) {
        let (columns, earner) = (self.models.len() + 1, earner as usize);
        if self.earners.len() <= earner {
            self.earners.resize_with(earner + 1, || vec![Sum::default(); columns]);
        }
        if let Some(sum) = self.earners.get_mut(earner).and_then(|sums| sums.get_mut(column)) {
            sum.add(share, minor);
        }
        let key = campaign.cloned();
        let sums = self.campaigns.entry(key).or_insert_with(|| vec![Sum::default(); columns]);
        if let Some(sum) = sums.get_mut(column) {
            sum.add(share, minor);
        }
    }

    /// The tables; `trained` stands beside the models that were shared out journey by journey.
    pub(super) fn finish(
        self,
        earners: &Earners,
        currency: Currency,
        trained: Option<&Columns>,
    ) -> SideBySide {
        let columns = self.models.len() + 1;
        let of = CreditRows { currency, conversions: self.conversions };
        let mut by_earner = self.earner_rows(earners, &of, columns);
        let is_partner: Vec<bool> =
            earners.in_order().into_iter().map(|(_, earner)| matches!(earner, Earner::Partner(_))).collect();
        let mut by_class = classes(&by_earner, &is_partner, &of);
        let mut campaigns: BTreeMap<String, Vec<Sum>> =
            self.campaigns.iter().map(|(key, sums)| (campaign_label(key.as_ref()), sums.clone())).collect();
        // A campaign may have been touched only on ways that led to no conversion.
        for key in trained.iter().flat_map(|trained| &trained.by_campaign).flat_map(Column::keys) {
            campaigns.entry(key.clone()).or_insert_with(|| vec![Sum::default(); columns]);
        }
        let mut by_campaign = of.rows(&campaigns.into_iter().collect::<Vec<_>>(), columns);
        let mut models: Vec<String> =
            std::iter::once(AS_PAID.to_owned()).chain(self.models.iter().map(ToString::to_string)).collect();
        if let Some(trained) = trained {
            models.extend(trained.models.iter().cloned());
            of.append(&mut by_earner, &trained.by_earner);
            of.append(&mut by_class, &trained.by_class);
            of.append(&mut by_campaign, &trained.by_campaign);
        }
        by_earner.retain(|row| !row.is_empty());
        by_class.retain(|row| !row.is_empty());
        by_campaign.retain(|row| !row.is_empty());
        SideBySide { models, by_earner, by_class, by_campaign }
    }

    /// One row per earner that was met, also for those whom no model gives anything.
    fn earner_rows(&self, earners: &Earners, of: &CreditRows, columns: usize) -> Vec<CreditRow> {
        let own = |number: EarnerNumber| {
            self.earners.get(number as usize).cloned().unwrap_or_else(|| vec![Sum::default(); columns])
        };
        let in_order = earners.in_order();
        let keyed: Vec<(String, Vec<Sum>)> = in_order
            .iter()
            .map(|(number, earner)| (crate::engine::rollup::label(earner), own(*number)))
            .collect();
        let mut rows = of.rows(&keyed, columns);
        for ((_, earner), row) in in_order.into_iter().zip(&mut rows) {
            if matches!(earner, Earner::Partner(_)) {
                let owed = self.commissions.get(earner).copied().unwrap_or(0);
                row.commission = Some(Money::new(owed, of.currency).decimal());
            }
        }
        rows
    }
}

impl CreditRow {
    /// Whether no model gives anything and no commission is owed.
    fn is_empty(&self) -> bool {
        let nothing_owed =
            self.commission.as_ref().is_none_or(|owed| owed.bytes().all(|byte| matches!(byte, b'0' | b'.')));
        nothing_owed && self.credits.iter().all(|credit| credit.billionths == 0 && credit.minor == 0)
    }
}

impl Sum {
    fn add(&mut self, share: i64, minor: i64) {
        self.shares += u128::from(share.unsigned_abs());
        self.minor = self.minor.saturating_add(minor);
    }
}

/// How sums become rows.
struct CreditRows {
    currency: Currency,
    conversions: u64,
}

impl CreditRows {
    fn rows(&self, keyed: &[(String, Vec<Sum>)], columns: usize) -> Vec<CreditRow> {
        let mut rows: Vec<CreditRow> = keyed
            .iter()
            .map(|(key, _)| CreditRow { key: key.clone(), commission: None, credits: Vec::new() })
            .collect();
        for column in 0..columns {
            let sums: Vec<Sum> =
                keyed.iter().map(|(_, sums)| sums.get(column).copied().unwrap_or_default()).collect();
            let shown = billionths(&sums.iter().map(|sum| sum.shares).collect::<Vec<_>>());
            for ((row, sum), units) in rows.iter_mut().zip(sums).zip(shown) {
                row.credits.push(self.credited(units, sum.minor));
            }
        }
        rows
    }

    /// Adds columns that were worked out for the whole.
    fn append(&self, rows: &mut [CreditRow], columns: &[Column]) {
        for row in rows {
            for column in columns {
                let (billionths, minor) = column.get(&row.key).copied().unwrap_or_default();
                row.credits.push(self.credited(billionths, minor));
            }
        }
    }

    fn credited(&self, billionths: u128, minor: i64) -> Credited {
        Credited {
            conversions: decimal(billionths),
            value: Money::new(minor, self.currency).decimal(),
            share_ppm: millionths(billionths, u128::from(self.conversions) * 1_000_000_000),
            minor,
            billionths,
        }
    }
}

/// Sums of what the rows of the earners show: all partners as one, then each channel.
fn classes(rows: &[CreditRow], is_partner: &[bool], of: &CreditRows) -> Vec<CreditRow> {
    let columns = rows.first().map_or(0, |row| row.credits.len());
    let partners = || rows.iter().zip(is_partner).filter(|(_, is_partner)| **is_partner).map(|(row, _)| row);
    let together = (0..columns).map(|column| {
        let credits = || partners().filter_map(move |row| row.credits.get(column));
        of.credited(
            credits().map(|credit| credit.billionths).sum(),
            credits().fold(0, |sum, credit| sum.saturating_add(credit.minor)),
        )
    });
    let together = CreditRow { key: PARTNERS.to_owned(), commission: None, credits: together.collect() };
    let others =
        rows.iter().zip(is_partner).filter(|(_, is_partner)| !**is_partner).map(|(row, _)| row.clone());
    std::iter::once(together).chain(others).collect()
}
