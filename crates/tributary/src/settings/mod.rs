//! Start-up settings: where to listen, where to store, how much to accept.
//!
//! They come from four layers, later ones win: the defaults ([`DEFAULT_FILE`]), `tributary.toml`, `TRIBUTARY_*`
//! environment variables, flags. A key that does not exist is an error that names the nearest one; so is a value of
//! the wrong type. What is promoted and paid is not here but in [`crate::setup`].

mod layers;
mod types;

pub use layers::{Effective, Layers, Origin, SettingsError, environment_name, load};
pub use types::{
    ApiSettings, DatabaseUrl, EdgeSettings, EngineSettings, Limits, LogFormat, LogSettings, ReadToken,
    RefusalSettings, Role, Settings, TestSettings,
};

#[cfg(test)]
mod tests;

/// The commented file of defaults; also the list of all keys and their types.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// Name of the settings file that is read from the working directory when it exists.
pub const FILE_NAME: &str = "tributary.toml";

/// Variable that names another settings file.
pub const FILE_VARIABLE: &str = "TRIBUTARY_CONFIG";

/// Variable that may hold the master key itself (64 hexadecimal digits) where no key file is wanted. It is no setting, so that it
/// can never be printed with them.
pub const MASTER_KEY_VARIABLE: &str = "TRIBUTARY_MASTER_KEY";
