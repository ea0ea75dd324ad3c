//! Lists and sums. A list is paged by the key that it is ordered by, so that each page costs the same wherever it lies.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use tributary_domain::fact::EventKind;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Money;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Period;

use super::lookup::{all, first};
use super::rows::{self, COMMISSION_ROW, ENTRY, PAYOUT, STORED_FACT, number, stored_number};
use crate::log::Sequence;
use crate::state::subject::pack_subject;
use crate::state::{
    ClusterId, CommissionRow, CommissionSum, ConversionFilter, CreditSum, Payout, RollupKey, RollupMeasures,
    StateError, StoredFact,
};

/// A limit as SQLite takes it.
fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// What a page begins after: the empty text comes before every id.
fn bytes_after(after: Option<EventId>) -> Vec<u8> {
    after.map_or_else(Vec::new, |id| id.0.to_vec())
}

pub(super) fn queue_length(connection: &Connection) -> Result<u64, StateError> {
    let length = first(
        connection,
        "SELECT (SELECT COUNT(*) FROM resettle_queue) + (SELECT COUNT(*) FROM touch_recount)",
        [],
        |row| number(row, 0),
    )?;
    Ok(length.unwrap_or(0))
}

pub(super) fn fact_counts(connection: &Connection) -> Result<Vec<(BrandKey, EventKind, u64)>, StateError> {
    all(connection, "SELECT brand, kind, facts FROM fact_count ORDER BY brand, kind", [], |row| {
        Ok((rows::brand(row, 0)?, rows::kind(row, 1)?, number(row, 2)?))
    })
}

pub(super) fn latest_facts(
    connection: &Connection,
    brand: Option<&BrandKey>,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let limit = rows_at_most(limit);
    match brand {
        None => {
            let sql = format!("SELECT {STORED_FACT} ORDER BY f.sequence DESC LIMIT ?1");
            all(connection, &sql, [limit], rows::stored_fact)
        }
        Some(brand) => {
            let sql = format!("SELECT {STORED_FACT} WHERE f.brand = ?1 ORDER BY f.sequence DESC LIMIT ?2");
            all(connection, &sql, params![brand.as_str(), limit], rows::stored_fact)
        }
    }
}

pub(super) fn facts_after(
    connection: &Connection,
    after: Sequence,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let sql = format!("SELECT {STORED_FACT} WHERE f.sequence > ?1 ORDER BY f.sequence LIMIT ?2");
    all(connection, &sql, params![stored_number(after.0)?, rows_at_most(limit)], rows::stored_fact)
}

pub(super) fn facts_by_event(
    connection: &Connection,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<StoredFact>, StateError> {
    let sql = format!("SELECT {STORED_FACT} WHERE f.event_id > ?1 ORDER BY f.event_id LIMIT ?2");
    all(connection, &sql, params![bytes_after(after), rows_at_most(limit)], rows::stored_fact)
}

pub(super) fn fact(connection: &Connection, event: EventId) -> Result<Option<StoredFact>, StateError> {
    first(
        connection,
        &format!("SELECT {STORED_FACT} WHERE f.event_id = ?1"),
        [&event.0[..]],
        rows::stored_fact,
    )
}

pub(super) fn clusters_after(
    connection: &Connection,
    after: ClusterId,
    limit: usize,
) -> Result<Vec<ClusterId>, StateError> {
    // A cluster of today whose own facts all came under earlier numbers is found as the target of those.
    all(
        connection,
        "SELECT cluster FROM fact f WHERE cluster > ?1 \
             AND NOT EXISTS (SELECT 1 FROM cluster_alias a WHERE a.source = f.cluster) \
         UNION \
         SELECT target FROM cluster_alias a WHERE target > ?1 AND EXISTS (SELECT 1 FROM fact f WHERE f.cluster = a.source) \
         ORDER BY 1 LIMIT ?2",
        params![stored_number(after.0)?, rows_at_most(limit)],
        |row| rows::cluster(row, 0),
    )
}

pub(super) fn clusters_with_actions_after(
    connection: &Connection,
    after: ClusterId,
    limit: usize,
) -> Result<Vec<ClusterId>, StateError> {
    all(
        connection,
        "SELECT cluster FROM fact f WHERE cluster > ?1 AND is_action = 1 \
             AND NOT EXISTS (SELECT 1 FROM cluster_alias a WHERE a.source = f.cluster) \
         UNION \
         SELECT target FROM cluster_alias a WHERE target > ?1 \
             AND EXISTS (SELECT 1 FROM fact f WHERE f.cluster = a.source AND f.is_action = 1) \
         ORDER BY 1 LIMIT ?2",
        params![stored_number(after.0)?, rows_at_most(limit)],
        |row| rows::cluster(row, 0),
    )
}

pub(super) fn conversions(
    connection: &Connection,
    filter: &ConversionFilter,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<(ClusterId, Conversion)>, StateError> {
    let mut sql = String::from(
        "SELECT COALESCE(a.target, c.cluster), c.settled FROM conversion c \
         LEFT JOIN cluster_alias a ON a.source = c.cluster WHERE c.event_id > ?",
    );
    let mut values = vec![Value::Blob(bytes_after(after))];
    let mut only = |condition: &str, more: &[Value]| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend_from_slice(more);
    };
    let text = |text: &str| Value::Text(text.to_owned());
    if let Some(brand) = &filter.brand {
        only("c.brand = ?", &[text(brand.as_str())]);
    }
    if let Some(transaction) = &filter.transaction {
        only("c.transaction_id = ?", &[text(transaction.as_str())]);
    }
    if let Some(period) = filter.period {
        only(
            "c.occurred_at >= ? AND c.occurred_at < ?",
            &[Value::Integer(period.start().0), Value::Integer(period.end().0)],
        );
    }
    if let Some(source) = &filter.source {
        only("(SELECT f.source FROM fact f WHERE f.event_id = c.event_id) = ?", &[text(source.as_str())]);
    }
    if let Some(partner) = &filter.partner {
        only(
            "(EXISTS (SELECT 1 FROM credit k WHERE k.conversion = c.event_id AND k.earner = ?) \
             OR EXISTS (SELECT 1 FROM json_each(c.settled, '$.commissions') m WHERE m.value ->> 'partner' = ?))",
            &[text(partner.as_str()), text(partner.as_str())],
        );
    }
    sql.push_str(" ORDER BY c.event_id LIMIT ?");
    values.push(Value::Integer(rows_at_most(limit)));
    all(connection, &sql, params_from_iter(values), |row| {
        Ok((rows::cluster(row, 0)?, rows::conversion(row, 1)?))
    })
}

pub(super) fn latest_conversions(
    connection: &Connection,
    brand: Option<&BrandKey>,
    limit: usize,
) -> Result<Vec<Conversion>, StateError> {
    let limit = rows_at_most(limit);
    let read = |row: &rusqlite::Row<'_>| rows::conversion(row, 0);
    match brand {
        None => {
            all(connection, "SELECT settled FROM conversion ORDER BY event_id DESC LIMIT ?1", [limit], read)
        }
        Some(brand) => all(
            connection,
            "SELECT settled FROM conversion WHERE brand = ?1 ORDER BY event_id DESC LIMIT ?2",
            params![brand.as_str(), limit],
            read,
        ),
    }
}

pub(super) fn commissions(
    connection: &Connection,
    brand: &BrandKey,
    after: Option<CommissionId>,
    limit: usize,
) -> Result<Vec<CommissionRow>, StateError> {
    let sql = format!("SELECT {COMMISSION_ROW} WHERE c.id > ?1 AND c.brand = ?2 ORDER BY c.id LIMIT ?3");
    let after = bytes_after(after.map(|CommissionId(id)| id));
    all(connection, &sql, params![after, brand.as_str(), rows_at_most(limit)], rows::commission_row)
}

pub(super) fn commission(
    connection: &Connection,
    id: CommissionId,
) -> Result<Option<CommissionRow>, StateError> {
    first(
        connection,
        &format!("SELECT {COMMISSION_ROW} WHERE c.id = ?1"),
        [&id.0.0[..]],
        rows::commission_row,
    )
}

pub(super) fn commission_sums(connection: &Connection) -> Result<Vec<CommissionSum>, StateError> {
    all(
        connection,
        "WITH held (commission, minor) AS MATERIALIZED (SELECT l.commission, SUM(l.minor) FROM payout_line l \
             JOIN payout p ON p.id = l.payout WHERE p.step <> 'failed' GROUP BY l.commission) \
         SELECT c.brand, c.partner, c.currency, c.state, c.reason, COUNT(*), SUM(c.owed), SUM(COALESCE(h.minor, 0)) \
         FROM commission c LEFT JOIN held h ON h.commission = c.id \
         GROUP BY c.brand, c.partner, c.currency, c.state, c.reason ORDER BY 1, 2, 3, 4, 5",
        [],
        |row| {
            Ok(CommissionSum {
                brand: rows::brand(row, 0)?,
                partner: rows::partner(row, 1)?,
                currency: rows::currency(row, 2)?,
                state: rows::commission_state(row, 3)?,
                reason: rows::reason(row, 4)?,
                lines: number(row, 5)?,
                owed: row.get(6)?,
                locked: row.get(7)?,
            })
        },
    )
}

pub(super) fn credit_sums(
    connection: &Connection,
    brand: &BrandKey,
    period: Option<Period>,
) -> Result<Vec<CreditSum>, StateError> {
    let (start, end) = period.map_or((i64::MIN, i64::MAX), |period| (period.start().0, period.end().0));
    // Weights are added as integers per denominator, so that the sum is the same whatever the order of the rows.
    let parts = all(
        connection,
        "SELECT k.earner, k.currency, k.total_weight, SUM(k.weight), SUM(k.minor) FROM conversion c \
         CROSS JOIN credit k ON k.conversion = c.event_id \
         WHERE c.brand = ?1 AND c.occurred_at >= ?2 AND c.occurred_at < ?3 \
         GROUP BY k.earner, k.currency, k.total_weight ORDER BY 1, 2, 3",
        params![brand.as_str(), start, end],
        |row| {
            let key: (String, String) = (row.get(0)?, row.get(1)?);
            Ok((key, number(row, 2)?, number(row, 3)?, row.get::<_, i64>(4)?))
        },
    )?;
    let mut sums: BTreeMap<(String, String), (f64, i64)> = BTreeMap::new();
    for (key, total_weight, weight, minor) in parts {
        let sum = sums.entry(key).or_default();
        sum.0 += weight as f64 / total_weight as f64;
        sum.1 += minor;
    }
    Ok(sums
        .into_iter()
        .map(|((earner, currency), (conversions, value))| CreditSum { earner, currency, conversions, value })
        .collect())
}

pub(super) fn payouts(
    connection: &Connection,
    run: Option<&str>,
    limit: usize,
) -> Result<Vec<Payout>, StateError> {
    let limit = rows_at_most(limit);
    match run {
        None => {
            let sql = format!("SELECT {PAYOUT} ORDER BY prepared_at DESC, id DESC LIMIT ?1");
            all(connection, &sql, [limit], rows::payout)
        }
        Some(run) => {
            let sql = format!("SELECT {PAYOUT} WHERE run = ?1 ORDER BY prepared_at DESC, id DESC LIMIT ?2");
            all(connection, &sql, params![run, limit], rows::payout)
        }
    }
}

pub(super) fn balances(connection: &Connection) -> Result<Vec<(BrandKey, Account, Money)>, StateError> {
    let mut balances =
        all(connection, "SELECT brand, account, currency, minor FROM balance WHERE minor <> 0", [], |row| {
            Ok((
                rows::brand(row, 0)?,
                rows::account(row, 1)?,
                Money::new(row.get(3)?, rows::currency(row, 2)?),
            ))
        })?;
    // The order of accounts is that of the chart, which is not that of their names.
    balances.sort_unstable_by(|one, other| {
        (&one.0, &one.1, one.2.currency).cmp(&(&other.0, &other.1, other.2.currency))
    });
    Ok(balances)
}

pub(super) fn entries(
    connection: &Connection,
    brand: &BrandKey,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, StateError> {
    let sql = format!("SELECT {ENTRY} WHERE brand = ?1 AND number > ?2 ORDER BY number LIMIT ?3");
    all(connection, &sql, params![brand.as_str(), stored_number(after)?, rows_at_most(limit)], rows::entry)
}

pub(super) fn entries_of(connection: &Connection, subject: &str) -> Result<Vec<Entry>, StateError> {
    let sql = format!("SELECT {ENTRY} WHERE subject = ?1 ORDER BY brand, number");
    all(connection, &sql, [pack_subject(subject)], rows::entry)
}

pub(super) fn rollups(
    connection: &Connection,
    after: Option<&RollupKey>,
    limit: usize,
) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
    const ROLLUP: &str = "SELECT brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, \
         qualifications_ppm, conversions_ppm, value, refunded, commission FROM rollup \
         WHERE (clicks <> 0 OR impressions <> 0 OR registrations_ppm <> 0 OR qualifications_ppm <> 0 OR conversions_ppm <> 0 \
                OR value <> 0 OR refunded <> 0 OR commission <> 0)";
    const ORDER: &str = "ORDER BY brand, hour, campaign, earner, currency";
    let limit = rows_at_most(limit);
    match after {
        None => all(connection, &format!("{ROLLUP} {ORDER} LIMIT ?1"), [limit], rows::rollup),
        Some(key) => all(
            connection,
            &format!(
                "{ROLLUP} AND (brand, hour, campaign, earner, currency) > (?1, ?2, ?3, ?4, ?5) {ORDER} LIMIT ?6"
            ),
            params![key.brand.as_str(), key.hour.0, key.campaign, key.earner, key.currency, limit],
            rows::rollup,
        ),
    }
}
