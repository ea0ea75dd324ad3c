//! `tributary reconcile`: our conversions of a period against the operator's own list.

use std::path::PathBuf;

use clap::Args;
use tributary_domain::time::Period;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `reconcile`.
#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// The operator's list: CSV with transaction_id, amount, currency, status.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Source whose conversions are compared.
    #[arg(long, value_name = "KEY")]
    pub source: String,
    /// Month, such as 2026-01.
    #[arg(long, value_name = "PERIOD", value_parser = Period::parse)]
    pub period: Period,
    /// Book the proposed adjustments.
    #[arg(long)]
    pub apply: bool,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
