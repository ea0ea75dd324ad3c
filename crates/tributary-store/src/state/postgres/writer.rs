//! The engine's side: look up, then commit.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use tributary_domain::fact::Fact;
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::time::Timestamp;

use super::connection::{self, Purpose};
use super::rows::{self, Id, stored_clusters, stored_limit};
use super::{commit, lookup};
use crate::log::Sequence;
use crate::postgres_connection::{Driver, Session};
use crate::state::{
    ChainHead, ClusterContents, ClusterId, Commit, Payout, RollupKey, RollupMeasures, StateError, StateWriter,
};

/// How long opening waits for the lock: the server may still be finishing the last commit of an engine that has just been killed.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// The one writer of a store. It holds an advisory lock of the database as long as its connection lives.
///
/// When the connection breaks, the call under way fails and the next one connects again. A commit whose answer was lost may have been
/// applied: the checkpoint tells, and [`Commit::expected_checkpoint`] keeps it from being applied twice.
pub struct PostgresStateWriter {
    driver: Driver,
    session: Option<Session>,
}

impl fmt::Debug for PostgresStateWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStateWriter")
            .field("connected", &self.session.is_some())
            .finish_non_exhaustive()
    }
}

impl PostgresStateWriter {
    /// Connects to the server of `url` (`postgres://user@host/database`), migrates the database and takes the engine's lock.
    ///
    /// # Errors
    /// [`StateError::InUse`] when another engine runs on it, on any machine; [`StateError::Database`] when the server cannot be reached
    /// or the database cannot be migrated.
    pub fn open(url: &str) -> Result<Self, StateError> {
        Self::open_within(url, LOCK_PATIENCE)
    }

    /// As [`Self::open`], for commands that run beside an engine: they are refused at once while another one runs. A starting engine
    /// waits a moment instead, because the lock of one that was killed is freed with its connection.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_if_free(url: &str) -> Result<Self, StateError> {
        Self::open_within(url, Duration::ZERO)
    }

    fn open_within(url: &str, patience: Duration) -> Result<Self, StateError> {
        let driver = connection::start(url, Purpose::Engine)?;
        let deadline = Instant::now() + patience;
        loop {
            match connect(&driver) {
                Err(StateError::InUse(_)) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50))
                }
                Err(error) => return Err(error),
                Ok(session) => return Ok(Self { driver, session: Some(session) }),
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session, StateError> {
        if self.session.as_ref().is_some_and(Session::is_closed) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(connect(&self.driver)?)),
        }
    }
}

/// Connects as the engine and takes its lock.
fn connect(driver: &Driver) -> Result<Session, StateError> {
    let mut session = driver.connect(Purpose::Engine.settings())?;
    // Held by the connection: the server gives it back when the connection ends, however it ends. One number stands for the engine, the
    // other for the schema, so that two stores may lie in one database.
    let taken = session.rows(
        "SELECT pg_try_advisory_lock(1953652322, current_schema()::regnamespace::oid::integer), \
         current_database() || '.' || current_schema()",
        Vec::new(),
    )?;
    match taken.first() {
        Some(row) if row.try_get::<_, bool>(0)? => Ok(session),
        Some(row) => Err(StateError::InUse(format!("PostgreSQL database {}", rows::text(row, 1)?))),
        None => Err(StateError::Database("the engine's lock gave no answer".to_owned())),
    }
}

impl StateWriter for PostgresStateWriter {
    fn checkpoint(&mut self) -> Result<Sequence, StateError> {
        lookup::checkpoint(self.session()?)
    }

    fn known_events(&mut self, events: &[EventId]) -> Result<HashSet<EventId>, StateError> {
        if events.is_empty() {
            return Ok(HashSet::new());
        }
        let events: Vec<Id> = events.iter().map(|event| Id::from(*event)).collect();
        let found =
            self.session()?.rows("SELECT event_id FROM fact WHERE event_id = ANY ($1)", vec![&events])?;
        found.iter().map(|row| rows::event(row, 0)).collect()
    }

    fn clusters_of_nodes(&mut self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
        lookup::clusters_of_nodes(self.session()?, nodes)
    }

    fn clusters_of_commissions(
        &mut self,
        lines: &[CommissionId],
    ) -> Result<HashMap<CommissionId, ClusterId>, StateError> {
        if lines.is_empty() {
            return Ok(HashMap::new());
        }
        let lines: Vec<Id> = lines.iter().map(|line| Id::from(*line)).collect();
        let found = self.session()?.rows(
            "SELECT c.id, COALESCE(a.target, c.cluster) FROM commission c LEFT JOIN cluster_alias a ON a.source = c.cluster \
             WHERE c.id = ANY ($1)",
            vec![&lines],
        )?;
        found.iter().map(|row| Ok((CommissionId(rows::event(row, 0)?), rows::cluster(row, 1)?))).collect()
    }

    fn with_conversions(&mut self, clusters: &[ClusterId]) -> Result<HashSet<ClusterId>, StateError> {
        let asked = stored_clusters(clusters);
        if asked.is_empty() {
            return Ok(HashSet::new());
        }
        let found = self.session()?.rows(
            "SELECT t.asked FROM ( \
                 SELECT u.asked, COALESCE(a.target, u.asked) AS cluster FROM unnest($1::bigint[]) AS u (asked) \
                 LEFT JOIN cluster_alias a ON a.source = u.asked) t \
             WHERE EXISTS (SELECT FROM fact f WHERE f.cluster = t.cluster AND f.is_action) \
             OR EXISTS (SELECT FROM cluster_alias a JOIN fact f ON f.cluster = a.source AND f.is_action WHERE a.target = t.cluster)",
            vec![&asked],
        )?;
        found.iter().map(|row| rows::cluster(row, 0)).collect()
    }

    fn load_clusters(
        &mut self,
        clusters: &[ClusterId],
    ) -> Result<HashMap<ClusterId, ClusterContents>, StateError> {
        lookup::contents(self.session()?, clusters)
    }

    fn locked(&mut self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError> {
        lookup::locked(self.session()?, lines)
    }

    fn payouts(&mut self, ids: &[String]) -> Result<HashMap<String, Payout>, StateError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = lookup::payouts(self.session()?, &ids)?;
        Ok(found.into_iter().map(|payout| (payout.plan.payout.0.to_string(), payout)).collect())
    }

    fn chain_heads(&mut self) -> Result<HashMap<BrandKey, ChainHead>, StateError> {
        // From brand to brand by the primary key: as many steps as brands, however long the books are.
        let found = self.session()?.rows(
            "WITH RECURSIVE brands (brand) AS ( \
                 (SELECT brand FROM ledger_entry ORDER BY brand LIMIT 1) \
                 UNION ALL \
                 SELECT (SELECT e.brand FROM ledger_entry e WHERE e.brand > b.brand ORDER BY e.brand LIMIT 1) FROM brands b \
                 WHERE b.brand IS NOT NULL) \
             SELECT e.brand, e.number, e.hash FROM brands b CROSS JOIN LATERAL ( \
                 SELECT brand, number, hash FROM ledger_entry WHERE brand = b.brand ORDER BY number DESC LIMIT 1) e",
            Vec::new(),
        )?;
        let head = |row| {
            Ok((rows::brand(row, 0)?, ChainHead { number: rows::number(row, 1)?, hash: rows::hash(row, 2)? }))
        };
        found.iter().map(head).collect()
    }

    fn queued(&mut self, limit: usize) -> Result<Vec<ClusterId>, StateError> {
        let sql = "SELECT cluster FROM resettle_queue ORDER BY cluster LIMIT $1";
        let found = self.session()?.rows(sql, vec![&stored_limit(limit)])?;
        found.iter().map(|row| rows::cluster(row, 0)).collect()
    }

    fn touches_to_recount(&mut self) -> Result<Option<Timestamp>, StateError> {
        let found = self.session()?.rows("SELECT since FROM touch_recount", Vec::new())?;
        found.first().map(|row| Ok(Timestamp(row.try_get(0)?))).transpose()
    }

    fn touches(&mut self, after: EventId, before: EventId, limit: usize) -> Result<Vec<Fact>, StateError> {
        let found = self.session()?.rows(
            "SELECT body FROM fact WHERE event_id > $1 AND event_id < $2 AND kind IN ('click', 'impression') \
             ORDER BY event_id LIMIT $3",
            vec![&Id::from(after), &Id::from(before), &stored_limit(limit)],
        )?;
        found.iter().map(|row| rows::fact(row, 0)).collect()
    }

    fn rollups_of(
        &mut self,
        brand: &BrandKey,
        hour: Timestamp,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
        let found = self.session()?.rows(
            "SELECT brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, qualifications_ppm, \
             conversions_ppm, value, refunded, commission FROM rollup WHERE brand = $1 AND hour = $2",
            vec![&brand.as_str(), &hour.0],
        )?;
        found.iter().map(rows::rollup).collect()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StateError> {
        commit::apply(self.session()?, commit)
    }
}
