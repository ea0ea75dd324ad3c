//! Commission: what a plan grants for credit.
//!
//! Worked example. A conversion of 100.00 EUR, credited 40.00 to *anna* and 60.00 to *ben*; both under a plan that pays
//! 10 % of purchases. The plan grants `round(100.00 x 10 %) = 10.00`, split by the same weights: 4.00 and 6.00. A plan that
//! pays 25.00 per purchase grants 10.00 and 15.00. Partners under different plans are granted their part of each plan's amount.
//!
//! The exact product is rounded once per plan (half to even) and then split by largest remainder; nothing is rounded twice.

use crate::configuration::{Plan, Rate};
use crate::ids::Goal;
use crate::money::{Money, round_half_even, split_by_largest_remainder};

/// What the plan pays for one whole conversion of that goal and value; `None` when it has no rule for it.
///
/// A percentage of a conversion without value is nothing.
///
/// ```
/// use tributary_domain::commission::full_grant;
/// use tributary_domain::configuration::{Plan, Rate};
/// use tributary_domain::ids::{BrandKey, Goal};
/// use tributary_domain::money::{Currency, Money};
/// use tributary_domain::time::Span;
///
/// let purchase = Goal::parse("purchase").unwrap();
/// let plan = Plan {
///     brand: BrandKey::parse("acme").unwrap(),
///     rules: vec![(purchase.clone(), Rate::Percentage { ppm: 75_000 })],
///     hold: Span::days(30),
///     approves_automatically: false,
/// };
/// let eur = |minor| Money::new(minor, Currency::parse("EUR").unwrap());
/// assert_eq!(full_grant(&plan, &purchase, Some(eur(10_000))), Some(eur(750)));
/// assert_eq!(full_grant(&plan, &purchase, Some(eur(20))), Some(eur(2)), "1.5 cents: half to even");
/// assert_eq!(full_grant(&plan, &Goal::parse("ftd").unwrap(), Some(eur(10_000))), None);
/// ```
#[must_use]
pub fn full_grant(plan: &Plan, goal: &Goal, value: Option<Money>) -> Option<Money> {
    let (_, rate) = plan.rules.iter().find(|(of, _)| of == goal)?;
    match rate {
        Rate::CostPerAction(amount) => Some(*amount),
        Rate::Percentage { ppm } => value.map(|value| {
            Money::new(round_half_even(value.minor, i64::from(*ppm), 1_000_000), value.currency)
        }),
    }
}

/// The plan's amount for the partners that it covers.
///
/// `weights` are those of every credit; `covered` marks the ones that this plan pays. The whole grant is split by all
/// weights, and the parts of credits under other plans, or of channels that nobody is paid for, are left out: so a plan
/// that pays 100 % grants every partner exactly his credit. The result has one amount per covered credit, in order.
///
/// ```
/// use tributary_domain::commission::share_grant;
/// use tributary_domain::money::{Currency, Money};
///
/// let ten = Money::new(1_000, Currency::parse("EUR").unwrap());
/// assert_eq!(share_grant(ten, &[4, 6], &[true, true]), [400, 600]);
/// assert_eq!(share_grant(ten, &[1, 1, 1], &[false, true, true]), [333, 333]);
/// ```
#[must_use]
pub fn share_grant(grant: Money, weights: &[u64], covered: &[bool]) -> Vec<i64> {
    if weights.iter().all(|weight| *weight == 0) {
        return covered.iter().filter(|covered| **covered).map(|_| 0).collect();
    }
    let parts = split_by_largest_remainder(grant.minor, weights);
    parts.into_iter().zip(covered).filter(|(_, covered)| **covered).map(|(part, _)| part).collect()
}

/// What is left of a commission after refunds of `refunded` out of `value` minor units.
///
/// The part taken back is computed from the cumulative refund each time, so that many small refunds never take back more
/// than the commission: 3.00 on 29.99 with refunds of 10.00 leaves 2.00, 1.00, 0.00 and a rest of 0.00.
///
/// ```
/// use tributary_domain::commission::after_refund;
///
/// assert_eq!([0, 1_000, 2_000, 2_999].map(|refunded| after_refund(300, 2_999, refunded)), [300, 200, 100, 0]);
/// ```
#[must_use]
pub fn after_refund(commission: i64, value: i64, refunded: i64) -> i64 {
    if refunded <= 0 {
        commission
    } else if refunded >= value {
        0
    } else {
        commission - round_half_even(commission, refunded, value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::BrandKey;
    use crate::money::Currency;
    use crate::time::Span;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::parse("EUR").unwrap())
    }

    fn plan() -> Plan {
        let goal = |name| Goal::parse(name).unwrap();
        Plan {
            brand: BrandKey::parse("acme").unwrap(),
            rules: vec![
                (goal("purchase"), Rate::Percentage { ppm: 100_000 }),
                (goal("ftd"), Rate::CostPerAction(eur(2500))),
            ],
            hold: Span::days(30),
            approves_automatically: false,
        }
    }

    #[test]
    fn a_plan_pays_by_goal() {
        let goal = |name| Goal::parse(name).unwrap();
        for (name, value, expected) in [
            ("purchase", Some(eur(10_000)), Some(eur(1_000))),
            ("purchase", Some(eur(5)), Some(eur(0))),
            ("purchase", Some(eur(15)), Some(eur(2))),
            ("purchase", None, None),
            ("ftd", None, Some(eur(2_500))),
            ("registration", Some(eur(1)), None),
        ] {
            assert_eq!(full_grant(&plan(), &goal(name), value), expected, "{name}");
        }
    }

    #[test]
    fn touchpoints_outside_the_plan_keep_their_share_out_of_it() {
        assert_eq!(share_grant(eur(1_000), &[4, 6], &[true, true]), [400, 600]);
        assert_eq!(share_grant(eur(1_000), &[4, 6], &[false, true]), [600]);
        assert_eq!(share_grant(eur(1_000), &[0, 1], &[true, false]), [0]);
        assert_eq!(share_grant(eur(10_000), &[1, 1, 1], &[false, true, true]), [3_333, 3_333]);
        assert_eq!(
            share_grant(eur(i64::MAX), &[u64::MAX, u64::MAX], &[true, true]).iter().sum::<i64>(),
            i64::MAX
        );
    }

    #[test]
    fn partial_refunds_never_take_back_more_than_was_granted() {
        assert_eq!(
            [0, 1000, 2000, 2999, 3000].map(|refunded| after_refund(300, 2999, refunded)),
            [300, 200, 100, 0, 0]
        );
    }

    proptest! {
        #[test]
        fn more_refund_never_leaves_more_commission(commission in 0i64..1_000_000, value in 1i64..10_000_000, one in 0i64..10_000_000, more in 0i64..1_000_000) {
            let (less, much) = (after_refund(commission, value, one), after_refund(commission, value, one + more));
            prop_assert!(much <= less && (0..=commission).contains(&much));
        }
    }
}
