//! What an address may be: how long, and its parts as text.

use std::sync::Arc;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tributary_domain::reason::Reason;

use super::Edge;
use super::outcome::Outcome;

/// The part of a route's path that stands for a name, as text.
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Outcome;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Outcome> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        read.map(|Path(text)| Self(text)).map_err(|rejection| unreadable(&rejection))
    }
}

fn unreadable(rejection: &PathRejection) -> Outcome {
    let field = match rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::InvalidUtf8InPathParam { key } => Some(key.clone()),
            _ => None,
        },
        _ => None,
    };
    let name = field.as_deref().unwrap_or("path");
    Outcome {
        message: Some(format!("`{name}`: the address is not UTF-8 there once its escapes are decoded")),
        hint: Some("Write it in UTF-8, with `%` escapes for what an address cannot hold.".to_owned()),
        field,
        ..Outcome::rejected(Reason::InvalidField)
    }
}

/// What is answered to a request target beyond the limit; `None` for one within it.
pub(super) fn too_long(edge: &Edge, uri: &Uri) -> Option<Outcome> {
    let most = edge.limits.url_bytes;
    let is_long = uri.path_and_query().is_some_and(|target| target.as_str().len() > most);
    is_long.then(|| Outcome {
        message: Some(format!("the request target is longer than {most} bytes")),
        ..Outcome::rejected(Reason::TooLarge)
    })
}

/// Refuses oversized request targets of routes that take no events.
pub(crate) async fn within_limit(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    match too_long(&edge, request.uri()) {
        Some(outcome) => outcome.into_response(),
        None => next.run(request).await,
    }
}
