//! `tributary explain`: the whole chain behind anything, or behind its absence.

use clap::Args;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Click id, event id, commission id, payout id or transaction id.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
