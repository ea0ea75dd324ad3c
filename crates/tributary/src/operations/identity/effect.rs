//! What a ruling does to money, worked out by settling the same facts with and without it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::Fact;
use tributary_domain::identity::IdentityDecision;
use tributary_domain::ids::{CommissionId, EventId};
use tributary_domain::money::{Currency, Money};
use tributary_domain::settlement::{Conversion, settle};
use tributary_store::state::StateReader;

use crate::engine::rollup::label;
use crate::operations::now_and_then::{Amounts, NowAndThen};

/// What a ruling changes.
#[derive(Debug, Serialize)]
pub struct Effect {
    /// `separate`, `join` or `rejoin`.
    pub ruling: &'static str,
    /// One identifier, without personal data.
    pub one: String,
    /// The other.
    pub other: String,
    /// Whether it is in force already, so that nothing would be written.
    pub stands_already: bool,
    /// Money per earner and currency, where anything changes.
    pub earners: Vec<EarnerEffect>,
    /// Conversions whose credits or commissions change.
    pub conversions: Vec<ConversionEffect>,
    /// Changed commission lines of which payouts hold money: what is too much there is to come back.
    pub locked: Vec<LockedLine>,
    /// The event of the ruling, once it is written.
    pub recorded: Option<String>,
}

/// Money of one earner in one currency.
#[derive(Debug, Serialize)]
pub struct EarnerEffect {
    /// Partner key, or `@channel`.
    pub earner: String,
    /// The money, with and without the ruling.
    #[serde(flatten)]
    pub amounts: Amounts,
}

/// A conversion that changes.
#[derive(Debug, Serialize)]
pub struct ConversionEffect {
    /// Its event.
    pub event: String,
    /// The sender's number.
    pub transaction: Option<String>,
    /// The step reached.
    pub goal: String,
    /// Who is credited with what now.
    pub now: Vec<String>,
    /// Who would be then.
    pub then: Vec<String>,
}

/// A changed line that payouts hold money of.
#[derive(Debug, Serialize)]
pub struct LockedLine {
    /// The commission line.
    pub commission: String,
    /// Whose it is.
    pub partner: String,
    /// Currency code.
    pub currency: String,
    /// Owed now.
    pub owed_now: String,
    /// Owed then.
    pub owed_then: String,
    /// In payouts.
    pub locked: String,
}

/// The effect of a ruling that is not made yet.
pub(super) fn of(
    state: &dyn StateReader,
    configuration: &Configuration,
    decision: &IdentityDecision,
    mut facts: Vec<Fact>,
    ruling: Fact,
    stands_already: bool,
) -> anyhow::Result<Effect> {
    let now = settle(&facts, configuration).conversions;
    if !stands_already {
        facts.push(ruling);
    }
    let then = settle(&facts, configuration).conversions;
    let (one, other) = decision.pair();
    Ok(Effect {
        ruling: decision.ruling.name(),
        one: one.label(),
        other: other.label(),
        stands_already,
        earners: earners(&now, &then),
        conversions: conversions(&now, &then),
        locked: locked(state, &now, &then)?,
        recorded: None,
    })
}

fn earners(now: &[Conversion], then: &[Conversion]) -> Vec<EarnerEffect> {
    let mut sums: BTreeMap<(String, Currency), NowAndThen> = BTreeMap::new();
    for (is_then, conversions) in [(false, now), (true, then)] {
        for conversion in conversions {
            if let Some(value) = conversion.value {
                for credit in &conversion.credits {
                    let sum = sums.entry((label(&credit.earner), value.currency)).or_default();
                    *(if is_then { &mut sum.value_then } else { &mut sum.value_now }) += credit.minor;
                }
            }
            for line in &conversion.commissions {
                let sum = sums.entry((line.partner.to_string(), line.granted.currency)).or_default();
                *(if is_then { &mut sum.commission_then } else { &mut sum.commission_now }) += line.owed;
            }
        }
    }
    sums.into_iter()
        .filter(|(_, sums)| sums.differs())
        .map(|((earner, currency), sums)| EarnerEffect {
            earner,
            amounts: Amounts::of(&currency.to_string(), &sums),
        })
        .collect()
}

fn conversions(now: &[Conversion], then: &[Conversion]) -> Vec<ConversionEffect> {
    let before: BTreeMap<EventId, &Conversion> = now.iter().map(|each| (each.event_id, each)).collect();
    let mut changed = Vec::new();
    for conversion in then {
        let Some(earlier) = before.get(&conversion.event_id) else { continue };
        if earlier.credits != conversion.credits || earlier.commissions != conversion.commissions {
            changed.push(ConversionEffect {
                event: conversion.event_id.to_string(),
                transaction: conversion.transaction.as_ref().map(ToString::to_string),
                goal: conversion.goal.to_string(),
                now: shares(earlier),
                then: shares(conversion),
            });
        }
    }
    changed
}

fn shares(conversion: &Conversion) -> Vec<String> {
    let share = |earner: String, weight: u64, total: u64, minor: i64| match conversion.value {
        Some(value) => format!("{earner} {}", Money::new(minor, value.currency)),
        None => format!("{earner} {weight}/{total}"),
    };
    let mut shares: Vec<String> = conversion
        .credits
        .iter()
        .map(|credit| share(label(&credit.earner), credit.weight, credit.total_weight, credit.minor))
        .collect();
    if shares.is_empty() {
        shares.push(conversion.reason.code().to_owned());
    }
    shares
}

fn locked(
    state: &dyn StateReader,
    now: &[Conversion],
    then: &[Conversion],
) -> anyhow::Result<Vec<LockedLine>> {
    let owed = |conversions: &[Conversion]| -> BTreeMap<CommissionId, i64> {
        conversions.iter().flat_map(|each| &each.commissions).map(|line| (line.id, line.owed)).collect()
    };
    let (now, then) = (owed(now), owed(then));
    let lines: BTreeSet<CommissionId> = now.keys().chain(then.keys()).copied().collect();
    let mut locked = Vec::new();
    for id in lines {
        let (before, after) =
            (now.get(&id).copied().unwrap_or_default(), then.get(&id).copied().unwrap_or_default());
        if before == after {
            continue;
        }
        let Some(row) = state.commission(id)?.filter(|row| row.line.locked != 0) else { continue };
        let currency = row.line.owed.currency;
        let decimal = |minor: i64| Money::new(minor, currency).decimal();
        locked.push(LockedLine {
            commission: id.to_string(),
            partner: row.line.partner.to_string(),
            currency: currency.to_string(),
            owed_now: decimal(before),
            owed_then: decimal(after),
            locked: decimal(row.line.locked),
        });
    }
    Ok(locked)
}
