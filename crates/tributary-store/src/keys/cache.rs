//! The keys of persons seen lately.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tributary_domain::ids::SubjectHash;

use crate::keys::cipher::Key;

/// A living key and which of its name's keys it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) generation: u16,
    pub(super) key: Key,
}

const SHARDS: usize = 16;

/// Persons that one half of a shard holds; both halves of all shards hold about 200,000 (some 20 MB).
const HALF: usize = 6_250;

/// A bounded map. Each shard has a young and an old half: when the young one is full it becomes the old one, and what was in the old
/// one and not used since is forgotten. So a step costs the same however full it is.
pub(super) struct SubjectCache {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    young: HashMap<SubjectHash, Held>,
    old: HashMap<SubjectHash, Held>,
}

impl SubjectCache {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The key of a person, if it is known.
    pub(super) fn get(&self, subject: &SubjectHash) -> Option<Held> {
        let mut shard = self.shard(subject);
        if let Some(held) = shard.young.get(subject) {
            return Some(*held);
        }
        let held = shard.old.remove(subject)?;
        shard.put(*subject, held);
        Some(held)
    }

    /// Remembers a key. Only the thread of the database calls this, so that a key cannot come back after its destruction.
    pub(super) fn put(&self, subject: SubjectHash, held: Held) {
        self.shard(&subject).put(subject, held);
    }

    /// Forgets a person.
    pub(super) fn forget(&self, subject: &SubjectHash) {
        let mut shard = self.shard(subject);
        shard.young.remove(subject);
        shard.old.remove(subject);
    }

    fn shard(&self, subject: &SubjectHash) -> MutexGuard<'_, Shard> {
        // The hash is uniform: its last byte chooses.
        let shard = &self.shards[usize::from(subject.0[15]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, subject: SubjectHash, held: Held) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
            self.young.reserve(HALF);
        }
        self.young.insert(subject, held);
    }
}

impl fmt::Debug for SubjectCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectCache(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(number: u32) -> SubjectHash {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        SubjectHash(bytes)
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = SubjectCache::new();
        let held = |number: u32| Held { generation: 0, key: Key([number.to_be_bytes()[3]; 32]) };
        // All of them fall into one shard.
        for number in 0..10 * u32::try_from(HALF).unwrap() {
            cache.put(subject(number), held(number));
            assert_eq!(cache.get(&subject(0)), Some(held(0)), "used all the time");
        }
        let shard = cache.shard(&subject(0));
        assert!(shard.young.len() <= HALF && shard.old.len() <= HALF);
        drop(shard);
        assert_eq!(cache.get(&subject(1)), None);
        cache.forget(&subject(0));
        assert_eq!(cache.get(&subject(0)), None);
    }
}
