//! `tributary identity`: who is who and why, and what an operator rules about it.

use clap::{Args, Subcommand};
use tributary_domain::identity::Ruling;
use tributary_domain::ids::BrandKey;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, choosing, print_json, print_line};
use crate::desk::Desk;
use crate::operations::identity::{self, Considered, Effect, ShownPerson};

/// Arguments of `identity`.
#[derive(Args, Debug)]
pub struct IdentityArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IdentityCommand,
    /// Whose people; not needed where there is only one brand.
    #[arg(long, global = true, value_name = "KEY", value_parser = BrandKey::parse)]
    pub brand: Option<BrandKey>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What can be done about identity.
#[derive(Subcommand, Debug)]
pub enum IdentityCommand {
    /// Show a person: facts, what joins them, identifiers and what the guards did.
    Show {
        /// customer:ID, email:ADDRESS, visitor:ID, click:ID, event:ID, or the bare id.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the identifiers that join nobody (placeholders, ignored ones, those beyond a bound) and whom they would have made one. Reads
    /// every stored fact.
    Guarded {
        /// Lines at most: first those that would have joined most people.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Keep two identifiers from ever being one person; without --apply, show what that does to money.
    Separate(RulingArgs),
    /// Rule that two identifiers are one person; without --apply, show what that does to money.
    Join(RulingArgs),
    /// Take back what was ruled about two identifiers; without --apply, show what that does to money.
    Rejoin(RulingArgs),
}

/// A ruling about two identifiers.
#[derive(Args, Debug)]
pub struct RulingArgs {
    /// customer:ID, email:ADDRESS, visitor:ID, click:ID, event:ID, or the bare id.
    #[arg(value_name = "A")]
    pub one: String,
    /// The other one.
    #[arg(value_name = "B")]
    pub other: String,
    /// Why; stored and shown as it is, so without personal data.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub because: String,
    /// Rule it; money is settled again at once.
    #[arg(long)]
    pub apply: bool,
}

/// Runs `identity`. Only --apply writes; everything else works while a server runs.
///
/// # Errors
/// When an identifier is not known, or store or log fail.
pub fn run(args: &IdentityArgs) -> Result<(), Failure> {
    let (ruling, words) = match &args.command {
        IdentityCommand::Show { id } => return show(args, id),
        IdentityCommand::Guarded { limit } => return guarded(args, *limit),
        IdentityCommand::Separate(words) => (Ruling::Separate, words),
        IdentityCommand::Join(words) => (Ruling::Join, words),
        IdentityCommand::Rejoin(words) => (Ruling::Rejoin, words),
    };
    let now = super::now()?;
    let opened = Opened::open(&args.settings)?;
    let configuration = opened.configuration.current();
    let brand = choosing::brand(&configuration, args.brand.as_ref())?;
    let keyring = opened.storage.keyring()?;
    let state = opened.state.as_ref();
    let one = identity::identifier(state, &keyring, &brand, &words.one)?;
    let other = identity::identifier(state, &keyring, &brand, &words.other)?;
    let considered = Considered::new(&brand, ruling, one, other, &words.because)?;
    let mut effect = considered.effect(state, &configuration, now)?;
    if words.apply {
        drop((configuration, keyring, opened));
        let mut desk = Desk::open(&args.settings.settings()?)?;
        effect.recorded = considered.apply(&mut desk, now)?.map(|event| event.to_string());
    }
    if args.output.is_json() { print_json(&effect) } else { print_effect(&effect, words.apply) }
}

fn show(args: &IdentityArgs, id: &str) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let configuration = opened.configuration.current();
    let brand = choosing::brand(&configuration, args.brand.as_ref())?;
    let keyring = opened.storage.keyring()?;
    let identifier = identity::identifier(opened.state.as_ref(), &keyring, &brand, id)?;
    let person = identity::show(opened.state.as_ref(), &configuration, &brand, &identifier)?;
    if args.output.is_json() { print_json(&person) } else { print_person(&person) }
}

fn guarded(args: &IdentityArgs, limit: usize) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let configuration = opened.configuration.current();
    let mut found = identity::guarded(opened.state.as_ref(), &configuration, args.brand.as_ref())?;
    let more = found.len().saturating_sub(limit);
    found.truncate(limit);
    if args.output.is_json() {
        return print_json(&serde_json::json!({ "identifiers": found, "more": more }));
    }
    for each in &found {
        print_line(format!(
            "{} {} ({}): {} facts, {} customers, {} people, {} facts of nobody. {} {}",
            each.brand,
            each.identifier,
            each.reason,
            each.facts,
            each.customers,
            each.people,
            each.facts_of_nobody,
            each.message,
            each.hint
        ))?;
        if !each.would_join.is_empty() {
            let more = if each.people > each.would_join.len() { ", ..." } else { "" };
            print_line(format!("  would have made one of {}{more}", each.would_join.join(", ")))?;
        }
    }
    match (found.len(), more) {
        (0, _) => print_line("every identifier joins those who carry it"),
        (_, 0) => Ok(()),
        (_, more) => print_line(format!("and {more} more; --limit shows them")),
    }
}

fn print_person(person: &ShownPerson) -> Result<(), Failure> {
    match &person.person {
        Some(label) => print_line(format!("person {label}, asked for as {}", person.asked))?,
        None => print_line(format!("{} joins nobody", person.asked))?,
    }
    if !person.customers.is_empty() {
        print_line(format!("customers: {}", person.customers.join(", ")))?;
    }
    for fact in &person.facts {
        print_line(format!("  {}  {:<14} {} from {}", fact.occurred_at, fact.kind, fact.event, fact.source))?;
    }
    for edge in &person.edges {
        print_line(format!("  {} -> {}: {}", edge.event, edge.joined_to, edge.evidence.join("; ")))?;
    }
    for each in &person.identifiers {
        print_line(format!(
            "  {}: {} ({}; {} facts, {} customers) {}",
            each.identifier, each.message, each.reason, each.facts, each.customers, each.hint
        ))?;
    }
    for ruling in &person.rulings {
        let stands = if ruling.stands { "stands" } else { "was overruled" };
        print_line(format!(
            "  {} {} {} and {} ({stands}): {}",
            ruling.occurred_at, ruling.ruling, ruling.one, ruling.other, ruling.because
        ))?;
    }
    Ok(())
}

fn print_effect(effect: &Effect, applied: bool) -> Result<(), Failure> {
    print_line(format!("{} {} and {}", effect.ruling, effect.one, effect.other))?;
    if effect.stands_already {
        return print_line("stands already; nothing to do");
    }
    print_line(format!("{} conversions change", effect.conversions.len()))?;
    for each in &effect.conversions {
        let number = each.transaction.as_deref().unwrap_or(&each.event);
        print_line(format!("  {} {number}: {} -> {}", each.goal, each.now.join(", "), each.then.join(", ")))?;
    }
    for each in &effect.earners {
        print_line(format!(
            "  {:<20} {}  value {} -> {}  commission {} -> {} ({})",
            each.earner,
            each.amounts.currency,
            each.amounts.value_now,
            each.amounts.value_then,
            each.amounts.commission_now,
            each.amounts.commission_then,
            each.amounts.difference
        ))?;
    }
    for line in &effect.locked {
        print_line(format!(
            "  paid or in a payout: {} {} of {}, owed {} -> {} [{}]",
            line.locked, line.currency, line.partner, line.owed_now, line.owed_then, line.commission
        ))?;
    }
    match (&effect.recorded, applied) {
        (Some(event), _) => print_line(format!("ruled as event {event}; booked")),
        (None, true) => print_line("another command ruled the same meanwhile"),
        (None, false) => print_line("nothing is written yet; add --apply to rule so"),
    }
}
