//! How fast history is gone through again: the state rebuilt from the log, and every conversion settled under another set-up.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::report::{Figure, Report, Target};

/// Other models for the campaigns of the world: nearly every conversion changes.
const OTHER_MODELS: [(&str, &str); 3] = [
    ("model: linear", "model: {kind: time_decay, half_life: 2d}"),
    ("model: weighted_last_touch", "model: first_touch"),
    ("model: last_touch", "model: linear"),
];
/// How often the memory of a running command is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Where the installation lies, and what is asked of it.
pub(crate) struct History<'a> {
    /// The released executable.
    pub(crate) executable: &'a Path,
    /// `--data-dir`, and `--database-url` where there is one.
    pub(crate) arguments: Vec<String>,
    /// A directory for files of this measurement.
    pub(crate) directory: &'a Path,
    /// The set-up of the installation.
    pub(crate) set_up: &'a str,
    /// How the store is called in the report.
    pub(crate) engine: &'a str,
    /// Records a second that a rebuild must reach.
    pub(crate) least_replayed: Target,
}

/// Measures `replay` and `replay --with`.
pub(crate) fn measure(history: &History<'_>, report: &mut Report) -> anyhow::Result<()> {
    let rebuilt = history.run(&[])?;
    ensure!(
        rebuilt.answer["live"] == rebuilt.answer["rebuilt"],
        "the rebuilt state differs from the live one"
    );
    let records = rebuilt.answer["records"].as_u64().context("no number of records")?;
    let rate = rebuilt.answer["records_per_second"].as_f64().context("no rate")?;
    let engine = history.engine;
    let name = format!("replay, log to books, {engine}, {records} events");
    report.add(Figure::alone(name, rate, "/s", history.least_replayed));
    report.add(Figure::alone(format!("  memory of it, {engine}"), rebuilt.peak_mib, "MiB", Target::Told));

    let file = history.directory.join("other-models.yaml");
    let mut set_up = history.set_up.to_owned();
    for (model, other) in OTHER_MODELS {
        ensure!(set_up.contains(model), "the world has no `{model}`");
        set_up = set_up.replace(model, other);
    }
    std::fs::write(&file, set_up)?;
    let judged = history.run(&["--with", &file.to_string_lossy(), "--diff"])?;
    let conversions = judged.answer["conversions"].as_u64().context("no number of conversions")?;
    let changed =
        judged.answer["conversions_changed"].as_u64().context("no number of changed conversions")?;
    ensure!(
        changed * 2 > conversions,
        "only {changed} of {conversions} conversions change under other models"
    );
    let name = format!("what-if over {conversions} conversions, {engine}");
    report.add(Figure::alone(name, judged.seconds, "s", Target::AtMost(120.0)));
    let name = format!("  memory of it, {engine}");
    report.add(Figure::alone(name, judged.peak_mib, "MiB", Target::AtMost(1024.0)));
    Ok(())
}

/// What a command answered and took.
struct Ran {
    answer: serde_json::Value,
    seconds: f64,
    peak_mib: f64,
}

impl History<'_> {
    fn run(&self, more: &[&str]) -> anyhow::Result<Ran> {
        let output = self.directory.join("replay.json");
        let begun = Instant::now();
        let mut process = Command::new(self.executable)
            .args(["replay", "--format", "json"])
            .args(&self.arguments)
            .args(more)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&output)?)
            .stderr(Stdio::null())
            .spawn()?;
        let peak_mib = watch(&mut process)?;
        let seconds = begun.elapsed().as_secs_f64();
        let status = process.wait()?;
        ensure!(status.success(), "`tributary replay {}` ended with {status}", more.join(" "));
        let answer = serde_json::from_str(&std::fs::read_to_string(&output)?)?;
        Ok(Ran { answer, seconds, peak_mib })
    }
}

/// Waits for a process and answers the most memory that it had, in MiB.
fn watch(process: &mut Child) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/status", process.id());
    let mut peak = 0.0;
    while process.try_wait()?.is_none() {
        // It may end between the two looks.
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let kib =
            line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<f64>().ok());
        peak = kib.map_or(peak, |kib| f64::max(peak, kib / 1024.0));
        std::thread::sleep(LOOK);
    }
    Ok(peak)
}
