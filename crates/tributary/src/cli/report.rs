//! `tributary report`: figures for people and programs.

use clap::{Args, Subcommand};
use tributary_domain::ids::BrandKey;
use tributary_domain::money::Currency;

use super::attribution_report::AttributionArgs;
use super::opened::Opened;
use super::over_attribution::print as print_over_attribution;
use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::desk::wait_for_engine;
use crate::operations::over_attribution::over_attribution;
use crate::operations::report::{CreditReport, credits};
use tributary_domain::attribution::models::Model;

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Which figures.
    #[command(subcommand)]
    pub report: ReportCommand,
}

/// The reports there are.
#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "one value in the life of a process")]
pub enum ReportCommand {
    /// Models side by side, paths, time lags, assists and overlap.
    Attribution(AttributionArgs),
    /// Conversions and value credited to each partner and channel.
    Credits {
        /// Judge by this model instead of the campaigns' own; nothing is booked.
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// Wait until everything in the log is taken into account.
        #[arg(long)]
        wait: bool,
        /// What is counted.
        #[command(flatten)]
        scope: ReportScope,
    },
    /// What partners would claim if each counted alone, against the conversions there are.
    OverAttribution {
        /// Wait until everything in the log is taken into account.
        #[arg(long)]
        wait: bool,
        /// What is counted.
        #[command(flatten)]
        scope: ReportScope,
    },
}

/// What a report counts and how it is printed.
#[derive(Args, Debug)]
pub struct ReportScope {
    /// Only this brand.
    #[arg(long, value_name = "KEY", value_parser = BrandKey::parse)]
    pub brand: Option<BrandKey>,
    /// Only amounts in this currency [default: the brand's].
    #[arg(long, value_name = "CODE", value_parser = Currency::parse)]
    pub currency: Option<Currency>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `report`. Works while a server runs.
///
/// # Errors
/// When the store cannot be read, or the engine does not catch up.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    match &args.report {
        ReportCommand::Attribution(args) => super::attribution_report::run(args),
        ReportCommand::Credits { model, wait, scope } => report_credits(model.as_ref(), *wait, scope),
        ReportCommand::OverAttribution { wait, scope } => {
            let (opened, brand, currency) = open(*wait, scope)?;
            let configuration = opened.configuration.current();
            let report = over_attribution(opened.state.as_ref(), &configuration, &brand, currency)?;
            if scope.output.is_json() { print_json(&report) } else { print_over_attribution(&report) }
        }
    }
}

fn report_credits(model: Option<&String>, wait: bool, scope: &ReportScope) -> Result<(), Failure> {
    let unknown = |name: &String| {
        Failure::usage(format!("there is no model `{name}`"))
            .hint("docs/attribution.md lists them, such as linear or time_decay(3d)")
    };
    let model = model.map(|name| Model::parse(name).ok_or_else(|| unknown(name))).transpose()?;
    let (opened, brand, currency) = open(wait, scope)?;
    let configuration = opened.configuration.current();
    let report = credits(opened.state.as_ref(), &configuration, &brand, currency, model)?;
    if scope.output.is_json() { print_json(&report) } else { print(&report) }
}

/// Opens what a report reads, and chooses its brand and currency.
///
/// # Errors
/// When there is no installation, the engine does not catch up, or brand or currency are not meant for sure.
pub(super) fn open(wait: bool, scope: &ReportScope) -> Result<(Opened, BrandKey, Currency), Failure> {
    let opened = Opened::open(&scope.settings)?;
    if wait {
        wait_for_engine(opened.log.as_ref(), opened.state.as_ref())?;
    }
    let configuration = opened.configuration.current();
    let brand = choosing::brand(&configuration, scope.brand.as_ref())?;
    let own = configuration.brands.get(&brand).map(|versions| versions.latest().currency);
    let Some(currency) = scope.currency.or(own) else {
        return Err(Failure::usage("which currency?").hint("name one with --currency"));
    };
    Ok((opened, brand, currency))
}

fn print(report: &CreditReport) -> Result<(), Failure> {
    print_line(format!("model {}, {}", report.model, report.currency))?;
    print_line(format!("{:<24} {:>28} {:>18} {:>18}", "earner", "conversions", "value", "commission"))?;
    for row in &report.partners {
        print_line(format!(
            "{:<24} {:>28} {:>18} {:>18}",
            row.partner, row.conversions, row.value, row.commission
        ))?;
    }
    let totals = &report.totals;
    print_line(format!(
        "{:<24} {:>28} {:>18} {:>18}",
        "total", totals.conversions, totals.value, totals.commission
    ))?;
    match &totals.ledger {
        Some(ledger) => print_line(format!("ledger {ledger} {}", report.currency)),
        None => Ok(()),
    }
}
