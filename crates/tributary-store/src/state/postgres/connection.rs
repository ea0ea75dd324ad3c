//! What a connection is for, and the migrations.

use super::session::{Driver, Request};
use crate::migrations::{self, Migration, MigrationError};
use crate::state::StateError;

/// What `migration` calls these tables.
const AREA: &str = "state";

/// The migrations of derived state, with the numbers and names of SQLite's.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "state",
    sql: include_str!("../../../migrations/postgres/state/0001_state.sql"),
}];

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

/// Applies what is missing, all of it or nothing. Several programs may do so at once: they wait for each other.
pub(super) fn migrate(driver: &Driver) -> Result<(), StateError> {
    let mut session = driver.connect(Purpose::SetUp.settings())?;
    let failed = |error: StateError| {
        let problem = match error {
            StateError::Database(problem) => problem,
            other => other.to_string(),
        };
        refused(MigrationError::Sql { area: AREA.to_owned(), problem })
    };
    // A lock of the transaction: `CREATE TABLE IF NOT EXISTS` is not safe against another one at the same moment.
    session.batch("BEGIN; SELECT pg_advisory_xact_lock(1953652321)").map_err(failed)?;
    session.batch(migrations::TABLE).map_err(failed)?;
    let sql = "SELECT number, checksum FROM migration WHERE area = $1 ORDER BY number";
    let found = session.rows(sql, vec![&AREA]).map_err(failed)?;
    let applied: Vec<(i64, String)> =
        found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, StateError>>()?;
    for migration in migrations::pending(AREA, &applied, MIGRATIONS).map_err(refused)? {
        session.batch(migration.sql).map_err(failed)?;
        let sql = "INSERT INTO migration (area, number, name, checksum) VALUES ($1, $2, $3, $4)";
        session
            .run(&[Request::new(sql, vec![&AREA, &migration.number, &migration.name, &migration.checksum()])])
            .map_err(failed)?;
    }
    session.batch("COMMIT").map_err(failed)
}

fn refused(error: MigrationError) -> StateError {
    StateError::Database(error.to_string())
}
