//! `tributary report`: who earned what, under the live model or, for comparison, under another one.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::Model;
use tributary_domain::configuration::{Configuration, Versions};
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::BrandKey;
use tributary_domain::ledger::Account;
use tributary_domain::money::{Currency, Money};
use tributary_domain::settlement::{Conversion, settle};
use tributary_store::state::StateReader;

use super::walking;
use crate::engine::rollup::label;

/// Credit per earner under one model.
#[derive(Debug, Serialize)]
pub struct CreditReport {
    /// The model's name; `live` where the campaigns have different ones.
    pub model: String,
    /// Currency of the amounts.
    pub currency: String,
    /// One row per earner.
    pub partners: Vec<CreditRow>,
    /// Sums over all rows, and of the ledger.
    pub totals: CreditTotals,
}

/// One earner.
#[derive(Debug, Serialize)]
pub struct CreditRow {
    /// Partner key, or `@channel`.
    pub partner: String,
    /// Conversions credited, as a decimal with nine places or more.
    pub conversions: String,
    /// Credited value, as a decimal.
    pub value: String,
    /// Commission owed, as a decimal.
    pub commission: String,
}

/// Sums.
#[derive(Debug, Serialize)]
pub struct CreditTotals {
    /// Conversions that were credited to somebody.
    pub conversions: u64,
    /// Credited value.
    pub value: String,
    /// Commission owed.
    pub commission: String,
    /// What the ledger says commissions cost; only for the live model.
    pub ledger: Option<String>,
}

/// A sum of shares `weight / total`, exact until it is shown: numerators per denominator.
#[derive(Default, Clone)]
pub(super) struct Shares(BTreeMap<u64, u64>);

impl Shares {
    pub(super) fn add(&mut self, weight: u64, total: u64) {
        if let Some(divisor) = std::num::NonZeroU64::new(greatest_common_divisor(weight, total)) {
            *self.0.entry(total / divisor).or_insert(0) += weight / divisor;
        }
    }

    /// The sum, each denominator's whole part kept apart from its rest so that nothing is lost to rounding.
    pub(super) fn decimal(&self) -> String {
        let whole: u64 = self.0.iter().map(|(denominator, numerator)| numerator / denominator).sum();
        // In units of 10^-18: below 100 denominators the error stays under 10^-16.
        let scale: u128 = 1_000_000_000_000_000_000;
        let rest: u128 = self
            .0
            .iter()
            .map(|(denominator, numerator)| {
                u128::from(numerator % denominator) * scale / u128::from(*denominator)
            })
            .sum();
        format!("{}.{:018}", u128::from(whole) + rest / scale, rest % scale)
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[derive(Default, Clone)]
struct Sum {
    shares: Shares,
    value: i64,
    commission: i64,
}

/// Sums credits of a brand in one currency: settled afresh from the facts, under the live configuration or with every campaign
/// set to `model`.
///
/// # Errors
/// When the store fails.
pub fn credits(
    state: &dyn StateReader,
    configuration: &Configuration,
    brand: &BrandKey,
    currency: Currency,
    model: Option<Model>,
) -> anyhow::Result<CreditReport> {
    let configuration =
        model.as_ref().map_or_else(|| configuration.clone(), |model| with_model(configuration, model));
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut count = 0;
    walking::clusters(state, |cluster| -> anyhow::Result<()> {
        let facts: Vec<_> = state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact).collect();
        if facts.iter().any(|fact| fact.body.action().is_some() && fact.brand == *brand) {
            for conversion in settle(&facts, &configuration).conversions {
                count += u64::from(add(&mut sums, &conversion, currency));
            }
        }
        Ok(())
    })?;
    let decimal = |minor: i64| Money::new(minor, currency).decimal();
    let ledger = state
        .balances()?
        .into_iter()
        .filter(|(of, account, money)| {
            of == brand && *account == Account::CommissionExpense && money.currency == currency
        })
        .map(|(_, _, money)| money.minor)
        .sum();
    Ok(CreditReport {
        model: model
            .clone()
            .or_else(|| only_model(&configuration, brand))
            .map_or_else(|| "live".to_owned(), |model| model.name().to_owned()),
        currency: currency.to_string(),
        totals: CreditTotals {
            conversions: count,
            value: decimal(sums.values().map(|sum| sum.value).sum()),
            commission: decimal(sums.values().map(|sum| sum.commission).sum()),
            ledger: model.is_none().then(|| decimal(ledger)),
        },
        partners: sums
            .into_iter()
            .map(|(partner, sum)| CreditRow {
                partner,
                conversions: sum.shares.decimal(),
                value: decimal(sum.value),
                commission: decimal(sum.commission),
            })
            .collect(),
    })
}

/// Adds one conversion; tells whether anybody was credited. Credit is counted for conversions, commission for every step that
/// a plan pays, so that it adds up to the ledger.
fn add(sums: &mut BTreeMap<String, Sum>, conversion: &Conversion, currency: Currency) -> bool {
    for line in conversion.commissions.iter().filter(|line| line.granted.currency == currency) {
        sums.entry(label(&Earner::Partner(line.partner.clone()))).or_default().commission += line.owed;
    }
    let counted = conversion.kind == EventKind::Conversion
        && conversion.verdict != Verdict::Rejected
        && conversion.value.is_some_and(|value| value.currency == currency);
    if counted {
        for credit in &conversion.credits {
            let sum = sums.entry(label(&credit.earner)).or_default();
            sum.shares.add(credit.weight, credit.total_weight);
            sum.value += credit.minor;
        }
    }
    counted && !conversion.credits.is_empty()
}

/// The model of a brand whose campaigns all have the same one, for all goals and at all times.
fn only_model(configuration: &Configuration, brand: &BrandKey) -> Option<Model> {
    let mut models = configuration.models(brand).into_iter();
    models.next().filter(|_| models.next().is_none())
}

/// The set-up with one model for every campaign and goal, at all times.
pub(super) fn with_model(configuration: &Configuration, model: &Model) -> Configuration {
    let mut configuration = configuration.clone();
    for versions in configuration.campaigns.values_mut() {
        let mut campaign = versions.latest().clone();
        campaign.model = Some(model.clone());
        campaign.goals.iter_mut().for_each(|terms| terms.model = None);
        *versions = Versions::always(campaign);
    }
    configuration
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_shares_are_exact() {
        let mut shares = Shares::default();
        for _ in 0..3 {
            shares.add(1, 3);
        }
        shares.add(2, 4);
        assert_eq!(shares.decimal(), "1.500000000000000000");
    }
}
