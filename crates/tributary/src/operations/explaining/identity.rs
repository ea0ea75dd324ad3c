//! Whose an event is: which other events belong to the same person or order, and what joined each.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::identity::{self, Guards, IdentityDecision, IdentityGraph, Ruling};
use tributary_domain::ids::{SubjectHash, TransactionId};
use tributary_domain::reason::Reason;

use super::answer::{Identity, JoinedFact, RulingExplained};
use super::cluster::{Cluster, owner_of};

/// Joined events that are listed, the nearest by evidence first.
const LISTED: usize = 200;

/// An identifier inside a cluster. Its value stays inside.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Identifier<'f> {
    Customer(SubjectHash),
    Email(SubjectHash),
    Visitor(SubjectHash),
    Click(&'f ClickId),
    Transaction(&'f str, &'f TransactionId),
}

impl Identifier<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::Customer(_) => "customer_id",
            Self::Email(_) => "email",
            Self::Visitor(_) => "visitor_id",
            Self::Click(_) => "click_id",
            Self::Transaction(..) => "transaction_id",
        }
    }
}

fn identifiers<'f>(fact: &'f Fact, configuration: &'f Configuration) -> Vec<Identifier<'f>> {
    let subject = &fact.subject;
    let namespace = configuration.transaction_namespace(&fact.source, fact.occurred_at);
    [
        subject.customer.map(Identifier::Customer),
        subject.email.map(Identifier::Email),
        subject.visitor.map(Identifier::Visitor),
        subject.click_id.as_ref().map(Identifier::Click),
        fact.body.transaction().map(|number| Identifier::Transaction(namespace, number)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whose the fact at that place is.
pub(super) fn identity(cluster: &Cluster, place: usize, configuration: &Configuration) -> Identity {
    let carried: Vec<Vec<Identifier<'_>>> =
        cluster.facts.iter().map(|fact| identifiers(fact, configuration)).collect();
    let person = cluster.stitching.person(place);
    let own = &carried[place];
    let standings = standings(cluster, &cluster.facts[place], configuration);
    let (ignored, shared): (Vec<_>, Vec<_>) = standings
        .into_iter()
        .filter(|(_, reason)| *reason != Reason::IdentifierJoins)
        .partition(|(_, reason)| joins_nobody(*reason));
    // A person's facts, and what shares an order or click with the fact itself.
    let belongs: Vec<bool> = carried
        .iter()
        .enumerate()
        .map(|(other, theirs)| {
            let same_person = person.is_some() && cluster.stitching.person(other) == person;
            let strong =
                |each: &&Identifier<'_>| matches!(each, Identifier::Click(_) | Identifier::Transaction(..));
            same_person || own.iter().filter(strong).any(|each| theirs.contains(each))
        })
        .collect();
    let mut identity = Identity {
        person: person.and_then(|person| cluster.stitching.label(person)).map(|label| label.to_string()),
        carries: own.iter().map(|each| each.name()).collect(),
        ignored: ignored.iter().map(|(kind, _)| *kind).collect(),
        ignored_because: ignored.iter().map(|(_, reason)| (*reason).into()).collect(),
        shared: shared.iter().map(|(kind, _)| *kind).collect(),
        is_somebodys: person.is_some(),
        carried_by_others: Some(carried_by_others(&carried, &belongs, place)),
        rulings: rulings(cluster, &belongs, place),
        ..Identity::default()
    };
    let found = reached(&carried, &belongs, place);
    identity.unlisted = found.len().saturating_sub(LISTED);
    for (other, through) in found.into_iter().take(LISTED) {
        let fact = &cluster.facts[other];
        let shares = through.map_or_else(Vec::new, |through| {
            let both = carried[other].iter().filter(|each| carried[through].contains(each));
            both.map(|each| each.name()).collect()
        });
        identity.joined.push(JoinedFact {
            event_id: fact.event_id.to_string(),
            kind: fact.body.kind().name().to_owned(),
            occurred_at: fact.occurred_at.to_string(),
            earner: owner_of(fact, configuration).and_then(|owner| owner.earner),
            shares,
            through: through.map(|through| cluster.facts[through].event_id.to_string()),
        });
    }
    identity
}

/// The places that belong to the fact, the nearest by evidence first, each with the place that it was reached through; those of a shared
/// device, which no chain of evidence reaches, last.
fn reached(carried: &[Vec<Identifier<'_>>], belongs: &[bool], place: usize) -> Vec<(usize, Option<usize>)> {
    let mut holders: HashMap<Identifier<'_>, Vec<usize>> = HashMap::new();
    for (other, theirs) in carried.iter().enumerate().filter(|(other, _)| belongs[*other]) {
        for each in theirs {
            holders.entry(*each).or_default().push(other);
        }
    }
    let (mut seen, mut found) = (HashSet::from([place]), Vec::new());
    let mut queue = VecDeque::from([place]);
    while let Some(at) = queue.pop_front() {
        for each in &carried[at] {
            // Taken out, so that each identifier is looked at once.
            for other in holders.remove(each).unwrap_or_default() {
                if seen.insert(other) {
                    found.push((other, Some(at)));
                    queue.push_back(other);
                }
            }
        }
    }
    found.extend(
        (0..carried.len())
            .filter(|other| belongs[*other] && !seen.contains(other))
            .map(|other| (other, None)),
    );
    found
}

/// How many events carry an identifier of the fact and are not joined to it.
fn carried_by_others(carried: &[Vec<Identifier<'_>>], belongs: &[bool], place: usize) -> usize {
    let shares = |theirs: &Vec<Identifier<'_>>| theirs.iter().any(|each| carried[place].contains(each));
    let others = carried.iter().enumerate().filter(|(other, _)| *other != place && !belongs[*other]);
    others.filter(|(_, theirs)| shares(theirs)).count()
}

/// What stands of the operator's rulings about an identifier that the fact or what belongs to it carries. Facts are in order of time, and
/// the last word on a pair stands.
fn rulings(cluster: &Cluster, belongs: &[bool], place: usize) -> Vec<RulingExplained> {
    let facts = cluster.facts.iter().enumerate();
    let own = facts.filter(|(other, _)| *other == place || belongs[*other]);
    let carried: HashSet<identity::Identifier> =
        own.flat_map(|(_, fact)| identity::Identifier::all_of(&fact.subject)).collect();
    let mut last: BTreeMap<(&identity::Identifier, &identity::Identifier), (&Fact, &IdentityDecision)> =
        BTreeMap::new();
    for fact in &cluster.facts {
        let FactBody::IdentityDecided(decision) = &fact.body else { continue };
        if carried.contains(&decision.one) || carried.contains(&decision.other) {
            last.insert(decision.pair(), (fact, decision));
        }
    }
    let mut standing: Vec<(&Fact, &IdentityDecision)> = last.into_values().collect();
    standing.retain(|(_, decision)| decision.ruling != Ruling::Rejoin);
    standing.sort_by_key(|(fact, _)| (fact.occurred_at, fact.event_id));
    let explained = standing.into_iter().take(LISTED).map(|(fact, decision)| RulingExplained {
        event_id: fact.event_id.to_string(),
        ruled_at: fact.occurred_at.to_string(),
        ruling: decision.ruling.name(),
        between: [name_of(&decision.one), name_of(&decision.other)],
        because: decision.because.to_string(),
    });
    explained.collect()
}

/// The identifiers of a fact, with whether each joins people and what keeps it from it.
fn standings(cluster: &Cluster, fact: &Fact, configuration: &Configuration) -> Vec<(&'static str, Reason)> {
    let graph = IdentityGraph::of(&cluster.facts, &Guards::of(configuration, &fact.brand));
    let carried = identity::Identifier::all_of(&fact.subject);
    let reason = |identifier: &identity::Identifier| graph.standing(identifier).map(|found| found.reason);
    carried.iter().filter_map(|each| Some((name_of(each), reason(each)?))).collect()
}

/// Whether an identifier that stands so never leads from one event to another.
const fn joins_nobody(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::IdentifierPlaceholder
            | Reason::IdentifierIgnored
            | Reason::IdentifierOfCrowd
            | Reason::IdentifierOverrun
    )
}

const fn name_of(identifier: &identity::Identifier) -> &'static str {
    match identifier {
        identity::Identifier::Customer(_) => "customer_id",
        identity::Identifier::Email(_) => "email",
        identity::Identifier::Visitor(_) => "visitor_id",
        identity::Identifier::Click(_) => "click_id",
    }
}
