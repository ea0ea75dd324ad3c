//! Planted causes of absence: each must be ranked first, at the stage where it stopped.

use std::collections::{BTreeSet, HashMap};

use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::SourceKey;
use tributary_domain::time::{Span, Timestamp};

use super::{asked, json, told};
use crate::operations::explaining::{Progress, Stage};
use crate::operations::payout::{advance, prepare};
use crate::workbench::{NOW, Workbench};

const SET_UP: &str = "
brands: [{key: acme, currency: EUR, most_customers_per_identifier: 2}, {key: zeta, currency: EUR}]
plans:
- {brand: acme, key: tenth, approves_automatically: false, rules: [{goal: purchase, pays: '10%'}, {goal: signup, pays: '10%'}]}
- {brand: acme, key: patient, hold: 3650d, rules: [{goal: purchase, pays: '10%'}]}
- {brand: acme, key: tiny, rules: [{goal: purchase, pays: '0.01%'}]}
- {brand: zeta, key: zetas, rules: [{goal: purchase, pays: '10%'}]}
campaigns:
- {brand: acme, key: spring, tier: conversion, destination: 'https://acme.example/', model: linear, plan: tenth}
- {brand: acme, key: long, tier: awareness, destination: 'https://acme.example/', model: linear, plan: patient}
- {brand: acme, key: bare, tier: conversion, destination: 'https://acme.example/', model: linear}
- {brand: acme, key: firsts, tier: conversion, destination: 'https://acme.example/', model: first_touch, plan: tenth}
- {brand: acme, key: small, tier: conversion, destination: 'https://acme.example/', model: linear, plan: tiny}
- {brand: acme, key: over, tier: conversion, destination: 'https://acme.example/', active: false}
- {brand: zeta, key: zetas, tier: conversion, destination: 'https://zeta.example/', plan: zetas}
partners:
- {brand: acme, key: anna, kind: creator}
- {brand: acme, key: ben, kind: affiliate, minimum_payout: ['50.00 EUR']}
- {brand: acme, key: held, kind: affiliate, on_hold: true}
- {brand: acme, key: idle, kind: affiliate, active: false}
- {brand: zeta, key: zoe, kind: creator}
links:
- {brand: acme, key: a, partner: anna, campaign: spring}
- {brand: acme, key: b, partner: ben, campaign: spring}
- {brand: acme, key: h, partner: held, campaign: spring}
- {brand: acme, key: long, partner: anna, campaign: long}
- {brand: acme, key: bare, partner: anna, campaign: bare}
- {brand: acme, key: f1, partner: anna, campaign: firsts}
- {brand: acme, key: f2, partner: ben, campaign: firsts}
- {brand: acme, key: small, partner: anna, campaign: small}
- {brand: acme, key: dead, partner: anna, campaign: spring, active: false}
- {brand: acme, key: over, partner: anna, campaign: over}
- {brand: acme, key: idle, partner: idle, campaign: spring}
- {brand: acme, key: code, partner: anna, campaign: spring, promo_code: ANNA10}
- {brand: acme, key: old, partner: anna, campaign: spring, promo_code: OLD10, effective_from: 2026-01-01T00:00:00Z}
- {brand: acme, key: old, partner: anna, campaign: spring, effective_from: 2026-02-01T00:00:00Z}
- {brand: zeta, key: z, partner: zoe, campaign: zetas}
sources:
- {brand: acme, key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: acme, key: till, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: acme, key: silent, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: zeta, key: zetashop, secrets: ['0123456789abcdef'], default_currency: EUR}
";

/// An event of March 2026 by its kind, day and further fields.
fn event(kind: &str, day: u32, more: &str) -> String {
    format!(r#"{{"event_type":"{kind}","timestamp":"2026-03-{day:02}T10:00:00Z",{more}}}"#)
}

fn click(link: &str, day: u32) -> String {
    event("click", day, &format!(r#""customer_id":"c","link":"{link}""#))
}

fn order(day: u32, more: &str) -> String {
    event("conversion", day, &format!(r#""customer_id":"c","transaction_id":"o-1","value":"90.00"{more}"#))
}

const APPROVED: &str = r#","status":"approved""#;

/// Sends events from the shop and answers the id to ask for.
fn sent(bench: &mut Workbench, events: &[String], ask: &str) -> String {
    bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    ask.to_owned()
}

/// Sends events and answers the event id of the last one.
fn last_event(bench: &mut Workbench, events: &[String]) -> String {
    let outcomes = bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    outcomes.last().unwrap().event_id.unwrap().to_string()
}

/// A click id of a link of which no click is stored: issued at a door and then forgotten with its installation.
fn issued(bench: &Workbench, link: &str, brand: &str) -> String {
    use tributary_domain::click_id::{ClickId, LinkFingerprint};
    use tributary_domain::ids::{BrandKey, LinkKey};
    let fingerprint = LinkFingerprint::of(&BrandKey::parse(brand).unwrap(), &LinkKey::parse(link).unwrap());
    let at = Timestamp::parse("2026-03-01T10:00:00Z").unwrap();
    ClickId::issue(bench.desk.intake.keyring.click_id_key(), at, fingerprint, [7; 7]).as_str().to_owned()
}

/// An approved order of anna's that a payout took that many steps.
fn paid(bench: &mut Workbench, steps: &[PayoutStep]) -> String {
    let id = sent(bench, &[click("a", 1), order(2, APPROVED)], "o-1");
    prepare(&mut bench.desk, &Workbench::brand(), "run", NOW, NOW).unwrap();
    for (number, step) in steps.iter().enumerate() {
        let at = NOW.plus(Span(i64::try_from(number).unwrap() + 1));
        advance(&mut bench.desk, &Workbench::brand(), "run", *step, &HashMap::new(), at).unwrap();
    }
    id
}

type Plant = fn(&mut Workbench) -> String;

/// A cause, the stage that is not reached, and how to bring it about; it answers what to ask for.
const PLANTED: &[(&str, Stage, Plant)] = &[
    ("never_received", Stage::Received, |_| "order-of-nobody".to_owned()),
    ("click_id_forged", Stage::Accepted, |bench| {
        let id = issued(bench, "a", "acme");
        let (head, last) = id.split_at(id.len() - 1);
        format!("{head}{}", if last == "A" { "B" } else { "A" })
    }),
    ("click_not_stored", Stage::Received, |bench| issued(bench, "a", "acme")),
    ("click_link_unknown", Stage::Received, |bench| issued(bench, "gone", "acme")),
    ("link_inactive", Stage::Received, |bench| issued(bench, "dead", "acme")),
    ("campaign_inactive", Stage::Received, |bench| issued(bench, "over", "acme")),
    ("partner_inactive", Stage::Received, |_| "idle".to_owned()),
    ("code_never_sent", Stage::Received, |_| "anna10".to_owned()),
    ("other_spelling", Stage::Received, |bench| sent(bench, &[order(2, "")], "#O-1")),
    ("not_processed_yet", Stage::Processed, |bench| {
        bench.tell("shop", &[&order(2, "")]);
        "o-1".to_owned()
    }),
    ("payload_conflict", Stage::Stored, |bench| {
        let first = event("conversion", 2, r#""event_id":"e","transaction_id":"o-1","value":"90.00""#);
        let second = event("conversion", 2, r#""event_id":"e","transaction_id":"o-2","value":"80.00""#);
        sent(bench, &[first, second], "o-2")
    }),
    ("transaction_repeated", Stage::Considered, |bench| {
        let again = event("conversion", 3, r#""event_id":"again","transaction_id":"o-1","value":"90.00""#);
        last_event(bench, &[order(2, ""), again])
    }),
    ("conversion_missing", Stage::Joined, |bench| {
        sent(bench, &[event("refund", 2, r#""transaction_id":"o-1""#)], "o-1")
    }),
    ("other_namespace", Stage::Joined, |bench| {
        let refund = event("refund", 3, r#""transaction_id":"o-1""#);
        sent(bench, &[order(2, "")], "");
        let outcomes = bench.tell("till", &[&refund]);
        bench.desk.catch_up().unwrap();
        outcomes[0].event_id.unwrap().to_string()
    }),
    ("currency_mismatch", Stage::Considered, |bench| {
        let refund = event("refund", 3, r#""transaction_id":"o-1","value":"1.00","currency":"USD""#);
        last_event(bench, &[order(2, ""), refund])
    }),
    ("recorded_only", Stage::Considered, |bench| {
        last_event(bench, &[event("identify", 1, r#""customer_id":"c","visitor_id":"v""#)])
    }),
    ("no_identity", Stage::Joined, |bench| {
        sent(bench, &[event("conversion", 2, r#""transaction_id":"o-1","value":"90.00""#)], "o-1")
    }),
    ("no_common_identity", Stage::Joined, |bench| {
        let click = event("click", 1, r#""visitor_id":"v","link":"a""#);
        sent(bench, &[click, order(2, "")], "o-1")
    }),
    ("identifier_shared", Stage::Joined, |bench| {
        let order = |customer: &str| {
            event(
                "conversion",
                2,
                &format!(
                    r#""customer_id":"{customer}","visitor_id":"kiosk","transaction_id":"o-{customer}","value":"9.00""#
                ),
            )
        };
        let click = event("click", 1, r#""visitor_id":"kiosk","link":"a""#);
        sent(bench, &[click, order("1"), order("2"), order("3")], "o-1")
    }),
    ("click_unknown", Stage::Joined, |bench| {
        sent(bench, &[order(2, r#","click_id":"their-click-77""#)], "o-1")
    }),
    ("other_brand", Stage::Joined, |bench| {
        let click_id = issued(bench, "z", "zeta");
        sent(bench, &[order(2, &format!(r#","click_id":"{click_id}""#))], "o-1")
    }),
    ("no_touchpoint", Stage::Considered, |bench| {
        sent(bench, &[event("registration", 1, r#""customer_id":"c""#), order(2, "")], "o-1")
    }),
    ("no_conversion_yet", Stage::Considered, |bench| {
        last_event(bench, &[event("identify", 1, r#""customer_id":"c","visitor_id":"v""#), click("a", 2)])
    }),
    ("outside_window", Stage::Eligible, |bench| sent(bench, &[click("a", 1), order(9, "")], "o-1")),
    ("after_conversion", Stage::Eligible, |bench| sent(bench, &[click("a", 3), order(2, "")], "o-1")),
    ("other_campaign", Stage::Eligible, |bench| {
        sent(bench, &[click("a", 1), order(2, r#","campaign":"long""#)], "o-1")
    }),
    ("code_outside_dates", Stage::Eligible, |bench| {
        sent(bench, &[order(2, r#","promo_code":"OLD10""#)], "o-1")
    }),
    ("code_unknown", Stage::Eligible, |bench| sent(bench, &[order(2, r#","promo_code":"NOBODY""#)], "o-1")),
    ("named_partner_unknown", Stage::Eligible, |bench| {
        sent(bench, &[order(2, r#","partner":"nobody""#)], "o-1")
    }),
    ("view_outranked", Stage::Eligible, |bench| {
        let view = event("impression", 2, r#""customer_id":"c","link":"b""#);
        last_event(bench, &[click("a", 1), order(2, ""), view])
    }),
    ("direct_outranked", Stage::Eligible, |bench| {
        let direct = event("click", 1, r#""customer_id":"c","channel":"direct""#);
        last_event(bench, &[click("a", 1), order(2, ""), direct])
    }),
    ("repeat_in_visit", Stage::Eligible, |bench| {
        let again =
            r#"{"event_type":"click","timestamp":"2026-03-01T10:05:00Z","customer_id":"c","link":"a"}"#;
        last_event(bench, &[again.to_owned(), order(2, ""), click("a", 1)])
    }),
    ("model_gives_nothing", Stage::Credited, |bench| {
        last_event(bench, &[click("f1", 1), order(3, ""), click("f2", 2)])
    }),
    ("other_channel", Stage::PlanPays, |bench| {
        let mail = event("click", 1, r#""customer_id":"c","channel":"email""#);
        sent(bench, &[mail, order(2, "")], "o-1")
    }),
    ("no_plan", Stage::PlanPays, |bench| sent(bench, &[click("bare", 1), order(2, "")], "o-1")),
    ("no_plan_rule", Stage::PlanPays, |bench| {
        sent(bench, &[click("a", 1), order(2, r#","goal":"deposit""#)], "o-1")
    }),
    ("no_value", Stage::PlanPays, |bench| {
        let signup = event("registration", 2, r#""customer_id":"c","goal":"signup","transaction_id":"o-1""#);
        sent(bench, &[click("a", 1), signup], "o-1")
    }),
    ("rounds_to_nothing", Stage::PlanPays, |bench| {
        let order = event("conversion", 2, r#""customer_id":"c","transaction_id":"o-1","value":"1.00""#);
        sent(bench, &[click("small", 1), order], "o-1")
    }),
    ("awaiting_approval", Stage::Approved, |bench| sent(bench, &[click("a", 1), order(2, "")], "o-1")),
    ("conversion_rejected", Stage::Approved, |bench| {
        sent(bench, &[click("a", 1), order(2, r#","status":"rejected""#)], "o-1")
    }),
    ("refunded", Stage::Approved, |bench| {
        let refund = event("refund", 3, r#""transaction_id":"o-1""#);
        sent(bench, &[click("a", 1), order(2, APPROVED), refund], "o-1")
    }),
    ("partner_on_hold", Stage::Payable, |bench| sent(bench, &[click("h", 1), order(2, APPROVED)], "o-1")),
    ("in_hold_period", Stage::Payable, |bench| sent(bench, &[click("long", 1), order(2, APPROVED)], "o-1")),
    ("below_minimum", Stage::InPayout, |bench| sent(bench, &[click("b", 1), order(2, APPROVED)], "o-1")),
    ("no_run_yet", Stage::InPayout, |bench| sent(bench, &[click("a", 1), order(2, APPROVED)], "o-1")),
    ("payout_prepared", Stage::Paid, |bench| paid(bench, &[])),
    ("payout_approved", Stage::Paid, |bench| paid(bench, &[PayoutStep::Approved])),
    ("payout_exported", Stage::Paid, |bench| paid(bench, &[PayoutStep::Approved, PayoutStep::Exported])),
    ("payout_failed", Stage::InPayout, |bench| paid(bench, &[PayoutStep::Approved, PayoutStep::Failed])),
];

#[test]
fn every_planted_cause_is_ranked_first() {
    let codes: BTreeSet<&str> = PLANTED.iter().map(|(code, ..)| *code).collect();
    assert!(codes.len() == PLANTED.len() && codes.len() >= 25);
    let mut wrong = Vec::new();
    for (code, stage, plant) in PLANTED {
        let mut bench = Workbench::with(SET_UP);
        let id = plant(&mut bench);
        let explanation = told(&bench, &id);
        let progress = explanation.progress.as_ref();
        let found =
            progress.map(|progress| (progress.causes.first().map(|cause| cause.code), progress.stopped_at));
        if found != Some((Some(*code), Some(*stage))) {
            wrong.push(format!("{code} ({stage:?}): {found:?}\n{}", explanation.prose()));
            continue;
        }
        let ranks: Vec<usize> =
            progress.iter().flat_map(|progress| &progress.causes).map(|cause| cause.rank).collect();
        assert_eq!(ranks, (1..=ranks.len()).collect::<Vec<_>>(), "{code}");
        assert!(explanation.prose().contains("What to do:"), "{code}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_was_paid_went_the_whole_way() {
    let mut bench = Workbench::with(SET_UP);
    let id = paid(&mut bench, &[PayoutStep::Approved, PayoutStep::Exported, PayoutStep::Settled]);
    let progress = told(&bench, &id).progress.unwrap();
    assert_eq!((progress.stopped_at, progress.passed.len(), progress.causes.len()), (None, 13, 0));
}

#[test]
fn a_customer_is_found_by_his_raw_id_which_is_not_shown_elsewhere() {
    let mut bench = Workbench::with(SET_UP);
    let buy = event("conversion", 2, r#""customer_id":"jane.doe.77","transaction_id":"o-1","value":"90.00""#);
    let _ = sent(&mut bench, &[buy], "");
    let found = json(&told(&bench, "jane.doe.77"));
    assert_eq!(found["conversion"]["transaction"], "o-1");
    assert_eq!(found.to_string().matches("jane.doe.77").count(), 1, "only as what was asked for");
}

fn in_march(bench: &Workbench, source: &str) -> Progress {
    let time = |text| Timestamp::parse(text).unwrap();
    let (from, to) = (time("2026-03-01T00:00:00Z"), time("2026-04-01T00:00:00Z"));
    let source = SourceKey::parse(source).unwrap();
    asked(bench, None, |sight| sight.explain_period(from, to, Some(&source)).unwrap()).progress.unwrap()
}

#[test]
fn a_time_and_a_source_are_explained_by_what_most_conversions_lack() {
    let mut bench = Workbench::with(SET_UP);
    let buy = |number: u32, more: &str| {
        event("conversion", 2, &format!(r#""transaction_id":"o-{number}","value":"90.00"{more}"#))
    };
    let events = [buy(1, ""), buy(2, ""), buy(3, r#","promo_code":"ANNA10""#)];
    let _ = sent(&mut bench, &events, "");
    let progress = in_march(&bench, "shop");
    assert_eq!((progress.stopped_at, progress.causes[0].code), (Some(Stage::Joined), "no_identity"));
    assert!(progress.causes[0].evidence[0].contains("2 of 3"), "{progress:?}");
    assert_eq!(progress.causes[1].code, "awaiting_approval");
    for (source, code) in [("silent", "source_silent"), ("stranger", "unknown_source")] {
        let progress = in_march(&bench, source);
        assert_eq!((progress.stopped_at, progress.causes[0].code), (Some(Stage::Received), code));
    }
    bench.tell("till", &[&click("a", 4)]);
    bench.desk.catch_up().unwrap();
    assert_eq!(in_march(&bench, "till").causes[0].code, "no_conversions_sent");
}
