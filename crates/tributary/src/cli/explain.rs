//! `tributary explain`: the whole chain behind anything, or behind its absence.

use clap::Args;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, print_json, print_line};
use crate::operations::explain::explain;

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

/// Runs `explain`. Works while a server runs.
///
/// # Errors
/// When the store cannot be read, or nothing is known under the id.
pub fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let explanation = explain(opened.state.as_ref(), &opened.configuration.current(), &args.id)?;
    if args.output.is_json() {
        print_json(&explanation)?;
    } else {
        print_line(explanation.prose().trim_end())?;
    }
    if explanation.what == "nothing" {
        Err(Failure::new(format!("nothing is known under `{}`", args.id)))
    } else {
        Ok(())
    }
}
