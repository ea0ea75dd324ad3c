//! `GET|POST /postback/{source}`: server-to-server postbacks as query, form or JSON, in every incumbent's dialect.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tributary_adapters::canonical::{
    DecodingRules, Fields, Refusal, decode, fields_from_json, fields_from_query,
};
use tributary_adapters::signature::{Scheme, Verified, accept_unsigned, verify_parameters};
use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::{Configuration, Source};
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;

use super::address::PathText;
use super::intake::{Sender, source};
use super::outcome::{Outcome, Status};
use super::refusals::{Content, Refused};
use super::{Edge, now};

/// Receives one postback.
pub async fn receive(
    State(edge): State<Arc<Edge>>,
    PathText(key): PathText,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Response {
    if method != Method::GET && method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, POST")]).into_response();
    }
    let (body, query) = (edge.body(body).await, query.unwrap_or_default());
    let configuration = edge.configuration.current();
    let mut request = Refused { named: Some(&key), ..Refused::new(Way::Postback, now()) };
    request.content = Content::Parameters(&query, body.as_deref().unwrap_or_default());
    let body = match &body {
        Ok(body) => body,
        Err(outcome) => {
            request.source = source(&configuration, &key, request.at).ok().map(|found| found.1);
            return edge.told(&request, outcome.clone()).into_response();
        }
    };
    let outcome = take(&edge, &configuration, &mut request, &key, &query, &headers, body).await;
    let outcome = edge.told(&request, outcome);
    let plain = configuration
        .sources
        .iter()
        .find(|(known, _)| known.as_str() == key)
        .and_then(|(_, versions)| versions.latest().plain_answer.clone());
    answer(outcome, &query, plain)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one request, each of another kind")]
async fn take<'c>(
    edge: &Edge,
    configuration: &'c Configuration,
    request: &mut Refused<'c>,
    key: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Outcome {
    let at = request.at;
    let (key, source) = match source(configuration, key, at) {
        Ok(found) => found,
        Err(reason) => return reason.into(),
    };
    request.source = Some(source);
    let verified = match prove(source, query, headers, body, at) {
        Ok(verified) => verified,
        Err(outcome) => return outcome,
    };
    request.proven = verified.scheme() != Scheme::Unsigned;
    // Only after the proof: a stranger must not be able to use up the source's allowance.
    if let Err(outcome) = edge.spend(&key, source, 1, at) {
        return outcome;
    }
    let event =
        fields(query, headers, body).and_then(|fields| decode(&fields, &DecodingRules::postback_for(source)));
    let event = match event {
        Ok(event) => event,
        Err(refusal) => return refusal.into(),
    };
    if verified.scheme() == Scheme::Unsigned && !names_our_click(edge, event.click_id.as_deref()) {
        return Outcome {
            message: Some("an unsigned postback must name a click id that was issued here".to_owned()),
            ..Outcome::rejected(Reason::SignatureMissing)
        };
    }
    let sender = Sender {
        brand: &source.brand,
        source: &key,
        way: Way::Postback,
        received_at: at,
        message_id: verified.message_id(),
    };
    let raw = if body.is_empty() { query.as_bytes() } else { body };
    edge.intake.take(configuration, sender, event, raw).await
}

/// A signature or token in the headers is judged alone; else a token among the parameters; else the source's trust in
/// an unguessable click id.
///
/// A signature covers the body. It proves nothing about a query, so that a signature once seen cannot be sent again with other
/// parameters.
fn prove(
    source: &Source,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
    at: Timestamp,
) -> Result<Verified, Outcome> {
    match Edge::verify(source, headers, body, at) {
        Err(Reason::SignatureMissing) => {}
        Err(reason) => return Err(reason.into()),
        Ok(verified) if verified.scheme() == Scheme::Token || is_signed_whole(query, body) => {
            return Ok(verified);
        }
        Ok(_) => {
            let parameters = fields(query, headers, body).unwrap_or_default();
            return verify_parameters(&parameters, &source.secrets, at)
                .or_else(|_| accept_unsigned(source))
                .map_err(|_| Outcome {
                    message: Some(
                        "the signature covers the body, and there are parameters in the query".to_owned(),
                    ),
                    hint: Some(
                        "Send every field in the signed body, or add the parameter `token`.".to_owned(),
                    ),
                    ..Outcome::rejected(Reason::SignatureInvalid)
                });
        }
    }
    // Only the token is looked at before the sender is known; what cannot be read as parameters holds no token.
    let parameters = fields(query, headers, body).unwrap_or_default();
    match verify_parameters(&parameters, &source.secrets, at) {
        Err(Reason::SignatureMissing) => accept_unsigned(source).map_err(Outcome::from),
        Err(reason) => Err(reason.into()),
        Ok(verified) => Ok(verified),
    }
}

/// Whether it is a click id that only somebody can know to whom a click brought it.
fn names_our_click(edge: &Edge, click_id: Option<&str>) -> bool {
    let parse = |text| ClickId::parse(edge.intake.keyring.click_id_key(), text).ok();
    click_id.and_then(parse).is_some_and(|id| id.issued_for().is_some())
}

/// The parameters of query and body together.
fn fields(query: &str, headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
    let mut fields = fields_from_query(query)?;
    if body.is_empty() {
        return Ok(fields);
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let more = match media_type.as_str() {
        "application/json" | "text/json" => fields_from_json(body)?,
        "application/x-www-form-urlencoded" | "" => fields_from_query(
            std::str::from_utf8(body)
                .map_err(|_| Refusal::of_whole(Reason::MalformedBody, "the form is not UTF-8"))?,
        )?,
        other => {
            let message = format!("`{}` is not a form or JSON", other.chars().take(60).collect::<String>());
            return Err(Refusal::of_whole(Reason::UnsupportedMediaType, message));
        }
    };
    fields.append(&more)?;
    Ok(fields)
}

/// Whether a signature over the body covers all that is sent: the query may only ask for the form of the answer.
fn is_signed_whole(query: &str, body: &[u8]) -> bool {
    !body.is_empty() && form_urlencoded::parse(query.as_bytes()).all(|(name, _)| name == "return")
}

/// `return=OK` and a source's own plain answer give old systems the text they insist on, and only for what is stored.
fn answer(outcome: Outcome, query: &str, plain: Option<String>) -> Response {
    let asked = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "return")
        .map(|(_, text)| text.into_owned());
    let text =
        asked.filter(|text| text.len() <= 20 && text.chars().all(|c| c.is_ascii_alphanumeric())).or(plain);
    match (outcome.status, text) {
        (Status::Accepted | Status::Duplicate, Some(text)) => {
            (outcome.http_status(), [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
                .into_response()
        }
        _ => outcome.into_response(),
    }
}
