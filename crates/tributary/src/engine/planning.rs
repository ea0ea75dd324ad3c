//! One step's plan: which clusters to settle, and the commit that follows.
//!
//! [`Plan::of`] asks the store and settles; [`Plan::draw_up`] makes the commit of it without the store, so that the one before can be written meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::identity::{Guards, NodeKey};
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Conversion, Settlement, settle};
use tributary_store::state::{ChainHead, ClusterContents, ClusterId, Commit, StateError, StoredFact};

use super::batch::Arrival;
use super::books::Books;
use super::clusters::{Assignment, assign};
use super::difference::{Difference, TouchedLine, line_ids};
use super::large::{LargeClusters, Work};
use super::payouts::{LockChanges, PayoutChanges};
use super::rollup::Rollups;
use super::view::View;

/// All that one step needs to know of the store.
pub(super) struct Plan {
    commit: Commit,
    books: Books,
    arrivals: Vec<Arrival>,
    assignment: Assignment,
    settled: Vec<Settled>,
    /// How long loading and settling took.
    settling: Duration,
    /// The newest arrival of each cluster: what caused its changes.
    causes: HashMap<ClusterId, EventId>,
    /// Minor units that payouts hold of the lines concerned.
    locked: HashMap<CommissionId, i64>,
    lock_changes: LockChanges,
    touched_lines: HashMap<CommissionId, TouchedLine>,
}

/// A commit that is drawn up.
pub(super) struct DrawnUp {
    pub(super) commit: Commit,
    /// The end of each brand's chain after it.
    pub(super) heads: HashMap<BrandKey, ChainHead>,
    /// What settling took.
    pub(super) work: Work,
}

impl Plan {
    /// Looks up what the arrivals and the queued clusters concern, and settles those clusters.
    pub(super) fn of(
        state: &mut View<'_>,
        configuration: &Configuration,
        large: &mut LargeClusters,
        mut commit: Commit,
        arrivals: Vec<Arrival>,
        queued: Vec<ClusterId>,
        heads: HashMap<BrandKey, ChainHead>,
    ) -> Result<Self, StateError> {
        let arrivals = without_known(state, arrivals)?;
        let (assignment, mut parts) = locate(state, &arrivals, &queued)?;

        let mut books = Books::open(heads);
        let PayoutChanges { locks: lock_changes, lines: touched_lines, .. } =
            PayoutChanges::of(state, &arrivals, &mut commit, &mut books)?;
        let touched_by_payouts = clusters_of_lines(state, &lock_changes, &assignment)?;

        let mut to_settle: BTreeSet<ClusterId> = queued.iter().copied().collect();
        to_settle.extend(touched_by_payouts.values().copied());
        let events: Vec<EventId> = arrivals.iter().map(|arrival| arrival.fact.event_id).collect();
        large.grow(&assignment, &events);
        let needing = &needing_settlement(state, &arrivals, &assignment)? - &to_settle;
        commit.queued = large.to_put_off(&needing);
        to_settle.extend(needing.into_iter().filter(|cluster| !commit.queued.contains(cluster)));
        for cluster in &to_settle {
            parts.entry(*cluster).or_insert_with(|| vec![*cluster]);
        }
        let begun = Instant::now();
        let mut contents = load(state, &to_settle, &parts)?;
        let mut causes = causes(&arrivals, &assignment);
        for cluster in &queued {
            causes.extend(large.newest(*cluster).map(|event| (*cluster, event)));
        }
        add_arrivals(&arrivals, &assignment, &mut contents);
        // What was put off before and is settled now waits no more.
        let waited = to_settle.iter().filter(|cluster| large.newest(**cluster).is_some());
        commit.resettled = waited.copied().chain(queued).collect();
        large.note(&contents);

        let settled = settle_all(contents, configuration);
        let settling = begun.elapsed();
        let lines = settled
            .iter()
            .flat_map(|each| line_ids(&each.booked).chain(line_ids(&each.settlement.conversions)));
        let lines: BTreeSet<CommissionId> = lines.chain(lock_changes.keys().copied()).collect();
        let lines: Vec<CommissionId> = lines.into_iter().collect();
        let locked = state.locked(&lines)?;
        Ok(Self {
            commit,
            books,
            arrivals,
            assignment,
            settled,
            settling,
            causes,
            locked,
            lock_changes,
            touched_lines,
        })
    }

    /// Draws up the commit: the difference between what is booked and what should be. It needs nothing of the store any more.
    pub(super) fn draw_up(self, configuration: &Configuration) -> DrawnUp {
        let Self {
            mut commit,
            mut books,
            arrivals,
            assignment,
            settled,
            settling,
            causes,
            locked,
            lock_changes,
            touched_lines,
        } = self;
        let mut rollups = Rollups::default();
        let mut work = Work { settling, ..Work::default() };
        named_nobody(&arrivals, configuration).for_each(|reason| work.count_guarded(reason));
        let arrived: HashSet<EventId> = arrivals.iter().map(|arrival| arrival.fact.event_id).collect();
        let mut difference = Difference {
            commit: &mut commit,
            books: &mut books,
            rollups: &mut rollups,
            arrived: &arrived,
            touched: &touched_lines,
            visited: HashSet::new(),
        };
        let mut outcomes: HashMap<EventId, Reason> = HashMap::new();
        for Settled { cluster, outcomes_before, booked, settlement } in settled {
            let cause = causes.get(&cluster).copied();
            work.count_settled(outcomes_before.len());
            let here = settlement.guarded.iter().filter(|(event, _)| arrived.contains(event));
            here.for_each(|(_, reason)| work.count_guarded(*reason));
            outcomes.extend(settlement.outcomes.iter().copied());
            difference.outcomes(&outcomes_before, &settlement);
            difference.conversions(cluster, booked, settlement.conversions, cause, &locked, &lock_changes);
        }
        difference.ungranted(&locked, &lock_changes);

        for arrival in &arrivals {
            rollups.add_touch(&arrival.fact, configuration);
        }
        commit.facts = stored_facts(arrivals, &assignment, &outcomes);
        commit.nodes = assignment.new_nodes;
        commit.merges = assignment.merges;
        commit.rollups = rollups.into_changes();
        let (entries, balances, heads) = books.close();
        commit.entries = entries;
        commit.balances = balances;
        DrawnUp { commit, heads, work }
    }
}

/// For each arrival with a placeholder for an identifier: that reason.
fn named_nobody<'a>(
    arrivals: &'a [Arrival],
    configuration: &'a Configuration,
) -> impl Iterator<Item = Reason> + 'a {
    let names_nobody = |arrival: &&Arrival| {
        Guards::of(configuration, &arrival.fact.brand).is_placeholder_in(&arrival.fact.subject)
    };
    arrivals.iter().filter(names_nobody).map(|_| Reason::IdentifierPlaceholder)
}

/// A cluster as it was and as it should be.
struct Settled {
    cluster: ClusterId,
    outcomes_before: HashMap<EventId, Reason>,
    booked: Vec<Conversion>,
    settlement: Settlement,
}

impl Settled {
    fn of(cluster: ClusterId, contents: ClusterContents, configuration: &Configuration) -> Self {
        let outcomes_before =
            contents.facts.iter().map(|(fact, outcome)| (fact.event_id, *outcome)).collect();
        let facts: Vec<Fact> = contents.facts.into_iter().map(|(fact, _)| fact).collect();
        let settlement = settle(&facts, configuration);
        Self { cluster, outcomes_before, booked: contents.booked, settlement }
    }
}

/// Clusters from which on settling is shared with a second thread.
const SHARED_FROM: usize = 64;

/// Settles clusters, each by itself, in their order.
fn settle_all(contents: BTreeMap<ClusterId, ClusterContents>, configuration: &Configuration) -> Vec<Settled> {
    let settle_part = |part: Vec<(ClusterId, ClusterContents)>| -> Vec<Settled> {
        part.into_iter().map(|(cluster, contents)| Settled::of(cluster, contents, configuration)).collect()
    };
    let mut first: Vec<(ClusterId, ClusterContents)> = contents.into_iter().collect();
    if first.len() < SHARED_FROM {
        return settle_part(first);
    }
    let second = Mutex::new(first.split_off(first.len() / 2));
    let settle_second =
        || settle_part(std::mem::take(&mut *second.lock().unwrap_or_else(PoisonError::into_inner)));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("tributary-settle".to_owned())
            .spawn_scoped(scope, settle_second);
        let mut settled = settle_part(first);
        settled.extend(match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // Without a thread for it, the second half comes after the first.
            Err(_) => settle_second(),
        });
        settled
    })
}

/// Drops what is stored already: a log may deliver a record again, and the same event twice in one batch counts once.
fn without_known(state: &mut View<'_>, arrivals: Vec<Arrival>) -> Result<Vec<Arrival>, StateError> {
    let events: Vec<EventId> = arrivals.iter().map(|arrival| arrival.fact.event_id).collect();
    let known = if events.is_empty() { HashSet::new() } else { state.known_events(&events)? };
    let mut seen = HashSet::with_capacity(arrivals.len());
    Ok(arrivals
        .into_iter()
        .filter(|arrival| !known.contains(&arrival.fact.event_id) && seen.insert(arrival.fact.event_id))
        .collect())
}

type Parts = BTreeMap<ClusterId, Vec<ClusterId>>;

/// Finds the cluster of every arrival, and the stored clusters that each one consists of.
fn locate(
    state: &mut View<'_>,
    arrivals: &[Arrival],
    queued: &[ClusterId],
) -> Result<(Assignment, Parts), StateError> {
    let with_nodes: Vec<(u64, &[NodeKey])> =
        arrivals.iter().map(|arrival| (arrival.sequence.0, arrival.nodes.as_slice())).collect();
    // In order: nodes that stand beside one another in the store are looked up one after another.
    let mut wanted: Vec<NodeKey> =
        arrivals.iter().flat_map(|arrival| arrival.nodes.iter().copied()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let known = if wanted.is_empty() { HashMap::new() } else { state.clusters_of_nodes(&wanted)? };
    let assignment = assign(&with_nodes, known);
    let mut parts = assignment.stored_parts.clone();
    for cluster in queued {
        parts.entry(*cluster).or_insert_with(|| vec![*cluster]);
    }
    Ok((assignment, parts))
}

/// Clusters that an arrival may change the money of: those with an action, stored or arriving.
fn needing_settlement(
    state: &mut View<'_>,
    arrivals: &[Arrival],
    assignment: &Assignment,
) -> Result<BTreeSet<ClusterId>, StateError> {
    let mut needing = BTreeSet::new();
    for (arrival, cluster) in arrivals.iter().zip(&assignment.clusters) {
        if arrival.fact.body.action().is_some() {
            needing.insert(*cluster);
        }
    }
    let mut of_part: HashMap<ClusterId, ClusterId> = HashMap::new();
    for cluster in assignment.clusters.iter().filter(|cluster| !needing.contains(cluster)) {
        for part in assignment.stored_parts.get(cluster).into_iter().flatten() {
            of_part.insert(*part, *cluster);
        }
    }
    if !of_part.is_empty() {
        let asked: Vec<ClusterId> = of_part.keys().copied().collect();
        let found = state.with_conversions(&asked)?;
        needing.extend(found.iter().filter_map(|part| of_part.get(part)));
    }
    Ok(needing)
}

/// Loads every stored part of the clusters to settle and puts the parts together.
fn load(
    state: &mut View<'_>,
    to_settle: &BTreeSet<ClusterId>,
    parts: &Parts,
) -> Result<BTreeMap<ClusterId, ClusterContents>, StateError> {
    let wanted: Vec<ClusterId> =
        to_settle.iter().filter_map(|cluster| parts.get(cluster)).flatten().copied().collect();
    let mut stored = if wanted.is_empty() { HashMap::new() } else { state.load_clusters(&wanted)? };
    let mut contents = BTreeMap::new();
    for cluster in to_settle {
        let mut whole = ClusterContents::default();
        for part in parts.get(cluster).into_iter().flatten() {
            if let Some(found) = stored.remove(part) {
                whole.facts.extend(found.facts);
                whole.booked.extend(found.booked);
            }
        }
        contents.insert(*cluster, whole);
    }
    Ok(contents)
}

fn add_arrivals(
    arrivals: &[Arrival],
    assignment: &Assignment,
    contents: &mut BTreeMap<ClusterId, ClusterContents>,
) {
    for (arrival, cluster) in arrivals.iter().zip(&assignment.clusters) {
        if let Some(contents) = contents.get_mut(cluster) {
            contents.facts.push((arrival.fact.clone(), Reason::Recorded));
        }
    }
}

/// The newest arrival of each cluster: what caused its changes.
fn causes(arrivals: &[Arrival], assignment: &Assignment) -> HashMap<ClusterId, EventId> {
    arrivals
        .iter()
        .zip(&assignment.clusters)
        .map(|(arrival, cluster)| (*cluster, arrival.fact.event_id))
        .collect()
}

fn stored_facts(
    arrivals: Vec<Arrival>,
    assignment: &Assignment,
    outcomes: &HashMap<EventId, Reason>,
) -> Vec<StoredFact> {
    arrivals
        .into_iter()
        .zip(&assignment.clusters)
        .map(|(arrival, cluster)| {
            let waits = matches!(
                arrival.fact.body,
                FactBody::Refund(_) | FactBody::Chargeback(_) | FactBody::Status(_) | FactBody::Adjustment(_)
            );
            let otherwise = if waits { Reason::AwaitingConversion } else { Reason::Recorded };
            StoredFact {
                sequence: arrival.sequence,
                cluster: *cluster,
                way: arrival.way,
                received_at: arrival.received_at,
                outcome: outcomes.get(&arrival.fact.event_id).copied().unwrap_or(otherwise),
                fact: arrival.fact,
            }
        })
        .collect()
}

/// The clusters of lines whose locks change, as they are called after this step's merges.
fn clusters_of_lines(
    state: &mut View<'_>,
    locks: &LockChanges,
    assignment: &Assignment,
) -> Result<HashMap<CommissionId, ClusterId>, StateError> {
    if locks.is_empty() {
        return Ok(HashMap::new());
    }
    let lines: Vec<CommissionId> = locks.keys().copied().collect();
    let merged: HashMap<ClusterId, ClusterId> = assignment.merges.iter().copied().collect();
    let mut found = state.clusters_of_commissions(&lines)?;
    for cluster in found.values_mut() {
        *cluster = merged.get(cluster).copied().unwrap_or(*cluster);
    }
    Ok(found)
}
