//! What pages, reports and audits read: a small pool of connections that cannot write.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use tributary_domain::fact::EventKind;
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Money;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Period;

use super::connection::{Purpose, open};
use super::{configuration, counting, listing, lookup};
use crate::log::Sequence;
use crate::state::{
    ClusterContents, ClusterId, CommissionRow, CommissionSum, ConfigurationStore, ConversionCount,
    ConversionFilter, CreditSum, JudgedAnew, Payout, RollupKey, RollupMeasures, StateError, StateReader,
    StoredEntity, StoredFact,
};

/// Connections that are kept open between calls; each has 4 MiB of cache at most.
const KEPT_OPEN: usize = 4;

/// Reads beside the engine, in this process or another. Every call sees one whole commit.
#[derive(Debug)]
pub struct SqliteStateReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Of a snapshot: the connection whose transaction holds it.
    snapshot: Option<Mutex<Connection>>,
}

impl SqliteStateReader {
    /// Opens the store at `path`, which an engine or a set-up has created.
    ///
    /// # Errors
    /// [`StateError::Database`] when there is no such file.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let first = open(path, Purpose::Reading)?;
        Ok(Self { path: path.to_owned(), idle: Mutex::new(vec![first]), snapshot: None })
    }

    /// Runs `work` inside one transaction on a connection of the pool; in a snapshot, inside its transaction.
    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        if let Some(snapshot) = &self.snapshot {
            return work(&snapshot.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => open(&self.path, Purpose::Reading)?,
        };
        let transaction = connection.transaction()?;
        let answer = work(&transaction);
        transaction.commit()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_OPEN {
            idle.push(connection);
        }
        answer
    }
}

impl ConfigurationStore for SqliteStateReader {
    fn load_configuration(&self) -> Result<(u64, Vec<StoredEntity>), StateError> {
        self.with(configuration::load)
    }

    fn configuration_revision(&self) -> Result<u64, StateError> {
        self.with(lookup::configuration_revision)
    }

    fn save_configuration(&self, _: &[StoredEntity], _: JudgedAnew) -> Result<u64, StateError> {
        Err(StateError::Database("a reader of the store cannot save a set-up".to_owned()))
    }
}

impl StateReader for SqliteStateReader {
    fn snapshot(&self) -> Result<Box<dyn StateReader>, StateError> {
        let connection = open(&self.path, Purpose::Reading)?;
        connection.execute_batch("BEGIN")?;
        // The transaction sees what is there at its first read.
        lookup::checkpoint(&connection)?;
        let snapshot = Some(Mutex::new(connection));
        Ok(Box::new(Self { path: self.path.clone(), idle: Mutex::new(Vec::new()), snapshot }))
    }

    fn checkpoint(&self) -> Result<Sequence, StateError> {
        self.with(lookup::checkpoint)
    }

    fn queue_length(&self) -> Result<u64, StateError> {
        self.with(listing::queue_length)
    }

    fn fact_counts(&self) -> Result<Vec<(BrandKey, EventKind, u64)>, StateError> {
        self.with(listing::fact_counts)
    }

    fn latest_facts(&self, brand: Option<&BrandKey>, limit: usize) -> Result<Vec<StoredFact>, StateError> {
        self.with(|connection| listing::latest_facts(connection, brand, limit))
    }

    fn facts_after(&self, after: Sequence, limit: usize) -> Result<Vec<StoredFact>, StateError> {
        self.with(|connection| listing::facts_after(connection, after, limit))
    }

    fn facts_by_event(&self, after: Option<EventId>, limit: usize) -> Result<Vec<StoredFact>, StateError> {
        self.with(|connection| listing::facts_by_event(connection, after, limit))
    }

    fn fact(&self, event: EventId) -> Result<Option<StoredFact>, StateError> {
        self.with(|connection| listing::fact(connection, event))
    }

    fn clusters_of_nodes(&self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
        self.with(|connection| lookup::clusters_of_nodes(connection, nodes))
    }

    fn cluster(&self, cluster: ClusterId) -> Result<ClusterContents, StateError> {
        self.with(|connection| lookup::contents(connection, cluster))
    }

    fn clusters(&self, clusters: &[ClusterId]) -> Result<Vec<ClusterContents>, StateError> {
        self.with(|connection| {
            clusters.iter().map(|cluster| lookup::contents(connection, *cluster)).collect()
        })
    }

    fn clusters_after(&self, after: ClusterId, limit: usize) -> Result<Vec<ClusterId>, StateError> {
        self.with(|connection| listing::clusters_after(connection, after, limit))
    }

    fn clusters_with_actions_after(
        &self,
        after: ClusterId,
        limit: usize,
    ) -> Result<Vec<ClusterId>, StateError> {
        self.with(|connection| listing::clusters_with_actions_after(connection, after, limit))
    }

    fn locked(&self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError> {
        self.with(|connection| lookup::locked(connection, lines))
    }

    fn conversions(
        &self,
        filter: &ConversionFilter,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(ClusterId, Conversion)>, StateError> {
        self.with(|connection| listing::conversions(connection, filter, after, limit))
    }

    fn latest_conversions(
        &self,
        brand: Option<&BrandKey>,
        limit: usize,
    ) -> Result<Vec<Conversion>, StateError> {
        self.with(|connection| listing::latest_conversions(connection, brand, limit))
    }

    fn conversion_counts(&self) -> Result<Vec<ConversionCount>, StateError> {
        self.with(counting::conversion_counts)
    }

    fn commissions(
        &self,
        brand: &BrandKey,
        after: Option<CommissionId>,
        limit: usize,
    ) -> Result<Vec<CommissionRow>, StateError> {
        self.with(|connection| listing::commissions(connection, brand, after, limit))
    }

    fn commission(&self, id: CommissionId) -> Result<Option<CommissionRow>, StateError> {
        self.with(|connection| listing::commission(connection, id))
    }

    fn commission_sums(&self) -> Result<Vec<CommissionSum>, StateError> {
        self.with(listing::commission_sums)
    }

    fn credit_sums(&self, brand: &BrandKey, period: Option<Period>) -> Result<Vec<CreditSum>, StateError> {
        self.with(|connection| listing::credit_sums(connection, brand, period))
    }

    fn payouts(&self, run: Option<&str>, limit: usize) -> Result<Vec<Payout>, StateError> {
        self.with(|connection| listing::payouts(connection, run, limit))
    }

    fn payout(&self, id: &str) -> Result<Option<Payout>, StateError> {
        self.with(|connection| lookup::payout(connection, id))
    }

    fn balances(&self) -> Result<Vec<(BrandKey, Account, Money)>, StateError> {
        self.with(listing::balances)
    }

    fn entries(&self, brand: &BrandKey, after: u64, limit: usize) -> Result<Vec<Entry>, StateError> {
        self.with(|connection| listing::entries(connection, brand, after, limit))
    }

    fn entries_of(&self, subject: &str) -> Result<Vec<Entry>, StateError> {
        self.with(|connection| listing::entries_of(connection, subject))
    }

    fn rollups(
        &self,
        after: Option<&RollupKey>,
        limit: usize,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
        self.with(|connection| listing::rollups(connection, after, limit))
    }
}
