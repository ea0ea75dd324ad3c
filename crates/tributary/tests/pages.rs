//! The pages and figures for readers, asked of the real server: who may read, and that every place shows the same numbers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::events as send;
use harness::{Installation, Server, timestamp_ago};
use serde_json::{Value, json};

const PAGES: [&str; 6] =
    ["/", "/conversions", "/explain", "/explain/nobody", "/?brand=acme", "/reports/attribution"];
const FIGURES: [&str; 7] = [
    "/v1/funnel",
    "/v1/partners",
    "/v1/balances",
    "/v1/conversions",
    "/v1/explain/nobody",
    "/v1/reports/attribution",
    "/v1/reports/attribution/totals.csv",
];

/// Two clicks, an approved and a pending order, one of them with a number that would be markup, and a conflict.
fn told(installation: &Installation) -> Server {
    let server = installation.serve();
    server.http.click("anna-summer");
    let events = json!([
        {"event_type": "click", "event_id": "k1", "link": "anna-summer", "customer_id": "c1", "timestamp": timestamp_ago(900)},
        {"event_type": "registration", "goal": "registration", "transaction_id": "r1", "customer_id": "c1"},
        {"event_type": "conversion", "event_id": "o1", "goal": "purchase", "transaction_id": "<b>1</b>/..", "customer_id": "c1",
         "value": "1234.50", "currency": "EUR", "status": "approved"},
        {"event_type": "conversion", "goal": "purchase", "transaction_id": "order-2", "customer_id": "c1", "value": "10",
         "currency": "KWD"},
    ]);
    assert_eq!(send(&server.http, "shop", events.to_string()).status, 202);
    let other = json!({"event_type": "conversion", "event_id": "o1", "goal": "purchase", "transaction_id": "<b>1</b>/..",
         "customer_id": "c1", "value": "1", "currency": "EUR"});
    send(&server.http, "shop", other.to_string()).refused(409, "payload_conflict");
    server.settled();
    server
}

fn counts(funnel: &Value) -> Vec<u64> {
    let stages = funnel["brands"][0]["stages"].as_array().unwrap();
    stages.iter().map(|stage| stage["count"].as_u64().unwrap()).collect()
}

#[test]
fn only_this_machine_reads_money_without_a_token() {
    let installation = Installation::set_up();
    let server = installation.serve();
    for path in PAGES.into_iter().chain(FIGURES) {
        assert!(matches!(server.http.get(path).status, 200 | 404), "{path}");
        for (name, value) in [("x-forwarded-for", "203.0.113.9"), ("host", "rebound.example")] {
            let answer = server.http.send("GET", path, &[(name, value)], b"");
            assert_eq!(answer.status, 403, "{path} {name}");
            let is_json = answer.header("content-type") == Some("application/json");
            assert_eq!(is_json, path.starts_with("/v1/"), "{path}");
            assert!(!answer.body.contains("acme"), "{path} gives figures away");
        }
    }
    assert_eq!(server.http.post("/session", &[], "token=guess").status, 403);
    let readable = server.http.send("GET", "/v1/reasons", &[("x-forwarded-for", "203.0.113.9")], b"");
    assert_eq!(readable.status, 200, "what is no money is open");
}

#[test]
fn the_read_token_opens_from_elsewhere_and_signs_a_browser_in() {
    let installation = Installation::set_up();
    let server = installation.serve_with(&["--set", "api.read_token=a-long-read-token"]);
    let elsewhere = ("x-forwarded-for", "203.0.113.9");
    let page = server.http.send("GET", "/", &[elsewhere], b"");
    assert_eq!(page.status, 403);
    assert!(page.body.contains("action=\"/session\""));
    for (token, status) in
        [("Bearer a-long-read-token", 200), ("Bearer a-long-read-toke", 403), ("Bearer ", 403)]
    {
        let answer = server.http.send("GET", "/v1/partners", &[elsewhere, ("authorization", token)], b"");
        assert_eq!(answer.status, status, "{token}");
    }

    let wrong = server.http.post("/session", &[elsewhere], "token=a-long-read-tokem");
    assert!(
        wrong.status == 403
            && wrong.header("set-cookie").is_none()
            && wrong.body.contains("not the read token")
    );
    let secure = [elsewhere, ("x-forwarded-proto", "https")];
    let signed_in = server.http.post("/session", &secure, "token=a-long-read-token");
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/")));
    let cookie = signed_in.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = ("cookie", cookie.split(';').next().unwrap());
    assert_eq!(server.http.send("GET", "/", &[elsewhere, cookie], b"").status, 200);
    assert_eq!(server.http.send("GET", "/", &[elsewhere, ("cookie", "tributary_read=00")], b"").status, 403);
    assert!(!server.complaints().contains("a-long-read-token"), "the token is in the log");
}

#[test]
fn every_answer_forbids_scripts_frames_and_storing() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let refused = server.http.send("GET", "/", &[("via", "1.1 proxy")], b"");
    let answers = PAGES.into_iter().chain(FIGURES).map(|path| server.http.get(path));
    for answer in answers.chain([refused]) {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
    }
}

#[test]
fn a_page_and_the_json_show_the_same_numbers() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let page = server.http.get("/").body;
    let funnel = server.http.get("/v1/funnel").json();
    assert_eq!(funnel["as_of"]["lag"], 0);
    assert_eq!(counts(&funnel), [2, 1, 0, 2, 1, 0]);
    let shown: Vec<u64> = page
        .split("<span class=\"big\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(shown, counts(&funnel));

    let partners = server.http.get("/v1/partners?brand=acme").json();
    let rows = partners["partners"].as_array().unwrap();
    let earned: Vec<&str> = rows.iter().map(|row| row["earned"]["amount"].as_str().unwrap()).collect();
    assert_eq!(earned, ["124.95", "1.000"]);
    assert!(rows.iter().all(|row| row["agrees_with_ledger"] == true), "{partners}");
    for text in ["124.95 EUR", "1.000 KWD", "1 conflict<", "1,234.50 EUR", "lag <strong>0</strong>"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("&lt;b&gt;1&lt;/b&gt;/..") && !page.contains("<b>1"));

    let balances = server.http.get("/v1/balances").json();
    let rows = balances["balances"].as_array().unwrap();
    for currency in ["EUR", "KWD"] {
        let mine = rows.iter().filter(|row| row["currency"] == currency);
        let thousandths: i64 = mine
            .map(|row| {
                let (whole, part) = row["amount"].as_str().unwrap().split_once('.').unwrap();
                let size: i64 = format!("{}{part:0<3}", whole.trim_start_matches('-')).parse().unwrap();
                if whole.starts_with('-') { -size } else { size }
            })
            .sum();
        assert_eq!(thousandths, 0, "{currency}: {balances}");
    }
}

#[test]
fn any_id_is_explained_on_a_page_and_as_json() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let conversion = server.conversion("order-2");
    let event = conversion["event_id"].as_str().unwrap();
    let line = conversion["commissions"][0]["id"].as_str().unwrap();
    for id in [event, line, "order-2", "%3Cb%3E1%3C%2Fb%3E%2F.."] {
        let page = server.http.get(&format!("/explain?id={id}"));
        assert_eq!(page.status, 200, "{id}");
        assert!(page.body.contains("How the value was shared") && !page.body.contains("<b>1"), "{id}");
        let figures = server.http.get(&format!("/v1/explain?id={id}"));
        assert_eq!(figures.status, 200);
        assert_eq!(figures.json()["sections"][0]["title"], "What arrived");
    }
    assert_eq!(server.http.get(&format!("/explain/{event}")).status, 200);
    for path in ["/explain/no-such-order", "/v1/explain/no-such-order"] {
        let answer = server.http.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("No event, click, transaction, commission or payout has this id."));
    }
}

#[test]
fn conversions_are_paged_and_filtered() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let mut seen = Vec::new();
    let mut path = "/v1/conversions?limit=1".to_owned();
    loop {
        let answer = server.http.get(&path).json();
        seen.extend(answer["conversions"].as_array().unwrap().iter().map(|row| row["goal"].to_string()));
        let Some(next) = answer["next"].as_str() else { break };
        path = format!("/v1/conversions?limit=1&after={next}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(server.conversions("partner=anna").len(), 3);
    assert_eq!(server.conversions("partner=bert").len(), 0);
    assert_eq!(server.conversions("transaction=order-2&brand=acme&source=shop").len(), 1);
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_parameter() {
    let installation = Installation::set_up();
    let server = installation.serve();
    for query in [
        "/v1/conversions?transactoin=1",
        "/v1/conversions?limit=0",
        "/v1/conversions?limit=1001",
        "/v1/conversions?after=x",
        "/v1/conversions?period=2026-13",
        "/v1/conversions?brand=a%20b",
        "/v1/conversions?brand=a&brand=b",
        "/v1/funnel?brand=%2F",
        "/v1/partners?since=1",
        "/v1/explain",
        "/v1/explanations/%ff%fe",
        "/v1/explain/a%ff",
        "/v1/reports/attribution/%ff",
        "/v1/reports/attribution?campaign=sumer",
    ] {
        let answer = server.http.get(query).refused(422, "invalid_field");
        assert!(answer.json()["reason"]["field"].is_string(), "{query}");
    }
    let long = format!("/v1/explain/{}", "x".repeat(257));
    server.http.get(&long).refused(422, "invalid_field");
    for page in ["/?brand=a%20b", "/?brand=nobody", "/conversions?limit=x", "/explain/%ff"] {
        assert_eq!(server.http.get(page).status, 422, "{page}");
    }
    assert_eq!(server.http.post("/v1/funnel", &[], "{}").status, 405);
}

#[test]
fn who_looks_with_a_partner_s_eyes_goes_on_doing_so() {
    let installation = Installation::set_up();
    let server = told(&installation);
    server.conversion("order-2");
    for route in [
        "/v1/explanations?id=order-2&",
        "/v1/explain?id=order-2&",
        "/v1/explanations/order-2?",
        "/v1/conversions?",
    ] {
        for empty in ["partner=", "partner=%20", "partner=+", "partner"] {
            let answer = server.http.get(&format!("{route}{empty}")).refused(422, "invalid_field");
            assert_eq!(answer.json()["reason"]["field"], "partner", "{route}{empty}");
        }
    }
    for route in [
        "/v1/refusals?",
        "/v1/reports/attribution?",
        "/explain/order-2?",
        "/explain?id=order-2&",
        "/explain?",
    ] {
        let answer = server.http.get(&format!("{route}partner="));
        assert_eq!(answer.status, 422, "{route}");
        assert!(answer.body.contains("`partner`") && !answer.body.contains("bert"), "{}", answer.body);
    }
    let page = server.http.get("/explain/order-2?partner=anna");
    assert_eq!(page.status, 200);
    let ways: Vec<&str> =
        page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let ways: Vec<&str> = ways.into_iter().filter(|way| way.contains("/expla")).collect();
    assert!(ways.len() >= 2, "{}", page.body);
    assert!(ways.iter().all(|way| way.ends_with("partner=anna")), "{ways:?}");
    for path in
        ["/explain/order-2?partner=anna", "/explain/no-such-order?partner=anna", "/explain?partner=anna"]
    {
        let page = server.http.get(path).body;
        assert!(page.contains("<input type=\"hidden\" name=\"partner\" value=\"anna\">"), "{path}: {page}");
    }
}

#[test]
fn the_attribution_report_is_the_same_on_its_page_and_as_json() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let answer = server.http.get("/v1/reports/attribution?models=first_touch;linear").json();
    assert_eq!(answer["as_of"]["lag"], 0);
    let report = &answer["report"];
    assert_eq!(report["totals"]["attributed"], json!({"conversions": 1, "value": "1234.50"}));
    assert_eq!(report["totals"]["other_currency"], 1, "the order in KWD");
    let trained = ["markov_of_these_journeys(1)", "shapley_of_these_journeys"];
    assert_eq!(
        report["credit"]["models"],
        json!(["as_paid", "first_touch", "linear", trained[0], trained[1]])
    );
    assert_eq!(report["trained"]["by_earner"]["rows"][0]["effect_ppm"], 1_000_000, "anna alone brought it");
    let anna = &report["credit"]["by_earner"][0];
    assert_eq!((&anna["key"], &anna["commission"]), (&json!("anna"), &json!("123.45")));
    for credit in anna["credits"].as_array().unwrap() {
        assert_eq!((&credit["conversions"], &credit["value"]), (&json!("1.000000000"), &json!("1234.50")));
    }
    let dinars = server.http.get("/v1/reports/attribution?currency=KWD").json();
    assert_eq!(dinars["report"]["totals"]["attributed"], json!({"conversions": 1, "value": "10.000"}));
    assert_eq!(dinars["report"]["credit"]["models"].as_array().unwrap().len(), 12);
    let untrained = server.http.get("/v1/reports/attribution?markov_order=none").json();
    assert_eq!(untrained["report"]["credit"]["models"].as_array().unwrap().len(), 10);
    assert!(untrained["report"]["trained"].is_null());

    let page = server.http.get("/reports/attribution?from=2020-01-01").body;
    for text in ["Models side by side", "1,234.50 EUR", "Path length", "Top paths", "value=\"2020-01-01\""] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("/v1/reports/attribution?from=2020-01-01"), "the link to the same as JSON");
    let nothing = server.http.get("/reports/attribution?to=2020-01-01");
    assert!(nothing.status == 200 && nothing.body.contains("Nothing to attribute"));
    assert!(server.http.get("/").body.contains("/reports/attribution?brand=acme"));
}

#[test]
fn every_table_of_the_report_is_a_file() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let file =
        server.http.get("/v1/reports/attribution/models_by_earner.csv?models=linear&markov_order=none");
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let disposition = file.header("content-disposition").unwrap();
    assert_eq!(disposition, "attachment; filename=\"attribution-models_by_earner.csv\"");
    assert_eq!(
        file.body,
        "earner,model,conversions,value,share,commission\nanna,as_paid,1.000000000,1234.50,1.000000,123.45\n\
         anna,linear,1.000000000,1234.50,1.000000,\n"
    );
    let effects = server.http.get("/v1/reports/attribution/removal_by_earner.csv?markov_order=2").body;
    assert_eq!(
        effects,
        "earner,journeys,conversions,removal_effect,removal_effect_on_value\nanna,2,1,1.000000,1.000000\n",
        "the visitor of the redirect never ordered"
    );
    for unknown in ["nothing.csv", "totals", "removal_by_earner.csv?markov_order=none"] {
        let answer = server.http.get(&format!("/v1/reports/attribution/{unknown}"));
        assert_eq!(answer.status, 404, "{unknown}");
        assert!(answer.body.contains("models_by_earner.csv"), "{}", answer.body);
    }
}

#[test]
fn a_report_that_cannot_be_asked_for_names_the_field_and_the_remedy() {
    let installation = Installation::set_up();
    let server = installation.serve();
    for (query, field, says) in [
        ("from=yesterday", "from", "2026-01-31"),
        ("to=2026-02-30", "to", "2026-01-31"),
        ("from=2026-01-02&to=2026-01-01", "to", "before the first"),
        ("models=liner", "models", "linear"),
        ("models=data_driven(january)", "models", "tributary apply"),
        ("brand=nobody", "brand", "no brand"),
        ("fold_repeats=maybe", "fold_repeats", "`true`"),
        ("markov_order=5", "markov_order", "1, 2, 3 or 4"),
        ("period=2026-01", "period", "no such parameter"),
    ] {
        let answer = server.http.get(&format!("/v1/reports/attribution?{query}"));
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["reason"]["field"], field, "{query}");
        assert!(answer.body.contains(says), "{query}: {}", answer.body);
        assert_eq!(server.http.get(&format!("/reports/attribution?{query}")).status, 422);
    }
    let evil = server.http.get("/reports/attribution?from=%3Cscript%3E");
    assert!(!evil.body.contains("<script>"));
}
