//! What is stored is explained down to the entries.

use tributary_domain::time::Timestamp;

use super::planted::{SET_UP, click, event, issued, order, sent};
use super::{asked, json, told, told_to};
use crate::operations::explaining::{Sight, Stage};
use crate::workbench::{NOW, Workbench};

#[test]
fn an_order_is_explained_from_its_arrival_to_its_entries() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let order = told(&bench, "1");
    assert_eq!(order.what, "conversion");
    let value = json(&order);
    let conversion = &value["conversion"];
    assert_eq!(conversion["value"]["minor"], 9_000);
    assert_eq!(conversion["sharing"]["model"], "linear");
    assert_eq!(conversion["sharing"]["credits"][0]["exact_minor"], "4500");
    assert_eq!(conversion["sharing"]["rounding"]["remainder_minor"], 0);
    assert_eq!(conversion["touchpoints"][0]["age_seconds"], 2 * 86_400);
    assert_eq!(conversion["touchpoints"][0]["window_seconds"], 7 * 86_400);
    assert_eq!(conversion["touchpoints"][0]["verdict"]["code"], "eligible");
    assert_eq!(conversion["commissions"][0]["formula"], "90.00 EUR x 10 % = 9.00 EUR; 50 % of it = 4.50 EUR");
    assert_eq!(conversion["fraud"]["verdict"], "not_judged");
    assert_eq!(conversion["entries"][0]["cause_kind"], "conversion");
    assert_eq!(value["identity"]["carries"], serde_json::json!(["customer_id", "transaction_id"]));
    assert_eq!(value["identity"]["joined"][0]["shares"], serde_json::json!(["customer_id"]));
    let versions = conversion["configuration"]["versions"].as_array().unwrap();
    for kind in ["campaign", "partner", "plan"] {
        assert!(versions.iter().any(|version| version["kind"] == kind), "{kind}: {versions:?}");
    }
    let prose = order.prose();
    for sentence in [
        "Sum of shares: 90.00 EUR of 90.00 EUR.",
        "every touchpoint gets the same share",
        "2 days before the conversion",
        "How far it got",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }
    assert!(!prose.contains("c-1"), "no raw identifier is shown");
}

#[test]
fn the_coins_that_rounding_left_over_are_named() {
    let mut bench = Workbench::new();
    let event = |kind: &str, day: u32, more: &str| {
        format!(
            r#"{{"event_type":"{kind}","timestamp":"2026-03-0{day}T10:00:00Z","customer_id":"c",{more}}}"#
        )
    };
    let events = [
        event("click", 1, r#""link":"a""#),
        event("click", 2, r#""link":"b""#),
        event("click", 3, r#""link":"a""#),
        event("conversion", 4, r#""transaction_id":"7","value":"100.00""#),
    ];
    bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    let sharing = &json(&told(&bench, "7"))["conversion"]["sharing"];
    assert_eq!(sharing["credits"][0]["exact_minor"], "10000/3");
    assert_eq!(sharing["credits"][0]["got_remainder"], true);
    assert_eq!(sharing["credits"][1]["got_remainder"], false);
    assert_eq!(sharing["rounding"]["rounded_down_minor"], 9_999);
    assert_eq!(sharing["rounding"]["remainder_went_to"][0], sharing["credits"][0]["touchpoint"]);
    let prose = told(&bench, "7").prose();
    for sentence in [
        "a: 33.3333 % = 33.34 EUR of 100.00 EUR (rounded up to the smallest coin).",
        "n: 33.3333 % = 33.33 EUR of 100.00 EUR (rounded down to the smallest coin).",
        "66.6667 % of it = 6.67 EUR",
        "The exact amount is no whole number of the smallest coin; rounded, it is 6.67 EUR.",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }
    assert!(!prose.contains(" parts") && !prose.contains("10000/3") && !prose.contains("2000/3"), "{prose}");
}

#[test]
fn an_event_is_found_by_the_id_that_its_sender_gave_it() {
    for id in ["first", "b3f1c0de-0000-4000-8000-000000000001"] {
        let mut bench = Workbench::with(SET_UP);
        let order = |value: &str| {
            event(
                "conversion",
                2,
                &format!(r#""event_id":"{id}","transaction_id":"o-1","customer_id":"c","value":"{value}""#),
            )
        };
        bench.tell("till", &[&order("90.00")]);
        assert_eq!(told(&bench, id).progress.unwrap().causes[0].code, "not_processed_yet");
        bench.desk.catch_up().unwrap();
        let found = json(&told(&bench, id));
        assert_eq!((&found["what"], &found["arrived"]["source"]), (&"conversion".into(), &"till".into()));
        assert_eq!(found["conversion"]["transaction"], "o-1");
        // What came later under the same id and said something else is told with it.
        bench.tell("till", &[&order("80.00")]);
        let explained = told(&bench, id);
        assert_eq!(json(&explained)["arrived"]["conflicting_deliveries"], 1);
        assert!(explained.prose().contains("payload_conflict"), "{}", explained.prose());
        assert_eq!(told_to(&bench, "anna", id).what, "nothing");
        assert_eq!(told_to(&bench, "zoe", id).what, "nothing");
    }
}

#[test]
fn what_a_commission_waits_for_is_told_by_the_moment_asked() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let told_at = |bench: &Workbench, now: Timestamp| {
        let explanation = asked(bench, None, |sight| Sight { now, ..*sight }.explain("1").unwrap());
        let lines = json(&explanation)["conversion"]["commissions"].clone();
        let reason = |partner: &str| {
            let lines = lines.as_array().unwrap();
            let line = lines.iter().find(|line| line["partner"] == partner).unwrap();
            line["reason"]["code"].as_str().unwrap().to_owned()
        };
        let stopped = explanation.progress.unwrap().stopped_at;
        (reason("anna"), reason("ben"), stopped)
    };
    let expected = |anna: &str, ben: &str, stage| (anna.to_owned(), ben.to_owned(), Some(stage));
    let early = Timestamp::parse("2026-03-03T09:59:59Z").unwrap();
    assert_eq!(told_at(&bench, early), expected("in_hold_period", "in_hold_period", Stage::Payable));
    assert_eq!(told_at(&bench, NOW), expected("payable", "below_minimum", Stage::InPayout));
    crate::operations::payout::prepare(&mut bench.desk, &Workbench::brand(), "march", NOW, NOW).unwrap();
    assert_eq!(told_at(&bench, NOW).0, "payout_prepared");
    let prose = told(&bench, "1").prose();
    assert!(prose.contains("The operator's word on it: approved."), "{prose}");
    let mut bench = Workbench::with(SET_UP);
    let _ = sent(&mut bench, &[click("a", 1), order(2, "")], "");
    let prose = told(&bench, "o-1").prose();
    assert!(prose.contains("No word of approval or rejection was given on it."), "{prose}");
    assert!(!prose.contains("word on it: pending"), "{prose}");
}

#[test]
fn every_id_of_the_chain_leads_to_it() {
    let mut bench = Workbench::new();
    bench.sell("1");
    crate::operations::payout::prepare(&mut bench.desk, &Workbench::brand(), "march", NOW, NOW).unwrap();
    let order = json(&told(&bench, "1"));
    let line = &order["conversion"]["commissions"][0];
    let payout = line["payouts"][0]["payout"].as_str().unwrap();
    let click = order["conversion"]["touchpoints"][0]["click_id"].as_str().unwrap();
    let number = order["conversion"]["entries"][0]["number"].as_u64().unwrap();
    for (id, what) in [
        (order["arrived"]["event_id"].as_str().unwrap(), "conversion"),
        (line["id"].as_str().unwrap(), "commission of anna"),
        (payout, "payout"),
        (click, "click"),
        (order["conversion"]["touchpoints"][1]["event_id"].as_str().unwrap(), "click"),
        (&format!("#{number}"), "entry"),
        (&format!("acme#{number}"), "entry"),
        ("c-1", "conversion"),
    ] {
        let explanation = told(&bench, id);
        assert_eq!(explanation.what, what, "{id}");
        assert!(explanation.sections.len() > 2, "{id}: {}", explanation.prose());
    }
    assert_eq!(told(&bench, "#0").what, "nothing");
    assert_eq!(told(&bench, "other#1").what, "nothing");
}

#[test]
fn a_partner_sees_his_own_and_that_another_took_part() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let seen = json(&told_to(&bench, "anna", "1"));
    let conversion = &seen["conversion"];
    assert_eq!(conversion["touchpoints"].as_array().unwrap().len(), 1);
    assert_eq!(conversion["others"], serde_json::json!(["another partner"]));
    assert_eq!(conversion["value"]["amount"], "90.00", "his plan pays a percentage of it");
    assert_eq!(conversion["commissions"][0]["owed"]["amount"], "4.50");
    assert!(!seen.to_string().contains("ben"));
}

#[test]
fn a_click_that_is_known_by_its_id_alone_is_found_by_the_id_of_its_touchpoint() {
    let mut bench = Workbench::with(SET_UP);
    let click_id = issued(&bench, "a", "acme");
    let order =
        event("conversion", 3, &format!(r#""transaction_id":"7","value":"90.00","click_id":"{click_id}""#));
    bench.send(&[&order]);
    let touchpoint =
        json(&told(&bench, "7"))["conversion"]["touchpoints"][0]["event_id"].as_str().unwrap().to_owned();
    let credit = json(&told(&bench, &touchpoint));
    assert_eq!(
        (&credit["what"], &credit["uses"][0]["credit"]["amount"]["minor"]),
        (&"credit of anna".into(), &9_000.into())
    );
    assert_eq!(credit["id"], touchpoint);
    assert_eq!(told_to(&bench, "ben", &touchpoint).what, "nothing");
    assert_eq!(told_to(&bench, "anna", &touchpoint).what, "credit of anna");
}
