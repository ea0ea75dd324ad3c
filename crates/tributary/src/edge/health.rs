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
        (last.map_err(|e| e.to_string()), checkpoint.map_err(|e| e.to_string()))
    })
    .await;
    let (last, checkpoint) = match checked {
        Ok(checked) => checked,
        Err(_) => (Err("the check failed".to_owned()), Err("the check failed".to_owned())),
    };
    let mut missing: Vec<&str> = Vec::new();
    if last.is_err() {
        missing.push("log");
    }
    if checkpoint.is_err() {
        missing.push("store");
    }
    if edge.configuration.current().brands.is_empty() {
        missing.push("set-up: apply a file with at least one brand");
    }
    if edge.readiness.engine.in_a_row() > MOST_FAILURES {
        missing.push("engine: its step fails again and again; the server's log says why");
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
    });
    (status, Json(body)).into_response()
}

/// Prometheus text format.
pub async fn metrics(State(edge): State<Arc<Edge>>) -> Response {
    let asked = edge.clone();
    let lag = tokio::task::spawn_blocking(move || {
        let last = asked.readiness.log.last().ok()?;
        let checkpoint = asked.readiness.state.checkpoint().ok()?;
        Some(last.0.saturating_sub(checkpoint.0))
    });
    if let Ok(Some(lag)) = lag.await {
        edge.intake.metrics.set_engine_lag(lag);
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
