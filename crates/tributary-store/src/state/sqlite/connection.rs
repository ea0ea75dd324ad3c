//! Opening the file: settings of a connection, the lock of the one engine, migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::migrations::{Migration, apply_sqlite, check_sqlite};
use crate::state::StateError;

/// What `migration` calls these tables.
const AREA: &str = "state";

/// The migrations of derived state.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "state",
        sql: include_str!("../../../migrations/sqlite/state/0001_state.sql"),
    },
    Migration {
        number: 2,
        name: "touch_recount",
        sql: include_str!("../../../migrations/sqlite/state/0002_touch_recount.sql"),
    },
];

/// How long one writer waits for the other (engine and set-up) before it gives up. Their transactions take milliseconds; queueing
/// every cluster of a large store for settlement is the longest.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Statements kept ready per connection: more than there are texts.
const STATEMENTS: usize = 128;

/// Pages of 4 KiB after which the write-ahead log is copied into the file: 32 MiB. Less writes the same pages to the file more often: with
/// five million touchpoints stored, 16 MiB cost a commit a quarter more processor time than 64 MiB. More takes disk.
const CHECKPOINT_PAGES: u32 = 8000;

/// What a connection is for; decides how much memory it takes and how safe its commits are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// The engine. `synchronous=NORMAL`: a commit survives the end of the process at once, and a loss of power after the next
    /// checkpoint of the file. A loss of power takes back whole commits from the end, never a part of one; since effects and the
    /// place in the log commit together, the engine reads the log from there again.
    Engine,
    /// A rebuild into a file that is thrown away when it is interrupted: no journal, and nothing waits for the disk.
    Scratch,
    /// The set-up. `synchronous=FULL`: it is in no log, so it must survive a loss of power when the answer is given.
    SetUp,
    /// Pages and reports: cannot write.
    Reading,
}

impl Purpose {
    /// Bytes of a page. What changes is written by the page, and most changes are small; a scratch store writes each page about once, and
    /// fewer of them cost less.
    const fn page_bytes(self) -> u32 {
        match self {
            Self::Scratch => 16 * 1024,
            Self::Engine | Self::SetUp | Self::Reading => 4 * 1024,
        }
    }
}

/// Opens the file, creating and migrating it unless it is opened for reading only.
pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Connection, StateError> {
    let flags = match purpose {
        Purpose::Reading => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StateError::Database(format!("{} cannot be opened: {error}", path.display())))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this, SQLite prepares a statement again whenever a value that it could plan by is bound anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if purpose != Purpose::Reading {
        // Only a file without tables takes this page size; it must come before the write-ahead log is switched on.
        connection.pragma_update(None, "page_size", purpose.page_bytes())?;
        if purpose == Purpose::Scratch {
            // Written once instead of twice, and never read beside the writer.
            connection.pragma_update(None, "journal_mode", "OFF")?;
        } else {
            crate::write_ahead::switch_on(&connection)?;
        }
        apply_sqlite(&mut connection, AREA, MIGRATIONS)
            .map_err(|error| StateError::Database(error.to_string()))?;
    } else {
        check_sqlite(&connection, AREA, MIGRATIONS)
            .map_err(|error| StateError::Database(error.to_string()))?;
    }
    let (synchronous, cache_kibibytes) = match purpose {
        // Nodes and the index of clusters are written at random places: measured, twice the memory saves a quarter of the reads
        // with five million touchpoints stored. Small stores never use it all.
        Purpose::Engine => ("NORMAL", 128 * 1024),
        Purpose::Scratch => ("OFF", 256 * 1024),
        Purpose::SetUp => ("FULL", 2 * 1024),
        Purpose::Reading => ("NORMAL", 4 * 1024),
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -cache_kibibytes)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match purpose {
        Purpose::Engine => {
            crate::write_ahead::checkpoint_beside(&mut connection, path, CHECKPOINT_PAGES)?;
        }
        Purpose::Scratch => {}
        Purpose::SetUp | Purpose::Reading => {
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        }
    }
    // A long report keeps the log from being emptied; afterwards it gives the disk back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(connection)
}

/// The lock that one engine holds on a store as long as it lives; the operating system gives it back when the process ends.
#[derive(Debug)]
pub(super) struct EngineLock {
    _file: File,
}

impl EngineLock {
    /// Takes the lock of the store at `path`, in a file beside it.
    pub(super) fn take(path: &Path) -> Result<Self, StateError> {
        let lock = lock_path(path);
        let problem =
            |error: &dyn std::fmt::Display| StateError::Database(format!("{}: {error}", lock.display()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(|error| problem(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.display().to_string())),
            Err(TryLockError::Error(error)) => Err(problem(&error)),
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}
