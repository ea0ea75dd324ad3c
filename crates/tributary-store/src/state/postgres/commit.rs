//! Applying one [`Commit`] in one transaction, in three round trips whatever its size.
//!
//! 1. Begin, check that the commit was computed from what is stored, and look up what the writing depends on.
//! 2. Write: one statement per table, all sent before the first answer.
//! 3. Commit, once every answer of 2 is there and right.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio_postgres::Row;
use tributary_domain::ids::EventId;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Timestamp;

use super::columns::{
    Balances, Commissions, Conversions, Credits, Entries, FactCounts, Facts, Nodes, Outcomes, PayoutLines,
    Payouts, Rollups,
};
use super::rows::{self, Id, stored_number};
use crate::postgres_connection::{Request, Session};
use crate::state::{ClusterId, Commit, ConversionChange, JudgedAnew, Payout, StateError};

/// Applies a change, or leaves nothing of it behind.
pub(super) fn apply(session: &mut Session, commit: &Commit) -> Result<(), StateError> {
    let applied = begin(session, commit)
        .and_then(|found| Writing::of(commit, found)?.write(session))
        .and_then(|()| Ok(session.batch("COMMIT")?));
    match applied {
        Ok(()) => Ok(()),
        Err(error) => {
            // Fails only with the connection, and then the server rolls back by itself.
            let _ended = session.batch("ROLLBACK");
            Err(error)
        }
    }
}

/// What is stored of the things that a commit changes.
struct Found {
    /// Aliases of the clusters that the commit names in merges and as resettled.
    aliases: HashMap<i64, i64>,
    /// Conversions that the commit replaces or removes.
    conversions: Vec<Conversion>,
    /// Payouts that are not new.
    payouts: HashSet<String>,
}

/// Locks and checks the set-up's revision, moves the checkpoint, and looks up what the writing depends on.
fn begin(session: &mut Session, commit: &Commit) -> Result<Found, StateError> {
    let expected = stored_number(commit.expected_checkpoint.0)?;
    let next = stored_number(commit.checkpoint.0)?;
    let clusters = merged_and_resettled(commit)?;
    let conversions: Vec<Id> = commit.conversions.iter().map(|change| event_of(change).into()).collect();
    let payouts: Vec<&str> = commit.payouts.iter().map(|payout| &*payout.plan.payout.0).collect();
    let mut requests = vec![
        Request::new("BEGIN", Vec::new()),
        // Shared, so that `save_configuration` waits for this commit and then finds its facts when it fills the queue.
        Request::new("SELECT revision FROM configuration_revision FOR SHARE", Vec::new()),
        // The guard of the one writer: it finds a row only where the commit was computed from.
        Request::new(
            "UPDATE checkpoint SET sequence = $2 WHERE sequence = $1 RETURNING sequence",
            vec![&expected, &next],
        ),
        Request::new("SELECT sequence FROM checkpoint", Vec::new()),
    ];
    let fixed = requests.len();
    let lookups: [(&'static str, bool, &(dyn tokio_postgres::types::ToSql + Sync)); 3] = [
        ("SELECT source, target FROM cluster_alias WHERE source = ANY ($1)", clusters.is_empty(), &clusters),
        ("SELECT settled FROM conversion WHERE event_id = ANY ($1)", conversions.is_empty(), &conversions),
        ("SELECT id FROM payout WHERE id = ANY ($1)", payouts.is_empty(), &payouts),
    ];
    requests.extend(
        lookups
            .iter()
            .filter(|(_, empty, _)| !empty)
            .map(|(sql, _, values)| Request::new(sql, vec![*values])),
    );
    let answers = session.run(&requests)?;
    check(commit, &answers)?;
    let mut found = answers.into_iter().skip(fixed);
    let mut answer =
        |(_, empty, _): &(_, bool, _)| if *empty { Vec::new() } else { found.next().unwrap_or_default() };
    let [aliases, conversions, payouts] = [answer(&lookups[0]), answer(&lookups[1]), answer(&lookups[2])];
    Ok(Found {
        aliases: aliases
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, StateError>>()?,
        conversions: conversions
            .iter()
            .map(|row| rows::conversion(row.try_get(0)?))
            .collect::<Result<_, StateError>>()?,
        payouts: payouts.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, StateError>>()?,
    })
}

/// Checks the answers to the first four statements of [`begin`].
fn check(commit: &Commit, answers: &[Vec<Row>]) -> Result<(), StateError> {
    let number = |answer: usize| match answers.get(answer).and_then(|found| found.first()) {
        Some(row) => rows::number(row, 0),
        None => Err(StateError::Unreadable("the row of the checkpoint or revision is missing".to_owned())),
    };
    if answers.get(2).is_none_or(Vec::is_empty) {
        return Err(StateError::CheckpointMoved {
            expected: commit.expected_checkpoint.0,
            found: number(3)?,
        });
    }
    let found = number(1)?;
    if found != commit.configuration_revision {
        return Err(StateError::ConfigurationMoved { expected: commit.configuration_revision, found });
    }
    Ok(())
}

fn merged_and_resettled(commit: &Commit) -> Result<Vec<i64>, StateError> {
    let merged = commit.merges.iter().flat_map(|(source, target)| [source, target]);
    let named = merged.chain(&commit.resettled).chain(&commit.queued);
    let mut clusters: Vec<i64> = named.map(|cluster| stored_number(cluster.0)).collect::<Result<_, _>>()?;
    clusters.sort_unstable();
    clusters.dedup();
    Ok(clusters)
}

fn event_of(change: &ConversionChange) -> EventId {
    match change {
        ConversionChange::Put { conversion, .. } => conversion.event_id,
        ConversionChange::Remove(event) => *event,
    }
}

/// Clusters of today while merges are followed one after another.
struct Merging {
    aliases: HashMap<i64, i64>,
    merged: BTreeMap<i64, i64>,
}

impl Merging {
    fn today(&self, cluster: i64) -> i64 {
        let mut today = self.aliases.get(&cluster).copied().unwrap_or(cluster);
        while let Some(target) = self.merged.get(&today) {
            today = *target;
        }
        today
    }

    /// Follows the merges of a commit in their order.
    fn follow(commit: &Commit, aliases: HashMap<i64, i64>) -> Result<Self, StateError> {
        let mut merging = Self { aliases, merged: BTreeMap::new() };
        for (source, target) in &commit.merges {
            let source = merging.today(stored_number(source.0)?);
            let target = merging.today(stored_number(target.0)?);
            if source != target {
                merging.merged.insert(source, target);
            }
        }
        Ok(merging)
    }

    /// Clusters that are no longer of today, and the clusters that they became part of.
    fn columns(&self) -> (Vec<i64>, Vec<i64>) {
        self.merged.keys().map(|source| (*source, self.today(*source))).unzip()
    }
}

/// Everything that a commit writes, as columns.
struct Writing<'a> {
    facts: Facts<'a>,
    counts: FactCounts<'a>,
    nodes: Nodes,
    merged: (Vec<i64>, Vec<i64>),
    outcomes: Outcomes,
    old_conversions: Vec<Id>,
    old_commissions: Vec<Id>,
    conversions: Conversions<'a>,
    credits: Credits<'a>,
    commissions: Commissions<'a>,
    payouts: Payouts<'a>,
    payout_lines: PayoutLines<'a>,
    entries: Entries<'a>,
    balances: Balances<'a>,
    rollups: Rollups<'a>,
    resettled: Vec<i64>,
    queued: Vec<i64>,
    recount_touches_from: Option<Timestamp>,
}

impl<'a> Writing<'a> {
    fn of(commit: &'a Commit, found: Found) -> Result<Self, StateError> {
        let merging = Merging::follow(commit, found.aliases)?;
        let today = |clusters: &[ClusterId]| -> Result<Vec<i64>, StateError> {
            clusters.iter().map(|cluster| Ok(merging.today(stored_number(cluster.0)?))).collect()
        };
        let payouts: BTreeMap<&str, &Payout> =
            commit.payouts.iter().map(|payout| (&*payout.plan.payout.0, payout)).collect();
        let new_payouts =
            payouts.values().copied().filter(|payout| !found.payouts.contains(&*payout.plan.payout.0));
        let mut writing = Self {
            facts: Facts::of(&commit.facts)?,
            counts: FactCounts::of(&commit.facts),
            nodes: Nodes::of(&commit.nodes)?,
            merged: merging.columns(),
            outcomes: Outcomes::of(&commit.outcomes),
            old_conversions: found.conversions.iter().map(|old| old.event_id.into()).collect(),
            old_commissions: found
                .conversions
                .iter()
                .flat_map(|old| old.commissions.iter().map(|c| c.id.into()))
                .collect(),
            conversions: Conversions::default(),
            credits: Credits::default(),
            commissions: Commissions::default(),
            payouts: Payouts::of(payouts.values().copied())?,
            payout_lines: PayoutLines::of(new_payouts),
            entries: Entries::of(&commit.entries)?,
            balances: Balances::of(&commit.balances),
            rollups: Rollups::of(&commit.rollups),
            resettled: today(&commit.resettled)?,
            queued: today(&commit.queued)?,
            recount_touches_from: commit.recount_touches_from,
        };
        writing.change_conversions(&commit.conversions)?;
        Ok(writing)
    }

    /// Only the last change of a conversion counts; one that is removed is among the old ones.
    fn change_conversions(&mut self, changes: &'a [ConversionChange]) -> Result<(), StateError> {
        let last: BTreeMap<EventId, &ConversionChange> =
            changes.iter().map(|change| (event_of(change), change)).collect();
        for change in last.into_values() {
            if let ConversionChange::Put { cluster, conversion } = change {
                let cluster = stored_number(cluster.0)?;
                self.conversions.put(cluster, conversion)?;
                self.credits.put(conversion)?;
                self.commissions.put(cluster, conversion);
            }
        }
        Ok(())
    }

    fn write(&self, session: &mut Session) -> Result<(), StateError> {
        // First, so that its answer is found again.
        let outcomes = self.outcomes.request();
        let has_outcomes = outcomes.is_some();
        let mut requests: Vec<Request<'_>> = self.facts.request().into_iter().chain(outcomes).collect();
        let place_of_outcomes = requests.len().saturating_sub(1);
        requests.extend([self.counts.request(), self.nodes.request()].into_iter().flatten());
        requests.extend(self.merge_requests());
        requests.extend(self.conversion_requests());
        let rest = [
            self.payouts.request(),
            self.payout_lines.request(),
            self.entries.request(),
            self.balances.request(),
            self.rollups.request(),
        ];
        requests.extend(rest.into_iter().flatten());
        if !self.resettled.is_empty() {
            let sql = "DELETE FROM resettle_queue WHERE cluster = ANY ($1)";
            requests.push(Request::new(sql, vec![&self.resettled]));
        }
        if !self.queued.is_empty() {
            let sql = "INSERT INTO resettle_queue (cluster) SELECT DISTINCT unnest($1::bigint[]) ON CONFLICT (cluster) DO NOTHING";
            requests.push(Request::new(sql, vec![&self.queued]));
        }
        match &self.recount_touches_from {
            None => {}
            Some(JudgedAnew::NEVER) => requests.push(Request::new("DELETE FROM touch_recount", Vec::new())),
            Some(Timestamp(since)) => {
                requests.push(Request::new("UPDATE touch_recount SET since = $1", vec![since]));
            }
        }
        let answers = session.run(&requests)?;
        if has_outcomes { self.check_outcomes(&answers[place_of_outcomes]) } else { Ok(()) }
    }

    /// Aliases stay one step from their cluster of today; a queued cluster that was merged is queued under its new number.
    fn merge_requests(&self) -> Vec<Request<'_>> {
        let (sources, targets) = &self.merged;
        if sources.is_empty() {
            return Vec::new();
        }
        [
            "UPDATE cluster_alias a SET target = m.target FROM unnest($1::bigint[], $2::bigint[]) AS m (source, target) \
             WHERE a.target = m.source",
            "INSERT INTO cluster_alias (source, target) SELECT * FROM unnest($1::bigint[], $2::bigint[])",
            "WITH moved AS (DELETE FROM resettle_queue q USING unnest($1::bigint[], $2::bigint[]) AS m (source, target) \
             WHERE q.cluster = m.source RETURNING m.target) \
             INSERT INTO resettle_queue (cluster) SELECT DISTINCT target FROM moved ON CONFLICT (cluster) DO NOTHING",
        ]
        .map(|sql| Request::new(sql, vec![sources, targets]))
        .into()
    }

    /// Nearly every conversion is new: what is there already is removed first, so that new rows need no look-up each. Old lines are named in
    /// the stored form, so that they need no index by conversion.
    fn conversion_requests(&self) -> Vec<Request<'_>> {
        let removals: [(&'static str, &Vec<Id>); 3] = [
            ("DELETE FROM credit WHERE conversion = ANY ($1)", &self.old_conversions),
            ("DELETE FROM commission WHERE id = ANY ($1)", &self.old_commissions),
            ("DELETE FROM conversion WHERE event_id = ANY ($1)", &self.old_conversions),
        ];
        let removals = removals
            .into_iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(sql, ids)| Request::new(sql, vec![ids]));
        let inserts = [self.conversions.request(), self.credits.request(), self.commissions.request()];
        removals.chain(inserts.into_iter().flatten()).collect()
    }

    fn check_outcomes(&self, updated: &[Row]) -> Result<(), StateError> {
        let found: HashSet<Id> = updated.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        match self.outcomes.event_id.iter().find(|event| !found.contains(event)) {
            Some(missing) => {
                Err(StateError::Database(format!("the outcome of event {} has no fact", EventId(missing.0))))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(aliases: &[(i64, i64)], merges: &[(u64, u64)]) -> Vec<(i64, i64)> {
        let merges = merges.iter().map(|(source, target)| (ClusterId(*source), ClusterId(*target))).collect();
        let commit = Commit { merges, ..Commit::default() };
        let (sources, targets) =
            Merging::follow(&commit, aliases.iter().copied().collect()).unwrap().columns();
        sources.into_iter().zip(targets).collect()
    }

    #[test]
    fn merges_lead_to_the_cluster_of_today_in_one_step() {
        for (aliases, merges, expected) in [
            (&[][..], &[(1, 2)][..], &[(1, 2)][..]),
            (&[], &[(1, 2), (2, 3)], &[(1, 3), (2, 3)]),
            (&[], &[(2, 3), (1, 2)], &[(1, 3), (2, 3)]),
            (&[], &[(1, 2), (1, 3)], &[(1, 3), (2, 3)]),
            (&[], &[(1, 2), (2, 1), (1, 1)], &[(1, 2)]),
            (&[(1, 5)], &[(1, 2)], &[(5, 2)]),
            (&[(1, 5)], &[(2, 1)], &[(2, 5)]),
            (&[(1, 5), (2, 5)], &[(1, 2)], &[]),
        ] {
            assert_eq!(followed(aliases, merges), expected, "{aliases:?} {merges:?}");
        }
    }
}
