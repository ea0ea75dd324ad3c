//! The figures of a what-if: money per partner, campaign and month, and the conversions behind them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tributary_domain::ids::{BrandKey, CampaignKey, EventId, PartnerKey};
use tributary_domain::settlement::Conversion;
use tributary_domain::time::{Period, Timestamp};

use crate::operations::now_and_then::{Amounts, NowAndThen, decimal};

/// Where money belongs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cell {
    /// The tenant.
    pub brand: BrandKey,
    /// Month of the conversion, in UTC.
    pub period: Period,
    /// Campaign key; empty where there is none.
    pub campaign: String,
    /// Partner key, `@channel`, or empty for what is credited to nobody.
    pub earner: String,
    /// Currency of the amounts; empty without one.
    pub currency: String,
}

/// Money in minor units, under the set-up in force and under the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Now and then.
    pub money: NowAndThen,
    /// The part of the difference in commission that falls on conversions of which payouts hold the partner's money already: it would become
    /// an adjustment, a debt or an additional payment.
    pub adjustment: i64,
}

impl Sums {
    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.money.add(&other.money);
        self.adjustment += other.adjustment;
    }

    /// Whether the two set-ups differ here.
    #[must_use]
    pub const fn differs(&self) -> bool {
        self.money.differs()
    }
}

/// By what a report adds up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// One row per brand.
    Total,
    /// One row per partner, channel, and what is credited to nobody.
    Earner,
    /// One row per campaign.
    Campaign,
    /// One row per month.
    Period,
    /// One row per partner, campaign and month.
    Cell,
}

/// One row of a report; what it does not group by is left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// The tenant.
    pub brand: String,
    /// Month, as `2026-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Campaign key; empty where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Partner key, `@channel`, or empty for what is credited to nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earner: Option<String>,
    /// The money.
    #[serde(flatten)]
    pub amounts: Amounts,
    /// The part of the difference on what payouts hold already.
    pub adjustment: String,
}

impl Row {
    fn of(cell: &Cell, sums: &Sums, grouping: Grouping) -> Self {
        let all = grouping == Grouping::Cell;
        Self {
            brand: cell.brand.to_string(),
            period: (all || grouping == Grouping::Period).then(|| cell.period.to_string()),
            campaign: (all || grouping == Grouping::Campaign).then(|| cell.campaign.clone()),
            earner: (all || grouping == Grouping::Earner).then(|| cell.earner.clone()),
            amounts: Amounts::of(&cell.currency, &sums.money),
            adjustment: decimal(&cell.currency, sums.adjustment),
        }
    }

    /// Whether the two set-ups differ here.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.amounts.differs()
    }
}

/// Which changed conversions to list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// Only where something changes for this partner.
    pub partner: Option<PartnerKey>,
    /// Only where something changes under this campaign.
    pub campaign: Option<CampaignKey>,
    /// Only of this month.
    pub period: Option<Period>,
    /// At most so many, those with the largest difference first.
    pub limit: usize,
}

impl Selection {
    /// Whether a cell is of those asked for.
    #[must_use]
    pub fn wants(&self, cell: &Cell) -> bool {
        self.partner.as_ref().is_none_or(|partner| partner.as_str() == cell.earner)
            && self.campaign.as_ref().is_none_or(|campaign| campaign.as_str() == cell.campaign)
            && self.period.is_none_or(|period| period == cell.period)
    }
}

/// What one earner gets of one conversion.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Share {
    /// The amounts.
    #[serde(flatten)]
    pub row: Row,
    /// What payouts hold of the partner's commission, as a decimal.
    pub in_payouts: String,
    #[serde(skip)]
    pub(super) cell: Cell,
    #[serde(skip)]
    pub(super) sums: Sums,
}

/// A conversion whose money changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChangedConversion {
    /// Its event.
    pub event_id: String,
    /// The sender's number.
    pub transaction_id: Option<String>,
    /// When it happened.
    pub occurred_at: String,
    /// The model that shares it now.
    pub model_now: Option<String>,
    /// The model that would share it.
    pub model_then: Option<String>,
    /// Who gets what, now and then.
    pub shares: Vec<Share>,
    #[serde(skip)]
    pub(super) id: EventId,
}

/// The largest difference first, then the earliest event.
pub(super) type Place = (Reverse<u64>, EventId);

impl ChangedConversion {
    pub(super) fn of(
        any: &Conversion,
        now: Option<&Conversion>,
        then: Option<&Conversion>,
        cells: BTreeMap<Cell, Sums>,
        held: &BTreeMap<(String, String), i64>,
    ) -> Self {
        let share = |(cell, sums): (Cell, Sums)| {
            let in_payouts = held.get(&(cell.earner.clone(), cell.currency.clone())).copied().unwrap_or(0);
            let in_payouts = decimal(&cell.currency, in_payouts);
            Share { row: Row::of(&cell, &sums, Grouping::Cell), in_payouts, cell, sums }
        };
        let model = |conversion: Option<&Conversion>| {
            conversion.and_then(|conversion| conversion.model.as_ref()).map(|model| model.name().to_owned())
        };
        Self {
            event_id: any.event_id.to_string(),
            transaction_id: any.transaction.as_ref().map(ToString::to_string),
            occurred_at: any.occurred_at.to_string(),
            model_now: model(now),
            model_then: model(then),
            shares: cells.into_iter().map(share).collect(),
            id: any.event_id,
        }
    }

    fn place(&self, selection: &Selection) -> Place {
        let wanted = self.shares.iter().filter(|share| selection.wants(&share.cell));
        let moved = wanted.map(|share| {
            let money = &share.sums.money;
            let commission = money.commission_then.abs_diff(money.commission_now);
            commission.max(money.value_then.abs_diff(money.value_now))
        });
        (Reverse(moved.max().unwrap_or(0)), self.id)
    }
}

/// What would change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WhatIfReport {
    /// The last log record that the live state knew when it began.
    pub checkpoint: u64,
    /// Clusters that waited then to be settled again under the set-up in force: for these "now" is what is booked.
    pub waiting: u64,
    /// The newest month that payouts hold money of.
    pub paid_until: Option<Period>,
    /// Clusters with conversions.
    pub clusters: u64,
    /// Conversions examined.
    pub conversions: u64,
    /// Conversions whose money changes.
    pub changed: u64,
    /// Conversions that change without moving money: another model that shares alike, another hold.
    pub changed_otherwise: u64,
    /// The money.
    pub cells: BTreeMap<Cell, Sums>,
    pub(super) listed: BTreeMap<Place, ChangedConversion>,
}

impl WhatIfReport {
    /// Rows in the order of what they group by. `changed_only` leaves out those that do not differ.
    #[must_use]
    pub fn rows(&self, grouping: Grouping, changed_only: bool) -> Vec<Row> {
        let sums = self.sums(grouping);
        let rows = sums.iter().filter(|(_, sums)| !changed_only || sums.differs());
        rows.map(|(cell, sums)| Row::of(cell, sums, grouping)).collect()
    }

    /// The sums themselves; what is not grouped by is empty in the key, and the month is that of 1970.
    #[must_use]
    pub fn sums(&self, grouping: Grouping) -> BTreeMap<Cell, Sums> {
        let mut groups: BTreeMap<Cell, Sums> = BTreeMap::new();
        for (cell, sums) in &self.cells {
            let all = grouping == Grouping::Cell;
            let keep = |of: Grouping, text: &String| {
                if all || grouping == of { text.clone() } else { String::new() }
            };
            let group = Cell {
                brand: cell.brand.clone(),
                period: if all || grouping == Grouping::Period { cell.period } else { Timestamp(0).period() },
                campaign: keep(Grouping::Campaign, &cell.campaign),
                earner: keep(Grouping::Earner, &cell.earner),
                currency: cell.currency.clone(),
            };
            groups.entry(group).or_default().add(sums);
        }
        groups
    }

    /// The changed conversions that were asked for, the largest difference first.
    pub fn listed(&self) -> impl Iterator<Item = &ChangedConversion> {
        self.listed.values()
    }

    /// Whether no money moves.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changed == 0
    }

    /// A hash over all figures, as 64 hexadecimal digits: two runs with the same one said the same.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (cell, sums) in &self.cells {
            let line = serde_json::json!([
                cell.brand.as_str(),
                cell.period.to_string(),
                cell.campaign,
                cell.earner,
                cell.currency,
                sums.money.value_now,
                sums.money.value_then,
                sums.money.commission_now,
                sums.money.commission_then,
                sums.adjustment
            ]);
            hasher.update(format!("{line}\n"));
        }
        hex::encode(hasher.finalize())
    }

    /// The report for programs.
    #[must_use]
    pub fn to_json(&self, changed_only: bool) -> serde_json::Value {
        let rows = |grouping| self.rows(grouping, changed_only);
        serde_json::json!({
            "checkpoint": self.checkpoint,
            "waiting_clusters": self.waiting,
            "paid_until": self.paid_until.map(|period| period.to_string()),
            "conversions": self.conversions,
            "conversions_changed": self.changed,
            "conversions_changed_otherwise": self.changed_otherwise,
            "totals": self.rows(Grouping::Total, false),
            "partners": rows(Grouping::Earner),
            "campaigns": rows(Grouping::Campaign),
            "periods": rows(Grouping::Period),
            "cells": rows(Grouping::Cell),
            "report_hash": self.hash(),
        })
    }

    /// Adds what another thread found.
    pub(super) fn add(&mut self, part: Self, selection: Option<&Selection>) {
        self.clusters += part.clusters;
        self.conversions += part.conversions;
        self.changed += part.changed;
        self.changed_otherwise += part.changed_otherwise;
        for (cell, sums) in part.cells {
            self.cells.entry(cell).or_default().add(&sums);
        }
        for (_, conversion) in part.listed {
            if let Some(selection) = selection {
                self.list(conversion, selection);
            }
        }
    }

    /// Keeps a conversion if it is among the largest differences.
    pub(super) fn list(&mut self, conversion: ChangedConversion, selection: &Selection) {
        self.listed.insert(conversion.place(selection), conversion);
        if self.listed.len() > selection.limit {
            self.listed.pop_last();
        }
    }
}
