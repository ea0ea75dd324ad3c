//! Merging the layers: defaults, file, environment, flags.
//!
//! The file of defaults is the schema: a key that is not in it does not exist, and a value must have its type.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use thiserror::Error;
use toml::{Table, Value};

use super::types::{ApiSettings, DatabaseUrl, LogFormat, LogSettings, ReadToken, Role, Settings};
use super::{DEFAULT_FILE, FILE_VARIABLE, MASTER_KEY_VARIABLE};
use crate::nearest::nearest;

/// What the outside gives, unread.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The settings file: its name and its text.
    pub file: Option<(PathBuf, String)>,
    /// Environment variables; those that do not begin with `TRIBUTARY_` are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags as pairs of dotted key and value, such as `("limits.body_bytes", "1000")`; the last of a key wins.
    pub flags: Vec<(String, String)>,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The file of defaults.
    Default,
    /// The settings file.
    File(PathBuf),
    /// The environment variable of that name.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// Place and cause, from the parser.
        message: String,
    },
    /// A key that does not exist.
    #[error("{origin}: unknown setting `{key}`; the nearest valid name is `{nearest}`")]
    UnknownKey {
        /// File, environment or flag.
        origin: String,
        /// The key or variable as given.
        key: String,
        /// What was probably meant.
        nearest: String,
    },
    /// A value that cannot be used.
    #[error("{origin}: `{key}`: {message}")]
    BadValue {
        /// File, variable or flag.
        origin: String,
        /// The dotted key.
        key: String,
        /// What is expected instead.
        message: String,
    },
}

impl SettingsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "`tributary config print` shows every setting with its value and where it comes from"
    }
}

/// One setting as it is in force.
#[derive(Clone, PartialEq, Debug)]
pub struct Effective {
    /// The dotted key.
    pub key: String,
    /// The value in TOML notation, passwords left out.
    pub shown: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The environment variable of a dotted key: `limits.body_bytes` is `TRIBUTARY_LIMITS_BODY_BYTES`.
#[must_use]
pub fn environment_name(key: &str) -> String {
    format!("TRIBUTARY_{}", key.replace('.', "_").to_uppercase())
}

/// Merges the layers into settings, and lists every value with its origin.
pub fn load(layers: &Layers) -> Result<(Settings, Vec<Effective>), SettingsError> {
    let mut merged = Merged::defaults()?;
    if let Some((path, text)) = &layers.file {
        merged.add_file(path, text)?;
    }
    merged.add_environment(&layers.environment)?;
    for (key, value) in &layers.flags {
        merged.add_text(key, value, Origin::Flag)?;
    }
    Ok((merged.settings()?, merged.effective()))
}

/// Values and origins by dotted key; holds every key of the schema from the start.
struct Merged(BTreeMap<String, (Value, Origin)>);

impl Merged {
    fn defaults() -> Result<Self, SettingsError> {
        let table: Table = DEFAULT_FILE.parse().map_err(|error: toml::de::Error| SettingsError::Syntax {
            origin: "default.toml".to_owned(),
            message: error.to_string(),
        })?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat);
        Ok(Self(flat.into_iter().map(|(key, value)| (key, (value, Origin::Default))).collect()))
    }

    fn add_file(&mut self, path: &std::path::Path, text: &str) -> Result<(), SettingsError> {
        let origin = Origin::File(path.to_owned());
        let table: Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Syntax {
            origin: origin.to_string(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat);
        flat.into_iter().try_for_each(|(key, value)| self.add(&key, value, origin.clone()))
    }

    fn add_environment(&mut self, variables: &[(String, String)]) -> Result<(), SettingsError> {
        let keys: Vec<(String, String)> =
            self.0.keys().map(|key| (environment_name(key), key.clone())).collect();
        for (name, value) in variables {
            if !name.starts_with("TRIBUTARY_") {
                continue;
            }
            match keys.iter().find(|(known, _)| known == name) {
                Some((_, key)) => self.add_text(key, value, Origin::Environment(name.clone()))?,
                None if belongs_elsewhere(name) => {}
                None => {
                    let close =
                        nearest(name, keys.iter().map(|(known, _)| known.as_str())).unwrap_or_default();
                    return Err(SettingsError::UnknownKey {
                        origin: "environment".to_owned(),
                        key: name.clone(),
                        nearest: close.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds a value written as plain text, read by the type that the key has.
    fn add_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), SettingsError> {
        let Some((present, _)) = self.0.get(key) else { return Err(self.unknown(key, &origin)) };
        let value = match present {
            Value::Integer(_) => match text.trim().replace('_', "").parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err(bad(&origin, key, format!("expected a whole number, found `{text}`"))),
            },
            Value::Boolean(_) => match text.trim() {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                _ => return Err(bad(&origin, key, format!("expected true or false, found `{text}`"))),
            },
            Value::Array(_) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        };
        self.add(key, value, origin)
    }

    fn add(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), SettingsError> {
        let Some((present, _)) = self.0.get(key) else { return Err(self.unknown(key, &origin)) };
        if present.type_str() != value.type_str() {
            let message = format!("expected {}, found {}", kind(present), kind(&value));
            return Err(bad(&origin, key, message));
        }
        match value {
            // Zero of these would refuse everything or wait for ever; only a delay may be none.
            Value::Integer(number) if number < 0 || (number == 0 && key != "test.commit_delay_ms") => {
                Err(bad(&origin, key, format!("expected a number above zero, found {number}")))
            }
            value => {
                self.0.insert(key.to_owned(), (value, origin));
                Ok(())
            }
        }
    }

    fn unknown(&self, key: &str, origin: &Origin) -> SettingsError {
        let close = nearest(key, self.0.keys().map(String::as_str)).unwrap_or_default();
        SettingsError::UnknownKey {
            origin: origin.to_string(),
            key: key.to_owned(),
            nearest: close.to_owned(),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(|(value, _)| value.as_str()).unwrap_or_default()
    }

    /// Reads a text value; an empty one is `None`.
    fn optional<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        match self.text(key) {
            "" => Ok(None),
            text => read(text).map(Some).map_err(|message| self.bad_value(key, message)),
        }
    }

    fn required<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, SettingsError> {
        self.optional(key, read)?.ok_or_else(|| self.bad_value(key, "must not be empty".to_owned()))
    }

    fn bad_value(&self, key: &str, message: String) -> SettingsError {
        let origin = self.0.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        bad(&origin, key, message)
    }

    fn section<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, SettingsError> {
        let prefix = format!("{name}.");
        let table: Table = self
            .0
            .iter()
            .filter_map(|(key, (value, _))| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
            .collect();
        table.try_into().map_err(|error: toml::de::Error| bad(&Origin::Default, name, error.to_string()))
    }

    fn roles(&self) -> Result<Vec<Role>, SettingsError> {
        let mut roles = Vec::new();
        let listed = self.0.get("roles").and_then(|(value, _)| value.as_array());
        for entry in listed.into_iter().flatten() {
            let name = entry.as_str().unwrap_or_default();
            let Some(role) = Role::from_name(name) else {
                let close = nearest(name, Role::ALL.map(Role::name)).unwrap_or_default();
                let message = format!("`{name}` is not a role; the nearest valid name is `{close}`");
                return Err(self.bad_value("roles", message));
            };
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        if roles.is_empty() {
            Err(self.bad_value("roles", "name at least one role".to_owned()))
        } else {
            Ok(roles)
        }
    }

    fn settings(&self) -> Result<Settings, SettingsError> {
        let path = |text: &str| Ok(PathBuf::from(text));
        Ok(Settings {
            listen: self.required("listen", |text| {
                text.parse().map_err(|_| {
                    format!("expected an address and a port such as 127.0.0.1:8080, found `{text}`")
                })
            })?,
            data_dir: self.required("data_dir", path)?,
            database_url: self.optional("database_url", DatabaseUrl::parse)?,
            log_url: self.optional("log_url", DatabaseUrl::parse)?,
            roles: self.roles()?,
            master_key_file: self.optional("master_key_file", path)?,
            limits: self.section("limits")?,
            edge: self.section("edge")?,
            refusals: self.section("refusals")?,
            api: ApiSettings { read_token: self.optional("api.read_token", ReadToken::parse)? },
            engine: self.section("engine")?,
            log: LogSettings {
                format: self.required("log.format", |name| {
                    let close = nearest(name, LogFormat::NAMES).unwrap_or_default();
                    LogFormat::from_name(name).ok_or_else(|| {
                        format!("`{name}` is not a format; the nearest valid name is `{close}`")
                    })
                })?,
                level: self.required("log.level", |text| {
                    match text.parse::<tracing_subscriber::EnvFilter>() {
                        Ok(_) => Ok(text.to_owned()),
                        Err(error) => Err(error.to_string()),
                    }
                })?,
            },
            test: self.section("test")?,
        })
    }

    fn effective(&self) -> Vec<Effective> {
        let shown = |key: &str, value: &Value| match value.as_str() {
            Some(text) if key.ends_with("_url") && !text.is_empty() => {
                DatabaseUrl::parse(text).map_or_else(|_| "\"...\"".to_owned(), |url| format!("\"{url}\""))
            }
            Some(text) if key.ends_with("_token") && !text.is_empty() => "\"...\"".to_owned(),
            _ => value.to_string(),
        };
        self.0
            .iter()
            .map(|(key, (value, origin))| Effective {
                key: key.clone(),
                shown: shown(key, value),
                origin: origin.clone(),
            })
            .collect()
    }
}

/// Variables that begin like settings but are read by others: the name of the settings file, the master key, secrets that
/// set-up files refer to, and what the project's own tests and benchmarks use.
fn belongs_elsewhere(name: &str) -> bool {
    [FILE_VARIABLE, MASTER_KEY_VARIABLE].contains(&name)
        || ["TRIBUTARY_SECRET", "TRIBUTARY_TEST_", "TRIBUTARY_BENCH_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn bad(origin: &Origin, key: &str, message: String) -> SettingsError {
    SettingsError::BadValue { origin: origin.to_string(), key: key.to_owned(), message }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

fn flatten(prefix: &str, table: &Table, flat: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, flat),
            // An empty section says nothing, but a misspelt one would hide what is added to it later.
            Value::Table(_) if DEFAULT_FILE.contains(&format!("\n[{key}]\n")) => {}
            value => flat.push((key, value.clone())),
        }
    }
}
