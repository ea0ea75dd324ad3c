//! `tributary refusals`: what was refused at the doors, and why.

use clap::{Args, Subcommand};
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::refusals::RefusalFilter;

use super::{Failure, OutputArgs, SettingsArgs, print_json, print_line};
use crate::edge::refusals::ShownRefusal;
use crate::storage::Storage;

/// Arguments of `refusals`.
#[derive(Args, Debug)]
pub struct RefusalsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RefusalsCommand,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What can be done about refusals.
#[derive(Subcommand, Debug)]
pub enum RefusalsCommand {
    /// List the notes about refused requests, the newest first.
    List(ListArgs),
}

/// Which notes.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Of this brand.
    #[arg(long, value_name = "KEY", value_parser = BrandKey::parse)]
    pub brand: Option<BrandKey>,
    /// Of this source, whether it is set up or not.
    #[arg(long, value_name = "KEY")]
    pub source: Option<String>,
    /// For this reason, such as invalid_field.
    #[arg(long, value_name = "CODE", value_parser = reason)]
    pub reason: Option<Reason>,
    /// Received at this time or later, such as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub since: Option<Timestamp>,
    /// Received before this time.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Option<Timestamp>,
    /// Carrying this order number, click id, event id, promo code or link.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// With a lesser number than this: the next page.
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<u64>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
}

fn reason(code: &str) -> Result<Reason, String> {
    Reason::from_code(code).ok_or_else(|| format!("`{code}` is no reason; `GET /v1/reasons` lists them"))
}

/// Runs `refusals`. Works while a server runs.
///
/// # Errors
/// When the notes cannot be read.
pub fn run(args: &RefusalsArgs) -> Result<(), Failure> {
    let RefusalsCommand::List(list) = &args.command;
    let storage = Storage::of(&args.settings.settings()?);
    storage.must_exist()?;
    let filter = RefusalFilter {
        brand: list.brand.clone(),
        source: list.source.clone(),
        reason: list.reason,
        since: list.since,
        until: list.until,
        id: list.id.clone(),
        before: list.before,
    };
    let found = storage.refusals()?.list(&filter, list.limit).map_err(Failure::new)?;
    let shown: Vec<ShownRefusal> = found.into_iter().map(ShownRefusal::from).collect();
    if args.output.is_json() {
        return print_json(&shown);
    }
    if shown.is_empty() {
        return print_line(
            "no note about a refused request fits; `tributary_events_total` in /metrics counts all",
        );
    }
    shown.iter().try_for_each(|refusal| print_line(refusal.line()))
}
