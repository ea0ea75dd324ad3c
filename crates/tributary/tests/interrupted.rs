//! The operator's commands, killed at any moment and given again: nothing is booked, imported or paid twice, and nothing half.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::BTreeMap;
use std::time::Duration;

use harness::sender::{as_csv, click, events, purchase};
use harness::{Installation, timestamp_ago};
use serde_json::{Value, json};
use tributary_sim::random::Random;

/// How many customers of each partner buy once.
const ORDERS: usize = 150;
const PARTNERS: [&str; 3] = ["anna", "bert", "cora"];

/// An installation with approved orders of three partners, and no server.
fn with_orders() -> Installation {
    let installation = Installation::set_up();
    let server = installation.serve();
    for partner in PARTNERS {
        let batch: Vec<Value> = (0..ORDERS)
            .flat_map(|number| {
                let (customer, order) = (format!("c-{partner}-{number}"), format!("o-{partner}-{number}"));
                let mut bought = purchase(&order, "10.00", &customer, &timestamp_ago(600));
                bought["status"] = json!("approved");
                [click(&format!("{partner}-summer"), &customer, &timestamp_ago(3_600)), bought]
            })
            .collect();
        assert_eq!(events(&server.http, "shop", Value::from(batch).to_string()).status, 202);
    }
    server.settled();
    server.stop();
    installation
}

/// Gives a command, killed at ever later moments, until it has ended by itself; then once more.
fn insist(installation: &Installation, arguments: &[&str], random: &mut Random) {
    for attempt in 0.. {
        let wait = Duration::from_millis(random.below(25) + attempt * 8);
        if installation.run_killed_after(arguments, wait) {
            break;
        }
        assert!(attempt < 500, "{arguments:?} does not come to its end");
    }
    let again = installation.run(arguments);
    assert_eq!(again.code, 0, "{arguments:?} a second time: {again:?}");
}

#[test]
fn a_payout_run_that_is_killed_at_every_step_pays_everybody_once() {
    let installation = with_orders();
    let mut random = Random::new(41);
    let file = installation.files().join("payout.csv");
    let cutoff = timestamp_ago(0);
    for step in [
        &["payout", "prepare", "--run", "one", "--cutoff", &cutoff][..],
        &["payout", "approve", "--of-run", "one"],
        &["payout", "export", file.to_str().unwrap(), "--of-run", "one"],
        &["payout", "settle", "--of-run", "one", "--reference", "SEPA-1"],
    ] {
        insist(&installation, step, &mut random);
    }
    let list = installation.json(&["payout", "list", "--of-run", "one"]);
    let paid: BTreeMap<&str, (&str, &str)> = list["payouts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            let text = |name: &str| each[name].as_str().unwrap();
            (text("partner"), (text("amount"), text("step")))
        })
        .collect();
    assert_eq!(list["payouts"].as_array().unwrap().len(), PARTNERS.len(), "{list:#}");
    for partner in PARTNERS {
        assert_eq!(paid[partner], ("150.00", "settled"), "{list:#}");
    }
    let exported = std::fs::read_to_string(&file).unwrap();
    assert_eq!(exported.matches("150.00").count(), PARTNERS.len(), "{exported}");
    let next = installation.json(&["payout", "prepare", "--run", "two"]);
    assert!(next["payouts"].as_array().unwrap().is_empty(), "{next:#}");
    installation.verify();
    installation.replay_equals();
}

#[test]
fn an_import_that_is_killed_again_and_again_ends_with_one_outcome_per_row() {
    let installation = Installation::set_up();
    installation.serve().stop();
    let rows: Vec<Value> = (0..3_000)
        .map(|number| {
            purchase(&format!("o-{number}"), "1.00", &format!("c-{}", number % 40), &timestamp_ago(600))
        })
        .collect();
    let file = installation.file("orders.csv", as_csv(&rows));
    let import = ["import", file.to_str().unwrap(), "--source", "shop"];
    let mut random = Random::new(42);
    for attempt in 0.. {
        if installation.run_killed_after(&import, Duration::from_millis(30 + random.below(60) + attempt * 60))
        {
            break;
        }
        assert!(attempt < 200, "the import does not come to its end");
    }
    let result = std::fs::read_to_string(installation.files().join("orders.csv.result.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(result.as_bytes());
    let lines: Vec<u64> = reader.records().map(|row| row.unwrap()[0].parse().unwrap()).collect();
    assert_eq!(lines, (2..3_002).collect::<Vec<u64>>(), "every row in order and once");
    assert_eq!(installation.facts().len(), 3_000);
    installation.verify();
}

#[test]
fn a_reconciliation_that_is_killed_and_repeated_adjusts_once() {
    let installation = with_orders();
    let month = timestamp_ago(600)[..7].to_owned();
    // The operator confirms half of every order's value.
    let rows: Vec<String> = (0..ORDERS).map(|number| format!("o-anna-{number},5.00,EUR,approved")).collect();
    let file = installation
        .file("period.csv", format!("transaction_id,value,currency,status\n{}\n", rows.join("\n")));
    let apply = ["reconcile", file.to_str().unwrap(), "--source", "shop", "--period", &month, "--apply"];
    insist(&installation, &apply, &mut Random::new(43));
    let prepared = installation.json(&["payout", "prepare", "--run", "one"]);
    let anna = prepared["payouts"].as_array().unwrap().iter().find(|payout| payout["partner"] == "anna");
    assert_eq!(anna.unwrap()["amount"], "75.00", "{prepared:#}");
    installation.verify();
    installation.replay_equals();
}
