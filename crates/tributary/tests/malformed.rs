//! Malformed requests and files: each row with its exact answer. Afterwards nothing of it is stored and the server is well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::client::{Answer, Client};
use harness::sender::{bearer, signature};
use harness::{Installation, Server};

/// A way in, with everything right but what the row gets wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Door {
    /// `POST /v1/events` with a good token.
    Events,
    /// `POST /v1/clicks` with a good token.
    Clicks,
    /// `POST /webhooks/shop` with a good signature over these bytes.
    Webhook,
    /// `GET /postback/shop` with this query and a good token.
    Query,
    /// `POST /postback/shop` with this form and a good token.
    Form,
    /// `POST /postback/shop` with this JSON and a good token.
    Json,
    /// `GET /c/...`, whoever asks.
    Link,
}
use Door::{Clicks, Events, Form, Json, Link, Query, Webhook};

/// What is sent, and the answer: status, reason, field.
type Row = (Door, &'static str, u16, &'static str, Option<&'static str>);

const CONVERSION: &str = r#""event_type":"conversion","currency":"EUR""#;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // D5: what the commissioned sample accepted.
    (Webhook, "{}", 422, "missing_field", Some("event_type")),
    (Webhook, r#"{"event_type":"conversion","value":-1000000000,"currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Webhook, r#"{"event_type":"conversion","value":"abc","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Webhook, r#"{"event_type":"undefined","value":"1","currency":"EUR"}"#, 422, "invalid_field", Some("event_type")),
    // Bodies that cannot be read.
    (Webhook, "", 422, "malformed_body", None),
    (Webhook, "null", 422, "malformed_body", None),
    (Webhook, "[]", 422, "malformed_body", None),
    (Webhook, "\"conversion\"", 422, "malformed_body", None),
    (Webhook, "{\"event_type\":\"conversion\"", 422, "malformed_body", None),
    (Webhook, "{'event_type':'conversion'}", 422, "malformed_body", None),
    (Webhook, "{\"event_type\":\"conversion\",}", 422, "malformed_body", None),
    (Webhook, "{\"value\":NaN}", 422, "malformed_body", None),
    (Webhook, "{\"event_type\":\"\\ud800\"}", 422, "malformed_body", Some("event_type")),
    (Webhook, r#"{"event_type":"conversion","event_type":"refund"}"#, 422, "malformed_body", Some("event_type")),
    (Webhook, r#"{"event_type":"conversion","value":{"amount":{"x":1}},"currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Webhook, r#"{"event_type":["conversion"]}"#, 422, "invalid_field", Some("event_type")),
    (Webhook, "<xml/>", 422, "malformed_body", None),
    (Events, "", 422, "malformed_body", None),
    (Events, "[]", 422, "malformed_body", None),
    (Events, "[{}", 422, "malformed_body", None),
    (Events, "7", 422, "malformed_body", None),
    // Fields of canonical events.
    (Events, r#"{"event_type":"conversoin"}"#, 422, "invalid_field", Some("event_type")),
    (Events, r#"{"event_type":""}"#, 422, "missing_field", Some("event_type")),
    (Events, r#"{"event_type":"payout"}"#, 403, "not_allowed", Some("event_type")),
    (Events, r#"{"event_type":"adjustment","transaction_id":"o","value":"1","currency":"EUR"}"#, 403, "not_allowed", Some("event_type")),
    (Events, r#"{"event_type":"conversion","currency":"EUR"}"#, 422, "missing_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":null,"currency":"EUR"}"#, 422, "missing_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"1.00"}"#, 422, "missing_field", Some("currency")),
    (Events, r#"{"event_type":"conversion","value":"1.00","currency":"EURO"}"#, 422, "invalid_field", Some("currency")),
    (Events, r#"{"event_type":"conversion","value":"1.001","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"1.5","currency":"JPY"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"1,50","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"1'000","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"99999999999999999999","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"0x10","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"NaN","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":true,"currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","timestamp":"yesterday"}"#, 422, "invalid_field", Some("timestamp")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","timestamp":"2026-02-30T00:00:00Z"}"#, 422, "invalid_field", Some("timestamp")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","timestamp":"2026-01-01T00:00:00"}"#, 422, "invalid_field", Some("timestamp")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","timestamp":"2999-01-01T00:00:00Z"}"#, 422, "time_out_of_range", Some("timestamp")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","timestamp":"1969-01-01T00:00:00Z"}"#, 422, "time_out_of_range", Some("timestamp")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","customer_id":"undefined"}"#, 422, "invalid_field", Some("customer_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","customer_id":"[object Object]"}"#, 422, "invalid_field", Some("customer_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","customer_id":"{customer_id}"}"#, 422, "invalid_field", Some("customer_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","email":"nobody"}"#, 422, "invalid_field", Some("email")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","ip":"1.2.3.4.5"}"#, 422, "invalid_field", Some("ip")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","click_id":"a b"}"#, 422, "invalid_field", Some("click_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","click_id":"t1AaH8pZ5c0iKNP6k-FuJ-eHtA64XeLFexXxmk"}"#, 422, "click_id_forged", Some("click_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","campaign":"winter"}"#, 422, "unknown_campaign", Some("campaign")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","costumer_id":"c"}"#, 422, "unknown_field", Some("costumer_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","sub11":"x"}"#, 422, "unknown_field", Some("sub11")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","utm_medum":"x"}"#, 422, "unknown_field", Some("utm_medum")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","status":"maybe"}"#, 422, "invalid_field", Some("status")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","user_id":"a","customer_id":"b"}"#, 422, "invalid_field", Some("customer_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","transaction_id":"o\u0000"}"#, 422, "invalid_field", Some("transaction_id")),
    (Events, r#"{"event_type":"conversion","value":"1","currency":"EUR","creator_id":"not a key"}"#, 422, "invalid_field", Some("creator_id")),
    (Events, r#"{"event_type":"qualification","customer_id":"c"}"#, 422, "missing_field", Some("goal")),
    (Events, r#"{"event_type":"refund","value":"1","currency":"EUR"}"#, 422, "missing_field", Some("transaction_id")),
    (Events, r#"{"event_type":"refund","transaction_id":"o","value":"-1","currency":"EUR"}"#, 422, "invalid_field", Some("value")),
    (Events, r#"{"event_type":"status","transaction_id":"o"}"#, 422, "missing_field", Some("status")),
    (Events, r#"{"event_type":"identify","customer_id":"c"}"#, 422, "missing_field", Some("visitor_id")),
    (Events, r#"{"event_type":"consent","customer_id":"c","granted":true}"#, 422, "missing_field", Some("purpose")),
    (Events, r#"{"event_type":"spend","campaign":"summer"}"#, 422, "missing_field", Some("value")),
    (Events, r#"{"event_type":"click"}"#, 422, "missing_field", Some("link")),
    (Events, r#"{"event_type":"click","link":"nowhere"}"#, 404, "unknown_link", Some("link")),
    (Events, r#"{"event_type":"click","partner":"zoe","campaign":"summer"}"#, 422, "unknown_partner", Some("partner")),
    (Events, r#"{"event_type":"click","link":"anna-summer","channel":"email"}"#, 422, "invalid_field", Some("channel")),
    (Clicks, r#"{"link":"../etc/passwd"}"#, 422, "invalid_field", Some("link")),
    (Clicks, r#"{"link":"anna-summer","sub1":["a"]}"#, 422, "invalid_field", Some("sub1")),
    // Postbacks.
    (Query, "currency=EUR", 422, "missing_field", Some("value")),
    (Query, "value=%zz&currency=EUR", 422, "malformed_body", Some("value")),
    (Query, "value=1&currency=EUR&transaction_id=%ff", 422, "malformed_body", Some("transaction_id")),
    (Query, "value=1&value=2&currency=EUR", 422, "invalid_field", Some("value")),
    (Query, "value=1&amount=2&currency=EUR", 422, "invalid_field", Some("amount")),
    (Query, "valeu=1&currency=EUR", 422, "unknown_field", Some("valeu")),
    (Query, "value={payout}&currency=EUR", 422, "invalid_field", Some("value")),
    (Query, "value=1&currency=EUR&click_id=%23s1%23", 422, "invalid_field", Some("click_id")),
    (Query, "value=1&currency=EUR&timestamp=1e9", 422, "invalid_field", Some("timestamp")),
    (Form, "value=abc&currency=EUR", 422, "invalid_field", Some("value")),
    (Form, "value=1&currency=EUR&email=a@b@c", 422, "invalid_field", Some("email")),
    (Json, "value=1&currency=EUR", 422, "malformed_body", None),
    (Json, r#"{"value":"1","currency":"XX"}"#, 422, "invalid_field", Some("currency")),
    // Links: whatever a browser sends must not keep a visitor from his destination, save a destination that is not allowed.
    (Link, "anna-summer?to=https://evil.example/", 422, "host_not_allowed", Some("to")),
    (Link, "anna-summer?to=javascript:alert(1)", 422, "host_not_allowed", Some("to")),
    (Link, "anna-summer?to=//evil.example", 422, "host_not_allowed", Some("to")),
    (Link, "anna-summer?to=https://shop.example@evil.example/", 422, "host_not_allowed", Some("to")),
    (Link, "anna-summer?to=https://user@shop.example/", 422, "host_not_allowed", Some("to")),
    (Link, "anna-summer?sub11=x", 422, "unknown_field", Some("sub11")),
    (Link, "anna-summer?creator_id=%20%20a%20b", 422, "invalid_field", Some("creator_id")),
];

impl Door {
    fn knock(self, http: &Client, text: &str) -> Answer {
        let token = bearer("shop");
        let authorized = ("authorization", token.as_str());
        let form = ("content-type", "application/x-www-form-urlencoded");
        match self {
            Self::Events => http.post("/v1/events?source=shop", &[authorized], text),
            Self::Clicks => http.post("/v1/clicks?source=shop", &[authorized], text),
            Self::Webhook => {
                let signature = signature("shop", text.as_bytes());
                http.post("/webhooks/shop", &[("x-webhook-signature", &signature)], text)
            }
            Self::Query => http.send("GET", &format!("/postback/shop?{text}"), &[authorized], b""),
            Self::Form => http.post("/postback/shop", &[authorized, form], text),
            Self::Json => {
                http.post("/postback/shop", &[authorized, ("content-type", "application/json")], text)
            }
            Self::Link => http.get(&format!("/c/{text}")),
        }
    }
}

/// A server with one good event in its log.
fn started() -> (Installation, Server) {
    let installation = Installation::set_up();
    let server = installation.serve();
    let good = format!(r#"{{{CONVERSION},"value":"1.00","transaction_id":"good"}}"#);
    Webhook.knock(&server.http, &good).accepted();
    (installation, server)
}

/// Asserts that the log still holds the one good event alone, and that the server lives.
#[track_caller]
fn nothing_else_is_stored(installation: &Installation, mut server: Server) {
    assert_eq!(server.settled(), 1);
    server.is_well();
    assert_eq!(server.conversions("").len(), 1);
    assert_eq!(installation.facts().len(), 1);
    installation.verify();
}

#[test]
fn d5_every_malformed_request_is_refused_with_its_reason_and_field() {
    assert!(ROWS.len() >= 60);
    let (installation, server) = started();
    let mut wrong = Vec::new();
    for (door, text, status, reason, field) in ROWS {
        let answer = door.knock(&server.http, text);
        let told = answer.json();
        let named = told["reason"]["field"].as_str();
        let as_expected = (answer.status, answer.reason().as_str(), named) == (*status, *reason, *field);
        let message = told["reason"]["message"].as_str().unwrap_or_default();
        let names_field = field.is_none_or(|field| message.contains(field));
        if !as_expected || !names_field || told["status"] != "rejected" || !told["event_id"].is_null() {
            wrong.push(format!(
                "{door:?} {text}\n    expected {status} {reason} {field:?}\n    answered {} {}",
                answer.status, answer.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
    nothing_else_is_stored(&installation, server);
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn requests_that_are_wrong_around_the_body_are_refused() {
    let (installation, server) = started();
    let http = &server.http;
    let token = bearer("shop");
    let known = ("authorization", token.as_str());
    let good = format!(r#"{{{CONVERSION},"value":"2.00","transaction_id":"other"}}"#);
    // Senders and addresses that do not exist.
    http.post("/webhooks/nobody", &[known], &good).refused(404, "unknown_source");
    http.post("/v1/events?source=nobody", &[known], &good).refused(404, "unknown_source");
    http.get("/postback/%20?value=1").refused(404, "unknown_source");
    http.get("/postback/shop%00?value=1").refused(404, "unknown_source");
    assert_eq!(http.send("PUT", "/postback/shop?value=1", &[known], good.as_bytes()).status, 405);
    assert_eq!(http.send("DELETE", "/v1/events", &[known], b"").status, 405);
    assert_eq!(http.get("/webhooks/shop").status, 405);
    assert_eq!(http.get("/no/such/page").status, 404);
    // A source that need not sign may only send postbacks, and a click id of ours must be one.
    http.post("/v1/events?source=legacy", &[], &good).refused(401, "signature_missing");
    http.post("/webhooks/legacy", &[], &good).refused(401, "signature_missing");
    http.get("/postback/legacy?value=1&transaction_id=x").refused(401, "signature_missing");
    http.get("/postback/legacy?value=1&click_id=another-trackers-id").refused(401, "signature_missing");
    // Encodings.
    let gzip = [known, ("content-encoding", "gzip")];
    http.post("/v1/events?source=shop", &gzip, &good).refused(422, "malformed_body");
    let cut = zipped(good.as_bytes());
    http.post("/v1/events?source=shop", &gzip, &cut[..cut.len() - 9]).refused(422, "malformed_body");
    let brotli = [known, ("content-encoding", "br")];
    http.post("/v1/events?source=shop", &brotli, &good).refused(415, "unsupported_media_type");
    let text = [known, ("content-type", "text/plain")];
    http.post("/postback/shop", &text, "value=1").refused(415, "unsupported_media_type");
    let latin = [known, ("content-type", "application/x-www-form-urlencoded")];
    http.post("/postback/shop", &latin, b"value=1&currency=EUR&goal=\xff").refused(422, "malformed_body");
    http.post("/v1/events?source=shop", &[known], b"{\"event_type\":\"\xff\"}")
        .refused(422, "malformed_body");
    // Too much of anything: bodies, bombs, fields, values, nesting, addresses.
    let bomb = zipped(&vec![b' '; 80 << 20]);
    http.post("/v1/events?source=shop", &gzip, &bomb).refused(413, "too_large");
    let large = format!(r#"{{{CONVERSION},"value":"1","data":{{"x":"{}"}}}}"#, "x".repeat(9 << 20));
    assert_eq!(
        http.post("/v1/events?source=shop", &[known], &large).refused(413, "too_large").outcome(),
        "rejected"
    );
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    http.post("/v1/events?source=shop", &[known], many).refused(413, "too_large");
    let long = format!(r#"{{{CONVERSION},"value":"1","sub1":"{}"}}"#, "x".repeat(256));
    http.post("/v1/events?source=shop", &[known], long).refused(422, "invalid_field");
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(http.post("/v1/events?source=shop", &[known], &deep).status, 422);
    let deep = format!("{{\"data\":{}}}", &deep[100_000..300_000]);
    assert_eq!(http.post("/v1/events?source=shop", &[known], &deep).status, 422);
    let address = format!("/c/anna-summer?sub1={}", "x".repeat(9_000));
    http.get(&address).refused(413, "too_large");
    // Not HTTP at all, a lying length, and a body that ends too early.
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /webhooks/shop HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /webhooks/shop HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/events?source=shop HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{\"event_type\":",
    ] {
        let answer = http.raw_cut(bytes);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    nothing_else_is_stored(&installation, server);
}

#[test]
fn addresses_that_are_too_long_or_no_text_are_refused_in_the_shape_of_an_outcome() {
    let (installation, server) = started();
    let http = &server.http;
    let long = "x".repeat(9_000);
    for path in
        ["/v1/explanations?id=", "/v1/explanations/", "/explain/", "/v1/conversions?transaction=", "/?brand="]
    {
        http.get(&format!("{path}{long}")).refused(413, "too_large");
    }
    for path in ["/c/%ff", "/postback/%ff?value=1", "/v1/imports/%ff", "/v1/imports/%ff/rows"] {
        let answer = http.get(path).refused(422, "invalid_field");
        assert!(answer.json()["reason"]["field"].is_string(), "{path}");
    }
    http.post("/webhooks/%ff%fe", &[], "{}").refused(422, "invalid_field");
    // Beyond what the protocol's reader takes at all, it answers by itself.
    let request = format!("GET /c/anna-summer?sub1={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    assert!(http.raw(request.as_bytes()).starts_with("HTTP/1.1 414"));
    nothing_else_is_stored(&installation, server);
}

#[test]
fn of_a_batch_the_good_events_are_stored_and_the_bad_ones_named() {
    let (installation, server) = started();
    let good = |order: &str| format!(r#"{{{CONVERSION},"value":"1.00","transaction_id":"{order}"}}"#);
    let lines = [good("a").as_str(), "{", "{}", &good("b"), "not json", &good("a")].join("\n");
    let answer = Events.knock(&server.http, &lines);
    assert_eq!(answer.status, 207, "{}", answer.body);
    let outcomes = answer.json()["outcomes"].as_array().unwrap().clone();
    let told: Vec<_> = outcomes
        .iter()
        .map(|each| (each["status"].as_str().unwrap(), each["reason"]["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("accepted", "recorded"),
        ("rejected", "malformed_body"),
        ("rejected", "missing_field"),
        ("accepted", "recorded"),
        ("rejected", "malformed_body"),
        ("duplicate", "duplicate_event"),
    ];
    assert_eq!(told, expected);
    assert_eq!(server.settled(), 3);
    installation.verify();
}

/// A file's name, its bytes, and each row's outcome: line, reason, a word that the message must hold.
type File = (&'static str, &'static str, &'static [(u64, &'static str, &'static str)]);

#[rustfmt::skip]
const FILES: &[File] = &[
    ("amounts.csv", "event_type,transaction_id,value,currency\nconversion,f1,abc,EUR\nconversion,f2,-1,EUR\nconversion,f3,1.234,EUR\nconversion,f4,\"1,50\",EUR\nconversion,f5,,EUR\nconversion,f6,1,\n",
        &[(2, "invalid_field", "value"), (3, "invalid_field", "value"), (4, "invalid_field", "value"), (5, "invalid_field", "value"), (6, "missing_field", "value"), (7, "missing_field", "currency")]),
    ("columns.csv", "event_type,transaction_id,valeu,currency\nconversion,f1,1,EUR\n", &[(2, "unknown_field", "valeu")]),
    ("ragged.csv", "event_type,transaction_id,value,currency\nconversion,f1,1\nconversion,f2,1,EUR,more\n", &[(2, "malformed_body", ""), (3, "malformed_body", "")]),
    ("quotes.csv", "event_type,transaction_id,value,currency\nconversion,\"f1,1,EUR\n", &[(2, "malformed_body", "")]),
    ("times.csv", "event_type,transaction_id,value,currency,timestamp\nconversion,f1,1,EUR,01/02/2026\nconversion,f2,1,EUR,2026-01-01 10:00\n", &[(2, "invalid_field", "timestamp"), (3, "invalid_field", "timestamp")]),
    ("kinds.csv", "event_type,transaction_id,value,currency\nsale,f1,1,EUR\nadjustment,f2,1,EUR\npayout,f3,1,EUR\n", &[(2, "invalid_field", "event_type"), (3, "not_allowed", "event_type"), (4, "not_allowed", "event_type")]),
    ("lines.jsonl", "{}\n[]\n{\"event_type\":\n\"x\"\n{\"event_type\":\"conversion\",\"value\":\"1\",\"currency\":\"EUR\",\"value\":\"2\"}\n",
        &[(1, "missing_field", "event_type"), (2, "malformed_body", ""), (3, "malformed_body", ""), (4, "malformed_body", ""), (5, "malformed_body", "value")]),
];

#[test]
fn every_malformed_row_of_a_file_has_its_outcome() {
    let (installation, server) = started();
    let mut wrong = Vec::new();
    for (name, content, expected) in FILES {
        let path = installation.file(name, content);
        let address = server.http.address.clone();
        let done =
            installation.run(&["import", path.to_str().unwrap(), "--source", "shop", "--server", &address]);
        assert_eq!(done.code, 1, "{name}: {done:?}");
        let result =
            std::fs::read_to_string(installation.files().join(format!("{name}.result.csv"))).unwrap();
        let mut reader = csv::Reader::from_reader(result.as_bytes());
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|column| column == name).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let told: Vec<(u64, &str, &str)> = rows
            .iter()
            .map(|row| {
                (row[column("line")].parse().unwrap(), &row[column("reason")], &row[column("message")])
            })
            .collect();
        let fits = told.len() == expected.len()
            && told.iter().zip(*expected).all(|(told, expected)| {
                (told.0, told.1) == (expected.0, expected.1) && told.2.contains(expected.2)
            });
        if !fits {
            wrong.push(format!("{name}: expected {expected:?}\n    told {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_else_is_stored(&installation, server);
}

#[test]
fn files_that_cannot_be_read_at_all_say_so_and_store_nothing() {
    let (installation, server) = started();
    let token = bearer("shop");
    let known = ("authorization", token.as_str());
    let http = &server.http;
    http.post("/v1/imports?source=shop&filename=x.xlsx", &[known], "a").refused(422, "invalid_field");
    http.post("/v1/imports?source=shop&filename=x.csv", &[], "a").refused(401, "signature_missing");
    http.post("/v1/imports?source=nobody&filename=x.csv", &[known], "a").refused(404, "unknown_source");
    let map = [known, ("x-tributary-map", "%%%")];
    http.post("/v1/imports?source=shop&filename=x.csv", &map, "a").refused(422, "invalid_field");
    assert_eq!(http.send("GET", "/v1/imports/../../etc/passwd", &[known], b"").status, 404);
    http.send("GET", "/v1/imports/x", &[known], b"").refused(404, "unknown_source");
    let import = |name: &str, bytes: &[u8], map: Option<&str>| {
        let path = installation.file(name, bytes);
        let mut arguments =
            vec!["import", path.to_str().unwrap(), "--source", "shop", "--server", &http.address];
        let map = map.map(|text| installation.file("map.toml", text));
        if let Some(map) = &map {
            arguments.extend(["--map", map.to_str().unwrap()]);
        }
        installation.run(&arguments)
    };
    for (name, bytes, map, code, words) in [
        ("table.xlsx", &b"x"[..], None, 2, "known form"),
        (
            "cut.csv.gz",
            &zipped(b"event_type,value,currency\nconversion,1,EUR\n")[..20],
            None,
            1,
            "beyond line 1",
        ),
        ("empty.csv", b"", None, 1, "empty"),
        ("twice.csv", b"value,value\n1,2\n", None, 1, "value"),
        ("map.csv", b"a\n1\n", Some("[columns]\nb = 'value'\n"), 1, "`b`"),
        ("map.csv", b"a\n1\n", Some("[columns]\na = 'valeu'\n"), 1, "valeu"),
        ("map.csv", b"a\n1\n", Some("colums = 1\n"), 1, "colums"),
        ("map.csv", b"a\n1\n", Some("= nothing"), 1, "TOML"),
    ] {
        let done = import(name, bytes, map);
        assert_eq!(done.code, code, "{name}: {done:?}");
        assert!(done.stderr.contains(words), "{name} lacks `{words}`: {done:?}");
    }
    let missing = installation.run(&["import", "none.csv", "--source", "shop", "--server", &http.address]);
    assert_eq!(missing.code, 1, "{missing:?}");
    nothing_else_is_stored(&installation, server);
}
