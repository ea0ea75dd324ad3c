//! What each kind of event needs.

use std::sync::Arc;

use tributary_domain::fact::{
    Action, Adjustment, Consent, EventKind, Measure, MeasureKind, Reversal, StatusChange, Touch,
};
use tributary_domain::ids::{CampaignKey, Channel, Goal, LinkKey, PartnerKey, PromoCode, TransactionId};
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;

use super::collect::is_word_of;
use super::event::{IncomingBody, IncomingEvent};
use super::fields::Field;
use super::names::Target;
use super::refusal::{Refusal, shortened};
use super::values::{Sign, Values, descriptive, read_key};

/// Name and value, as sent.
type Figure = (Arc<str>, Arc<str>);

/// Most named figures of a measure.
const MOST_FIGURES: usize = 50;

/// Reads the body of the event's kind; `word` is the postback word that names a goal as well.
pub(super) fn read(values: &Values<'_>, word: Option<&Field>) -> Result<IncomingBody, Refusal> {
    Ok(match values.kind {
        EventKind::Click => IncomingBody::Click(touch(values)?),
        EventKind::Impression => IncomingBody::Impression(touch(values)?),
        EventKind::Registration => IncomingBody::Registration(action(values, word, Some("registration"))?),
        EventKind::Qualification => IncomingBody::Qualification(action(values, word, None)?),
        EventKind::Conversion => IncomingBody::Conversion(conversion(values, word)?),
        EventKind::Refund => IncomingBody::Refund(reversal(values)?),
        EventKind::Chargeback => IncomingBody::Chargeback(reversal(values)?),
        EventKind::Status => IncomingBody::Status(status_change(values)?),
        EventKind::Adjustment => IncomingBody::Adjustment(adjustment(values)?),
        EventKind::Identify => IncomingBody::Identify,
        EventKind::Consent => IncomingBody::Consent(consent(values)?),
        EventKind::Trade => IncomingBody::Measure(measure(values, MeasureKind::Trade)?),
        EventKind::PlayerDay => IncomingBody::Measure(measure(values, MeasureKind::PlayerDay)?),
        EventKind::Spend => IncomingBody::Measure(measure(values, MeasureKind::Spend)?),
        EventKind::Payout
        | EventKind::PayoutStep
        | EventKind::Separate
        | EventKind::Join
        | EventKind::Rejoin => {
            return Err(Refusal::of_field(
                Reason::NotAllowed,
                "event_type",
                "`event_type`: payouts and rulings on identity are booked here",
            ));
        }
    })
}

/// Refuses events that are about a person and name none.
pub(super) fn require_identities(event: &IncomingEvent) -> Result<(), Refusal> {
    let personal = &event.personal;
    let named = [
        personal.customer_id.is_some(),
        personal.visitor_id.is_some(),
        personal.email.is_some(),
        event.click_id.is_some(),
    ];
    let present = named.into_iter().filter(|is_named| *is_named).count();
    let (needed, why) = match event.kind {
        EventKind::Identify => (2, "`identify` joins two identities of one person"),
        EventKind::Consent => (1, "consent belongs to a person"),
        EventKind::Trade | EventKind::PlayerDay => (1, "the figures belong to a customer"),
        _ => return Ok(()),
    };
    if present >= needed {
        return Ok(());
    }
    let field = if personal.customer_id.is_some() { "visitor_id" } else { "customer_id" };
    Err(Refusal::missing(field, why)
        .with_hint(format!("Name {needed} of `customer_id`, `visitor_id`, `email` and `click_id`.")))
}

/// A touchpoint names a link; or a partner and a campaign; or a channel that is not a partner; or carries what tells the channel.
fn touch(values: &Values<'_>) -> Result<Touch, Refusal> {
    let tracking = values.collected.tracking.clone();
    let link = values.parsed(Target::Link, LinkKey::parse)?;
    let named = values.parsed(Target::Partner, PartnerKey::parse)?;
    let channel = values.parsed(Target::Channel, Channel::parse)?;
    let campaign = values.parsed(Target::Campaign, CampaignKey::parse)?;
    // The commissioned direct link names its creator and, in `utm_campaign`, its campaign.
    let creator = || tracking.get("creator_id").and_then(|key| PartnerKey::parse(key).ok());
    let partner = named.or_else(|| if link.is_none() && channel.is_none() { creator() } else { None });
    let utm_campaign = || tracking.get("utm_campaign").and_then(|key| CampaignKey::parse(key).ok());
    let campaign =
        campaign.or_else(|| if link.is_none() && partner.is_some() { utm_campaign() } else { None });
    if let (Some(field), true) = (values.field(Target::Channel), link.is_some() || partner.is_some()) {
        return Err(Refusal::invalid(
            &field.name,
            "a touchpoint belongs to a partner's link or to a channel, not both",
        ));
    }
    match (&link, &partner, &campaign, &channel) {
        (Some(_), ..) | (None, Some(_), Some(_), None) | (None, None, _, Some(_)) => {
            Ok(Touch { link, partner, campaign, channel, tracking })
        }
        (None, Some(_), None, _) => {
            Err(Refusal::missing("campaign", "a partner without a link needs his campaign")
                .with_hint("Add `link`, or `campaign`."))
        }
        // By which channel it came is for the brand's rules to say, when conversions are settled.
        _ if tracking.tells_channel() => Ok(Touch { link, partner, campaign, channel, tracking }),
        _ => Err(Refusal::missing("link", "a touchpoint needs whose it is").with_hint(
            "Add `link`, or `partner` with `campaign`, or `channel`, or what tells the channel: `utm_source`, `referrer`.",
        )),
    }
}

fn conversion(values: &Values<'_>, word: Option<&Field>) -> Result<Action, Refusal> {
    let action = action(values, word, Some("purchase"))?;
    let optional = values.rules.profile.is_some_and(|profile| profile.value_is_optional());
    if action.value.is_none() && !optional {
        return Err(Refusal::missing("value", "a conversion has a value")
            .with_hint("Add `value` and `currency`; send `0` for a conversion without money."));
    }
    Ok(action)
}

fn action(values: &Values<'_>, word: Option<&Field>, default_goal: Option<&str>) -> Result<Action, Refusal> {
    let tracking = values.collected.tracking.clone();
    // In a postback `goal=registration` names the kind; it is then not a goal of its own.
    let is_postback = values.rules.profile.is_some();
    let goal_field = values
        .field(Target::Goal)
        .filter(|field| !(is_postback && is_word_of(field.value.trim(), values.kind)));
    let goal = match (goal_field.or(word), default_goal) {
        (Some(field), _) => read_key(field, &Goal::parse)?,
        (None, Some(name)) => Goal::parse(name).map_err(|error| Refusal::invalid("goal", error))?,
        (None, None) => {
            return Err(Refusal::missing("goal", "a qualification is a step that has a name")
                .with_hint("Add `goal`, such as `ftd` or `first_trade`."));
        }
    };
    let named = values.parsed(Target::Partner, PartnerKey::parse)?;
    let creator = || tracking.get("creator_id").and_then(|key| PartnerKey::parse(key).ok());
    Ok(Action {
        goal,
        transaction: values.parsed(Target::Transaction, TransactionId::parse)?,
        value: values.money(Sign::NotNegative)?,
        status: values.verdict()?,
        campaign: values.parsed(Target::Campaign, CampaignKey::parse)?,
        promo_code: values.parsed(Target::PromoCode, PromoCode::parse)?,
        named_partner: named.or_else(creator),
        cart_opened_at: values.moment(Target::CartOpenedAt)?,
        tracking,
    })
}

fn transaction(values: &Values<'_>) -> Result<TransactionId, Refusal> {
    values.parsed(Target::Transaction, TransactionId::parse)?.ok_or_else(|| {
        Refusal::missing("transaction_id", "it says which conversion is meant")
            .with_hint("Add `transaction_id` with the number that the conversion was sent with.")
    })
}

fn reversal(values: &Values<'_>) -> Result<Reversal, Refusal> {
    Ok(Reversal { transaction: transaction(values)?, value: values.money(Sign::NotNegative)? })
}

fn status_change(values: &Values<'_>) -> Result<StatusChange, Refusal> {
    let transaction = transaction(values)?;
    let verdict = values.verdict()?.ok_or_else(|| {
        Refusal::missing("status", "it is the verdict")
            .with_hint("Add `status`: approved, rejected or pending.")
    })?;
    Ok(StatusChange { transaction, verdict })
}

fn adjustment(values: &Values<'_>) -> Result<Adjustment, Refusal> {
    let transaction = transaction(values)?;
    let value = required_money(values, Sign::NotNegative)?;
    let cause = values
        .field(Target::Cause)
        .ok_or_else(|| Refusal::missing("cause", "an adjustment names where it comes from"))
        .and_then(|field| descriptive(field, 255))?;
    Ok(Adjustment { transaction, value, cause: Arc::from(cause) })
}

fn required_money(values: &Values<'_>, sign: Sign) -> Result<Money, Refusal> {
    values.money(sign)?.ok_or_else(|| Refusal::missing("value", "the amount is what this event is about"))
}

fn consent(values: &Values<'_>) -> Result<Consent, Refusal> {
    let purpose = values
        .field(Target::Purpose)
        .ok_or_else(|| {
            Refusal::missing("purpose", "it says what the consent is for")
                .with_hint("Add `purpose`, such as `attribution`.")
        })
        .and_then(|field| descriptive(field, 64))?;
    let granted = values.granted()?.ok_or_else(|| {
        Refusal::missing("granted", "it says whether consent is given")
            .with_hint("Add `granted`: true or false.")
    })?;
    Ok(Consent { purpose: Arc::from(purpose), granted })
}

fn measure(values: &Values<'_>, kind: MeasureKind) -> Result<Measure, Refusal> {
    if kind == MeasureKind::PlayerDay && values.field(Target::OccurredAt).is_none() {
        return Err(Refusal::missing("timestamp", "it says which day the figures are of"));
    }
    let value = match kind {
        MeasureKind::Spend => Some(required_money(values, Sign::NotNegative)?),
        MeasureKind::Trade | MeasureKind::PlayerDay => values.money(Sign::Any)?,
    };
    Ok(Measure {
        kind,
        transaction: values.parsed(Target::Transaction, TransactionId::parse)?,
        value,
        campaign: values.parsed(Target::Campaign, CampaignKey::parse)?,
        partner: values.parsed(Target::Partner, PartnerKey::parse)?,
        figures: figures(values)?,
    })
}

fn figures(values: &Values<'_>) -> Result<Vec<Figure>, Refusal> {
    let mut figures: Vec<Figure> = Vec::new();
    for field in &values.collected.figures {
        let name = field.name.split_once('.').map_or(field.name.as_str(), |(_, inner)| inner);
        let value = descriptive(field, 255)?;
        if name.is_empty() {
            return Err(Refusal::invalid(&field.name, "a figure has a name"));
        }
        match figures.iter().find(|(earlier, _)| **earlier == *name) {
            Some((_, earlier)) if **earlier != *value => {
                return Err(Refusal::invalid(&field.name, "it is given twice with different values"));
            }
            Some(_) => {}
            None if figures.len() >= MOST_FIGURES => {
                let why = format!(
                    "an event has at most {MOST_FIGURES} figures, and `{}` is one more",
                    shortened(name)
                );
                return Err(Refusal::invalid(&field.name, why));
            }
            None => figures.push((Arc::from(name), Arc::from(value))),
        }
    }
    Ok(figures)
}
