//! Chains and cycles of evidence, and the guards beside them, in every order.

use super::*;
use crate::identity::IdentityGraph;

/// A chain of evidence about one person: customer ids joined by e-mail addresses, and what each of them used himself, click by click and
/// device by device, as far as it goes. A cycle leads back to where it began.
fn any_chain() -> impl Strategy<Value = Vec<String>> {
    (1usize..7, prop::collection::vec(0usize..12, 7), any::<bool>(), any::<bool>()).prop_map(
        |(customers, lengths, email_cycle, device_cycle)| {
            let mut rows = Vec::new();
            for (customer, length) in lengths.into_iter().take(customers).enumerate() {
                rows.push(format!("c:A{customer} e:m{customer}"));
                if customer > 0 {
                    rows.push(format!("c:A{customer} e:m{}", customer - 1));
                }
                let device = |step: usize| {
                    let kind = if step.is_multiple_of(2) { "v" } else { "k" };
                    format!("{kind}:d{customer}x{step}")
                };
                if length > 0 {
                    rows.push(format!("c:A{customer} {}", device(0)));
                }
                rows.extend((1..length).map(|step| format!("{} {}", device(step - 1), device(step))));
                if device_cycle && length > 2 {
                    // Back to the customer himself, who used the last one as well.
                    rows.push(format!("c:A{customer} {}", device(length - 1)));
                }
            }
            if email_cycle {
                rows.push(format!("c:A0 e:m{}", customers - 1));
            }
            rows
        },
    )
}

/// The people of facts that are given in another order than that of time.
fn labels(facts: &[Fact], order: &[usize], guards: &Guards<'_>) -> Vec<Option<EventId>> {
    let given: Vec<Fact> = order.iter().map(|place| facts[*place].clone()).collect();
    let graph = IdentityGraph::of(&given, guards);
    facts.iter().map(|fact| graph.person(fact.event_id).map(|person| person.label)).collect()
}

fn shuffled<T: Clone + std::fmt::Debug>(rows: Vec<T>) -> impl Strategy<Value = (Vec<T>, Vec<usize>)> {
    let order: Vec<usize> = (0..rows.len()).collect();
    (Just(rows).prop_shuffle(), Just(order).prop_shuffle())
}

/// What is about others, and must stay apart from the chain and from each other.
const BESIDE: [&str; 9] = [
    // A device of two customers, with touches of nobody named.
    "c:S v:shared",
    "c:T v:shared",
    "v:shared",
    "v:shared k:once",
    // An address of a household of four, one more than the bound.
    "c:H1 e:house",
    "c:H2 e:house",
    "c:H3 e:house",
    "c:H4 e:house",
    "e:house",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chains_and_cycles_of_any_length_are_one_person_in_any_order(
        (rows, order) in any_chain().prop_flat_map(shuffled),
    ) {
        // The rows are shuffled in time, and the facts once more in the order in which they are given.
        let facts = facts(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        let found = labels(&facts, &order, &bounded(3));
        prop_assert!(found[0].is_some());
        prop_assert!(found.iter().all(|label| *label == found[0]), "{:?}: {:?}", rows, found);
        let graph = IdentityGraph::of(&facts, &bounded(3));
        let chain = graph.chain(facts[0].event_id, facts[facts.len() - 1].event_id);
        prop_assert!(chain.is_some_and(|edges| edges.len() < facts.len()), "evidence leads from any fact to any other");
    }

    #[test]
    fn shared_devices_and_households_keep_people_apart_in_any_order(
        (rows, order) in any_chain()
            .prop_map(|chain| chain.into_iter().chain(BESIDE.map(str::to_owned)).collect())
            .prop_flat_map(shuffled),
    ) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let facts = facts(&rows);
        let found = labels(&facts, &order, &bounded(3));
        let in_time: Vec<usize> = (0..facts.len()).collect();
        prop_assert_eq!(&found, &labels(&facts, &in_time, &bounded(3)), "the order of arrival changes nothing");
        let of = |row: &str| found[rows.iter().position(|each| *each == row).unwrap()];
        let alone = ["c:A0 e:m0", "c:S v:shared", "c:T v:shared", "c:H1 e:house", "c:H2 e:house", "c:H3 e:house", "c:H4 e:house"];
        let people: BTreeSet<Option<EventId>> = alone.iter().map(|row| of(row)).collect();
        prop_assert_eq!(people.len(), alone.len(), "{:?}", rows);
        prop_assert_eq!(of("e:house"), None, "an address of a crowd is nobody's");
        // An anonymous touch on the shared device goes to who identified himself next, else to the last before.
        let at = |row: &str| rows.iter().position(|each| *each == row).unwrap();
        let touch = at("v:shared");
        let customers = [at("c:S v:shared"), at("c:T v:shared")];
        let next = customers.iter().copied().filter(|place| *place > touch).min();
        let followed = next.or_else(|| customers.iter().copied().max()).unwrap();
        prop_assert_eq!(found[touch], found[followed]);
    }

    #[test]
    fn what_is_guarded_names_everybody_whom_it_would_have_joined(
        (rows, order) in any_chain()
            .prop_map(|chain| chain.into_iter().chain(BESIDE.map(str::to_owned)).collect())
            .prop_flat_map(shuffled),
    ) {
        let facts = facts(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        let given: Vec<Fact> = order.iter().map(|place| facts[*place].clone()).collect();
        let guarded = IdentityGraph::of(&given, &bounded(3)).guarded();
        prop_assert_eq!(guarded.len(), 1, "a device of two is shared, not guarded: {:?}", guarded);
        let house = &guarded[0];
        prop_assert_eq!(house.standing.reason, crate::reason::Reason::IdentifierOfCrowd);
        prop_assert_eq!((house.standing.facts, house.people.len(), house.facts_of_nobody), (5, 4, 1));
    }
}
