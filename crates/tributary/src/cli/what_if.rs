//! `tributary what-if`: kept what-ifs, to be promoted or discarded.

use clap::{Args, Subcommand};
use tributary_domain::time::Timestamp;

use super::apply::{keeps_past_owners, store};
use super::opened::Opened;
use super::replay::{compute, date, laid_over};
use super::what_if_report::print;
use super::{Failure, OutputArgs, SettingsArgs, now, print_json, print_line};
use crate::operations::what_if::{Saved, SavedWhatIfs, WhatIfReport};
use crate::setup::Since;

/// Arguments of `what-if`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tributary replay --with plans.yaml --diff --save better-plans
  tributary what-if list
  tributary what-if promote better-plans --from 2027-01-01
  tributary what-if discard better-plans")]
pub struct WhatIfArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: WhatIfCommand,
}

/// What to do with kept what-ifs.
#[derive(Subcommand, Debug)]
pub enum WhatIfCommand {
    /// Name the kept what-ifs.
    List(Common),
    /// Print one with its report.
    Show(Named),
    /// Apply its files effective from a date, and print what that changes.
    Promote(Promote),
    /// Forget it.
    Discard(Named),
}

/// Where and how.
#[derive(Args, Debug)]
pub struct Common {
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Which one.
#[derive(Args, Debug)]
pub struct Named {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `what-if promote`.
#[derive(Args, Debug)]
pub struct Promote {
    /// Which one.
    #[command(flatten)]
    pub what_if: Named,
    /// From when on its files are in force: `2027-01-01` or a whole RFC 3339 time.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: Timestamp,
    /// Allow a date in or before a month of which payouts hold money: the differences become adjustments.
    #[arg(long)]
    pub including_past: bool,
}

/// Runs `what-if`.
///
/// # Errors
/// When there is no what-if of that name, or it cannot be promoted.
pub fn run(args: &WhatIfArgs) -> Result<(), Failure> {
    match &args.command {
        WhatIfCommand::List(common) => list(common),
        WhatIfCommand::Show(named) => show(named),
        WhatIfCommand::Promote(promoted) => promote(promoted),
        WhatIfCommand::Discard(named) => {
            kept(&named.common)?.discard(&named.name)?;
            print_line(format!("discarded `{}`", named.name))
        }
    }
}

fn kept(common: &Common) -> Result<SavedWhatIfs, Failure> {
    Ok(SavedWhatIfs::of(&common.settings.settings()?.data_dir))
}

fn list(common: &Common) -> Result<(), Failure> {
    let all = kept(common)?.list()?;
    if common.output.is_json() {
        return print_json(&all.iter().map(summary).collect::<Vec<_>>());
    }
    if all.is_empty() {
        return print_line("no what-if is kept; `tributary replay --with FILE --diff --save NAME` keeps one");
    }
    all.iter().try_for_each(print_summary)
}

fn summary(saved: &Saved) -> serde_json::Value {
    let files: Vec<&str> = saved.files.iter().map(|file| file.name.as_str()).collect();
    serde_json::json!({
        "name": saved.name,
        "saved_at": saved.saved_at,
        "from": saved.from,
        "set_up_revision": saved.set_up_revision,
        "files": files,
        "conversions_changed": saved.report["conversions_changed"],
        "totals": saved.report["totals"],
        "report_hash": saved.report["report_hash"],
        "promoted_at": saved.promoted_at,
        "promoted_from": saved.promoted_from,
    })
}

fn print_summary(saved: &Saved) -> Result<(), Failure> {
    let files: Vec<&str> = saved.files.iter().map(|file| file.name.as_str()).collect();
    print_line(format!(
        "{}: {} over set-up revision {}, {}; kept {}",
        saved.name,
        files.join(", "),
        saved.set_up_revision,
        saved.from.as_ref().map_or_else(|| "for all time".to_owned(), |from| format!("from {from}")),
        saved.saved_at
    ))?;
    for total in saved.report["totals"].as_array().into_iter().flatten() {
        let text = |name: &str| total[name].as_str().unwrap_or_default().to_owned();
        print_line(format!(
            "    {} commission {} -> {} {}, difference {}, of which adjustments {}",
            text("brand"),
            text("commission_now"),
            text("commission_then"),
            text("currency"),
            text("difference"),
            text("adjustment")
        ))?;
    }
    if let (Some(at), Some(from)) = (&saved.promoted_at, &saved.promoted_from) {
        print_line(format!("    promoted at {at}, in force from {from}"))?;
    }
    Ok(())
}

fn show(named: &Named) -> Result<(), Failure> {
    let saved = kept(&named.common)?.find(&named.name)?;
    if named.common.output.is_json() {
        let mut document = summary(&saved);
        document["report"] = saved.report;
        document["promotion_report"] = saved.promotion_report.into();
        return print_json(&document);
    }
    print_summary(&saved)?;
    print_line(serde_json::to_string_pretty(&saved.report).map_err(Failure::new)?)?;
    let Some(promotion) = &saved.promotion_report else { return Ok(()) };
    print_line("when it was promoted:")?;
    print_line(serde_json::to_string_pretty(promotion).map_err(Failure::new)?)
}

fn promote(args: &Promote) -> Result<(), Failure> {
    let common = &args.what_if.common;
    let kept = kept(common)?;
    // Until it is written that it was promoted, nobody else promotes.
    let _alone = kept.alone()?;
    let mut saved = kept.find(&args.what_if.name)?;
    if let Some(at) = &saved.promoted_at {
        return Err(Failure::new(format!("what-if `{}` was promoted at {at}", saved.name))
            .hint("run `tributary replay --with` again and keep it under another name"));
    }
    let installation = Opened::open(&common.settings)?;
    let keyring = installation.storage.keyring()?;
    let laid = laid_over(&installation, &saved.open(&keyring)?, Since::From(args.from))?;
    let at = now()?;
    keeps_past_owners(&laid.changes, at)?;
    // The report comes first: once the set-up is stored, the engine books what it says.
    let report = compute(&installation, &laid, None)?;
    allows_past(args, &report)?;
    store(installation.set_up.as_ref(), &keyring, &laid.changes, at)?;
    saved.promoted_at = Some(at.to_string());
    saved.promoted_from = Some(args.from.to_string());
    // The report that the decision rests on stays beside it.
    saved.promotion_report = Some(report.to_json(true));
    kept.write(&saved)?;
    print(&report, &laid, false, true, common.output.is_json())
}

/// What was paid is not changed behind anybody's back.
fn allows_past(args: &Promote, report: &WhatIfReport) -> Result<(), Failure> {
    match report.paid_until.filter(|period| args.from < period.end() && !args.including_past) {
        None => Ok(()),
        Some(period) => Err(Failure::new(format!(
            "payouts hold money of {period}, and {} is not after it: what partners were paid would be adjusted",
            args.from
        ))
        .hint(format!(
            "choose a date from {} on, or add --including-past to book the adjustments",
            period.end()
        ))),
    }
}
