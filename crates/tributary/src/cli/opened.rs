//! An installation opened for reading, beside a running server.

use std::sync::Arc;

use tributary_store::keys::Keyring;
use tributary_store::log::LogReader;
use tributary_store::state::{ConfigurationStore, StateReader};

use super::{Failure, SettingsArgs};
use crate::settings::Settings;
use crate::setup::live::LiveConfiguration;
use crate::storage::Storage;

/// Everything that a reading command needs.
pub struct Opened {
    /// The settings it was opened with.
    pub settings: Settings,
    /// Where it lies.
    pub storage: Storage,
    /// The derived state.
    pub state: Arc<dyn StateReader>,
    /// The log.
    pub log: Arc<dyn LogReader>,
    /// The stored set-up.
    pub set_up: Arc<dyn ConfigurationStore>,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// The set-up in force.
    pub configuration: LiveConfiguration,
}

impl Opened {
    /// Opens the installation that the arguments name.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(args: &SettingsArgs) -> Result<Self, Failure> {
        let settings = args.settings()?;
        let storage = Storage::of(&settings);
        storage.must_exist()?;
        let keyring = storage.keyring()?;
        let set_up = storage.configuration()?;
        Ok(Self {
            state: storage.state_reader()?,
            log: storage.log_reader()?,
            configuration: LiveConfiguration::load(set_up.clone(), keyring.clone())?,
            keyring,
            set_up,
            storage,
            settings,
        })
    }
}
