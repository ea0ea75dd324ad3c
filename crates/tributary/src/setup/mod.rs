//! Declarative set-up: files that say what brands, campaigns, partners, links, plans, trained weights and sources there shall be.
//!
//! ```text
//! files --Document::read--> Document --plan(stored, now)--> ChangeSet --rows--> storage --configuration--> Configuration
//! ```
//! Applying the same files again changes nothing. An entity that is no longer mentioned stays as it is: what was
//! promised to partners does not end because a line was lost; write `active: false` to retire it.
//!
//! An entity may stand several times with different `effective_from`. Without it, a new entity is in force from
//! always, and a changed one from the moment of applying on: what happened before is judged as it was.

mod difference;
mod document;
mod fields;
mod kinds;
mod laying;
pub mod live;
mod nesting;
mod problem;
mod stored;
mod validate;
mod versions;

pub use difference::{Change, ChangeSet, EntityChange, FieldChange};
pub use document::{Document, Entity, EnvironmentReader, SetupFile};
pub use kinds::{Body, Kind};
pub use laying::{Laid, Since, lay_over};
pub use problem::{Place, Problem, SetupError};
pub use stored::{StoredEntity, configuration, entities};
pub use versions::plan;

#[cfg(test)]
mod tests;
