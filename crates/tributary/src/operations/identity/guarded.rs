//! The identifiers that the guards keep from joining people, and whom they would have made one.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::identity::{Guards, Identifier, IdentityGraph};
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_store::state::{ClusterId, StateError, StateReader};

use crate::operations::walking;

/// People named for each identifier; all of them are counted.
const NAMED: usize = 10;
/// Clusters read at once.
const PAGE: usize = 256;

/// An identifier that is none, or that went beyond a bound.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct GuardedIdentifier {
    /// Whose.
    pub brand: String,
    /// Kind and beginning of its hash, or the click id.
    pub identifier: String,
    /// Reason code of the guard.
    pub reason: &'static str,
    /// The reason in words.
    pub message: &'static str,
    /// What to do about it.
    pub hint: &'static str,
    /// Facts that carry it.
    pub facts: usize,
    /// Customers that it was seen with; counted until they are too many.
    pub customers: usize,
    /// People whom it would have made one.
    pub people: usize,
    /// Some of them, by their lasting labels.
    pub would_join: Vec<String>,
    /// Facts that belong to nobody, since they carry nothing better.
    pub facts_of_nobody: usize,
}

/// Every guarded identifier, of one brand if one is wanted: first those that would have joined most people. Reads every stored fact.
///
/// # Errors
/// When the store cannot be read.
pub fn guarded(
    state: &dyn StateReader,
    configuration: &Configuration,
    wanted: Option<&BrandKey>,
) -> Result<Vec<GuardedIdentifier>, StateError> {
    let mut found = Found::new();
    let mut page: Vec<ClusterId> = Vec::with_capacity(PAGE);
    walking::clusters(state, |cluster| {
        page.push(cluster);
        if page.len() < PAGE { Ok(()) } else { examine(state, configuration, wanted, &mut page, &mut found) }
    })?;
    examine(state, configuration, wanted, &mut page, &mut found)?;
    let mut found: Vec<GuardedIdentifier> = found.into_values().collect();
    found.sort_by_key(|row| std::cmp::Reverse((row.people, row.facts)));
    Ok(found)
}

type Found = BTreeMap<(BrandKey, Identifier), GuardedIdentifier>;

/// Adds what a page of clusters holds, and begins another page.
fn examine(
    state: &dyn StateReader,
    configuration: &Configuration,
    wanted: Option<&BrandKey>,
    page: &mut Vec<ClusterId>,
    found: &mut Found,
) -> Result<(), StateError> {
    for contents in state.clusters(page)? {
        let facts: Vec<_> = contents.facts.into_iter().map(|(fact, _)| fact).collect();
        let brand = facts.first().map(|fact| fact.brand.clone());
        let Some(brand) = brand.filter(|brand| wanted.is_none_or(|wanted| wanted == brand)) else { continue };
        for each in IdentityGraph::of(&facts, &Guards::of(configuration, &brand)).guarded() {
            let key = (brand.clone(), each.standing.identifier.clone());
            let row = found
                .entry(key)
                .or_insert_with(|| empty(&brand, &each.standing.identifier, each.standing.reason));
            row.facts += each.standing.facts;
            row.customers += each.standing.customers;
            row.people += each.people.len();
            row.facts_of_nobody += each.facts_of_nobody;
            let room = NAMED.saturating_sub(row.would_join.len());
            row.would_join.extend(each.people.iter().take(room).map(ToString::to_string));
        }
    }
    page.clear();
    Ok(())
}

fn empty(brand: &BrandKey, identifier: &Identifier, reason: Reason) -> GuardedIdentifier {
    GuardedIdentifier {
        brand: brand.to_string(),
        identifier: identifier.label(),
        reason: reason.code(),
        message: reason.message(),
        hint: reason.hint(),
        facts: 0,
        customers: 0,
        people: 0,
        would_join: Vec::new(),
        facts_of_nobody: 0,
    }
}
