//! The command line: one binary, `tributary`. One file per command, each with its arguments.
//!
//! Exit status: 0 done, 1 failed, 2 called wrongly. Results go to standard output, everything else to standard error.

pub mod apply;
pub mod arguments;
mod attribution_report;
pub mod backup;
mod choosing;
pub mod config;
pub mod demo;
pub mod explain;
pub mod failure;
pub mod identity;
pub mod import;
pub mod model;
pub mod opened;
mod over_attribution;
pub mod payout;
pub mod reconcile;
pub mod refusals;
pub mod replay;
pub mod report;
pub mod send;
pub mod serve;
pub mod simulate;
pub mod verify;
pub mod what_if;
mod what_if_report;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use tributary_domain::time::Timestamp;

pub use arguments::{OutputArgs, OutputFormat, SettingsArgs};
pub use failure::Failure;

/// Tracks partners' traffic, decides who earned what, and pays it out.
#[derive(Parser, Debug)]
#[command(name = "tributary", version, max_term_width = 110, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "one value in the life of a process")]
enum Command {
    /// Make the set-up say what files say; doing it again changes nothing.
    Apply(apply::ApplyArgs),
    /// Run the server: all roles in one process, embedded storage, unless told otherwise.
    Serve(serve::ServeArgs),
    /// Run the server on a fresh directory with a believable brand, and print what to try.
    Demo(demo::DemoArgs),
    /// Make deterministic traffic with ground truth, to a file or a server.
    Simulate(simulate::SimulateArgs),
    /// Copy the embedded storage as of one moment.
    Backup(backup::BackupArgs),
    /// Put a backup in place of nothing.
    Restore(backup::RestoreArgs),
    /// Bring the databases to this program's format, as `serve` does when it starts.
    Migrate(backup::MigrateArgs),
    /// Check or print the start-up settings.
    Config(config::ConfigArgs),
    /// Tell the whole chain behind a click, event, order, commission or payout, or behind its absence.
    Explain(explain::ExplainArgs),
    /// Rebuild the state from the log and compare; with another set-up, tell who would earn what.
    Replay(replay::ReplayArgs),
    /// Promote or discard what `replay --with FILE --save NAME` kept.
    WhatIf(what_if::WhatIfArgs),
    /// List what was refused at the doors, and why.
    Refusals(refusals::RefusalsArgs),
    /// Match an operator's file with our conversions; --apply books the adjustments.
    Reconcile(reconcile::ReconcileArgs),
    /// Plan, approve, export and settle payouts.
    Payout(payout::PayoutArgs),
    /// Train the weights of data-driven attribution models.
    Model(model::ModelArgs),
    /// Who earned what, under the live models or another one.
    Report(report::ReportArgs),
    /// Who is who and why; keep people apart or join them, with the effect on money shown first.
    Identity(identity::IdentityArgs),
    /// Audit every invariant and the ledger's hash chain; exit 1 names the first fault.
    Verify(verify::VerifyArgs),
    /// One hash over all derived state.
    StateHash(verify::VerifyArgs),
    /// Take in a CSV, CSV.gz or JSONL file; one outcome per row; goes on where it was interrupted.
    Import(import::ImportArgs),
    /// Send one signed test event to a running server and print its outcome.
    Send(send::SendArgs),
}

/// Runs the command that the process was called with.
#[must_use]
pub fn run() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are errors to clap that go to standard output and end well.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            return if error.print().is_ok() { code } else { ExitCode::FAILURE };
        }
    };
    let result = match &line.command {
        Command::Apply(args) => apply::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Backup(args) => backup::run_backup(args),
        Command::Restore(args) => backup::run_restore(args),
        Command::Migrate(args) => backup::run_migrate(args),
        Command::Config(args) => config::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Replay(args) => replay::run(args),
        Command::WhatIf(args) => what_if::run(args),
        Command::Refusals(args) => refusals::run(args),
        Command::Reconcile(args) => reconcile::run(args),
        Command::Payout(args) => payout::run(args),
        Command::Model(args) => model::run(args),
        Command::Report(args) => report::run(args),
        Command::Identity(args) => identity::run(args),
        Command::Verify(args) => verify::run(args),
        Command::StateHash(args) => verify::run_state_hash(args),
        Command::Import(args) => import::run(args),
        Command::Send(args) => send::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

/// The runtime of commands that serve.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))
}

/// The present. Commands read the clock here and hand it on: nothing below them does.
///
/// # Errors
/// When the clock is before 1970.
pub(crate) fn now() -> Result<Timestamp, Failure> {
    let elapsed =
        SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Failure::new("the clock is before 1970"))?;
    Ok(Timestamp(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)))
}

/// Prints a line on standard output. A reader that has gone away (`tributary ... | head`) is no failure.
///
/// # Errors
/// Any other failure to write.
pub(crate) fn print_line(line: impl std::fmt::Display) -> Result<(), Failure> {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints one indented JSON document on standard output.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print_line(serde_json::to_string_pretty(value).map_err(Failure::new)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
