//! Facts as they lie in log and store: compact JSON, version 1. Absent fields have no value.
//!
//! Times are microseconds since 1970; money is minor units with its currency; hashes are hexadecimal.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tributary_domain::click_id::ClickId;
use tributary_domain::fact::{
    Action, Adjustment, Consent, EventKind, Fact, FactBody, Measure, MeasureKind, PayoutAdvance, PayoutId, PayoutPlan,
    PayoutStep, Reversal, StatusChange, Subject, Touch, Verdict,
};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, LinkKey, PartnerKey, PromoCode, SourceKey,
    SubjectHash, TransactionId,
};
use tributary_domain::money::{Currency, Money};
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::Tracking;

use super::WireError;

const VERSION: u8 = 1;

/// A text that borrows from the record where it can.
type Text<'a> = Option<Cow<'a, str>>;

/// Every field that any kind of fact has; each kind uses its own.
#[derive(Serialize, Deserialize, Default)]
struct WireFact<'a> {
    v: u8,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    brand: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    at: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    customer: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    visitor: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    email: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    click_id: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    link: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    partner: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    campaign: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    channel: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    goal: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    transaction: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minor: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    currency: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    verdict: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    promo_code: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    cause: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    purpose: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    tracking: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    figures: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payout: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    run: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    step: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reference: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<(Cow<'a, str>, i64)>,
}

/// Writes a fact.
#[must_use]
pub fn encode(fact: &Fact) -> Vec<u8> {
    let mut wire = WireFact {
        v: VERSION,
        id: hex::encode(fact.event_id.0).into(),
        kind: fact.body.kind().name().into(),
        brand: fact.brand.as_str().into(),
        source: fact.source.as_str().into(),
        at: fact.occurred_at.0,
        customer: hash(fact.subject.customer),
        visitor: hash(fact.subject.visitor),
        email: hash(fact.subject.email),
        click_id: fact.subject.click_id.as_ref().map(|id| id.as_str().into()),
        ..WireFact::default()
    };
    fill(&mut wire, &fact.body);
    // Serialising plain texts and numbers to memory cannot fail.
    serde_json::to_vec(&wire).unwrap_or_default()
}

fn hash(hash: Option<SubjectHash>) -> Text<'static> {
    hash.map(|SubjectHash(bytes)| hex::encode(bytes).into())
}

fn fill<'a>(wire: &mut WireFact<'a>, body: &'a FactBody) {
    match body {
        FactBody::Click(touch) | FactBody::Impression(touch) => {
            wire.link = touch.link.as_ref().map(|key| key.as_str().into());
            wire.partner = touch.partner.as_ref().map(|key| key.as_str().into());
            wire.campaign = touch.campaign.as_ref().map(|key| key.as_str().into());
            wire.channel = touch.channel.as_ref().map(|key| key.as_str().into());
            wire.tracking = tracking(&touch.tracking);
        }
        FactBody::Registration(action) | FactBody::Qualification(action) | FactBody::Conversion(action) => {
            wire.goal = Some(action.goal.as_str().into());
            wire.transaction = action.transaction.as_ref().map(|number| number.as_str().into());
            wire.verdict = action.status.map(|verdict| verdict.name().into());
            wire.campaign = action.campaign.as_ref().map(|key| key.as_str().into());
            wire.promo_code = action.promo_code.as_ref().map(|code| code.as_str().into());
            wire.partner = action.named_partner.as_ref().map(|key| key.as_str().into());
            wire.tracking = tracking(&action.tracking);
            fill_money(wire, action.value);
        }
        FactBody::Refund(reversal) | FactBody::Chargeback(reversal) => {
            wire.transaction = Some(reversal.transaction.as_str().into());
            fill_money(wire, reversal.value);
        }
        FactBody::Status(change) => {
            wire.transaction = Some(change.transaction.as_str().into());
            wire.verdict = Some(change.verdict.name().into());
        }
        FactBody::Adjustment(adjustment) => {
            wire.transaction = Some(adjustment.transaction.as_str().into());
            wire.cause = Some((&*adjustment.cause).into());
            fill_money(wire, Some(adjustment.value));
        }
        FactBody::Identify => {}
        FactBody::Consent(consent) => {
            wire.purpose = Some((&*consent.purpose).into());
            wire.granted = Some(consent.granted);
        }
        FactBody::Measure(measure) => {
            wire.transaction = measure.transaction.as_ref().map(|number| number.as_str().into());
            wire.campaign = measure.campaign.as_ref().map(|key| key.as_str().into());
            wire.partner = measure.partner.as_ref().map(|key| key.as_str().into());
            wire.figures =
                measure.figures.iter().map(|(name, value)| ((&**name).into(), (&**value).into())).collect();
            fill_money(wire, measure.value);
        }
        FactBody::PayoutPrepared(plan) => {
            wire.payout = Some((&*plan.payout.0).into());
            wire.run = Some((&*plan.run).into());
            wire.partner = Some(plan.partner.as_str().into());
            wire.currency = Some(plan.currency.code().to_owned().into());
            wire.lines = plan.lines.iter().map(|(id, minor)| (hex::encode(id.0.0).into(), *minor)).collect();
        }
        FactBody::PayoutAdvanced(advance) => {
            wire.payout = Some((&*advance.payout.0).into());
            wire.step = Some(advance.step.name().into());
            wire.reference = advance.reference.as_deref().map(Into::into);
        }
    }
}

fn fill_money(wire: &mut WireFact<'_>, value: Option<Money>) {
    wire.minor = value.map(|money| money.minor);
    wire.currency = value.map(|money| money.currency.code().to_owned().into());
}

fn tracking(tracking: &Tracking) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    tracking.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Reads a fact.
///
/// # Errors
/// [`WireError`] when it was written by a newer version, is not JSON, or lacks what its kind needs.
pub fn decode(bytes: &[u8]) -> Result<Fact, WireError> {
    let wire: WireFact<'_> = serde_json::from_slice(bytes).map_err(|error| broken(&error))?;
    if wire.v != VERSION {
        return Err(WireError(format!("version {} of a fact is not known", wire.v)));
    }
    let kind = EventKind::from_name(&wire.kind).ok_or_else(|| WireError(format!("no event kind `{}`", wire.kind)))?;
    Ok(Fact {
        event_id: event_id(&wire.id)?,
        brand: BrandKey::parse(&wire.brand).map_err(|error| broken(&error))?,
        source: SourceKey::parse(&wire.source).map_err(|error| broken(&error))?,
        occurred_at: Timestamp(wire.at),
        subject: Subject {
            customer: subject(&wire.customer)?,
            visitor: subject(&wire.visitor)?,
            email: subject(&wire.email)?,
            click_id: wire.click_id.as_deref().and_then(ClickId::from_stored),
        },
        body: body(kind, &wire)?,
    })
}

fn broken(error: &dyn std::fmt::Display) -> WireError {
    WireError(error.to_string())
}

fn event_id(text: &str) -> Result<EventId, WireError> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| broken(&error))?;
    Ok(EventId(bytes))
}

fn subject(text: &Text<'_>) -> Result<Option<SubjectHash>, WireError> {
    text.as_deref().map(|text| event_id(text).map(|EventId(bytes)| SubjectHash(bytes))).transpose()
}

fn body(kind: EventKind, wire: &WireFact<'_>) -> Result<FactBody, WireError> {
    Ok(match kind {
        EventKind::Click => FactBody::Click(touch(wire)?),
        EventKind::Impression => FactBody::Impression(touch(wire)?),
        EventKind::Registration => FactBody::Registration(action(wire)?),
        EventKind::Qualification => FactBody::Qualification(action(wire)?),
        EventKind::Conversion => FactBody::Conversion(action(wire)?),
        EventKind::Refund => FactBody::Refund(reversal(wire)?),
        EventKind::Chargeback => FactBody::Chargeback(reversal(wire)?),
        EventKind::Status => FactBody::Status(StatusChange {
            transaction: required(transaction(wire)?, "transaction")?,
            verdict: required(verdict(wire)?, "verdict")?,
        }),
        EventKind::Adjustment => FactBody::Adjustment(Adjustment {
            transaction: required(transaction(wire)?, "transaction")?,
            value: required(money(wire)?, "value")?,
            cause: Arc::from(wire.cause.as_deref().unwrap_or_default()),
        }),
        EventKind::Identify => FactBody::Identify,
        EventKind::Consent => FactBody::Consent(Consent {
            purpose: Arc::from(wire.purpose.as_deref().unwrap_or_default()),
            granted: required(wire.granted, "granted")?,
        }),
        EventKind::Trade => FactBody::Measure(measure(MeasureKind::Trade, wire)?),
        EventKind::PlayerDay => FactBody::Measure(measure(MeasureKind::PlayerDay, wire)?),
        EventKind::Spend => FactBody::Measure(measure(MeasureKind::Spend, wire)?),
        EventKind::Payout => FactBody::PayoutPrepared(plan(wire)?),
        EventKind::PayoutStep => FactBody::PayoutAdvanced(PayoutAdvance {
            payout: payout(wire)?,
            step: required(wire.step.as_deref().and_then(step), "step")?,
            reference: wire.reference.as_deref().map(Arc::from),
        }),
    })
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, WireError> {
    value.ok_or_else(|| WireError(format!("a fact lacks its `{name}`")))
}

/// Reads an identifier where there is one.
fn key<T, E: std::fmt::Display>(text: &Text<'_>, parse: impl Fn(&str) -> Result<T, E>) -> Result<Option<T>, WireError> {
    text.as_deref().map(|text| parse(text).map_err(|error| broken(&error))).transpose()
}

fn touch(wire: &WireFact<'_>) -> Result<Touch, WireError> {
    Ok(Touch {
        link: key(&wire.link, LinkKey::parse)?,
        partner: key(&wire.partner, PartnerKey::parse)?,
        campaign: key(&wire.campaign, CampaignKey::parse)?,
        channel: key(&wire.channel, Channel::parse)?,
        tracking: read_tracking(wire)?,
    })
}

fn action(wire: &WireFact<'_>) -> Result<Action, WireError> {
    Ok(Action {
        goal: required(key(&wire.goal, Goal::parse)?, "goal")?,
        transaction: transaction(wire)?,
        value: money(wire)?,
        status: verdict(wire)?,
        campaign: key(&wire.campaign, CampaignKey::parse)?,
        promo_code: key(&wire.promo_code, PromoCode::parse)?,
        named_partner: key(&wire.partner, PartnerKey::parse)?,
        tracking: read_tracking(wire)?,
    })
}

fn reversal(wire: &WireFact<'_>) -> Result<Reversal, WireError> {
    Ok(Reversal { transaction: required(transaction(wire)?, "transaction")?, value: money(wire)? })
}

fn measure(kind: MeasureKind, wire: &WireFact<'_>) -> Result<Measure, WireError> {
    Ok(Measure {
        kind,
        transaction: transaction(wire)?,
        value: money(wire)?,
        campaign: key(&wire.campaign, CampaignKey::parse)?,
        partner: key(&wire.partner, PartnerKey::parse)?,
        figures: wire.figures.iter().map(|(name, value)| (Arc::from(&**name), Arc::from(&**value))).collect(),
    })
}

fn plan(wire: &WireFact<'_>) -> Result<PayoutPlan, WireError> {
    let lines: Result<Vec<_>, WireError> =
        wire.lines.iter().map(|(id, minor)| Ok((CommissionId(event_id(id)?), *minor))).collect();
    Ok(PayoutPlan {
        payout: payout(wire)?,
        run: Arc::from(wire.run.as_deref().unwrap_or_default()),
        partner: required(key(&wire.partner, PartnerKey::parse)?, "partner")?,
        currency: required(key(&wire.currency, Currency::parse)?, "currency")?,
        lines: lines?,
    })
}

fn payout(wire: &WireFact<'_>) -> Result<PayoutId, WireError> {
    Ok(PayoutId(Arc::from(required(wire.payout.as_deref(), "payout")?)))
}

fn step(name: &str) -> Option<PayoutStep> {
    [PayoutStep::Prepared, PayoutStep::Approved, PayoutStep::Exported, PayoutStep::Settled, PayoutStep::Failed]
        .into_iter()
        .find(|step| step.name() == name)
}

fn verdict(wire: &WireFact<'_>) -> Result<Option<Verdict>, WireError> {
    let Some(name) = wire.verdict.as_deref() else { return Ok(None) };
    [Verdict::Pending, Verdict::Approved, Verdict::Rejected]
        .into_iter()
        .find(|verdict| verdict.name() == name)
        .map(Some)
        .ok_or_else(|| WireError(format!("no verdict `{name}`")))
}

fn transaction(wire: &WireFact<'_>) -> Result<Option<TransactionId>, WireError> {
    key(&wire.transaction, TransactionId::parse)
}

fn money(wire: &WireFact<'_>) -> Result<Option<Money>, WireError> {
    match (wire.minor, key(&wire.currency, Currency::parse)?) {
        (Some(minor), Some(currency)) => Ok(Some(Money::new(minor, currency))),
        (None, None) => Ok(None),
        _ => Err(WireError("an amount lacks its currency, or a currency its amount".to_owned())),
    }
}

fn read_tracking(wire: &WireFact<'_>) -> Result<Tracking, WireError> {
    let mut tracking = Tracking::default();
    for (name, value) in &wire.tracking {
        tracking.insert(name, value).map_err(|error| broken(&error))?;
    }
    Ok(tracking)
}
