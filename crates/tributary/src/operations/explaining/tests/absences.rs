//! Planted causes of absence: each must be ranked first, at the stage where it stopped.

use std::collections::BTreeSet;

use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::{LinkKey, SourceKey};
use tributary_domain::reason::{Concern, Reason};
use tributary_domain::time::Timestamp;

use super::planted::{PLANTED, SET_UP, click, event, last_event, order, paid, sent};
use super::{asked, json, told};
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
