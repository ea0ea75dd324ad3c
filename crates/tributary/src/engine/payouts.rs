//! Payout facts: their plans and steps, their own postings, and what they lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tributary_domain::fact::{Fact, FactBody, PayoutAdvance, PayoutPlan, PayoutStep};
use tributary_domain::ids::CommissionId;
use tributary_domain::ledger::payout_position;
use tributary_store::state::{Commit, Payout, StateError};

use super::batch::Arrival;
use super::books::{Books, Posting};
use super::difference::TouchedLine;
use super::view::View;

/// Minor units by which a step changes what payouts hold of a line.
pub(super) type LockChanges = HashMap<CommissionId, i64>;

/// What the payout facts of one step change.
#[derive(Default)]
pub(super) struct PayoutChanges {
    /// Minor units by which locks on lines grow or shrink.
    pub(super) locks: LockChanges,
    /// Whose the lines are whose locks change.
    pub(super) lines: HashMap<CommissionId, TouchedLine>,
    known: HashMap<String, Payout>,
    changed: BTreeMap<String, Payout>,
}

impl PayoutChanges {
    /// Takes the payout facts among the arrivals into account; payouts that change go into `commit`, their money into `books`.
    pub(super) fn of(
        state: &mut View<'_>,
        arrivals: &[Arrival],
        commit: &mut Commit,
        books: &mut Books,
    ) -> Result<Self, StateError> {
        let ids: BTreeSet<String> = arrivals.iter().filter_map(|arrival| payout_of(&arrival.fact)).collect();
        let mut changes = Self::default();
        if ids.is_empty() {
            return Ok(changes);
        }
        changes.known = state.payouts(&ids.into_iter().collect::<Vec<_>>())?;
        for arrival in arrivals {
            match &arrival.fact.body {
                FactBody::PayoutPrepared(plan) => changes.prepare(&arrival.fact, plan),
                FactBody::PayoutAdvanced(advance) => changes.advance(&arrival.fact, advance, books),
                _ => {}
            }
        }
        commit.payouts = std::mem::take(&mut changes.changed).into_values().collect();
        Ok(changes)
    }

    /// A plan locks its lines. The first of several under one id stands.
    fn prepare(&mut self, fact: &Fact, plan: &PayoutPlan) {
        if self.known.contains_key(&*plan.payout.0) {
            return;
        }
        self.lock(fact, plan, 1);
        let payout = Payout {
            brand: fact.brand.clone(),
            plan: plan.clone(),
            step: PayoutStep::Prepared,
            reference: None,
            prepared_at: fact.occurred_at,
            stepped_at: fact.occurred_at,
        };
        self.known.insert(plan.payout.0.to_string(), payout.clone());
        self.changed.insert(plan.payout.0.to_string(), payout);
    }

    /// A step moves the payout's money; a failure gives its lines free.
    fn advance(&mut self, fact: &Fact, advance: &PayoutAdvance, books: &mut Books) {
        let Some(payout) = self.known.get_mut(&*advance.payout.0) else { return };
        if !payout.step.may_become(advance.step) {
            return;
        }
        let (total, partner) = (payout.plan.total(), &payout.plan.partner);
        let posting = Posting {
            brand: &fact.brand,
            currency: total.currency,
            subject: &advance.payout.0,
            cause: fact.event_id,
        };
        books.post(
            &posting,
            &payout_position(partner, payout.step, total.minor),
            &payout_position(partner, advance.step, total.minor),
        );
        payout.step = advance.step;
        payout.stepped_at = fact.occurred_at;
        payout.reference = advance.reference.as_deref().map(str::to_owned).or(payout.reference.take());
        let payout = payout.clone();
        if advance.step == PayoutStep::Failed {
            self.lock(fact, &payout.plan, -1);
        }
        self.changed.insert(advance.payout.0.to_string(), payout);
    }

    fn lock(&mut self, fact: &Fact, plan: &PayoutPlan, sign: i64) {
        for (line, minor) in &plan.lines {
            *self.locks.entry(*line).or_insert(0) += sign * minor;
            let touched = TouchedLine {
                brand: fact.brand.clone(),
                partner: plan.partner.clone(),
                currency: plan.currency,
                cause: fact.event_id,
            };
            self.lines.insert(*line, touched);
        }
    }
}

fn payout_of(fact: &Fact) -> Option<String> {
    match &fact.body {
        FactBody::PayoutPrepared(plan) => Some(plan.payout.0.to_string()),
        FactBody::PayoutAdvanced(advance) => Some(advance.payout.0.to_string()),
        _ => None,
    }
}
