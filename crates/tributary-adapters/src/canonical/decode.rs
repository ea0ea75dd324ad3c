//! From named fields to the validated event.

use tributary_domain::reason::Reason;

use super::bodies;
use super::collect::{collect, kind};
use super::event::{DecodingRules, IncomingEvent};
use super::fields::Fields;
use super::refusal::Refusal;
use super::values::Values;

/// Decodes an event from outside.
///
/// # Errors
/// A [`Refusal`] with [`Reason::MissingField`], [`Reason::InvalidField`], [`Reason::UnknownField`],
/// [`Reason::TimeOutOfRange`] or [`Reason::NotAllowed`] that names the field as it was sent.
pub fn decode(fields: &Fields, rules: &DecodingRules) -> Result<IncomingEvent, Refusal> {
    read(fields, rules, false)
}

/// Decodes an event of the operator's own commands, which may also book an `adjustment`.
///
/// # Errors
/// As [`decode`].
pub fn decode_internal(fields: &Fields, rules: &DecodingRules) -> Result<IncomingEvent, Refusal> {
    read(fields, rules, true)
}

fn read(fields: &Fields, rules: &DecodingRules, internal: bool) -> Result<IncomingEvent, Refusal> {
    if fields.is_empty() && !rules.kind_is_fixed {
        return Err(Refusal::missing("event_type", "the event has no fields")
            .with_hint("Send at least `event_type` and what that kind of event needs."));
    }
    let kind = kind(fields, rules, internal)?;
    let values = Values { collected: collect(fields, rules, kind.kind)?, rules, kind: kind.kind };
    let event = IncomingEvent {
        kind: kind.kind,
        event_id: values.event_id()?,
        occurred_at: values.occurred_at()?,
        personal: values.personal()?,
        click_id: values.click_id()?,
        body: bodies::read(&values, kind.goal)?,
    };
    bodies::require_identities(&event)?;
    debug_assert_eq!(event.kind, event.body.kind());
    Ok(event)
}

/// The reason of a time that does not read.
pub(super) fn time_reason(error: &tributary_domain::time::TimeError) -> Reason {
    match error {
        tributary_domain::time::TimeError::OutOfRange(_) => Reason::TimeOutOfRange,
        _ => Reason::InvalidField,
    }
}
