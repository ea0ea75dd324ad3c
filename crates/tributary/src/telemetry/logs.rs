//! Log lines on standard error: text for people, JSON for machines.

use std::io::IsTerminal;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::settings::{LogFormat, LogSettings};

/// Why log lines cannot be written.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The level is not a filter.
    #[error("`log.level`: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in this process receives them already.
    #[error("log lines go elsewhere already: {0}")]
    Taken(#[from] TryInitError),
}

/// Sends log lines to standard error from now on; standard output belongs to what a command prints.
///
/// # Errors
/// When the level cannot be read or the process has a subscriber already.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let filter: EnvFilter = settings.level.parse()?;
    let terminal = std::io::stderr().is_terminal();
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    let json = match settings.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if json {
        lines.json().flatten_event(true).with_current_span(false).finish().try_init()?;
    } else {
        lines.compact().finish().try_init()?;
    }
    Ok(())
}
