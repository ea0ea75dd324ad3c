//! What plans grant for the credits of a conversion, with the arithmetic, and why nothing is granted.

use tributary_domain::attribution::Earner;
use tributary_domain::commission::full_grant;
use tributary_domain::configuration::{Plan, Rate};
use tributary_domain::fact::FactBody;
use tributary_domain::ids::{EventId, PartnerKey, PlanKey};
use tributary_domain::ledger::{Account, CommissionState};
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};

use super::answer::{CommissionExplained, PayoutNamed, Unpaid};
use super::fraction::{Fraction, percent, percentage};
use super::{ExplainError, Sight};
use crate::engine::rollup::label;

impl Sight<'_> {
    pub(super) fn commission(
        &self,
        conversion: &Conversion,
        line: &Commission,
    ) -> Result<CommissionExplained, ExplainError> {
        let plan = self.configuration.plan(&conversion.brand, &line.plan, conversion.occurred_at);
        let rate = plan.and_then(|plan| rate_of(plan, conversion));
        let whole = plan.and_then(|plan| full_grant(plan, &conversion.goal, conversion.value));
        let (weight, total_weight) = self.weight_of(conversion, line);
        let stored = self.state.commission(line.id)?;
        let locked = stored.map_or(0, |row| row.line.locked);
        let (minimum_payout, open_in_all) = self.towards_minimum(conversion, line, locked)?;
        let exact_whole = rate.map(|rate| exact_whole(rate, conversion));
        let payouts = self.payouts_of(line)?;
        let rolls_over =
            minimum_payout.zip(open_in_all).is_some_and(|(least, open)| open.minor < least.minor);
        let reason = if line.reason == Reason::InHoldPeriod && line.payable_from <= self.now {
            after_hold(line, locked, &payouts, rolls_over)
        } else {
            line.reason
        };
        Ok(CommissionExplained {
            id: line.id.to_string(),
            partner: line.partner.to_string(),
            plan: line.plan.to_string(),
            rule: match rate {
                Some(Rate::Percentage { .. }) => "percentage",
                Some(Rate::CostPerAction(_)) => "cost_per_action",
                None => "none",
            },
            rate: rate.map_or_else(|| "no rule".to_owned(), |rate| rate_in_words(rate, conversion)),
            formula: formula(rate, conversion, whole, (weight, total_weight), line),
            whole: whole.map(Into::into),
            exact_whole_minor: exact_whole.map(|exact| exact.to_string()),
            weight,
            total_weight,
            exact_granted_minor: whole
                .map(|whole| Fraction::of(whole.minor, weight, total_weight).to_string()),
            granted: line.granted.into(),
            owed: Money::new(line.owed, line.granted.currency).into(),
            in_payouts: Money::new(locked, line.granted.currency).into(),
            state: line.state.name(),
            reason: reason.into(),
            payable_from: line.payable_from.to_string(),
            minimum_payout: minimum_payout.map(Into::into),
            open_in_all: open_in_all.map(Into::into),
            payouts,
        })
    }

    /// The partner's minimum payout and what he has towards it, for a line that is approved and not paid yet.
    fn towards_minimum(
        &self,
        conversion: &Conversion,
        line: &Commission,
        locked: i64,
    ) -> Result<(Option<Money>, Option<Money>), ExplainError> {
        if line.state != CommissionState::Approved || locked >= line.owed {
            return Ok((None, None));
        }
        let currency = line.granted.currency;
        let partner = self.configuration.partners.get(&(conversion.brand.clone(), line.partner.clone()));
        let minimum = partner.and_then(|versions| {
            versions.latest().minimum_payout.iter().find(|minimum| minimum.currency == currency).copied()
        });
        if minimum.is_none() {
            return Ok((None, None));
        }
        let (approved, clawback) =
            (Account::Approved(line.partner.clone()), Account::Clawback(line.partner.clone()));
        let balances = self.state.balances()?;
        let of_partner = balances.iter().filter(|(brand, account, money)| {
            *brand == conversion.brand
                && money.currency == currency
                && (*account == approved || *account == clawback)
        });
        // Liabilities are credits, which stand as negative balances.
        let open = of_partner.fold(0_i64, |sum, (_, _, money)| sum.saturating_sub(money.minor));
        Ok((minimum, Some(Money::new(open, currency))))
    }

    /// The payouts that held the line, as the causes of its entries tell, oldest first.
    fn payouts_of(&self, line: &Commission) -> Result<Vec<PayoutNamed>, ExplainError> {
        let mut named: Vec<PayoutNamed> = Vec::new();
        let mut seen: Vec<EventId> = Vec::new();
        for entry in self.state.entries_of(&line.id.to_string())? {
            if seen.contains(&entry.cause) {
                continue;
            }
            seen.push(entry.cause);
            let Some(stored) = self.state.fact(entry.cause)? else { continue };
            let FactBody::PayoutPrepared(plan) = stored.fact.body else { continue };
            if let Some(payout) = self.state.payout(&plan.payout.0)? {
                named.push(PayoutNamed { payout: plan.payout.0.to_string(), step: payout.step.name() });
            }
        }
        Ok(named)
    }

    /// The weights of the credits that the line is for, and of all.
    fn weight_of(&self, conversion: &Conversion, line: &Commission) -> (u64, u64) {
        let own = |credit: &&Credit| {
            credit.earner == Earner::Partner(line.partner.clone())
                && self.plan_of(conversion, credit, &line.partner).as_ref() == Some(&line.plan)
        };
        let weight = conversion.credits.iter().filter(own).map(|credit| credit.weight).sum();
        (weight, conversion.credits.first().map_or(0, |credit| credit.total_weight))
    }

    /// The plan that pays a credit: the partner's own, else that of the touchpoint's campaign.
    fn plan_of(&self, conversion: &Conversion, credit: &Credit, partner: &PartnerKey) -> Option<PlanKey> {
        let (brand, at) = (&conversion.brand, conversion.occurred_at);
        let own = self.configuration.partner(brand, partner, at).and_then(|found| found.plan.clone());
        own.or_else(|| self.configuration.campaign(brand, credit.campaign.as_ref()?, at)?.plan.clone())
    }

    /// Credits for which nobody is paid.
    pub(super) fn unpaid(&self, conversion: &Conversion) -> Vec<Unpaid> {
        let mut unpaid: Vec<Unpaid> = Vec::new();
        for credit in &conversion.credits {
            let earner = label(&credit.earner);
            let Earner::Partner(partner) = &credit.earner else {
                unpaid.push(Unpaid {
                    earner,
                    code: "other_channel",
                    message: "It is a channel, not a partner; nobody is paid for it.".to_owned(),
                    plan: None,
                });
                continue;
            };
            let plan = self.plan_of(conversion, credit, partner);
            let is_paid = |line: &Commission| line.partner == *partner && Some(&line.plan) == plan.as_ref();
            if conversion.commissions.iter().any(is_paid) {
                continue;
            }
            let (code, message) = self.why_unpaid(conversion, plan.as_ref());
            unpaid.push(Unpaid { earner, code, message, plan: plan.map(|plan| plan.to_string()) });
        }
        unpaid.dedup_by(|one, other| one.earner == other.earner && one.code == other.code);
        unpaid
    }

    fn why_unpaid(&self, conversion: &Conversion, plan: Option<&PlanKey>) -> (&'static str, String) {
        let (brand, goal) = (&conversion.brand, &conversion.goal);
        let Some(key) = plan else {
            return (
                "no_plan",
                "Neither the partner nor the campaign has a plan, so no plan pays for it.".to_owned(),
            );
        };
        let found = self.configuration.plan(brand, key, conversion.occurred_at);
        match found.and_then(|plan| rate_of(plan, conversion)) {
            Some(Rate::Percentage { .. }) if conversion.value.is_none() => {
                ("no_value", format!("The plan pays a share of the value of each {goal}, and none was sent."))
            }
            _ => (
                "no_plan_rule",
                format!("The plan has no rule for the goal {goal}, so no plan pays for {goal}."),
            ),
        }
    }
}

/// Why an approved line whose hold period is over stands as it does at the moment asked. The books do not change when a hold ends, so the
/// settled reason still names it.
fn after_hold(line: &Commission, locked: i64, payouts: &[PayoutNamed], rolls_over: bool) -> Reason {
    let holding = payouts.iter().rev().find(|payout| payout.step != "failed");
    match holding.filter(|_| locked >= line.owed && line.owed > 0).map(|payout| payout.step) {
        Some("prepared") => Reason::PayoutPrepared,
        Some("approved") => Reason::PayoutApproved,
        Some("exported") => Reason::PayoutExported,
        Some("settled") => Reason::PayoutSettled,
        _ if rolls_over => Reason::BelowMinimum,
        _ => Reason::Payable,
    }
}

fn rate_of(plan: &Plan, conversion: &Conversion) -> Option<Rate> {
    plan.rules.iter().find(|(goal, _)| *goal == conversion.goal).map(|(_, rate)| *rate)
}

fn exact_whole(rate: Rate, conversion: &Conversion) -> Fraction {
    match rate {
        Rate::CostPerAction(amount) => Fraction::of(amount.minor, 1, 1),
        Rate::Percentage { ppm } => {
            Fraction::of(conversion.value.map_or(0, |value| value.minor), u64::from(ppm), 1_000_000)
        }
    }
}

fn rate_in_words(rate: Rate, conversion: &Conversion) -> String {
    match rate {
        Rate::CostPerAction(amount) => format!("{amount} per {}", conversion.goal),
        Rate::Percentage { ppm } => format!("{} % of the value", percent(ppm)),
    }
}

fn formula(
    rate: Option<Rate>,
    conversion: &Conversion,
    whole: Option<Money>,
    (weight, total): (u64, u64),
    line: &Commission,
) -> String {
    let base = match (rate, conversion.value, whole) {
        (Some(Rate::Percentage { ppm }), Some(value), Some(whole)) => {
            format!("{value} x {} % = {whole}", percent(ppm))
        }
        (_, _, Some(whole)) => format!("{whole} per {}", conversion.goal),
        _ => return format!("{} as booked", line.granted),
    };
    if weight == total {
        return format!("{base}, all of it");
    }
    format!("{base}; {} of it = {}", percentage(weight, total), line.granted)
}
