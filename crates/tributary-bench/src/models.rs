//! Attribution models: training beside the Python packages on the same paths, and how many journeys a second the models share.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tributary_domain::attribution::models::{Journey, Model, TrainedWeights};
use tributary_domain::attribution::training::{Markov, Outcome, PathCollector, Paths, shapley};
use tributary_domain::attribution::{Earner, TouchKind, Touchpoint};
use tributary_domain::ids::{Channel, EventId};
use tributary_domain::money::split_by_largest_remainder;
use tributary_domain::time::{Span, Timestamp};
use tributary_sim::paths::{CHANNELS, GeneratedPath, paths};

use crate::Bench;
use crate::report::{Figure, Report, Target};

const SEED: u64 = 2026;
const TRAINED_ON: usize = 1_000_000;
/// Journeys that the models share, again and again.
const SHARED: usize = 100_000;
const ROUNDS: usize = 5;
const THREADS: usize = 2;
/// As a set-up names it; the trained weights are of all channels.
const TRAINED: &str = "data_driven(spring)";

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    rule_based(report)?;
    trained(bench, report)
}

/// A path as text with its outcome, as a table of paths has it.
type Row = (String, Outcome);

fn trained(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let rows: Vec<Row> = paths(SEED)
        .take(TRAINED_ON)
        .map(|path| {
            let (conversions, value) = (u64::from(path.converted.is_some()), path.converted.unwrap_or(0));
            (path.text(), Outcome { conversions, value, nulls: 1 - conversions })
        })
        .collect();
    let (markov_seconds, (names, by_markov)) = fastest(|| {
        let paths = collected(&rows)?;
        let shares = Markov::train(&paths, 1)?.shares();
        Ok((paths.channels().to_vec(), shares))
    })?;
    let (shapley_seconds, by_shapley) = fastest(|| Ok(shapley::of_conversions(&collected(&rows)?)))?;
    let (enumerated_seconds, by_enumeration) = fastest(|| {
        Ok(shapley::enumerate(&shapley::Game::of(&collected(&rows)?, shapley::Worth::ConversionsWithin)?)?)
    })?;
    let paths = collected(&rows)?;
    let conversions = paths.total().conversions as f64;
    for order in 2..=4 {
        let (seconds, _) = fastest(|| Ok(Markov::train(&paths, order)?))?;
        report.add(Figure::alone(
            format!("Markov order {order}, paths in memory"),
            seconds * 1e3,
            "ms",
            Target::Told,
        ));
    }
    let file = bench.directory.join("paths.csv");
    write(&file, &rows)?;
    let others = other_implementations(bench, &file)?;
    let other = |name: &str| others.get(name).with_context(|| format!("no figure of {name}"));
    let near = |name: &str, own: &[f64], tolerance: f64| -> anyhow::Result<f64> {
        let (seconds, values) = other(name)?;
        for (channel, own) in names.iter().zip(own) {
            let theirs = values.get(channel).copied().unwrap_or(0.0);
            let off = (own - theirs).abs() / conversions;
            ensure!(off <= tolerance, "{name}: {channel} has {theirs}, here {own}");
        }
        Ok(*seconds)
    };
    let by_markov: Vec<f64> = by_markov.iter().map(|share| share * conversions).collect();
    let channelattribution =
        near("channelattribution 1", &by_markov, 0.01)?.min(near("channelattribution 2", &by_markov, 0.01)?);
    let package = near("mta", &by_shapley, 1e-9)?.min(near("shapley-attribution", &by_shapley, 1e-9)?);
    for ((own, enumerated), name) in by_shapley.iter().zip(&by_enumeration).zip(&names) {
        ensure!((own - enumerated).abs() <= 1e-9 * conversions, "{name}: {own}, enumerated {enumerated}");
    }
    let rate = |seconds: f64| TRAINED_ON as f64 / seconds;
    report.add(Figure::beside(
        "Markov order 1, 1 M paths from text",
        rate(markov_seconds),
        "paths/s",
        ("ChannelAttribution", rate(channelattribution)),
        Target::AtLeast(5.0),
    ));
    for (name, seconds) in [
        ("Shapley, 12 channels, closed form, 1 M paths from text", shapley_seconds),
        ("Shapley, 12 channels, all 4,096 sets, 1 M paths from text", enumerated_seconds),
    ] {
        let reference = ("fastest in Python", rate(package));
        report.add(Figure::beside(name, rate(seconds), "paths/s", reference, Target::AtLeast(20.0)));
    }
    Ok(())
}

/// The fastest of three runs, and its result.
fn fastest<T>(mut run: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<(f64, T)> {
    let mut best: Option<(f64, T)> = None;
    for _ in 0..3 {
        let begun = Instant::now();
        let result = run()?;
        let seconds = begun.elapsed().as_secs_f64();
        if best.as_ref().is_none_or(|(before, _)| seconds < *before) {
            best = Some((seconds, result));
        }
    }
    best.context("nothing was run")
}

fn collected(rows: &[Row]) -> anyhow::Result<Paths<String>> {
    let mut collector = PathCollector::default();
    for (path, outcome) in rows {
        collector.add(path.split(" > "), outcome)?;
    }
    Ok(collector.finish())
}

fn write(file: &Path, rows: &[Row]) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    writeln!(out, "path,total_conversions,total_conversion_value,total_null")?;
    for (path, outcome) in rows {
        writeln!(out, "{path},{},{},{}", outcome.conversions, outcome.value, outcome.nulls)?;
    }
    Ok(out.flush()?)
}

/// Seconds and conversions per channel of each package.
type Measured = HashMap<String, (f64, HashMap<String, f64>)>;

/// Runs the packages on the file.
fn other_implementations(bench: &Bench, file: &Path) -> anyhow::Result<Measured> {
    let python = bench.directory.parent().context("no directory")?.join("models-venv/bin/python");
    let output = Command::new(&python)
        .arg("-c")
        .arg(include_str!("models.py"))
        .arg(file)
        .output()
        .with_context(|| format!("{} does not start; scripts/bench.sh installs it", python.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = HashMap::new();
    // Packages print what they like; figures are the lines that are JSON objects.
    for line in String::from_utf8(output.stdout)?.lines().filter(|line| line.starts_with('{')) {
        let figure: Value = serde_json::from_str(line)?;
        let values = figure["values"].as_object().context("no values")?;
        let values =
            values.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        let name = figure["name"].as_str().context("no name")?;
        found.insert(name.to_owned(), (figure["seconds"].as_f64().context("no seconds")?, values));
    }
    Ok(found)
}

fn rule_based(report: &mut Report) -> anyhow::Result<()> {
    let journeys: Vec<Vec<Touchpoint>> =
        paths(SEED).take(SHARED).map(|path| touchpoints(&path)).collect::<anyhow::Result<_>>()?;
    let all: Vec<Earner> = CHANNELS.iter().map(|name| earner(name)).collect::<anyhow::Result<_>>()?;
    let trained = TrainedWeights {
        trained: "for the bench".to_owned(),
        of_earner: all.into_iter().zip((1..).map(|place: u32| place * 1_000_000)).collect(),
    };
    for name in Model::RULE_BASED.into_iter().chain([TRAINED]) {
        let model = Model::parse(name).with_context(|| format!("no model {name}"))?;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for part in journeys.chunks(SHARED.div_ceil(THREADS)) {
                let (model, trained) = (&model, &trained);
                scope.spawn(move || (0..ROUNDS).for_each(|_| share(part, model, trained)));
            }
        });
        let rate = (SHARED * ROUNDS) as f64 / begun.elapsed().as_secs_f64();
        let target = Target::AtLeast(3_000_000.0);
        report.add(Figure::alone(
            format!("{} shared, two threads", model.name()),
            rate,
            "journeys/s",
            target,
        ));
    }
    Ok(())
}

/// Weights and split of each journey, as settlement does it.
fn share(journeys: &[Vec<Touchpoint>], model: &Model, trained: &TrainedWeights) {
    let mut references: Vec<&Touchpoint> = Vec::new();
    for touchpoints in journeys {
        references.clear();
        references.extend(touchpoints);
        let last = touchpoints.last().map(|touchpoint| touchpoint.occurred_at);
        let journey = Journey {
            registered_at: last,
            qualified_at: last,
            trained: Some(trained),
            ..Journey::of(&references)
        };
        black_box(split_by_largest_remainder(10_001, &model.weights(&journey)));
    }
}

fn earner(name: &str) -> anyhow::Result<Earner> {
    Ok(Earner::Channel(Channel::parse(name)?))
}

fn touchpoints(path: &GeneratedPath) -> anyhow::Result<Vec<Touchpoint>> {
    let names = path.channels.iter().filter_map(|place| CHANNELS.get(*place));
    names
        .zip(0..)
        .map(|(name, hour): (_, u8)| {
            Ok(Touchpoint {
                event_id: EventId([hour; 16]),
                occurred_at: Timestamp(0).plus(Span(Span::HOUR.0 * i64::from(hour))),
                kind: TouchKind::Click,
                earner: Some(earner(name)?),
                campaign: None,
                link: None,
                click_id: None,
                barred: None,
            })
        })
        .collect()
}
