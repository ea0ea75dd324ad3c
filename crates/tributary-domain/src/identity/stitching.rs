//! Finding the people inside one cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::groups::Groups;
use super::guards::{Guards, is_placeholder};
use super::identifiers::{Identifiers, Known};
use crate::fact::Fact;
use crate::ids::EventId;
use crate::reason::Reason;

/// A person within one cluster: an index that means nothing outside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PersonIndex(usize);

/// Who each fact of a cluster belongs to.
#[derive(Debug, Default)]
pub struct Stitching {
    persons: Vec<Option<PersonIndex>>,
    labels: HashMap<PersonIndex, EventId>,
    testers: HashSet<PersonIndex>,
    /// Facts whose click id is not theirs, or is none.
    without_click: HashSet<usize>,
    guarded: Vec<(usize, Reason)>,
}

impl Stitching {
    /// The facts, by their places, that name an identifier which went beyond a bound and joins nobody, with the reason.
    #[must_use]
    pub fn guarded(&self) -> &[(usize, Reason)] {
        &self.guarded
    }

    /// The person of the fact at that place in the stitched slice; `None` when only an ignored identifier names him.
    #[must_use]
    pub fn person(&self, fact: usize) -> Option<PersonIndex> {
        self.persons.get(fact).copied().flatten()
    }

    /// A person's lasting label: the smallest event id among his facts.
    #[must_use]
    pub fn label(&self, person: PersonIndex) -> Option<EventId> {
        self.labels.get(&person).copied()
    }

    /// Whether the fact at that place is a tester's, so that nobody earns by it.
    #[must_use]
    pub fn is_test(&self, fact: usize) -> bool {
        self.person(fact).is_some_and(|person| self.testers.contains(&person))
    }

    /// Whether the click that the fact at that place names may count for it: it is an id at all, and the operator did not rule it
    /// apart from who sent the fact.
    #[must_use]
    pub fn may_name_click(&self, fact: usize) -> bool {
        !self.without_click.contains(&fact)
    }
}

/// Finds the people in one cluster. `facts` must be in order of time and event id.
///
/// What the operator ruled goes first: pairs kept apart never meet, pairs joined are one. Then the strongest evidence, so that
/// a weaker one cannot lead a customer's facts to another: customer ids and e-mail addresses; then what a customer used himself;
/// then what anonymous facts connect, oldest first, except where that would make one person of two customers.
#[must_use]
pub fn stitch(facts: &[&Fact], guards: &Guards<'_>) -> Stitching {
    let Worked { identifiers, persons, .. } = Worked::out(facts, guards);
    let persons: Vec<Option<PersonIndex>> =
        persons.into_iter().map(|person| person.map(PersonIndex)).collect();
    let testers = facts
        .iter()
        .zip(&persons)
        .filter(|(fact, _)| fact.subject.customer.is_some_and(|customer| guards.is_tester(&customer)));
    Stitching {
        labels: labels(facts, &persons),
        testers: testers.filter_map(|(_, person)| *person).collect(),
        without_click: without_click(facts, &identifiers, guards),
        guarded: identifiers.facts_beyond_bound(),
        persons,
    }
}

fn labels(facts: &[&Fact], persons: &[Option<PersonIndex>]) -> HashMap<PersonIndex, EventId> {
    let mut labels: HashMap<PersonIndex, EventId> = HashMap::new();
    for (fact, person) in facts.iter().zip(persons) {
        if let Some(person) = person {
            let label = labels.entry(*person).or_insert(fact.event_id);
            *label = (*label).min(fact.event_id);
        }
    }
    labels
}

fn without_click(facts: &[&Fact], identifiers: &Identifiers<'_>, guards: &Guards<'_>) -> HashSet<usize> {
    let none = |place: usize| {
        let Some(click) = &facts[place].subject.click_id else { return false };
        let present = &identifiers.of_facts[place];
        let senders = [present.customer, present.email, present.visitor].into_iter().flatten();
        let ruled = |click: usize| senders.clone().any(|sender| identifiers.ruled_apart(sender, click));
        is_placeholder(click) || guards.is_ignored_click(click) || present.click.is_some_and(ruled)
    };
    (0..facts.len()).filter(|place| none(*place)).collect()
}

/// Everything that finding the people works out.
pub(super) struct Worked<'f> {
    pub(super) identifiers: Identifiers<'f>,
    pub(super) groups: Groups,
    /// The root of the group that each fact belongs to.
    pub(super) persons: Vec<Option<usize>>,
    /// Facts that follow another one, on an identifier that several customers share.
    pub(super) following: HashMap<usize, usize>,
}

impl<'f> Worked<'f> {
    pub(super) fn out(facts: &[&'f Fact], guards: &Guards<'_>) -> Self {
        let mut identifiers = Identifiers::of(facts, guards);
        let mut groups = Groups::new(identifiers.known.iter().map(|known| known.is_customer()).collect());
        for (one, other) in &identifiers.apart {
            groups.keep_apart(*one, *other);
        }
        for (one, other) in &identifiers.joined {
            groups.union(*one, *other);
        }
        identifiers.find_contested(|one, other| groups.are_apart(one, other));
        join_by_evidence(&identifiers, &mut groups);
        let persons = identifiers.of_facts.iter().map(|present| {
            let joining = present.all().into_iter().find_map(|place| identifiers.joining(place));
            joining.map(|place| groups.root(place))
        });
        let mut persons: Vec<Option<usize>> = persons.collect();
        let following = assign_shared_devices(&identifiers, &mut groups, &mut persons);
        Self { identifiers, groups, persons, following }
    }
}

fn join_by_evidence(identifiers: &Identifiers<'_>, groups: &mut Groups) {
    let of_customers = || {
        identifiers
            .of_facts
            .iter()
            .filter_map(|present| Some((identifiers.joining_customer(present.customer)?, present)))
    };
    for (customer, present) in of_customers() {
        if let Some(email) = identifiers.joining(present.email) {
            groups.union(customer, email);
        }
    }
    for (customer, present) in of_customers() {
        for other in [present.visitor, present.click] {
            if let Some(other) = identifiers.joining(other) {
                groups.union(customer, other);
            }
        }
    }
    for present in identifiers.of_facts.iter().filter(|present| present.customer.is_none()) {
        // Its strongest identifier says whose it is; what it carries besides is that person's, and nobody else's by it.
        let mut joining = present.all().into_iter().filter_map(|place| identifiers.joining(place));
        if let Some(strongest) = joining.next() {
            joining.for_each(|other| groups.union_unless_both_are_customers(strongest, other));
        }
    }
}

/// Of each shared identifier: the facts on it that name a customer, with that customer, in order of time.
type Uses = HashMap<usize, Vec<(usize, usize)>>;

fn uses_of_shared(identifiers: &Identifiers<'_>) -> Uses {
    let mut uses = Uses::new();
    for (fact, present) in identifiers.of_facts.iter().enumerate() {
        let Some(customer) = identifiers.joining_customer(present.customer) else { continue };
        for identifier in present.all().into_iter().flatten() {
            if identifiers.shared(identifier) && !identifiers.ruled_apart(customer, identifier) {
                uses.entry(identifier).or_default().push((fact, customer));
            }
        }
    }
    uses
}

/// The customer who identified himself next on a shared identifier of this fact, else the last one before, with the fact that says so.
fn next_or_previous(identifiers: &Identifiers<'_>, uses: &Uses, fact: usize) -> Option<(usize, usize)> {
    let (mut next, mut previous) = (None, None);
    for identified in
        identifiers.of_facts[fact].all().into_iter().flatten().filter_map(|place| uses.get(&place))
    {
        let after = identified.partition_point(|(other, _)| *other < fact);
        next = [next, identified.get(after).copied()].into_iter().flatten().min();
        previous = previous.max(after.checked_sub(1).and_then(|before| identified.get(before).copied()));
    }
    next.or(previous)
}

/// An anonymous fact on an identifier that several customers share (within the bound) goes to the customer who identified himself next on
/// it, else to the last one before. So does everything that nobody else is named in: a click has an id of its own, which says nothing about
/// whose it is. Answers which fact each of them follows.
fn assign_shared_devices(
    identifiers: &Identifiers<'_>,
    groups: &mut Groups,
    persons: &mut [Option<usize>],
) -> HashMap<usize, usize> {
    let uses = uses_of_shared(identifiers);
    let mut following = HashMap::new();
    if uses.is_empty() {
        return following;
    }
    let names_somebody = |place: &usize| {
        identifiers.joining(Some(*place)).is_some()
            && matches!(identifiers.known[*place], Known::Customer(_) | Known::Email(_))
    };
    let named: HashSet<usize> =
        (0..identifiers.known.len()).filter(names_somebody).map(|place| groups.root(place)).collect();
    // What each group of facts that name nobody follows: the customers that its facts lead to.
    let mut led_to: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut followed = Vec::new();
    for (fact, person) in persons.iter().enumerate() {
        let anonymous = identifiers.of_facts[fact].customer.is_none();
        if !anonymous || person.is_some_and(|group| named.contains(&group)) {
            continue;
        }
        let Some((other, customer)) = next_or_previous(identifiers, &uses, fact) else { continue };
        let customer = groups.root(customer);
        if let Some(group) = *person {
            if groups.are_apart(group, customer) {
                continue;
            }
            led_to.entry(group).or_default().insert(customer);
        }
        followed.push((fact, customer));
        following.insert(fact, other);
    }
    for (group, customers) in led_to {
        if let [customer] = Vec::from_iter(customers)[..] {
            groups.union_unless_both_are_customers(customer, group);
        }
    }
    for (fact, customer) in followed {
        persons[fact] = Some(customer);
    }
    for person in persons.iter_mut() {
        *person = person.map(|group| groups.root(group));
    }
    following
}

#[cfg(test)]
pub(super) mod tests;
