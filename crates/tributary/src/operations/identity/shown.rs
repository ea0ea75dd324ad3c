//! A person as an operator sees him: facts, what joins them, and what the guards did. Nothing here is personal: identifiers are
//! shown as the beginning of their hash.

use std::collections::HashSet;

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::identity::{Edge, Guards, Identifier, IdentifierKind, IdentityGraph, Tie};
use tributary_domain::ids::{BrandKey, EventId};
use tributary_store::state::StateReader;

use super::facts_around;

/// A person, or an identifier that belongs to nobody.
#[derive(Debug, Serialize, Default)]
pub struct ShownPerson {
    /// What was asked for.
    pub asked: String,
    /// The person's lasting label; absent when what was asked for joins nobody.
    pub person: Option<String>,
    /// His customer ids.
    pub customers: Vec<String>,
    /// His facts, in order of time.
    pub facts: Vec<ShownFact>,
    /// For every fact but the first: what joins it, on the shortest way to the first.
    pub edges: Vec<ShownEdge>,
    /// Every identifier on them, and whether it joins people.
    pub identifiers: Vec<ShownIdentifier>,
    /// What operators ruled about any of them.
    pub rulings: Vec<ShownRuling>,
}

/// One fact.
#[derive(Debug, Serialize)]
pub struct ShownFact {
    /// Its event.
    pub event: String,
    /// Its kind.
    pub kind: &'static str,
    /// When it happened.
    pub occurred_at: String,
    /// Who sent it.
    pub source: String,
}

/// What joins one fact to another.
#[derive(Debug, Serialize)]
pub struct ShownEdge {
    /// The joined fact.
    pub event: String,
    /// The fact that it is joined to.
    pub joined_to: String,
    /// When the joined fact happened.
    pub occurred_at: String,
    /// Who sent it.
    pub source: String,
    /// The evidence, in words.
    pub evidence: Vec<String>,
}

/// An identifier and how it stands.
#[derive(Debug, Serialize)]
pub struct ShownIdentifier {
    /// Kind and beginning of its hash, or the click id.
    pub identifier: String,
    /// Reason code of the guards.
    pub reason: &'static str,
    /// The reason in words.
    pub message: &'static str,
    /// What to do about it.
    pub hint: &'static str,
    /// Facts that carry it.
    pub facts: usize,
    /// Customers that use it; counted until they are too many.
    pub customers: usize,
}

/// A ruling.
#[derive(Debug, Serialize)]
pub struct ShownRuling {
    /// Its event.
    pub event: String,
    /// When it was made.
    pub occurred_at: String,
    /// `separate`, `join` or `rejoin`.
    pub ruling: &'static str,
    /// One identifier.
    pub one: String,
    /// The other.
    pub other: String,
    /// Why, in the operator's words.
    pub because: String,
    /// Whether it is the last word on its pair.
    pub stands: bool,
}

/// The person that an identifier leads to.
///
/// # Errors
/// When the store fails.
pub fn show(
    state: &dyn StateReader,
    configuration: &Configuration,
    brand: &BrandKey,
    identifier: &Identifier,
) -> anyhow::Result<ShownPerson> {
    let facts = facts_around(state, brand, &[identifier])?;
    let graph = IdentityGraph::of(&facts, &Guards::of(configuration, brand));
    let mut shown = ShownPerson { asked: identifier.label(), ..ShownPerson::default() };
    let Some(person) = graph.fact_of(identifier).and_then(|event| graph.person(event)) else {
        shown.identifiers.extend(graph.standing(identifier).map(standing));
        return Ok(shown);
    };
    let customers =
        person.identifiers.iter().filter(|each| each.identifier.kind() == IdentifierKind::Customer);
    shown.customers = customers.map(|each| each.identifier.label()).collect();
    shown.person = Some(person.label.to_string());
    let members: HashSet<EventId> = person.facts.iter().copied().collect();
    let mut own: Vec<_> = facts.iter().filter(|fact| members.contains(&fact.event_id)).collect();
    own.sort_by_key(|fact| (fact.occurred_at, fact.event_id));
    shown.facts = own
        .into_iter()
        .map(|fact| ShownFact {
            event: fact.event_id.to_string(),
            kind: fact.body.kind().name(),
            occurred_at: fact.occurred_at.to_string(),
            source: fact.source.to_string(),
        })
        .collect();
    shown.edges = person.edges.iter().map(edge).collect();
    shown.identifiers = person.identifiers.iter().map(standing).collect();
    shown.rulings = person
        .rulings
        .iter()
        .map(|ruling| ShownRuling {
            event: ruling.fact.to_string(),
            occurred_at: ruling.occurred_at.to_string(),
            ruling: ruling.decision.ruling.name(),
            one: ruling.decision.one.label(),
            other: ruling.decision.other.label(),
            because: ruling.decision.because.to_string(),
            stands: ruling.stands,
        })
        .collect();
    Ok(shown)
}

fn edge(edge: &Edge) -> ShownEdge {
    let words = |tie: &Tie| match tie {
        Tie::Carried(identifier) => format!("both carry {}", identifier.label()),
        Tie::Ruled(one, other) => {
            format!("an operator ruled that {} and {} are one person", one.label(), other.label())
        }
        Tie::FollowsOn(identifier) => {
            format!("the customer who identified himself next on the shared {}", identifier.label())
        }
    };
    ShownEdge {
        event: edge.fact.to_string(),
        joined_to: edge.joined_to.to_string(),
        occurred_at: edge.occurred_at.to_string(),
        source: edge.source.to_string(),
        evidence: edge.ties.iter().map(words).collect(),
    }
}

fn standing(standing: &tributary_domain::identity::IdentifierStanding) -> ShownIdentifier {
    ShownIdentifier {
        identifier: standing.identifier.label(),
        reason: standing.reason.code(),
        message: standing.reason.message(),
        hint: standing.reason.hint(),
        facts: standing.facts,
        customers: standing.customers,
    }
}
