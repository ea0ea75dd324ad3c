//! The store as it will be once the commit that waits is in it: what is stored, with that commit laid over.
//!
//! So the next step can look up before that commit is written, and drawing up the next commit and reading the log can go on while it is. The answers are
//! those that the store would give after the commit, for clusters by their numbers after it. What a commit adds to the store and a step looks up must
//! be laid over here.

use std::collections::{HashMap, HashSet};

use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{CommissionId, EventId};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;
use tributary_store::state::{
    ClusterContents, ClusterId, Commit, ConversionChange, Payout, StateError, StateWriter, StoredFact,
};

/// What a step looks up.
pub(super) struct View<'a> {
    state: &'a mut dyn StateWriter,
    waiting: Option<(&'a Commit, &'a Contents)>,
}

/// What is in a commit, by what is asked for.
#[derive(Default)]
pub(super) struct Contents {
    events: HashSet<EventId>,
    nodes: HashMap<NodeKey, ClusterId>,
    /// Where each merged cluster went.
    merged: HashMap<ClusterId, ClusterId>,
    /// The clusters that each one took up.
    taken_up: HashMap<ClusterId, Vec<ClusterId>>,
    /// Places of facts in the commit.
    facts: HashMap<ClusterId, Vec<usize>>,
    outcomes: HashMap<EventId, Reason>,
    /// Conversions that were put or removed.
    changed: HashSet<EventId>,
    /// Places of conversions that were put.
    put: HashMap<ClusterId, Vec<usize>>,
}

impl<'a> View<'a> {
    /// The store as it is.
    pub(super) fn of(state: &'a mut dyn StateWriter) -> Self {
        Self { state, waiting: None }
    }

    /// The store after a commit, of which `contents` are the contents. A commit that changes payouts cannot wait: see [`can_wait`].
    pub(super) fn after(state: &'a mut dyn StateWriter, commit: &'a Commit, contents: &'a Contents) -> Self {
        debug_assert!(can_wait(commit));
        Self { state, waiting: Some((commit, contents)) }
    }

    /// Which of these events are stored already.
    pub(super) fn known_events(&mut self, events: &[EventId]) -> Result<HashSet<EventId>, StateError> {
        let mut known = self.state.known_events(events)?;
        if let Some((_, waiting)) = self.waiting {
            known.extend(events.iter().filter(|event| waiting.events.contains(*event)));
        }
        Ok(known)
    }

    /// The clusters of those identity nodes that are known.
    pub(super) fn clusters_of_nodes(
        &mut self,
        nodes: &[NodeKey],
    ) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
        let mut clusters = self.state.clusters_of_nodes(nodes)?;
        if let Some((_, waiting)) = self.waiting {
            for cluster in clusters.values_mut() {
                *cluster = waiting.today(*cluster);
            }
            clusters
                .extend(nodes.iter().filter_map(|node| waiting.nodes.get(node).map(|found| (*node, *found))));
        }
        Ok(clusters)
    }

    /// Which of these clusters hold at least one action.
    pub(super) fn with_conversions(
        &mut self,
        clusters: &[ClusterId],
    ) -> Result<HashSet<ClusterId>, StateError> {
        let Some((commit, waiting)) = self.waiting else { return self.state.with_conversions(clusters) };
        let stored: Vec<ClusterId> =
            clusters.iter().flat_map(|cluster| waiting.stored_parts(*cluster)).collect();
        let with = self.state.with_conversions(&stored)?;
        let has_action = |cluster: &ClusterId| {
            waiting.facts_of(*cluster, commit).any(|stored| stored.fact.body.action().is_some())
                || waiting.stored_parts(*cluster).any(|part| with.contains(&part))
        };
        Ok(clusters.iter().copied().filter(has_action).collect())
    }

    /// Everything in these clusters.
    pub(super) fn load_clusters(
        &mut self,
        clusters: &[ClusterId],
    ) -> Result<HashMap<ClusterId, ClusterContents>, StateError> {
        let Some((commit, waiting)) = self.waiting else { return self.state.load_clusters(clusters) };
        let parts: Vec<ClusterId> =
            clusters.iter().flat_map(|cluster| waiting.stored_parts(*cluster)).collect();
        let mut stored = self.state.load_clusters(&parts)?;
        let mut loaded = HashMap::with_capacity(clusters.len());
        for cluster in clusters {
            let mut contents = stored.remove(cluster).unwrap_or_default();
            for part in waiting.taken_up.get(cluster).into_iter().flatten() {
                let part = stored.remove(part).unwrap_or_default();
                contents.facts.extend(part.facts);
                contents.booked.extend(part.booked);
            }
            waiting.lay_over(*cluster, commit, &mut contents);
            loaded.insert(*cluster, contents);
        }
        Ok(loaded)
    }

    /// The clusters that hold these commission lines.
    pub(super) fn clusters_of_commissions(
        &mut self,
        lines: &[CommissionId],
    ) -> Result<HashMap<CommissionId, ClusterId>, StateError> {
        debug_assert!(self.waiting.is_none(), "a batch that speaks of payouts is not looked at ahead");
        self.state.clusters_of_commissions(lines)
    }

    /// Minor units of these lines that payouts hold. The commit that waits changes none.
    pub(super) fn locked(
        &mut self,
        lines: &[CommissionId],
    ) -> Result<HashMap<CommissionId, i64>, StateError> {
        self.state.locked(lines)
    }

    /// These payouts, if stored. The commit that waits changes none.
    pub(super) fn payouts(&mut self, ids: &[String]) -> Result<HashMap<String, Payout>, StateError> {
        self.state.payouts(ids)
    }
}

/// Whether the next step can look up before this commit is in the store. Payouts are rare, and what they hold is asked for by line.
pub(super) fn can_wait(commit: &Commit) -> bool {
    commit.payouts.is_empty()
}

impl Contents {
    /// The contents of a commit.
    pub(super) fn of(commit: &Commit) -> Self {
        let mut contents = Self {
            events: commit.facts.iter().map(|stored| stored.fact.event_id).collect(),
            nodes: commit.nodes.iter().copied().collect(),
            merged: commit.merges.iter().copied().collect(),
            outcomes: commit.outcomes.iter().copied().collect(),
            ..Self::default()
        };
        for (part, into) in &commit.merges {
            contents.taken_up.entry(*into).or_default().push(*part);
        }
        for (place, stored) in commit.facts.iter().enumerate() {
            contents.facts.entry(stored.cluster).or_default().push(place);
        }
        for (place, change) in commit.conversions.iter().enumerate() {
            match change {
                ConversionChange::Put { cluster, conversion } => {
                    contents.changed.insert(conversion.event_id);
                    contents.put.entry(*cluster).or_default().push(place);
                }
                ConversionChange::Remove(event) => {
                    contents.changed.insert(*event);
                }
            }
        }
        contents
    }

    fn facts_of<'c>(&self, cluster: ClusterId, commit: &'c Commit) -> impl Iterator<Item = &'c StoredFact> {
        self.facts.get(&cluster).into_iter().flatten().filter_map(|place| commit.facts.get(*place))
    }

    fn put_in<'c>(&self, cluster: ClusterId, commit: &'c Commit) -> impl Iterator<Item = &'c Conversion> {
        self.put.get(&cluster).into_iter().flatten().filter_map(|place| {
            match commit.conversions.get(*place) {
                Some(ConversionChange::Put { conversion, .. }) => Some(conversion.as_ref()),
                _ => None,
            }
        })
    }

    fn today(&self, cluster: ClusterId) -> ClusterId {
        self.merged.get(&cluster).copied().unwrap_or(cluster)
    }

    /// The clusters of the store that are one now.
    fn stored_parts(&self, cluster: ClusterId) -> impl Iterator<Item = ClusterId> {
        std::iter::once(cluster).chain(self.taken_up.get(&cluster).into_iter().flatten().copied())
    }

    /// Makes of a cluster's stored contents what they are after the commit.
    fn lay_over(&self, cluster: ClusterId, commit: &Commit, contents: &mut ClusterContents) {
        for (fact, outcome) in &mut contents.facts {
            if let Some(changed) = self.outcomes.get(&fact.event_id) {
                *outcome = *changed;
            }
        }
        contents
            .facts
            .extend(self.facts_of(cluster, commit).map(|stored| (stored.fact.clone(), stored.outcome)));
        contents.booked.retain(|conversion| !self.changed.contains(&conversion.event_id));
        contents.booked.extend(self.put_in(cluster, commit).cloned());
    }
}
