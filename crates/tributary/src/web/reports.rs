//! The attribution report as a page, as JSON and as CSV: what may be asked, and one reading at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Semaphore;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{BrandKey, CampaignKey, Goal};
use tributary_domain::money::Currency;

use super::Pages;
use super::attribution::{Choices, attribution_page, nothing_set_up_page};
use super::overview::{AsOf, ReadError, at_one_moment};
use super::request::{Parameters, Refused};
use crate::edge::address::PathText;
use crate::nearest::unknown;
use crate::operations::attribution_report::question::models;
use crate::operations::attribution_report::tables::{Table, tables};
use crate::operations::attribution_report::{
    AttributionReport, Days, Question, TrainingChoice, attribution_report,
};

/// Reports read at the same time; more wait. One reads everybody who converted, so two would only slow each other.
static READING: Semaphore = Semaphore::const_new(1);

const KNOWN: [&str; 9] =
    ["brand", "currency", "from", "to", "goal", "campaign", "models", "fold_repeats", "markov_order"];

/// What was asked for, before it is known whether it exists.
struct Asked {
    brand: Option<BrandKey>,
    currency: Option<Currency>,
    days: Days,
    goal: Option<Goal>,
    campaign: Option<CampaignKey>,
    models: Vec<String>,
    folds_repeats: bool,
    training: Option<TrainingChoice>,
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Refused> {
        let parameters = Parameters::read(query, &KNOWN)?;
        let (from, to) = (parameters.text("from"), parameters.text("to"));
        let wrong =
            if from.is_some_and(|from| Days::parse(Some(from), None).is_err()) { "from" } else { "to" };
        let names = parameters.text("models").unwrap_or_default().split(';').map(str::trim);
        let folds = parameters.parsed("fold_repeats", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("it is neither `true` nor `false`"),
        })?;
        Ok(Self {
            brand: parameters.parsed("brand", BrandKey::parse)?,
            currency: parameters.parsed("currency", Currency::parse)?,
            days: Days::parse(from, to).map_err(|error| Refused::parameter(wrong, error))?,
            goal: parameters.parsed("goal", Goal::parse)?,
            campaign: parameters.parsed("campaign", CampaignKey::parse)?,
            models: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            folds_repeats: folds.unwrap_or(false),
            training: parameters.parsed("markov_order", TrainingChoice::parse)?,
        })
    }

    /// The question, about the first brand unless one is named; `None` when none is set up.
    fn question(self, configuration: &Configuration) -> Result<Option<Question>, Refused> {
        let Some(brand) = self.brand.or_else(|| configuration.brands.keys().next().cloned()) else {
            return Ok(None);
        };
        let Some(versions) = configuration.brands.get(&brand) else {
            return Err(Refused::parameter("brand", format!("there is no brand `{brand}`")));
        };
        let currency = self.currency.unwrap_or(versions.latest().currency);
        let models = models(configuration, &brand, &self.models)
            .map_err(|error| Refused::parameter("models", error))?;
        if let Some(campaign) = &self.campaign
            && !configuration.campaigns.contains_key(&(brand.clone(), campaign.clone()))
        {
            let of_brand = configuration.campaigns.keys().filter(|(known, _)| *known == brand);
            let message = unknown("campaign", campaign.as_str(), of_brand.map(|(_, key)| key.as_str()));
            return Err(Refused::parameter("campaign", message));
        }
        let mut question = Question::about(brand, currency);
        question.days = self.days;
        question.goal = self.goal;
        question.campaign = self.campaign;
        question.models = models;
        question.folds_repeats = self.folds_repeats;
        question.training = self.training.unwrap_or(question.training);
        Ok(Some(question))
    }
}

/// Reads on a thread that may block. The place is kept until the reading ends, also when nobody waits for it any more.
async fn reported(
    pages: Arc<Pages>,
    query: Option<String>,
) -> Result<Option<(AsOf, AttributionReport, Choices)>, Refused> {
    let configuration = pages.configuration.current();
    let Some(question) = Asked::read(query.as_deref())?.question(&configuration)? else { return Ok(None) };
    let place = READING.acquire().await.map_err(|_| ReadError::CutOff)?;
    let read = tokio::task::spawn_blocking(move || {
        let _place = place;
        let state = pages.state.as_ref();
        let (as_of, report) = at_one_moment(state, pages.log.as_ref(), || {
            Ok(attribution_report(state, &configuration, &question)?)
        })?;
        let choices = Choices::of(&configuration, &question.brand);
        Ok::<_, ReadError>((as_of, report, choices))
    });
    Ok(Some(read.await.map_err(|_| ReadError::CutOff)??))
}

/// `GET /v1/reports/attribution`.
pub(super) async fn attribution_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    match reported(pages, query).await {
        Ok(Some((as_of, report, _))) => Json(json!({ "as_of": as_of, "report": report })).into_response(),
        Ok(None) => Refused::parameter("brand", "no brand is set up").json(),
        Err(refused) => refused.json(),
    }
}

/// `GET /v1/reports/attribution/{table}.csv`: one table of the report as a file.
pub(super) async fn attribution_csv(
    State(pages): State<Arc<Pages>>,
    PathText(file): PathText,
    RawQuery(query): RawQuery,
) -> Response {
    match reported(pages, query).await {
        Ok(Some((_, report, _))) => {
            let tables = tables(&report);
            match tables.iter().find(|table| file.strip_suffix(".csv") == Some(table.name)) {
                Some(table) => csv_file(table),
                None => no_table(&tables),
            }
        }
        Ok(None) => Refused::parameter("brand", "no brand is set up").json(),
        Err(refused) => refused.json(),
    }
}

fn csv_file(table: &Table) -> Response {
    let mut bytes = Vec::new();
    // Writing into memory cannot fail.
    drop(table.write_csv(&mut bytes));
    let disposition = format!("attachment; filename=\"attribution-{}.csv\"", table.name);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, &disposition)];
    (headers, bytes).into_response()
}

fn no_table(tables: &[Table]) -> Response {
    let names: Vec<String> = tables.iter().map(|table| format!("{}.csv", table.name)).collect();
    let known = format!("there is no such table; there are {}", names.join(", "));
    let mut response = Refused::parameter("table", known).json();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// `GET /reports/attribution`.
pub(super) async fn attribution_html(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    let asked = query.clone().unwrap_or_default();
    match reported(pages, query).await {
        Ok(Some((as_of, report, choices))) => {
            attribution_page(&as_of, &report, &choices, &asked).into_response()
        }
        Ok(None) => nothing_set_up_page().into_response(),
        Err(refused) => refused.page(),
    }
}
