//! Payouts: planned as values, then carried out step by step.
//!
//! A plan names every commission line and the minor units it pays, so that whoever executes it has nothing left to choose and a
//! crash at any point repeats safely. Its ids are derived from the run, so that planning twice is planning once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::fact::{PayoutId, PayoutPlan, PayoutStep};
use crate::ids::{BrandKey, CommissionId, PartnerKey, fingerprint};
use crate::ledger::CommissionState;
use crate::money::{Currency, Money};
use crate::reason::Reason;
use crate::time::Timestamp;

/// A commission line as it stands in the books.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Which line.
    pub id: CommissionId,
    /// Whose it is.
    pub partner: PartnerKey,
    /// Owed now.
    pub owed: Money,
    /// Minor units already in payouts that did not fail.
    pub locked: i64,
    /// Its state.
    pub state: CommissionState,
    /// From when on it may be paid.
    pub payable_from: Timestamp,
}

/// A partner's balance in one currency that is not paid in this run, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct NotPaid {
    /// Who.
    pub partner: PartnerKey,
    /// How much is ready.
    pub ready: Money,
    /// Why it rolls over.
    pub reason: Reason,
}

/// Plans one run as of a cut-off.
///
/// Ready is what is approved and past its hold period, and what must be taken back of lines that were paid and then reversed.
/// `minimum` gives the smallest payout of a partner in a currency, in minor units.
///
/// Anna has earned 50.00 that may be paid, and of 100.00 paid before, 20.00 were reversed:
/// ```
/// use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey};
/// use tributary_domain::ledger::CommissionState::Approved;
/// use tributary_domain::money::{Currency, Money};
/// use tributary_domain::payout::{Line, plan};
/// use tributary_domain::time::Timestamp;
///
/// let line = |number, owed, locked| Line {
///     id: CommissionId(EventId([number; 16])),
///     partner: PartnerKey::parse("anna").unwrap(),
///     owed: Money::new(owed, Currency::parse("EUR").unwrap()),
///     locked,
///     state: Approved,
///     payable_from: Timestamp(0),
/// };
/// let lines = [line(1, 5_000, 0), line(2, 8_000, 10_000)];
/// let brand = BrandKey::parse("acme").unwrap();
/// let (payouts, not_paid) = plan(&brand, "2026-01", Timestamp(1), &lines, |_, _| 1_000);
/// assert_eq!(payouts[0].total().to_string(), "30.00 EUR");
/// assert!(not_paid.is_empty());
/// ```
#[must_use]
pub fn plan(
    brand: &BrandKey,
    run: &str,
    cut_off: Timestamp,
    lines: &[Line],
    minimum: impl Fn(&PartnerKey, Currency) -> i64,
) -> (Vec<PayoutPlan>, Vec<NotPaid>) {
    let mut ready: BTreeMap<(PartnerKey, Currency), Vec<(CommissionId, i64)>> = BTreeMap::new();
    for line in lines {
        let open = line.owed.minor.saturating_sub(line.locked);
        let due = line.state == CommissionState::Approved && line.payable_from <= cut_off;
        if open < 0 || (open > 0 && due) {
            ready.entry((line.partner.clone(), line.owed.currency)).or_default().push((line.id, open));
        }
    }
    let mut plans = Vec::new();
    let mut not_paid = Vec::new();
    for ((partner, currency), mut lines) in ready {
        lines.sort_unstable();
        lines.dedup_by_key(|(id, _)| *id);
        let total = sum(&lines);
        if total <= 0 || total < minimum(&partner, currency) {
            let reason = if total <= 0 { Reason::NothingPayable } else { Reason::BelowMinimum };
            not_paid.push(NotPaid { partner, ready: Money::new(total, currency), reason });
            continue;
        }
        let payout = payout_id(brand, run, &partner, currency);
        plans.push(PayoutPlan { payout, run: Arc::from(run), partner, currency, lines });
    }
    (plans, not_paid)
}

/// Lines that payouts hold though no conversion grants them any more, as lines on which nothing is owed.
///
/// A click that arrives after a payment may move a conversion's credit to another partner. The line that was paid is then no
/// longer among `lines`, and what was paid for it must come back with the partner's next payout: plan with these added.
#[must_use]
pub fn no_longer_granted<'p>(
    lines: &[Line],
    payouts: impl IntoIterator<Item = (&'p PayoutPlan, PayoutStep)>,
) -> Vec<Line> {
    let granted: HashSet<(CommissionId, Currency)> =
        lines.iter().map(|line| (line.id, line.owed.currency)).collect();
    let mut held: BTreeMap<(CommissionId, Currency), (&PartnerKey, i64)> = BTreeMap::new();
    for (plan, _) in payouts.into_iter().filter(|(_, step)| *step != PayoutStep::Failed) {
        for (id, minor) in plan.lines.iter().filter(|(id, _)| !granted.contains(&(*id, plan.currency))) {
            let line = held.entry((*id, plan.currency)).or_insert((&plan.partner, 0));
            line.1 = line.1.saturating_add(*minor);
        }
    }
    held.into_iter()
        .filter(|(_, (_, locked))| *locked != 0)
        .map(|((id, currency), (partner, locked))| Line {
            id,
            partner: partner.clone(),
            owed: Money::zero(currency),
            locked,
            state: CommissionState::Rejected,
            payable_from: Timestamp(i64::MIN),
        })
        .collect()
}

/// The id of a partner's payout in a run: `po_` and 24 hexadecimal digits.
#[must_use]
pub fn payout_id(brand: &BrandKey, run: &str, partner: &PartnerKey, currency: Currency) -> PayoutId {
    let hash = fingerprint(&[
        brand.as_str().as_bytes(),
        run.as_bytes(),
        partner.as_str().as_bytes(),
        currency.code().as_bytes(),
    ]);
    PayoutId(Arc::from(format!("po_{}", hex::encode(&hash[..12]))))
}

impl PayoutPlan {
    /// What the partner gets.
    #[must_use]
    pub fn total(&self) -> Money {
        Money::new(sum(&self.lines), self.currency)
    }
}

/// The sum of lines. What no ledger could hold is cut to its largest amount rather than wrapped.
fn sum(lines: &[(CommissionId, i64)]) -> i64 {
    let exact: i128 = lines.iter().map(|(_, minor)| i128::from(*minor)).sum();
    i64::try_from(exact).unwrap_or(if exact > 0 { i64::MAX } else { i64::MIN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EventId;

    fn line(
        number: u8,
        partner: &str,
        owed: i64,
        locked: i64,
        state: CommissionState,
        payable_from: i64,
    ) -> Line {
        Line {
            id: CommissionId(EventId([number; 16])),
            partner: PartnerKey::parse(partner).unwrap(),
            owed: Money::new(owed, Currency::parse("EUR").unwrap()),
            locked,
            state,
            payable_from: Timestamp(payable_from),
        }
    }

    #[test]
    fn only_what_is_approved_due_and_not_locked_is_paid_less_what_must_come_back() {
        use CommissionState::{Approved, Held, Pending};
        let lines = [
            line(1, "anna", 5_000, 0, Approved, 10),
            line(2, "anna", 8_000, 10_000, Approved, 10),
            line(3, "anna", 700, 0, Pending, 10),
            line(4, "anna", 700, 0, Approved, 99),
            line(5, "ben", 700, 0, Held, 10),
            line(6, "cleo", 900, 900, Approved, 10),
            line(7, "dora", 400, 0, Approved, 10),
            line(8, "eve", 0, 100, CommissionState::Rejected, 10),
        ];
        let brand = BrandKey::parse("acme").unwrap();
        let (plans, not_paid) = plan(&brand, "2026-01", Timestamp(50), &lines, |_, _| 500);
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].total().to_string(), "30.00 EUR");
        assert_eq!(plans[0].lines, [(lines[0].id, 5_000), (lines[1].id, -2_000)]);
        let reasons: Vec<_> = not_paid.iter().map(|n| (n.partner.as_str(), n.reason)).collect();
        assert_eq!(reasons, [("dora", Reason::BelowMinimum), ("eve", Reason::NothingPayable)]);
        assert_eq!(
            plan(&brand, "2026-01", Timestamp(50), &lines, |_, _| 500).0,
            plans,
            "planning twice is planning once"
        );
    }

    #[test]
    fn what_was_paid_for_a_line_that_is_granted_no_more_comes_back_with_the_next_payout() {
        let brand = BrandKey::parse("acme").unwrap();
        let first = [line(1, "anna", 1_000, 0, CommissionState::Approved, 10)];
        let (paid, _) = plan(&brand, "january", Timestamp(50), &first, |_, _| 0);
        let mut lines = vec![line(2, "anna", 5_000, 0, CommissionState::Approved, 10)];
        assert!(no_longer_granted(&lines, [(&paid[0], PayoutStep::Failed)]).is_empty());
        lines.extend(no_longer_granted(&lines, [(&paid[0], PayoutStep::Settled)]));
        let (next, _) = plan(&brand, "february", Timestamp(60), &lines, |_, _| 0);
        assert_eq!(next[0].lines, [(lines[1].id, -1_000), (lines[0].id, 5_000)]);
        let both = [(&paid[0], PayoutStep::Settled), (&next[0], PayoutStep::Prepared)];
        lines[0].locked = 5_000;
        assert!(no_longer_granted(&lines[..1], both).is_empty(), "taken back once");
    }

    #[test]
    fn a_line_given_twice_is_paid_once_and_sums_beyond_any_ledger_do_not_wrap() {
        let brand = BrandKey::parse("acme").unwrap();
        let one = line(1, "anna", i64::MAX, 0, CommissionState::Approved, 10);
        let two = line(2, "anna", i64::MAX, 0, CommissionState::Approved, 10);
        let (plans, _) = plan(&brand, "run", Timestamp(50), &[one.clone(), two, one], |_, _| 0);
        assert_eq!((plans[0].lines.len(), plans[0].total().minor), (2, i64::MAX));
    }
}
