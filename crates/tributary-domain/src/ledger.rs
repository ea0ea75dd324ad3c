//! The ledger: double entry, append-only, booked as differences between positions.
//!
//! A **position** says where the money of one commission line (or one payout) lies: signed amounts per account that sum to
//! zero, debits positive. When facts change what a line should be, the ledger books exactly the difference between the old
//! and the new position as [`Transfer`]s. So whatever the order of facts, balances end equal, and no line is ever edited.
//!
//! | account | meaning | normal side |
//! | --- | --- | --- |
//! | `expense:commission` | what partners cost the brand | debit |
//! | `liability:pending:{partner}` | granted, conversion not approved | credit |
//! | `liability:approved:{partner}` | approved, in its hold period | credit |
//! | `liability:held:{partner}` | approved, but the partner's money is on hold | credit |
//! | `liability:payable:{partner}` | locked into a payout | credit |
//! | `transit` | payouts exported, not settled | credit |
//! | `cash` | settled payouts | credit |
//! | `receivable:clawback:{partner}` | paid, then reversed: taken from the next payout | debit |
//!
//! Source of the accounts: `domain.md` section 7.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::fact::PayoutStep;
use crate::ids::{BrandKey, EventId, PartnerKey};
use crate::money::Money;

/// An account of one brand; each currency is a ledger of its own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Account {
    /// What partners cost the brand.
    CommissionExpense,
    /// Granted, not approved.
    Pending(PartnerKey),
    /// Approved, in its hold period.
    Approved(PartnerKey),
    /// The partner's money is on hold.
    Held(PartnerKey),
    /// Locked into a payout.
    Payable(PartnerKey),
    /// Exported payouts.
    Transit,
    /// Settled payouts.
    Cash,
    /// Paid, then reversed.
    Clawback(PartnerKey),
}

impl Account {
    /// Reads the published name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "expense:commission" => return Some(Self::CommissionExpense),
            "transit" => return Some(Self::Transit),
            "cash" => return Some(Self::Cash),
            _ => {}
        }
        let (kind, partner) = name.rsplit_once(':')?;
        let partner = PartnerKey::parse(partner).ok()?;
        match kind {
            "liability:pending" => Some(Self::Pending(partner)),
            "liability:approved" => Some(Self::Approved(partner)),
            "liability:held" => Some(Self::Held(partner)),
            "liability:payable" => Some(Self::Payable(partner)),
            "receivable:clawback" => Some(Self::Clawback(partner)),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommissionExpense => f.write_str("expense:commission"),
            Self::Pending(partner) => write!(f, "liability:pending:{partner}"),
            Self::Approved(partner) => write!(f, "liability:approved:{partner}"),
            Self::Held(partner) => write!(f, "liability:held:{partner}"),
            Self::Payable(partner) => write!(f, "liability:payable:{partner}"),
            Self::Transit => f.write_str("transit"),
            Self::Cash => f.write_str("cash"),
            Self::Clawback(partner) => write!(f, "receivable:clawback:{partner}"),
        }
    }
}

/// Where a commission line stands before it is paid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum CommissionState {
    /// The conversion awaits approval.
    Pending,
    /// Approved; payable when its hold period has passed.
    Approved,
    /// Approved or pending, but the partner's money is on hold.
    Held,
    /// The conversion was rejected or wholly refunded: nothing is owed.
    Rejected,
}

impl CommissionState {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Held => "held",
            Self::Rejected => "rejected",
        }
    }

    /// Finds a state by its published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Held, Self::Rejected]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Signed minor units per account, debits positive; they sum to zero.
pub type Position = BTreeMap<Account, i64>;

/// Where the money of a commission line lies.
///
/// `owed` is what the line should be now; `locked` what payouts (other than failed ones) already took of it.
/// What was paid beyond what is owed is a claim on the partner.
///
/// 100.00 were paid, then a fifth of the order was refunded:
/// ```
/// use tributary_domain::ids::PartnerKey;
/// use tributary_domain::ledger::{CommissionState::Approved, commission_position, transfers};
///
/// let anna = PartnerKey::parse("anna").unwrap();
/// let paid = commission_position(&anna, Approved, 10_000, 10_000);
/// let refunded = commission_position(&anna, Approved, 8_000, 10_000);
/// let booked = transfers(&paid, &refunded);
/// assert_eq!(booked.len(), 1);
/// assert_eq!(booked[0].debit.to_string(), "receivable:clawback:anna");
/// assert_eq!(booked[0].credit.to_string(), "expense:commission");
/// assert_eq!(booked[0].minor, 2_000);
/// ```
#[must_use]
pub fn commission_position(partner: &PartnerKey, state: CommissionState, owed: i64, locked: i64) -> Position {
    let mut position = Position::new();
    let mut put = |account: Account, amount: i64| {
        if amount != 0 {
            *position.entry(account).or_insert(0) += amount;
        }
    };
    put(Account::CommissionExpense, owed);
    put(Account::Payable(partner.clone()), -locked);
    let open = owed - locked;
    if open >= 0 {
        let account = match state {
            CommissionState::Pending => Account::Pending(partner.clone()),
            CommissionState::Held => Account::Held(partner.clone()),
            CommissionState::Approved | CommissionState::Rejected => Account::Approved(partner.clone()),
        };
        put(account, -open);
    } else {
        put(Account::Clawback(partner.clone()), -open);
    }
    position
}

/// Where the money of a payout lies; `total` in minor units.
#[must_use]
pub fn payout_position(partner: &PartnerKey, step: PayoutStep, total: i64) -> Position {
    let to = match step {
        PayoutStep::Prepared | PayoutStep::Approved | PayoutStep::Failed => return Position::new(),
        PayoutStep::Exported => Account::Transit,
        PayoutStep::Settled => Account::Cash,
    };
    if total == 0 {
        return Position::new();
    }
    Position::from([(Account::Payable(partner.clone()), total), (to, -total)])
}

/// One entry: an amount from one account to another. Balanced by its form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Debited account.
    pub debit: Account,
    /// Credited account.
    pub credit: Account,
    /// Positive minor units.
    pub minor: i64,
}

/// The transfers that lead from one position to another; none when they are equal.
///
/// Both must sum to zero, as positions do. Accounts are paired in their order, so the result is deterministic.
#[must_use]
pub fn transfers(old: &Position, new: &Position) -> Vec<Transfer> {
    let mut change = new.clone();
    for (account, amount) in old {
        *change.entry(account.clone()).or_insert(0) -= amount;
    }
    let mut debits: Vec<(&Account, i64)> =
        change.iter().filter(|(_, a)| **a > 0).map(|(k, a)| (k, *a)).collect();
    let mut credits: Vec<(&Account, i64)> =
        change.iter().filter(|(_, a)| **a < 0).map(|(k, a)| (k, -*a)).collect();
    let mut transfers = Vec::new();
    while let (Some(debit), Some(credit)) = (debits.last_mut(), credits.last_mut()) {
        let minor = debit.1.min(credit.1);
        transfers.push(Transfer { debit: debit.0.clone(), credit: credit.0.clone(), minor });
        debit.1 -= minor;
        credit.1 -= minor;
        let (debit_done, credit_done) = (debit.1 == 0, credit.1 == 0);
        if debit_done {
            debits.pop();
        }
        if credit_done {
            credits.pop();
        }
    }
    transfers
}

/// A booked entry: a transfer with its cause, chained to the entry before it in the same brand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The brand whose books these are.
    pub brand: BrandKey,
    /// Position in the brand's chain, from 1.
    pub number: u64,
    /// What was transferred.
    pub transfer: Transfer,
    /// Amount in its currency.
    pub amount: Money,
    /// The commission line or payout that the transfer belongs to.
    pub subject: String,
    /// The event that caused it.
    pub cause: EventId,
    /// SHA-256 over the previous entry's hash and this entry's content.
    pub hash: [u8; 32],
}

/// The hash that chains an entry to its predecessor ([0; 32] before the first).
#[must_use]
pub fn chain_hash(
    previous: &[u8; 32],
    number: u64,
    transfer: &Transfer,
    amount: Money,
    subject: &str,
    cause: EventId,
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(number.to_be_bytes());
    for text in [transfer.debit.to_string().as_str(), transfer.credit.to_string().as_str(), subject] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(amount.minor.to_be_bytes());
    hasher.update(amount.currency.code().as_bytes());
    hasher.update(cause.0);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn partner() -> PartnerKey {
        PartnerKey::parse("anna").unwrap()
    }

    fn apply(balances: &mut Position, transfers: &[Transfer]) {
        for transfer in transfers {
            *balances.entry(transfer.debit.clone()).or_insert(0) += transfer.minor;
            *balances.entry(transfer.credit.clone()).or_insert(0) -= transfer.minor;
        }
        balances.retain(|_, amount| *amount != 0);
    }

    /// The worked run of `domain.md` section 7: 100.00 accrued, approved, paid; 20.00 refunded after payment; 50.00 more, offset.
    #[test]
    fn a_commission_s_life_in_the_books() {
        let steps = [
            (CommissionState::Pending, 10_000, 0, "expense:commission 10000, liability:pending:anna -10000"),
            (
                CommissionState::Approved,
                10_000,
                0,
                "expense:commission 10000, liability:approved:anna -10000",
            ),
            (
                CommissionState::Approved,
                10_000,
                10_000,
                "expense:commission 10000, liability:payable:anna -10000",
            ),
            (
                CommissionState::Approved,
                8_000,
                10_000,
                "expense:commission 8000, liability:payable:anna -10000, receivable:clawback:anna 2000",
            ),
            (
                CommissionState::Approved,
                8_000,
                8_000,
                "expense:commission 8000, liability:payable:anna -8000",
            ),
        ];
        let mut balances = Position::new();
        let mut old = Position::new();
        for (state, owed, locked, expected) in steps {
            let new = commission_position(&partner(), state, owed, locked);
            apply(&mut balances, &transfers(&old, &new));
            let shown: Vec<String> =
                balances.iter().map(|(account, amount)| format!("{account} {amount}")).collect();
            assert_eq!(shown.join(", "), expected);
            old = new;
        }
    }

    /// The table of `docs/ledger.md`.
    #[test]
    fn each_step_of_a_commission_s_life_books_one_entry() {
        use CommissionState::{Approved, Pending};
        let mut old = Position::new();
        for (state, owed, locked, expected) in [
            (Pending, 10_000, 0, "expense:commission / liability:pending:anna 10000"),
            (Approved, 10_000, 0, "liability:pending:anna / liability:approved:anna 10000"),
            (Approved, 10_000, 10_000, "liability:approved:anna / liability:payable:anna 10000"),
            (Approved, 8_000, 10_000, "receivable:clawback:anna / expense:commission 2000"),
            (Approved, 8_000, 8_000, "liability:payable:anna / receivable:clawback:anna 2000"),
        ] {
            let new = commission_position(&partner(), state, owed, locked);
            let shown: Vec<String> = transfers(&old, &new)
                .iter()
                .map(|t| format!("{} / {} {}", t.debit, t.credit, t.minor))
                .collect();
            assert_eq!(shown, [expected]);
            old = new;
        }
        let mut old = Position::new();
        for (step, expected) in [
            (PayoutStep::Prepared, &[][..]),
            (PayoutStep::Approved, &[]),
            (PayoutStep::Exported, &["liability:payable:anna / transit 10000"]),
            (PayoutStep::Settled, &["transit / cash 10000"]),
        ] {
            let new = payout_position(&partner(), step, 10_000);
            let shown: Vec<String> = transfers(&old, &new)
                .iter()
                .map(|t| format!("{} / {} {}", t.debit, t.credit, t.minor))
                .collect();
            assert_eq!(shown, expected);
            old = new;
        }
        assert_eq!(payout_position(&partner(), PayoutStep::Failed, 10_000), Position::new());
    }

    #[test]
    fn account_names_read_back() {
        for account in [
            Account::CommissionExpense,
            Account::Pending(partner()),
            Account::Approved(partner()),
            Account::Held(partner()),
            Account::Payable(partner()),
            Account::Transit,
            Account::Cash,
            Account::Clawback(partner()),
        ] {
            assert_eq!(Account::parse(&account.to_string()), Some(account));
        }
        assert_eq!(Account::parse("liability:pending:"), None);
    }

    fn any_position() -> impl Strategy<Value = Position> {
        let state = prop::sample::select(vec![
            CommissionState::Pending,
            CommissionState::Approved,
            CommissionState::Held,
            CommissionState::Rejected,
        ]);
        (state, 0i64..100_000, 0i64..100_000)
            .prop_map(|(state, owed, locked)| commission_position(&partner(), state, owed, locked))
    }

    proptest! {
        #[test]
        fn l1_any_path_of_positions_ends_in_the_last_one(path in prop::collection::vec(any_position(), 1..20)) {
            let mut balances = Position::new();
            let mut old = Position::new();
            for new in &path {
                prop_assert_eq!(new.values().sum::<i64>(), 0);
                let booked = transfers(&old, new);
                prop_assert!(booked.iter().all(|t| t.minor > 0 && t.debit != t.credit));
                apply(&mut balances, &booked);
                prop_assert_eq!(balances.values().sum::<i64>(), 0);
                old = new.clone();
            }
            prop_assert_eq!(&balances, path.last().unwrap());
        }
    }
}
