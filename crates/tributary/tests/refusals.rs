//! What is refused at the doors of the running program is known afterwards: to `refusals list`, to `/v1/refusals` and to whoever asks why
//! an order is not there. On both engines, bounded, and without anybody's data.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::time::{Duration, Instant};

use harness::sender::{bearer, events, purchase, signature, standard_headers, webhook};
use harness::{Installation, SET_UP, SHOP_SECRET, Server, seconds_ago, timestamp_ago};
use serde_json::{Value, json};

/// [`SET_UP`] with a source that may send one event a second.
fn set_up() -> String {
    format!("{SET_UP}  - {{key: slow, secrets: [\"{SHOP_SECRET}\"], rate_limit: 1}}\n")
}

fn order(number: &str, more: Value) -> String {
    let mut event = purchase(number, "9.00", "customer-of-secrets", &timestamp_ago(1));
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event["email"] = json!("jane.roe@secrets.example");
    event["sub1"] = json!("sub-of-secrets");
    event.to_string()
}

/// The notes that fit, once there are so many: they are written a moment after the answer.
#[track_caller]
fn noted(server: &Server, query: &str, most: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let answer = server.http.get(&format!("/v1/refusals?limit=1000&{query}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let notes = answer.json()["refusals"].as_array().unwrap().clone();
        if notes.len() >= most {
            return notes;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{query}: {notes:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Refuses something at each door, and answers what was asked for with its reason, way and field.
fn refuse_everywhere(
    server: &Server,
) -> Vec<(&'static str, &'static str, &'static str, Option<&'static str>)> {
    let http = &server.http;
    let post = |path: &str, headers: &[(&str, &str)], body: &str| http.post(path, headers, body);
    let wrong = "0".repeat(64);
    post("/webhooks/shop", &[("x-webhook-signature", &wrong)], &order("bad-signature", json!({})))
        .refused(401, "signature_invalid");
    post("/webhooks/nobody", &[("x-webhook-signature", &wrong)], &order("no-source", json!({})))
        .refused(404, "unknown_source");
    post(
        "/v1/events",
        &[],
        &format!("[{},{}]", order("unsigned-1", json!({})), order("unsigned-2", json!({}))),
    )
    .refused(401, "signature_missing");
    let late = order("late", json!({}));
    let headers = standard_headers("shop", "msg-1", seconds_ago(3_600), late.as_bytes());
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post("/webhooks/shop", &headers, &late).refused(401, "signature_expired");
    webhook(http, "shop", order("bad-amount", json!({"value": "12,34"}))).refused(422, "invalid_field");
    events(http, "shop", order("bad-currency", json!({"currency": "XQX"}))).refused(422, "invalid_field");
    let mixed = format!(
        "[{},{}]",
        order("good", json!({})),
        order("future", json!({"timestamp": "2099-01-01T00:00:00Z"}))
    );
    assert_eq!(events(http, "shop", mixed).status, 207);
    let click = json!({"link": "no-such-link", "event_id": "click-9"}).to_string();
    post("/v1/clicks?source=shop", &[("authorization", &bearer("shop"))], &click)
        .refused(404, "unknown_link");
    let issued = http.click("anna-summer");
    let (head, last) = issued.split_at(issued.len() - 1);
    let forged = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let postback = format!(
        "/postback/shop?order_id=by-postback&value=5.00&currency=EUR&token={SHOP_SECRET}&click_id={forged}"
    );
    assert_eq!(http.get(&postback).outcome(), "rejected");
    assert_eq!(http.get("/c/no-such-key").status, 404);
    let slow = |number: &str| {
        let body = order(number, json!({}));
        post("/webhooks/slow", &[("x-webhook-signature", &signature("shop", body.as_bytes()))], &body)
    };
    let limited = (0..50).find(|_| slow("too-fast").status == 429);
    assert!(limited.is_some(), "the limit of one a second was never met");
    vec![
        ("bad-signature", "signature_invalid", "webhook", None),
        ("no-source", "unknown_source", "webhook", None),
        ("unsigned-2", "signature_missing", "events", None),
        ("late", "signature_expired", "webhook", None),
        ("bad-amount", "invalid_field", "webhook", Some("value")),
        ("bad-currency", "invalid_field", "events", Some("currency")),
        ("future", "time_out_of_range", "events", Some("timestamp")),
        ("click-9", "unknown_link", "clicks", Some("link")),
        ("by-postback", "click_id_forged", "postback", Some("click_id")),
        ("no-such-key", "unknown_link", "redirect", None),
    ]
}

fn every_refusal_is_known(installation: &Installation) {
    installation.apply(&set_up());
    let server = installation.serve();
    let expected = refuse_everywhere(&server);
    noted(&server, "", expected.len() + 2);
    server.settled();
    for (id, reason, way, field) in &expected {
        let notes = noted(&server, &format!("id={id}"), 1);
        assert_eq!(notes.len(), 1, "{id}: {notes:?}");
        assert_eq!(
            (notes[0]["reason"]["code"].as_str(), notes[0]["way"].as_str()),
            (Some(*reason), Some(*way)),
            "{id}"
        );
        assert_eq!(notes[0]["reason"]["field"].as_str(), *field, "{id}: {notes:?}");
        let listed = installation.json(&["refusals", "list", "--id", id]);
        assert_eq!(listed, json!(notes), "{id}");
        let explained = installation.run(&["explain", id, "--format", "json"]).json();
        let first = &explained["progress"]["causes"][0];
        assert_eq!(
            (first["code"].as_str(), first["rank"].as_u64()),
            (Some(*reason), Some(1)),
            "{id}: {explained}"
        );
        assert_eq!(explained["progress"]["stopped_at"], "accepted", "{id}");
        let over_http = server.http.get(&format!("/v1/explanations/{id}"));
        assert_eq!(
            (over_http.status, &over_http.json()["progress"]["causes"][0]["code"]),
            (404, &first["code"])
        );
    }
    // Every other one of the limited source may have come through; its order is then explained by itself.
    assert!(
        noted(&server, "reason=rate_limited&source=slow", 1)
            .iter()
            .all(|note| note["fields"]["transaction_id"] == "too-fast")
    );
    assert!(noted(&server, "id=good", 0).is_empty());
    let of_strangers = noted(&server, "source=nobody", 1);
    assert_eq!((of_strangers.len(), of_strangers[0]["proven"].as_bool()), (1, Some(false)));
    assert!(
        noted(&server, "source=shop&reason=invalid_field", 2)
            .iter()
            .all(|note| note["proven"] == true && note["brand"] == "acme")
    );
    let text = installation.run(&["refusals", "list", "--reason", "invalid_field", "--limit", "1"]).ok();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("invalid_field") && text.contains("from shop"), "{text}");
    let metrics = server.http.get("/metrics").body;
    assert!(
        metrics.contains("tributary_refusals_total{fate=\"kept\",reason=\"signature_invalid\"} 1"),
        "{metrics}"
    );
    let time = format!("{}..{}", timestamp_ago(3_000), timestamp_ago(-60));
    let silent =
        installation.run(&["explain", "--time", &time, "--source", "nobody", "--format", "json"]).json();
    assert_eq!(silent["progress"]["causes"][0]["code"], "unknown_source", "{silent}");
    // What was refused is on disk after the server ended, and a new one goes on.
    server.stop();
    let kept = installation.json(&["refusals", "list", "--limit", "1000"]);
    assert!(kept.as_array().unwrap().len() >= expected.len() + 2);
    for note in kept.as_array().unwrap() {
        let text = note.to_string();
        for secret in ["secrets", "customer-of", "jane", SHOP_SECRET, "127.0.0.1", "0000000000"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    installation.verify();
}

#[test]
fn every_refusal_is_known_on_files() {
    let installation = Installation::embedded();
    every_refusal_is_known(&installation);
    // Nothing of anybody in the file itself either.
    let file = std::fs::read(installation.data_dir().join("refusals.sqlite")).unwrap();
    for secret in ["secrets.example", "customer-of-secrets", "sub-of-secrets", SHOP_SECRET] {
        assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let backup = installation.files().join("copy");
    installation.run(&["backup", backup.to_str().unwrap()]).ok();
    let notes = installation.json(&["refusals", "list"]);
    std::fs::remove_dir_all(installation.data_dir()).unwrap();
    installation.run(&["restore", backup.to_str().unwrap()]).ok();
    assert_eq!(installation.json(&["refusals", "list"]), notes);
}

#[test]
fn every_refusal_is_known_on_postgres() {
    every_refusal_is_known(&Installation::postgres());
}

#[test]
fn a_flood_leaves_bounded_notes_and_the_doors_open() {
    let installation = Installation::set_up();
    let settings = ["--set", "refusals.per_source_and_minute=20", "--set", "refusals.most_stored=30"];
    let mut server = installation.serve_with(&settings);
    let junk: Vec<String> = (0..500).map(|number| order(&format!("junk-{number}"), json!({}))).collect();
    for body in &junk {
        server.http.post("/webhooks/shop", &[("x-webhook-signature", "00")], body);
        server.http.get(&format!("/c/nowhere-{}", body.len()));
    }
    // The shop's own mistake is not drowned by what strangers send in its name.
    webhook(&server.http, "shop", order("honest", json!({"value": "1,5x"}))).refused(422, "invalid_field");
    webhook(&server.http, "shop", order("taken", json!({}))).accepted();
    assert_eq!(noted(&server, "id=honest", 1).len(), 1);
    let notes = noted(&server, "", 1);
    assert!(notes.len() <= 30, "{} notes", notes.len());
    let metrics = server.http.get("/metrics").body;
    let sum = |fate: &str| {
        let head = format!("tributary_refusals_total{{fate=\"{fate}\"");
        let lines = metrics.lines().filter(|line| line.starts_with(&head));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("kept") + sum("over_limit") + sum("overflow"), 1_001, "{metrics}");
    // Two allowances with half for one reason, in at most a few minutes.
    assert!(sum("kept") <= 100, "{metrics}");
    assert_eq!(server.settled(), 1);
    server.is_well();
}

#[test]
fn rows_of_a_file_are_known_too_and_the_list_is_paged_and_checked() {
    let installation = Installation::set_up();
    let rows = "event_type,order_id,value,currency,customer_id\nconversion,row-1,9.00,EUR,c\nconversion,row-2,nine,EUR,c\nconversion,row-3,9.00,XQX,c\n";
    let file = installation.file("orders.csv", rows);
    let done = installation.run(&["import", file.to_str().unwrap(), "--source", "shop"]);
    assert_eq!(done.code, 1, "{done:?}");
    let notes = installation.json(&["refusals", "list", "--source", "shop"]);
    let ids: Vec<&str> = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["fields"]["transaction_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["row-3", "row-2"]);
    assert_eq!(
        (notes[0]["way"].as_str(), notes[0]["reason"]["field"].as_str()),
        (Some("import"), Some("currency"))
    );
    let explained = installation.run(&["explain", "row-2", "--format", "json"]).json();
    assert_eq!(explained["progress"]["causes"][0]["code"], "invalid_field");

    let server = installation.serve();
    let page = server.http.get("/v1/refusals?limit=1").json();
    assert_eq!(page["refusals"][0]["fields"]["transaction_id"], "row-3");
    let next = server.http.get(&format!("/v1/refusals?limit=1&before={}", page["next"])).json();
    assert_eq!(
        (next["refusals"][0]["fields"]["transaction_id"].as_str(), &next["next"]),
        (Some("row-2"), &Value::Null)
    );
    for (query, field) in
        [("reason=nonsense", "reason"), ("limit=0", "limit"), ("since=now", "since"), ("sauce=shop", "sauce")]
    {
        let answer = server.http.get(&format!("/v1/refusals?{query}")).refused(422, "invalid_field");
        assert_eq!(answer.json()["reason"]["field"], field);
    }
    assert_eq!(installation.run(&["refusals", "list", "--reason", "nonsense"]).code, 2);
    assert_eq!(
        server.http.get(&format!("/v1/refusals?since={}", timestamp_ago(-60))).json()["refusals"],
        json!([])
    );
}
