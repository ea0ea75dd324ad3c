//! `tributary report attribution`: models side by side and how conversions come about, as text, JSON or CSV files.

use std::path::PathBuf;

use clap::Args;
use tributary_domain::ids::{CampaignKey, Goal};

use super::report::{ReportScope, open};
use super::{Failure, choosing, print_json, print_line};
use crate::operations::attribution_report::credit::{CreditRow, SideBySide};
use crate::operations::attribution_report::question::models;
use crate::operations::attribution_report::tables::{Table, tables, write_csv};
use crate::operations::attribution_report::{
    AttributionReport, Days, Question, TrainingChoice, attribution_report,
};

/// Arguments of `report attribution`.
#[derive(Args, Debug)]
pub struct AttributionArgs {
    /// Only conversions from this day on (UTC), such as 2026-01-01.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only conversions until the end of this day (UTC).
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Only this goal [default: every conversion].
    #[arg(long, value_name = "GOAL", value_parser = Goal::parse)]
    goal: Option<Goal>,
    /// Only conversions that this campaign's model decided.
    #[arg(long, value_name = "KEY", value_parser = CampaignKey::parse)]
    campaign: Option<CampaignKey>,
    /// Stand this model beside what is paid; may be given several times [default: every rule-based model].
    #[arg(long, value_name = "MODEL")]
    model: Vec<String>,
    /// Take touchpoints of one partner that follow each other for one step of a path.
    #[arg(long)]
    fold_repeats: bool,
    /// Train a Markov chain of this order, 1 to 4, and Shapley values on the journeys of the report, for removal effects; `none` trains
    /// nothing and reads only people who converted.
    #[arg(long, value_name = "ORDER", default_value = "1", value_parser = TrainingChoice::parse)]
    markov_order: TrainingChoice,
    /// Write one CSV file per table into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    csv: Option<PathBuf>,
    /// Wait until everything in the log is taken into account.
    #[arg(long)]
    wait: bool,
    /// What is counted.
    #[command(flatten)]
    scope: ReportScope,
}

/// Runs it.
///
/// # Errors
/// When an argument cannot be read, the store fails, or a file cannot be written.
pub(super) fn run(args: &AttributionArgs) -> Result<(), Failure> {
    let days = Days::parse(args.from.as_deref(), args.to.as_deref()).map_err(Failure::usage)?;
    let (opened, brand, currency) = open(args.wait, &args.scope)?;
    let configuration = opened.configuration.current();
    if let Some(campaign) = &args.campaign {
        let of_brand = configuration.campaigns.keys().filter(|(known, _)| *known == brand);
        let keys = of_brand.map(|(_, key)| key.as_str());
        choosing::must_be_known("--campaign", "campaign", campaign.as_str(), keys)?;
    }
    let mut question = Question::about(brand, currency);
    question.models = models(&configuration, &question.brand, &args.model)
        .map_err(|error| Failure::usage(format!("--model: {error}")))?;
    question.days = days;
    question.goal.clone_from(&args.goal);
    question.campaign.clone_from(&args.campaign);
    question.folds_repeats = args.fold_repeats;
    question.training = args.markov_order;
    let report = attribution_report(opened.state.as_ref(), &configuration, &question)?;
    let written = match &args.csv {
        Some(directory) => write_csv(&report, directory)
            .map_err(|error| Failure::new(format!("cannot write into {}: {error}", directory.display())))?,
        None => Vec::new(),
    };
    if args.scope.output.is_json() {
        return print_json(&report);
    }
    if written.is_empty() {
        return print(&report);
    }
    written.iter().try_for_each(|path| print_line(path.display()))
}

fn print(report: &AttributionReport) -> Result<(), Failure> {
    let day = |day: &Option<String>, open: &str| day.clone().unwrap_or_else(|| open.to_owned());
    print_line(format!(
        "{}, {}, {} to {}, {}",
        report.brand,
        report.currency,
        day(&report.from, "the first day"),
        day(&report.to, "the last day"),
        report.goal.as_deref().map_or_else(|| "all conversions".to_owned(), |goal| format!("goal {goal}")),
    ))?;
    let credit = &report.credit;
    for table in tables(report) {
        print_line("")?;
        match table.name {
            "models_by_earner" => print_side_by_side("by partner and channel", credit, &credit.by_earner)?,
            "models_by_class" => print_side_by_side("by class of channel", credit, &credit.by_class)?,
            "models_by_campaign" => print_side_by_side("by campaign", credit, &credit.by_campaign)?,
            name => {
                print_table(&table)?;
                print_not_trained(report, name)?;
            }
        }
    }
    Ok(())
}

/// Why a table of removal effects is empty.
fn print_not_trained(report: &AttributionReport, table: &str) -> Result<(), Failure> {
    let Some(trained) = &report.trained else { return Ok(()) };
    let effects = match table {
        "removal_by_earner" => &trained.by_earner,
        "removal_by_class" => &trained.by_class,
        "removal_by_campaign" => &trained.by_campaign,
        _ => return Ok(()),
    };
    effects.not_trained.iter().try_for_each(|why| print_line(format!("  not trained: {why}")))
}

/// One line per model: with ten models, columns would not fit a screen.
fn print_side_by_side(title: &str, credit: &SideBySide, rows: &[CreditRow]) -> Result<(), Failure> {
    print_line(title)?;
    let cells = rows.iter().flat_map(|row| {
        credit.models.iter().zip(&row.credits).enumerate().map(|(place, (model, credit))| {
            let key = if place == 0 { row.key.clone() } else { String::new() };
            vec![key, model.clone(), credit.conversions.clone(), credit.value.clone()]
        })
    });
    let header = ["", "model", "conversions", "value"].map(str::to_owned).to_vec();
    print_rows(&header, &cells.collect::<Vec<_>>())
}

fn print_table(table: &Table) -> Result<(), Failure> {
    print_line(table.name.replace('_', " "))?;
    print_rows(&table.header, &table.rows)
}

/// Columns as wide as their widest cell; the first to the left, numbers to the right.
fn print_rows(header: &[String], rows: &[Vec<String>]) -> Result<(), Failure> {
    let lines = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| {
        lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_text = |column: usize| {
        column == 0 || header.get(column).is_some_and(|name| matches!(name.as_str(), "model" | "other"))
    };
    for line in lines() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if is_text(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        print_line(format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end()))?;
    }
    Ok(())
}
