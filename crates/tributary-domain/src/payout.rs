//! Payouts: planned as values, then carried out step by step.
//!
//! A plan names every commission line and the minor units it pays, so that whoever executes it has nothing left to choose and a
//! crash at any point repeats safely. Its ids are derived from the run, so that planning twice is planning once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fact::{PayoutId, PayoutPlan};
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
}
