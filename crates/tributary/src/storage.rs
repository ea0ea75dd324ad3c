//! Where an installation stores what, and how each part of it is opened.
//!
//! | part | one machine | PostgreSQL |
//! | --- | --- | --- |
//! | log | `log.sqlite` in the data directory | `log_url`, else `database_url` |
//! | derived state and set-up | `state.sqlite` | `database_url` |
//! | notes about refused requests | `refusals.sqlite` | `database_url` |
//! | keys | `keys.sqlite` | `database_url` |
//! | master key | `master.key`, or `TRIBUTARY_MASTER_KEY` | the same |

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tributary_store::keys::Keyring;
use tributary_store::log::{
    LogEngine, LogReader, PostgresLogEngine, PostgresLogReader, SqliteLogEngine, SqliteLogReader,
};
use tributary_store::refusals::{PostgresRefusals, RefusalStore, SqliteRefusals};
use tributary_store::state::postgres::{
    PostgresConfigurationStore, PostgresStateReader, PostgresStateWriter,
};
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::state::{ConfigurationStore, StateError, StateReader, StateWriter};

use crate::settings::{DatabaseUrl, MASTER_KEY_VARIABLE, Settings};

const LOG_FILE: &str = "log.sqlite";
const STATE_FILE: &str = "state.sqlite";
const REFUSALS_FILE: &str = "refusals.sqlite";
const KEYS_FILE: &str = "keys.sqlite";

/// The storage that the settings name. Opening a part creates and migrates it where it is missing, except for readers.
#[derive(Clone, Debug)]
pub struct Storage {
    data_dir: PathBuf,
    state: Option<DatabaseUrl>,
    log: Option<DatabaseUrl>,
    master_key_file: PathBuf,
}

impl Storage {
    /// Names the storage and opens nothing yet.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            data_dir: settings.data_dir.clone(),
            state: settings.database_url.clone(),
            log: settings.log_url.clone().or_else(|| settings.database_url.clone()),
            master_key_file: settings.master_key_path(),
        }
    }

    /// Whether the derived state lies in a file, which one process at a time may write.
    #[must_use]
    pub const fn is_embedded(&self) -> bool {
        self.state.is_none()
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Makes the data directory.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn create_directory(&self) -> anyhow::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        // What is stored is nobody else's business, on a machine with other users too.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.data_dir)
            .with_context(|| format!("cannot make the data directory {}", self.data_dir.display()))
    }

    /// Refuses to go on where nothing has been stored yet: a command that reads must not leave an empty installation behind.
    ///
    /// # Errors
    /// When there is no data.
    pub fn must_exist(&self) -> anyhow::Result<()> {
        let exists = !self.is_embedded() || self.file(STATE_FILE).exists();
        anyhow::ensure!(
            exists,
            "there is no data in {}; `apply`, `serve` and `demo` store something there, --data-dir names another place",
            self.data_dir.display()
        );
        Ok(())
    }

    /// The keys.
    ///
    /// # Errors
    /// When the master key is missing or another one's.
    pub fn keyring(&self) -> anyhow::Result<Arc<Keyring>> {
        let given = std::env::var(MASTER_KEY_VARIABLE).ok();
        let keyring = match &self.state {
            None => Keyring::open_sqlite(&self.file(KEYS_FILE), &self.master_key_file, given.as_deref()),
            Some(url) => Keyring::open_postgres(url.as_str(), &self.master_key_file, given.as_deref()),
        };
        Ok(Arc::new(keyring.context("the keys cannot be opened")?))
    }

    /// The stored set-up.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated.
    pub fn configuration(&self) -> anyhow::Result<Arc<dyn ConfigurationStore>> {
        Ok(match &self.state {
            None => Arc::new(SqliteConfigurationStore::open(&self.file(STATE_FILE))?),
            Some(url) => Arc::new(PostgresConfigurationStore::open(url.as_str())?),
        })
    }

    /// The derived state, for the one engine that writes it.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated, or another engine writes it.
    pub fn state_writer(&self) -> anyhow::Result<Box<dyn StateWriter>> {
        Ok(match &self.state {
            None => Box::new(SqliteStateWriter::open(&self.file(STATE_FILE))?),
            Some(url) => Box::new(PostgresStateWriter::open(url.as_str())?),
        })
    }

    /// The derived state, for a command that takes facts into account itself unless an engine runs elsewhere: `None` then.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated, or files are in use by a server.
    pub fn state_writer_if_free(&self) -> anyhow::Result<Option<Box<dyn StateWriter>>> {
        let Some(url) = &self.state else { return self.state_writer().map(Some) };
        match PostgresStateWriter::open_if_free(url.as_str()) {
            Ok(writer) => Ok(Some(Box::new(writer))),
            Err(StateError::InUse(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The derived state, for reading beside an engine.
    ///
    /// # Errors
    /// When it cannot be opened, or was never written.
    pub fn state_reader(&self) -> anyhow::Result<Arc<dyn StateReader>> {
        Ok(match &self.state {
            None => Arc::new(SqliteStateReader::open(&self.file(STATE_FILE))?),
            Some(url) => Arc::new(PostgresStateReader::open(url.as_str())?),
        })
    }

    /// The log for writing.
    ///
    /// # Errors
    /// When it cannot be opened or migrated, or another process writes the file.
    pub fn log_engine(&self) -> anyhow::Result<Box<dyn LogEngine>> {
        Ok(match &self.log {
            None => Box::new(SqliteLogEngine::open(&self.file(LOG_FILE))?),
            Some(url) => Box::new(PostgresLogEngine::open(url.as_str())?),
        })
    }

    /// The log for reading beside a writer.
    ///
    /// # Errors
    /// When it cannot be opened, or was never written.
    pub fn log_reader(&self) -> anyhow::Result<Arc<dyn LogReader>> {
        Ok(match &self.log {
            None => Arc::new(SqliteLogReader::open(&self.file(LOG_FILE))?),
            Some(url) => Arc::new(PostgresLogReader::open(url.as_str())?),
        })
    }

    /// The notes about refused requests, for reading and writing.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated.
    pub fn refusals(&self) -> anyhow::Result<Arc<dyn RefusalStore>> {
        let opened: anyhow::Result<Arc<dyn RefusalStore>> = match &self.state {
            None => SqliteRefusals::open(&self.file(REFUSALS_FILE))
                .map(|notes| -> Arc<dyn RefusalStore> { Arc::new(notes) })
                .with_context(|| {
                    format!("{REFUSALS_FILE} holds notes only: move it away, and a new one is made")
                }),
            Some(url) => Ok(Arc::new(PostgresRefusals::open(url.as_str())?)),
        };
        opened
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }
}
