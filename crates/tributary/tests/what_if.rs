//! Replay and what-if from outside: beside a server, equal to a fresh installation, promoted and refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::BTreeMap;

use harness::facts::world;
use harness::house::{Ground, House};
use harness::sender::{purchase, tell};
use harness::{Done, Installation, SET_UP, timestamp_ago};
use proptest::prelude::*;
use serde_json::{Value, json};
use tributary::operations::what_if::{Grouping, Sums, WhatIfReport, what_if};
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;

const TOLD: Timestamp = Timestamp(1_780_000_000_000_000);

/// The same world under other models, windows, plans and campaigns' partners.
fn another(choice: u8) -> String {
    let model = ["first_touch", "last_touch", "linear", "last_non_direct"][usize::from(choice % 4)];
    let window = ["1h", "10d", "30d"][usize::from(choice / 4 % 3)];
    let pays = ["5%", "12.5%", "3 EUR"][usize::from(choice / 12 % 3)];
    SET_UP
        .replace("model: linear", &format!("model: {model}"))
        .replace("plan: share}\n  - {key: brief", &format!("plan: share, model: {model}}}\n  - {{key: brief"))
        .replace("windows: {click: 1h}", &format!("windows: {{click: {window}}}"))
        .replace("goal: purchase, pays: \"10%\"", &format!("goal: purchase, pays: \"{pays}\""))
}

fn house(set_up: &str, seed: u64, count: u64) -> House {
    let mut house = House::new(Ground::Sqlite, set_up, 50);
    house.take(&world(seed, count), Way::Events, TOLD);
    house.settle();
    house
}

fn under(house: &House, set_up: &House) -> WhatIfReport {
    what_if(house.desk.state.as_ref(), &set_up.desk.configuration.current(), None, &|_| ()).unwrap()
}

fn side(report: &WhatIfReport, of: fn(&Sums) -> (i64, i64)) -> BTreeMap<String, (i64, i64)> {
    let sums = report.sums(Grouping::Cell).into_iter();
    sums.map(|(cell, sums)| (format!("{cell:?}"), of(&sums))).filter(|(_, money)| *money != (0, 0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn then_is_what_a_fresh_installation_under_that_set_up_books(seed: u64, count in 10u64..80, choice: u8) {
        let live = house(SET_UP, seed, count);
        let fresh = house(&another(choice), seed, count);
        let there = under(&live, &fresh);
        let back = under(&fresh, &live);
        let identical = under(&fresh, &fresh);
        prop_assert!(identical.is_empty());
        prop_assert_eq!(identical.changed_otherwise, 0);
        let then = |sums: &Sums| (sums.money.value_then, sums.money.commission_then);
        let now = |sums: &Sums| (sums.money.value_now, sums.money.commission_now);
        prop_assert_eq!(side(&there, then), side(&identical, now));
        prop_assert_eq!(side(&there, now), side(&back, then));
        prop_assert_eq!(there.changed, back.changed);
        for grouping in [Grouping::Earner, Grouping::Campaign, Grouping::Period, Grouping::Cell] {
            let total = |grouping| {
                let mut total: BTreeMap<String, Sums> = BTreeMap::new();
                for (cell, sums) in there.sums(grouping) {
                    total.entry(cell.currency).or_default().add(&sums);
                }
                total
            };
            prop_assert_eq!(total(grouping), total(Grouping::Total));
        }
    }
}

fn event(kind: &str, id: &str, at: &str, more: Value) -> Value {
    let mut event = json!({"event_type": kind, "event_id": id, "timestamp": at, "customer_id": "c-1"});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// Anna and Bert bring an approved order of 100.00 on 3 March 2026.
fn sold(ground: Ground) -> Installation {
    let installation =
        if ground == Ground::Postgres { Installation::postgres() } else { Installation::embedded() };
    installation.apply(SET_UP);
    let events = [
        event("click", "k-1", "2026-03-01T10:00:00Z", json!({"link": "anna-even"})),
        event("click", "k-2", "2026-03-02T10:00:00Z", json!({"link": "bert-even"})),
        event(
            "conversion",
            "p-1",
            "2026-03-03T10:00:00Z",
            json!({"transaction_id": "o-1", "value": "100.00", "currency": "EUR", "status": "approved"}),
        ),
    ];
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let path = installation.file("events.jsonl", text);
    installation.run(&["import", "--source", "shop", path.to_str().unwrap()]).ok();
    installation
}

const FIRST: &str = "campaigns: [{key: even, brand: acme, tier: awareness, destination: \"https://shop.example/even\", \
                     plan: share, model: first_touch}]";

fn partner<'r>(report: &'r Value, earner: &str) -> Option<&'r Value> {
    report["partners"].as_array().unwrap().iter().find(|row| row["earner"] == earner)
}

#[test]
fn a_what_if_is_kept_promoted_once_and_refused_for_what_was_paid() {
    for ground in [Ground::Sqlite, Ground::Postgres] {
        let installation = sold(ground);
        let file = installation.file("first.yaml", FIRST);
        let csv = installation.files().join("report.csv");
        let hash = installation.state_hash();
        let replay =
            ["replay", "--with", file.to_str().unwrap(), "--diff", "--save", "first", "--conversions"];
        let report = installation.json(&[&replay[..], &["--csv", csv.to_str().unwrap()]].concat());
        assert_eq!(partner(&report, "anna").unwrap()["difference"], "5.00", "{report:#}");
        assert_eq!(partner(&report, "bert").unwrap()["difference"], "-5.00", "{report:#}");
        assert_eq!(report["listed"][0]["transaction_id"], "o-1");
        assert_eq!(report["listed"][0]["model_then"], "first_touch");
        assert!(std::fs::read_to_string(&csv).unwrap().contains(",o-1,"));
        assert_eq!(installation.state_hash(), hash, "nothing is booked");
        let taken = installation.run(&replay);
        assert!(taken.code == 1 && taken.stderr.contains("already"), "{taken:?}");
        let kept = installation.json(&["what-if", "list"]);
        assert_eq!(kept[0]["report_hash"], report["report_hash"]);

        installation.run(&["payout", "prepare", "--run", "march"]).ok();
        let paid = installation.state_hash();
        let promote = ["what-if", "promote", "first", "--from", "2026-03-01"];
        let refused = installation.run(&promote);
        assert!(refused.code == 1 && refused.stderr.contains("2026-03"), "{refused:?}");
        assert!(refused.stderr.contains("--including-past"), "{refused:?}");
        assert_eq!(installation.state_hash(), paid);

        let promoted = installation.json(&[&promote[..], &["--including-past"]].concat());
        assert_eq!(partner(&promoted, "anna").unwrap()["adjustment"], "5.00", "{promoted:#}");
        assert!(partner(&promoted, "bert").unwrap()["adjustment"] == "-5.00", "{promoted:#}");
        let server = installation.serve();
        // It waits until the server has settled again what the set-up changed.
        installation.replay_equals();
        assert_eq!(harness::shares(&server.conversion("o-1")), ["anna 100.00"]);
        installation.verify();
        let again = installation.run(&promote);
        assert!(again.code == 1 && again.stderr.contains("was promoted"), "{again:?}");
        installation.run(&["what-if", "discard", "first"]).ok();
        assert_eq!(installation.json(&["what-if", "list"]), json!([]));
    }
}

#[test]
fn a_kept_what_if_is_in_the_backup_and_can_be_promoted_after_it_was_restored() {
    let installation = sold(Ground::Sqlite);
    let file = installation.file("first.yaml", FIRST);
    installation.json(&["replay", "--with", file.to_str().unwrap(), "--diff", "--save", "first"]);
    let kept = installation.json(&["what-if", "list"]);
    let backup = installation.files().join("backup");
    installation.run(&["backup", backup.to_str().unwrap()]).ok();

    let restored = Installation::embedded();
    restored.run(&["restore", backup.to_str().unwrap()]).ok();
    assert_eq!(restored.json(&["what-if", "list"]), kept);
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "{kept}");
    // Its sealed files open under the keys of the backup.
    let promote = ["what-if", "promote", "first", "--from", "2026-03-01", "--including-past"];
    assert_eq!(partner(&restored.json(&promote), "anna").unwrap()["difference"], "5.00");
    let server = restored.serve();
    assert_eq!(harness::shares(&server.conversion("o-1")), ["anna 100.00"]);
    restored.verify();
}

#[test]
fn replay_compares_up_to_where_the_engine_is() {
    let installation = sold(Ground::Sqlite);
    let before = installation.json(&["replay"]);
    assert_eq!((&before["records"], &before["behind"]), (&json!(3), &json!(0)));
    // An edge without an engine: the log grows, the state does not.
    let edge = installation.serve_with(&["--roles", "edge"]);
    edge.http.click("anna-summer");
    edge.stop();
    let behind = installation.json(&["replay"]);
    assert_eq!((&behind["checkpoint"], &behind["behind"]), (&before["checkpoint"], &json!(1)));
    assert_eq!(behind["live"], before["live"]);
    let text = installation.run(&["replay"]).ok();
    assert!(text.contains("1 records behind the log") && text.contains("/s"), "{text}");
}

#[test]
fn replay_equals_beside_a_server_that_takes_events() {
    let installation = sold(Ground::Sqlite);
    let server = installation.serve();
    std::thread::scope(|scope| {
        let clicks = scope.spawn(|| (0..600).for_each(|_| drop(server.http.click("anna-summer"))));
        while !clicks.is_finished() {
            installation.replay_equals();
        }
    });
    installation.replay_equals();
}

/// A file that says how partners are paid, and leaves out what else the plan said.
const DOUBLE: &str = "plans: [{key: share, brand: acme, rules: [{goal: purchase, pays: \"20%\"}]}]";

#[test]
fn a_what_if_is_promoted_by_one_of_many_and_keeps_what_was_decided_on() {
    let installation = sold(Ground::Sqlite);
    let file = installation.file("double.yaml", DOUBLE);
    let report =
        installation.json(&["replay", "--with", file.to_str().unwrap(), "--diff", "--save", "double"]);
    assert_eq!(report["totals"][0]["difference"], "10.00", "{report:#}");
    let changed = report["set_up_changes"]["entities"][0].clone();
    assert_eq!((&changed["key"], &changed["change"]), (&json!("share"), &json!("changed")), "{report:#}");
    let fields = changed["fields"].as_array().unwrap();
    assert!(
        fields.iter().any(|field| field["before"] == "registration" && field["after"] == ""),
        "{fields:?}"
    );

    // Nothing has happened since that date, so the report that is made for it moves no money.
    let promote = ["what-if", "promote", "double", "--from", "2027-01-01"];
    let ended: Vec<Done> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(|| installation.run(&promote))).collect();
        running.into_iter().map(|command| command.join().unwrap()).collect()
    });
    assert_eq!(ended.iter().filter(|done| done.code == 0).count(), 1, "{ended:?}");
    let refused = ended.iter().filter(|done| done.code != 0);
    assert!(refused.clone().all(|done| done.code == 1 && done.stderr.contains("was promoted")), "{ended:?}");
    let kept = installation.json(&["what-if", "list"]);
    assert_eq!(kept[0]["totals"], report["totals"], "{kept:#}");
    assert_eq!(kept[0]["promoted_from"], "2027-01-01T00:00:00Z");
    let shown = installation.json(&["what-if", "show", "double"]);
    assert_eq!(shown["report"]["totals"], report["totals"]);
    assert_eq!(shown["promotion_report"]["conversions_changed"], 0, "{shown:#}");
}

#[test]
fn keys_that_nobody_has_are_refused_with_the_nearest() {
    let installation = sold(Ground::Sqlite);
    let text = format!("{DOUBLE}\npartners: [{{key: dora, brand: acme, kind: creator}}]");
    let file = installation.file("double.yaml", text);
    let listed = ["replay", "--with", file.to_str().unwrap(), "--conversions"];
    for (arguments, says) in [
        (
            [&listed[..], &["--partner", "ann"]].concat(),
            "--partner: there is no partner `ann`; the nearest is `anna`",
        ),
        (
            [&listed[..], &["--campaign", "evn"]].concat(),
            "--campaign: there is no campaign `evn`; the nearest is `even`",
        ),
        (
            vec!["report", "attribution", "--campaign", "sumer"],
            "there is no campaign `sumer`; the nearest is `summer`",
        ),
    ] {
        let done = installation.run(&arguments);
        assert!(done.code == 2 && done.stderr.contains(says) && done.stdout.is_empty(), "{done:?}");
    }
    let of_the_file = installation.json(&[&listed[..], &["--partner", "dora"]].concat());
    assert_eq!(of_the_file["listed"], json!([]));
}

#[test]
fn an_audit_before_everything_is_settled_says_so_and_names_no_fault() {
    for ground in [Ground::Sqlite, Ground::Postgres] {
        let installation = sold(ground);
        installation.verify();
        installation
            .apply(&DOUBLE.replace("brand: acme,", "brand: acme, effective_from: \"2026-01-01T00:00:00Z\","));
        let early = installation.run(&["verify"]);
        assert_eq!(early.code, 1, "{early:?}");
        assert!(
            early.stderr.contains("wait to be settled again") && early.stderr.contains("serve"),
            "{early:?}"
        );
        assert!(!format!("{early:?}").contains("booked otherwise"), "{early:?}");
        let server = installation.serve();
        server.settled();
        installation.verify();
        // Beside an engine at work it audits one moment.
        std::thread::scope(|scope| {
            let orders = scope.spawn(|| {
                for number in 0..300 {
                    let at = timestamp_ago(600 - number);
                    tell(&server.http, &purchase(&format!("busy-{number}"), "10.00", "c-1", &at));
                }
            });
            while !orders.is_finished() {
                installation.verify();
            }
        });
        server.settled();
        installation.verify();
    }
}
