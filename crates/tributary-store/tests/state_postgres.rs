//! What only PostgreSQL can get wrong: connections that break, engines on other machines, callers inside a runtime.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tributary_domain::fact::{Action, Fact, FactBody, Subject};
use tributary_domain::ids::{BrandKey, DeduplicationKey, EventId, Goal, SourceKey, fingerprint};
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::Tracking;
use tributary_store::log::{Sequence, Way};
use tributary_store::state::postgres::{
    PostgresConfigurationStore, PostgresStateReader, PostgresStateWriter,
};
use tributary_store::state::{
    ClusterId, Commit, ConfigurationStore, JudgedAnew, StateError, StateReader, StateWriter, StoredFact,
};
use tributary_store::suite::postgres_server::{execute, fresh_database};

const START: i64 = 1_768_471_200_000_000;

/// A registration in a cluster of its own.
fn registration(number: u64) -> StoredFact {
    let occurred_at = Timestamp(START + i64::try_from(number).unwrap() * 1_000_000);
    let fact = Fact {
        event_id: EventId::derive(occurred_at, &DeduplicationKey(fingerprint(&[&number.to_be_bytes()]))),
        brand: BrandKey::parse("acme").unwrap(),
        source: SourceKey::parse("shop").unwrap(),
        occurred_at,
        subject: Subject::default(),
        body: FactBody::Registration(Action {
            goal: Goal::parse("signup").unwrap(),
            transaction: None,
            value: None,
            status: None,
            campaign: None,
            promo_code: None,
            named_partner: None,
            cart_opened_at: None,
            tracking: Tracking::default(),
        }),
    };
    StoredFact {
        sequence: Sequence(number),
        cluster: ClusterId(number),
        way: Way::Webhook,
        received_at: occurred_at,
        outcome: Reason::Recorded,
        fact,
    }
}

/// Stores one registration at log record `number`.
fn commit_of(number: u64) -> Commit {
    Commit {
        expected_checkpoint: Sequence(number - 1),
        checkpoint: Sequence(number),
        facts: vec![registration(number)],
        ..Commit::default()
    }
}

/// Ends the connections of this database that `condition` names, and waits until they are gone.
fn break_connections(url: &str, condition: &str) {
    let others = format!("datname = current_database() AND pid <> pg_backend_pid() AND {condition}");
    execute(
        url,
        &format!(
            "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}; \
             WHILE EXISTS (SELECT FROM pg_stat_activity WHERE {others}) LOOP \
             PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
        ),
    )
    .unwrap();
}

const HOLDS_THE_LOCK: &str = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)";

#[test]
fn a_second_engine_is_refused_until_the_first_one_ends() {
    let url = fresh_database();
    let first = PostgresStateWriter::open(&url).unwrap();
    match PostgresStateWriter::open(&url) {
        Err(StateError::InUse(place)) => assert!(place.contains("tributary_test_"), "{place}"),
        other => panic!("{other:?}"),
    }
    drop(first);
    PostgresStateWriter::open(&url).unwrap();
}

#[test]
fn after_an_idle_connection_broke_the_next_call_connects_again() {
    let url = fresh_database();
    let mut writer = PostgresStateWriter::open(&url).unwrap();
    let reader = PostgresStateReader::open(&url).unwrap();
    let configuration = PostgresConfigurationStore::open(&url).unwrap();
    writer.commit(&commit_of(1)).unwrap();
    break_connections(&url, "application_name = 'tributary'");
    // The end of a connection may be noticed by the first call only.
    let _noticed = (
        writer.checkpoint().is_err(),
        reader.checkpoint().is_err(),
        configuration.configuration_revision().is_err(),
    );
    assert_eq!(writer.checkpoint().unwrap(), Sequence(1));
    writer.commit(&commit_of(2)).unwrap();
    assert_eq!(reader.checkpoint().unwrap(), Sequence(2));
    assert_eq!(configuration.configuration_revision().unwrap(), 0);
}

#[test]
fn a_connection_that_breaks_inside_a_commit_leaves_nothing_behind() {
    let url = fresh_database();
    let mut writer = PostgresStateWriter::open(&url).unwrap();
    writer.commit(&commit_of(1)).unwrap();
    std::thread::scope(|scope| {
        // Somebody holds the table of facts, so that the commit waits in its middle until its connection is ended.
        let blocking = scope.spawn(|| execute(&url, "BEGIN; LOCK TABLE fact; SELECT pg_sleep(30)"));
        wait_until(&url, "query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'");
        let ending = scope.spawn(|| {
            wait_until(&url, "wait_event_type = 'Lock'");
            break_connections(&url, HOLDS_THE_LOCK);
            break_connections(&url, "query LIKE 'BEGIN; LOCK%'");
        });
        assert!(matches!(writer.commit(&commit_of(2)), Err(StateError::Database(_))));
        ending.join().unwrap();
        assert!(blocking.join().unwrap().is_err());
    });
    assert_eq!(writer.checkpoint().unwrap(), Sequence(1));
    assert!(writer.known_events(&[registration(2).fact.event_id]).unwrap().is_empty());
    writer.commit(&commit_of(2)).unwrap();
}

/// Waits until some connection of the database fulfils the condition.
fn wait_until(url: &str, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let sql = format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND {condition}) THEN RAISE 'not yet'; END IF; END $$"
    );
    while execute(url, &sql).is_err() {
        assert!(Instant::now() < deadline, "nobody: {condition}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_engine_that_lost_its_lock_to_another_writes_nothing_more() {
    let url = fresh_database();
    let mut first = PostgresStateWriter::open(&url).unwrap();
    first.commit(&commit_of(1)).unwrap();
    break_connections(&url, HOLDS_THE_LOCK);
    let mut second = PostgresStateWriter::open(&url).unwrap();
    second.commit(&commit_of(2)).unwrap();
    for _ in 0..3 {
        assert!(first.commit(&commit_of(2)).is_err());
    }
    assert!(matches!(first.checkpoint(), Err(StateError::InUse(_))));
    drop(second);
    wait_until_unlocked(&mut first);
    // Now the checkpoint tells it that it must begin again.
    assert!(matches!(
        first.commit(&commit_of(2)),
        Err(StateError::CheckpointMoved { expected: 1, found: 2 })
    ));
}

fn wait_until_unlocked(writer: &mut PostgresStateWriter) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.checkpoint().is_err() {
        assert!(Instant::now() < deadline, "the lock is still held");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_store_may_be_called_and_dropped_inside_an_asynchronous_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = fresh_database();
    runtime.block_on(async {
        let mut writer = PostgresStateWriter::open(&url).unwrap();
        let reader = PostgresStateReader::open(&url).unwrap();
        let configuration = PostgresConfigurationStore::open(&url).unwrap();
        writer.commit(&commit_of(1)).unwrap();
        assert_eq!(reader.checkpoint().unwrap(), Sequence(1));
        assert_eq!(configuration.load_configuration().unwrap(), (0, Vec::new()));
        let moved = tokio::task::spawn_blocking(move || {
            writer.commit(&commit_of(2)).unwrap();
            writer
        });
        drop(moved.await.unwrap());
    });
}

#[test]
fn any_number_of_programs_may_migrate_at_once() {
    let url = fresh_database();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| PostgresConfigurationStore::open(&url).unwrap());
        }
    });
    assert_eq!(PostgresStateReader::open(&url).unwrap().checkpoint().unwrap(), Sequence(0));
}

#[test]
fn the_ledger_cannot_be_emptied_at_once() {
    let url = fresh_database();
    drop(PostgresStateWriter::open(&url).unwrap());
    let refused = execute(&url, "TRUNCATE ledger_entry").unwrap_err();
    assert!(refused.contains("append-only"), "{refused}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_says_so() {
    for url in ["postgres://nobody@127.0.0.1:1/nothing", "not an address"] {
        match PostgresStateReader::open(url) {
            Err(StateError::Database(problem)) => assert!(!problem.is_empty()),
            other => panic!("{url}: {other:?}"),
        }
    }
}

/// While an engine commits, the set-up is saved again and again: whatever was settled by an older set-up is in the queue.
#[test]
fn no_fact_slips_between_a_commit_and_a_new_set_up() {
    const FACTS: u64 = 150;
    let url = fresh_database();
    let mut writer = PostgresStateWriter::open(&url).unwrap();
    let configuration = PostgresConfigurationStore::open(&url).unwrap();
    let done = AtomicBool::new(false);
    let settled_by: Vec<u64> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                configuration.save_configuration(&[], JudgedAnew::actions_from(Timestamp(START))).unwrap();
            }
        });
        let mut revision = 0;
        let settled_by = (1..=FACTS).map(|number| {
            loop {
                match writer.commit(&Commit { configuration_revision: revision, ..commit_of(number) }) {
                    Ok(()) => return revision,
                    Err(StateError::ConfigurationMoved { found, .. }) => revision = found,
                    Err(other) => panic!("{other}"),
                }
            }
        });
        let settled_by = settled_by.collect();
        done.store(true, Ordering::Relaxed);
        settled_by
    });
    let last = configuration.configuration_revision().unwrap();
    let queued = writer.queued(usize::MAX).unwrap();
    for (number, revision) in (1..).zip(settled_by) {
        assert_eq!(
            queued.contains(&ClusterId(number)),
            revision < last,
            "record {number}, settled by {revision} of {last}"
        );
    }
}
