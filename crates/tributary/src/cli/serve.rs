//! `tributary serve`: runs the server.

use clap::Args;

use super::{Failure, SettingsArgs};
use crate::server::{Server, stop_signal};
use crate::settings::Settings;

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Address and port of the HTTP server; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// What this process does: edge, engine, delivery, api, sync [default: all].
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<String>,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl ServeArgs {
    /// The settings with this command's own flags applied last.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let flags = [("listen", self.listen.clone()), ("roles", self.roles.clone())];
        self.settings.load(&flags).map(|(settings, _)| settings)
    }
}

/// Runs `serve`.
///
/// # Errors
/// When the server cannot start or its listener fails.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let settings = args.settings()?;
    crate::telemetry::init(&settings.log).map_err(Failure::new)?;
    let runtime = super::runtime()?;
    let served = runtime.block_on(async {
        let stop = stop_signal();
        let server = Server::start(&settings).await?;
        tracing::info!(address = %server.address, data_dir = %settings.data_dir.display(), "listening");
        super::print_line(format!("listening on http://{}", server.address))?;
        server.run(stop).await?;
        Ok(())
    });
    // An engine in the middle of a long step does not keep the process alive.
    runtime.shutdown_background();
    served
}
