mod chains;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::click_id::ClickId;
use crate::fact::{FactBody, Subject, Touch};
use crate::identity::{Identifier, IdentityDecision, KnownIdentifiers, Ruling};
use crate::ids::{BrandKey, DeduplicationKey, SourceKey, SubjectHash, fingerprint};
use crate::time::Timestamp;

pub(in crate::identity) fn hash(text: &str) -> SubjectHash {
    SubjectHash(fingerprint(&[text.as_bytes()]))
}

/// `c=A` as an identifier.
fn identifier(word: &str) -> Identifier {
    match word.split_once('=').unwrap() {
        ("c", value) => Identifier::Customer(hash(value)),
        ("v", value) => Identifier::Visitor(hash(value)),
        ("e", value) => Identifier::Email(hash(value)),
        (_, value) => Identifier::Click(ClickId::from_stored(value).unwrap()),
    }
}

/// `separate:c=A,c=B` without the colon.
fn decision(ruling: &str, pair: &str) -> IdentityDecision {
    let ruling = [Ruling::Separate, Ruling::Join, Ruling::Rejoin]
        .into_iter()
        .find(|each| each.name() == ruling)
        .unwrap();
    let (one, other) = pair.split_once(',').unwrap();
    IdentityDecision::of(ruling, identifier(one), identifier(other), "because".into())
}

/// `c:1 v:2 e:3 k:abc` in a row's words, or a ruling such as `separate:c=1,v=2`; the row's number is its time.
pub(in crate::identity) fn facts(rows: &[&str]) -> Vec<Fact> {
    rows.iter()
        .enumerate()
        .map(|(number, row)| {
            let mut subject = Subject::default();
            let mut body = FactBody::Click(Touch::default());
            for word in row.split_whitespace() {
                match word.split_once(':').unwrap() {
                    ("c", value) => subject.customer = Some(hash(value)),
                    ("v", value) => subject.visitor = Some(hash(value)),
                    ("e", value) => subject.email = Some(hash(value)),
                    ("k", value) => subject.click_id = ClickId::from_stored(value),
                    (ruling, pair) => body = FactBody::IdentityDecided(decision(ruling, pair)),
                }
            }
            let occurred_at = Timestamp(1_768_471_200_000_000 + number as i64 * 1_000_000);
            Fact {
                event_id: EventId::derive(occurred_at, &DeduplicationKey([number as u8; 16])),
                brand: BrandKey::parse("acme").unwrap(),
                source: SourceKey::parse("shop").unwrap(),
                occurred_at,
                subject,
                body,
            }
        })
        .collect()
}

pub(in crate::identity) const fn bounded(most_customers: usize) -> Guards<'static> {
    Guards { most_customers, most_facts: 5_000, known: None }
}

/// Persons as a text such as `aab-`: one letter per fact, `-` for nobody.
fn persons(rows: &[&str]) -> String {
    let facts = facts(rows);
    let stitching = stitch(&facts.iter().collect::<Vec<_>>(), &bounded(3));
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
fn a_click_on_a_shared_device_goes_to_the_next_customer_though_it_has_an_id_of_its_own() {
    assert_eq!(persons(&["v:D k:t1", "v:D c:M", "v:D c:X"]), "aab");
    assert_eq!(persons(&["v:D c:M", "v:D k:t1", "v:D c:X"]), "abb");
    // Whoever names the click is the one whom the device tells.
    assert_eq!(persons(&["v:D k:t1", "v:D c:M", "k:t1", "v:D c:X"]), "aaab");
    // Unless the click leads to two of them: then each of its touches goes its own way, and what names the click alone stays alone.
    assert_eq!(persons(&["v:D k:t1", "v:D c:M", "v:D k:t1", "v:D c:X", "k:t1"]), "aabbc");
    // A click that somebody else is known by is his.
    assert_eq!(persons(&["v:D k:t1", "k:t1 e:E", "v:D c:M", "v:D c:X"]), "aabc");
    assert_eq!(persons(&["v:D k:t1", "k:t1 c:Z", "v:D c:M", "v:D c:X"]), "aabc");
    // What the operator ruled apart stays apart.
    assert_eq!(persons(&["v:D k:t1", "v:D c:M", "v:D c:X", "separate:c=M,k=t1"]), "abc-");
}

#[test]
fn a_shared_device_s_touch_looks_across_all_shared_identifiers_for_the_next_customer() {
    assert_eq!(persons(&["c:A v:1 k:x", "c:B v:1", "v:1 k:x", "c:C k:x", "c:B v:1"]), "abccb");
}

#[test]
fn bounds_of_zero_and_beyond_any_number_are_taken_as_they_are() {
    let facts = facts(&["c:A e:m v:1", "e:m", "c:B v:1", "v:1"]);
    let facts: Vec<&Fact> = facts.iter().collect();
    let none = stitch(&facts, &bounded(0));
    assert_eq!((none.person(1), none.person(3)), (None, None));
    let all = stitch(&facts, &bounded(usize::MAX));
    assert_eq!((all.person(1), all.person(3)), (all.person(0), all.person(2)));
}

#[test]
fn an_identifier_of_a_crowd_joins_nobody() {
    assert_eq!(persons(&["v:1", "c:A v:1", "c:B v:1", "c:C v:1", "c:D v:1"]), "-abcd");
    assert_eq!(persons(&["c:A e:m", "c:B e:m"]), "aa");
    assert_eq!(persons(&["c:A e:m", "c:B e:m", "c:C e:m", "c:D e:m"]), "abcd");
}

pub(in crate::identity) fn any_row() -> impl Strategy<Value = String> {
    let pick = |words: &[&'static str]| prop::sample::select(words.to_vec());
    let customer = pick(&["", "", "c:A", "c:B", "c:C", "c:D"]);
    let device = pick(&["", "v:1", "v:2", "v:3"]);
    let (email, click) = (pick(&["", "", "e:m", "e:n"]), pick(&["", "", "k:x", "k:y"]));
    (customer, device, email, click).prop_map(|(c, v, e, k)| format!("{c} {v} {e} {k}"))
}

/// The customers that e-mail addresses within the bound of three make one, worked out the slow way.
fn accounts(rows: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let word = |row: &str, of: &str| row.split_whitespace().find(|w| w.starts_with(of)).map(str::to_owned);
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

#[test]
fn whom_the_operator_separates_is_never_one_person() {
    for (rows, expected) in [
        // Two customers of one address: it is shared from then on, like a device.
        (&["e:m", "c:A e:m", "c:B e:m", "e:m", "separate:c=A,c=B"][..], "aabb-"),
        (&["c:A e:m", "c:B e:m", "separate:c=B,c=A"], "ab-"),
        // When it is told does not matter.
        (&["separate:c=A,c=B", "c:A e:m", "c:B e:m"], "-ab"),
        // A chain of three: the two ends part, the middle stays with the earlier.
        (&["c:A e:m", "c:B e:m", "c:B e:n", "c:C e:n", "separate:c=A,c=C"], "aaab-"),
        // A customer and a device that is not his.
        (&["v:1", "c:A v:1", "v:1", "separate:c=A,v=1"], "aba-"),
        (&["v:1", "c:A v:1", "c:B v:1", "v:1", "separate:c=A,v=1"], "abaa-"),
        // A device and a click.
        (&["v:1 k:x", "c:A k:x", "v:1", "separate:v=1,k=x"], "aba-"),
        (&["e:m v:1", "v:1", "e:m", "separate:e=m,v=1"], "aba-"),
        // Nothing to separate.
        (&["c:A v:1", "c:B v:2", "separate:c=A,c=B"], "ab-"),
        (&["c:A v:1", "separate:c=A,c=A"], "a-"),
    ] {
        assert_eq!(persons(rows), expected, "{rows:?}");
    }
}

#[test]
fn the_last_word_on_a_pair_stands() {
    for (rows, expected) in [
        (&["c:A e:m", "c:B e:m", "separate:c=A,c=B", "rejoin:c=B,c=A"][..], "aa--"),
        (&["rejoin:c=A,c=B", "separate:c=A,c=B", "c:A e:m", "c:B e:m"], "--ab"),
        (&["c:A", "c:B", "join:c=A,c=B"], "aa-"),
        (&["c:A", "c:B", "join:c=A,c=B", "rejoin:c=A,c=B"], "ab--"),
        (&["c:A", "c:B", "join:c=A,c=B", "separate:c=A,c=B"], "ab--"),
        (&["c:A", "c:B", "separate:c=A,c=B", "join:c=A,c=B"], "aa--"),
    ] {
        assert_eq!(persons(rows), expected, "{rows:?}");
    }
}

#[test]
fn joined_customers_share_what_either_did_unless_that_breaks_a_separation() {
    for (rows, expected) in [
        (&["v:1", "c:A v:1", "v:2", "c:B v:2", "join:c=A,c=B"][..], "aaaa-"),
        (&["c:A", "c:B", "c:C", "join:c=A,c=B", "join:c=B,c=C"], "aaa--"),
        // A separation holds against a chain of joins; the newer join is kept.
        (&["c:A", "c:B", "c:C", "separate:c=A,c=C", "join:c=A,c=B", "join:c=B,c=C"], "abb---"),
        (&["v:1", "c:A", "join:c=A,v=1"], "aa-"),
        (&["e:m", "c:A", "c:B e:m", "join:c=A,e=m"], "aaa-"),
    ] {
        assert_eq!(persons(rows), expected, "{rows:?}");
    }
}

#[test]
fn cycles_and_chains_across_devices_end_in_one_person() {
    for (rows, expected) in [
        // A phone, a laptop and a shop, joined by the customer id and by the address he wrote in a newsletter form.
        (&["v:phone", "v:laptop e:m", "c:A v:phone", "c:A e:m", "v:laptop"][..], "aaaaa"),
        // Logged in days after the click.
        (&["v:1 k:x", "v:2", "c:A v:2", "c:A k:x", "v:1"], "aaaaa"),
        // A cycle: visitor, click, address, and back to the visitor.
        (&["v:1 k:x", "k:x e:m", "e:m v:1", "c:A e:m"], "aaaa"),
        (&["c:A e:m", "c:B e:m", "c:B e:n", "c:A e:n"], "aaaa"),
        // A chain of ten.
        (
            &[
                "v:1 k:a", "k:a v:2", "v:2 k:b", "k:b v:3", "v:3 k:c", "k:c v:4", "v:4 e:m", "e:m v:5",
                "v:5", "c:A v:5",
            ],
            "aaaaaaaaaa",
        ),
    ] {
        assert_eq!(persons(rows), expected, "{rows:?}");
    }
}

fn stitched(rows: &[&str], guards: &Guards<'_>) -> Vec<Option<PersonIndex>> {
    let facts = facts(rows);
    let stitching = stitch(&facts.iter().collect::<Vec<_>>(), guards);
    (0..facts.len()).map(|place| stitching.person(place)).collect()
}

#[test]
fn what_is_no_identifier_joins_nobody_and_belongs_to_nobody() {
    let known = KnownIdentifiers {
        placeholders: [hash("0"), hash("undefined")].into(),
        ignored: [hash("kiosk")].into(),
        ignored_clicks: ["lobby".to_owned()].into(),
        test_customers: [hash("T")].into(),
    };
    let guards = Guards { known: Some(&known), ..bounded(3) };
    let found =
        stitched(&["v:0", "c:A v:0", "v:kiosk", "c:A v:kiosk", "k:0", "k:NULL c:A", "k:lobby"], &guards);
    assert_eq!([found[0], found[2], found[4], found[6]], [None; 4]);
    assert!(found[1].is_some() && found[1] == found[3] && found[3] == found[5]);
    // A customer id that nobody filled in is nobody's: the device decides.
    let found = stitched(&["c:undefined v:1", "c:undefined v:2", "v:1"], &guards);
    assert!(found[0] == found[2] && found[0] != found[1]);
    let facts = facts(&["c:T v:1", "v:1", "c:A", "c:A k:0", "c:A k:y"]);
    let stitching = stitch(&facts.iter().collect::<Vec<_>>(), &guards);
    let tests: Vec<bool> = (0..3).map(|place| stitching.is_test(place)).collect();
    assert_eq!(tests, [true, true, false], "all that a tester does is a test");
    assert!(!stitching.may_name_click(3) && stitching.may_name_click(4));
}

#[test]
fn a_click_that_was_ruled_apart_from_a_customer_is_not_his_though_he_names_it() {
    let facts = facts(&["v:1 k:x", "c:A k:x", "c:B k:x", "separate:c=A,k=x"]);
    let stitching = stitch(&facts.iter().collect::<Vec<_>>(), &bounded(3));
    let named: Vec<bool> = (0..3).map(|place| stitching.may_name_click(place)).collect();
    assert_eq!(named, [true, false, true]);
    assert_eq!(stitching.person(0), stitching.person(2));
}

#[test]
fn an_identifier_that_too_much_hangs_on_joins_nobody_any_more() {
    let guards = Guards { most_facts: 3, ..bounded(3) };
    let within = stitched(&["v:1", "v:1", "c:A v:1"], &guards);
    assert!(within.iter().all(|person| *person == within[0]));
    let beyond = stitched(&["v:1", "v:1", "c:A v:1", "v:1"], &guards);
    assert_eq!((beyond[0], beyond[1], beyond[3]), (None, None, None));
    assert!(beyond[2].is_some(), "the customer is still himself");
    // A customer id that a whole shop uses: four devices meet it, and none of them is its.
    let crowd = stitched(&["c:G v:1", "c:G v:2", "c:G v:3", "c:G v:4", "v:1", "v:2"], &guards);
    assert!(crowd[0] == crowd[1] && crowd[4] != crowd[0] && crowd[4] != crowd[5]);
    // One device of a customer who does very much is his.
    let busy = stitched(&["v:1", "c:A v:1", "c:A", "c:A", "c:A", "c:A", "c:A"], &guards);
    assert_eq!(busy[0], busy[6]);
}

pub(in crate::identity) fn any_ruling() -> impl Strategy<Value = String> {
    let pick = || prop::sample::select(vec!["c=A", "c=B", "c=C", "c=D", "v=1", "v=2", "e=m", "e=n", "k=x"]);
    let ruling = prop::sample::select(vec!["separate", "separate", "join", "rejoin"]);
    (ruling, pick(), pick()).prop_map(|(ruling, one, other)| format!("{ruling}:{one},{other}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn separated_identifiers_never_share_a_person_and_taking_it_back_restores_everybody(
        rows in prop::collection::vec(any_row(), 1..14),
        rulings in prop::collection::vec(any_ruling(), 1..6),
    ) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut ruled = rows.clone();
        ruled.extend(rulings.iter().map(String::as_str));
        let found = stitched(&ruled, &bounded(3));
        let mut last: BTreeMap<(String, String), &str> = BTreeMap::new();
        for row in &rulings {
            let (ruling, pair) = row.split_once(':').unwrap();
            let (one, other) = pair.split_once(',').unwrap();
            last.insert((one.min(other).to_owned(), one.max(other).to_owned()), ruling);
        }
        // Facts that name only one identifier of a pair, so that their person is that identifier's.
        let only = |word: &str| {
            let word = word.replace('=', ":");
            let alone = |row: &&str| row.split_whitespace().collect::<Vec<_>>() == [word.as_str()];
            ruled.iter().position(alone).and_then(|place| found[place])
        };
        for ((one, other), ruling) in &last {
            if *ruling == "separate" && one.starts_with("c=") && other.starts_with("c=")
                && let (Some(a), Some(b)) = (only(one), only(other)) && one != other {
                prop_assert_ne!(a, b, "{} and {}", one, other);
            }
            if *ruling == "join" && last.values().all(|each| *each == "join")
                && one.starts_with("c=") && other.starts_with("c=")
                && let (Some(a), Some(b)) = (only(one), only(other)) {
                prop_assert_eq!(a, b, "{} and {}", one, other);
            }
        }
        let taken_back: Vec<String> = last.keys().map(|(one, other)| format!("rejoin:{one},{other}")).collect();
        let mut restored = ruled.clone();
        restored.extend(taken_back.iter().map(String::as_str));
        let before = stitched(&rows, &bounded(3));
        let after = stitched(&restored, &bounded(3));
        prop_assert_eq!(&after[..rows.len()], &before[..]);
    }
}
