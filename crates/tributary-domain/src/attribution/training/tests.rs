//! Shapley's axioms and the known identities of Markov removal effects, on random journeys.

use proptest::prelude::*;

use super::shapley::{self, Game, Worth};
use super::solving::Chain;
use super::*;

type Row = (Vec<u16>, Outcome);

fn rows(channels: u16) -> impl Strategy<Value = Vec<Row>> {
    let path = proptest::collection::vec(0..channels, 1..7);
    let outcome = (0_u64..4, 0_u64..1_000, 0_u64..5).prop_map(|(conversions, value, nulls)| Outcome {
        conversions,
        value: if conversions > 0 { value } else { 0 },
        nulls,
    });
    proptest::collection::vec((path, outcome), 1..25)
}

/// Journeys of which at least one converted, so that there is something to share.
fn converting(channels: u16) -> impl Strategy<Value = Vec<Row>> {
    rows(channels)
        .prop_filter("nobody converts", |rows| rows.iter().any(|(_, outcome)| outcome.conversions > 0))
}

/// All the channels 0 to 5 are there, whether anybody touched them or not.
fn paths(rows: &[Row]) -> Paths<u16> {
    let mut collector = PathCollector::default();
    for channel in 0..6 {
        collector.add([&channel], &Outcome::default()).unwrap();
    }
    for (path, outcome) in rows {
        collector.add(path, outcome).unwrap();
    }
    collector.finish()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * (1.0 + one.abs().max(other.abs()))
}

/// Without immediate repeats of a channel.
fn without_loops(rows: &[Row]) -> Vec<Row> {
    let deduplicated = |(path, outcome): &Row| {
        let mut path = path.clone();
        path.dedup();
        (path, *outcome)
    };
    rows.iter().map(deduplicated).collect()
}

const WORTHS: [Worth; 4] =
    [Worth::ConversionsWithin, Worth::ValueWithin, Worth::ConversionsOfExactly, Worth::RateOfExactly];

proptest! {
    #[test]
    fn removal_effects_are_shares_of_the_conversions(rows in converting(5), order in 1_u8..5) {
        let paths = paths(&rows);
        let markov = Markov::train(&paths, order).unwrap();
        let total = paths.total();
        let share = total.conversions as f64 / total.journeys() as f64;
        prop_assert!(near(markov.probability, share));
        prop_assert!(near(markov.expected_value, total.value as f64 / total.journeys() as f64));
        for effect in markov.effects.iter().chain(&markov.effects_on_value) {
            prop_assert!((0.0..=1.0).contains(effect));
        }
        prop_assert!(near(markov.shares().iter().sum(), 1.0));
        prop_assert!(near(markov.shares_of_value().iter().sum(), f64::from(u8::from(total.value > 0))));
        prop_assert_eq!(markov.effects[5], 0.0, "nobody came to this one");
    }

    #[test]
    fn a_channel_that_ends_every_converting_path_takes_all_with_it(rows in converting(5), order in 1_u8..5) {
        let through = rows.iter().map(|(path, outcome)| {
            let converts = (outcome.conversions > 0).then_some(5);
            (path.iter().copied().chain(converts).collect(), *outcome)
        });
        let markov = Markov::train(&paths(&through.collect::<Vec<Row>>()), order).unwrap();
        prop_assert_eq!(markov.effects[5], 1.0);
    }

    #[test]
    fn staying_on_a_channel_changes_nothing_at_order_1(rows in converting(5)) {
        let (with, without) = (
            Markov::train(&paths(&rows), 1).unwrap(),
            Markov::train(&paths(&without_loops(&rows)), 1).unwrap(),
        );
        for (one, other) in with.effects.iter().zip(&without.effects) {
            prop_assert!(near(*one, *other));
        }
    }

    #[test]
    fn the_order_of_journeys_moves_no_digit(rows in converting(5), order in 1_u8..5, seed in any::<u64>()) {
        let mut shuffled: Vec<Row> = rows.clone();
        let count = shuffled.len();
        for place in 0..count {
            let other = (seed.rotate_left(place as u32) % count as u64) as usize;
            shuffled.swap(place, other);
        }
        // Journeys told one by one are the same as told together.
        let single = shuffled.iter().flat_map(|(path, outcome)| {
            let null = Outcome { nulls: 1, ..Outcome::default() };
            let nulls = (0..outcome.nulls).map(move |_| (path.clone(), null));
            nulls.chain([(path.clone(), Outcome { nulls: 0, ..*outcome })])
        });
        let (one, other) = (paths(&rows), paths(&single.collect::<Vec<_>>()));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(Markov::train(&one, order).unwrap(), Markov::train(&other, order).unwrap());
        prop_assert_eq!(shapley::of_conversions(&one), shapley::of_conversions(&other));
    }

    #[test]
    fn eliminating_and_sweeping_agree(rows in converting(5), order in 1_u8..5, gone in 0_u16..6) {
        let (chain, windows) = markov::chain_of(&paths(&rows), usize::from(order));
        let removed: Vec<bool> = windows.iter().map(|window| window.holds(gone)).collect();
        let kept: Vec<usize> = (0..chain.states()).filter(|state| !removed[*state]).collect();
        let all: u64 = chain.begins.iter().sum();
        let (exact, swept) = (Chain::eliminate(&chain, &kept, all), Chain::sweep(&chain, &kept, all));
        prop_assert!((exact.probability - swept.probability).abs() <= swept.error + 1e-13);
        prop_assert!(near(exact.value, swept.value));
        prop_assert!(swept.error < 1e-12);
    }

    #[test]
    fn shapley_is_efficient(rows in rows(5)) {
        let paths = paths(&rows);
        for worth in WORTHS {
            let game = Game::of(&paths, worth).unwrap();
            prop_assert!(near(shapley::enumerate(&game).unwrap().iter().sum(), game.worth((1 << 6) - 1)));
            let sampled = shapley::sample(&game, 3, 1).unwrap();
            prop_assert!(near(sampled.values.iter().sum(), game.worth((1 << 6) - 1)));
        }
    }

    #[test]
    fn shapley_gives_a_dummy_what_it_is_worth_alone(rows in rows(4)) {
        for worth in WORTHS {
            // Nobody touches 5; 4 is touched alone only, which adds the same to every set under the worths of journeys within.
            let mut rows = rows.clone();
            rows.push((vec![4], Outcome { conversions: 3, value: 70, nulls: 2 }));
            let game = Game::of(&paths(&rows), worth).unwrap();
            let values = shapley::enumerate(&game).unwrap();
            if matches!(worth, Worth::ConversionsWithin | Worth::ValueWithin) {
                prop_assert!(near(values[5], 0.0));
                prop_assert!(near(values[4], game.worth(1 << 4)));
            }
        }
    }

    #[test]
    fn shapley_treats_equals_alike(rows in rows(4)) {
        let exchanged = |step: &u16| match step { 0 => 1, 1 => 0, other => *other };
        let mirrored = rows.iter().map(|(path, outcome)| (path.iter().map(exchanged).collect(), *outcome));
        let both: Vec<Row> = rows.iter().cloned().chain(mirrored).collect();
        for worth in WORTHS {
            let values = shapley::enumerate(&Game::of(&paths(&both), worth).unwrap()).unwrap();
            prop_assert!(near(values[0], values[1]), "{:?}: {:?}", worth, values);
        }
    }

    #[test]
    fn shapley_adds_up_over_games(one in rows(5), other in rows(5)) {
        let both: Vec<Row> = one.iter().chain(&other).cloned().collect();
        // Rates do not add up; conversions and values do.
        for worth in [Worth::ConversionsWithin, Worth::ValueWithin, Worth::ConversionsOfExactly] {
            let values = |rows: &[Row]| shapley::enumerate(&Game::of(&paths(rows), worth).unwrap()).unwrap();
            for ((one, other), both) in values(&one).into_iter().zip(values(&other)).zip(values(&both)) {
                prop_assert!(near(one + other, both), "{:?}", worth);
            }
        }
    }

    #[test]
    fn the_closed_form_is_the_enumeration(rows in rows(6)) {
        let paths = paths(&rows);
        for (worth, closed) in [
            (Worth::ConversionsWithin, shapley::of_conversions(&paths)),
            (Worth::ValueWithin, shapley::of_value(&paths)),
        ] {
            let values = shapley::enumerate(&Game::of(&paths, worth).unwrap()).unwrap();
            for (one, other) in values.into_iter().zip(closed) {
                prop_assert!(near(one, other));
            }
        }
    }

    #[test]
    fn whole_weights_sum_to_a_milliard(shares in proptest::collection::vec(0.0_f64..1.0, 1..40)) {
        let weights = whole_weights(shares.iter().copied().enumerate());
        let sum: u64 = weights.values().copied().map(u64::from).sum();
        let expected = if shares.iter().any(|share| *share > 0.0) { 1_000_000_000 } else { 0 };
        prop_assert_eq!(sum, expected);
        let reversed = whole_weights(shares.iter().copied().enumerate().rev());
        prop_assert_eq!(weights, reversed);
    }
}

#[test]
fn a_bridge_that_every_walk_crosses_has_effect_1() {
    let rows = [
        (vec![0, 2, 1], Outcome { conversions: 2, value: 10, nulls: 1 }),
        (vec![3, 2, 4], Outcome { conversions: 1, value: 5, nulls: 7 }),
        (vec![0], Outcome { conversions: 0, value: 0, nulls: 3 }),
    ];
    for order in 1..=4 {
        let markov = Markov::train(&paths(&rows), order).unwrap();
        assert_eq!(markov.effects[2], 1.0, "order {order}");
        assert_eq!(markov.effects_on_value[2], 1.0, "order {order}");
        assert!(markov.effects[3] < 1.0);
    }
}

#[test]
fn what_cannot_be_trained_says_why() {
    let nothing = paths(&[(vec![1], Outcome { nulls: 4, ..Outcome::default() })]);
    assert_eq!(Markov::train(&nothing, 1), Err(TrainingError::NothingConverted));
    assert_eq!(Markov::train(&nothing, 5), Err(TrainingError::UnknownOrder(5)));
    let mut many = PathCollector::default();
    for channel in 0_u16..16 {
        many.add([&channel], &Outcome { conversions: 1, ..Outcome::default() }).unwrap();
    }
    let game = Game::of(&many.finish(), Worth::RateOfExactly).unwrap();
    assert_eq!(shapley::enumerate(&game), Err(TrainingError::TooManyToEnumerate { channels: 16 }));
    assert_eq!(shapley::sample(&game, 1, 0), Err(TrainingError::TooFewPermutations));
    let sampled = shapley::sample(&game, 50, 0).unwrap();
    assert!(sampled.values.iter().all(|value| value.is_finite()));
}

#[test]
fn a_collector_without_room_refuses_new_paths_and_goes_on_with_known_ones() {
    let null = Outcome { nulls: 1, ..Outcome::default() };
    // Two paths of at most two steps fit, a third does not.
    let mut collector: PathCollector<u16> = PathCollector::with_room(400);
    for path in [&[1][..], &[1, 2], &[1], &[1, 2]] {
        collector.add(path, &null).unwrap();
    }
    assert_eq!(collector.add(&[2], &null), Err(TrainingError::TooManyPaths));
    assert_eq!(TrainingError::TooManyPaths, {
        let mut backwards: PathCollector<u16> = PathCollector::with_room(400);
        backwards.add(&[2], &null).unwrap();
        backwards.add(&[1, 2], &null).unwrap();
        backwards.add(&[1], &null).unwrap_err()
    });
}

#[test]
fn work_beyond_the_bound_is_refused_before_it_is_done() {
    let converted = Outcome { conversions: 1, value: 1, nulls: 0 };
    let mut collector: PathCollector<u16> = PathCollector::default();
    collector.add(&[1, 2, 3], &converted).unwrap();
    let paths = collector.finish();
    // Three states and two steps between them, solved for three channels.
    assert_eq!(Markov::train_within(&paths, 1, 14), Err(TrainingError::TooMuchWork));
    assert_eq!(Markov::train_within(&paths, 1, 15), Markov::train(&paths, 1));
}
