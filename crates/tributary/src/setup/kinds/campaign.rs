//! A campaign: what is promoted, how long a touchpoint may earn, who gets which share.

use serde_json::{Value, json};
use tributary_domain::attribution::models::Model;
use tributary_domain::configuration::{Campaign, Tier};
use tributary_domain::ids::PlanKey;
use tributary_domain::time::Span;

use super::values::{host, web_address};
use super::{Context, Fields, Problem, model};

pub(super) const FIELDS: &[&str] = &[
    "tier",
    "destination",
    "allowed_hosts",
    "click_parameter",
    "windows",
    "visit_gap",
    "model",
    "plan",
    "active",
];

/// An impression counts for a day, the trade's usual view-through window.
const VIEW_WINDOW: Span = Span::DAY;
/// Half an hour without activity ends a visit, as web analytics counts visits.
const VISIT_GAP: Span = Span(30 * Span::MINUTE.0);
/// The commissioned model.
const COMMISSIONED: Model = Model::WeightedLastTouch { last_share_ppm: 600_000 };

const TIERS: [(&str, Tier); 3] = [
    ("awareness", Tier::Awareness),
    ("consideration", Tier::Consideration),
    ("conversion", Tier::Conversion),
];

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Campaign, Problem> {
    let tier = fields.choice("tier", &TIERS)?.ok_or_else(|| fields.missing("tier"))?;
    let (click_window, view_window) = windows(fields, tier)?;
    Ok(Campaign {
        brand: context.brand.clone(),
        tier,
        destination: fields.required("destination", web_address)?,
        allowed_hosts: fields.texts("allowed_hosts", host)?,
        click_parameter: fields
            .parsed("click_parameter", parameter)?
            .unwrap_or_else(|| "click_id".to_owned()),
        click_window,
        view_window,
        visit_gap: fields.parsed("visit_gap", Span::parse)?.unwrap_or(VISIT_GAP),
        model: model::read(fields, "model")?.unwrap_or(COMMISSIONED),
        plan: fields.parsed("plan", PlanKey::parse)?,
        active: fields.flag("active", true)?,
    })
}

pub(super) fn write(campaign: &Campaign) -> Value {
    let tier = TIERS.iter().find(|(_, tier)| *tier == campaign.tier).map(|(name, _)| *name);
    json!({
        "tier": tier,
        "destination": campaign.destination,
        "allowed_hosts": campaign.allowed_hosts,
        "click_parameter": campaign.click_parameter,
        "windows": {"click": campaign.click_window.to_string(), "view": campaign.view_window.to_string()},
        "visit_gap": campaign.visit_gap.to_string(),
        "model": model::write(&campaign.model),
        "plan": campaign.plan.as_ref().map(PlanKey::as_str),
        "active": campaign.active,
    })
}

fn windows(fields: &Fields<'_>, tier: Tier) -> Result<(Span, Span), Problem> {
    let Some((value, place)) = fields.value("windows") else { return Ok((tier.click_window(), VIEW_WINDOW)) };
    let windows = Fields::open(value, place, &[&["click", "view"]])?;
    let click = windows.parsed("click", Span::parse)?.unwrap_or_else(|| tier.click_window());
    if click.0 == 0 {
        return Err(windows.problem(
            "click",
            "a window of no length lets no click earn",
            "set `active: false` to stop a campaign",
        ));
    }
    Ok((click, windows.parsed("view", Span::parse)?.unwrap_or(VIEW_WINDOW)))
}

/// The name of a query parameter: what needs no escaping in any URL.
fn parameter(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a parameter name; use 1 to 64 of the characters A-Z a-z 0-9 . _ -"))
    }
}
