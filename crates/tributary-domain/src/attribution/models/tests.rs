//! The models on journeys written as text: `day earner kind`, one touchpoint each.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::attribution::{Earner, TouchKind};
use crate::ids::{Channel, EventId, PartnerKey};
use crate::money::split_by_largest_remainder;

fn touchpoints(rows: &[&str]) -> Vec<Touchpoint> {
    let parsed = rows.iter().enumerate().map(|(number, row)| {
        let words: Vec<&str> = row.split_whitespace().collect();
        Touchpoint {
            event_id: EventId([number as u8; 16]),
            occurred_at: Timestamp(0).plus(Span::days(words[0].parse().unwrap())),
            kind: if words.get(2) == Some(&"code") { TouchKind::Code } else { TouchKind::Click },
            earner: Some(earner(words[1])),
            campaign: None,
            link: None,
            click_id: None,
            barred: None,
        }
    });
    parsed.collect()
}

fn earner(name: &str) -> Earner {
    match name.strip_prefix('@') {
        Some(channel) => Earner::Channel(Channel::parse(channel).unwrap()),
        None => Earner::Partner(PartnerKey::parse(name).unwrap()),
    }
}

/// 100.00 split under a model.
fn split(model: &str, rows: &[&str], registered: Option<i64>, qualified: Option<i64>) -> Vec<i64> {
    let touchpoints = touchpoints(rows);
    let references: Vec<&Touchpoint> = touchpoints.iter().collect();
    let day = |day: Option<i64>| day.map(|day| Timestamp(0).plus(Span::days(day)));
    let trained = TrainedWeights {
        trained: String::new(),
        of_earner: BTreeMap::from([(earner("anna"), 300), (earner("ben"), 100), (earner("@email"), 0)]),
    };
    let journey = Journey {
        touchpoints: &references,
        registered_at: day(registered),
        qualified_at: day(qualified),
        trained: Some(&trained),
    };
    split_by_largest_remainder(10_000, &Model::parse(model).unwrap().weights(&journey))
}

#[test]
fn worked_examples() {
    let two = ["0 anna", "7 ben"];
    let three = ["0 anna", "7 ben", "14 cleo"];
    let five = ["0 a1", "1 a2", "2 a3", "3 a4", "4 a5"];
    let coded = ["0 anna", "1 ben", "2 cleo code"];
    for (model, rows, registered, qualified, expected) in [
        ("first_touch", &three[..], None, None, &[10_000, 0, 0][..]),
        ("last_touch", &three, None, None, &[0, 0, 10_000]),
        ("last_non_direct", &three, None, None, &[0, 0, 10_000]),
        ("linear", &three, None, None, &[3_334, 3_333, 3_333]),
        ("time_decay", &three, None, None, &[1_429, 2_857, 5_714]),
        ("time_decay(14d)", &two, None, None, &[4_142, 5_858]),
        ("position_based", &["0 anna"], None, None, &[10_000]),
        ("position_based", &two, None, None, &[5_000, 5_000]),
        ("position_based", &three, None, None, &[4_000, 2_000, 4_000]),
        ("position_based", &five, None, None, &[4_000, 667, 667, 666, 4_000]),
        ("position_based(300000,500000)", &three, None, None, &[3_000, 2_000, 5_000]),
        ("position_based(0,0)", &two, None, None, &[5_000, 5_000]),
        ("w_shaped", &five, Some(1), Some(3), &[3_000, 3_000, 500, 3_000, 500]),
        ("w_shaped", &five, None, None, &[3_000, 334, 333, 333, 6_000]),
        ("w_shaped", &["0 anna"], Some(1), Some(1), &[10_000]),
        ("w_shaped", &two, Some(1), None, &[6_667, 3_333]),
        ("weighted_last_touch", &three, None, None, &[2_000, 2_000, 6_000]),
        ("weighted_last_touch", &["0 anna"], None, None, &[10_000]),
        ("coupon_first", &coded, None, None, &[0, 0, 10_000]),
        ("coupon_first(first_touch)", &three, None, None, &[10_000, 0, 0]),
        ("data_driven(spring)", &two, None, None, &[7_500, 2_500]),
        ("data_driven(spring)", &["0 anna", "1 anna", "2 ben"], None, None, &[3_750, 3_750, 2_500]),
        ("data_driven(spring)", &["0 cleo", "1 dora"], None, None, &[5_000, 5_000]),
        ("data_driven(spring)", &["0 @email", "1 ben"], None, None, &[0, 10_000]),
    ] {
        assert_eq!(split(model, rows, registered, qualified), expected, "{model} {rows:?}");
    }
}

/// The commissioned model divided the rest by n: a single touchpoint got 60 %, two got 80 %.
#[test]
fn a1_credits_of_one_conversion_sum_to_its_value() {
    for (count, expected) in [
        (1, vec![10_000]),
        (2, vec![4_000, 6_000]),
        (3, vec![2_000, 2_000, 6_000]),
        (5, vec![1_000, 1_000, 1_000, 1_000, 6_000]),
    ] {
        let rows = vec!["0 anna"; count];
        assert_eq!(split("weighted_last_touch", &rows, None, None), expected);
    }
    for count in [10, 100] {
        let parts = split("weighted_last_touch", &vec!["0 anna"; count], None, None);
        assert_eq!((parts.iter().sum::<i64>(), parts[count - 1]), (10_000, 6_000));
    }
}

#[test]
fn what_a_model_writes_it_reads_again() {
    for text in [
        "first_touch",
        "last_touch",
        "last_non_direct",
        "linear",
        "time_decay(36h)",
        "position_based(400000,400000)",
        "w_shaped(300000,300000,300000)",
        "weighted_last_touch(600000)",
        "coupon_first(time_decay(7d))",
        "data_driven(spring_2026)",
    ] {
        assert_eq!(Model::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "magic",
        "linear(1)",
        "time_decay(0d)",
        "time_decay(-1d)",
        "position_based(600000,600000)",
        "position_based(1)",
        "coupon_first(coupon_first(linear))",
        "data_driven",
        "linear(",
    ] {
        assert!(Model::parse(text).is_none(), "{text}");
    }
}

#[test]
fn the_rule_based_models_are_all_but_the_trained_one() {
    let parsed: Vec<Model> = Model::RULE_BASED.iter().map(|name| Model::parse(name).unwrap()).collect();
    assert!(parsed.iter().zip(Model::RULE_BASED).all(|(model, name)| model.name() == name));
    assert!(parsed.iter().all(|model| model.trained_weights().is_none()));
    let listed = |model: &Model| match model {
        Model::DataDriven { .. } => true,
        other => Model::RULE_BASED.contains(&other.name()),
    };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&any_model(), |model| {
            prop_assert!(listed(&model), "{} is in no list", model);
            Ok(())
        })
        .unwrap();
}

/// Any model with any parameters.
pub(crate) fn any_model() -> impl Strategy<Value = Model> {
    let simple = prop_oneof![
        Just(Model::FirstTouch),
        Just(Model::LastTouch),
        Just(Model::LastNonDirect),
        Just(Model::Linear),
        (1_i64..200_000).prop_map(|minutes| Model::TimeDecay { half_life: Span(minutes * Span::MINUTE.0) }),
        (0_u32..=500_000, 0_u32..=500_000).prop_map(|(first, last)| Model::PositionBased { first, last }),
        (0_u32..=300_000, 0_u32..=300_000, 0_u32..=400_000)
            .prop_map(|(first, lead, opportunity)| Model::WShaped { first, lead, opportunity }),
        (0_u32..=WHOLE).prop_map(|last_share_ppm| Model::WeightedLastTouch { last_share_ppm }),
        Just(Model::DataDriven { weights: WeightsKey::parse("spring").unwrap() }),
    ];
    (simple, any::<bool>()).prop_map(|(model, coupon)| match coupon {
        true => Model::CouponFirst { otherwise: Arc::new(model) },
        false => model,
    })
}

proptest! {
    #[test]
    fn l2_every_model_gives_everything_and_nothing_twice(
        model in any_model(),
        journey in prop::collection::vec((0_i64..100, 0..4_usize, any::<bool>()), 1..50),
        total in 0_i64..10_000_000_000_000,
        registered in prop::option::of(0_i64..100),
    ) {
        let mut days: Vec<_> = journey;
        days.sort_unstable();
        let rows: Vec<String> = days
            .iter()
            .map(|(day, who, code)| {
                format!("{day} {} {}", ["anna", "ben", "cleo", "@email"][*who], if *code { "code" } else { "click" })
            })
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let touchpoints = touchpoints(&rows);
        let references: Vec<&Touchpoint> = touchpoints.iter().collect();
        let trained = TrainedWeights {
            trained: String::new(),
            of_earner: BTreeMap::from([(earner("anna"), TrainedWeights::LARGEST), (earner("ben"), 1)]),
        };
        let journey = Journey {
            registered_at: registered.map(|day| Timestamp(0).plus(Span::days(day))),
            trained: Some(&trained),
            ..Journey::of(&references)
        };
        let weights = model.weights(&journey);
        prop_assert_eq!(weights.len(), references.len());
        prop_assert!(weights.iter().any(|weight| *weight > 0), "{} {:?}", model, weights);
        let parts = split_by_largest_remainder(total, &weights);
        prop_assert_eq!(parts.iter().sum::<i64>(), total);
        prop_assert!(parts.iter().all(|part| *part >= 0));
        prop_assert_eq!(Model::parse(&model.to_string()), Some(model));
    }
}
