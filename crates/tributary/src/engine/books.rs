//! Writing the books of one commit: chained entries and the balances that they add up to.

use std::collections::{BTreeMap, HashMap};

use tributary_domain::ids::{BrandKey, EventId};
use tributary_domain::ledger::{Account, Entry, Position, chain_hash, transfers};
use tributary_domain::money::{Currency, Money};
use tributary_store::state::ChainHead;

/// Collects the entries of one commit, continuing each brand's chain.
#[derive(Debug)]
pub struct Books {
    heads: HashMap<BrandKey, ChainHead>,
    entries: Vec<Entry>,
    balances: BTreeMap<(BrandKey, Account, Currency), i64>,
}

/// Whose money moves, and why.
#[derive(Debug, Clone)]
pub struct Posting<'a> {
    /// Whose books.
    pub brand: &'a BrandKey,
    /// The ledger's currency.
    pub currency: Currency,
    /// The commission line or payout.
    pub subject: &'a str,
    /// The event that caused it.
    pub cause: EventId,
}

impl Books {
    /// Opens the books where the chains end.
    #[must_use]
    pub fn open(heads: HashMap<BrandKey, ChainHead>) -> Self {
        Self { heads, entries: Vec::new(), balances: BTreeMap::new() }
    }

    /// Books the difference between two positions; nothing when they are equal.
    pub fn post(&mut self, posting: &Posting<'_>, old: &Position, new: &Position) {
        for transfer in transfers(old, new) {
            let head =
                self.heads.entry(posting.brand.clone()).or_insert(ChainHead { number: 0, hash: [0; 32] });
            let amount = Money::new(transfer.minor, posting.currency);
            let number = head.number + 1;
            let hash = chain_hash(&head.hash, number, &transfer, amount, posting.subject, posting.cause);
            *head = ChainHead { number, hash };
            for (account, change) in [(&transfer.debit, transfer.minor), (&transfer.credit, -transfer.minor)]
            {
                *self
                    .balances
                    .entry((posting.brand.clone(), account.clone(), posting.currency))
                    .or_insert(0) += change;
            }
            self.entries.push(Entry {
                brand: posting.brand.clone(),
                number,
                transfer,
                amount,
                subject: posting.subject.to_owned(),
                cause: posting.cause,
                hash,
            });
        }
    }

    /// The entries, the changes of balances, and where the chains end now.
    #[must_use]
    #[allow(
        clippy::type_complexity,
        reason = "three parts of one commit, taken apart at once by its only caller"
    )]
    pub fn close(
        self,
    ) -> (Vec<Entry>, Vec<((BrandKey, Account, Currency), i64)>, HashMap<BrandKey, ChainHead>) {
        (self.entries, self.balances.into_iter().filter(|(_, change)| *change != 0).collect(), self.heads)
    }
}
