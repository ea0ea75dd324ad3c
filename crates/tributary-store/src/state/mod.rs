//! The store port: derived state and configuration.
//!
//! # Contract
//! * **One writer.** One engine writes a store at a time. [`StateWriter::commit`] names the checkpoint that it started from and fails with
//!   [`StateError::CheckpointMoved`] when another writer was there first; nothing of it is kept then.
//!   A commit that was computed with an older revision of the set-up fails with [`StateError::ConfigurationMoved`].
//! * **All or nothing.** Everything in a [`Commit`], the checkpoint included, becomes visible together or not at all. When `commit`
//!   returns it survives the end of the process, however sudden. A loss of power may take back the last commits, whole ones and only
//!   from the end: the place in the log goes back with them, and the log, which lost nothing, gives them again.
//!   [`ConfigurationStore::save_configuration`] is in no log, so what it saved survives a loss of power too.
//!   A scratch store for a rebuild shows nothing before [`StateWriter::flush`], and is worth nothing after a failure.
//! * **Readers** ([`StateReader`]) run beside the writer, never wait for it, and see whole commits.
//! * **No decisions.** The store keeps what it is given. What a fact leads to is decided in `tributary-domain`; what changed is
//!   decided in the engine.
//! * Both engines (SQLite, PostgreSQL) pass the same suite (`crate::suite::state`).
//!
//! # Adding something that is stored
//! Type here, a column or table in both migrations (same number, same name), both engines, a case in the suite; where a step of the engine looks
//! it up, a line in its `engine/view.rs`, which lays a commit that is not written yet over the store.

pub mod postgres;
pub mod sqlite;
pub mod subject;

use std::collections::{HashMap, HashSet};

use thiserror::Error;
use tributary_domain::fact::{EventKind, Fact, PayoutPlan, PayoutStep, Verdict};
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey, SourceKey, TransactionId};
use tributary_domain::ledger::{Account, CommissionState, Entry};
use tributary_domain::money::{Currency, Money};
use tributary_domain::payout::Line;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::{Period, Timestamp};

use crate::log::{Sequence, Way};

/// Why the store did not do it.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another engine wrote meanwhile; load again from the checkpoint.
    #[error("the store is at log record {found}, not {expected}: another engine is writing it")]
    CheckpointMoved {
        /// Where the commit started from.
        expected: u64,
        /// Where the store is.
        found: u64,
    },
    /// The set-up changed since the commit was computed; load the configuration and compute it again.
    #[error("the set-up is at revision {found}, not {expected}")]
    ConfigurationMoved {
        /// Revision that the commit was computed with.
        expected: u64,
        /// Revision of the store.
        found: u64,
    },
    /// Another engine runs on this store.
    #[error("another engine runs on {0}; stop it first")]
    InUse(String),
    /// The database failed or cannot be reached.
    #[error("the store failed: {0}")]
    Database(String),
    /// What is stored cannot be read by this version.
    #[error("the store holds something that cannot be read: {0}")]
    Unreadable(String),
}

/// A cluster: facts connected by any shared identifier. The number is the log sequence of a fact of it, so that new
/// clusters lie at the end of indexes; it is not part of the state hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ClusterId(pub u64);

/// A fact as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredFact {
    /// Its place in the log.
    pub sequence: Sequence,
    /// The cluster it belongs to; a fact without any identifier is a cluster of its own.
    pub cluster: ClusterId,
    /// How it came in.
    pub way: Way,
    /// When it was taken in.
    pub received_at: Timestamp,
    /// The outcome, as of the last settlement.
    pub outcome: Reason,
    /// The fact.
    pub fact: Fact,
}

/// Everything known of a cluster.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ClusterContents {
    /// Its facts with their outcomes, in any order.
    pub facts: Vec<(Fact, Reason)>,
    /// Its conversions as they are booked (without `considered`, which is never stored).
    pub booked: Vec<Conversion>,
}

/// A conversion that is new or changed, or that no longer stands.
#[derive(Clone, PartialEq, Debug)]
pub enum ConversionChange {
    /// Store it with its credits and commissions, replacing what is there under its event id. That event is a fact of the same
    /// cluster, in this commit or an earlier one: it is through the facts that a cluster's conversions are found.
    Put {
        /// The cluster it belongs to.
        cluster: ClusterId,
        /// The conversion; `considered` is not stored.
        conversion: Box<Conversion>,
    },
    /// Remove it with its credits and commissions. The ledger keeps what was booked.
    Remove(EventId),
}

/// A payout and how far it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Payout {
    /// Whose books.
    pub brand: BrandKey,
    /// The plan, lines included.
    pub plan: PayoutPlan,
    /// The furthest step known.
    pub step: PayoutStep,
    /// The payment reference, once settled.
    pub reference: Option<String>,
    /// When it was prepared.
    pub prepared_at: Timestamp,
    /// When the furthest step happened.
    pub stepped_at: Timestamp,
}

/// Where a rollup row belongs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RollupKey {
    /// The tenant.
    pub brand: BrandKey,
    /// Start of the UTC hour of the event (the conversion's, for credits).
    pub hour: Timestamp,
    /// Campaign key; empty where unknown.
    pub campaign: String,
    /// Partner key, `@channel` for other channels, empty for what is not attributed.
    pub earner: String,
    /// Currency of the amounts; empty for rows that only count.
    pub currency: String,
}

/// What a rollup row adds up; as a change it may be negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RollupMeasures {
    /// Clicks.
    pub clicks: i64,
    /// Impressions.
    pub impressions: i64,
    /// Millionths of registrations, by credit.
    pub registrations_ppm: i64,
    /// Millionths of qualifications, by credit.
    pub qualifications_ppm: i64,
    /// Millionths of conversions, by credit; rejected ones are not counted.
    pub conversions_ppm: i64,
    /// Credited value in minor units, rejected conversions left out.
    pub value: i64,
    /// Credited value that was refunded, in minor units.
    pub refunded: i64,
    /// Commission owed in minor units.
    pub commission: i64,
}

/// One atomic change of the store.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Commit {
    /// The checkpoint this was computed from.
    pub expected_checkpoint: Sequence,
    /// The checkpoint afterwards: the last log record taken into account.
    pub checkpoint: Sequence,
    /// Revision of the set-up it was computed with. A commit computed with an older one fails with
    /// [`StateError::ConfigurationMoved`]: otherwise a fact could be settled by old rules after the queue was filled.
    pub configuration_revision: u64,
    /// New facts. The encoded form of each (see `crate::wire::fact`) is stored.
    pub facts: Vec<StoredFact>,
    /// Outcomes of earlier facts that changed.
    pub outcomes: Vec<(EventId, Reason)>,
    /// Identity nodes that are new or moved to another cluster.
    pub nodes: Vec<(NodeKey, ClusterId)>,
    /// Clusters that became part of another: every fact, conversion and node of `.0` moves to `.1`.
    pub merges: Vec<(ClusterId, ClusterId)>,
    /// Conversions.
    pub conversions: Vec<ConversionChange>,
    /// Payouts that are new or took a step; lines are stored when new.
    pub payouts: Vec<Payout>,
    /// Ledger entries, numbered and chained by the engine per brand.
    pub entries: Vec<Entry>,
    /// Changes of balances, one row per account and currency at most: debits positive.
    pub balances: Vec<((BrandKey, Account, Currency), i64)>,
    /// Changes of rollups, one row per key at most.
    pub rollups: Vec<(RollupKey, RollupMeasures)>,
    /// Clusters that were settled again and leave the queue.
    pub resettled: Vec<ClusterId>,
    /// Clusters that got facts and are to be settled later: they join the queue.
    pub queued: Vec<ClusterId>,
    /// From when on touches still wait to be counted again, where this commit counted some; [`JudgedAnew::NEVER`] when none do.
    pub recount_touches_from: Option<Timestamp>,
}

/// The end of a brand's chain of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainHead {
    /// Number of the last entry; 0 before the first.
    pub number: u64,
    /// Its hash; zeros before the first.
    pub hash: [u8; 32],
}

/// What the engine needs: look up, then commit.
pub trait StateWriter: Send {
    /// The last log record taken into account (`Sequence(0)` at first).
    fn checkpoint(&mut self) -> Result<Sequence, StateError>;
    /// Which of these events are stored already.
    fn known_events(&mut self, events: &[EventId]) -> Result<HashSet<EventId>, StateError>;
    /// The clusters of those identity nodes that are known.
    fn clusters_of_nodes(&mut self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError>;
    /// The clusters that hold these commission lines, for lines that exist.
    fn clusters_of_commissions(
        &mut self,
        lines: &[CommissionId],
    ) -> Result<HashMap<CommissionId, ClusterId>, StateError>;
    /// Which of these clusters hold at least one action (registration, qualification, conversion), settled or not.
    fn with_conversions(&mut self, clusters: &[ClusterId]) -> Result<HashSet<ClusterId>, StateError>;
    /// Everything in these clusters. The number of a cluster that became part of another stands for that one.
    fn load_clusters(
        &mut self,
        clusters: &[ClusterId],
    ) -> Result<HashMap<ClusterId, ClusterContents>, StateError>;
    /// Minor units of these lines that payouts hold (failed payouts do not); lines without any are absent.
    fn locked(&mut self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError>;
    /// These payouts, if stored.
    fn payouts(&mut self, ids: &[String]) -> Result<HashMap<String, Payout>, StateError>;
    /// The end of each brand's chain.
    fn chain_heads(&mut self) -> Result<HashMap<BrandKey, ChainHead>, StateError>;
    /// Clusters waiting to be settled: after a change of configuration, or because the engine put it off.
    fn queued(&mut self, limit: usize) -> Result<Vec<ClusterId>, StateError>;
    /// From when on clicks and impressions wait to be counted again, if they do.
    fn touches_to_recount(&mut self) -> Result<Option<Timestamp>, StateError>;
    /// Clicks and impressions with event ids after one and before another, in the order of event ids, which is that of time.
    fn touches(&mut self, after: EventId, before: EventId, limit: usize) -> Result<Vec<Fact>, StateError>;
    /// The rollup rows of a brand for one hour.
    fn rollups_of(
        &mut self,
        brand: &BrandKey,
        hour: Timestamp,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError>;
    /// Applies a change atomically.
    fn commit(&mut self, commit: &Commit) -> Result<(), StateError>;
    /// Lets readers see every commit so far. Only a scratch store keeps them waiting for this.
    fn flush(&mut self) -> Result<(), StateError> {
        Ok(())
    }
}

/// One stored version of a set-up entity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEntity {
    /// `brand`, `campaign`, `partner`, `link`, `plan` or `source`.
    pub kind: String,
    /// Its brand.
    pub brand: String,
    /// Its key.
    pub key: String,
    /// In force from; `i64::MIN` microseconds for always.
    pub effective_from: Timestamp,
    /// Canonical JSON, sealed by the caller where it holds secrets.
    pub body: Vec<u8>,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// From when on what is stored has to be judged by a changed set-up; [`JudgedAnew::NEVER`] where it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JudgedAnew {
    /// Actions from this moment of event time on, and with them their clusters.
    pub actions_from: Timestamp,
    /// Clicks and impressions from this moment of event time on: whose they are in the rollups.
    pub touches_from: Timestamp,
}

impl JudgedAnew {
    /// No moment at all.
    pub const NEVER: Timestamp = Timestamp(i64::MAX);
    /// Nothing that is stored is concerned.
    pub const NOTHING: Self = Self { actions_from: Self::NEVER, touches_from: Self::NEVER };

    /// Actions from a moment on, and no touches.
    #[must_use]
    pub const fn actions_from(actions_from: Timestamp) -> Self {
        Self { actions_from, touches_from: Self::NEVER }
    }
}

/// The set-up as it is stored; also read by the edge.
pub trait ConfigurationStore: Send + Sync {
    /// The revision and every entity version.
    fn load_configuration(&self) -> Result<(u64, Vec<StoredEntity>), StateError>;
    /// The revision alone: cheap, polled about once a second.
    fn configuration_revision(&self) -> Result<u64, StateError>;
    /// Adds or replaces entity versions (same kind, brand, key and effective_from), raises the revision, queues for settlement every
    /// cluster with an action at or after `anew.actions_from`, and notes from when on touches are to be counted again (the earliest
    /// moment that waits counts); all in one transaction. Answers the new revision.
    fn save_configuration(&self, entities: &[StoredEntity], anew: JudgedAnew) -> Result<u64, StateError>;
}

/// Which conversions to list.
#[derive(Clone, Debug, Default)]
pub struct ConversionFilter {
    /// Only this brand.
    pub brand: Option<BrandKey>,
    /// Only from this source.
    pub source: Option<SourceKey>,
    /// Only in this period, by event time.
    pub period: Option<Period>,
    /// Only with this transaction id.
    pub transaction: Option<TransactionId>,
    /// Only with a credit or commission of this partner.
    pub partner: Option<PartnerKey>,
}

/// A commission line with what surrounds it.
#[derive(Clone, PartialEq, Debug)]
pub struct CommissionRow {
    /// Whose books.
    pub brand: BrandKey,
    /// The conversion it belongs to.
    pub conversion: EventId,
    /// The line as payouts see it.
    pub line: Line,
    /// Why it is in its state.
    pub reason: Reason,
}

/// Per partner and currency: what he earned and where it is.
#[derive(Clone, PartialEq, Debug)]
pub struct CommissionSum {
    /// Whose books.
    pub brand: BrandKey,
    /// Who.
    pub partner: PartnerKey,
    /// In which currency.
    pub currency: Currency,
    /// State before payment.
    pub state: CommissionState,
    /// Reason of that state.
    pub reason: Reason,
    /// Number of lines.
    pub lines: u64,
    /// Sum owed in minor units.
    pub owed: i64,
    /// Sum locked in payouts in minor units.
    pub locked: i64,
}

/// Credit of an earner under the live models.
#[derive(Clone, PartialEq, Debug)]
pub struct CreditSum {
    /// Partner key, or `@channel`.
    pub earner: String,
    /// Currency; empty for conversions without value.
    pub currency: String,
    /// Sum of weight / total weight over the conversions.
    pub conversions: f64,
    /// Sum of credited minor units.
    pub value: i64,
}

/// How many settled conversions there are of one kind with one verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversionCount {
    /// Whose.
    pub brand: BrandKey,
    /// Registration, qualification or conversion.
    pub kind: EventKind,
    /// The operator's verdict.
    pub verdict: Verdict,
    /// How many.
    pub conversions: u64,
    /// How many of them have a commission line in a settled payout.
    pub paid: u64,
}

/// What pages, reports and audits read. Lists are in the order of the named key and are paged by it.
pub trait StateReader: Send + Sync {
    /// A reader that sees the store as it is now, whatever is committed afterwards, until it is dropped. Its calls wait for each other.
    ///
    /// It keeps nobody from writing, but while it is held the database cannot give back the space of what is replaced: for a proof that
    /// needs one moment, not for pages.
    fn snapshot(&self) -> Result<Box<dyn StateReader>, StateError>;
    /// The last log record taken into account.
    fn checkpoint(&self) -> Result<Sequence, StateError>;
    /// Number of clusters waiting to be settled again, plus one while touches wait to be counted again.
    fn queue_length(&self) -> Result<u64, StateError>;
    /// Facts per brand and kind with their number.
    fn fact_counts(&self) -> Result<Vec<(BrandKey, EventKind, u64)>, StateError>;
    /// The newest facts by log order, newest first.
    fn latest_facts(&self, brand: Option<&BrandKey>, limit: usize) -> Result<Vec<StoredFact>, StateError>;
    /// Facts after a log sequence, in its order.
    fn facts_after(&self, after: Sequence, limit: usize) -> Result<Vec<StoredFact>, StateError>;
    /// Facts after an event id, in its order: for hashing.
    fn facts_by_event(&self, after: Option<EventId>, limit: usize) -> Result<Vec<StoredFact>, StateError>;
    /// One fact.
    fn fact(&self, event: EventId) -> Result<Option<StoredFact>, StateError>;
    /// The clusters of known nodes.
    fn clusters_of_nodes(&self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError>;
    /// Everything in a cluster.
    fn cluster(&self, cluster: ClusterId) -> Result<ClusterContents, StateError>;
    /// Everything in these clusters as of one commit, in their order.
    fn clusters(&self, clusters: &[ClusterId]) -> Result<Vec<ClusterContents>, StateError>;
    /// Clusters that hold facts, after one, in order.
    fn clusters_after(&self, after: ClusterId, limit: usize) -> Result<Vec<ClusterId>, StateError>;
    /// Clusters that hold at least one action (registration, qualification, conversion), after one, in order.
    fn clusters_with_actions_after(
        &self,
        after: ClusterId,
        limit: usize,
    ) -> Result<Vec<ClusterId>, StateError>;
    /// Minor units of these lines that payouts hold (failed payouts do not); lines without any are absent.
    fn locked(&self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError>;
    /// Conversions in the order of event ids, with the cluster of each.
    fn conversions(
        &self,
        filter: &ConversionFilter,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(ClusterId, Conversion)>, StateError>;
    /// The newest conversions by event id, newest first.
    fn latest_conversions(
        &self,
        brand: Option<&BrandKey>,
        limit: usize,
    ) -> Result<Vec<Conversion>, StateError>;
    /// Numbers of settled conversions, in order of brand, name of the kind and name of the verdict.
    fn conversion_counts(&self) -> Result<Vec<ConversionCount>, StateError>;
    /// Commission lines of a brand in the order of their ids.
    fn commissions(
        &self,
        brand: &BrandKey,
        after: Option<CommissionId>,
        limit: usize,
    ) -> Result<Vec<CommissionRow>, StateError>;
    /// One commission line.
    fn commission(&self, id: CommissionId) -> Result<Option<CommissionRow>, StateError>;
    /// Sums of commission lines.
    fn commission_sums(&self) -> Result<Vec<CommissionSum>, StateError>;
    /// Sums of credits of a brand in a period (all time without one).
    fn credit_sums(&self, brand: &BrandKey, period: Option<Period>) -> Result<Vec<CreditSum>, StateError>;
    /// Payouts, newest first; of one run if given.
    fn payouts(&self, run: Option<&str>, limit: usize) -> Result<Vec<Payout>, StateError>;
    /// One payout.
    fn payout(&self, id: &str) -> Result<Option<Payout>, StateError>;
    /// Every balance that is not zero, in order of brand, account and currency; debits positive.
    fn balances(&self) -> Result<Vec<(BrandKey, Account, Money)>, StateError>;
    /// Entries of a brand after a number, in its order.
    fn entries(&self, brand: &BrandKey, after: u64, limit: usize) -> Result<Vec<Entry>, StateError>;
    /// Entries that name this subject (a commission line or payout).
    fn entries_of(&self, subject: &str) -> Result<Vec<Entry>, StateError>;
    /// Rollup rows after a key, in its order; rows whose measures are all zero are left out.
    fn rollups(
        &self,
        after: Option<&RollupKey>,
        limit: usize,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError>;
}
