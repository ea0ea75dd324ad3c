//! `tributary import`: files of events, with one outcome per row.

use std::path::PathBuf;

use clap::Args;

use indicatif::{ProgressBar, ProgressStyle};
use tributary_adapters::canonical::DecodingRules;
use tributary_adapters::import::Format;
use tributary_store::log::Way;

use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::desk::Desk;
use crate::importing::{self, DirectDoor, DryRunDoor, Job, ServerDoor, Summary};
use crate::setup::live::LiveConfiguration;
use crate::storage::Storage;

/// Arguments of `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// CSV, CSV.gz or JSONL of any kind of event.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Source that the rows come from.
    #[arg(long, value_name = "KEY")]
    pub source: String,
    /// How columns become fields [default: columns are named like fields].
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Check the fields of every row and store nothing. Whether links and campaigns exist is found out when it is done.
    #[arg(long)]
    pub dry_run: bool,
    /// Send the rows to a running server instead of writing the log directly.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Where the outcomes are written [default: FILE.result.csv].
    #[arg(long, value_name = "FILE")]
    pub result: Option<PathBuf>,
    /// How to print the summary.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `import`.
///
/// # Errors
/// When the file cannot be read on, the door fails, or rows were refused.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let format = Format::of_file_name(&args.file.to_string_lossy()).ok_or_else(|| {
        Failure::usage(format!("{} has no known form", args.file.display()))
            .hint("name it .csv, .csv.gz, .jsonl or .jsonl.gz")
    })?;
    let (map, map_text) = choosing::column_map(args.map.as_deref())?;
    let result = args.result.clone().unwrap_or_else(|| {
        let mut name = args.file.as_os_str().to_owned();
        name.push(".result.csv");
        PathBuf::from(name)
    });
    let job = Job {
        file: args.file.clone(),
        format,
        identity: format!("{} {map_text}", args.source),
        map,
        result: (!args.dry_run).then(|| result.clone()),
    };
    let bar = progress()?;
    let mut told = |read: u64, length: u64| {
        bar.set_length(length);
        bar.set_position(read);
    };
    let summary = through_door(args, &job, &mut told);
    bar.finish_and_clear();
    report(args, &summary?, &result)
}

fn through_door(args: &ImportArgs, job: &Job, told: &mut dyn FnMut(u64, u64)) -> Result<Summary, Failure> {
    if args.dry_run {
        let rules = job.map.rules(&rules_of_source(args)?);
        return Ok(importing::run(job, &mut DryRunDoor { rules }, told)?);
    }
    if let Some(server) = &args.server {
        let secret = super::send::secret_of(&args.source, &args.settings)?;
        let mut door = ServerDoor::new(server, &args.source, secret, job.map.clone());
        return Ok(importing::run(job, &mut door, told)?);
    }
    let mut desk = Desk::open(&args.settings.settings()?)?;
    let configuration = desk.configuration.current();
    let mut door = DirectDoor::open(desk.intake.clone(), configuration, &args.source, &job.map, Way::Import)
        .map_err(|_| choosing::no_source(&args.source))?;
    let summary = importing::run(job, &mut door, told)?;
    desk.catch_up()?;
    Ok(summary)
}

/// How the source's rows are read: by its set-up where that lies here, which a running server does not hinder.
fn rules_of_source(args: &ImportArgs) -> Result<DecodingRules, Failure> {
    let storage = Storage::of(&args.settings.settings()?);
    if storage.must_exist().is_err() {
        return Ok(DecodingRules::default());
    }
    let live = LiveConfiguration::load(storage.configuration()?, storage.keyring()?)?;
    let configuration = live.current();
    Ok(DecodingRules::canonical_for(choosing::source_of(&configuration, &args.source, super::now()?)?))
}

fn progress() -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .map_err(Failure::new)?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn report(args: &ImportArgs, summary: &Summary, result: &std::path::Path) -> Result<(), Failure> {
    if args.output.is_json() {
        print_json(summary)?;
    } else {
        let stored = if args.dry_run { "would be accepted" } else { "accepted" };
        print_line(format!(
            "{} rows ({} done before): {} events {stored}, {} duplicate, {} rejected",
            summary.rows, summary.resumed, summary.accepted, summary.duplicate, summary.rejected
        ))?;
        for (reason, count) in &summary.reasons {
            print_line(format!("  {count} x {reason}"))?;
        }
    }
    if summary.rejected == 0 {
        return Ok(());
    }
    let place = if args.dry_run {
        "run it without --dry-run to see each row's outcome".to_owned()
    } else {
        format!("see {}", result.display())
    };
    Err(Failure::new(format!("{} rows or events were refused", summary.rejected)).hint(place))
}
