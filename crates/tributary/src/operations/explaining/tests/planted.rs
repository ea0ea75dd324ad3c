//! Causes of absence, and how to bring each about.

use std::collections::HashMap;

use tributary_adapters::canonical::DecodingRules;
use tributary_adapters::import::ColumnMap;
use tributary_domain::fact::PayoutStep;
use tributary_domain::identity::Ruling;
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};

use crate::operations::explaining::Stage;
use crate::operations::identity;
use crate::operations::payout::{advance, prepare};
use crate::operations::reconcile;
use crate::workbench::{NOW, Workbench};

pub(super) const SET_UP: &str = "
brands:
- {key: acme, currency: EUR, most_customers_per_identifier: 2, ignored_identifiers: [terminal-7], test_customers: [tester]}
- {key: zeta, currency: EUR, most_facts_per_identifier: 20, customer_ownership: {rule: first_partner}, channels: none}
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
- {brand: acme, key: late, tier: conversion, destination: 'https://acme.example/', plan: tenth, stand_down: {after: cart}}
- {brand: acme, key: slow, tier: conversion, destination: 'https://acme.example/', plan: tenth, minimum_time: 1h}
- {brand: acme, key: crowd, tier: conversion, destination: 'https://acme.example/', plan: tenth, visit_gap: 0s}
- {brand: acme, key: over, tier: conversion, destination: 'https://acme.example/', active: false}
- {brand: zeta, key: zetas, tier: conversion, destination: 'https://zeta.example/', plan: zetas}
partners:
- {brand: acme, key: anna, kind: creator}
- {brand: acme, key: ben, kind: affiliate, minimum_payout: ['50.00 EUR']}
- {brand: acme, key: held, kind: affiliate, on_hold: true}
- {brand: acme, key: idle, kind: affiliate, active: false}
- {brand: zeta, key: zoe, kind: creator}
- {brand: zeta, key: zack, kind: creator}
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
- {brand: acme, key: late, partner: ben, campaign: late}
- {brand: acme, key: slow, partner: anna, campaign: slow}
- {brand: acme, key: crowd, partner: anna, campaign: crowd}
- {brand: zeta, key: z, partner: zoe, campaign: zetas}
- {brand: zeta, key: z2, partner: zack, campaign: zetas}
sources:
- {brand: acme, key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: acme, key: till, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: acme, key: silent, secrets: ['0123456789abcdef'], default_currency: EUR}
- {brand: zeta, key: zetashop, secrets: ['0123456789abcdef'], default_currency: EUR}
";

/// An event of March 2026 by its kind, day and further fields.
pub(super) fn event(kind: &str, day: u32, more: &str) -> String {
    format!(r#"{{"event_type":"{kind}","timestamp":"2026-03-{day:02}T10:00:00Z",{more}}}"#)
}

pub(super) fn click(link: &str, day: u32) -> String {
    event("click", day, &format!(r#""customer_id":"c","link":"{link}""#))
}

pub(super) fn order(day: u32, more: &str) -> String {
    event("conversion", day, &format!(r#""customer_id":"c","transaction_id":"o-1","value":"90.00"{more}"#))
}

const APPROVED: &str = r#","status":"approved""#;

/// Sends events from the shop and answers the id to ask for.
pub(super) fn sent(bench: &mut Workbench, events: &[String], ask: &str) -> String {
    bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    ask.to_owned()
}

/// Sends events and answers the event id of the last one.
pub(super) fn last_event(bench: &mut Workbench, events: &[String]) -> String {
    let outcomes = bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    outcomes.last().unwrap().event_id.unwrap().to_string()
}

/// Sends events of the other brand's shop and answers the event id of the last one.
fn last_of_zeta(bench: &mut Workbench, events: &[String]) -> String {
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let outcomes = bench.tell("zetashop", &events);
    bench.desk.catch_up().unwrap();
    outcomes.last().unwrap().event_id.unwrap().to_string()
}

/// The operator's file for March says what the shop's order is worth.
fn reconciled(bench: &mut Workbench, value: &str) {
    let text = format!("transaction_id,amount,status,timestamp\no-1,{value},approved,2026-03-02T10:00:00Z\n");
    let path = bench.file("march.csv", &text);
    let configuration = bench.desk.configuration.current();
    let rules = DecodingRules::canonical_for(configuration.sources[&Workbench::shop()].latest());
    let file = reconcile::read_file(&path, &ColumnMap::default(), &rules).unwrap();
    let march = tributary_domain::time::Period::parse("2026-03").unwrap();
    let report = reconcile::apply(&mut bench.desk, &Workbench::shop(), march, &file, NOW).unwrap();
    assert_eq!(report.applied, 2, "the value and the word");
}

/// The operator rules that a customer never used a device.
pub(super) fn separated(bench: &mut Workbench, customer: &str, visitor: &str) {
    let brand = Workbench::brand();
    let known = |text: &str| {
        identity::identifier(bench.desk.state.as_ref(), &bench.desk.intake.keyring, &brand, text).unwrap()
    };
    let (one, other) = (known(&format!("customer:{customer}")), known(&format!("visitor:{visitor}")));
    let because = "two people of one flat";
    let ruling = identity::Considered::new(&brand, Ruling::Separate, one, other, because).unwrap();
    assert!(ruling.apply(&mut bench.desk, NOW).unwrap().is_some());
}

/// A click id of a link of which no click is stored: issued at a door and then forgotten with its installation.
pub(super) fn issued(bench: &Workbench, link: &str, brand: &str) -> String {
    use tributary_domain::click_id::{ClickId, LinkFingerprint};
    use tributary_domain::ids::{BrandKey, LinkKey};
    let fingerprint = LinkFingerprint::of(&BrandKey::parse(brand).unwrap(), &LinkKey::parse(link).unwrap());
    let at = Timestamp::parse("2026-03-01T10:00:00Z").unwrap();
    ClickId::issue(bench.desk.intake.keyring.click_id_key(), at, fingerprint, [7; 7]).as_str().to_owned()
}

/// An approved order of anna's that a payout took that many steps.
pub(super) fn paid(bench: &mut Workbench, steps: &[PayoutStep]) -> String {
    let id = sent(bench, &[click("a", 1), order(2, APPROVED)], "o-1");
    prepare(&mut bench.desk, &Workbench::brand(), "run", NOW, NOW).unwrap();
    for (number, step) in steps.iter().enumerate() {
        let at = NOW.plus(Span(i64::try_from(number).unwrap() + 1));
        advance(&mut bench.desk, &Workbench::brand(), "run", *step, &HashMap::new(), at).unwrap();
    }
    id
}

/// An order in a request that a door refuses as a whole.
fn refused(bench: &mut Workbench, reason: Reason) -> String {
    super::refusals::refuse(bench, reason, reason == Reason::RateLimited, r#"{"order_id":"o-1"}"#);
    "o-1".to_owned()
}

/// An order that is refused for what it says.
fn not_taken(bench: &mut Workbench, order: &str) -> String {
    let id = sent(bench, &[order.to_owned()], "o-1");
    bench.desk.intake.refusals.flush();
    id
}

pub(super) type Plant = fn(&mut Workbench) -> String;

/// A cause, the stage that is not reached, and how to bring it about; it answers what to ask for.
pub(super) const PLANTED: &[(&str, Stage, Plant)] = &[
    ("never_received", Stage::Received, |_| "order-of-nobody".to_owned()),
    ("signature_missing", Stage::Accepted, |bench| refused(bench, Reason::SignatureMissing)),
    ("signature_invalid", Stage::Accepted, |bench| refused(bench, Reason::SignatureInvalid)),
    ("signature_expired", Stage::Accepted, |bench| refused(bench, Reason::SignatureExpired)),
    ("unknown_source", Stage::Accepted, |bench| refused(bench, Reason::UnknownSource)),
    ("rate_limited", Stage::Accepted, |bench| refused(bench, Reason::RateLimited)),
    ("storage_unavailable", Stage::Stored, |bench| refused(bench, Reason::StorageUnavailable)),
    ("invalid_field", Stage::Accepted, |bench| not_taken(bench, &order(2, r#","currency":"XQX""#))),
    ("missing_field", Stage::Accepted, |bench| {
        not_taken(bench, &event("conversion", 2, r#""customer_id":"c","transaction_id":"o-1""#))
    }),
    ("unknown_campaign", Stage::Accepted, |bench| not_taken(bench, &order(2, r#","campaign":"winter""#))),
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
    ("identifier_shared", Stage::Considered, |bench| {
        let identify = |customer: u32, day: u32| {
            event("identify", day, &format!(r#""customer_id":"{customer}","visitor_id":"tablet""#))
        };
        let order = event("conversion", 4, r#""customer_id":"1","transaction_id":"o-1","value":"9.00""#);
        // It goes to customer 2, who comes next, and 1 buys.
        let click = event("click", 2, r#""visitor_id":"tablet","link":"a""#);
        last_event(bench, &[identify(1, 1), identify(2, 3), order, click])
    }),
    ("ruled_apart", Stage::Considered, |bench| {
        let identify = event("identify", 2, r#""customer_id":"c","visitor_id":"phone1""#);
        let click = event("click", 1, r#""visitor_id":"phone1","link":"a""#);
        let click = last_event(bench, &[identify, order(3, ""), click]);
        separated(bench, "c", "phone1");
        click
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
    ("is_a_link", Stage::Received, |_| "a".to_owned()),
    ("is_a_code", Stage::Considered, |bench| sent(bench, &[order(2, r#","promo_code":"ANNA10""#)], "ANNA10")),
    ("code_outside_dates", Stage::Considered, |_| "OLD10".to_owned()),
    ("click_link_unknown", Stage::Joined, |bench| {
        let click_id = issued(bench, "gone", "acme");
        sent(bench, &[order(2, &format!(r#","click_id":"{click_id}""#))], "o-1")
    }),
    ("contained_in_adjustment", Stage::Considered, |bench| {
        let refund = event("refund", 3, r#""transaction_id":"o-1","value":"10.00""#);
        let refund = last_event(bench, &[click("a", 1), order(2, ""), refund]);
        reconciled(bench, "70.00");
        refund
    }),
    ("identifier_placeholder", Stage::Joined, |bench| {
        let click = event("click", 1, r#""visitor_id":"0","link":"a""#);
        let order = event("conversion", 2, r#""visitor_id":"0","transaction_id":"o-1","value":"90.00""#);
        sent(bench, &[click, order], "o-1")
    }),
    ("identifier_ignored", Stage::Joined, |bench| {
        let click = event("click", 1, r#""visitor_id":"terminal-7","link":"a""#);
        let order =
            event("conversion", 2, r#""visitor_id":"terminal-7","transaction_id":"o-1","value":"90.00""#);
        sent(bench, &[click, order], "o-1")
    }),
    ("identifier_overrun", Stage::Joined, |bench| {
        let mut events: Vec<String> =
            (1..=25).map(|day| event("click", day, r#""visitor_id":"machine","link":"z""#)).collect();
        events.push(event(
            "conversion",
            26,
            r#""visitor_id":"machine","transaction_id":"o-1","value":"90.00""#,
        ));
        last_of_zeta(bench, &events)
    }),
    ("stand_down", Stage::Eligible, |bench| {
        let late =
            r#"{"event_type":"click","timestamp":"2026-03-02T09:55:00Z","customer_id":"c","link":"late"}"#;
        let order = order(2, r#","cart_opened_at":"2026-03-02T09:50:00Z""#);
        last_event(bench, &[click("a", 1), order, late.to_owned()])
    }),
    ("too_close_to_conversion", Stage::Eligible, |bench| {
        sent(bench, &[click("slow", 2), order(2, "")], "o-1")
    }),
    ("too_many_touchpoints", Stage::Eligible, |bench| {
        let mut events: Vec<String> = (0..1_001)
            .map(|number| {
                let (minute, second) = (number / 60, number % 60);
                format!(
                    r#"{{"event_type":"click","timestamp":"2026-03-01T10:{minute:02}:{second:02}Z","customer_id":"c","link":"crowd"}}"#
                )
            })
            .collect();
        events.push(order(2, ""));
        // The second of them: the first and the newest 999 take part.
        events.swap(1, 1_001);
        last_event(bench, &events)
    }),
    ("named_outranked", Stage::Eligible, |bench| {
        let order = last_event(bench, &[click("a", 1), order(2, r#","partner":"ben""#)]);
        format!("{order}:{order}")
    }),
    ("owned_by_other", Stage::Eligible, |bench| {
        let order = |day: u32| {
            event(
                "conversion",
                day,
                &format!(r#""customer_id":"c","transaction_id":"z-{day}","value":"9.00""#),
            )
        };
        last_of_zeta(bench, &[click("z", 1), order(2), order(4), click("z2", 3)])
    }),
    ("channel_unknown", Stage::Eligible, |bench| {
        let order = event("conversion", 2, r#""customer_id":"c","transaction_id":"o-1","value":"9.00""#);
        last_of_zeta(bench, &[order, event("click", 1, r#""customer_id":"c","gclid":"Cj0KCQ""#)])
    }),
    ("test_account", Stage::Eligible, |bench| {
        let click = event("click", 1, r#""customer_id":"tester","link":"a""#);
        let order =
            event("conversion", 2, r#""customer_id":"tester","transaction_id":"o-1","value":"90.00""#);
        sent(bench, &[click, order], "o-1")
    }),
];
