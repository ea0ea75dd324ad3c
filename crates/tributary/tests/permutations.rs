//! The state is a function of the set of facts: any order, any repetition, any split, any way in, either engine, any keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::HashMap;

use harness::client::Client;
use harness::disorder::{log_in_disorder, rule};
use harness::facts::world;
use harness::house::{Ground, House, Sent};
use harness::sender::as_query;
use harness::{Installation, SET_UP};
use proptest::prelude::*;
use serde_json::Value;
use tributary::operations::payout;
use tributary_domain::fact::PayoutStep;
use tributary_domain::identity::Ruling;
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;
use tributary_sim::disorder::{duplicate, shuffle, split};
use tributary_sim::random::Random;
use tributary_sim::world::{Secrets, SetUp, set_up};
use tributary_sim::{Parameters, simulate};
use tributary_store::log::{Sequence, Way};
use tributary_store::state::ConversionFilter;

/// When the events are told: long after they happened, in microseconds.
const TOLD: i64 = 1_780_000_000_000_000;
const WAYS: [Way; 4] = [Way::Events, Way::Webhook, Way::Postback, Way::Import];

/// Takes events in disorder, settles after every batch and proves every law each time; answers the hash.
fn in_disorder(ground: Ground, set_up: &str, events: &[Sent], seed: u64) -> String {
    let mut random = Random::of(seed, 1, 0);
    let mut house = House::new(ground, set_up, 1 + random.below(30));
    let told = duplicate(shuffle(events.to_vec(), seed), 200_000, seed);
    for (place, batch) in (0i64..).zip(split(told, 1 + events.len() / 6, seed)) {
        let way = random.pick(&WAYS).copied().unwrap();
        house.take(&batch, way, Timestamp(TOLD + place * 1_000_000));
        house.settle();
        house.holds();
    }
    house.hash()
}

/// Takes events in their own order, all at once.
fn in_order(ground: Ground, set_up: &str, events: &[Sent]) -> String {
    let mut house = House::new(ground, set_up, 10_000);
    house.take(events, Way::Events, Timestamp(TOLD));
    house.settle();
    house.holds();
    house.hash()
}

fn cases(default: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: wanted.unwrap_or(default),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn any_order_repetition_split_and_way_in_ends_in_one_state_on_sqlite(
        seed: u64, count in 1u64..60, order: u64,
    ) {
        let events = world(seed, count);
        let expected = in_order(Ground::Sqlite, SET_UP, &events);
        prop_assert_eq!(in_disorder(Ground::Sqlite, SET_UP, &events, order), expected);
    }
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn any_order_repetition_split_and_way_in_ends_in_the_same_state_on_postgresql(
        seed: u64, count in 20u64..60, order: u64,
    ) {
        let events = world(seed, count);
        let expected = in_order(Ground::Sqlite, SET_UP, &events);
        prop_assert_eq!(in_disorder(Ground::Postgres, SET_UP, &events, order), expected);
    }
}

/// A small world in which partners were paid meanwhile: two runs, one of whose payments failed, and more events after each.
fn with_payouts(seed: u64) -> House {
    let mut house = House::new(Ground::Sqlite, SET_UP, 100);
    let brand = BrandKey::parse("acme").unwrap();
    let events = world(seed, 90);
    let moment = |run: i64| Timestamp(TOLD + run * 3_600_000_000);
    for (run, batch) in (1i64..).zip(events.chunks(30)) {
        house.take(batch, Way::Events, moment(run));
        let name = format!("run-{run}");
        let prepared = payout::prepare(&mut house.desk, &brand, &name, moment(run), moment(run)).unwrap();
        let references: HashMap<String, String> = prepared
            .payouts
            .iter()
            .map(|each| (each.payout.clone(), format!("bank-{}", each.payout)))
            .collect();
        let last = if run == 2 { PayoutStep::Failed } else { PayoutStep::Settled };
        for step in [PayoutStep::Approved, PayoutStep::Exported, last] {
            // The newest run stays half way.
            if !references.is_empty() && (run < 3 || step == PayoutStep::Approved) {
                payout::advance(&mut house.desk, &brand, &name, step, &references, moment(run)).unwrap();
            }
        }
        house.settle();
        house.holds();
    }
    house
}

#[test]
fn payouts_lead_to_one_state_whenever_the_events_around_them_arrive() {
    let mut paid = 0;
    for seed in 0..6 {
        let house = with_payouts(seed);
        let records = house.desk.log.read_after(Sequence(0), 10_000).unwrap();
        paid += house.desk.state.payouts(None, 100).unwrap().len();
        for order in 0..2 {
            assert_eq!(
                log_in_disorder(Ground::Sqlite, &records, order),
                house.hash(),
                "world {seed}, order {order}"
            );
        }
        if seed == 0 {
            assert_eq!(log_in_disorder(Ground::Postgres, &records, 9), house.hash(), "on PostgreSQL");
        }
    }
    assert!(paid > 6, "{paid} payouts");
}

/// What is booked, whoever's.
fn booked(house: &House) -> Vec<(tributary_domain::ids::EventId, String)> {
    let all = house.desk.state.conversions(&ConversionFilter::default(), None, 100_000).unwrap();
    all.into_iter().map(|(_, conversion)| (conversion.event_id, format!("{conversion:?}"))).collect()
}

/// A small world about whose people an operator ruled now and then; answers how many rulings there were.
fn with_rulings(seed: u64) -> (House, usize) {
    let mut house = House::new(Ground::Sqlite, SET_UP, 100);
    let mut random = Random::of(seed, 9, 0);
    let names = [
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
    let mut ruled = 0;
    for (step, batch) in (1i64..).zip(world(seed, 90).chunks(30)) {
        let moment = Timestamp(TOLD + step * 3_600_000_000);
        house.take(batch, Way::Events, moment);
        house.settle();
        for _ in 0..4 {
            let ruling = random
                .pick(&[Ruling::Separate, Ruling::Separate, Ruling::Join, Ruling::Rejoin])
                .copied()
                .unwrap();
            let (one, other) = (random.pick(&names).unwrap(), random.pick(&names).unwrap());
            if one != other {
                ruled += usize::from(rule(&mut house, ruling, one, other, moment));
            }
        }
    }
    (house, ruled)
}

#[test]
fn rulings_on_identity_lead_to_one_state_in_any_order_on_both_engines() {
    let mut rulings = 0;
    for seed in 0..6 {
        let (house, ruled) = with_rulings(seed);
        rulings += ruled;
        let records = house.desk.log.read_after(Sequence(0), 10_000).unwrap();
        for order in 0..2 {
            assert_eq!(
                log_in_disorder(Ground::Sqlite, &records, order),
                house.hash(),
                "world {seed}, order {order}"
            );
        }
        if seed < 2 {
            assert_eq!(log_in_disorder(Ground::Postgres, &records, 9), house.hash(), "on PostgreSQL");
        }
    }
    assert!(rulings > 20, "{rulings} rulings");
}

#[test]
fn taking_a_ruling_back_returns_everybody_to_what_he_had() {
    let mut changed = 0;
    for seed in 0..8 {
        let mut house = House::new(Ground::Sqlite, SET_UP, 100);
        let moment = |hour: i64| Timestamp(TOLD + hour * 3_600_000_000);
        house.take(&world(seed, 80), Way::Events, moment(0));
        house.settle();
        let (before, balances) = (booked(&house), house.desk.state.balances().unwrap());
        for (hour, (ruling, one, other)) in (1i64..).zip([
            (Ruling::Separate, "customer:c0", "customer:c1"),
            (Ruling::Separate, "customer:c2", "visitor:v1"),
            (Ruling::Join, "customer:c3", "customer:c4"),
        ]) {
            rule(&mut house, ruling, one, other, moment(hour));
            changed += usize::from(booked(&house) != before);
            rule(&mut house, Ruling::Rejoin, one, other, moment(hour));
            assert_eq!(booked(&house), before, "world {seed}: {one} and {other}");
            assert_eq!(house.desk.state.balances().unwrap(), balances, "world {seed}");
        }
    }
    assert!(changed > 0, "some ruling changed something");
}

fn secrets() -> Secrets {
    let secret = || harness::SHOP_SECRET.to_owned();
    Secrets { site: secret(), shop: secret(), crm: secret(), network: secret() }
}

/// The simulated brand's set-up.
fn lumen() -> String {
    set_up(&SetUp { shop_address: "https://shop.example", secrets: &secrets() })
}

/// Journeys of the simulated brand, late and doubled deliveries included.
fn journeys(clicks: u64) -> Vec<Sent> {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let deliveries = simulate(&Parameters::new(7, clicks, start));
    deliveries.map(|each| (each.source, serde_json::from_str(&each.event.to_json()).unwrap())).collect()
}

#[test]
fn simulated_journeys_end_in_one_state_on_both_engines() {
    let events = journeys(250);
    let expected = in_order(Ground::Sqlite, &lumen(), &events);
    assert_eq!(in_order(Ground::Postgres, &lumen(), &events), expected);
    for seed in 1..3 {
        assert_eq!(in_disorder(Ground::Sqlite, &lumen(), &events, seed), expected, "seed {seed}");
    }
    assert_eq!(in_disorder(Ground::Postgres, &lumen(), &events, 3), expected);
}

#[test]
fn installations_with_other_keys_reach_the_same_state() {
    // Clicks without a foreign id are issued one of our own, which holds a key of the installation.
    let mut events = world(11, 60);
    for (_, event) in &mut events {
        event.as_object_mut().unwrap().remove("click_id");
    }
    let (mut first, mut second) =
        (House::new(Ground::Sqlite, SET_UP, 7), House::new(Ground::Sqlite, SET_UP, 7));
    let told = first.take(&events, Way::Events, Timestamp(TOLD));
    let other = second.take(&events, Way::Events, Timestamp(TOLD));
    let ids = |outcomes: &[tributary::edge::outcome::Outcome]| -> Vec<String> {
        outcomes.iter().filter_map(|outcome| outcome.click_id.clone()).collect()
    };
    assert!(!ids(&told).is_empty());
    assert!(ids(&told).iter().all(|id| !ids(&other).contains(id)), "the keys differ");
    first.settle();
    second.settle();
    assert_eq!(first.hash(), second.hash());
}

/// Sends a batch of one source through a door of a running server.
fn through_a_door(http: &Client, way: u64, source: &str, events: &[Value]) {
    let token = format!("Bearer {}", harness::SHOP_SECRET);
    let headers = [("authorization", token.as_str())];
    match way {
        0 => {
            for event in events {
                let form = [headers[0], ("content-type", "application/x-www-form-urlencoded")];
                stored(&http.post(&format!("/postback/{source}"), &form, as_query(event)));
            }
        }
        1 => {
            for event in events {
                let body = event.to_string();
                let signature = harness::sender::signature("shop", body.as_bytes());
                stored(&http.post(
                    &format!("/webhooks/{source}"),
                    &[("x-webhook-signature", &signature)],
                    body,
                ));
            }
        }
        2 => {
            let lines: Vec<String> = events.iter().map(Value::to_string).collect();
            stored(&http.post(&format!("/v1/events?source={source}"), &headers, lines.join("\n")));
        }
        _ => {
            stored(&http.post(
                &format!("/v1/events?source={source}"),
                &headers,
                Value::from(events.to_vec()).to_string(),
            ));
        }
    }
}

#[track_caller]
fn stored(answer: &harness::client::Answer) {
    assert!(matches!(answer.status, 200 | 202), "{answer:?}");
}

fn through_the_program(installation: &Installation, events: &[Sent], seed: u64) -> String {
    installation.apply(&lumen());
    let server = installation.serve();
    let mut random = Random::new(seed);
    let told = duplicate(shuffle(events.to_vec(), seed), 100_000, seed);
    for batch in split(told, 40, seed) {
        for source in ["lumen_site", "lumen_shop", "lumen_crm", "meshline_network"] {
            let own = batch.iter().filter(|(from, _)| *from == source);
            let own: Vec<Value> = own.map(|(_, event)| event.clone()).collect();
            if !own.is_empty() {
                through_a_door(&server.http, random.below(4), source, &own);
            }
        }
        if random.chance(300_000) {
            server.settled();
        }
    }
    server.settled();
    installation.verify();
    installation.replay_equals();
    installation.state_hash()
}

#[test]
fn the_program_reaches_the_same_state_through_its_doors_on_both_engines() {
    let events = journeys(250);
    let expected = in_order(Ground::Sqlite, &lumen(), &events);
    assert_eq!(through_the_program(&Installation::embedded(), &events, 4), expected, "on SQLite");
    assert_eq!(through_the_program(&Installation::postgres(), &events, 5), expected, "on PostgreSQL");
}
