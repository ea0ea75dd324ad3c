//! What the keyring promises, on SQLite; the promises that depend on the database also on PostgreSQL.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;
use tributary_domain::ids::{BrandKey, EventId, SubjectHash};
use tributary_domain::time::Timestamp;

use crate::suite::postgres_server::{execute, fresh_database};

use super::{KeyError, Keyring, SealFor, SubjectKind};

const EVENT: EventId = EventId([1; 16]);
const OTHER_EVENT: EventId = EventId([2; 16]);
const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn subject(number: u32) -> SubjectHash {
    let mut bytes = [9; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SubjectHash(bytes)
}

fn paths(folder: &TempDir) -> (PathBuf, PathBuf) {
    (folder.path().join("keys.sqlite"), folder.path().join("master.key"))
}

fn open(folder: &TempDir) -> Keyring {
    let (keys, master) = paths(folder);
    Keyring::open_sqlite(&keys, &master, None).unwrap()
}

fn day(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Every file of the folder, one behind the other.
fn everything_on_disk(folder: &Path) -> Vec<u8> {
    std::fs::read_dir(folder).unwrap().flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn what_is_sealed_opens_for_its_event_only() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    for who in [SealFor::Subject(subject(1)), SealFor::Day(day("2026-11-21T12:00:00Z")), SealFor::SetUp] {
        let sealed = keyring.seal(who, EVENT, b"ann@example.com").unwrap();
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"ann@example.com");
        assert_eq!(keyring.unseal(OTHER_EVENT, &sealed), Err(KeyError::Tampered), "{who:?}");
        assert_ne!(keyring.seal(who, EVENT, b"ann@example.com").unwrap(), sealed, "nonces differ");
        let empty = keyring.seal(who, EVENT, b"").unwrap();
        assert_eq!(keyring.unseal(EVENT, &empty).unwrap(), b"");
    }
}

#[test]
fn a_changed_or_shortened_byte_is_refused() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    for who in [SealFor::Subject(subject(1)), SealFor::Day(day("2026-11-21T12:00:00Z")), SealFor::SetUp] {
        let sealed = keyring.seal(who, EVENT, b"ann").unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(keyring.unseal(EVENT, &changed).is_err(), "{who:?}, byte {at}, bit {bit}");
            }
            assert!(keyring.unseal(EVENT, &sealed[..at]).is_err(), "{who:?}, cut at {at}");
        }
    }
}

#[test]
fn one_persons_bytes_cannot_be_passed_off_as_anothers() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let mut sealed = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"ann").unwrap();
    keyring.ensure_subjects(&[subject(2)]).unwrap();
    sealed[4..20].copy_from_slice(&subject(2).0);
    assert_eq!(keyring.unseal(EVENT, &sealed), Err(KeyError::Tampered));
}

#[test]
fn after_destruction_nothing_opens_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let of_ann = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"ann").unwrap();
    let of_bob = keyring.seal(SealFor::Subject(subject(2)), EVENT, b"bob").unwrap();
    assert_eq!(keyring.destroy_subject(subject(1)), Ok(true));
    assert_eq!(keyring.destroy_subject(subject(1)), Ok(false), "nothing is left to destroy");
    assert_eq!(keyring.destroy_subject(subject(3)), Ok(false), "never existed");
    assert_eq!(keyring.unseal(EVENT, &of_ann), Err(KeyError::Destroyed));
    drop(keyring);
    let keyring = open(&folder);
    assert_eq!(keyring.unseal(EVENT, &of_ann), Err(KeyError::Destroyed));
    assert_eq!(keyring.unseal(EVENT, &of_bob).unwrap(), b"bob");
}

#[test]
fn a_person_who_comes_back_gets_a_new_key_and_the_old_data_stays_gone() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let before = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"before").unwrap();
    keyring.destroy_subject(subject(1)).unwrap();
    let after = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"after").unwrap();
    assert_eq!(keyring.unseal(EVENT, &before), Err(KeyError::Destroyed));
    assert_eq!(keyring.unseal(EVENT, &after).unwrap(), b"after");
    assert_eq!(keyring.destroy_subject(subject(1)), Ok(true));
    assert_eq!(keyring.unseal(EVENT, &after), Err(KeyError::Destroyed));
}

#[test]
fn a_destroyed_key_leaves_no_copy_on_the_disk() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    // Enough that pages of the index split and keys move between them, in the order of hashes: at random.
    let persons: Vec<SubjectHash> = (0..4000).map(|_| SubjectHash(keyring.random_bytes())).collect();
    for batch in persons.chunks(500) {
        keyring.ensure_subjects(batch).unwrap();
    }
    let (keys, _) = paths(&folder);
    let connection = rusqlite::Connection::open(&keys).unwrap();
    let wrapped = |subject: &SubjectHash| -> Vec<u8> {
        let name = [b"subject:", &subject.0[..]].concat();
        connection
            .query_row("SELECT wrapped FROM sealing_key WHERE name = ?1", [name], |row| row.get(0))
            .unwrap()
    };
    let copies = |destroyed: &[Vec<u8>]| -> usize {
        // The last bytes are the tag, unlike any other's.
        let tags: HashSet<&[u8]> = destroyed.iter().map(|wrapped| &wrapped[wrapped.len() - 16..]).collect();
        everything_on_disk(folder.path()).windows(16).filter(|window| tags.contains(window)).count()
    };
    let leaving: Vec<Vec<u8>> = persons.iter().step_by(40).map(wrapped).collect();
    assert!(copies(&leaving) >= leaving.len());
    for subject in persons.iter().step_by(40) {
        keyring.destroy_subject(*subject).unwrap();
    }
    assert_eq!(copies(&leaving), 0, "neither in the file nor in its write-ahead log");
}

#[test]
fn a_restart_keeps_every_key() {
    let folder = TempDir::new().unwrap();
    let brand = BrandKey::parse("shop").unwrap();
    let noon = day("2026-11-21T12:00:00Z");
    let keyring = open(&folder);
    let click_id_key = keyring.click_id_key().0;
    let hash = keyring.subject_hash(&brand, SubjectKind::Customer, "c1");
    let ip = keyring.ip_hash(noon, "203.0.113.9").unwrap();
    let sealed: Vec<Vec<u8>> = [SealFor::Subject(subject(1)), SealFor::Day(noon), SealFor::SetUp]
        .map(|who| keyring.seal(who, EVENT, b"kept").unwrap())
        .to_vec();
    drop(keyring);
    let keyring = open(&folder);
    assert_eq!(keyring.click_id_key().0, click_id_key);
    assert_eq!(keyring.subject_hash(&brand, SubjectKind::Customer, "c1"), hash);
    assert_eq!(keyring.ip_hash(noon, "203.0.113.9").unwrap(), ip);
    for sealed in sealed {
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"kept");
    }
}

#[test]
fn a_new_persons_key_is_in_the_files_before_sealing_returns() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let sealed = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"ann").unwrap();
    // What lies on the disk while the first process still runs: file and write-ahead log.
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    assert_eq!(open(&copy).unseal(EVENT, &sealed).unwrap(), b"ann");
}

/// Two keyrings, many threads, the same persons and days: whatever one seals the other opens.
fn one_key_per_person(first: Keyring, second: Keyring) {
    let keyrings = [Arc::new(first), Arc::new(second)];
    let noon = day("2026-11-21T12:00:00Z");
    let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8usize)
            .map(|thread| {
                let keyring = &keyrings[thread % 2];
                scope.spawn(move || {
                    (0..40)
                        .flat_map(|number| [SealFor::Subject(subject(number)), SealFor::Day(noon)])
                        .map(|who| keyring.seal(who, EVENT, b"person").unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for sealed in &sealed {
        for keyring in &keyrings {
            assert_eq!(keyring.unseal(EVENT, sealed).unwrap(), b"person");
        }
    }
}

#[test]
fn two_processes_at_once_give_one_key_per_person() {
    let folder = TempDir::new().unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| open(&folder));
        let second = scope.spawn(|| open(&folder));
        (first.join().unwrap(), second.join().unwrap())
    });
    one_key_per_person(first, second);
}

#[test]
fn two_processes_on_postgres_give_one_key_per_person() {
    let url = fresh_database();
    let open = || Keyring::open_postgres(&url, Path::new("/nowhere"), Some(MASTER)).unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(open);
        let second = scope.spawn(open);
        (first.join().unwrap(), second.join().unwrap())
    });
    one_key_per_person(first, second);
}

#[test]
fn a_key_destroyed_by_another_process_is_forgotten_here() {
    let folder = TempDir::new().unwrap();
    destroyed_elsewhere(&open(&folder), &open(&folder));
}

#[test]
fn a_key_destroyed_by_another_process_on_postgres_is_forgotten_here() {
    let url = fresh_database();
    let open = || Keyring::open_postgres(&url, Path::new("/nowhere"), Some(MASTER)).unwrap();
    destroyed_elsewhere(&open(), &open());
}

fn destroyed_elsewhere(serving: &Keyring, command: &Keyring) {
    let sealed = serving.seal(SealFor::Subject(subject(1)), EVENT, b"ann").unwrap();
    assert_eq!(command.destroy_subject(subject(1)), Ok(true));
    assert_eq!(command.unseal(EVENT, &sealed), Err(KeyError::Destroyed));
    let forgotten = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        serving.unseal(EVENT, &sealed) == Err(KeyError::Destroyed)
    });
    assert!(forgotten, "within five seconds");
}

#[test]
fn ensured_persons_are_sealed_for_without_another_commit_and_repeats_are_harmless() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let many: Vec<SubjectHash> = (0..3000).chain(0..100).map(subject).collect();
    keyring.ensure_subjects(&many).unwrap();
    keyring.ensure_subjects(&many).unwrap();
    keyring.ensure_subjects(&[]).unwrap();
    let count = || -> i64 {
        let (keys, _) = paths(&folder);
        let connection = rusqlite::Connection::open(keys).unwrap();
        connection.query_row("SELECT COUNT(*) FROM sealing_key", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), 3000 + 3);
    for each in &many {
        let sealed = keyring.seal(SealFor::Subject(*each), EVENT, b"x").unwrap();
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"x");
    }
    assert_eq!(count(), 3000 + 3);
}

#[tokio::test(flavor = "current_thread")]
async fn persons_are_prepared_and_sealed_for_inside_an_asynchronous_runtime() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    keyring.prepare(&[subject(1), subject(1)]).await.unwrap();
    for number in [1, 2] {
        let sealed = keyring.seal(SealFor::Subject(subject(number)), EVENT, b"x").unwrap();
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"x");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn postgres_keeps_destroys_and_renews_keys_inside_an_asynchronous_runtime() {
    let url = fresh_database();
    let folder = TempDir::new().unwrap();
    let (_, master) = paths(&folder);
    let keyring = Keyring::open_postgres(&url, &master, None).unwrap();
    keyring.prepare(&[subject(1)]).await.unwrap();
    keyring.ensure_subjects(&(0..2500).map(subject).collect::<Vec<_>>()).unwrap();
    let [ann, bob] =
        [1, 2].map(|number| keyring.seal(SealFor::Subject(subject(number)), EVENT, b"x").unwrap());
    let today = keyring.seal(SealFor::Day(day("2026-11-21T12:00:00Z")), EVENT, b"x").unwrap();
    assert_eq!(keyring.destroy_subject(subject(1)), Ok(true));
    assert_eq!(keyring.destroy_subject(subject(1)), Ok(false));
    assert_eq!(keyring.unseal(EVENT, &ann), Err(KeyError::Destroyed));
    let renewed = keyring.seal(SealFor::Subject(subject(1)), EVENT, b"x").unwrap();
    let click_id_key = keyring.click_id_key().0;
    drop(keyring);
    let keyring = Keyring::open_postgres(&url, &master, None).unwrap();
    assert_eq!(keyring.click_id_key().0, click_id_key);
    assert_eq!(keyring.unseal(EVENT, &ann), Err(KeyError::Destroyed));
    for sealed in [bob, today, renewed] {
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"x");
        assert_eq!(keyring.unseal(OTHER_EVENT, &sealed), Err(KeyError::Tampered));
    }
    drop(keyring);
    let refused = Keyring::open_postgres(&url, &master, Some(MASTER)).unwrap_err().to_string();
    assert!(
        refused.contains("TRIBUTARY_MASTER_KEY does not open the key store the PostgreSQL database"),
        "{refused}"
    );
}

#[test]
fn a_broken_connection_to_postgres_costs_no_answer() {
    let url = fresh_database();
    let keyring = Keyring::open_postgres(&url, Path::new("/nowhere"), Some(MASTER)).unwrap();
    for number in 0..3 {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(&url, others).unwrap();
        let sealed = keyring.seal(SealFor::Subject(subject(number)), EVENT, b"x").unwrap();
        assert_eq!(keyring.unseal(EVENT, &sealed).unwrap(), b"x");
    }
}

#[test]
fn the_master_key_file_is_private_and_a_wrong_or_missing_one_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let (keys, master) = paths(&folder);
    drop(open(&folder));
    assert_eq!(std::fs::metadata(&master).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().filter(|f| f.as_ref().unwrap().path() != keys).count(),
        1
    );
    let refusal = |text: Option<&str>| {
        let refused = Keyring::open_sqlite(&keys, &master, text).unwrap_err().to_string();
        assert!(!refused.contains(&MASTER[..8]), "no key in {refused}");
        refused
    };
    assert!(refusal(Some(MASTER)).contains("TRIBUTARY_MASTER_KEY does not open the key store"));
    assert!(
        refusal(Some(&MASTER[..63]))
            .contains("TRIBUTARY_MASTER_KEY cannot be used: it must be 64 hexadecimal digits")
    );
    let kept = std::fs::read(&master).unwrap();
    for (text, message) in [(MASTER, "does not open the key store"), ("swordfish", "64 hexadecimal digits")] {
        std::fs::write(&master, text).unwrap();
        let refused = refusal(None);
        assert!(refused.contains(message) && refused.contains(&master.display().to_string()), "{refused}");
    }
    std::fs::remove_file(&master).unwrap();
    assert!(refusal(None).contains("the file is missing, and the key store already holds keys"));
    assert!(!master.exists(), "a new master key would open nothing");
    std::fs::write(&master, kept).unwrap();
    open(&folder);
}

#[test]
fn a_given_master_key_needs_no_file() {
    let folder = TempDir::new().unwrap();
    let (keys, master) = paths(&folder);
    let keyring = Keyring::open_sqlite(&keys, &master, Some(MASTER)).unwrap();
    let sealed = keyring.seal(SealFor::SetUp, EVENT, b"secret").unwrap();
    drop(keyring);
    assert!(!master.exists());
    let again = Keyring::open_sqlite(&keys, &master, Some(&format!(" {}\n", MASTER.to_uppercase()))).unwrap();
    assert_eq!(again.unseal(EVENT, &sealed).unwrap(), b"secret");
}

#[test]
fn another_installation_opens_nothing_and_hashes_differently() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (first, second) = (open(&first), open(&second));
    let sealed = first.seal(SealFor::Subject(subject(1)), EVENT, b"ann").unwrap();
    assert_eq!(second.unseal(EVENT, &sealed), Err(KeyError::Unknown));
    second.ensure_subjects(&[subject(1)]).unwrap();
    assert_eq!(second.unseal(EVENT, &sealed), Err(KeyError::Tampered));
    let brand = BrandKey::parse("shop").unwrap();
    let hash = |keyring: &Keyring| keyring.subject_hash(&brand, SubjectKind::Customer, "c1");
    assert_ne!(hash(&first), hash(&second));
}

#[test]
fn debug_prints_no_key() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    assert_eq!(format!("{keyring:?}"), "Keyring(..)");
    let held = super::cache::Held { generation: 0, key: super::cipher::Key([7; 32]) };
    assert_eq!(format!("{held:?}"), "Held { generation: 0, key: Key(..) }");
    assert_eq!(format!("{:?}", keyring.click_id_key()), "ClickIdKey(..)");
}

#[test]
fn a_subject_hash_depends_on_brand_and_kind_and_emails_ignore_case() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let (shop, casino) = (BrandKey::parse("shop").unwrap(), BrandKey::parse("casino").unwrap());
    let base = keyring.subject_hash(&shop, SubjectKind::Customer, "a@b.de");
    assert_eq!(base, keyring.subject_hash(&shop, SubjectKind::Customer, "a@b.de"));
    for other in [
        keyring.subject_hash(&casino, SubjectKind::Customer, "a@b.de"),
        keyring.subject_hash(&shop, SubjectKind::Visitor, "a@b.de"),
        keyring.subject_hash(&shop, SubjectKind::Email, "a@b.de"),
        keyring.subject_hash(&shop, SubjectKind::Customer, "A@b.de"),
    ] {
        assert_ne!(base, other);
    }
    assert_eq!(
        keyring.subject_hash(&shop, SubjectKind::Email, " Ann.Müller@Example.COM\n"),
        keyring.subject_hash(&shop, SubjectKind::Email, "ann.müller@example.com"),
    );
}

#[test]
fn an_ip_hash_holds_for_one_utc_day() {
    let folder = TempDir::new().unwrap();
    let keyring = open(&folder);
    let (morning, evening) = (day("2026-11-21T00:00:00Z"), day("2026-11-21T23:59:59Z"));
    let hash = keyring.ip_hash(morning, "2001:db8::1").unwrap();
    assert_eq!(hash, keyring.ip_hash(evening, " 2001:DB8:0::1").unwrap());
    assert_ne!(hash, keyring.ip_hash(morning, "2001:db8::2").unwrap());
    assert_ne!(hash, keyring.ip_hash(day("2026-11-22T00:00:00Z"), "2001:db8::1").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_from_outside_never_panic_and_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0u8..4) {
        thread_local! {
            static KEYRING: (TempDir, Keyring) = {
                let folder = TempDir::new().unwrap();
                let keyring = open(&folder);
                (folder, keyring)
            };
        }
        KEYRING.with(|(_, keyring)| {
            prop_assert!(keyring.unseal(EVENT, &bytes).is_err());
            let framed = [&[1, kind, 0, 0], &bytes[..]].concat();
            prop_assert!(keyring.unseal(EVENT, &framed).is_err());
            Ok(())
        })?;
    }
}
