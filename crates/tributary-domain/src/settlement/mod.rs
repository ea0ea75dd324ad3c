//! Settlement: from all facts of one cluster to the conversions, credits and commissions that should be.
//!
//! [`settle`] is the heart. It is a pure function of the set of facts and the configuration: it sorts what it is
//! given, reads every version by event time, and never asks what was booked before. The engine books the difference.

mod carts;
mod commissions;
mod journeys;
mod orders;
mod ownership;
mod touchpoints;

use std::collections::HashSet;

use crate::attribution::models::{Journey, Model};
use crate::attribution::{Considered, Earner, TouchKind, Touchpoint};
use crate::click_id::ClickId;
use crate::configuration::Configuration;
use crate::fact::{Action, EventKind, Fact, FactBody, Verdict};
use crate::identity::{Guards, Stitching, stitch};
use crate::ids::{
    BrandKey, CampaignKey, CommissionId, EventId, Goal, LinkKey, PartnerKey, PlanKey, TransactionId,
    fingerprint,
};
use crate::ledger::CommissionState;
use crate::money::{Money, split_by_largest_remainder};
use crate::reason::Reason;
use crate::time::Timestamp;

pub use carts::{CartEvidence, CartOpened, carts};
pub use journeys::{JourneyPeriod, PersonJourney, journeys, settle_with_journeys};

use orders::Order;
use ownership::Owners;
use touchpoints::{Touches, considered};

/// Everything that a cluster's facts lead to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settlement {
    /// Conversions (also registrations and qualifications), in order of time and event id.
    pub conversions: Vec<Conversion>,
    /// The outcome of each fact, in order of time and event id.
    pub outcomes: Vec<(EventId, Reason)>,
    /// Facts that name an identifier which went beyond a bound and joins nobody, with the reason.
    pub guarded: Vec<(EventId, Reason)>,
}

/// A settled conversion.
#[derive(Clone, PartialEq, Debug)]
pub struct Conversion {
    /// The event that stands for it.
    pub event_id: EventId,
    /// Registration, qualification or conversion.
    pub kind: EventKind,
    /// The tenant.
    pub brand: BrandKey,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The step reached.
    pub goal: Goal,
    /// The sender's number.
    pub transaction: Option<TransactionId>,
    /// The person's lasting label.
    pub person: Option<EventId>,
    /// The campaign whose model was used.
    pub campaign: Option<CampaignKey>,
    /// The model that was used; `None` without an eligible touchpoint, and where the customer's owner takes all.
    pub model: Option<Model>,
    /// Value as sent or adjusted.
    pub value: Option<Money>,
    /// Minor units refunded, at most the value.
    pub refunded: i64,
    /// The operator's verdict.
    pub verdict: Verdict,
    /// How attribution ended.
    pub reason: Reason,
    /// The touchpoints of the person with the verdict on each, in order of time: all that took part, and of those that did
    /// not the newest thousand.
    pub considered: Vec<Considered>,
    /// The shares; their values sum to the conversion's value.
    pub credits: Vec<Credit>,
    /// What plans grant for them.
    pub commissions: Vec<Commission>,
}

/// A share of a conversion's value.
#[derive(Clone, PartialEq, Debug)]
pub struct Credit {
    /// The touchpoint's event.
    pub touchpoint: EventId,
    /// Its kind.
    pub kind: TouchKind,
    /// Who earned it.
    pub earner: Earner,
    /// The touchpoint's campaign.
    pub campaign: Option<CampaignKey>,
    /// The link followed.
    pub link: Option<LinkKey>,
    /// Its weight; the share is `weight / total_weight`.
    pub weight: u64,
    /// Sum of the weights of the conversion.
    pub total_weight: u64,
    /// Minor units of the conversion's value.
    pub minor: i64,
}

/// Money that a plan grants a partner for one conversion.
#[derive(Clone, PartialEq, Debug)]
pub struct Commission {
    /// Derived from conversion, partner and plan.
    pub id: CommissionId,
    /// Who earns it.
    pub partner: PartnerKey,
    /// The plan that grants it.
    pub plan: PlanKey,
    /// What was granted before refunds.
    pub granted: Money,
    /// What is owed now, in minor units of the same currency.
    pub owed: i64,
    /// Its state before payment.
    pub state: CommissionState,
    /// Why it is in that state.
    pub reason: Reason,
    /// From when on it may be paid.
    pub payable_from: Timestamp,
}

/// Customers per identifier beyond which it joins nobody, unless the brand says otherwise.
pub const DEFAULT_MOST_CUSTOMERS: u32 = 3;

/// Settles one cluster. Neither the order of `facts` matters, nor how often one of them is given; the event id tells
/// which are the same.
///
/// A shop names the partner of an order of 100.00; his plan pays 10 % of purchases. A refund of 30.00 came before the order:
/// ```
/// use tributary_domain::configuration::{Configuration, Partner, PartnerKind, Plan, Rate, Versions};
/// use tributary_domain::fact::{Action, Fact, FactBody, Reversal, Subject, Verdict};
/// use tributary_domain::ids::{
///     BrandKey, DeduplicationKey, EventId, Goal, PartnerKey, PlanKey, SourceKey, TransactionId,
/// };
/// use tributary_domain::money::{Currency, Money};
/// use tributary_domain::settlement::settle;
/// use tributary_domain::time::{Span, Timestamp};
///
/// let (brand, anna) = (BrandKey::parse("acme").unwrap(), PartnerKey::parse("anna").unwrap());
/// let (goal, tenth) = (Goal::parse("purchase").unwrap(), PlanKey::parse("tenth").unwrap());
/// let eur = |text| Money::parse(text, Currency::parse("EUR").unwrap()).unwrap();
/// let mut configuration = Configuration::default();
/// configuration.plans.insert((brand.clone(), tenth.clone()), Versions::always(Plan {
///     brand: brand.clone(),
///     rules: vec![(goal.clone(), Rate::Percentage { ppm: 100_000 })],
///     hold: Span::days(30),
///     approves_automatically: false,
/// }));
/// configuration.partners.insert((brand.clone(), anna.clone()), Versions::always(Partner {
///     brand: brand.clone(),
///     name: "Anna".into(),
///     kind: PartnerKind::Creator,
///     parent: None,
///     plan: Some(tenth),
///     on_hold: false,
///     active: true,
///     minimum_payout: Vec::new(),
///     windows: Default::default(),
/// }));
///
/// let order = TransactionId::parse("order-1").unwrap();
/// let fact = |number, occurred_at, body| Fact {
///     event_id: EventId::derive(occurred_at, &DeduplicationKey([number; 16])),
///     brand: brand.clone(),
///     source: SourceKey::parse("shop").unwrap(),
///     occurred_at,
///     subject: Subject::default(),
///     body,
/// };
/// let facts = [
///     fact(1, Timestamp(1_000), FactBody::Refund(Reversal { transaction: order.clone(), value: Some(eur("30")) })),
///     fact(2, Timestamp(2_000), FactBody::Conversion(Action {
///         goal,
///         transaction: Some(order),
///         value: Some(eur("100.00")),
///         status: Some(Verdict::Approved),
///         campaign: None,
///         promo_code: None,
///         named_partner: Some(anna.clone()),
///         cart_opened_at: None,
///         tracking: Default::default(),
///     })),
/// ];
///
/// let conversion = &settle(&facts, &configuration).conversions[0];
/// assert_eq!((conversion.credits[0].minor, conversion.refunded), (10_000, 3_000));
/// assert_eq!((conversion.commissions[0].granted, conversion.commissions[0].owed), (eur("10.00"), 700));
/// ```
#[must_use]
pub fn settle(facts: &[Fact], configuration: &Configuration) -> Settlement {
    Cluster::of(facts, configuration).map_or_else(Settlement::default, |cluster| cluster.settle())
}

/// The event id of a click that our own redirect issued: derived from the id, so that it is known before the click arrives.
#[must_use]
pub fn click_event_id(click_id: &ClickId, issued_at: Timestamp) -> EventId {
    EventId::from_parts(issued_at, &fingerprint(&[b"click", click_id.as_str().as_bytes()]))
}

/// The facts of one cluster in order of time and event id, with the people found in them.
struct Cluster<'a> {
    facts: Vec<&'a Fact>,
    stitching: Stitching,
    configuration: &'a Configuration,
}

impl<'a> Cluster<'a> {
    /// Finds the people of a cluster; `None` without facts.
    fn of(facts: &'a [Fact], configuration: &'a Configuration) -> Option<Self> {
        let mut seen = HashSet::with_capacity(facts.len());
        let mut ordered: Vec<&Fact> = facts.iter().collect();
        ordered.sort_by_key(|fact| (fact.occurred_at, fact.event_id));
        ordered.retain(|fact| seen.insert(fact.event_id));
        let first = ordered.first()?;
        let guards = Guards::of(configuration, &first.brand);
        Some(Self { stitching: stitch(&ordered, &guards), facts: ordered, configuration })
    }

    fn settle(&self) -> Settlement {
        let orders = self.orders();
        let touches = Touches::of(self);
        let mut outcomes: Vec<Option<Reason>> = vec![None; self.facts.len()];
        let mut conversions = Vec::new();
        let mut owners = Owners::default();
        let without_number = Order::default();
        for (place, fact) in self.facts.iter().enumerate() {
            let Some(action) = fact.body.action() else { continue };
            let order = self.order(place, &orders).unwrap_or(&without_number);
            let (alone, deliveries) = ([place], order.deliveries(fact.body.kind()));
            let deliveries = if deliveries.is_empty() { &alone } else { deliveries };
            if deliveries[0] != place {
                outcomes[place] = Some(Reason::TransactionRepeated);
                continue;
            }
            let conversion = self.conversion(action, deliveries, order, &touches, &mut owners, &mut outcomes);
            outcomes[place] = Some(conversion.reason);
            conversions.push(conversion);
        }
        let outcomes = self.facts.iter().zip(outcomes);
        let outcomes =
            outcomes.map(|(fact, outcome)| (fact.event_id, outcome.unwrap_or_else(|| unmentioned(fact))));
        let guarded = self.stitching.guarded().iter();
        let guarded = guarded.map(|(place, reason)| (self.facts[*place].event_id, *reason));
        Settlement { conversions, outcomes: outcomes.collect(), guarded: guarded.collect() }
    }

    /// Settles one action, whose deliveries are given earliest first.
    fn conversion(
        &self,
        action: &Action,
        deliveries: &[usize],
        order: &Order,
        touches: &Touches<'a>,
        owners: &mut Owners,
        outcomes: &mut [Option<Reason>],
    ) -> Conversion {
        let (place, fact) = (deliveries[0], self.facts[deliveries[0]]);
        let standing = self.standing(deliveries, order, fact.body.kind(), outcomes);
        let evidence = self.evidence(deliveries);
        let mut considered = considered(self, touches, deliveries, &evidence);
        let (person, rule) = (self.stitching.person(place), ownership::rule_at(self.configuration, fact));
        let is_test = deliveries.iter().any(|place| self.stitching.is_test(*place));
        let owned = owners.touchpoint(person, rule, fact.occurred_at).filter(|_| !is_test);
        if is_test {
            considered.iter_mut().for_each(|each| each.verdict = Reason::TestAccount);
        }
        if let Some(through) = &owned {
            ownership::yield_to(through, &mut considered);
        }
        let eligible: Vec<&Touchpoint> = considered
            .iter()
            .filter(|each| each.verdict == Reason::Eligible)
            .map(|each| &each.touchpoint)
            .collect();
        let campaign = evidence
            .campaign
            .or_else(|| eligible.iter().rev().find_map(|touchpoint| touchpoint.campaign.as_ref()))
            .cloned();
        let is_shared = owned.is_none() && !eligible.is_empty();
        let configured = self.configuration;
        let model = is_shared.then(|| {
            configured.model(&fact.brand, campaign.as_ref(), &action.goal, fact.occurred_at).clone()
        });
        let weights = model.as_ref().map_or_else(
            || vec![1; eligible.len()],
            |model| model.weights(&self.journey(place, model, &eligible)),
        );
        let credits = credits(&eligible, weights, standing.value);
        let reason = match (considered.is_empty(), eligible.is_empty()) {
            _ if is_test => Reason::TestAccount,
            _ if owned.is_some() => Reason::CustomerOwned,
            (true, _) => Reason::NoTouchpoint,
            (false, true) => Reason::NoEligibleTouchpoint,
            (false, false) => Reason::Attributed,
        };
        let mut conversion = Conversion {
            event_id: fact.event_id,
            kind: fact.body.kind(),
            brand: fact.brand.clone(),
            occurred_at: fact.occurred_at,
            goal: action.goal.clone(),
            transaction: action.transaction.clone(),
            person: person.and_then(|person| self.stitching.label(person)),
            campaign,
            model,
            value: standing.value,
            refunded: standing.refunded,
            verdict: standing.verdict,
            reason,
            credits,
            commissions: Vec::new(),
            considered,
        };
        conversion.commissions = self.commissions(&conversion, standing.wholly_reversed);
        owners.learn(person, rule, &conversion, standing.wholly_reversed);
        conversion
    }

    /// What a model looks at for the action at that place.
    fn journey<'j>(&'j self, place: usize, model: &Model, touchpoints: &'j [&'j Touchpoint]) -> Journey<'j> {
        let fact = self.facts[place];
        let person = self.stitching.person(place);
        let first = |kind: EventKind| {
            let earlier = self.facts[..place].iter().enumerate();
            let mut own =
                earlier.filter(|(place, _)| person.is_some() && self.stitching.person(*place) == person);
            own.find(|(_, fact)| fact.body.kind() == kind).map(|(_, fact)| fact.occurred_at)
        };
        let (registered_at, qualified_at) = match model.has_milestones() {
            true => (first(EventKind::Registration), first(EventKind::Qualification)),
            false => (None, None),
        };
        let weights = model.trained_weights();
        let trained =
            weights.and_then(|key| self.configuration.trained_weights(&fact.brand, key, fact.occurred_at));
        Journey { touchpoints, registered_at, qualified_at, trained }
    }
}

/// The outcome of a fact that no conversion speaks about.
const fn unmentioned(fact: &Fact) -> Reason {
    match fact.body {
        FactBody::Refund(_) | FactBody::Chargeback(_) | FactBody::Status(_) | FactBody::Adjustment(_) => {
            Reason::AwaitingConversion
        }
        _ => Reason::Recorded,
    }
}

/// The shares of the eligible touchpoints that have any weight.
fn credits(eligible: &[&Touchpoint], weights: Vec<u64>, value: Option<Money>) -> Vec<Credit> {
    let parts = split_by_largest_remainder(value.map_or(0, |value| value.minor), &weights);
    let total_weight: u64 = weights.iter().sum();
    let shares = eligible.iter().zip(weights).zip(parts).filter(|((_, weight), _)| *weight > 0);
    shares
        .filter_map(|((touchpoint, weight), minor)| {
            Some(Credit {
                touchpoint: touchpoint.event_id,
                kind: touchpoint.kind,
                earner: touchpoint.earner.clone()?,
                campaign: touchpoint.campaign.clone(),
                link: touchpoint.link.clone(),
                weight,
                total_weight,
                minor,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
