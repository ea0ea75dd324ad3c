//! What pages, reports and audits read: a small pool of connections that cannot write.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tributary_domain::fact::EventKind;
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Money;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Period;

use super::connection::{self, Purpose};
use super::{configuration, listing, lookup};
use crate::log::Sequence;
use crate::postgres_connection::{Driver, Session};
use crate::state::{
    ClusterContents, ClusterId, CommissionRow, CommissionSum, ConfigurationStore, ConversionCount,
    ConversionFilter, CreditSum, JudgedAnew, Payout, RollupKey, RollupMeasures, StateError, StateReader,
    StoredEntity, StoredFact,
};

/// Connections that are kept open between calls.
const KEPT_OPEN: usize = 4;

/// Reads beside the engine, from this process or another machine. Every call sees one whole commit.
pub struct PostgresStateReader {
    driver: Arc<Driver>,
    idle: Mutex<Vec<Session>>,
    /// Of a snapshot: the connection whose transaction holds it.
    snapshot: Option<Mutex<Session>>,
}

impl fmt::Debug for PostgresStateReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStateReader").finish_non_exhaustive()
    }
}

impl PostgresStateReader {
    /// Connects to the server of `url`, whose database an engine or a set-up has migrated.
    ///
    /// # Errors
    /// [`StateError::Database`] when the server cannot be reached, or its database is not at this build's migrations.
    pub fn open(url: &str) -> Result<Self, StateError> {
        let driver = Arc::new(connection::start(url, Purpose::Reading)?);
        let first = driver.connect(Purpose::Reading.settings())?;
        Ok(Self { driver, idle: Mutex::new(vec![first]), snapshot: None })
    }

    /// Runs `work` on a connection of the pool; in a snapshot, on its own. One that failed is not used again.
    fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, StateError>) -> Result<T, StateError> {
        if let Some(snapshot) = &self.snapshot {
            return work(&mut snapshot.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| !session.is_closed());
        let kept = idle.pop();
        drop(idle);
        let mut session = match kept {
            Some(session) => session,
            None => self.driver.connect(Purpose::Reading.settings())?,
        };
        let answer = work(&mut session)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_OPEN {
            idle.push(session);
        }
        Ok(answer)
    }
}

impl ConfigurationStore for PostgresStateReader {
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

impl StateReader for PostgresStateReader {
    fn snapshot(&self) -> Result<Box<dyn StateReader>, StateError> {
        let mut session = self.driver.connect(Purpose::Reading.settings())?;
        session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        // The transaction sees what is there at its first statement.
        lookup::checkpoint(&mut session)?;
        let snapshot = Some(Mutex::new(session));
        Ok(Box::new(Self { driver: self.driver.clone(), idle: Mutex::new(Vec::new()), snapshot }))
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
        self.with(|session| listing::latest_facts(session, brand, limit))
    }

    fn facts_after(&self, after: Sequence, limit: usize) -> Result<Vec<StoredFact>, StateError> {
        self.with(|session| listing::facts_after(session, after, limit))
    }

    fn facts_by_event(&self, after: Option<EventId>, limit: usize) -> Result<Vec<StoredFact>, StateError> {
        self.with(|session| listing::facts_by_event(session, after, limit))
    }

    fn fact(&self, event: EventId) -> Result<Option<StoredFact>, StateError> {
        self.with(|session| listing::fact(session, event))
    }

    fn clusters_of_nodes(&self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
        self.with(|session| lookup::clusters_of_nodes(session, nodes))
    }

    fn cluster(&self, cluster: ClusterId) -> Result<ClusterContents, StateError> {
        let mut contents = self.with(|session| lookup::contents(session, &[cluster]))?;
        Ok(contents.remove(&cluster).unwrap_or_default())
    }

    fn clusters(&self, clusters: &[ClusterId]) -> Result<Vec<ClusterContents>, StateError> {
        let mut contents = self.with(|session| lookup::contents(session, clusters))?;
        Ok(clusters.iter().map(|cluster| contents.remove(cluster).unwrap_or_default()).collect())
    }

    fn clusters_after(&self, after: ClusterId, limit: usize) -> Result<Vec<ClusterId>, StateError> {
        self.with(|session| listing::clusters_after(session, after, limit))
    }

    fn clusters_with_actions_after(
        &self,
        after: ClusterId,
        limit: usize,
    ) -> Result<Vec<ClusterId>, StateError> {
        self.with(|session| listing::clusters_with_actions_after(session, after, limit))
    }

    fn locked(&self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError> {
        self.with(|session| lookup::locked(session, lines))
    }

    fn conversions(
        &self,
        filter: &ConversionFilter,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(ClusterId, Conversion)>, StateError> {
        self.with(|session| listing::conversions(session, filter, after, limit))
    }

    fn latest_conversions(
        &self,
        brand: Option<&BrandKey>,
        limit: usize,
    ) -> Result<Vec<Conversion>, StateError> {
        self.with(|session| listing::latest_conversions(session, brand, limit))
    }

    fn conversion_counts(&self) -> Result<Vec<ConversionCount>, StateError> {
        self.with(listing::conversion_counts)
    }

    fn commissions(
        &self,
        brand: &BrandKey,
        after: Option<CommissionId>,
        limit: usize,
    ) -> Result<Vec<CommissionRow>, StateError> {
        self.with(|session| listing::commissions(session, brand, after, limit))
    }

    fn commission(&self, id: CommissionId) -> Result<Option<CommissionRow>, StateError> {
        self.with(|session| listing::commission(session, id))
    }

    fn commission_sums(&self) -> Result<Vec<CommissionSum>, StateError> {
        self.with(listing::commission_sums)
    }

    fn credit_sums(&self, brand: &BrandKey, period: Option<Period>) -> Result<Vec<CreditSum>, StateError> {
        self.with(|session| listing::credit_sums(session, brand, period))
    }

    fn payouts(&self, run: Option<&str>, limit: usize) -> Result<Vec<Payout>, StateError> {
        self.with(|session| listing::payouts(session, run, limit))
    }

    fn payout(&self, id: &str) -> Result<Option<Payout>, StateError> {
        self.with(|session| Ok(lookup::payouts(session, &[id])?.pop()))
    }

    fn balances(&self) -> Result<Vec<(BrandKey, Account, Money)>, StateError> {
        self.with(listing::balances)
    }

    fn entries(&self, brand: &BrandKey, after: u64, limit: usize) -> Result<Vec<Entry>, StateError> {
        self.with(|session| listing::entries(session, brand, after, limit))
    }

    fn entries_of(&self, subject: &str) -> Result<Vec<Entry>, StateError> {
        self.with(|session| listing::entries_of(session, subject))
    }

    fn rollups(
        &self,
        after: Option<&RollupKey>,
        limit: usize,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
        self.with(|session| listing::rollups(session, after, limit))
    }
}
