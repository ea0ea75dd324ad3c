//! What each door promises beside taking events: where visitors are led, what old systems are told, what happens when there is too
//! much, and what stays secret.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::BTreeSet;

use harness::sender::{as_query, bearer, events, purchase, signature, tell, webhook};
use harness::{Installation, SET_UP, SHOP_SECRET, Server, timestamp_ago};
use serde_json::{Value, json};

fn started() -> (Installation, Server) {
    let installation = Installation::set_up();
    let server = installation.serve();
    (installation, server)
}

fn order(number: usize) -> String {
    purchase(&format!("o-{number}"), "1.00", "c-1", &timestamp_ago(1)).to_string()
}

#[test]
fn a_redirect_leads_to_the_destination_with_its_click_id_and_is_never_cached() {
    let (installation, server) = started();
    let follow = |path: &str| {
        let answer = server.http.get(path);
        assert_eq!((answer.status, answer.header("cache-control")), (302, Some("no-store")), "{answer:?}");
        answer.header("location").unwrap().to_owned()
    };
    let location = follow("/c/anna-summer?sub1=spring&utm_source=video");
    assert!(location.starts_with("https://shop.example/summer?a=1&click_id=t1"), "{location}");
    assert!(
        follow("/c/anna-first").starts_with("https://shop.example/first?cid=t1"),
        "the campaign's own parameter"
    );
    let allowed = follow("/c/anna-summer?to=https%3A%2F%2Fblog.shop.example%2Fpost%3Fb%3D2%23top");
    assert!(
        allowed.starts_with("https://blog.shop.example/post?b=2&click_id=t1") && allowed.ends_with("#top"),
        "{allowed}"
    );
    assert!(follow("/c/anna-summer?to=").starts_with("https://shop.example/summer"));
    // What a browser claims beside the link is not believed.
    follow(
        "/c/anna-summer?partner=bert&customer_id=c-1&event_type=conversion&value=100&timestamp=2020-01-01&click_id=x",
    );
    assert_eq!(server.settled(), 5);
    let facts = installation.facts();
    let ids: BTreeSet<String> = facts.iter().map(|fact| fact.event_id.to_string()).collect();
    assert_eq!(ids.len(), 5, "each request is a click of its own");
    assert!(facts.iter().all(|fact| fact.subject.customer.is_none()));
    let partners = server.http.get("/v1/funnel").json();
    assert!(partners.to_string().contains('5'), "{partners}");
}

#[test]
fn machines_that_look_at_a_link_are_no_clicks() {
    let (_installation, server) = started();
    assert_eq!(server.http.send("HEAD", "/c/anna-summer", &[], b"").status, 302);
    for header in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
        ("x-purpose", "preview"),
    ] {
        let answer = server.http.send("GET", "/c/anna-summer", &[header], b"");
        assert_eq!(answer.status, 302);
        assert!(!answer.header("location").unwrap().contains("click_id"), "{answer:?}");
    }
    assert_eq!(server.settled(), 0);
    server.http.click("anna-summer");
    assert_eq!(server.settled(), 1);
}

#[test]
fn a_link_that_leads_nowhere_is_a_404_page_or_the_brands_fallback() {
    let (_installation, server) = started();
    for path in [
        "/c/nowhere",
        "/c/retired",
        "/c/%F0%9F%98%80",
        "/c/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/c/..%2f..%2fetc",
    ] {
        let answer = server.http.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}: {answer:?}");
        assert!(answer.body.contains("leads nowhere") && !answer.body.contains("<script>"), "{path}");
    }
    server.stop();
    let installation = Installation::embedded();
    installation.apply(&SET_UP.replace(
        "currency: EUR}]\nplans",
        "currency: EUR, fallback_url: \"https://acme.example/\"}]\nplans",
    ));
    let server = installation.serve();
    for path in ["/c/nowhere", "/c/retired"] {
        let answer = server.http.get(path);
        assert_eq!(
            (answer.status, answer.header("location")),
            (302, Some("https://acme.example/")),
            "{path}"
        );
    }
    assert_eq!(server.settled(), 0);
}

#[test]
fn old_systems_get_the_plain_answer_they_insist_on_and_only_for_what_is_stored() {
    let (_installation, server) = started();
    let query = as_query(&purchase("o-1", "1.00", "c-1", &timestamp_ago(1)));
    let send =
        |query: &str| server.http.get(&format!("/postback/shop?token={SHOP_SECRET}&return=OK&{query}"));
    let (first, again) = (send(&query), send(&query));
    assert_eq!((first.status, first.body.as_str()), (202, "OK"));
    assert_eq!((again.status, again.body.as_str()), (200, "OK"));
    send("value=abc&currency=EUR").refused(422, "invalid_field");
    send(&query.replace("1.00", "2.00")).refused(409, "payload_conflict");
    // Nothing but a plain word comes back.
    let answer = server.http.get(&format!("/postback/shop?token={SHOP_SECRET}&return=%3Cb%3Ex&{query}"));
    assert!(!answer.body.contains("<b>"), "{answer:?}");
    server.http.get("/postback/shop?return=OK&value=1").refused(401, "signature_missing");
}

#[test]
fn an_unsigned_postback_is_trusted_by_its_click_id_alone() {
    let (_installation, server) = started();
    let id = server.http.click("anna-summer");
    let answer = server.http.get(&format!("/postback/legacy?click_id={id}&value=10.00&transaction_id=o-1"));
    answer.accepted();
    assert_eq!(harness::shares(&server.conversion("o-1")), ["anna 10.00"]);
    server.http.get("/postback/legacy?value=10.00&transaction_id=o-2").refused(401, "signature_missing");
    let mut forged = id;
    forged.replace_range(10..11, if &forged[10..11] == "A" { "B" } else { "A" });
    let answer =
        server.http.get(&format!("/postback/legacy?click_id={forged}&value=10.00&transaction_id=o-3"));
    assert!(matches!(answer.status, 401 | 422), "{answer:?}");
    assert_eq!(server.settled(), 2);
}

#[test]
fn a_source_beyond_its_limit_is_told_when_to_come_again_and_nothing_of_it_is_lost() {
    let installation = Installation::embedded();
    installation.apply(&SET_UP.replace("{key: shop, secrets", "{key: shop, rate_limit: 5, secrets"));
    let server = installation.serve();
    // Strangers do not use up the shop's allowance.
    for _ in 0..50 {
        server
            .http
            .post("/webhooks/shop", &[("x-webhook-signature", "00")], order(0))
            .refused(401, "signature_invalid");
    }
    let answers: Vec<_> =
        (0..20).map(|number| (number, webhook(&server.http, "shop", order(number)))).collect();
    let (taken, later): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 202);
    assert!((5..15).contains(&taken.len()), "{} were taken at once", taken.len());
    for (number, answer) in later {
        let answer = answer.refused(429, "rate_limited");
        let seconds: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
        assert!((1..=5).contains(&seconds));
        loop {
            let again = webhook(&server.http, "shop", order(number));
            if again.status == 202 {
                break;
            }
            again.refused(429, "rate_limited");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    assert_eq!(server.settled(), 20);
    // A batch beyond a second's worth passes once, and what it overdrew is waited for.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let batch: Vec<String> = (100..120).map(order).collect();
    assert_eq!(events(&server.http, "shop", format!("[{}]", batch.join(","))).status, 202);
    let late = webhook(&server.http, "shop", order(200)).refused(429, "rate_limited");
    assert!(matches!(late.header("retry-after"), Some("3" | "4")), "{late:?}");
    // Another source is not held back.
    events(&server.http, "crm", order(99)).accepted();
}

#[test]
fn an_overloaded_log_answers_503_and_never_a_2xx_for_what_it_dropped() {
    let installation = Installation::set_up();
    let server =
        installation.serve_with(&["--set", "limits.queue_records=4", "--set", "test.commit_delay_ms=150"]);
    let answers: Vec<(usize, u16)> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..40)
            .map(|number| {
                let http = server.http.clone();
                scope.spawn(move || {
                    let answer = webhook(&http, "shop", order(number));
                    if answer.status == 503 {
                        assert_eq!(answer.reason(), "storage_unavailable");
                        assert!(answer.header("retry-after").is_some());
                    }
                    (number, answer.status)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let taken: BTreeSet<String> = answers
        .iter()
        .filter(|(_, status)| *status == 202)
        .map(|(number, _)| format!("o-{number}"))
        .collect();
    assert!(answers.iter().all(|(_, status)| matches!(status, 202 | 503)), "{answers:?}");
    assert!(!taken.is_empty() && taken.len() < 40, "{} of 40 were taken", taken.len());
    let stored: BTreeSet<String> = server
        .conversions("")
        .iter()
        .map(|conversion| conversion["transaction_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stored, taken, "exactly what was told 202");
}

#[test]
fn a_server_that_is_asked_to_stop_stores_what_it_acknowledges() {
    let (installation, server) = started();
    let http = server.http.clone();
    let sender = std::thread::spawn(move || {
        let mut acknowledged = 0;
        for number in 0..100_000 {
            let body = order(number);
            let signature = signature("shop", body.as_bytes());
            match http.try_send(
                "POST",
                "/webhooks/shop",
                &[("x-webhook-signature", &signature)],
                body.as_bytes(),
            ) {
                Ok(answer) if answer.status == 202 => acknowledged += 1,
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => break,
            }
        }
        acknowledged
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    server.stop();
    let acknowledged = sender.join().unwrap();
    let stored = installation.facts().len();
    assert!(
        acknowledged > 10 && (stored == acknowledged || stored == acknowledged + 1),
        "{acknowledged}, {stored} stored"
    );
}

/// Every byte below a directory.
fn bytes_below(directory: &std::path::Path, bytes: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => bytes_below(&entry.path(), bytes),
            false => bytes.extend(std::fs::read(entry.path()).unwrap()),
        }
    }
}

#[test]
fn personal_data_and_secrets_are_in_no_file_and_no_log_line() {
    let (installation, server) = started();
    let event = json!({
        "event_type": "conversion", "transaction_id": "o-1", "value": "1.00", "currency": "EUR",
        "customer_id": "customer-name-7321", "visitor_id": "visitor-cookie-7321", "email": "Jane.Roe-7321@example.com",
        "ip": "203.0.113.73", "user_agent": "UniqueAgent/7321",
    });
    tell(&server.http, &event);
    webhook(&server.http, "shop", event.to_string());
    server.http.get(&format!("/postback/shop?token={SHOP_SECRET}&{}", as_query(&event)));
    let agent = [("user-agent", "UniqueAgent/7321")];
    server.http.send("GET", "/c/anna-summer?visitor_id=visitor-cookie-7321", &agent, b"");
    // Also where something is wrong with the event.
    let mut wrong = event.clone();
    wrong["value"] = Value::from("abc");
    events(&server.http, "shop", wrong.to_string()).refused(422, "invalid_field");
    let mut other = event.clone();
    other["value"] = Value::from("2.00");
    events(&server.http, "shop", other.to_string()).refused(409, "payload_conflict");
    let token = bearer("shop");
    let file = harness::sender::as_csv(&[event]);
    server.http.post("/v1/imports?source=shop&filename=x.csv", &[("authorization", &token)], file);
    server.settled();
    let pages: String =
        ["/", "/conversions", "/explain/o-1", "/v1/explain/o-1", "/v1/conversions", "/metrics"]
            .iter()
            .map(|path| server.http.get(path).body)
            .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let log = server.complaints();
    server.stop();
    let mut stored = Vec::new();
    bytes_below(&installation.data_dir(), &mut stored);
    let stored = String::from_utf8_lossy(&stored).to_lowercase();
    for raw in [
        "customer-name-7321",
        "visitor-cookie-7321",
        "jane.roe-7321",
        "203.0.113.73",
        "uniqueagent/7321",
        SHOP_SECRET,
    ] {
        assert!(!stored.contains(raw), "{raw} is in a file");
        assert!(!log.to_lowercase().contains(raw), "{raw} is in the log: {log}");
        assert!(!pages.to_lowercase().contains(raw), "{raw} is on a page");
    }
}

#[test]
fn every_reason_that_is_answered_is_on_the_published_list() {
    let (_installation, server) = started();
    let list = server.http.get("/v1/reasons").json();
    let codes: BTreeSet<&str> =
        list["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    for answer in [
        server.http.get("/postback/nobody"),
        server.http.post("/webhooks/shop", &[], "{}"),
        webhook(&server.http, "shop", "{}"),
        webhook(&server.http, "shop", order(1)),
        webhook(&server.http, "shop", order(1)),
    ] {
        let reason = answer.reason();
        assert!(codes.contains(reason.as_str()), "{reason}");
        let metrics = server.http.get("/metrics").body;
        assert!(metrics.contains(&reason), "{reason} is counted");
    }
}
