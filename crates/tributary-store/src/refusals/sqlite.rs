//! Notes about refused requests in an SQLite file of their own, so that writing them never makes the log or the state wait.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, named_params, params};

use super::{
    Keep, RefusalError, RefusalFilter, RefusalStore, RefusedRequest, Row, StoredRefusal, at_most,
    fields_json, signed,
};
use crate::migrations::{Migration, MigrationError, apply_sqlite};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "refusals",
    sql: include_str!("../../migrations/sqlite/refusals/0001_refusals.sql"),
}];

/// How long one process waits for another's commit, which takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const INSERT: &str = "INSERT INTO refusal (received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const SELECT: &str = "SELECT number, received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes, \
    (SELECT json_group_array(value) FROM refusal_id WHERE refusal_id.number = refusal.number) AS ids FROM refusal \
    WHERE (:id IS NULL OR number IN (SELECT number FROM refusal_id WHERE value = :id)) \
    AND (:before IS NULL OR number < :before) AND (:brand IS NULL OR brand = :brand) \
    AND (:source IS NULL OR source = :source) AND (:reason IS NULL OR reason = :reason) \
    AND (:since IS NULL OR received_at >= :since) AND (:until IS NULL OR received_at < :until) \
    ORDER BY number DESC LIMIT :limit";

/// A file of notes.
pub struct SqliteRefusals {
    connection: Mutex<Connection>,
}

impl SqliteRefusals {
    /// Opens the file, creating and migrating it.
    ///
    /// # Errors
    /// [`RefusalError::Database`].
    pub fn open(path: &Path) -> Result<Self, RefusalError> {
        let mut connection = Connection::open(path).map_err(|error| {
            RefusalError::Database(format!("{} cannot be opened: {error}", path.display()))
        })?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        crate::write_ahead::switch_on(&connection)?;
        // Without a wait for the disk: a loss of power may cost the newest notes, never the file.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        // Notes hold nothing of anybody, and what is thrown away is gone all the same.
        connection.pragma_update(None, "secure_delete", "ON")?;
        apply_sqlite(&mut connection, "refusals", MIGRATIONS)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusalStore for SqliteRefusals {
    fn record(&self, requests: &[RefusedRequest], keep: Keep) -> Result<(), RefusalError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut insert_id = transaction
                .prepare_cached("INSERT OR IGNORE INTO refusal_id (value, number) VALUES (?1, ?2)")?;
            for request in requests {
                let number = insert.insert(params![
                    request.received_at.0,
                    request.way.name(),
                    request.brand.as_ref().map(tributary_domain::ids::BrandKey::as_str),
                    request.source,
                    request.proven,
                    request.reason.code(),
                    request.field,
                    fields_json(request),
                    signed(request.other_fields),
                    signed(request.bytes),
                ])?;
                for id in &request.ids {
                    insert_id.execute(params![id, number])?;
                }
            }
            transaction
                .prepare_cached("DELETE FROM refusal WHERE number <= (SELECT max(number) FROM refusal) - ?1")?
                .execute([signed(keep.most)])?;
            transaction
                .prepare_cached("DELETE FROM refusal WHERE received_at < ?1")?
                .execute([keep.since.0])?;
        }
        Ok(transaction.commit()?)
    }

    fn list(&self, filter: &RefusalFilter, limit: usize) -> Result<Vec<StoredRefusal>, RefusalError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(SELECT)?;
        let rows = statement.query_map(
            named_params! {
                ":id": filter.id,
                ":before": filter.before.map(signed),
                ":brand": filter.brand.as_ref().map(tributary_domain::ids::BrandKey::as_str),
                ":source": filter.source,
                ":reason": filter.reason.map(tributary_domain::reason::Reason::code),
                ":since": filter.since.map(|at| at.0),
                ":until": filter.until.map(|at| at.0),
                ":limit": at_most(limit),
            },
            |row| {
                Ok(Row {
                    number: row.get(0)?,
                    received_at: row.get(1)?,
                    way: row.get(2)?,
                    brand: row.get(3)?,
                    source: row.get(4)?,
                    proven: row.get(5)?,
                    reason: row.get(6)?,
                    field: row.get(7)?,
                    fields: row.get(8)?,
                    other_fields: row.get(9)?,
                    bytes: row.get(10)?,
                    ids: row.get(11)?,
                })
            },
        )?;
        rows.map(|row| row?.read()).collect()
    }
}

impl From<rusqlite::Error> for RefusalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<MigrationError> for RefusalError {
    fn from(error: MigrationError) -> Self {
        Self::Database(error.to_string())
    }
}
