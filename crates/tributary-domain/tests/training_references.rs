//! Training beside other implementations: equal where the definitions are equal.
//!
//! The data and where they come from: `tests/data/attribution/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tributary_domain::attribution::training::{Markov, Outcome, PathCollector, Paths, shapley};

const SETS: [&str; 3] = ["tiny", "touches", "pathdata"];
/// Values are read in millionths of a millionth, which keeps all of the sample's digits that matter.
const VALUE_DIGITS: usize = 12;

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/attribution"))
}

fn paths(set: &str) -> Paths<String> {
    let file = match set {
        "pathdata" => directory().join("../../../../../examples/paths/pathdata.csv"),
        set => directory().join(format!("{set}.csv")),
    };
    let mut collector = PathCollector::default();
    for line in std::fs::read_to_string(file).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let outcome = Outcome {
            conversions: fields[1].parse().unwrap(),
            value: fixed(fields[2]),
            nulls: fields[3].parse().unwrap(),
        };
        collector.add(fields[0].split(" > "), &outcome).unwrap();
    }
    collector.finish()
}

fn fixed(text: &str) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(VALUE_DIGITS).collect();
    whole.parse::<u64>().unwrap() * 10_u64.pow(12) + digits.parse::<u64>().unwrap()
}

fn expected(set: &str, method: &str) -> Option<BTreeMap<String, f64>> {
    let text = std::fs::read_to_string(directory().join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let values = all[set].get(method)?.as_object()?;
    Some(values.iter().map(|(channel, value)| (channel.clone(), value.as_f64().unwrap())).collect())
}

/// Every channel within `tolerance` of the sum.
fn same(set: &str, method: &str, found: &[f64], tolerance: f64) {
    let expected = expected(set, method).unwrap_or_else(|| panic!("{set} has no {method}"));
    assert_eq!(expected.len(), found.len(), "{set} {method}");
    let sum: f64 = expected.values().map(|value| value.abs()).sum();
    for ((channel, expected), found) in expected.iter().zip(found) {
        let off = (found - expected).abs() / sum;
        assert!(off <= tolerance, "{set} {method} {channel}: {found} is not {expected}, {off:e} off");
    }
}

fn times(shares: &[f64], whole: f64) -> Vec<f64> {
    shares.iter().map(|share| share * whole).collect()
}

fn without_nulls(set: &str) -> Paths<String> {
    let paths = paths(set);
    let mut collector = PathCollector::default();
    for (path, outcome) in paths.iter() {
        let names = path.iter().map(|place| paths.channels()[usize::from(*place)].as_str());
        collector.add(names, &Outcome { nulls: 0, ..*outcome }).unwrap();
    }
    collector.finish()
}

#[test]
fn markov_of_orders_1_to_3_is_the_reference() {
    for set in SETS {
        for (paths, kind) in [(paths(set), ""), (without_nulls(set), "_no_nulls")] {
            let total = paths.total();
            let conversions = total.conversions as f64;
            let value = total.value as f64 / 1e12;
            for order in 1..=3 {
                let markov = Markov::train(&paths, order).unwrap();
                assert!(markov.error < 1e-12, "{set} order {order}: {}", markov.error);
                let share = conversions / total.journeys() as f64;
                assert!((markov.probability - share).abs() < 1e-12, "{set} order {order}");
                let method = format!("markov{order}{kind}");
                same(set, &format!("{method}_removal"), &markov.effects, 1e-11);
                same(set, &method, &times(&markov.shares(), conversions), 1e-11);
                same(set, &format!("{method}_value"), &times(&markov.shares_of_value(), value), 1e-11);
            }
        }
    }
}

#[test]
fn packages_that_remove_channels_exactly_agree() {
    for set in SETS {
        let paths = paths(set);
        let conversions = paths.total().conversions as f64;
        let first = Markov::train(&paths, 1).unwrap();
        let second = Markov::train(&paths, 2).unwrap();
        same(set, "do-attribution markov1_removal_redirect_to_null", &first.effects, 1e-11);
        same(set, "do-attribution markov2_removal_redirect_to_null", &second.effects, 1e-11);
        same(set, "marketing-attribution-models markov1_removal", &first.effects, 1e-11);
        for package in ["marketing-attribution-models-1", "td-ml-mta"] {
            same(set, &format!("{package} markov1"), &times(&first.shares(), conversions), 1e-11);
        }
    }
}

#[test]
fn channelattribution_simulates_and_agrees_within_its_chance() {
    for set in ["touches", "pathdata"] {
        let paths = paths(set);
        for order in 1..=3 {
            let shares = Markov::train(&paths, order).unwrap().shares();
            let conversions = paths.total().conversions as f64;
            same(set, &format!("channelattribution markov{order}"), &times(&shares, conversions), 0.01);
        }
    }
}

#[test]
fn order_4_is_a_model_of_its_own_and_settles_as_exactly() {
    for set in SETS {
        let paths = paths(set);
        let markov = Markov::train(&paths, 4).unwrap();
        let total = paths.total();
        assert!(markov.error < 1e-12, "{set}: {}", markov.error);
        assert!((markov.probability - total.conversions as f64 / total.journeys() as f64).abs() < 1e-12);
        // The further a state looks back, the nearer a removal comes to what journeys without the channel brought.
        let without = |channel: u16| {
            let rest = paths.iter().filter(|(path, _)| !path.contains(&channel));
            rest.map(|(_, outcome)| outcome.conversions).sum::<u64>() as f64
        };
        let lost: Vec<f64> = (0..)
            .take(paths.channels().len())
            .map(|channel| 1.0 - without(channel) / total.conversions as f64)
            .collect();
        let away = |order: u8| {
            let effects = Markov::train(&paths, order).unwrap().effects;
            effects.iter().zip(&lost).map(|(effect, lost)| (effect - lost).abs()).sum::<f64>()
        };
        assert!(away(4) <= away(1) + 1e-12, "{set}: {} {}", away(4), away(1));
    }
}

#[test]
fn shapley_of_conversions_within_is_the_reference() {
    for set in SETS {
        let paths = paths(set);
        let closed = shapley::of_conversions(&paths);
        same(set, "linear_unique", &closed, 1e-12);
        same(set, "mta shapley", &closed, 1e-12);
        same(set, "shapley-attribution shapley_simplified", &closed, 1e-12);
        let value = times(&shapley::of_value(&paths), 1e-12);
        same(set, "linear_unique_value", &value, 1e-11);
        let game = shapley::Game::of(&paths, shapley::Worth::ConversionsWithin).unwrap();
        same(set, "linear_unique", &shapley::enumerate(&game).unwrap(), 1e-12);
        let game = shapley::Game::of(&paths, shapley::Worth::ValueWithin).unwrap();
        same(set, "linear_unique_value", &times(&shapley::enumerate(&game).unwrap(), 1e-12), 1e-11);
    }
}

#[test]
fn shapley_of_exact_sets_is_that_of_do_attribution() {
    for set in SETS {
        let game = shapley::Game::of(&paths(set), shapley::Worth::ConversionsOfExactly).unwrap();
        same(set, "do-attribution shapley_exact_set", &shapley::enumerate(&game).unwrap(), 1e-11);
    }
}

/// Its journeys are shared one by one, each by the Shapley values of the rates of its own channels' sets.
#[test]
fn shapley_of_rates_is_that_of_marketing_attribution_models() {
    for set in SETS {
        let game = shapley::Game::of(&paths(set), shapley::Worth::RateOfExactly).unwrap();
        let mut credits = vec![0.0; paths(set).channels().len()];
        for (channels, outcome) in game.sets().filter(|(_, outcome)| outcome.conversions > 0) {
            let players: Vec<usize> =
                (0..credits.len()).filter(|player| channels >> player & 1 == 1).collect();
            let values = shapley::enumerate(&game.among(&players)).unwrap();
            let sum: f64 = values.iter().sum();
            for (player, value) in players.iter().zip(values) {
                credits[*player] += outcome.conversions as f64 * value / sum;
            }
        }
        same(set, "marketing-attribution-models shapley_all_conv_rate", &credits, 1e-11);
    }
}

#[test]
fn sampling_finds_the_exact_values_within_its_stated_error() {
    for set in SETS {
        for worth in [shapley::Worth::ConversionsOfExactly, shapley::Worth::ConversionsWithin] {
            let game = shapley::Game::of(&paths(set), worth).unwrap();
            let exact = shapley::enumerate(&game).unwrap();
            let sampled = shapley::sample(&game, 400, 7).unwrap();
            assert_eq!(sampled, shapley::sample(&game, 400, 7).unwrap());
            for ((exact, value), error) in exact.iter().zip(&sampled.values).zip(&sampled.errors) {
                assert!(
                    (exact - value).abs() <= 4.0 * error + 1e-9,
                    "{set}: {value} +- {error}, not {exact}"
                );
            }
        }
    }
}
