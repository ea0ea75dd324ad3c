//! A partner: whoever brings traffic.

use serde_json::{Value, json};
use tributary_domain::configuration::{Partner, PartnerKind};
use tributary_domain::ids::{PartnerKey, PlanKey};

use super::values::{amount, label};
use super::{Context, Fields, Problem, terms};

pub(super) const FIELDS: &[&str] =
    &["name", "kind", "parent", "plan", "on_hold", "active", "minimum_payout", "windows"];

const KINDS: [(&str, PartnerKind); 4] = [
    ("affiliate", PartnerKind::Affiliate),
    ("creator", PartnerKind::Creator),
    ("ib", PartnerKind::IntroducingBroker),
    ("network", PartnerKind::Network),
];

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Partner, Problem> {
    let minimum_payout = fields.texts("minimum_payout", amount)?;
    for (index, minimum) in minimum_payout.iter().enumerate() {
        if minimum_payout.iter().take(index).any(|earlier| earlier.currency == minimum.currency) {
            let message = format!("{} has two minimum payouts", minimum.currency);
            return Err(fields.problem("minimum_payout", message, "keep one per currency"));
        }
    }
    Ok(Partner {
        brand: context.brand.clone(),
        name: fields.parsed("name", label)?.unwrap_or_else(|| context.key.to_owned()),
        kind: fields.choice("kind", &KINDS)?.ok_or_else(|| fields.missing("kind"))?,
        parent: fields.parsed("parent", PartnerKey::parse)?,
        plan: fields.parsed("plan", PlanKey::parse)?,
        on_hold: fields.flag("on_hold", false)?,
        active: fields.flag("active", true)?,
        minimum_payout,
        windows: terms::windows(fields)?,
    })
}

pub(super) fn write(partner: &Partner) -> Value {
    let kind = KINDS.iter().find(|(_, kind)| *kind == partner.kind).map(|(name, _)| *name);
    json!({
        "name": partner.name,
        "kind": kind,
        "parent": partner.parent.as_ref().map(PartnerKey::as_str),
        "plan": partner.plan.as_ref().map(PlanKey::as_str),
        "on_hold": partner.on_hold,
        "active": partner.active,
        "minimum_payout": partner.minimum_payout.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "windows": terms::write_windows(partner.windows),
    })
}
