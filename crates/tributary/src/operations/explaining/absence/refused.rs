//! Requests that were refused at the doors: the notes that were kept of them.

use std::collections::BTreeMap;

use tributary_domain::ids::SourceKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::refusals::{RefusalFilter, RefusedRequest};

use super::super::{ExplainError, Sight};
use super::{Cause, Stage};
use crate::edge::refusals::content;

/// Notes that are looked through, the newest first.
const LOOKED_THROUGH: usize = 1_000;

impl Sight<'_> {
    /// Why requests that carried this id were refused, those of proven senders first and the newest of them first.
    pub(super) fn refused(&self, id: &str) -> Result<Vec<(Stage, Cause)>, ExplainError> {
        let mut spellings = vec![id.to_owned()];
        // Promo codes are kept in capitals.
        spellings.extend(Some(id.to_uppercase()).filter(|folded| folded != id));
        let mut found = Vec::new();
        for spelling in spellings {
            found.extend(self.notes(RefusalFilter { id: Some(spelling), ..RefusalFilter::default() })?);
        }
        Ok(self.causes_of(&found, "It was refused at the door"))
    }

    /// Why further requests with the id of something stored were refused after it came: its approval, say, or the order of a click.
    pub(in super::super) fn refused_later(
        &self,
        id: &str,
        stored_at: Timestamp,
    ) -> Result<Vec<Cause>, ExplainError> {
        let id = Some(id.to_owned());
        let found = self.notes(RefusalFilter { id, since: Some(stored_at), ..RefusalFilter::default() })?;
        let causes = self.causes_of(&found, "Another request with this id was refused at the door");
        Ok(causes.into_iter().map(|(_, cause)| cause).collect())
    }

    /// Why requests were refused that came between two moments (the second left out).
    pub(in super::super) fn refused_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        source: Option<&SourceKey>,
    ) -> Result<Vec<(Stage, Cause)>, ExplainError> {
        let found = self.notes(RefusalFilter {
            source: source.map(ToString::to_string),
            since: Some(from),
            until: Some(to),
            ..RefusalFilter::default()
        })?;
        Ok(self.causes_of(&found, "Refused at the door in this time"))
    }

    fn notes(&self, filter: RefusalFilter) -> Result<Vec<RefusedRequest>, ExplainError> {
        let stored = self.refusals.list(&filter, LOOKED_THROUGH)?;
        Ok(stored.into_iter().map(|stored| stored.request).collect())
    }

    /// One cause for each reason and field.
    fn causes_of(&self, found: &[RefusedRequest], what: &str) -> Vec<(Stage, Cause)> {
        let causes = alike(found).into_iter().filter_map(|requests| {
            let comma = requests.iter().any(|request| self.writes_comma(request));
            cause(&requests, what, comma)
        });
        causes.collect()
    }

    /// Whether the source that a request came from writes a decimal comma.
    fn writes_comma(&self, request: &RefusedRequest) -> bool {
        let key = request.source.as_deref().and_then(|source| SourceKey::parse(source).ok());
        let source = key.and_then(|key| self.configuration.source(&key, request.received_at));
        source.is_some_and(|source| source.decimal_comma)
    }
}

/// Requests that were refused for one reason and field, group by group.
fn alike(found: &[RefusedRequest]) -> Vec<Vec<&RefusedRequest>> {
    let mut alike: BTreeMap<(Reason, Option<&str>), Vec<&RefusedRequest>> = BTreeMap::new();
    for request in found {
        alike.entry((request.reason, request.field.as_deref())).or_default().push(request);
    }
    let mut alike: Vec<Vec<&RefusedRequest>> = alike.into_values().collect();
    // What nobody proved to have sent may be anybody's, and stands behind.
    alike.sort_by_key(|requests| {
        let best = requests.iter().map(|request| (request.proven, request.received_at)).max();
        std::cmp::Reverse(best)
    });
    alike
}

fn cause(requests: &[&RefusedRequest], what: &str, comma: bool) -> Option<(Stage, Cause)> {
    let newest = requests.iter().max_by_key(|request| (request.proven, request.received_at))?;
    let reason = newest.reason;
    let field = newest.field.as_ref().map_or_else(String::new, |field| format!(" Field: `{field}`."));
    let message = format!("{what}: {}{field}", reason.message());
    let times = match requests.len() {
        1 => "Received once,".to_owned(),
        more => format!("Received {more} times, last"),
    };
    let source = newest.source.as_ref().map_or_else(String::new, |source| format!(" from source {source}"));
    let proven = if newest.proven {
        "The sender had proved himself."
    } else {
        "The sender had not proved himself, so it may be anybody's."
    };
    let mut cause = Cause::new(reason.code(), message, remedy(reason, newest.field.as_deref(), comma))
        .with(format!("{times} at {} by {}{source}. {proven}", newest.received_at, newest.way.name()));
    let fields = newest.fields.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let came = content(fields, newest.other_fields);
    if !came.is_empty() {
        cause = cause.with(format!("What came: {came}."));
    }
    // With a store that did not answer it was valid, and only not stored.
    let stage = if reason == Reason::StorageUnavailable { Stage::Stored } else { Stage::Accepted };
    Some((stage, cause))
}

/// What to do about a refused field. The door's own words quote what came and are not kept; what such a field must look like is known
/// all the same. `comma` says whether the source writes a decimal comma.
fn remedy(reason: Reason, field: Option<&str>, comma: bool) -> &'static str {
    match (reason, field) {
        (Reason::InvalidField, Some("value" | "amount" | "conversion_value")) if comma => {
            "Send one amount, not negative, as `1234,56` without thousands marks and currency sign: this source writes a decimal comma. If it writes points, set `decimal_comma: false` for the source."
        }
        (Reason::InvalidField, Some("value" | "amount" | "conversion_value")) => {
            "Send one amount, not negative, as `1234.56` without thousands marks and currency sign: this source writes a decimal point. If it writes commas, set `decimal_comma: true` for the source."
        }
        (Reason::MissingField, Some("value")) => {
            "Add `value` and `currency`; send `0` for a conversion without money."
        }
        (Reason::InvalidField, Some("currency")) => {
            "Write the currency's three letters of ISO 4217, such as `EUR`."
        }
        (Reason::MissingField, Some("currency")) => {
            "Add `currency`, such as `EUR`, or give the source a default currency."
        }
        (
            Reason::InvalidField | Reason::TimeOutOfRange,
            Some("timestamp" | "occurred_at" | "cart_opened_at"),
        ) => {
            "Write RFC 3339 with its offset, such as `2026-01-15T10:00:00Z`, or Unix seconds; not in the future."
        }
        (Reason::InvalidField, Some("status")) => "Statuses are approved, pending and rejected.",
        (Reason::InvalidField, Some("click_id")) => {
            "Send the click id exactly as it stood in the landing URL, or leave the field out when there is none."
        }
        _ => reason.hint(),
    }
}
