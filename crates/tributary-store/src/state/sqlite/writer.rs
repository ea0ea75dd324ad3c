//! The engine's side: look up, then commit.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, params};
use tributary_domain::fact::Fact;
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::time::Timestamp;

use super::connection::{EngineLock, Purpose, open};
use super::{commit, lookup, rows};
use crate::log::Sequence;
use crate::state::{
    ChainHead, ClusterContents, ClusterId, Commit, Payout, RollupKey, RollupMeasures, StateError, StateWriter,
};

/// The one writer of a store. It holds the store's lock as long as it lives.
#[derive(Debug)]
pub struct SqliteStateWriter {
    connection: Connection,
    /// A scratch store keeps one transaction open over all its commits.
    scratch: bool,
    /// A commit of a scratch store failed half way, and nothing takes it back.
    broken: bool,
    _lock: EngineLock,
}

impl SqliteStateWriter {
    /// Opens the store at `path`, creating and migrating it, and takes its lock (`path` and `.lock`).
    ///
    /// # Errors
    /// [`StateError::InUse`] when another engine runs on it, also in another process; [`StateError::Database`] when the file cannot
    /// be opened or migrated.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        Self::open_for(path, Purpose::Engine)
    }

    /// The same for a rebuild into a file of its own: faster, because it has no journal, nothing waits for the disk, and pages that many
    /// commits change are written once: nobody can read it before [`StateWriter::flush`]. After a loss of power, or a commit that failed,
    /// such a file is worth nothing. Nobody else may write it meanwhile.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_scratch(path: &Path) -> Result<Self, StateError> {
        Self::open_for(path, Purpose::Scratch)
    }

    fn open_for(path: &Path, purpose: Purpose) -> Result<Self, StateError> {
        let lock = EngineLock::take(path)?;
        Ok(Self {
            connection: open(path, purpose)?,
            scratch: purpose == Purpose::Scratch,
            broken: false,
            _lock: lock,
        })
    }

    /// Lets one moment of the store be looked at, with one lock for all statements.
    fn look<T>(&mut self, look: impl FnOnce(&Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        if self.scratch {
            self.begin()?;
            return look(&self.connection);
        }
        look(&*self.connection.transaction()?)
    }

    /// Begins the transaction of a scratch store, unless it is open.
    fn begin(&self) -> Result<(), StateError> {
        if self.broken {
            return Err(StateError::Database(
                "a commit failed; a scratch store is worth nothing then".to_owned(),
            ));
        }
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN EXCLUSIVE")?;
        }
        Ok(())
    }
}

impl StateWriter for SqliteStateWriter {
    fn checkpoint(&mut self) -> Result<Sequence, StateError> {
        lookup::checkpoint(&self.connection)
    }

    fn known_events(&mut self, events: &[EventId]) -> Result<HashSet<EventId>, StateError> {
        self.look(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM fact WHERE event_id = ?1")?;
            let mut known = HashSet::new();
            for event in events {
                if statement.exists([&event.0[..]])? {
                    known.insert(*event);
                }
            }
            Ok(known)
        })
    }

    fn clusters_of_nodes(&mut self, nodes: &[NodeKey]) -> Result<HashMap<NodeKey, ClusterId>, StateError> {
        self.look(|connection| lookup::clusters_of_nodes(connection, nodes))
    }

    fn clusters_of_commissions(
        &mut self,
        lines: &[CommissionId],
    ) -> Result<HashMap<CommissionId, ClusterId>, StateError> {
        self.look(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT COALESCE(a.target, c.cluster) FROM commission c \
                 LEFT JOIN cluster_alias a ON a.source = c.cluster WHERE c.id = ?1",
            )?;
            let mut clusters = HashMap::with_capacity(lines.len());
            for line in lines {
                if let Some(row) = statement.query([&line.0.0[..]])?.next()? {
                    clusters.insert(*line, rows::cluster(row, 0)?);
                }
            }
            Ok(clusters)
        })
    }

    fn with_conversions(&mut self, clusters: &[ClusterId]) -> Result<HashSet<ClusterId>, StateError> {
        self.look(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM fact WHERE cluster = ?1 AND is_action = 1) \
                 OR EXISTS (SELECT 1 FROM cluster_alias a CROSS JOIN fact f ON f.cluster = a.source AND f.is_action = 1 \
                            WHERE a.target = ?1)",
            )?;
            let mut with = HashSet::new();
            for cluster in clusters {
                let today = lookup::cluster_of_today(connection, rows::stored_number(cluster.0)?)?;
                if statement.query_row([today], |row| row.get(0))? {
                    with.insert(*cluster);
                }
            }
            Ok(with)
        })
    }

    fn load_clusters(
        &mut self,
        clusters: &[ClusterId],
    ) -> Result<HashMap<ClusterId, ClusterContents>, StateError> {
        self.look(|connection| {
            clusters.iter().map(|cluster| Ok((*cluster, lookup::contents(connection, *cluster)?))).collect()
        })
    }

    fn locked(&mut self, lines: &[CommissionId]) -> Result<HashMap<CommissionId, i64>, StateError> {
        self.look(|connection| lookup::locked(connection, lines))
    }

    fn payouts(&mut self, ids: &[String]) -> Result<HashMap<String, Payout>, StateError> {
        self.look(|connection| {
            let mut payouts = HashMap::with_capacity(ids.len());
            for id in ids {
                if let Some(payout) = lookup::payout(connection, id)? {
                    payouts.insert(id.clone(), payout);
                }
            }
            Ok(payouts)
        })
    }

    fn chain_heads(&mut self) -> Result<HashMap<BrandKey, ChainHead>, StateError> {
        // From brand to brand by the primary key: as many steps as brands, however long the books are.
        let heads = lookup::all(
            &self.connection,
            "WITH RECURSIVE brands (brand) AS (SELECT MIN(brand) FROM ledger_entry UNION ALL \
                 SELECT (SELECT MIN(e.brand) FROM ledger_entry e WHERE e.brand > brands.brand) FROM brands \
                 WHERE brands.brand IS NOT NULL) \
             SELECT e.brand, e.number, e.hash FROM brands CROSS JOIN ledger_entry e \
             ON e.brand = brands.brand AND e.number = (SELECT MAX(number) FROM ledger_entry WHERE brand = brands.brand)",
            [],
            |row| {
                Ok((
                    rows::brand(row, 0)?,
                    ChainHead { number: rows::number(row, 1)?, hash: rows::array(row, 2)? },
                ))
            },
        )?;
        Ok(heads.into_iter().collect())
    }

    fn queued(&mut self, limit: usize) -> Result<Vec<ClusterId>, StateError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT cluster FROM resettle_queue ORDER BY cluster LIMIT ?1";
        lookup::all(&self.connection, sql, [limit], |row| rows::cluster(row, 0))
    }

    fn touches_to_recount(&mut self) -> Result<Option<Timestamp>, StateError> {
        lookup::first(&self.connection, "SELECT since FROM touch_recount", [], |row| {
            Ok(Timestamp(row.get(0)?))
        })
    }

    fn touches(&mut self, after: EventId, before: EventId, limit: usize) -> Result<Vec<Fact>, StateError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        lookup::all(
            &self.connection,
            "SELECT body FROM fact WHERE event_id > ?1 AND event_id < ?2 AND kind IN ('click', 'impression') \
             ORDER BY event_id LIMIT ?3",
            params![&after.0[..], &before.0[..], limit],
            |row| rows::fact(row, 0),
        )
    }

    fn rollups_of(
        &mut self,
        brand: &BrandKey,
        hour: Timestamp,
    ) -> Result<Vec<(RollupKey, RollupMeasures)>, StateError> {
        lookup::all(
            &self.connection,
            "SELECT brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, qualifications_ppm, \
             conversions_ppm, value, refunded, commission FROM rollup WHERE brand = ?1 AND hour = ?2",
            params![brand.as_str(), hour.0],
            rows::rollup,
        )
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StateError> {
        if self.scratch {
            self.begin()?;
            // Until it is whole: a panic leaves half of it too.
            self.broken = true;
            commit::write(&self.connection, commit)?;
            self.broken = false;
            return Ok(());
        }
        commit::apply(&mut self.connection, commit)
    }

    fn flush(&mut self) -> Result<(), StateError> {
        if self.scratch {
            self.begin()?;
        }
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }
}
