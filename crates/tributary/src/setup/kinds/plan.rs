//! A commission plan: what each goal pays and how long the money waits.

use serde_json::{Value, json};
use tributary_domain::configuration::{Plan, Rate};
use tributary_domain::ids::Goal;
use tributary_domain::time::Span;

use super::values::{amount, percentage, percentage_text};
use super::{Context, Fields, Place, Problem};

pub(super) const FIELDS: &[&str] = &["rules", "hold", "approves_automatically"];

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Plan, Problem> {
    let mut rules: Vec<(Goal, Rate)> = Vec::new();
    for (value, place) in fields.list("rules")? {
        let (goal, rate) = rule(value, place.clone())?;
        if rules.iter().any(|(earlier, _)| *earlier == goal) {
            let message = format!("the goal `{goal}` has two rules");
            return Err(place.field("goal").problem(message, "keep one rule per goal"));
        }
        rules.push((goal, rate));
    }
    if rules.is_empty() {
        return Err(fields.problem(
            "rules",
            "a plan without rules pays nothing",
            "add a rule with `goal` and `pays`",
        ));
    }
    Ok(Plan {
        brand: context.brand.clone(),
        rules,
        hold: fields.parsed("hold", Span::parse)?.unwrap_or(Span(0)),
        approves_automatically: fields.flag("approves_automatically", false)?,
    })
}

pub(super) fn write(plan: &Plan) -> Value {
    let pays = |rate: &Rate| match rate {
        Rate::CostPerAction(money) => money.to_string(),
        Rate::Percentage { ppm } => percentage_text(*ppm),
    };
    let rules: Vec<Value> =
        plan.rules.iter().map(|(goal, rate)| json!({"goal": goal.as_str(), "pays": pays(rate)})).collect();
    json!({
        "rules": rules,
        "hold": plan.hold.to_string(),
        "approves_automatically": plan.approves_automatically,
    })
}

fn rule(value: &Value, place: Place) -> Result<(Goal, Rate), Problem> {
    let fields = Fields::open(value, place, &[&["goal", "pays"]])?;
    let pays = |text: &str| {
        if text.trim_end().ends_with('%') {
            percentage(text).map(|ppm| Rate::Percentage { ppm })
        } else {
            amount(text).map(Rate::CostPerAction)
        }
    };
    Ok((fields.required("goal", Goal::parse)?, fields.required("pays", pays)?))
}
