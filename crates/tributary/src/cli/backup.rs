//! `tributary backup`, `tributary restore` and `tributary migrate`.

use std::path::{Path, PathBuf};

use clap::Args;

use tributary_store::copying::copy_sqlite;

use super::{Failure, SettingsArgs, print_line};
use crate::operations::what_if::SavedWhatIfs;
use crate::settings::Settings;
use crate::storage::Storage;

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// Directory to write; must not exist.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// Directory that `backup` wrote.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where the data goes; must be empty.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Arguments of `migrate`.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// The embedded databases, in the order of copying: state before log, so that the copied log always reaches at least as far as the copied
/// state; keys last, so that everything sealed in the log can be opened.
const DATABASES: [&str; 3] = ["state.sqlite", "log.sqlite", "keys.sqlite"];

/// Copied last and only where it is: notes about refused requests, which nothing depends on. Backups of earlier releases have none.
const NOTES: &str = "refusals.sqlite";

/// Runs `backup`. Works while a server runs.
///
/// # Errors
/// When the target exists, a file cannot be copied, or the storage is PostgreSQL.
pub fn run_backup(args: &BackupArgs) -> Result<(), Failure> {
    let settings = args.settings.settings()?;
    let storage = embedded(&settings)?;
    storage.must_exist()?;
    let cannot =
        |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", args.path.display()));
    if args.path.exists() {
        return Err(Failure::new(format!("{} exists", args.path.display())).hint("name a new directory"));
    }
    std::fs::create_dir_all(&args.path).map_err(cannot)?;
    for name in DATABASES {
        copy_sqlite(&settings.data_dir.join(name), &args.path.join(name)).map_err(Failure::new)?;
    }
    copy_notes(&settings.data_dir, &args.path)?;
    SavedWhatIfs::of(&settings.data_dir).copy_to(&args.path).map_err(Failure::new)?;
    let key = settings.master_key_path();
    if key.exists() {
        std::fs::copy(&key, args.path.join("master.key")).map_err(cannot)?;
    }
    print_line(format!(
        "backed up to {}; it holds the master key: keep it as safe as the installation itself",
        args.path.display()
    ))
}

/// Runs `restore`. Needs the installation alone: the target must be empty.
///
/// # Errors
/// When the target is not empty or the backup is not complete.
pub fn run_restore(args: &RestoreArgs) -> Result<(), Failure> {
    let settings = args.settings.settings()?;
    embedded(&settings)?;
    let cannot = |error: std::io::Error| Failure::new(format!("cannot restore: {error}"));
    let target = &settings.data_dir;
    if target.exists() && std::fs::read_dir(target).map_err(cannot)?.next().is_some() {
        return Err(Failure::new(format!("{} is not empty", target.display()))
            .hint("stop the server and move the old data away, or name another --data-dir"));
    }
    for name in DATABASES {
        if !args.path.join(name).exists() {
            return Err(Failure::new(format!("{} lacks {name}", args.path.display()))
                .hint("is it a directory that `backup` wrote?"));
        }
    }
    std::fs::create_dir_all(target).map_err(cannot)?;
    for name in DATABASES {
        copy_sqlite(&args.path.join(name), &target.join(name)).map_err(Failure::new)?;
    }
    copy_notes(&args.path, target)?;
    SavedWhatIfs::of(&args.path).copy_to(target).map_err(Failure::new)?;
    let key = args.path.join("master.key");
    if key.exists() {
        std::fs::copy(key, settings.master_key_path()).map_err(cannot)?;
    }
    print_line(format!("restored to {}; `tributary verify` audits it", target.display()))
}

/// Runs `migrate`. Needs the installation alone.
///
/// # Errors
/// When a database is newer than this program, in use, or cannot be changed.
pub fn run_migrate(args: &MigrateArgs) -> Result<(), Failure> {
    let settings = args.settings.settings()?;
    let storage = Storage::of(&settings);
    storage.create_directory()?;
    drop(storage.log_engine()?);
    drop(storage.state_writer()?);
    drop(storage.keyring()?);
    drop(storage.refusals()?);
    print_line("log, state, key store and notes are at this program's format")
}

fn copy_notes(from: &Path, to: &Path) -> Result<(), Failure> {
    let notes = from.join(NOTES);
    if notes.exists() { copy_sqlite(&notes, &to.join(NOTES)).map_err(Failure::new) } else { Ok(()) }
}

fn embedded(settings: &Settings) -> Result<Storage, Failure> {
    let storage = Storage::of(settings);
    if storage.is_embedded() {
        Ok(storage)
    } else {
        Err(Failure::usage("this command copies the embedded storage")
            .hint("back PostgreSQL up with its own tools (pg_dump, or your provider's snapshots), and keep the master key file with it"))
    }
}
