//! Whatever a command, an answer or a page prints as an id can be asked for, and says what it is: by command and by HTTP, to the operator
//! and to a partner.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{click, purchase, tell, webhook};
use harness::{Installation, SET_UP, Server, timestamp_ago};
use serde_json::{Value, json};

const HOUR: i64 = 3_600;

/// Something that can be asked for.
struct Asked {
    id: String,
    /// What the answer begins with, as its `what`.
    what: &'static str,
    /// Words that stand in it.
    says: &'static str,
    /// Whether anna may know of it.
    is_anna_s: bool,
}

fn ask(id: impl Into<String>, what: &'static str, says: &'static str, is_anna_s: bool) -> Asked {
    Asked { id: id.into(), what, says, is_anna_s }
}

/// What was told to the server, by the ids that it answered.
struct World {
    click_id: String,
    click: String,
    impression: String,
    registration: String,
    order: String,
    identify: String,
    refund: String,
    rival_click: String,
}

fn told(server: &Server) -> World {
    let http = &server.http;
    let event = |kind: &str, ago: i64, more: &Value| {
        let mut event = json!({"event_type": kind, "customer_id": "c-1", "timestamp": timestamp_ago(ago)});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tell(http, &event).event_id()
    };
    let impression = event("impression", 9 * HOUR, &json!({"link": "anna-even"}));
    let click = tell(http, &click("anna-even", "c-1", &timestamp_ago(8 * HOUR))).event_id();
    let rival_click = event("click", 7 * HOUR, &json!({"link": "bert-even"}));
    let identify = event("identify", 6 * HOUR, &json!({"visitor_id": "v-1"}));
    let registration = event("registration", 5 * HOUR, &json!({"status": "approved"}));
    let mut order = purchase("o-1", "100.00", "c-1", &timestamp_ago(4 * HOUR));
    order["status"] = json!("approved");
    order["promo_code"] = json!("ANNA10");
    let order = webhook(http, "shop", order.to_string()).accepted().event_id();
    let refund =
        event("refund", 3 * HOUR, &json!({"transaction_id": "o-1", "value": "10.00", "currency": "EUR"}));
    // A click by the door, named by an order that tells nothing else: known by its click id.
    let click_id = http.click("anna-summer");
    let named = json!({"event_type": "conversion", "transaction_id": "o-2", "value": "5.00", "currency": "EUR", "click_id": click_id});
    tell(http, &named);
    server.settled();
    World { click_id, click, impression, registration, order, identify, refund, rival_click }
}

/// The partner's credit and commission in an order, as `/v1/conversions` prints them.
fn of_partner<'c>(conversion: &'c Value, list: &str, partner: &str) -> &'c str {
    let found = conversion[list].as_array().unwrap().iter().find(|each| each["partner"] == partner);
    found.unwrap_or_else(|| panic!("{conversion:#}"))["id"].as_str().unwrap()
}

#[test]
fn every_kind_of_id_that_is_printed_can_be_asked_for() {
    let installation = Installation::embedded();
    installation.apply(SET_UP);
    let server = installation.serve();
    let world = told(&server);
    server.stop();
    let run = installation.json(&["payout", "prepare", "--run", "one"]);
    let payouts = run["payouts"].as_array().unwrap();
    let payout = |partner: &str| {
        let found = payouts.iter().find(|payout| payout["partner"] == partner);
        found.unwrap_or_else(|| panic!("{run:#}"))["payout"].as_str().unwrap().to_owned()
    };
    let server = installation.serve();
    let order = server.conversion("o-1");
    let explained_payout = installation.json(&["explain", &payout("anna")]);
    let line = explained_payout["payout"]["lines"][0]["id"].as_str().unwrap().to_owned();
    let explained_order = installation.json(&["explain", "o-1"]);
    let entry = explained_order["conversion"]["entries"].as_array().unwrap().iter();
    let entry = entry.clone().find(|entry| entry.to_string().contains("anna")).unwrap()["number"].to_string();

    let all = [
        ask(&world.click_id, "click", "anna-summer", true),
        ask(&world.click, "click", "anna-even", true),
        ask(&world.impression, "impression", "view_outranked", true),
        ask(&world.rival_click, "click", "bert-even", false),
        ask(&world.registration, "registration", "registration", true),
        ask(&world.identify, "identify", "recorded", false),
        ask(&world.order, "conversion", "Transaction o-1", true),
        ask("o-1", "conversion", "Transaction o-1", true),
        ask("c-1", "conversion", "Transaction o-1", true),
        ask(&world.refund, "refund", "10.00", true),
        ask(of_partner(&order, "credits", "anna"), "credit of anna", "a share of", true),
        ask(of_partner(&order, "credits", "bert"), "credit of bert", "a share of", false),
        ask(of_partner(&order, "commissions", "anna"), "commission of anna", "purchase", true),
        ask(of_partner(&order, "commissions", "bert"), "commission of bert", "purchase", false),
        ask(payout("anna"), "payout", "prepared", true),
        ask(payout("bert"), "payout", "prepared", false),
        ask(line, "payout line of anna", "conversion", true),
        ask(format!("#{entry}"), "entry", "debit", true),
        ask(format!("acme#{entry}"), "entry", "debit", true),
    ];
    for Asked { id, what, says, is_anna_s } in &all {
        let told = installation.json(&["explain", id]);
        assert_eq!(told["what"], *what, "{id}: {told:#}");
        let prose = installation.run(&["explain", id]).ok();
        assert!(prose.contains(says), "{id} lacks {says}: {prose}");
        assert!(told["sections"].as_array().unwrap().len() >= 3, "{id}: {prose}");
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("id", id).finish();
        let answer = server.http.get(&format!("/v1/explanations?{query}"));
        assert_eq!((answer.status, answer.json()), (200, told), "{id}");

        let seen = server.http.get(&format!("/v1/explanations?{query}&partner=anna"));
        assert_eq!(seen.status, if *is_anna_s { 200 } else { 404 }, "{id}: {}", seen.body);
        for word in ["bert", world.rival_click.as_str()] {
            let told = seen.body.replace(id.as_str(), "ID");
            assert!(!told.contains(word), "anna asks for {id} and is told {word}: {told}");
        }
    }

    // What has no event of its own: a code, a link, a time.
    for (id, code) in [("anna10", "is_a_code"), ("retired", "link_inactive"), ("o-77", "never_received")] {
        let nothing = installation.run(&["explain", id, "--format", "json"]);
        assert_eq!(
            (nothing.code, nothing.json()["progress"]["causes"][0]["code"].clone()),
            (1, json!(code)),
            "{id}"
        );
    }
    let time = format!("{}..{}", timestamp_ago(10 * HOUR), timestamp_ago(-HOUR));
    let period = installation.json(&["explain", "--time", &time, "--source", "shop"]);
    assert_eq!(period["what"], "period");
    let counted = period["sections"][0]["lines"].to_string();
    for kind in ["2 click", "1 impression", "2 conversion", "1 registration", "1 refund", "1 identify"] {
        assert!(counted.contains(kind), "{kind}: {counted}");
    }
    let (from, to) = time.split_once("..").unwrap();
    let asked = |more: &str| server.http.get(&format!("/v1/explanations?from={from}&to={to}{more}"));
    assert_eq!(asked("&source=shop").json(), period);
    for (more, status) in [("&source=nobody", 404), ("&partner=anna", 422), ("&id=o-1", 200)] {
        assert_eq!(asked(more).status, status, "{more}");
    }
    assert_eq!(server.http.get(&format!("/v1/explanations?from={to}&to={from}")).status, 422);
    assert_eq!(server.http.get(&format!("/v1/explanations?from={from}")).status, 422);
    installation.verify();
}

#[test]
fn a_placeholder_in_place_of_an_identifier_is_told_as_such() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let visitor = |event: Value| {
        let mut event = event;
        event.as_object_mut().unwrap().remove("customer_id");
        event["visitor_id"] = json!("0");
        event
    };
    tell(&server.http, &visitor(click("anna-even", "-", &timestamp_ago(HOUR))));
    tell(&server.http, &visitor(purchase("o-1", "100.00", "-", &timestamp_ago(60))));
    server.settled();
    let told = installation.json(&["explain", "o-1"]);
    assert_eq!(told["identity"]["ignored"], json!(["visitor_id"]), "{told:#}");
    assert_eq!(told["identity"]["ignored_because"][0]["code"], "identifier_placeholder");
    assert_eq!(told["progress"]["stopped_at"], "joined");
    assert_eq!(told["progress"]["causes"][0]["code"], "identifier_placeholder");
    assert_eq!(told["progress"]["causes"].as_array().unwrap().len(), 1, "{told:#}");
    let prose = installation.run(&["explain", "o-1"]).ok();
    assert!(prose.contains("Its visitor_id joins nobody: It is a placeholder"), "{prose}");
}
