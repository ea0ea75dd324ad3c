//! The note beside a result file: which import it belongs to. It is there exactly while the import is not complete.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// The note of an unfinished import.
pub(super) struct ProgressFile {
    path: PathBuf,
}

impl ProgressFile {
    /// Opens the note for a result file and tells how many rows of the same import are done.
    ///
    /// A torn last row of the result file is cut off. A result file of another import is begun anew.
    pub(super) fn open(result: &Path, identity: &str) -> std::io::Result<(Self, u64)> {
        let mut name = result.as_os_str().to_owned();
        name.push(".unfinished");
        let path = PathBuf::from(name);
        let same = std::fs::read_to_string(&path).is_ok_and(|note| note.trim() == identity);
        let done = if same && result.exists() { complete_rows(result)? } else { 0 };
        if !same {
            let mut note = File::create(&path)?;
            note.write_all(identity.as_bytes())?;
            note.sync_all()?;
        }
        Ok((Self { path }, done))
    }

    /// The import is complete.
    pub(super) fn finish(self) -> std::io::Result<()> {
        std::fs::remove_file(self.path)
    }
}

/// Complete rows after the header. A row is complete when its line break is there; the result's messages never hold one
/// themselves, since refusals are single sentences.
fn complete_rows(result: &Path) -> std::io::Result<u64> {
    let mut reader = BufReader::new(File::open(result)?);
    let (mut rows, mut length) = (0u64, 0u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if count == 0 || line.last() != Some(&b'\n') {
            break;
        }
        rows += 1;
        length += count as u64;
    }
    OpenOptions::new().write(true).open(result)?.set_len(length)?;
    Ok(rows.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_import_goes_on_after_its_last_complete_row() {
        let directory = tempfile::tempdir().unwrap();
        let result = directory.path().join("orders.result.csv");
        let (_note, done) = ProgressFile::open(&result, "one").unwrap();
        assert_eq!(done, 0);
        std::fs::write(&result, "line,status\n2,accepted\n3,accepted\n4,acc").unwrap();
        let (note, done) = ProgressFile::open(&result, "one").unwrap();
        assert_eq!(done, 2);
        assert_eq!(std::fs::read_to_string(&result).unwrap(), "line,status\n2,accepted\n3,accepted\n");
        note.finish().unwrap();
        let (_, done) = ProgressFile::open(&result, "one").unwrap();
        assert_eq!(done, 0, "a complete import is begun anew");
        let (_, done) = ProgressFile::open(&result, "other").unwrap();
        assert_eq!(done, 0, "another file is another import");
    }
}
