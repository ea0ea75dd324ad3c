//! A campaign: what is promoted, how long a touchpoint may earn, who gets which share.

use serde_json::{Value, json};
use tributary_domain::configuration::{Campaign, StatedWindows, Tier};
use tributary_domain::ids::PlanKey;
use tributary_domain::time::Span;

use super::values::{host, web_address};
use super::{Context, Fields, Problem, model, stand_down, terms};

pub(super) const FIELDS: &[&str] = &[
    "tier",
    "destination",
    "allowed_hosts",
    "click_parameter",
    "windows",
    "goals",
    "minimum_time",
    "stand_down",
    "visit_gap",
    "model",
    "plan",
    "active",
];

/// Half an hour without activity ends a visit, as web analytics counts visits.
const VISIT_GAP: Span = Span(30 * Span::MINUTE.0);
const TIERS: [(&str, Tier); 3] = [
    ("awareness", Tier::Awareness),
    ("consideration", Tier::Consideration),
    ("conversion", Tier::Conversion),
];

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Campaign, Problem> {
    let tier = fields.choice("tier", &TIERS)?.ok_or_else(|| fields.missing("tier"))?;
    let windows = terms::windows(fields)?;
    Ok(Campaign {
        brand: context.brand.clone(),
        tier,
        destination: fields.required("destination", web_address)?,
        allowed_hosts: fields.texts("allowed_hosts", host)?,
        click_parameter: fields
            .parsed("click_parameter", parameter)?
            .unwrap_or_else(|| "click_id".to_owned()),
        windows,
        goals: terms::goals(fields)?,
        minimum_time: minimum_time(fields, windows)?,
        stand_down: stand_down::read(fields)?,
        visit_gap: fields.parsed("visit_gap", Span::parse)?.unwrap_or(VISIT_GAP),
        model: model::read(fields, "model")?,
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
        "windows": terms::write_windows(campaign.windows),
        "goals": terms::write_goals(&campaign.goals),
        "minimum_time": campaign.minimum_time.to_string(),
        "stand_down": campaign.stand_down.map(stand_down::write),
        "visit_gap": campaign.visit_gap.to_string(),
        "model": campaign.model.as_ref().map(model::write),
        "plan": campaign.plan.as_ref().map(PlanKey::as_str),
        "active": campaign.active,
    })
}

/// Longer than a day, and honest clicks would be shut out with the hurried ones.
const LONGEST_MINIMUM_TIME: Span = Span::DAY;

fn minimum_time(fields: &Fields<'_>, windows: StatedWindows) -> Result<Span, Problem> {
    let minimum = fields.parsed("minimum_time", Span::parse)?.unwrap_or(Span(0));
    if minimum > LONGEST_MINIMUM_TIME {
        return Err(fields.problem(
            "minimum_time",
            "a minimum time of more than a day shuts honest clicks out",
            "write the time that nobody needs less of to order, such as 5s",
        ));
    }
    if windows.click.is_some_and(|window| minimum > window) {
        return Err(fields.problem(
            "minimum_time",
            "no click can be older than this and within the click window",
            "make it shorter than `windows.click`",
        ));
    }
    Ok(minimum)
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
