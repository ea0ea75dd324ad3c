//! The set-up: read by the edge, written by `apply` beside a running engine.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior, params};
use tributary_domain::time::Timestamp;

use super::connection::{Purpose, open};
use super::{lookup, rows};
use crate::state::{ConfigurationStore, JudgedAnew, StateError, StoredEntity};

/// The set-up in the same file as derived state, on a connection of its own. Its transactions are short: reading never waits,
/// and saving waits at most for the engine's commit under way.
#[derive(Debug)]
pub struct SqliteConfigurationStore {
    connection: Mutex<Connection>,
}

impl SqliteConfigurationStore {
    /// Opens the store at `path`, creating and migrating it. An engine may run on it.
    ///
    /// # Errors
    /// [`StateError::Database`] when the file cannot be opened or migrated.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        Ok(Self { connection: Mutex::new(open(path, Purpose::SetUp)?) })
    }

    /// The same in a file for a rebuild, before [`super::SqliteStateWriter::open_scratch`] opens it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_scratch(path: &Path) -> Result<Self, StateError> {
        Ok(Self { connection: Mutex::new(open(path, Purpose::Scratch)?) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        // A panic elsewhere leaves no half-done work: an open transaction is rolled back when it is dropped.
        work(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ConfigurationStore for SqliteConfigurationStore {
    fn load_configuration(&self) -> Result<(u64, Vec<StoredEntity>), StateError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            load(&transaction)
        })
    }

    fn configuration_revision(&self) -> Result<u64, StateError> {
        self.with(|connection| lookup::configuration_revision(connection))
    }

    fn save_configuration(&self, entities: &[StoredEntity], anew: JudgedAnew) -> Result<u64, StateError> {
        self.with(|connection| save(connection, entities, anew))
    }
}

/// The revision and every entity version, in order of their key.
pub(super) fn load(connection: &Connection) -> Result<(u64, Vec<StoredEntity>), StateError> {
    let revision = lookup::configuration_revision(connection)?;
    let entities = lookup::all(
        connection,
        "SELECT kind, brand, key, effective_from, body, applied_at FROM entity ORDER BY kind, brand, key, effective_from",
        [],
        |row| {
            Ok(StoredEntity {
                kind: row.get(0)?,
                brand: row.get(1)?,
                key: row.get(2)?,
                effective_from: Timestamp(row.get(3)?),
                body: rows::blob(row, 4)?.to_vec(),
                applied_at: Timestamp(row.get(5)?),
            })
        },
    )?;
    Ok((revision, entities))
}

fn save(connection: &mut Connection, entities: &[StoredEntity], anew: JudgedAnew) -> Result<u64, StateError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO entity (kind, brand, key, effective_from, body, applied_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (kind, brand, key, effective_from) \
             DO UPDATE SET body = excluded.body, applied_at = excluded.applied_at",
        )?;
        for entity in entities {
            put.execute(params![
                entity.kind,
                entity.brand,
                entity.key,
                entity.effective_from.0,
                entity.body,
                entity.applied_at.0
            ])?;
        }
    }
    // The queue holds clusters of today only; see `cluster_alias`.
    transaction.execute(
        "INSERT OR IGNORE INTO resettle_queue (cluster) SELECT COALESCE(a.target, f.cluster) FROM fact f \
         LEFT JOIN cluster_alias a ON a.source = f.cluster WHERE f.is_action = 1 AND f.occurred_at >= ?1",
        [anew.actions_from.0],
    )?;
    if anew.touches_from != JudgedAnew::NEVER {
        transaction.execute(
            "INSERT INTO touch_recount (id, since) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET since = MIN(since, excluded.since)",
            [anew.touches_from.0],
        )?;
    }
    let revision = lookup::configuration_revision(&transaction)? + 1;
    transaction
        .execute("UPDATE configuration_revision SET revision = ?1", [rows::stored_number(revision)?])?;
    transaction.commit()?;
    Ok(revision)
}
