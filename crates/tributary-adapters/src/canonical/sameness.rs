//! When two events are the same, and when they contradict each other.
//!
//! The **key** says that two deliveries speak about one event; the **fingerprint** says that they say the same of it.
//! Same key and same fingerprint: a duplicate. Same key, other fingerprint: a conflict, which is shown and not stored.

use tributary_domain::fact::{Action, Touch, Verdict};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, DeduplicationKey, LinkKey, PartnerKey, PromoCode, SourceKey,
    TransactionId, fingerprint, fingerprint_in_order,
};
use tributary_domain::money::Money;
use tributary_domain::tracking::is_signal;

use super::event::{IncomingBody, IncomingEvent, Personal};

/// A fingerprint of what the event says, independent of dialect, order of parameters and way in.
///
/// Left out is what may differ between two honest deliveries of one event: the address and user agent of the request; the
/// sender's event id, which is the key itself; and the time, as soon as an event id or a transaction number says
/// which event is meant, since many senders stamp a repeated order with the time of repeating.
#[must_use]
pub fn content_fingerprint(event: &IncomingEvent) -> [u8; 16] {
    let named_otherwise = event.event_id.is_some() || transaction(&event.body).is_some();
    content(event, !named_otherwise)
}

/// The deduplication key: the sender's event id; else the kind, transaction number and status; else the content
/// with its time. Always scoped by brand and source.
#[must_use]
pub fn deduplication_key(brand: &BrandKey, source: &SourceKey, event: &IncomingEvent) -> DeduplicationKey {
    if let Some(id) = &event.event_id {
        return key_of_event_id(brand, source, id);
    }
    let (brand, source) = (brand.as_str().as_bytes(), source.as_str().as_bytes());
    let kind = event.kind.name().as_bytes();
    DeduplicationKey(match transaction(&event.body) {
        Some(number) => {
            let status = status(&event.body).map_or("", Verdict::name);
            let parts = [b"transaction", brand, source, kind, number.as_bytes(), status.as_bytes()];
            fingerprint_in_order(&parts, number)
        }
        None => fingerprint(&[b"content", brand, source, &content(event, true)]),
    })
}

/// The deduplication key of an event that its sender gave an id of his own, whatever else it says.
#[must_use]
pub fn key_of_event_id(brand: &BrandKey, source: &SourceKey, id: &str) -> DeduplicationKey {
    let (brand, source) = (brand.as_str().as_bytes(), source.as_str().as_bytes());
    DeduplicationKey(fingerprint_in_order(&[b"event", brand, source, id.as_bytes()], id))
}

fn transaction(body: &IncomingBody) -> Option<&str> {
    let number = match body {
        IncomingBody::Registration(action)
        | IncomingBody::Qualification(action)
        | IncomingBody::Conversion(action) => action.transaction.as_ref(),
        IncomingBody::Refund(reversal) | IncomingBody::Chargeback(reversal) => Some(&reversal.transaction),
        IncomingBody::Status(change) => Some(&change.transaction),
        IncomingBody::Adjustment(adjustment) => Some(&adjustment.transaction),
        IncomingBody::Measure(measure) => measure.transaction.as_ref(),
        IncomingBody::Click(_)
        | IncomingBody::Impression(_)
        | IncomingBody::Identify
        | IncomingBody::Consent(_) => None,
    };
    number.map(TransactionId::as_str)
}

const fn status(body: &IncomingBody) -> Option<Verdict> {
    match body {
        IncomingBody::Registration(action)
        | IncomingBody::Qualification(action)
        | IncomingBody::Conversion(action) => action.status,
        IncomingBody::Status(change) => Some(change.verdict),
        _ => None,
    }
}

/// Named parts in one fixed order; an absent part is left out with its name.
#[derive(Default)]
struct Parts(Vec<(String, String)>);

impl Parts {
    fn add(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.into()));
        }
    }

    fn add_money(&mut self, value: Option<Money>) {
        self.add("value", value.map(|money| format!("{} {}", money.minor, money.currency)));
    }

    /// A creator that is already named as the partner is not counted again: `partner_id` and `creator_id` say the same.
    fn add_tracking<'t>(
        &mut self,
        tracking: impl Iterator<Item = (&'static str, &'t str)>,
        partner: Option<&PartnerKey>,
    ) {
        for (name, value) in tracking {
            if name != "creator_id" || partner.is_none_or(|partner| partner.as_str() != value) {
                self.add(name, Some(value));
            }
        }
    }
}

fn content(event: &IncomingEvent, with_time: bool) -> [u8; 16] {
    let mut parts = Parts::default();
    parts.add("kind", Some(event.kind.name()));
    parts.add("time", event.occurred_at.filter(|_| with_time).map(|at| at.0.to_string()));
    let personal = &event.personal;
    for (name, value) in
        [("customer", &personal.customer_id), ("visitor", &personal.visitor_id), ("email", &personal.email)]
    {
        parts.add(name, value.as_ref().map(Personal::reveal));
    }
    parts.add("click", event.click_id.as_deref());
    add_body(&mut parts, &event.body);
    let bytes: Vec<&[u8]> =
        parts.0.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    fingerprint(&bytes)
}

fn add_body(parts: &mut Parts, body: &IncomingBody) {
    match body {
        IncomingBody::Click(touch) | IncomingBody::Impression(touch) => add_touch(parts, touch),
        IncomingBody::Registration(action)
        | IncomingBody::Qualification(action)
        | IncomingBody::Conversion(action) => {
            add_action(parts, action);
        }
        IncomingBody::Refund(reversal) | IncomingBody::Chargeback(reversal) => {
            parts.add("transaction", Some(reversal.transaction.as_str()));
            parts.add_money(reversal.value);
        }
        IncomingBody::Status(change) => {
            parts.add("transaction", Some(change.transaction.as_str()));
            parts.add("status", Some(change.verdict.name()));
        }
        IncomingBody::Adjustment(adjustment) => {
            parts.add("transaction", Some(adjustment.transaction.as_str()));
            parts.add_money(Some(adjustment.value));
            parts.add("cause", Some(&*adjustment.cause));
        }
        IncomingBody::Identify => {}
        IncomingBody::Consent(consent) => {
            parts.add("purpose", Some(&*consent.purpose));
            parts.add("granted", Some(if consent.granted { "yes" } else { "no" }));
        }
        IncomingBody::Measure(measure) => {
            parts.add("transaction", measure.transaction.as_ref().map(TransactionId::as_str));
            parts.add_money(measure.value);
            parts.add("campaign", measure.campaign.as_ref().map(CampaignKey::as_str));
            parts.add("partner", measure.partner.as_ref().map(PartnerKey::as_str));
            let mut figures: Vec<_> = measure.figures.iter().collect();
            figures.sort();
            for (name, value) in figures {
                parts.add(&format!("figure {name}"), Some(&**value));
            }
        }
    }
}

fn add_touch(parts: &mut Parts, touch: &Touch) {
    parts.add("link", touch.link.as_ref().map(LinkKey::as_str));
    parts.add("partner", touch.partner.as_ref().map(PartnerKey::as_str));
    parts.add("campaign", touch.campaign.as_ref().map(CampaignKey::as_str));
    parts.add("channel", touch.channel.as_ref().map(Channel::as_str));
    parts.add_tracking(touch.tracking.iter(), touch.partner.as_ref());
}

fn add_action(parts: &mut Parts, action: &Action) {
    parts.add("goal", Some(action.goal.as_str()));
    parts.add("transaction", action.transaction.as_ref().map(TransactionId::as_str));
    parts.add_money(action.value);
    parts.add("status", action.status.map(Verdict::name));
    parts.add("campaign", action.campaign.as_ref().map(CampaignKey::as_str));
    parts.add("promo_code", action.promo_code.as_ref().map(PromoCode::as_str));
    parts.add("named_partner", action.named_partner.as_ref().map(PartnerKey::as_str));
    parts.add("cart_opened_at", action.cart_opened_at.map(|at| at.0.to_string()));
    // A page and a server may report one order, and only the page knows how its visitor came.
    let tracking = action.tracking.iter().filter(|(name, _)| !is_signal(name));
    parts.add_tracking(tracking, action.named_partner.as_ref());
}
