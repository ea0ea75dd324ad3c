//! The figures as JSON: the same values that the pages show, for scripts and tests.

use serde_json::{Value, json};
use tributary_domain::attribution::Earner;
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion};

use super::figures::Amount;
use super::partners::PartnerMoney;
use super::words::next;
use crate::operations::explaining::credit_id;

/// A reason with what happens next.
pub(super) fn reason(reason: Reason) -> Value {
    json!({ "code": reason.code(), "message": reason.message(), "next": next(reason) })
}

/// A settled conversion with its shares and commission lines.
pub(super) fn conversion(conversion: &Conversion) -> Value {
    let amount = |minor: i64| conversion.value.map(|value| Amount::from(Money::new(minor, value.currency)));
    let credits: Vec<Value> = conversion
        .credits
        .iter()
        .map(|credit| {
            json!({
                "id": credit_id(conversion.event_id, credit.touchpoint),
                "touchpoint": credit.touchpoint.to_string(),
                "kind": credit.kind.name(),
                "partner": match &credit.earner { Earner::Partner(partner) => Some(partner.as_str()), Earner::Channel(_) => None },
                "channel": match &credit.earner { Earner::Channel(channel) => Some(channel.as_str()), Earner::Partner(_) => None },
                "campaign": credit.campaign.as_ref().map(|key| key.as_str()),
                "link": credit.link.as_ref().map(|key| key.as_str()),
                "weight": credit.weight,
                "total_weight": credit.total_weight,
                "value": amount(credit.minor),
            })
        })
        .collect();
    json!({
        "event_id": conversion.event_id.to_string(),
        "kind": conversion.kind.name(),
        "brand": conversion.brand.as_str(),
        "occurred_at": conversion.occurred_at.to_string(),
        "goal": conversion.goal.as_str(),
        "transaction_id": conversion.transaction.as_ref().map(|number| number.as_str()),
        "campaign": conversion.campaign.as_ref().map(|key| key.as_str()),
        "model": conversion.model.as_ref().map(ToString::to_string),
        "value": conversion.value.map(Amount::from),
        "refunded": amount(conversion.refunded),
        "verdict": conversion.verdict.name(),
        "reason": reason(conversion.reason),
        "credits": credits,
        "commissions": conversion.commissions.iter().map(commission).collect::<Vec<_>>(),
    })
}

fn commission(line: &Commission) -> Value {
    json!({
        "id": line.id.to_string(),
        "partner": line.partner.as_str(),
        "plan": line.plan.as_str(),
        "granted": Amount::from(line.granted),
        "owed": Amount::from(Money::new(line.owed, line.granted.currency)),
        "state": line.state.name(),
        "reason": reason(line.reason),
        "payable_from": line.payable_from.to_string(),
    })
}

/// A partner's money.
pub(super) fn partner(row: &PartnerMoney) -> Value {
    let holds: Vec<Value> = row
        .holds
        .iter()
        .map(|hold| {
            json!({
                "state": hold.state.name(),
                "reason": reason(hold.reason),
                "lines": hold.lines,
                "open": Amount::from(hold.open),
            })
        })
        .collect();
    json!({
        "brand": row.brand.as_str(),
        "partner": row.partner.as_str(),
        "name": row.name,
        "lines": row.lines,
        "earned": Amount::from(row.earned),
        "open": Amount::from(row.open),
        "in_payout": Amount::from(row.in_payout),
        "sent": Amount::from(row.sent),
        "minimum_payout": row.minimum.map(Amount::from),
        "agrees_with_ledger": row.agrees,
        "open_by_reason": holds,
    })
}
