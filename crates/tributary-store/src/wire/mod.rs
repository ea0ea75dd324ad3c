//! Stored formats, versioned. What was written once is read for ever: each version has golden files that are never edited.

pub mod conversion;
pub mod fact;
pub mod payout;

use thiserror::Error;

/// A stored record that this version cannot read or write.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a stored record cannot be read: {0}")]
pub struct WireError(pub String);

impl WireError {
    /// What cannot be read, in words.
    #[must_use]
    pub fn unreadable(problem: &dyn std::fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

/// Shorter, for the rooms of this folder.
fn unreadable(problem: &dyn std::fmt::Display) -> WireError {
    WireError::unreadable(problem)
}
