//! What-if: all of history under another set-up, beside the live state. Nothing is written.
//!
//! "Now" is what is booked. "Then" is what the pure settlement makes of the same facts under the other set-up. Both go through the arithmetic
//! of the rollups, so that the figures of now are those that pages and reports show.

mod report;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tributary_domain::attribution::Earner;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, PayoutStep};
use tributary_domain::ids::{CommissionId, EventId};
use tributary_domain::settlement::{Conversion, settle};
use tributary_domain::time::{Period, Timestamp};
use tributary_store::state::{ClusterContents, ClusterId, StateError, StateReader};

pub use self::report::{Cell, ChangedConversion, Grouping, Row, Selection, Share, Sums, WhatIfReport};
pub use self::saved::{Saved, SavedFile, SavedWhatIfs};

use super::walking;
use crate::engine::rollup::{Rollups, label};
use crate::engine::runner::step_back;

/// Clusters loaded at once by one thread: what bounds memory.
const SLICE: usize = 256;

/// Settles every person with a conversion under `then` and compares with what is booked, on all cores.
///
/// The answer does not depend on the number of threads. It may run beside an engine: each cluster is seen as of one commit.
/// `progress` is told how many conversions were examined so far.
///
/// # Errors
/// When the store fails.
pub fn what_if(
    state: &dyn StateReader,
    then: &Configuration,
    selection: Option<&Selection>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<WhatIfReport, StateError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    what_if_on(threads, state, then, selection, progress)
}

/// As [`what_if`], on so many threads.
fn what_if_on(
    threads: usize,
    state: &dyn StateReader,
    then: &Configuration,
    selection: Option<&Selection>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<WhatIfReport, StateError> {
    let mut report = WhatIfReport {
        checkpoint: state.checkpoint()?.0,
        waiting: state.queue_length()?,
        paid_until: paid_until(state)?,
        ..WhatIfReport::default()
    };
    let slices = Slices { state, after: Mutex::new(Some(ClusterId(0))), failed: AtomicBool::new(false) };
    let examined = Mutex::new(0);
    let parts = std::thread::scope(|scope| {
        let work = || {
            // Whoever waits for a redirect goes first.
            step_back();
            let mut part = WhatIfReport::default();
            let done = (|| -> Result<WhatIfReport, StateError> {
                while let Some(clusters) = slices.next()? {
                    let before = part.conversions;
                    compare_slice(state, &clusters, then, selection, &mut part)?;
                    let mut examined = examined.lock().unwrap_or_else(PoisonError::into_inner);
                    *examined += part.conversions - before;
                    progress(*examined);
                }
                Ok(part)
            })();
            if done.is_err() {
                slices.failed.store(true, Ordering::Relaxed);
            }
            done
        };
        let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for part in parts {
        let part = part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        report.add(part, selection);
    }
    Ok(report)
}

/// Hands out the clusters that hold actions, slice by slice.
struct Slices<'a> {
    state: &'a dyn StateReader,
    /// The last one handed out; `None` at the end.
    after: Mutex<Option<ClusterId>>,
    failed: AtomicBool,
}

impl Slices<'_> {
    fn next(&self) -> Result<Option<Vec<ClusterId>>, StateError> {
        let mut after = self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = *after else { return Ok(None) };
        if self.failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let clusters = self.state.clusters_with_actions_after(last, SLICE)?;
        *after = clusters.last().copied();
        Ok(if clusters.is_empty() { None } else { Some(clusters) })
    }
}

/// The last moment of the period that payouts hold money of, by the newest conversion that they pay for.
fn paid_until(state: &dyn StateReader) -> Result<Option<Period>, StateError> {
    let payouts = walking::payouts(state, None)?;
    let standing = payouts.iter().filter(|payout| payout.step != PayoutStep::Failed);
    let newest = standing.flat_map(|payout| payout.plan.lines.iter().map(|(line, _)| *line)).max();
    Ok(newest.map(|CommissionId(EventId(id))| {
        // The id of a line begins with the milliseconds of its conversion.
        let milliseconds = id.iter().take(6).fold(0i64, |sum, byte| (sum << 8) | i64::from(*byte));
        Timestamp(milliseconds * 1_000).period()
    }))
}

/// A conversion that differs, until it is known what payouts hold of it.
struct Candidate {
    now: Option<Conversion>,
    then: Option<Conversion>,
}

fn compare_slice(
    state: &dyn StateReader,
    clusters: &[ClusterId],
    then: &Configuration,
    selection: Option<&Selection>,
    part: &mut WhatIfReport,
) -> Result<(), StateError> {
    let mut candidates = Vec::new();
    for contents in state.clusters(clusters)? {
        part.clusters += 1;
        compare_cluster(contents, then, part, &mut candidates);
    }
    let lines: Vec<CommissionId> = candidates
        .iter()
        .flat_map(|candidate| candidate.now.iter().chain(&candidate.then))
        .flat_map(|conversion| conversion.commissions.iter().map(|line| line.id))
        .collect();
    let locked = if lines.is_empty() { HashMap::new() } else { state.locked(&lines)? };
    for candidate in candidates {
        add_changed(&candidate, &locked, selection, part);
    }
    Ok(())
}

/// Adds what stays the same to the report, and sets aside what differs.
fn compare_cluster(
    contents: ClusterContents,
    then: &Configuration,
    part: &mut WhatIfReport,
    candidates: &mut Vec<Candidate>,
) {
    let facts: Vec<Fact> = contents.facts.into_iter().map(|(fact, _)| fact).collect();
    let mut booked: BTreeMap<EventId, Conversion> =
        contents.booked.into_iter().map(|conversion| (conversion.event_id, conversion)).collect();
    for mut new in settle(&facts, then).conversions {
        // What was considered is not stored: it is no difference.
        new.considered = Vec::new();
        part.conversions += 1;
        match booked.remove(&new.event_id) {
            Some(old) if old == new => {
                for (cell, sums) in cells(Some(&new), Some(&new)) {
                    part.cells.entry(cell).or_default().add(&sums);
                }
            }
            old => candidates.push(Candidate { now: old, then: Some(new) }),
        }
    }
    for (_, old) in booked {
        part.conversions += 1;
        candidates.push(Candidate { now: Some(old), then: None });
    }
}

fn add_changed(
    candidate: &Candidate,
    locked: &HashMap<CommissionId, i64>,
    selection: Option<&Selection>,
    part: &mut WhatIfReport,
) {
    let (now, then) = (candidate.now.as_ref(), candidate.then.as_ref());
    let mut cells = cells(now, then);
    let held = held(now, then, locked);
    for (cell, sums) in &mut cells {
        if held.contains_key(&(cell.earner.clone(), cell.currency.clone())) {
            sums.adjustment = sums.money.difference();
        }
    }
    for (cell, sums) in &cells {
        part.cells.entry(cell.clone()).or_default().add(sums);
    }
    if !cells.values().any(Sums::differs) {
        // Another model may share alike; a longer hold pays the same later.
        part.changed_otherwise += 1;
        return;
    }
    part.changed += 1;
    let (Some(selection), Some(any)) = (selection, then.or(now)) else { return };
    if cells.iter().any(|(cell, sums)| sums.differs() && selection.wants(cell)) {
        let listed = ChangedConversion::of(any, now, then, cells, &held);
        part.list(listed, selection);
    }
}

/// What payouts hold of a conversion, per partner and currency.
fn held(
    now: Option<&Conversion>,
    then: Option<&Conversion>,
    locked: &HashMap<CommissionId, i64>,
) -> BTreeMap<(String, String), i64> {
    let lines: BTreeMap<CommissionId, _> = now
        .into_iter()
        .chain(then)
        .flat_map(|conversion| conversion.commissions.iter().map(|line| (line.id, line)))
        .collect();
    let mut held = BTreeMap::new();
    for (id, line) in lines {
        if let Some(minor) = locked.get(&id).filter(|minor| **minor != 0) {
            let earner = label(&Earner::Partner(line.partner.clone()));
            *held.entry((earner, line.granted.currency.to_string())).or_insert(0) += *minor;
        }
    }
    held
}

/// Where the money of a conversion lies in the report, now and then.
fn cells(now: Option<&Conversion>, then: Option<&Conversion>) -> BTreeMap<Cell, Sums> {
    let mut cells: BTreeMap<Cell, Sums> = BTreeMap::new();
    for (conversion, is_then) in [(now, false), (then, true)] {
        let mut rollups = Rollups::default();
        if let Some(conversion) = conversion {
            rollups.add_conversion(conversion, 1);
        }
        for (key, measures) in rollups.into_changes() {
            if measures.value == 0 && measures.commission == 0 {
                continue;
            }
            let cell = Cell {
                brand: key.brand,
                period: key.hour.period(),
                campaign: key.campaign,
                earner: key.earner,
                currency: key.currency,
            };
            let money = &mut cells.entry(cell).or_default().money;
            if is_then {
                (money.value_then, money.commission_then) = (measures.value, measures.commission);
            } else {
                (money.value_now, money.commission_now) = (measures.value, measures.commission);
            }
        }
    }
    cells
}
