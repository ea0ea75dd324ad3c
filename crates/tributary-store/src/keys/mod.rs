//! Keys: what makes personal data in an immutable log erasable.
//!
//! Personal data is stored only sealed (encrypted), under a random key of its person or, where no person is known, of its day.
//! Destroying the key makes the data unreadable everywhere it was copied to, while the log and the books stay as they are.
//! The keys lie in a database of their own, each wrapped under the one master key, so that a copy of the log is worth nothing
//! without the key store, and a copy of the key store nothing without the master key.
//!
//! A new person's key must survive a loss of power before anything is sealed under it. One thread therefore owns the database
//! and makes the keys of all waiting callers durable in one commit.

mod address;
mod cache;
mod cipher;
mod group;
mod keyring;
mod master;
mod names;
mod postgres;
mod random;
mod sealed;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;

use thiserror::Error;
use tributary_domain::ids::SubjectHash;
use tributary_domain::time::Timestamp;

pub use address::truncate_ip;
pub use keyring::Keyring;

/// Which identifier of a person a hash stands for. Equal texts of different kinds have different hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SubjectKind {
    /// The operator's own id of a customer.
    Customer,
    /// The first-party id of a browser.
    Visitor,
    /// An e-mail address; compared without regard to case and surrounding blanks.
    Email,
}

/// Under whose key something is sealed, and so what makes it unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SealFor {
    /// A person's: unreadable once [`Keyring::destroy_subject`] has run.
    Subject(SubjectHash),
    /// The key of the UTC day of this moment, for data that belongs to no known person.
    Day(Timestamp),
    /// The key of the set-up (secrets of sources).
    SetUp,
}

/// Why a key cannot be had or something sealed cannot be read. No message holds a key or personal data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The key was destroyed: what was sealed under it is gone for good.
    #[error("the key of this data was destroyed; the data cannot be read any more")]
    Destroyed,
    /// The key store has no key of this name.
    #[error("the key of this data is not in this key store")]
    Unknown,
    /// Changed bytes, or bytes that were sealed for another event.
    #[error("the sealed data was changed, or belongs to another event")]
    Tampered,
    /// Bytes that this version did not write.
    #[error("the sealed data has a form that this version does not know")]
    Malformed,
    /// The master key does not open the keys.
    #[error(
        "the master key in {origin} does not open the key store {store}; it was made with another master key"
    )]
    WrongMasterKey {
        /// Where the master key came from.
        origin: String,
        /// Which key store.
        store: String,
    },
    /// The master key is unusable or missing.
    #[error("the master key in {origin} cannot be used: {problem}")]
    MasterKey {
        /// Where the master key came from, or should.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// The database of keys refused.
    #[error("the key store: {0}")]
    Database(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The thread of the key store has ended.
    #[error("the key store has been closed")]
    Closed,
}
