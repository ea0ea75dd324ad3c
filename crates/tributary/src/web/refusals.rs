//! `GET /v1/refusals`: what was refused at the doors, the newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::refusals::RefusalFilter;

use super::request::{Parameters, Refused};
use super::{LONGEST_ID, Pages, reading};
use crate::edge::refusals::ShownRefusal;

/// Notes in one answer: unless asked otherwise, and at most.
const NOTES: usize = 100;
const MOST_NOTES: usize = 1_000;

fn asked(query: Option<&str>) -> Result<(RefusalFilter, usize), Refused> {
    let known = ["brand", "source", "reason", "since", "until", "id", "before", "limit"];
    let parameters = Parameters::read(query, &known)?;
    let limit = parameters.parsed("limit", |text| match text.parse() {
        Ok(limit @ 1..=MOST_NOTES) => Ok(limit),
        _ => Err(format!("it is not a number from 1 to {MOST_NOTES}")),
    })?;
    let text = |name| {
        parameters.parsed(name, |text| {
            let fits = text.chars().count() <= LONGEST_ID;
            if fits { Ok(text.to_owned()) } else { Err(format!("it is longer than {LONGEST_ID} characters")) }
        })
    };
    let filter = RefusalFilter {
        brand: parameters.parsed("brand", BrandKey::parse)?,
        source: text("source")?,
        reason: parameters.parsed("reason", |code| {
            Reason::from_code(code)
                .ok_or_else(|| format!("`{code}` is no reason; `GET /v1/reasons` lists them"))
        })?,
        since: parameters.parsed("since", Timestamp::parse)?,
        until: parameters.parsed("until", Timestamp::parse)?,
        id: text("id")?,
        before: parameters.parsed("before", str::parse)?,
    };
    Ok((filter, limit.unwrap_or(NOTES)))
}

/// The notes, and `before` of the next page.
pub(super) async fn refusals_json(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Response {
    let listed = async {
        let (filter, limit) = asked(query.as_deref())?;
        let found = reading(pages, move |pages| Ok(pages.refusals.store().list(&filter, limit + 1)?)).await?;
        let next = found.get(limit).and_then(|_| found.get(limit - 1)).map(|last| last.number);
        let shown: Vec<ShownRefusal> = found.into_iter().take(limit).map(ShownRefusal::from).collect();
        Ok::<_, Refused>((shown, next))
    };
    listed.await.map_or_else(Refused::json, |(refusals, next)| {
        Json(json!({ "refusals": refusals, "next": next })).into_response()
    })
}
