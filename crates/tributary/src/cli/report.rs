//! `tributary report`: figures for people and programs.

use clap::{Args, Subcommand};
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Period;

use super::{OutputArgs, SettingsArgs};

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
    /// Only this month, such as 2026-01.
    #[arg(long, value_name = "PERIOD", value_parser = Period::parse)]
    pub period: Option<Period>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}
