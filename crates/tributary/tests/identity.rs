//! Identity from outside: what the guards kept apart, and what waits after a change of their bounds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{click, purchase, tell};
use harness::{Installation, Server, timestamp_ago};
use serde_json::{Value, json};

/// An event with a visitor beside.
fn on_device(mut event: Value, visitor: &str) -> Value {
    event["visitor_id"] = json!(visitor);
    event
}

/// Seven customers at one kiosk, and two events with a placeholder for a visitor.
fn at_the_kiosk(server: &Server) {
    for number in 1..=7_i64 {
        let customer = format!("c-{number}");
        let order = purchase(&format!("o-{number}"), "10.00", &customer, &timestamp_ago(500 - number));
        tell(&server.http, &on_device(order, "kiosk"));
    }
    tell(&server.http, &on_device(click("anna-summer", "c-1", &timestamp_ago(400)), "0"));
    let mut nobody = on_device(click("anna-summer", "", &timestamp_ago(300)), "0");
    nobody.as_object_mut().unwrap().remove("customer_id");
    tell(&server.http, &nobody);
    server.settled();
}

#[test]
fn what_joins_nobody_is_listed_and_counted_with_whom_it_would_have_joined() {
    let installation = Installation::set_up();
    let server = installation.serve();
    assert_eq!(server.http.get("/v1/identity/guarded").json()["identifiers"], json!([]));
    at_the_kiosk(&server);
    let told = installation.json(&["identity", "guarded"]);
    let rows = told["identifiers"].as_array().unwrap();
    assert_eq!((rows.len(), &told["more"]), (2, &json!(0)), "{told:#}");
    let (kiosk, placeholder) = (&rows[0], &rows[1]);
    assert_eq!(kiosk["reason"], "identifier_of_crowd");
    assert!(kiosk["identifier"].as_str().unwrap().starts_with("visitor:"), "{kiosk}");
    assert!(!told.to_string().contains("kiosk"), "{told}");
    assert_eq!(
        (&kiosk["facts"], &kiosk["people"], &kiosk["facts_of_nobody"]),
        (&json!(7), &json!(7), &json!(0))
    );
    assert_eq!(kiosk["would_join"].as_array().unwrap().len(), 7);
    assert_eq!(placeholder["reason"], "identifier_placeholder");
    assert_eq!(
        (&placeholder["facts"], &placeholder["people"], &placeholder["facts_of_nobody"]),
        (&json!(2), &json!(2), &json!(0)),
        "the second one's click id is somebody"
    );
    let answer = server.http.get("/v1/identity/guarded?brand=acme").json();
    assert_eq!(answer["identifiers"], told["identifiers"]);
    assert_eq!(server.http.get("/v1/identity/guarded?brand=other").json()["identifiers"], json!([]));
    let lines = installation.run(&["identity", "guarded", "--limit", "1"]).ok();
    assert!(lines.contains("would have made one of") && lines.contains("and 1 more"), "{lines}");

    let metrics = server.http.get("/metrics").body;
    for line in [
        "tributary_identity_guarded_events_total{reason=\"identifier_placeholder\"} 2",
        "tributary_engine_waiting_clusters 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
    }
    assert!(
        metrics.contains("tributary_identity_guarded_events_total{reason=\"identifier_of_crowd\"}"),
        "{metrics}"
    );
}

#[test]
fn readiness_names_the_clusters_that_wait_after_a_change_of_the_set_up() {
    let installation = Installation::set_up();
    let server = installation.serve();
    at_the_kiosk(&server);
    server.stop();
    installation.apply("brands: [{key: acme, name: Acme, currency: EUR, most_customers_per_identifier: 9}]");
    // A process without an engine: the log is whole, and still the figures are not.
    let edge = installation.serve_with(&["--roles", "edge"]);
    let waits = edge.http.get("/readyz").json();
    assert_eq!(
        (&waits["ready"], &waits["lag"], &waits["waiting_clusters"]),
        (&json!(true), &json!(0), &json!(1))
    );
    assert!(waits["missing"][0].as_str().unwrap().contains("settlement: 1 waiting"), "{waits}");
    assert!(edge.http.get("/metrics").body.contains("tributary_engine_waiting_clusters 1\n"));
    edge.stop();
    let server = installation.serve();
    server.settled();
    let ready = server.http.get("/readyz").json();
    assert_eq!((&ready["waiting_clusters"], &ready["missing"]), (&json!(0), &json!([])));
    installation.verify();
    installation.replay_equals();
}
