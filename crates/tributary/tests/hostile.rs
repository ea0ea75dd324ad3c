//! Senders who mean no good, against the real server: what a seen signature is worth, who uses up an allowance, what a
//! broken upload leaves behind, and whether a payment can stand twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::time::{Duration, Instant};

use harness::sender::{events as send, purchase, signature};
use harness::{Installation, SHOP_SECRET, timestamp_ago};
use serde_json::json;

#[test]
fn s1_a_seen_signature_proves_nothing_but_the_body_it_was_made_for() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let parameters = "transaction_id=o1&goal=purchase&value=10.00&currency=EUR";
    let of_nothing = signature("shop", b"");
    let signed = [("x-webhook-signature", of_nothing.as_str())];
    let http = &server.http;
    http.send("GET", &format!("/postback/shop?{parameters}"), &signed, b"").refused(401, "signature_invalid");
    http.send("POST", "/v1/imports?source=shop&filename=a.csv", &signed, b"a,b\n")
        .refused(401, "signature_invalid");
    let body = purchase("o2", "10.00", "c1", &timestamp_ago(60)).to_string();
    let of_body = signature("shop", body.as_bytes());
    let signed = [("x-webhook-signature", of_body.as_str()), ("content-type", "application/json")];
    let added = "/postback/shop?promo_code=ANNA10";
    http.send("POST", added, &signed, body.as_bytes()).refused(401, "signature_invalid");
    let with_token = format!("{added}&token={SHOP_SECRET}");
    assert_eq!(http.send("POST", &with_token, &signed, body.as_bytes()).status, 202);
    let body = purchase("o3", "10.00", "c1", &timestamp_ago(60)).to_string();
    let of_body = signature("shop", body.as_bytes());
    let signed = [("x-webhook-signature", of_body.as_str()), ("content-type", "application/json")];
    let answer = http.send("POST", "/postback/shop?return=OK", &signed, body.as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (202, "OK"));
    assert_eq!(server.logged(), 2);
}

#[test]
fn a_stranger_cannot_use_up_a_source_s_allowance() {
    let installation = Installation::set_up();
    installation.apply("sources: [{key: slow, secrets: [\"slow-secret-0123456789abcdef\"], rate_limit: 3}]");
    let server = installation.serve();
    let http = &server.http;
    for _ in 0..20 {
        http.post("/webhooks/slow", &[("x-webhook-signature", "00")], "{}").refused(401, "signature_invalid");
        http.get("/postback/slow?token=guess").refused(401, "signature_invalid");
    }
    let order = |number: u32| {
        http.get(&format!(
            "/postback/slow?token=slow-secret-0123456789abcdef&transaction_id=o{number}&goal=purchase&value=1&currency=EUR"
        ))
    };
    assert_eq!(order(0).status, 202);
    assert!((1..10).any(|number| order(number).status == 429), "its own events are limited");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_of_its_personal_data() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let head = format!(
        "POST /v1/imports?source=shop&filename=people.csv HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SHOP_SECRET}\r\n\
         content-length: 1000000\r\n\r\nevent_type,email\nidentify,nobody@private.example\n"
    );
    server.http.raw(head.as_bytes());
    let directory = installation.data_dir().join("imports");
    wait_for("the broken upload to be removed", || {
        std::fs::read_dir(&directory).is_ok_and(|files| files.count() == 0)
    });
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_payment_reference_settles_one_payout() {
    let installation = Installation::set_up();
    for number in [1, 2] {
        let server = installation.serve();
        let events = json!([
            {"event_type": "click", "event_id": format!("k{number}"), "link": "anna-summer", "customer_id": "c1",
             "timestamp": timestamp_ago(900)},
            {"event_type": "conversion", "goal": "purchase", "transaction_id": format!("o{number}"), "customer_id": "c1",
             "value": "100.00", "currency": "EUR", "status": "approved"},
        ]);
        assert_eq!(send(&server.http, "shop", events.to_string()).status, 202);
        server.settled();
        server.stop();
        let run = format!("run{number}");
        installation.run(&["payout", "prepare", "--run", &run]).ok();
        installation.run(&["payout", "approve", "--of-run", &run]).ok();
        let file = installation.files().join("out.csv");
        installation.run(&["payout", "export", file.to_str().unwrap(), "--of-run", &run]).ok();
        let settled = installation.run(&["payout", "settle", "--of-run", &run, "--reference", "SEPA-1"]);
        if number == 1 {
            settled.ok();
        } else {
            assert_eq!(settled.code, 1);
            assert!(settled.stderr.contains("`SEPA-1` stands on payout"), "{}", settled.stderr);
            installation.run(&["payout", "settle", "--of-run", &run, "--reference", "SEPA-2"]).ok();
        }
    }
    installation.verify();
}
