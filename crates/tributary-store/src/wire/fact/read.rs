//! From stored bytes to a fact.

use std::sync::Arc;

use tributary_domain::click_id::ClickId;
use tributary_domain::fact::{
    Action, Adjustment, Consent, EventKind, Fact, FactBody, Measure, MeasureKind, PayoutAdvance, PayoutId,
    PayoutPlan, PayoutStep, Reversal, StatusChange, Subject, Touch, Verdict,
};
use tributary_domain::identity::{Identifier, IdentifierKind, IdentityDecision, Ruling};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, IdError, LinkKey, PartnerKey, PromoCode,
    SourceKey, SubjectHash, TransactionId,
};
use tributary_domain::money::{Currency, Money};
use tributary_domain::time::Timestamp;

use super::VERSION;
use super::form::{Text, VersionOnly, WireFact};
use crate::wire::WireError;
use crate::wire::payout::parse_step;

/// Reads a stored fact of any version.
///
/// # Errors
/// [`WireError`] when a newer build wrote it, it is damaged, or it holds what the domain refuses.
pub fn decode(bytes: &[u8]) -> Result<Fact, WireError> {
    let wire: WireFact<'_> =
        serde_json::from_slice(bytes).map_err(|error| newer_or_damaged(bytes, &error))?;
    if wire.v != VERSION {
        return Err(newer(wire.v));
    }
    let not_a_click_id = || damaged("click_id", &"not a click id");
    let click_id = |text: &Text<'_>| ClickId::from_stored(text.as_str()).ok_or_else(not_a_click_id);
    let subject = Subject {
        customer: wire.customer.map(|digits| SubjectHash(digits.0)),
        visitor: wire.visitor.map(|digits| SubjectHash(digits.0)),
        email: wire.email.map(|digits| SubjectHash(digits.0)),
        click_id: wire.click_id.as_ref().map(click_id).transpose()?,
    };
    Ok(Fact {
        event_id: EventId(wire.event.0),
        brand: key("brand", &wire.brand, BrandKey::parse)?,
        source: key("source", &wire.source, SourceKey::parse)?,
        occurred_at: Timestamp(wire.at),
        subject,
        body: body(&wire)?,
    })
}

fn body(wire: &WireFact<'_>) -> Result<FactBody, WireError> {
    let kind =
        EventKind::from_name(wire.kind.as_str()).ok_or_else(|| damaged("kind", &"not a kind of event"))?;
    Ok(match kind {
        EventKind::Click => FactBody::Click(touch(wire)?),
        EventKind::Impression => FactBody::Impression(touch(wire)?),
        EventKind::Registration => FactBody::Registration(action(wire)?),
        EventKind::Qualification => FactBody::Qualification(action(wire)?),
        EventKind::Conversion => FactBody::Conversion(action(wire)?),
        EventKind::Refund => FactBody::Refund(reversal(wire)?),
        EventKind::Chargeback => FactBody::Chargeback(reversal(wire)?),
        EventKind::Status => FactBody::Status(StatusChange {
            transaction: required("transaction", transaction(wire)?)?,
            verdict: required("status", verdict(wire)?)?,
        }),
        EventKind::Adjustment => FactBody::Adjustment(Adjustment {
            transaction: required("transaction", transaction(wire)?)?,
            value: required("minor", money(wire)?)?,
            cause: shared("cause", wire.cause.as_ref())?,
        }),
        EventKind::Identify => FactBody::Identify,
        EventKind::Consent => FactBody::Consent(Consent {
            purpose: shared("purpose", wire.purpose.as_ref())?,
            granted: required("granted", wire.granted)?,
        }),
        EventKind::Trade => FactBody::Measure(measure(wire, MeasureKind::Trade)?),
        EventKind::PlayerDay => FactBody::Measure(measure(wire, MeasureKind::PlayerDay)?),
        EventKind::Spend => FactBody::Measure(measure(wire, MeasureKind::Spend)?),
        EventKind::Payout => FactBody::PayoutPrepared(PayoutPlan {
            payout: PayoutId(shared("payout", wire.payout.as_ref())?),
            run: shared("run", wire.run.as_ref())?,
            partner: required("partner", optional("partner", wire.partner.as_ref(), PartnerKey::parse)?)?,
            currency: required("currency", currency(wire)?)?,
            lines: wire.lines.iter().map(|(line, minor)| (CommissionId(EventId(line.0)), *minor)).collect(),
        }),
        EventKind::PayoutStep => FactBody::PayoutAdvanced(PayoutAdvance {
            payout: PayoutId(shared("payout", wire.payout.as_ref())?),
            step: step(wire)?,
            reference: wire.reference.as_ref().map(|reference| Arc::from(reference.as_str())),
        }),
        EventKind::Separate => decision(wire, Ruling::Separate)?,
        EventKind::Join => decision(wire, Ruling::Join)?,
        EventKind::Rejoin => decision(wire, Ruling::Rejoin)?,
    })
}

fn decision(wire: &WireFact<'_>, ruling: Ruling) -> Result<FactBody, WireError> {
    let [one, other] = wire.pair.as_slice() else { return Err(missing("pair")) };
    let (one, other) = (identifier(one)?, identifier(other)?);
    let because = shared("cause", wire.cause.as_ref())?;
    Ok(FactBody::IdentityDecided(IdentityDecision::of(ruling, one, other, because)))
}

fn identifier((kind, value): &(Text<'_>, Text<'_>)) -> Result<Identifier, WireError> {
    let kind = IdentifierKind::from_name(kind.as_str())
        .ok_or_else(|| damaged("pair", &"not a kind of identifier"))?;
    let hash = || -> Result<SubjectHash, WireError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(value.as_str(), &mut bytes).map_err(|error| damaged("pair", &error))?;
        Ok(SubjectHash(bytes))
    };
    Ok(match kind {
        IdentifierKind::Customer => Identifier::Customer(hash()?),
        IdentifierKind::Email => Identifier::Email(hash()?),
        IdentifierKind::Visitor => Identifier::Visitor(hash()?),
        IdentifierKind::Click => Identifier::Click(
            ClickId::from_stored(value.as_str()).ok_or_else(|| damaged("pair", &"not a click id"))?,
        ),
    })
}

fn touch(wire: &WireFact<'_>) -> Result<Touch, WireError> {
    Ok(Touch {
        link: optional("link", wire.link.as_ref(), LinkKey::parse)?,
        partner: optional("partner", wire.partner.as_ref(), PartnerKey::parse)?,
        campaign: optional("campaign", wire.campaign.as_ref(), CampaignKey::parse)?,
        channel: optional("channel", wire.channel.as_ref(), Channel::parse)?,
        tracking: wire.tracking.to_domain()?,
    })
}

fn action(wire: &WireFact<'_>) -> Result<Action, WireError> {
    Ok(Action {
        goal: required("goal", optional("goal", wire.goal.as_ref(), Goal::parse)?)?,
        transaction: transaction(wire)?,
        value: money(wire)?,
        status: verdict(wire)?,
        campaign: optional("campaign", wire.campaign.as_ref(), CampaignKey::parse)?,
        promo_code: optional("promo_code", wire.promo_code.as_ref(), PromoCode::parse)?,
        named_partner: optional("named_partner", wire.named_partner.as_ref(), PartnerKey::parse)?,
        cart_opened_at: wire.cart_opened_at.map(Timestamp),
        tracking: wire.tracking.to_domain()?,
    })
}

fn reversal(wire: &WireFact<'_>) -> Result<Reversal, WireError> {
    Ok(Reversal { transaction: required("transaction", transaction(wire)?)?, value: money(wire)? })
}

fn measure(wire: &WireFact<'_>, kind: MeasureKind) -> Result<Measure, WireError> {
    let figure =
        |(name, figure): &(Text<'_>, Text<'_>)| (Arc::from(name.as_str()), Arc::from(figure.as_str()));
    Ok(Measure {
        kind,
        transaction: transaction(wire)?,
        value: money(wire)?,
        campaign: optional("campaign", wire.campaign.as_ref(), CampaignKey::parse)?,
        partner: optional("partner", wire.partner.as_ref(), PartnerKey::parse)?,
        figures: wire.figures.iter().map(figure).collect(),
    })
}

fn transaction(wire: &WireFact<'_>) -> Result<Option<TransactionId>, WireError> {
    optional("transaction", wire.transaction.as_ref(), TransactionId::parse)
}

fn currency(wire: &WireFact<'_>) -> Result<Option<Currency>, WireError> {
    let parse = |text: &Text<'_>| Currency::parse(text.as_str()).map_err(|error| damaged("currency", &error));
    wire.currency.as_ref().map(parse).transpose()
}

fn money(wire: &WireFact<'_>) -> Result<Option<Money>, WireError> {
    match (wire.minor, currency(wire)?) {
        (Some(minor), Some(currency)) => Ok(Some(Money::new(minor, currency))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("currency")),
        (None, Some(_)) => Err(missing("minor")),
    }
}

fn verdict(wire: &WireFact<'_>) -> Result<Option<Verdict>, WireError> {
    let Some(name) = &wire.status else { return Ok(None) };
    [Verdict::Pending, Verdict::Approved, Verdict::Rejected]
        .into_iter()
        .find(|verdict| verdict.name() == name.as_str())
        .map(Some)
        .ok_or_else(|| damaged("status", &"not a status"))
}

fn step(wire: &WireFact<'_>) -> Result<PayoutStep, WireError> {
    parse_step(required("step", wire.step.as_ref())?.as_str())
}

fn key<T>(field: &str, text: &Text<'_>, parse: fn(&str) -> Result<T, IdError>) -> Result<T, WireError> {
    parse(text.as_str()).map_err(|error| damaged(field, &error))
}

fn optional<T>(
    field: &str,
    text: Option<&Text<'_>>,
    parse: fn(&str) -> Result<T, IdError>,
) -> Result<Option<T>, WireError> {
    text.map(|text| key(field, text, parse)).transpose()
}

fn shared(field: &str, text: Option<&Text<'_>>) -> Result<Arc<str>, WireError> {
    required(field, text.map(|text| Arc::from(text.as_str())))
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, WireError> {
    value.ok_or_else(|| missing(field))
}

fn missing(field: &str) -> WireError {
    WireError::unreadable(&format!("its field `{field}` is missing"))
}

fn damaged(field: &str, error: &dyn std::fmt::Display) -> WireError {
    WireError::unreadable(&format!("its field `{field}`: {error}"))
}

fn newer(version: u8) -> WireError {
    WireError::unreadable(&format!(
        "version {version} of a fact is not known to this build, which reads up to {VERSION}"
    ))
}

/// A record of a newer version usually fails on a field that is not known here; its version is the better message.
fn newer_or_damaged(bytes: &[u8], error: &serde_json::Error) -> WireError {
    match serde_json::from_slice::<VersionOnly>(bytes) {
        Ok(only) if only.v != VERSION => newer(only.v),
        _ => WireError::unreadable(error),
    }
}
