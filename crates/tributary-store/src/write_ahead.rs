//! Switching an SQLite database to its write-ahead log, also while another process does the same.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Result};

/// How long to wait for the other one; his switch takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Switches to the write-ahead log.
///
/// SQLite does not wait by its busy timeout here: two processes that open a new database at one moment would find it locked.
pub(crate) fn switch_on(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                ) && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_open_a_new_database_at_one_moment_all_get_it() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(format!("{round}.sqlite"));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| switch_on(&Connection::open(&path).unwrap()).unwrap());
                }
            });
        }
    }
}
