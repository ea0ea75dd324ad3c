//! `tributary simulate`: deterministic traffic with ground truth.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tributary_adapters::canonical::fields_from_json;
use tributary_adapters::import::ColumnMap;
use tributary_domain::time::Timestamp;
use tributary_sim::{Parameters, Simulation, simulate};

use super::{Failure, SettingsArgs};
use crate::edge::outcome::{Outcome, Status};
use crate::importing::{DoorsBySource, ServerDoor, Submission};

/// Arguments of `simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many clicks.
    #[arg(long, value_name = "N")]
    pub clicks: u64,
    /// The same seed gives the same traffic, on every machine.
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// File for the events, one JSON object per line; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub to: Option<PathBuf>,
    /// Only the events of this source, as a file is imported under one source.
    #[arg(long, value_name = "KEY")]
    pub source: Option<String>,
    /// Send the events to a running server.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// When the first journey begins [default: 2026-01-01T00:00:00Z].
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// File for the ground truth: who really brought each conversion, and what is fraud.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Where the server's data lies, for the secrets of the sources when sending.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `simulate`.
///
/// # Errors
/// When the file cannot be written or the server refuses an event.
pub fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let start = match &args.start {
        Some(text) => Timestamp::parse(text).map_err(|error| Failure::usage(format!("--start: {error}")))?,
        None => Timestamp::parse("2026-01-01T00:00:00Z").map_err(Failure::new)?,
    };
    let mut simulation = simulate(&Parameters::new(args.seed, args.clicks, start));
    match &args.server {
        Some(server) => send(args, server, &mut simulation)?,
        None => write(args, &mut simulation)?,
    }
    let truth = simulation.into_truth();
    if let Some(path) = &args.truth {
        let text = serde_json::to_string_pretty(&truth).map_err(Failure::new)?;
        std::fs::write(path, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    eprintln!("{} deliveries of {} events, {} purchases", truth.deliveries, truth.events, truth.purchases);
    Ok(())
}

fn write(args: &SimulateArgs, simulation: &mut Simulation) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot write the events: {error}"));
    let mut output: Box<dyn std::io::Write> = match args.to.as_deref() {
        Some(path) if path != std::path::Path::new("-") => {
            Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(cannot)?))
        }
        _ => Box::new(std::io::BufWriter::new(std::io::stdout().lock())),
    };
    for delivery in simulation {
        if args.source.as_ref().is_some_and(|source| source != delivery.source) {
            continue;
        }
        delivery.event.write_json(&mut output).map_err(cannot)?;
        output.write_all(b"\n").map_err(cannot)?;
    }
    output.flush().map_err(cannot)
}

/// Sends each source's events under its own name. The sources are those of the simulated brand, as `demo` sets them up.
fn send(args: &SimulateArgs, server: &str, simulation: &mut Simulation) -> Result<(), Failure> {
    let mut doors = DoorsBySource::new(|source| -> Result<ServerDoor, Failure> {
        let secret = super::send::secret_of(source, &args.settings)?;
        Ok(ServerDoor::new(server, source, secret, ColumnMap::default()))
    });
    let mut rejected = 0;
    let mut count = |outcomes: Vec<Outcome>| {
        rejected += outcomes.iter().filter(|outcome| outcome.status == Status::Rejected).count();
    };
    for delivery in simulation {
        if args.source.as_ref().is_some_and(|source| source != delivery.source) {
            continue;
        }
        let fields = fields_from_json(delivery.event.to_json().as_bytes()).map_err(Failure::new)?;
        count(doors.submit(delivery.source, Submission { fields, raw: Vec::new() })?);
    }
    count(doors.finish()?);
    if rejected > 0 { Err(Failure::new(format!("the server refused {rejected} events"))) } else { Ok(()) }
}
