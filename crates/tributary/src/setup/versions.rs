//! Deciding what a document changes: which entities are new, which get another version and from when on.

use std::collections::BTreeMap;

use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;

use super::difference::{Change, ChangeSet, EntityChange, field_changes};
use super::document::{Document, Entity};
use super::kinds::{Body, Kind};
use super::problem::{Place, Problem, SetupError};
use super::stored::{StoredEntity, build, read_row, row, stored_place};
use super::validate::validate;

const ALWAYS: Timestamp = Timestamp(i64::MIN);

/// Kind, brand and key.
pub(super) type Id = (Kind, BrandKey, String);

/// Every version of every entity.
#[derive(Clone, Default)]
pub(super) struct History {
    entities: BTreeMap<Id, BTreeMap<Timestamp, Body>>,
    places: BTreeMap<(Id, Timestamp), Place>,
}

impl History {
    /// Reads stored rows.
    pub(super) fn of(rows: &[StoredEntity]) -> Result<Self, SetupError> {
        let mut history = Self::default();
        for row in rows {
            let (brand, body) = read_row(row)?;
            let id = (body.kind(), brand, row.key.clone());
            history.entities.entry(id).or_default().insert(row.effective_from, body);
        }
        Ok(history)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Id, &BTreeMap<Timestamp, Body>)> {
        self.entities.iter()
    }

    /// The newest version.
    pub(super) fn latest(&self, kind: Kind, brand: &BrandKey, key: &str) -> Option<&Body> {
        self.entities.get(&(kind, brand.clone(), key.to_owned()))?.last_key_value().map(|(_, body)| body)
    }

    /// Where a version stands: in the document, or in the store.
    pub(super) fn place(&self, id: &Id, from: Timestamp) -> Place {
        let stored = || stored_place(id.0, id.1.as_str(), &id.2);
        self.places.get(&(id.clone(), from)).cloned().unwrap_or_else(stored)
    }

    fn insert(&mut self, id: &Id, from: Timestamp, entity: &Entity) {
        self.places.insert((id.clone(), from), entity.place.clone());
        self.entities.entry(id.clone()).or_default().insert(from, entity.body.clone());
    }

    /// The last version that begins before `limit` and not after `now`.
    pub(super) fn in_force(
        &self,
        id: &Id,
        limit: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<(Timestamp, &Body)> {
        let versions = self.entities.get(id)?;
        let found =
            versions.iter().rev().find(|(from, _)| **from <= now && limit.is_none_or(|limit| **from < limit));
        found.map(|(from, body)| (*from, body))
    }
}

/// Compares a document with what is stored and answers what applying it at `now` would change.
///
/// The whole set-up that would result is checked, not only the document: references may lead to stored entities.
///
/// # Errors
/// Every problem of the resulting set-up, each at its place in the files.
pub fn plan(existing: &[StoredEntity], document: &Document, now: Timestamp) -> Result<ChangeSet, SetupError> {
    let mut history = History::of(existing)?;
    let groups = group(document)?;
    let mut set = ChangeSet::default();
    for (id, versions) in &groups {
        let first_dated = versions.keys().find_map(|from| *from);
        for (from, entity) in versions {
            let change = match from {
                None => undated(&history, id, entity, first_dated, now),
                Some(from) => dated(&history, id, entity, *from),
            };
            history.insert(id, change.effective_from, entity);
            if change.change != Change::Unchanged {
                set.rows.push(row(id.1.as_str(), &id.2, change.effective_from, &entity.body));
            }
            set.changes.push(change);
        }
    }
    let problems = validate(&history);
    if !problems.is_empty() {
        return Err(SetupError { problems });
    }
    set.now = now;
    build(&history, 0)?;
    Ok(set)
}

type Groups<'d> = Vec<(Id, BTreeMap<Option<Timestamp>, &'d Entity>)>;

/// The versions of each entity together, in the order of first mention; two of one moment are refused.
fn group(document: &Document) -> Result<Groups<'_>, SetupError> {
    let mut groups: Groups<'_> = Vec::new();
    let mut position: BTreeMap<Id, usize> = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    for entity in &document.entities {
        let id = (entity.body.kind(), entity.brand.clone(), entity.key.clone());
        let index = *position.entry(id.clone()).or_insert_with(|| {
            groups.push((id, BTreeMap::new()));
            groups.len() - 1
        });
        let Some((id, versions)) = groups.get_mut(index) else { continue };
        if let Some(earlier) = versions.insert(entity.effective_from, entity) {
            let message = format!("the {} `{}` stands twice: also at {}", id.0.name(), id.2, earlier.place);
            problems
                .push(entity.place.problem(message, "remove one, or give them different `effective_from`"));
        }
    }
    if problems.is_empty() { Ok(groups) } else { Err(SetupError { problems }) }
}

/// A statement without a date speaks about the time before the document's first dated version, else about now.
fn undated(
    history: &History,
    id: &Id,
    entity: &Entity,
    first_dated: Option<Timestamp>,
    now: Timestamp,
) -> EntityChange {
    let stored = history.entities.get(id);
    let Some(stored) = stored else { return added(id, ALWAYS) };
    match history.in_force(id, first_dated, now) {
        Some((from, body)) if *body == entity.body => unchanged(id, from),
        Some((from, body)) => {
            // Where a dated version already rules the present, only the past can be meant.
            let past = first_dated.is_some_and(|dated| dated <= now);
            changed(id, if past { from } else { now }, body, &entity.body)
        }
        None => match stored.first_key_value() {
            Some((_, body)) => changed(id, ALWAYS, body, &entity.body),
            None => added(id, ALWAYS),
        },
    }
}

fn dated(history: &History, id: &Id, entity: &Entity, from: Timestamp) -> EntityChange {
    let Some(stored) = history.entities.get(id) else { return added(id, from) };
    match stored.get(&from) {
        Some(body) if *body == entity.body => unchanged(id, from),
        Some(body) => changed(id, from, body, &entity.body),
        None => match stored.range(..=from).next_back().or_else(|| stored.first_key_value()) {
            Some((_, body)) => changed(id, from, body, &entity.body),
            None => added(id, from),
        },
    }
}

fn added(id: &Id, from: Timestamp) -> EntityChange {
    change(id, from, Change::Added)
}

fn unchanged(id: &Id, from: Timestamp) -> EntityChange {
    change(id, from, Change::Unchanged)
}

fn changed(id: &Id, from: Timestamp, before: &Body, after: &Body) -> EntityChange {
    change(id, from, Change::Changed(field_changes(before, after)))
}

fn change(id: &Id, effective_from: Timestamp, change: Change) -> EntityChange {
    EntityChange { kind: id.0, brand: id.1.clone(), key: id.2.clone(), effective_from, change }
}
