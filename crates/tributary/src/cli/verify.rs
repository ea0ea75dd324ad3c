//! `tributary verify` and `tributary state-hash`: proofs over what is stored.

use clap::Args;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, print_json, print_line};
use crate::operations::state_hash::state_hash;
use crate::operations::verify::verify;

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

/// Runs `verify`. Works while a server runs: it audits what the engine has taken into account.
///
/// # Errors
/// With the first fault when a law is broken.
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let report = verify(opened.log.as_ref(), opened.state.as_ref(), &opened.configuration.current())
        .map_err(Failure::new)?;
    if args.output.is_json() {
        print_json(&report)?;
    } else {
        for check in &report.checks {
            let verdict = if check.faults.is_empty() { "holds" } else { "BROKEN" };
            print_line(format!("{verdict:>6}  {} ({} examined)", check.law, check.examined))?;
            for fault in &check.faults {
                print_line(format!("        {fault}"))?;
            }
        }
    }
    match report.first_fault() {
        Some((law, fault)) => Err(Failure::new(format!("{law}: {fault}"))),
        None => Ok(()),
    }
}

/// Runs `state-hash`.
///
/// # Errors
/// When the store cannot be read.
pub fn run_state_hash(args: &VerifyArgs) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let hash = state_hash(opened.state.as_ref())?;
    if args.output.is_json() {
        let checkpoint = opened.state.checkpoint()?.0;
        print_line(serde_json::json!({ "state_hash": hash, "checkpoint": checkpoint }))
    } else {
        print_line(hash)
    }
}
