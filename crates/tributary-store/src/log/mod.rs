//! The log port: immutable facts in arrival order, each deduplication key once. The log is the truth; all else can be rebuilt from it.
//!
//! # Contract
//! * **Order.** Every stored record has a [`Sequence`]. Sequences start at 1 and strictly increase in the order of storing; there may
//!   be gaps. Records of one group are stored in the group's order. Nothing is changed or removed.
//! * **Durability.** When [`LogEngine::append`] answers, every record it calls stored survives the end of the process and a loss of
//!   power (SQLite: fsync of the write-ahead log; PostgreSQL: `synchronous_commit`).
//! * **All or nothing.** A group is one transaction. After an error none of it counts as stored and no deduplication key of it
//!   is taken. One case cannot be told apart from outside: the engine failed after it committed and before it answered. Then the
//!   records are there; a sender who repeats his event is told `duplicate`, and no reader sees a record twice.
//! * **What a duplicate is.** A record whose key was taken before, ever, by any way in, in an earlier group or earlier in the same
//!   group. With equal content it is a [`Appended::Duplicate`], with other content a [`Appended::Conflict`]; both name the event that was stored
//!   first. Of any number of simultaneous records under one key exactly one is stored. Conflicting records are kept where
//!   [`LogReader::conflicts`] shows them, each content once. Records without a key are always new.
//! * **What a read may miss.** A reader sees whole groups, possibly not the newest. It never sees a sequence while a smaller
//!   one can still appear: what lies between two records that were read stays empty for ever, so a reader may go on from
//!   the last sequence that it saw.
//!
//! ```text
//!   written:   1 2 3 | 4 5 | 6 7 8 |        groups become visible from left to right, each at once
//!   a reader:  1 2 3   4 5                   may see this, never 1 2 3 6 7 8
//! ```
//!
//! # Engines
//! [`sqlite`] for one machine, [`postgres`] for several writers on one log. Both pass [`crate::suite::log`], which is the
//! executable form of this page. [`group_commit::Log`] stands before either and is what the doors use.
//!
//! A JetStream engine fits behind the same port: one message per *group* (a message per record costs ten times as much), published with the
//! expected last sequence so that only one writer succeeds at a time; a record's sequence is the message's times the
//! largest group plus its place in it, hence the gaps. JetStream's own deduplication forgets after a window, so that engine keeps
//! the keys itself, in a key-value bucket rebuilt from the stream, and marks duplicates inside the group before it publishes.
//!
//! # Adding an engine
//! Both traits, migrations with the same numbers and names, then a line in `tests/log_conformance.rs`.

pub mod group_commit;
pub mod postgres;
pub mod sqlite;

use thiserror::Error;
use tributary_domain::ids::{DeduplicationKey, EventId};
use tributary_domain::time::Timestamp;

pub use self::group_commit::{Log, LogSettings, QueueDepth};
pub use self::postgres::{PostgresLogEngine, PostgresLogReader};
pub use self::sqlite::{SqliteLogEngine, SqliteLogReader};

/// The place of a record in the log. `Sequence(0)` stands before the first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Sequence(pub u64);

/// How a fact came in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Way {
    /// `GET /c/{link}`
    Redirect,
    /// `/postback/{source}`
    Postback,
    /// `/webhooks/{source}`
    Webhook,
    /// `/v1/events`
    Events,
    /// `/v1/clicks`
    Clicks,
    /// `/v1/imports` and `tributary import`
    Import,
    /// Another command of an operator, such as a payout.
    Command,
}

impl Way {
    /// Every way, in the order of their stored numbers.
    pub const ALL: [Self; 7] = [
        Self::Redirect,
        Self::Postback,
        Self::Webhook,
        Self::Events,
        Self::Clicks,
        Self::Import,
        Self::Command,
    ];

    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Postback => "postback",
            Self::Webhook => "webhook",
            Self::Events => "events",
            Self::Clicks => "clicks",
            Self::Import => "import",
            Self::Command => "command",
        }
    }

    /// Finds a way by its published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// The number that is stored; it never changes.
    const fn code(self) -> i16 {
        match self {
            Self::Redirect => 1,
            Self::Postback => 2,
            Self::Webhook => 3,
            Self::Events => 4,
            Self::Clicks => 5,
            Self::Import => 6,
            Self::Command => 7,
        }
    }

    fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|way| i64::from(way.code()) == code)
    }
}

/// A record to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRecord {
    /// The event's id.
    pub event_id: EventId,
    /// What makes another delivery the same event. `None` for redirected clicks, whose id is freshly made.
    pub key: Option<DeduplicationKey>,
    /// Fingerprint of the canonical content: tells a duplicate from a conflict.
    pub content: [u8; 16],
    /// Time of receipt.
    pub received_at: Timestamp,
    /// The way in.
    pub way: Way,
    /// The fact in its stored form; see [`crate::wire::fact`].
    pub fact: Vec<u8>,
    /// The raw body, sealed; may be empty. See [`crate::keys`].
    pub sealed: Vec<u8>,
}

impl NewRecord {
    /// Bytes that it takes in a queue or group, about.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.fact.len() + self.sealed.len()
    }
}

/// A stored record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRecord {
    /// Its place in the log.
    pub sequence: Sequence,
    /// The event's id.
    pub event_id: EventId,
    /// Its deduplication key, if it has one.
    pub key: Option<DeduplicationKey>,
    /// Time of receipt.
    pub received_at: Timestamp,
    /// The way in.
    pub way: Way,
    /// The fact in its stored form.
    pub fact: Vec<u8>,
    /// The raw body, sealed; may be empty.
    pub sealed: Vec<u8>,
}

/// A delivery under a taken key with other content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConflictRecord {
    /// The event that holds the key.
    pub original: EventId,
    /// When the other delivery came first.
    pub received_at: Timestamp,
    /// Its way in.
    pub way: Way,
    /// What it said, as a fact in its stored form.
    pub fact: Vec<u8>,
    /// Its raw body, sealed under the event id that is in `fact`.
    pub sealed: Vec<u8>,
}

/// What became of one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// Stored, durably.
    Stored(Sequence),
    /// The same event was stored before; nothing was added.
    Duplicate {
        /// The event as it was stored first.
        event_id: EventId,
    },
    /// Another content was stored before under this key; this one is kept among the conflicts.
    Conflict {
        /// The event as it was stored first.
        event_id: EventId,
    },
}

/// Why the log did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// More waits than the queue may hold; try again in a moment.
    #[error("the log's queue is full; try again in a moment")]
    Overloaded,
    /// One request holds more than the queue may ever hold.
    #[error(
        "{records} records of {bytes} bytes are more than the log takes at once; send them in smaller parts"
    )]
    TooLarge {
        /// Records in the request.
        records: usize,
        /// Their size.
        bytes: usize,
    },
    /// The log was shut down.
    #[error("the log is shut down")]
    Closed,
    /// Another process writes this log.
    #[error("{place} is being written by another process; stop it first")]
    InUse {
        /// Where the log lies.
        place: String,
    },
    /// There is no log.
    #[error("there is no log at {place}; `tributary serve` creates one")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// The storage is damaged or is not a log.
    #[error("the log at {place} is damaged: {problem}; restore it from a backup")]
    Corrupt {
        /// Where the log lies.
        place: String,
        /// What was found.
        problem: String,
    },
    /// The storage cannot be brought to this build's format.
    #[error("the log's format: {0}")]
    Format(String),
    /// The storage failed or cannot be reached; nothing was stored.
    #[error("the log's storage failed: {0}")]
    Storage(String),
}

/// Stores groups of records. One per log and process; see the head of this module for what it promises.
pub trait LogEngine: Send {
    /// Stores a group in one transaction and answers for each record in order, durable when it returns.
    ///
    /// After an error the next call starts afresh (reopens, connects again).
    ///
    /// # Errors
    /// [`LogError`]; nothing of the group counts as stored.
    fn append(&mut self, group: &[NewRecord]) -> Result<Vec<Appended>, LogError>;
}

/// Reads a log, also while another process writes it.
pub trait LogReader: Send + Sync {
    /// At most `limit` records after a place, in order.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails or holds what cannot be read.
    fn read_after(&self, after: Sequence, limit: usize) -> Result<Vec<LogRecord>, LogError>;

    /// The record at a place.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails or holds what cannot be read.
    fn get(&self, sequence: Sequence) -> Result<Option<LogRecord>, LogError>;

    /// The record of an event.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails or holds what cannot be read.
    fn find_by_event(&self, event: EventId) -> Result<Option<LogRecord>, LogError>;

    /// The record that holds a deduplication key.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails or holds what cannot be read.
    fn find_by_key(&self, key: &DeduplicationKey) -> Result<Option<LogRecord>, LogError>;

    /// The place of the newest record; `Sequence(0)` in an empty log.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails.
    fn last(&self) -> Result<Sequence, LogError>;

    /// Number of records. Reads an index from end to end: for audits, not for gauges.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails.
    fn count(&self) -> Result<u64, LogError>;

    /// The newest conflicts, newest first.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails or holds what cannot be read.
    fn conflicts(&self, limit: usize) -> Result<Vec<ConflictRecord>, LogError>;

    /// Number of conflicts.
    ///
    /// # Errors
    /// [`LogError`] when the storage fails.
    fn conflict_count(&self) -> Result<u64, LogError>;
}
