//! The command line: one binary, `tributary`. One file per command, each with its arguments.
//!
//! Exit status: 0 done, 1 failed, 2 called wrongly. Results go to standard output, everything else to standard error.

pub mod apply;
pub mod arguments;
pub mod backup;
pub mod config;
pub mod demo;
pub mod explain;
pub mod failure;
pub mod import;
pub mod payout;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod send;
pub mod serve;
pub mod simulate;
pub mod verify;

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
    /// Check or print the start-up settings.
    Config(config::ConfigArgs),
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
        Command::Config(args) => config::run(args),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
