//! Commits: all or nothing, from a known place, kept, and seen whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tributary_domain::ids::EventId;
use tributary_domain::ledger::Account;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use super::StateStores;
use super::samples::*;
use crate::log::Sequence;
use crate::state::{
    ClusterId, Commit, JudgedAnew, RollupKey, RollupMeasures, StateError, StateReader, StoredEntity,
};

/// Nothing is there, and every question has an answer.
pub fn an_empty_store_is_at_its_beginning(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[]);
    assert_eq!(writer.checkpoint().unwrap(), Sequence(0));
    assert_eq!(reader.checkpoint().unwrap(), Sequence(0));
    assert!(writer.known_events(&[event(1)]).unwrap().is_empty());
    assert!(writer.clusters_of_nodes(&[node("a")]).unwrap().is_empty());
    assert!(writer.chain_heads().unwrap().is_empty());
    assert!(writer.queued(10).unwrap().is_empty());
    assert!(reader.fact(event(1)).unwrap().is_none());
    assert!(reader.balances().unwrap().is_empty());
    assert_eq!(stores.configuration().load_configuration().unwrap(), (0, Vec::new()));
    let contents = reader.cluster(ClusterId(1)).unwrap();
    assert!(contents.facts.is_empty() && contents.booked.is_empty());
}

/// Whoever starts from another place than the store's is told where it is, and changes nothing.
pub fn a_commit_moves_the_checkpoint_and_one_from_elsewhere_is_refused(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[next(0, 7)]);
    assert_eq!(writer.checkpoint().unwrap(), Sequence(7));
    for from in [0, 6, 8] {
        let commit = Commit { facts: vec![stored(9, 9, click(9))], ..next(from, 9) };
        match writer.commit(&commit) {
            Err(StateError::CheckpointMoved { expected, found }) => assert_eq!((expected, found), (from, 7)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reader.checkpoint().unwrap(), Sequence(7));
    assert!(reader.fact(event(9)).unwrap().is_none());
    writer.commit(&next(7, 7)).unwrap();
    writer.commit(&next(7, 8)).unwrap();
    assert_eq!(reader.checkpoint().unwrap(), Sequence(8));
}

/// A commit names the revision that it was computed with; once the set-up is newer it is refused.
pub fn a_commit_by_an_older_set_up_is_refused(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[next(0, 1)]);
    let revision = stores.configuration().save_configuration(&[], JudgedAnew::NOTHING).unwrap();
    let commit = Commit { facts: vec![stored(2, 2, click(2))], ..next(1, 2) };
    match writer.commit(&commit) {
        Err(StateError::ConfigurationMoved { expected, found }) => {
            assert_eq!((expected, found), (0, revision))
        }
        other => panic!("{other:?}"),
    }
    assert!(reader.fact(event(2)).unwrap().is_none());
    writer.commit(&Commit { configuration_revision: revision, ..commit }).unwrap();
    assert!(reader.fact(event(2)).unwrap().is_some());
}

/// The last of many changes fails: none of them is kept, and the same writer goes on.
pub fn a_failing_commit_leaves_nothing_behind(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[everything(0, 1)]);
    let before = all_of(&*reader);
    let mut failing = everything(10, 2);
    failing.expected_checkpoint = Sequence(1);
    // Its last entry takes a number that the books have already.
    failing.entries.push(entry("acme", 1, [0; 32], "again"));
    assert!(matches!(writer.commit(&failing), Err(StateError::Database(_))));
    assert_eq!(all_of(&*reader), before);
    assert_eq!(writer.checkpoint().unwrap(), Sequence(1));
    assert!(writer.known_events(&[event(11)]).unwrap().is_empty());
    assert!(writer.clusters_of_nodes(&[node("n11")]).unwrap().is_empty());

    // So does one whose first change fails.
    let mut failing = everything(10, 2);
    failing.expected_checkpoint = Sequence(1);
    failing.facts.insert(0, stored(12, 12, click(1)));
    assert!(writer.commit(&failing).is_err());
    assert_eq!(all_of(&*reader), before);

    let mut sound = everything(10, 2);
    sound.expected_checkpoint = Sequence(1);
    writer.commit(&sound).unwrap();
    assert_ne!(all_of(&*reader), before);
}

/// Closing and opening again changes nothing.
pub fn what_was_committed_is_there_after_reopening(stores: &dyn StateStores) {
    let (writer, reader) = filled(stores, &[everything(0, 1)]);
    let before = all_of(&*reader);
    drop(writer);
    drop(reader);
    let mut writer = stores.writer().unwrap();
    assert_eq!(writer.checkpoint().unwrap(), Sequence(1));
    assert_eq!(all_of(&*stores.reader()), before);
    writer.commit(&next(1, 2)).unwrap();
}

/// While one commits, others read: each sees all of a commit or nothing of it.
pub fn readers_see_whole_commits_beside_the_writer(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let balances = reader.balances().unwrap();
                assert_eq!(balances.iter().map(|(_, _, money)| money.minor).sum::<i64>(), 0);
                // A page of both conversions of a commit, or of neither.
                let conversions = reader.conversions(&Default::default(), None, 1_000).unwrap();
                assert_eq!(conversions.len() % 2, 0);
                seen += 1;
            }
            seen
        });
        for number in 1..=40 {
            let pair = [2 * number, 2 * number + 1];
            let commit = Commit {
                facts: pair.map(|n| stored(n, n, purchase(n))).to_vec(),
                conversions: pair.map(|n| put(n, settled(n, 600))).to_vec(),
                balances: vec![
                    ((brand("acme"), Account::CommissionExpense, currency("EUR")), 600),
                    ((brand("acme"), Account::Approved(partner("anna")), currency("EUR")), -600),
                ],
                ..next(number - 1, number)
            };
            writer.commit(&commit).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reading.join().unwrap() > 0);
    });
    assert_eq!(reader.conversions(&Default::default(), None, 1_000).unwrap().len(), 80);
}

/// Facts come back with all that surrounds them.
pub fn facts_are_read_back_as_they_were_given(stores: &dyn StateStores) {
    let facts = vec![stored(3, 3, click(3)), stored(5, 3, purchase(5)), stored(8, 8, click(1))];
    let (mut writer, reader) = filled(stores, &[Commit { facts: facts.clone(), ..next(0, 8) }]);
    for fact in &facts {
        assert_eq!(reader.fact(fact.fact.event_id).unwrap().as_ref(), Some(fact));
    }
    assert_eq!(reader.facts_after(Sequence(0), 10).unwrap(), facts);
    let ids: Vec<EventId> = facts.iter().map(|fact| fact.fact.event_id).collect();
    let asked = [ids.clone(), vec![event(99)]].concat();
    assert_eq!(writer.known_events(&asked).unwrap(), ids.into_iter().collect());
    let counts: Vec<_> = reader
        .fact_counts()
        .unwrap()
        .into_iter()
        .map(|(b, kind, n)| (b.to_string(), kind.name(), n))
        .collect();
    assert_eq!(counts, [("acme".to_owned(), "click", 2), ("acme".to_owned(), "conversion", 1)]);
}

/// What a fact led to may change later; nothing else of it does.
pub fn outcomes_of_earlier_facts_change(stores: &dyn StateStores) {
    let first = stored(1, 1, purchase(1));
    let change = Commit {
        outcomes: vec![(event(1), Reason::Attributed), (event(2), Reason::NoTouchpoint)],
        facts: vec![stored(2, 2, purchase(2))],
        ..next(1, 2)
    };
    let (_, reader) = filled(stores, &[Commit { facts: vec![first.clone()], ..next(0, 1) }, change]);
    let changed = reader.fact(event(1)).unwrap().unwrap();
    assert_eq!(changed.outcome, Reason::Attributed);
    assert_eq!(changed.fact, first.fact);
    assert_eq!(reader.fact(event(2)).unwrap().unwrap().outcome, Reason::NoTouchpoint);
}

/// An outcome of a fact that is not stored is a mistake of the engine's, and is not swallowed.
pub fn an_outcome_without_a_fact_is_refused(stores: &dyn StateStores) {
    let (mut writer, reader) = filled(stores, &[]);
    let commit = Commit { outcomes: vec![(event(1), Reason::Attributed)], ..next(0, 1) };
    assert!(matches!(writer.commit(&commit), Err(StateError::Database(_))));
    assert_eq!(reader.checkpoint().unwrap(), Sequence(0));
}

/// Every text that the domain allows is kept to the byte, whatever its script, quotes or combining characters.
pub fn any_text_that_the_domain_allows_is_kept_exactly(stores: &dyn StateStores) {
    let texts =
        ["Zürich/№ 7 – „neu“", "e\u{301}", "é", "'; DROP TABLE fact; --", "订单-42", "🛒 %_\\", " x "];
    let mut commit = next(0, 100);
    for (number, text) in (1u64..).zip(texts) {
        let mut conversion = settled(number, 600);
        conversion.transaction = Some(transaction(text));
        commit.facts.push(stored(number, number, purchase(number)));
        commit.conversions.push(put(number, conversion));
        let mut paid = payout(
            &format!("po-{text}"),
            vec![(line_id(number, "anna"), 1)],
            tributary_domain::fact::PayoutStep::Settled,
            number,
        );
        paid.reference = Some(text.to_owned());
        paid.plan.run = text.into();
        commit.payouts.push(paid);
        commit.entries.push(entry("acme", number, [0; 32], text));
        let key = RollupKey { campaign: text.to_owned(), earner: format!("@{text}"), ..rollup_key(number) };
        commit.rollups.push((key, RollupMeasures { clicks: 1, ..RollupMeasures::default() }));
    }
    let (_, reader) = filled(stores, std::slice::from_ref(&commit));
    for (number, text) in (1u64..).zip(texts) {
        let filter =
            crate::state::ConversionFilter { transaction: Some(transaction(text)), ..Default::default() };
        let found = reader.conversions(&filter, None, 10).unwrap();
        assert_eq!(found.iter().map(|(cluster, _)| cluster.0).collect::<Vec<_>>(), [number], "{text}");
        assert_eq!(reader.payouts(Some(text), 10).unwrap().len(), 1, "{text}");
        let paid = reader.payout(&format!("po-{text}")).unwrap().unwrap();
        assert_eq!(paid.reference.as_deref(), Some(text));
        assert_eq!(reader.entries_of(text).unwrap().len(), 1, "{text}");
    }
    let mut rollups = commit.rollups.clone();
    rollups.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(reader.rollups(None, 100).unwrap(), rollups);
    let entity = StoredEntity {
        kind: "partner".to_owned(),
        brand: texts[0].to_owned(),
        key: texts[5].to_owned(),
        effective_from: Timestamp(i64::MIN),
        body: texts[4].as_bytes().to_vec(),
        applied_at: at(1),
    };
    let configuration = stores.configuration();
    configuration.save_configuration(std::slice::from_ref(&entity), JudgedAnew::NOTHING).unwrap();
    assert_eq!(configuration.load_configuration().unwrap().1, [entity]);
}

fn rollup_key(number: u64) -> RollupKey {
    RollupKey {
        brand: brand("acme"),
        hour: at(number).hour(),
        campaign: "spring_sale".to_owned(),
        earner: "anna".to_owned(),
        currency: "EUR".to_owned(),
    }
}

/// A commit with a change of every kind, to checkpoint `to`.
fn everything(offset: u64, to: u64) -> Commit {
    let number = offset + 1;
    let step = tributary_domain::fact::PayoutStep::Prepared;
    let first = entry("acme", number, [0; 32], &line_id(number, "anna").to_string());
    let second = entry("acme", number + 1, first.hash, "po_1");
    Commit {
        checkpoint: Sequence(to),
        facts: vec![stored(number, number, click(number)), stored(number + 1, number, purchase(number + 1))],
        outcomes: vec![(event(number), Reason::Applied)],
        nodes: vec![(node(&format!("n{number}")), ClusterId(number))],
        merges: vec![(ClusterId(number), ClusterId(500))],
        conversions: vec![put(number, settled(number + 1, 600))],
        payouts: vec![payout(
            &format!("po_{number}"),
            vec![(line_id(number + 1, "anna"), 600)],
            step,
            number,
        )],
        entries: vec![first, second],
        balances: vec![((brand("acme"), Account::Transit, currency("EUR")), 100)],
        rollups: vec![(
            rollup_key(number),
            RollupMeasures { clicks: 1, value: 10_000, ..RollupMeasures::default() },
        )],
        ..Commit::default()
    }
}

/// All that a reader shows, as one text to compare.
fn all_of(reader: &dyn StateReader) -> String {
    let acme = brand("acme");
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        reader.checkpoint().unwrap(),
        reader.fact_counts().unwrap(),
        reader.facts_after(Sequence(0), 100).unwrap(),
        reader.clusters_after(ClusterId(0), 100).unwrap(),
        reader.conversions(&Default::default(), None, 100).unwrap(),
        reader.commissions(&acme, None, 100).unwrap(),
        reader.payouts(None, 100).unwrap(),
        reader.entries(&acme, 0, 100).unwrap(),
        reader.balances().unwrap(),
        reader.rollups(None, 100).unwrap(),
        reader.credit_sums(&acme, None).unwrap(),
    )
}
