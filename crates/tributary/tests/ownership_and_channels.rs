//! Whose customer somebody is, and by which channel he came, seen from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{bearer, click, purchase, tell};
use harness::{Installation, SET_UP, Server, shares, timestamp_ago};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// The usual set-up with other words about the brand.
fn started(brand: &str) -> (Installation, Server) {
    let installation = Installation::embedded();
    installation.apply(&SET_UP.replacen("currency: EUR}", &format!("currency: EUR, {brand}}}"), 1));
    let server = installation.serve();
    (installation, server)
}

/// A click told by a page: who, when, and what it carries beside.
fn carrying(customer: &str, ago: i64, carries: &Value) -> Value {
    let mut event = json!({"customer_id": customer, "timestamp": timestamp_ago(ago)});
    event.as_object_mut().unwrap().extend(carries.as_object().unwrap().clone());
    event
}

#[track_caller]
fn tell_click(server: &Server, event: &Value) {
    let headers = [("authorization", bearer("shop"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.http.post("/v1/clicks?source=shop", &headers, event.to_string()).accepted();
}

#[test]
fn the_first_partner_keeps_his_customer_and_loses_him_when_the_first_order_is_taken_back() {
    let (installation, server) =
        started("customer_ownership: {rule: first_partner, lasts: 180d, inactivity: 90d}");
    let events = [
        purchase("o-2", "50.00", "c-1", &timestamp_ago(20 * DAY)),
        click("bert-even", "c-1", &timestamp_ago(21 * DAY)),
        purchase("o-1", "100.00", "c-1", &timestamp_ago(60 * DAY)),
        click("anna-even", "c-1", &timestamp_ago(61 * DAY)),
    ];
    for event in &events {
        tell(&server.http, event);
    }
    let owned = server.conversion("o-2");
    assert_eq!(
        (shares(&owned), &owned["reason"]["code"]),
        (vec!["anna 50.00".to_owned()], &json!("customer_owned"))
    );
    let told = installation.run(&["explain", "o-2"]).ok();
    assert!(told.contains("owned_by_other") && told.contains("customer_owned"), "{told}");
    installation.verify();

    tell(
        &server.http,
        &json!({"event_type": "refund", "transaction_id": "o-1", "timestamp": timestamp_ago(DAY)}),
    );
    let anew = server.conversion("o-2");
    assert_eq!(
        (shares(&anew), &anew["reason"]["code"]),
        (vec!["bert 50.00".to_owned()], &json!("attributed"))
    );
    installation.verify();
    installation.replay_equals();
}

#[test]
fn clicks_that_name_nobody_take_their_channel_s_share_and_partners_claims_are_told() {
    let (installation, server) =
        started("channels: {rules: [{channel: brand_search, click_ids: [gclid], utm_source: [Acme]}]}");
    tell(&server.http, &click("anna-even", "c-1", &timestamp_ago(4 * DAY)));
    tell_click(&server, &carrying("c-1", 3 * DAY, &json!({"gclid": "Cj0", "utm_source": "acme"})));
    tell_click(&server, &carrying("c-1", 2 * DAY, &json!({"referrer": "https://www.bing.com/search?q=x"})));
    tell(&server.http, &click("bert-even", "c-1", &timestamp_ago(DAY)));
    tell(&server.http, &purchase("o-1", "100.00", "c-1", &timestamp_ago(60)));
    let earned = shares(&server.conversion("o-1"));
    assert_eq!(earned, ["anna 25.00", "bert 25.00", "brand_search 25.00", "organic 25.00"]);

    let report = installation.json(&["report", "over-attribution", "--wait"]);
    assert_eq!(report["claims"], json!({"conversions": 2, "value": "200.00"}));
    assert_eq!(report["claims_per_conversion"], "2.000");
    assert_eq!(report["claimed_and_other_channels"]["conversions"], 1);
    let text = installation.run(&["report", "over-attribution"]).ok();
    assert!(text.contains("Each claimed conversion is claimed 2.000 times"), "{text}");

    let nothing = json!({"customer_id": "c-2", "sub1": "x"}).to_string();
    let refused = server.http.post("/v1/clicks?source=shop", &[("authorization", &bearer("shop"))], nothing);
    refused.refused(422, "missing_field");
    installation.verify();
    installation.replay_equals();
}

#[test]
fn a_partner_s_link_sold_by_a_platform_stays_his_and_leads_on_whatever_hangs_on_it() {
    let (installation, server) = started("channels: usual");
    let path = format!("/c/anna-summer?gclid=%7Bgclid%7D&msclkid=m1&fbclid={}", "x".repeat(900));
    let answer = server.http.get(&path);
    assert_eq!(answer.status, 302, "{answer:?}");
    let destination = answer.header("location").unwrap().to_owned();
    let click_id = destination.rsplit_once("click_id=").unwrap().1.to_owned();
    let mut order = purchase("o-1", "10.00", "c-1", "");
    order.as_object_mut().unwrap().remove("timestamp");
    order["click_id"] = json!(click_id);
    tell(&server.http, &order);
    assert_eq!(shares(&server.conversion("o-1")), ["anna 10.00"]);
    let told = installation.run(&["explain", &click_id]).ok();
    assert!(told.contains("msclkid = m1") && !told.contains("gclid ="), "{told}");
    installation.verify();
}
