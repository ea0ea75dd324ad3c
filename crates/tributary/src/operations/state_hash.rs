//! One hash over all derived state: equal for equal facts and configuration, in any order, on every engine.
//!
//! Left out is what depends on arrival or on this installation: log numbers, cluster numbers, the list of ledger entries (their
//! balances are in), receipt times, keyed hashes and sealed bytes.

use sha2::{Digest, Sha256};
use tributary_domain::fact::PayoutStep;
use tributary_store::state::{ConversionFilter, StateError, StateReader};
use tributary_store::wire;

use super::walking;

/// Computes the hash, as 64 hexadecimal digits.
///
/// # Errors
/// When the store cannot be read.
pub fn state_hash(state: &dyn StateReader) -> Result<String, StateError> {
    let mut hasher = Sha256::new();
    facts(state, &mut hasher)?;
    conversions(state, &mut hasher)?;
    payouts(state, &mut hasher)?;
    for (brand, account, money) in state.balances()? {
        if money.minor != 0 {
            part(&mut hasher, &format!("balance {brand} {account} {money}"));
        }
    }
    rollups(state, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

fn part(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text.as_bytes());
}

fn facts(state: &dyn StateReader, hasher: &mut Sha256) -> Result<(), StateError> {
    walking::facts(state, |stored| {
        let fact = &stored.fact;
        part(
            hasher,
            &format!(
                "fact {} {} {} {} {} {}",
                fact.event_id,
                fact.brand,
                fact.source,
                fact.body.kind().name(),
                fact.occurred_at,
                stored.outcome.code()
            ),
        );
        Ok(())
    })
}

fn conversions(state: &dyn StateReader, hasher: &mut Sha256) -> Result<(), StateError> {
    walking::conversions(state, &ConversionFilter::default(), |conversion| {
        hasher.update(b"conversion");
        let encoded = wire::conversion::encode(&conversion)
            .map_err(|error| StateError::Unreadable(error.to_string()))?;
        hasher.update(encoded);
        Ok(())
    })
}

fn payouts(state: &dyn StateReader, hasher: &mut Sha256) -> Result<(), StateError> {
    let mut payouts = walking::payouts(state, None)?;
    payouts.sort_by(|a, b| a.plan.payout.cmp(&b.plan.payout));
    for payout in payouts {
        let reference = if payout.step == PayoutStep::Settled { payout.reference.as_deref() } else { None };
        let lines: Vec<String> =
            payout.plan.lines.iter().map(|(id, minor)| format!("{id} {minor}")).collect();
        part(
            hasher,
            &format!(
                "payout {} {} {} {} {} [{}]",
                payout.plan.payout.0,
                payout.plan.partner,
                payout.plan.currency,
                payout.step.name(),
                reference.unwrap_or_default(),
                lines.join(",")
            ),
        );
    }
    Ok(())
}

fn rollups(state: &dyn StateReader, hasher: &mut Sha256) -> Result<(), StateError> {
    walking::rollups(state, |key, measures| {
        part(hasher, &format!("rollup {key:?} {measures:?}"));
        Ok(())
    })
}
