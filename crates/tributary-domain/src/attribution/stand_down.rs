//! Standing down: partners' touchpoints after the cart was opened yield to whoever brought the customer before.
//!
//! | touchpoint | stands down |
//! | --- | --- |
//! | a partner's click or impression, later than the cart by at most the rule's time | when another partner or channel touched before |
//! | the same, and nobody else touched before the cart | no |
//! | a promo code | no: it is used at the order by nature |
//! | another channel's | no: nobody is paid for it |
//!
//! "Touched before" means a touchpoint that may still take part when it is judged alone: inside its window, not of another campaign.
//! Direct traffic brought nobody and does not count. Source: the stand-down policies of affiliate networks, by which software must not
//! claim a sale when another publisher's link led to it.

use crate::configuration::StandDown;
use crate::reason::Reason;
use crate::time::{Span, Timestamp};

use super::{Earner, Judged, TouchKind, age, is_direct};

/// Demotes what came after the cart was opened.
pub(super) fn stand_down(judged: &mut [Judged<'_, '_>], cart_opened_at: Option<Timestamp>) {
    let Some(opened_at) = cart_opened_at else { return };
    let mut before = judged
        .iter()
        .filter(|each| brought(each) && age(each.touchpoint.occurred_at, opened_at) >= Span(0))
        .filter_map(|each| each.touchpoint.earner.as_ref());
    let Some(first) = before.next().cloned() else { return };
    // Somebody else than the first, for the first's own late touchpoints.
    let second = before.find(|earner| **earner != first).cloned();
    for each in judged.iter_mut().filter(|each| is_late(each, opened_at)) {
        if each.touchpoint.earner.as_ref() != Some(&first) || second.is_some() {
            each.verdict = Reason::StandDown;
        }
    }
}

/// Whether a touchpoint may have brought the customer.
fn brought(each: &Judged<'_, '_>) -> bool {
    each.verdict == Reason::Eligible
        && matches!(each.touchpoint.kind, TouchKind::Click | TouchKind::Impression)
        && !is_direct(each.touchpoint)
}

/// Whether a touchpoint came so soon after the cart was opened that its campaign's rule reaches it.
fn is_late(each: &Judged<'_, '_>, opened_at: Timestamp) -> bool {
    let StandDown::AfterCart { within } = each.rule.stand_down else { return false };
    let touchpoint = each.touchpoint;
    each.verdict == Reason::Eligible
        && matches!(touchpoint.kind, TouchKind::Click | TouchKind::Impression)
        && matches!(touchpoint.earner, Some(Earner::Partner(_)))
        && age(touchpoint.occurred_at, opened_at) < Span(0)
        && touchpoint.occurred_at.since(opened_at) <= within
}
