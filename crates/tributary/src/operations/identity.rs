//! Who is who, as an operator sees and rules it: a person with the evidence on each edge, and rulings whose effect on money is
//! known before they are made. A ruling is a fact in the log, so that replay, audit and other engines come to the same people.

mod effect;
mod guarded;
mod shown;

use std::collections::BTreeSet;
use std::sync::Arc;

use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody, Subject};
use tributary_domain::identity::{Identifier, IdentifierKind, IdentityDecision, Ruling, identifier_node};
use tributary_domain::ids::{BrandKey, DeduplicationKey, EventId, SourceKey, fingerprint, plain_text};
use tributary_domain::time::Timestamp;
use tributary_store::keys::{Keyring, SubjectKind};
use tributary_store::log::{Appended, NewRecord, Way};
use tributary_store::state::{ClusterId, StateReader};
use tributary_store::wire;

pub use effect::{ConversionEffect, EarnerEffect, Effect, LockedLine};
pub use guarded::{GuardedIdentifier, guarded};
pub use shown::{ShownEdge, ShownFact, ShownIdentifier, ShownPerson, ShownRuling, show};

use crate::desk::Desk;

/// The source under which the operator's own commands are logged.
const COMMAND_SOURCE: &str = "tributary.command";

/// Longest reason that an operator may give.
const LONGEST_REASON: usize = 500;

/// Reads what an operator means by an identifier, in one brand: `customer:ID`, `email:ADDRESS`, `visitor:ID`, `click:ID`, `event:ID`,
/// or the bare id where it is clear. An event stands for the strongest identifier that it names.
///
/// # Errors
/// When no stored fact carries it, or the store fails.
pub fn identifier(
    state: &dyn StateReader,
    keyring: &Keyring,
    brand: &BrandKey,
    text: &str,
) -> anyhow::Result<Identifier> {
    let hash = |kind, value: &str| keyring.subject_hash(brand, kind, value);
    let click = |value: &str| ClickId::from_stored(value).map(Identifier::Click);
    let of_kind = |kind, value: &str| match kind {
        IdentifierKind::Customer => Some(Identifier::Customer(hash(SubjectKind::Customer, value))),
        IdentifierKind::Email => Some(Identifier::Email(hash(SubjectKind::Email, value))),
        IdentifierKind::Visitor => Some(Identifier::Visitor(hash(SubjectKind::Visitor, value))),
        IdentifierKind::Click => click(value),
    };
    let (prefix, value) = text.split_once(':').unwrap_or(("", text));
    let kind = IdentifierKind::from_name(prefix);
    let value = if kind.is_some() || prefix == "event" { value } else { text };
    if kind.is_none()
        && let Ok(event) = EventId::parse(value)
        && let Some(stored) = state.fact(event)?.filter(|stored| stored.fact.brand == *brand)
    {
        return Identifier::all_of(&stored.fact.subject).into_iter().next().ok_or_else(|| {
            anyhow::anyhow!("event {event} names nobody: no customer, e-mail, visitor or click")
        });
    }
    let candidates: Vec<Identifier> = match kind {
        Some(kind) => of_kind(kind, value).into_iter().collect(),
        None => IdentifierKind::ALL.into_iter().filter_map(|kind| of_kind(kind, value)).collect(),
    };
    for candidate in candidates {
        if !clusters_of(state, brand, &[&candidate])?.is_empty() {
            return Ok(candidate);
        }
    }
    anyhow::bail!(
        "no stored event of brand `{brand}` carries `{text}`; write customer:ID, email:ADDRESS, visitor:ID, click:ID or event:ID"
    )
}

fn clusters_of(
    state: &dyn StateReader,
    brand: &BrandKey,
    identifiers: &[&Identifier],
) -> anyhow::Result<BTreeSet<ClusterId>> {
    let nodes: Vec<_> = identifiers.iter().map(|each| identifier_node(brand, each)).collect();
    Ok(state.clusters_of_nodes(&nodes)?.into_values().collect())
}

/// Every fact that may have to do with these identifiers.
fn facts_around(
    state: &dyn StateReader,
    brand: &BrandKey,
    identifiers: &[&Identifier],
) -> anyhow::Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for cluster in clusters_of(state, brand, identifiers)? {
        facts.extend(state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact));
    }
    Ok(facts)
}

/// A ruling that an operator thinks about: the pair, what he rules and why.
pub struct Considered {
    brand: BrandKey,
    decision: IdentityDecision,
}

impl Considered {
    /// A ruling about two identifiers.
    ///
    /// # Errors
    /// When both are one identifier, or the reason is too long or holds control characters.
    pub fn new(
        brand: &BrandKey,
        ruling: Ruling,
        one: Identifier,
        other: Identifier,
        because: &str,
    ) -> anyhow::Result<Self> {
        if one == other {
            anyhow::bail!("both are the same identifier ({}); name two", one.label());
        }
        let because = match because {
            "" => Arc::from(""),
            text => plain_text("because", text, LONGEST_REASON)?,
        };
        Ok(Self { brand: brand.clone(), decision: IdentityDecision::of(ruling, one, other, because) })
    }

    /// What it would do to money. Nothing is written.
    ///
    /// # Errors
    /// When the store fails.
    pub fn effect(
        &self,
        state: &dyn StateReader,
        configuration: &Configuration,
        now: Timestamp,
    ) -> anyhow::Result<Effect> {
        let (one, other) = self.decision.pair();
        let facts = facts_around(state, &self.brand, &[one, other])?;
        let (fact, _) = self.fact(&facts, now)?;
        let stands = self.stands_already(&facts);
        effect::of(state, configuration, &self.decision, facts, fact, stands)
    }

    /// Writes the ruling into the log and waits until it is booked. Answers its event; `None` when it stands already.
    ///
    /// # Errors
    /// When log or store fail, or another command ruled about the same pair at the same time.
    pub fn apply(&self, desk: &mut Desk, now: Timestamp) -> anyhow::Result<Option<EventId>> {
        desk.catch_up()?;
        let (one, other) = self.decision.pair();
        let facts = facts_around(desk.state.as_ref(), &self.brand, &[one, other])?;
        if self.stands_already(&facts) {
            return Ok(None);
        }
        let (fact, key) = self.fact(&facts, now)?;
        let record = NewRecord {
            event_id: fact.event_id,
            key: Some(key),
            content: fingerprint(&[self.decision.ruling.name().as_bytes(), self.decision.because.as_bytes()]),
            received_at: now,
            way: Way::Command,
            fact: wire::fact::encode(&fact),
            sealed: Vec::new(),
        };
        for appended in desk.intake.log.append_blocking(vec![record])? {
            if let Appended::Conflict { event_id } = appended {
                anyhow::bail!(
                    "another command ruled about this pair meanwhile (event {event_id}); look at it and try again"
                );
            }
        }
        desk.catch_up()?;
        Ok(Some(fact.event_id))
    }

    /// Earlier rulings about the pair, in order of time.
    fn earlier<'f>(&self, facts: &'f [Fact]) -> Vec<(&'f Fact, Ruling)> {
        let mut rulings: Vec<(&Fact, Ruling)> = facts
            .iter()
            .filter_map(|fact| match &fact.body {
                FactBody::IdentityDecided(decision) if decision.pair() == self.decision.pair() => {
                    Some((fact, decision.ruling))
                }
                _ => None,
            })
            .collect();
        rulings.sort_by_key(|(fact, _)| (fact.occurred_at, fact.event_id));
        rulings
    }

    fn stands_already(&self, facts: &[Fact]) -> bool {
        let last = self.earlier(facts).last().map_or(Ruling::Rejoin, |(_, ruling)| *ruling);
        last == self.decision.ruling
    }

    /// The ruling as a fact with its key: the pair and how many rulings there were before, so that two commands that were given at the
    /// same time meet. It happens after every earlier ruling about the pair, whatever the clock says.
    fn fact(&self, facts: &[Fact], now: Timestamp) -> anyhow::Result<(Fact, DeduplicationKey)> {
        let earlier = self.earlier(facts);
        let after = earlier.last().map_or(now, |(fact, _)| Timestamp(fact.occurred_at.0.saturating_add(1)));
        let occurred_at = now.max(after);
        let (one, other) = self.decision.pair();
        let key = DeduplicationKey(fingerprint(&[
            b"identity ruling",
            self.brand.as_str().as_bytes(),
            &identifier_node(&self.brand, one).0,
            &identifier_node(&self.brand, other).0,
            &(earlier.len() as u64).to_be_bytes(),
        ]));
        let fact = Fact {
            event_id: EventId::derive(occurred_at, &key),
            brand: self.brand.clone(),
            source: SourceKey::parse(COMMAND_SOURCE)?,
            occurred_at,
            subject: Subject::default(),
            body: FactBody::IdentityDecided(self.decision.clone()),
        };
        Ok((fact, key))
    }
}
