//! Entries in the books and payouts.

use tributary_domain::ids::CommissionId;
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

    /// A payout with its lines; only with one of them, where that was asked for.
    pub(super) fn payout(
        &self,
        payout: &Payout,
        only: Option<CommissionId>,
    ) -> Result<PayoutExplained, ExplainError> {
        let plan = &payout.plan;
        let wanted = || plan.lines.iter().filter(|(id, _)| only.is_none_or(|only| only == *id));
        let mut lines = Vec::new();
        for (id, minor) in wanted().take(LISTED) {
            lines.push(PayoutLine {
                id: format!("{}:{id}", plan.payout.0),
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
            unlisted: wanted().count() - lines.len(),
            lines,
            entries: self.entries_of(&plan.payout.0)?,
        })
    }
}
