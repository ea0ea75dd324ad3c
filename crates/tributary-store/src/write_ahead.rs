//! The write-ahead log of an SQLite database: switching it on, also while another process does the same, and emptying it beside the
//! writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::hooks::Wal;
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

/// Copies the write-ahead log into the file beside the writer instead of in the middle of one of his commits, whenever it has grown by
/// `pages` pages.
///
/// Copying takes milliseconds, most of them waits for the disk, and the writer need not stop for it. But while he goes on, the log is
/// never copied to its end, and only then may it start again from its beginning. So the helper thread copies what is there, and the writer
/// himself copies the few pages that have come since. The thread ends with the connection.
pub(crate) fn checkpoint_beside(connection: &mut Connection, path: &Path, pages: u32) -> Result<()> {
    let beside = Connection::open(path)?;
    let copied = Arc::new(AtomicBool::new(false));
    let (ask, asked) = sync_channel(1);
    let thread = std::thread::Builder::new().name("tributary-copy".to_owned()).spawn({
        let copied = copied.clone();
        move || copy_when_asked(&beside, &asked, &copied)
    });
    if let Err(problem) = thread {
        tracing::warn!(%problem, "no thread to empty the write-ahead log; its writer does it");
        return connection.pragma_update(None, "wal_autocheckpoint", pages);
    }
    let mut waiting = false;
    connection.wal_hook(Some(move |log: &mut Wal, grown: i32| {
        if waiting && copied.swap(false, Ordering::Acquire) {
            waiting = false;
            if let Err(problem) = log.checkpoint() {
                tracing::debug!(%problem, "the end of the write-ahead log is copied later");
            }
        } else if !waiting && u32::try_from(grown).is_ok_and(|grown| grown >= pages) {
            waiting = ask.try_send(()).is_ok();
        }
        Ok(())
    }))
}

fn copy_when_asked(connection: &Connection, asked: &Receiver<()>, copied: &AtomicBool) {
    while asked.recv().is_ok() {
        if let Err(problem) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::debug!(%problem, "the write-ahead log is copied later");
        }
        copied.store(true, Ordering::Release);
    }
}

/// Copies the whole write-ahead log into the file and cuts it to nothing; answers whether that was possible within `patience`.
///
/// SQLite waits for readers here, but not for another connection that copies at the same moment.
pub(crate) fn empty(connection: &Connection, patience: Duration) -> Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        let is_left: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !is_left || Instant::now() >= deadline {
            return Ok(!is_left);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_never_pauses_keeps_a_short_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("busy.sqlite");
        let mut connection = Connection::open(&path).unwrap();
        switch_on(&connection).unwrap();
        checkpoint_beside(&mut connection, &path, 100).unwrap();
        connection.execute_batch("CREATE TABLE filler (content BLOB)").unwrap();
        // Each commit writes at least two pages: without emptying it the log would hold 40,000 of them.
        for _ in 0..20_000 {
            connection.execute("INSERT INTO filler VALUES (zeroblob(3000))", []).unwrap();
        }
        let length = std::fs::metadata(folder.path().join("busy.sqlite-wal")).unwrap().len();
        assert!(length < 40_000 * 4096 / 4, "{length}");
        let kept: u32 = connection.query_row("SELECT COUNT(*) FROM filler", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 20_000);
    }

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
