use proptest::prelude::*;

use super::*;
use crate::identity::stitching::tests::{any_row, any_ruling, bounded, facts, hash};
use crate::identity::{KnownIdentifiers, stitch};

/// The person of the first row as lines: `2<-1 visitor` is "the second fact is joined to the first by a visitor id".
fn edges(rows: &[&str]) -> Vec<String> {
    let facts = facts(rows);
    let graph = IdentityGraph::of(&facts, &bounded(3));
    let person = graph.person(facts[0].event_id).unwrap();
    person.edges.iter().map(|edge| line(&facts, edge)).collect()
}

fn line(facts: &[Fact], edge: &Edge) -> String {
    let number = |event: EventId| facts.iter().position(|fact| fact.event_id == event).unwrap() + 1;
    let tie = |tie: &Tie| match tie {
        Tie::Carried(identifier) => identifier.kind().name().to_owned(),
        Tie::Ruled(one, other) => format!("ruled {}={}", one.kind().name(), other.kind().name()),
        Tie::FollowsOn(identifier) => format!("next on {}", identifier.kind().name()),
    };
    let ties: Vec<String> = edge.ties.iter().map(tie).collect();
    format!("{}<-{} {}", number(edge.fact), number(edge.joined_to), ties.join("+"))
}

#[test]
fn each_edge_says_what_joins_a_fact_to_which_other() {
    for (rows, expected) in [
        (&["v:1", "c:A v:1", "c:A"][..], &["2<-1 visitor", "3<-2 customer"][..]),
        (&["c:A v:1 k:x", "c:A v:1 k:x"], &["2<-1 customer+visitor+click"]),
        (&["c:A e:m", "c:B e:m", "c:B"], &["2<-1 email", "3<-2 customer"]),
        (&["c:A", "c:B", "join:c=A,c=B"], &["2<-1 ruled customer=customer"]),
        (
            &["c:A", "c:B", "join:c=A,c=Z", "join:c=Z,c=B"],
            &["2<-1 ruled customer=customer+ruled customer=customer"],
        ),
        (&["c:A v:1", "c:B v:1", "v:1", "c:A v:1"], &["3<-4 next on visitor", "4<-1 customer"]),
        (&["v:1", "c:A v:1", "c:B v:1"], &["2<-1 next on visitor"]),
        (&["v:1"], &[]),
    ] {
        assert_eq!(edges(rows), expected, "{rows:?}");
    }
}

#[test]
fn the_chain_between_two_facts_is_the_shortest() {
    let rows = ["v:1 k:a", "k:a v:2", "v:2 e:m", "c:A e:m", "c:A v:1", "v:9"];
    let facts = facts(&rows);
    let graph = IdentityGraph::of(&facts, &bounded(3));
    let chain = |from: usize, to: usize| -> Option<Vec<String>> {
        let chain = graph.chain(facts[from].event_id, facts[to].event_id)?;
        Some(chain.iter().map(|edge| line(&facts, edge)).collect())
    };
    assert_eq!(chain(0, 3).unwrap(), ["5<-1 visitor", "4<-5 customer"]);
    assert_eq!(chain(1, 3).unwrap(), ["3<-2 visitor", "4<-3 email"]);
    assert_eq!(chain(2, 2).unwrap(), Vec::<String>::new());
    assert_eq!(chain(0, 5), None);
}

#[test]
fn every_identifier_tells_whether_it_joins_and_what_was_ruled_about_it() {
    let known = KnownIdentifiers {
        placeholders: [hash("0")].into(),
        ignored: [hash("kiosk")].into(),
        ..KnownIdentifiers::default()
    };
    let guards = Guards { known: Some(&known), ..bounded(2) };
    let facts = facts(&[
        "c:A v:1 e:m",
        "c:B v:1 e:m",
        "c:A v:0 k:0",
        "c:A v:kiosk",
        "c:A v:7",
        "c:B v:7",
        "c:C v:7",
        "separate:c=A,c=B",
        "rejoin:c=A,c=B",
        "separate:c=A,c=B",
    ]);
    let graph = IdentityGraph::of(&facts, &guards);
    let person = graph.person(facts[0].event_id).unwrap();
    let reasons: Vec<Reason> = ["v:1", "e:m", "v:0", "v:kiosk", "v:7", "c:A", "k:0"]
        .iter()
        .map(|word| {
            let wanted =
                Identifier::all_of(&super::super::stitching::tests::facts(&[*word])[0].subject).remove(0);
            person.identifiers.iter().find(|each| each.identifier == wanted).unwrap().reason
        })
        .collect();
    assert_eq!(
        reasons,
        [
            Reason::IdentifierShared,
            Reason::IdentifierContested,
            Reason::IdentifierPlaceholder,
            Reason::IdentifierIgnored,
            Reason::IdentifierOfCrowd,
            Reason::IdentifierJoins,
            Reason::IdentifierPlaceholder,
        ]
    );
    let stands: Vec<bool> = person.rulings.iter().map(|ruling| ruling.stands).collect();
    assert_eq!(stands, [false, false, true]);
    assert_eq!(person.facts.len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn evidence_reaches_every_fact_of_a_person_and_no_other(
        rows in prop::collection::vec(prop_oneof![4 => any_row(), 1 => any_ruling()], 1..16),
    ) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let facts = facts(&rows);
        let stitching = stitch(&facts.iter().collect::<Vec<_>>(), &bounded(3));
        let graph = IdentityGraph::of(&facts, &bounded(3));
        for (place, fact) in facts.iter().enumerate() {
            let Some(index) = stitching.person(place) else {
                prop_assert!(graph.person(fact.event_id).is_none());
                continue;
            };
            let person = graph.person(fact.event_id).unwrap();
            prop_assert_eq!(Some(person.label), stitching.label(index));
            prop_assert_eq!(person.edges.len() + 1, person.facts.len(), "{:?}", person);
            prop_assert!(person.edges.iter().all(|edge| !edge.ties.is_empty()));
            for (other, other_fact) in facts.iter().enumerate() {
                let is_same = stitching.person(other) == Some(index);
                prop_assert_eq!(graph.chain(fact.event_id, other_fact.event_id).is_some(), is_same);
            }
        }
    }
}
