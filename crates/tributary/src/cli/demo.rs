//! `tributary demo`: a server on fresh data of a believable brand.

use clap::Args;

use super::{Failure, SettingsArgs};
use crate::settings::Settings;

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Address and port of the HTTP server; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where the data lies; a new temporary directory unless one is named.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl DemoArgs {
    /// The settings with this command's own flags applied last.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn settings(&self) -> Result<Settings, Failure> {
        self.settings.load(&[("listen", self.listen.clone())]).map(|(settings, _)| settings)
    }
}
