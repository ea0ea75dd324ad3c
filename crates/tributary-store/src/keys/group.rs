//! The one thread that owns the database of keys.
//!
//! Whoever needs a key that is not at hand asks and waits. Requests that arrive while a commit runs are answered together by the
//! next one, so that many new persons at once cost one write to the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::keys::KeyError;
use crate::keys::cache::{Held, SubjectCache};
use crate::keys::cipher::{Key, NONCE};
use crate::keys::master::{MasterKey, MasterKeySource};
use crate::keys::names::KeyName;
use crate::keys::random::{Random, key_bytes};
use crate::keys::store::{KeyStore, NewKey, StoredKey};

/// How long a key that another process destroyed may still be used here.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Requests answered by one commit at most.
const GROUP: usize = 4096;

/// Tries to store a key or find the one that another process stored first. Each further try means that a key was destroyed in the
/// microseconds between.
const TRIES: usize = 5;

/// Called with the answer on the thread of the database; must not block.
pub(super) type Reply<T> = Box<dyn FnOnce(Result<T, KeyError>) + Send>;

/// Opens the database on its thread.
pub(super) type Open = Box<dyn FnOnce() -> Result<Box<dyn KeyStore>, KeyError> + Send>;

enum Job {
    Obtain { names: Vec<KeyName>, reply: Reply<Vec<Held>> },
    Find { name: KeyName, generation: u16, reply: Reply<Held> },
    Destroy { name: KeyName, reply: Reply<bool> },
}

/// The way to the thread. Dropping it ends the thread when it has answered what was asked.
pub(super) struct Group {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Group {
    /// Starts the thread, opens the database and the master key, and answers the keys of `names`.
    pub(super) fn start(
        open: Open,
        master: MasterKeySource,
        cache: Arc<SubjectCache>,
        random: Arc<Random>,
        names: &'static [KeyName],
    ) -> Result<(Self, Vec<Held>), KeyError> {
        let (jobs, receiver) = channel();
        let (started, starting) = channel();
        let thread = std::thread::Builder::new()
            .name("tributary-keys".to_owned())
            .spawn(move || match Worker::start(open, &master, cache, random, names) {
                Ok((worker, held)) => {
                    // Whoever started this thread waits for the answer.
                    let _ = started.send(Ok(held));
                    worker.run(&receiver);
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            })
            .map_err(|error| KeyError::Database(format!("its thread cannot be started: {error}")))?;
        let group = Self { jobs: Some(jobs), thread: Some(thread) };
        let held = starting.recv().map_err(|_| KeyError::Closed)??;
        Ok((group, held))
    }

    /// Asks for keys, creating those that are missing; does not wait.
    pub(super) fn obtain(&self, names: Vec<KeyName>, reply: Reply<Vec<Held>>) {
        self.ask(Job::Obtain { names, reply });
    }

    /// The key of one name, created if missing; waits.
    pub(super) fn obtain_one(&self, name: KeyName) -> Result<Held, KeyError> {
        let keys = waited(|reply| self.obtain(vec![name], reply))?;
        keys.first().copied().ok_or(KeyError::Unknown)
    }

    /// One generation of a name, never created; waits.
    pub(super) fn find(&self, name: KeyName, generation: u16) -> Result<Held, KeyError> {
        waited(|reply| self.ask(Job::Find { name, generation, reply }))
    }

    /// Destroys the key of a name; waits. False when there is none.
    pub(super) fn destroy(&self, name: KeyName) -> Result<bool, KeyError> {
        waited(|reply| self.ask(Job::Destroy { name, reply }))
    }

    fn ask(&self, job: Job) {
        // A job that cannot be delivered is dropped with its reply, which tells whoever waits.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits for the answer to a question.
pub(super) fn waited<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T, KeyError> {
    let (answer, answered) = channel();
    ask(Box::new(move |result| {
        // Whoever asked may be gone.
        let _ = answer.send(result);
    }));
    answered.recv().map_err(|_| KeyError::Closed)?
}

struct Worker {
    store: Box<dyn KeyStore>,
    master: MasterKey,
    cache: Arc<SubjectCache>,
    random: Arc<Random>,
}

impl Worker {
    fn start(
        open: Open,
        master: &MasterKeySource,
        cache: Arc<SubjectCache>,
        random: Arc<Random>,
        names: &[KeyName],
    ) -> Result<(Self, Vec<Held>), KeyError> {
        let mut store = open()?;
        let master = MasterKey::obtain(master, store.is_empty()?)?;
        let mut worker = Self { store, master, cache, random };
        let held = match worker.obtain(names) {
            Err(KeyError::Tampered) => {
                let (origin, store) = (worker.master.origin.clone(), worker.store.place());
                return Err(KeyError::WrongMasterKey { origin, store });
            }
            other => other?,
        };
        let held = names.iter().filter_map(|name| held.get(name).copied()).collect();
        Ok((worker, held))
    }

    fn run(mut self, receiver: &Receiver<Job>) {
        let mut looked = Instant::now();
        loop {
            let mut obtain = Vec::new();
            let mut other = Vec::new();
            let mut sort = |job| match job {
                Job::Obtain { names, reply } => obtain.push((names, reply)),
                job => other.push(job),
            };
            match receiver.recv_timeout(FORGET_EVERY) {
                Ok(first) => {
                    sort(first);
                    receiver.try_iter().take(GROUP).for_each(&mut sort);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if !obtain.is_empty() {
                self.obtain_group(obtain);
            }
            other.into_iter().for_each(|job| self.answer(job));
            if looked.elapsed() >= FORGET_EVERY {
                self.forget_destroyed();
                looked = Instant::now();
            }
        }
    }

    fn obtain_group(&mut self, group: Vec<(Vec<KeyName>, Reply<Vec<Held>>)>) {
        let mut names: Vec<KeyName> = group.iter().flat_map(|(names, _)| names).copied().collect();
        // Sorted: neighbours in the index are written together, and two processes take their locks in one order.
        names.sort_unstable();
        names.dedup();
        let held = self.obtain(&names);
        for (names, reply) in group {
            reply(match &held {
                Ok(held) => {
                    names.iter().map(|name| held.get(name).copied().ok_or(KeyError::Unknown)).collect()
                }
                Err(error) => Err(error.clone()),
            });
        }
    }

    fn answer(&mut self, job: Job) {
        match job {
            Job::Obtain { names, reply } => self.obtain_group(vec![(names, reply)]),
            Job::Find { name, generation, reply } => reply(self.find(name, generation)),
            Job::Destroy { name, reply } => {
                let destroyed = self.store.destroy(&name.stored());
                self.forget(name);
                reply(destroyed);
            }
        }
    }

    /// The living keys of all names. Missing ones are created, durable before they are answered.
    fn obtain(&mut self, names: &[KeyName]) -> Result<HashMap<KeyName, Held>, KeyError> {
        let mut held = HashMap::with_capacity(names.len());
        let mut missing: Vec<KeyName> = names.to_vec();
        for _ in 0..TRIES {
            let stored: Vec<Vec<u8>> = missing.iter().map(|name| name.stored()).collect();
            let found = self.store.newest(&stored)?;
            let mut creating = Vec::new();
            for ((name, stored), found) in missing.drain(..).zip(stored).zip(found) {
                match found {
                    Some(StoredKey { generation, wrapped: Some(wrapped) }) => {
                        held.insert(name, self.unwrap(&stored, generation, &wrapped)?);
                    }
                    Some(StoredKey { generation, wrapped: None }) => {
                        creating.push((name, stored, generation.checked_add(1).ok_or(KeyError::Destroyed)?));
                    }
                    None => creating.push((name, stored, 0)),
                }
            }
            missing = self.create(creating, &mut held)?;
            if missing.is_empty() {
                break;
            }
        }
        if !missing.is_empty() {
            return Err(KeyError::Database("keys are destroyed as fast as they are created".to_owned()));
        }
        for (name, key) in &held {
            self.remember(*name, *key);
        }
        Ok(held)
    }

    /// Stores fresh keys and answers the names for which another process was first.
    fn create(
        &mut self,
        creating: Vec<(KeyName, Vec<u8>, u16)>,
        held: &mut HashMap<KeyName, Held>,
    ) -> Result<Vec<KeyName>, KeyError> {
        if creating.is_empty() {
            return Ok(Vec::new());
        }
        let mut fresh = Vec::with_capacity(creating.len());
        let mut rows = Vec::with_capacity(creating.len());
        for (name, stored, generation) in creating {
            let key = Key(key_bytes()?);
            let mut nonce = [0; NONCE];
            self.random.fill(&mut nonce);
            let wrapped = self.master.wrap(&stored, generation, &key, nonce)?;
            rows.push(NewKey { name: stored, generation, wrapped });
            fresh.push((name, Held { generation, key }));
        }
        let inserted = self.store.insert(&rows)?;
        let mut lost = Vec::new();
        for ((name, key), inserted) in fresh.into_iter().zip(inserted) {
            if inserted {
                held.insert(name, key);
            } else {
                lost.push(name);
            }
        }
        Ok(lost)
    }

    fn find(&mut self, name: KeyName, generation: u16) -> Result<Held, KeyError> {
        let stored = name.stored();
        let found = self.store.find(&stored, generation)?.ok_or(KeyError::Unknown)?;
        let wrapped = found.wrapped.ok_or(KeyError::Destroyed)?;
        let held = self.unwrap(&stored, generation, &wrapped)?;
        // A living key is the newest: the next generation is only made after its destruction.
        self.remember(name, held);
        Ok(held)
    }

    fn unwrap(&self, stored: &[u8], generation: u16, wrapped: &[u8]) -> Result<Held, KeyError> {
        let key = self.master.unwrap(stored, generation, wrapped).ok_or(KeyError::Tampered)?;
        Ok(Held { generation, key })
    }

    fn remember(&self, name: KeyName, held: Held) {
        if let KeyName::Subject(subject) = name {
            self.cache.put(subject, held);
        }
    }

    fn forget(&self, name: KeyName) {
        if let KeyName::Subject(subject) = name {
            self.cache.forget(&subject);
        }
    }

    /// Forgets keys that any process destroyed lately.
    fn forget_destroyed(&mut self) {
        match self.store.lately_destroyed() {
            Ok(names) => {
                names
                    .iter()
                    .filter_map(|name| KeyName::subject_of_stored(name))
                    .for_each(|subject| self.cache.forget(&subject));
            }
            // The next look, a second later, covers the same minutes.
            Err(error) => tracing::debug!(%error, "the key store could not be asked for destroyed keys"),
        }
    }
}
