//! W-shaped: three milestones count, the first touchpoint, the one before the registration, the one before the qualification.
//!
//! The touchpoint that led to a milestone is the last one up to its moment. Without a registration or qualification the touchpoints before
//! the conversion stand for them: the last one. Coinciding milestones add. The rest, 1 - F - L - O, goes equally to the other touchpoints;
//! where there is none, the milestones share the whole by their sizes.
//!
//! Five touchpoints under 30/30/30, registered after the second, qualified after the fourth: 30 %, 30 %, 5 %, 30 %, 5 %.

use super::{Journey, Millionths, WHOLE};
use crate::time::Timestamp;

pub(super) fn weights(journey: &Journey<'_>, [first, lead, opportunity]: [Millionths; 3]) -> Vec<u64> {
    let count = journey.touchpoints.len();
    let last = count.saturating_sub(1);
    let led_to = |milestone: Option<Timestamp>| {
        milestone.map_or(last, |at| {
            journey.touchpoints.partition_point(|touchpoint| touchpoint.occurred_at <= at).saturating_sub(1)
        })
    };
    let mut milestones = vec![0_u64; count];
    for (place, share) in
        [(0, first), (led_to(journey.registered_at), lead), (led_to(journey.qualified_at), opportunity)]
    {
        if let Some(milestone) = milestones.get_mut(place) {
            *milestone += u64::from(share.min(WHOLE));
        }
    }
    let others = milestones.iter().filter(|share| **share == 0).count() as u64;
    if others == 0 {
        return milestones;
    }
    let rest = u64::from(WHOLE).saturating_sub(milestones.iter().sum());
    milestones.into_iter().map(|share| if share == 0 { rest } else { share * others }).collect()
}
