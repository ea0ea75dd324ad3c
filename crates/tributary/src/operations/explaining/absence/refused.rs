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
        Ok(causes(&found, "It was refused at the door"))
    }

    /// Why further requests with the id of something stored were refused after it came: its approval, say, or the order of a click.
    pub(in super::super) fn refused_later(
        &self,
        id: &str,
        stored_at: Timestamp,
    ) -> Result<Vec<Cause>, ExplainError> {
        let id = Some(id.to_owned());
        let found = self.notes(RefusalFilter { id, since: Some(stored_at), ..RefusalFilter::default() })?;
        let causes = causes(&found, "Another request with this id was refused at the door");
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
        Ok(causes(&found, "Refused at the door in this time"))
    }

    fn notes(&self, filter: RefusalFilter) -> Result<Vec<RefusedRequest>, ExplainError> {
        let stored = self.refusals.list(&filter, LOOKED_THROUGH)?;
        Ok(stored.into_iter().map(|stored| stored.request).collect())
    }
}

/// One cause for each reason and field.
fn causes(found: &[RefusedRequest], what: &str) -> Vec<(Stage, Cause)> {
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
    alike.iter().filter_map(|requests| cause(requests, what)).collect()
}

fn cause(requests: &[&RefusedRequest], what: &str) -> Option<(Stage, Cause)> {
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
    let mut cause = Cause::new(reason.code(), message, reason.hint()).with(format!(
        "{times} at {} by {}{source}. {proven}",
        newest.received_at,
        newest.way.name()
    ));
    let fields = newest.fields.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let came = content(fields, newest.other_fields);
    if !came.is_empty() {
        cause = cause.with(format!("What came: {came}."));
    }
    // With a store that did not answer it was valid, and only not stored.
    let stage = if reason == Reason::StorageUnavailable { Stage::Stored } else { Stage::Accepted };
    Some((stage, cause))
}
