//! Clusters: what belongs together, and how it comes together.

use std::collections::{BTreeMap, BTreeSet};

use super::StateStores;
use super::samples::*;
use crate::log::Sequence;
use crate::state::{ClusterId, Commit, ConversionChange, StateReader};

/// A node leads to its cluster; writing it again moves it.
pub fn nodes_lead_to_their_clusters(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(
        stores,
        &[
            Commit { nodes: vec![(node("a"), ClusterId(1)), (node("b"), ClusterId(2))], ..next(0, 1) },
            Commit { nodes: vec![(node("b"), ClusterId(1)), (node("c"), ClusterId(3))], ..next(1, 2) },
        ],
    );
    let asked = [node("a"), node("b"), node("c"), node("unknown")];
    let expected = [(node("a"), ClusterId(1)), (node("b"), ClusterId(1)), (node("c"), ClusterId(3))].into();
    assert_eq!(writer.clusters_of_nodes(&asked).unwrap(), expected);
    assert_eq!(reader.clusters_of_nodes(&asked).unwrap(), expected);
}

/// Everything of a merged cluster is found under the other's number, from every side.
pub fn merges_carry_facts_nodes_conversions_and_lines(stores: &dyn StateStores) {
    let first = Commit {
        facts: vec![stored(1, 1, click(1)), stored(2, 2, click(2)), stored(3, 2, purchase(3))],
        nodes: vec![(node("one"), ClusterId(1)), (node("two"), ClusterId(2))],
        conversions: vec![put(2, settled(3, 600))],
        ..next(0, 3)
    };
    let merge = Commit {
        facts: vec![stored(4, 1, purchase(4))],
        merges: vec![(ClusterId(2), ClusterId(1))],
        conversions: vec![put(1, settled(4, 500))],
        ..next(3, 4)
    };
    let (mut writer, reader) = filled(stores, &[first, merge]);
    let one = ClusterId(1);
    assert_eq!(
        writer.clusters_of_nodes(&[node("one"), node("two")]).unwrap(),
        [(node("one"), one), (node("two"), one)].into()
    );
    let lines = [line_id(3, "anna"), line_id(4, "anna"), line_id(9, "anna")];
    assert_eq!(writer.clusters_of_commissions(&lines).unwrap(), [(lines[0], one), (lines[1], one)].into());
    assert_eq!(writer.with_conversions(&[one]).unwrap(), [one].into());
    assert_eq!(reader.clusters_after(ClusterId(0), 10).unwrap(), [one]);

    let mut contents = writer.load_clusters(&[one]).unwrap().remove(&one).unwrap();
    contents.facts.sort_by_key(|(fact, _)| fact.event_id);
    contents.booked.sort_by_key(|conversion| conversion.event_id);
    assert_eq!(
        contents.facts.iter().map(|(fact, _)| fact.event_id).collect::<Vec<_>>(),
        [1, 2, 3, 4].map(event)
    );
    assert_eq!(contents.booked, [settled(3, 600), settled(4, 500)]);
    // An old number, as it may stand in a page that somebody kept open, still leads there.
    assert_eq!(reader.cluster(ClusterId(2)).unwrap().facts.len(), 4);

    let clusters: Vec<_> =
        reader.facts_after(crate::log::Sequence(0), 10).unwrap().iter().map(|fact| fact.cluster).collect();
    assert_eq!(clusters, [one; 4]);
    let clusters: Vec<_> = reader
        .conversions(&Default::default(), None, 10)
        .unwrap()
        .iter()
        .map(|(cluster, _)| *cluster)
        .collect();
    assert_eq!(clusters, [one; 2]);
}

/// Merges in one commit and across commits, into larger and smaller numbers, named by old numbers, repeated.
pub fn chains_of_merges_end_in_one_cluster(stores: &dyn StateStores) {
    let facts =
        |numbers: std::ops::RangeInclusive<u64>| numbers.map(|n| stored(n, n, click(n))).collect::<Vec<_>>();
    let merged = |pairs: &[(u64, u64)]| {
        pairs.iter().map(|(from, into)| (ClusterId(*from), ClusterId(*into))).collect()
    };
    let (mut writer, reader) = filled(
        stores,
        &[
            Commit { facts: facts(1..=6), merges: merged(&[(5, 3), (3, 1)]), ..next(0, 6) },
            // A fact that is written under a number that is no longer one of today.
            Commit {
                facts: vec![stored(7, 5, click(7))],
                merges: merged(&[(1, 6), (5, 6), (6, 6)]),
                ..next(6, 7)
            },
            Commit { facts: facts(8..=8), merges: merged(&[(3, 8)]), ..next(7, 8) },
        ],
    );
    let today: Vec<_> = reader.clusters_after(ClusterId(0), 10).unwrap();
    assert_eq!(today, [ClusterId(2), ClusterId(4), ClusterId(8)]);
    let loaded = writer.load_clusters(&today).unwrap();
    let numbers = |cluster| {
        loaded[&ClusterId(cluster)].facts.iter().map(|(fact, _)| fact.event_id).collect::<BTreeSet<_>>()
    };
    assert_eq!(numbers(8), [1, 3, 5, 6, 7, 8].map(event).into());
    assert_eq!(numbers(4), [event(4)].into());
}

/// Many merges in any order lead to the same partition as sets do.
pub fn any_sequence_of_merges_agrees_with_sets(stores: &dyn StateStores) {
    const FACTS: u64 = 60;
    let mut writer = stores.writer().unwrap();
    let mut sets: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    // Where each fact is now, by the model; its node has the same name.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for number in 1..=FACTS {
        let mut commit = next(number - 1, number);
        let joins =
            (number > 5 && draw(3) > 0).then(|| *sets.keys().nth(draw(sets.len() as u64) as usize).unwrap());
        let cluster = joins.unwrap_or(number);
        commit.facts.push(stored(number, cluster, click(number)));
        commit.nodes.push((node(&number.to_string()), ClusterId(cluster)));
        sets.entry(cluster).or_default().insert(number);
        for _ in 0..draw(3) {
            let keys: Vec<u64> = sets.keys().copied().collect();
            let (from, into) =
                (keys[draw(keys.len() as u64) as usize], keys[draw(keys.len() as u64) as usize]);
            if from != into {
                commit.merges.push((ClusterId(from), ClusterId(into)));
                let moved = sets.remove(&from).unwrap();
                sets.get_mut(&into).unwrap().extend(moved);
            }
        }
        writer.commit(&commit).unwrap();
    }
    let reader = stores.reader();
    let today = reader.clusters_after(ClusterId(0), 100).unwrap();
    assert_eq!(
        today.iter().map(|cluster| cluster.0).collect::<Vec<_>>(),
        sets.keys().copied().collect::<Vec<_>>()
    );
    for (cluster, numbers) in &sets {
        let found: BTreeSet<_> = reader
            .cluster(ClusterId(*cluster))
            .unwrap()
            .facts
            .iter()
            .map(|(fact, _)| fact.event_id)
            .collect();
        assert_eq!(found, numbers.iter().map(|number| event(*number)).collect());
        let nodes: Vec<_> = numbers.iter().map(|number| node(&number.to_string())).collect();
        let led = writer.clusters_of_nodes(&nodes).unwrap();
        assert!(led.len() == nodes.len() && led.values().all(|led| *led == ClusterId(*cluster)));
    }
}

/// Put again means instead; removed means gone with its credits and lines.
pub fn conversions_are_put_replaced_and_removed(stores: &dyn StateStores) {
    let first = Commit {
        facts: (1..=3).map(|n| stored(n, n, purchase(n))).collect(),
        conversions: (1..=3).map(|n| put(n, settled(n, 600))).collect(),
        ..next(0, 3)
    };
    let mut replaced = settled(1, 300);
    replaced.credits.truncate(1);
    replaced.commissions = vec![line(1, "ben", 300), line(1, "cleo", 200)];
    let mut bare = settled(2, 0);
    (bare.credits, bare.commissions, bare.value, bare.model) = (Vec::new(), Vec::new(), None, None);
    (bare.transaction, bare.campaign, bare.person) = (None, None, None);
    let change = Commit {
        conversions: vec![
            put(1, replaced.clone()),
            put(2, bare.clone()),
            ConversionChange::Remove(event(3)),
            ConversionChange::Remove(event(77)),
        ],
        ..next(3, 4)
    };
    let (mut writer, reader) = filled(stores, &[first, change]);
    let all: Vec<_> =
        reader.conversions(&Default::default(), None, 10).unwrap().into_iter().map(|(_, c)| c).collect();
    assert_eq!(all, [replaced.clone(), bare]);
    assert_eq!(reader.cluster(ClusterId(1)).unwrap().booked, [replaced]);
    assert!(reader.cluster(ClusterId(3)).unwrap().booked.is_empty());

    let owed: BTreeMap<_, _> = reader
        .commissions(&brand("acme"), None, 10)
        .unwrap()
        .into_iter()
        .map(|row| (row.line.id, row.line.owed))
        .collect();
    assert_eq!(owed, [(line_id(1, "ben"), eur(300)), (line_id(1, "cleo"), eur(200))].into());
    assert_eq!(writer.clusters_of_commissions(&[line_id(1, "anna"), line_id(3, "anna")]).unwrap(), [].into());
    let credits = reader.credit_sums(&brand("acme"), None).unwrap();
    assert_eq!(
        credits.iter().map(|sum| (sum.earner.as_str(), sum.value)).collect::<Vec<_>>(),
        [("anna", 6_000)]
    );
}

/// Whether a cluster must be settled: it holds an action, settled or not.
pub fn only_clusters_with_actions_have_conversions(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(
        stores,
        &[
            Commit {
                facts: vec![stored(1, 1, click(1)), stored(2, 2, purchase(2)), stored(3, 3, click(3))],
                ..next(0, 3)
            },
            Commit { merges: vec![(ClusterId(2), ClusterId(3))], ..next(3, 4) },
        ],
    );
    let asked = [ClusterId(1), ClusterId(3), ClusterId(50)];
    assert_eq!(writer.with_conversions(&asked).unwrap(), [ClusterId(3)].into());
    assert_eq!(reader.clusters_with_actions_after(ClusterId(0), 10).unwrap(), [ClusterId(3)]);
    assert!(reader.clusters_with_actions_after(ClusterId(3), 10).unwrap().is_empty());
    let sizes: Vec<usize> =
        reader.clusters(&asked).unwrap().iter().map(|contents| contents.facts.len()).collect();
    assert_eq!(sizes, [1, 2, 0]);
}

/// What is committed after a snapshot was taken is seen by every reader but that one.
pub fn a_snapshot_stays_at_its_moment(stores: &dyn StateStores) {
    let (mut writer, reader) =
        filled(stores, &[Commit { facts: vec![stored(1, 1, click(1))], ..next(0, 1) }]);
    let snapshot = reader.snapshot().unwrap();
    writer.commit(&Commit { facts: vec![stored(2, 2, purchase(2))], ..next(1, 2) }).unwrap();
    let seen = |reader: &dyn StateReader| {
        (reader.checkpoint().unwrap(), reader.clusters_after(ClusterId(0), 10).unwrap().len())
    };
    assert_eq!(seen(snapshot.as_ref()), (Sequence(1), 1));
    assert_eq!(seen(reader.as_ref()), (Sequence(2), 2));
    drop(snapshot);
    writer.commit(&next(2, 3)).unwrap();
    assert_eq!(reader.checkpoint().unwrap(), Sequence(3));
}
