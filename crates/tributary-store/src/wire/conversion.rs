//! Settled conversions as they are stored: JSON, version 1.
//!
//! | field | what |
//! | --- | --- |
//! | `v` | version of this format |
//! | `id`, `person`, credits' `touch`, commissions' `id` | event ids, 32 hexadecimal digits |
//! | `kind`, `goal`, `verdict`, `reason`, `state` | the published names and codes |
//! | `at`, `payable_from` | microseconds since 1970 |
//! | `model` | the model that was used with its parameters, such as `time_decay(7d)`; absent without an eligible touchpoint |
//! | `currency`, `value`, `refunded` | the value in minor units; absent for steps without money; `refunded` absent when zero |
//! | credits' `earner` | a partner key, or `@` and a channel |
//! | credits' `weight`, `of`, `minor` | the share is `weight / of`; its part of the value in minor units |
//! | commissions' `granted`, `owed` | minor units of `currency` |
//!
//! What was considered and did not take part is not stored: settling the facts again tells it. A field that is absent has no value.
//! Golden files: `tests/golden/v1/conversion_*.json`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tributary_domain::attribution::models::Model;
use tributary_domain::attribution::{Earner, TouchKind};
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, LinkKey, PartnerKey, PlanKey, TransactionId,
};
use tributary_domain::ledger::CommissionState;
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};
use tributary_domain::time::Timestamp;

use super::{WireError, unreadable};

/// The version that is written.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct ConversionForm<'a> {
    v: u8,
    #[serde(with = "hex_id")]
    id: EventId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    brand: Cow<'a, str>,
    at: i64,
    #[serde(borrow)]
    goal: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    transaction: Option<Cow<'a, str>>,
    #[serde(with = "hex_id_if_any", default, skip_serializing_if = "Option::is_none")]
    person: Option<EventId>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    campaign: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    /// Where early builds kept the parameter of weighted last touch.
    #[serde(default, skip_serializing)]
    last_share_ppm: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    currency: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    refunded: i64,
    #[serde(borrow)]
    verdict: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    credits: Vec<CreditForm<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    commissions: Vec<CommissionForm<'a>>,
}

#[derive(Serialize, Deserialize)]
struct CreditForm<'a> {
    #[serde(with = "hex_id")]
    touch: EventId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    earner: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    campaign: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    link: Option<Cow<'a, str>>,
    weight: u64,
    of: u64,
    minor: i64,
}

#[derive(Serialize, Deserialize)]
struct CommissionForm<'a> {
    #[serde(with = "hex_id")]
    id: EventId,
    #[serde(borrow)]
    partner: Cow<'a, str>,
    #[serde(borrow)]
    plan: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    granted: i64,
    owed: i64,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    payable_from: i64,
}

/// The stored form of a conversion, in the newest version.
///
/// # Errors
/// [`WireError`] when it cannot be written as JSON.
pub fn encode(conversion: &Conversion) -> Result<Vec<u8>, WireError> {
    let form = ConversionForm {
        v: VERSION,
        id: conversion.event_id,
        kind: conversion.kind.name().into(),
        brand: conversion.brand.as_str().into(),
        at: conversion.occurred_at.0,
        goal: conversion.goal.as_str().into(),
        transaction: conversion.transaction.as_ref().map(|transaction| transaction.as_str().into()),
        person: conversion.person,
        campaign: conversion.campaign.as_ref().map(|campaign| campaign.as_str().into()),
        model: conversion.model.as_ref().map(|model| model.to_string().into()),
        last_share_ppm: None,
        currency: conversion.value.as_ref().map(|value| value.currency.code().into()),
        value: conversion.value.map(|value| value.minor),
        refunded: conversion.refunded,
        verdict: conversion.verdict.name().into(),
        reason: conversion.reason.code().into(),
        credits: conversion.credits.iter().map(credit_form).collect(),
        commissions: conversion.commissions.iter().map(commission_form).collect(),
    };
    let mut bytes = Vec::with_capacity(320 + 200 * (conversion.credits.len() + conversion.commissions.len()));
    serde_json::to_writer(&mut bytes, &form).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// Reads a stored conversion of any version; `considered` is empty.
///
/// # Errors
/// [`WireError`] when it was written by a newer version, is not JSON, or holds a name that does not exist.
pub fn decode(bytes: &[u8]) -> Result<Conversion, WireError> {
    let form: ConversionForm<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    if form.v != VERSION {
        return Err(unreadable(&format!("its version {} is not known", form.v)));
    }
    let value = match (form.value, &form.currency) {
        (Some(minor), Some(currency)) => {
            Some(Money::new(minor, Currency::parse(currency).map_err(|e| unreadable(&e))?))
        }
        (None, None) => None,
        _ => return Err(unreadable(&"it has a value without a currency")),
    };
    Ok(Conversion {
        event_id: form.id,
        kind: EventKind::from_name(&form.kind).ok_or_else(|| unknown("kind", &form.kind))?,
        brand: BrandKey::parse(&form.brand).map_err(|e| unreadable(&e))?,
        occurred_at: Timestamp(form.at),
        goal: Goal::parse(&form.goal).map_err(|e| unreadable(&e))?,
        transaction: form
            .transaction
            .map(|transaction| TransactionId::parse(&transaction))
            .transpose()
            .map_err(|e| unreadable(&e))?,
        person: form.person,
        campaign: campaign(form.campaign.as_deref())?,
        model: form.model.map(|model| parse_model(&model, form.last_share_ppm)).transpose()?,
        value,
        refunded: form.refunded,
        verdict: parse_verdict(&form.verdict)?,
        reason: parse_reason(&form.reason)?,
        considered: Vec::new(),
        credits: form.credits.iter().map(credit).collect::<Result<_, _>>()?,
        commissions: form.commissions.iter().map(commission).collect::<Result<_, _>>()?,
    })
}

/// An earner in one text: a partner's key, or `@` and the channel (no key can begin with `@`).
#[must_use]
pub fn earner_name(earner: &Earner) -> Cow<'_, str> {
    match earner {
        Earner::Partner(partner) => Cow::Borrowed(partner.as_str()),
        Earner::Channel(channel) => Cow::Owned(format!("@{channel}")),
    }
}

/// Reads an earner back from its text.
///
/// # Errors
/// [`WireError`] when it is not a key.
pub fn parse_earner(name: &str) -> Result<Earner, WireError> {
    match name.strip_prefix('@') {
        Some(channel) => Channel::parse(channel).map(Earner::Channel),
        None => PartnerKey::parse(name).map(Earner::Partner),
    }
    .map_err(|error| unreadable(&error))
}

fn credit_form(credit: &Credit) -> CreditForm<'_> {
    CreditForm {
        touch: credit.touchpoint,
        kind: credit.kind.name().into(),
        earner: earner_name(&credit.earner),
        campaign: credit.campaign.as_ref().map(|campaign| campaign.as_str().into()),
        link: credit.link.as_ref().map(|link| link.as_str().into()),
        weight: credit.weight,
        of: credit.total_weight,
        minor: credit.minor,
    }
}

fn credit(form: &CreditForm<'_>) -> Result<Credit, WireError> {
    let kinds = [TouchKind::Click, TouchKind::Code, TouchKind::Impression, TouchKind::Named];
    Ok(Credit {
        touchpoint: form.touch,
        kind: kinds
            .into_iter()
            .find(|kind| kind.name() == form.kind)
            .ok_or_else(|| unknown("kind", &form.kind))?,
        earner: parse_earner(&form.earner)?,
        campaign: campaign(form.campaign.as_deref())?,
        link: form.link.as_deref().map(LinkKey::parse).transpose().map_err(|e| unreadable(&e))?,
        weight: form.weight,
        total_weight: form.of,
        minor: form.minor,
    })
}

fn commission_form(commission: &Commission) -> CommissionForm<'_> {
    CommissionForm {
        id: commission.id.0,
        partner: commission.partner.as_str().into(),
        plan: commission.plan.as_str().into(),
        currency: commission.granted.currency.code().into(),
        granted: commission.granted.minor,
        owed: commission.owed,
        state: commission.state.name().into(),
        reason: commission.reason.code().into(),
        payable_from: commission.payable_from.0,
    }
}

fn commission(form: &CommissionForm<'_>) -> Result<Commission, WireError> {
    Ok(Commission {
        id: CommissionId(form.id),
        partner: PartnerKey::parse(&form.partner).map_err(|e| unreadable(&e))?,
        plan: PlanKey::parse(&form.plan).map_err(|e| unreadable(&e))?,
        granted: Money::new(form.granted, Currency::parse(&form.currency).map_err(|e| unreadable(&e))?),
        owed: form.owed,
        state: CommissionState::from_name(&form.state).ok_or_else(|| unknown("state", &form.state))?,
        reason: parse_reason(&form.reason)?,
        payable_from: Timestamp(form.payable_from),
    })
}

fn campaign(key: Option<&str>) -> Result<Option<CampaignKey>, WireError> {
    key.map(CampaignKey::parse).transpose().map_err(|error| unreadable(&error))
}

fn parse_model(text: &str, last_share_ppm: Option<u32>) -> Result<Model, WireError> {
    match (Model::parse(text), last_share_ppm) {
        (Some(Model::WeightedLastTouch { .. }), Some(last_share_ppm)) => {
            Ok(Model::WeightedLastTouch { last_share_ppm })
        }
        (model, _) => model.ok_or_else(|| unknown("model", text)),
    }
}

fn parse_verdict(name: &str) -> Result<Verdict, WireError> {
    Verdict::from_name(name).ok_or_else(|| unknown("verdict", name))
}

fn parse_reason(code: &str) -> Result<Reason, WireError> {
    Reason::from_code(code).ok_or_else(|| unknown("reason", code))
}

fn unknown(what: &str, name: &str) -> WireError {
    unreadable(&format!("its {what} `{name}` is not known"))
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

mod hex_id {
    //! An event id as 32 hexadecimal digits.

    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de};
    use tributary_domain::ids::EventId;

    pub(super) fn serialize<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0u8; 32];
        hex::encode_to_slice(id.0, &mut digits).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let mut id = [0u8; 16];
        hex::decode_to_slice(&*text, &mut id).map_err(de::Error::custom)?;
        Ok(EventId(id))
    }
}

mod hex_id_if_any {
    //! The same, or nothing.

    use serde::{Deserializer, Serializer};
    use tributary_domain::ids::EventId;

    pub(super) fn serialize<S: Serializer>(id: &Option<EventId>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => super::hex_id::serialize(id, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<EventId>, D::Error> {
        super::hex_id::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests;
