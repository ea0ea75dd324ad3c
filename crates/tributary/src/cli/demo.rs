//! `tributary demo`: a server on fresh data of a believable brand.

use clap::Args;

use super::{Failure, SettingsArgs};
use crate::demonstration;
use crate::server::{Server, stop_signal};
use crate::settings::Settings;
use crate::storage::Storage;

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

/// Runs `demo`.
///
/// # Errors
/// When the directory holds an installation already, or the server cannot start.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let mut settings = args.settings()?;
    if args.settings.data_dir.is_none() {
        settings.data_dir = std::env::temp_dir().join(format!("tributary-demo-{}", std::process::id()));
    }
    crate::telemetry::init(&settings.log).map_err(Failure::new)?;
    let now = super::now()?;
    let secrets = demonstration::secrets()?;
    demonstration::set_up(&Storage::of(&settings), &secrets, now)?;
    let runtime = super::runtime()?;
    let served = runtime.block_on(async {
        let stop = stop_signal();
        let server = Server::start(&settings).await?;
        let (address, edge) = (server.address, server.edge.clone());
        let data_dir = settings.data_dir.clone();
        // The story is told beside the running server: whoever looks early sees it grow.
        let story = tokio::task::spawn_blocking(move || -> anyhow::Result<String> {
            let tour = demonstration::fill(&edge, secrets, now)?;
            // As it was called: `make run` calls it by its path.
            let program = std::env::args().next().unwrap_or_else(|| "tributary".to_owned());
            demonstration::banner(&address, &data_dir, &tour, &program)
        });
        let told = tokio::spawn(async move {
            match story.await {
                Ok(Ok(banner)) => super::print_line(banner),
                Ok(Err(problem)) => Err(problem.into()),
                Err(problem) => Err(Failure::new(problem)),
            }
        });
        super::print_line(format!("listening on http://{address}, filling in a demonstration ..."))?;
        server.run(stop).await?;
        told.await.map_err(Failure::new)?
    });
    // An engine in the middle of a long step does not keep the process alive.
    runtime.shutdown_background();
    served
}
