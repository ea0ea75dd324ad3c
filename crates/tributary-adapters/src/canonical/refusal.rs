//! Why something was not taken: always the field and the remedy.

use std::fmt;

use thiserror::Error;
use tributary_domain::reason::Reason;

/// A refused event, row, map or file. It never quotes personal data or secrets.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub struct Refusal {
    /// The published reason.
    pub reason: Reason,
    /// The field at fault as the sender wrote it; for a missing field, its canonical name.
    pub field: Option<String>,
    /// One sentence that names the field and the fault.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Refusal {
    /// A refusal that concerns one field, with the reason's own hint.
    #[must_use]
    pub fn of_field(reason: Reason, field: &str, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: Some(shortened(field)),
            message: message.into(),
            hint: reason.hint().to_owned(),
        }
    }

    /// A refusal that concerns the whole, with the reason's own hint.
    #[must_use]
    pub fn of_whole(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, field: None, message: message.into(), hint: reason.hint().to_owned() }
    }

    /// The same refusal with a better hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    pub(crate) fn missing(field: &str, why: &str) -> Self {
        Self::of_field(Reason::MissingField, field, format!("`{field}` is missing: {why}"))
            .with_hint(format!("Add `{field}`."))
    }

    pub(crate) fn invalid(field: &str, why: impl fmt::Display) -> Self {
        Self::of_field(
            Reason::InvalidField,
            field,
            format!("`{}` cannot be accepted: {why}", shortened(field)),
        )
        .with_hint(format!("Correct `{}`.", shortened(field)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.reason.code())?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, ". {}", self.hint) }
    }
}

/// A name or value cut to what a message can hold, without control characters.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}
