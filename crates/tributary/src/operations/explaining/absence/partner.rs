//! What a partner can do about a cause: never what only the operator can.

/// The remedy that a partner is told; empty where there is nothing that he can do. Codes that are not here have none, so that a new cause
/// tells him nothing of the operator's until somebody thought about it.
pub(super) fn remedy(code: &str) -> &'static str {
    match code {
        "never_received" => "Check the id. If the order is yours, ask the operator to look for it.",
        "no_common_identity" | "identifier_shared" => {
            "If you know of an order that it led to, ask the operator to look for it."
        }
        "no_conversion_yet" => "Nothing is wrong: it counts when the customer does so within your window.",
        "outside_window" => "Nothing is wrong: the customer came back after your window had ended.",
        "after_conversion" => "Nothing is wrong: it may count for a later conversion of this customer.",
        "code_unknown" | "code_outside_dates" => "Ask the operator from when until when your code is valid.",
        "repeat_in_visit" => "Nothing is wrong: another touchpoint of the same visit counts.",
        "view_outranked" => "Nothing is wrong: a click or code counts before an impression.",
        "named_outranked" => "Nothing is wrong: a touchpoint counts before a name.",
        "model_gives_nothing" => "Nothing is wrong: the campaign's model decides who shares.",
        "no_plan" | "no_plan_rule" | "no_value" => "Ask the operator which goals your plan pays for.",
        "rounds_to_nothing" => "Nothing is wrong: the amount is less than half of the smallest coin.",
        "awaiting_approval" => "Wait for the operator's approval, or ask him when to expect it.",
        "conversion_rejected" => "Ask the operator why.",
        "refunded" => "Nothing is wrong: the customer got the money back.",
        "in_hold_period" => "Nothing is wrong: it becomes payable by itself.",
        "partner_on_hold" => "Ask the operator why your money is on hold.",
        "below_minimum" => "Nothing is wrong: it is paid when your balance reaches the minimum.",
        "no_run_yet" => "Nothing is wrong: the operator pays it with his next payout run.",
        "payout_prepared" | "payout_approved" | "payout_exported" => {
            "Nothing is wrong: the payout is on its way."
        }
        "payout_failed" => "Check with the operator whether your payment details are right.",
        _ => "",
    }
}
