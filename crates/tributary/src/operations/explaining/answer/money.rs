//! What is owed, booked and paid, in an explanation.

use serde::Serialize;

use super::{Amount, Verdict, is_zero};

/// A commission line.
#[derive(Debug, Serialize, Clone)]
pub struct CommissionExplained {
    /// Its id.
    pub id: String,
    /// Who earns it.
    pub partner: String,
    /// The plan that grants it.
    pub plan: String,
    /// The plan's rule: `percentage`, `cost_per_action`, or `none` when it is gone.
    pub rule: &'static str,
    /// The rate in words, such as `10 % of the value`.
    pub rate: String,
    /// The arithmetic in words.
    pub formula: String,
    /// What the plan pays for the whole conversion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<Amount>,
    /// The exact amount for the whole conversion in minor units, before rounding half to even.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_whole_minor: Option<String>,
    /// The partner's weight in the conversion.
    pub weight: u64,
    /// All weights of the conversion together.
    pub total_weight: u64,
    /// The exact share of the whole amount in minor units, before it was split by largest remainder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_granted_minor: Option<String>,
    /// Granted before refunds.
    pub granted: Amount,
    /// Owed now.
    pub owed: Amount,
    /// How much of it payouts hold.
    pub in_payouts: Amount,
    /// Its state before payment.
    pub state: &'static str,
    /// Why.
    pub reason: Verdict,
    /// From when on it may be paid.
    pub payable_from: String,
    /// The partner's smallest payout in this currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_payout: Option<Amount>,
    /// What the partner has in all that is approved and not yet in a payout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_in_all: Option<Amount>,
    /// The payouts that hold it, with their step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payouts: Vec<PayoutNamed>,
}

/// A payout that holds a line.
#[derive(Debug, Serialize, Clone)]
pub struct PayoutNamed {
    /// Its id.
    pub payout: String,
    /// How far it is.
    pub step: &'static str,
}

/// A credit for which nobody is paid.
#[derive(Debug, Serialize, Clone)]
pub struct Unpaid {
    /// A partner's key or `@channel`.
    pub earner: String,
    /// Why: `no_plan`, `no_plan_rule`, `no_value`, `other_channel`.
    pub code: &'static str,
    /// The same in words.
    pub message: String,
    /// The plan that has no rule for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// An entry in the books.
#[derive(Debug, Serialize, Clone)]
pub struct EntryExplained {
    /// The brand whose books these are.
    pub brand: String,
    /// Its number there.
    pub number: u64,
    /// The account debited.
    pub debit: String,
    /// The account credited.
    pub credit: String,
    /// How much.
    pub amount: Amount,
    /// The commission line or payout that it belongs to.
    pub subject: String,
    /// The event that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The kind of that event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_kind: Option<String>,
}

/// A payout.
#[derive(Debug, Serialize, Clone)]
pub struct PayoutExplained {
    /// Its id.
    pub payout: String,
    /// Its brand.
    pub brand: String,
    /// Its run.
    pub run: String,
    /// Who is paid.
    pub partner: String,
    /// How much.
    pub total: Amount,
    /// How far it is.
    pub step: &'static str,
    /// When it was prepared.
    pub prepared_at: String,
    /// When it took its last step.
    pub stepped_at: String,
    /// The payment reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its lines, the first thousand.
    pub lines: Vec<PayoutLine>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: usize,
    /// Its entries in the books.
    pub entries: Vec<EntryExplained>,
}

/// One line of a payout.
#[derive(Debug, Serialize, Clone)]
pub struct PayoutLine {
    /// Its id, which can be asked for: the payout and the commission line, with `:` between them.
    pub id: String,
    /// The commission line.
    pub commission: String,
    /// The conversion that it is for, while it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion: Option<String>,
    /// How much; negative is taken back.
    pub amount: Amount,
}
