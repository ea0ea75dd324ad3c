//! What is counted: the form above the attribution report.

use tributary_domain::configuration::Configuration;
use tributary_domain::ids::BrandKey;

use crate::operations::attribution_report::{AttributionReport, TrainingChoice};
use crate::web::html::Html;

/// What the form offers.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Choices {
    brands: Vec<(String, String)>,
    campaigns: Vec<String>,
}

impl Choices {
    pub(in crate::web) fn of(configuration: &Configuration, brand: &BrandKey) -> Self {
        let brands = configuration.brands.iter();
        let campaigns = configuration.campaigns.keys().filter(|(of, _)| of == brand);
        let mut choices = Self {
            brands: brands
                .map(|(key, versions)| (key.as_str().to_owned(), versions.latest().name.clone()))
                .collect(),
            campaigns: campaigns.map(|(_, key)| key.as_str().to_owned()).collect(),
        };
        choices.brands.sort();
        choices.campaigns.sort();
        choices
    }
}

/// The form with what the report answers filled in.
pub(super) fn form(report: &AttributionReport, choices: &Choices) -> Html {
    let mut html = Html::new();
    html.raw("<section class=\"panel pad\"><form class=\"chosen\" method=\"get\" action=\"/reports/attribution\" aria-label=\"What is counted\">");
    html.raw("<label>Brand<select name=\"brand\">");
    for (key, name) in &choices.brands {
        html.add(&option(key, name, *key == report.brand));
    }
    html.raw("</select></label><label>From<input type=\"date\" name=\"from\" value=\"")
        .text(report.from.as_deref().unwrap_or_default())
        .raw("\"></label><label>To<input type=\"date\" name=\"to\" value=\"")
        .text(report.to.as_deref().unwrap_or_default())
        .raw("\"></label><label>Goal<input name=\"goal\" maxlength=\"64\" placeholder=\"every conversion\" value=\"")
        .text(report.goal.as_deref().unwrap_or_default())
        .raw("\"></label><label>Campaign<select name=\"campaign\">")
        .add(&option("", "all", report.campaign.is_none()));
    for key in &choices.campaigns {
        html.add(&option(key, key, report.campaign.as_ref() == Some(key)));
    }
    html.raw("</select></label><label>Removal effect<select name=\"markov_order\">");
    let trained = report.trained.as_ref().map(|trained| trained.markov_order);
    for choice in TrainingChoice::ALL {
        let (text, is_chosen) = match choice {
            TrainingChoice::Markov(order) => (format!("Markov order {order}"), trained == Some(order)),
            TrainingChoice::None => ("none, faster".to_owned(), trained.is_none()),
        };
        html.add(&option(&choice.to_string(), &text, is_chosen));
    }
    html.raw("</select></label><input type=\"hidden\" name=\"currency\" value=\"").text(&report.currency);
    html.raw("\"><label class=\"check\"><input type=\"checkbox\" name=\"fold_repeats\" value=\"true\"");
    if report.top_paths.folds_repeats {
        html.raw(" checked");
    }
    html.raw(">Fold repeats</label><button>Show</button></form>")
        .raw("<p class=\"note\">Days are UTC, both included, by time of the conversion.</p></section>");
    html
}

fn option(value: &str, text: &str, is_chosen: bool) -> Html {
    let mut html = Html::new();
    html.raw("<option value=\"").text(value).raw("\"");
    if is_chosen {
        html.raw(" selected");
    }
    html.raw(">").text(text).raw("</option>");
    html
}
