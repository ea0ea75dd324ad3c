//! Union-find over the numbers of identifiers, in which some groups may never meet.

use std::collections::{BTreeSet, HashMap};

/// Groups of identifiers; the root of a group is its smallest number.
pub(super) struct Groups {
    parents: Vec<usize>,
    /// Whether the group of that root holds a customer.
    has_customer: Vec<bool>,
    /// For each root that may not meet others: those roots. Symmetric.
    apart: HashMap<usize, BTreeSet<usize>>,
}

impl Groups {
    /// One group per identifier.
    pub(super) fn new(is_customer: Vec<bool>) -> Self {
        Self { parents: (0..is_customer.len()).collect(), has_customer: is_customer, apart: HashMap::new() }
    }

    pub(super) fn root(&mut self, place: usize) -> usize {
        let mut root = place;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        let mut walked = place;
        while self.parents[walked] != root {
            walked = std::mem::replace(&mut self.parents[walked], root);
        }
        root
    }

    /// Keeps two groups apart for ever. Groups that are one already stay one.
    pub(super) fn keep_apart(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one != other {
            self.apart.entry(one).or_default().insert(other);
            self.apart.entry(other).or_default().insert(one);
        }
    }

    /// Whether two groups may never meet.
    pub(super) fn are_apart(&mut self, one: usize, other: usize) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        self.apart.get(&one).is_some_and(|others| others.contains(&other))
    }

    /// Makes one group of two, unless they are kept apart.
    pub(super) fn union(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one == other || self.apart.get(&one).is_some_and(|others| others.contains(&other)) {
            return;
        }
        let (root, child) = (one.min(other), one.max(other));
        self.parents[child] = root;
        self.has_customer[root] |= self.has_customer[child];
        for enemy in self.apart.remove(&child).unwrap_or_default() {
            if let Some(others) = self.apart.get_mut(&enemy) {
                others.remove(&child);
                others.insert(root);
            }
            self.apart.entry(root).or_default().insert(enemy);
        }
    }

    /// As [`Groups::union`], unless that would make one person of two customers.
    pub(super) fn union_unless_both_are_customers(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if !(self.has_customer[one] && self.has_customer[other]) {
            self.union(one, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_apart_never_meets_whatever_it_grows_into() {
        let mut groups = Groups::new(vec![false; 8]);
        groups.keep_apart(5, 7);
        groups.union(5, 1);
        groups.union(7, 2);
        groups.union(1, 0);
        assert!(groups.are_apart(0, 2) && groups.are_apart(5, 7));
        groups.union(0, 2);
        assert_ne!(groups.root(5), groups.root(7));
        groups.union(3, 5);
        groups.union(3, 7);
        assert_eq!((groups.root(3), groups.root(7)), (0, 2));
        groups.keep_apart(0, 0);
        groups.keep_apart(0, 5);
        assert!(!groups.are_apart(0, 5), "what is one already is not torn apart by a later word");
    }
}
