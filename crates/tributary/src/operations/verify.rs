//! `tributary verify`: the auditor. It proves the invariants of the contract from what is stored, written from the laws and
//! not from the engine's code: it recomputes, it never trusts a total.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey};
use tributary_domain::ledger::{
    Account, CommissionState, Position, chain_hash, commission_position, payout_position,
};
use tributary_domain::money::Currency;
use tributary_domain::settlement::{Conversion, settle};
use tributary_store::log::{LogError, LogReader, Sequence};
use tributary_store::state::{ClusterId, RollupKey, RollupMeasures, StateError, StateReader};

use super::walking;
use crate::engine::rollup::Rollups;

const PAGE: usize = 2_000;

/// What the audit found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One line per law.
    pub checks: Vec<Check>,
}

/// One law and how it stands.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The law, in words.
    pub law: &'static str,
    /// How many things were examined.
    pub examined: u64,
    /// What breaks it; at most [`MOST_FAULTS`] are listed.
    pub faults: Vec<String>,
}

/// Faults listed per law; one is enough to fail.
pub const MOST_FAULTS: usize = 20;

impl Report {
    /// Whether every law holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.faults.is_empty())
    }

    /// The first fault.
    #[must_use]
    pub fn first_fault(&self) -> Option<(&'static str, &str)> {
        self.checks.iter().find_map(|check| check.faults.first().map(|fault| (check.law, fault.as_str())))
    }
}

impl Check {
    const fn new(law: &'static str) -> Self {
        Self { law, examined: 0, faults: Vec::new() }
    }

    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        self.examined += 1;
        if !holds && self.faults.len() < MOST_FAULTS {
            self.faults.push(fault());
        }
    }
}

/// Why the audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] LogError),
    /// The store cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Audits everything up to the store's checkpoint.
///
/// # Errors
/// When log or store cannot be read. A broken law is not an error: it is in the report.
pub fn verify(
    log: &dyn LogReader,
    state: &dyn StateReader,
    configuration: &Configuration,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    report.checks.push(stored_once(log, state)?);
    let mut settled = Settled::new();
    settled.examine(state, configuration)?;
    let queue = state.queue_length()?;
    settled.same.expect(queue == 0, || {
        format!("{queue} clusters wait to be settled again; run again when the engine has caught up")
    });
    paid_once(state, &mut settled)?;
    let (chain, balances) = ledger(state, &settled, configuration)?;
    let rollups = rollups(state, settled.rollups)?;
    report.checks.extend([settled.same, settled.credits, chain, balances, settled.paid_once, rollups]);
    Ok(report)
}

fn stored_once(log: &dyn LogReader, state: &dyn StateReader) -> Result<Check, VerifyError> {
    let mut check = Check::new("every acknowledged event is stored exactly once");
    let checkpoint = state.checkpoint()?;
    let mut keys = HashSet::new();
    let mut after = Sequence(0);
    loop {
        let records = log.read_after(after, PAGE)?;
        let Some(last) = records.last() else { return Ok(check) };
        let reached = last.sequence;
        let facts: HashMap<u64, EventId> = state
            .facts_after(after, PAGE)?
            .iter()
            .map(|stored| (stored.sequence.0, stored.fact.event_id))
            .collect();
        for record in records.iter().filter(|record| record.sequence <= checkpoint) {
            let found = facts.get(&record.sequence.0);
            check.expect(found == Some(&record.event_id), || {
                format!("log record {} (event {}) is not a stored fact", record.sequence.0, record.event_id)
            });
            if let Some(key) = record.key {
                check.expect(keys.insert(key), || {
                    format!("the key of event {} is in the log twice", record.event_id)
                });
            }
        }
        after = reached;
    }
}

/// What settling everything afresh tells.
struct Settled {
    same: Check,
    credits: Check,
    paid_once: Check,
    rollups: Rollups,
    /// Expected balances of commission lines before payouts, by brand and currency.
    lines: HashMap<CommissionId, (BrandKey, Conversion, usize)>,
}

impl Settled {
    fn new() -> Self {
        Self {
            same: Check::new(
                "the same facts and configuration give the booked conversions, credits and commissions",
            ),
            credits: Check::new("credits of a conversion sum exactly to its value"),
            paid_once: Check::new(
                "no money twice: one payment reference per payout, and never more taken back than paid",
            ),
            rollups: Rollups::default(),
            lines: HashMap::new(),
        }
    }

    fn examine(&mut self, state: &dyn StateReader, configuration: &Configuration) -> Result<(), StateError> {
        walking::clusters(state, |cluster| self.examine_cluster(state, configuration, cluster))
    }

    fn examine_cluster(
        &mut self,
        state: &dyn StateReader,
        configuration: &Configuration,
        cluster: ClusterId,
    ) -> Result<(), StateError> {
        let contents = state.cluster(cluster)?;
        let facts: Vec<_> = contents.facts.iter().map(|(fact, _)| fact.clone()).collect();
        for fact in &facts {
            self.rollups.add_touch(fact, configuration);
        }
        let settlement = settle(&facts, configuration);
        let mut booked: HashMap<EventId, Conversion> =
            contents.booked.into_iter().map(|conversion| (conversion.event_id, conversion)).collect();
        for mut conversion in settlement.conversions {
            conversion.considered = Vec::new();
            let event = conversion.event_id;
            let stored = booked.remove(&event);
            self.same.expect(stored.as_ref() == Some(&conversion), || {
                format!("conversion {event} is booked otherwise than its facts say")
            });
            let sum: i64 = conversion.credits.iter().map(|credit| credit.minor).sum();
            let value = conversion.value.map_or(0, |value| value.minor);
            self.credits.expect(conversion.credits.is_empty() || sum == value, || {
                format!("the credits of conversion {event} sum to {sum}, its value is {value} minor units")
            });
            self.rollups.add_conversion(&conversion, 1);
            for (place, line) in conversion.commissions.iter().enumerate() {
                self.lines.insert(line.id, (conversion.brand.clone(), conversion.clone(), place));
            }
        }
        self.same
            .expect(booked.is_empty(), || format!("cluster {} has conversions without facts", cluster.0));
        let outcomes: HashMap<EventId, _> = settlement.outcomes.into_iter().collect();
        for (fact, outcome) in &contents.facts {
            self.same.expect(outcomes.get(&fact.event_id) == Some(outcome), || {
                format!("event {} is told as `{}`, its facts say otherwise", fact.event_id, outcome.code())
            });
        }
        Ok(())
    }
}

/// No payment reference is used twice, and payouts never take back more of a line than they paid.
fn paid_once(state: &dyn StateReader, settled: &mut Settled) -> Result<(), StateError> {
    let mut held: HashMap<CommissionId, i64> = HashMap::new();
    let mut references = HashSet::new();
    for payout in walking::payouts(state, None)? {
        if payout.step == PayoutStep::Failed {
            continue;
        }
        for (line, minor) in &payout.plan.lines {
            *held.entry(*line).or_insert(0) += minor;
        }
        if let Some(reference) = &payout.reference {
            settled.paid_once.expect(references.insert((payout.brand.clone(), reference.clone())), || {
                format!("payment reference {reference} stands on two payouts")
            });
        }
    }
    for (line, minor) in held {
        // A line may have been worth more when it was paid; what must come back then stands in the clawback balance,
        // which the balances' law proves. Payouts never hold less than nothing of a line.
        settled
            .paid_once
            .expect(minor >= 0, || format!("payouts took back more of commission {line} than they paid"));
    }
    Ok(())
}

type Balances = BTreeMap<(BrandKey, Account, Currency), i64>;

/// The chain of entries, and balances against three sources: the entries, the stored balances, the lines and payouts.
fn ledger(
    state: &dyn StateReader,
    settled: &Settled,
    configuration: &Configuration,
) -> Result<(Check, Check), StateError> {
    let mut chain = Check::new("the ledger is append-only, double-entry and hash-chained");
    let mut from_entries = Balances::new();
    for brand in configuration.brands.keys() {
        let (mut number, mut hash) = (0, [0; 32]);
        walking::entries(state, brand, |entry| -> Result<(), StateError> {
            let expected =
                chain_hash(&hash, number + 1, &entry.transfer, entry.amount, &entry.subject, entry.cause);
            chain.expect(entry.number == number + 1 && entry.hash == expected, || {
                format!("entry {} of brand {brand} does not continue the chain", entry.number)
            });
            chain.expect(entry.amount.minor > 0 && entry.amount.minor == entry.transfer.minor, || {
                format!("entry {} of brand {brand} has no positive amount", entry.number)
            });
            let currency = entry.amount.currency;
            let mut add = |account, minor| {
                *from_entries.entry((brand.clone(), account, currency)).or_insert(0) += minor;
            };
            add(entry.transfer.debit, entry.amount.minor);
            add(entry.transfer.credit, -entry.amount.minor);
            (number, hash) = (entry.number, entry.hash);
            Ok(())
        })?;
    }
    from_entries.retain(|_, minor| *minor != 0);
    let mut balances = Check::new(
        "balances equal the sum of entries, of stored balances, and of what lines and payouts say",
    );
    let mut stored: Balances = state
        .balances()?
        .into_iter()
        .map(|(brand, account, money)| ((brand, account, money.currency), money.minor))
        .collect();
    stored.retain(|_, minor| *minor != 0);
    compare(&mut balances, "stored balance", &stored, &from_entries);
    compare(&mut balances, "lines and payouts", &expected_balances(state, settled)?, &from_entries);
    Ok((chain, balances))
}

fn compare(check: &mut Check, what: &str, one: &Balances, entries: &Balances) {
    for key in one.keys().chain(entries.keys().filter(|key| !one.contains_key(*key))) {
        let (left, right) = (one.get(key).copied().unwrap_or(0), entries.get(key).copied().unwrap_or(0));
        let (brand, account, currency) = key;
        check.expect(left == right, || {
            format!("{brand} {account} {currency}: {what} {left}, entries {right} minor units")
        });
    }
}

fn expected_balances(state: &dyn StateReader, settled: &Settled) -> Result<Balances, StateError> {
    let mut balances = Balances::new();
    let mut add = |brand: &BrandKey, currency: Currency, position: Position| {
        for (account, minor) in position {
            *balances.entry((brand.clone(), account, currency)).or_insert(0) += minor;
        }
    };
    let mut ungranted: HashMap<CommissionId, (BrandKey, PartnerKey, Currency)> = HashMap::new();
    let mut locked: HashMap<CommissionId, i64> = HashMap::new();
    for payout in walking::payouts(state, None)? {
        let total = payout.plan.total();
        add(&payout.brand, total.currency, payout_position(&payout.plan.partner, payout.step, total.minor));
        if payout.step != PayoutStep::Failed {
            for (line, minor) in &payout.plan.lines {
                *locked.entry(*line).or_insert(0) += minor;
                if !settled.lines.contains_key(line) {
                    let owner = (payout.brand.clone(), payout.plan.partner.clone(), payout.plan.currency);
                    ungranted.insert(*line, owner);
                }
            }
        }
    }
    // What was paid for a line that nobody grants any more is to come back.
    for (id, (brand, partner, currency)) in &ungranted {
        let held = locked.get(id).copied().unwrap_or(0);
        add(brand, *currency, commission_position(partner, CommissionState::Rejected, 0, held));
    }
    for (id, (brand, conversion, place)) in &settled.lines {
        let line = &conversion.commissions[*place];
        let held = locked.get(id).copied().unwrap_or(0);
        add(brand, line.granted.currency, commission_position(&line.partner, line.state, line.owed, held));
    }
    balances.retain(|_, minor| *minor != 0);
    Ok(balances)
}

fn rollups(state: &dyn StateReader, expected: Rollups) -> Result<Check, StateError> {
    let mut check = Check::new("rollups equal what facts and conversions add up to");
    let mut expected: BTreeMap<RollupKey, RollupMeasures> = expected.into_changes().into_iter().collect();
    walking::rollups(state, |key, measures| -> Result<(), StateError> {
        check.expect(expected.remove(&key) == Some(measures), || {
            format!("rollup {key:?} is {measures:?}, facts say otherwise")
        });
        Ok(())
    })?;
    check.expect(expected.is_empty(), || format!("{} rollup rows are missing", expected.len()));
    Ok(check)
}
