//! What only the SQLite store promises: one engine per file, what a crash leaves behind, readers that cannot write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tributary_domain::fact::{Fact, FactBody, Subject, Touch};
use tributary_domain::ids::{BrandKey, DeduplicationKey, EventId, SourceKey};
use tributary_domain::ledger::Account;
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::{Sequence, Way};
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::state::{
    ClusterId, Commit, ConfigurationStore, JudgedAnew, StateError, StateReader, StateWriter, StoredEntity,
    StoredFact,
};

const START: i64 = 1_768_471_200_000_000;

fn click(number: u64) -> StoredFact {
    let occurred_at = Timestamp(START + i64::try_from(number).unwrap() * 1_000_000);
    let key = DeduplicationKey(u128::from(number).to_be_bytes());
    StoredFact {
        sequence: Sequence(number),
        cluster: ClusterId(number),
        way: Way::Redirect,
        received_at: occurred_at,
        outcome: Reason::Recorded,
        fact: Fact {
            event_id: EventId::derive(occurred_at, &key),
            brand: BrandKey::parse("acme").unwrap(),
            source: SourceKey::parse("web").unwrap(),
            occurred_at,
            subject: Subject::default(),
            body: FactBody::Click(Touch::default()),
        },
    }
}

/// One fact and two balances that must only ever be seen together.
fn commit(number: u64) -> Commit {
    let balance = |account, minor| {
        ((BrandKey::parse("acme").unwrap(), account, Currency::parse("EUR").unwrap()), minor)
    };
    Commit {
        expected_checkpoint: Sequence(number - 1),
        checkpoint: Sequence(number),
        facts: vec![click(number)],
        balances: vec![balance(Account::CommissionExpense, 7), balance(Account::Cash, -7)],
        ..Commit::default()
    }
}

/// Asserts that the store is as it was after a whole commit, and answers which.
fn whole_commit(path: &Path) -> u64 {
    let reader = SqliteStateReader::open(path).unwrap();
    let Sequence(checkpoint) = reader.checkpoint().unwrap();
    let facts = reader.facts_after(Sequence(0), 1_000).unwrap();
    assert_eq!(facts, (1..=checkpoint).map(click).collect::<Vec<_>>());
    let balances: Vec<i64> = reader.balances().unwrap().iter().map(|(_, _, money)| money.minor).collect();
    let expected = i64::try_from(7 * checkpoint).unwrap();
    assert_eq!(balances, if checkpoint == 0 { vec![] } else { vec![expected, -expected] });
    checkpoint
}

#[test]
fn a_second_engine_is_refused_until_the_first_one_ends() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.sqlite");
    let first = SqliteStateWriter::open(&path).unwrap();
    match SqliteStateWriter::open(&path) {
        Err(StateError::InUse(which)) => assert!(which.ends_with("state.sqlite"), "{which}"),
        other => panic!("{other:?}"),
    }
    drop(first);
    SqliteStateWriter::open(&path).unwrap();
}

#[test]
fn a_loss_of_power_at_any_byte_leaves_a_whole_commit() {
    const COMMITS: u64 = 25;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.sqlite");
    let wal = folder.path().join("state.sqlite-wal");
    // Opened twice, so that the migrations are in the file and not in the write-ahead log.
    drop(SqliteStateWriter::open(&path).unwrap());
    let mut writer = SqliteStateWriter::open(&path).unwrap();
    for number in 1..=COMMITS {
        writer.commit(&commit(number)).unwrap();
    }
    // The writer is still open: this is what another machine would find on the disk.
    let (database, log) = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());
    let crashed = folder.path().join("crashed.sqlite");
    let mut seen = Vec::new();
    for cut in 0..=40 {
        let kept = log.len() * cut / 40;
        fs::write(&crashed, &database).unwrap();
        fs::write(folder.path().join("crashed.sqlite-wal"), &log[..kept]).unwrap();
        drop(fs::remove_file(folder.path().join("crashed.sqlite-shm")));
        let mut again = SqliteStateWriter::open(&crashed).unwrap();
        let checkpoint = whole_commit(&crashed);
        seen.push(checkpoint);
        // And the engine goes on from there.
        again.commit(&commit(checkpoint + 1)).unwrap();
        assert_eq!(whole_commit(&crashed), checkpoint + 1);
    }
    assert!(seen.is_sorted());
    assert_eq!((seen[0], seen[40]), (0, COMMITS));
}

#[test]
fn the_end_of_the_process_takes_nothing_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.sqlite");
    let mut writer = SqliteStateWriter::open(&path).unwrap();
    writer.commit(&commit(1)).unwrap();
    // Not dropped: nothing is closed or flushed, as when the process is killed.
    std::mem::forget(writer);
    assert_eq!(whole_commit(&path), 1);
}

#[test]
fn readers_cannot_write_and_say_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.sqlite");
    let missing = SqliteStateReader::open(&path).unwrap_err().to_string();
    assert!(missing.contains("state.sqlite"), "{missing}");
    assert!(!path.exists(), "a reader creates nothing");
    fs::write(&path, b"").unwrap();
    assert!(SqliteStateReader::open(&path).is_err(), "an empty file is no store");
    fs::write(
        &path,
        b"this is not a database, it is a sentence of more than a hundred bytes, which is what a header has",
    )
    .unwrap();
    assert!(SqliteStateReader::open(&path).is_err());
    fs::remove_file(&path).unwrap();
    drop(SqliteStateWriter::open(&path).unwrap());
    let reader = SqliteStateReader::open(&path).unwrap();
    assert!(reader.save_configuration(&[], JudgedAnew::NOTHING).is_err());
    assert_eq!(reader.load_configuration().unwrap(), (0, vec![]));
}

#[test]
fn a_set_up_is_saved_before_any_engine_ran_and_beside_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.sqlite");
    let entity = StoredEntity {
        kind: "brand".to_owned(),
        brand: "acme".to_owned(),
        key: "acme".to_owned(),
        effective_from: Timestamp(i64::MIN),
        body: b"{}".to_vec(),
        applied_at: Timestamp(START),
    };
    let configuration = SqliteConfigurationStore::open(&path).unwrap();
    assert_eq!(
        configuration
            .save_configuration(std::slice::from_ref(&entity), JudgedAnew::actions_from(Timestamp(START)))
            .unwrap(),
        1
    );
    let mut writer = SqliteStateWriter::open(&path).unwrap();
    writer.commit(&Commit { configuration_revision: 1, ..commit(1) }).unwrap();
    assert_eq!(configuration.save_configuration(&[], JudgedAnew::actions_from(Timestamp(START))).unwrap(), 2);
    let reader = SqliteStateReader::open(&path).unwrap();
    assert_eq!(reader.load_configuration().unwrap(), (2, vec![entity]));
    assert_eq!(reader.checkpoint().unwrap(), Sequence(1));
}

#[test]
fn a_scratch_file_is_a_store_like_any_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("replay.sqlite");
    let mut writer = SqliteStateWriter::open_scratch(&path).unwrap();
    for number in 1..=3 {
        writer.commit(&commit(number)).unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(whole_commit(&path), 3);
    writer.commit(&commit(4)).unwrap();
    writer.flush().unwrap();
    assert_eq!(whole_commit(&path), 4);
}
