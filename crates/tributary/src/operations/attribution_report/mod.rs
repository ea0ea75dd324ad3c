//! The attribution report: models side by side, and how conversions come about.
//!
//! Everything comes from one reading of the people who converted: each is settled once, and all models share the same eligible
//! touchpoints. Memory is bounded by the number of earners, campaigns and remembered paths, not by the number of conversions. Where models
//! are trained on the report's own journeys, everybody with touchpoints is read, since journeys without a conversion count too.
//!
//! | file | what it does |
//! | --- | --- |
//! | `question` | what is counted |
//! | `journeys` | the reading |
//! | `decimals`, `distribution`, `frequent` | shares as whole numbers, percentiles, counting in bounded memory |
//! | `trained` | data-driven models and removal effects |
//! | `totals`, `credit`, `path_length`, `time_lag`, `top_paths`, `assists`, `overlap` | one figure each |
//! | `tables` | the figures as tables, for files and terminals |

pub mod assists;
pub mod credit;
mod decimals;
mod distribution;
mod frequent;
mod journeys;
pub mod overlap;
pub mod path_length;
pub mod question;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod time_lag;
pub mod top_paths;
pub mod totals;
pub mod trained;

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_store::state::{StateError, StateReader};

use self::assists::{AssistCollector, AssistRow};
use self::credit::{SideBySide, SideBySideCollector};
use self::journeys::{Earners, Met};
use self::overlap::{Overlap, OverlapCollector};
use self::path_length::{PathLength, PathLengthCollector};
pub use self::question::{Days, DaysError, Question, TrainingChoice, usual_models};
use self::time_lag::{TimeLag, TimeLagCollector};
use self::top_paths::{TopPaths, TopPathsCollector};
use self::totals::{Totals, TotalsCollector};
use self::trained::{Trained, TrainingCollector};

/// The attribution report of a brand. Amounts are decimals of its currency; `ppm` are millionths.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct AttributionReport {
    /// Whose conversions.
    pub brand: String,
    /// Currency of the amounts.
    pub currency: String,
    /// The first day counted, by time of the conversion in UTC; `None` for all before.
    pub from: Option<String>,
    /// The last day counted; `None` for all after.
    pub to: Option<String>,
    /// The goal counted; `None` for every event of the kind `conversion`.
    pub goal: Option<String>,
    /// The campaign counted; `None` for all.
    pub campaign: Option<String>,
    /// What the figures add up to.
    pub totals: Totals,
    /// Models side by side.
    pub credit: SideBySide,
    /// What removing anybody would cost; `None` when no model was trained.
    pub trained: Option<Trained>,
    /// How many touchpoints a conversion took.
    pub path_length: PathLength,
    /// How long it took.
    pub time_lag: TimeLag,
    /// The most frequent paths.
    pub top_paths: TopPaths,
    /// Who takes part without being last.
    pub assists: Vec<AssistRow>,
    /// Who shares conversions.
    pub overlap: Overlap,
}

/// Answers a question from the facts, under the configuration as it is.
///
/// # Errors
/// When the store fails.
pub fn attribution_report(
    state: &dyn StateReader,
    configuration: &Configuration,
    question: &Question,
) -> Result<AttributionReport, StateError> {
    let currency = question.currency;
    let mut earners = Earners::default();
    let mut totals = TotalsCollector::default();
    let mut credit = SideBySideCollector::new(&question.models);
    let mut path_length = PathLengthCollector::default();
    let mut time_lag = TimeLagCollector::default();
    let mut top_paths = TopPathsCollector::new(question.folds_repeats);
    let mut assists = AssistCollector::default();
    let mut overlap = OverlapCollector::new();
    let mut training = match question.training {
        TrainingChoice::Markov(order) => Some(TrainingCollector::new(order)),
        TrainingChoice::None => None,
    };
    journeys::walk(state, configuration, question, &mut earners, |earners, met| {
        totals.add(&met);
        match met {
            Met::Attributed(journey) => {
                credit.add(journey, configuration, earners, currency);
                path_length.add(journey);
                time_lag.add(journey);
                top_paths.add(journey);
                assists.add(journey);
                overlap.add(journey);
                training.iter_mut().for_each(|training| training.add(journey));
            }
            Met::Unconverted(touchpoints) => {
                training.iter_mut().for_each(|training| training.add_unconverted(touchpoints));
            }
            Met::Unattributed(_) | Met::Rejected | Met::OtherCurrency => {}
        }
    })?;
    let (from, to) = question.days.written();
    let (trained, columns) = training.map(TrainingCollector::finish).unzip();
    Ok(AttributionReport {
        brand: question.brand.as_str().to_owned(),
        currency: currency.to_string(),
        from,
        to,
        goal: question.goal.as_ref().map(|goal| goal.as_str().to_owned()),
        campaign: question.campaign.as_ref().map(|campaign| campaign.as_str().to_owned()),
        totals: totals.finish(currency),
        credit: credit.finish(&earners, currency, columns.flatten().as_ref()),
        trained,
        path_length: path_length.finish(currency),
        time_lag: time_lag.finish(),
        top_paths: top_paths.finish(&earners, currency),
        overlap: overlap.finish(&earners, &assists, currency),
        assists: assists.finish(&earners, currency),
    })
}
