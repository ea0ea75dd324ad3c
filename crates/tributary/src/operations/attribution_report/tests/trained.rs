//! Models trained on the report's own journeys, worked out by hand, and the report beside training and what-if.

use std::collections::BTreeMap;

use tributary_domain::attribution::models::Model;
use tributary_domain::settlement::JourneyPeriod;
use tributary_domain::time::Timestamp;

use super::*;
use crate::operations::attribution_report::trained::{MARKOV, RemovalEffects, SHAPLEY};
use crate::operations::report::with_model;
use crate::operations::training::{Method, Training};
use crate::operations::what_if::{Grouping, what_if};

/// Touchpoints of somebody who does not convert.
fn wander(bench: &mut Workbench, person: &str, touchpoints: &[(&str, u32)]) {
    let events: Vec<String> = touchpoints
        .iter()
        .map(|(by, hour)| {
            let by = if by.len() == 1 { format!(r#""link":"{by}""#) } else { format!(r#""channel":"{by}""#) };
            let at = format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
            format!(r#"{{"event_type":"click","timestamp":"{at}","customer_id":"w-{person}",{by}}}"#)
        })
        .collect();
    bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
}

/// The published example: C1 C2 C3 converts, C1 and C2 C3 do not. C1 is anna, C2 ben, C3 e-mail.
fn published() -> Workbench {
    let mut bench = Workbench::new();
    travel(&mut bench, "1", &[("a", 0), ("b", 24), ("email", 48)], 72, "100.00", "");
    wander(&mut bench, "2", &[("a", 0)]);
    wander(&mut bench, "3", &[("b", 0), ("email", 24)]);
    bench
}

fn effects(effects: &RemovalEffects) -> Vec<(&str, u64, u64, u32, u32)> {
    assert_eq!(effects.not_trained, None);
    let rows = effects.rows.iter();
    rows.map(|row| (&*row.key, row.journeys, row.conversions, row.effect_ppm, row.effect_on_value_ppm))
        .collect()
}

#[test]
fn removal_effects_are_those_worked_out_by_hand() {
    let report = answer(&published(), &question());
    let trained = report.trained.as_ref().unwrap();
    assert_eq!((trained.markov_order, trained.journeys, trained.conversions), (1, 3, 1));
    // One of three converts; without C1 half of that is left, without C2 or C3 nothing.
    assert_eq!(
        effects(&trained.by_earner),
        [
            ("@email", 2, 1, 1_000_000, 1_000_000),
            ("ben", 2, 1, 1_000_000, 1_000_000),
            ("anna", 2, 1, 500_000, 500_000)
        ]
    );
    // Partners begin every journey, and only e-mail leads to the order.
    assert_eq!(
        effects(&trained.by_class),
        [("@email", 2, 1, 1_000_000, 1_000_000), ("partners", 3, 1, 1_000_000, 1_000_000)]
    );
    let campaigns = effects(&trained.by_campaign);
    assert_eq!(campaigns.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(), [("", 2), ("spring", 3)]);
    for (model, earner, expected) in [
        (MARKOV, "anna", ("0.200000000", "20.00")),
        (MARKOV, "ben", ("0.400000000", "40.00")),
        (MARKOV, "@email", ("0.400000000", "40.00")),
        (SHAPLEY, "@email", ("0.333333334", "33.34")),
        (SHAPLEY, "anna", ("0.333333333", "33.33")),
        (SHAPLEY, "ben", ("0.333333333", "33.33")),
    ] {
        assert_eq!(credited(&report, model, earner), Some(expected), "{model} {earner}");
    }
}

#[test]
fn journeys_without_a_conversion_are_those_of_the_same_days_and_filters() {
    // The one whose order was rejected came through anna; those of another currency or without an eligible touchpoint are no such journeys.
    let bench = travelled();
    let counted = |question: &Question| {
        let trained = answer(&bench, question).trained.unwrap();
        (trained.journeys, trained.conversions)
    };
    assert_eq!(counted(&question()), (5, 4));
    let march = |from, to| Question { days: Days::parse(from, to).unwrap(), ..question() };
    // All clicks but orders 1 and 3's later ones are of the 1st; only order 2 is. Orders 1, 3, 4 and 6 had not converted yet.
    assert_eq!(counted(&march(None, Some("2026-03-01"))), (6, 1));
    assert_eq!(counted(&march(Some("2026-04-01"), None)), (0, 0));
    let of = |campaign: &str| Question {
        campaign: Some(tributary_domain::ids::CampaignKey::parse(campaign).unwrap()),
        ..question()
    };
    assert_eq!(counted(&of("spring")), (5, 4));
    assert_eq!(counted(&of("autumn")), (0, 0));
    let nothing = answer(&bench, &of("autumn"));
    assert!(nothing.trained.unwrap().by_class.not_trained.unwrap().contains("no journey converted"));
    assert_eq!(nothing.credit.models.len(), 10, "there is nothing to share");
}

#[test]
fn without_training_only_people_who_converted_are_read_and_everything_else_is_the_same() {
    let bench = travelled();
    let without = answer(&bench, &Question { training: TrainingChoice::None, ..question() });
    assert_eq!((&without.trained, without.credit.models.len()), (&None, 10));
    let mut with = answer(&bench, &question());
    with.trained = None;
    let untrained = |model: &String| !model.starts_with(MARKOV) && !model.starts_with(SHAPLEY);
    with.credit.models.retain(untrained);
    let credit = &mut with.credit;
    for row in credit.by_earner.iter_mut().chain(&mut credit.by_class).chain(&mut credit.by_campaign) {
        row.credits.truncate(10);
    }
    assert_eq!(with, without);
}

/// Journeys with milestones, codes and repeats, all attributed in euros, and two that lead nowhere.
fn mixed() -> Workbench {
    let mut bench = Workbench::new();
    travel(&mut bench, "1", &[("a", 0), ("b", 24), ("a", 48)], 48, "100.00", r#","status":"approved""#);
    travel(&mut bench, "2", &[("a", 0)], 2, "10.01", "");
    travel(&mut bench, "3", &[("email", 0), ("b", 24)], 72, "0.05", "");
    travel(&mut bench, "4", &[("a", 0), ("b", 10), ("paid_search", 20), ("b", 30)], 40, "33.33", "");
    bench.send(&[
        r#"{"event_type":"click","timestamp":"2026-03-01T00:00:00Z","customer_id":"c-5","link":"b"}"#,
        r#"{"event_type":"registration","timestamp":"2026-03-01T06:00:00Z","customer_id":"c-5","goal":"registration"}"#,
        r#"{"event_type":"click","timestamp":"2026-03-02T00:00:00Z","customer_id":"c-5","channel":"email"}"#,
        r#"{"event_type":"qualification","timestamp":"2026-03-02T06:00:00Z","customer_id":"c-5","goal":"ftd"}"#,
    ]);
    travel(&mut bench, "5", &[("a", 48), ("b", 72), ("a", 80)], 90, "77.77", "");
    wander(&mut bench, "1", &[("a", 0), ("email", 5)]);
    wander(&mut bench, "2", &[("b", 5)]);
    bench
}

#[test]
fn each_model_gives_to_the_cent_what_a_what_if_under_it_would_credit() {
    let bench = mixed();
    let report = answer(&bench, &question());
    let configuration = bench.desk.configuration.current();
    for (column, name) in (1..).zip(Model::RULE_BASED) {
        let model = Model::parse(name).unwrap();
        let then = with_model(&configuration, &model);
        let sums = what_if(bench.desk.state.as_ref(), &then, None, &|_| ()).unwrap().sums(Grouping::Earner);
        let credited: BTreeMap<String, i64> = sums
            .into_iter()
            .filter(|(_, sums)| sums.money.value_then != 0)
            .map(|(cell, sums)| (cell.earner, sums.money.value_then))
            .collect();
        let shown: BTreeMap<String, i64> = report
            .credit
            .by_earner
            .iter()
            .map(|row| (row.key.clone(), row.credits[column].minor))
            .filter(|(_, minor)| *minor != 0)
            .collect();
        assert_eq!(shown, credited, "{name}");
        assert_eq!(shown.values().sum::<i64>(), 22_116, "{name}");
    }
}

#[test]
fn the_trained_columns_are_what_training_on_the_same_journeys_gives() {
    let bench = mixed();
    let configuration = bench.desk.configuration.current();
    let at = |text| Timestamp::parse(text).unwrap();
    let period = JourneyPeriod {
        from: at("2026-03-01T00:00:00Z"),
        to: at("2026-04-01T00:00:00Z"),
        goal: Goal::parse("purchase").unwrap(),
    };
    for order in 1..=4 {
        let days = Days::parse(Some("2026-03-01"), Some("2026-03-31")).unwrap();
        let report =
            answer(&bench, &Question { training: TrainingChoice::Markov(order), days, ..question() });
        for (method, column) in [(Method::Markov(order), 10), (Method::Shapley, 11)] {
            let training =
                Training { brand: Workbench::brand(), method, by_value: None, period: period.clone() };
            let trained = training.run(bench.desk.state.as_ref(), &configuration).unwrap();
            assert!(trained.trained.ends_with("7 journeys, 5 conversions"), "{}", trained.trained);
            let expected: BTreeMap<String, u128> = trained
                .of_earner
                .iter()
                .map(|(earner, weight)| (crate::engine::rollup::label(earner), u128::from(*weight) * 5))
                .collect();
            let shown: BTreeMap<String, u128> = report
                .credit
                .by_earner
                .iter()
                .map(|row| (row.key.clone(), row.credits[column].billionths))
                .collect();
            for (earner, billionths) in expected {
                // Equal shares are rounded in the order of keys here and of earners there.
                let off = billionths.abs_diff(shown[&earner]);
                assert!(off <= 5, "{method:?} {earner}: {billionths} and {}", shown[&earner]);
            }
        }
    }
}
