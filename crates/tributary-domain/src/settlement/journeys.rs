//! What training looks at: the journeys of a cluster's people in a period, those that converted and those that did not.

use std::collections::HashSet;

use crate::attribution::{Circumstances, Earner, Touchpoint, judge};
use crate::configuration::Configuration;
use crate::fact::{EventKind, Fact, Verdict};
use crate::ids::{EventId, Goal};
use crate::money::Money;
use crate::reason::Reason;
use crate::time::{Span, Timestamp};

use super::touchpoints::Touches;
use super::{Cluster, Conversion};

/// One journey.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonJourney {
    /// Whose touchpoints took part, in order of time.
    pub earners: Vec<Earner>,
    /// Whether it ended in a conversion.
    pub converts: bool,
    /// The conversion's value.
    pub value: Option<Money>,
}

/// Which journeys are looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JourneyPeriod {
    /// From this moment on.
    pub from: Timestamp,
    /// Until before this moment.
    pub to: Timestamp,
    /// The goal that a conversion has to reach.
    pub goal: Goal,
}

impl JourneyPeriod {
    fn contains(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// The journeys of a period.
///
/// - Each conversion of the period and goal that was not rejected is a journey, of the touchpoints that took part in it, whenever they were.
/// - Each other person with touchpoints in the period is one journey without a conversion, of those that would have taken part had he
///   converted right after the last of them.
#[must_use]
pub fn journeys(facts: &[Fact], configuration: &Configuration, period: &JourneyPeriod) -> Vec<PersonJourney> {
    let converts = |conversion: &Conversion| {
        conversion.kind == EventKind::Conversion
            && conversion.verdict != Verdict::Rejected
            && conversion.goal == period.goal
            && period.contains(conversion.occurred_at)
    };
    let mut without = Vec::new();
    let conversions = settle_with_journeys(facts, configuration, period, converts, |touchpoints| {
        let earners = touchpoints.iter().filter_map(|touchpoint| touchpoint.earner.clone()).collect();
        without.push(PersonJourney { earners, converts: false, value: None });
    });
    let with = conversions.iter().filter(|conversion| converts(conversion)).map(|conversion| PersonJourney {
        earners: took_part(conversion),
        converts: true,
        value: conversion.value,
    });
    with.chain(without).collect()
}

/// Settles a cluster, and calls `without` with the touchpoints of each journey of the period that led to no conversion for which `converts` is
/// true: those of a person, in order of time and not empty, that would have taken part in a conversion right after the last of them.
///
/// Answers the cluster's conversions, or none if nothing of the kind happened in the period. Touchpoints are judged as for the goal of the period.
pub fn settle_with_journeys(
    facts: &[Fact],
    configuration: &Configuration,
    period: &JourneyPeriod,
    converts: impl Fn(&Conversion) -> bool,
    mut without: impl FnMut(&[&Touchpoint]),
) -> Vec<Conversion> {
    let Some(cluster) = Cluster::of(facts, configuration) else { return Vec::new() };
    let is_action = |fact: &Fact| fact.body.action().is_some() && period.contains(fact.occurred_at);
    let conversions = if facts.iter().any(is_action) { cluster.settle().conversions } else { Vec::new() };
    let meant = conversions.iter().filter(|conversion| converts(conversion));
    let converted: HashSet<EventId> = meant.filter_map(|conversion| conversion.person).collect();
    for (person, touchpoints) in Touches::of(&cluster).of_each_person() {
        let label = cluster.stitching.label(person);
        if label.is_some_and(|label| converted.contains(&label)) {
            continue;
        }
        let would_take_part = cluster.without_conversion(touchpoints, period);
        if !would_take_part.is_empty() {
            without(&would_take_part);
        }
    }
    conversions
}

fn took_part(conversion: &Conversion) -> Vec<Earner> {
    let eligible = conversion.considered.iter().filter(|each| each.verdict == Reason::Eligible);
    eligible.filter_map(|each| each.touchpoint.earner.clone()).collect()
}

impl Cluster<'_> {
    /// The touchpoints within the period that would have taken part in a conversion right after the last of them.
    fn without_conversion<'t>(
        &self,
        touchpoints: Vec<&'t Touchpoint>,
        period: &JourneyPeriod,
    ) -> Vec<&'t Touchpoint> {
        let within: Vec<&'t Touchpoint> = touchpoints
            .into_iter()
            .filter(|touchpoint| touchpoint.earner.is_some() && period.contains(touchpoint.occurred_at))
            .collect();
        let (Some(last), Some(fact)) = (within.last(), self.facts.first()) else { return Vec::new() };
        let campaign = last
            .campaign
            .as_ref()
            .and_then(|key| self.configuration.campaign(&fact.brand, key, last.occurred_at));
        let circumstances = Circumstances {
            configuration: self.configuration,
            brand: &fact.brand,
            // Soon after it, but not so soon that the click would come too late.
            converted_at: last.occurred_at.plus(campaign.map_or(Span(0), |campaign| campaign.minimum_time)),
            goal: &period.goal,
            only_campaign: None,
            // Nothing was ordered, so there is no order's cart to stand down after.
            cart_opened_at: None,
        };
        let verdicts = judge(&within, &circumstances);
        let eligible = within.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Reason::Eligible);
        eligible.map(|(touchpoint, _)| touchpoint).collect()
    }
}
