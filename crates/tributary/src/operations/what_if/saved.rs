//! What-ifs that are kept until somebody promotes or discards them: one file each, in `what-ifs/` of the data directory.
//!
//! The set-up files are sealed, since they may hold secrets of sources. Nothing else in them is secret: sums, no persons.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tributary_domain::ids::{EventId, fingerprint};
use tributary_store::keys::{Keyring, SealFor};

use crate::setup::SetupFile;

/// Longest name of a what-if.
const LONGEST_NAME: usize = 64;

/// A set-up file of a what-if, sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SavedFile {
    /// Its name.
    pub name: String,
    /// Its text, sealed under the key of the set-up, in base64.
    sealed: String,
}

/// A kept what-if.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// When it was kept.
    pub saved_at: String,
    /// From when on the files were laid over the set-up; absent for all time.
    pub from: Option<String>,
    /// Revision of the set-up that it was computed on.
    pub set_up_revision: u64,
    /// The set-up files.
    pub files: Vec<SavedFile>,
    /// The report, as `replay --with --format json` prints it.
    pub report: serde_json::Value,
    /// When it was promoted.
    pub promoted_at: Option<String>,
    /// From when on it was promoted.
    pub promoted_from: Option<String>,
    /// The report for that date, made when it was promoted.
    #[serde(default)]
    pub promotion_report: Option<serde_json::Value>,
}

impl Saved {
    /// Seals the files under this what-if's name.
    ///
    /// # Errors
    /// When no key can be had.
    pub fn seal(name: &str, files: &[SetupFile], keyring: &Keyring) -> anyhow::Result<Vec<SavedFile>> {
        let seal = |file: &SetupFile| {
            let sealed = keyring.seal(SealFor::SetUp, bound_to(name, &file.name), file.text.as_bytes())?;
            Ok(SavedFile { name: file.name.clone(), sealed: STANDARD.encode(sealed) })
        };
        files.iter().map(seal).collect()
    }

    /// The set-up files as they were given.
    ///
    /// # Errors
    /// When they were sealed by another installation.
    pub fn open(&self, keyring: &Keyring) -> anyhow::Result<Vec<SetupFile>> {
        let open = |file: &SavedFile| {
            let sealed = STANDARD.decode(&file.sealed).context("its files are damaged")?;
            let text = keyring.unseal(bound_to(&self.name, &file.name), &sealed)?;
            Ok(SetupFile { name: file.name.clone(), text: String::from_utf8(text)? })
        };
        let opened: anyhow::Result<Vec<SetupFile>> = self.files.iter().map(open).collect();
        opened.with_context(|| format!("the files of what-if `{}` cannot be opened", self.name))
    }
}

/// What a sealed file is bound to, so that it cannot be moved to another what-if.
fn bound_to(name: &str, file: &str) -> EventId {
    EventId(fingerprint(&[b"what-if", name.as_bytes(), file.as_bytes()]))
}

/// The kept what-ifs of an installation.
#[derive(Clone, Debug)]
pub struct SavedWhatIfs {
    directory: PathBuf,
}

impl SavedWhatIfs {
    /// Those in a data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { directory: data_dir.join("what-ifs") }
    }

    /// Refuses a name that is no file's name everywhere.
    ///
    /// # Errors
    /// When it has other characters than letters, digits, `-` and `_`, or too many.
    pub fn check_name(name: &str) -> anyhow::Result<()> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        anyhow::ensure!(
            !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(allowed),
            "`{name}` cannot name a what-if; take 1 to {LONGEST_NAME} letters, digits, `-` or `_`"
        );
        Ok(())
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn list(&self) -> anyhow::Result<Vec<Saved>> {
        if !self.directory.exists() {
            return Ok(Vec::new());
        }
        let mut saved = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                saved.push(read(&path)?);
            }
        }
        saved.sort_by(|a: &Saved, b| a.name.cmp(&b.name));
        Ok(saved)
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    pub fn find(&self, name: &str) -> anyhow::Result<Saved> {
        let path = self.path(name)?;
        anyhow::ensure!(path.exists(), "there is no what-if `{name}`; `tributary what-if list` names them");
        read(&path)
    }

    /// Waits until no other command changes kept what-ifs; none does until the file is dropped. A command that was killed keeps nobody
    /// waiting: the system gives the lock back.
    ///
    /// # Errors
    /// When the lock cannot be had.
    pub fn alone(&self) -> anyhow::Result<File> {
        let path = self.directory.join("lock");
        let cannot = || format!("cannot lock {}", path.display());
        std::fs::create_dir_all(&self.directory).with_context(cannot)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).with_context(cannot)?;
        file.lock().with_context(cannot)?;
        Ok(file)
    }

    /// Keeps one under a new name.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written.
    pub fn add(&self, saved: &Saved) -> anyhow::Result<()> {
        let _alone = self.alone()?;
        self.must_be_free(&saved.name)?;
        self.write(saved)
    }

    /// Refuses a name that is taken or is none.
    ///
    /// # Errors
    /// Then.
    pub fn must_be_free(&self, name: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.path(name)?.exists(),
            "there is a what-if `{name}` already; choose another name, or `tributary what-if discard {name}`"
        );
        Ok(())
    }

    /// Writes one, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, saved: &Saved) -> anyhow::Result<()> {
        let path = self.path(&saved.name)?;
        let cannot = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(&self.directory).with_context(cannot)?;
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished).with_context(cannot)?;
        file.write_all(serde_json::to_string_pretty(saved)?.as_bytes()).with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        std::fs::rename(&unfinished, &path).with_context(cannot)
    }

    /// Removes one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn discard(&self, name: &str) -> anyhow::Result<()> {
        self.find(name)?;
        let _alone = self.alone()?;
        let path = self.path(name)?;
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// Copies all of them into another data directory or a backup, each whole. One that is discarded meanwhile is left out.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn copy_to(&self, data_dir: &Path) -> anyhow::Result<()> {
        let copies = Self::of(data_dir);
        for saved in self.list()? {
            copies.write(&saved)?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> anyhow::Result<PathBuf> {
        Self::check_name(name)?;
        Ok(self.directory.join(format!("{name}.json")))
    }
}

fn read(path: &Path) -> anyhow::Result<Saved> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no what-if", path.display()))
}
