//! `tributary config check` and `tributary config print`.

use clap::{Args, Subcommand};
use serde_json::{Map, json};

use super::{Failure, OutputArgs, SettingsArgs, print_line};
use crate::settings::{DEFAULT_FILE, Effective};

/// Arguments of `config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Read file, environment and flags as `serve` would, and say whether they can be used.
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Print every setting that is in force and where it comes from; passwords are left out.
    Print {
        /// Print the commented file of defaults instead.
        #[arg(long)]
        defaults: bool,
        #[command(flatten)]
        output: OutputArgs,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

/// Runs `config`.
///
/// # Errors
/// When a setting is refused.
pub fn run(args: &ConfigArgs) -> Result<(), Failure> {
    match &args.action {
        Action::Check { settings } => {
            settings.settings()?;
            print_line("the settings are valid")
        }
        Action::Print { defaults: true, .. } => print_line(DEFAULT_FILE.trim_end()),
        Action::Print { output, settings, .. } => {
            let (_, effective) = settings.load(&[])?;
            print_line(if output.is_json() { as_json(&effective) } else { as_text(&effective) })
        }
    }
}

fn as_text(effective: &[Effective]) -> String {
    let width = effective.iter().map(|value| value.key.len() + value.shown.len()).max().unwrap_or(0) + 3;
    let line = |value: &Effective| {
        let setting = format!("{} = {}", value.key, value.shown);
        format!("{setting:width$}  # {}", value.origin)
    };
    effective.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn as_json(effective: &[Effective]) -> String {
    let entry = |value: &Effective| {
        (
            value.key.clone(),
            json!({"value": value.shown.trim_matches('"'), "origin": value.origin.to_string()}),
        )
    };
    serde_json::Value::Object(effective.iter().map(entry).collect::<Map<_, _>>()).to_string()
}
