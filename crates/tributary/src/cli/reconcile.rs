//! `tributary reconcile`: our conversions of a period against the operator's own list.

use std::path::PathBuf;

use clap::Args;
use tributary_adapters::canonical::DecodingRules;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::SourceKey;
use tributary_domain::time::Period;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::desk::Desk;
use crate::operations::reconcile::{self, OperatorFile, ReconciliationReport};

/// Arguments of `reconcile`.
#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// The operator's list: CSV with transaction_id, amount, currency, status.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Source whose conversions are compared.
    #[arg(long, value_name = "KEY")]
    pub source: String,
    /// Month, such as 2026-01.
    #[arg(long, value_name = "PERIOD", value_parser = Period::parse)]
    pub period: Period,
    /// How the file's columns become fields [default: columns are named like fields].
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Book the proposed adjustments.
    #[arg(long)]
    pub apply: bool,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `reconcile`. Comparing works while a server runs; booking needs embedded storage alone.
///
/// # Errors
/// When the file cannot be read at all, or store or log fail.
pub fn run(args: &ReconcileArgs) -> Result<(), Failure> {
    let now = super::now()?;
    let (map, _) = choosing::column_map(args.map.as_deref())?;
    let read = |configuration: &Configuration| -> Result<OperatorFile, Failure> {
        let source = choosing::source_of(configuration, &args.source, now)?;
        Ok(reconcile::read_file(&args.file, &map, &DecodingRules::canonical_for(source))?)
    };
    let key = SourceKey::parse(&args.source).map_err(|_| choosing::no_source(&args.source))?;
    let report = if args.apply {
        let mut desk = Desk::open(&args.settings.settings()?)?;
        let file = read(&desk.configuration.current())?;
        reconcile::apply(&mut desk, &key, args.period, &file, now)?
    } else {
        let opened = Opened::open(&args.settings)?;
        let file = read(&opened.configuration.current())?;
        reconcile::compare(opened.state.as_ref(), &key, args.period, &file)?
    };
    if args.output.is_json() { print_json(&report) } else { print(&report, args.apply) }
}

/// Differences shown on a terminal; all are in the JSON.
const MOST_SHOWN: usize = 50;

fn print(report: &ReconciliationReport, applied: bool) -> Result<(), Failure> {
    print_line(format!(
        "{:<20} {:>9}  {:<28} {:<28}",
        format!("period {}", report.period),
        "count",
        "ours",
        "theirs"
    ))?;
    let sums = |sums: &std::collections::BTreeMap<String, String>| {
        sums.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect::<Vec<_>>().join(", ")
    };
    for class in &report.classes {
        print_line(format!(
            "{:<20} {:>9}  {:<28} {:<28}",
            class.class,
            class.count,
            sums(&class.ours),
            sums(&class.theirs)
        ))?;
    }
    print_line(format!(
        "match rate {}.{:04} %",
        report.match_rate_ppm / 10_000,
        report.match_rate_ppm % 10_000
    ))?;
    for each in report.differences.iter().take(MOST_SHOWN) {
        let line = each.line.map_or_else(String::new, |line| format!(" (line {line})"));
        print_line(format!("  {} {}{line}: {}", each.transaction, each.class, each.proposal))?;
    }
    if report.differences.len() > MOST_SHOWN {
        print_line(format!("  and {} more; --format json lists all", report.differences.len() - MOST_SHOWN))?;
    }
    for refused in &report.refused {
        print_line(format!("  refused {refused}"))?;
    }
    if applied {
        print_line(format!(
            "{} adjustments booked, {} were booked before",
            report.applied, report.already_applied
        ))
    } else {
        print_line("nothing is booked; --apply books the proposals")
    }
}
