//! `POST /v1/clicks`: a click told by a server or by a page of a direct link. Answers the click id.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tributary_domain::fact::EventKind;
use tributary_store::log::Way;

use super::Edge;
use super::events::{SourceParameter, take};

/// Receives clicks, as canonical JSON whose `event_type` may be left out.
pub async fn receive(
    State(edge): State<Arc<Edge>>,
    Query(parameter): Query<SourceParameter>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Response {
    take(&edge, parameter.source.as_deref(), &headers, body, Way::Clicks, Some(EventKind::Click)).await
}
