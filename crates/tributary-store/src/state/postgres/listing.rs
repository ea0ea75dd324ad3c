//! Lists and sums. A list is paged by the key that it is ordered by, so that each page costs the same wherever it lies.
//!
//! Conditions that are not asked for are written as `$n IS NULL OR ...`: readers' statements are planned for their values, so such a
//! condition costs nothing.

use std::collections::BTreeMap;

use tributary_domain::fact::EventKind;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Money;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Period;

use super::rows::{self, Id, number, stored_limit, stored_number};
use crate::log::Sequence;
use crate::postgres_connection::Session;
use crate::state::subject::pack_subject;
use crate::state::{
    ClusterId, CommissionRow, CommissionSum, ConversionCount, ConversionFilter, CreditSum, Payout, RollupKey,
    RollupMeasures, StateError, StoredFact,
};

/// A query of facts as `rows::stored_fact` reads them.
macro_rules! select_facts {
    ($rest:literal) => {
        concat!(
            "SELECT f.sequence, COALESCE(a.target, f.cluster), f.way, f.received_at, f.outcome, f.body \
             FROM fact f LEFT JOIN cluster_alias a ON a.source = f.cluster ",
            $rest
        )
    };
}

/// A query of commission lines as `rows::commission_row` reads them.
macro_rules! select_commissions {
    ($rest:literal) => {
        concat!(
            "SELECT c.brand, c.conversion, c.id, c.partner, c.currency, c.owed, c.state, c.reason, c.payable_from, \
             COALESCE((SELECT SUM(l.minor) FROM payout_line l JOIN payout p ON p.id = l.payout \
                       WHERE l.commission = c.id AND p.step <> 'failed'), 0)::bigint FROM commission c ",
            $rest
        )
    };
}

/// A query of ledger entries as `rows::entry` reads them.
macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "SELECT brand, number, debit, credit, currency, minor, subject, cause, hash FROM ledger_entry ",
            $rest
        )
    };
}

pub(super) fn queue_length(session: &mut Session) -> Result<u64, StateError> {
    let sql = "SELECT (SELECT COUNT(*) FROM resettle_queue) + (SELECT COUNT(*) FROM touch_recount)";
    let found = session.rows(sql, Vec::new())?;
    found.first().map_or(Ok(0), |row| number(row, 0))
}

pub(super) fn fact_counts(session: &mut Session) -> Result<Vec<(BrandKey, EventKind, u64)>, StateError> {
    let found = session.rows("SELECT brand, kind, facts FROM fact_count ORDER BY brand, kind", Vec::new())?;
    found.iter().map(|row| Ok((rows::brand(row, 0)?, rows::kind(row, 1)?, number(row, 2)?))).collect()
}

pub(super) fn latest_facts(
    session: &mut Session,
    brand: Option<&BrandKey>,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let sql = select_facts!("WHERE $1::text IS NULL OR f.brand = $1 ORDER BY f.sequence DESC LIMIT $2");
    let found = session.rows(sql, vec![&brand.map(BrandKey::as_str), &stored_limit(limit)])?;
    found.iter().map(rows::stored_fact).collect()
}

pub(super) fn facts_after(
    session: &mut Session,
    after: Sequence,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let sql = select_facts!("WHERE f.sequence > $1 ORDER BY f.sequence LIMIT $2");
    let found = session.rows(sql, vec![&stored_number(after.0)?, &stored_limit(limit)])?;
    found.iter().map(rows::stored_fact).collect()
}

pub(super) fn facts_by_event(
    session: &mut Session,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let sql = select_facts!("WHERE $1::uuid IS NULL OR f.event_id > $1 ORDER BY f.event_id LIMIT $2");
    let found = session.rows(sql, vec![&after.map(Id::from), &stored_limit(limit)])?;
    found.iter().map(rows::stored_fact).collect()
}

pub(super) fn fact(session: &mut Session, event: EventId) -> Result<Option<StoredFact>, StateError> {
    let found = session.rows(select_facts!("WHERE f.event_id = $1"), vec![&Id::from(event)])?;
    found.first().map(rows::stored_fact).transpose()
}

pub(super) fn clusters_after(
    session: &mut Session,
    after: ClusterId,
    limit: usize,
) -> Result<Vec<ClusterId>, StateError> {
    // A cluster of today whose own facts all came under earlier numbers is found as the target of those. Each half stops at the limit.
    let found = session.rows(
        "(SELECT DISTINCT f.cluster FROM fact f WHERE f.cluster > $1 \
              AND NOT EXISTS (SELECT FROM cluster_alias a WHERE a.source = f.cluster) ORDER BY 1 LIMIT $2) \
         UNION \
         (SELECT DISTINCT a.target FROM cluster_alias a WHERE a.target > $1 \
              AND EXISTS (SELECT FROM fact f WHERE f.cluster = a.source) ORDER BY 1 LIMIT $2) \
         ORDER BY 1 LIMIT $2",
        vec![&stored_number(after.0)?, &stored_limit(limit)],
    )?;
    found.iter().map(|row| rows::cluster(row, 0)).collect()
}

pub(super) fn clusters_with_actions_after(
    session: &mut Session,
    after: ClusterId,
    limit: usize,
) -> Result<Vec<ClusterId>, StateError> {
    let found = session.rows(
        "(SELECT DISTINCT f.cluster FROM fact f WHERE f.cluster > $1 AND f.is_action \
              AND NOT EXISTS (SELECT FROM cluster_alias a WHERE a.source = f.cluster) ORDER BY 1 LIMIT $2) \
         UNION \
         (SELECT DISTINCT a.target FROM cluster_alias a WHERE a.target > $1 \
              AND EXISTS (SELECT FROM fact f WHERE f.cluster = a.source AND f.is_action) ORDER BY 1 LIMIT $2) \
         ORDER BY 1 LIMIT $2",
        vec![&stored_number(after.0)?, &stored_limit(limit)],
    )?;
    found.iter().map(|row| rows::cluster(row, 0)).collect()
}

pub(super) fn conversions(
    session: &mut Session,
    filter: &ConversionFilter,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<(ClusterId, Conversion)>, StateError> {
    let found = session.rows(
        "SELECT COALESCE(a.target, c.cluster), c.settled FROM conversion c \
         LEFT JOIN cluster_alias a ON a.source = c.cluster \
         WHERE ($1::uuid IS NULL OR c.event_id > $1) AND ($2::text IS NULL OR c.brand = $2) \
         AND ($3::text IS NULL OR c.transaction_id = $3) \
         AND ($4::bigint IS NULL OR c.occurred_at >= $4) AND ($5::bigint IS NULL OR c.occurred_at < $5) \
         AND ($6::text IS NULL OR (SELECT f.source FROM fact f WHERE f.event_id = c.event_id) = $6) \
         AND ($7::text IS NULL OR EXISTS (SELECT FROM credit k WHERE k.conversion = c.event_id AND k.earner = $7) \
              OR EXISTS (SELECT FROM json_array_elements(convert_from(c.settled, 'UTF8')::json -> 'commissions') m \
                         WHERE m.value ->> 'partner' = $7)) \
         ORDER BY c.event_id LIMIT $8",
        vec![
            &after.map(Id::from),
            &filter.brand.as_ref().map(BrandKey::as_str),
            &filter.transaction.as_ref().map(|transaction| transaction.as_str()),
            &filter.period.map(|period| period.start().0),
            &filter.period.map(|period| period.end().0),
            &filter.source.as_ref().map(|source| source.as_str()),
            &filter.partner.as_ref().map(|partner| partner.as_str()),
            &stored_limit(limit),
        ],
    )?;
    found.iter().map(|row| Ok((rows::cluster(row, 0)?, rows::conversion(row.try_get(1)?)?))).collect()
}

pub(super) fn latest_conversions(
    session: &mut Session,
    brand: Option<&BrandKey>,
    limit: usize,
) -> Result<Vec<Conversion>, StateError> {
    let found = session.rows(
        "SELECT settled FROM conversion WHERE $1::text IS NULL OR brand = $1 ORDER BY event_id DESC LIMIT $2",
        vec![&brand.map(BrandKey::as_str), &stored_limit(limit)],
    )?;
    found.iter().map(|row| rows::conversion(row.try_get(0)?)).collect()
}

pub(super) fn conversion_counts(session: &mut Session) -> Result<Vec<ConversionCount>, StateError> {
    // `OFFSET 0` keeps the document from being decoded once for each of its fields.
    let found = session.rows(
        "WITH paid (conversion) AS (SELECT DISTINCT m.conversion FROM payout p \
             JOIN payout_line l ON l.payout = p.id JOIN commission m ON m.id = l.commission WHERE p.step = 'settled'), \
         form AS (SELECT event_id, brand, convert_from(settled, 'UTF8')::json AS settled FROM conversion OFFSET 0), \
         named AS (SELECT event_id, brand, (settled ->> 'kind') COLLATE \"C\" AS kind, \
             (settled ->> 'verdict') COLLATE \"C\" AS verdict FROM form) \
         SELECT n.brand, n.kind, n.verdict, COUNT(*), COUNT(d.conversion) \
         FROM named n LEFT JOIN paid d ON d.conversion = n.event_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        Vec::new(),
    )?;
    let count = |row| {
        Ok(ConversionCount {
            brand: rows::brand(row, 0)?,
            kind: rows::kind(row, 1)?,
            verdict: rows::verdict(row, 2)?,
            conversions: number(row, 3)?,
            paid: number(row, 4)?,
        })
    };
    found.iter().map(count).collect()
}

pub(super) fn commissions(
    session: &mut Session,
    brand: &BrandKey,
    after: Option<CommissionId>,
    limit: usize,
) -> Result<Vec<CommissionRow>, StateError> {
    let sql =
        select_commissions!("WHERE ($1::uuid IS NULL OR c.id > $1) AND c.brand = $2 ORDER BY c.id LIMIT $3");
    let found = session.rows(sql, vec![&after.map(Id::from), &brand.as_str(), &stored_limit(limit)])?;
    found.iter().map(rows::commission_row).collect()
}

pub(super) fn commission(
    session: &mut Session,
    id: CommissionId,
) -> Result<Option<CommissionRow>, StateError> {
    let found = session.rows(select_commissions!("WHERE c.id = $1"), vec![&Id::from(id)])?;
    found.first().map(rows::commission_row).transpose()
}

pub(super) fn commission_sums(session: &mut Session) -> Result<Vec<CommissionSum>, StateError> {
    let found = session.rows(
        "WITH held (commission, minor) AS (SELECT l.commission, SUM(l.minor) FROM payout_line l \
             JOIN payout p ON p.id = l.payout WHERE p.step <> 'failed' GROUP BY l.commission) \
         SELECT c.brand, c.partner, c.currency, c.state, c.reason, COUNT(*), SUM(c.owed)::bigint, \
             SUM(COALESCE(h.minor, 0))::bigint \
         FROM commission c LEFT JOIN held h ON h.commission = c.id \
         GROUP BY c.brand, c.partner, c.currency, c.state, c.reason ORDER BY 1, 2, 3, 4, 5",
        Vec::new(),
    )?;
    let sum = |row| {
        Ok(CommissionSum {
            brand: rows::brand(row, 0)?,
            partner: rows::partner(row, 1)?,
            currency: rows::currency(row, 2)?,
            state: rows::commission_state(row, 3)?,
            reason: rows::reason(row, 4)?,
            lines: number(row, 5)?,
            owed: row.try_get(6)?,
            locked: row.try_get(7)?,
        })
    };
    found.iter().map(sum).collect()
}

pub(super) fn credit_sums(
    session: &mut Session,
    brand: &BrandKey,
    period: Option<Period>,
) -> Result<Vec<CreditSum>, StateError> {
    // Weights are added as integers per denominator, so that the sum is the same whatever the order of the rows.
    let found = session.rows(
        "SELECT k.earner, k.currency, k.total_weight, SUM(k.weight)::bigint, SUM(k.minor)::bigint FROM conversion c \
         JOIN credit k ON k.conversion = c.event_id \
         WHERE c.brand = $1 AND ($2::bigint IS NULL OR c.occurred_at >= $2) AND ($3::bigint IS NULL OR c.occurred_at < $3) \
         GROUP BY k.earner, k.currency, k.total_weight ORDER BY 1, 2, 3",
        vec![&brand.as_str(), &period.map(|period| period.start().0), &period.map(|period| period.end().0)],
    )?;
    let mut sums: BTreeMap<(String, String), (f64, i64)> = BTreeMap::new();
    for row in &found {
        let sum = sums.entry((row.try_get(0)?, row.try_get(1)?)).or_default();
        sum.0 += number(row, 3)? as f64 / number(row, 2)? as f64;
        sum.1 += row.try_get::<_, i64>(4)?;
    }
    Ok(sums
        .into_iter()
        .map(|((earner, currency), (conversions, value))| CreditSum { earner, currency, conversions, value })
        .collect())
}

pub(super) fn payouts(
    session: &mut Session,
    run: Option<&str>,
    limit: usize,
) -> Result<Vec<Payout>, StateError> {
    let found = session.rows(
        "SELECT brand, step, reference, prepared_at, stepped_at, plan FROM payout WHERE $1::text IS NULL OR run = $1 \
         ORDER BY prepared_at DESC, id DESC LIMIT $2",
        vec![&run, &stored_limit(limit)],
    )?;
    found.iter().map(rows::payout).collect()
}

pub(super) fn balances(session: &mut Session) -> Result<Vec<(BrandKey, Account, Money)>, StateError> {
    let found =
        session.rows("SELECT brand, account, currency, minor FROM balance WHERE minor <> 0", Vec::new())?;
    let balance = |row| {
        Ok((
            rows::brand(row, 0)?,
            rows::account(row, 1)?,
            Money::new(row.try_get(3)?, rows::currency(row, 2)?),
        ))
    };
    let mut balances: Vec<(BrandKey, Account, Money)> =
        found.iter().map(balance).collect::<Result<_, StateError>>()?;
    // The order of accounts is that of the chart, which is not that of their names.
    balances.sort_unstable_by(|one, other| {
        (&one.0, &one.1, one.2.currency).cmp(&(&other.0, &other.1, other.2.currency))
    });
    Ok(balances)
}

pub(super) fn entries(
    session: &mut Session,
    brand: &BrandKey,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, StateError> {
    let sql = select_entries!("WHERE brand = $1 AND number > $2 ORDER BY number LIMIT $3");
    let found = session.rows(sql, vec![&brand.as_str(), &stored_number(after)?, &stored_limit(limit)])?;
    found.iter().map(rows::entry).collect()
}

pub(super) fn entries_of(session: &mut Session, subject: &str) -> Result<Vec<Entry>, StateError> {
    let sql = select_entries!("WHERE subject = $1 ORDER BY brand, number");
    let found = session.rows(sql, vec![&pack_subject(subject)])?;
    found.iter().map(rows::entry).collect()
}

pub(super) fn rollups(
    session: &mut Session,
    after: Option<&RollupKey>,
    limit: usize,
) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
    // The empty brand comes before every key.
    let (brand, hour, texts) = after.map_or(("", i64::MIN, [""; 3]), |key| {
        (key.brand.as_str(), key.hour.0, [key.campaign.as_str(), key.earner.as_str(), key.currency.as_str()])
    });
    let [campaign, earner, currency] = texts;
    let found = session.rows(
        "SELECT brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, qualifications_ppm, \
             conversions_ppm, value, refunded, commission FROM rollup \
         WHERE (brand, hour, campaign, earner, currency) > ($1, $2, $3, $4, $5) \
         AND (clicks <> 0 OR impressions <> 0 OR registrations_ppm <> 0 OR qualifications_ppm <> 0 OR conversions_ppm <> 0 \
              OR value <> 0 OR refunded <> 0 OR commission <> 0) \
         ORDER BY brand, hour, campaign, earner, currency LIMIT $6",
        vec![&brand, &hour, &campaign, &earner, &currency, &stored_limit(limit)],
    )?;
    found.iter().map(rows::rollup).collect()
}
