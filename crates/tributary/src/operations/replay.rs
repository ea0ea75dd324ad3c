//! `tributary replay`: rebuilds the derived state from the log and compares; with another set-up, tells who would earn what.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::money::Money;
use tributary_domain::settlement::settle;
use tributary_domain::time::Timestamp;
use tributary_store::log::LogReader;
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::state::{ConfigurationStore, StateReader};

use super::state_hash::state_hash;
use super::walking;
use crate::engine::rollup::label;
use crate::engine::{Engine, Step};

/// How a rebuild ended.
#[derive(Debug, Serialize)]
pub struct Rebuilt {
    /// Log records read.
    pub records: u64,
    /// Hash of the live state.
    pub live: String,
    /// Hash of the rebuilt state.
    pub rebuilt: String,
}

/// Rebuilds everything from the log into a scratch file and compares the hashes. The live state is not touched.
///
/// `progress` is told how many records were read.
///
/// # Errors
/// When log or store fail.
pub fn rebuild(
    log: &Arc<dyn LogReader>,
    live: &dyn StateReader,
    set_up: &dyn ConfigurationStore,
    configuration: &Configuration,
    scratch: &Path,
    batch: usize,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Rebuilt> {
    let writer = SqliteStateWriter::open_scratch(scratch)?;
    let (_, entities) = set_up.load_configuration()?;
    let revision =
        SqliteConfigurationStore::open(scratch)?.save_configuration(&entities, Timestamp(i64::MAX))?;
    let configuration = Configuration { revision, ..configuration.clone() };
    let mut engine = Engine::new(log.clone(), Box::new(writer), batch);
    let mut records = 0;
    let goal = live.checkpoint()?;
    loop {
        match engine.step(&configuration)? {
            Step::Advanced { checkpoint, records: read } => {
                records += read as u64;
                progress(records);
                if checkpoint >= goal {
                    break;
                }
            }
            Step::Resettled(_) => {}
            Step::Idle => break,
        }
    }
    drop(engine);
    let reader = SqliteStateReader::open(scratch)?;
    Ok(Rebuilt { records, live: state_hash(live)?, rebuilt: state_hash(&reader)? })
}

/// Money of one earner in one currency, now and under the other set-up.
#[derive(Debug, Serialize, Default, Clone)]
pub struct WhatIf {
    /// Credited value now, in minor units.
    pub value_now: i64,
    /// Credited value then.
    pub value_then: i64,
    /// Commission now.
    pub commission_now: i64,
    /// Commission then.
    pub commission_then: i64,
}

/// Settles every person under both configurations and sums per earner and currency. Nothing is written.
///
/// # Errors
/// When the store fails.
pub fn what_if(
    state: &dyn StateReader,
    now: &Configuration,
    then: &Configuration,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<BTreeMap<(String, String), WhatIf>> {
    let mut sums: BTreeMap<(String, String), WhatIf> = BTreeMap::new();
    let mut examined = 0;
    walking::clusters(state, |cluster| -> anyhow::Result<()> {
        let facts: Vec<_> = state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact).collect();
        if facts.iter().any(|fact| fact.body.action().is_some()) {
            for (configuration, is_then) in [(now, false), (then, true)] {
                add(&mut sums, &settle(&facts, configuration).conversions, is_then);
            }
        }
        examined += 1;
        progress(examined);
        Ok(())
    })?;
    Ok(sums)
}

fn add(
    sums: &mut BTreeMap<(String, String), WhatIf>,
    conversions: &[tributary_domain::settlement::Conversion],
    is_then: bool,
) {
    for conversion in conversions {
        if let Some(value) = conversion.value {
            for credit in &conversion.credits {
                let sum = sums.entry((label(&credit.earner), value.currency.to_string())).or_default();
                *(if is_then { &mut sum.value_then } else { &mut sum.value_now }) += credit.minor;
            }
        }
        for line in &conversion.commissions {
            let sum = sums.entry((line.partner.to_string(), line.granted.currency.to_string())).or_default();
            *(if is_then { &mut sum.commission_then } else { &mut sum.commission_now }) += line.owed;
        }
    }
}

/// The sums as rows for people and programs.
#[must_use]
pub fn what_if_rows(sums: &BTreeMap<(String, String), WhatIf>) -> Vec<serde_json::Value> {
    sums.iter()
        .filter_map(|((earner, code), sum)| {
            let currency = tributary_domain::money::Currency::parse(code).ok()?;
            let decimal = |minor: i64| Money::new(minor, currency).decimal();
            Some(serde_json::json!({
                "earner": earner,
                "currency": code,
                "value_now": decimal(sum.value_now),
                "value_then": decimal(sum.value_then),
                "commission_now": decimal(sum.commission_now),
                "commission_then": decimal(sum.commission_then),
                "difference": decimal(sum.commission_then - sum.commission_now),
            }))
        })
        .collect()
}
