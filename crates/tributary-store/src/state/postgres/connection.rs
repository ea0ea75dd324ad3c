//! What a connection is for, and the migrations.

use crate::migrations::Migration;
use crate::postgres_connection::{Driver, PostgresError};
use crate::state::StateError;

/// What `migration` calls these tables.
const AREA: &str = "state";

/// The migrations of derived state, with the numbers and names of SQLite's.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "state",
        sql: include_str!("../../../migrations/postgres/state/0001_state.sql"),
    },
    Migration {
        number: 2,
        name: "touch_recount",
        sql: include_str!("../../../migrations/postgres/state/0002_touch_recount.sql"),
    },
];

/// What a connection is for; decides how safe its commits are and how its statements are planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// The engine. `synchronous_commit = off`: a commit is visible at once and survives the end of this process, and a loss of power on the
    /// server about half a second later. A loss of power takes back whole commits from the end, never a part of one; since effects and the place
    /// in the log commit together, the engine reads the log from there again.
    Engine,
    /// The set-up. Fully durable: it is in no log, so it must survive a loss of power when the answer is given.
    SetUp,
    /// Pages and reports: cannot write.
    Reading,
}

impl Purpose {
    /// The settings as SQL.
    ///
    /// The engine's statements are planned once and always by index, never by what a table's statistics happen to say: a plan that was made
    /// while the tables were small would read whole tables later. Readers' statements are planned for the values they are given.
    pub(super) const fn settings(self) -> &'static str {
        match self {
            Self::Engine => {
                "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                 SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
                 SET lock_timeout = '30s'"
            }
            Self::SetUp => "SET synchronous_commit = on; SET jit = off; SET lock_timeout = '30s'",
            Self::Reading => {
                "SET default_transaction_read_only = on; SET plan_cache_mode = force_custom_plan; SET jit = off; \
                 SET lock_timeout = '30s'"
            }
        }
    }
}

/// Connects to the server of `url`, creating and migrating the tables unless it is for reading only.
pub(super) fn start(url: &str, purpose: Purpose) -> Result<Driver, StateError> {
    let driver = Driver::start(url)?;
    match purpose {
        Purpose::Engine | Purpose::SetUp => driver.migrate(AREA, MIGRATIONS)?,
        Purpose::Reading => driver.check(AREA, MIGRATIONS)?,
    }
    Ok(driver)
}

impl From<PostgresError> for StateError {
    fn from(error: PostgresError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<tokio_postgres::Error> for StateError {
    /// Of a column that is not as it was written: statements answer [`PostgresError`].
    fn from(error: tokio_postgres::Error) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Self::Unreadable(format!("{error}: {source}"))
    }
}
