//! A campaign: what is promoted, how long a touchpoint may earn, who gets which share.

use serde_json::{Value, json};
use tributary_domain::configuration::{Campaign, Model, Tier};
use tributary_domain::ids::PlanKey;
use tributary_domain::time::Span;

use super::values::{host, percentage, percentage_text, web_address};
use super::{Context, Fields, Problem};

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
/// The commissioned share of the last touchpoint.
const LAST_SHARE_PPM: u32 = 600_000;

const TIERS: [(&str, Tier); 3] = [
    ("awareness", Tier::Awareness),
    ("consideration", Tier::Consideration),
    ("conversion", Tier::Conversion),
];

const MODELS: [(&str, Model); 4] = [
    ("first_touch", Model::FirstTouch),
    ("last_touch", Model::LastTouch),
    ("linear", Model::Linear),
    ("weighted_last_touch", Model::WeightedLastTouch { last_share_ppm: LAST_SHARE_PPM }),
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
        model: model(fields)?,
        plan: fields.parsed("plan", PlanKey::parse)?,
        active: fields.flag("active", true)?,
    })
}

pub(super) fn write(campaign: &Campaign) -> Value {
    let tier = TIERS.iter().find(|(_, tier)| *tier == campaign.tier).map(|(name, _)| *name);
    let model = match campaign.model {
        Model::WeightedLastTouch { last_share_ppm } => {
            json!({"kind": campaign.model.name(), "last_share": percentage_text(last_share_ppm)})
        }
        simple => json!(simple.name()),
    };
    json!({
        "tier": tier,
        "destination": campaign.destination,
        "allowed_hosts": campaign.allowed_hosts,
        "click_parameter": campaign.click_parameter,
        "windows": {"click": campaign.click_window.to_string(), "view": campaign.view_window.to_string()},
        "visit_gap": campaign.visit_gap.to_string(),
        "model": model,
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

/// `last_touch`, or with parameters `{kind: weighted_last_touch, last_share: "60%"}`.
fn model(fields: &Fields<'_>) -> Result<Model, Problem> {
    let default = Model::WeightedLastTouch { last_share_ppm: LAST_SHARE_PPM };
    match fields.value("model") {
        Some((value, place)) if value.is_object() => {
            let parts = Fields::open(value, place, &[&["kind", "last_share"]])?;
            let kind = parts.choice("kind", &MODELS)?.ok_or_else(|| parts.missing("kind"))?;
            match (kind, parts.parsed("last_share", percentage)?) {
                (Model::WeightedLastTouch { .. }, Some(last_share_ppm)) => {
                    Ok(Model::WeightedLastTouch { last_share_ppm })
                }
                (other, Some(_)) => Err(parts.problem(
                    "last_share",
                    format!("`{}` has no `last_share`", other.name()),
                    "remove it, or write `kind: weighted_last_touch`",
                )),
                (kind, None) => Ok(kind),
            }
        }
        _ => Ok(fields.choice("model", &MODELS)?.unwrap_or(default)),
    }
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
