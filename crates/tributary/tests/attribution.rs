//! Who earned what, seen from outside: the rows of the commissioned sample's defects that end in an amount.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{click, events, purchase, tell};
use harness::{Installation, SET_UP, Server, shares, timestamp_ago};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

fn started() -> (Installation, Server) {
    let installation = Installation::set_up();
    let server = installation.serve();
    (installation, server)
}

/// Tells clicks of one customer, so many seconds ago each.
#[track_caller]
fn clicks(server: &Server, customer: &str, told: &[(&str, i64)]) {
    for (link, ago) in told {
        tell(&server.http, &click(link, customer, &timestamp_ago(*ago)));
    }
}

/// Tells a purchase and answers what each partner got of it.
#[track_caller]
fn credited(server: &Server, order: &str, value: &str, customer: &str, ago: i64) -> Vec<String> {
    tell(&server.http, &purchase(order, value, customer, &timestamp_ago(ago)));
    shares(&server.conversion(order))
}

/// The minor units of every credit of a conversion.
fn minor(conversion: &Value) -> Vec<i64> {
    let amounts = conversion["credits"].as_array().unwrap().iter();
    amounts
        .map(|credit| credit["value"]["amount"].as_str().unwrap().replace('.', "").parse().unwrap())
        .collect()
}

#[test]
fn a1_credits_sum_to_the_value_exactly_for_1_to_100_touches() {
    let (installation, server) = started();
    let links = ["anna-summer", "bert-summer", "cora-summer"];
    for (index, count) in [1_i64, 2, 3, 10, 100].into_iter().enumerate() {
        let customer = format!("c-{count}");
        let batch: Vec<Value> = (0..count)
            .map(|number| {
                // Two hours apart: each a visit of its own, the last one last in the list.
                let ago = (count - number) * 7_200 + 600;
                click(links[usize::try_from(number).unwrap() % 3], &customer, &timestamp_ago(ago))
            })
            .collect();
        assert_eq!(events(&server.http, "shop", Value::from(batch).to_string()).status, 202);
        let order = format!("o-{index}");
        tell(&server.http, &purchase(&order, "100.01", &customer, &timestamp_ago(60)));
        let conversion = server.conversion(&order);
        let credits = minor(&conversion);
        assert_eq!(credits.iter().sum::<i64>(), 10_001, "{count} touches: {credits:?}");
        assert_eq!(credits.len(), usize::try_from(count).unwrap());
        if count > 1 {
            assert_eq!(credits.iter().max(), Some(&6_001), "60% to the last touch");
        }
    }
    installation.verify();
}

#[test]
fn a2_the_samples_own_field_names_are_understood_and_a_missing_value_is_refused() {
    let (_installation, server) = started();
    let event = json!({
        "event_type": "conversion", "creator_id": "anna", "user_id": "c-1", "conversion_value": 50, "currency": "EUR",
        "campaign_id": "summer", "timestamp": timestamp_ago(60), "order_id": "o-1",
    });
    tell(&server.http, &event);
    let conversion = server.conversion("o-1");
    assert_eq!(conversion["value"]["amount"], "50.00");
    assert_eq!(shares(&conversion), ["anna 50.00"], "the creator whom the sender names");
    let without =
        json!({"event_type": "conversion", "creator_id": "anna", "user_id": "c-1", "currency": "EUR"});
    let refused = events(&server.http, "shop", without.to_string()).refused(422, "missing_field");
    assert_eq!(refused.json()["reason"]["field"], "value");
}

#[test]
fn a3_a_touch_after_the_conversion_gets_nothing() {
    let (_installation, server) = started();
    clicks(&server, "c-1", &[("anna-summer", 3 * DAY), ("bert-summer", DAY)]);
    assert_eq!(credited(&server, "o-1", "100.00", "c-1", 2 * DAY), ["anna 100.00"]);
}

#[test]
fn a4_late_and_repeated_processing_gives_the_same_credits() {
    let (installation, server) = started();
    // All of it 29 days old when it is told, and the conversion two days after the click.
    clicks(&server, "c-1", &[("anna-summer", 31 * DAY)]);
    assert_eq!(credited(&server, "o-1", "100.00", "c-1", 29 * DAY), ["anna 100.00"]);
    let hash = installation.state_hash();
    installation.replay_equals();
    server.stop();
    let server = installation.serve();
    server.settled();
    assert_eq!(installation.state_hash(), hash);
}

#[test]
fn a5_processing_again_changes_nothing_and_a_refund_takes_the_credit_back() {
    let (installation, server) = started();
    clicks(&server, "c-1", &[("anna-summer", DAY)]);
    let order = purchase("o-1", "100.00", "c-1", &timestamp_ago(60));
    let first = tell(&server.http, &order);
    server.settled();
    let hash = installation.state_hash();
    for _ in 0..3 {
        assert_eq!(events(&server.http, "shop", order.to_string()).status, 200);
    }
    server.settled();
    assert_eq!(installation.state_hash(), hash);
    let conversion = server.conversion("o-1");
    assert_eq!(conversion["event_id"], first.event_id().as_str(), "credits name their conversion");
    assert_eq!(conversion["commissions"][0]["owed"]["amount"], "10.00");
    let refund = |id: &str, value: &str| {
        json!({
            "event_type": "refund", "event_id": id, "transaction_id": "o-1", "value": value, "currency": "EUR",
            "timestamp": timestamp_ago(30),
        })
    };
    tell(&server.http, &refund("f-1", "25.00"));
    assert_eq!(server.conversion("o-1")["commissions"][0]["owed"]["amount"], "7.50");
    assert_eq!(events(&server.http, "shop", refund("f-1", "25.00").to_string()).status, 200);
    assert_eq!(
        server.conversion("o-1")["commissions"][0]["owed"]["amount"],
        "7.50",
        "a repeated refund is one refund"
    );
    tell(&server.http, &refund("f-2", "90.00"));
    let all = server.conversion("o-1");
    assert_eq!(all["refunded"]["amount"], "100.00", "no more flows back than was paid");
    assert_eq!(all["commissions"][0]["owed"]["amount"], "0.00");
    installation.verify();
}

#[test]
fn a7_repeats_of_one_creator_within_a_visit_collapse() {
    let (_installation, server) = started();
    clicks(&server, "c-1", &[("bert-summer", DAY)]);
    for reload in 0..50 {
        clicks(&server, "c-1", &[("anna-summer", 3_600 - reload * 10)]);
    }
    let shared = credited(&server, "o-1", "100.00", "c-1", 60);
    assert_eq!(shared, ["anna 60.00", "bert 40.00"]);
}

#[test]
fn a8_anonymous_clicks_are_stitched_and_unattributed_conversions_wait() {
    let (installation, server) = started();
    let anonymous = json!({
        "event_type": "click", "link": "anna-summer", "visitor_id": "cookie-1", "timestamp": timestamp_ago(DAY),
    });
    tell(&server.http, &anonymous);
    assert_eq!(credited(&server, "o-1", "100.00", "c-1", 600), Vec::<String>::new());
    let stored = server.conversion("o-1");
    assert_eq!(
        stored["reason"]["code"], "no_touchpoint",
        "an unattributed conversion is stored with its reason"
    );
    // The link between cookie and account arrives last.
    let identify = json!({
        "event_type": "identify", "customer_id": "c-1", "visitor_id": "cookie-1", "timestamp": timestamp_ago(10),
    });
    tell(&server.http, &identify);
    assert_eq!(shares(&server.conversion("o-1")), ["anna 100.00"]);
    // By click id alone, under another name at the shop.
    let id = server.http.click("bert-summer");
    let mut order = purchase("o-2", "10.00", "c-2", "");
    order.as_object_mut().unwrap().remove("timestamp");
    order["click_id"] = json!(id);
    tell(&server.http, &order);
    assert_eq!(shares(&server.conversion("o-2")), ["bert 10.00"]);
    // By promo code, without any click.
    let mut order = purchase("o-3", "10.00", "c-3", &timestamp_ago(5));
    order["promo_code"] = json!("anna10");
    tell(&server.http, &order);
    assert_eq!(shares(&server.conversion("o-3")), ["anna 10.00"]);
    installation.verify();
}

#[test]
fn a9_a_thousand_times_a_dime_over_three_touches_is_exactly_a_hundred() {
    let (installation, server) = started();
    clicks(&server, "c-1", &[("anna-even", 3 * DAY), ("bert-even", 2 * DAY), ("cora-even", DAY)]);
    let orders: Vec<Value> = (0..1_000)
        .map(|number| purchase(&format!("o-{number}"), "0.10", "c-1", &timestamp_ago(2_000 - number)))
        .collect();
    assert_eq!(events(&server.http, "shop", Value::from(orders).to_string()).status, 202);
    server.settled();
    let report = installation.json(&["report", "credits"]);
    assert_eq!(report["totals"]["value"], "100.00", "{report:#}");
    // A currency has its own decimals: none, two, three.
    for (order, value, currency) in [("jpy", "1000", "JPY"), ("kwd", "1.001", "KWD"), ("eur", "0.01", "EUR")]
    {
        let mut event = purchase(order, value, "c-1", &timestamp_ago(60));
        event["currency"] = json!(currency);
        tell(&server.http, &event);
        let conversion = server.conversion(order);
        let whole: i64 = value.replace('.', "").parse().unwrap();
        assert_eq!(minor(&conversion).iter().sum::<i64>(), whole, "{conversion:#}");
    }
    installation.verify();
}

#[test]
fn a10_ties_are_broken_alike_whatever_came_first() {
    let at = timestamp_ago(DAY);
    let bought = timestamp_ago(60);
    let told = |links: [&str; 2]| {
        let (_installation, server) = started();
        for link in links {
            tell(&server.http, &click(link, "c-1", &at));
        }
        tell(&server.http, &purchase("o-1", "100.00", "c-1", &bought));
        shares(&server.conversion("o-1"))
    };
    let one = told(["anna-summer", "bert-summer"]);
    assert_eq!(one, told(["bert-summer", "anna-summer"]));
    assert_eq!(one.len(), 2, "{one:?}");
}

/// [`SET_UP`] with another window for clicks on `brief`.
fn with_window(window: &str, from: Option<&str>) -> String {
    let from = from.map(|at| format!(", effective_from: \"{at}\"")).unwrap_or_default();
    format!(
        "campaigns: [{{key: brief, brand: acme, tier: conversion, destination: \"https://shop.example/brief\", \
         windows: {{click: {window}}}, model: last_touch, plan: share{from}}}]"
    )
}

#[test]
fn a11_each_campaigns_windows_and_model_decide_its_credits() {
    let (installation, server) = started();
    // The same two hours: outside one campaign's window, inside another's.
    clicks(&server, "c-1", &[("anna-brief", 7_200)]);
    assert_eq!(credited(&server, "o-1", "100.00", "c-1", 60), Vec::<String>::new());
    assert_eq!(server.conversion("o-1")["reason"]["code"], "no_eligible_touchpoint");
    clicks(&server, "c-2", &[("anna-summer", 7_200)]);
    assert_eq!(credited(&server, "o-2", "100.00", "c-2", 60), ["anna 100.00"]);
    // First touch, linear, weighted, by campaign.
    clicks(&server, "c-3", &[("anna-first", 5 * DAY), ("bert-first", DAY)]);
    assert_eq!(credited(&server, "o-3", "100.00", "c-3", 60), ["anna 100.00"]);
    clicks(&server, "c-4", &[("anna-even", 5 * DAY), ("bert-even", DAY)]);
    assert_eq!(credited(&server, "o-4", "100.00", "c-4", 60), ["anna 50.00", "bert 50.00"]);
    clicks(&server, "c-5", &[("anna-summer", 5 * DAY), ("bert-summer", DAY)]);
    assert_eq!(credited(&server, "o-5", "100.00", "c-5", 60), ["anna 40.00", "bert 60.00"]);
    // The tiers' defaults: 14 days for consideration, 30 for awareness.
    clicks(&server, "c-6", &[("anna-summer", 15 * DAY)]);
    assert_eq!(credited(&server, "o-6", "100.00", "c-6", 60), Vec::<String>::new());
    clicks(&server, "c-7", &[("anna-even", 29 * DAY)]);
    assert_eq!(credited(&server, "o-7", "100.00", "c-7", 60), ["anna 100.00"]);
    installation.verify();
}

#[test]
fn a11_a_window_is_versioned_in_time_and_a_change_settles_again_what_it_concerns() {
    let (installation, server) = started();
    let caught_up = || {
        installation.json(&["report", "credits", "--wait"]);
    };
    clicks(&server, "c-1", &[("anna-brief", 3 * DAY)]);
    tell(&server.http, &purchase("o-1", "10.00", "c-1", &timestamp_ago(2 * DAY)));
    tell(&server.http, &purchase("o-2", "10.00", "c-1", &timestamp_ago(60)));
    let of = |order: &str| shares(&server.conversion(order));
    assert_eq!((of("o-1"), of("o-2")), (vec![], vec![]), "one hour is over for both");
    // From now on: what happened before stays judged by what held then.
    installation.apply(&with_window("10d", None));
    caught_up();
    assert_eq!((of("o-1"), of("o-2")), (vec![], vec![]));
    // From yesterday on: the conversion of a minute ago is settled again, that of two days ago is not.
    installation.apply(&with_window("10d", Some(&timestamp_ago(DAY))));
    caught_up();
    assert_eq!((of("o-1"), of("o-2")), (vec![], vec!["anna 10.00".to_owned()]));
    // And back: the credit and its commission are taken back.
    installation.apply(&with_window("1h", Some(&timestamp_ago(DAY))));
    installation.apply(&with_window("1h", Some(&timestamp_ago(DAY / 2))));
    caught_up();
    assert!(SET_UP.contains("windows: {click: 1h}"));
    installation.verify();
    installation.replay_equals();
}

#[test]
fn a12_a_late_click_attributes_the_conversion_again() {
    let (installation, server) = started();
    assert_eq!(credited(&server, "o-1", "100.00", "c-1", 600), Vec::<String>::new());
    clicks(&server, "c-1", &[("anna-summer", DAY)]);
    assert_eq!(shares(&server.conversion("o-1")), ["anna 100.00"]);
    clicks(&server, "c-1", &[("bert-summer", 7_200)]);
    assert_eq!(shares(&server.conversion("o-1")), ["anna 40.00", "bert 60.00"]);
    let owed: Vec<Value> = server.conversion("o-1")["commissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["owed"]["amount"].clone())
        .collect();
    assert_eq!(owed.len(), 2);
    installation.verify();
}
