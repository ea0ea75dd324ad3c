//! What all facts about one transaction say together: value, verdict, what flowed back.

use std::collections::HashMap;

use crate::fact::{Action, EventKind, FactBody, Verdict};
use crate::ids::{CampaignKey, PartnerKey, PromoCode, TransactionId};
use crate::money::Money;
use crate::reason::Reason;
use crate::time::Timestamp;

use super::Cluster;
use super::carts::{CartEvidence, CartOpened};

/// What is known of one transaction, as places of facts in order of time.
#[derive(Default)]
pub(super) struct Order {
    /// Deliveries of each step; the earliest stands for it.
    registrations: Vec<usize>,
    qualifications: Vec<usize>,
    conversions: Vec<usize>,
    /// Refunds and chargebacks.
    reversals: Vec<usize>,
    /// Verdicts and adjustments.
    changes: Vec<usize>,
}

/// Transactions by namespace and number.
pub(super) type Orders<'a> = HashMap<(&'a str, &'a TransactionId), Order>;

impl Order {
    /// All deliveries of one step, earliest first. An order and its registration are two conversions, though they may
    /// share a number.
    pub(super) fn deliveries(&self, kind: EventKind) -> &[usize] {
        match kind {
            EventKind::Registration => &self.registrations,
            EventKind::Qualification => &self.qualifications,
            EventKind::Conversion => &self.conversions,
            _ => &[],
        }
    }

    fn add(&mut self, place: usize, body: &FactBody) {
        match body {
            FactBody::Registration(_) => self.registrations.push(place),
            FactBody::Qualification(_) => self.qualifications.push(place),
            FactBody::Conversion(_) => self.conversions.push(place),
            FactBody::Refund(_) | FactBody::Chargeback(_) => self.reversals.push(place),
            FactBody::Status(_) | FactBody::Adjustment(_) => self.changes.push(place),
            _ => {}
        }
    }

    /// The furthest step: what an amount without further word is about.
    fn main_step(&self) -> EventKind {
        match (self.conversions.is_empty(), self.qualifications.is_empty()) {
            (false, _) => EventKind::Conversion,
            (true, false) => EventKind::Qualification,
            (true, true) => EventKind::Registration,
        }
    }
}

/// How an action stands after everything that was said about it.
pub(super) struct Standing {
    /// As sent or adjusted.
    pub(super) value: Option<Money>,
    pub(super) verdict: Verdict,
    /// Minor units that flowed back, at most the value.
    pub(super) refunded: i64,
    /// All of it was taken back, also where it has no value to take back from.
    pub(super) wholly_reversed: bool,
}

/// Evidence about an action from all its deliveries: the first that has it counts.
#[derive(Default)]
pub(super) struct Evidence<'a> {
    pub(super) campaign: Option<&'a CampaignKey>,
    pub(super) promo_code: Option<&'a PromoCode>,
    pub(super) named_partner: Option<&'a PartnerKey>,
    pub(super) cart: Option<CartOpened>,
}

impl<'a> Cluster<'a> {
    pub(super) fn orders(&self) -> Orders<'a> {
        let mut orders = Orders::new();
        for (place, fact) in self.facts.iter().enumerate() {
            if let Some(transaction) = fact.body.transaction() {
                let namespace = self.configuration.transaction_namespace(&fact.source, fact.occurred_at);
                orders.entry((namespace, transaction)).or_default().add(place, &fact.body);
            }
        }
        orders
    }

    pub(super) fn order<'o>(&self, place: usize, orders: &'o Orders<'a>) -> Option<&'o Order> {
        let fact = self.facts[place];
        let namespace = self.configuration.transaction_namespace(&fact.source, fact.occurred_at);
        orders.get(&(namespace, fact.body.transaction()?))
    }

    fn actions(&self, deliveries: &[usize]) -> impl Iterator<Item = &'a Action> {
        deliveries.iter().filter_map(|place| self.facts[*place].body.action())
    }

    pub(super) fn evidence(&self, deliveries: &[usize]) -> Evidence<'a> {
        let mut evidence = Evidence::default();
        for fact in deliveries.iter().map(|place| self.facts[*place]) {
            let Some(action) = fact.body.action() else { continue };
            evidence.campaign = evidence.campaign.or(action.campaign.as_ref());
            evidence.promo_code = evidence.promo_code.or(action.promo_code.as_ref());
            evidence.named_partner = evidence.named_partner.or(action.named_partner.as_ref());
            let stated = action.cart_opened_at.map(|at| CartOpened {
                at,
                evidence: CartEvidence::Order,
                told_by: fact.event_id,
            });
            evidence.cart = evidence.cart.or(stated);
        }
        evidence
    }

    /// How one step of an order stands, and the outcome of each fact that speaks about it.
    pub(super) fn standing(
        &self,
        deliveries: &[usize],
        order: &Order,
        kind: EventKind,
        outcomes: &mut [Option<Reason>],
    ) -> Standing {
        let is_main = order.main_step() == kind;
        let sent = self.actions(deliveries).find_map(|action| action.value);
        let (value, adjusted_at) = if is_main { self.adjusted(sent, order, outcomes) } else { (sent, None) };
        let mut standing = Standing {
            value,
            verdict: self.verdict(deliveries, order, outcomes),
            refunded: 0,
            wholly_reversed: false,
        };
        if is_main || value.is_some() {
            self.reverse(&mut standing, adjusted_at, order, is_main.then_some(outcomes));
        }
        standing
    }

    /// The last verdict by event time; of several at the same moment the more final. Without any, the plan decides.
    ///
    /// A repeated delivery that is still `pending` decides nothing and so takes no decision back; a status event may.
    fn verdict(&self, deliveries: &[usize], order: &Order, outcomes: &mut [Option<Reason>]) -> Verdict {
        let mut spoken: Vec<(usize, Verdict)> = deliveries
            .iter()
            .skip(1)
            .filter_map(|place| Some((*place, self.facts[*place].body.action()?.status?)))
            .filter(|(_, verdict)| *verdict != Verdict::Pending)
            .collect();
        for place in &order.changes {
            if let FactBody::Status(change) = &self.facts[*place].body {
                spoken.push((*place, change.verdict));
                outcomes[*place] = Some(Reason::Applied);
            }
        }
        spoken.sort_unstable();
        // What the standing delivery says itself is the oldest word on it, whatever the clocks of later senders show.
        let first =
            deliveries.first().and_then(|place| Some((*place, self.facts[*place].body.action()?.status?)));
        let mut last: Option<(Timestamp, Verdict)> = None;
        for (place, verdict) in first.into_iter().chain(spoken) {
            let at = self.facts[place].occurred_at;
            last = match last {
                Some((before, said)) if before == at => Some((at, said.max(verdict))),
                _ => Some((at, verdict)),
            };
        }
        last.map_or(Verdict::Pending, |(_, verdict)| verdict)
    }

    /// The value after the operator's adjustments, and when the last of them was made.
    fn adjusted(
        &self,
        sent: Option<Money>,
        order: &Order,
        outcomes: &mut [Option<Reason>],
    ) -> (Option<Money>, Option<Timestamp>) {
        let (mut value, mut adjusted_at) = (sent, None);
        for place in &order.changes {
            let FactBody::Adjustment(adjustment) = &self.facts[*place].body else { continue };
            let same = value.is_none_or(|value| value.currency == adjustment.value.currency);
            if same {
                value = Some(adjustment.value);
                adjusted_at = Some(self.facts[*place].occurred_at);
            }
            outcomes[*place] = Some(if same { Reason::Applied } else { Reason::CurrencyMismatch });
        }
        (value, adjusted_at)
    }

    /// Takes back refunds and chargebacks, together at most the value. An adjustment is what the operator's books show, so
    /// it contains what flowed back until then.
    fn reverse(
        &self,
        standing: &mut Standing,
        adjusted_at: Option<Timestamp>,
        order: &Order,
        mut outcomes: Option<&mut [Option<Reason>]>,
    ) {
        let whole = standing.value.map_or(0, |value| value.minor);
        for place in &order.reversals {
            let fact = self.facts[*place];
            let (FactBody::Refund(reversal) | FactBody::Chargeback(reversal)) = &fact.body else { continue };
            let outcome = if adjusted_at.is_some_and(|at| fact.occurred_at <= at) {
                Reason::ContainedInAdjustment
            } else {
                match (reversal.value, standing.value) {
                    (None, _) => {
                        standing.refunded = whole;
                        standing.wholly_reversed = true;
                        Reason::Applied
                    }
                    (Some(back), Some(value)) if back.currency != value.currency => Reason::CurrencyMismatch,
                    (Some(back), _) => {
                        let room = whole.saturating_sub(standing.refunded).max(0);
                        let back = back.minor.saturating_abs();
                        standing.refunded += back.min(room);
                        if back > room { Reason::RefundExceedsValue } else { Reason::Applied }
                    }
                }
            };
            if let Some(outcomes) = outcomes.as_deref_mut() {
                outcomes[*place] = Some(outcome);
            }
        }
        standing.wholly_reversed |= whole > 0 && standing.refunded >= whole;
    }
}
