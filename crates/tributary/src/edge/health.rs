//! Liveness, readiness, metrics, and the published list of reasons.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tributary_domain::reason::Reason;
use tributary_store::log::LogReader;
use tributary_store::state::StateReader;

use super::Edge;
use crate::engine::runner::Failures;

/// What readiness looks at.
pub struct Readiness {
    /// The log, if this process can read it.
    pub log: Arc<dyn LogReader>,
    /// The derived state.
    pub state: Arc<dyn StateReader>,
    /// Whether the engine of this process gets on.
    pub engine: Failures,
}

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// Failed steps in a row after which readiness names the engine; a database that restarts causes a few.
const MOST_FAILURES: u64 = 10;

/// Whether events can be taken (log and set-up), and how far the engine is. The store may be down: that is named, but the
/// edge stays ready.
pub async fn ready(State(edge): State<Arc<Edge>>) -> Response {
    let for_blocking = edge.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let readiness = &for_blocking.readiness;
        let last = readiness.log.last().map(|sequence| sequence.0);
        let checkpoint = readiness.state.checkpoint().map(|sequence| sequence.0);
        let waiting = readiness.state.queue_length().ok();
        (last.map_err(|e| e.to_string()), checkpoint.map_err(|e| e.to_string()), waiting)
    })
    .await;
    let (last, checkpoint, waiting) = match checked {
        Ok(checked) => checked,
        Err(_) => (Err("the check failed".to_owned()), Err("the check failed".to_owned()), None),
    };
    let mut missing: Vec<String> = Vec::new();
    let mut misses = |what: &str| missing.push(what.to_owned());
    if last.is_err() {
        misses("log");
    }
    if checkpoint.is_err() {
        misses("store");
    }
    if edge.configuration.current().brands.is_empty() {
        misses("set-up: apply a file with at least one brand");
    }
    if edge.readiness.engine.in_a_row() > MOST_FAILURES {
        misses("engine: its step fails again and again; the server's log says why");
    }
    if let Some(waiting @ 1..) = waiting {
        misses(&format!("settlement: {waiting} waiting, so figures may still change"));
    }
    let lag = match (&last, &checkpoint) {
        (Ok(last), Ok(checkpoint)) => Some(last.saturating_sub(*checkpoint)),
        _ => None,
    };
    let status = if last.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": last.is_ok(),
        "missing": missing,
        "log": last.ok(),
        "checkpoint": checkpoint.ok(),
        "lag": lag,
        "waiting_clusters": waiting,
    });
    (status, Json(body)).into_response()
}

/// Prometheus text format.
pub async fn metrics(State(edge): State<Arc<Edge>>) -> Response {
    let asked = edge.clone();
    let lag = tokio::task::spawn_blocking(move || {
        let last = asked.readiness.log.last().ok()?;
        let checkpoint = asked.readiness.state.checkpoint().ok()?;
        let waiting = asked.readiness.state.queue_length().ok()?;
        Some((last.0.saturating_sub(checkpoint.0), waiting))
    });
    if let Ok(Some((lag, waiting))) = lag.await {
        edge.intake.metrics.set_engine_lag(lag);
        edge.intake.metrics.set_waiting_clusters(waiting);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], edge.intake.metrics.render()).into_response()
}

/// `GET /v1/reasons`.
pub async fn reasons() -> Json<Value> {
    let reasons: Vec<Value> = Reason::ALL
        .iter()
        .map(|reason| {
            json!({
                "code": reason.code(),
                "concerns": format!("{:?}", reason.concern()).to_lowercase(),
                "message": reason.message(),
                "hint": reason.hint(),
            })
        })
        .collect();
    Json(json!({ "reasons": reasons }))
}
