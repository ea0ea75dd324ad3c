//! What engine and pages both look up. Each function expects to run inside one transaction, so that its statements see one commit.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Params, Row};
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::CommissionId;

use super::rows;
use crate::log::Sequence;
use crate::state::{ClusterContents, ClusterId, Payout, StateError};

/// Every row of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StateError>,
) -> Result<Vec<T>, StateError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(parameters)?;
    let mut read_rows = Vec::new();
    while let Some(row) = found.next()? {
        read_rows.push(read(row)?);
    }
    Ok(read_rows)
}

/// Hands every row of a query to `visit` as it is read: nothing is kept of it.
pub(super) fn each(
    connection: &Connection,
    sql: &str,
    mut visit: impl FnMut(&Row<'_>) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        visit(row)?;
    }
    Ok(())
}

/// The first row of a query, if there is one.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StateError>,
) -> Result<Option<T>, StateError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(parameters)?;
    found.next()?.map(read).transpose()
}

/// The last log record taken into account.
pub(super) fn checkpoint(connection: &Connection) -> Result<Sequence, StateError> {
    let found = first(connection, "SELECT sequence FROM checkpoint", [], |row| rows::number(row, 0))?;
    Ok(Sequence(found.unwrap_or(0)))
}

/// The revision of the set-up.
pub(super) fn configuration_revision(connection: &Connection) -> Result<u64, StateError> {
    let found =
        first(connection, "SELECT revision FROM configuration_revision", [], |row| rows::number(row, 0))?;
    Ok(found.unwrap_or(0))
}

/// The cluster of today that a cluster number stands for: itself unless it was merged.
pub(super) fn cluster_of_today(connection: &Connection, cluster: i64) -> Result<i64, StateError> {
    let target = connection
        .prepare_cached("SELECT target FROM cluster_alias WHERE source = ?1")?
        .query_row([cluster], |row| row.get(0))
        .optional()?;
    Ok(target.unwrap_or(cluster))
}

/// The clusters of known nodes.
pub(super) fn clusters_of_nodes(
    connection: &Connection,
    nodes: &[NodeKey],
) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
    let mut statement = connection.prepare_cached(
        "SELECT COALESCE(a.target, n.cluster) FROM identity_node n LEFT JOIN cluster_alias a ON a.source = n.cluster \
         WHERE n.node = ?1",
    )?;
    let mut clusters = HashMap::with_capacity(nodes.len());
    for node in nodes {
        if let Some(row) = statement.query([&node.0[..]])?.next()? {
            clusters.insert(*node, rows::cluster(row, 0)?);
        }
    }
    Ok(clusters)
}

/// Everything in a cluster, under its number of today or any earlier one.
pub(super) fn contents(connection: &Connection, cluster: ClusterId) -> Result<ClusterContents, StateError> {
    let cluster = cluster_of_today(connection, rows::stored_number(cluster.0)?)?;
    // A conversion stands under the event id of one of the cluster's actions, so it needs no index by cluster.
    // Other facts look for nothing (`CASE` is null for them): each look-up reads whole conversions, which may be very large.
    let mut statement = connection.prepare_cached(
        "SELECT f.body, f.outcome, c.settled FROM fact f \
         LEFT JOIN conversion c ON c.event_id = CASE f.is_action WHEN 1 THEN f.event_id END WHERE f.cluster = ?1 \
         UNION ALL \
         SELECT f.body, f.outcome, c.settled FROM cluster_alias a CROSS JOIN fact f ON f.cluster = a.source \
         LEFT JOIN conversion c ON c.event_id = CASE f.is_action WHEN 1 THEN f.event_id END WHERE a.target = ?1",
    )?;
    let mut found = statement.query([cluster])?;
    let mut contents = ClusterContents::default();
    while let Some(row) = found.next()? {
        contents.facts.push((rows::fact(row, 0)?, rows::reason(row, 1)?));
        if !matches!(row.get_ref(2)?, rusqlite::types::ValueRef::Null) {
            contents.booked.push(rows::conversion(row, 2)?);
        }
    }
    Ok(contents)
}

/// Minor units of these lines that payouts hold.
pub(super) fn locked(
    connection: &Connection,
    lines: &[CommissionId],
) -> Result<HashMap<CommissionId, i64>, StateError> {
    let mut locked = HashMap::new();
    // Until the first payout, which may be weeks away, nothing is locked.
    let any: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM payout_line)")?
        .query_row([], |row| row.get(0))?;
    if !any {
        return Ok(locked);
    }
    let mut statement = connection.prepare_cached(
        "SELECT SUM(l.minor) FROM payout_line l CROSS JOIN payout p ON p.id = l.payout \
         WHERE l.commission = ?1 AND p.step <> 'failed'",
    )?;
    for line in lines {
        let sum: Option<i64> = statement.query_row([&line.0.0[..]], |row| row.get(0))?;
        if let Some(sum) = sum {
            locked.insert(*line, sum);
        }
    }
    Ok(locked)
}

/// One payout.
pub(super) fn payout(connection: &Connection, id: &str) -> Result<Option<Payout>, StateError> {
    first(connection, &format!("SELECT {} WHERE id = ?1", rows::PAYOUT), [id], rows::payout)
}
