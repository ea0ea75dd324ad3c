//! Identity: which facts belong to one person. Deterministic stitching only; nothing is guessed.
//!
//! Two layers, so that storage may be simple and the rule exact:
//!
//! * A **cluster** is everything connected by any shared identifier ([`NodeKey`]). It only ever grows, so the store can keep
//!   it as a union-find. It bounds which facts can influence each other and says nothing about people.
//! * A **person** is what [`stitch`] finds inside one cluster, afresh from all its facts, with the guards below.
//!   Since it looks at the whole set, the order in which facts arrived cannot matter.
//!
//! Guards (source: `domain.md` section 5): a visitor id used by several customers is a shared device: it never merges
//! them, and each of its anonymous touches goes to the customer who identified himself next on it. An identifier with more
//! customers than the brand's bound joins nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::click_id::ClickId;
use crate::fact::{Fact, FactBody};
use crate::ids::{BrandKey, EventId, SubjectHash, TransactionId, fingerprint};

/// An identifier that may connect facts, hashed with its kind and brand.
///
/// For our own click ids the first six bytes are the click's time, so that new clicks lie side by side in an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeKey(pub [u8; 16]);

/// The identifiers by which a fact is connected to others.
///
/// `transaction_namespace` is that of the fact's source; a refund names its order and so reaches the order's facts.
#[must_use]
pub fn nodes(fact: &Fact, transaction_namespace: &str) -> Vec<NodeKey> {
    let mut nodes = Vec::with_capacity(4);
    let subject = &fact.subject;
    for (kind, hash) in [("customer", subject.customer), ("visitor", subject.visitor), ("email", subject.email)] {
        nodes.extend(hash.map(|SubjectHash(bytes)| node(kind, &fact.brand, &[&bytes])));
    }
    nodes.extend(subject.click_id.as_ref().map(|click| click_node(&fact.brand, click)));
    nodes.extend(fact.body.transaction().map(|number| transaction_node(&fact.brand, transaction_namespace, number)));
    nodes
}

/// The node of a click id.
#[must_use]
pub fn click_node(brand: &BrandKey, click: &ClickId) -> NodeKey {
    let NodeKey(mut key) = node("click", brand, &[click.as_str().as_bytes()]);
    if let Some((_, issued_at)) = click.issued_for() {
        key[..6].copy_from_slice(&issued_at.milliseconds().to_be_bytes()[2..]);
    }
    NodeKey(key)
}

/// The node of a transaction id.
#[must_use]
pub fn transaction_node(brand: &BrandKey, namespace: &str, transaction: &TransactionId) -> NodeKey {
    node("transaction", brand, &[namespace.as_bytes(), transaction.as_str().as_bytes()])
}

fn node(kind: &str, brand: &BrandKey, values: &[&[u8]]) -> NodeKey {
    let mut parts: Vec<&[u8]> = vec![kind.as_bytes(), brand.as_str().as_bytes()];
    parts.extend(values);
    NodeKey(fingerprint(&parts))
}

/// A person within one cluster: an index that means nothing outside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PersonIndex(usize);

/// Who each fact of a cluster belongs to.
#[derive(Debug)]
pub struct Stitching {
    persons: Vec<Option<PersonIndex>>,
    labels: HashMap<PersonIndex, EventId>,
}

impl Stitching {
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
}

/// An identifier inside one cluster. Transactions connect facts of one order, not people, and are absent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Identifier {
    Customer(SubjectHash),
    Email(SubjectHash),
    Visitor(SubjectHash),
    Click(ClickId),
}

/// Finds the people in one cluster. `facts` must be in order of time and event id.
#[must_use]
pub fn stitch(facts: &[&Fact], most_customers_per_identifier: u32) -> Stitching {
    let identifiers: Vec<Vec<Identifier>> = facts.iter().map(|fact| identifiers(fact)).collect();
    let customers = customers_by_identifier(&identifiers);
    let bound = usize::try_from(most_customers_per_identifier).unwrap_or(usize::MAX);
    let joins = |identifier: &Identifier| match identifier {
        Identifier::Customer(_) => true,
        Identifier::Email(_) => customer_count(&customers, identifier) <= bound,
        Identifier::Visitor(_) | Identifier::Click(_) => customer_count(&customers, identifier) <= 1,
    };

    let mut groups = UnionFind::default();
    for present in &identifiers {
        let mut first = None;
        for identifier in present.iter().filter(|identifier| joins(identifier)) {
            let place = groups.place(identifier);
            match first {
                None => first = Some(place),
                Some(other) => groups.union(other, place),
            }
        }
    }
    let mut persons: Vec<Option<usize>> = identifiers
        .iter()
        .map(|present| {
            let place = groups.place(present.iter().find(|i| joins(i))?);
            Some(groups.root(place))
        })
        .collect();
    assign_shared_devices(facts, &identifiers, &customers, bound, &mut groups, &mut persons);

    let mut labels: HashMap<PersonIndex, EventId> = HashMap::new();
    for (fact, person) in facts.iter().zip(&persons) {
        if let Some(person) = person {
            let label = labels.entry(PersonIndex(*person)).or_insert(fact.event_id);
            *label = (*label).min(fact.event_id);
        }
    }
    Stitching { persons: persons.into_iter().map(|person| person.map(PersonIndex)).collect(), labels }
}

/// A fact whose only joining identifiers are shared by several customers (within the bound) goes to the customer who
/// identified himself next on it, else to the last one before.
fn assign_shared_devices(
    facts: &[&Fact],
    identifiers: &[Vec<Identifier>],
    customers: &BTreeMap<Identifier, BTreeSet<SubjectHash>>,
    bound: usize,
    groups: &mut UnionFind,
    persons: &mut [Option<usize>],
) {
    let shared = |identifier: &Identifier| (2..=bound).contains(&customer_count(customers, identifier));
    for place in 0..facts.len() {
        if persons[place].is_some() {
            continue;
        }
        let next = (place + 1..facts.len()).chain((0..place).rev()).find_map(|other| {
            let customer = facts[other].subject.customer?;
            let joined = identifiers[place].iter().any(|i| shared(i) && identifiers[other].contains(i));
            joined.then_some(customer)
        });
        if let Some(customer) = next {
            let place_of_customer = groups.place(&Identifier::Customer(customer));
            persons[place] = Some(groups.root(place_of_customer));
        }
    }
}

fn identifiers(fact: &Fact) -> Vec<Identifier> {
    let subject = &fact.subject;
    // A payout or an advertising cost belongs to nobody.
    if matches!(fact.body, FactBody::PayoutPrepared(_) | FactBody::PayoutAdvanced(_)) {
        return Vec::new();
    }
    let mut present = Vec::with_capacity(4);
    present.extend(subject.customer.map(Identifier::Customer));
    present.extend(subject.email.map(Identifier::Email));
    present.extend(subject.visitor.map(Identifier::Visitor));
    present.extend(subject.click_id.clone().map(Identifier::Click));
    present
}

/// The customers that each identifier was seen with: directly, and for visitors and e-mails also through a click that a
/// customer's conversion names.
fn customers_by_identifier(identifiers: &[Vec<Identifier>]) -> BTreeMap<Identifier, BTreeSet<SubjectHash>> {
    let mut customers: BTreeMap<Identifier, BTreeSet<SubjectHash>> = BTreeMap::new();
    for present in identifiers {
        let known = present.iter().find_map(|i| if let Identifier::Customer(c) = i { Some(*c) } else { None });
        if let Some(customer) = known {
            for identifier in present {
                customers.entry(identifier.clone()).or_default().insert(customer);
            }
        }
    }
    let through_clicks: Vec<(Identifier, BTreeSet<SubjectHash>)> = identifiers
        .iter()
        .flat_map(|present| {
            let of_clicks: BTreeSet<SubjectHash> = present
                .iter()
                .filter(|i| matches!(i, Identifier::Click(_)))
                .filter_map(|i| customers.get(i))
                .flatten()
                .copied()
                .collect();
            present
                .iter()
                .filter(|i| matches!(i, Identifier::Visitor(_) | Identifier::Email(_)))
                .map(move |i| (i.clone(), of_clicks.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    for (identifier, more) in through_clicks {
        customers.entry(identifier).or_default().extend(more);
    }
    customers
}

fn customer_count(customers: &BTreeMap<Identifier, BTreeSet<SubjectHash>>, identifier: &Identifier) -> usize {
    customers.get(identifier).map_or(0, BTreeSet::len)
}

/// Union-find over identifiers; the root is the smallest place, places being given in order of time.
#[derive(Default)]
struct UnionFind {
    places: BTreeMap<Identifier, usize>,
    parents: Vec<usize>,
}

impl UnionFind {
    fn place(&mut self, identifier: &Identifier) -> usize {
        if let Some(place) = self.places.get(identifier) {
            return *place;
        }
        let place = self.parents.len();
        self.parents.push(place);
        self.places.insert(identifier.clone(), place);
        place
    }

    fn root(&mut self, place: usize) -> usize {
        let mut root = place;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        let mut walked = place;
        while self.parents[walked] != root {
            walked = std::mem::replace(&mut self.parents[walked], root);
        }
        root
    }

    fn union(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Subject, Touch};
    use crate::ids::{DeduplicationKey, SourceKey};
    use crate::time::Timestamp;

    /// `c:1 v:2 e:3 k:abc` in a row's words; the row's number is its time.
    fn facts(rows: &[&str]) -> Vec<Fact> {
        let hash = |text: &str| SubjectHash(fingerprint(&[text.as_bytes()]));
        rows.iter()
            .enumerate()
            .map(|(number, row)| {
                let mut subject = Subject::default();
                for word in row.split_whitespace() {
                    match word.split_once(':').unwrap() {
                        ("c", value) => subject.customer = Some(hash(value)),
                        ("v", value) => subject.visitor = Some(hash(value)),
                        ("e", value) => subject.email = Some(hash(value)),
                        (_, value) => subject.click_id = ClickId::from_stored(value),
                    }
                }
                let occurred_at = Timestamp(1_768_471_200_000_000 + number as i64 * 1_000_000);
                Fact {
                    event_id: EventId::derive(occurred_at, &DeduplicationKey([number as u8; 16])),
                    brand: BrandKey::parse("acme").unwrap(),
                    source: SourceKey::parse("shop").unwrap(),
                    occurred_at,
                    subject,
                    body: FactBody::Click(Touch::default()),
                }
            })
            .collect()
    }

    /// Persons as a text such as `aab-`: one letter per fact, `-` for nobody.
    fn persons(rows: &[&str]) -> String {
        let facts = facts(rows);
        let stitching = stitch(&facts.iter().collect::<Vec<_>>(), 3);
        let mut seen = Vec::new();
        (0..facts.len())
            .map(|place| match stitching.person(place) {
                None => '-',
                Some(person) => {
                    let letter = seen.iter().position(|p| *p == person).unwrap_or_else(|| {
                        seen.push(person);
                        seen.len() - 1
                    });
                    char::from(b'a' + letter as u8)
                }
            })
            .collect()
    }

    #[test]
    fn a8_anonymous_clicks_are_stitched_to_the_account() {
        for (rows, expected) in [
            (&["v:1", "c:A v:1"][..], "aa"),
            (&["v:1 k:x", "c:A k:x"], "aa"),
            (&["v:1", "c:A v:1", "c:A v:2", "v:2"], "aaaa"),
            (&["e:m v:1", "c:A e:m"], "aa"),
            (&["v:1", "v:2"], "ab"),
            (&["v:1", "v:1 k:y", "c:A k:y v:2", "v:2"], "aaaa"),
        ] {
            assert_eq!(persons(rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_shared_device_never_merges_its_customers() {
        assert_eq!(persons(&["v:1", "c:A v:1", "v:1", "c:B v:1", "v:1"]), "aabbb");
        assert_eq!(persons(&["v:1 k:x", "c:A k:x", "v:1", "c:B v:1"]), "aabb");
    }

    #[test]
    fn an_identifier_of_a_crowd_joins_nobody() {
        assert_eq!(persons(&["v:1", "c:A v:1", "c:B v:1", "c:C v:1", "c:D v:1"]), "-abcd");
        assert_eq!(persons(&["c:A e:m", "c:B e:m"]), "aa");
        assert_eq!(persons(&["c:A e:m", "c:B e:m", "c:C e:m", "c:D e:m"]), "abcd");
    }
}
