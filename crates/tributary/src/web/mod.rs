//! Pages and figures for readers: `/`, `/conversions`, `/explain/{id}`, and the same as JSON under `/v1`.
//!
//! The pages need no script. Every figure comes from [`StateReader`] through one value ([`overview::Overview`]) that page and JSON share;
//! templates write, they do not compute. Reading blocks, so it happens on threads kept for that, a few at a time.
//!
//! | file | what it does |
//! | --- | --- |
//! | `access` | who may read |
//! | `overview`, `stages`, `partners`, `remembered` | the figures |
//! | `words`, `figures` | how states, reasons, amounts and times are said |
//! | `html`, `layout`, `style.css` | escaping, the frame of a page |
//! | `home`, `conversions`, `explanation`, `attribution` | the pages |
//! | `refusals` | the notes about refused requests |
//! | `reports` | the attribution report's reading |
//! | `json`, `request` | the figures as JSON, what may be asked |

pub mod access;
mod attribution;
pub mod conversions;
pub mod explanation;
pub mod figures;
pub mod home;
pub mod html;
pub mod json;
pub mod layout;
pub mod overview;
pub mod partners;
mod refusals;
pub mod remembered;
mod reports;
pub mod request;
pub mod stages;
#[cfg(test)]
mod tests;
pub mod words;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tributary_domain::ids::{BrandKey, EventId, PartnerKey, SourceKey, TransactionId};
use tributary_domain::time::{Period, Timestamp};
use tributary_store::keys::Keyring;
use tributary_store::log::LogReader;
use tributary_store::state::{ConversionFilter, StateReader};

pub use self::access::ReadAccess;
use self::figures::Amount;
use self::overview::{AsOf, Overview, ReadError, at_one_moment};
use self::remembered::Remembered;
use self::request::{Parameters, Refused};
use crate::edge::address::PathText;
use crate::edge::now;
use crate::edge::outcome::Outcome;
use crate::edge::refusals::Refusals;
use crate::operations::explaining::{ExplainError, Explanation, Sight, Viewer};
use crate::operations::identity;
use crate::setup::live::LiveConfiguration;

/// Pages that are read at the same time; more wait.
const READERS: usize = 4;

/// Longest id that can be asked for, in characters.
const LONGEST_ID: usize = 256;

/// Conversions in one answer: unless asked otherwise, and at most. No more of other rows either.
const CONVERSIONS: usize = 100;
const MOST_CONVERSIONS: usize = 1_000;

static READING: Semaphore = Semaphore::const_new(READERS);

/// What the pages read.
pub struct Pages {
    /// The derived state.
    pub state: Arc<dyn StateReader>,
    /// The log.
    pub log: Arc<dyn LogReader>,
    /// The notes about refused requests.
    pub refusals: Refusals,
    /// The set-up in force.
    pub configuration: Arc<LiveConfiguration>,
    /// Hashes identifiers as the door does, and checks click ids.
    pub keyring: Arc<Keyring>,
    /// Who may read.
    pub access: ReadAccess,
    /// First pages that took long to read.
    pub overviews: Remembered<Overview>,
    /// Figures that took long to read.
    pub rows: Remembered<(AsOf, Vec<Value>)>,
}

/// The pages as routes. The server must provide each peer's address
/// ([`axum::extract::ConnectInfo`]); without it nobody passes but by token.
pub fn routes(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(home_page))
        .route("/conversions", get(conversions_page))
        .route("/explain", get(explain_asked_page))
        .route("/explain/{id}", get(explain_page))
        .route("/v1/explain", get(explain_asked_json))
        .route("/v1/explain/{id}", get(explain_json))
        .route("/v1/explanations", get(explain_asked_json))
        .route("/v1/explanations/{id}", get(explain_json))
        .route("/v1/conversions", get(conversions_json))
        .route("/v1/balances", get(balances_json))
        .route("/v1/funnel", get(funnel_json))
        .route("/v1/refusals", get(refusals::refusals_json))
        .route("/v1/partners", get(partners_json))
        .route("/v1/identity/guarded", get(guarded_json))
        .route("/reports/attribution", get(reports::attribution_html))
        .route("/v1/reports/attribution", get(reports::attribution_json))
        .route("/v1/reports/attribution/{table}", get(reports::attribution_csv))
        .route_layer(middleware::from_fn_with_state(pages.clone(), access::guard))
        .route("/session", post(access::sign_in))
        .layer(DefaultBodyLimit::max(4_096))
        .layer(middleware::from_fn(protect))
        .with_state(pages)
}

/// Headers that keep a page from being stored, framed, sniffed or given away.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, layout::POLICY.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

/// Reads on a thread that may block.
async fn reading<T: Send + 'static>(
    pages: Arc<Pages>,
    read: impl FnOnce(&Pages) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Refused> {
    let _place = READING.acquire().await.map_err(|_| ReadError::CutOff)?;
    let read = tokio::task::spawn_blocking(move || read(&pages)).await;
    Ok(read.map_err(|_| ReadError::CutOff)??)
}

async fn home_page(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    overview(pages, query)
        .await
        .map_or_else(Refused::page, |overview| home::home_page(&overview).into_response())
}

async fn overview(pages: Arc<Pages>, query: Option<String>) -> Result<Arc<Overview>, Refused> {
    let wanted = Parameters::read(query.as_deref(), &["brand"])?.parsed("brand", BrandKey::parse)?;
    let overview = reading(pages, move |pages| {
        pages.overviews.get(wanted.as_ref().map_or("", BrandKey::as_str), || {
            let configuration = pages.configuration.current();
            Overview::read(pages.state.as_ref(), pages.log.as_ref(), &configuration, wanted.as_ref(), now())
        })
    })
    .await?;
    match &overview.brand {
        Some(brand) if !overview.brands.iter().any(|(known, _)| known == brand) => {
            Err(Refused::parameter("brand", format!("there is no brand `{brand}`")))
        }
        _ => Ok(overview),
    }
}

/// What a question without an id in its path may hold.
const QUESTION: [&str; 5] = ["id", "partner", "from", "to", "source"];

/// What is to be explained, to whom.
struct Question {
    about: About,
    partner: Option<String>,
}

enum About {
    Id(String),
    /// Between two moments, the second left out.
    Time(Timestamp, Timestamp, Option<SourceKey>),
}

impl Question {
    /// The question of an address: the id from its path, or else as a parameter (ids of senders may hold characters that a path cannot);
    /// or a time.
    fn read(path: Option<String>, query: Option<&str>) -> Result<Option<Self>, Refused> {
        let known: &[&'static str] = if path.is_some() { &["partner"] } else { &QUESTION };
        let parameters = Parameters::read(query, known)?;
        let partner = parameters.text("partner").map(str::to_owned);
        if let Some(id) = path.or_else(|| parameters.text("id").map(str::to_owned)) {
            if id.chars().count() > LONGEST_ID {
                return Err(Refused::parameter("id", format!("it is longer than {LONGEST_ID} characters")));
            }
            return Ok(Some(Self { about: About::Id(id), partner }));
        }
        let from = parameters.parsed("from", Timestamp::parse)?;
        let to = parameters.parsed("to", Timestamp::parse)?;
        match (from, to, partner) {
            (None, None, _) => Ok(None),
            (Some(_), Some(_), Some(_)) => Err(Refused::parameter(
                "partner",
                "a time is the operator's question; ask for an id".to_owned(),
            )),
            (Some(from), Some(to), None) if from < to => {
                let source = parameters.parsed("source", SourceKey::parse)?;
                Ok(Some(Self { about: About::Time(from, to, source), partner: None }))
            }
            (Some(_), Some(_), None) => Err(Refused::parameter("to", "it must lie after `from`".to_owned())),
            (None, Some(_), _) => Err(Refused::parameter("from", "it is missing beside `to`".to_owned())),
            (Some(_), None, _) => Err(Refused::parameter("to", "it is missing beside `from`".to_owned())),
        }
    }
}

async fn explained(pages: Arc<Pages>, question: Question) -> Result<(StatusCode, Explanation), Refused> {
    let Question { about, partner } = question;
    let configuration = pages.configuration.current();
    let viewer = partner
        .map(|partner| Viewer::parse(&partner, &configuration))
        .transpose()
        .map_err(|problem| Refused::parameter("partner", problem))?;
    let explanation = reading(pages, move |pages| {
        let sight = Sight {
            state: pages.state.as_ref(),
            log: pages.log.as_ref(),
            refusals: pages.refusals.store(),
            configuration: &configuration,
            keyring: &pages.keyring,
            now: now(),
            viewer: viewer.as_ref(),
        };
        let explanation = match &about {
            About::Id(id) => sight.explain(id),
            About::Time(from, to, source) => sight.explain_period(*from, *to, source.as_ref()),
        };
        explanation.map_err(|error| match error {
            ExplainError::State(error) => ReadError::State(error),
            ExplainError::Log(error) => ReadError::Log(error),
            ExplainError::Refusals(error) => ReadError::Refusals(error),
        })
    })
    .await?;
    let status = if explanation::is_nothing(&explanation) { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok((status, explanation))
}

async fn explain_page(
    State(pages): State<Arc<Pages>>,
    id: Result<PathText, Outcome>,
    RawQuery(query): RawQuery,
) -> Response {
    match id {
        Ok(PathText(id)) => asked_page(pages, Some(id), query).await,
        Err(_) => {
            Refused::parameter("id", "the address is not UTF-8 there once its escapes are decoded").page()
        }
    }
}

async fn explain_asked_page(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    asked_page(pages, None, query).await
}

async fn asked_page(pages: Arc<Pages>, id: Option<String>, query: Option<String>) -> Response {
    let question = match Question::read(id, query.as_deref()) {
        Ok(Some(question)) => question,
        Ok(None) => {
            // Who looks with a partner's eyes goes on doing so.
            let partner = Parameters::read(query.as_deref(), &QUESTION);
            let partner = partner.as_ref().ok().and_then(|parameters| parameters.text("partner"));
            return explanation::search_page(partner).into_response();
        }
        Err(refused) => return refused.page(),
    };
    let partner = question.partner.clone();
    explained(pages, question).await.map_or_else(Refused::page, |(status, explanation)| {
        (status, explanation::explanation_page(&explanation, partner.as_deref())).into_response()
    })
}

async fn explain_json(
    State(pages): State<Arc<Pages>>,
    PathText(id): PathText,
    RawQuery(query): RawQuery,
) -> Response {
    asked_json(pages, Some(id), query).await
}

async fn explain_asked_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    asked_json(pages, None, query).await
}

async fn asked_json(pages: Arc<Pages>, id: Option<String>, query: Option<String>) -> Response {
    let question = match Question::read(id, query.as_deref()) {
        Ok(Some(question)) => question,
        Ok(None) => return Refused::parameter("id", "it is missing").json(),
        Err(refused) => return refused.json(),
    };
    explained(pages, question)
        .await
        .map_or_else(Refused::json, |(status, explanation)| (status, Json(explanation)).into_response())
}

/// Which conversions are asked for.
struct Asked {
    filter: ConversionFilter,
    after: Option<EventId>,
    limit: usize,
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Refused> {
        let known = ["transaction", "brand", "partner", "source", "period", "after", "limit"];
        let parameters = Parameters::read(query, &known)?;
        let limit = parameters.parsed("limit", |text| match text.parse() {
            Ok(limit @ 1..=MOST_CONVERSIONS) => Ok(limit),
            _ => Err(format!("it is not a number from 1 to {MOST_CONVERSIONS}")),
        })?;
        let filter = ConversionFilter {
            brand: parameters.parsed("brand", BrandKey::parse)?,
            source: parameters.parsed("source", SourceKey::parse)?,
            period: parameters.parsed("period", Period::parse)?,
            transaction: parameters.parsed("transaction", TransactionId::parse)?,
            partner: parameters.parsed("partner", PartnerKey::parse)?,
        };
        let after = parameters.parsed("after", EventId::parse)?;
        Ok(Self { filter, after, limit: limit.unwrap_or(CONVERSIONS) })
    }
}

async fn listed(pages: Arc<Pages>, query: Option<String>) -> Result<conversions::Listed, Refused> {
    let Asked { filter, after, limit } = Asked::read(query.as_deref())?;
    reading(pages, move |pages| {
        let found = pages.state.conversions(&filter, after, limit + 1)?;
        Ok(conversions::Listed::new(
            filter,
            after,
            found.into_iter().map(|(_, conversion)| conversion).collect(),
            limit,
        ))
    })
    .await
}

async fn conversions_page(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    listed(pages, query)
        .await
        .map_or_else(Refused::page, |listed| conversions::conversions_page(&listed).into_response())
}

async fn conversions_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    listed(pages, query).await.map_or_else(Refused::json, |listed| {
        let conversions: Vec<Value> = listed.conversions.iter().map(json::conversion).collect();
        let next = listed.next.map(|event| event.to_string());
        Json(json!({ "conversions": conversions, "next": next })).into_response()
    })
}

/// Figures of one moment, of one brand if one is asked for, as JSON.
async fn figures_json(
    pages: Arc<Pages>,
    query: Option<String>,
    name: &'static str,
    read: impl Fn(&Pages, Option<&BrandKey>) -> Result<Vec<Value>, ReadError> + Send + 'static,
) -> Response {
    let figures = async {
        let brand = Parameters::read(query.as_deref(), &["brand"])?.parsed("brand", BrandKey::parse)?;
        reading(pages, move |pages| {
            let question = format!("{name} {}", brand.as_ref().map_or("", BrandKey::as_str));
            let figures = pages.rows.get(&question, || {
                at_one_moment(pages.state.as_ref(), pages.log.as_ref(), || read(pages, brand.as_ref()))
            })?;
            // Remembered figures may be older than what the log has now; who asks for `lag` wants to know.
            Ok((figures.0.with_log(pages.log.last()?.0), figures))
        })
        .await
    };
    figures.await.map_or_else(Refused::json, |(as_of, figures)| {
        Json(json!({ "as_of": as_of, name: figures.1 })).into_response()
    })
}

fn asked_for(brand: &BrandKey, wanted: Option<&BrandKey>) -> bool {
    wanted.is_none_or(|wanted| wanted == brand)
}

async fn balances_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    figures_json(pages, query, "balances", |pages, wanted| {
        let balances = pages.state.balances()?;
        let rows = balances.iter().filter(|(brand, _, _)| asked_for(brand, wanted)).map(|(brand, account, money)| {
            let Amount { amount, currency } = Amount::from(*money);
            json!({ "brand": brand.as_str(), "account": account.to_string(), "amount": amount, "currency": currency })
        });
        Ok(rows.collect())
    })
    .await
}

async fn funnel_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    figures_json(pages, query, "brands", |pages, wanted| {
        let funnel = overview::funnel(pages.state.as_ref(), &pages.configuration.current())?;
        let rows = funnel.iter().filter(|(brand, _)| asked_for(brand, wanted));
        Ok(rows.map(|(brand, stages)| json!({ "brand": brand.as_str(), "stages": stages })).collect())
    })
    .await
}

async fn guarded_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    figures_json(pages, query, "identifiers", |pages, wanted| {
        let found = identity::guarded(pages.state.as_ref(), &pages.configuration.current(), wanted)?;
        Ok(found.iter().take(MOST_CONVERSIONS).map(|each| json!(each)).collect())
    })
    .await
}

async fn partners_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    figures_json(pages, query, "partners", |pages, wanted| {
        let sums = pages.state.commission_sums()?;
        let balances = pages.state.balances()?;
        let rows = partners::partners(&sums, &balances, &pages.configuration.current());
        Ok(rows.iter().filter(|row| asked_for(&row.brand, wanted)).map(json::partner).collect())
    })
    .await
}
