//! `GET /c/{link}`: the tracked redirect. The click is durable before the browser is sent on.

use std::sync::{Arc, LazyLock};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use tributary_adapters::canonical::{
    DecodingRules, Field, Fields, IncomingBody, Personal, Refusal, decode, fields_from_query,
};
use tributary_domain::configuration::{Campaign, Configuration, Link};
use tributary_domain::ids::{IdError, LinkKey, SourceKey};
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;
use url::Url;

use super::address::PathText;
use super::intake::Sender;
use super::outcome::{Outcome, Status};
use super::refusals::{Content, Refused};
use super::{Edge, now};

/// The source under which redirects are logged; no secret belongs to it, since the log writes it itself.
static SOURCE: LazyLock<Result<SourceKey, IdError>> =
    LazyLock::new(|| SourceKey::parse("tributary.redirect"));
/// Characters of a user agent that are kept; more is no browser's.
const LONGEST_USER_AGENT: usize = 512;

/// The route by its template, as metrics name it.
pub(super) const ROUTE: &str = "/c/{link}";

/// Follows a link.
pub async fn follow(
    State(edge): State<Arc<Edge>>,
    PathText(key): PathText,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    answer(&edge, &key, query.as_deref(), &method, &headers).await
}

/// Answers a request that is plainly a tracked redirect, as the router would: `GET`, a key without escapes, a target of usual length.
pub(crate) async fn answer_directly<B>(edge: &Edge, request: &Request<B>) -> Option<Response> {
    let uri = request.uri();
    let key = uri.path().strip_prefix("/c/")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if request.method() != Method::GET
        || key.is_empty()
        || !key.bytes().all(is_plain)
        || length > edge.limits.url_bytes
    {
        return None;
    }
    let response = answer(edge, key, uri.query(), request.method(), request.headers()).await;
    edge.intake.metrics.http_request(ROUTE, response.status().as_u16());
    Some(response)
}

async fn answer(
    edge: &Edge,
    key: &str,
    query: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let at = now();
    let configuration = edge.configuration.current();
    let request = Refused::new(Way::Redirect, at).with(Content::Link(key));
    let found = match find(&configuration, key, at) {
        Ok(found) => found,
        Err(outcome) => return unknown(edge, &configuration, key, &request, outcome),
    };
    let request = Refused { brand: Some(&found.link.brand), ..request };
    let (destination, fields) = match destination(&found, query.unwrap_or_default()) {
        Ok(parts) => parts,
        Err(refusal) => return edge.told(&request, refusal.into()).into_response(),
    };
    // A prefetch or a HEAD request is a machine looking, not a person clicking.
    if *method == Method::HEAD || is_prefetch(headers) {
        return redirect(destination.as_str());
    }
    let waiting = edge.visitors.one_more();
    let outcome = record(edge, &configuration, &found, fields, query, headers, at).await;
    drop(waiting);
    let outcome = edge.told(&request, outcome);
    match (outcome.status, &outcome.click_id) {
        (Status::Rejected, _) | (_, None) => outcome.into_response(),
        (_, Some(click_id)) => {
            redirect(&with_click_id(destination, &found.campaign.click_parameter, click_id))
        }
    }
}

struct Found<'c> {
    key: LinkKey,
    link: &'c Link,
    campaign: &'c Campaign,
}

fn find<'c>(configuration: &'c Configuration, key: &str, at: Timestamp) -> Result<Found<'c>, Outcome> {
    let unknown = || Outcome::rejected(Reason::UnknownLink);
    let key = LinkKey::parse(key).map_err(|_| unknown())?;
    let link = configuration.link(&key, at).ok_or_else(unknown)?;
    let campaign = configuration.campaign(&link.brand, &link.campaign, at).ok_or_else(unknown)?;
    let partner = configuration.partner(&link.brand, &link.partner, at).ok_or_else(unknown)?;
    if link.active && campaign.active && partner.active {
        Ok(Found { key, link, campaign })
    } else {
        Err(Outcome::rejected(Reason::LinkInactive))
    }
}

/// A dead link still brings the visitor somewhere when the brand wants that; else he reads what happened.
fn unknown(
    edge: &Edge,
    configuration: &Configuration,
    key: &str,
    request: &Refused<'_>,
    outcome: Outcome,
) -> Response {
    let at = request.at;
    let brand = LinkKey::parse(key).ok().and_then(|key| configuration.link(&key, at)).map(|link| &link.brand);
    let outcome = edge.told(&Refused { brand, ..*request }, outcome);
    let brand =
        brand.or_else(|| configuration.brands.keys().next().filter(|_| configuration.brands.len() == 1));
    let fallback = brand
        .and_then(|brand| configuration.brands.get(brand))
        .and_then(|versions| versions.at(at).fallback_url.clone());
    match fallback {
        Some(fallback) => redirect(&fallback),
        None => (
            StatusCode::NOT_FOUND,
            [(header::CACHE_CONTROL, "no-store")],
            Html(format!(
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Link not found</title>\
                 <style>body{{font:16px/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#1c2430}}</style>\
                 <h1>This link leads nowhere</h1><p>{}</p><p><small>{}</small></p></html>",
                outcome.reason.message(),
                outcome.reason.code()
            )),
        )
            .into_response(),
    }
}

/// The destination (the link's, the campaign's, or `to` where its host is allowed) and the fields of the click.
fn destination(found: &Found<'_>, query: &str) -> Result<(Url, Fields), Refusal> {
    let own = found.link.destination.as_deref().unwrap_or(&found.campaign.destination);
    let own = Url::parse(own).map_err(|_| {
        Refusal::of_whole(
            Reason::InvalidField,
            "the link's destination is not a URL; correct it in the set-up",
        )
    })?;
    let mut wanted = None;
    let mut fields = Fields::new();
    if !query.is_empty() {
        for Field { name, value, .. } in fields_from_query(query)?.iter() {
            match name.as_str() {
                "to" => wanted = Some(value.clone()),
                // The path says which link, whatever the query claims.
                "link" => {}
                _ => fields.push(name, value)?,
            }
        }
    }
    fields.push("link", found.key.as_str())?;
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok((own, fields)) };
    let not_allowed = |message: String| Refusal::of_field(Reason::HostNotAllowed, "to", message);
    let url = Url::parse(&wanted).map_err(|_| not_allowed("`to` is not an absolute URL".to_owned()))?;
    if may_lead_to(&url, &own, &found.campaign.allowed_hosts) {
        return Ok((url, fields));
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Err(not_allowed(format!("`to` leads to the host `{host}{port}`, which is not allowed for this campaign")))
}

/// Whether a wanted destination is the link's own host, or one of those allowed. Another port is another service and must be named as
/// `host:port`; nobody is led from an encrypted page to one that is not.
fn may_lead_to(url: &Url, own: &Url, allowed_hosts: &[String]) -> bool {
    let Some(host) = url.host_str() else { return false };
    let place = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let is_known = (own.host_str(), own.port()) == (Some(host), url.port()) || allowed_hosts.contains(&place);
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && own.scheme() == "http");
    is_known && is_safe && url.username().is_empty() && url.password().is_none()
}

#[allow(clippy::too_many_arguments, reason = "the parts of one request, each of another kind")]
async fn record(
    edge: &Edge,
    configuration: &Configuration,
    found: &Found<'_>,
    fields: Fields,
    query: Option<&str>,
    headers: &HeaderMap,
    at: Timestamp,
) -> Outcome {
    let mut event = match decode(&fields, &DecodingRules::redirect()) {
        Ok(event) => event,
        Err(refusal) => return refusal.into(),
    };
    // The link says whose click it is; what the query claims beside it is tracking only.
    if let IncomingBody::Click(touch) = &mut event.body {
        touch.partner = None;
        touch.campaign = None;
        touch.channel = None;
    }
    // A visitor's browser has no say in identity, time or sameness: each request is a click of its own, now.
    event.event_id = None;
    event.occurred_at = None;
    event.click_id = None;
    event.personal.customer_id = None;
    event.personal.email = None;
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    event.personal.user_agent = header(header::USER_AGENT).map(|agent| Personal::new(shortened(agent)));
    let Ok(source) = &*SOURCE else { return Outcome::rejected(Reason::UnknownSource) };
    let sender =
        Sender { brand: &found.link.brand, source, way: Way::Redirect, received_at: at, message_id: None };
    edge.intake.take(configuration, sender, event, query.unwrap_or_default().as_bytes()).await
}

fn shortened(agent: &str) -> &str {
    agent.char_indices().nth(LONGEST_USER_AGENT).map_or(agent, |(end, _)| &agent[..end])
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        headers
            .get(*name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("prefetch") || value.contains("preview"))
    })
}

/// The destination with the click id; one that stands there already, by mistake or by malice, gives way.
fn with_click_id(mut destination: Url, parameter: &str, click_id: &str) -> String {
    if destination.query_pairs().any(|(name, _)| name == parameter) {
        let others: Vec<(String, String)> = destination
            .query_pairs()
            .filter(|(name, _)| name != parameter)
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        destination.query_pairs_mut().clear().extend_pairs(others);
    }
    destination.query_pairs_mut().append_pair(parameter, click_id);
    destination.into()
}

fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return Outcome::rejected(Reason::InvalidField).into_response();
    };
    (
        StatusCode::FOUND,
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_leads_to_known_hosts_on_their_usual_port_only() {
        let own = Url::parse("https://shop.example/landing").unwrap();
        let allowed = ["blog.example".to_owned(), "shop.example:8443".to_owned()];
        for (wanted, expected) in [
            ("https://shop.example/other", true),
            ("https://shop.example:443/other", true),
            ("https://blog.example/", true),
            ("https://shop.example:8443/", true),
            ("https://shop.example:9000/", false),
            ("https://blog.example:8443/", false),
            ("http://shop.example/", false),
            ("https://user@shop.example/", false),
            ("https://evil.example/", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(may_lead_to(&Url::parse(wanted).unwrap(), &own, &allowed), expected, "{wanted}");
        }
        let plain = Url::parse("http://localhost:3000/").unwrap();
        assert!(may_lead_to(&Url::parse("http://localhost:3000/x").unwrap(), &plain, &[]));
    }

    #[test]
    fn a_click_id_that_stands_in_the_destination_gives_way() {
        let tracked = |destination| with_click_id(Url::parse(destination).unwrap(), "click_id", "new");
        assert_eq!(tracked("https://a.example/?x=1&click_id=old"), "https://a.example/?x=1&click_id=new");
        assert_eq!(tracked("https://a.example/?q=a%20b"), "https://a.example/?q=a%20b&click_id=new");
    }
}
