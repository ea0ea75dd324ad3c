//! Whether clicks after the cart was opened stand down: `off`, or `{after: cart, within: 30m}`.

use serde_json::{Value, json};
use tributary_domain::configuration::StandDown;
use tributary_domain::time::Span;

use super::{Fields, Problem};

/// Most carts are paid within half an hour; who comes after it has mostly been away and come back.
const USUAL_TIME: Span = Span(30 * Span::MINUTE.0);
/// An older cart is not looked for.
const LONGEST_TIME: Span = Span::DAY;

/// Reads the field `stand_down`; `None` where it is left out.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<StandDown>, Problem> {
    const WRITTEN: &str = "write `off`, or `{after: cart, within: 30m}`";
    let Some((value, place)) = fields.value("stand_down") else { return Ok(None) };
    match value {
        Value::Object(_) => {}
        // What a reader of an older YAML makes of `off`.
        Value::Bool(false) => return Ok(Some(StandDown::Off)),
        Value::String(text) if text == "off" => return Ok(Some(StandDown::Off)),
        other => return Err(place.problem(format!("`{other}` is no rule for standing down"), WRITTEN)),
    }
    let rule = Fields::open(value, place, &[&["after", "within"]])?;
    rule.choice("after", &[("cart", ())])?.ok_or_else(|| rule.missing("after"))?;
    let within = rule.parsed("within", Span::parse)?.unwrap_or(USUAL_TIME);
    if within.0 == 0 {
        return Err(rule.problem("within", "nothing comes within no time", "write `off` for the whole rule"));
    }
    if within > LONGEST_TIME {
        let message = "carts are known for a day at most";
        return Err(rule.problem("within", message, "write a time such as 30m, up to 24h"));
    }
    Ok(Some(StandDown::AfterCart { within }))
}

/// The canonical form.
pub(super) fn write(rule: StandDown) -> Value {
    match rule {
        StandDown::Off => json!("off"),
        StandDown::AfterCart { within } => json!({"after": "cart", "within": within.to_string()}),
    }
}
