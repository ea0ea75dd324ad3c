//! `tributary replay`: rebuilds derived state from the log.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Set-up file to judge by instead of the stored set-up; nothing is booked then.
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// Print who would earn what instead.
    #[arg(long)]
    pub diff: bool,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
