//! What decided about a touchpoint: the level of the set-up and its version, the channel's rule, the cart.

use serde_json::{Value, json as value};

use super::{json, told, told_to};
use crate::workbench::Workbench;

/// Ben has a window of his own, the tier one for impressions, a goal a model; the campaign changed on 1 February.
const SET_UP: &str = "
brands:
- key: acme
  currency: EUR
  stand_down: {after: cart, within: 20m}
  tiers: {conversion: {view: 3h, model: first_touch}}
  channels: {rules: [{channel: brand_search, click_ids: [gclid], utm_source: [acme]}]}
plans: [{key: tenth, rules: [{goal: purchase, pays: '10%'}, {goal: ftd, pays: '10%'}]}]
campaigns:
- {key: spring, tier: conversion, destination: 'https://acme.example/', model: linear, plan: tenth, effective_from: 2026-01-01T00:00:00Z}
- key: spring
  tier: conversion
  destination: 'https://acme.example/'
  plan: tenth
  windows: {click: 9d}
  minimum_time: 5s
  goals: [{goal: ftd, model: linear, windows: {click: 12d}}]
  effective_from: 2026-02-01T00:00:00Z
partners: [{key: anna, kind: creator}, {key: ben, kind: affiliate, windows: {click: 4d}}]
links: [{key: a, partner: anna, campaign: spring}, {key: b, partner: ben, campaign: spring}]
sources: [{key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}]
";

fn event(kind: &str, at: &str, more: &str) -> String {
    format!(r#"{{"event_type":"{kind}","timestamp":"2026-03-{at}Z","customer_id":"c",{more}}}"#)
}

fn sent(events: &[String]) -> Workbench {
    let mut bench = Workbench::with(SET_UP);
    let outcomes = bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|outcome| outcome.event_id.is_some()));
    bench
}

/// The touchpoints of anna and ben in the explanation of an order.
fn touchpoints(explained: &Value) -> (&Value, &Value) {
    let all = explained["conversion"]["touchpoints"].as_array().unwrap();
    let of = |who: &str| all.iter().find(|each| each["earner"] == who).unwrap();
    (of("anna"), of("ben"))
}

const FEBRUARY: &str = "2026-02-01T00:00:00.000000Z";

#[test]
fn windows_minimum_times_and_models_name_their_level_and_version() {
    let bench = sent(&[
        event("click", "01T10:00:00", r#""link":"a""#),
        event("click", "02T10:00:00", r#""link":"b""#),
        event("impression", "02T11:00:00", r#""link":"b""#),
        event("conversion", "03T10:00:00", r#""transaction_id":"1","value":"90.00""#),
        event("qualification", "03T11:00:00", r#""transaction_id":"2","goal":"ftd","value":"90.00""#),
    ]);
    let purchase = json(&told(&bench, "1"));
    let (anna, ben) = touchpoints(&purchase);
    let since = anna["window_stated_at"]["effective_from"].as_str().unwrap();
    assert!(FEBRUARY.starts_with(&since[..19]), "{since}");
    let of_campaign =
        value!({"level": "campaign", "kind": "campaign", "key": "spring", "effective_from": since});
    assert_eq!((&anna["window_stated_at"], &anna["window_seconds"]), (&of_campaign, &value!(9 * 86_400)));
    assert_eq!(ben["window_stated_at"], value!({"level": "partner", "kind": "partner", "key": "ben"}));
    assert_eq!(anna["minimum_time"], value!({"seconds": 5, "stated_at": of_campaign}));
    let view = purchase["conversion"]["touchpoints"].as_array().unwrap();
    let view = view.iter().find(|each| each["kind"] == "impression").unwrap();
    let of_brand = |level: &str| value!({"level": level, "kind": "brand", "key": "acme"});
    assert_eq!((&view["window_stated_at"], &view["window_seconds"]), (&of_brand("tier"), &value!(3 * 3_600)));
    assert_eq!(purchase["conversion"]["sharing"]["stated_at"], of_brand("tier"));

    let deposit = json(&told(&bench, "2"));
    let mut of_goal = of_campaign.clone();
    of_goal["level"] = value!("goal");
    let (anna, ben) = touchpoints(&deposit);
    assert_eq!((&anna["window_stated_at"], &ben["window_stated_at"]), (&of_goal, &of_goal));
    assert_eq!(deposit["conversion"]["sharing"]["stated_at"], of_goal);
    let prose = told(&bench, "1").prose();
    for sentence in [
        "set for its campaign by campaign spring, since 2026-02-01",
        "set for its partner by partner ben, always",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }
}

#[test]
fn a_touchpoint_names_its_paid_click_id_and_the_rule_that_made_its_channel() {
    let bench = sent(&[
        event("click", "01T10:00:00", r#""gclid":"Cj0KCQjw-secret-rest","utm_source":"Acme""#),
        event("click", "02T10:00:00", r#""msclkid":"ms1""#),
        event("click", "02T11:00:00", r#""channel":"email""#),
        event("click", "02T12:00:00", r#""utm_source":"somebody""#),
        event("click", "02T13:00:00", r#""link":"a","fbclid":"IwAR0-long-enough""#),
        event("conversion", "03T10:00:00", r#""transaction_id":"1","value":"90.00""#),
    ]);
    let order = json(&told(&bench, "1"));
    let all = order["conversion"]["touchpoints"].as_array().unwrap();
    let of = |place: usize| (&all[place]["channel"], &all[place]["paid_click"]);
    assert_eq!(
        of(0),
        (
            &value!({"channel": "brand_search", "rule": "own_rule", "place": 1, "carries": ["gclid", "utm_source"],
                "stated_at": {"level": "brand", "kind": "brand", "key": "acme"}}),
            &value!({"parameter": "gclid", "value": "Cj0KCQjw...", "made_channel": true})
        )
    );
    assert_eq!(
        of(1),
        (
            &value!({"channel": "paid_search", "rule": "built_in_rule", "carries": ["msclkid"], "stated_at": {"level": "built_in"}}),
            &value!({"parameter": "msclkid", "value": "ms1", "made_channel": true})
        )
    );
    assert_eq!(of(2), (&value!({"channel": "email", "rule": "named"}), &Value::Null));
    assert_eq!(of(3).0["rule"], "no_rule");
    assert_eq!(
        of(4),
        (&Value::Null, &value!({"parameter": "fbclid", "value": "IwAR0-lo...", "made_channel": false}))
    );
    let prose = told(&bench, "1").prose();
    for sentence in [
        "Its channel is brand_search: rule 1 of the brand's own by gclid and utm_source",
        "It carries the paid click id gclid Cj0KCQjw...; it made the channel.",
        "It carries the paid click id fbclid IwAR0-lo...; it did not make the channel.",
        "Its channel is email: the sender names it.",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }
    let click = json(&told(&bench, all[0]["event_id"].as_str().unwrap()));
    assert_eq!(click["arrived"]["channel"], *of(0).0);
    let seen = json(&told_to(&bench, "anna", "1"));
    let own = &seen["conversion"]["touchpoints"][0];
    assert_eq!(own["paid_click"], value!({"parameter": "fbclid", "made_channel": false}));
    assert!(!seen.to_string().contains("gclid") && !seen.to_string().contains("brand_search"), "{seen}");
}

#[test]
fn a_touchpoint_that_stood_down_names_the_cart_s_moment_what_told_it_and_the_rule() {
    let told_by_event = [
        event("qualification", "03T09:50:00", r#""goal":"cart""#),
        event("conversion", "03T10:00:00", r#""transaction_id":"1","value":"90.00""#),
    ];
    let told_by_order = [event(
        "conversion",
        "03T10:00:00",
        r#""transaction_id":"1","value":"90.00","cart_opened_at":"2026-03-03T09:50:00Z""#,
    )];
    for (told_by, events) in [("cart", &told_by_event[..]), ("order", &told_by_order)] {
        let clicks =
            [event("click", "01T10:00:00", r#""link":"a""#), event("click", "03T09:55:00", r#""link":"b""#)];
        let bench = sent(&[&clicks[..], events].concat());
        let order = json(&told(&bench, "1"));
        let (anna, ben) = touchpoints(&order);
        assert_eq!((&anna["verdict"]["code"], &anna["stand_down"]), (&value!("eligible"), &Value::Null));
        assert_eq!(ben["verdict"]["code"], "stand_down");
        let stood = &ben["stand_down"];
        assert_eq!((&stood["seconds_after_cart"], &stood["within_seconds"]), (&value!(300), &value!(1_200)));
        assert_eq!(stood["stated_at"], value!({"level": "brand", "kind": "brand", "key": "acme"}));
        assert_eq!(stood["cart"]["told_by"], told_by);
        assert!(stood["cart"]["opened_at"].as_str().unwrap().starts_with("2026-03-03T09:50:00"), "{stood}");
        assert_eq!(stood["cart"], order["conversion"]["cart"]);
        let teller = json(&told(&bench, stood["cart"]["event_id"].as_str().unwrap()));
        assert_eq!(teller["what"], if told_by == "cart" { "qualification" } else { "conversion" });
        let seen = told_to(&bench, "ben", "1");
        assert!(
            seen.prose().contains("stand down for whoever brought the customer before"),
            "{}",
            seen.prose()
        );
        let seen = json(&seen);
        let own = &seen["conversion"]["touchpoints"][0]["stand_down"];
        assert_eq!(
            (&own["cart"]["opened_at"], &own["cart"]["event_id"]),
            (&stood["cart"]["opened_at"], &Value::Null)
        );
        assert!(!seen.to_string().contains("anna"), "{seen}");
    }
}
