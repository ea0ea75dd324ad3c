//! Planted causes of absence: each must be ranked first, at the stage where it stopped.

use std::collections::BTreeSet;

use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::{LinkKey, SourceKey};
use tributary_domain::reason::{Concern, Reason};
use tributary_domain::time::Timestamp;

use super::planted::{PLANTED, SET_UP, click, event, last_event, order, paid, sent, separated};
use super::{asked, json, told, told_to};
use crate::operations::explaining::{Progress, Stage};
use crate::workbench::Workbench;

#[test]
fn every_planted_cause_is_ranked_first() {
    let plants: BTreeSet<(&str, Stage)> = PLANTED.iter().map(|(code, stage, _)| (*code, *stage)).collect();
    assert!(plants.len() == PLANTED.len() && plants.len() >= 60, "{}", plants.len());
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
fn no_partner_is_told_to_do_what_only_the_operator_can() {
    let of_operators = |text: &str| text.contains('`') || text.contains("tributary");
    let hints: Vec<&str> =
        Reason::ALL.iter().map(|reason| reason.hint()).filter(|hint| of_operators(hint)).collect();
    assert!(hints.len() > 10, "{hints:?}");
    let mut told_of_causes = 0;
    for (code, _, plant) in PLANTED {
        let mut bench = Workbench::with(SET_UP);
        let id = plant(&mut bench);
        for partner in ["anna", "ben", "held", "zoe", "zack"] {
            let seen = told_to(&bench, partner, &id);
            let prose = seen.prose();
            for cause in seen.progress.iter().flat_map(|progress| &progress.causes) {
                assert!(!of_operators(cause.remedy), "{code} tells {partner}: {}", cause.remedy);
                told_of_causes += usize::from(cause.code == *code && !cause.remedy.is_empty());
            }
            let hint = hints.iter().find(|hint| prose.contains(**hint));
            assert_eq!(hint, None, "{code} tells {partner}: {prose}");
            assert!(!json(&seen).to_string().contains("\"hint\""), "{code} tells {partner}: {prose}");
        }
    }
    assert!(told_of_causes > 20, "partners have remedies of their own: {told_of_causes}");
}

#[test]
fn a_click_after_the_order_stands_behind_what_kept_an_earlier_one_away() {
    let mut bench = Workbench::with(SET_UP);
    let id = sent(&mut bench, &[click("slow", 2), order(2, ""), click("a", 20)], "o-1");
    let causes = told(&bench, &id).progress.unwrap().causes;
    let codes: Vec<&str> = causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes, ["too_close_to_conversion", "after_conversion"]);
    assert!(causes[1].remedy.starts_with("Nothing is wrong"), "{}", causes[1].remedy);
    // Within a day a clock or a time zone may be to blame.
    let mut bench = Workbench::with(SET_UP);
    let late = r#"{"event_type":"click","timestamp":"2026-03-02T12:00:00Z","customer_id":"c","link":"a"}"#;
    let id = sent(&mut bench, &[order(2, ""), late.to_owned()], "o-1");
    let causes = told(&bench, &id).progress.unwrap().causes;
    assert!(causes[0].remedy.contains("check the clocks"), "{}", causes[0].remedy);
}

#[test]
fn a_code_that_is_not_set_up_leads_to_the_orders_that_carried_it() {
    let mut bench = Workbench::with(SET_UP);
    let order = last_event(&mut bench, &[click("a", 1), order(2, r#","promo_code":"NOPE20""#)]);
    for id in ["NOPE20", "nope20"] {
        let progress = told(&bench, id).progress.unwrap();
        assert_eq!((progress.stopped_at, progress.causes[0].code), (Some(Stage::Eligible), "code_unknown"));
        let evidence = progress.causes[0].evidence.join(" ");
        assert!(evidence.contains("conversion o-1 of ") && evidence.contains(&order), "{evidence}");
        assert!(progress.causes.iter().all(|cause| cause.code != "never_received"), "{progress:?}");
    }
    assert_eq!(told_to(&bench, "anna", "NOPE20").progress.unwrap().causes[0].code, "never_received");
    assert_eq!(told(&bench, "NOPE21").progress.unwrap().causes[0].code, "never_received");
}

#[test]
fn a_ruling_that_keeps_a_click_apart_is_named_to_the_operator() {
    let mut bench = Workbench::with(SET_UP);
    let identify = event("identify", 2, r#""customer_id":"c","visitor_id":"phone1""#);
    let click = event("click", 1, r#""visitor_id":"phone1","link":"a""#);
    let click = last_event(&mut bench, &[identify, order(3, ""), click]);
    separated(&mut bench, "c", "phone1");
    let explained = told(&bench, &click);
    let prose = explained.prose();
    for sentence in [
        "the operator ruled: this customer_id and this visitor_id are never one person. Why: two people of one flat.",
        "Another event carries one of these, and is not joined to it.",
        "tributary identity rejoin",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }
    let ruling = &json(&explained)["identity"]["rulings"][0];
    assert_eq!((&ruling["ruling"], &ruling["between"][1]), (&"separate".into(), &"visitor_id".into()));
    assert!(told(&bench, "o-1").prose().contains("are never one person"));
    let seen = told_to(&bench, "anna", &click);
    assert!(
        !seen.prose().contains("ruled") && json(&seen)["identity"]["rulings"].is_null(),
        "{}",
        seen.prose()
    );
    assert!(!seen.prose().contains("other event carries"), "{}", seen.prose());
}

/// Codes that no single plant can rank first, with the test that shows them.
const ELSEWHERE: [(&str, &str); 6] = [
    ("refused_at_the_door", "stands behind never_received: the note of a refused request may be gone"),
    ("source_silent", "a_time_and_a_source_are_explained_by_what_most_conversions_lack"),
    ("unknown_source", "a_time_and_a_source_are_explained_by_what_most_conversions_lack"),
    ("no_conversions_sent", "a_time_and_a_source_are_explained_by_what_most_conversions_lack"),
    ("partner_unknown", "a_link_that_the_set_up_lost_is_named"),
    ("eligible", "took part"),
];

#[test]
fn every_verdict_on_a_touchpoint_and_every_published_cause_is_planted() {
    let shown: BTreeSet<&str> =
        PLANTED.iter().map(|(code, ..)| *code).chain(ELSEWHERE.iter().map(|(code, _)| *code)).collect();
    let verdicts = Reason::ALL.iter().filter(|reason| reason.concern() == Concern::Touchpoint);
    for code in verdicts.map(|reason| reason.code()) {
        assert!(shown.contains(code), "no plant for the verdict {code}");
    }
    let text = include_str!("../../../../../../docs/explain.md");
    let stages: Vec<String> = Stage::ALL
        .iter()
        .map(|stage| serde_json::to_value(stage).unwrap().as_str().unwrap().to_owned())
        .collect();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<_> = rows.filter(|(stage, _)| stages.iter().any(|each| each == stage)).collect();
    assert!(rows.len() >= 11, "the table of causes is in docs/explain.md: {rows:?}");
    let published: BTreeSet<&str> =
        rows.iter().flat_map(|(_, codes)| codes.split('`').skip(1).step_by(2)).collect();
    for code in &published {
        assert!(shown.contains(code), "{code} is published and not planted");
    }
    for (code, stage, _) in PLANTED {
        let name = serde_json::to_value(stage).unwrap().as_str().unwrap().to_owned();
        let row = rows.iter().find(|(stage, _)| *stage == name);
        assert!(
            row.is_some_and(|(_, codes)| codes.contains(&format!("`{code}`"))),
            "{code} is not published at {name}"
        );
    }
}

#[test]
fn a_link_that_the_set_up_lost_is_named() {
    let mut bench = Workbench::with(SET_UP);
    let event = last_event(&mut bench, &[order(2, ""), click("a", 1)]);
    let mut configuration = (*bench.desk.configuration.current()).clone();
    configuration.links.remove(&LinkKey::parse("a").unwrap());
    for id in [event.as_str(), "o-1"] {
        let explanation = asked(&bench, None, |sight| {
            crate::operations::explaining::Sight { configuration: &configuration, ..*sight }
                .explain(id)
                .unwrap()
        });
        let progress = explanation.progress.unwrap();
        assert_eq!(
            (progress.stopped_at, progress.causes[0].code),
            (Some(Stage::Eligible), "partner_unknown")
        );
    }
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
