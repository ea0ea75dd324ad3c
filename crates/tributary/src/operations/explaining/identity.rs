//! Whose an event is: which other events belong to the same person or order, and what joined each.

use std::collections::{HashMap, HashSet, VecDeque};

use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::Fact;
use tributary_domain::identity::{self, Guards, IdentityGraph};
use tributary_domain::ids::{SubjectHash, TransactionId};
use tributary_domain::reason::Reason;

use super::answer::{Identity, JoinedFact};
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
    let ignored = ignored(cluster, &cluster.facts[place], configuration);
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

/// Those identifiers of a fact that join nobody, with the reason.
fn ignored(cluster: &Cluster, fact: &Fact, configuration: &Configuration) -> Vec<(&'static str, Reason)> {
    let graph = IdentityGraph::of(&cluster.facts, &Guards::of(configuration, &fact.brand));
    let carried = identity::Identifier::all_of(&fact.subject);
    let reason = |identifier: &identity::Identifier| graph.standing(identifier).map(|found| found.reason);
    let ignored = carried.iter().filter_map(|each| Some((name_of(each), reason(each)?)));
    ignored.filter(|(_, reason)| joins_nobody(*reason)).collect()
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
