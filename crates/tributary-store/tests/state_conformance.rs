//! The conformance suite of the store port, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use tempfile::TempDir;
use tributary_store::state::postgres::{
    PostgresConfigurationStore, PostgresStateReader, PostgresStateWriter,
};
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::state::{ConfigurationStore, StateError, StateReader, StateWriter};
use tributary_store::suite::postgres_server;
use tributary_store::suite::state::StateStores;

/// A store in a folder that is removed with it.
struct SqliteStores {
    folder: TempDir,
}

impl SqliteStores {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state.sqlite")
    }
}

impl StateStores for SqliteStores {
    fn writer(&self) -> Result<Box<dyn StateWriter>, StateError> {
        Ok(Box::new(SqliteStateWriter::open(&self.path())?))
    }

    fn reader(&self) -> Box<dyn StateReader> {
        Box::new(SqliteStateReader::open(&self.path()).unwrap())
    }

    fn configuration(&self) -> Box<dyn ConfigurationStore> {
        Box::new(SqliteConfigurationStore::open(&self.path()).unwrap())
    }

    fn execute(&self, sql: &str) -> Result<(), String> {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.execute_batch(sql).map_err(|error| error.to_string())
    }
}

mod sqlite {
    tributary_store::state_suite!(super::SqliteStores::new());
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

impl StateStores for PostgresStores {
    fn writer(&self) -> Result<Box<dyn StateWriter>, StateError> {
        Ok(Box::new(PostgresStateWriter::open(&self.url)?))
    }

    fn reader(&self) -> Box<dyn StateReader> {
        Box::new(PostgresStateReader::open(&self.url).unwrap())
    }

    fn configuration(&self) -> Box<dyn ConfigurationStore> {
        Box::new(PostgresConfigurationStore::open(&self.url).unwrap())
    }

    fn execute(&self, sql: &str) -> Result<(), String> {
        postgres_server::execute(&self.url, sql)
    }
}

mod postgres {
    tributary_store::state_suite!(super::PostgresStores::new());
}
