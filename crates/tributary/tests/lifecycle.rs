//! The whole life of money, through the program's own doors and commands: click, registration, qualification, conversion, verdict,
//! reconciliation, payout, refund, clawback; and that every number of it explains itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{as_query, click, events, purchase, standard_webhook, tell, webhook};
use harness::{Installation, SET_UP, SHOP_SECRET, Server, shares, timestamp_ago};
use serde_json::{Value, json};

/// An operator at work: his commands need embedded storage alone, and run beside the server on PostgreSQL.
struct Operator {
    installation: Installation,
    server: Option<Server>,
    shared: bool,
}

impl Operator {
    fn new(installation: Installation, shared: bool) -> Self {
        installation.apply(SET_UP);
        let server = Some(installation.serve());
        Self { installation, server, shared }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Runs a command that writes, and reads the JSON that it prints.
    #[track_caller]
    fn command(&mut self, arguments: &[&str]) -> Value {
        self.server().settled();
        if !self.shared {
            self.server.take().unwrap().stop();
        }
        let printed = self.installation.json(arguments);
        if !self.shared {
            self.server = Some(self.installation.serve());
        }
        self.server().settled();
        printed
    }

    #[track_caller]
    fn explain(&self, id: &str) -> Value {
        self.installation.json(&["explain", id])
    }

    /// Balance of an account whose name holds these words, in the order of the report.
    fn balances(&self, words: &str) -> Vec<String> {
        let report = self.server().http.get("/v1/balances").json();
        let rows = report["balances"].as_array().unwrap_or_else(|| panic!("{report}"));
        let mine = rows.iter().filter(|row| row["account"].as_str().unwrap().contains(words));
        mine.map(|row| format!("{} {}", row["account"].as_str().unwrap(), row["amount"].as_str().unwrap()))
            .collect()
    }
}

fn only<'v>(report: &'v Value, partner: &str) -> &'v Value {
    let mut found =
        report["payouts"].as_array().unwrap().iter().filter(|payout| payout["partner"] == partner);
    let first = found.next().unwrap_or_else(|| panic!("no payout of {partner}: {report:#}"));
    assert!(found.next().is_none(), "two payouts of {partner}: {report:#}");
    first
}

fn whole_life(installation: Installation, shared: bool) {
    let mut operator = Operator::new(installation, shared);
    let http = operator.server().http.clone();

    // A click by redirect, then what the customer does, each step by another way in.
    let click_id = http.click("anna-summer");
    let registration = json!({
        "event_type": "registration", "event_id": "r-1", "customer_id": "c-1", "email": "A.Customer@Example.com",
        "click_id": click_id, "status": "approved",
    });
    webhook(&http, "shop", registration.to_string()).accepted();
    let deposit =
        json!({"event_type": "qualification", "goal": "ftd", "customer_id": "c-1", "transaction_id": "d-1"});
    standard_webhook(&http, "shop", "m-1", deposit.to_string()).accepted();
    let mut order = purchase("o-1", "100.00", "c-1", "");
    order.as_object_mut().unwrap().remove("timestamp");
    let answer = http.get(&format!("/postback/shop?token={SHOP_SECRET}&{}", as_query(&order))).accepted();
    let order_event = answer.event_id();
    // The same person by e-mail alone, an order that the operator will value otherwise.
    let second = json!({
        "event_type": "conversion", "transaction_id": "o-2", "value": "50.00", "currency": "EUR",
        "email": " a.customer@example.COM ",
    });
    tell(&http, &second);
    tell(&http, &purchase("o-4", "7.00", "c-9", &timestamp_ago(1)));

    let conversion = operator.server().conversion("o-1");
    assert_eq!(conversion["event_id"], order_event.as_str());
    assert_eq!(shares(&conversion), ["anna 100.00"]);
    assert_eq!(shares(&operator.server().conversion("o-2")), ["anna 50.00"], "stitched by e-mail");
    let line = &conversion["commissions"][0];
    assert_eq!(line["owed"]["amount"], "10.00");
    assert_eq!((&line["state"], &line["reason"]["code"]), (&json!("pending"), &json!("awaiting_approval")));
    assert_eq!(operator.server().conversion("o-4")["reason"]["code"], "no_touchpoint");
    tell(&http, &json!({"event_type": "status", "transaction_id": "d-1", "status": "approved"}));

    // Reconciliation: one agrees and waited for it, one amount differs, one is unknown here, one unknown there.
    let month = conversion["occurred_at"].as_str().unwrap()[..7].to_owned();
    let file = format!(
        "transaction_id,value,currency,status,timestamp,customer_id\no-1,100.00,EUR,approved,{0},c-1\n\
         o-2,40.00,EUR,approved,{0},c-1\no-3,20.00,EUR,approved,{0},c-1\n,1.00,EUR,approved,{0},c-1\n",
        conversion["occurred_at"].as_str().unwrap()
    );
    let file = operator.installation.file("period.csv", file);
    let reconcile = ["reconcile", file.to_str().unwrap(), "--source", "shop", "--period", &month];
    operator.server().settled();
    let before = operator.installation.state_hash();
    let proposed = operator.command(&reconcile);
    let class = |name: &str| {
        let classes = proposed["classes"].as_array().unwrap();
        classes
            .iter()
            .find(|class| class["class"] == name)
            .map_or(0, |class| class["count"].as_u64().unwrap())
    };
    assert_eq!(
        [class("matched"), class("amount_differs"), class("missing_ours"), class("missing_theirs")],
        [1, 1, 1, 1],
        "{proposed:#}"
    );
    assert_eq!(proposed["refused"].as_array().unwrap().len(), 1);
    assert_eq!(operator.installation.state_hash(), before, "a proposal books nothing");
    let applied = operator.command(&[&reconcile[..], &["--apply"]].concat());
    assert!(applied["applied"].as_u64().unwrap() >= 4, "{applied:#}");
    let after = operator.installation.state_hash();
    let again = operator.command(&[&reconcile[..], &["--apply"]].concat());
    assert_eq!(
        (again["applied"].as_u64(), operator.installation.state_hash()),
        (Some(0), after),
        "{again:#}"
    );
    let adjusted = operator.server().conversion("o-2");
    assert_eq!(adjusted["commissions"][0]["owed"]["amount"], "4.00", "{adjusted:#}");

    // The payout: 1.50 for registering, 20 for the first deposit, 10% of 100, 40 and 20.
    let prepared = operator.command(&["payout", "prepare", "--run", "one"]);
    assert_eq!(only(&prepared, "anna")["amount"], "37.50", "{prepared:#}");
    let again = operator.command(&["payout", "prepare", "--run", "one"]);
    assert_eq!(only(&again, "anna"), only(&prepared, "anna"), "the same run plans nothing twice");
    let export = operator.installation.files().join("payout.csv");
    let export = export.to_str().unwrap().to_owned();
    let early = operator.installation.run(&["payout", "settle", "--of-run", "one", "--reference", "x"]);
    assert_eq!(early.code, 1, "nothing settles before it was approved and exported: {early:?}");
    operator.command(&["payout", "approve", "--of-run", "one"]);
    operator.command(&["payout", "export", &export, "--of-run", "one"]);
    let file = std::fs::read_to_string(&export).unwrap();
    assert!(file.contains("anna") && file.contains("37.50"), "{file}");
    let settled = operator.command(&["payout", "settle", "--of-run", "one", "--reference", "SEPA-77"]);
    assert_eq!(only(&settled, "anna")["step"], "settled");
    assert_eq!(only(&settled, "anna")["reference"], "SEPA-77");
    let empty = operator.command(&["payout", "prepare", "--run", "empty"]);
    assert!(empty["payouts"].as_array().unwrap().is_empty(), "nothing is paid twice: {empty:#}");
    operator.installation.verify();

    // A refund after payment: owed back, and offset against what the next run pays.
    tell(
        &http_of(&operator),
        &json!({"event_type": "refund", "transaction_id": "o-1", "value": "100.00", "currency": "EUR"}),
    );
    let refunded = operator.server().conversion("o-1");
    assert_eq!(refunded["refunded"]["amount"], "100.00");
    assert_eq!(refunded["commissions"][0]["owed"]["amount"], "0.00", "{refunded:#}");
    let mut next = purchase("o-5", "300.00", "c-1", "");
    next["timestamp"] = Value::Null;
    tell(&http_of(&operator), &next);
    tell(
        &http_of(&operator),
        &json!({"event_type": "status", "transaction_id": "o-5", "status": "approved"}),
    );
    let offset = operator.command(&["payout", "prepare", "--run", "two"]);
    assert_eq!(only(&offset, "anna")["amount"], "20.00", "30 earned less 10 clawed back: {offset:#}");
    operator.command(&["payout", "approve", "--of-run", "two"]);
    operator.command(&["payout", "export", &export, "--of-run", "two"]);
    operator.command(&["payout", "settle", "--of-run", "two", "--reference", "SEPA-78"]);
    let open: Vec<String> =
        operator.balances("anna").into_iter().filter(|row| !row.ends_with(" 0.00")).collect();
    eprintln!("{open:?}");
    operator.installation.verify();
    operator.installation.replay_equals();

    explains_every_kind_of_id(&operator, &click_id, &order_event, only(&settled, "anna"));
}

fn http_of(operator: &Operator) -> harness::client::Client {
    operator.server().http.clone()
}

fn explains_every_kind_of_id(operator: &Operator, click_id: &str, order_event: &str, payout: &Value) {
    let commission = operator.server().conversion("o-2")["commissions"][0]["id"].as_str().unwrap().to_owned();
    for (id, what, words) in [
        (click_id, "click", "anna-summer"),
        (order_event, "conversion", "100.00"),
        ("o-2", "conversion", "40.00"),
        (commission.as_str(), "commission", "anna"),
        (payout["payout"].as_str().unwrap(), "payout", "37.50"),
    ] {
        let explanation = operator.explain(id);
        assert!(explanation["what"].as_str().unwrap().starts_with(what), "{id}: {explanation:#}");
        assert!(explanation["sections"].to_string().contains(words), "{id} lacks {words}: {explanation:#}");
        let page = operator.server().http.get(&format!("/v1/explain/{id}"));
        assert_eq!(page.json(), explanation, "page and command say the same of {id}");
        let answer = operator.server().http.get(&format!("/explain/{id}"));
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("a.customer@example.com"), "a page shows no personal data");
    }
    // The absence explains itself too: an order without a touchpoint, and an id that nobody knows.
    let absent = operator.explain("o-4");
    assert!(absent.to_string().contains("No touchpoint"), "{absent:#}");
    let nothing = operator.installation.run(&["explain", "never-heard-of"]);
    assert_eq!(nothing.code, 1);
    assert_eq!(operator.server().http.get("/v1/explain/never-heard-of").status, 404);
}

#[test]
fn from_the_click_to_the_clawback_on_sqlite() {
    whole_life(Installation::embedded(), false);
}

#[test]
fn from_the_click_to_the_clawback_on_postgresql() {
    whole_life(Installation::postgres(), true);
}

#[test]
fn applying_a_set_up_again_changes_nothing() {
    let installation = Installation::embedded();
    let first = installation.apply(SET_UP);
    assert!(first["added"].as_u64().unwrap() > 20, "{first}");
    let again = installation.apply(SET_UP);
    assert_eq!((&again["added"], &again["changed"]), (&json!(0), &json!(0)), "{again}");
    let path = installation.file("set-up.yaml", SET_UP.replace("10%", "20%"));
    let dry = installation.json(&["apply", path.to_str().unwrap(), "--dry-run"]);
    assert_eq!(dry["changed"], 2, "{dry}");
    assert_eq!(installation.apply(SET_UP)["changed"], 0, "a dry run stored nothing");
}

#[test]
fn a_backup_taken_under_load_restores_to_a_state_that_proves_itself() {
    let installation = Installation::set_up();
    let server = installation.serve();
    for number in 0..200 {
        let customer = format!("c-{number}");
        tell(&server.http, &click("anna-summer", &customer, &timestamp_ago(500)));
        tell(&server.http, &purchase(&format!("o-{number}"), "10.00", &customer, &timestamp_ago(100)));
    }
    let (busy, quiet) = (installation.files().join("busy"), installation.files().join("quiet"));
    std::thread::scope(|scope| {
        let http = server.http.clone();
        let load = scope.spawn(move || {
            for number in 200..400 {
                tell(
                    &http,
                    &purchase(&format!("o-{number}"), "10.00", &format!("c-{number}"), &timestamp_ago(100)),
                );
            }
        });
        installation.run(&["backup", busy.to_str().unwrap()]).ok();
        load.join().unwrap();
    });
    server.settled();
    installation.run(&["backup", quiet.to_str().unwrap()]).ok();
    let hash = installation.state_hash();

    let second = Installation::embedded();
    second.run(&["restore", quiet.to_str().unwrap()]).ok();
    assert_eq!(second.state_hash(), hash);
    second.verify();
    second.replay_equals();
    assert_ne!(second.run(&["restore", quiet.to_str().unwrap()]).code, 0, "data is never overwritten");
    // What was acknowledged before the backup is known after it, and sealed keys open.
    let restored = second.serve();
    let again =
        events(&restored.http, "shop", purchase("o-7", "10.00", "c-7", &timestamp_ago(100)).to_string());
    assert_eq!((again.status, again.outcome().as_str()), (200, "duplicate"));
    tell(&restored.http, &purchase("o-new", "1.00", "c-7", &timestamp_ago(1)));
    assert_eq!(shares(&restored.conversion("o-new")), ["anna 1.00"]);

    // The one taken in the middle is whole too, once its engine has caught up.
    let third = Installation::embedded();
    third.run(&["restore", busy.to_str().unwrap()]).ok();
    let restored = third.serve();
    assert!(restored.settled() >= 400);
    third.verify();
    third.replay_equals();
}

#[test]
fn replay_with_another_set_up_says_who_would_earn_what_and_books_nothing() {
    let installation = Installation::set_up();
    let server = installation.serve();
    tell(&server.http, &click("anna-summer", "c-1", &timestamp_ago(9_000)));
    tell(&server.http, &click("bert-summer", "c-1", &timestamp_ago(600)));
    tell(&server.http, &purchase("o-1", "100.00", "c-1", &timestamp_ago(60)));
    assert_eq!(shares(&server.conversion("o-1")), ["anna 40.00", "bert 60.00"]);
    let hash = installation.state_hash();
    let campaign = "campaigns: [{key: summer, brand: acme, tier: consideration, destination: \"https://shop.example/summer\", \
                    plan: share, model: first_touch}]";
    let path = installation.file("what-if.yaml", campaign);
    let rows = installation.json(&["replay", "--with", path.to_str().unwrap(), "--diff"]);
    let row = |earner: &str| {
        let found = rows["partners"].as_array().unwrap().iter().find(|row| row["earner"] == earner);
        found.map(|row| (row["value_now"].clone(), row["value_then"].clone()))
    };
    assert_eq!(row("anna"), Some((json!("40.00"), json!("100.00"))), "{rows:#}");
    assert_eq!(row("bert"), Some((json!("60.00"), json!("0.00"))), "{rows:#}");
    assert_eq!(installation.state_hash(), hash);
    assert_eq!(shares(&server.conversion("o-1")), ["anna 40.00", "bert 60.00"]);
}
