//! Customer ownership: `none`, or `first_partner` with its times.

use serde_json::{Value, json};
use tributary_domain::ownership::CustomerOwnership;
use tributary_domain::time::Span;

use super::{Fields, Problem};

/// The rules, as errors list them.
const RULES: [(&str, &str); 2] = [("none", "none"), ("first_partner", "first_partner")];
/// How an ownership without end is written.
const FOR_LIFE: &str = "life";

/// Reads `none`, `first_partner`, or `{rule: first_partner, lasts: 180d, inactivity: 90d}`.
pub(super) fn read(fields: &Fields<'_>, name: &str) -> Result<CustomerOwnership, Problem> {
    let (rule, lasts, inactivity) = match fields.value(name) {
        None => return Ok(CustomerOwnership::Nobody),
        Some((value, place)) if value.is_object() => {
            let parts = Fields::open(value, place, &[&["rule", "lasts", "inactivity"]])?;
            let rule = parts.choice("rule", &RULES)?.ok_or_else(|| parts.missing("rule"))?;
            let inactivity = parts.parsed("inactivity", length)?;
            if rule == "none" {
                for name in ["lasts", "inactivity"] {
                    if parts.value(name).is_some() {
                        let message = format!("`none` has no `{name}`: nobody owns a customer");
                        return Err(parts.problem(
                            name,
                            message,
                            "remove it, or write `rule: first_partner`",
                        ));
                    }
                }
            }
            (rule, parts.parsed("lasts", life_or_length)?.flatten(), inactivity)
        }
        Some(_) => (fields.choice(name, &RULES)?.unwrap_or("none"), None, None),
    };
    Ok(match rule {
        "first_partner" => CustomerOwnership::FirstPartner { lasts, inactivity },
        _ => CustomerOwnership::Nobody,
    })
}

/// The canonical form.
pub(super) fn write(ownership: CustomerOwnership) -> Value {
    match ownership {
        CustomerOwnership::Nobody => json!({"rule": "none"}),
        CustomerOwnership::FirstPartner { lasts, inactivity } => json!({
            "rule": "first_partner",
            "lasts": lasts.map_or_else(|| FOR_LIFE.to_owned(), |lasts| lasts.to_string()),
            "inactivity": inactivity.map(|inactivity| inactivity.to_string()),
        }),
    }
}

fn length(text: &str) -> Result<Span, String> {
    match Span::parse(text) {
        Ok(Span(0)) => Err("an ownership of no length owns nothing; write `none` instead".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

fn life_or_length(text: &str) -> Result<Option<Span>, String> {
    if text.trim() == FOR_LIFE {
        return Ok(None);
    }
    length(text).map(Some).map_err(|error| format!("{error}; or write `life`"))
}
