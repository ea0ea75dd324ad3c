//! `tributary payout`: the payout run, step by step.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::desk::Desk;
use crate::operations::payout::{self, RunReport};

/// Arguments of `payout`.
#[derive(Args, Debug)]
pub struct PayoutArgs {
    /// What to do.
    #[command(subcommand)]
    pub step: PayoutCommand,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// The steps of a payout run.
#[derive(Subcommand, Debug)]
pub enum PayoutCommand {
    /// Plan payouts of everything payable and lock its lines.
    Prepare {
        /// What is payable at this moment is paid [default: now].
        #[arg(long, value_name = "TIME")]
        cutoff: Option<String>,
        /// Name of the run; the same name plans nothing twice [default: the cut-off's time].
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Whose partners; not needed where there is only one brand.
        #[arg(long, value_name = "KEY", value_parser = BrandKey::parse)]
        brand: Option<BrandKey>,
    },
    /// Agree to prepared payouts.
    Approve(PayoutSelection),
    /// Write approved payouts to a file for the bank or the payment provider.
    Export {
        /// CSV file to write.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Which payouts.
        #[command(flatten)]
        selection: PayoutSelection,
    },
    /// Record that exported payouts arrived.
    Settle {
        /// Payment reference of the bank or provider.
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// Which payouts.
        #[command(flatten)]
        selection: PayoutSelection,
    },
    /// Record that payouts failed; their lines are payable again.
    Fail(PayoutSelection),
    /// List payouts and how far they are.
    List(PayoutSelection),
}

/// Which payouts a step is about; all that can take it, unless narrowed.
#[derive(Args, Debug, Default)]
pub struct PayoutSelection {
    /// Only these payouts.
    #[arg(long = "payout", value_name = "ID")]
    pub payouts: Vec<String>,
    /// Only this run.
    #[arg(long = "of-run", value_name = "RUN")]
    pub run: Option<String>,
    /// Whose partners; not needed where there is only one brand.
    #[arg(long, value_name = "KEY", value_parser = BrandKey::parse)]
    pub brand: Option<BrandKey>,
}

/// Runs `payout`.
///
/// # Errors
/// When no payout can take the step, or store or log fail.
pub fn run(args: &PayoutArgs) -> Result<(), Failure> {
    let now = super::now()?;
    if let PayoutCommand::List(selection) = &args.step {
        let opened = Opened::open(&args.settings)?;
        let payouts =
            payout::list(opened.state.as_ref(), selection.brand.as_ref(), selection.run.as_deref())?;
        return print(
            args,
            &RunReport { run: selection.run.clone().unwrap_or_default(), payouts, not_paid: Vec::new() },
        );
    }
    let mut desk = Desk::open(&args.settings.settings()?)?;
    let report = match &args.step {
        PayoutCommand::Prepare { cutoff, run, brand } => {
            let cut_off = match cutoff {
                Some(text) => {
                    Timestamp::parse(text).map_err(|error| Failure::usage(format!("--cutoff: {error}")))?
                }
                None => now,
            };
            let brand = choosing::brand(&desk.configuration.current(), brand.as_ref())?;
            let run = run.clone().unwrap_or_else(|| format!("run-{cut_off}"));
            payout::prepare(&mut desk, &brand, &run, cut_off, now)?
        }
        PayoutCommand::Approve(selection) => advance(&mut desk, selection, PayoutStep::Approved, None, now)?,
        PayoutCommand::Fail(selection) => advance(&mut desk, selection, PayoutStep::Failed, None, now)?,
        PayoutCommand::Settle { reference, selection } => {
            advance(&mut desk, selection, PayoutStep::Settled, reference.as_deref(), now)?
        }
        PayoutCommand::Export { file, selection } => export(&mut desk, file, selection, now)?,
        PayoutCommand::List(_) => return Ok(()),
    };
    print(args, &report)
}

/// The brand and run meant: the named ones, else the only brand and its newest run.
fn run_of(desk: &Desk, selection: &PayoutSelection) -> Result<(BrandKey, String), Failure> {
    let brand = choosing::brand(&desk.configuration.current(), selection.brand.as_ref())?;
    if let Some(run) = &selection.run {
        return Ok((brand, run.clone()));
    }
    let payouts = desk.state.payouts(None, usize::MAX >> 1)?;
    match payouts.iter().find(|payout| payout.brand == brand) {
        Some(payout) => Ok((brand, payout.plan.run.to_string())),
        None => Err(Failure::new("there is no payout").hint("`tributary payout prepare` plans a run")),
    }
}

fn advance(
    desk: &mut Desk,
    selection: &PayoutSelection,
    step: PayoutStep,
    reference: Option<&str>,
    now: Timestamp,
) -> Result<RunReport, Failure> {
    let (brand, run) = run_of(desk, selection)?;
    let mut references: HashMap<String, String> =
        selection.payouts.iter().map(|id| (id.clone(), reference.unwrap_or_default().to_owned())).collect();
    if step == PayoutStep::Settled {
        let named = references.clone();
        // One payment has one reference: where several payouts settle together, each carries its own id behind it.
        let settling = payout::of_run(desk.state.as_ref(), &brand, &run)?;
        references = settling
            .iter()
            .map(|payout| payout.plan.payout.0.to_string())
            .filter(|id| named.is_empty() || named.contains_key(id))
            .map(|id| {
                let text = match (reference, settling.len()) {
                    (Some(text), 1) => text.to_owned(),
                    (Some(text), _) if named.len() == 1 => text.to_owned(),
                    (Some(text), _) => format!("{text}/{id}"),
                    (None, _) => id.clone(),
                };
                (id, text)
            })
            .collect();
    }
    Ok(payout::advance(desk, &brand, &run, step, &references, now)?)
}

/// The file is on disk before the books say that it was exported.
fn export(
    desk: &mut Desk,
    file: &Path,
    selection: &PayoutSelection,
    now: Timestamp,
) -> Result<RunReport, Failure> {
    let (brand, run) = run_of(desk, selection)?;
    let payouts: Vec<_> = payout::of_run(desk.state.as_ref(), &brand, &run)?
        .into_iter()
        .filter(|payout| {
            matches!(payout.step, PayoutStep::Approved | PayoutStep::Exported | PayoutStep::Settled)
        })
        .filter(|payout| {
            selection.payouts.is_empty() || selection.payouts.iter().any(|id| **id == *payout.plan.payout.0)
        })
        .collect();
    if payouts.is_empty() {
        return Err(Failure::new(format!("run `{run}` has no approved payout to export"))
            .hint("`tributary payout approve` comes first"));
    }
    let cannot = |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", file.display()));
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut output = std::fs::File::create(&part).map_err(cannot)?;
    std::io::Write::write_all(&mut output, payout::payout_file(&payouts).as_bytes()).map_err(cannot)?;
    output.sync_all().map_err(cannot)?;
    std::fs::rename(&part, file).map_err(cannot)?;
    advance(
        desk,
        &PayoutSelection { payouts: selection.payouts.clone(), run: Some(run), brand: Some(brand) },
        PayoutStep::Exported,
        None,
        now,
    )
}

fn print(args: &PayoutArgs, report: &RunReport) -> Result<(), Failure> {
    if args.output.is_json() {
        return print_json(report);
    }
    if !report.run.is_empty() {
        print_line(format!("run {}", report.run))?;
    }
    for each in &report.payouts {
        let reference = each.reference.as_deref().unwrap_or("-");
        print_line(format!(
            "{}  {:<20} {:>16} {}  {:<9} {} lines  {reference}",
            each.payout, each.partner, each.amount, each.currency, each.step, each.lines
        ))?;
    }
    if report.payouts.is_empty() {
        print_line("no payouts")?;
    }
    for each in &report.not_paid {
        print_line(format!(
            "not paid: {} {} {}: {} ({})",
            each.partner, each.amount, each.currency, each.message, each.reason
        ))?;
    }
    Ok(())
}
