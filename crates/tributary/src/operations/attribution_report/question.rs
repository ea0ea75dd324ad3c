//! What a report counts.

use thiserror::Error;
use tributary_domain::attribution::models::Model;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::Verdict;
use tributary_domain::ids::{BrandKey, CampaignKey, Goal};
use tributary_domain::money::Currency;
use tributary_domain::settlement::{Conversion, JourneyPeriod};
use tributary_domain::time::{Span, Timestamp};

/// The goal by whose windows journeys without a conversion are judged where the report counts every goal.
const USUAL_GOAL: &str = "purchase";

/// Conversions of one brand in one currency.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose conversions.
    pub brand: BrandKey,
    /// Only value in this currency, and conversions without any value.
    pub currency: Currency,
    /// When they happened.
    pub days: Days,
    /// Only this goal; without one, every event of the kind `conversion`.
    pub goal: Option<Goal>,
    /// Only conversions that this campaign's model decided.
    pub campaign: Option<CampaignKey>,
    /// The models beside what is paid.
    pub models: Vec<Model>,
    /// Whether touchpoints of one earner that follow each other are one step of a path.
    pub folds_repeats: bool,
    /// Whether models are trained on the report's own journeys: then everybody with touchpoints is read, not only who converted.
    pub training: TrainingChoice,
}

/// Whether models are trained on the report's own journeys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrainingChoice {
    /// A Markov chain of this order, from 1 to 4, and Shapley values.
    Markov(u8),
    /// None.
    None,
}

/// A training that is not offered.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{0}` is no order of a Markov chain; choose 1, 2, 3 or 4, or `none` to train nothing")]
pub struct UnknownTraining(String);

impl TrainingChoice {
    /// Every choice, in the order in which it is offered.
    pub const ALL: [Self; 5] =
        [Self::Markov(1), Self::Markov(2), Self::Markov(3), Self::Markov(4), Self::None];

    /// Reads `1` to `4` or `none`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, UnknownTraining> {
        let unknown = || UnknownTraining(text.chars().take(40).collect());
        Self::ALL.into_iter().find(|choice| choice.to_string() == text).ok_or_else(unknown)
    }
}

impl std::fmt::Display for TrainingChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Markov(order) => write!(f, "{order}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl Question {
    /// Everything of a brand in a currency, under the usual models.
    #[must_use]
    pub fn about(brand: BrandKey, currency: Currency) -> Self {
        Self {
            brand,
            currency,
            days: Days::default(),
            goal: None,
            campaign: None,
            models: usual_models(),
            folds_repeats: false,
            training: TrainingChoice::Markov(1),
        }
    }

    /// The journeys to train on; `None` when nothing is trained. Without a goal, windows are those of the usual one.
    pub(super) fn training_period(&self) -> Option<JourneyPeriod> {
        let TrainingChoice::Markov(_) = self.training else { return None };
        Some(JourneyPeriod {
            from: self.days.from().unwrap_or(Timestamp(i64::MIN)),
            to: self.days.until().unwrap_or(Timestamp(i64::MAX)),
            goal: self.goal.clone().or_else(|| Goal::parse(USUAL_GOAL).ok())?,
        })
    }

    /// Whether a conversion reaches what is asked for, so that its person's journey is none without a conversion: also one of another campaign
    /// or currency, which the report leaves out.
    pub(super) fn is_reached_by(&self, conversion: &Conversion) -> bool {
        self.is_meant(conversion) && conversion.verdict != Verdict::Rejected
    }

    /// Whether a settled conversion is asked for, whatever its verdict and currency.
    pub(super) fn concerns(&self, conversion: &Conversion) -> bool {
        self.is_meant(conversion)
            && self.campaign.as_ref().is_none_or(|wanted| conversion.campaign.as_ref() == Some(wanted))
    }

    /// Whether brand, goal and days fit.
    fn is_meant(&self, conversion: &Conversion) -> bool {
        let of_kind = match &self.goal {
            Some(goal) => conversion.goal == *goal,
            None => conversion.kind == tributary_domain::fact::EventKind::Conversion,
        };
        of_kind && conversion.brand == self.brand && self.days.contain(conversion.occurred_at)
    }
}

/// The rule-based models with their usual parameters, in the order of the documentation.
#[must_use]
pub fn usual_models() -> Vec<Model> {
    Model::RULE_BASED.iter().filter_map(|name| Model::parse(name)).collect()
}

/// Why a model cannot stand in the report.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ModelsError {
    /// No such model.
    #[error("there is no model `{name}`; there are {}, and data_driven(WEIGHTS)", Model::RULE_BASED.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A data-driven model whose weights are not set up.
    #[error("there are no trained weights `{0}`; set them up with `tributary apply`")]
    NoWeights(String),
}

/// The models of these names; of none, the usual ones.
///
/// # Errors
/// When there is no such model, or a brand has not the weights that it names.
pub fn models(
    configuration: &Configuration,
    brand: &BrandKey,
    names: &[String],
) -> Result<Vec<Model>, ModelsError> {
    if names.is_empty() {
        return Ok(usual_models());
    }
    let one = |name: &String| {
        let unknown = || ModelsError::Unknown { name: name.chars().take(80).collect() };
        let model = Model::parse(name).ok_or_else(unknown)?;
        match model.trained_weights() {
            Some(key) if !configuration.weights.contains_key(&(brand.clone(), key.clone())) => {
                Err(ModelsError::NoWeights(key.as_str().to_owned()))
            }
            _ => Ok(model),
        }
    };
    names.iter().map(one).collect()
}

/// From the start of one day to the end of another, both included, in UTC; open where nothing is said.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Days {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Why days cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DaysError {
    /// Not a day.
    #[error("`{0}` is not a day; write it as 2026-01-31")]
    NotADay(String),
    /// The last day lies before the first.
    #[error("the last day, {to}, is before the first, {from}")]
    Backwards {
        /// The first day.
        from: String,
        /// The last day.
        to: String,
    },
}

impl Days {
    /// The days between two such as `2026-01-31`.
    ///
    /// # Errors
    /// When one is no day, or the last is before the first.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Self, DaysError> {
        let start = from.map(midnight).transpose()?;
        let last = to.map(midnight).transpose()?;
        match (start, last) {
            (Some(start), Some(last)) if last < start => Err(DaysError::Backwards {
                from: from.unwrap_or_default().to_owned(),
                to: to.unwrap_or_default().to_owned(),
            }),
            _ => Ok(Self { from: start, until: last.map(|last| last.plus(Span::DAY)) }),
        }
    }

    /// The first moment, if there is one.
    #[must_use]
    pub const fn from(self) -> Option<Timestamp> {
        self.from
    }

    /// The first moment after the last day, if there is one.
    #[must_use]
    pub const fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// The first and the last day as they are written.
    #[must_use]
    pub fn written(self) -> (Option<String>, Option<String>) {
        let day = |moment: Timestamp| moment.to_string().chars().take(10).collect();
        (self.from.map(day), self.until.map(|until| day(until.plus(Span(-Span::DAY.0)))))
    }

    fn contain(self, moment: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

fn midnight(day: &str) -> Result<Timestamp, DaysError> {
    let error = || DaysError::NotADay(day.chars().take(40).collect());
    let is_day = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !is_day {
        return Err(error());
    }
    Timestamp::parse(&format!("{day}T00:00:00Z")).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_days_are_included() {
        let days = Days::parse(Some("2026-01-05"), Some("2026-01-05")).unwrap();
        for (moment, inside) in [
            ("2026-01-04T23:59:59Z", false),
            ("2026-01-05T00:00:00Z", true),
            ("2026-01-05T23:59:59Z", true),
            ("2026-01-06T00:00:00Z", false),
        ] {
            assert_eq!(days.contain(Timestamp::parse(moment).unwrap()), inside, "{moment}");
        }
        assert_eq!(days.written(), (Some("2026-01-05".to_owned()), Some("2026-01-05".to_owned())));
        assert!(Days::default().contain(Timestamp(0)));
    }

    #[test]
    fn what_is_no_day_is_refused_with_the_remedy() {
        for day in ["2026-02-30", "yesterday", "2026-1-5", "2026-01-05T00:00:00Z", ""] {
            let error = Days::parse(Some(day), None).unwrap_err().to_string();
            assert!(error.contains("2026-01-31"), "{day}: {error}");
        }
        assert!(Days::parse(Some("2026-01-02"), Some("2026-01-01")).is_err());
    }

    #[test]
    fn a_model_that_is_not_there_is_refused_with_those_that_are() {
        let of = |name: &str| {
            models(&Configuration::default(), &BrandKey::parse("acme").unwrap(), &[name.to_owned()])
        };
        assert_eq!(of("time_decay(3d)").unwrap().len(), 1);
        assert!(of("liner").unwrap_err().to_string().contains("linear"));
        assert!(of("data_driven(january)").unwrap_err().to_string().contains("`january`"));
    }

    #[test]
    fn the_usual_models_are_those_of_the_domain() {
        let names: Vec<&str> = usual_models().iter().map(Model::name).collect();
        assert_eq!(names, Model::RULE_BASED);
    }

    #[test]
    fn training_is_an_order_or_none() {
        for choice in TrainingChoice::ALL {
            assert_eq!(TrainingChoice::parse(&choice.to_string()), Ok(choice));
        }
        for text in ["0", "5", "", "markov"] {
            let error = TrainingChoice::parse(text).unwrap_err().to_string();
            assert!(error.contains("1, 2, 3 or 4") && error.contains("`none`"), "{error}");
        }
    }
}
