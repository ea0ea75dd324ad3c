//! From credit to the partner's account: where it stopped.

use tributary_domain::time::Timestamp;

use super::super::answer::{CommissionExplained, ConversionExplained, Unpaid};
use super::{Cause, Progress, Stage};

/// How far the money of a conversion's credits got; only those of one earner, if given.
pub(super) fn of_credits(conversion: &ConversionExplained, earner: Option<&str>, now: Timestamp) -> Progress {
    let own = |who: &str| earner.is_none_or(|earner| earner == who);
    let mut lines: Vec<Progress> = conversion
        .commissions
        .iter()
        .filter(|line| own(&line.partner))
        .map(|line| of_line(line, now))
        .collect();
    let unpaid = conversion.unpaid.iter().filter(|each| own(&each.earner));
    if lines.is_empty() {
        let mut causes: Vec<Cause> = unpaid.map(|each| no_plan_pays(each, conversion)).collect();
        // A partner who could be paid comes before a channel that never is.
        causes.sort_by_key(|cause| cause.code == "other_channel");
        return Progress::stopped(Stage::PlanPays, causes);
    }
    // The one that got least far: it is what is missed.
    lines.sort_by_key(|line| (line.stopped_at.is_none(), line.stopped_at));
    let mut lines = lines.into_iter();
    let Some(mut first) = lines.next() else { return Progress::done() };
    let later: Vec<Cause> = lines.flat_map(|line| line.causes).collect();
    let known = first.causes.len();
    first.causes.extend(
        later.into_iter().enumerate().map(|(place, cause)| Cause { rank: known + place + 1, ..cause }),
    );
    first
}

fn no_plan_pays(unpaid: &Unpaid, conversion: &ConversionExplained) -> Cause {
    let remedy = match unpaid.code {
        "no_plan" => "Name a `plan` in the campaign's or partner's set-up.",
        "no_plan_rule" => "Add a rule for the goal to the plan.",
        "no_value" => "Send `value` with the conversion, or let the plan pay a fixed amount.",
        _ => "Nothing is wrong: the channel's share is a figure, and nobody is paid for it.",
    };
    let plan = unpaid.plan.as_ref().map_or_else(String::new, |plan| format!(" Plan {plan}."));
    Cause::new(unpaid.code, unpaid.message.clone(), remedy)
        .with(format!("{}; goal {}.{plan}", unpaid.earner, conversion.goal))
}

fn of_line(line: &CommissionExplained, now: Timestamp) -> Progress {
    let who = format!("Commission {} of {} for {}.", line.id, line.owed, line.partner);
    let stopped = |stage, cause: Cause| Progress::stopped(stage, vec![cause.with(who.clone())]);
    if line.granted.minor == 0 {
        let cause = Cause::new(
            "rounds_to_nothing",
            "The plan pays, but the amount rounds to nothing.",
            "Nothing is wrong; a higher rate or value grants more.",
        );
        return stopped(Stage::PlanPays, cause.with(line.formula.clone()));
    }
    let is_over = Timestamp::parse(&line.payable_from).is_ok_and(|from| from <= now);
    match line.reason.code {
        "rejected" => stopped(
            Stage::Approved,
            Cause::new(
                "conversion_rejected",
                "The operator rejected the conversion; nothing is owed.",
                "Ask the operator why. A later `approved` status brings it back.",
            ),
        ),
        "reversed" => stopped(
            Stage::Approved,
            Cause::new(
                "refunded",
                "The money went back to the customer, so nothing is owed any more.",
                "Nothing is wrong. If the refund was a mistake, the operator adjusts the value.",
            ),
        ),
        "awaiting_approval" => stopped(
            Stage::Approved,
            Cause::new(
                "awaiting_approval",
                "The operator has not approved the conversion yet.",
                "Send `status: approved`, or reconcile the period with the operator's file.",
            ),
        ),
        "partner_on_hold" => stopped(
            Stage::Payable,
            Cause::new(
                "partner_on_hold",
                "The partner's money is on hold.",
                "Lift `on_hold` in the partner's set-up.",
            ),
        ),
        _ if line.in_payouts.minor >= line.owed.minor && line.owed.minor > 0 => of_payouts(line, &who),
        _ if !is_over => stopped(
            Stage::Payable,
            Cause::new(
                "in_hold_period",
                "It is approved, and waits until the plan's hold period is over.",
                "Nothing is wrong: it becomes payable by itself.",
            )
            .with(format!("Payable from {}.", line.payable_from)),
        ),
        _ => waits_for_payout(line, &who),
    }
}

fn waits_for_payout(line: &CommissionExplained, who: &str) -> Progress {
    let mut causes = Vec::new();
    if let Some(failed) = line.payouts.last().filter(|payout| payout.step == "failed") {
        causes.push(
            Cause::new(
                "payout_failed",
                "The payment failed, and no payout holds the money since.",
                "Correct the partner's payment details and prepare another run.",
            )
            .with(format!("Payout {}.", failed.payout)),
        );
    }
    if let (Some(minimum), Some(open)) = (&line.minimum_payout, &line.open_in_all)
        && open.minor < minimum.minor
    {
        causes.push(
            Cause::new(
                "below_minimum",
                "The partner's balance is below his smallest payout, so it rolls over.",
                "Nothing is wrong: it is paid when the balance reaches the minimum.",
            )
            .with(format!("He has {open} in all; his smallest payout is {minimum}.")),
        );
    }
    causes.push(
        Cause::new(
            "no_run_yet",
            "It is payable, and waits for the next payout run.",
            "Run `tributary payout prepare` with a cut-off after the day from which it is payable.",
        )
        .with(format!("Payable from {}.", line.payable_from))
        .with(who),
    );
    Progress::stopped(Stage::InPayout, causes)
}

fn of_payouts(line: &CommissionExplained, who: &str) -> Progress {
    let Some(payout) = line.payouts.iter().rev().find(|payout| payout.step != "failed") else {
        return Progress::done();
    };
    let mut progress = of_payout(payout.step);
    for cause in &mut progress.causes {
        cause.evidence.extend([format!("Payout {}.", payout.payout), who.to_owned()]);
    }
    progress
}

/// How far a payout got.
pub(super) fn of_payout(step: &str) -> Progress {
    let cause = match step {
        "settled" => return Progress::done(),
        "prepared" => Cause::new(
            "payout_prepared",
            "The payout is prepared and waits for a second person.",
            "Run `tributary payout approve`.",
        ),
        "approved" => Cause::new(
            "payout_approved",
            "The payout is approved, and its file is not written yet.",
            "Run `tributary payout export`.",
        ),
        "exported" => Cause::new(
            "payout_exported",
            "The payout file was written; the money is on its way.",
            "Wait for the bank, then run `tributary payout settle`.",
        ),
        _ => {
            let failed = Cause::new(
                "payout_failed",
                "The payment failed; its amount is payable again.",
                "Correct the partner's payment details and prepare another run.",
            );
            return Progress::stopped(Stage::InPayout, vec![failed]);
        }
    };
    Progress::stopped(Stage::Paid, vec![cause])
}
