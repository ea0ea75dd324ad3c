//! `tributary verify` and `tributary state-hash`: proofs over what is stored.

use clap::Args;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, print_json, print_line};
use crate::operations::settled::settled_snapshot;
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

/// Runs `verify`. Works while a server runs: it audits one moment, with what the engine has taken into account by then.
///
/// # Errors
/// With the first fault when a law is broken; or when clusters wait to be settled, because then nothing can be said.
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let moment = settled_snapshot(opened.state.as_ref())?;
    let configuration = opened.configuration.current();
    if opened.set_up.configuration_revision()? != configuration.revision {
        return Err(Failure::new("the set-up was changed while the audit began").hint("run it again"));
    }
    let report = verify(opened.log.as_ref(), moment.as_ref(), &configuration).map_err(Failure::new)?;
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
