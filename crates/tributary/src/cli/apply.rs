//! `tributary apply`: makes the set-up say what files say.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;
use tributary_store::keys::Keyring;
use tributary_store::state::ConfigurationStore;

use super::{Failure, OutputArgs, SettingsArgs, now, print_line};
use crate::setup::live::{opened, sealed};
use crate::setup::{Change, ChangeSet, Document, EntityChange, Kind, SetupFile, StoredEntity, plan};
use crate::storage::Storage;

/// Arguments of `apply`.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// Set-up files, YAML or TOML; several count as one. `-` reads YAML from standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print what would change and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How to print the changes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `apply`. A server that runs on the same storage takes the change up by itself.
///
/// # Errors
/// When the set-up would not be valid, or cannot be stored.
pub fn run(args: &ApplyArgs) -> Result<(), Failure> {
    let storage = Storage::of(&args.settings.settings()?);
    let now = now()?;
    if args.dry_run && storage.must_exist().is_err() {
        // Looking at what would happen leaves nothing behind, not even an empty installation.
        return args.report(&args.change_set(&[], now)?);
    }
    storage.create_directory()?;
    let keyring = storage.keyring()?;
    let store = storage.configuration()?;
    if storage.log_reader().is_err() {
        // A new installation is whole: what reads it finds an empty log.
        drop(storage.log_engine()?);
    }
    let (_, stored) = store.load_configuration()?;
    let changes = args.change_set(&opened(&stored, &keyring)?, now)?;
    keeps_past_owners(&changes, now)?;
    if !args.dry_run && !changes.is_empty() {
        self::store(store.as_ref(), &keyring, &changes, now)?;
    }
    args.report(&changes)
}

/// Applies a file that another command made, as `apply` would.
///
/// # Errors
/// As [`run`].
pub(super) fn apply_made(storage: &Storage, file: SetupFile, now: Timestamp) -> Result<ChangeSet, Failure> {
    let (keyring, store) = (storage.keyring()?, storage.configuration()?);
    let (_, stored) = store.load_configuration()?;
    let changes = change_set(&[file], &opened(&stored, &keyring)?, now)?;
    self::store(store.as_ref(), &keyring, &changes, now)?;
    Ok(changes)
}

/// What files change of what is stored.
fn change_set(files: &[SetupFile], stored: &[StoredEntity], now: Timestamp) -> Result<ChangeSet, Failure> {
    let brands: Vec<BrandKey> = stored
        .iter()
        .filter(|row| row.kind == Kind::Brand.name())
        .filter_map(|row| BrandKey::parse(&row.key).ok())
        .collect();
    let document = Document::read(files, &brands, &|name| std::env::var(name).ok())?;
    Ok(plan(stored, &document, now)?)
}

/// Stores what changes; a running server follows.
///
/// # Errors
/// When it cannot be sealed or stored.
pub(super) fn store(
    set_up: &dyn ConfigurationStore,
    keyring: &Keyring,
    changes: &ChangeSet,
    now: Timestamp,
) -> Result<(), Failure> {
    if !changes.is_empty() {
        set_up.save_configuration(&sealed(&changes.rows, keyring, now)?, changes.judged_anew())?;
    }
    Ok(())
}

/// Whose a link was is not rewritten: its partners were told their clicks. Touches that happen after a change of hands but were taken in
/// before it, because a clock is ahead, are counted again.
pub(super) fn keeps_past_owners(changes: &ChangeSet, now: Timestamp) -> Result<(), Failure> {
    let moves_owner = |change: &Change| match change {
        Change::Changed(fields) => fields.iter().any(|field| matches!(&*field.field, "partner" | "campaign")),
        Change::Added | Change::Unchanged => false,
    };
    let is_past = |entry: &&EntityChange| {
        entry.kind == Kind::Link && entry.effective_from < now && moves_owner(&entry.change)
    };
    match changes.changes.iter().find(is_past) {
        None => Ok(()),
        Some(entry) => Err(Failure::new(format!(
            "link `{}`: its partner and campaign cannot change for the past, whose clicks are counted already",
            entry.key
        ))
        .hint("leave out `effective_from` to change the link from now on, or make another link")),
    }
}

impl ApplyArgs {
    /// Reads the files and compares them with what is stored.
    ///
    /// # Errors
    /// When a file cannot be read, or with every problem of the set-up that would result.
    pub fn change_set(&self, stored: &[StoredEntity], now: Timestamp) -> Result<ChangeSet, Failure> {
        let files = self.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        change_set(&files, stored, now)
    }

    /// Prints what changes, or would change.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn report(&self, changes: &ChangeSet) -> Result<(), Failure> {
        if self.output.is_json() {
            let mut report = changes.to_json();
            if let Some(fields) = report.as_object_mut() {
                fields.insert("dry_run".to_owned(), self.dry_run.into());
            }
            return print_line(report);
        }
        let applied = if self.dry_run && !changes.is_empty() { "; nothing is applied yet" } else { "" };
        print_line(format!("{changes}{applied}"))
    }
}

fn read(path: &Path) -> Result<SetupFile, Failure> {
    let cannot = |error| Failure::new(format!("cannot read {}: {error}", path.display()));
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(cannot)?;
        return Ok(SetupFile { name: "standard input".to_owned(), text });
    }
    Ok(SetupFile { name: path.display().to_string(), text: std::fs::read_to_string(path).map_err(cannot)? })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ApplyArgs,
    }

    fn args(files: &[&Path]) -> ApplyArgs {
        let files = files.iter().map(|file| file.display().to_string());
        Line::parse_from(std::iter::once("apply".to_owned()).chain(files)).args
    }

    #[test]
    fn files_together_are_one_set_up() {
        let directory = tempfile::tempdir().unwrap();
        let (brand, plans) = (directory.path().join("brand.yaml"), directory.path().join("plans.toml"));
        std::fs::write(&brand, "brands: [{key: acme, currency: EUR}]").unwrap();
        std::fs::write(&plans, "[[plans]]\nkey = 'std'\nrules = [{goal = 'purchase', pays = '1 EUR'}]")
            .unwrap();
        let set = args(&[&plans, &brand]).change_set(&[], Timestamp(0)).unwrap();
        assert_eq!(set.counts(), (2, 0, 0));
        let later = args(&[&plans]).change_set(&set.rows, Timestamp(1)).unwrap();
        assert_eq!(later.counts(), (0, 0, 1), "the stored brand is the only one there is");
        let missing = directory.path().join("none.yaml");
        let failure = args(&[&missing]).change_set(&[], Timestamp(0)).unwrap_err().to_string();
        assert!(failure.contains("none.yaml"), "{failure}");
    }
}
