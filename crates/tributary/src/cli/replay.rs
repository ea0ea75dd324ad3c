//! `tributary replay`: rebuilds derived state from the log.

use std::path::PathBuf;

use clap::Args;

use indicatif::{ProgressBar, ProgressStyle};

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::operations::replay::{rebuild, what_if, what_if_rows};
use crate::setup::live::opened;
use crate::setup::{Document, SetupFile, configuration, plan};

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Set-up file to judge by instead of the stored set-up; nothing is booked then.
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// Print only earners for whom something would change.
    #[arg(long)]
    pub diff: bool,
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
    match &args.with {
        Some(_) => run_with(args, &installation),
        None => run_rebuild(args, &installation),
    }
}

fn run_rebuild(args: &ReplayArgs, installation: &Opened) -> Result<(), Failure> {
    let total = installation.log.count().map_err(Failure::new)?;
    let bar = progress(total)?;
    let scratch = scratch_directory(&installation.settings.data_dir)?;
    let rebuilt = rebuild(
        &installation.log,
        installation.state.as_ref(),
        installation.set_up.as_ref(),
        &installation.configuration.current(),
        &scratch.join("state.sqlite"),
        installation.settings.engine.batch_events,
        |records| bar.set_position(records),
    );
    bar.finish_and_clear();
    let removed = std::fs::remove_dir_all(&scratch);
    let rebuilt = rebuilt?;
    removed.map_err(|error| Failure::new(format!("cannot remove {}: {error}", scratch.display())))?;
    if args.output.is_json() {
        print_json(&rebuilt)?;
    } else {
        print_line(format!("{} records read", rebuilt.records))?;
        print_line(format!("live    {}", rebuilt.live))?;
        print_line(format!("rebuilt {}", rebuilt.rebuilt))?;
    }
    if rebuilt.live == rebuilt.rebuilt {
        Ok(())
    } else {
        Err(Failure::new("the rebuilt state differs from the live one")
            .hint("if a server runs, it may have moved on meanwhile; else run `tributary verify`"))
    }
}

fn run_with(args: &ReplayArgs, installation: &Opened) -> Result<(), Failure> {
    let Some(path) = &args.with else { return Ok(()) };
    let text = choosing::text_of(path)?;
    let file = SetupFile { name: path.display().to_string(), text };
    let now = installation.configuration.current();
    let brands: Vec<_> = now.brands.keys().cloned().collect();
    let document = Document::read(&[file], &brands, &|name| std::env::var(name).ok())?;
    let (_, stored) = installation.set_up.load_configuration()?;
    let keyring = installation.storage.keyring()?;
    // What the file says is in force always: the question is how all of history would look under it.
    let mut rows = opened(&stored, &keyring)?;
    let always = tributary_domain::time::Timestamp(i64::MIN);
    let changes = plan(&[], &document, always).or_else(|_| plan(&rows, &document, always))?;
    for row in changes.rows {
        rows.retain(|old| (&old.kind, &old.brand, &old.key) != (&row.kind, &row.brand, &row.key));
        rows.push(row);
    }
    let then = configuration(&rows, now.revision)?;
    let bar = ProgressBar::new_spinner();
    let sums = what_if(installation.state.as_ref(), &now, &then, |examined| bar.set_position(examined));
    bar.finish_and_clear();
    let mut rows = what_if_rows(&sums?);
    if args.diff {
        rows.retain(|row| {
            row["value_now"] != row["value_then"] || row["commission_now"] != row["commission_then"]
        });
    }
    if args.output.is_json() {
        return print_json(&rows);
    }
    print_line(format!(
        "{:<20} {:<4} {:>16} {:>16} {:>16} {:>16} {:>14}",
        "earner", "", "value now", "value then", "commission now", "then", "difference"
    ))?;
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        print_line(format!(
            "{:<20} {:<4} {:>16} {:>16} {:>16} {:>16} {:>14}",
            text("earner"),
            text("currency"),
            text("value_now"),
            text("value_then"),
            text("commission_now"),
            text("commission_then"),
            text("difference")
        ))?;
    }
    Ok(())
}

fn progress(total: u64) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} records, {per_sec}, {eta}")
        .map_err(Failure::new)?;
    Ok(ProgressBar::new(total).with_style(style))
}

/// A fresh directory beside the data, so that a rebuild never fills another disk.
fn scratch_directory(data_dir: &std::path::Path) -> Result<PathBuf, Failure> {
    let directory = data_dir.join(format!("replay-{}", std::process::id()));
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", directory.display())))?;
    Ok(directory)
}
