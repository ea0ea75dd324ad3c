//! The identifiers of one cluster: numbered, counted, and with the reason why one of them joins nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::decision::{Identifier, IdentityDecision, Ruling};
use super::guards::{Guards, is_placeholder};
use crate::click_id::ClickId;
use crate::fact::{Fact, FactBody};
use crate::ids::SubjectHash;
use crate::reason::Reason;

/// An identifier inside one cluster. Transactions connect facts of one order, not people, and are absent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Known<'f> {
    Customer(SubjectHash),
    Email(SubjectHash),
    Visitor(SubjectHash),
    Click(&'f ClickId),
}

impl<'f> Known<'f> {
    const fn of(identifier: &'f Identifier) -> Self {
        match identifier {
            Identifier::Customer(hash) => Self::Customer(*hash),
            Identifier::Email(hash) => Self::Email(*hash),
            Identifier::Visitor(hash) => Self::Visitor(*hash),
            Identifier::Click(click) => Self::Click(click),
        }
    }

    pub(super) fn to_identifier(self) -> Identifier {
        match self {
            Self::Customer(hash) => Identifier::Customer(hash),
            Self::Email(hash) => Identifier::Email(hash),
            Self::Visitor(hash) => Identifier::Visitor(hash),
            Self::Click(click) => Identifier::Click(click.clone()),
        }
    }

    pub(super) const fn is_customer(self) -> bool {
        matches!(self, Self::Customer(_))
    }
}

/// The numbers of a fact's identifiers that stand for somebody.
#[derive(Default)]
pub(super) struct Present {
    pub(super) customer: Option<usize>,
    pub(super) email: Option<usize>,
    pub(super) visitor: Option<usize>,
    pub(super) click: Option<usize>,
}

impl Present {
    /// All of them, the strongest first.
    pub(super) const fn all(&self) -> [Option<usize>; 4] {
        [self.customer, self.email, self.visitor, self.click]
    }
}

/// The identifiers of a cluster, numbered as they first appear, with the customers that each was seen with.
pub(super) struct Identifiers<'f> {
    pub(super) known: Vec<Known<'f>>,
    pub(super) of_facts: Vec<Present>,
    customers: Vec<BTreeSet<usize>>,
    /// Named by more facts than the brand allows (a customer: seen with more other identifiers).
    overrun: HashSet<usize>,
    /// Pairs that the operator ruled apart, lesser number first.
    pub(super) apart: BTreeSet<(usize, usize)>,
    /// Pairs that the operator ruled one, the last ruling first.
    pub(super) joined: Vec<(usize, usize)>,
    /// E-mail addresses of customers whom the operator ruled apart.
    contested: HashSet<usize>,
    bound: usize,
}

/// The last word on each pair of identifiers; `facts` are in order of time and event id.
fn rulings<'f>(facts: &[&'f Fact]) -> Vec<&'f IdentityDecision> {
    let mut last: BTreeMap<(&Identifier, &Identifier), (usize, &IdentityDecision)> = BTreeMap::new();
    for (place, fact) in facts.iter().enumerate() {
        if let FactBody::IdentityDecided(decision) = &fact.body
            && decision.one != decision.other
        {
            last.insert(decision.pair(), (place, decision));
        }
    }
    let mut rulings: Vec<(usize, &IdentityDecision)> = last.into_values().collect();
    rulings.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
    rulings.into_iter().map(|(_, decision)| decision).collect()
}

impl<'f> Identifiers<'f> {
    /// Numbers and counts the identifiers of facts that are in order of time and event id.
    pub(super) fn of(facts: &[&'f Fact], guards: &Guards<'_>) -> Self {
        let mut numbers: HashMap<Known<'f>, usize> = HashMap::new();
        let mut known = Vec::new();
        let mut number = |identifier: Known<'f>| {
            *numbers.entry(identifier).or_insert_with(|| {
                known.push(identifier);
                known.len() - 1
            })
        };
        let stands = |hash: &SubjectHash| !guards.is_placeholder(hash) && !guards.is_ignored(hash);
        let stands_for_click = |click: &&ClickId| !is_placeholder(click) && !guards.is_ignored_click(click);
        let of_facts: Vec<Present> = facts
            .iter()
            // A payout or a ruling belongs to nobody.
            .map(|fact| match fact.body {
                _ if fact.body.kind().is_command() => Present::default(),
                _ => Present {
                    customer: fact.subject.customer.filter(stands).map(Known::Customer).map(&mut number),
                    email: fact.subject.email.filter(stands).map(Known::Email).map(&mut number),
                    visitor: fact.subject.visitor.filter(stands).map(Known::Visitor).map(&mut number),
                    click: fact
                        .subject
                        .click_id
                        .as_ref()
                        .filter(stands_for_click)
                        .map(Known::Click)
                        .map(&mut number),
                },
            })
            .collect();
        let (mut apart, mut joined) = (BTreeSet::new(), Vec::new());
        for decision in rulings(facts) {
            let (one, other) = (number(Known::of(&decision.one)), number(Known::of(&decision.other)));
            let pair = (one.min(other), one.max(other));
            match decision.ruling {
                Ruling::Separate => drop(apart.insert(pair)),
                Ruling::Join => joined.push(pair),
                Ruling::Rejoin => {}
            }
        }
        let mut identifiers = Self {
            customers: vec![BTreeSet::new(); known.len()],
            known,
            of_facts,
            overrun: HashSet::new(),
            apart,
            joined,
            contested: HashSet::new(),
            bound: guards.most_customers,
        };
        identifiers.find_overrun(facts, guards.most_facts);
        identifiers.find_customers();
        identifiers
    }

    /// Identifiers that too much hangs on. Trades and player days are a customer's daily life and do not count.
    fn find_overrun(&mut self, facts: &[&Fact], most: usize) {
        // A fact names at most three identifiers beside its customer.
        if facts.len().saturating_mul(3) <= most {
            return;
        }
        let mut counts = vec![0usize; self.known.len()];
        let mut met = HashSet::new();
        for (fact, present) in facts.iter().zip(&self.of_facts) {
            if matches!(fact.body, FactBody::Measure(_)) {
                continue;
            }
            for other in [present.email, present.visitor, present.click].into_iter().flatten() {
                counts[other] += 1;
                if let Some(customer) = present.customer.filter(|customer| met.insert((*customer, other))) {
                    counts[customer] += 1;
                }
            }
        }
        let over = counts.into_iter().enumerate().filter(|(_, count)| *count > most);
        self.overrun = over.map(|(place, _)| place).collect();
    }

    /// The customers of each identifier: directly, and for visitors and e-mails also through a click that a customer's
    /// conversion names. No more are kept than it takes to pass the bound, so that a crowd costs no more than a few. Whom the
    /// operator ruled apart from the identifier, and a customer id that a crowd shares, do not count.
    fn find_customers(&mut self) {
        let enough = self.bound.max(1).saturating_add(1);
        for present in &self.of_facts {
            let Some(customer) = present.customer else { continue };
            for place in present.all().into_iter().flatten() {
                let counts = place == customer
                    || (!self.overrun.contains(&customer) && !is_apart(&self.apart, customer, place));
                if counts && self.customers[place].len() < enough {
                    self.customers[place].insert(customer);
                }
            }
        }
        let mut seen = HashSet::new();
        for present in &self.of_facts {
            let Some(click) = present.click else { continue };
            for place in [present.visitor, present.email].into_iter().flatten() {
                if is_apart(&self.apart, click, place) || !seen.insert((click, place)) {
                    continue;
                }
                let through_click: Vec<usize> = self.customers[click].iter().copied().collect();
                for customer in through_click {
                    if self.customers[place].len() < enough && !is_apart(&self.apart, customer, place) {
                        self.customers[place].insert(customer);
                    }
                }
            }
        }
    }

    /// Finds the e-mail addresses of customers who are kept apart: each is shared then, like a device.
    pub(super) fn find_contested(&mut self, mut are_apart: impl FnMut(usize, usize) -> bool) {
        if self.apart.is_empty() {
            return;
        }
        for (place, customers) in self.customers.iter().enumerate() {
            let is_email = matches!(self.known[place], Known::Email(_));
            if is_email && (2..=self.bound).contains(&customers.len()) {
                let customers: Vec<usize> = customers.iter().copied().collect();
                let mut pairs = customers
                    .iter()
                    .enumerate()
                    .flat_map(|(index, one)| customers[..index].iter().map(move |other| (*one, *other)));
                if pairs.any(|(one, other)| are_apart(one, other)) {
                    self.contested.insert(place);
                }
            }
        }
    }

    /// The identifier if it may join facts: not one of a crowd, and no device or click of several customers.
    pub(super) fn joining(&self, place: Option<usize>) -> Option<usize> {
        place.filter(|place| match self.known[*place] {
            Known::Customer(_) => true,
            Known::Email(_) => {
                self.customers[*place].len() <= self.bound
                    && !self.overrun.contains(place)
                    && !self.contested.contains(place)
            }
            Known::Visitor(_) | Known::Click(_) => {
                self.customers[*place].len() <= 1 && !self.overrun.contains(place)
            }
        })
    }

    /// The customer if he may be joined with other identifiers: not a customer id that a crowd uses.
    pub(super) fn joining_customer(&self, place: Option<usize>) -> Option<usize> {
        place.filter(|place| !self.overrun.contains(place))
    }

    /// Whether several customers share it, within the bound, so that each anonymous touch on it is one of theirs.
    pub(super) fn shared(&self, place: usize) -> bool {
        (2..=self.bound).contains(&self.customers[place].len()) && !self.overrun.contains(&place)
    }

    /// Whether the operator ruled these two apart.
    pub(super) fn ruled_apart(&self, one: usize, other: usize) -> bool {
        is_apart(&self.apart, one, other)
    }

    /// Whether it is an e-mail address of customers who are kept apart.
    pub(super) fn is_contested(&self, place: usize) -> bool {
        self.contested.contains(&place)
    }

    /// The bound that an identifier went beyond, so that it joins nobody.
    pub(super) fn beyond_bound(&self, place: usize) -> Option<Reason> {
        match self.known[place] {
            _ if self.overrun.contains(&place) => Some(Reason::IdentifierOverrun),
            Known::Customer(_) => None,
            _ if self.customers[place].len() > self.bound => Some(Reason::IdentifierOfCrowd),
            _ => None,
        }
    }

    /// The facts, by their places, that name an identifier beyond its bound, with the reason; nearly always none.
    pub(super) fn facts_beyond_bound(&self) -> Vec<(usize, Reason)> {
        if self.overrun.is_empty() && self.customers.iter().all(|customers| customers.len() <= self.bound) {
            return Vec::new();
        }
        let beyond = |present: &Present| {
            present.all().into_iter().flatten().find_map(|place| self.beyond_bound(place))
        };
        let facts = self.of_facts.iter().enumerate();
        facts.filter_map(|(fact, present)| Some((fact, beyond(present)?))).collect()
    }

    /// How many customers it was seen with, counted until they are too many.
    pub(super) fn customers(&self, place: usize) -> usize {
        self.customers[place].len()
    }
}

fn is_apart(apart: &BTreeSet<(usize, usize)>, one: usize, other: usize) -> bool {
    !apart.is_empty() && apart.contains(&(one.min(other), one.max(other)))
}
