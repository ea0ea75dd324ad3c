//! Laying a document over a stored set-up, for all time or from a date on: what a what-if judges by, and what promoting it applies.

use std::collections::BTreeSet;

use tributary_domain::time::Timestamp;

use super::difference::ChangeSet;
use super::document::Document;
use super::kinds::Kind;
use super::problem::SetupError;
use super::stored::StoredEntity;
use super::versions::{History, plan};

/// From when on a document is laid over a set-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// For all time: what the document mentions is as it says, whatever versions are stored.
    Always,
    /// What has no `effective_from` of its own is in force from this moment; later stored versions stay.
    From(Timestamp),
}

/// A set-up with a document laid over it.
#[derive(Debug)]
pub struct Laid {
    /// Every row of the set-up that results.
    pub rows: Vec<StoredEntity>,
    /// What laying it changes; to be stored when it is promoted.
    pub changes: ChangeSet,
    /// What it changes of what is in force, in words that `apply --dry-run` uses: also what the document leaves out, and so sets back to its default.
    pub stated: ChangeSet,
    /// Sources that the document would change. They are left as they are: they decided what was taken in, and history holds only that.
    pub sources_left: Vec<String>,
}

/// Lays a document over stored rows.
///
/// # Errors
/// Every problem of the resulting set-up.
pub fn lay_over(
    existing: &[StoredEntity],
    document: &Document,
    since: Since,
    now: Timestamp,
) -> Result<Laid, SetupError> {
    let history = History::of(existing)?;
    let mut document = document.clone();
    let mut sources_left = Vec::new();
    document.entities.retain(|entity| {
        let kind = entity.body.kind();
        let stored = history.latest(kind, &entity.brand, &entity.key);
        if kind == Kind::Source && stored != Some(&entity.body) {
            sources_left.push(entity.key.clone());
        }
        kind != Kind::Source
    });
    let stated = plan(existing, &document, now);
    let mut rows = existing.to_vec();
    match since {
        Since::Always => {
            let mentioned: BTreeSet<(&str, &str, &str)> = document
                .entities
                .iter()
                .map(|entity| (entity.body.kind().name(), entity.brand.as_str(), entity.key.as_str()))
                .collect();
            rows.retain(|row| !mentioned.contains(&(&*row.kind, &*row.brand, &*row.key)));
        }
        Since::From(from) => {
            for entity in &mut document.entities {
                entity.effective_from.get_or_insert(from);
            }
            // A version that says what is in force anyway is none.
            document.entities.retain(|entity| {
                let id = (entity.body.kind(), entity.brand.clone(), entity.key.clone());
                let from = entity.effective_from.unwrap_or(from);
                history.in_force(&id, None, from).is_none_or(|(_, body)| *body != entity.body)
            });
        }
    }
    let changes = plan(&rows, &document, now)?;
    for row in &changes.rows {
        let same = |old: &StoredEntity| {
            (&old.kind, &old.brand, &old.key, old.effective_from)
                == (&row.kind, &row.brand, &row.key, row.effective_from)
        };
        rows.retain(|old| !same(old));
        rows.push(row.clone());
    }
    // What cannot be applied to the versions that are stored may still be laid over them for all time.
    let stated = match since {
        Since::Always => stated.unwrap_or_else(|_| changes.clone()),
        Since::From(_) => changes.clone(),
    };
    Ok(Laid { rows, changes, stated, sources_left })
}
