//! The key store in an SQLite file of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::keys::KeyError;
use crate::keys::store::{KeyStore, NewKey, StoredKey};
use crate::migrations::{Migration, MigrationError, apply_sqlite};

const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "keys", sql: include_str!("../../migrations/sqlite/keys/0001_keys.sql") }];

/// How long one process waits for another's commit, which takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Pages of 4 KiB after which the write-ahead log is copied into the file: 16 MiB. New keys stand at random places.
const CHECKPOINT_PAGES: u32 = 4000;

/// The database's clock in microseconds since 1970.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// A file of keys.
pub(super) struct SqliteKeys {
    connection: Connection,
    path: PathBuf,
}

impl SqliteKeys {
    /// Opens the file, creating and migrating it.
    pub(super) fn open(path: &Path) -> Result<Self, KeyError> {
        let mut connection = Connection::open(path)
            .map_err(|error| KeyError::Database(format!("{} cannot be opened: {error}", path.display())))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        crate::write_ahead::switch_on(&connection)?;
        // A key must survive a loss of power before it is used, and must not survive its destruction in a free page.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.pragma_update(None, "cache_size", -16 * 1024)?;
        apply_sqlite(&mut connection, "keys", MIGRATIONS)?;
        crate::write_ahead::checkpoint_beside(&mut connection, path, CHECKPOINT_PAGES)?;
        Ok(Self { connection, path: path.to_owned() })
    }
}

impl KeyStore for SqliteKeys {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn is_empty(&mut self) -> Result<bool, KeyError> {
        Ok(self
            .connection
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM sealing_key)", [], |row| row.get(0))?)
    }

    fn newest(&mut self, names: &[Vec<u8>]) -> Result<Vec<Option<StoredKey>>, KeyError> {
        let transaction = self.connection.transaction()?;
        let mut statement = transaction.prepare_cached(
            "SELECT generation, wrapped FROM sealing_key WHERE name = ?1 ORDER BY generation DESC LIMIT 1",
        )?;
        let row = |row: &rusqlite::Row<'_>| Ok(StoredKey { generation: row.get(0)?, wrapped: row.get(1)? });
        names.iter().map(|name| Ok(statement.query_row([name], row).optional()?)).collect()
    }

    fn find(&mut self, name: &[u8], generation: u16) -> Result<Option<StoredKey>, KeyError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT wrapped FROM sealing_key WHERE name = ?1 AND generation = ?2")?;
        let found = statement.query_row(params![name, generation], |row| row.get(0)).optional()?;
        Ok(found.map(|wrapped| StoredKey { generation, wrapped }))
    }

    fn insert(&mut self, keys: &[NewKey]) -> Result<Vec<bool>, KeyError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let inserted = {
            let mut statement = transaction.prepare_cached(&format!(
                "INSERT INTO sealing_key (name, generation, wrapped, created_at) VALUES (?1, ?2, ?3, {NOW}) \
                 ON CONFLICT DO NOTHING"
            ))?;
            keys.iter()
                .map(|key| Ok(statement.execute(params![key.name, key.generation, key.wrapped])? == 1))
                .collect::<Result<Vec<bool>, rusqlite::Error>>()?
        };
        transaction.commit()?;
        Ok(inserted)
    }

    fn destroy(&mut self, name: &[u8]) -> Result<bool, KeyError> {
        let destroyed = self.connection.execute(
            &format!("UPDATE sealing_key SET wrapped = NULL, destroyed_at = {NOW} WHERE name = ?1 AND wrapped IS NOT NULL"),
            [name],
        )?;
        // The write-ahead log still holds the page with the key: empty it, also when nothing was found, because then an earlier call may
        // have failed here. It waits for other processes that read at this moment.
        if crate::write_ahead::empty(&self.connection, BUSY_TIMEOUT)? {
            return Ok(destroyed > 0);
        }
        Err(KeyError::Database("another process reads without end; repeat the destruction later".to_owned()))
    }

    fn lately_destroyed(&mut self) -> Result<Vec<Vec<u8>>, KeyError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT name FROM sealing_key WHERE destroyed_at IS NOT NULL AND destroyed_at >= {NOW} - 600000000"
        ))?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

impl From<rusqlite::Error> for KeyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<MigrationError> for KeyError {
    fn from(error: MigrationError) -> Self {
        Self::Database(error.to_string())
    }
}
