//! One event counts once: however often, however many at once, by whatever way in, for ever.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::HashMap;
use std::sync::Barrier;
use std::time::Duration;

use harness::client::Client;
use harness::sender::{
    as_csv, as_query, bearer, click, events, purchase, secret_of, standard_webhook, tell, webhook,
};
use harness::{Installation, Server, seconds_ago, timestamp_ago};
use serde_json::{Value, json};

/// Outcome and event id, as one delivery was answered.
type Told = (String, String);

/// Deliveries in one request of the ways that take several.
const BATCH: usize = 10;

fn told(value: &Value) -> Told {
    let text = |name: &str| value[name].as_str().unwrap_or("none").to_owned();
    (text("status"), text("event_id"))
}

fn told_many(answer: &Value) -> Vec<Told> {
    answer["outcomes"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(told).collect()
}

/// Imports a file through the server and answers its rows' outcomes.
fn import(http: &Client, name: &str, content: &str) -> Vec<Told> {
    let token = bearer("shop");
    let headers = [("authorization", token.as_str())];
    let ticket = http.post(&format!("/v1/imports?source=shop&filename={name}"), &headers, content);
    assert_eq!(ticket.status, 202, "{ticket:?}");
    let id = ticket.json()["id"].as_str().unwrap().to_owned();
    loop {
        let status = http.send("GET", &format!("/v1/imports/{id}"), &headers, b"").json();
        match status["status"].as_str() {
            Some("running") => std::thread::sleep(Duration::from_millis(20)),
            Some("done") => break,
            _ => panic!("{status}"),
        }
    }
    let rows = http.send("GET", &format!("/v1/imports/{id}/rows"), &headers, b"").body;
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (status, event) = (place("status"), place("event_id"));
    reader
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[status].to_owned(), row[event].to_owned()))
        .collect()
}

/// How many ways in [`deliver`] knows.
const WAYS: usize = 10;

/// Delivers an event by one of the ways in: once, or [`BATCH`] times by the ways that take several.
fn deliver(http: &Client, way: usize, event: &Value) -> Vec<Told> {
    let json = event.to_string();
    let token = bearer("shop");
    let secret = String::from_utf8(secret_of("shop").0).unwrap();
    let several: Vec<Value> = vec![event.clone(); BATCH];
    let lines = vec![json.clone(); BATCH].join("\n");
    match way {
        0 => vec![told(&http.get(&format!("/postback/shop?token={secret}&{}", as_query(event))).json())],
        1 => {
            let form =
                [("authorization", token.as_str()), ("content-type", "application/x-www-form-urlencoded")];
            vec![told(&http.post("/postback/shop", &form, as_query(event)).json())]
        }
        2 => {
            let headers = [("x-api-key", secret.as_str()), ("content-type", "application/json")];
            vec![told(&http.post("/postback/shop", &headers, json).json())]
        }
        3 => vec![told(&webhook(http, "shop", json).json())],
        4 => vec![told(&standard_webhook(http, "shop", "msg_1", json).json())],
        5 => vec![told(&events(http, "shop", json).json())],
        6 => told_many(&events(http, "shop", lines).json()),
        7 => told_many(&events(http, "shop", Value::from(several).to_string()).json()),
        8 => import(http, "orders.csv", &as_csv(&several)),
        _ => import(http, "orders.jsonl", &lines),
    }
}

/// Asserts that of so many deliveries exactly one was accepted, and every other one was told of the first.
#[track_caller]
fn exactly_one(outcomes: &[Told], expected: usize) -> String {
    assert_eq!(outcomes.len(), expected);
    let first: Vec<&Told> = outcomes.iter().filter(|(status, _)| status == "accepted").collect();
    assert_eq!(first.len(), 1, "accepted {} times", first.len());
    let others: Vec<&Told> = outcomes.iter().filter(|(status, _)| status != "accepted").collect();
    for (status, event) in others {
        assert_eq!((status.as_str(), event), ("duplicate", &first[0].1));
    }
    first[0].1.clone()
}

/// Asserts that the state holds this conversion once.
#[track_caller]
fn counted_once(server: &Server, installation: &Installation, transaction: &str, event: &str) {
    let conversion = server.conversion(transaction);
    assert_eq!(conversion["event_id"], event);
    assert_eq!(conversion["commissions"].as_array().unwrap().len(), 1, "{conversion:#}");
    assert_eq!(conversion["commissions"][0]["owed"]["amount"], "5.00");
    installation.verify();
}

#[test]
fn of_1000_deliveries_one_after_another_by_any_way_in_exactly_one_counts() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let clicked = tell(&server.http, &click("anna-summer", "c-1", &timestamp_ago(60)));
    let click_id = clicked.json()["click_id"].as_str().unwrap().to_owned();
    let mut event = purchase("order-1", "50.00", "c-1", &timestamp_ago(0));
    event["click_id"] = json!(click_id);
    let before = server.logged();
    let mut outcomes = Vec::new();
    let mut way = 0;
    while outcomes.len() < 1_000 {
        // Ways that take one at a time fill up the last places.
        let fits = outcomes.len() + BATCH <= 1_000;
        outcomes.extend(deliver(&server.http, if fits { way % WAYS } else { way % 6 }, &event));
        way += 1;
    }
    let first = exactly_one(&outcomes, 1_000);
    assert_eq!(server.logged(), before + 1);
    counted_once(&server, &installation, "order-1", &first);
}

fn thousand_at_once(installation: &Installation) {
    installation.apply(harness::SET_UP);
    let server = installation.serve();
    let clicked = tell(&server.http, &click("anna-summer", "c-1", &timestamp_ago(60)));
    let click_id = clicked.json()["click_id"].as_str().unwrap().to_owned();
    let mut event = purchase("order-1", "50.00", "c-1", &timestamp_ago(0));
    event["click_id"] = json!(click_id);
    // 40 senders with 25 deliveries each, ten in one request where the way allows it.
    let senders = 40;
    let barrier = Barrier::new(senders);
    let outcomes: Vec<Told> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|sender| {
                let (http, event, barrier) = (server.http.clone(), &event, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let mut told = Vec::new();
                    let mut way = sender;
                    while told.len() < 25 {
                        let way_in = if told.len() + BATCH <= 25 { way % WAYS } else { way % 6 };
                        told.extend(deliver(&http, way_in, event));
                        way += 1;
                    }
                    told
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let first = exactly_one(&outcomes, 1_000);
    counted_once(&server, installation, "order-1", &first);
}

#[test]
fn d1_of_1000_deliveries_at_once_exactly_one_counts_on_sqlite() {
    thousand_at_once(&Installation::embedded());
}

#[test]
fn d1_of_1000_deliveries_at_once_exactly_one_counts_on_postgresql() {
    thousand_at_once(&Installation::postgres());
}

#[test]
fn d2_two_users_of_one_creator_at_one_moment_both_count() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let at = timestamp_ago(60);
    for customer in ["c-1", "c-2"] {
        tell(&server.http, &click("anna-summer", customer, &timestamp_ago(120)));
        // Neither an event id nor an order number: only the customer tells them apart.
        let event = json!({
            "event_type": "conversion", "creator_id": "anna", "value": "900", "currency": "EUR", "customer_id": customer,
            "timestamp": at,
        });
        tell(&server.http, &event);
    }
    assert_eq!(server.conversions("partner=anna").len(), 2);
}

#[test]
fn d3_5000_users_in_one_hour_at_second_resolution_all_count() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let start = seconds_ago(7200);
    let event = |user: i64| {
        json!({
            "event_type": "conversion", "creator_id": "anna", "value": "10.00", "currency": "EUR",
            "customer_id": format!("c-{user}"), "timestamp": start + user * 3600 / 5000,
        })
    };
    let mut accepted = 0;
    for thousand in 0..5 {
        let batch: Vec<Value> = (0..1000).map(|user| event(thousand * 1000 + user)).collect();
        let answer = events(&server.http, "shop", Value::from(batch).to_string());
        assert_eq!(answer.status, 202, "{}", answer.body);
        accepted += answer.json()["accepted"].as_u64().unwrap();
    }
    assert_eq!(accepted, 5000);
    server.settled();
    let credits = installation.json(&["report", "credits"]);
    let text = credits.to_string();
    assert!(text.contains("50000.00"), "every conversion's value is credited: {text}");
    installation.verify();
}

#[test]
fn d4_values_with_separators_in_them_stay_distinct() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let at = timestamp_ago(60);
    for (customer, visitor) in [("a:b", "c"), ("a", "b:c"), ("a|b", "c"), ("a\u{a0}b", "c")] {
        let event = json!({
            "event_type": "identify", "customer_id": customer, "visitor_id": visitor, "timestamp": at,
        });
        tell(&server.http, &event);
    }
    for id in ["a:b", "a", "b:a"] {
        tell(
            &server.http,
            &json!({"event_type": "conversion", "event_id": id, "value": "1", "currency": "EUR"}),
        );
    }
}

#[test]
fn d6_an_order_sent_again_with_the_time_of_sending_is_the_same_order() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let first = tell(&server.http, &purchase("o-6", "10.00", "c-1", &timestamp_ago(600)));
    let again = events(&server.http, "shop", purchase("o-6", "10.00", "c-1", &timestamp_ago(5)).to_string());
    assert_eq!((again.status, again.outcome().as_str()), (200, "duplicate"));
    assert_eq!(again.event_id(), first.event_id());
    let named = |at: i64| json!({"event_type": "conversion", "event_id": "e-6", "value": "3", "currency": "EUR", "timestamp": at});
    let first = tell(&server.http, &named(seconds_ago(600)));
    let again = events(&server.http, "shop", named(seconds_ago(5)).to_string());
    assert_eq!((again.status, again.event_id()), (200, first.event_id()));
    assert_eq!(server.conversions("").len(), 2);
}

#[test]
fn d11_identical_payloads_are_always_answered_with_the_first_event() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let click = json!({"event_type": "click", "event_id": "k-1", "link": "anna-summer", "timestamp": timestamp_ago(9)});
    let first = events(&server.http, "shop", click.to_string()).accepted();
    let bodies: Vec<String> = (0..5).map(|_| events(&server.http, "shop", click.to_string()).body).collect();
    for body in &bodies {
        let again: Value = serde_json::from_str(body).unwrap();
        assert_eq!(again["event_id"], first.json()["event_id"]);
        assert_eq!(again["click_id"], first.json()["click_id"], "the same click id is issued again");
        assert_eq!(body, &bodies[0]);
    }
    // Also across a restart, and after other events.
    server.stop();
    let server = installation.serve();
    let again = events(&server.http, "shop", click.to_string());
    assert_eq!((again.status, again.body), (200, bodies[0].clone()));
}

#[test]
fn the_same_key_with_another_payload_is_a_conflict_and_changes_nothing() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let at = timestamp_ago(60);
    let first = tell(&server.http, &purchase("o-1", "10.00", "c-1", &at));
    let other = purchase("o-1", "99.00", "c-1", &at);
    let answers: HashMap<&str, _> = HashMap::from([
        ("events", events(&server.http, "shop", other.to_string())),
        ("webhook", webhook(&server.http, "shop", other.to_string())),
        (
            "postback",
            server.http.get(&format!("/postback/shop?token={}&{}", harness::SHOP_SECRET, as_query(&other))),
        ),
    ]);
    for (way, answer) in answers {
        let answer = answer.refused(409, "payload_conflict");
        assert_eq!(answer.event_id(), first.event_id(), "{way} names the event that stands");
    }
    assert_eq!(server.conversion("o-1")["value"]["amount"], "10.00");
    // In a batch the good ones stand.
    let batch = json!([other, purchase("o-2", "5.00", "c-1", &at)]);
    let answer = events(&server.http, "shop", batch.to_string());
    assert_eq!(answer.status, 207, "{}", answer.body);
    assert_eq!(server.conversion("o-2")["value"]["amount"], "5.00");
    // Another source's order of the same number is another event, though both speak of one order here.
    let crm = events(&server.http, "crm", purchase("o-1", "10.00", "c-1", &timestamp_ago(30)).to_string())
        .accepted();
    assert_ne!(crm.event_id(), first.event_id());
    assert_eq!(
        server.conversion("o-1")["event_id"],
        first.event_id().as_str(),
        "one order is one conversion"
    );
    installation.verify();
}
