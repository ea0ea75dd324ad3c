//! Finding the cluster of every new fact: a union-find over the identity nodes that the batch touches.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use tributary_domain::identity::NodeKey;
use tributary_store::state::ClusterId;

/// Where each fact of a batch belongs, and what that changes in the store.
#[derive(Debug, Default, PartialEq)]
pub struct Assignment {
    /// The cluster of each fact, in the batch's order.
    pub clusters: Vec<ClusterId>,
    /// Nodes that the store does not know yet.
    pub new_nodes: Vec<(NodeKey, ClusterId)>,
    /// Stored clusters that became part of another.
    pub merges: Vec<(ClusterId, ClusterId)>,
    /// For each final cluster: the stored clusters that it consists of, in order. Empty for a wholly new one.
    pub stored_parts: BTreeMap<ClusterId, Vec<ClusterId>>,
}

/// Assigns facts to clusters. `facts` gives each fact's log sequence and nodes; `known` the stored cluster of known nodes.
///
/// A fact that connects several clusters merges them into the smallest. A fact without any node is a cluster of its own.
#[must_use]
pub fn assign(facts: &[(u64, &[NodeKey])], known: HashMap<NodeKey, ClusterId>) -> Assignment {
    let mut stored: Vec<ClusterId> = known.values().copied().collect();
    stored.sort_unstable();
    stored.dedup();
    let mut parents = Parents::default();
    let mut of_node = known;
    let mut new_nodes: Vec<NodeKey> = Vec::new();
    let mut firsts: Vec<ClusterId> = Vec::with_capacity(facts.len());
    for (sequence, nodes) in facts {
        let found =
            nodes.iter().filter_map(|node| of_node.get(node)).map(|cluster| parents.root(*cluster)).min();
        let cluster = found.unwrap_or(ClusterId(*sequence));
        for node in *nodes {
            match of_node.entry(*node) {
                Entry::Occupied(other) => parents.join(cluster, *other.get()),
                Entry::Vacant(vacant) => {
                    vacant.insert(cluster);
                    new_nodes.push(*node);
                }
            }
        }
        firsts.push(cluster);
    }
    let mut assignment = Assignment {
        clusters: firsts.iter().map(|cluster| parents.root(*cluster)).collect(),
        ..Assignment::default()
    };
    assignment.new_nodes = new_nodes
        .into_iter()
        .filter_map(|node| of_node.get(&node).map(|cluster| (node, parents.root(*cluster))))
        .collect();
    for cluster in &assignment.clusters {
        assignment.stored_parts.entry(*cluster).or_default();
    }
    for part in stored {
        let into = parents.root(part);
        if into != part {
            assignment.merges.push((part, into));
        }
        if let Some(parts) = assignment.stored_parts.get_mut(&into) {
            parts.push(part);
        }
    }
    assignment
}

/// What each cluster became part of. Whatever is not in it stands for itself.
#[derive(Default)]
struct Parents(HashMap<ClusterId, ClusterId>);

impl Parents {
    fn root(&self, cluster: ClusterId) -> ClusterId {
        let mut root = cluster;
        while let Some(parent) = self.0.get(&root) {
            root = *parent;
        }
        root
    }

    /// Makes two clusters one, under the smaller number.
    fn join(&mut self, one: ClusterId, other: ClusterId) {
        let (one, other) = (self.root(one), self.root(other));
        if one != other {
            self.0.insert(one.max(other), one.min(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a store keeps of clusters: the number that each node was written with, and what became of it.
    #[derive(Default)]
    struct Kept {
        nodes: HashMap<NodeKey, ClusterId>,
        merged: HashMap<ClusterId, ClusterId>,
    }

    impl Kept {
        fn today(&self, cluster: ClusterId) -> ClusterId {
            let mut today = cluster;
            while let Some(into) = self.merged.get(&today) {
                today = *into;
            }
            today
        }

        fn take(&mut self, facts: &[(u64, Vec<NodeKey>)]) -> Vec<ClusterId> {
            let wanted = facts.iter().flat_map(|(_, nodes)| nodes);
            let known = wanted.filter_map(|node| Some((*node, self.today(*self.nodes.get(node)?)))).collect();
            let facts: Vec<(u64, &[NodeKey])> =
                facts.iter().map(|(sequence, nodes)| (*sequence, nodes.as_slice())).collect();
            let assignment = assign(&facts, known);
            self.nodes.extend(assignment.new_nodes);
            self.merged.extend(assignment.merges);
            assignment.clusters
        }
    }

    /// Facts with some of twenty nodes, as the order in which they come and the sizes of the slices.
    fn any_facts() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>, Vec<usize>)> {
        let chain = (3u8..20).prop_map(|length| (0..length).map(|at| vec![at, at + 1]).collect::<Vec<_>>());
        let cycle = (3u8..20).prop_map(|length| (0..length).map(|at| vec![at, (at + 1) % length]).collect());
        let any = prop::collection::vec(prop::collection::vec(0u8..20, 0..4), 1..25);
        prop_oneof![chain, cycle, any].prop_flat_map(|facts| {
            let order: Vec<usize> = (0..facts.len()).collect();
            (Just(facts), Just(order).prop_shuffle(), prop::collection::vec(1usize..6, 25))
        })
    }

    proptest! {
        #[test]
        fn facts_are_in_one_cluster_exactly_when_a_chain_of_shared_nodes_joins_them(
            (facts, order, slices) in any_facts(),
        ) {
            let mut kept = Kept::default();
            let mut written: Vec<(usize, ClusterId)> = Vec::new();
            let mut left = order.as_slice();
            for slice in slices {
                let (now, later) = left.split_at(slice.min(left.len()));
                let numbered: Vec<(u64, Vec<NodeKey>)> = now
                    .iter()
                    .enumerate()
                    .map(|(place, fact)| ((written.len() + place + 1) as u64, nodes(&facts[*fact])))
                    .collect();
                written.extend(now.iter().copied().zip(kept.take(&numbered)));
                left = later;
            }
            // The slow way: groups of facts that share a node, until nothing joins any more.
            let mut group: Vec<usize> = (0..facts.len()).collect();
            for _ in 0..facts.len() {
                for one in 0..facts.len() {
                    for other in 0..facts.len() {
                        if facts[one].iter().any(|node| facts[other].contains(node)) {
                            group[one] = group[one].min(group[other]);
                        }
                    }
                }
            }
            for (one, cluster) in &written {
                for (other, its) in &written {
                    prop_assert_eq!(
                        kept.today(*cluster) == kept.today(*its),
                        group[*one] == group[*other],
                        "{:?} and {:?}", &facts[*one], &facts[*other]
                    );
                }
            }
        }
    }

    fn node(number: u8) -> NodeKey {
        NodeKey([number; 16])
    }

    fn nodes(numbers: &[u8]) -> Vec<NodeKey> {
        numbers.iter().map(|number| node(*number)).collect()
    }

    #[test]
    fn new_facts_join_what_they_share_and_known_clusters_merge_into_the_smallest() {
        let known =
            HashMap::from([(node(1), ClusterId(5)), (node(2), ClusterId(3)), (node(9), ClusterId(4))]);
        let facts = [
            (10, nodes(&[1, 7])),
            (11, nodes(&[8])),
            (12, nodes(&[8, 6])),
            (13, vec![]),
            (14, nodes(&[7, 2])),
            (15, nodes(&[9])),
        ];
        let facts: Vec<(u64, &[NodeKey])> =
            facts.iter().map(|(sequence, nodes)| (*sequence, nodes.as_slice())).collect();
        let assignment = assign(&facts, known);
        assert_eq!(assignment.clusters, [3, 11, 11, 13, 3, 4].map(ClusterId));
        assert_eq!(assignment.merges, [(ClusterId(5), ClusterId(3))]);
        assert_eq!(
            assignment.new_nodes,
            [(node(7), ClusterId(3)), (node(8), ClusterId(11)), (node(6), ClusterId(11))]
        );
        assert_eq!(assignment.stored_parts[&ClusterId(3)], [ClusterId(3), ClusterId(5)]);
        assert!(assignment.stored_parts[&ClusterId(11)].is_empty());
    }
}
