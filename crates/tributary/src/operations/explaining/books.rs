//! Entries in the books and payouts.

use tributary_domain::ledger::Entry;
use tributary_domain::money::Money;
use tributary_store::state::Payout;

use super::answer::{EntryExplained, PayoutExplained, PayoutLine};
use super::{ExplainError, Sight};

/// Lines of a payout that are listed.
const LISTED: usize = 1_000;

impl Sight<'_> {
    pub(super) fn entries_of(&self, subject: &str) -> Result<Vec<EntryExplained>, ExplainError> {
        let entries = self.state.entries_of(subject)?;
        entries.iter().map(|entry| self.entry_explained(entry)).collect()
    }

    pub(super) fn entry_explained(&self, entry: &Entry) -> Result<EntryExplained, ExplainError> {
        let cause = self.state.fact(entry.cause)?;
        Ok(EntryExplained {
            brand: entry.brand.to_string(),
            number: entry.number,
            debit: entry.transfer.debit.to_string(),
            credit: entry.transfer.credit.to_string(),
            amount: entry.amount.into(),
            subject: entry.subject.clone(),
            cause: Some(entry.cause.to_string()),
            cause_kind: cause.map(|stored| stored.fact.body.kind().name().to_owned()),
        })
    }

    pub(super) fn payout(&self, payout: &Payout) -> Result<PayoutExplained, ExplainError> {
        let plan = &payout.plan;
        let mut lines = Vec::new();
        for (id, minor) in plan.lines.iter().take(LISTED) {
            lines.push(PayoutLine {
                commission: id.to_string(),
                conversion: self.state.commission(*id)?.map(|row| row.conversion.to_string()),
                amount: Money::new(*minor, plan.currency).into(),
            });
        }
        Ok(PayoutExplained {
            payout: plan.payout.0.to_string(),
            brand: payout.brand.to_string(),
            run: plan.run.to_string(),
            partner: plan.partner.to_string(),
            total: plan.total().into(),
            step: payout.step.name(),
            prepared_at: payout.prepared_at.to_string(),
            stepped_at: payout.stepped_at.to_string(),
            reference: payout.reference.clone(),
            unlisted: plan.lines.len() - lines.len(),
            lines,
            entries: self.entries_of(&plan.payout.0)?,
        })
    }
}
