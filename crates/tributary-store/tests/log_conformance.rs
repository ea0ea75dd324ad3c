//! The conformance suite of the log port, on SQLite and on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;
use tributary_domain::ids::EventId;
use tributary_store::log::{
    LogEngine, LogError, LogReader, PostgresLogEngine, PostgresLogReader, SqliteLogEngine, SqliteLogReader,
};
use tributary_store::suite::log::{self as suite, LogStores};
use tributary_store::suite::postgres_server;

/// One test per function of the suite, each with a log of its own.
macro_rules! log_suite {
    ($stores:expr; $($test:ident)*; $($concurrent:ident)*) => {
        $(
            #[test]
            fn $test() {
                suite::$test(&$stores);
            }
        )*
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $concurrent() {
                suite::$concurrent(&$stores).await;
            }
        )*
    };
}

/// A log in a folder that is removed with it.
struct SqliteStores {
    folder: TempDir,
}

impl SqliteStores {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log.sqlite")
    }

    fn execute(&self, sql: &str) {
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }
}

impl LogStores for SqliteStores {
    fn engine(&self) -> Result<Box<dyn LogEngine>, LogError> {
        Ok(Box::new(SqliteLogEngine::open(&self.path())?))
    }

    fn reader(&self) -> Box<dyn LogReader> {
        Box::new(SqliteLogReader::open(&self.path()).unwrap())
    }

    fn break_event(&self, event: EventId) {
        self.execute(&format!(
            "CREATE TRIGGER broken BEFORE INSERT ON fact_log WHEN NEW.event_id = x'{}' BEGIN SELECT RAISE(ABORT, 'broken'); END",
            digits(event)
        ));
    }

    fn mend(&self) {
        self.execute("DROP TRIGGER broken");
    }
}

/// A database of its own on the tests' server.
struct PostgresStores {
    url: String,
}

impl PostgresStores {
    fn new() -> Self {
        Self { url: postgres_server::fresh_database() }
    }
}

impl LogStores for PostgresStores {
    fn engine(&self) -> Result<Box<dyn LogEngine>, LogError> {
        Ok(Box::new(PostgresLogEngine::open(&self.url)?))
    }

    fn reader(&self) -> Box<dyn LogReader> {
        Box::new(PostgresLogReader::open(&self.url).unwrap())
    }

    fn break_event(&self, event: EventId) {
        let sql = format!(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$; \
             CREATE TRIGGER broken BEFORE INSERT ON fact_log FOR EACH ROW WHEN (NEW.event_id = '\\x{}'::bytea) \
             EXECUTE FUNCTION broken()",
            digits(event)
        );
        postgres_server::execute(&self.url, &sql).unwrap();
    }

    fn mend(&self) {
        postgres_server::execute(&self.url, "DROP TRIGGER broken ON fact_log; DROP FUNCTION broken()")
            .unwrap();
    }
}

fn digits(event: EventId) -> String {
    event.0.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

mod sqlite {
    use super::*;

    log_suite!(SqliteStores::new();
        records_keep_their_order an_empty_log_reads_as_empty d10_records_and_keys_survive_reopening
        d11_duplicates_name_the_first_event conflicts_are_visible_once_per_content records_without_a_key_are_always_new
        big_and_empty_records_come_back_exactly d7_a_failed_commit_leaves_no_key_behind readers_see_whole_groups
        any_groups_answer_like_a_map_of_keys;
        d1_of_a_thousand_simultaneous_appends_exactly_one_is_stored a_full_queue_refuses_at_once
        d7_everybody_hears_of_a_failed_commit closing_stores_what_waits);

    #[test]
    fn a_second_writer_is_refused_and_readers_are_not() {
        let stores = SqliteStores::new();
        let mut engine = stores.engine().unwrap();
        assert!(matches!(stores.engine(), Err(LogError::InUse { .. })));
        engine.append(&[suite::sample(1, 1, 1)]).unwrap();
        assert_eq!(stores.reader().count().unwrap(), 1);
        drop(engine);
        stores.engine().unwrap();
    }

    #[test]
    fn a_damaged_a_missing_and_a_newer_log_are_told_apart() {
        let stores = SqliteStores::new();
        assert!(matches!(SqliteLogReader::open(&stores.path()), Err(LogError::Missing { .. })));
        assert!(!stores.path().exists(), "looking for a log does not create one");

        std::fs::write(
            stores.path(),
            "this is not a database, but it is long enough to be looked at as one ".repeat(20),
        )
        .unwrap();
        assert!(matches!(stores.engine(), Err(LogError::Corrupt { .. })));
        assert!(matches!(SqliteLogReader::open(&stores.path()), Err(LogError::Corrupt { .. })));

        std::fs::remove_file(stores.path()).unwrap();
        stores.engine().unwrap();
        stores.execute("INSERT INTO migration VALUES ('log', 99, 'later', '', 0)");
        assert!(matches!(stores.engine(), Err(LogError::Format(_))));
        assert!(matches!(SqliteLogReader::open(&stores.path()), Err(LogError::Format(_))));
    }

    #[test]
    fn a_page_that_was_overwritten_is_an_error_and_never_a_record() {
        let stores = SqliteStores::new();
        let records: Vec<_> = (1..=2000).map(|n| suite::sample(n, n, n)).collect();
        stores.engine().unwrap().append(&records).unwrap();
        stores.execute("PRAGMA wal_checkpoint(TRUNCATE)");
        let mut bytes = std::fs::read(stores.path()).unwrap();
        let from = bytes.len() / 3 / 4096 * 4096;
        bytes[from..from + 5 * 4096].fill(0xee);
        std::fs::write(stores.path(), bytes).unwrap();

        let reader = SqliteLogReader::open(&stores.path());
        let read = reader.and_then(|reader| reader.read_after(tributary_store::log::Sequence(0), 5000));
        assert!(matches!(read, Err(LogError::Corrupt { .. })), "{read:?}");
    }
}

mod postgres {
    use super::*;

    log_suite!(PostgresStores::new();
        records_keep_their_order an_empty_log_reads_as_empty d10_records_and_keys_survive_reopening
        d11_duplicates_name_the_first_event conflicts_are_visible_once_per_content records_without_a_key_are_always_new
        big_and_empty_records_come_back_exactly d7_a_failed_commit_leaves_no_key_behind readers_see_whole_groups
        any_groups_answer_like_a_map_of_keys
        d1_several_writers_store_each_key_once_and_fill_no_gap_later;
        d1_of_a_thousand_simultaneous_appends_exactly_one_is_stored a_full_queue_refuses_at_once
        d7_everybody_hears_of_a_failed_commit closing_stores_what_waits);

    #[test]
    fn a_broken_connection_fails_one_group_and_the_next_connects_again() {
        let stores = PostgresStores::new();
        let mut engine = stores.engine().unwrap();
        let reader = stores.reader();
        assert_eq!(reader.count().unwrap(), 0);
        engine.append(&[suite::sample(1, 1, 1)]).unwrap();
        let end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        postgres_server::execute(&stores.url, end_others).unwrap();
        // Whether the end was noticed before the next group decides if one group fails; never two.
        let answers =
            engine.append(&[suite::sample(2, 2, 2)]).or_else(|_| engine.append(&[suite::sample(2, 2, 2)]));
        assert_eq!(answers.unwrap().len(), 1);
        let count = reader.count().or_else(|_| reader.count());
        assert_eq!(count.unwrap(), 2);
    }

    #[test]
    fn an_unreachable_server_is_an_error_that_does_not_repeat_the_password() {
        let opened = PostgresLogEngine::open("postgres://user:secret-word@127.0.0.1:1/none");
        let Err(LogError::Storage(problem)) = opened.map(|_| ()) else { panic!("nothing listens there") };
        assert!(!problem.contains("secret-word"), "{problem}");
    }

    #[test]
    fn a_log_of_a_newer_build_is_refused() {
        let stores = PostgresStores::new();
        stores.engine().unwrap();
        postgres_server::execute(&stores.url, "INSERT INTO migration VALUES ('log', 99, 'later', '', 0)")
            .unwrap();
        assert!(matches!(stores.engine(), Err(LogError::Format(_))));
        assert!(matches!(PostgresLogReader::open(&stores.url), Err(LogError::Format(_))));
    }
}
