//! `tributary replay`: rebuilds derived state from the log, or runs all of history under another set-up.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tributary_domain::fact::EventKind;
use tributary_domain::ids::{CampaignKey, PartnerKey};
use tributary_domain::time::{Period, Timestamp};

use super::opened::Opened;
use super::what_if_report::{print, write_csv};
use super::{Failure, OutputArgs, SettingsArgs, choosing, now, print_json, print_line};
use crate::operations::replay::{Rebuilt, Sources, rebuild};
use crate::operations::what_if::{Saved, SavedWhatIfs, Selection, WhatIfReport, what_if};
use crate::setup::live::{built, opened};
use crate::setup::{Document, Kind, Laid, SetupFile, Since, lay_over};

/// Arguments of `replay`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tributary replay
      rebuild the state from the log and compare; a server may run meanwhile
  tributary replay --with plans.yaml --diff
      what would change if plans.yaml had been in force always
  tributary replay --with plans.yaml --from 2026-12-01 --diff --conversions --partner anna --csv anna.csv
      the conversions of one partner that would change from that day on
  tributary replay --with plans.yaml --diff --save better-plans
      keep it; `tributary what-if promote better-plans --from 2027-01-01` makes it so")]
pub struct ReplayArgs {
    /// Set-up files to judge by, laid over the stored set-up; nothing is booked then. Several count as one.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub with: Vec<PathBuf>,
    /// Lay the files over from this moment on instead of for all time: `2026-12-01` or a whole RFC 3339 time.
    #[arg(long, value_name = "DATE", value_parser = date, requires = "with")]
    pub from: Option<Timestamp>,
    /// Print only what would change.
    #[arg(long, requires = "with")]
    pub diff: bool,
    /// List the conversions whose money would change, the largest difference first.
    #[arg(long, requires = "with")]
    pub conversions: bool,
    /// List only conversions that change for this partner.
    #[arg(long, value_name = "KEY", value_parser = PartnerKey::parse, requires = "conversions")]
    pub partner: Option<PartnerKey>,
    /// List only conversions that change under this campaign.
    #[arg(long, value_name = "KEY", value_parser = CampaignKey::parse, requires = "conversions")]
    pub campaign: Option<CampaignKey>,
    /// List only conversions of this month, such as `2026-01`.
    #[arg(long, value_name = "PERIOD", value_parser = Period::parse, requires = "conversions")]
    pub period: Option<Period>,
    /// List at most so many conversions.
    #[arg(long, value_name = "N", default_value_t = 50, requires = "conversions")]
    pub limit: usize,
    /// Write the rows to this file too: the listed conversions, else one row per partner, campaign and month.
    #[arg(long, value_name = "FILE", requires = "with")]
    pub csv: Option<PathBuf>,
    /// Keep this what-if under a name, to promote or discard it later.
    #[arg(long, value_name = "NAME", requires = "with")]
    pub save: Option<String>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `replay`. Reads only: a server may run meanwhile.
///
/// # Errors
/// When the rebuilt state differs from the live one, or log or store cannot be read.
pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let installation = Opened::open(&args.settings)?;
    if args.with.is_empty() { run_rebuild(args, &installation) } else { run_with(args, &installation) }
}

impl ReplayArgs {
    /// Refuses keys that neither the stored set-up nor the files have.
    fn selects_what_is_there(&self, laid: &Laid) -> Result<(), Failure> {
        let keys = |kind: Kind| {
            laid.rows.iter().filter(move |row| row.kind == kind.name()).map(|row| row.key.as_str())
        };
        if let Some(partner) = &self.partner {
            choosing::must_be_known("--partner", "partner", partner.as_str(), keys(Kind::Partner))?;
        }
        if let Some(campaign) = &self.campaign {
            choosing::must_be_known("--campaign", "campaign", campaign.as_str(), keys(Kind::Campaign))?;
        }
        Ok(())
    }
}

fn run_rebuild(args: &ReplayArgs, installation: &Opened) -> Result<(), Failure> {
    let bar = progress(installation.state.checkpoint()?.0, "records")?;
    let scratch = scratch_directory(&installation.settings.data_dir)?;
    let from = Sources {
        log: &installation.log,
        live: installation.state.as_ref(),
        set_up: installation.set_up.as_ref(),
    };
    let configuration = installation.configuration.current();
    let rebuilt =
        rebuild(from, &configuration, &scratch.join("state.sqlite"), |records| bar.set_position(records));
    bar.finish_and_clear();
    let removed = std::fs::remove_dir_all(&scratch);
    let rebuilt = rebuilt?;
    removed.map_err(|error| Failure::new(format!("cannot remove {}: {error}", scratch.display())))?;
    if args.output.is_json() {
        print_json(&rebuilt)?;
    } else {
        print_rebuilt(&rebuilt)?;
    }
    if rebuilt.live == rebuilt.rebuilt {
        Ok(())
    } else {
        Err(Failure::new("the rebuilt state differs from the live one")
            .hint("`tributary verify` names the first fault"))
    }
}

fn print_rebuilt(rebuilt: &Rebuilt) -> Result<(), Failure> {
    print_line(format!(
        "{} records rebuilt in {:.1} s, {:.0}/s; compared in {:.1} s at log record {}",
        rebuilt.records,
        rebuilt.rebuild_seconds,
        rebuilt.records_per_second,
        rebuilt.compare_seconds,
        rebuilt.checkpoint
    ))?;
    if rebuilt.behind > 0 {
        print_line(format!(
            "the live state is {} records behind the log; both were compared without them",
            rebuilt.behind
        ))?;
    }
    print_line(format!("live    {}", rebuilt.live))?;
    print_line(format!("rebuilt {}", rebuilt.rebuilt))
}

fn run_with(args: &ReplayArgs, installation: &Opened) -> Result<(), Failure> {
    let kept = SavedWhatIfs::of(&installation.settings.data_dir);
    if let Some(name) = &args.save {
        kept.must_be_free(name)?;
    }
    let files = args.with.iter().map(|path| file(path)).collect::<Result<Vec<_>, _>>()?;
    let since = args.from.map_or(Since::Always, Since::From);
    let laid = laid_over(installation, &files, since)?;
    args.selects_what_is_there(&laid)?;
    let selection = args.conversions.then(|| Selection {
        partner: args.partner.clone(),
        campaign: args.campaign.clone(),
        period: args.period,
        limit: args.limit,
    });
    let report = compute(installation, &laid, selection.as_ref())?;
    if let Some(path) = &args.csv {
        write_csv(path, &report, args.conversions, args.diff)?;
    }
    if let Some(name) = &args.save {
        let keyring = installation.storage.keyring()?;
        kept.add(&Saved {
            name: name.clone(),
            saved_at: now()?.to_string(),
            from: args.from.map(|from| from.to_string()),
            set_up_revision: installation.configuration.current().revision,
            files: Saved::seal(name, &files, &keyring)?,
            report: report.to_json(true),
            promoted_at: None,
            promoted_from: None,
            promotion_report: None,
        })?;
    }
    print(&report, &laid, args.conversions, args.diff, args.output.is_json())?;
    if let Some(name) = args.save.as_ref().filter(|_| !args.output.is_json()) {
        print_line(format!("kept as `{name}`: tributary what-if promote {name} --from DATE"))?;
    }
    Ok(())
}

/// Lays set-up files over the stored set-up.
///
/// # Errors
/// With every problem of the set-up that would result.
pub(super) fn laid_over(installation: &Opened, files: &[SetupFile], since: Since) -> Result<Laid, Failure> {
    let current = installation.configuration.current();
    let brands: Vec<_> = current.brands.keys().cloned().collect();
    let document = Document::read(files, &brands, &|name| std::env::var(name).ok())?;
    let (_, stored) = installation.set_up.load_configuration()?;
    let keyring = installation.storage.keyring()?;
    let rows = opened(&stored, &keyring)?;
    Ok(lay_over(&rows, &document, since, now()?)?)
}

/// Runs the what-if behind a progress bar.
///
/// # Errors
/// When the store fails.
pub(super) fn compute(
    installation: &Opened,
    laid: &Laid,
    selection: Option<&Selection>,
) -> Result<WhatIfReport, Failure> {
    let then = built(
        &laid.rows,
        installation.configuration.current().revision,
        installation.storage.keyring()?.as_ref(),
    )?;
    // About as many as there are conversions: some are deliveries of one.
    let is_action = |kind: &EventKind| {
        matches!(kind, EventKind::Registration | EventKind::Qualification | EventKind::Conversion)
    };
    let counts = installation.state.fact_counts()?;
    let total = counts.iter().filter(|(_, kind, _)| is_action(kind)).map(|(_, _, facts)| facts).sum();
    let bar = progress(total, "conversions")?;
    let report =
        what_if(installation.state.as_ref(), &then, selection, &|examined| bar.set_position(examined));
    bar.finish_and_clear();
    Ok(report?)
}

/// A day, which means its beginning in UTC, or a whole RFC 3339 time.
pub(super) fn date(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(&format!("{text}T00:00:00Z"))
        .or_else(|_| Timestamp::parse(text))
        .map_err(|error| format!("{error}, or a day such as `2026-12-01`"))
}

fn file(path: &Path) -> Result<SetupFile, Failure> {
    Ok(SetupFile { name: path.display().to_string(), text: choosing::text_of(path)? })
}

fn progress(total: u64, of: &str) -> Result<ProgressBar, Failure> {
    let style =
        ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {of}, {{per_sec}}, {{eta}}"))
            .map_err(Failure::new)?;
    Ok(ProgressBar::new(total).with_style(style))
}

/// A fresh directory beside the data, so that a rebuild never fills another disk.
fn scratch_directory(data_dir: &Path) -> Result<PathBuf, Failure> {
    let directory = data_dir.join(format!("replay-{}", std::process::id()));
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", directory.display())))?;
    Ok(directory)
}
