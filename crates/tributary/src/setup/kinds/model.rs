//! An attribution model: a name, or a name with parameters.

use std::sync::Arc;

use serde_json::{Value, json};
use tributary_domain::attribution::models::{Millionths, Model, WHOLE};
use tributary_domain::ids::WeightsKey;
use tributary_domain::time::Span;

use super::values::{percentage, percentage_text};
use super::{Fields, Place, Problem};

/// The names, as errors list them.
const NAMES: [(&str, &str); 10] = [
    ("first_touch", "first_touch"),
    ("last_touch", "last_touch"),
    ("last_non_direct", "last_non_direct"),
    ("linear", "linear"),
    ("time_decay", "time_decay"),
    ("position_based", "position_based"),
    ("w_shaped", "w_shaped"),
    ("weighted_last_touch", "weighted_last_touch"),
    ("coupon_first", "coupon_first"),
    ("data_driven", "data_driven"),
];

/// Reads the field of that name: `linear`, or with parameters `{kind: time_decay, half_life: 3d}`.
pub(super) fn read(fields: &Fields<'_>, name: &str) -> Result<Option<Model>, Problem> {
    match fields.value(name) {
        Some((value, place)) if value.is_object() => with_parameters(value, place).map(Some),
        Some((_, place)) => {
            let kind = fields.choice(name, &NAMES)?.unwrap_or_default();
            usual(kind, &place).map(Some)
        }
        None => Ok(None),
    }
}

/// The model of that name with its usual parameters.
fn usual(kind: &str, place: &Place) -> Result<Model, Problem> {
    Model::parse(kind).ok_or_else(|| {
        place.problem(
            format!("`{kind}` needs parameters"),
            "name the trained weights, such as `{kind: data_driven, weights: spring}`",
        )
    })
}

fn with_parameters(value: &Value, place: Place) -> Result<Model, Problem> {
    const ALL: &[&str] =
        &["kind", "half_life", "first", "last", "lead", "opportunity", "last_share", "otherwise", "weights"];
    let parts = Fields::open(value, place.clone(), &[ALL])?;
    let kind = parts.choice("kind", &NAMES)?.ok_or_else(|| parts.missing("kind"))?;
    let own: &[&str] = match kind {
        "time_decay" => &["half_life"],
        "position_based" => &["first", "last"],
        "w_shaped" => &["first", "lead", "opportunity"],
        "weighted_last_touch" => &["last_share"],
        "coupon_first" => &["otherwise"],
        "data_driven" => &["weights"],
        _ => &[],
    };
    for name in ALL.iter().filter(|name| **name != "kind" && !own.contains(name)) {
        if parts.value(name).is_some() {
            let remedy = match own {
                [] => format!("remove it: `{kind}` has no parameters"),
                own => format!("remove it: `{kind}` has {}", own.join(", ")),
            };
            return Err(parts.problem(name, format!("`{kind}` has no `{name}`"), &remedy));
        }
    }
    let share = |name: &str, usual: Millionths| Ok(parts.parsed(name, percentage)?.unwrap_or(usual));
    let within = |model: Model, sum: u64| {
        let remedy = "leave the rest to the touchpoints between: the shares may sum to 100% at most";
        if sum <= u64::from(WHOLE) {
            Ok(model)
        } else {
            Err(place.problem("the shares sum to more than 100%", remedy))
        }
    };
    match kind {
        "time_decay" => {
            let half_life = parts.parsed("half_life", Span::parse)?.unwrap_or(Span::days(7));
            if half_life.0 <= 0 {
                return Err(parts.problem(
                    "half_life",
                    "nothing halves in no time",
                    "write a time such as 7d",
                ));
            }
            Ok(Model::TimeDecay { half_life })
        }
        "position_based" => {
            let (first, last) = (share("first", 400_000)?, share("last", 400_000)?);
            within(Model::PositionBased { first, last }, u64::from(first) + u64::from(last))
        }
        "w_shaped" => {
            let (first, lead) = (share("first", 300_000)?, share("lead", 300_000)?);
            let opportunity = share("opportunity", 300_000)?;
            let sum = u64::from(first) + u64::from(lead) + u64::from(opportunity);
            within(Model::WShaped { first, lead, opportunity }, sum)
        }
        "weighted_last_touch" => {
            Ok(Model::WeightedLastTouch { last_share_ppm: share("last_share", 600_000)? })
        }
        "coupon_first" => {
            let otherwise = read(&parts, "otherwise")?.unwrap_or(Model::LastTouch);
            if matches!(otherwise, Model::CouponFirst { .. }) {
                return Err(parts.problem(
                    "otherwise",
                    "`coupon_first` cannot follow itself",
                    "name another model",
                ));
            }
            Ok(Model::CouponFirst { otherwise: Arc::new(otherwise) })
        }
        "data_driven" => {
            let weights =
                parts.parsed("weights", WeightsKey::parse)?.ok_or_else(|| parts.missing("weights"))?;
            Ok(Model::DataDriven { weights })
        }
        simple => usual(simple, &place),
    }
}

/// The canonical form.
pub(super) fn write(model: &Model) -> Value {
    let kind = model.name();
    match model {
        Model::TimeDecay { half_life } => json!({"kind": kind, "half_life": half_life.to_string()}),
        Model::PositionBased { first, last } => {
            json!({"kind": kind, "first": percentage_text(*first), "last": percentage_text(*last)})
        }
        Model::WShaped { first, lead, opportunity } => json!({
            "kind": kind,
            "first": percentage_text(*first),
            "lead": percentage_text(*lead),
            "opportunity": percentage_text(*opportunity),
        }),
        Model::WeightedLastTouch { last_share_ppm } => {
            json!({"kind": kind, "last_share": percentage_text(*last_share_ppm)})
        }
        Model::CouponFirst { otherwise } => json!({"kind": kind, "otherwise": write(otherwise)}),
        Model::DataDriven { weights } => json!({"kind": kind, "weights": weights.as_str()}),
        _ => json!(kind),
    }
}
