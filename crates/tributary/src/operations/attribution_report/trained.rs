//! Data-driven models, trained on the report's own journeys: what would be lost without each earner, class of channel and campaign.
//!
//! Nothing is paid by these figures: they move with the days and filters of the report. What is paid by are weights of the set-up
//! (`tributary model train`), which are trained in the same way.

use std::collections::BTreeMap;
use std::hash::Hash;

use serde::Serialize;
use tributary_domain::attribution::training::{
    Markov, Outcome, PathCollector, Paths, TrainingError, millionths, shapley, whole_weights,
};
use tributary_domain::attribution::{Earner, Touchpoint};
use tributary_domain::ids::{CampaignKey, Channel};
use tributary_domain::money::split_by_largest_remainder;

use super::credit::{PARTNERS, campaign_label};
use super::journeys::Attributed;
use crate::engine::rollup::label;

/// The name of the Markov column; its order follows in brackets.
pub const MARKOV: &str = "markov_of_these_journeys";
/// The name of the Shapley column.
pub const SHAPLEY: &str = "shapley_of_these_journeys";
/// Memory for the different paths of one table, in bytes.
const ROOM: usize = 128 * 1024 * 1024;
/// Steps between states that are gone through for all channels together, in each round: seconds, not minutes.
const MOST_STEPS: usize = 200_000_000;

/// What removing anybody would cost, by models that were trained on the journeys of this report.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Steps that a state of the Markov chain remembers.
    pub markov_order: u8,
    /// Journeys trained on.
    pub journeys: u64,
    /// Those of them that converted: the attributed conversions.
    pub conversions: u64,
    /// Without this partner or channel.
    pub by_earner: RemovalEffects,
    /// Without any partner, or without this channel.
    pub by_class: RemovalEffects,
    /// Without this campaign; empty for touchpoints without one.
    pub by_campaign: RemovalEffects,
}

/// Removal effects of one table, trained on paths of its rows.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct RemovalEffects {
    /// Why there are none, if so.
    pub not_trained: Option<String>,
    /// The greatest effect first, ties by key.
    pub rows: Vec<RemovalRow>,
}

/// What would be lost without one earner, class or campaign.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct RemovalRow {
    /// Its label.
    pub key: String,
    /// Journeys that came to it.
    pub journeys: u64,
    /// Those of them that converted.
    pub conversions: u64,
    /// Share of the conversions that would be lost if every journey that comes to it ended there, in millionths.
    pub effect_ppm: u32,
    /// Share of the expected value, likewise.
    pub effect_on_value_ppm: u32,
}

/// A trained model as a column: billionths of conversions and minor units that it gives, by label.
pub(super) type Column = BTreeMap<String, (u128, i64)>;

/// The trained models as columns beside the others. Each table's are trained on its own paths.
pub(super) struct Columns {
    /// The models' names.
    pub(super) models: [String; 2],
    pub(super) by_earner: [Column; 2],
    pub(super) by_class: [Column; 2],
    pub(super) by_campaign: [Column; 2],
}

/// Collects the paths of all journeys of a report, with and without a conversion.
pub(super) struct TrainingCollector {
    order: u8,
    journeys: u64,
    conversions: u64,
    value: i64,
    by_earner: Level<Earner>,
    /// Partners are one.
    by_class: Level<Option<Channel>>,
    by_campaign: Level<Option<CampaignKey>>,
}

impl TrainingCollector {
    pub(super) fn new(order: u8) -> Self {
        let (journeys, conversions, value) = (0, 0, 0);
        let (by_earner, by_class, by_campaign) = (Level::new(), Level::new(), Level::new());
        Self { order, journeys, conversions, value, by_earner, by_class, by_campaign }
    }

    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        self.conversions += 1;
        self.value = self.value.saturating_add(journey.value());
        let value = u64::try_from(journey.value()).unwrap_or(0);
        self.add_path(&journey.touchpoints, &Outcome { conversions: 1, value, nulls: 0 });
    }

    pub(super) fn add_unconverted(&mut self, touchpoints: &[&Touchpoint]) {
        self.add_path(touchpoints, &Outcome { conversions: 0, value: 0, nulls: 1 });
    }

    fn add_path(&mut self, touchpoints: &[&Touchpoint], outcome: &Outcome) {
        self.journeys += 1;
        let earners = || touchpoints.iter().filter_map(|touchpoint| touchpoint.earner.as_ref());
        let classes: Vec<Option<Channel>> = earners().map(class).collect();
        self.by_earner.add(earners(), outcome);
        self.by_class.add(classes.iter(), outcome);
        self.by_campaign.add(touchpoints.iter().map(|touchpoint| &touchpoint.campaign), outcome);
    }

    /// Trains. The columns are there when every table could be trained.
    pub(super) fn finish(self) -> (Trained, Option<Columns>) {
        let (order, whole) = (self.order, (self.conversions, self.value));
        let by_earner = self.by_earner.train(order, label);
        let by_class = self.by_class.train(order, |class| match class {
            None => PARTNERS.to_owned(),
            Some(channel) => label(&Earner::Channel(channel.clone())),
        });
        let by_campaign = self.by_campaign.train(order, |campaign| campaign_label(campaign.as_ref()));
        let columns = match (&by_earner, &by_class, &by_campaign) {
            (Ok(by_earner), Ok(by_class), Ok(by_campaign)) => Some(Columns {
                models: [format!("{MARKOV}({order})"), SHAPLEY.to_owned()],
                by_earner: by_earner.columns(whole),
                by_class: by_class.columns(whole),
                by_campaign: by_campaign.columns(whole),
            }),
            _ => None,
        };
        let trained = Trained {
            markov_order: order,
            journeys: self.journeys,
            conversions: self.conversions,
            by_earner: effects(by_earner),
            by_class: effects(by_class),
            by_campaign: effects(by_campaign),
        };
        (trained, columns)
    }
}

fn class(earner: &Earner) -> Option<Channel> {
    match earner {
        Earner::Partner(_) => None,
        Earner::Channel(channel) => Some(channel.clone()),
    }
}

fn effects(table: Result<TrainedTable, TrainingError>) -> RemovalEffects {
    match table {
        Ok(table) => RemovalEffects { not_trained: None, rows: table.rows },
        Err(problem) => RemovalEffects { not_trained: Some(problem.to_string()), rows: Vec::new() },
    }
}

/// The paths of one table, or why they could not be kept.
struct Level<C>(Result<PathCollector<C>, TrainingError>);

impl<C: Ord + Hash + Clone> Level<C> {
    fn new() -> Self {
        Self(Ok(PathCollector::with_room(ROOM)))
    }

    fn add<'p>(&mut self, path: impl Iterator<Item = &'p C>, outcome: &Outcome)
    where
        C: 'p,
    {
        let Ok(collector) = &mut self.0 else { return };
        if let Err(problem) = collector.add(path, outcome) {
            // What was kept so far is given back: a part of the journeys would tell something else.
            self.0 = Err(problem);
        }
    }

    fn train(self, order: u8, name: impl Fn(&C) -> String) -> Result<TrainedTable, TrainingError> {
        let paths = self.0?.finish();
        let markov = Markov::train_within(&paths, order, MOST_STEPS)?;
        let names: Vec<String> = paths.channels().iter().map(name).collect();
        let weights = |shares: Vec<f64>| whole_weights(names.iter().cloned().zip(shares));
        let models = [
            Weights { of_conversions: weights(markov.shares()), of_value: weights(markov.shares_of_value()) },
            Weights {
                of_conversions: weights(shapley::of_conversions(&paths)),
                of_value: weights(shapley::of_value(&paths)),
            },
        ];
        Ok(TrainedTable { rows: rows(&paths, names, &markov), models })
    }
}

/// What training one table gave.
struct TrainedTable {
    rows: Vec<RemovalRow>,
    /// Markov, then Shapley.
    models: [Weights; 2],
}

/// Whole weights by label; each sums to a thousand million.
struct Weights {
    of_conversions: BTreeMap<String, u32>,
    of_value: BTreeMap<String, u32>,
}

impl TrainedTable {
    /// The attributed conversions and their value, shared out by each model.
    fn columns(&self, (conversions, value): (u64, i64)) -> [Column; 2] {
        self.models.each_ref().map(|weights| weights.column(conversions, value))
    }
}

impl Weights {
    fn column(&self, conversions: u64, value: i64) -> Column {
        // Without any value there are no weights by value, and nothing to share by them.
        let by_value = if self.of_value.is_empty() { &self.of_conversions } else { &self.of_value };
        let weights: Vec<u64> = by_value.values().copied().map(u64::from).collect();
        let minor = by_value.keys().zip(split_by_largest_remainder(value, &weights));
        let mut column: Column = minor.map(|(key, minor)| (key.clone(), (0, minor))).collect();
        for (key, weight) in &self.of_conversions {
            column.entry(key.clone()).or_default().0 = u128::from(conversions) * u128::from(*weight);
        }
        column
    }
}

fn rows<C>(paths: &Paths<C>, names: Vec<String>, markov: &Markov) -> Vec<RemovalRow> {
    let mut touched = vec![Outcome::default(); names.len()];
    let mut last_path = vec![usize::MAX; names.len()];
    for (number, (path, outcome)) in paths.iter().enumerate() {
        for step in path.iter().map(|step| usize::from(*step)) {
            let (Some(touched), Some(last)) = (touched.get_mut(step), last_path.get_mut(step)) else {
                continue;
            };
            if std::mem::replace(last, number) != number {
                touched.conversions += outcome.conversions;
                touched.nulls += outcome.nulls;
            }
        }
    }
    let effects = markov.effects.iter().zip(&markov.effects_on_value);
    let mut rows: Vec<RemovalRow> = names
        .into_iter()
        .zip(touched)
        .zip(effects)
        .map(|((key, touched), (effect, on_value))| RemovalRow {
            key,
            journeys: touched.journeys(),
            conversions: touched.conversions,
            effect_ppm: millionths(*effect),
            effect_on_value_ppm: millionths(*on_value),
        })
        .collect();
    rows.sort_by(|one, other| other.effect_ppm.cmp(&one.effect_ppm).then_with(|| one.key.cmp(&other.key)));
    rows
}
