//! Why facts belong to one person: the evidence on each edge between them, and the shortest chain between two.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::decision::{Identifier, IdentityDecision};
use super::guards::Guards;
use super::stitching::Worked;
use crate::fact::{Fact, FactBody};
use crate::ids::{EventId, SourceKey};
use crate::reason::Reason;
use crate::time::Timestamp;

/// What ties two facts together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tie {
    /// Both carry this identifier.
    Carried(Identifier),
    /// One carries the first, the other the second, and the operator ruled that they are one person.
    Ruled(Identifier, Identifier),
    /// Both carry this identifier, which several customers share: the anonymous fact goes to the customer who identified himself
    /// next on it (else to the last one before).
    FollowsOn(Identifier),
}

/// A fact with what joins it to another one of the same person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The joined fact.
    pub fact: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who sent it.
    pub source: SourceKey,
    /// The fact that it is joined to.
    pub joined_to: EventId,
    /// By what; several identifiers are several ties, several rulings in a row lead from one fact to the other.
    pub ties: Vec<Tie>,
}

/// An identifier that a person's facts carry, and whether it joins people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentifierStanding {
    /// Which.
    pub identifier: Identifier,
    /// Whether it joins people, and if not, what keeps it from it.
    pub reason: Reason,
    /// Facts that carry it, whoever's.
    pub facts: usize,
    /// Customers that it was seen with; counted until they are too many.
    pub customers: usize,
}

/// An identifier that stands for nobody or went beyond a bound, with the people whom it would have made one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guarded {
    /// The identifier, why it joins nobody, and how much hangs on it.
    pub standing: IdentifierStanding,
    /// The lasting labels of the people whose facts carry it.
    pub people: BTreeSet<EventId>,
    /// Facts that carry it and belong to nobody.
    pub facts_of_nobody: usize,
}

/// What an operator ruled about an identifier of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RulingStanding {
    /// The fact that states it.
    pub fact: EventId,
    /// When it was ruled.
    pub occurred_at: Timestamp,
    /// What was ruled.
    pub decision: IdentityDecision,
    /// Whether it is the last word on its pair.
    pub stands: bool,
}

/// A person of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The lasting label: the smallest event id among his facts.
    pub label: EventId,
    /// His facts, in order of time.
    pub facts: Vec<EventId>,
    /// For every fact but the first: what joins it, on the shortest way to the first.
    pub edges: Vec<Edge>,
    /// Every identifier that his facts carry, the strongest first.
    pub identifiers: Vec<IdentifierStanding>,
    /// What an operator ruled about any of them, in order of time.
    pub rulings: Vec<RulingStanding>,
}

/// A way from one fact to the next: the identifiers it leads over. None means that the one follows the other on a shared identifier.
type Way = Vec<usize>;

/// The facts of one cluster as a graph of people.
pub struct IdentityGraph<'f> {
    facts: Vec<&'f Fact>,
    worked: Worked<'f>,
    /// Each fact's identifiers that tie it to its person, the strongest first.
    ties_of: Vec<Vec<usize>>,
    /// The facts that each identifier ties together.
    tied_by: HashMap<usize, Vec<usize>>,
    /// Identifiers that the operator ruled to be one person and that are.
    ruled_one: HashMap<usize, Vec<usize>>,
    followers: HashMap<usize, Vec<usize>>,
    standings: HashMap<Identifier, IdentifierStanding>,
}

impl<'f> IdentityGraph<'f> {
    /// The graph of one cluster. Neither the order of `facts` matters, nor how often one of them is given.
    #[must_use]
    pub fn of(facts: &'f [Fact], guards: &Guards<'_>) -> Self {
        let mut seen = HashSet::with_capacity(facts.len());
        let mut ordered: Vec<&Fact> = facts.iter().collect();
        ordered.sort_by_key(|fact| (fact.occurred_at, fact.event_id));
        ordered.retain(|fact| seen.insert(fact.event_id));
        let mut worked = Worked::out(&ordered, guards);
        let mut ties_of = Vec::with_capacity(ordered.len());
        let mut tied_by: HashMap<usize, Vec<usize>> = HashMap::new();
        for place in 0..ordered.len() {
            let present = worked.identifiers.of_facts[place].all();
            let person = worked.persons[place];
            let joining = present.into_iter().filter_map(|each| worked.identifiers.joining(each));
            let ties: Vec<usize> = joining.filter(|each| Some(worked.groups.root(*each)) == person).collect();
            for identifier in &ties {
                tied_by.entry(*identifier).or_default().push(place);
            }
            ties_of.push(ties);
        }
        let mut ruled_one: HashMap<usize, Vec<usize>> = HashMap::new();
        for (one, other) in &worked.identifiers.joined {
            if worked.groups.root(*one) == worked.groups.root(*other) {
                ruled_one.entry(*one).or_default().push(*other);
                ruled_one.entry(*other).or_default().push(*one);
            }
        }
        let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
        for place in 0..ordered.len() {
            if let Some(followed) = worked.following.get(&place) {
                followers.entry(*followed).or_default().push(place);
            }
        }
        let standings = standings(&ordered, &worked, guards);
        Self { facts: ordered, worked, ties_of, tied_by, ruled_one, followers, standings }
    }

    /// The person that a fact belongs to; `None` when it is not here or names nobody.
    #[must_use]
    pub fn person(&self, event: EventId) -> Option<Person> {
        let root = self.worked.persons[self.place(event)?]?;
        let own: Vec<usize> =
            (0..self.facts.len()).filter(|place| self.worked.persons[*place] == Some(root)).collect();
        let ways = self.ways_from(*own.first()?);
        let edges = own.iter().filter_map(|place| Some(self.edge(*place, ways.get(place)?))).collect();
        let identifiers: BTreeSet<Identifier> =
            own.iter().flat_map(|place| Identifier::all_of(&self.facts[*place].subject)).collect();
        Some(Person {
            label: own.iter().map(|place| self.facts[*place].event_id).min()?,
            facts: own.iter().map(|place| self.facts[*place].event_id).collect(),
            edges,
            rulings: self.rulings(&identifiers),
            identifiers: identifiers.iter().filter_map(|each| self.standings.get(each).cloned()).collect(),
        })
    }

    /// The fewest edges that lead from one fact to another, in that order; `None` when they are not one person's.
    /// A fact leads to itself without any.
    #[must_use]
    pub fn chain(&self, from: EventId, to: EventId) -> Option<Vec<Edge>> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        if from == to {
            return Some(Vec::new());
        }
        let ways = self.ways_from(from);
        let (mut at, mut chain) = (to, Vec::new());
        while at != from {
            let way = ways.get(&at)?;
            chain.push(self.edge(at, way));
            at = way.0;
        }
        chain.reverse();
        Some(chain)
    }

    /// How an identifier of this cluster stands; `None` when no fact here carries it.
    #[must_use]
    pub fn standing(&self, identifier: &Identifier) -> Option<&IdentifierStanding> {
        self.standings.get(identifier)
    }

    /// The identifiers of this cluster that are none or went beyond a bound, in the order of identifiers.
    #[must_use]
    pub fn guarded(&self) -> Vec<Guarded> {
        let is_guarded = |standing: &&IdentifierStanding| {
            matches!(
                standing.reason,
                Reason::IdentifierPlaceholder
                    | Reason::IdentifierIgnored
                    | Reason::IdentifierOfCrowd
                    | Reason::IdentifierOverrun
            )
        };
        let mut guarded: BTreeMap<Identifier, Guarded> = self
            .standings
            .values()
            .filter(is_guarded)
            .map(|standing| {
                let found =
                    Guarded { standing: standing.clone(), people: BTreeSet::new(), facts_of_nobody: 0 };
                (standing.identifier.clone(), found)
            })
            .collect();
        if guarded.is_empty() {
            return Vec::new();
        }
        let labels = self.labels();
        for (place, fact) in self.facts.iter().enumerate() {
            for identifier in Identifier::all_of(&fact.subject) {
                let Some(found) = guarded.get_mut(&identifier) else { continue };
                match self.worked.persons[place].and_then(|person| labels.get(&person)) {
                    Some(label) => drop(found.people.insert(*label)),
                    None => found.facts_of_nobody += 1,
                }
            }
        }
        guarded.into_values().collect()
    }

    /// The lasting label of each person.
    fn labels(&self) -> HashMap<usize, EventId> {
        let mut labels: HashMap<usize, EventId> = HashMap::new();
        for (fact, person) in self.facts.iter().zip(&self.worked.persons) {
            if let Some(person) = person {
                let label = labels.entry(*person).or_insert(fact.event_id);
                *label = (*label).min(fact.event_id);
            }
        }
        labels
    }

    /// The first fact that belongs to somebody because of this identifier, else the first that carries it.
    #[must_use]
    pub fn fact_of(&self, identifier: &Identifier) -> Option<EventId> {
        let carriers = || {
            let carries =
                |place: &usize| Identifier::all_of(&self.facts[*place].subject).contains(identifier);
            (0..self.facts.len()).filter(carries)
        };
        let tied = |place: &usize| {
            let known = &self.worked.identifiers.known;
            self.ties_of[*place].iter().any(|tie| known[*tie].to_identifier() == *identifier)
        };
        let place = carriers().find(tied).or_else(|| carriers().next())?;
        Some(self.facts[place].event_id)
    }

    fn place(&self, event: EventId) -> Option<usize> {
        self.facts.iter().position(|fact| fact.event_id == event)
    }

    /// For every fact that evidence leads to from one: the fact before it on the shortest way, and what leads from that one to it.
    fn ways_from(&self, from: usize) -> HashMap<usize, (usize, Way)> {
        let mut ways: HashMap<usize, (usize, Way)> = HashMap::new();
        let mut over: HashSet<usize> = HashSet::new();
        let mut frontier = vec![from];
        let mut reached = HashSet::from([from]);
        while !frontier.is_empty() {
            let mut next = Vec::new();
            for fact in frontier {
                let mut paths: Vec<Way> = self.ties_of[fact].iter().rev().map(|tie| vec![*tie]).collect();
                while let Some(path) = paths.pop() {
                    let Some(last) = path.last().copied().filter(|last| over.insert(*last)) else { continue };
                    for other in self.tied_by.get(&last).into_iter().flatten() {
                        if reached.insert(*other) {
                            ways.insert(*other, (fact, path.clone()));
                            next.push(*other);
                        }
                    }
                    for ruled in self.ruled_one.get(&last).into_iter().flatten() {
                        paths.push(path.iter().copied().chain([*ruled]).collect());
                    }
                }
                let followers = self.followers.get(&fact).into_iter().flatten();
                for other in followers.chain(self.worked.following.get(&fact)) {
                    if reached.insert(*other) {
                        ways.insert(*other, (fact, Way::new()));
                        next.push(*other);
                    }
                }
            }
            frontier = next;
        }
        ways
    }

    fn edge(&self, place: usize, (before, way): &(usize, Way)) -> Edge {
        let identifier = |number: usize| self.worked.identifiers.known[number].to_identifier();
        let ties = match way.as_slice() {
            [] => {
                let mine = Identifier::all_of(&self.facts[place].subject);
                let his = Identifier::all_of(&self.facts[*before].subject);
                mine.into_iter().filter(|each| his.contains(each)).map(Tie::FollowsOn).collect()
            }
            [_] => {
                let shared = self.ties_of[place].iter().filter(|tie| self.ties_of[*before].contains(tie));
                shared.map(|tie| Tie::Carried(identifier(*tie))).collect()
            }
            several => {
                several.windows(2).map(|pair| Tie::Ruled(identifier(pair[0]), identifier(pair[1]))).collect()
            }
        };
        let fact = self.facts[place];
        Edge {
            fact: fact.event_id,
            occurred_at: fact.occurred_at,
            source: fact.source.clone(),
            joined_to: self.facts[*before].event_id,
            ties,
        }
    }

    fn rulings(&self, identifiers: &BTreeSet<Identifier>) -> Vec<RulingStanding> {
        let mut rulings: Vec<RulingStanding> = Vec::new();
        for fact in &self.facts {
            let FactBody::IdentityDecided(decision) = &fact.body else { continue };
            if identifiers.contains(&decision.one) || identifiers.contains(&decision.other) {
                let same = |earlier: &&mut RulingStanding| earlier.decision.pair() == decision.pair();
                rulings.iter_mut().filter(same).for_each(|earlier| earlier.stands = false);
                rulings.push(RulingStanding {
                    fact: fact.event_id,
                    occurred_at: fact.occurred_at,
                    decision: decision.clone(),
                    stands: true,
                });
            }
        }
        rulings
    }
}

/// How every identifier that facts carry stands, ignored ones included.
fn standings(
    facts: &[&Fact],
    worked: &Worked<'_>,
    guards: &Guards<'_>,
) -> HashMap<Identifier, IdentifierStanding> {
    let identifiers = &worked.identifiers;
    let numbers: HashMap<Identifier, usize> =
        identifiers.known.iter().enumerate().map(|(number, known)| (known.to_identifier(), number)).collect();
    let mut standings: HashMap<Identifier, IdentifierStanding> = HashMap::new();
    for fact in facts {
        for identifier in Identifier::all_of(&fact.subject) {
            if let Some(standing) = standings.get_mut(&identifier) {
                standing.facts += 1;
                continue;
            }
            let number = numbers.get(&identifier).copied();
            let reason = match (guards.nobody(&identifier), number) {
                (Some(reason), _) => reason,
                (None, Some(number)) => joins(worked, &identifier, number),
                (None, None) => Reason::IdentifierJoins,
            };
            let customers = number.map_or(0, |number| identifiers.customers(number));
            standings
                .insert(identifier.clone(), IdentifierStanding { identifier, reason, facts: 1, customers });
        }
    }
    standings
}

fn joins(worked: &Worked<'_>, identifier: &Identifier, number: usize) -> Reason {
    let identifiers = &worked.identifiers;
    let customers = identifiers.customers(number);
    if let Some(reason) = identifiers.beyond_bound(number) {
        return reason;
    }
    match identifier {
        Identifier::Customer(_) => Reason::IdentifierJoins,
        _ if identifiers.is_contested(number) => Reason::IdentifierContested,
        Identifier::Visitor(_) | Identifier::Click(_) if customers > 1 => Reason::IdentifierShared,
        _ => Reason::IdentifierJoins,
    }
}

#[cfg(test)]
mod tests;
