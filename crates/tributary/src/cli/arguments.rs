//! Arguments that several commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::failure::Failure;
use crate::settings::{self, Effective, FILE_NAME, FILE_VARIABLE, Layers, Settings};

/// Where the settings come from and where the data lies.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Settings file [default: tributary.toml in the working directory, if there is one].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of the embedded storage and of the key file [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL instead of the embedded storage: postgres://user:password@host:port/database.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Where the log of facts lies, if elsewhere.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub log_url: Option<String>,
    /// Any setting by its dotted key, such as limits.body_bytes=2000000; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SettingsArgs {
    /// The settings of file, environment and flags; `flags` are those of the command itself, as key and value.
    ///
    /// # Errors
    /// When the file cannot be read or a setting is refused.
    pub fn load(&self, flags: &[(&str, Option<String>)]) -> Result<(Settings, Vec<Effective>), Failure> {
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let file = self.file(&environment)?;
        Ok(settings::load(&Layers { file, environment, flags: self.flags(flags)? })?)
    }

    /// The settings alone.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn settings(&self) -> Result<Settings, Failure> {
        self.load(&[]).map(|(settings, _)| settings)
    }

    fn file(&self, environment: &[(String, String)]) -> Result<Option<(PathBuf, String)>, Failure> {
        let variable =
            environment.iter().find(|(name, _)| name == FILE_VARIABLE).map(|(_, path)| PathBuf::from(path));
        let named = self.config.clone().or(variable);
        let path = match &named {
            Some(path) => path.as_path(),
            None if Path::new(FILE_NAME).exists() => Path::new(FILE_NAME),
            None => return Ok(None),
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("cannot read the settings file {}: {error}", path.display()))
        })?;
        Ok(Some((path.to_owned(), text)))
    }

    /// `--set` comes first: a flag with a name of its own is the more deliberate one.
    fn flags(&self, own: &[(&str, Option<String>)]) -> Result<Vec<(String, String)>, Failure> {
        let mut flags = Vec::new();
        for pair in &self.set {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("`--set {pair}` has no value"))
                    .hint("write it as --set limits.body_bytes=2000000"));
            };
            flags.push((key.to_owned(), value.to_owned()));
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let shared = [
            ("data_dir", path(&self.data_dir)),
            ("database_url", self.database_url.clone()),
            ("log_url", self.log_url.clone()),
        ];
        let named = shared.into_iter().chain(own.iter().cloned());
        flags.extend(named.filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Ok(flags)
    }
}

/// How a command prints what it found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document, for programs.
    Json,
}

/// The flag for [`OutputFormat`].
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct OutputArgs {
    /// Print text for people or JSON for programs.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

impl OutputArgs {
    /// Whether to print JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }
}
