//! Whose customer a person is: the first partner's, for as long as the brand's rule says.
//!
//! Conversions are settled in order of time, so that who owns a customer depends on earlier events alone: a pure function of the
//! facts. The rule is that of the brand's version in force at the conversion at hand.
//!
//! - An owner is won by a registration or conversion that credits a partner, while nobody owns the person. An event that was rejected or
//!   wholly reversed wins nothing, and no activity either.
//! - The owner is the partner with the largest share; of equal ones, the one who touched last. Other channels own nobody.
//! - While it holds, every later step of the person is credited wholly to the owner, through the touchpoint that won him.
//! - When it has ended, by time or by inactivity, the next registration or conversion that credits a partner decides anew.

use std::collections::HashMap;

use crate::attribution::{Considered, Earner, Touchpoint};
use crate::configuration::Configuration;
use crate::fact::{EventKind, Fact, Verdict};
use crate::identity::PersonIndex;
use crate::ids::PartnerKey;
use crate::ownership::CustomerOwnership;
use crate::reason::Reason;
use crate::time::Timestamp;

use super::Conversion;

/// The owners of a cluster's people, up to the conversion at hand.
#[derive(Default)]
pub(super) struct Owners {
    of: HashMap<PersonIndex, Owned>,
}

/// A customer who is owned.
struct Owned {
    /// The touchpoint that won him.
    through: Touchpoint,
    since: Timestamp,
    active_at: Timestamp,
}

impl Owners {
    /// The touchpoint through which the person's owner takes what happens now; forgets an owner whose time is over.
    pub(super) fn touchpoint(
        &mut self,
        person: Option<PersonIndex>,
        rule: CustomerOwnership,
        at: Timestamp,
    ) -> Option<Touchpoint> {
        if rule == CustomerOwnership::Nobody {
            return None;
        }
        let person = person?;
        let owned = self.of.get(&person)?;
        if rule.holds(owned.since, owned.active_at, at) {
            return Some(owned.through.clone());
        }
        self.of.remove(&person);
        None
    }

    /// Learns from a settled step of the person: that he is active, or who won him.
    pub(super) fn learn(
        &mut self,
        person: Option<PersonIndex>,
        rule: CustomerOwnership,
        conversion: &Conversion,
        wholly_reversed: bool,
    ) {
        let Some(person) = person else { return };
        if wholly_reversed || conversion.verdict == Verdict::Rejected {
            return;
        }
        let at = conversion.occurred_at;
        if let Some(owned) = self.of.get_mut(&person) {
            owned.active_at = at;
            return;
        }
        let may_win = matches!(conversion.kind, EventKind::Registration | EventKind::Conversion)
            && rule != CustomerOwnership::Nobody;
        if let Some(through) = may_win.then(|| winner(conversion)).flatten() {
            self.of.insert(person, Owned { through: through.clone(), since: at, active_at: at });
        }
    }
}

/// The brand's rule at a fact's time.
pub(super) fn rule_at(configuration: &Configuration, fact: &Fact) -> CustomerOwnership {
    let brand = configuration.brands.get(&fact.brand);
    brand.map_or(CustomerOwnership::Nobody, |versions| versions.at(fact.occurred_at).customer_ownership)
}

/// The touchpoint of the partner with the largest share by which he earned most; of equal ones the later.
fn winner(conversion: &Conversion) -> Option<&Touchpoint> {
    let mut partners: HashMap<&PartnerKey, (u64, usize)> = HashMap::new();
    for (place, credit) in conversion.credits.iter().enumerate() {
        if let Earner::Partner(partner) = &credit.earner {
            let share = partners.entry(partner).or_default();
            *share = (share.0.saturating_add(credit.weight), place);
        }
    }
    let (owner, _) = partners.into_iter().max_by_key(|(_, share)| *share)?;
    let of_owner = |earner: &Earner| matches!(earner, Earner::Partner(partner) if partner == owner);
    // `max_by_key` takes the last of equal ones.
    let credit = conversion
        .credits
        .iter()
        .filter(|credit| of_owner(&credit.earner))
        .max_by_key(|credit| credit.weight)?;
    let mut touchpoints = conversion.considered.iter().map(|each| &each.touchpoint);
    touchpoints.find(|touchpoint| touchpoint.event_id == credit.touchpoint && touchpoint.kind == credit.kind)
}

/// Lets every other touchpoint lose to the owner's, which takes part whatever its age.
pub(super) fn yield_to(through: &Touchpoint, considered: &mut Vec<Considered>) {
    let mut is_listed = false;
    for each in considered.iter_mut() {
        if each.touchpoint.event_id == through.event_id && each.touchpoint.kind == through.kind {
            each.verdict = Reason::Eligible;
            is_listed = true;
        } else if each.verdict == Reason::Eligible {
            each.verdict = Reason::OwnedByOther;
        }
    }
    if !is_listed {
        let place =
            considered.partition_point(|each| each.touchpoint.place_in_time() < through.place_in_time());
        considered.insert(place, Considered { touchpoint: through.clone(), verdict: Reason::Eligible });
    }
}
