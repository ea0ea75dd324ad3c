//! The journeys behind conversions: settled once, with what every model and figure looks at.

use std::collections::{BTreeMap, HashMap};

use tributary_domain::attribution::models::{Journey, Model};
use tributary_domain::attribution::{Earner, Touchpoint};
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::EventId;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Conversion, settle, settle_with_journeys};
use tributary_domain::time::Timestamp;
use tributary_store::state::{ConversionFilter, StateError, StateReader};

use super::question::Question;
use crate::operations::walking;

/// An earner's place in [`Earners`].
pub(super) type EarnerNumber = u32;

/// The earners met so far, each with a number.
#[derive(Default)]
pub(super) struct Earners {
    numbers: HashMap<Earner, EarnerNumber>,
    all: Vec<Earner>,
}

impl Earners {
    pub(super) fn number(&mut self, earner: &Earner) -> EarnerNumber {
        if let Some(number) = self.numbers.get(earner) {
            return *number;
        }
        let number = EarnerNumber::try_from(self.all.len()).unwrap_or(EarnerNumber::MAX);
        self.all.push(earner.clone());
        self.numbers.insert(earner.clone(), number);
        number
    }

    /// The number of an earner that was met.
    pub(super) fn known(&self, earner: &Earner) -> Option<EarnerNumber> {
        self.numbers.get(earner).copied()
    }

    /// What people call the earner with that number.
    pub(super) fn label(&self, number: EarnerNumber) -> String {
        self.all.get(number as usize).map(crate::engine::rollup::label).unwrap_or_default()
    }

    /// Every earner with its number, partners and then channels, each by key.
    pub(super) fn in_order(&self) -> Vec<(EarnerNumber, &Earner)> {
        let mut all: Vec<_> = (0..).zip(&self.all).collect();
        all.sort_by_key(|(_, earner)| *earner);
        all
    }
}

/// A conversion that was attributed, with its eligible touchpoints.
pub(super) struct Attributed<'j> {
    /// The conversion.
    pub(super) conversion: &'j Conversion,
    /// In order of time; not empty.
    pub(super) touchpoints: Vec<&'j Touchpoint>,
    /// Who earns by each of them.
    pub(super) earners: Vec<EarnerNumber>,
    milestones: Milestones,
}

#[derive(Clone, Copy, Default)]
struct Milestones {
    registered_at: Option<Timestamp>,
    qualified_at: Option<Timestamp>,
}

impl Attributed<'_> {
    /// Minor units of its value; zero without one.
    pub(super) fn value(&self) -> i64 {
        value(self.conversion)
    }

    /// The weights that a model gives its touchpoints.
    pub(super) fn weights(&self, model: &Model, configuration: &Configuration) -> Vec<u64> {
        let conversion = self.conversion;
        let trained = model
            .trained_weights()
            .and_then(|key| configuration.trained_weights(&conversion.brand, key, conversion.occurred_at));
        let Milestones { registered_at, qualified_at } = self.milestones;
        model.weights(&Journey { touchpoints: &self.touchpoints, registered_at, qualified_at, trained })
    }

    /// The earners that took part, each once, in the order of their numbers.
    pub(super) fn participants(&self) -> Vec<EarnerNumber> {
        let mut participants = self.earners.clone();
        participants.sort_unstable();
        participants.dedup();
        participants
    }
}

/// One conversion as the report meets it.
pub(super) enum Met<'j> {
    /// It was credited.
    Attributed(&'j Attributed<'j>),
    /// Nobody could be credited.
    Unattributed(&'j Conversion),
    /// No conversion: the touchpoints, not empty, that would have taken part in one right after the last of them.
    Unconverted(&'j [&'j Touchpoint]),
    /// The operator rejected it.
    Rejected,
    /// Its value is in another currency.
    OtherCurrency,
}

pub(super) fn value(conversion: &Conversion) -> i64 {
    conversion.value.map_or(0, |value| value.minor)
}

/// Calls `visit` for every conversion that the question concerns, and for every journey without one if it trains models. Each person is
/// read once and settled once; without training, only people with a conversion in the question's days.
pub(super) fn walk(
    state: &dyn StateReader,
    configuration: &Configuration,
    question: &Question,
    earners: &mut Earners,
    mut visit: impl FnMut(&Earners, Met<'_>),
) -> Result<(), StateError> {
    if let Some(period) = question.training_period() {
        return walking::cluster_facts(state, |facts| {
            if facts.first().is_some_and(|fact| fact.brand == question.brand) {
                let reaches = |conversion: &Conversion| question.is_reached_by(conversion);
                let conversions =
                    settle_with_journeys(&facts, configuration, &period, reaches, |touchpoints| {
                        meet_unconverted(touchpoints, question, earners, &mut visit);
                    });
                meet_all(&conversions, question, earners, &mut visit);
            }
            Ok(())
        });
    }
    let filter = ConversionFilter { brand: Some(question.brand.clone()), ..ConversionFilter::default() };
    let (from, until) = (question.days.from(), question.days.until());
    walking::clusters_of_conversions(state, &filter, from, until, |cluster| {
        let facts: Vec<_> = state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact).collect();
        meet_all(&settle(&facts, configuration).conversions, question, earners, &mut visit);
        Ok(())
    })
}

/// Meets the conversions of one cluster that the question concerns.
fn meet_all(
    conversions: &[Conversion],
    question: &Question,
    earners: &mut Earners,
    visit: &mut impl FnMut(&Earners, Met<'_>),
) {
    let mut milestones: BTreeMap<EventId, Milestones> = BTreeMap::new();
    for conversion in conversions {
        let own = conversion.person.map(|person| milestones.entry(person).or_default());
        let before = own.as_deref().copied().unwrap_or_default();
        if let Some(own) = own {
            own.pass(conversion);
        }
        if question.concerns(conversion) {
            meet(conversion, before, question, earners, visit);
        }
    }
}

/// A journey without a conversion belongs to the campaign that would have decided one: that of the last touchpoint that has any.
fn meet_unconverted(
    touchpoints: &[&Touchpoint],
    question: &Question,
    earners: &mut Earners,
    visit: &mut impl FnMut(&Earners, Met<'_>),
) {
    let campaign = touchpoints.iter().rev().find_map(|touchpoint| touchpoint.campaign.as_ref());
    if question.campaign.as_ref().is_some_and(|wanted| campaign != Some(wanted)) {
        return;
    }
    for earner in touchpoints.iter().filter_map(|touchpoint| touchpoint.earner.as_ref()) {
        earners.number(earner);
    }
    visit(earners, Met::Unconverted(touchpoints));
}

impl Milestones {
    fn pass(&mut self, conversion: &Conversion) {
        let milestone = match conversion.kind {
            EventKind::Registration => &mut self.registered_at,
            EventKind::Qualification => &mut self.qualified_at,
            _ => return,
        };
        milestone.get_or_insert(conversion.occurred_at);
    }
}

fn meet(
    conversion: &Conversion,
    milestones: Milestones,
    question: &Question,
    earners: &mut Earners,
    visit: &mut impl FnMut(&Earners, Met<'_>),
) {
    if conversion.verdict == Verdict::Rejected {
        return visit(earners, Met::Rejected);
    }
    if conversion.value.is_some_and(|value| value.currency != question.currency) {
        return visit(earners, Met::OtherCurrency);
    }
    let eligible = conversion.considered.iter().filter(|each| each.verdict == Reason::Eligible);
    let (touchpoints, numbers): (Vec<_>, Vec<_>) = eligible
        .filter_map(|each| {
            let earner = each.touchpoint.earner.as_ref()?;
            Some((&each.touchpoint, earners.number(earner)))
        })
        .unzip();
    for line in &conversion.commissions {
        earners.number(&Earner::Partner(line.partner.clone()));
    }
    if touchpoints.is_empty() || conversion.credits.is_empty() {
        return visit(earners, Met::Unattributed(conversion));
    }
    let attributed = Attributed { conversion, touchpoints, earners: numbers, milestones };
    visit(earners, Met::Attributed(&attributed));
}
