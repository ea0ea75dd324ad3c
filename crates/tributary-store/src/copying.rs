//! Copying an SQLite database while it is in use, for backups.

use std::ffi::c_int;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

/// Why a database could not be copied.
#[derive(Debug, Error)]
#[error("{file} cannot be copied: {problem}")]
pub struct CopyError {
    /// The file.
    pub file: String,
    /// What the database said.
    pub problem: String,
}

/// Copies a database as of one moment. Writers go on meanwhile.
///
/// # Errors
/// [`CopyError`]; the copy is incomplete then.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), CopyError> {
    let failed =
        |error: rusqlite::Error| CopyError { file: from.display().to_string(), problem: error.to_string() };
    let source =
        Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(failed)?;
    source.busy_timeout(Duration::from_secs(30)).map_err(failed)?;
    let mut target = Connection::open(to).map_err(failed)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut target).map_err(failed)?;
    // All pages in one step: a copy that let writers in between would have to begin again after each of their commits.
    backup.run_to_completion(c_int::MAX, Duration::from_millis(50), None).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_was_committed_while_the_original_stays_open() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a.sqlite"), directory.path().join("b.sqlite"));
        let original = Connection::open(&from).unwrap();
        original.pragma_update(None, "journal_mode", "wal").unwrap();
        original.execute_batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2);").unwrap();
        copy_sqlite(&from, &to).unwrap();
        original.execute("INSERT INTO t VALUES (3)", []).unwrap();
        let copied: i64 =
            Connection::open(&to).unwrap().query_row("SELECT sum(n) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(copied, 3);
        let missing = copy_sqlite(&directory.path().join("none.sqlite"), &to).unwrap_err().to_string();
        assert!(missing.contains("none.sqlite"), "{missing}");
    }
}
