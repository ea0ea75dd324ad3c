//! The log in a SQLite file of its own: one writer, any number of readers beside it.
//!
//! `synchronous=FULL` makes each commit one fsync of the write-ahead log; grouping makes that one fsync serve many records. The write-ahead
//! log is kept small, because a large one makes its checkpoint a long pause.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use tributary_domain::ids::{DeduplicationKey, EventId};
use tributary_domain::time::Timestamp;

use super::{Appended, ConflictRecord, LogEngine, LogError, LogReader, LogRecord, NewRecord, Sequence, Way};
use crate::migrations::{self, Migration, MigrationError};

/// The log's migrations.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "fact_log",
    sql: include_str!("../../migrations/sqlite/log/0001_fact_log.sql"),
}];

const AREA: &str = "log";

/// Pages of 4 KiB after which the write-ahead log is copied into the file: 4 MiB.
const CHECKPOINT_PAGES: u32 = 1000;

/// The write-ahead log is cut to this size after something (a long read, a slow disk) made it grow: 16 MiB.
const WAL_LIMIT_BYTES: i64 = 16 * 1024 * 1024;

/// Page cache of the writer, which must find the pages of random deduplication keys.
const WRITER_CACHE_KIBIBYTES: i64 = 32 * 1024;

/// Page cache of a reader, which mostly reads forward.
const READER_CACHE_KIBIBYTES: i64 = 2 * 1024;

/// How long to wait for a lock of the file that readers or a checkpoint hold for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const INSERT_KEY: &str = "INSERT INTO deduplication (key, sequence) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const INSERT_FACT: &str = "INSERT INTO fact_log (sequence, event_id, received_at, way, key, content, fact, sealed) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const SELECT_FIRST: &str = "SELECT f.event_id, f.content FROM deduplication d JOIN fact_log f ON f.sequence = d.sequence \
    WHERE d.key = ?1";
const INSERT_CONFLICT: &str = "INSERT INTO log_conflict (event_id, content, received_at, way, fact, sealed) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const SELECT_LAST: &str = "SELECT sequence FROM fact_log ORDER BY sequence DESC LIMIT 1";
const SELECT_RECORD: &str = "SELECT sequence, event_id, key, received_at, way, fact, sealed FROM fact_log";

/// Writes the log of one file. Holds a lock file beside it as long as it lives.
#[derive(Debug)]
pub struct SqliteLogEngine {
    path: PathBuf,
    /// `None` after a failure; the next append opens the file afresh.
    open: Option<OpenFile>,
    _lock: File,
}

#[derive(Debug)]
struct OpenFile {
    connection: Connection,
    last: u64,
}

impl SqliteLogEngine {
    /// Opens a log for writing, creating it where there is none and bringing its format up to date.
    ///
    /// # Errors
    /// [`LogError::InUse`] while another process writes it, [`LogError::Corrupt`] for a damaged file, [`LogError::Format`] for one
    /// that a newer build has written.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let lock = take_lock(path)?;
        let open = OpenFile::open(path)?;
        Ok(Self { path: path.to_owned(), open: Some(open), _lock: lock })
    }
}

impl LogEngine for SqliteLogEngine {
    fn append(&mut self, group: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        // Taken out while it works: after a failure the connection's state is unknown, so it is not put back.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenFile::open(&self.path)?,
        };
        let appended = open.append(group).map_err(|error| storage_error(&self.path, &error))?;
        self.open = Some(open);
        Ok(appended)
    }
}

impl OpenFile {
    fn open(path: &Path) -> Result<Self, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error: rusqlite::Error| storage_error(path, &error);
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        crate::write_ahead::switch_on(&connection).map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let limit = |_: &Row<'_>| Ok(());
        connection
            .pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, limit)
            .map_err(failed)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIBIBYTES).map_err(failed)?;
        migrations::apply_sqlite(&mut connection, AREA, MIGRATIONS)
            .map_err(|error| format_error(path, error))?;
        // After a failed fsync the kernel may show pages that are not on disk. Moving everything into the file with an fsync of
        // its own makes what is visible from here on durable.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
        crate::write_ahead::checkpoint_beside(&mut connection, path, CHECKPOINT_PAGES).map_err(failed)?;
        let last = last(&connection).map_err(failed)?;
        Ok(Self { connection, last })
    }

    fn append(&mut self, group: &[NewRecord]) -> rusqlite::Result<Vec<Appended>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut last = self.last;
        let mut appended = Vec::with_capacity(group.len());
        {
            let mut insert_fact = transaction.prepare_cached(INSERT_FACT)?;
            let mut insert_key = transaction.prepare_cached(INSERT_KEY)?;
            for record in group {
                let sequence = last + 1;
                if let Some(key) = &record.key
                    && insert_key.execute((&key.0[..], stored(sequence)))? == 0
                {
                    appended.push(taken(&transaction, key, record)?);
                    continue;
                }
                insert_fact.execute(params![
                    stored(sequence),
                    &record.event_id.0[..],
                    record.received_at.0,
                    record.way.code(),
                    record.key.as_ref().map(|key| &key.0[..]),
                    record.key.is_some().then_some(&record.content[..]),
                    &record.fact,
                    &record.sealed,
                ])?;
                last = sequence;
                appended.push(Appended::Stored(Sequence(sequence)));
            }
        }
        transaction.commit()?;
        self.last = last;
        Ok(appended)
    }
}

/// The answer for a record whose key is taken.
fn taken(connection: &Connection, key: &DeduplicationKey, record: &NewRecord) -> rusqlite::Result<Appended> {
    let (event_id, content): ([u8; 16], [u8; 16]) = connection
        .prepare_cached(SELECT_FIRST)?
        .query_row([&key.0[..]], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if content == record.content {
        return Ok(Appended::Duplicate { event_id: EventId(event_id) });
    }
    connection.prepare_cached(INSERT_CONFLICT)?.execute(params![
        &event_id[..],
        &record.content[..],
        record.received_at.0,
        record.way.code(),
        &record.fact,
        &record.sealed,
    ])?;
    Ok(Appended::Conflict { event_id: EventId(event_id) })
}

/// Reads the log of one file, also while a server writes it. Answers one question at a time; open several for more.
#[derive(Debug)]
pub struct SqliteLogReader {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteLogReader {
    /// Opens a log for reading.
    ///
    /// # Errors
    /// [`LogError::Missing`] where there is none, [`LogError::Corrupt`] for a damaged file, [`LogError::Format`] for one of another build.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        if !path.exists() {
            return Err(LogError::Missing { place: path.display().to_string() });
        }
        let failed = |error: rusqlite::Error| storage_error(path, &error);
        // Not opened read-only: reading a write-ahead log that no server holds open has to create its index file.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        connection.pragma_update(None, "query_only", "ON").map_err(failed)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIBIBYTES).map_err(failed)?;
        migrations::check_sqlite(&connection, AREA, MIGRATIONS).map_err(|error| format_error(path, error))?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while reading leaves nothing half done.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<LogRecord>, LogError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Vec<LogRecord>> {
            let mut statement = connection.prepare_cached(&format!("{SELECT_RECORD} {condition}"))?;
            statement.query_map(parameters, record)?.collect()
        };
        read().map_err(|error| storage_error(&self.path, &error))
    }

    fn number(&self, sql: &str) -> Result<u64, LogError> {
        let connection = self.connection();
        let read = || connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).optional();
        let number = read().map_err(|error| storage_error(&self.path, &error))?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }
}

impl LogReader for SqliteLogReader {
    fn read_after(&self, after: Sequence, limit: usize) -> Result<Vec<LogRecord>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.records("WHERE sequence > ?1 ORDER BY sequence LIMIT ?2", (stored(after.0), limit))
    }

    fn get(&self, sequence: Sequence) -> Result<Option<LogRecord>, LogError> {
        Ok(self.records("WHERE sequence = ?1", [stored(sequence.0)])?.pop())
    }

    fn find_by_event(&self, event: EventId) -> Result<Option<LogRecord>, LogError> {
        Ok(self.records("WHERE event_id = ?1 ORDER BY sequence LIMIT 1", [&event.0[..]])?.pop())
    }

    fn find_by_key(&self, key: &DeduplicationKey) -> Result<Option<LogRecord>, LogError> {
        let held = "WHERE sequence = (SELECT sequence FROM deduplication WHERE key = ?1)";
        Ok(self.records(held, [&key.0[..]])?.pop())
    }

    fn last(&self) -> Result<Sequence, LogError> {
        self.number(SELECT_LAST).map(Sequence)
    }

    fn count(&self) -> Result<u64, LogError> {
        self.number("SELECT count(*) FROM fact_log")
    }

    fn conflicts(&self, limit: usize) -> Result<Vec<ConflictRecord>, LogError> {
        let connection = self.connection();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<ConflictRecord>> {
            let sql = "SELECT event_id, received_at, way, fact, sealed FROM log_conflict ORDER BY number DESC LIMIT ?1";
            connection.prepare_cached(sql)?.query_map([limit], conflict)?.collect()
        };
        read().map_err(|error| storage_error(&self.path, &error))
    }

    fn conflict_count(&self) -> Result<u64, LogError> {
        self.number("SELECT count(*) FROM log_conflict")
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<LogRecord> {
    let sequence: i64 = row.get(0)?;
    Ok(LogRecord {
        sequence: Sequence(
            u64::try_from(sequence).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, sequence))?,
        ),
        event_id: EventId(row.get(1)?),
        key: row.get::<_, Option<[u8; 16]>>(2)?.map(DeduplicationKey),
        received_at: Timestamp(row.get(3)?),
        way: way(row, 4)?,
        fact: row.get(5)?,
        sealed: row.get(6)?,
    })
}

fn conflict(row: &Row<'_>) -> rusqlite::Result<ConflictRecord> {
    Ok(ConflictRecord {
        original: EventId(row.get(0)?),
        received_at: Timestamp(row.get(1)?),
        way: way(row, 2)?,
        fact: row.get(3)?,
        sealed: row.get(4)?,
    })
}

fn way(row: &Row<'_>, column: usize) -> rusqlite::Result<Way> {
    let code: i64 = row.get(column)?;
    Way::from_code(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

fn last(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> = connection.query_row(SELECT_LAST, [], |row| row.get(0)).optional()?;
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
}

/// A sequence as SQLite's signed integer; a log never comes near the end of either.
fn stored(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The lock of the one writer; the operating system gives it back when the process ends, however it ends.
fn take_lock(path: &Path) -> Result<File, LogError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let failed = |error: std::io::Error| LogError::Storage(format!("{}: {error}", lock.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { place: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn storage_error(path: &Path, error: &rusqlite::Error) -> LogError {
    let place = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            LogError::Corrupt { place, problem: error.to_string() }
        }
        _ => LogError::Storage(format!("{place}: {error}")),
    }
}

fn format_error(path: &Path, error: MigrationError) -> LogError {
    match error {
        MigrationError::Damaged(problem) => LogError::Corrupt { place: path.display().to_string(), problem },
        other => LogError::Format(other.to_string()),
    }
}
