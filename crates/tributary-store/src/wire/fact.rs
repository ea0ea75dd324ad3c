//! Facts as they are logged: one flat JSON object, version 1.
//!
//! | field | what |
//! | --- | --- |
//! | `v` | version of this format |
//! | `event`, `customer`, `visitor`, `email`, commission lines | 32 hexadecimal digits |
//! | `kind` | the published name of the kind of event |
//! | `at`, `cart_opened_at` | event time, and the cart's, in microseconds since 1970 |
//! | `minor`, `currency` | an amount in minor units, always together (a payout plan has `currency` alone) |
//! | `tracking` | an object of parameters in the order of their names |
//! | `figures`, `lines` | lists of pairs |
//! | `pair` | two identifiers that a ruling speaks about, each as kind and value |
//! | all others | the domain's field of that name, as text |
//!
//! A field that is absent has no value. Unknown fields are refused: they mean that a newer build wrote the record.
//! Golden files: `tests/golden/v1/fact_*.json`; they are written once and must be readable for ever.

mod form;
mod read;
#[cfg(test)]
mod tests;

use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::identity::Identifier;

pub use self::read::decode;

use self::form::{Digits, Text, WireFact, WireTracking};

/// The version that is written.
const VERSION: u8 = 1;

/// Bytes that most facts fit into.
const USUAL_LENGTH: usize = 384;

/// The stored form of a fact, in the newest version.
#[must_use]
pub fn encode(fact: &Fact) -> Vec<u8> {
    let mut wire = WireFact {
        v: VERSION,
        event: Digits(fact.event_id.0),
        kind: Text::of(fact.body.kind().name()),
        brand: Text::of(fact.brand.as_str()),
        source: Text::of(fact.source.as_str()),
        at: fact.occurred_at.0,
        customer: fact.subject.customer.map(|hash| Digits(hash.0)),
        visitor: fact.subject.visitor.map(|hash| Digits(hash.0)),
        email: fact.subject.email.map(|hash| Digits(hash.0)),
        click_id: fact.subject.click_id.as_ref().map(|id| Text::of(id.as_str())),
        ..WireFact::default()
    };
    put_body(&mut wire, &fact.body);
    let mut bytes = Vec::with_capacity(USUAL_LENGTH);
    // Every map key of the form is a text and a Vec takes any number of bytes, so writing cannot fail.
    if serde_json::to_writer(&mut bytes, &wire).is_err() {
        bytes.clear();
    }
    bytes
}

fn put_body<'a>(wire: &mut WireFact<'a>, body: &'a FactBody) {
    match body {
        FactBody::Click(touch) | FactBody::Impression(touch) => {
            wire.link = touch.link.as_ref().map(|key| Text::of(key.as_str()));
            wire.partner = touch.partner.as_ref().map(|key| Text::of(key.as_str()));
            wire.campaign = touch.campaign.as_ref().map(|key| Text::of(key.as_str()));
            wire.channel = touch.channel.as_ref().map(|key| Text::of(key.as_str()));
            wire.tracking = WireTracking::of(&touch.tracking);
        }
        FactBody::Registration(action) | FactBody::Qualification(action) | FactBody::Conversion(action) => {
            wire.goal = Some(Text::of(action.goal.as_str()));
            wire.transaction = action.transaction.as_ref().map(|id| Text::of(id.as_str()));
            wire.put_money(action.value.as_ref());
            wire.status = action.status.map(|verdict| Text::of(verdict.name()));
            wire.campaign = action.campaign.as_ref().map(|key| Text::of(key.as_str()));
            wire.promo_code = action.promo_code.as_ref().map(|code| Text::of(code.as_str()));
            wire.named_partner = action.named_partner.as_ref().map(|key| Text::of(key.as_str()));
            wire.cart_opened_at = action.cart_opened_at.map(|at| at.0);
            wire.tracking = WireTracking::of(&action.tracking);
        }
        FactBody::Refund(reversal) | FactBody::Chargeback(reversal) => {
            wire.transaction = Some(Text::of(reversal.transaction.as_str()));
            wire.put_money(reversal.value.as_ref());
        }
        FactBody::Status(change) => {
            wire.transaction = Some(Text::of(change.transaction.as_str()));
            wire.status = Some(Text::of(change.verdict.name()));
        }
        FactBody::Adjustment(adjustment) => {
            wire.transaction = Some(Text::of(adjustment.transaction.as_str()));
            wire.put_money(Some(&adjustment.value));
            wire.cause = Some(Text::of(&adjustment.cause));
        }
        FactBody::Identify => {}
        FactBody::Consent(consent) => {
            wire.purpose = Some(Text::of(&consent.purpose));
            wire.granted = Some(consent.granted);
        }
        FactBody::Measure(measure) => {
            wire.transaction = measure.transaction.as_ref().map(|id| Text::of(id.as_str()));
            wire.put_money(measure.value.as_ref());
            wire.campaign = measure.campaign.as_ref().map(|key| Text::of(key.as_str()));
            wire.partner = measure.partner.as_ref().map(|key| Text::of(key.as_str()));
            wire.figures =
                measure.figures.iter().map(|(name, figure)| (Text::of(name), Text::of(figure))).collect();
        }
        FactBody::PayoutPrepared(plan) => {
            wire.payout = Some(Text::of(&plan.payout.0));
            wire.run = Some(Text::of(&plan.run));
            wire.partner = Some(Text::of(plan.partner.as_str()));
            wire.currency = Some(Text::of(plan.currency.code()));
            wire.lines = plan.lines.iter().map(|(line, minor)| (Digits(line.0.0), *minor)).collect();
        }
        FactBody::PayoutAdvanced(advance) => {
            wire.payout = Some(Text::of(&advance.payout.0));
            wire.step = Some(Text::of(advance.step.name()));
            wire.reference = advance.reference.as_ref().map(|reference| Text::of(reference));
        }
        FactBody::IdentityDecided(decision) => {
            wire.cause = Some(Text::of(&decision.because));
            wire.pair = [&decision.one, &decision.other].map(pair_half).into();
        }
    }
}

fn pair_half(identifier: &Identifier) -> (Text<'_>, Text<'_>) {
    let value = match identifier {
        Identifier::Customer(hash) | Identifier::Email(hash) | Identifier::Visitor(hash) => {
            Text::owned(hex::encode(hash.0))
        }
        Identifier::Click(click) => Text::of(click.as_str()),
    };
    (Text::of(identifier.kind().name()), value)
}
