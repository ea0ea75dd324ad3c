//! The one answer of every way in: what became of an event, and why.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tributary_adapters::canonical::Refusal;
use tributary_domain::ids::EventId;
use tributary_domain::reason::Reason;
use tributary_store::log::Appended;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Accepted, duplicate or rejected.
    pub status: Status,
    /// The event's id; for a duplicate or conflict that of the event stored first; absent when it never got one.
    pub event_id: Option<EventId>,
    /// Why.
    pub reason: Reason,
    /// A message more exact than the reason's own.
    pub message: Option<String>,
    /// A remedy more exact than the reason's own.
    pub hint: Option<String>,
    /// The click id issued for it, if it is a click.
    pub click_id: Option<String>,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// Seconds after which it may be tried again, where that helps at all.
    pub retry_after: u16,
}

/// The three words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Stored durably.
    Accepted,
    /// Stored before.
    Duplicate,
    /// Not stored.
    Rejected,
}

impl Status {
    /// The word in answers, result files and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

impl Outcome {
    /// Not stored, for this reason.
    #[must_use]
    pub const fn rejected(reason: Reason) -> Self {
        Self {
            status: Status::Rejected,
            event_id: None,
            reason,
            message: None,
            hint: None,
            click_id: None,
            field: None,
            retry_after: 1,
        }
    }

    /// What the log answered for an event.
    #[must_use]
    pub fn of_append(appended: &Appended, event_id: EventId, click_id: Option<String>) -> Self {
        let (status, event_id, reason, click_id) = match appended {
            Appended::Stored(_) => (Status::Accepted, event_id, Reason::Recorded, click_id),
            Appended::Duplicate { event_id } => {
                (Status::Duplicate, *event_id, Reason::DuplicateEvent, click_id)
            }
            Appended::Conflict { event_id } => (Status::Rejected, *event_id, Reason::PayloadConflict, None),
        };
        Self { status, event_id: Some(event_id), click_id, ..Self::rejected(reason) }
    }

    /// The HTTP status that the contract gives this outcome.
    #[must_use]
    pub const fn http_status(&self) -> StatusCode {
        match (self.status, self.reason) {
            (Status::Accepted, _) => StatusCode::ACCEPTED,
            (Status::Duplicate, _) => StatusCode::OK,
            (_, Reason::SignatureMissing | Reason::SignatureInvalid | Reason::SignatureExpired) => {
                StatusCode::UNAUTHORIZED
            }
            (_, Reason::NotAllowed) => StatusCode::FORBIDDEN,
            (_, Reason::UnknownSource | Reason::UnknownLink | Reason::LinkInactive) => StatusCode::NOT_FOUND,
            (_, Reason::PayloadConflict) => StatusCode::CONFLICT,
            (_, Reason::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            (_, Reason::UnsupportedMediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (_, Reason::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
            (_, Reason::StorageUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// The JSON of the contract.
    #[must_use]
    pub fn json(&self) -> OutcomeJson<'_> {
        OutcomeJson {
            status: self.status,
            event_id: self.event_id.map(|id| id.to_string()),
            click_id: self.click_id.as_deref(),
            reason: ReasonJson {
                code: self.reason.code(),
                message: self.message.as_deref().unwrap_or(self.reason.message()),
                hint: self.hint.as_deref().unwrap_or(self.reason.hint()),
                field: self.field.as_deref(),
            },
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self {
            message: Some(refusal.message),
            hint: Some(refusal.hint),
            field: refusal.field,
            ..Self::rejected(refusal.reason)
        }
    }
}

impl From<Reason> for Outcome {
    fn from(reason: Reason) -> Self {
        Self::rejected(reason)
    }
}

/// The contract's shape.
#[derive(Serialize, Debug)]
pub struct OutcomeJson<'a> {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_id: Option<&'a str>,
    reason: ReasonJson<'a>,
}

#[derive(Serialize, Debug)]
struct ReasonJson<'a> {
    code: &'static str,
    message: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.json()).unwrap_or_default();
        let mut response =
            (self.http_status(), [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if matches!(self.reason, Reason::RateLimited | Reason::StorageUnavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after));
        }
        response
    }
}

/// The answer to a request with several events: each outcome in order, and how many there were of each.
///
/// The status is 202 when every event is stored and one is new, 200 when all were duplicates, 207 when some were refused,
/// 422 when all were, 503 when none could be stored.
#[must_use]
pub fn many(outcomes: &[Outcome]) -> Response {
    let count = |status: Status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let rejected = count(Status::Rejected);
    let unstored = outcomes.iter().all(|outcome| outcome.reason == Reason::StorageUnavailable);
    let status = if outcomes.is_empty() || rejected == 0 {
        StatusCode::OK
    } else if unstored {
        StatusCode::SERVICE_UNAVAILABLE
    } else if rejected == outcomes.len() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::MULTI_STATUS
    };
    let status = if rejected == 0 && count(Status::Accepted) > 0 { StatusCode::ACCEPTED } else { status };
    let body = serde_json::json!({
        "accepted": count(Status::Accepted),
        "duplicate": count(Status::Duplicate),
        "rejected": rejected,
        "outcomes": outcomes.iter().map(Outcome::json).collect::<Vec<_>>(),
    });
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    if unstored && !outcomes.is_empty() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
