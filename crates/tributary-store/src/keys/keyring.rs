//! The keyring: what the rest of the program uses.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tributary_domain::click_id::ClickIdKey;
use tributary_domain::ids::{BrandKey, EventId, SubjectHash};
use tributary_domain::time::Timestamp;

use crate::keys::cache::{Held, SubjectCache};
use crate::keys::cipher::{Authenticator, authenticator};
use crate::keys::group::{Group, Open};
use crate::keys::master::MasterKeySource;
use crate::keys::names::KeyName;
use crate::keys::postgres::PostgresKeys;
use crate::keys::random::Random;
use crate::keys::sealed::{self, Parts};
use crate::keys::sqlite::SqliteKeys;
use crate::keys::store::KeyStore;
use crate::keys::{KeyError, SealFor, SubjectKind, address};

/// Keys that every process needs, in the order of [`Keyring::start`].
const ALWAYS: &[KeyName] = &[KeyName::ClickId, KeyName::Lookup, KeyName::SetUp];

/// Days whose keys are kept at hand.
const DAYS: usize = 64;

/// Persons whose keys one commit creates at most.
const BATCH: usize = 20_000;

/// All keys of an installation. Shared by all threads; its methods may be called from anywhere, also inside an asynchronous runtime.
pub struct Keyring {
    click_id: ClickIdKey,
    lookup: Authenticator,
    set_up: Held,
    days: RwLock<HashMap<i32, Day>>,
    subjects: Arc<SubjectCache>,
    random: Arc<Random>,
    group: Group,
}

/// The keys of one day.
#[derive(Clone)]
struct Day {
    held: Held,
    /// For hashes of network addresses.
    addresses: Authenticator,
}

impl Keyring {
    /// Opens the key store in the SQLite file `path`, creating it at first.
    ///
    /// The master key is `given_master_key` (64 hexadecimal digits, as in `TRIBUTARY_MASTER_KEY`); without it the one in
    /// `master_key_file`, which is created readable for its owner only when the key store is new.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] and [`KeyError::MasterKey`] name the file; [`KeyError::Database`].
    pub fn open_sqlite(
        path: &Path,
        master_key_file: &Path,
        given_master_key: Option<&str>,
    ) -> Result<Self, KeyError> {
        let path = path.to_owned();
        let open: Open = Box::new(move || Ok(Box::new(SqliteKeys::open(&path)?) as Box<dyn KeyStore>));
        Self::start(open, master_key_file, given_master_key)
    }

    /// Opens the key store in the PostgreSQL database of `url` (`postgres://user@host/database`). The master key as for
    /// [`Self::open_sqlite`]; all processes that share the database must have the same one. Blocks; may be called inside an
    /// asynchronous runtime.
    ///
    /// # Errors
    /// As [`Self::open_sqlite`].
    pub fn open_postgres(
        url: &str,
        master_key_file: &Path,
        given_master_key: Option<&str>,
    ) -> Result<Self, KeyError> {
        let url = url.to_owned();
        let open: Open = Box::new(move || Ok(Box::new(PostgresKeys::open(&url)?) as Box<dyn KeyStore>));
        Self::start(open, master_key_file, given_master_key)
    }

    fn start(open: Open, master_key_file: &Path, given_master_key: Option<&str>) -> Result<Self, KeyError> {
        let random = Arc::new(Random::new()?);
        let subjects = Arc::new(SubjectCache::new());
        let master =
            MasterKeySource { given: given_master_key.map(str::to_owned), file: master_key_file.to_owned() };
        let (group, held) = Group::start(open, master, Arc::clone(&subjects), Arc::clone(&random), ALWAYS)?;
        let [click_id, lookup, set_up] = held[..] else { return Err(KeyError::Unknown) };
        Ok(Self {
            click_id: ClickIdKey(click_id.key.0),
            lookup: authenticator(&lookup.key.0),
            set_up,
            days: RwLock::default(),
            subjects,
            random,
            group,
        })
    }

    /// The key of the check inside click ids; the same as long as the key store lives.
    #[must_use]
    pub fn click_id_key(&self) -> &ClickIdKey {
        &self.click_id
    }

    /// The keyed hash that stands for an identifier of a person in one brand; equal for equal identifiers, for ever.
    #[must_use]
    pub fn subject_hash(&self, brand: &BrandKey, kind: SubjectKind, value: &str) -> SubjectHash {
        let lowered;
        let (kind, value) = match kind {
            SubjectKind::Customer => (b"c", value),
            SubjectKind::Visitor => (b"v", value),
            SubjectKind::Email => {
                lowered = value.trim().to_lowercase();
                (b"e", lowered.as_str())
            }
        };
        // A brand key holds no zero byte, so no two inputs are written alike.
        let long = self.lookup.sign(&[kind, &[0], brand.as_str().as_bytes(), &[0], value.as_bytes()]);
        let mut short = [0; 16];
        short.copy_from_slice(&long[..16]);
        SubjectHash(short)
    }

    /// Seals a plain text for an event. For a person or day that has no key yet this waits for the disk (about a millisecond; callers
    /// that wait together share one write); see [`Self::ensure_subjects`] and [`Self::prepare`].
    ///
    /// A person whose key was destroyed gets a new one: what was sealed before stays unreadable.
    ///
    /// # Errors
    /// [`KeyError::Database`] and the like when a new key cannot be stored.
    pub fn seal(&self, who: SealFor, event_id: EventId, plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (name, held) = match who {
            SealFor::SetUp => (KeyName::SetUp, self.set_up),
            SealFor::Day(moment) => {
                let name = KeyName::day_of(moment);
                (name, self.day(name)?.held)
            }
            SealFor::Subject(subject) => {
                let name = KeyName::Subject(subject);
                (name, self.subjects.get(&subject).map_or_else(|| self.group.obtain_one(name), Ok)?)
            }
        };
        sealed::seal(name, &held, event_id, self.random_bytes(), plaintext)
    }

    /// Opens what was sealed for this event.
    ///
    /// # Errors
    /// [`KeyError::Destroyed`] when its key was destroyed (another process may still read it for about a second);
    /// [`KeyError::Tampered`] for changed bytes or another event's; [`KeyError::Malformed`]; [`KeyError::Unknown`] for another
    /// installation's.
    pub fn unseal(&self, event_id: EventId, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let parts = Parts::read(sealed)?;
        let at_hand = match parts.name {
            KeyName::SetUp => Some(self.set_up),
            KeyName::Subject(subject) => self.subjects.get(&subject),
            KeyName::Day(day) => self.known_day(day).map(|day| day.held),
            KeyName::ClickId | KeyName::Lookup => None,
        };
        let held = match at_hand.filter(|held| held.generation == parts.generation) {
            Some(held) => held,
            None => {
                let held = self.group.find(parts.name, parts.generation)?;
                if let KeyName::Day(day) = parts.name {
                    self.remember_day(day, held);
                }
                held
            }
        };
        parts.open(event_id, &held)
    }

    /// Destroys the key of a person, durably: everything sealed under it is unreadable from now on. False when there was none.
    ///
    /// # Errors
    /// [`KeyError::Database`]; the key may live on then, and the call must be repeated.
    pub fn destroy_subject(&self, subject: SubjectHash) -> Result<bool, KeyError> {
        self.group.destroy(KeyName::Subject(subject))
    }

    /// Creates the keys that persons of a batch lack, one commit for up to 20,000 of them; waits. Sealing for them does not wait then.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn ensure_subjects(&self, subjects: &[SubjectHash]) -> Result<(), KeyError> {
        let missing = self.not_at_hand(subjects);
        for batch in missing.chunks(BATCH) {
            crate::keys::group::waited(|reply| self.group.obtain(batch.to_vec(), reply))?;
        }
        Ok(())
    }

    /// The same as [`Self::ensure_subjects`] for a few persons, without blocking the thread.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub async fn prepare(&self, subjects: &[SubjectHash]) -> Result<(), KeyError> {
        let missing = self.not_at_hand(subjects);
        if missing.is_empty() {
            return Ok(());
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.group.obtain(
            missing,
            Box::new(move |result| {
                // Whoever asked may be gone.
                let _ = answer.send(result.map(|_| ()));
            }),
        );
        answered.await.map_err(|_| KeyError::Closed)?
    }

    /// Random bytes, from the operating system in blocks.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A hash of a network address that is equal for equal addresses of one UTC day, and tells nothing across days.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn ip_hash(&self, day: Timestamp, ip: &str) -> Result<[u8; 8], KeyError> {
        let day = self.day(KeyName::day_of(day))?;
        let long = day.addresses.sign(&[b"ip", &[0], address::canonical(ip).as_bytes()]);
        let mut short = [0; 8];
        short.copy_from_slice(&long[..8]);
        Ok(short)
    }

    fn not_at_hand(&self, subjects: &[SubjectHash]) -> Vec<KeyName> {
        let distinct: HashSet<SubjectHash> = subjects.iter().copied().collect();
        distinct
            .into_iter()
            .filter(|subject| self.subjects.get(subject).is_none())
            .map(KeyName::Subject)
            .collect()
    }

    fn known_day(&self, day: i32) -> Option<Day> {
        self.days.read().unwrap_or_else(PoisonError::into_inner).get(&day).cloned()
    }

    /// The keys of a day, created at its first use.
    fn day(&self, name: KeyName) -> Result<Day, KeyError> {
        let KeyName::Day(number) = name else { return Err(KeyError::Unknown) };
        if let Some(day) = self.known_day(number) {
            return Ok(day);
        }
        Ok(self.remember_day(number, self.group.obtain_one(name)?))
    }

    fn remember_day(&self, number: i32, held: Held) -> Day {
        let day = Day { held, addresses: authenticator(&held.key.0) };
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        if days.len() >= DAYS {
            days.clear();
        }
        days.insert(number, day.clone());
        day
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}
