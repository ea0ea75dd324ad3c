//! The product's server with storing switched off: the same doors, decoding, sealing and queue before a log that keeps nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tributary::server::{Server, stop_signal};
use tributary::settings::Settings;
use tributary_store::log::{Appended, LogEngine, LogError, NewRecord, Sequence};

/// This program's argument that starts it.
pub(crate) const COMMAND: &str = "serve-without-storing";

/// Calls every record stored.
struct KeepsNothing {
    last: u64,
}

impl LogEngine for KeepsNothing {
    fn append(&mut self, group: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        Ok(group
            .iter()
            .map(|_| {
                self.last += 1;
                Appended::Stored(Sequence(self.last))
            })
            .collect())
    }
}

/// Serves on a free port until it is told to stop.
pub(crate) fn serve(data_dir: &Path) -> anyhow::Result<()> {
    let settings = Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data_dir: PathBuf::from(data_dir),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start_through(&settings, |_| Box::new(KeepsNothing { last: 0 })).await?;
        println!("listening on http://{}", server.address);
        server.run(stop_signal()).await
    })
}
