//! The set-up is part of the truth: when it was applied does not matter, only from when on it holds. And whatever is stored explains
//! itself, balances, and can be rebuilt.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::BTreeMap;
use std::time::Duration;

use harness::facts::world;
use harness::house::{Ground, House, Sent};
use harness::sender::{click, purchase, tell};
use harness::{Installation, SET_UP, timestamp_ago};
use serde_json::{Value, json};
use tributary::operations::explaining::Sight;
use tributary_domain::time::Timestamp;
use tributary_sim::disorder::shuffle;
use tributary_store::log::Way;
use tributary_store::state::ConversionFilter;

/// When the events are told: long after they happened, in microseconds.
const TOLD: Timestamp = Timestamp(1_780_000_000_000_000);

/// Changes of every kind that decides about money.
const CHANGES: [&str; 8] = [
    "campaigns: [{key: summer, brand: acme, tier: consideration, destination: \"https://shop.example/summer\", plan: share, \
     windows: {click: 2d}, model: linear}]",
    "campaigns: [{key: brief, brand: acme, tier: conversion, destination: \"https://shop.example/brief\", plan: waits, \
     windows: {click: 12d}, visit_gap: 9h, model: first_touch}]",
    "campaigns: [{key: even, brand: acme, tier: awareness, destination: \"https://shop.example/even\", \
     model: {kind: weighted_last_touch, last_share: \"75%\"}}]",
    "plans: [{key: share, brand: acme, rules: [{goal: purchase, pays: \"33.3333%\"}, {goal: ftd, pays: \"7 EUR\"}], \
     approves_automatically: true}]",
    "partners: [{key: anna, brand: acme, kind: creator, plan: waits}, {key: bert, brand: acme, kind: affiliate, on_hold: true}]",
    "links: [{key: anna-summer, brand: acme, partner: anna, campaign: summer}, \
     {key: bert-summer, brand: acme, partner: bert, campaign: summer, promo_code: BERT5}]",
    "brands: [{key: acme, name: Acme, currency: EUR, most_customers_per_identifier: 2}]",
    "brands: [{key: acme, name: Acme, currency: EUR, customer_ownership: {rule: first_partner, lasts: 9d, inactivity: 4d}, \
     channels: none}]",
];

fn take(house: &mut House, events: &[Sent]) {
    house.take(events, Way::Events, TOLD);
    house.settle();
    house.holds();
}

fn change(house: &mut House, changes: &[(&str, Timestamp)]) {
    for (text, from) in changes {
        house.change(text, *from);
    }
    house.settle();
    house.holds();
}

#[test]
fn a_set_up_applied_before_between_or_after_the_events_ends_in_one_state() {
    let moment = |day: i64| Timestamp::parse(&format!("2026-01-{day:02}T00:00:00Z")).unwrap();
    for seed in 0..8_u64 {
        let place = usize::try_from(seed).unwrap();
        let events = world(100 + seed, 70);
        let changes =
            [(CHANGES[place % 8], moment(3)), (CHANGES[(place + 3) % 8], moment(8)), (SET_UP, moment(13))];
        let mut before = House::new(Ground::Sqlite, SET_UP, 16);
        change(&mut before, &changes);
        take(&mut before, &events);

        let mut after = House::new(Ground::Sqlite, SET_UP, 16);
        take(&mut after, &shuffle(events.clone(), seed));
        change(&mut after, &changes);
        assert_eq!(after.hash(), before.hash(), "world {seed}: events first");

        let ground = if seed == 0 { Ground::Postgres } else { Ground::Sqlite };
        let mut between = House::new(ground, SET_UP, 5);
        for (part, step) in events.chunks(24).zip(0..) {
            take(&mut between, part);
            change(&mut between, changes.get(step..=step).unwrap_or_default());
        }
        assert_eq!(between.hash(), before.hash(), "world {seed}: one after another");
    }
}

/// Clicks around a change of hands: on a link, and without one by a paid click id.
fn clicks_around(change: Timestamp) -> Vec<Sent> {
    let mut events = Vec::new();
    for (number, seconds) in [-4_000, -200, -1, 0, 1, 60, 290].into_iter().enumerate() {
        let moment = Timestamp(change.0 + seconds * 1_000_000).to_string();
        for (kind, carries) in [("link", "anna-summer"), ("gclid", "Cj0")] {
            events.push((
                "shop",
                json!({
                    "event_type": "click", "event_id": format!("{kind}-{number}"), "timestamp": moment,
                    "visitor_id": format!("v{number}"), kind: carries,
                }),
            ));
        }
    }
    events
}

/// Clicks per earner, as the rollups have them.
fn counted(house: &House) -> BTreeMap<String, i64> {
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for (key, measures) in house.desk.state.rollups(None, 1_000).unwrap() {
        *counted.entry(key.earner).or_default() += measures.clicks;
    }
    counted.retain(|_, clicks| *clicks != 0);
    counted
}

#[test]
fn touches_stamped_ahead_belong_to_whoever_has_the_link_at_their_time_whenever_that_was_applied() {
    const HANDED_OVER: &str = "links: [{key: anna-summer, brand: acme, partner: bert, campaign: summer}]";
    const RENAMED: &str = "brands: [{key: acme, name: Acme, currency: EUR, \
         channels: {rules: [{channel: brand_search, click_ids: [gclid]}]}}]";
    let change_at = Timestamp(TOLD.0 + 100_000_000);
    let events = clicks_around(change_at);
    for ground in [Ground::Sqlite, Ground::Postgres] {
        let mut before = House::new(ground, SET_UP, 3);
        change(&mut before, &[(HANDED_OVER, change_at), (RENAMED, change_at)]);
        before.take(&events, Way::Events, change_at);
        before.settle();
        before.holds();

        let mut after = House::new(ground, SET_UP, 3);
        after.take(&shuffle(events.clone(), 3), Way::Events, change_at);
        after.settle();
        assert_eq!(counted(&after)["anna"], 7, "nobody knows of the change yet");
        change(&mut after, &[(RENAMED, change_at), (HANDED_OVER, change_at)]);
        let counts = counted(&after);
        assert_eq!((counts["anna"], counts["bert"], counts["@brand_search"]), (3, 4, 4));
        assert_eq!(after.hash(), before.hash());

        let mut between = House::new(ground, SET_UP, 3);
        for (place, event) in shuffle(events.clone(), 8).into_iter().enumerate() {
            between.take(&[event], Way::Events, change_at);
            match place {
                4 => between.change(HANDED_OVER, change_at),
                9 => between.change(RENAMED, change_at),
                // Not settled at once: the next ones come while the change is still followed.
                _ => {}
            }
        }
        between.settle();
        between.holds();
        assert_eq!(between.hash(), before.hash());
    }
}

#[test]
fn a_link_changes_hands_from_now_on_and_never_for_the_past() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let http = &server.http;
    tell(http, &click("cora-summer", "c-1", &timestamp_ago(3_600)));
    let link = |from: &str| {
        format!("links: [{{key: cora-summer, brand: acme, partner: anna, campaign: summer{from}}}]")
    };
    let past =
        installation.file("past.yaml", link(&format!(", effective_from: \"{}\"", timestamp_ago(7_200))));
    let refused = installation.run(&["apply", past.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("cora-summer") && refused.stderr.contains("past"), "{refused:?}");
    installation.verify();
    // A clock that is two minutes ahead: the click happens when the link is anna's already.
    tell(http, &click("cora-summer", "c-ahead", &timestamp_ago(-120)));
    server.settled();
    installation.apply(&link(""));
    std::thread::sleep(Duration::from_millis(1_200));
    http.click("cora-summer");
    server.settled();
    let partners: Vec<(Value, Value)> = ["c-1", "c-2"]
        .iter()
        .map(|customer| {
            let mut order = purchase(&format!("o-{customer}"), "10.00", customer, "");
            order.as_object_mut().unwrap().remove("timestamp");
            if *customer == "c-2" {
                order["click_id"] = json!(http.click("cora-summer"));
            }
            tell(http, &order);
            let credit = server.conversion(&format!("o-{customer}"))["credits"][0].clone();
            (credit["partner"].clone(), credit["link"].clone())
        })
        .collect();
    assert_eq!(partners, [(json!("cora"), json!("cora-summer")), (json!("anna"), json!("cora-summer"))]);
    installation.verify();
    installation.replay_equals();
}

#[test]
fn whatever_is_stored_explains_itself() {
    for seed in 0..8 {
        let mut house = House::new(Ground::Sqlite, SET_UP, 64);
        take(&mut house, &world(500 + seed, 60));
        let (state, configuration) = (house.desk.state.as_ref(), house.desk.configuration.current());
        let mut ids: Vec<String> = Vec::new();
        for stored in state.facts_by_event(None, 10_000).unwrap() {
            ids.push(stored.fact.event_id.to_string());
            ids.extend(stored.fact.subject.click_id.map(|id| id.as_str().to_owned()));
            ids.extend(stored.fact.body.transaction().map(|number| number.as_str().to_owned()));
        }
        for (_, conversion) in state.conversions(&ConversionFilter::default(), None, 10_000).unwrap() {
            ids.extend(conversion.commissions.iter().map(|line| line.id.to_string()));
        }
        let sight = Sight {
            state,
            log: house.desk.log.as_ref(),
            refusals: house.desk.intake.refusals.store(),
            configuration: &configuration,
            keyring: &house.desk.intake.keyring,
            now: Timestamp(1_790_000_000_000_000),
            viewer: None,
        };
        for id in ids {
            let explanation = sight.explain(&id).unwrap();
            assert_ne!(explanation.what, "nothing", "{id}");
            assert!(!explanation.sections.is_empty(), "{id}");
            let prose = explanation.prose();
            assert!(!prose.contains("Some(") && !prose.contains("None") && !prose.contains(".."), "{prose}");
        }
    }
}

#[test]
fn all_balances_of_a_currency_sum_to_nothing() {
    for seed in 0..8 {
        let mut house = House::new(Ground::Sqlite, SET_UP, 8);
        for part in world(900 + seed, 80).chunks(9) {
            take(&mut house, part);
            let mut sums: BTreeMap<String, i64> = BTreeMap::new();
            for (_, _, money) in house.desk.state.balances().unwrap() {
                *sums.entry(money.currency.to_string()).or_default() += money.minor;
            }
            assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        }
    }
}
