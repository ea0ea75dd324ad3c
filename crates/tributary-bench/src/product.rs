//! A server under measurement: the released executable, or this program in its place, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::client;

/// How long a server may take to start, to catch up or to stop.
const PATIENCE: Duration = Duration::from_secs(900);

/// A running server.
pub(crate) struct Product {
    process: Child,
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    data_dir: PathBuf,
}

impl Product {
    /// Starts `tributary serve` on a free port.
    pub(crate) fn serve(executable: &Path, data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(executable);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(arguments);
        Self::start(command, data_dir)
    }

    /// Starts any program that prints `listening on http://ADDRESS`.
    pub(crate) fn start(mut command: Command, data_dir: &Path) -> anyhow::Result<Self> {
        let errors = std::fs::File::create(data_dir.with_extension("stderr"))?;
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let address = loop {
            let Some(line) = lines.next() else {
                let _ = process.kill();
                let _ = process.wait();
                bail!(
                    "the server did not start: {}",
                    std::fs::read_to_string(data_dir.with_extension("stderr"))?
                )
            };
            if let Some(address) = line?.strip_prefix("listening on http://") {
                break address.to_owned();
            }
        };
        Ok(Self { process, address, data_dir: data_dir.to_owned() })
    }

    /// Processor seconds of the process so far, in user and system mode.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        processor_seconds(self.process.id())
    }

    /// A line of `/proc/PID/status` in MiB: `VmRSS` (now) or `VmHWM` (the most so far).
    pub(crate) fn memory_mib(&self, what: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with(what)).context("no memory figure")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no memory figure")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Bytes of the data directory, write-ahead logs included.
    pub(crate) fn disk_bytes(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for entry in std::fs::read_dir(&self.data_dir)? {
            sum += entry?.metadata()?.len();
        }
        Ok(sum)
    }

    /// Log records that the engine of this process has taken into account.
    pub(crate) fn settled(&self) -> anyhow::Result<u64> {
        let page = client::get(&self.address, "/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix("tributary_engine_events_total "));
        Ok(line.map(str::parse).transpose()?.unwrap_or(0))
    }

    /// Waits until the engine has taken `events` records into account since this process started.
    pub(crate) fn wait_settled(&self, events: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.settled()? < events {
            ensure!(started.elapsed() < PATIENCE, "the engine does not catch up");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits until the engine has nothing to do any more.
    pub(crate) fn wait_idle(&self) -> anyhow::Result<u64> {
        let started = Instant::now();
        loop {
            let ready: serde_json::Value = serde_json::from_str(&client::get(&self.address, "/readyz")?)?;
            if ready["lag"] == 0 {
                return self.settled();
            }
            ensure!(started.elapsed() < PATIENCE, "the engine does not catch up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it as an operator would, and waits.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.process.id().to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &id]).status()?.success(),
            "the server cannot be stopped"
        );
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Processor seconds of a process: fields 14 and 15 of Linux's `/proc/PID/stat`, in hundredths of a second.
fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = text.rsplit_once(')').context("no processor time")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |place: usize| -> anyhow::Result<f64> {
        Ok(fields.get(place).context("no processor time")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
