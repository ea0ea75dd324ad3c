//! Windows and models as brands, campaigns and partners state them: what is left out is stored as left out, so that it follows
//! the level it is inherited from.

use serde_json::{Value, json};
use tributary_domain::configuration::{GoalTerms, StatedWindows, TierTerms, Tiers};
use tributary_domain::ids::Goal;
use tributary_domain::time::Span;

use super::{Fields, Place, Problem, model};

/// Reads the field `windows`.
pub(super) fn windows(fields: &Fields<'_>) -> Result<StatedWindows, Problem> {
    let Some((value, place)) = fields.value("windows") else { return Ok(StatedWindows::default()) };
    stated_windows(&Fields::open(value, place, &[&["click", "view"]])?)
}

/// Reads `click` and `view` of a mapping that is open.
fn stated_windows(fields: &Fields<'_>) -> Result<StatedWindows, Problem> {
    let click = fields.parsed("click", Span::parse)?;
    if click == Some(Span(0)) {
        return Err(fields.problem(
            "click",
            "a window of no length lets no click earn",
            "leave it out to inherit it, or set `active: false` to stop a campaign",
        ));
    }
    Ok(StatedWindows { click, view: fields.parsed("view", Span::parse)? })
}

/// The canonical form of windows; `null` is inherited.
pub(super) fn write_windows(windows: StatedWindows) -> Value {
    let text = |span: Option<Span>| span.map(|span| span.to_string());
    json!({"click": text(windows.click), "view": text(windows.view)})
}

/// Reads the field `tiers` of a brand.
pub(super) fn tiers(fields: &Fields<'_>) -> Result<Tiers, Problem> {
    let Some((value, place)) = fields.value("tiers") else { return Ok(Tiers::default()) };
    let tiers = Fields::open(value, place, &[&["awareness", "consideration", "conversion"]])?;
    let tier = |name: &str| {
        let Some((value, place)) = tiers.value(name) else { return Ok(TierTerms::default()) };
        let fields = Fields::open(value, place, &[&["click", "view", "model"]])?;
        Ok(TierTerms { windows: stated_windows(&fields)?, model: model::read(&fields, "model")? })
    };
    Ok(Tiers {
        awareness: tier("awareness")?,
        consideration: tier("consideration")?,
        conversion: tier("conversion")?,
    })
}

/// The canonical form of a brand's tiers.
pub(super) fn write_tiers(tiers: &Tiers) -> Value {
    let tier = |terms: &TierTerms| {
        let text = |span: Option<Span>| span.map(|span| span.to_string());
        json!({
            "click": text(terms.windows.click),
            "view": text(terms.windows.view),
            "model": terms.model.as_ref().map(model::write),
        })
    };
    json!({
        "awareness": tier(&tiers.awareness),
        "consideration": tier(&tiers.consideration),
        "conversion": tier(&tiers.conversion),
    })
}

/// Reads the field `goals` of a campaign.
pub(super) fn goals(fields: &Fields<'_>) -> Result<Vec<GoalTerms>, Problem> {
    let mut goals: Vec<GoalTerms> = Vec::new();
    for (value, place) in fields.list("goals")? {
        let terms = goal(value, place.clone())?;
        if goals.iter().any(|earlier| earlier.goal == terms.goal) {
            let message = format!("the goal `{}` stands twice", terms.goal);
            return Err(place.field("goal").problem(message, "keep one entry per goal"));
        }
        goals.push(terms);
    }
    Ok(goals)
}

fn goal(value: &Value, place: Place) -> Result<GoalTerms, Problem> {
    let fields = Fields::open(value, place.clone(), &[&["goal", "model", "windows"]])?;
    let terms = GoalTerms {
        goal: fields.required("goal", Goal::parse)?,
        windows: windows(&fields)?,
        model: model::read(&fields, "model")?,
    };
    if terms.model.is_none() && terms.windows.longest().is_none() {
        let message = format!("nothing is said for the goal `{}`", terms.goal);
        return Err(place.problem(message, "add `model` or `windows`, or remove the entry"));
    }
    Ok(terms)
}

/// The canonical form of a campaign's goals.
pub(super) fn write_goals(goals: &[GoalTerms]) -> Value {
    let goal = |terms: &GoalTerms| {
        json!({
            "goal": terms.goal.as_str(),
            "model": terms.model.as_ref().map(model::write),
            "windows": write_windows(terms.windows),
        })
    };
    goals.iter().map(goal).collect()
}
