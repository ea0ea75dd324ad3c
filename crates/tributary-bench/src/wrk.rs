//! The load generator: `wrk` with requests that are made before the clock starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// What one run answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// Requests in a second.
    pub(crate) rate: f64,
    /// Milliseconds within which 99 of 100 were answered.
    pub(crate) p99: f64,
    /// All requests.
    pub(crate) requests: u64,
}

/// One kind of load.
pub(crate) struct Load {
    script: PathBuf,
    connections: u32,
    seconds: u32,
}

impl Load {
    /// Requests for these paths, one after another on every connection.
    pub(crate) fn of(
        directory: &Path,
        name: &str,
        paths: &[String],
        connections: u32,
        seconds: u32,
    ) -> anyhow::Result<Self> {
        let script = directory.join(format!("{name}.lua"));
        let list: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
        let text = format!(
            "local paths = {{{}}}\nlocal requests = {{}}\nlocal next = 0\n\
             function init(args)\n  for place, path in ipairs(paths) do requests[place] = wrk.format(\"GET\", path) end\n  \
             next = math.random(#paths)\nend\n\
             function request()\n  next = next % #requests + 1\n  return requests[next]\nend\n",
            list.join(",")
        );
        std::fs::write(&script, text)?;
        Ok(Self { script, connections, seconds })
    }

    /// Runs it against an address. Every answer must be a redirect.
    pub(crate) fn run(&self, address: &str) -> anyhow::Result<Answered> {
        let output = Command::new("wrk")
            .args([
                "-t2",
                &format!("-c{}", self.connections),
                &format!("-d{}s", self.seconds),
                "--latency",
                "-s",
            ])
            .arg(&self.script)
            .args([
                "-H",
                "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ])
            .arg(format!("http://{address}"))
            .output()
            .context("wrk cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr));
        ensure!(!text.contains("Non-2xx or 3xx"), "some answers were errors: {text}");
        let after = |mark: &str| -> anyhow::Result<&str> {
            let line = text
                .lines()
                .find_map(|line| line.trim().strip_prefix(mark))
                .with_context(|| text.to_string())?;
            line.split_whitespace().next().context("an empty line")
        };
        let requests = text.lines().find(|line| line.contains(" requests in ")).context("no count")?;
        Ok(Answered {
            rate: after("Requests/sec:")?.parse()?,
            p99: milliseconds(after("99%")?)?,
            requests: requests.split_whitespace().next().context("no count")?.parse()?,
        })
    }
}

fn milliseconds(text: &str) -> anyhow::Result<f64> {
    let (digits, factor) = if let Some(digits) = text.strip_suffix("us") {
        (digits, 0.001)
    } else if let Some(digits) = text.strip_suffix("ms") {
        (digits, 1.0)
    } else {
        (text.strip_suffix('s').with_context(|| format!("{text} is no time"))?, 1_000.0)
    };
    Ok(digits.parse::<f64>()? * factor)
}

/// The middle one of several runs by rate.
pub(crate) fn median(mut runs: Vec<Answered>) -> anyhow::Result<Answered> {
    runs.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    runs.get(runs.len() / 2).copied().context("no run")
}
