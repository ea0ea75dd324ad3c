//! `tributary verify` and `tributary state-hash`: proofs over what is stored.

use clap::Args;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `verify` and `state-hash`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
