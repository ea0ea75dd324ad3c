//! What a what-if says, on a small installation.

use std::collections::BTreeMap;

use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::{CampaignKey, PartnerKey};
use tributary_domain::time::Period;

use super::{Grouping, Saved, SavedWhatIfs, Selection, Sums, WhatIfReport, what_if_on};
use crate::operations::payout::{advance, prepare};
use crate::setup::live::opened;
use crate::setup::{Document, Laid, SetupFile, Since, configuration, lay_over};
use crate::storage::Storage;
use crate::workbench::{NOW, Workbench};

const SAME: &str = "campaigns: [{key: spring, brand: acme, tier: conversion, destination: 'https://acme.example/', \
                    model: linear, plan: tenth}]";
const FIRST: &str = "campaigns: [{key: spring, brand: acme, tier: conversion, destination: 'https://acme.example/', \
                     model: first_touch, plan: tenth}]";
const FIFTH: &str = "plans: [{key: tenth, brand: acme, rules: [{goal: purchase, pays: '20%'}]}]";

fn laid(bench: &Workbench, text: &str, since: Since) -> Laid {
    let file = SetupFile { name: "with.yaml".to_owned(), text: text.to_owned() };
    let document = Document::read(&[file], &[Workbench::brand()], &|_| None).unwrap();
    let settings =
        crate::settings::Settings { data_dir: bench.directory.path().join("data"), ..Default::default() };
    let storage = Storage::of(&settings);
    let stored = storage.configuration().unwrap().load_configuration().unwrap().1;
    lay_over(&opened(&stored, &bench.desk.intake.keyring).unwrap(), &document, since, NOW).unwrap()
}

fn run_on(threads: usize, bench: &Workbench, laid: &Laid, selection: Option<&Selection>) -> WhatIfReport {
    let then = configuration(&laid.rows, 1).unwrap();
    what_if_on(threads, bench.desk.state.as_ref(), &then, selection, &|_| ()).unwrap()
}

fn run(bench: &Workbench, text: &str, since: Since) -> WhatIfReport {
    run_on(2, bench, &laid(bench, text, since), Some(&everything()))
}

fn everything() -> Selection {
    Selection { partner: None, campaign: None, period: None, limit: usize::MAX }
}

/// Commission now and then, and the adjustment, by earner.
fn commissions(report: &WhatIfReport) -> BTreeMap<String, (i64, i64, i64)> {
    let sums = report.sums(Grouping::Earner);
    sums.into_iter()
        .map(|(cell, sums)| {
            (cell.earner, (sums.money.commission_now, sums.money.commission_then, sums.adjustment))
        })
        .collect()
}

/// Sums by brand and currency over any grouping: all of them must be equal.
fn totals(report: &WhatIfReport, grouping: Grouping) -> BTreeMap<(String, String), Sums> {
    let mut totals: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for (cell, sums) in report.sums(grouping) {
        totals.entry((cell.brand.to_string(), cell.currency)).or_default().add(&sums);
    }
    totals
}

#[test]
fn a_file_that_says_what_is_stored_changes_nothing() {
    let mut bench = Workbench::new();
    bench.sell("1");
    for since in [Since::Always, Since::From(NOW)] {
        let report = run(&bench, SAME, since);
        assert_eq!((report.conversions, report.changed, report.changed_otherwise), (1, 0, 0));
        assert!(report.is_empty() && report.rows(Grouping::Cell, true).is_empty());
        assert_eq!(report.listed().count(), 0);
        assert_eq!(commissions(&report)["anna"], (450, 450, 0));
    }
    assert!(laid(&bench, SAME, Since::From(NOW)).changes.is_empty());
}

#[test]
fn another_model_and_another_plan_move_the_money_they_should() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let first = run(&bench, FIRST, Since::Always);
    assert_eq!((first.changed, first.changed_otherwise), (1, 0));
    assert_eq!(
        commissions(&first),
        BTreeMap::from([("anna".into(), (450, 900, 0)), ("ben".into(), (450, 0, 0))])
    );
    let both = run(&bench, &format!("{FIRST}\n{FIFTH}"), Since::Always);
    assert_eq!(commissions(&both)["anna"], (450, 1_800, 0));
    // The sale was on 3 March.
    let day = |text: &str| Since::From(tributary_domain::time::Timestamp::parse(text).unwrap());
    assert!(run(&bench, FIFTH, day("2026-03-04T00:00:00Z")).is_empty());
    assert_eq!(commissions(&run(&bench, FIFTH, day("2026-03-03T00:00:00Z")))["ben"], (450, 900, 0));
}

#[test]
fn what_payouts_hold_is_told_apart_and_the_sums_tie_out() {
    let mut bench = Workbench::new();
    bench.sell("1");
    prepare(&mut bench.desk, &Workbench::brand(), "march", NOW, NOW).unwrap();
    advance(&mut bench.desk, &Workbench::brand(), "march", PayoutStep::Approved, &Default::default(), NOW)
        .unwrap();
    bench.sell("2");
    let report = run(&bench, FIRST, Since::Always);
    // Anna was paid for the first sale only; Ben is below his minimum.
    assert_eq!(commissions(&report)["anna"], (900, 1_800, 450));
    assert_eq!(commissions(&report)["ben"], (900, 0, 0));
    assert_eq!(report.paid_until.map(|period| period.to_string()).as_deref(), Some("2026-03"));

    let total = totals(&report, Grouping::Total);
    for grouping in [Grouping::Earner, Grouping::Campaign, Grouping::Period, Grouping::Cell] {
        assert_eq!(totals(&report, grouping), total, "{grouping:?}");
    }
    let mut listed: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for share in report.listed().flat_map(|conversion| &conversion.shares) {
        listed
            .entry((share.row.brand.clone(), share.row.amounts.currency.clone()))
            .or_default()
            .add(&share.sums);
    }
    // Every conversion changes here, so that the listed ones are all there are.
    assert_eq!(listed, total);
    let held: Vec<&str> = report
        .listed()
        .flat_map(|conversion| &conversion.shares)
        .filter(|share| share.row.earner.as_deref() == Some("anna"))
        .map(|share| share.in_payouts.as_str())
        .collect();
    assert_eq!(held, ["4.50", "0.00"]);
}

#[test]
fn conversions_are_listed_by_what_was_asked_for() {
    let mut bench = Workbench::new();
    (1..=5).for_each(|order| bench.sell(&order.to_string()));
    let laid = laid(&bench, FIRST, Since::Always);
    let count = |selection: Selection| run_on(2, &bench, &laid, Some(&selection)).listed().count();
    assert_eq!(count(Selection { limit: 3, ..everything() }), 3);
    assert_eq!(count(Selection { partner: Some(PartnerKey::parse("ben").unwrap()), ..everything() }), 5);
    assert_eq!(count(Selection { partner: Some(PartnerKey::parse("cleo").unwrap()), ..everything() }), 0);
    assert_eq!(count(Selection { campaign: Some(CampaignKey::parse("spring").unwrap()), ..everything() }), 5);
    assert_eq!(count(Selection { period: Some(Period::parse("2026-04").unwrap()), ..everything() }), 0);
    let one = run_on(1, &bench, &laid, Some(&everything()));
    assert_eq!(one, run_on(7, &bench, &laid, Some(&everything())), "the number of threads decides nothing");
    assert_eq!(one.hash(), run_on(3, &bench, &laid, None).hash());
}

#[test]
fn sources_are_left_as_they_are() {
    let bench = Workbench::new();
    let text =
        "sources: [{key: shop, brand: acme, secrets: ['fedcba9876543210'], transaction_namespace: other}]";
    let laid = laid(&bench, text, Since::Always);
    assert_eq!(laid.sources_left, ["shop"]);
    assert!(laid.changes.is_empty());
}

#[test]
fn a_kept_what_if_is_found_opened_and_discarded_and_its_files_are_sealed() {
    let bench = Workbench::new();
    let keyring = &bench.desk.intake.keyring;
    let kept = SavedWhatIfs::of(bench.directory.path());
    assert!(kept.list().unwrap().is_empty());
    let file = SetupFile { name: "with.yaml".to_owned(), text: FIRST.to_owned() };
    let saved = Saved {
        name: "first".to_owned(),
        saved_at: NOW.to_string(),
        from: None,
        set_up_revision: 3,
        files: Saved::seal("first", std::slice::from_ref(&file), keyring).unwrap(),
        report: serde_json::json!({}),
        promoted_at: None,
        promoted_from: None,
        promotion_report: None,
    };
    kept.add(&saved).unwrap();
    assert!(kept.add(&saved).unwrap_err().to_string().contains("already"));
    let found = kept.find("first").unwrap();
    assert_eq!(found.open(keyring).unwrap()[0].text, FIRST);
    let text = std::fs::read_to_string(bench.directory.path().join("what-ifs/first.json")).unwrap();
    assert!(!text.contains("first_touch"), "{text}");
    let moved = Saved { name: "other".to_owned(), ..found };
    assert!(moved.open(keyring).is_err(), "sealed files belong to their what-if");
    for name in ["", "../first", "a b", &"x".repeat(65)] {
        assert!(kept.find(name).unwrap_err().to_string().contains("cannot name"), "{name}");
    }
    kept.discard("first").unwrap();
    assert!(kept.find("first").unwrap_err().to_string().contains("no what-if"));
}
