//! Walking through everything of one kind that the store holds, page by page, so that memory stays bounded.

use std::collections::HashMap;

use tributary_domain::fact::Fact;
use tributary_domain::ids::{BrandKey, CommissionId, EventId};
use tributary_domain::ledger::Entry;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::{Span, Timestamp};
use tributary_store::state::{
    ClusterId, CommissionRow, ConversionFilter, Payout, RollupKey, RollupMeasures, StateError, StateReader,
    StoredFact,
};

/// Rows read at once.
const PAGE: usize = 2_000;
/// More payouts than any store holds.
const ALL: usize = usize::MAX >> 1;

/// Calls `visit` for every cluster, in the order of their numbers.
pub(super) fn clusters<E: From<StateError>>(
    state: &dyn StateReader,
    mut visit: impl FnMut(ClusterId) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = ClusterId(0);
    loop {
        let page = state.clusters_after(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        page.into_iter().try_for_each(&mut visit)?;
    }
}

/// Clusters whose facts are read at once.
const SLICE: usize = 256;

/// Calls `visit` with the facts of every cluster, in the order of their numbers.
pub(super) fn cluster_facts<E: From<StateError>>(
    state: &dyn StateReader,
    mut visit: impl FnMut(Vec<Fact>) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = ClusterId(0);
    loop {
        let slice = state.clusters_after(after, SLICE)?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = *last;
        for contents in state.clusters(&slice)? {
            visit(contents.facts.into_iter().map(|(fact, _)| fact).collect())?;
        }
    }
}

/// Calls `visit` for every conversion that the filter lets through, in the order of event ids.
pub(super) fn conversions<E: From<StateError>>(
    state: &dyn StateReader,
    filter: &ConversionFilter,
    mut visit: impl FnMut(Conversion) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<EventId> = None;
    loop {
        let page = state.conversions(filter, after, PAGE)?;
        let Some((_, last)) = page.last() else { return Ok(()) };
        after = Some(last.event_id);
        page.into_iter().try_for_each(|(_, conversion)| visit(conversion))?;
    }
}

/// Calls `visit` once for every cluster with a conversion that the filter lets through and that happened from `from` on and before
/// `until`, which are whole milliseconds. Reads no other conversions: event ids are in the order of time.
pub(super) fn clusters_of_conversions<E: From<StateError>>(
    state: &dyn StateReader,
    filter: &ConversionFilter,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    mut visit: impl FnMut(ClusterId) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = SeenClusters::default();
    // The greatest id of the millisecond before.
    let mut after = from.map(|from| EventId::from_parts(from.plus(Span(-1_000)), &[u8::MAX; 16]));
    loop {
        let page = state.conversions(filter, after, PAGE)?;
        let Some((_, last)) = page.last() else { return Ok(()) };
        after = Some(last.event_id);
        for (cluster, conversion) in page {
            if until.is_some_and(|until| until <= conversion.occurred_at) {
                return Ok(());
            }
            if seen.is_new(cluster) {
                visit(cluster)?;
            }
        }
    }
}

/// Which clusters were met. Their numbers lie close together, so that one bit each does.
#[derive(Default)]
struct SeenClusters(HashMap<u64, u64>);

impl SeenClusters {
    fn is_new(&mut self, ClusterId(number): ClusterId) -> bool {
        let (word, bit) = (self.0.entry(number / 64).or_default(), 1 << (number % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Calls `visit` for every fact, in the order of event ids.
pub(super) fn facts<E: From<StateError>>(
    state: &dyn StateReader,
    mut visit: impl FnMut(StoredFact) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<EventId> = None;
    loop {
        let page = state.facts_by_event(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.fact.event_id);
        page.into_iter().try_for_each(&mut visit)?;
    }
}

/// Calls `visit` for every commission line of a brand, in the order of their ids.
pub(super) fn commissions<E: From<StateError>>(
    state: &dyn StateReader,
    brand: &BrandKey,
    mut visit: impl FnMut(CommissionRow) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<CommissionId> = None;
    loop {
        let page = state.commissions(brand, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.line.id);
        page.into_iter().try_for_each(&mut visit)?;
    }
}

/// Calls `visit` for every entry of a brand's ledger, from the first on.
pub(super) fn entries<E: From<StateError>>(
    state: &dyn StateReader,
    brand: &BrandKey,
    mut visit: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = 0;
    loop {
        let page = state.entries(brand, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        page.into_iter().try_for_each(&mut visit)?;
    }
}

/// Calls `visit` for every rollup row, in the order of their keys.
pub(super) fn rollups<E: From<StateError>>(
    state: &dyn StateReader,
    mut visit: impl FnMut(RollupKey, RollupMeasures) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<RollupKey> = None;
    loop {
        let page = state.rollups(after.as_ref(), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        page.into_iter().try_for_each(|(key, measures)| visit(key, measures))?;
    }
}

/// Every payout, of one run if it is named. Payouts are few: one per partner, currency and run.
pub(super) fn payouts(state: &dyn StateReader, run: Option<&str>) -> Result<Vec<Payout>, StateError> {
    state.payouts(run, ALL)
}
