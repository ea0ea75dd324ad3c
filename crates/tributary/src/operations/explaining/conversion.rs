//! A settled conversion: which touchpoints were considered, by which version of the set-up, and how the value was shared.

use std::collections::BTreeSet;

use tributary_domain::attribution::{Circumstances, Considered, age, window_of};
use tributary_domain::configuration::{Configuration, Versions};
use tributary_domain::ids::EventId;
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Conversion, Credit};
use tributary_domain::time::{Span, Timestamp};

use super::answer::{
    ConfigurationInForce, ConversionExplained, CreditExplained, Fraud, Rounding, Sharing,
    TouchpointExplained, VersionInForce,
};
use super::cluster::Cluster;
use super::fraction::{Fraction, floor};
use super::terms::{Terms, carried, cart_explained, model_stated_at};
use super::{ExplainError, Sight};
use crate::engine::rollup::label;

impl Sight<'_> {
    pub(super) fn conversion(
        &self,
        cluster: &Cluster,
        conversion: &Conversion,
    ) -> Result<ConversionExplained, ExplainError> {
        let configuration = self.configuration;
        let commissions = conversion
            .commissions
            .iter()
            .map(|line| self.commission(conversion, line))
            .collect::<Result<Vec<_>, _>>()?;
        let mut entries = Vec::new();
        for line in &conversion.commissions {
            entries.extend(self.entries_of(&line.id.to_string())?);
        }
        entries.sort_by_key(|entry| entry.number);
        let touchpoints =
            conversion.considered.iter().map(|each| touchpoint(cluster, conversion, each, configuration));
        Ok(ConversionExplained {
            event_id: conversion.event_id.to_string(),
            kind: conversion.kind.name().to_owned(),
            brand: conversion.brand.to_string(),
            goal: conversion.goal.to_string(),
            occurred_at: conversion.occurred_at.to_string(),
            transaction: conversion.transaction.as_ref().map(ToString::to_string),
            value: conversion.value.map(Into::into),
            refunded: conversion
                .value
                .filter(|_| conversion.refunded != 0)
                .map(|value| Money::new(conversion.refunded, value.currency).into()),
            verdict: conversion.verdict.name(),
            attribution: conversion.reason.into(),
            cart: cluster.carts.get(&conversion.event_id).map(cart_explained),
            configuration: in_force(conversion, configuration),
            touchpoints: touchpoints.collect(),
            others: Vec::new(),
            sharing: sharing(conversion, configuration),
            fraud: Fraud {
                verdict: "not_judged",
                message: "Fraud is not judged yet: no check was made, so nothing was held back for it.",
            },
            unpaid: self.unpaid(conversion),
            commissions,
            entries,
        })
    }
}

/// A touchpoint with its verdict, its age and the window that applied.
pub(super) fn touchpoint(
    cluster: &Cluster,
    conversion: &Conversion,
    considered: &Considered,
    configuration: &Configuration,
) -> TouchpointExplained {
    let touchpoint = &considered.touchpoint;
    let campaign = touchpoint.campaign.as_ref();
    let circumstances = Circumstances {
        configuration,
        brand: &conversion.brand,
        converted_at: conversion.occurred_at,
        goal: &conversion.goal,
        only_campaign: None,
        cart_opened_at: None,
    };
    let window = window_of(touchpoint, &circumstances);
    let at = touchpoint.occurred_at;
    let terms = Terms::of_touchpoint(configuration, conversion, touchpoint);
    let (channel, paid_click) =
        cluster.fact_of(touchpoint).map_or((None, None), |fact| carried(fact, configuration));
    let cart = cluster.carts.get(&conversion.event_id);
    let cart = cart.filter(|_| considered.verdict == Reason::StandDown);
    TouchpointExplained {
        event_id: touchpoint.event_id.to_string(),
        occurred_at: at.to_string(),
        kind: touchpoint.kind.name(),
        earner: touchpoint.earner.as_ref().map(label),
        campaign: campaign.map(ToString::to_string),
        link: touchpoint.link.as_ref().map(ToString::to_string),
        click_id: touchpoint.click_id.as_ref().map(|click| click.as_str().to_owned()),
        channel,
        paid_click,
        verdict: considered.verdict.into(),
        age_seconds: age(at, conversion.occurred_at).0.div_euclid(Span::SECOND.0),
        window_seconds: window.0 / Span::SECOND.0,
        window_ends_at: at.plus(window).to_string(),
        window_stated_at: terms.window(touchpoint.kind),
        minimum_time: terms.minimum_time(touchpoint.kind),
        stand_down: cart.and_then(|cart| terms.stand_down(at, cart)),
    }
}

/// One share with its exact fraction.
pub(super) fn credit(conversion: &Conversion, credit: &Credit) -> CreditExplained {
    let value = conversion.value;
    let exact = value.map(|value| Fraction::of(value.minor, credit.weight, credit.total_weight));
    CreditExplained {
        id: credit_id(conversion.event_id, credit.touchpoint),
        touchpoint: credit.touchpoint.to_string(),
        earner: label(&credit.earner),
        weight: credit.weight,
        total_weight: credit.total_weight,
        exact_minor: exact.map(|exact| exact.to_string()),
        amount: value.map(|value| Money::new(credit.minor, value.currency).into()),
        got_remainder: exact.map(|exact| i128::from(credit.minor) != exact.floor()),
    }
}

/// The id of a credit: it is stored with its conversion and has no event of its own.
pub(crate) fn credit_id(conversion: EventId, touchpoint: EventId) -> String {
    format!("{conversion}:{touchpoint}")
}

fn sharing(conversion: &Conversion, configuration: &Configuration) -> Option<Sharing> {
    // A customer who is owned brings his owner everything, whatever the model.
    let (model, parameters) = match &conversion.model {
        Some(model) => (model.name(), model.to_string()),
        None if conversion.credits.is_empty() => return None,
        None => ("customer_owned", "customer_owned".to_owned()),
    };
    let rounding = conversion.value.map(|value| {
        let down = |credit: &Credit| floor(value.minor, credit.weight, credit.total_weight);
        let rounded_down: i64 = conversion.credits.iter().map(down).sum();
        let lucky = conversion.credits.iter().filter(|credit| credit.minor != down(credit));
        Rounding {
            whole_minor: value.minor,
            rounded_down_minor: rounded_down,
            remainder_minor: value.minor - rounded_down,
            remainder_went_to: lucky.map(|credit| credit.touchpoint.to_string()).collect(),
        }
    });
    Some(Sharing {
        model,
        parameters,
        campaign: conversion.campaign.as_ref().map(ToString::to_string),
        stated_at: model_stated_at(configuration, conversion),
        credits: conversion.credits.iter().map(|each| credit(conversion, each)).collect(),
        rounding,
    })
}

/// The versions that decided: of the campaigns for windows and model, of the plans and partners for the money.
fn in_force(conversion: &Conversion, configuration: &Configuration) -> ConfigurationInForce {
    let (brand, at) = (&conversion.brand, conversion.occurred_at);
    let mut versions = Vec::new();
    if let Some(found) = configuration.brands.get(brand) {
        versions.push(version(
            "brand",
            brand.as_str(),
            "windows and models by tier, standing down, customer ownership, channel rules, and how many customers one identifier may join",
            found,
            at,
        ));
    }
    let touched = conversion.considered.iter().filter_map(|each| each.touchpoint.campaign.as_ref());
    let campaigns: BTreeSet<_> = touched.chain(&conversion.campaign).collect();
    for key in campaigns {
        let decides = if conversion.campaign.as_ref() == Some(key) {
            "its touchpoints' windows and visits, and the model"
        } else {
            "its touchpoints' windows and visits"
        };
        if let Some(found) = configuration.campaigns.get(&(brand.clone(), key.clone())) {
            versions.push(version("campaign", key.as_str(), decides, found, at));
        }
    }
    if let Some(key) = conversion.model.as_ref().and_then(|model| model.trained_weights())
        && let Some(found) = configuration.weights.get(&(brand.clone(), key.clone()))
    {
        versions.push(version("weights", key.as_str(), "the shares of the channels", found, at));
    }
    let partners: BTreeSet<_> = conversion
        .credits
        .iter()
        .filter_map(|credit| match &credit.earner {
            tributary_domain::attribution::Earner::Partner(key) => Some(key),
            tributary_domain::attribution::Earner::Channel(_) => None,
        })
        .collect();
    for key in partners {
        if let Some(found) = configuration.partners.get(&(brand.clone(), key.clone())) {
            versions.push(version("partner", key.as_str(), "which plan pays him", found, at));
        }
    }
    let plans: BTreeSet<_> = conversion.commissions.iter().map(|line| &line.plan).collect();
    for key in plans {
        if let Some(found) = configuration.plans.get(&(brand.clone(), key.clone())) {
            versions.push(version("plan", key.as_str(), "the rate and the hold period", found, at));
        }
    }
    ConfigurationInForce { revision: configuration.revision, decided_at: at.to_string(), versions }
}

/// The version in force at a moment.
fn version<T>(
    kind: &'static str,
    key: &str,
    decides: &'static str,
    versions: &Versions<T>,
    at: Timestamp,
) -> VersionInForce {
    let (from, until) = versions.in_force_at(at);
    VersionInForce {
        kind,
        key: key.to_owned(),
        effective_from: (from != Timestamp(i64::MIN)).then(|| from.to_string()),
        until: until.map(|until| until.to_string()),
        decides,
    }
}
