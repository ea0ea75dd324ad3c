//! `POST /v1/events`: canonical JSON. One event, an array, or NDJSON; plain or gzip.

use std::io::Read;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use tributary_adapters::canonical::{DecodingRules, decode, fields_from_json, json_events};
use tributary_adapters::signature::Verified;
use tributary_domain::configuration::{Configuration, Source};
use tributary_domain::fact::EventKind;
use tributary_domain::ids::SourceKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;

use super::intake::{Prepared, Sender, source};
use super::outcome::{Outcome, many};
use super::refusals::{Content, Refused};
use super::{Edge, now};

/// Who sends, when the address does not say it.
#[derive(Deserialize)]
pub struct SourceParameter {
    /// The source's key.
    pub source: Option<String>,
}

/// Receives events.
pub async fn receive(
    State(edge): State<Arc<Edge>>,
    Query(parameter): Query<SourceParameter>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Response {
    take(&edge, parameter.source.as_deref(), &headers, body, Way::Events, None).await
}

/// The common part of `/v1/events` and `/v1/clicks`.
pub(super) async fn take(
    edge: &Arc<Edge>,
    named: Option<&str>,
    headers: &HeaderMap,
    body: axum::body::Body,
    way: Way,
    default_kind: Option<EventKind>,
) -> Response {
    let at = now();
    let body = edge.body(body).await;
    let configuration = edge.configuration.current();
    let mut request = Refused { named: named_source(named, headers), ..Refused::new(way, at) };
    request.source =
        request.named.and_then(|named| source(&configuration, named, at).ok()).map(|found| found.1);
    let body = match body {
        Ok(body) => body,
        Err(outcome) => return edge.told(&request, outcome).into_response(),
    };
    let (key, source, verified) = match identify(&configuration, named, headers, &body, at) {
        Ok(found) => found,
        Err(reason) => {
            return edge.told(&request.with(Content::Events(&body)), reason.into()).into_response();
        }
    };
    request = Refused { named: Some(key.as_str()), source: Some(source), proven: true, ..request };
    let plain = match decompressed(edge, headers, body) {
        Ok(plain) => plain,
        Err(outcome) => return edge.told(&request, outcome).into_response(),
    };
    let events = match json_events(&plain, edge.limits.batch_events) {
        Ok(events) => events,
        Err(refusal) => {
            return edge.told(&request.with(Content::Events(&plain)), refusal.into()).into_response();
        }
    };
    if let Err(outcome) = edge.spend(&key, source, events.len(), at) {
        return edge.told(&request.with(Content::Events(&plain)), outcome).into_response();
    }
    // One value is answered with one outcome, an array or several lines with a list.
    let single = events.len() == 1 && !plain.trim_ascii_start().starts_with(b"[");
    let sender = Sender {
        brand: &source.brand,
        source: &key,
        way,
        received_at: at,
        message_id: verified.message_id().filter(|_| single),
    };
    let rules = DecodingRules { default_kind, ..DecodingRules::canonical_for(source) };
    let mut outcomes = store(edge, &configuration, sender, &rules, &events).await;
    for (outcome, event) in outcomes.iter().zip(&events) {
        edge.intake.refusals.tell(&request.with(Content::Event(event)), outcome);
    }
    match outcomes.pop() {
        Some(outcome) if single => outcome.into_response(),
        Some(last) => {
            outcomes.push(last);
            many(&outcomes)
        }
        None => many(&outcomes),
    }
}

/// Stores the good ones in one append and answers for each, in order.
async fn store(
    edge: &Edge,
    configuration: &Configuration,
    sender: Sender<'_>,
    rules: &DecodingRules,
    events: &[&[u8]],
) -> Vec<Outcome> {
    let decoded: Vec<_> =
        events.iter().map(|raw| fields_from_json(raw).and_then(|fields| decode(&fields, rules))).collect();
    if let Err(refusal) = edge.intake.ready_keys(sender.brand, decoded.iter().flatten()).await {
        return events.iter().map(|_| edge.counted(sender.way, refusal.clone().into())).collect();
    }
    let mut prepared: Vec<Prepared> = Vec::with_capacity(events.len());
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
    for (event, raw) in decoded.into_iter().zip(events) {
        match event.and_then(|event| edge.intake.prepare(configuration, sender, event, raw)) {
            Ok(ready) => {
                prepared.push(ready);
                outcomes.push(None);
            }
            Err(refusal) => outcomes.push(Some(refusal.into())),
        }
    }
    let mut stored =
        if prepared.is_empty() { Vec::new() } else { edge.intake.append(prepared).await }.into_iter();
    outcomes
        .into_iter()
        .map(|outcome| {
            outcome.or_else(|| stored.next()).unwrap_or(Outcome::rejected(Reason::StorageUnavailable))
        })
        .map(|outcome| edge.counted(sender.way, outcome))
        .collect()
}

/// The source that sent it: named by `?source=` or `x-tributary-source`, else the one whose secret fits.
pub(super) fn identify<'c>(
    configuration: &'c Configuration,
    named: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    at: Timestamp,
) -> Result<(SourceKey, &'c Source, Verified), Reason> {
    if let Some(named) = named_source(named, headers) {
        let (key, source) = source(configuration, named, at)?;
        let verified = Edge::verify(source, headers, body, at)?;
        return Ok((key, source, verified));
    }
    let mut answer = Reason::SignatureMissing;
    for (key, versions) in &configuration.sources {
        let source = versions.at(at);
        match Edge::verify(source, headers, body, at) {
            Ok(verified) => return Ok((key.clone(), source, verified)),
            Err(reason) => {
                if answer != Reason::SignatureExpired {
                    answer = reason;
                }
            }
        }
    }
    Err(answer)
}

/// The source that a request names, in its address or its header.
fn named_source<'h>(in_address: Option<&'h str>, headers: &'h HeaderMap) -> Option<&'h str> {
    in_address.or_else(|| headers.get("x-tributary-source").and_then(|value| value.to_str().ok()))
}

fn decompressed(edge: &Edge, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Outcome> {
    let encoding =
        headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => {
            let limit = edge.limits.decompressed_bytes;
            let mut plain = Vec::new();
            let read = MultiGzDecoder::new(&*body).take(limit as u64 + 1).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() > limit => Err(Outcome {
                    message: Some(format!("the body unpacks to more than {limit} bytes")),
                    ..Outcome::rejected(Reason::TooLarge)
                }),
                Ok(_) => Ok(plain.into()),
                Err(_) => Err(Outcome {
                    message: Some("the body is not valid gzip".to_owned()),
                    ..Outcome::rejected(Reason::MalformedBody)
                }),
            }
        }
        _ => Err(Outcome {
            message: Some("the content encoding is neither gzip nor identity".to_owned()),
            ..Outcome::rejected(Reason::UnsupportedMediaType)
        }),
    }
}
