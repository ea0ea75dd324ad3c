//! Finding the people inside one cluster.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::click_id::ClickId;
use crate::fact::{Fact, FactBody};
use crate::ids::{EventId, SubjectHash};

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

/// Finds the people in one cluster. `facts` must be in order of time and event id.
///
/// The strongest evidence joins first, so that a weaker one cannot lead a customer's facts to another:
/// customer ids and e-mail addresses; then what a customer used himself; then what anonymous facts connect, oldest
/// first, except where that would make one person of two customers.
#[must_use]
pub fn stitch(facts: &[&Fact], most_customers_per_identifier: u32) -> Stitching {
    let bound = usize::try_from(most_customers_per_identifier).unwrap_or(usize::MAX);
    let cluster = Identifiers::of(facts, bound);
    let mut groups = Groups::new(&cluster);
    for present in &cluster.of_facts {
        if let (Some(customer), Some(email)) = (present.customer, cluster.joining(present.email)) {
            groups.union(customer, email);
        }
    }
    for present in &cluster.of_facts {
        for other in [present.visitor, present.click] {
            if let (Some(customer), Some(other)) = (present.customer, cluster.joining(other)) {
                groups.union(customer, other);
            }
        }
    }
    for present in cluster.of_facts.iter().filter(|present| present.customer.is_none()) {
        let (email, visitor, click) = (
            cluster.joining(present.email),
            cluster.joining(present.visitor),
            cluster.joining(present.click),
        );
        for pair in [(email, visitor), (email, click), (visitor, click)] {
            if let (Some(one), Some(other)) = pair {
                groups.union_unless_both_are_customers(one, other);
            }
        }
    }
    let mut persons: Vec<Option<usize>> = cluster
        .of_facts
        .iter()
        .map(|present| {
            present.all().into_iter().find_map(|place| cluster.joining(place)).map(|place| groups.root(place))
        })
        .collect();
    assign_shared_devices(&cluster, &mut groups, &mut persons);
    let persons: Vec<Option<PersonIndex>> =
        persons.into_iter().map(|person| person.map(PersonIndex)).collect();
    Stitching { labels: labels(facts, &persons), persons }
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

/// A fact whose only joining identifiers are shared by several customers (within the bound) goes to the customer who
/// identified himself next on one of them, else to the last one before.
fn assign_shared_devices(cluster: &Identifiers<'_>, groups: &mut Groups, persons: &mut [Option<usize>]) {
    let mut uses: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
    for (fact, present) in cluster.of_facts.iter().enumerate() {
        for identifier in present.all().into_iter().flatten().filter(|place| cluster.shared(*place)) {
            if let Some(customer) = present.customer {
                uses.entry(identifier).or_default().push((fact, customer));
            }
        }
    }
    for (fact, present) in
        cluster.of_facts.iter().enumerate().filter(|(_, present)| present.customer.is_none())
    {
        if persons[fact].is_some() {
            continue;
        }
        let (mut next, mut previous) = (None, None);
        for identified in present.all().into_iter().flatten().filter_map(|place| uses.get(&place)) {
            let after = identified.partition_point(|(other, _)| *other < fact);
            next = [next, identified.get(after).copied()].into_iter().flatten().min();
            previous = previous.max(after.checked_sub(1).and_then(|before| identified.get(before).copied()));
        }
        persons[fact] = next.or(previous).map(|(_, customer)| groups.root(customer));
    }
}

/// An identifier inside one cluster. Transactions connect facts of one order, not people, and are absent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Identifier<'f> {
    Customer(SubjectHash),
    Email(SubjectHash),
    Visitor(SubjectHash),
    Click(&'f ClickId),
}

/// The numbers of a fact's identifiers.
#[derive(Default)]
struct Present {
    customer: Option<usize>,
    email: Option<usize>,
    visitor: Option<usize>,
    click: Option<usize>,
}

impl Present {
    /// All of them, the strongest first.
    const fn all(&self) -> [Option<usize>; 4] {
        [self.customer, self.email, self.visitor, self.click]
    }
}

/// The identifiers of a cluster, numbered as they first appear, with the customers that each was seen with.
struct Identifiers<'f> {
    known: Vec<Identifier<'f>>,
    of_facts: Vec<Present>,
    customers: Vec<BTreeSet<usize>>,
    bound: usize,
}

impl<'f> Identifiers<'f> {
    fn of(facts: &[&'f Fact], bound: usize) -> Self {
        let mut numbers: HashMap<Identifier<'f>, usize> = HashMap::new();
        let mut known = Vec::new();
        let mut number = |identifier: Identifier<'f>| {
            *numbers.entry(identifier).or_insert_with(|| {
                known.push(identifier);
                known.len() - 1
            })
        };
        let of_facts: Vec<Present> = facts
            .iter()
            // A payout belongs to nobody.
            .map(|fact| match fact.body {
                FactBody::PayoutPrepared(_) | FactBody::PayoutAdvanced(_) => Present::default(),
                _ => Present {
                    customer: fact.subject.customer.map(Identifier::Customer).map(&mut number),
                    email: fact.subject.email.map(Identifier::Email).map(&mut number),
                    visitor: fact.subject.visitor.map(Identifier::Visitor).map(&mut number),
                    click: fact.subject.click_id.as_ref().map(Identifier::Click).map(&mut number),
                },
            })
            .collect();
        let customers = vec![BTreeSet::new(); known.len()];
        let mut identifiers = Self { known, of_facts, customers, bound };
        identifiers.find_customers();
        identifiers
    }

    /// The customers of each identifier: directly, and for visitors and e-mails also through a click that a customer's
    /// conversion names. No more are kept than it takes to pass the bound, so that a crowd costs no more than a few.
    fn find_customers(&mut self) {
        let enough = self.bound.max(1).saturating_add(1);
        for present in &self.of_facts {
            let Some(customer) = present.customer else { continue };
            for place in present.all().into_iter().flatten() {
                if self.customers[place].len() < enough {
                    self.customers[place].insert(customer);
                }
            }
        }
        let mut seen = HashSet::new();
        for present in &self.of_facts {
            let Some(click) = present.click else { continue };
            for place in [present.visitor, present.email].into_iter().flatten() {
                if !seen.insert((click, place)) {
                    continue;
                }
                let through_click: Vec<usize> = self.customers[click].iter().copied().collect();
                for customer in through_click {
                    if self.customers[place].len() < enough {
                        self.customers[place].insert(customer);
                    }
                }
            }
        }
    }

    /// The identifier if it may join facts: not one of a crowd, and no device or click of several customers.
    fn joining(&self, place: Option<usize>) -> Option<usize> {
        place.filter(|place| match self.known[*place] {
            Identifier::Customer(_) => true,
            Identifier::Email(_) => self.customers[*place].len() <= self.bound,
            Identifier::Visitor(_) | Identifier::Click(_) => self.customers[*place].len() <= 1,
        })
    }

    fn shared(&self, place: usize) -> bool {
        (2..=self.bound).contains(&self.customers[place].len())
    }
}

/// Union-find over the numbers of identifiers; the root is the smallest number.
struct Groups {
    parents: Vec<usize>,
    /// Whether the group of that root holds a customer.
    has_customer: Vec<bool>,
}

impl Groups {
    fn new(cluster: &Identifiers<'_>) -> Self {
        let is_customer = |identifier: &Identifier<'_>| matches!(identifier, Identifier::Customer(_));
        Self {
            parents: (0..cluster.known.len()).collect(),
            has_customer: cluster.known.iter().map(is_customer).collect(),
        }
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
        let (root, child) = (one.min(other), one.max(other));
        self.parents[child] = root;
        self.has_customer[root] |= self.has_customer[child];
    }

    fn union_unless_both_are_customers(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if !(self.has_customer[one] && self.has_customer[other]) {
            self.union(one, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::fact::{Subject, Touch};
    use crate::ids::{BrandKey, DeduplicationKey, SourceKey, fingerprint};
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
    fn two_customers_are_never_one_person_by_a_chain_of_anonymous_facts() {
        for (rows, expected) in [
            (&["v:1 k:x", "v:2 k:x", "c:A v:1", "c:B v:2"][..], "abab"),
            (&["c:B v:2", "v:2 k:x", "v:1 k:x", "c:A v:1"], "aabb"),
            (&["v:1 e:m", "c:A e:m", "c:B v:1"], "aab"),
            (&["c:A v:1", "v:1 k:x", "c:A k:x", "v:1"], "aaaa"),
        ] {
            assert_eq!(persons(rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_shared_device_s_touch_looks_across_all_shared_identifiers_for_the_next_customer() {
        assert_eq!(persons(&["c:A v:1 k:x", "c:B v:1", "v:1 k:x", "c:C k:x", "c:B v:1"]), "abccb");
    }

    #[test]
    fn bounds_of_zero_and_beyond_any_number_are_taken_as_they_are() {
        let facts = facts(&["c:A e:m v:1", "e:m", "c:B v:1", "v:1"]);
        let facts: Vec<&Fact> = facts.iter().collect();
        let none = stitch(&facts, 0);
        assert_eq!((none.person(1), none.person(3)), (None, None));
        let all = stitch(&facts, u32::MAX);
        assert_eq!((all.person(1), all.person(3)), (all.person(0), all.person(2)));
    }

    #[test]
    fn an_identifier_of_a_crowd_joins_nobody() {
        assert_eq!(persons(&["v:1", "c:A v:1", "c:B v:1", "c:C v:1", "c:D v:1"]), "-abcd");
        assert_eq!(persons(&["c:A e:m", "c:B e:m"]), "aa");
        assert_eq!(persons(&["c:A e:m", "c:B e:m", "c:C e:m", "c:D e:m"]), "abcd");
    }

    fn any_row() -> impl Strategy<Value = String> {
        let pick = |words: &[&'static str]| prop::sample::select(words.to_vec());
        let customer = pick(&["", "", "c:A", "c:B", "c:C", "c:D"]);
        let device = pick(&["", "v:1", "v:2", "v:3"]);
        let (email, click) = (pick(&["", "", "e:m", "e:n"]), pick(&["", "", "k:x", "k:y"]));
        (customer, device, email, click).prop_map(|(c, v, e, k)| format!("{c} {v} {e} {k}"))
    }

    /// The customers that e-mail addresses within the bound of three make one, worked out the slow way.
    fn accounts(rows: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let word =
            |row: &str, of: &str| row.split_whitespace().find(|w| w.starts_with(of)).map(str::to_owned);
        let customers: BTreeSet<String> = rows.iter().filter_map(|row| word(row, "c:")).collect();
        let mut accounts: BTreeMap<String, BTreeSet<String>> =
            customers.iter().map(|customer| (customer.clone(), BTreeSet::from([customer.clone()]))).collect();
        for email in ["e:m", "e:n"] {
            let direct = rows.iter().filter(|row| word(row, "e:").as_deref() == Some(email));
            let users: BTreeSet<String> = direct.clone().filter_map(|row| word(row, "c:")).collect();
            let clicks: BTreeSet<String> = direct.filter_map(|row| word(row, "k:")).collect();
            let through_clicks =
                rows.iter().filter(|row| word(row, "k:").is_some_and(|click| clicks.contains(&click)));
            let seen: BTreeSet<String> =
                users.iter().cloned().chain(through_clicks.filter_map(|row| word(row, "c:"))).collect();
            if seen.len() <= 3 {
                let joined: BTreeSet<String> = users.iter().flat_map(|user| accounts[user].clone()).collect();
                for customer in &joined {
                    accounts.insert(customer.clone(), joined.clone());
                }
            }
        }
        accounts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn customers_are_one_person_exactly_when_e_mail_addresses_say_so(rows in prop::collection::vec(any_row(), 1..14)) {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let found: Vec<char> = persons(&rows).chars().collect();
            let accounts = accounts(&rows);
            let customer = |row: &str| row.split_whitespace().find(|word| word.starts_with("c:")).map(str::to_owned);
            for (one, row) in rows.iter().enumerate() {
                for (other, other_row) in rows.iter().enumerate() {
                    if let (Some(mine), Some(his)) = (customer(row), customer(other_row)) {
                        prop_assert_eq!(found[one] == found[other], accounts[&mine].contains(&his), "{} and {}", row, other_row);
                    }
                }
            }
        }
    }
}
