//! What a step sees through a commit that is not written yet is what the store says once it is.

use std::collections::{BTreeMap, HashMap};

use tempfile::TempDir;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Action, Fact, FactBody, Reversal, Subject, Touch};
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{DeduplicationKey, SourceKey, SubjectHash, TransactionId, fingerprint};
use tributary_store::log::{Sequence, Way};
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateWriter};
use tributary_store::state::{ClusterContents, StateWriter};

use super::*;
use crate::engine::batch::Arrival;
use crate::engine::large::LargeClusters;
use crate::engine::planning::{DrawnUp, Plan};
use crate::engine::view::{Contents, View};

const START: i64 = 1_768_471_200_000_000;
/// Identifiers of each kind: few, so that clusters merge all the time.
const IDENTIFIERS: u8 = 12;

/// Who, what he did, with which order, and when: numbers that a case draws.
type Drawn = (Option<u8>, Option<u8>, u8, u8, u8);

fn fact(number: usize, (visitor, customer, what, order, minute): Drawn) -> Fact {
    let goal = Goal::parse("purchase").unwrap();
    let transaction = TransactionId::parse(&format!("o-{order}")).unwrap();
    let eur = |minor| Money::new(minor, Currency::parse("EUR").unwrap());
    let body = match what {
        0..=4 => FactBody::Click(Touch::default()),
        5..=7 => FactBody::Conversion(Action {
            goal,
            transaction: Some(transaction),
            value: Some(eur(1_000)),
            status: Some(Verdict::Approved),
            campaign: None,
            promo_code: None,
            named_partner: None,
            cart_opened_at: None,
            tracking: tributary_domain::tracking::Tracking::default(),
        }),
        _ => FactBody::Refund(Reversal { transaction, value: Some(eur(100)) }),
    };
    // Not in the order of the log: what comes late may undo what was booked.
    let occurred_at = Timestamp(START + i64::from(minute) * 60_000_000);
    let hash = |kind: &[u8], number: u8| SubjectHash(fingerprint(&[kind, &[number]]));
    Fact {
        event_id: EventId::derive(occurred_at, &DeduplicationKey(fingerprint(&[&number.to_be_bytes()]))),
        brand: brand(),
        source: SourceKey::parse("shop").unwrap(),
        occurred_at,
        subject: Subject {
            visitor: visitor.map(|number| hash(b"visitor", number)),
            customer: customer.map(|number| hash(b"customer", number)),
            ..Subject::default()
        },
        body,
    }
}

/// What was asked for.
#[derive(PartialEq, Debug)]
struct Answers {
    known: Vec<EventId>,
    clusters: BTreeMap<NodeKey, ClusterId>,
    with: Vec<ClusterId>,
    contents: BTreeMap<ClusterId, ClusterContents>,
}

/// All that the view answers about these events and nodes, and about every cluster that they belong to.
fn answers(mut view: View<'_>, events: &[EventId], nodes: &[NodeKey]) -> Answers {
    let mut known: Vec<EventId> = view.known_events(events).unwrap().into_iter().collect();
    known.sort_unstable();
    let clusters: BTreeMap<NodeKey, ClusterId> = view.clusters_of_nodes(nodes).unwrap().into_iter().collect();
    let mut numbers: Vec<ClusterId> = clusters.values().copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut with: Vec<ClusterId> = view.with_conversions(&numbers).unwrap().into_iter().collect();
    with.sort_unstable();
    let contents: BTreeMap<ClusterId, ClusterContents> = view
        .load_clusters(&numbers)
        .unwrap()
        .into_iter()
        .map(|(cluster, mut contents)| {
            contents.facts.sort_by_key(|(fact, _)| fact.event_id);
            contents.booked.sort_by_key(|conversion| conversion.event_id);
            (cluster, contents)
        })
        .collect();
    Answers { known, clusters, with, contents }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_commit_that_waits_is_seen_as_if_it_were_written(
        drawn in prop::collection::vec(
            (
                prop::option::of(0..IDENTIFIERS),
                prop::option::of(0..IDENTIFIERS),
                0u8..10,
                0u8..20,
                any::<u8>(),
            ),
            1..120,
        ),
        slice in 1usize..25,
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("state.sqlite");
        drop(SqliteConfigurationStore::open(&path).unwrap());
        let mut state = SqliteStateWriter::open(&path).unwrap();
        let configuration = Configuration::default();
        let arrivals: Vec<Arrival> = drawn
            .iter()
            .enumerate()
            .map(|(number, drawn)| {
                let fact = fact(number, *drawn);
                let received_at = fact.occurred_at;
                Arrival::new(Sequence(number as u64 + 1), Way::Events, received_at, fact, &configuration)
            })
            .collect();
        let events: Vec<EventId> = arrivals.iter().map(|arrival| arrival.fact.event_id).collect();
        let mut nodes: Vec<NodeKey> =
            arrivals.iter().flat_map(|arrival| arrival.nodes.iter().copied()).collect();
        nodes.sort_unstable();
        nodes.dedup();

        let (mut large, mut heads, mut after) = (LargeClusters::default(), HashMap::new(), 0);
        let mut arrivals = arrivals.into_iter().peekable();
        while arrivals.peek().is_some() {
            let batch: Vec<Arrival> = arrivals.by_ref().take(slice).collect();
            let base = Commit {
                expected_checkpoint: Sequence(after),
                checkpoint: Sequence(after + batch.len() as u64),
                ..Commit::default()
            };
            after = base.checkpoint.0;
            let mut view = View::of(&mut state);
            let plan =
                Plan::of(&mut view, &configuration, &mut large, base, batch, Vec::new(), heads).unwrap();
            let DrawnUp { commit, heads: ends, .. } = plan.draw_up(&configuration);
            heads = ends;
            let contents = Contents::of(&commit);
            let before = answers(View::after(&mut state, &commit, &contents), &events, &nodes);
            state.commit(&commit).unwrap();
            let written = answers(View::of(&mut state), &events, &nodes);
            prop_assert_eq!(before, written);
        }
    }
}
