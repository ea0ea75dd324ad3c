//! Applies numbered SQL files, each once, each in a transaction; refuses a database that a newer build has written.
//!
//! Files lie in `migrations/{sqlite,postgres}/{area}/NNNN_name.sql`, in pairs of the same number and name, and are compiled in.
//! What was applied is recorded in the table `migration`, with a checksum: a file that was released is never edited again.

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// One migration.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number in its area, from 1 without gaps.
    pub number: i64,
    /// Its name, as in the file's.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

impl Migration {
    /// What tells that the text was changed: SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

/// Why a database was not brought up to date.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// A newer build has been here.
    #[error(
        "area `{area}` is at migration {found}, this build knows {known}: use the newer build, or restore the backup made before it"
    )]
    Newer {
        /// Which part of the storage.
        area: String,
        /// Newest migration found.
        found: i64,
        /// Newest migration of this build.
        known: i64,
    },
    /// An applied migration is not the one in this build.
    #[error("migration {number} of area `{area}` was applied with another text than this build has")]
    Changed {
        /// Which part of the storage.
        area: String,
        /// Its number.
        number: i64,
    },
    /// The database failed.
    #[error("migrations of area `{area}`: {problem}")]
    Sql {
        /// Which part of the storage.
        area: String,
        /// What it said.
        problem: String,
    },
    /// The file is damaged or is not a database.
    #[error("{0}")]
    Damaged(String),
}

/// The table of applied migrations in PostgreSQL.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (area TEXT NOT NULL, number BIGINT NOT NULL, \
    name TEXT NOT NULL, checksum TEXT NOT NULL, \
    applied_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT, PRIMARY KEY (area, number))";

const SQLITE_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (area TEXT NOT NULL, number INTEGER NOT NULL, \
    name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (area, number)) STRICT";

/// Brings an area of a SQLite file up to date and answers how many migrations were applied.
///
/// # Errors
/// [`MigrationError`]; the file is then as the last migration that succeeded left it.
pub fn apply_sqlite(
    connection: &mut Connection,
    area: &str,
    migrations: &[Migration],
) -> Result<usize, MigrationError> {
    let failed = |error: rusqlite::Error| sqlite_error(area, &error);
    // The usual start finds everything applied and then writes nothing, so that it waits for no other writer.
    if pending(area, &applied_sqlite(connection, area)?, migrations)?.is_empty() {
        return Ok(0);
    }
    let mut count = 0;
    loop {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        transaction.execute_batch(SQLITE_TABLE).map_err(failed)?;
        // Looked up again inside the transaction: another process may have been quicker.
        let applied = applied_sqlite(&transaction, area)?;
        let Some(next) = pending(area, &applied, migrations)?.first().copied() else {
            return transaction.commit().map(|()| count).map_err(failed);
        };
        transaction.execute_batch(next.sql).map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO migration VALUES (?1, ?2, ?3, ?4, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
                (area, next.number, next.name, next.checksum()),
            )
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        count += 1;
    }
}

/// Checks that a SQLite file is exactly at this build's migrations, without writing: for readers.
///
/// # Errors
/// [`MigrationError`] when it is newer, older or was migrated with another text.
pub fn check_sqlite(
    connection: &Connection,
    area: &str,
    migrations: &[Migration],
) -> Result<(), MigrationError> {
    match pending(area, &applied_sqlite(connection, area)?, migrations)?.first() {
        None => Ok(()),
        Some(next) => Err(MigrationError::Sql {
            area: area.to_owned(),
            problem: format!(
                "migration {} `{}` is not applied yet; run `tributary migrate`",
                next.number, next.name
            ),
        }),
    }
}

fn applied_sqlite(connection: &Connection, area: &str) -> Result<Vec<(i64, String)>, MigrationError> {
    let failed = |error: rusqlite::Error| sqlite_error(area, &error);
    let exists: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'migration')", [], |row| {
            row.get(0)
        })
        .map_err(failed)?;
    if !exists {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare("SELECT number, checksum FROM migration WHERE area = ?1").map_err(failed)?;
    let rows = statement.query_map([area], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn sqlite_error(area: &str, error: &rusqlite::Error) -> MigrationError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            MigrationError::Damaged(error.to_string())
        }
        _ => MigrationError::Sql { area: area.to_owned(), problem: error.to_string() },
    }
}

/// The migrations that are still to be applied, in order, after proving that those applied (number and checksum) are ours.
///
/// # Errors
/// [`MigrationError::Newer`] and [`MigrationError::Changed`].
pub(crate) fn pending<'m>(
    area: &str,
    applied: &[(i64, String)],
    migrations: &'m [Migration],
) -> Result<Vec<&'m Migration>, MigrationError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    let found = applied.iter().map(|(number, _)| *number).max().unwrap_or(0);
    if found > known {
        return Err(MigrationError::Newer { area: area.to_owned(), found, known });
    }
    let mut missing = Vec::new();
    for migration in migrations {
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => {
                return Err(MigrationError::Changed { area: area.to_owned(), number: migration.number });
            }
            None => missing.push(migration),
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration =
        Migration { number: 1, name: "first", sql: "CREATE TABLE one (a INTEGER) STRICT" };
    const SECOND: Migration =
        Migration { number: 2, name: "second", sql: "CREATE TABLE two (a INTEGER) STRICT" };

    #[test]
    fn each_migration_is_applied_once_and_a_newer_or_edited_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(check_sqlite(&connection, "a", &[FIRST]).is_err());
        assert_eq!(apply_sqlite(&mut connection, "a", &[FIRST]).unwrap(), 1);
        assert_eq!(apply_sqlite(&mut connection, "a", &[FIRST, SECOND]).unwrap(), 1);
        assert_eq!(apply_sqlite(&mut connection, "a", &[FIRST, SECOND]).unwrap(), 0);
        check_sqlite(&connection, "a", &[FIRST, SECOND]).unwrap();

        let newer = apply_sqlite(&mut connection, "a", &[FIRST]).unwrap_err();
        assert!(matches!(newer, MigrationError::Newer { found: 2, known: 1, .. }), "{newer}");
        let edited = Migration { sql: "CREATE TABLE one (b INTEGER) STRICT", ..FIRST };
        let changed = apply_sqlite(&mut connection, "a", &[edited, SECOND]).unwrap_err();
        assert!(matches!(changed, MigrationError::Changed { number: 1, .. }), "{changed}");
    }

    #[test]
    fn areas_do_not_know_each_other_and_a_failed_migration_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply_sqlite(&mut connection, "a", &[FIRST]).unwrap();
        let broken = Migration {
            number: 1,
            name: "broken",
            sql: "CREATE TABLE three (a INTEGER); CREATE TABLE three (a INTEGER)",
        };
        apply_sqlite(&mut connection, "b", &[broken]).unwrap_err();
        let left: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'three'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
        let own = Migration { number: 1, ..SECOND };
        assert_eq!(apply_sqlite(&mut connection, "b", &[own]).unwrap(), 1);
    }
}
