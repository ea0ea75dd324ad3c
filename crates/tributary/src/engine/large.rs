//! Clusters so large that settling them for every fact would cost the square of their size.
//!
//! A cluster is settled whole, since any fact may change what any other one of it leads to. What keeps people apart (an identifier of a crowd)
//! does not keep facts out of a cluster: see `docs/decisions/0009-large-clusters-are-settled-less-often.md`. So a large one is settled when
//! it grew by a part of itself, or when nothing else is to be done. It waits in the queue of the store meanwhile: a restart forgets sizes,
//! never that something waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tributary_domain::ids::EventId;
use tributary_domain::reason::Reason;
use tributary_store::state::{ClusterContents, ClusterId};

use super::clusters::Assignment;

/// Facts from which on a cluster is large.
pub const LARGE: usize = 512;

/// A large cluster is settled at once when what waits is one part in so many of what was settled last.
pub const GROWTH: usize = 8;

/// The large clusters that this engine has met. What it does not know it settles at once, and knows it then.
#[derive(Debug, Default)]
pub(super) struct LargeClusters {
    known: HashMap<ClusterId, Size>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Facts when it was settled last.
    settled: usize,
    /// Facts that came since.
    waiting: usize,
    /// The newest of those.
    newest: Option<EventId>,
}

impl LargeClusters {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Whether it is one of them.
    pub(super) fn contains(&self, cluster: ClusterId) -> bool {
        self.known.contains_key(&cluster)
    }

    /// The newest fact that waits in it.
    pub(super) fn newest(&self, cluster: ClusterId) -> Option<EventId> {
        self.known.get(&cluster)?.newest
    }

    /// Follows the merges of a step, and counts what arrived: the newest event of each cluster and how many.
    pub(super) fn grow(&mut self, assignment: &Assignment, events: &[EventId]) {
        if self.known.is_empty() {
            return;
        }
        for (part, into) in &assignment.merges {
            if let Some(size) = self.known.remove(part) {
                let whole = self.known.entry(*into).or_default();
                whole.settled += size.settled;
                whole.waiting += size.waiting;
                whole.newest = whole.newest.or(size.newest);
            }
        }
        for (cluster, event) in assignment.clusters.iter().zip(events) {
            if let Some(size) = self.known.get_mut(cluster) {
                size.waiting += 1;
                size.newest = Some(*event);
            }
        }
    }

    /// Those that are settled later.
    pub(super) fn to_put_off(&self, needing: &BTreeSet<ClusterId>) -> Vec<ClusterId> {
        let waits = |cluster: &&ClusterId| {
            self.known.get(cluster).is_some_and(|size| size.waiting.saturating_mul(GROWTH) < size.settled)
        };
        if self.known.is_empty() { Vec::new() } else { needing.iter().filter(waits).copied().collect() }
    }

    /// Notes what is settled now.
    pub(super) fn note(&mut self, settled: &BTreeMap<ClusterId, ClusterContents>) {
        for (cluster, contents) in settled {
            self.note_one(*cluster, contents.facts.len());
        }
    }

    fn note_one(&mut self, cluster: ClusterId, facts: usize) {
        if facts >= LARGE {
            self.known.insert(cluster, Size { settled: facts, ..Size::default() });
        } else if !self.known.is_empty() {
            self.known.remove(&cluster);
        }
    }

    /// Forgets all of them: what is unknown is settled at once.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

/// What an engine did since it was last asked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Work {
    /// Facts that were settled, each as often as it was.
    pub facts_settled: u64,
    /// Facts of the largest cluster that was settled.
    pub largest_cluster: usize,
    /// How long loading and settling took.
    pub settling: Duration,
    /// Arriving events with an identifier that joins nobody, by reason code.
    pub guarded: BTreeMap<&'static str, u64>,
}

impl Work {
    /// Counts a cluster that was settled, by its number of facts.
    pub(super) fn count_settled(&mut self, facts: usize) {
        self.facts_settled += facts as u64;
        self.largest_cluster = self.largest_cluster.max(facts);
    }

    /// Counts an event with an identifier that joins nobody.
    pub(super) fn count_guarded(&mut self, reason: Reason) {
        *self.guarded.entry(reason.code()).or_insert(0) += 1;
    }

    /// Adds what another step did.
    pub(super) fn add(&mut self, other: Self) {
        self.facts_settled += other.facts_settled;
        self.largest_cluster = self.largest_cluster.max(other.largest_cluster);
        self.settling += other.settling;
        for (reason, events) in other.guarded {
            *self.guarded.entry(reason).or_insert(0) += events;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(sizes: &[(u64, usize)]) -> LargeClusters {
        let mut large = LargeClusters::default();
        sizes.iter().for_each(|(cluster, facts)| large.note_one(ClusterId(*cluster), *facts));
        large
    }

    fn arrive(large: &mut LargeClusters, clusters: &[u64], merges: &[(u64, u64)]) -> Vec<u64> {
        let assignment = Assignment {
            clusters: clusters.iter().map(|cluster| ClusterId(*cluster)).collect(),
            merges: merges.iter().map(|(part, into)| (ClusterId(*part), ClusterId(*into))).collect(),
            ..Assignment::default()
        };
        let events: Vec<EventId> = clusters.iter().map(|_| EventId([7; 16])).collect();
        large.grow(&assignment, &events);
        let needing = assignment.clusters.iter().copied().collect();
        large.to_put_off(&needing).into_iter().map(|cluster| cluster.0).collect()
    }

    #[test]
    fn a_large_cluster_waits_until_it_grew_by_an_eighth() {
        let mut large = known(&[(1, 800), (2, LARGE - 1)]);
        assert_eq!((large.count(), large.contains(ClusterId(2))), (1, false));
        assert_eq!(arrive(&mut large, &[1, 2, 3], &[]), [1]);
        assert_eq!(large.newest(ClusterId(1)), Some(EventId([7; 16])));
        for _ in 2..100 {
            assert_eq!(arrive(&mut large, &[1], &[]), [1]);
        }
        assert!(arrive(&mut large, &[1], &[]).is_empty(), "the hundredth fact of 800");
    }

    #[test]
    fn what_merges_is_as_large_as_its_parts_together() {
        let mut large = known(&[(4, 600), (9, 600)]);
        assert_eq!(arrive(&mut large, &[4, 9], &[]), [4, 9]);
        assert_eq!(arrive(&mut large, &[4], &[(9, 4)]), [4]);
        assert!(!large.contains(ClusterId(9)));
        for _ in 0..146 {
            assert_eq!(arrive(&mut large, &[4], &[]), [4]);
        }
        assert!(arrive(&mut large, &[4], &[]).is_empty(), "150 of 1,200");
        large.note_one(ClusterId(4), 1_350);
        assert_eq!(arrive(&mut large, &[4], &[]), [4]);
        large.note_one(ClusterId(4), 3);
        assert!(arrive(&mut large, &[4], &[]).is_empty());
    }
}
