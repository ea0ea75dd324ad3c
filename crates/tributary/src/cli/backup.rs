//! `tributary backup`, `tributary restore` and `tributary migrate`.

use std::path::PathBuf;

use clap::Args;

use super::SettingsArgs;

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
    /// Print which migrations are missing and apply none.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
