//! A note as it is shown: by `tributary refusals` and `GET /v1/refusals`.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_store::refusals::StoredRefusal;

/// One note. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct ShownRefusal {
    /// Later ones have greater ones; `before` of the next page.
    pub number: u64,
    /// When it came.
    pub received_at: String,
    /// How it came.
    pub way: &'static str,
    /// Whose it is, as far as that is known.
    pub brand: Option<String>,
    /// The source that it named or proved to be.
    pub source: Option<String>,
    /// Whether the sender had proved himself: if not, anybody may have sent it.
    pub proven: bool,
    /// Why it was refused.
    pub reason: ShownReason,
    /// Known fields by canonical name; null where the value is withheld.
    pub fields: BTreeMap<String, Option<String>>,
    /// How many fields came beside them.
    pub other_fields: u64,
    /// How large it was; 0 where that is not known.
    pub bytes: u64,
}

/// Why it was refused.
#[derive(Debug, Clone, Serialize)]
pub struct ShownReason {
    /// The published code.
    pub code: &'static str,
    /// What it means.
    pub message: &'static str,
    /// What to do.
    pub hint: &'static str,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl From<StoredRefusal> for ShownRefusal {
    fn from(stored: StoredRefusal) -> Self {
        let request = stored.request;
        Self {
            number: stored.number,
            received_at: request.received_at.to_string(),
            way: request.way.name(),
            brand: request.brand.map(|brand| brand.to_string()),
            source: request.source,
            proven: request.proven,
            reason: ShownReason {
                code: request.reason.code(),
                message: request.reason.message(),
                hint: request.reason.hint(),
                field: request.field,
            },
            fields: request.fields.into_iter().collect(),
            other_fields: request.other_fields,
            bytes: request.bytes,
        }
    }
}

impl ShownRefusal {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let field = self.reason.field.as_ref().map_or_else(String::new, |field| format!(" ({field})"));
        let source = self.source.as_deref().unwrap_or("nobody known");
        let proven = if self.proven { "" } else { ", unproven" };
        let content = content(
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_deref())),
            self.other_fields,
        );
        format!(
            "{:>8}  {}  {}{field}  by {} from {source}{proven}  {content}",
            self.number, self.received_at, self.reason.code, self.way
        )
    }
}

/// What came, in words.
pub(crate) fn content<'f>(
    fields: impl Iterator<Item = (&'f str, Option<&'f str>)>,
    other_fields: u64,
) -> String {
    let mut parts: Vec<String> = fields
        .map(|(name, value)| match value {
            Some(value) => format!("{name} {value}"),
            None => format!("{name} (withheld)"),
        })
        .collect();
    if other_fields > 0 {
        parts.push(format!("{other_fields} more"));
    }
    parts.join(", ")
}
