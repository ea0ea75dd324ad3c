//! Reconciliation: our conversions of a period against the operator's own list.
//!
//! Both sides are matched by transaction id; classes and default actions follow `domain.md` section 8. Amounts in one
//! currency must be equal; nothing is guessed across currencies.

use std::collections::{BTreeMap, HashSet};

use crate::fact::Verdict;
use crate::ids::{EventId, TransactionId};
use crate::money::Money;
use crate::reason::Reason;

/// One conversion as we hold it.
#[derive(Clone, PartialEq, Debug)]
pub struct Ours {
    /// Its event.
    pub event_id: EventId,
    /// Its number.
    pub transaction: TransactionId,
    /// Its value, refunds taken off.
    pub value: Option<Money>,
    /// Its verdict.
    pub verdict: Verdict,
}

/// One row of the operator's file.
#[derive(Clone, PartialEq, Debug)]
pub struct Theirs {
    /// Line in the file, from 1.
    pub line: u64,
    /// The operator's number.
    pub transaction: TransactionId,
    /// The operator's amount.
    pub value: Option<Money>,
    /// The operator's verdict; a row without one counts as approved, since the operator lists what he stands by.
    pub verdict: Verdict,
}

/// What to book so that both sides agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proposal {
    /// Nothing to do.
    None,
    /// Set the verdict.
    SetVerdict(Verdict),
    /// Set the value as the operator's books show it at the time of comparison, refunds taken off, and the verdict.
    SetValue(Money, Verdict),
    /// Create the conversion from the file's row.
    Create,
    /// A person must look.
    Review,
}

/// One compared transaction.
#[derive(Clone, PartialEq, Debug)]
pub struct Compared {
    /// Its number.
    pub transaction: TransactionId,
    /// Our side.
    pub ours: Option<Ours>,
    /// Their side.
    pub theirs: Option<Theirs>,
    /// The class it falls in.
    pub class: Reason,
    /// What to book.
    pub proposal: Proposal,
}

/// Compares both sides. The result is in order of transaction id, duplicates of the file after their first row.
///
/// ```
/// use tributary_domain::fact::Verdict::{Approved, Pending};
/// use tributary_domain::ids::{EventId, TransactionId};
/// use tributary_domain::money::{Currency, Money};
/// use tributary_domain::reason::Reason;
/// use tributary_domain::reconciliation::{Ours, Proposal, Theirs, reconcile};
///
/// let order = TransactionId::parse("order-1").unwrap();
/// let eur = |minor| Some(Money::new(minor, Currency::parse("EUR").unwrap()));
/// let ours = Ours { event_id: EventId([1; 16]), transaction: order.clone(), value: eur(1_000), verdict: Pending };
/// let theirs = Theirs { line: 2, transaction: order, value: eur(950), verdict: Approved };
/// let compared = reconcile(vec![ours], vec![theirs]);
/// assert_eq!(compared[0].class, Reason::AmountDiffers);
/// assert_eq!(compared[0].proposal, Proposal::SetValue(eur(950).unwrap(), Approved));
/// ```
#[must_use]
pub fn reconcile(ours: Vec<Ours>, theirs: Vec<Theirs>) -> Vec<Compared> {
    let mut by_number: BTreeMap<TransactionId, Vec<Ours>> = BTreeMap::new();
    for each in ours {
        by_number.entry(each.transaction.clone()).or_default().push(each);
    }
    for same in by_number.values_mut() {
        same.sort_by_key(|each| each.event_id);
    }
    let mut seen = HashSet::new();
    let mut compared = Vec::new();
    for row in theirs {
        let transaction = row.transaction.clone();
        let own = by_number.get(&transaction).and_then(|same| same.first()).cloned();
        let (class, proposal) = if seen.insert(transaction.clone()) {
            classify(own.as_ref(), &row)
        } else {
            (Reason::DuplicateTheirs, Proposal::None)
        };
        compared.push(Compared { transaction, ours: own, theirs: Some(row), class, proposal });
    }
    for (transaction, same) in by_number {
        let listed = seen.contains(&transaction);
        for (place, own) in same.into_iter().enumerate() {
            if place > 0 || !listed {
                let class = if place > 0 { Reason::DuplicateOurs } else { Reason::MissingTheirs };
                let proposal = if place > 0 { Proposal::Review } else { Proposal::None };
                compared.push(Compared {
                    transaction: transaction.clone(),
                    ours: Some(own),
                    theirs: None,
                    class,
                    proposal,
                });
            }
        }
    }
    compared.sort_by(|a, b| {
        let line = |c: &Compared| c.theirs.as_ref().map_or(u64::MAX, |row| row.line);
        (&a.transaction, line(a)).cmp(&(&b.transaction, line(b)))
    });
    compared
}

fn classify(own: Option<&Ours>, row: &Theirs) -> (Reason, Proposal) {
    let Some(own) = own else {
        // What the operator rejects himself is not worth creating.
        let proposal = if row.verdict == Verdict::Rejected { Proposal::None } else { Proposal::Create };
        return (Reason::MissingOurs, proposal);
    };
    let amount = match (own.value, row.value) {
        (Some(mine), Some(other)) if mine.currency != other.currency => {
            return (Reason::CurrencyDiffers, Proposal::Review);
        }
        (Some(mine), Some(other)) => (mine.minor != other.minor).then_some(other),
        (None, Some(other)) => (other.minor != 0).then_some(other),
        (_, None) => None,
    };
    match (own.verdict, row.verdict, amount) {
        // A row that is not decided does not take a decision back by itself.
        (Verdict::Approved | Verdict::Rejected, Verdict::Pending, _) => {
            (Reason::StatusDiffers, Proposal::Review)
        }
        (Verdict::Approved | Verdict::Pending, Verdict::Rejected, _) => {
            (Reason::StatusDiffers, Proposal::SetVerdict(Verdict::Rejected))
        }
        (Verdict::Rejected, Verdict::Approved, Some(other)) => {
            (Reason::StatusDiffers, Proposal::SetValue(other, Verdict::Approved))
        }
        (Verdict::Rejected, Verdict::Approved, None) => {
            (Reason::StatusDiffers, Proposal::SetVerdict(Verdict::Approved))
        }
        (_, verdict, Some(other)) => (Reason::AmountDiffers, Proposal::SetValue(other, verdict)),
        (mine, verdict, None) if mine != verdict => (Reason::Matched, Proposal::SetVerdict(verdict)),
        _ => (Reason::Matched, Proposal::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn verdict(word: &str) -> Verdict {
        match word {
            "approved" => Verdict::Approved,
            "rejected" => Verdict::Rejected,
            _ => Verdict::Pending,
        }
    }

    fn money(text: &str) -> Option<Money> {
        let (amount, currency) = text.split_once(' ')?;
        Some(Money::parse(amount, Currency::parse(currency).unwrap()).unwrap())
    }

    #[test]
    fn every_class_is_told_apart() {
        let ours = [
            ("a", "10.00 EUR", "pending"),
            ("b", "10.00 EUR", "pending"),
            ("c", "10.00 EUR", "approved"),
            ("d", "10.00 EUR", "pending"),
            ("e", "10.00 EUR", "pending"),
            ("g", "10.00 EUR", "approved"),
            ("g", "10.00 EUR", "pending"),
            ("h", "10.00 EUR", "pending"),
            ("i", "10.00 EUR", "rejected"),
            ("j", "10.00 EUR", "rejected"),
            ("k", "10.00 EUR", "approved"),
            ("l", "-", "pending"),
            ("m", "10.00 EUR", "pending"),
        ];
        let theirs = [
            ("a", "10.00 EUR", "approved"),
            ("b", "9.50 EUR", "approved"),
            ("c", "10.00 EUR", "rejected"),
            ("d", "10.00 USD", "approved"),
            ("f", "5.00 EUR", "approved"),
            ("g", "10.00 EUR", "approved"),
            ("h", "10.00 EUR", "approved"),
            ("h", "10.00 EUR", "approved"),
            ("i", "8.00 EUR", "approved"),
            ("j", "10.00 EUR", "pending"),
            ("k", "9.00 EUR", "pending"),
            ("l", "3.00 EUR", "approved"),
            ("m", "8.00 EUR", "rejected"),
            ("n", "8.00 EUR", "rejected"),
        ];
        let ours = ours
            .iter()
            .enumerate()
            .map(|(number, (transaction, value, status))| Ours {
                event_id: EventId([number as u8; 16]),
                transaction: TransactionId::parse(transaction).unwrap(),
                value: money(value),
                verdict: verdict(status),
            })
            .collect();
        let theirs = theirs
            .iter()
            .enumerate()
            .map(|(number, (transaction, value, status))| Theirs {
                line: number as u64 + 2,
                transaction: TransactionId::parse(transaction).unwrap(),
                value: money(value),
                verdict: verdict(status),
            })
            .collect();
        let shown: Vec<String> = reconcile(ours, theirs)
            .iter()
            .map(|c| format!("{} {} {:?}", c.transaction, c.class.code(), c.proposal))
            .collect();
        assert_eq!(
            shown,
            [
                "a matched SetVerdict(Approved)",
                "b amount_differs SetValue(Money { minor: 950, currency: EUR }, Approved)",
                "c status_differs SetVerdict(Rejected)",
                "d currency_differs Review",
                "e missing_theirs None",
                "f missing_ours Create",
                "g matched None",
                "g duplicate_ours Review",
                "h matched SetVerdict(Approved)",
                "h duplicate_theirs None",
                "i status_differs SetValue(Money { minor: 800, currency: EUR }, Approved)",
                "j status_differs Review",
                "k status_differs Review",
                "l amount_differs SetValue(Money { minor: 300, currency: EUR }, Approved)",
                "m status_differs SetVerdict(Rejected)",
                "n missing_ours None",
            ]
        );
    }
}
