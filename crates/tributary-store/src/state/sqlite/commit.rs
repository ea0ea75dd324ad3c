//! Applying one [`Commit`] in one transaction.
//!
//! Statements are prepared once per connection and bound without copies; each table is written in one run, so that its pages are
//! warm. Facts come before everything that refers to them.

use std::collections::BTreeMap;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params};
use tributary_domain::fact::EventKind;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;

use super::lookup;
use super::rows::{self, stored_number, unreadable};
use crate::state::subject::pack_subject;
use crate::state::{
    ClusterId, Commit, ConversionChange, JudgedAnew, Payout, RollupKey, RollupMeasures, StateError,
    StoredFact,
};
use crate::wire;

/// Applies a change, or leaves nothing of it behind.
pub(super) fn apply(connection: &mut Connection, commit: &Commit) -> Result<(), StateError> {
    // The write lock comes first: what is checked below cannot change before the end.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write(&transaction, commit)?;
    transaction.commit()?;
    Ok(())
}

/// Writes a change into the transaction that is open.
pub(super) fn write(connection: &Connection, commit: &Commit) -> Result<(), StateError> {
    check(connection, commit)?;
    insert_facts(connection, &commit.facts)?;
    upsert_nodes(connection, commit)?;
    merge(connection, &commit.merges)?;
    update_outcomes(connection, &commit.outcomes)?;
    change_conversions(connection, &commit.conversions)?;
    put_payouts(connection, &commit.payouts)?;
    insert_entries(connection, &commit.entries)?;
    add_balances(connection, &commit.balances)?;
    add_rollups(connection, &commit.rollups)?;
    leave_queue(connection, &commit.resettled)?;
    join_queue(connection, commit)?;
    connection
        .prepare_cached("UPDATE checkpoint SET sequence = ?1")?
        .execute([stored_number(commit.checkpoint.0)?])?;
    Ok(())
}

/// JSON in UTF-8, bound as a text without a copy.
const fn json(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(bytes))
}

fn check(connection: &Connection, commit: &Commit) -> Result<(), StateError> {
    let found = lookup::checkpoint(connection)?;
    if found != commit.expected_checkpoint {
        return Err(StateError::CheckpointMoved { expected: commit.expected_checkpoint.0, found: found.0 });
    }
    let found = lookup::configuration_revision(connection)?;
    if found != commit.configuration_revision {
        return Err(StateError::ConfigurationMoved { expected: commit.configuration_revision, found });
    }
    Ok(())
}

fn insert_facts(connection: &Connection, facts: &[StoredFact]) -> Result<(), StateError> {
    let mut counts: BTreeMap<(&BrandKey, EventKind), i64> = BTreeMap::new();
    let mut insert = connection.prepare_cached(
        "INSERT INTO fact (sequence, event_id, cluster, is_action, occurred_at, received_at, brand, source, kind, way, \
         outcome, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for stored in facts {
        let fact = &stored.fact;
        let kind = fact.body.kind();
        insert.execute(params![
            stored_number(stored.sequence.0)?,
            &fact.event_id.0[..],
            stored_number(stored.cluster.0)?,
            i64::from(fact.body.action().is_some()),
            fact.occurred_at.0,
            stored.received_at.0,
            fact.brand.as_str(),
            fact.source.as_str(),
            kind.name(),
            stored.way.name(),
            stored.outcome.code(),
            wire::fact::encode(fact),
        ])?;
        *counts.entry((&fact.brand, kind)).or_insert(0) += 1;
    }
    let mut count = connection.prepare_cached(
        "INSERT INTO fact_count (brand, kind, facts) VALUES (?1, ?2, ?3) \
         ON CONFLICT (brand, kind) DO UPDATE SET facts = facts + excluded.facts",
    )?;
    for ((brand, kind), facts) in counts {
        count.execute(params![brand.as_str(), kind.name(), facts])?;
    }
    Ok(())
}

fn upsert_nodes(connection: &Connection, commit: &Commit) -> Result<(), StateError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO identity_node (node, cluster) VALUES (?1, ?2) ON CONFLICT (node) DO UPDATE SET cluster = excluded.cluster",
    )?;
    for (node, cluster) in &commit.nodes {
        upsert.execute(params![&node.0[..], stored_number(cluster.0)?])?;
    }
    Ok(())
}

/// Notes that clusters became part of others, keeping every alias one step from its cluster of today.
fn merge(connection: &Connection, merges: &[(ClusterId, ClusterId)]) -> Result<(), StateError> {
    for (source, target) in merges {
        let source = lookup::cluster_of_today(connection, stored_number(source.0)?)?;
        let target = lookup::cluster_of_today(connection, stored_number(target.0)?)?;
        if source == target {
            continue;
        }
        connection
            .prepare_cached("UPDATE cluster_alias SET target = ?2 WHERE target = ?1")?
            .execute([source, target])?;
        connection
            .prepare_cached("INSERT INTO cluster_alias (source, target) VALUES (?1, ?2)")?
            .execute([source, target])?;
        if connection.prepare_cached("DELETE FROM resettle_queue WHERE cluster = ?1")?.execute([source])? > 0
        {
            connection
                .prepare_cached("INSERT OR IGNORE INTO resettle_queue (cluster) VALUES (?1)")?
                .execute([target])?;
        }
    }
    Ok(())
}

fn update_outcomes(connection: &Connection, outcomes: &[(EventId, Reason)]) -> Result<(), StateError> {
    let mut update = connection.prepare_cached("UPDATE fact SET outcome = ?2 WHERE event_id = ?1")?;
    for (event, outcome) in outcomes {
        if update.execute(params![&event.0[..], outcome.code()])? == 0 {
            return Err(StateError::Database(format!("the outcome of event {event} has no fact")));
        }
    }
    Ok(())
}

fn change_conversions(connection: &Connection, changes: &[ConversionChange]) -> Result<(), StateError> {
    for change in changes {
        match change {
            ConversionChange::Put { cluster, conversion } => {
                put_conversion(connection, *cluster, conversion)?
            }
            ConversionChange::Remove(event) => remove_conversion(connection, *event)?,
        }
    }
    Ok(())
}

fn put_conversion(
    connection: &Connection,
    cluster: ClusterId,
    conversion: &Conversion,
) -> Result<(), StateError> {
    let cluster = stored_number(cluster.0)?;
    let settled = wire::conversion::encode(conversion).map_err(|error| unreadable("a conversion", &error))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO conversion (event_id, cluster, brand, occurred_at, transaction_id, settled) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event_id) DO NOTHING",
    )?;
    let row = params![
        &conversion.event_id.0[..],
        cluster,
        conversion.brand.as_str(),
        conversion.occurred_at.0,
        conversion.transaction.as_ref().map(|transaction| transaction.as_str()),
        json(&settled),
    ];
    // Nearly every conversion is new: only one that is there already is worth looking for its old credits and lines.
    if insert.execute(row)? == 0 {
        remove_conversion(connection, conversion.event_id)?;
        insert.execute(row)?;
    }
    insert_credits(connection, conversion)?;
    insert_commissions(connection, cluster, conversion)
}

fn insert_credits(connection: &Connection, conversion: &Conversion) -> Result<(), StateError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO credit (conversion, position, earner, currency, weight, total_weight, minor) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let currency = conversion.value.as_ref().map_or("", |value| value.currency.code());
    for (position, credit) in (0i64..).zip(&conversion.credits) {
        insert.execute(params![
            &conversion.event_id.0[..],
            position,
            wire::conversion::earner_name(&credit.earner),
            currency,
            stored_number(credit.weight)?,
            stored_number(credit.total_weight)?,
            credit.minor,
        ])?;
    }
    Ok(())
}

fn insert_commissions(
    connection: &Connection,
    cluster: i64,
    conversion: &Conversion,
) -> Result<(), StateError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO commission (id, conversion, cluster, brand, partner, plan, currency, granted, owed, state, reason, \
         payable_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for commission in &conversion.commissions {
        insert.execute(params![
            &commission.id.0.0[..],
            &conversion.event_id.0[..],
            cluster,
            conversion.brand.as_str(),
            commission.partner.as_str(),
            commission.plan.as_str(),
            commission.granted.currency.code(),
            commission.granted.minor,
            commission.owed,
            commission.state.name(),
            commission.reason.code(),
            commission.payable_from.0,
        ])?;
    }
    Ok(())
}

/// Removes a conversion with its credits and lines. The lines are named in the stored form, so that they need no index by conversion.
fn remove_conversion(connection: &Connection, event: EventId) -> Result<(), StateError> {
    let sql = "SELECT settled FROM conversion WHERE event_id = ?1";
    let Some(old) = lookup::first(connection, sql, [&event.0[..]], |row| rows::conversion(row, 0))? else {
        return Ok(());
    };
    let mut remove = connection.prepare_cached("DELETE FROM commission WHERE id = ?1")?;
    for CommissionId(EventId(id)) in old.commissions.iter().map(|commission| commission.id) {
        remove.execute([&id[..]])?;
    }
    connection.prepare_cached("DELETE FROM credit WHERE conversion = ?1")?.execute([&event.0[..]])?;
    connection.prepare_cached("DELETE FROM conversion WHERE event_id = ?1")?.execute([&event.0[..]])?;
    Ok(())
}

fn put_payouts(connection: &Connection, payouts: &[Payout]) -> Result<(), StateError> {
    for payout in payouts {
        let id = &*payout.plan.payout.0;
        let stepped = connection
            .prepare_cached("UPDATE payout SET step = ?2, reference = ?3, stepped_at = ?4 WHERE id = ?1")?
            .execute(params![id, payout.step.name(), payout.reference, payout.stepped_at.0])?;
        if stepped == 0 {
            insert_payout(connection, payout)?;
        }
    }
    Ok(())
}

fn insert_payout(connection: &Connection, payout: &Payout) -> Result<(), StateError> {
    let id = &*payout.plan.payout.0;
    let plan = wire::payout::encode(&payout.plan).map_err(|error| unreadable("a payout", &error))?;
    connection
        .prepare_cached(
            "INSERT INTO payout (id, brand, run, step, reference, prepared_at, stepped_at, plan) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id,
            payout.brand.as_str(),
            &*payout.plan.run,
            payout.step.name(),
            payout.reference,
            payout.prepared_at.0,
            payout.stepped_at.0,
            json(&plan),
        ])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO payout_line (commission, payout, minor) VALUES (?1, ?2, ?3) \
         ON CONFLICT (commission, payout) DO UPDATE SET minor = minor + excluded.minor",
    )?;
    for (line, minor) in &payout.plan.lines {
        insert.execute(params![&line.0.0[..], id, minor])?;
    }
    Ok(())
}

fn insert_entries(connection: &Connection, entries: &[Entry]) -> Result<(), StateError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO ledger_entry (brand, number, debit, credit, currency, minor, subject, cause, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for entry in entries {
        insert.execute(params![
            entry.brand.as_str(),
            stored_number(entry.number)?,
            entry.transfer.debit.to_string(),
            entry.transfer.credit.to_string(),
            entry.amount.currency.code(),
            entry.amount.minor,
            pack_subject(&entry.subject),
            &entry.cause.0[..],
            &entry.hash[..],
        ])?;
    }
    Ok(())
}

fn add_balances(
    connection: &Connection,
    balances: &[((BrandKey, Account, Currency), i64)],
) -> Result<(), StateError> {
    let mut add = connection.prepare_cached(
        "INSERT INTO balance (brand, account, currency, minor) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (brand, account, currency) DO UPDATE SET minor = minor + excluded.minor",
    )?;
    for ((brand, account, currency), minor) in balances {
        add.execute(params![brand.as_str(), account.to_string(), currency.code(), minor])?;
    }
    Ok(())
}

fn add_rollups(connection: &Connection, rollups: &[(RollupKey, RollupMeasures)]) -> Result<(), StateError> {
    let mut add = connection.prepare_cached(
        "INSERT INTO rollup (brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, \
         qualifications_ppm, conversions_ppm, value, refunded, commission) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (brand, hour, campaign, earner, currency) DO UPDATE SET clicks = clicks + excluded.clicks, \
         impressions = impressions + excluded.impressions, registrations_ppm = registrations_ppm + excluded.registrations_ppm, \
         qualifications_ppm = qualifications_ppm + excluded.qualifications_ppm, \
         conversions_ppm = conversions_ppm + excluded.conversions_ppm, value = value + excluded.value, \
         refunded = refunded + excluded.refunded, commission = commission + excluded.commission",
    )?;
    for (key, measures) in rollups {
        add.execute(params![
            key.brand.as_str(),
            key.hour.0,
            key.campaign,
            key.earner,
            key.currency,
            measures.clicks,
            measures.impressions,
            measures.registrations_ppm,
            measures.qualifications_ppm,
            measures.conversions_ppm,
            measures.value,
            measures.refunded,
            measures.commission,
        ])?;
    }
    Ok(())
}

/// Notes what is to be done later.
fn join_queue(connection: &Connection, commit: &Commit) -> Result<(), StateError> {
    for cluster in &commit.queued {
        connection
            .prepare_cached("INSERT OR IGNORE INTO resettle_queue (cluster) VALUES (?1)")?
            .execute([lookup::cluster_of_today(connection, stored_number(cluster.0)?)?])?;
    }
    match commit.recount_touches_from {
        None => {}
        Some(JudgedAnew::NEVER) => drop(connection.execute("DELETE FROM touch_recount", [])?),
        Some(since) => drop(connection.execute("UPDATE touch_recount SET since = ?1", [since.0])?),
    }
    Ok(())
}

fn leave_queue(connection: &Connection, resettled: &[ClusterId]) -> Result<(), StateError> {
    let mut leave = connection.prepare_cached("DELETE FROM resettle_queue WHERE cluster = ?1")?;
    for cluster in resettled {
        leave.execute([lookup::cluster_of_today(connection, stored_number(cluster.0)?)?])?;
    }
    Ok(())
}
