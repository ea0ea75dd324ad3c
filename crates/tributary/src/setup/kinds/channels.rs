//! A brand's channel rules: `usual`, `none`, or own rules before the usual ones.

use std::sync::Arc;

use serde_json::{Value, json};
use tributary_domain::channels::{ChannelRule, ChannelRules};
use tributary_domain::ids::Channel;
use tributary_domain::tracking::PAID_CLICK_IDS;

use super::{Fields, Place, Problem};
use crate::nearest::nearest;

/// What may stand instead of own rules: whether the usual ones hold.
const WHOLE: [(&str, bool); 2] = [("usual", true), ("none", false)];
/// What a rule may ask for.
const CONDITIONS: [&str; 4] = ["click_ids", "utm_source", "utm_medium", "referrer"];

/// Reads `usual`, `none`, or `{usual: true, rules: [{channel: email, utm_medium: [crm]}]}`.
pub(super) fn read(fields: &Fields<'_>, name: &str) -> Result<ChannelRules, Problem> {
    match fields.value(name) {
        None => Ok(ChannelRules::default()),
        Some((value, place)) if value.is_object() => {
            let parts = Fields::open(value, place, &[&["usual", "rules"]])?;
            let own = parts.list("rules")?.into_iter().map(|(value, place)| rule(value, place));
            Ok(ChannelRules { own: own.collect::<Result<_, _>>()?, usual: parts.flag("usual", true)? })
        }
        Some(_) => {
            let usual = fields.choice(name, &WHOLE)?.unwrap_or(true);
            Ok(ChannelRules { own: Vec::new(), usual })
        }
    }
}

/// The canonical form.
pub(super) fn write(rules: &ChannelRules) -> Value {
    let own: Vec<Value> = rules
        .own
        .iter()
        .map(|rule| {
            json!({
                "channel": rule.channel.as_str(),
                "click_ids": rule.click_ids,
                "utm_source": texts(&rule.sources),
                "utm_medium": texts(&rule.mediums),
                "referrer": texts(&rule.referrers),
            })
        })
        .collect();
    json!({"usual": rules.usual, "rules": own})
}

fn texts(values: &[Arc<str>]) -> Vec<&str> {
    values.iter().map(|value| &**value).collect()
}

fn rule(value: &Value, place: Place) -> Result<ChannelRule, Problem> {
    let parts = Fields::open(value, place.clone(), &[&["channel"], &CONDITIONS])?;
    let rule = ChannelRule {
        channel: parts.required("channel", Channel::parse)?,
        click_ids: parts.texts("click_ids", click_id)?,
        sources: parts.texts("utm_source", folded)?,
        mediums: parts.texts("utm_medium", folded)?,
        referrers: parts.texts("referrer", host)?,
    };
    let is_empty = rule.click_ids.is_empty()
        && rule.sources.is_empty()
        && rule.mediums.is_empty()
        && rule.referrers.is_empty();
    if is_empty {
        let remedy = format!("add at least one of {}", CONDITIONS.join(", "));
        return Err(place.problem("the rule asks for nothing, so every click would meet it", remedy));
    }
    Ok(rule)
}

fn click_id(text: &str) -> Result<&'static str, String> {
    PAID_CLICK_IDS.into_iter().find(|known| *known == text.trim()).ok_or_else(|| {
        let close = nearest(text, PAID_CLICK_IDS)
            .map_or_else(String::new, |name| format!("; the nearest is `{name}`"));
        format!("`{text}` is not a paid click id{close}; known are {}", PAID_CLICK_IDS.join(", "))
    })
}

fn folded(text: &str) -> Result<Arc<str>, String> {
    match text.trim().to_lowercase() {
        text if text.is_empty() => Err("an empty text is never there".to_owned()),
        text => Ok(Arc::from(text)),
    }
}

/// A host, or a name under any ending: `shop.example`, `google.*`.
fn host(text: &str) -> Result<Arc<str>, String> {
    let host = folded(text)?;
    let name = host.strip_suffix(".*").unwrap_or(&host);
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    if name.split('.').all(is_part) {
        Ok(host)
    } else {
        Err(format!("`{text}` is not a host; write only its name, such as \"blog.example\" or \"google.*\""))
    }
}
