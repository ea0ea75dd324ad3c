//! `tributary model train`: weights of a data-driven model from the journeys that the store holds.

use serde_json::{Value, json};
use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::TrainedWeights;
use tributary_domain::attribution::training::{
    Markov, Outcome, PathCollector, Paths, shapley, whole_weights,
};
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{BrandKey, WeightsKey};
use tributary_domain::money::Currency;
use tributary_domain::settlement::{JourneyPeriod, PersonJourney, journeys};
use tributary_store::state::StateReader;

use super::walking;
use crate::setup::{Body, Kind};

/// How weights are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Markov removal effects of an order from 1 to 4.
    Markov(u8),
    /// Shapley values.
    Shapley,
}

/// What is to be trained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Training {
    /// The brand whose journeys are read.
    pub brand: BrandKey,
    /// How.
    pub method: Method,
    /// By the conversions' value in the brand's currency instead of their number.
    pub by_value: Option<Currency>,
    /// The period, and the goal that conversions have to reach.
    pub period: JourneyPeriod,
}

impl Training {
    /// Reads the journeys of the period and trains. Memory is needed for each distinct path, not for each journey.
    ///
    /// # Errors
    /// When the store fails, or nothing in the period can be trained on.
    pub fn run(
        &self,
        state: &dyn StateReader,
        configuration: &Configuration,
    ) -> anyhow::Result<TrainedWeights> {
        self.weights(&self.paths(state, configuration)?)
    }

    fn paths(&self, state: &dyn StateReader, configuration: &Configuration) -> anyhow::Result<Paths<Earner>> {
        let mut collector = PathCollector::default();
        walking::cluster_facts(state, |facts| -> anyhow::Result<()> {
            if facts.first().is_some_and(|fact| fact.brand == self.brand) {
                for journey in journeys(&facts, configuration, &self.period) {
                    collector.add(&journey.earners, &self.outcome(&journey))?;
                }
            }
            Ok(())
        })?;
        Ok(collector.finish())
    }

    fn outcome(&self, journey: &PersonJourney) -> Outcome {
        let meant = journey.value.filter(|value| self.by_value == Some(value.currency));
        let value = meant.and_then(|value| u64::try_from(value.minor).ok()).unwrap_or(0);
        let conversions = u64::from(journey.converts);
        Outcome { conversions, value, nulls: 1 - conversions }
    }

    fn weights(&self, paths: &Paths<Earner>) -> anyhow::Result<TrainedWeights> {
        let total = paths.total();
        let JourneyPeriod { from, to, goal } = &self.period;
        if total.conversions == 0 {
            anyhow::bail!(
                "no journey with a touchpoint reached `{goal}` from {from} to {to}: choose a longer period, another goal or another brand"
            );
        }
        if self.by_value.is_some() && total.value == 0 {
            anyhow::bail!(
                "the conversions of this period have no value in the brand's currency: leave out --by value"
            );
        }
        let shares = match (self.method, self.by_value) {
            (Method::Markov(order), None) => Markov::train(paths, order)?.shares(),
            (Method::Markov(order), Some(_)) => Markov::train(paths, order)?.shares_of_value(),
            (Method::Shapley, None) => shapley::of_conversions(paths),
            (Method::Shapley, Some(_)) => shapley::of_value(paths),
        };
        let method = match self.method {
            Method::Markov(order) => format!("markov order {order}"),
            Method::Shapley => "shapley".to_owned(),
        };
        let by =
            self.by_value.map_or_else(|| "conversions".to_owned(), |currency| format!("value in {currency}"));
        Ok(TrainedWeights {
            trained: format!(
                "{method} by {by}, {goal}, {from} to {to}, {} journeys, {} conversions",
                total.journeys(),
                total.conversions
            ),
            of_earner: whole_weights(paths.channels().iter().cloned().zip(shares)),
        })
    }
}

/// The weights as a set-up document, which `tributary apply` takes.
#[must_use]
pub fn document(brand: &BrandKey, key: &WeightsKey, weights: &TrainedWeights) -> Value {
    let mut entity = Body::Weights(weights.clone()).canonical();
    if let Some(fields) = entity.as_object_mut() {
        fields.insert("key".to_owned(), json!(key.as_str()));
        fields.insert("brand".to_owned(), json!(brand.as_str()));
    }
    let mut document = serde_json::Map::new();
    document.insert(Kind::Weights.section().to_owned(), json!([entity]));
    Value::Object(document)
}
