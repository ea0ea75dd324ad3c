//! The edge: every door through which events come in.
//!
//! Each door does the same in the same order: size limit, source, signature over the raw bytes, rate limit, decoding,
//! check against the set-up, sealing, durable append, answer. Nothing is taken in before it is authenticated, and nothing is
//! answered with 2xx before it is stored. What is refused leaves a note ([`refusals`]), written elsewhere and later. The edge needs only its configuration snapshot, the keys and the log: it keeps
//! taking events while the store is down.

pub mod address;
pub mod clicks;
pub mod events;
pub mod health;
pub mod imports;
pub mod intake;
pub mod outcome;
pub mod postback;
pub mod rate_limit;
pub mod redirect;
pub mod refusals;
pub mod webhook;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tributary_adapters::signature::{SignedRequest, Verified, verify};
use tributary_domain::configuration::Source;
use tributary_domain::ids::SourceKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;

use self::intake::Intake;
use self::outcome::Outcome;
use self::rate_limit::RateLimits;
use self::refusals::Refused;
use crate::engine::runner::Visitors;
use crate::settings::Limits;
use crate::setup::live::LiveConfiguration;

/// How long a sender may take for an event's body. Files have their own way in and take as long as they need.
const LONGEST_BODY_WAIT: Duration = Duration::from_secs(60);

/// What every door holds.
pub struct Edge {
    /// The common way of events.
    pub intake: Intake,
    /// The set-up in force.
    pub configuration: Arc<LiveConfiguration>,
    /// Bounds on what is accepted.
    pub limits: Limits,
    /// Limits per source.
    pub rate_limits: RateLimits,
    /// Imports that run or ran in this process.
    pub imports: imports::Imports,
    /// What readiness looks at.
    pub readiness: health::Readiness,
    /// Who waits for a redirect: the engine steps back for them.
    pub visitors: Visitors,
}

/// The doors as routes.
pub fn routes(edge: Arc<Edge>) -> Router {
    Router::new()
        .route(redirect::ROUTE, get(redirect::follow))
        .route("/postback/{source}", any(postback::receive))
        .route("/webhooks/{source}", post(webhook::receive))
        .route("/v1/events", post(events::receive))
        .route("/v1/clicks", post(clicks::receive))
        .route("/v1/imports", post(imports::receive))
        .route("/v1/imports/{id}", get(imports::status))
        .route("/v1/imports/{id}/rows", get(imports::rows))
        .merge(operation())
        .layer(middleware::from_fn_with_state(edge.clone(), count))
        .layer(DefaultBodyLimit::disable())
        .with_state(edge)
}

/// What every process answers, whatever its roles: whether it works, and how.
pub fn operation_routes(edge: Arc<Edge>) -> Router {
    operation().layer(middleware::from_fn_with_state(edge.clone(), count)).with_state(edge)
}

fn operation() -> Router<Arc<Edge>> {
    Router::new()
        .route("/v1/reasons", get(health::reasons))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
}

/// Counts requests by route and status, and refuses oversized request targets.
async fn count(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = if let Some(outcome) = address::too_long(&edge, request.uri()) {
        if let Some(way) = route.as_ref().and_then(|route| way_of(route.as_str())) {
            edge.intake.refusals.tell(&Refused::new(way, now()), &outcome);
        }
        axum::response::IntoResponse::into_response(outcome)
    } else {
        next.run(request).await
    };
    edge.intake
        .metrics
        .http_request(route.as_ref().map_or("other", MatchedPath::as_str), response.status().as_u16());
    response
}

/// The way in that a route is; `None` for those that take nothing.
fn way_of(route: &str) -> Option<Way> {
    match route {
        redirect::ROUTE => Some(Way::Redirect),
        "/postback/{source}" => Some(Way::Postback),
        "/webhooks/{source}" => Some(Way::Webhook),
        "/v1/events" => Some(Way::Events),
        "/v1/clicks" => Some(Way::Clicks),
        "/v1/imports" => Some(Way::Import),
        _ => None,
    }
}

/// The present, in microseconds: the edge is where time enters.
#[must_use]
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

/// How much of a body beyond the limit is read and thrown away, in limits: a sender who still sends cannot read his answer, and a
/// connection closed under him would take it with it.
const PASSED_OVER: usize = 4;

async fn pass_over(body: &mut Body, most: usize) {
    let mut passed = 0;
    while let (true, Some(Ok(frame))) = (passed < most, body.frame().await) {
        passed += frame.data_ref().map_or(0, Bytes::len);
    }
}

impl Edge {
    /// Reads a body up to the limit.
    ///
    /// # Errors
    /// [`Reason::TooLarge`]; [`Reason::MalformedBody`] for one that breaks off, is badly framed or does not come to its end.
    pub(crate) async fn body(&self, mut body: Body) -> Result<Bytes, Outcome> {
        let refused = |reason, message| Outcome { message: Some(message), ..Outcome::rejected(reason) };
        let read = async {
            let read = Limited::new(&mut body, self.limits.body_bytes).collect().await;
            if read.as_ref().is_err_and(|problem| problem.is::<LengthLimitError>()) {
                pass_over(&mut body, self.limits.body_bytes.saturating_mul(PASSED_OVER)).await;
            }
            read
        };
        match tokio::time::timeout(LONGEST_BODY_WAIT, read).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(problem)) if problem.is::<LengthLimitError>() => {
                let message = format!("the body is larger than {} bytes", self.limits.body_bytes);
                Err(refused(Reason::TooLarge, message))
            }
            Ok(Err(_)) => {
                Err(refused(Reason::MalformedBody, "the body was cut off or is badly framed".to_owned()))
            }
            Err(_) => {
                let message = format!("the body did not come within {} s", LONGEST_BODY_WAIT.as_secs());
                Err(refused(Reason::MalformedBody, message))
            }
        }
    }

    /// Proves the sender over headers and raw body.
    ///
    /// # Errors
    /// The signature reasons.
    pub(crate) fn verify(
        source: &Source,
        headers: &HeaderMap,
        body: &[u8],
        at: Timestamp,
    ) -> Result<Verified, Reason> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        verify(&SignedRequest { header: &header, body }, &source.secrets, at)
    }

    /// Spends the source's allowance.
    ///
    /// # Errors
    /// [`Reason::RateLimited`].
    pub(crate) fn spend(
        &self,
        key: &SourceKey,
        source: &Source,
        events: usize,
        at: Timestamp,
    ) -> Result<(), Outcome> {
        match source.rate_limit {
            Some(limit) => self.rate_limits.take(key, limit, events, at).map_err(|seconds| Outcome {
                hint: Some(format!("Try again in {seconds} s.")),
                retry_after: u16::try_from(seconds).unwrap_or(u16::MAX),
                ..Outcome::rejected(Reason::RateLimited)
            }),
            None => Ok(()),
        }
    }

    /// Counts an outcome and hands it on.
    pub(crate) fn counted(&self, way: Way, outcome: Outcome) -> Outcome {
        self.intake.metrics.event(way.name(), outcome.status.name(), outcome.reason.code());
        outcome
    }

    /// Counts an outcome, makes a note of it when it is a refusal, and hands it on.
    pub(crate) fn told(&self, request: &Refused<'_>, outcome: Outcome) -> Outcome {
        self.intake.refusals.tell(request, &outcome);
        self.counted(request.way, outcome)
    }
}
