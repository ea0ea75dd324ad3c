//! The log in PostgreSQL: any number of writers and readers, on as many machines as there are.
//!
//! # Order with several writers
//! A sequence must not become visible while a smaller one still can ([`super`], "What a read may miss"). Numbers from a database sequence
//! would break that: they are given before the commit, and commits overtake each other. So a writer takes an advisory lock first, the
//! database gives it back after the commit, and the next number is simply the largest visible one plus one. Under the lock nobody else adds
//! keys either, hence one look tells which are taken, and two writers never wait for each other in a circle.
//!
//! The lock is one per schema and is held for one statement and one flush. `BEGIN`, the lock, the group and `COMMIT` are sent together,
//! so that it is never held across a network's delay, and not by a writer that was stopped half way. Throughput of several writers is therefore
//! that of one disk, as it would be with one writer; groups grow instead (see [`super::group_commit`]).
//!
//! # Failures
//! Whatever fails, the writer gives up its connection and the next group makes a new one: the server takes back what was not committed.
//! When the connection breaks between the commit and its answer, the group is stored though the append failed, as the port's
//! contract says.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use tributary_domain::ids::{DeduplicationKey, EventId};
use tributary_domain::time::Timestamp;

use super::{Appended, ConflictRecord, LogEngine, LogError, LogReader, LogRecord, NewRecord, Sequence, Way};
use crate::migrations::Migration;
use crate::postgres_connection::{Driver, Parameters, PostgresError, Request, Session};

/// The log's migrations.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "fact_log",
    sql: include_str!("../../migrations/postgres/log/0001_fact_log.sql"),
}];

const AREA: &str = "log";

/// Connections that a reader keeps open between calls.
const KEPT_OPEN: usize = 4;

/// A commit is on disk when it is answered, and on the standby where the server has a synchronous one; a server that waits for more
/// (`remote_apply`) keeps doing so. Plans are made once and go by index, whatever the statistics of a young table say. A writer that the
/// network took away in mid-transaction holds up the others for half a minute at most.
const WRITER_SETTINGS: &str = "\
    SELECT set_config('synchronous_commit', 'on', false) \
        WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); \
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off; SET work_mem = '64MB'; \
    SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'";

const READER_SETTINGS: &str =
    "SET default_transaction_read_only = on; SET jit = off; SET lock_timeout = '30s'";

/// The order of commits depends on each statement seeing what was committed before it began, hence the level is named.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// One number stands for the log's writers, the other for the schema, so that two logs may lie in one database. Its own statement:
/// the next one must begin, and so look, after the lock was granted.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1953652323, current_schema()::regnamespace::oid::integer)";

/// Judges and stores a group: a record is new when it has no key or is the first with a key that nobody took. New ones are numbered in
/// the group's order. Answers a row per record, in order: its sequence, or the event that holds its key and whether the content is the same.
const APPEND: &str = "\
    WITH given AS ( \
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::smallint[], $6::bytea[], $7::bytea[]) \
            WITH ORDINALITY AS g (event_id, key, content, received_at, way, fact, sealed, place) \
    ), judged AS ( \
        SELECT g.*, \
            COALESCE(taken.event_id, first_value(g.event_id) OVER same_key) AS original, \
            COALESCE(taken.content, first_value(g.content) OVER same_key) AS original_content, \
            g.key IS NULL OR (taken.event_id IS NULL AND row_number() OVER same_key = 1) AS is_new \
        FROM given g LEFT JOIN LATERAL ( \
            SELECT f.event_id, f.content FROM deduplication d JOIN fact_log f ON f.sequence = d.sequence \
            WHERE d.key = g.key OFFSET 0) taken ON TRUE \
        WINDOW same_key AS (PARTITION BY g.key ORDER BY g.place) \
    ), numbered AS MATERIALIZED ( \
        SELECT j.*, CASE WHEN is_new THEN \
            (SELECT COALESCE(max(sequence), 0) FROM fact_log) + count(*) FILTER (WHERE is_new) OVER (ORDER BY place) \
            END AS sequence \
        FROM judged j \
    ), facts AS ( \
        INSERT INTO fact_log (sequence, event_id, received_at, way, key, content, fact, sealed) \
        SELECT sequence, event_id, received_at, way, key, CASE WHEN key IS NOT NULL THEN content END, fact, sealed \
        FROM numbered WHERE is_new ORDER BY sequence \
    ), keys AS ( \
        INSERT INTO deduplication (key, sequence) \
        SELECT key, sequence FROM numbered WHERE is_new AND key IS NOT NULL ORDER BY key \
    ), contradictions AS ( \
        INSERT INTO log_conflict (event_id, content, received_at, way, fact, sealed) \
        SELECT original, content, received_at, way, fact, sealed \
        FROM numbered WHERE NOT is_new AND content <> original_content ORDER BY place \
        ON CONFLICT DO NOTHING \
    ) SELECT sequence, original, content = original_content FROM numbered ORDER BY place";

const COMMIT: &str = "COMMIT";

const READ_AFTER: &str = "SELECT sequence, event_id, key, received_at, way, fact, sealed FROM fact_log \
    WHERE sequence > $1 ORDER BY sequence LIMIT $2";
const GET: &str =
    "SELECT sequence, event_id, key, received_at, way, fact, sealed FROM fact_log WHERE sequence = $1";
const FIND_BY_EVENT: &str = "SELECT sequence, event_id, key, received_at, way, fact, sealed FROM fact_log \
    WHERE event_id = $1 ORDER BY sequence LIMIT 1";
const FIND_BY_KEY: &str = "SELECT f.sequence, f.event_id, f.key, f.received_at, f.way, f.fact, f.sealed \
    FROM deduplication d JOIN fact_log f ON f.sequence = d.sequence WHERE d.key = $1";
const CONFLICTS: &str =
    "SELECT event_id, received_at, way, fact, sealed FROM log_conflict ORDER BY number DESC LIMIT $1";

/// Writes the log of one database. Any number may write at once; no lock is held between groups.
pub struct PostgresLogEngine {
    driver: Driver,
    /// `None` after a failure; the next append connects again.
    session: Option<Session>,
}

impl fmt::Debug for PostgresLogEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLogEngine")
            .field("connected", &self.session.is_some())
            .finish_non_exhaustive()
    }
}

impl PostgresLogEngine {
    /// Connects to the server of `url` (`postgres://user@host/database`) and brings the log's format up to date, creating it where there
    /// is none. Blocks; may be called inside an asynchronous runtime.
    ///
    /// # Errors
    /// [`LogError::Storage`] when the server cannot be reached, [`LogError::Format`] when a newer build has written the log.
    pub fn open(url: &str) -> Result<Self, LogError> {
        let driver = Driver::start(url)?;
        driver.migrate(AREA, MIGRATIONS)?;
        let session = driver.connect(WRITER_SETTINGS)?;
        Ok(Self { driver, session: Some(session) })
    }
}

impl LogEngine for PostgresLogEngine {
    fn append(&mut self, group: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        if group.is_empty() {
            return Ok(Vec::new());
        }
        // Taken out while it works: after a failure the connection's state is unknown, so it is not put back.
        let mut session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => self.driver.connect(WRITER_SETTINGS)?,
        };
        let appended = append(&mut session, group)?;
        self.session = Some(session);
        Ok(appended)
    }
}

fn append(session: &mut Session, group: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
    let columns = Columns::of(group);
    let answers = session.run(&[
        Request::new(BEGIN, Vec::new()),
        Request::new(LOCK, Vec::new()),
        columns.request(),
        Request::new(COMMIT, Vec::new()),
    ])?;
    let rows = answers.get(2).map_or(&[][..], Vec::as_slice);
    rows.iter().map(appended).collect()
}

/// A group as one array per column.
struct Columns<'g> {
    event_ids: Vec<&'g [u8]>,
    keys: Vec<Option<&'g [u8]>>,
    contents: Vec<&'g [u8]>,
    received: Vec<i64>,
    ways: Vec<i16>,
    facts: Vec<&'g [u8]>,
    sealed: Vec<&'g [u8]>,
}

impl<'g> Columns<'g> {
    fn of(group: &'g [NewRecord]) -> Self {
        Self {
            event_ids: group.iter().map(|record| &record.event_id.0[..]).collect(),
            keys: group.iter().map(|record| record.key.as_ref().map(|key| &key.0[..])).collect(),
            contents: group.iter().map(|record| &record.content[..]).collect(),
            received: group.iter().map(|record| record.received_at.0).collect(),
            ways: group.iter().map(|record| record.way.code()).collect(),
            facts: group.iter().map(|record| &record.fact[..]).collect(),
            sealed: group.iter().map(|record| &record.sealed[..]).collect(),
        }
    }

    fn request(&self) -> Request<'_> {
        let Self { event_ids, keys, contents, received, ways, facts, sealed } = self;
        Request::new(APPEND, vec![event_ids, keys, contents, received, ways, facts, sealed])
    }
}

fn appended(row: &Row) -> Result<Appended, LogError> {
    if let Some(stored) = column::<Option<i64>>(row, 0)? {
        return Ok(Appended::Stored(sequence(stored)?));
    }
    let event_id = EventId(sixteen(column(row, 1)?)?);
    Ok(if column(row, 2)? { Appended::Duplicate { event_id } } else { Appended::Conflict { event_id } })
}

/// Reads the log of one database beside its writers; a call takes a connection of a small pool.
pub struct PostgresLogReader {
    driver: Driver,
    idle: Mutex<Vec<Session>>,
}

impl fmt::Debug for PostgresLogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLogReader").finish_non_exhaustive()
    }
}

impl PostgresLogReader {
    /// Connects to the server of `url`, on whose database a writer has laid out the log.
    ///
    /// # Errors
    /// [`LogError::Missing`] where there is no log, [`LogError::Format`] for one of another build, [`LogError::Storage`] when the server
    /// cannot be reached.
    pub fn open(url: &str) -> Result<Self, LogError> {
        let driver = Driver::start(url)?;
        let mut session = driver.connect(READER_SETTINGS)?;
        if session.applied(AREA)?.is_empty() {
            return Err(LogError::Missing { place: driver.place() });
        }
        driver.check(AREA, MIGRATIONS)?;
        Ok(Self { driver, idle: Mutex::new(vec![session]) })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        // Nothing is half done between two statements under this lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a statement on a connection of the pool. A connection that broke since its last use costs one new one, not the answer.
    fn rows(&self, sql: &'static str, parameters: &Parameters<'_>) -> Result<Vec<Row>, LogError> {
        let kept = {
            let mut idle = self.idle();
            idle.retain(|session| !session.is_closed());
            idle.pop()
        };
        if let Some(mut session) = kept {
            match session.rows(sql, parameters.clone()) {
                Ok(rows) => return Ok(self.keep(session, rows)),
                Err(_) if session.is_closed() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut session = self.driver.connect(READER_SETTINGS)?;
        let rows = session.rows(sql, parameters.clone())?;
        Ok(self.keep(session, rows))
    }

    fn keep(&self, session: Session, rows: Vec<Row>) -> Vec<Row> {
        let mut idle = self.idle();
        if idle.len() < KEPT_OPEN {
            idle.push(session);
        }
        rows
    }

    fn number(&self, sql: &'static str) -> Result<u64, LogError> {
        let rows = self.rows(sql, &Vec::new())?;
        let number: i64 = rows.first().map_or(Ok(0), |row| column(row, 0))?;
        u64::try_from(number).map_err(|_| unreadable(&format!("a negative number {number}")))
    }
}

impl LogReader for PostgresLogReader {
    fn read_after(&self, after: Sequence, limit: usize) -> Result<Vec<LogRecord>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(READ_AFTER, &vec![&stored(after), &limit])?.iter().map(record).collect()
    }

    fn get(&self, sequence: Sequence) -> Result<Option<LogRecord>, LogError> {
        self.rows(GET, &vec![&stored(sequence)])?.first().map(record).transpose()
    }

    fn find_by_event(&self, event: EventId) -> Result<Option<LogRecord>, LogError> {
        self.rows(FIND_BY_EVENT, &vec![&&event.0[..]])?.first().map(record).transpose()
    }

    fn find_by_key(&self, key: &DeduplicationKey) -> Result<Option<LogRecord>, LogError> {
        self.rows(FIND_BY_KEY, &vec![&&key.0[..]])?.first().map(record).transpose()
    }

    fn last(&self) -> Result<Sequence, LogError> {
        self.number("SELECT COALESCE(max(sequence), 0) FROM fact_log").map(Sequence)
    }

    fn count(&self) -> Result<u64, LogError> {
        self.number("SELECT count(*) FROM fact_log")
    }

    fn conflicts(&self, limit: usize) -> Result<Vec<ConflictRecord>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(CONFLICTS, &vec![&limit])?.iter().map(conflict).collect()
    }

    fn conflict_count(&self) -> Result<u64, LogError> {
        self.number("SELECT count(*) FROM log_conflict")
    }
}

fn record(row: &Row) -> Result<LogRecord, LogError> {
    let key: Option<&[u8]> = column(row, 2)?;
    Ok(LogRecord {
        sequence: sequence(column(row, 0)?)?,
        event_id: EventId(sixteen(column(row, 1)?)?),
        key: key.map(|key| sixteen(key).map(DeduplicationKey)).transpose()?,
        received_at: Timestamp(column(row, 3)?),
        way: way(column(row, 4)?)?,
        fact: column(row, 5)?,
        sealed: column(row, 6)?,
    })
}

fn conflict(row: &Row) -> Result<ConflictRecord, LogError> {
    Ok(ConflictRecord {
        original: EventId(sixteen(column(row, 0)?)?),
        received_at: Timestamp(column(row, 1)?),
        way: way(column(row, 2)?)?,
        fact: column(row, 3)?,
        sealed: column(row, 4)?,
    })
}

fn column<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<T, LogError> {
    row.try_get(index).map_err(|error| unreadable(&error.to_string()))
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], LogError> {
    bytes.try_into().map_err(|_| unreadable(&format!("an id of {} bytes", bytes.len())))
}

fn way(code: i16) -> Result<Way, LogError> {
    Way::from_code(i64::from(code)).ok_or_else(|| unreadable(&format!("a way in of number {code}")))
}

fn sequence(number: i64) -> Result<Sequence, LogError> {
    u64::try_from(number).map(Sequence).map_err(|_| unreadable(&format!("a place of number {number}")))
}

/// A sequence as PostgreSQL's signed integer; a log never comes near the end of either.
fn stored(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}

fn unreadable(problem: &str) -> LogError {
    LogError::Corrupt { place: "PostgreSQL".to_owned(), problem: problem.to_owned() }
}

impl From<PostgresError> for LogError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Format(problem) => Self::Format(problem),
            PostgresError::Unreachable(_) | PostgresError::Refused(_) => Self::Storage(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::suite::log::sample;
    use crate::suite::postgres_server;

    /// A writer that was stopped between its group and its commit.
    fn stopped_writer(driver: &Driver, record: &NewRecord) -> Session {
        let mut session = driver.connect(WRITER_SETTINGS).unwrap();
        session.batch(&format!("{BEGIN}; {LOCK}")).unwrap();
        session.run(&[Columns::of(std::slice::from_ref(record)).request()]).unwrap();
        session
    }

    fn events(reader: &PostgresLogReader) -> Vec<EventId> {
        reader.read_after(Sequence(0), 10).unwrap().iter().map(|record| record.event_id).collect()
    }

    #[test]
    fn a_writer_waits_for_the_one_before_it_so_that_no_gap_is_filled_later() {
        let url = postgres_server::fresh_database();
        let mut engine = PostgresLogEngine::open(&url).unwrap();
        let reader = PostgresLogReader::open(&url).unwrap();
        let (first, second) = (sample(1, 1, 1), sample(2, 2, 2));
        let mut stopped = stopped_writer(&engine.driver, &first);
        let group = [second.clone()];
        let waiting = std::thread::spawn(move || engine.append(&group));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        assert_eq!(events(&reader), []);
        stopped.batch(COMMIT).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(vec![Appended::Stored(Sequence(2))]));
        assert_eq!(events(&reader), [first.event_id, second.event_id]);
    }

    #[test]
    fn d7_a_writer_that_dies_before_its_commit_leaves_no_key_and_holds_up_nobody() {
        let url = postgres_server::fresh_database();
        let mut engine = PostgresLogEngine::open(&url).unwrap();
        let stopped = stopped_writer(&engine.driver, &sample(1, 1, 1));
        drop(stopped);
        let retry = sample(2, 1, 1);
        assert_eq!(engine.append(std::slice::from_ref(&retry)), Ok(vec![Appended::Stored(Sequence(1))]));
        assert_eq!(events(&PostgresLogReader::open(&url).unwrap()), [retry.event_id]);
    }

    #[test]
    fn d10_commits_wait_for_the_disk_whatever_the_server_would_do_by_itself() {
        for (default, expected) in
            [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
        {
            let url = postgres_server::fresh_database();
            let name = url.rsplit('/').next().unwrap();
            postgres_server::execute(
                &url,
                &format!("ALTER DATABASE {name} SET synchronous_commit = {default}"),
            )
            .unwrap();
            let mut engine = PostgresLogEngine::open(&url).unwrap();
            let shown = engine.session.as_mut().unwrap().rows("SHOW synchronous_commit", Vec::new()).unwrap();
            assert_eq!(shown[0].get::<_, &str>(0), expected, "by default {default}");
        }
    }

    #[test]
    fn keys_are_looked_up_by_index_in_a_large_log() {
        let url = postgres_server::fresh_database();
        let engine = PostgresLogEngine::open(&url).unwrap();
        // The worst moment for a plan: the statistics still say that the tables are empty.
        postgres_server::execute(&url, "ANALYZE fact_log; ANALYZE deduplication").unwrap();
        let mut session = engine.driver.connect(WRITER_SETTINGS).unwrap();
        let types = "bytea[], bytea[], bytea[], bigint[], smallint[], bytea[], bytea[]";
        session.batch(&format!("PREPARE group_of_records ({types}) AS {APPEND}")).unwrap();
        let plan = session
            .rows("EXPLAIN EXECUTE group_of_records ('{}', '{}', '{}', '{}', '{}', '{}', '{}')", Vec::new())
            .unwrap();
        let plan: Vec<&str> = plan.iter().map(|line| line.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains("using deduplication_pkey")), "{plan:#?}");
        assert!(plan.iter().any(|line| line.contains("using fact_log_pkey")), "{plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("Seq Scan")), "{plan:#?}");
    }
}
