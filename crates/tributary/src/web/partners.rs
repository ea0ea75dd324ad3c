//! What partners earned, where that money is, and what holds it; and the books it lies in.
//!
//! Earned is what plans owe now, after refunds. Each unit of it is in one of three places: open (with a reason), in a payout
//! that has not left, or sent. The ledger says the same from its own entries; where it does not, the page says so.

use std::collections::BTreeMap;

use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{BrandKey, PartnerKey};
use tributary_domain::ledger::{Account, CommissionState};
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_store::state::CommissionSum;

/// A partner's money in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerMoney {
    /// Whose books.
    pub brand: BrandKey,
    /// Who.
    pub partner: PartnerKey,
    /// His name for people, if he is set up.
    pub name: Option<String>,
    /// Number of commission lines.
    pub lines: u64,
    /// What plans owe him, after refunds: open, in payouts and sent together.
    pub earned: Money,
    /// Not in any payout yet; negative when more was paid than is owed now.
    pub open: Money,
    /// In payouts that have not left.
    pub in_payout: Money,
    /// In payouts that were exported or arrived.
    pub sent: Money,
    /// Why the open money is where it is.
    pub holds: Vec<Hold>,
    /// His smallest payout in this currency; smaller balances roll over.
    pub minimum: Option<Money>,
    /// Whether the ledger's balances say the same.
    pub agrees: bool,
}

/// Open money in one state for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The state before payment.
    pub state: CommissionState,
    /// Why.
    pub reason: Reason,
    /// Number of commission lines.
    pub lines: u64,
    /// How much of it is open.
    pub open: Money,
}

/// Balances of every account that is not zero, debits positive.
pub type Balances = [(BrandKey, Account, Money)];

type Key = (BrandKey, Currency, PartnerKey);

/// Partners with commission lines, by brand and currency, the greatest earner first.
#[must_use]
pub fn partners(
    sums: &[CommissionSum],
    balances: &Balances,
    configuration: &Configuration,
) -> Vec<PartnerMoney> {
    let mut grouped: BTreeMap<Key, Vec<&CommissionSum>> = BTreeMap::new();
    for sum in sums {
        grouped.entry((sum.brand.clone(), sum.currency, sum.partner.clone())).or_default().push(sum);
    }
    let books = Books::of(balances);
    let mut rows: Vec<PartnerMoney> =
        grouped.iter().map(|(key, sums)| partner(key, sums, &books, configuration)).collect();
    rows.sort_by(|a, b| {
        let order =
            |row: &PartnerMoney| (row.brand.clone(), row.earned.currency, -i128::from(row.earned.minor));
        order(a).cmp(&order(b)).then_with(|| a.partner.cmp(&b.partner))
    });
    rows
}

fn partner(key: &Key, sums: &[&CommissionSum], books: &Books, configuration: &Configuration) -> PartnerMoney {
    let (brand, currency, partner) = key;
    let money = |minor: i64| Money::new(minor, *currency);
    let earned = total(sums.iter().map(|sum| sum.owed));
    let locked = total(sums.iter().map(|sum| sum.locked));
    let open = earned.saturating_sub(locked);
    let (in_payout, open_in_books) = books.0.get(key).copied().unwrap_or_default();
    let mut holds: Vec<Hold> = sums
        .iter()
        .map(|sum| Hold {
            state: sum.state,
            reason: sum.reason,
            lines: sum.lines,
            open: money(sum.owed.saturating_sub(sum.locked)),
        })
        .collect();
    holds.sort_by_key(|hold| std::cmp::Reverse(hold.open.minor.unsigned_abs()));
    let known =
        configuration.partners.get(&(brand.clone(), partner.clone())).map(|versions| versions.latest());
    let minimum =
        known.and_then(|known| known.minimum_payout.iter().find(|least| least.currency == *currency));
    PartnerMoney {
        brand: brand.clone(),
        partner: partner.clone(),
        name: known.map(|known| known.name.clone()),
        lines: sums.iter().map(|sum| sum.lines).sum(),
        earned: money(earned),
        open: money(open),
        in_payout: money(in_payout),
        sent: money(locked.saturating_sub(in_payout)),
        holds,
        minimum: minimum.copied(),
        agrees: open_in_books == open,
    }
}

/// What the ledger says per partner: minor units in payouts that have not left, and open ones.
struct Books(BTreeMap<Key, (i64, i64)>);

impl Books {
    fn of(balances: &Balances) -> Self {
        let mut books: BTreeMap<Key, (i64, i64)> = BTreeMap::new();
        for (brand, account, money) in balances {
            let (partner, in_payout) = match account {
                Account::Payable(partner) => (partner, true),
                Account::Pending(partner)
                | Account::Approved(partner)
                | Account::Held(partner)
                | Account::Clawback(partner) => (partner, false),
                Account::CommissionExpense | Account::Transit | Account::Cash => continue,
            };
            let place = books.entry((brand.clone(), money.currency, partner.clone())).or_default();
            let part = if in_payout { &mut place.0 } else { &mut place.1 };
            *part = part.saturating_sub(money.minor);
        }
        Self(books)
    }
}

fn total(parts: impl Iterator<Item = i64>) -> i64 {
    parts.fold(0, i64::saturating_add)
}

/// What all partners of one currency have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many partners.
    pub partners: usize,
    /// See [`PartnerMoney::earned`].
    pub earned: Money,
    /// See [`PartnerMoney::open`].
    pub open: Money,
    /// See [`PartnerMoney::in_payout`].
    pub in_payout: Money,
    /// See [`PartnerMoney::sent`].
    pub sent: Money,
}

/// One brand's rows parted by currency, each with its total.
#[must_use]
pub fn by_currency(rows: &[PartnerMoney]) -> Vec<(&[PartnerMoney], Total)> {
    rows.chunk_by(|one, other| one.earned.currency == other.earned.currency)
        .filter_map(|part| {
            let currency = part.first()?.earned.currency;
            let sum = |of: fn(&PartnerMoney) -> Money| {
                Money::new(total(part.iter().map(|row| of(row).minor)), currency)
            };
            let total = Total {
                partners: part.len(),
                earned: sum(|row| row.earned),
                open: sum(|row| row.open),
                in_payout: sum(|row| row.in_payout),
                sent: sum(|row| row.sent),
            };
            Some((part, total))
        })
        .collect()
}

/// One kind of account of a brand, its partners' accounts added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookLine {
    /// The account's name, without the partner.
    pub account: &'static str,
    /// What lies in it.
    pub meaning: &'static str,
    /// Debit balance, zero if there is none.
    pub debit: Money,
    /// Credit balance, zero if there is none.
    pub credit: Money,
}

/// A brand's books in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Its lines, in the order in which money moves.
    pub lines: Vec<BookLine>,
    /// Sum of the debit balances.
    pub debits: Money,
    /// Sum of the credit balances; the books balance when both are equal.
    pub credits: Money,
}

/// A brand's books, one per currency: currencies are never added.
#[must_use]
pub fn books(brand: &BrandKey, balances: &Balances) -> Vec<Book> {
    let mut kinds: BTreeMap<Currency, BTreeMap<(u8, &'static str, &'static str), i64>> = BTreeMap::new();
    for (_, account, money) in balances.iter().filter(|(of, _, _)| of == brand) {
        let sum = kinds.entry(money.currency).or_default().entry(kind(account)).or_default();
        *sum = sum.saturating_add(money.minor);
    }
    kinds
        .into_iter()
        .map(|(currency, kinds)| {
            let lines: Vec<BookLine> = kinds
                .into_iter()
                .map(|((_, account, meaning), minor)| BookLine {
                    account,
                    meaning,
                    debit: Money::new(minor.max(0), currency),
                    credit: Money::new(minor.min(0).saturating_neg(), currency),
                })
                .collect();
            Book {
                debits: Money::new(total(lines.iter().map(|line| line.debit.minor)), currency),
                credits: Money::new(total(lines.iter().map(|line| line.credit.minor)), currency),
                lines,
            }
        })
        .collect()
}

const fn kind(account: &Account) -> (u8, &'static str, &'static str) {
    match account {
        Account::CommissionExpense => (0, "expense:commission", "What partners cost the brand."),
        Account::Pending(_) => (1, "liability:pending", "Granted; the conversions await approval."),
        Account::Approved(_) => {
            (2, "liability:approved", "Approved; in the hold period or ready for the next payout.")
        }
        Account::Held(_) => (3, "liability:held", "On hold: the partner's money is stopped."),
        Account::Payable(_) => (4, "liability:payable", "Locked into payouts that have not left."),
        Account::Transit => (5, "transit", "In exported payouts; the bank has not confirmed them."),
        Account::Cash => (6, "cash", "Paid: the money arrived."),
        Account::Clawback(_) => {
            (7, "receivable:clawback", "Paid, then reversed: taken back from the next payouts.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand() -> BrandKey {
        BrandKey::parse("acme").unwrap()
    }

    fn anna() -> PartnerKey {
        PartnerKey::parse("anna").unwrap()
    }

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn sum(code: &str, state: CommissionState, reason: Reason, owed: i64, locked: i64) -> CommissionSum {
        CommissionSum {
            brand: brand(),
            partner: anna(),
            currency: currency(code),
            state,
            reason,
            lines: 1,
            owed,
            locked,
        }
    }

    fn balance(account: Account, minor: i64, code: &str) -> (BrandKey, Account, Money) {
        (brand(), account, Money::new(minor, currency(code)))
    }

    #[test]
    fn earned_is_open_in_payout_and_sent_and_agrees_with_the_ledger() {
        let sums = [
            sum("EUR", CommissionState::Pending, Reason::AwaitingApproval, 700, 0),
            sum("EUR", CommissionState::Approved, Reason::InHoldPeriod, 5_000, 3_000),
        ];
        let balances = [
            balance(Account::CommissionExpense, 5_700, "EUR"),
            balance(Account::Pending(anna()), -700, "EUR"),
            balance(Account::Approved(anna()), -2_000, "EUR"),
            balance(Account::Payable(anna()), -1_000, "EUR"),
            balance(Account::Cash, -2_000, "EUR"),
        ];
        let rows = partners(&sums, &balances, &Configuration::default());
        assert_eq!(rows.len(), 1);
        let shown =
            [rows[0].earned, rows[0].open, rows[0].in_payout, rows[0].sent].map(|money| money.to_string());
        assert_eq!(shown, ["57.00 EUR", "27.00 EUR", "10.00 EUR", "20.00 EUR"]);
        assert!(rows[0].agrees);
        assert_eq!(rows[0].holds[0].reason, Reason::InHoldPeriod, "the greatest amount comes first");
        let book = &books(&brand(), &balances)[0];
        assert_eq!((book.debits.minor, book.credits.minor), (5_700, 5_700));
    }

    #[test]
    fn a_difference_to_the_ledger_is_seen() {
        let sums = [sum("EUR", CommissionState::Pending, Reason::AwaitingApproval, 700, 0)];
        let balances = [balance(Account::Pending(anna()), -699, "EUR")];
        assert!(!partners(&sums, &balances, &Configuration::default())[0].agrees);
    }

    #[test]
    fn currencies_are_never_added() {
        let sums = ["EUR", "KWD"]
            .map(|code| sum(code, CommissionState::Pending, Reason::AwaitingApproval, 1_000, 0));
        let rows = partners(&sums, &[], &Configuration::default());
        assert_eq!(
            rows.iter().map(|row| row.earned.to_string()).collect::<Vec<_>>(),
            ["10.00 EUR", "1.000 KWD"]
        );
        let balances = ["EUR", "KWD"].map(|code| balance(Account::CommissionExpense, 1_000, code));
        assert_eq!(books(&brand(), &balances).len(), 2);
    }

    #[test]
    fn what_was_paid_and_reversed_is_negative_and_open() {
        let sums = [sum("EUR", CommissionState::Rejected, Reason::Reversed, 0, 400)];
        let balances = [balance(Account::Clawback(anna()), 400, "EUR"), balance(Account::Cash, -400, "EUR")];
        let rows = partners(&sums, &balances, &Configuration::default());
        assert_eq!((rows[0].open.minor, rows[0].sent.minor, rows[0].agrees), (-400, 400, true));
    }
}
