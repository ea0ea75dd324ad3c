//! What applying a document changes, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;
use tributary_store::state::JudgedAnew;

use super::kinds::{Body, Kind};
use super::stored::StoredEntity;

/// What happens to one version of one entity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The entity is new.
    Added,
    /// It gets another version, or a version gets another content.
    Changed(Vec<FieldChange>),
    /// It is stored like that already.
    Unchanged,
}

/// One field before and after, in canonical notation. Secrets are never shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// Its path, such as `windows.click`.
    pub field: String,
    /// The value before; empty when there was none.
    pub before: String,
    /// The value after; empty when there is none.
    pub after: String,
}

/// A change with what it concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityChange {
    /// What it is.
    pub kind: Kind,
    /// Its brand.
    pub brand: BrandKey,
    /// Its key.
    pub key: String,
    /// When the version comes into force; `Timestamp(i64::MIN)` is always.
    pub effective_from: Timestamp,
    /// What happens.
    pub change: Change,
}

impl EntityChange {
    /// Secrets, rates of sending and names for people decide nothing about money.
    fn concerns_settlement(&self) -> bool {
        const DECIDES_NOTHING: [&str; 15] = [
            "secrets",
            "adapter",
            "accepts_unsigned_postbacks",
            "rate_limit",
            "default_currency",
            "decimal_comma",
            "aliases",
            "plain_answer",
            "name",
            "trained",
            "fallback_url",
            "destination",
            "allowed_hosts",
            "click_parameter",
            "minimum_payout",
        ];
        let decides = |field: &FieldChange| {
            let root = field.field.split(['.', '[']).next().unwrap_or_default();
            !DECIDES_NOTHING.contains(&root)
        };
        match &self.change {
            Change::Unchanged => false,
            // Nothing was taken from a source before it existed, and no campaign named weights before they existed.
            Change::Added => !matches!(self.kind, Kind::Source | Kind::Weights),
            Change::Changed(fields) => fields.iter().any(decides),
        }
    }
}

impl EntityChange {
    /// From when on conversions may have to be judged anew: from always where it says who somebody is, since the newest version of
    /// those rules counts for all time.
    fn judged_anew_from(&self) -> Timestamp {
        const SAYS_WHO: [&str; 4] = [
            "most_customers_per_identifier",
            "most_facts_per_identifier",
            "ignored_identifiers",
            "test_customers",
        ];
        let says_who = |field: &FieldChange| {
            SAYS_WHO.contains(&field.field.split(['.', '[']).next().unwrap_or_default())
        };
        match &self.change {
            Change::Changed(fields) if self.kind == Kind::Brand && fields.iter().any(says_who) => {
                Timestamp(i64::MIN)
            }
            _ => self.effective_from,
        }
    }
}

/// Everything that applying a document changes. Prints as the report of `apply`.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangeSet {
    /// One entry per version that the document states, in its order.
    pub changes: Vec<EntityChange>,
    /// Rows to insert, or to replace where kind, brand, key and moment are equal.
    pub rows: Vec<StoredEntity>,
    /// The moment of applying that was assumed.
    pub now: Timestamp,
}

impl Default for ChangeSet {
    fn default() -> Self {
        Self { changes: Vec::new(), rows: Vec::new(), now: Timestamp(0) }
    }
}

impl ChangeSet {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many are added, changed and unchanged.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count =
            |wanted: fn(&Change) -> bool| self.changes.iter().filter(|entry| wanted(&entry.change)).count();
        (
            count(|change| matches!(change, Change::Added)),
            count(|change| matches!(change, Change::Changed(_))),
            count(|change| matches!(change, Change::Unchanged)),
        )
    }

    /// The moment from which conversions may have to be judged anew; `None` when none has to.
    ///
    /// A new entity counts as in force from always: what named it before it existed may take part now.
    #[must_use]
    pub fn resettle_from(&self) -> Option<Timestamp> {
        let changes = self.changes.iter().filter(|entry| entry.concerns_settlement());
        changes.map(EntityChange::judged_anew_from).min()
    }

    /// The moment from which touches may be somebody else's in the rollups; `None` when they stay whose they were.
    ///
    /// No touch can have named a link before it existed, nor come to a brand.
    #[must_use]
    pub fn recount_from(&self) -> Option<Timestamp> {
        let moves = |entry: &&EntityChange| match &entry.change {
            Change::Changed(fields) => fields.iter().any(|field| {
                let root = field.field.split(['.', '[']).next().unwrap_or_default();
                matches!((entry.kind, root), (Kind::Link, "partner" | "campaign") | (Kind::Brand, "channels"))
            }),
            Change::Added | Change::Unchanged => false,
        };
        self.changes.iter().filter(moves).map(|entry| entry.effective_from).min()
    }

    /// From when on what is stored has to be judged by the changed set-up.
    #[must_use]
    pub fn judged_anew(&self) -> JudgedAnew {
        JudgedAnew {
            actions_from: self.resettle_from().unwrap_or(JudgedAnew::NEVER),
            touches_from: self.recount_from().unwrap_or(JudgedAnew::NEVER),
        }
    }

    /// The report for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (added, changed, unchanged) = self.counts();
        let entries: Vec<Value> = self.changes.iter().map(entry_json).collect();
        json!({"added": added, "changed": changed, "unchanged": unchanged, "entities": entries})
    }
}

fn entry_json(entry: &EntityChange) -> Value {
    let (change, fields) = match &entry.change {
        Change::Added => ("added", &[][..]),
        Change::Changed(fields) => ("changed", fields.as_slice()),
        Change::Unchanged => ("unchanged", &[][..]),
    };
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| json!({"field": field.field, "before": field.before, "after": field.after}))
        .collect();
    json!({
        "kind": entry.kind.name(),
        "brand": entry.brand.as_str(),
        "key": entry.key,
        "effective_from": (entry.effective_from.0 != i64::MIN).then(|| entry.effective_from.to_string()),
        "change": change,
        "fields": fields,
    })
}

impl fmt::Display for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.changes {
            let since = match entry.effective_from {
                Timestamp(i64::MIN) => String::new(),
                from => format!(" from {from}"),
            };
            match &entry.change {
                Change::Unchanged => continue,
                Change::Added => writeln!(f, "+ {} {}{since}", entry.kind.name(), entry.key)?,
                Change::Changed(fields) => {
                    writeln!(f, "~ {} {}{since}", entry.kind.name(), entry.key)?;
                    for field in fields {
                        writeln!(
                            f,
                            "    {}: {} -> {}",
                            field.field,
                            shown(&field.before),
                            shown(&field.after)
                        )?;
                    }
                    if entry.effective_from < self.now {
                        writeln!(f, "    what happened since then is settled again by the new version")?;
                    }
                }
            }
        }
        let (added, changed, unchanged) = self.counts();
        write!(f, "{added} added, {changed} changed, {unchanged} unchanged")
    }
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "(none)" } else { value }
}

/// Compares two contents field by field.
pub(super) fn field_changes(before: &Body, after: &Body) -> Vec<FieldChange> {
    let (before, after) = (flat(&before.canonical()), flat(&after.canonical()));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_default();
    let mut changes: Vec<FieldChange> = names
        .into_iter()
        .map(|name| FieldChange {
            field: name.clone(),
            before: value(&before, name),
            after: value(&after, name),
        })
        .filter(|change| change.before != change.after)
        .collect();
    hide_secrets(&mut changes);
    changes
}

/// One line says that secrets changed; their values stay out of terminals and build logs.
fn hide_secrets(changes: &mut Vec<FieldChange>) {
    let count = changes.len();
    changes.retain(|change| !change.field.starts_with("secrets"));
    if changes.len() < count {
        changes.push(FieldChange {
            field: "secrets".to_owned(),
            before: "(not shown)".to_owned(),
            after: "(not shown)".to_owned(),
        });
    }
}

fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    flatten(value, String::new(), &mut leaves);
    leaves
}

fn flatten(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(inner, path, leaves);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                flatten(element, format!("{path}[{index}]"), leaves);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(leaves.insert(path, text.clone())),
        other => drop(leaves.insert(path, other.to_string())),
    }
}
