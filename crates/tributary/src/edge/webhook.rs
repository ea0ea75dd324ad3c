//! `POST /webhooks/{source}`: a signed webhook. The signature is checked over the bytes as they came.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tributary_adapters::canonical::{DecodingRules, decode, fields_from_json};
use tributary_domain::configuration::Configuration;
use tributary_store::log::Way;

use super::address::PathText;
use super::intake::{Sender, source};
use super::outcome::Outcome;
use super::refusals::{Content, Refused};
use super::{Edge, now};

/// Receives one webhook.
pub async fn receive(
    State(edge): State<Arc<Edge>>,
    PathText(key): PathText,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Response {
    let at = now();
    let configuration = edge.configuration.current();
    let body = edge.body(body).await;
    let mut request = Refused { named: Some(&key), ..Refused::new(Way::Webhook, at) };
    if let Ok(body) = &body {
        request.content = Content::Event(body);
    }
    let outcome = take(&edge, &configuration, &mut request, &key, &headers, body.as_ref()).await;
    edge.told(&request, outcome).into_response()
}

async fn take<'c>(
    edge: &Edge,
    configuration: &'c Configuration,
    request: &mut Refused<'c>,
    key: &str,
    headers: &HeaderMap,
    body: Result<&Bytes, &Outcome>,
) -> Outcome {
    let at = request.at;
    let (key, source) = match source(configuration, key, at) {
        Ok(found) => found,
        Err(reason) => return reason.into(),
    };
    request.source = Some(source);
    let body = match body {
        Ok(body) => body,
        Err(outcome) => return outcome.clone(),
    };
    let verified = match Edge::verify(source, headers, body, at) {
        Ok(verified) => verified,
        Err(reason) => return reason.into(),
    };
    request.proven = true;
    // Only after the proof: a stranger must not be able to use up the source's allowance.
    if let Err(outcome) = edge.spend(&key, source, 1, at) {
        return outcome;
    }
    let event = match fields_from_json(body)
        .and_then(|fields| decode(&fields, &DecodingRules::canonical_for(source)))
    {
        Ok(event) => event,
        Err(refusal) => return refusal.into(),
    };
    let sender = Sender {
        brand: &source.brand,
        source: &key,
        way: Way::Webhook,
        received_at: at,
        message_id: verified.message_id(),
    };
    edge.intake.take(configuration, sender, event, body).await
}
