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
    use super::*;

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
