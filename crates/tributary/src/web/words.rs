//! What pages say about things: a sentence for an event, and for every status its reason and what happens next.

use tributary_domain::attribution::Earner;
use tributary_domain::fact::{Fact, FactBody, PayoutStep, Touch, Verdict};
use tributary_domain::ledger::CommissionState;
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;

use super::figures::{money, share};

/// How a status looks: colour, sign and word together, never colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Waits for something.
    Waiting,
    /// Stopped or took no effect: somebody should look.
    Bad,
    /// Neither.
    Plain,
}

impl Tone {
    /// Its class in the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
            Self::Plain => "plain-tone",
        }
    }

    /// Its sign, for eyes only: the word beside it says the same.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Good => "\u{2713}",
            Self::Waiting => "\u{22ef}",
            Self::Bad => "!",
            Self::Plain => "\u{2022}",
        }
    }
}

/// The tone of an event's or conversion's outcome.
#[must_use]
pub const fn outcome_tone(reason: Reason) -> Tone {
    match reason {
        Reason::Recorded | Reason::Applied | Reason::Attributed | Reason::CustomerOwned => Tone::Good,
        Reason::AwaitingConversion | Reason::NoTouchpoint | Reason::NoEligibleTouchpoint => Tone::Waiting,
        Reason::CurrencyMismatch | Reason::RefundExceedsValue | Reason::PayloadConflict => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// The tone of a verdict.
#[must_use]
pub const fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Approved => Tone::Good,
        Verdict::Pending => Tone::Waiting,
        Verdict::Rejected => Tone::Bad,
    }
}

/// The tone of a commission's state.
#[must_use]
pub const fn commission_tone(state: CommissionState) -> Tone {
    match state {
        CommissionState::Approved => Tone::Good,
        CommissionState::Pending => Tone::Waiting,
        CommissionState::Held => Tone::Bad,
        CommissionState::Rejected => Tone::Plain,
    }
}

/// A payout's reason, by its step.
#[must_use]
pub const fn payout_reason(step: PayoutStep) -> Reason {
    match step {
        PayoutStep::Prepared => Reason::PayoutPrepared,
        PayoutStep::Approved => Reason::PayoutApproved,
        PayoutStep::Exported => Reason::PayoutExported,
        PayoutStep::Settled => Reason::PayoutSettled,
        PayoutStep::Failed => Reason::PayoutFailed,
    }
}

/// The tone of a payout's step.
#[must_use]
pub const fn payout_tone(step: PayoutStep) -> Tone {
    match step {
        PayoutStep::Settled => Tone::Good,
        PayoutStep::Failed => Tone::Bad,
        PayoutStep::Prepared | PayoutStep::Approved | PayoutStep::Exported => Tone::Waiting,
    }
}

/// What happens next to what is in this state; empty when nothing does.
#[must_use]
pub const fn next(reason: Reason) -> &'static str {
    match reason {
        Reason::InHoldPeriod => "It then joins the next payout run.",
        Reason::Payable => "Joins the next payout run.",
        Reason::Rejected | Reason::Reversed => "What was paid already is taken back from the next payout.",
        Reason::PayoutPrepared => "`tributary payout approve` lets it go out.",
        Reason::PayoutApproved => "`tributary payout export` writes the payment file.",
        Reason::PayoutExported => "`tributary payout settle` records the bank's answer.",
        Reason::PayoutFailed => "Joins the next payout run.",
        other => other.hint(),
    }
}

/// What a verdict means and what happens next.
#[must_use]
pub const fn verdict_sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "The operator approved it.",
        Verdict::Pending => "No verdict yet: a status event or reconciliation gives it.",
        Verdict::Rejected => "The operator rejected it; nothing is owed.",
    }
}

/// What an event says, without anything personal.
#[must_use]
pub fn event_sentence(fact: &Fact) -> String {
    match &fact.body {
        FactBody::Click(touch) | FactBody::Impression(touch) => touched(touch),
        FactBody::Registration(action) | FactBody::Qualification(action) | FactBody::Conversion(action) => {
            let number = action.transaction.as_ref().map(|number| format!(" {number}"));
            let value = action.value.map(|value| format!(", {}", money(value)));
            format!("{}{}{}", action.goal, number.unwrap_or_default(), value.unwrap_or_default())
        }
        FactBody::Refund(reversal) | FactBody::Chargeback(reversal) => {
            let value = reversal.value.map_or_else(|| "all".to_owned(), money);
            format!("{value} of {}", reversal.transaction)
        }
        FactBody::Status(change) => format!("{} is {}", change.transaction, change.verdict.name()),
        FactBody::Adjustment(adjustment) => {
            format!("{} is worth {}", adjustment.transaction, money(adjustment.value))
        }
        FactBody::Identify => "two identities are one person".to_owned(),
        FactBody::Consent(consent) => {
            format!("consent for {} {}", consent.purpose, if consent.granted { "given" } else { "withdrawn" })
        }
        FactBody::Measure(measure) => {
            let number = measure.transaction.as_ref().map(ToString::to_string).unwrap_or_default();
            measure
                .value
                .map_or(number.clone(), |value| format!("{number} {}", money(value)).trim().to_owned())
        }
        FactBody::PayoutPrepared(plan) => {
            format!("{} to {} in run {}", money(plan.total()), plan.partner, plan.run)
        }
        FactBody::PayoutAdvanced(advance) => format!("{} is {}", advance.payout.0, advance.step.name()),
        FactBody::IdentityDecided(decision) => {
            let (one, other) = decision.pair();
            format!("{} {} and {}: {}", decision.ruling.name(), one.label(), other.label(), decision.because)
        }
    }
}

fn touched(touch: &Touch) -> String {
    let parts = [
        touch.link.as_ref().map(|link| format!("link {link}")),
        touch.partner.as_ref().map(|partner| format!("partner {partner}")),
        touch.channel.as_ref().map(|channel| format!("@{channel}")),
        touch.campaign.as_ref().map(|campaign| format!("campaign {campaign}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Who earned which share of a conversion, all his touchpoints together: `anna: 60.00 EUR (60.0 %, 2 touchpoints)`.
#[must_use]
pub fn shares(conversion: &Conversion) -> Vec<String> {
    let mut earners: Vec<(&Earner, u64, i64, u64)> = Vec::new();
    for credit in &conversion.credits {
        match earners.iter_mut().find(|(earner, ..)| *earner == &credit.earner) {
            Some((_, weight, minor, touchpoints)) => {
                *weight = weight.saturating_add(credit.weight);
                *minor = minor.saturating_add(credit.minor);
                *touchpoints += 1;
            }
            None => earners.push((&credit.earner, credit.weight, credit.minor, 1)),
        }
    }
    let whole = conversion.credits.first().map_or(0, |credit| credit.total_weight);
    earners
        .into_iter()
        .map(|(earner, weight, minor, touchpoints)| {
            let who = match earner {
                Earner::Partner(partner) => partner.to_string(),
                Earner::Channel(channel) => format!("@{channel}"),
            };
            let part = share(weight, whole).unwrap_or_default();
            let touchpoints =
                if touchpoints > 1 { format!(", {touchpoints} touchpoints") } else { String::new() };
            match conversion.value {
                Some(value) => {
                    format!("{who}: {} ({part}{touchpoints})", money(Money::new(minor, value.currency)))
                }
                None => format!("{who}: {part}{touchpoints}"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_domain::reason::Concern;

    #[test]
    fn every_state_of_money_that_is_not_final_says_what_happens_next() {
        let last =
            [Reason::PayoutSettled, Reason::OtherChannel, Reason::BelowMinimum, Reason::NothingPayable];
        for reason in Reason::ALL {
            let of_money = matches!(reason.concern(), Concern::Commission | Concern::Payout);
            assert!(!of_money || last.contains(reason) || !next(*reason).is_empty(), "{}", reason.code());
        }
    }
}
