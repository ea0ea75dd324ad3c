//! `tributary report`: figures for people and programs.

use clap::{Args, Subcommand};
use tributary_domain::ids::BrandKey;
use tributary_domain::money::Currency;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, print_line};
use crate::operations::report::{CreditReport, credits, model_of};

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Which figures.
    #[command(subcommand)]
    pub report: ReportCommand,
}

/// The reports there are.
#[derive(Subcommand, Debug)]
pub enum ReportCommand {
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

/// How long `--wait` waits for the engine.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(900);

/// Runs `report`. Works while a server runs.
///
/// # Errors
/// When the store cannot be read, or the engine does not catch up.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    let ReportCommand::Credits { model, wait, scope } = &args.report;
    let opened = Opened::open(&scope.settings)?;
    if *wait {
        wait_for_engine(&opened)?;
    }
    let model = match model {
        Some(name) => Some(model_of(name).ok_or_else(|| {
            Failure::usage(format!("there is no model `{name}`"))
                .hint("first_touch, last_touch, linear, weighted_last_touch")
        })?),
        None => None,
    };
    let configuration = opened.configuration.current();
    let mut keys = configuration.brands.keys();
    let brand = match (&scope.brand, keys.next(), keys.next()) {
        (Some(brand), _, _) => brand.clone(),
        (None, Some(only), None) => only.clone(),
        _ => return Err(Failure::usage("which brand?").hint("name one with --brand")),
    };
    let Some(versions) = configuration.brands.get(&brand) else {
        return Err(Failure::usage(format!("there is no brand `{brand}`")));
    };
    let currency = scope.currency.unwrap_or(versions.latest().currency);
    let report = credits(opened.state.as_ref(), &configuration, &brand, currency, model)?;
    if scope.output.is_json() {
        print_line(serde_json::to_string_pretty(&report).map_err(Failure::new)?)
    } else {
        print(&report)
    }
}

fn wait_for_engine(opened: &Opened) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    loop {
        let goal = opened.log.last().map_err(Failure::new)?;
        if opened.state.checkpoint()? >= goal && opened.state.queue_length()? == 0 {
            return Ok(());
        }
        if started.elapsed() > LONGEST_WAIT {
            return Err(Failure::new("the engine did not catch up").hint("is a server with the engine role running?"));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn print(report: &CreditReport) -> Result<(), Failure> {
    print_line(format!("model {}, {}", report.model, report.currency))?;
    print_line(format!("{:<24} {:>28} {:>18} {:>18}", "earner", "conversions", "value", "commission"))?;
    for row in &report.partners {
        print_line(format!("{:<24} {:>28} {:>18} {:>18}", row.partner, row.conversions, row.value, row.commission))?;
    }
    let totals = &report.totals;
    print_line(format!("{:<24} {:>28} {:>18} {:>18}", "total", totals.conversions, totals.value, totals.commission))?;
    match &totals.ledger {
        Some(ledger) => print_line(format!("ledger {ledger} {}", report.currency)),
        None => Ok(()),
    }
}
