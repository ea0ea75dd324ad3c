//! Merges and un-merges among reversals: whatever an operator ruled and in whatever order money flowed back, in the end nobody has anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};

use harness::SET_UP;
use harness::disorder::{log_in_disorder, rule};
use harness::facts::world;
use harness::house::{Ground, House, Sent};
use proptest::prelude::*;
use serde_json::{Value, json};
use tributary_domain::identity::Ruling;
use tributary_domain::time::Timestamp;
use tributary_sim::disorder::shuffle;
use tributary_sim::random::Random;
use tributary_store::log::{Sequence, Way};
use tributary_store::state::ConversionFilter;

/// When the events are told: long after they happened, in microseconds.
const TOLD: i64 = 1_780_000_000_000_000;

/// Those whom the operator rules about.
const NAMES: [&str; 9] = [
    "customer:c0",
    "customer:c1",
    "customer:c2",
    "customer:c3",
    "visitor:v0",
    "visitor:v1",
    "email:p0@example.org",
    "email:p1@example.org",
    "click:tracker-click-0",
];

/// What happens at one moment.
#[derive(Clone, Debug)]
enum Step {
    /// Events are told.
    Told(Sent),
    /// The operator rules about two of [`NAMES`].
    Ruled(Ruling, usize, usize),
}

/// A small world in which every action has a number of its own kind, so that all of it can be taken back.
fn numbered(seed: u64, count: u64) -> Vec<Sent> {
    let mut events = world(seed, count);
    for (place, (_, event)) in events.iter_mut().enumerate() {
        let kind = event["event_type"].as_str().unwrap().to_owned();
        if matches!(&*kind, "registration" | "qualification" | "conversion") {
            let number = event["transaction_id"].as_str().map_or_else(|| format!("x{place}"), str::to_owned);
            event["transaction_id"] = json!(format!("{kind}-{number}"));
        }
    }
    events
}

/// Takes everything back that was ever ordered: each number once, wholly, at any moment, also before the order.
fn reversals(events: &[Sent], random: &mut Random) -> Vec<Sent> {
    let actions = events.iter().filter(|(_, event)| {
        matches!(event["event_type"].as_str(), Some("registration" | "qualification" | "conversion"))
    });
    let numbers: BTreeSet<String> =
        actions.map(|(_, event)| event["transaction_id"].as_str().unwrap().to_owned()).collect();
    let back = |number: String| {
        let kind = random.pick(&["refund", "chargeback"]).copied().unwrap();
        let moment =
            Timestamp(1_767_225_600_000_000 + i64::try_from(random.below(30 * 86_400)).unwrap() * 1_000_000);
        let event: Value = json!({
            "event_id": format!("back-{number}"), "event_type": kind, "transaction_id": number,
            "timestamp": moment.to_string(),
        });
        ("shop", event)
    };
    numbers.into_iter().map(back).collect()
}

fn rulings(random: &mut Random, count: u64) -> Vec<Step> {
    let one = |_| {
        let ruling = random.pick(&[Ruling::Separate, Ruling::Separate, Ruling::Join, Ruling::Rejoin]);
        let (ruling, names) = (ruling.copied().unwrap(), NAMES.len() as u64);
        let (one, other) = (random.below(names), random.below(names - 1));
        let other = if other >= one { other + 1 } else { other };
        Step::Ruled(ruling, usize::try_from(one).unwrap(), usize::try_from(other).unwrap())
    };
    (0..count).map(one).collect()
}

/// Does the steps in their order and settles after each ruling; answers how many rulings there were.
fn done(house: &mut House, steps: &[Step]) -> usize {
    let mut ruled = 0;
    for (step, number) in steps.iter().zip(0i64..) {
        let moment = Timestamp(TOLD + number * 1_000_000);
        match step {
            Step::Told(sent) => drop(house.take(std::slice::from_ref(sent), Way::Events, moment)),
            Step::Ruled(ruling, one, other) => {
                house.settle();
                ruled += usize::from(rule(house, *ruling, NAMES[*one], NAMES[*other], moment));
            }
        }
    }
    house.settle();
    house.holds();
    ruled
}

/// What partners are owed, by partner and currency, where it is anything.
fn owed(house: &House) -> BTreeMap<(String, String), i64> {
    let mut owed: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (_, conversion) in house.desk.state.conversions(&ConversionFilter::default(), None, 100_000).unwrap()
    {
        for line in &conversion.commissions {
            *owed.entry((line.partner.to_string(), line.granted.currency.to_string())).or_default() +=
                line.owed;
        }
    }
    owed.retain(|_, minor| *minor != 0);
    owed
}

/// The world of a seed with its reversals and rulings, each shuffled among the others; and the same without the reversals.
fn steps(seed: u64, count: u64) -> (Vec<Step>, Vec<Step>) {
    let mut random = Random::of(seed, 21, count);
    let events = numbered(seed, count);
    let back: Vec<Step> = reversals(&events, &mut random).into_iter().map(Step::Told).collect();
    let mut kept: Vec<Step> = events.into_iter().map(Step::Told).collect();
    kept.extend(rulings(&mut random, 8));
    let all = kept.iter().cloned().chain(back).collect();
    (shuffle(all, seed), kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_ruled_in_between_all_reversals_together_return_everybody_to_zero(
        seed: u64, count in 20u64..70, order: u64,
    ) {
        let mut house = House::new(Ground::Sqlite, SET_UP, 1 + order % 30);
        let (all, _) = steps(seed, count);
        done(&mut house, &all);
        prop_assert_eq!(owed(&house), BTreeMap::new());
        prop_assert_eq!(house.desk.state.balances().unwrap(), vec![]);
        let records = house.desk.log.read_after(Sequence(0), 10_000).unwrap();
        prop_assert_eq!(log_in_disorder(Ground::Sqlite, &records, order), house.hash());
    }
}

#[test]
fn rulings_and_reversals_end_in_one_state_with_nothing_owed_on_both_engines() {
    let (mut ruled, mut had) = (0, 0);
    for seed in 0..4 {
        let (all, kept) = steps(seed, 60);
        let mut without = House::new(Ground::Sqlite, SET_UP, 50);
        done(&mut without, &kept);
        had += owed(&without).len();
        assert_eq!(without.desk.state.balances().unwrap().is_empty(), owed(&without).is_empty());

        let ground = if seed % 2 == 0 { Ground::Postgres } else { Ground::Sqlite };
        let mut house = House::new(ground, SET_UP, 20);
        ruled += done(&mut house, &all);
        assert_eq!(owed(&house), BTreeMap::new(), "world {seed}");
        assert_eq!(house.desk.state.balances().unwrap(), vec![], "world {seed}");
        let records = house.desk.log.read_after(Sequence(0), 10_000).unwrap();
        let other = if seed % 2 == 0 { Ground::Sqlite } else { Ground::Postgres };
        assert_eq!(log_in_disorder(other, &records, seed), house.hash(), "world {seed}");
    }
    assert!(ruled > 8, "{ruled} rulings");
    assert!(had > 4, "without the reversals {had} partners were owed something");
}
