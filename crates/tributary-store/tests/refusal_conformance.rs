//! The conformance suite of the notes about refused requests, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tempfile::TempDir;
use tributary_store::refusals::{PostgresRefusals, RefusalStore, SqliteRefusals};
use tributary_store::suite::postgres_server;
use tributary_store::suite::refusals::RefusalStores;

/// A file in a folder that is removed with it.
struct SqliteFile(TempDir);

impl RefusalStores for SqliteFile {
    fn open(&self) -> Box<dyn RefusalStore> {
        Box::new(SqliteRefusals::open(&self.0.path().join("refusals.sqlite")).unwrap())
    }
}

mod sqlite {
    tributary_store::refusal_suite!(super::SqliteFile(tempfile::tempdir().unwrap()));
}

/// A database of its own on the tests' server.
struct PostgresDatabase(String);

impl RefusalStores for PostgresDatabase {
    fn open(&self) -> Box<dyn RefusalStore> {
        Box::new(PostgresRefusals::open(&self.0).unwrap())
    }
}

mod postgres {
    tributary_store::refusal_suite!(super::PostgresDatabase(super::postgres_server::fresh_database()));
}

#[test]
fn a_broken_connection_costs_no_note() {
    use tributary_store::refusals::{Keep, RefusalFilter};
    let url = postgres_server::fresh_database();
    let store = PostgresRefusals::open(&url).unwrap();
    let keep = Keep { most: 10, since: tributary_domain::time::Timestamp(0) };
    store.record(&[], keep).unwrap();
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    postgres_server::execute(&url, sql).unwrap();
    store.record(&[], keep).unwrap();
    assert!(store.list(&RefusalFilter::default(), 1).unwrap().is_empty());
}
