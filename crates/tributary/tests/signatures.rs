//! Who may send: proved over the raw bytes before anything is parsed, with an answer for every wrong signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::client::{Answer, Client};
use harness::sender::{bearer, purchase, signature, standard_headers, standard_webhook, webhook};
use harness::{CRM_SECRET, Installation, SET_UP, SHOP_SECRET, seconds_ago, timestamp_ago};

fn order(number: u32) -> String {
    purchase(&format!("o-{number}"), "50.00", "c-1", &timestamp_ago(1)).to_string()
}

fn signed(http: &Client, signature: &str, body: &str) -> Answer {
    http.post("/webhooks/shop", &[("x-webhook-signature", signature)], body)
}

fn standard(http: &Client, headers: &[(String, String)], body: &str) -> Answer {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    http.post("/webhooks/shop", &headers, body)
}

#[test]
fn s1_s2_missing_short_long_and_wrong_signatures_are_401_and_the_server_lives() {
    let installation = Installation::set_up();
    let mut server = installation.serve();
    let http = server.http.clone();
    let body = order(1);
    let right = signature("shop", body.as_bytes());
    for door in ["/webhooks/shop", "/v1/events?source=shop", "/postback/shop"] {
        http.post(door, &[], &body).refused(401, "signature_missing");
        http.post(door, &[("x-webhook-signature", "")], &body).refused(401, "signature_missing");
        for wrong in [
            "0",
            &right[..63],
            &format!("{right}0"),
            &"0".repeat(64),
            &"z".repeat(64),
            &format!("sha256={right}"),
            &right[1..],
            "null",
        ] {
            http.post(door, &[("x-webhook-signature", wrong)], &body).refused(401, "signature_invalid");
        }
        http.post(door, &[("authorization", "Bearer")], &body).refused(401, "signature_invalid");
        http.post(door, &[("authorization", "Basic !!")], &body).refused(401, "signature_invalid");
        http.post(door, &[("x-api-key", "wrong-wrong-wrong-wrong")], &body).refused(401, "signature_invalid");
    }
    // A header that is not text.
    let mut raw =
        format!("POST /webhooks/shop HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    raw.extend(b"connection: close\r\nx-webhook-signature: \xff\xfe\r\n\r\n");
    raw.extend(body.as_bytes());
    assert!(http.raw(&raw).starts_with("HTTP/1.1 401"));
    let mut headers = standard_headers("shop", "m-1", seconds_ago(0), body.as_bytes());
    headers[2].1 = "v1,AAAA".to_owned();
    standard(&http, &headers, &body).refused(401, "signature_invalid");
    standard(&http, &headers[..2], &body).refused(401, "signature_missing");
    assert_eq!(server.logged(), 0);
    server.is_well();
    signed(&http, &right.to_uppercase(), &body).accepted();
}

#[test]
fn s3_whatever_bytes_were_signed_are_what_is_verified() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let bodies = [
        r#"{ "event_type" : "conversion", "transaction_id": "a", "value": "50.00", "currency": "EUR" }"#,
        r#"{"event_type":"conversion","transaction_id":"b","value":50.00,"currency":"EUR"}"#,
        r#"{"event_type":"conversion","transaction_id":"\u0063","value":"50","currency":"EUR"}"#,
        r#"{"event_type":"conversion","transaction_id":"d","value":"50","currency":"EUR","data":{"10":1,"9":2}}"#,
        "\r\n{\"event_type\":\"conversion\",\r\n\"transaction_id\":\"e\",\"value\":\"50\",\"currency\":\"EUR\"}\n",
        r#"{"event_type":"conversion","transaction_id":"ü","value":"50","currency":"EUR"}"#,
    ];
    for body in bodies {
        webhook(&server.http, "shop", body).accepted();
        standard_webhook(&server.http, "crm", "m-1", body).accepted();
    }
    for order in ["a", "b", "c", "d", "e"] {
        assert_eq!(server.conversion(order)["value"]["amount"], "50.00", "{order}");
    }
}

#[test]
fn s4_bytes_that_nobody_signed_do_not_pass() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let body = r#"{"event_type":"conversion","transaction_id":"a","value":"50.0","currency":"EUR"}"#;
    let right = signature("shop", body.as_bytes());
    for other in [
        r#"{"event_type":"click","event_type":"conversion","transaction_id":"a","value":"50.0","currency":"EUR"}"#,
        r#"{"event_type":"conversion","transaction_id":"a","value":5.0e1,"currency":"EUR"}"#,
        r#"{"event_type":"conversion","transaction_id":"a","value":"50.0","currency":"EUR"} "#,
        r#"{"event_type":"conversion","transaction_id":"a","value":"99.0","currency":"EUR"}"#,
        "",
    ] {
        signed(&server.http, &right, other).refused(401, "signature_invalid");
        server
            .http
            .post("/v1/events", &[("x-webhook-signature", &right)], other)
            .refused(401, "signature_invalid");
    }
    let headers = standard_headers("shop", "m-1", seconds_ago(0), body.as_bytes());
    let mut other = headers.clone();
    other[0].1 = "m-2".to_owned();
    standard(&server.http, &other, body).refused(401, "signature_invalid");
    let mut other = headers.clone();
    other[1].1 = seconds_ago(-5).to_string();
    standard(&server.http, &other, body).refused(401, "signature_invalid");
    // A wrong signature never falls back to something weaker.
    let token = bearer("shop");
    let both = [("x-webhook-signature", "00"), ("authorization", token.as_str())];
    server.http.post("/webhooks/shop", &both, body).refused(401, "signature_invalid");
    let query = format!("/postback/shop?token={SHOP_SECRET}");
    server.http.post(&query, &[("x-webhook-signature", "00")], body).refused(401, "signature_invalid");
    assert_eq!(server.logged(), 0);
}

#[test]
fn s5_old_timestamps_are_refused_and_idempotency_does_not_lapse() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let body = order(5);
    for seconds in [301, 3_600, 86_401, -301] {
        let headers = standard_headers("shop", "m-5", seconds_ago(seconds), body.as_bytes());
        standard(&server.http, &headers, &body).refused(401, "signature_expired");
    }
    assert_eq!(server.logged(), 0);
    let captured = standard_headers("shop", "m-5", seconds_ago(250), body.as_bytes());
    let first = standard(&server.http, &captured, &body).accepted();
    let again = standard(&server.http, &captured, &body);
    assert_eq!((again.status, again.event_id()), (200, first.event_id()));
    // Without an order number the signed message id says that it is the same message.
    let click = r#"{"event_type":"click","link":"anna-summer","visitor_id":"v-5"}"#;
    let first = standard_webhook(&server.http, "shop", "m-6", click).accepted();
    let again = standard_webhook(&server.http, "shop", "m-6", click);
    assert_eq!((again.status, again.event_id()), (200, first.event_id()));
    standard_webhook(&server.http, "shop", "m-7", click).accepted();
    // The commissioned signature cannot age. What was captured is known for ever, also after a restart.
    let captured = signature("shop", body.as_bytes());
    assert_eq!(signed(&server.http, &captured, &body).status, 200);
    server.stop();
    let server = installation.serve();
    assert_eq!(signed(&server.http, &captured, &body).status, 200);
    assert_eq!(server.conversions("").len(), 1);
}

#[test]
fn s6_every_sender_has_a_key_of_his_own() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let body = order(6);
    signed(&server.http, &signature("crm", body.as_bytes()), &body).refused(401, "signature_invalid");
    let other = format!("Bearer {CRM_SECRET}");
    let headers = [("authorization", other.as_str())];
    server.http.post("/v1/events?source=shop", &headers, &body).refused(401, "signature_invalid");
    // Without a named source the secret says who it is.
    server.http.post("/v1/events", &headers, &body).accepted();
    let facts = installation.facts();
    assert_eq!(facts[0].source.as_str(), "crm");
}

#[test]
fn s6_two_secrets_live_during_rotation_and_the_old_one_ends() {
    let installation = Installation::set_up();
    let rotated = |secrets: &str| {
        let old = r#"secrets: ["shop-secret-0123456789abcdef"]"#;
        assert!(SET_UP.contains(old));
        SET_UP.replace(old, secrets)
    };
    let (new, ends) = ("new-secret-0123456789abcdef", timestamp_ago(-3_600));
    installation
        .apply(&rotated(&format!(r#"secrets: ["{new}", {{value: "{SHOP_SECRET}", not_after: "{ends}"}}]"#)));
    let server = installation.serve();
    for secret in [new, SHOP_SECRET] {
        let token = format!("Bearer {secret}");
        let body = purchase(&format!("o-{secret}"), "1.00", "c-1", &timestamp_ago(1)).to_string();
        server.http.post("/webhooks/shop", &[("authorization", &token)], body).accepted();
    }
    server.stop();
    let ended = timestamp_ago(1);
    installation
        .apply(&rotated(&format!(r#"secrets: ["{new}", {{value: "{SHOP_SECRET}", not_after: "{ended}"}}]"#)));
    let server = installation.serve();
    let body = order(1);
    signed(&server.http, &signature("shop", body.as_bytes()), &body).refused(401, "signature_invalid");
}

#[test]
fn s6_a_source_without_a_usable_secret_is_refused_before_anything_starts() {
    let installation = Installation::embedded();
    for (secrets, words) in [
        ("secrets: []", "without a secret"),
        (r#"secrets: [""]"#, "16"),
        (r#"secrets: ["short"]"#, "16"),
        (r#"secrets: ["env:NOT_SET_ANYWHERE"]"#, "NOT_SET_ANYWHERE"),
    ] {
        let set_up = format!("brands: [{{key: acme, currency: EUR}}]\nsources: [{{key: shop, {secrets}}}]");
        let path = installation.file("set-up.yaml", set_up);
        let done = installation.run(&["apply", path.to_str().unwrap()]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains(words), "{done:?}");
        assert!(!done.stderr.contains("short\""), "a message never repeats a secret");
    }
}

#[test]
fn s7_size_comes_before_the_signature_and_the_signature_before_parsing() {
    let installation = Installation::set_up();
    let server = installation.serve_with(&["--set", "limits.body_bytes=4096"]);
    let http = &server.http;
    // Unreadable and unsigned: only that it is unsigned shows.
    for body in ["{", "", "\u{0}\u{1}", "[[[[", r#"{"event_type":"nonsense"}"#] {
        http.post("/webhooks/shop", &[], body).refused(401, "signature_missing");
        http.post("/v1/events?source=shop", &[("x-webhook-signature", "00")], body)
            .refused(401, "signature_invalid");
        let json = [("content-type", "application/json")];
        http.post("/postback/shop", &json, body).refused(401, "signature_missing");
    }
    let gzip = [("content-encoding", "gzip")];
    http.post("/v1/events?source=shop", &gzip, "not gzip").refused(401, "signature_missing");
    http.get("/postback/shop?value=%zz").refused(401, "signature_missing");
    let large = "x".repeat(5_000);
    http.post("/webhooks/shop", &[], &large).refused(413, "too_large");
    http.post("/v1/events?source=shop", &[], &large).refused(413, "too_large");
    http.post("/postback/shop", &[], &large).refused(413, "too_large");
    assert_eq!(server.logged(), 0);
}
