//! Settlement: from all facts of one cluster to the conversions, credits and commissions that should be.
//!
//! [`settle`] is the heart. It is a pure function of the set of facts and the configuration: it sorts what it is
//! given, reads every version by event time, and never asks what was booked before. The engine books the difference.

use std::collections::{BTreeMap, HashMap};

use crate::attribution::{Considered, Earner, TouchKind, Touchpoint, consider, weights};
use crate::commission::{after_refund, full_grant, share_grant};
use crate::configuration::{Configuration, Model, Plan};
use crate::fact::{Action, EventKind, Fact, FactBody, Touch, Verdict};
use crate::identity::{Stitching, stitch};
use crate::ids::{BrandKey, CampaignKey, CommissionId, EventId, Goal, LinkKey, PartnerKey, PlanKey, TransactionId};
use crate::ledger::CommissionState;
use crate::money::{Money, split_by_largest_remainder};
use crate::reason::Reason;
use crate::time::Timestamp;

/// Everything that a cluster's facts lead to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settlement {
    /// Conversions (also registrations and qualifications), in order of time and event id.
    pub conversions: Vec<Conversion>,
    /// The outcome of each fact, in order of time and event id.
    pub outcomes: Vec<(EventId, Reason)>,
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
    /// The sender's number, with the namespace that it lives in.
    pub transaction: Option<TransactionId>,
    /// The person's lasting label.
    pub person: Option<EventId>,
    /// The campaign whose model was used.
    pub campaign: Option<CampaignKey>,
    /// The model that was used; `None` without an eligible touchpoint.
    pub model: Option<Model>,
    /// Value as sent or adjusted.
    pub value: Option<Money>,
    /// Minor units refunded, at most the value.
    pub refunded: i64,
    /// The operator's verdict.
    pub verdict: Verdict,
    /// How attribution ended.
    pub reason: Reason,
    /// Every touchpoint of the person, with the verdict on it.
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

/// Settles one cluster. The order of `facts` does not matter.
#[must_use]
pub fn settle(facts: &[Fact], configuration: &Configuration) -> Settlement {
    let mut ordered: Vec<&Fact> = facts.iter().collect();
    ordered.sort_by_key(|fact| (fact.occurred_at, fact.event_id));
    let Some(first) = ordered.first() else { return Settlement::default() };
    let bound = configuration
        .brands
        .get(&first.brand)
        .map_or(DEFAULT_MOST_CUSTOMERS, |brand| brand.latest().most_customers_per_identifier);
    let cluster = Cluster { stitching: stitch(&ordered, bound), facts: ordered, configuration };
    cluster.settle()
}

/// Customers per identifier beyond which it joins nobody, unless the brand says otherwise.
pub const DEFAULT_MOST_CUSTOMERS: u32 = 3;

/// The facts of one cluster in order, with the people found in them.
struct Cluster<'a> {
    facts: Vec<&'a Fact>,
    stitching: Stitching,
    configuration: &'a Configuration,
}

/// What is known of one transaction, from all facts that name it.
#[derive(Default)]
struct Order {
    /// Places of the actions, earliest first: the first stands for the conversion.
    actions: Vec<usize>,
    /// Refunds and chargebacks.
    reversals: Vec<usize>,
    /// Verdicts and adjustments.
    changes: Vec<usize>,
}

type OrderKey<'a> = (&'a str, EventKind, &'a TransactionId);

impl<'a> Cluster<'a> {
    fn settle(&self) -> Settlement {
        let orders = self.orders();
        let mut outcomes: HashMap<usize, Reason> = HashMap::new();
        let mut conversions = Vec::new();
        for (place, fact) in self.facts.iter().enumerate() {
            let Some(action) = fact.body.action() else { continue };
            let order = self.order_key(place).and_then(|key| orders.get(&key));
            if let Some(order) = order
                && order.actions.first() != Some(&place)
            {
                outcomes.insert(place, Reason::TransactionRepeated);
                continue;
            }
            let empty = Order::default();
            let conversion = self.conversion(place, action, order.unwrap_or(&empty), &mut outcomes);
            outcomes.insert(place, conversion.reason);
            conversions.push(conversion);
        }
        let outcomes = self
            .facts
            .iter()
            .enumerate()
            .map(|(place, fact)| {
                let otherwise = match fact.body {
                    FactBody::Refund(_) | FactBody::Chargeback(_) | FactBody::Status(_) | FactBody::Adjustment(_) => {
                        Reason::AwaitingConversion
                    }
                    _ => Reason::Recorded,
                };
                (fact.event_id, outcomes.get(&place).copied().unwrap_or(otherwise))
            })
            .collect();
        Settlement { conversions, outcomes }
    }

    fn namespace(&self, fact: &'a Fact) -> &'a str {
        self.configuration.transaction_namespace(&fact.source, fact.occurred_at)
    }

    /// Actions of one transaction are one conversion per kind: an order and its registration are two.
    fn order_key(&self, place: usize) -> Option<OrderKey<'a>> {
        let fact = self.facts[place];
        fact.body.action()?;
        Some((self.namespace(fact), fact.body.kind(), fact.body.transaction()?))
    }

    /// Facts by transaction. What refers to a transaction concerns its conversion, else its qualification, else its registration.
    fn orders(&self) -> HashMap<OrderKey<'a>, Order> {
        let mut orders: HashMap<OrderKey<'a>, Order> = HashMap::new();
        for place in 0..self.facts.len() {
            if let Some(key) = self.order_key(place) {
                orders.entry(key).or_default().actions.push(place);
            }
        }
        for (place, fact) in self.facts.iter().enumerate() {
            let Some(transaction) = fact.body.transaction().filter(|_| fact.body.action().is_none()) else { continue };
            let found = [EventKind::Conversion, EventKind::Qualification, EventKind::Registration]
                .into_iter()
                .map(|kind| (self.namespace(fact), kind, transaction))
                .find(|key| orders.contains_key(key));
            if let Some(order) = found.and_then(|key| orders.get_mut(&key)) {
                match fact.body {
                    FactBody::Refund(_) | FactBody::Chargeback(_) => order.reversals.push(place),
                    FactBody::Status(_) | FactBody::Adjustment(_) => order.changes.push(place),
                    _ => {}
                }
            }
        }
        orders
    }

    fn conversion(
        &self,
        place: usize,
        action: &Action,
        order: &Order,
        outcomes: &mut HashMap<usize, Reason>,
    ) -> Conversion {
        let fact = self.facts[place];
        let (value, verdict) = self.value_and_verdict(action, order, outcomes);
        let refunded = self.refunded(value, order, outcomes);
        let considered = consider(
            self.touchpoints(place, action),
            fact.occurred_at,
            action.campaign.as_ref(),
            |key| self.configuration.campaign(&fact.brand, key, fact.occurred_at),
        );
        let eligible: Vec<&Touchpoint> =
            considered.iter().filter(|c| c.verdict == Reason::Eligible).map(|c| &c.touchpoint).collect();
        let campaign = action
            .campaign
            .clone()
            .or_else(|| eligible.iter().rev().find_map(|touchpoint| touchpoint.campaign.clone()));
        let model = (!eligible.is_empty()).then(|| self.model(fact, campaign.as_ref()));
        let weights = model.map_or_else(Vec::new, |model| weights(model, eligible.len()));
        let credits = credits(&eligible, &weights, value);
        let mut conversion = Conversion {
            event_id: fact.event_id,
            kind: fact.body.kind(),
            brand: fact.brand.clone(),
            occurred_at: fact.occurred_at,
            goal: action.goal.clone(),
            transaction: action.transaction.clone(),
            person: self.stitching.person(place).and_then(|person| self.stitching.label(person)),
            reason: match (considered.is_empty(), eligible.is_empty()) {
                (true, _) => Reason::NoTouchpoint,
                (false, true) => Reason::NoEligibleTouchpoint,
                (false, false) => Reason::Attributed,
            },
            campaign,
            model,
            value,
            refunded,
            verdict,
            credits,
            commissions: Vec::new(),
            considered: Vec::new(),
        };
        conversion.commissions = self.commissions(&conversion);
        conversion.considered = considered;
        conversion
    }

    fn model(&self, fact: &Fact, campaign: Option<&CampaignKey>) -> Model {
        campaign
            .and_then(|key| self.configuration.campaign(&fact.brand, key, fact.occurred_at))
            .map_or(Model::LastTouch, |campaign| campaign.model)
    }

    /// The value after adjustments and the last verdict, by event time. Without a verdict the plan decides.
    fn value_and_verdict(
        &self,
        action: &Action,
        order: &Order,
        outcomes: &mut HashMap<usize, Reason>,
    ) -> (Option<Money>, Verdict) {
        let mut value = action.value;
        let mut verdict = action.status.unwrap_or(Verdict::Pending);
        let repeats = order.actions.iter().skip(1);
        let mut changes: Vec<usize> = repeats.chain(&order.changes).copied().collect();
        changes.sort_unstable();
        for place in changes {
            match &self.facts[place].body {
                FactBody::Status(change) => {
                    verdict = change.verdict;
                    outcomes.insert(place, Reason::Applied);
                }
                FactBody::Adjustment(adjustment) => {
                    let same = value.is_none_or(|value| value.currency == adjustment.value.currency);
                    if same {
                        value = Some(adjustment.value);
                    }
                    outcomes.insert(place, if same { Reason::Applied } else { Reason::CurrencyMismatch });
                }
                other => {
                    if let Some(status) = other.action().and_then(|action| action.status) {
                        verdict = status;
                    }
                }
            }
        }
        (value, verdict)
    }

    /// Sum of refunds and chargebacks, at most the value.
    fn refunded(&self, value: Option<Money>, order: &Order, outcomes: &mut HashMap<usize, Reason>) -> i64 {
        let whole = value.map_or(0, |value| value.minor);
        let mut refunded: i64 = 0;
        for place in &order.reversals {
            let (FactBody::Refund(reversal) | FactBody::Chargeback(reversal)) = &self.facts[*place].body else {
                continue;
            };
            let outcome = match (reversal.value, value) {
                (Some(back), Some(value)) if back.currency != value.currency => Reason::CurrencyMismatch,
                (back, _) => {
                    let sum = refunded.saturating_add(back.map_or(whole, |back| back.minor));
                    refunded = sum.min(whole);
                    if sum > whole && back.is_some() { Reason::RefundExceedsValue } else { Reason::Applied }
                }
            };
            outcomes.insert(*place, outcome);
        }
        refunded
    }

    /// Every touchpoint that may be the converting person's.
    fn touchpoints(&self, place: usize, action: &Action) -> Vec<Touchpoint> {
        let fact = self.facts[place];
        let person = self.stitching.person(place);
        let named_click = fact.subject.click_id.as_ref();
        let mut touchpoints: Vec<Touchpoint> = Vec::new();
        for (other, candidate) in self.facts.iter().enumerate() {
            let (kind, touch) = match &candidate.body {
                FactBody::Click(touch) => (TouchKind::Click, touch),
                FactBody::Impression(touch) => (TouchKind::Impression, touch),
                _ => continue,
            };
            let named = named_click.is_some() && candidate.subject.click_id.as_ref() == named_click;
            let same_person = person.is_some() && self.stitching.person(other) == person;
            if named || same_person {
                touchpoints.push(self.touchpoint(candidate, kind, touch, fact.occurred_at));
            }
        }
        self.unseen_clicks(place, &mut touchpoints);
        touchpoints.extend(self.code(fact, action));
        touchpoints.extend(action.named_partner.as_ref().map(|partner| self.named(fact, action, partner)));
        touchpoints
    }

    fn touchpoint(&self, fact: &Fact, kind: TouchKind, touch: &Touch, converted_at: Timestamp) -> Touchpoint {
        let link = touch.link.as_ref().and_then(|key| self.configuration.link(key, fact.occurred_at));
        let link = link.filter(|link| link.brand == fact.brand);
        let partner = link.map(|link| link.partner.clone()).or_else(|| touch.partner.clone());
        let known = partner.filter(|key| self.configuration.partner(&fact.brand, key, converted_at).is_some());
        let earner = match (known, &touch.channel) {
            (Some(partner), _) => Some(Earner::Partner(partner)),
            (None, Some(channel)) => Some(Earner::Channel(channel.clone())),
            (None, None) => None,
        };
        Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind,
            earner,
            campaign: link.map(|link| link.campaign.clone()).or_else(|| touch.campaign.clone()),
            link: touch.link.clone(),
            click_id: fact.subject.click_id.clone(),
            barred: None,
        }
    }

    /// Clicks that the person's facts name by one of our own ids but that have not arrived: the id itself tells link and
    /// time, so a conversion does not wait for its click.
    fn unseen_clicks(&self, place: usize, touchpoints: &mut Vec<Touchpoint>) {
        let fact = self.facts[place];
        let person = self.stitching.person(place);
        for (other, naming) in self.facts.iter().enumerate() {
            let Some(click_id) = naming.subject.click_id.as_ref() else { continue };
            let own = other == place || (person.is_some() && self.stitching.person(other) == person);
            let touches = matches!(naming.body, FactBody::Click(_) | FactBody::Impression(_));
            let seen = touchpoints.iter().any(|touchpoint| touchpoint.click_id.as_ref() == Some(click_id));
            let Some((link_fingerprint, issued_at)) = click_id.issued_for().filter(|_| own && !touches && !seen) else {
                continue;
            };
            let link_key = self.configuration.link_fingerprints.get(&link_fingerprint);
            let link = link_key.and_then(|key| self.configuration.link(key, issued_at));
            let Some(link) = link.filter(|link| link.brand == fact.brand) else { continue };
            touchpoints.push(Touchpoint {
                event_id: click_event_id(click_id, issued_at),
                occurred_at: issued_at,
                kind: TouchKind::Click,
                earner: Some(Earner::Partner(link.partner.clone())),
                campaign: Some(link.campaign.clone()),
                link: link_key.cloned(),
                click_id: Some(click_id.clone()),
                barred: None,
            });
        }
    }

    fn code(&self, fact: &Fact, action: &Action) -> Option<Touchpoint> {
        let code = action.promo_code.as_ref()?;
        let key = self.configuration.promo_codes.get(&(fact.brand.clone(), code.clone()));
        let link = key.and_then(|key| self.configuration.link(key, fact.occurred_at));
        let valid = link.is_some_and(|link| link.active && link.promo_code.as_ref() == Some(code));
        Some(Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind: TouchKind::Code,
            earner: link.map(|link| Earner::Partner(link.partner.clone())),
            campaign: link.map(|link| link.campaign.clone()),
            link: key.cloned(),
            click_id: None,
            barred: (link.is_some() && !valid).then_some(Reason::CodeOutsideDates),
        })
    }

    fn named(&self, fact: &Fact, action: &Action, partner: &PartnerKey) -> Touchpoint {
        let known = self.configuration.partner(&fact.brand, partner, fact.occurred_at).is_some();
        Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind: TouchKind::Named,
            earner: known.then(|| Earner::Partner(partner.clone())),
            campaign: action.campaign.clone().or_else(|| self.only_campaign(&fact.brand)),
            link: None,
            click_id: None,
            barred: None,
        }
    }

    /// A brand's campaign where it has just one: what a sender who names only the partner must mean.
    fn only_campaign(&self, brand: &BrandKey) -> Option<CampaignKey> {
        let mut keys = self.configuration.campaigns.keys().filter(|(of, _)| of == brand).map(|(_, key)| key);
        keys.next().filter(|_| keys.next().is_none()).cloned()
    }

    /// One line per partner and plan.
    fn commissions(&self, conversion: &Conversion) -> Vec<Commission> {
        // Touchpoints without weight have no credit, so the weights are those of the credits.
        let weights: Vec<u64> = conversion.credits.iter().map(|credit| credit.weight).collect();
        let at = conversion.occurred_at;
        let plan_keys: Vec<Option<PlanKey>> =
            conversion.credits.iter().map(|credit| self.plan_key(&conversion.brand, credit, at)).collect();
        let mut lines: BTreeMap<(PlanKey, PartnerKey), i64> = BTreeMap::new();
        let mut grants: BTreeMap<PlanKey, (Money, &Plan)> = BTreeMap::new();
        for key in plan_keys.iter().flatten() {
            if grants.contains_key(key) {
                continue;
            }
            let Some(plan) = self.configuration.plan(&conversion.brand, key, at) else { continue };
            let Some(grant) = full_grant(plan, &conversion.goal, conversion.value) else { continue };
            let covered: Vec<bool> = plan_keys.iter().map(|other| other.as_ref() == Some(key)).collect();
            let mut shares = share_grant(grant, &weights, &covered).into_iter();
            for (credit, _) in conversion.credits.iter().zip(&covered).filter(|(_, covered)| **covered) {
                if let (Earner::Partner(partner), Some(minor)) = (&credit.earner, shares.next()) {
                    *lines.entry((key.clone(), partner.clone())).or_insert(0) += minor;
                }
            }
            grants.insert(key.clone(), (grant, plan));
        }
        lines
            .into_iter()
            .filter_map(|((key, partner), minor)| {
                let (grant, plan) = grants.get(&key)?;
                Some(self.commission(conversion, plan, key, partner, Money::new(minor, grant.currency)))
            })
            .collect()
    }

    fn plan_key(&self, brand: &BrandKey, credit: &Credit, at: Timestamp) -> Option<PlanKey> {
        let Earner::Partner(partner) = &credit.earner else { return None };
        let own = self.configuration.partner(brand, partner, at).and_then(|partner| partner.plan.clone());
        own.or_else(|| {
            let campaign = credit.campaign.as_ref()?;
            self.configuration.campaign(brand, campaign, at)?.plan.clone()
        })
    }

    fn commission(
        &self,
        conversion: &Conversion,
        plan: &Plan,
        key: PlanKey,
        partner: PartnerKey,
        granted: Money,
    ) -> Commission {
        let at = conversion.occurred_at;
        let value = conversion.value.map_or(0, |value| value.minor);
        let left = after_refund(granted.minor, value, conversion.refunded);
        let on_hold =
            self.configuration.partners.get(&(conversion.brand.clone(), partner.clone())).is_some_and(|p| p.latest().on_hold);
        let (owed, state, reason) = match conversion.verdict {
            Verdict::Rejected => (0, CommissionState::Rejected, Reason::Rejected),
            _ if left == 0 && granted.minor != 0 => (0, CommissionState::Rejected, Reason::Reversed),
            _ if on_hold => (left, CommissionState::Held, Reason::PartnerOnHold),
            Verdict::Approved => (left, CommissionState::Approved, Reason::InHoldPeriod),
            Verdict::Pending if plan.approves_automatically => (left, CommissionState::Approved, Reason::InHoldPeriod),
            Verdict::Pending => (left, CommissionState::Pending, Reason::AwaitingApproval),
        };
        Commission {
            id: CommissionId::derive(conversion.event_id, at, &partner, &key),
            partner,
            plan: key,
            granted,
            owed,
            state,
            reason,
            payable_from: at.plus(plan.hold),
        }
    }
}

/// The event id of a click that our own redirect issued: derived from the id, so that it is known before the click arrives.
#[must_use]
pub fn click_event_id(click_id: &crate::click_id::ClickId, issued_at: Timestamp) -> EventId {
    EventId::from_parts(issued_at, &crate::ids::fingerprint(&[b"click", click_id.as_str().as_bytes()]))
}

fn credits(eligible: &[&Touchpoint], weights: &[u64], value: Option<Money>) -> Vec<Credit> {
    let parts = split_by_largest_remainder(value.map_or(0, |value| value.minor), weights);
    let total_weight: u64 = weights.iter().sum();
    eligible
        .iter()
        .zip(weights)
        .zip(parts)
        .filter(|((_, weight), _)| **weight > 0)
        .filter_map(|((touchpoint, weight), minor)| {
            Some(Credit {
                touchpoint: touchpoint.event_id,
                kind: touchpoint.kind,
                earner: touchpoint.earner.clone()?,
                campaign: touchpoint.campaign.clone(),
                link: touchpoint.link.clone(),
                weight: *weight,
                total_weight,
                minor,
            })
        })
        .collect()
}
