//! What the simulator knows and no tracker can: whose each touchpoint is, who brought a conversion, what is fraud.
//!
//! First and last touch are stated by the rules of `docs/attribution.md`, worked out here from the journey itself and
//! without the domain's code, so that one can judge the other.

use std::collections::BTreeMap;

use serde::Serialize;

use tributary_domain::time::{Span, Timestamp};

use crate::output::SimulatedEvent;
use crate::world::CAMPAIGNS;

/// The behaviour that an event belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Ordinary people.
    Genuine,
    /// Ordinary people, very many at once, because one post went round: must not be blocked.
    ViralSpike,
    /// One address that clicks without end: fraud.
    ClickFlood,
    /// Programs that name themselves so: fraud.
    Bot,
    /// A partner who buys by his own link: fraud.
    SelfReferral,
}

impl Label {
    /// Whether this ought to be caught.
    #[must_use]
    pub const fn is_fraud(self) -> bool {
        matches!(self, Self::ClickFlood | Self::Bot | Self::SelfReferral)
    }

    /// The name under which summaries count it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::ViralSpike => "viral_spike",
            Self::ClickFlood => "click_flood",
            Self::Bot => "bot",
            Self::SelfReferral => "self_referral",
        }
    }
}

/// Who may earn a share: a partner's key or the name of another channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Earner {
    /// A partner of the world.
    Partner(&'static str),
    /// A channel that is nobody's.
    Channel(&'static str),
}

impl std::fmt::Display for Earner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Partner(key) => write!(f, "partner:{key}"),
            Self::Channel(name) => write!(f, "channel:{name}"),
        }
    }
}

impl Serialize for Earner {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A touchpoint of one person, by the clock of whoever reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touch {
    /// The event's id as sent.
    pub event_id: String,
    /// When, as sent.
    pub sent_time: Timestamp,
    /// Who may earn by it.
    pub earner: Earner,
    /// Its campaign; channels have none.
    pub campaign: Option<&'static str>,
}

/// Who really brought a registration, qualification or conversion.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ConversionTruth {
    /// Number of the person; the same in all his events.
    pub person: u64,
    /// Event ids of all his touchpoints up to this conversion, oldest first, whether or not still inside a window.
    pub touchpoints: Vec<String>,
    /// Who has the first touchpoint that may earn credit.
    pub first: Option<Earner>,
    /// Who has the last one.
    pub last: Option<Earner>,
    /// The conversion's value in minor units of [`crate::world::CURRENCY`]; 0 for steps without money.
    pub value_minor: i64,
}

/// Window of a touchpoint without a campaign.
const CHANNEL_WINDOW: Span = Span::days(30);

impl ConversionTruth {
    /// Works out the truth about one conversion from all touches of its person so far.
    ///
    /// `code` is the owner of a promo code used at the conversion: a touch of that very moment.
    #[must_use]
    pub fn of(
        person: u64,
        touches: &[Touch],
        code: Option<Earner>,
        converted_at: Timestamp,
        value_minor: i64,
    ) -> Self {
        let mut earlier: Vec<&Touch> =
            touches.iter().filter(|touch| touch.sent_time <= converted_at).collect();
        earlier.sort_by_key(|touch| touch.sent_time);
        let inside: Vec<Earner> = earlier
            .iter()
            .filter(|touch| converted_at.since(touch.sent_time) <= window_of(touch))
            .map(|touch| touch.earner)
            .chain(code)
            .collect();
        // Typing in the address says only that people already knew it, so it yields to anything else.
        let is_direct = |earner: &Earner| *earner == Earner::Channel("direct");
        let telling = || inside.iter().filter(|earner| !is_direct(earner));
        Self {
            person,
            touchpoints: earlier.iter().map(|touch| touch.event_id.clone()).collect(),
            first: telling().next().or(inside.first()).copied(),
            last: telling().next_back().or(inside.last()).copied(),
            value_minor,
        }
    }

    /// Whether explaining this conversion shows much: money, several touchpoints, and not all of one earner.
    #[must_use]
    pub fn is_instructive(&self) -> bool {
        let paid =
            matches!(self.first, Some(Earner::Partner(_))) && matches!(self.last, Some(Earner::Partner(_)));
        self.value_minor > 0 && self.touchpoints.len() >= 3 && self.first != self.last && paid
    }
}

fn window_of(touch: &Touch) -> Span {
    touch
        .campaign
        .and_then(|key| CAMPAIGNS.iter().find(|campaign| campaign.key == key))
        .map_or(CHANNEL_WINDOW, |campaign| Span::days(campaign.click_window_days))
}

/// Sums over a whole simulation; grows with the number of partners, not of events.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct GroundTruth {
    /// Deliveries, repeated ones included.
    pub deliveries: u64,
    /// Events, each counted once.
    pub events: u64,
    /// Events by kind.
    pub events_by_type: BTreeMap<&'static str, u64>,
    /// Events by label.
    pub events_by_label: BTreeMap<&'static str, u64>,
    /// Deliveries an hour or more after the event.
    pub late_deliveries: u64,
    /// Purchases.
    pub purchases: u64,
    /// Their value in minor units, before anything is sent back.
    pub purchase_value_minor: i64,
    /// Purchases that nobody brought.
    pub purchases_of_nobody: u64,
    /// Purchases and their value in minor units by who has the first touch.
    pub purchases_by_first: BTreeMap<String, (u64, i64)>,
    /// Purchases and their value in minor units by who has the last touch.
    pub purchases_by_last: BTreeMap<String, (u64, i64)>,
}

impl GroundTruth {
    /// Counts one delivery.
    pub fn count(&mut self, delivery: &SimulatedEvent) {
        self.deliveries += 1;
        if delivery.delivered_at.since(delivery.occurred_at) >= Span::HOUR {
            self.late_deliveries += 1;
        }
        if delivery.repeated {
            return;
        }
        self.events += 1;
        *self.events_by_type.entry(delivery.event.event_type).or_default() += 1;
        *self.events_by_label.entry(delivery.label.name()).or_default() += 1;
        let Some(truth) = delivery.truth.as_ref().filter(|_| delivery.event.event_type == "conversion")
        else {
            return;
        };
        self.purchases += 1;
        self.purchase_value_minor += truth.value_minor;
        match (truth.first, truth.last) {
            (Some(first), Some(last)) => {
                for (by, earner) in
                    [(&mut self.purchases_by_first, first), (&mut self.purchases_by_last, last)]
                {
                    let sum = by.entry(earner.to_string()).or_default();
                    sum.0 += 1;
                    sum.1 += truth.value_minor;
                }
            }
            _ => self.purchases_of_nobody += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `day earner campaign` rows; the conversion is on day 40.
    fn truth(
        rows: &[(i64, Earner, Option<&'static str>)],
        code: Option<Earner>,
    ) -> (Option<Earner>, Option<Earner>) {
        let touches: Vec<Touch> = rows
            .iter()
            .map(|(day, earner, campaign)| Touch {
                event_id: format!("t{day}"),
                sent_time: Timestamp(Span::days(*day).0),
                earner: *earner,
                campaign: *campaign,
            })
            .collect();
        let truth = ConversionTruth::of(1, &touches, code, Timestamp(Span::days(40).0), 0);
        (truth.first, truth.last)
    }

    #[test]
    fn windows_are_those_of_each_touch_s_campaign() {
        let (a, b, c) = (Earner::Partner("a"), Earner::Partner("b"), Earner::Partner("c"));
        let (wide, narrow) = (Some("light_stories"), Some("club_launch"));
        assert_eq!(truth(&[(9, a, wide), (10, b, wide), (32, c, narrow)], None), (Some(b), Some(b)));
        assert_eq!(truth(&[(10, a, wide), (33, b, narrow), (41, c, wide)], None), (Some(a), Some(b)));
        assert_eq!(truth(&[(10, a, wide)], Some(c)), (Some(a), Some(c)));
        assert_eq!(truth(&[], None), (None, None));
    }

    #[test]
    fn typing_in_the_address_yields_to_anything_else() {
        let (a, direct) = (Earner::Partner("a"), Earner::Channel("direct"));
        assert_eq!(truth(&[(20, a, Some("light_stories")), (39, direct, None)], None), (Some(a), Some(a)));
        assert_eq!(truth(&[(39, direct, None)], None), (Some(direct), Some(direct)));
    }
}
