//! The set-up, and the queue of what must be settled again when it changes.

use std::thread;
use std::time::Duration;

use tributary_domain::ids::EventId;
use tributary_domain::time::Timestamp;

use super::StateStores;
use super::samples::*;
use crate::state::{ClusterId, Commit, JudgedAnew, RollupKey, RollupMeasures, StateError, StoredEntity};

const NOTHING: JudgedAnew = JudgedAnew::NOTHING;

fn entity(kind: &str, key: &str, from: i64, body: &[u8]) -> StoredEntity {
    StoredEntity {
        kind: kind.to_owned(),
        brand: "acme".to_owned(),
        key: key.to_owned(),
        effective_from: Timestamp(from),
        body: body.to_vec(),
        applied_at: at(1),
    }
}

/// Versions are added, or replaced when they begin at the same moment; the revision rises each time.
pub fn the_set_up_is_saved_replaced_and_loaded(stores: &dyn StateStores) {
    let (_writer, reader) = filled(stores, &[]);
    let configuration = stores.configuration();
    let always = entity("campaign", "spring", i64::MIN, b"{}");
    let later = entity("campaign", "spring", START, br#"{"tier":"awareness"}"#);
    let sealed = entity("source", "shop", i64::MIN, &[0, 0xff, b'\'', 0x80]);
    assert_eq!(configuration.configuration_revision().unwrap(), 0);
    let first = configuration.save_configuration(&[later.clone(), always.clone()], NOTHING).unwrap();
    let second = configuration.save_configuration(std::slice::from_ref(&sealed), NOTHING).unwrap();
    assert!(0 < first && first < second);
    let mut replaced = later;
    (replaced.body, replaced.applied_at) = (b"{\"tier\":\"conversion\"}".to_vec(), at(9));
    let third = configuration.save_configuration(std::slice::from_ref(&replaced), NOTHING).unwrap();
    assert_eq!(configuration.configuration_revision().unwrap(), third);
    let (revision, mut entities) = configuration.load_configuration().unwrap();
    entities.sort_by_key(|entity| (entity.kind.clone(), entity.effective_from));
    assert_eq!((revision, entities), (third, vec![always, replaced, sealed]));
    // Another connection, as that of another process, sees the same.
    assert_eq!(
        stores.configuration().load_configuration().unwrap(),
        configuration.load_configuration().unwrap()
    );
    assert_eq!(reader.queue_length().unwrap(), 0);
}

/// Clusters with an action at or after the moment wait for the engine; clicks alone do not.
pub fn a_changed_set_up_queues_what_it_concerns(stores: &dyn StateStores) {
    let commit = Commit {
        facts: vec![
            stored(1, 1, purchase(1)),
            stored(2, 2, purchase(2)),
            stored(3, 2, purchase(3)),
            stored(4, 4, click(4)),
            stored(5, 5, purchase(5)),
        ],
        ..next(0, 5)
    };
    let (mut writer, reader) = filled(stores, &[commit]);
    let configuration = stores.configuration();
    let save = |from| configuration.save_configuration(&[], JudgedAnew::actions_from(from)).unwrap();
    save(Timestamp(at(5).0 + 1));
    assert_eq!(reader.queue_length().unwrap(), 0);
    save(at(3));
    assert_eq!(writer.queued(10).unwrap(), [ClusterId(2), ClusterId(5)]);
    save(at(2));
    assert_eq!(reader.queue_length().unwrap(), 2, "what waits already waits once");
    save(Timestamp(i64::MIN));
    assert_eq!(writer.queued(2).unwrap(), [ClusterId(1), ClusterId(2)]);
    assert_eq!(reader.queue_length().unwrap(), 3);
}

/// A cluster that waits and is merged waits under its new number, once; what was settled leaves the queue with its commit.
pub fn the_queue_follows_merges_and_empties(stores: &dyn StateStores) {
    let first = Commit {
        facts: (1..=4).map(|number| stored(number, number, purchase(number))).collect(),
        merges: vec![(ClusterId(1), ClusterId(4))],
        ..next(0, 4)
    };
    let (mut writer, reader) = filled(stores, &[first]);
    let configuration = stores.configuration();
    let revision = configuration.save_configuration(&[], JudgedAnew::actions_from(at(0))).unwrap();
    assert_eq!(writer.queued(10).unwrap(), [2, 3, 4].map(ClusterId));
    let commit = |from, to| Commit { configuration_revision: revision, ..next(from, to) };
    writer.commit(&Commit { merges: vec![(ClusterId(3), ClusterId(2))], ..commit(4, 5) }).unwrap();
    assert_eq!(writer.queued(10).unwrap(), [2, 4].map(ClusterId));
    writer
        .commit(&Commit {
            facts: vec![stored(6, 6, click(6))],
            merges: vec![(ClusterId(4), ClusterId(6))],
            ..commit(5, 6)
        })
        .unwrap();
    assert_eq!(writer.queued(10).unwrap(), [2, 6].map(ClusterId));

    let stale = Commit { resettled: vec![ClusterId(2)], ..next(6, 6) };
    assert!(matches!(writer.commit(&stale), Err(StateError::ConfigurationMoved { .. })));
    assert_eq!(reader.queue_length().unwrap(), 2, "a refused commit takes nothing from the queue");
    writer.commit(&Commit { resettled: vec![ClusterId(2), ClusterId(77)], ..commit(6, 6) }).unwrap();
    assert_eq!(writer.queued(10).unwrap(), [ClusterId(6)]);
    writer.commit(&Commit { resettled: vec![ClusterId(4)], ..commit(6, 6) }).unwrap();
    assert_eq!(reader.queue_length().unwrap(), 0);
}

/// What the engine puts off waits like what a changed set-up concerns: under its number of today, once, until it was settled.
pub fn what_is_put_off_joins_the_queue(stores: &dyn StateStores) {
    let facts = (1..=3).map(|number| stored(number, number, purchase(number))).collect();
    let merges = vec![(ClusterId(3), ClusterId(2))];
    let queued = vec![ClusterId(3), ClusterId(2), ClusterId(1)];
    let (mut writer, reader) = filled(stores, &[Commit { facts, merges, queued, ..next(0, 3) }]);
    assert_eq!(writer.queued(10).unwrap(), [1, 2].map(ClusterId));
    let moved = Commit { resettled: vec![ClusterId(2)], queued: vec![ClusterId(1)], ..next(3, 4) };
    writer.commit(&moved).unwrap();
    assert_eq!(writer.queued(10).unwrap(), [ClusterId(1)]);
    assert_eq!(reader.queue_length().unwrap(), 1);
}

/// Touches wait to be counted again from the earliest moment that a change names, until a commit says how far they are.
pub fn touches_wait_to_be_counted_again(stores: &dyn StateStores) {
    let key = |earner: &str, number: u64| RollupKey {
        brand: brand("acme"),
        hour: at(number).hour(),
        campaign: "spring".to_owned(),
        earner: earner.to_owned(),
        currency: String::new(),
    };
    let clicks = RollupMeasures { clicks: 2, ..RollupMeasures::default() };
    let rollups = vec![(key("anna", 1), clicks), (key("bert", 1), clicks), (key("anna", 200), clicks)];
    let facts = vec![
        stored(1, 1, click(1)),
        stored(2, 2, purchase(2)),
        stored(3, 3, click(3)),
        stored(4, 4, click(4)),
    ];
    let (mut writer, reader) = filled(stores, &[Commit { facts, rollups, ..next(0, 4) }]);
    assert_eq!(writer.touches_to_recount().unwrap(), None);
    let ids = |facts: Vec<tributary_domain::fact::Fact>| -> Vec<_> {
        facts.into_iter().map(|fact| fact.event_id).collect()
    };
    let all = writer.touches(EventId([0; 16]), EventId([u8::MAX; 16]), 10).unwrap();
    assert_eq!(ids(all), [1, 3, 4].map(event), "in the order of time, touches alone");
    assert_eq!(ids(writer.touches(event(1), event(4), 10).unwrap()), [event(3)]);
    assert_eq!(ids(writer.touches(event(1), EventId([u8::MAX; 16]), 1).unwrap()), [event(3)]);
    let mut found = writer.rollups_of(&brand("acme"), at(1).hour()).unwrap();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, [(key("anna", 1), clicks), (key("bert", 1), clicks)]);
    assert!(writer.rollups_of(&brand("other"), at(1).hour()).unwrap().is_empty());

    let configuration = stores.configuration();
    let touches = |touches_from| JudgedAnew { touches_from, ..JudgedAnew::NOTHING };
    configuration.save_configuration(&[], touches(at(3))).unwrap();
    configuration.save_configuration(&[], touches(at(2))).unwrap();
    let revision = configuration.save_configuration(&[], touches(at(9))).unwrap();
    assert_eq!(writer.touches_to_recount().unwrap(), Some(at(2)), "the earliest counts");
    assert_eq!(reader.queue_length().unwrap(), 1);
    let counted =
        |from| Commit { configuration_revision: revision, recount_touches_from: Some(from), ..next(4, 4) };
    writer.commit(&counted(at(60))).unwrap();
    assert_eq!(writer.touches_to_recount().unwrap(), Some(at(60)));
    writer.commit(&counted(JudgedAnew::NEVER)).unwrap();
    assert_eq!(writer.touches_to_recount().unwrap(), None);
    assert_eq!(reader.queue_length().unwrap(), 0);
}

/// While one saves set-ups and the other commits, every fact is either settled by the newest or waits to be.
pub fn no_fact_slips_between_a_commit_and_a_changed_set_up(stores: &dyn StateStores) {
    const FACTS: u64 = 60;
    let mut writer = stores.writer().unwrap();
    let configuration = stores.configuration();
    let mut revision = 0;
    let mut settled_by = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                configuration.save_configuration(&[], JudgedAnew::actions_from(Timestamp(START))).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        });
        for number in 1..=FACTS {
            let mut commit =
                Commit { facts: vec![stored(number, number, purchase(number))], ..next(number - 1, number) };
            loop {
                commit.configuration_revision = revision;
                match writer.commit(&commit) {
                    Ok(()) => break,
                    Err(StateError::ConfigurationMoved { found, .. }) => revision = found,
                    Err(other) => panic!("{other}"),
                }
            }
            settled_by.push(revision);
        }
    });
    let last = stores.configuration().configuration_revision().unwrap();
    assert_eq!(last, 20);
    let queued = writer.queued(1_000).unwrap();
    for (number, revision) in (1..).zip(settled_by) {
        let waits = queued.contains(&ClusterId(number));
        assert_eq!(waits, revision < last, "fact {number}, settled by {revision} of {last}");
    }
}
