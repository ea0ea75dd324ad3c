//! `tributary import`: files of events, with one outcome per row.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// CSV, CSV.gz or JSONL of any kind of event.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Source that the rows come from.
    #[arg(long, value_name = "KEY")]
    pub source: String,
    /// How columns become fields [default: columns are named like fields].
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Check every row and store nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Send the rows to a running server instead of writing the log directly.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Where the outcomes are written [default: FILE.result.csv].
    #[arg(long, value_name = "FILE")]
    pub result: Option<PathBuf>,
    /// How to print the summary.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
