//! `tributary explain`: the whole chain behind an event, click, order, commission or payout, or behind its absence.
//!
//! Nothing of it is stored: it is worked out afresh by the same pure settlement that booked it, so it cannot drift from the books.

use serde::Serialize;
use tributary_domain::attribution::{Circumstances, Earner, window_of};
use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::{Configuration, Rate};
use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::identity::{NodeKey, click_node, transaction_node};
use tributary_domain::ids::{CommissionId, EventId, TransactionId};
use tributary_domain::ledger::Entry;
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, settle};
use tributary_store::state::{ClusterId, Payout, StateError, StateReader, StoredFact};

use crate::engine::rollup::label;

/// An explanation: sections of sentences, readable as they stand and as JSON.
#[derive(Debug, Serialize, Default)]
pub struct Explanation {
    /// What was asked for.
    pub id: String,
    /// What it is, such as `conversion`; `nothing` when it is not known.
    pub what: String,
    /// The chain, in order.
    pub sections: Vec<Section>,
}

/// One step of the chain.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its sentences.
    pub lines: Vec<String>,
}

impl Explanation {
    fn add(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.sections.push(Section { title: title.to_owned(), lines });
        }
    }

    /// The explanation as text for a terminal.
    #[must_use]
    pub fn prose(&self) -> String {
        let mut text = format!("{}: {}\n", self.id, self.what);
        for section in &self.sections {
            text.push_str(&format!("\n{}\n", section.title));
            for line in &section.lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

/// Explains whatever the id names: event id, click id, transaction id, commission id or payout id.
///
/// # Errors
/// When the store cannot be read.
pub fn explain(
    state: &dyn StateReader,
    configuration: &Configuration,
    id: &str,
) -> Result<Explanation, StateError> {
    let id = id.trim();
    let mut explanation = Explanation { id: id.to_owned(), ..Explanation::default() };
    if let Some(payout) = state.payout(id)? {
        explain_payout(state, &payout, &mut explanation)?;
        return Ok(explanation);
    }
    if let Ok(event) = EventId::parse(id) {
        if let Some(stored) = state.fact(event)? {
            explain_fact(state, configuration, &stored, &mut explanation)?;
            return Ok(explanation);
        }
        if let Some(row) = state.commission(CommissionId(event))?
            && let Some(stored) = state.fact(row.conversion)?
        {
            explain_fact(state, configuration, &stored, &mut explanation)?;
            explanation.what = format!("commission of {}", row.line.partner);
            return Ok(explanation);
        }
    }
    if let Some(stored) = by_node(state, configuration, id)? {
        explain_fact(state, configuration, &stored, &mut explanation)?;
        return Ok(explanation);
    }
    explain_absence(configuration, id, &mut explanation);
    Ok(explanation)
}

/// Finds the fact that a click id or transaction id names, in any brand.
fn by_node(
    state: &dyn StateReader,
    configuration: &Configuration,
    id: &str,
) -> Result<Option<StoredFact>, StateError> {
    let mut nodes: Vec<NodeKey> = Vec::new();
    let click = ClickId::from_stored(id);
    let transaction = TransactionId::parse(id).ok();
    for brand in configuration.brands.keys() {
        nodes.extend(click.as_ref().map(|click| click_node(brand, click)));
        for source in
            configuration.sources.values().map(|versions| versions.latest()).filter(|s| s.brand == *brand)
        {
            nodes.extend(
                transaction
                    .as_ref()
                    .map(|number| transaction_node(brand, &source.transaction_namespace, number)),
            );
        }
    }
    let clusters = state.clusters_of_nodes(&nodes)?;
    for cluster in clusters.values() {
        let contents = state.cluster(*cluster)?;
        let by_number = |fact: &Fact| fact.body.transaction().is_some_and(|number| number.as_str() == id);
        let by_click = |fact: &Fact| fact.subject.click_id.as_ref().is_some_and(|click| click.as_str() == id);
        let mut named: Vec<&Fact> = contents.facts.iter().map(|(fact, _)| fact).collect();
        named.retain(|fact| by_number(fact) || by_click(fact));
        // An order number names its conversion before what was said about it, a click id the click before what it led to.
        named.sort_by_key(|fact| {
            let is_late = fact.body.action().is_some() != by_number(fact);
            (!by_number(fact), is_late, fact.occurred_at, fact.event_id)
        });
        if let Some(fact) = named.first() {
            return state.fact(fact.event_id);
        }
    }
    Ok(None)
}

fn explain_fact(
    state: &dyn StateReader,
    configuration: &Configuration,
    stored: &StoredFact,
    explanation: &mut Explanation,
) -> Result<(), StateError> {
    let fact = &stored.fact;
    explanation.what = fact.body.kind().name().to_owned();
    explanation.add("What arrived", arrived(stored));
    let settled = settlement_of(state, configuration, stored.cluster)?;
    let Some(conversion) = concerned(&settled, fact) else {
        explanation.add("What it led to", uses(&settled, fact));
        return Ok(());
    };
    if conversion.event_id != fact.event_id {
        explanation.add("The conversion it concerns", vec![headline(conversion)]);
    }
    explanation.add("Whose it is", person(conversion));
    explanation.add("Touchpoints considered", touchpoints(conversion, configuration));
    explanation.add("How the value was shared", shares(conversion));
    explanation.add("What is owed", owed(conversion, configuration));
    let mut entries = Vec::new();
    for commission in &conversion.commissions {
        entries.extend(state.entries_of(&commission.id.to_string())?);
    }
    entries.sort_by_key(|entry| entry.number);
    explanation.add("Entries in the books", entries.iter().map(entry_line).collect());
    Ok(())
}

fn settlement_of(
    state: &dyn StateReader,
    configuration: &Configuration,
    cluster: ClusterId,
) -> Result<Vec<Conversion>, StateError> {
    let facts: Vec<Fact> = state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact).collect();
    Ok(settle(&facts, configuration).conversions)
}

/// The conversion that a fact is, repeats or refers to.
fn concerned<'c>(settled: &'c [Conversion], fact: &Fact) -> Option<&'c Conversion> {
    settled.iter().find(|conversion| conversion.event_id == fact.event_id).or_else(|| {
        let number = fact.body.transaction()?;
        settled.iter().rev().find(|conversion| conversion.transaction.as_ref() == Some(number))
    })
}

fn arrived(stored: &StoredFact) -> Vec<String> {
    let fact = &stored.fact;
    let mut lines = vec![
        format!(
            "A {} of {} from source {} by {}.",
            fact.body.kind().name(),
            fact.brand,
            fact.source,
            stored.way.name()
        ),
        format!(
            "It happened at {} and was stored at {} as log record {}.",
            fact.occurred_at, stored.received_at, stored.sequence.0
        ),
        format!("Outcome {}: {} {}", stored.outcome.code(), stored.outcome.message(), stored.outcome.hint()),
    ];
    if let Some(click_id) = &fact.subject.click_id {
        lines.push(format!("Click id {click_id}."));
    }
    match &fact.body {
        FactBody::Click(touch) | FactBody::Impression(touch) => {
            if let Some(link) = &touch.link {
                lines.push(format!("Link {link}."));
            }
            lines.extend(touch.tracking.iter().map(|(name, value)| format!("{name} = {value}")));
        }
        body => {
            if let Some(number) = body.transaction() {
                lines.push(format!("Transaction {number}."));
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Which conversions a touchpoint took part in.
fn uses(settled: &[Conversion], fact: &Fact) -> Vec<String> {
    let lines: Vec<String> = settled
        .iter()
        .filter_map(|conversion| {
            let considered = conversion.considered.iter().find(|c| c.touchpoint.event_id == fact.event_id)?;
            let credit = conversion.credits.iter().find(|credit| credit.touchpoint == fact.event_id);
            Some(match (credit, conversion.value) {
                (Some(credit), Some(value)) => format!(
                    "{}: earned {} of {} ({} of {} parts).",
                    headline(conversion),
                    Money::new(credit.minor, value.currency),
                    value,
                    credit.weight,
                    credit.total_weight
                ),
                (Some(credit), None) => {
                    format!(
                        "{}: earned {} of {} parts.",
                        headline(conversion),
                        credit.weight,
                        credit.total_weight
                    )
                }
                (None, _) => format!("{}: {}", headline(conversion), considered.verdict.message()),
            })
        })
        .collect();
    if lines.is_empty() { vec!["No conversion of this person is known yet.".to_owned()] } else { lines }
}

fn headline(conversion: &Conversion) -> String {
    let number = conversion.transaction.as_ref().map_or_else(String::new, |number| format!(" {number}"));
    let value = conversion.value.map_or_else(String::new, |value| format!(" worth {value}"));
    format!(
        "{}{number}{value} at {} (event {})",
        conversion.goal, conversion.occurred_at, conversion.event_id
    )
}

fn person(conversion: &Conversion) -> Vec<String> {
    let mut lines = vec![match conversion.person {
        Some(label) => format!("Joined to the person whose first known event is {label}."),
        None => "The event names no identity that joins it to others.".to_owned(),
    }];
    lines.push(
        format!("{}: {} {}", conversion.reason.code(), conversion.reason.message(), conversion.reason.hint())
            .trim_end()
            .to_owned(),
    );
    lines
}

fn touchpoints(conversion: &Conversion, configuration: &Configuration) -> Vec<String> {
    let circumstances = Circumstances {
        configuration,
        brand: &conversion.brand,
        converted_at: conversion.occurred_at,
        goal: &conversion.goal,
        only_campaign: None,
        cart_opened_at: None,
    };
    conversion
        .considered
        .iter()
        .map(|considered| {
            let touchpoint = &considered.touchpoint;
            let who = touchpoint.earner.as_ref().map_or_else(|| "unknown".to_owned(), label);
            let campaign = touchpoint.campaign.as_ref();
            let window = format!(", window {}", window_of(touchpoint, &circumstances));
            let campaign = campaign.map_or_else(String::new, |key| format!(" for {key}"));
            format!(
                "{} {} of {who}{campaign}{window}: {} ({}) [{}]",
                touchpoint.occurred_at,
                touchpoint.kind.name(),
                considered.verdict.message(),
                considered.verdict.code(),
                touchpoint.event_id
            )
        })
        .collect()
}

fn shares(conversion: &Conversion) -> Vec<String> {
    let campaign = conversion.campaign.as_ref().map_or_else(String::new, |key| format!(" of campaign {key}"));
    let mut lines = match &conversion.model {
        Some(model) => vec![format!("Model {model}{campaign}.")],
        None if conversion.reason == Reason::CustomerOwned => {
            vec![Reason::CustomerOwned.message().to_owned()]
        }
        None => return Vec::new(),
    };
    for credit in &conversion.credits {
        let amount = conversion.value.map_or_else(String::new, |value| {
            format!(" = {} of {value}", Money::new(credit.minor, value.currency))
        });
        lines.push(format!(
            "{}: {} of {} parts{amount}.",
            label(&credit.earner),
            credit.weight,
            credit.total_weight
        ));
    }
    if let Some(value) = conversion.value {
        let sum: i64 = conversion.credits.iter().map(|credit| credit.minor).sum();
        lines.push(format!("Sum of shares: {} of {value}.", Money::new(sum, value.currency)));
    }
    lines
}

fn owed(conversion: &Conversion, configuration: &Configuration) -> Vec<String> {
    let mut lines: Vec<String> =
        conversion.commissions.iter().map(|line| commission_line(conversion, line, configuration)).collect();
    for credit in &conversion.credits {
        match &credit.earner {
            Earner::Channel(channel) => {
                lines.push(format!("@{channel}: a channel, not a partner; nobody is paid."))
            }
            Earner::Partner(partner)
                if !conversion.commissions.iter().any(|line| line.partner == *partner) =>
            {
                lines.push(format!("{partner}: no plan pays for {}.", conversion.goal));
            }
            Earner::Partner(_) => {}
        }
    }
    lines
}

fn commission_line(conversion: &Conversion, line: &Commission, configuration: &Configuration) -> String {
    let plan = configuration.plan(&conversion.brand, &line.plan, conversion.occurred_at);
    let rule = plan.and_then(|plan| plan.rules.iter().find(|(goal, _)| *goal == conversion.goal));
    let rate = match rule {
        Some((_, Rate::CostPerAction(amount))) => format!("{amount} per {}", conversion.goal),
        Some((_, Rate::Percentage { ppm })) => {
            format!("{}.{:04} % of the value", ppm / 10_000, ppm % 10_000)
        }
        None => "no rule".to_owned(),
    };
    let now = Money::new(line.owed, line.granted.currency);
    let refunded = if conversion.refunded > 0 { format!(", after refunds {now}") } else { String::new() };
    format!(
        "{}: plan {} ({rate}) grants {}{refunded}; {}: {} Payable from {}. [{}]",
        line.partner,
        line.plan,
        line.granted,
        line.state.name(),
        line.reason.message(),
        line.payable_from,
        line.id
    )
}

fn entry_line(entry: &Entry) -> String {
    format!(
        "#{} {} debit {} credit {} caused by {}",
        entry.number, entry.amount, entry.transfer.debit, entry.transfer.credit, entry.cause
    )
}

fn explain_payout(
    state: &dyn StateReader,
    payout: &Payout,
    explanation: &mut Explanation,
) -> Result<(), StateError> {
    explanation.what = "payout".to_owned();
    let reference =
        payout.reference.as_ref().map_or_else(String::new, |text| format!(", payment reference {text}"));
    explanation.add(
        "The payout",
        vec![
            format!("{} to {} in run {}.", payout.plan.total(), payout.plan.partner, payout.plan.run),
            format!(
                "Prepared at {}; {} since {}{reference}.",
                payout.prepared_at,
                payout.step.name(),
                payout.stepped_at
            ),
        ],
    );
    let mut lines = Vec::new();
    for (id, minor) in payout.plan.lines.iter().take(1_000) {
        let conversion = state
            .commission(*id)?
            .map_or_else(String::new, |row| format!(" for conversion {}", row.conversion));
        lines.push(format!("{} from commission {id}{conversion}", Money::new(*minor, payout.plan.currency)));
    }
    if payout.plan.lines.len() > lines.len() {
        lines.push(format!("and {} more lines", payout.plan.lines.len() - lines.len()));
    }
    explanation.add("Its lines", lines);
    explanation.add(
        "Entries in the books",
        state.entries_of(&payout.plan.payout.0)?.iter().map(entry_line).collect(),
    );
    Ok(())
}

/// Why there is nothing: the first stage at which it must have stopped.
fn explain_absence(configuration: &Configuration, id: &str, explanation: &mut Explanation) {
    explanation.what = "nothing".to_owned();
    let mut causes = Vec::new();
    let issued = ClickId::from_stored(id).and_then(|click| click.issued_for());
    match issued {
        Some((link, at)) => {
            let link = configuration.link_fingerprints.get(&link);
            let link =
                link.map_or_else(|| "a link that is not set up here".to_owned(), |key| format!("link {key}"));
            causes.push(format!(
                "It has the form of a click id issued at {at} for {link}, but no such click is stored."
            ));
            causes.push("1. The redirect was refused or its storing failed; the browser then saw an error, not the shop.".to_owned());
            causes.push(
                "2. The id was mistyped: then a postback that names it is refused as `click_id_forged`."
                    .to_owned(),
            );
        }
        None => {
            causes.push("No event, click, transaction, commission or payout has this id.".to_owned());
            causes.push("1. The sender never sent it, or was answered 4xx or 5xx: look for its answer on the sender's side.".to_owned());
            causes.push(
                "2. It was sent to another source, whose transactions live in another namespace.".to_owned(),
            );
            causes.push("3. It is still in the log: `readyz` tells how far the engine is behind.".to_owned());
        }
    }
    explanation.add("Why there is nothing", causes);
}
