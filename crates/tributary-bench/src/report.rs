//! The table and the file of figures.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Bench;

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// It is told, not judged.
    Told,
}

/// One line of the table.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What it is compared with, and that one's value in the same run.
    pub(crate) reference: Option<(&'static str, f64)>,
    /// What the ratio (or the value, without a reference) has to reach.
    pub(crate) target: Target,
}

impl Figure {
    /// A figure by itself.
    pub(crate) fn alone(name: impl Into<String>, value: f64, unit: &'static str, target: Target) -> Self {
        Self { name: name.into(), value, unit, reference: None, target }
    }

    /// A figure beside its reference.
    pub(crate) fn beside(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        reference: (&'static str, f64),
        target: Target,
    ) -> Self {
        Self { name: name.into(), value, unit, reference: Some(reference), target }
    }

    fn ratio(&self) -> Option<f64> {
        self.reference.map(|(_, reference)| self.value / reference)
    }

    fn passes(&self) -> Option<bool> {
        let judged = self.ratio().unwrap_or(self.value);
        match self.target {
            Target::AtLeast(least) => Some(judged >= least),
            Target::AtMost(most) => Some(judged <= most),
            Target::Told => None,
        }
    }
}

/// All figures of a run.
pub(crate) struct Report {
    figures: Vec<Figure>,
    failures: Vec<(String, String)>,
    scale: &'static str,
}

impl Report {
    /// An empty report; prints the table's head.
    pub(crate) fn new(bench: &Bench) -> Self {
        let scale = if bench.full { "full" } else { "small" };
        println!("scale: {scale} (BENCH_SCALE=full for the published targets), {}", machine());
        println!(
            "{:<66} {:>12} {:<9} {:>28} {:>7} {:>8} ",
            "figure", "value", "unit", "reference", "ratio", "target"
        );
        Self { figures: Vec::new(), failures: Vec::new(), scale }
    }

    /// Adds a figure and prints its line.
    pub(crate) fn add(&mut self, figure: Figure) {
        let reference =
            figure.reference.map_or_else(String::new, |(name, value)| format!("{name} {}", short(value)));
        let ratio = figure.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let target = match figure.target {
            Target::AtLeast(least) => format!(">= {}", short(least)),
            Target::AtMost(most) => format!("<= {}", short(most)),
            Target::Told => String::new(),
        };
        let verdict = figure.passes().map_or("", |passes| if passes { "pass" } else { "MISSED" });
        println!(
            "{:<66} {:>12} {:<9} {reference:>28} {ratio:>7} {target:>8} {verdict}",
            figure.name,
            short(figure.value),
            figure.unit
        );
        self.figures.push(figure);
    }

    /// Notes that a part could not be measured.
    pub(crate) fn failed(&mut self, part: &str, problem: &anyhow::Error) {
        println!("{part}: NOT MEASURED: {problem:#}");
        self.failures.push((part.to_owned(), format!("{problem:#}")));
    }

    /// Writes the file of this run, named by its time, and the same as `latest.json`.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let figures: Vec<Value> = self.figures.iter().map(figure_json).collect();
        let failures: Vec<Value> =
            self.failures.iter().map(|(part, problem)| json!({ "part": part, "problem": problem })).collect();
        let whole = json!({
            "at_unix_seconds": at,
            "scale": self.scale,
            "machine": machine(),
            "figures": figures,
            "not_measured": failures,
        });
        let text = serde_json::to_string_pretty(&whole)?;
        let file = directory.join(format!("{at}.json"));
        std::fs::write(&file, &text)?;
        std::fs::write(directory.join("latest.json"), &text)?;
        println!("figures in {}", file.display());
        Ok(())
    }
}

fn figure_json(figure: &Figure) -> Value {
    let target = match figure.target {
        Target::AtLeast(least) => json!({ "at_least": least }),
        Target::AtMost(most) => json!({ "at_most": most }),
        Target::Told => Value::Null,
    };
    json!({
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "reference": figure.reference.map(|(name, value)| json!({ "name": name, "value": value })),
        "ratio": figure.ratio(),
        "target": target,
        "pass": figure.passes(),
    })
}

/// Cores and load: figures of a loaded machine are worth little.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} cores, load {}", load.split(' ').next().unwrap_or("unknown"))
}

fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
