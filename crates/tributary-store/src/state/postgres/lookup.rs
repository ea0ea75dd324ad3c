//! What engine and pages both look up. Each function is one statement, so that it sees one commit.

use std::collections::HashMap;

use tributary_domain::identity::NodeKey;
use tributary_domain::ids::CommissionId;

use super::rows::{self, Id, stored_clusters};
use crate::log::Sequence;
use crate::postgres_connection::Session;
use crate::state::{ClusterContents, ClusterId, Payout, StateError};

/// The last log record taken into account.
pub(super) fn checkpoint(session: &mut Session) -> Result<Sequence, StateError> {
    let found = session.rows("SELECT sequence FROM checkpoint", Vec::new())?;
    found.first().map_or(Ok(Sequence(0)), |row| rows::number(row, 0).map(Sequence))
}

/// The revision of the set-up.
pub(super) fn configuration_revision(session: &mut Session) -> Result<u64, StateError> {
    let found = session.rows("SELECT revision FROM configuration_revision", Vec::new())?;
    found.first().map_or(Ok(0), |row| rows::number(row, 0))
}

/// The clusters of known nodes.
pub(super) fn clusters_of_nodes(
    session: &mut Session,
    nodes: &[NodeKey],
) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
    if nodes.is_empty() {
        return Ok(HashMap::new());
    }
    let nodes: Vec<Id> = nodes.iter().map(|node| Id(node.0)).collect();
    let found = session.rows(
        "SELECT n.node, COALESCE(a.target, n.cluster) FROM identity_node n \
         LEFT JOIN cluster_alias a ON a.source = n.cluster WHERE n.node = ANY ($1)",
        vec![&nodes],
    )?;
    found.iter().map(|row| Ok((NodeKey(row.try_get::<_, Id>(0)?.0), rows::cluster(row, 1)?))).collect()
}

/// Everything in these clusters, under their numbers of today or any earlier one; each of them is in the answer.
///
/// A conversion stands under the event id of one of the cluster's actions, so it needs no index by cluster. For other facts the condition
/// is null, so that nothing is looked up.
pub(super) fn contents(
    session: &mut Session,
    clusters: &[ClusterId],
) -> Result<HashMap<ClusterId, ClusterContents>, StateError> {
    let mut contents: HashMap<ClusterId, ClusterContents> =
        clusters.iter().map(|cluster| (*cluster, ClusterContents::default())).collect();
    let asked = stored_clusters(clusters);
    if asked.is_empty() {
        return Ok(contents);
    }
    let found = session.rows(
        "WITH today (asked, cluster) AS MATERIALIZED ( \
             SELECT u.asked, COALESCE(a.target, u.asked) FROM unnest($1::bigint[]) AS u (asked) \
             LEFT JOIN cluster_alias a ON a.source = u.asked) \
         SELECT m.asked, f.body, f.outcome, c.settled FROM ( \
             SELECT asked, cluster FROM today \
             UNION ALL SELECT t.asked, a.source FROM today t JOIN cluster_alias a ON a.target = t.cluster) m \
         JOIN fact f ON f.cluster = m.cluster \
         LEFT JOIN conversion c ON c.event_id = CASE WHEN f.is_action THEN f.event_id END",
        vec![&asked],
    )?;
    for row in &found {
        let cluster = contents.entry(rows::cluster(row, 0)?).or_default();
        cluster.facts.push((rows::fact(row, 1)?, rows::reason(row, 2)?));
        if let Some(settled) = row.try_get::<_, Option<&[u8]>>(3)? {
            cluster.booked.push(rows::conversion(settled)?);
        }
    }
    Ok(contents)
}

/// Minor units of these lines that payouts hold.
pub(super) fn locked(
    session: &mut Session,
    lines: &[CommissionId],
) -> Result<HashMap<CommissionId, i64>, StateError> {
    if lines.is_empty() {
        return Ok(HashMap::new());
    }
    let lines: Vec<Id> = lines.iter().map(|line| Id::from(*line)).collect();
    let found = session.rows(
        "SELECT l.commission, SUM(l.minor)::bigint FROM payout_line l JOIN payout p ON p.id = l.payout \
         WHERE l.commission = ANY ($1) AND p.step <> 'failed' GROUP BY l.commission",
        vec![&lines],
    )?;
    found.iter().map(|row| Ok((CommissionId(rows::event(row, 0)?), row.try_get(1)?))).collect()
}

/// The payouts with these ids.
pub(super) fn payouts(session: &mut Session, ids: &[&str]) -> Result<Vec<Payout>, StateError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = session.rows(
        "SELECT brand, step, reference, prepared_at, stepped_at, plan FROM payout WHERE id = ANY ($1)",
        vec![&ids],
    )?;
    found.iter().map(rows::payout).collect()
}
