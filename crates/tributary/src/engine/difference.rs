//! From what should be to what must be booked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey};
use tributary_domain::ledger::{CommissionState, Position, commission_position};
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Settlement};
use tributary_store::state::{ClusterId, Commit, ConversionChange};

use super::books::{Books, Posting};
use super::rollup::Rollups;

/// Adds differences to a commit.
pub(super) struct Difference<'a> {
    pub(super) commit: &'a mut Commit,
    pub(super) books: &'a mut Books,
    pub(super) rollups: &'a mut Rollups,
    /// Events that came in this step: they are stored with their outcome, not changed afterwards.
    pub(super) arrived: &'a HashSet<EventId>,
    /// Lines that payouts of this step take or give back.
    pub(super) touched: &'a HashMap<CommissionId, TouchedLine>,
    /// Lines whose money was looked at.
    pub(super) visited: HashSet<CommissionId>,
}

/// The commission lines of conversions.
pub(super) fn line_ids(conversions: &[Conversion]) -> impl Iterator<Item = CommissionId> {
    conversions.iter().flat_map(|conversion| conversion.commissions.iter().map(|line| line.id))
}

impl Difference<'_> {
    /// Outcomes of stored facts that changed.
    pub(super) fn outcomes(&mut self, before: &HashMap<EventId, Reason>, settlement: &Settlement) {
        let changed = settlement
            .outcomes
            .iter()
            .filter(|(event, outcome)| !self.arrived.contains(event) && before.get(event) != Some(outcome));
        self.commit.outcomes.extend(changed.copied());
    }

    /// Conversions of one cluster: changed ones are put, vanished ones removed, and the money between them booked.
    pub(super) fn conversions(
        &mut self,
        cluster: ClusterId,
        booked: Vec<Conversion>,
        desired: Vec<Conversion>,
        cause: Option<EventId>,
        locked: &HashMap<CommissionId, i64>,
        lock_changes: &HashMap<CommissionId, i64>,
    ) {
        let mut booked: BTreeMap<EventId, Conversion> =
            booked.into_iter().map(|conversion| (conversion.event_id, conversion)).collect();
        for mut new in desired {
            // What was considered is worked out afresh when somebody asks; it is never stored.
            new.considered = Vec::new();
            let old = booked.remove(&new.event_id);
            let locks_move = new.commissions.iter().any(|line| lock_changes.contains_key(&line.id));
            if old.as_ref() == Some(&new) && !locks_move {
                self.visited.extend(new.commissions.iter().map(|line| line.id));
                continue;
            }
            let locks = Locks { before: locked, changes: lock_changes };
            self.money(old.as_ref(), Some(&new), cause, &locks);
            if old.as_ref() != Some(&new) {
                if let Some(old) = &old {
                    self.rollups.add_conversion(old, -1);
                }
                self.rollups.add_conversion(&new, 1);
                self.commit.conversions.push(ConversionChange::Put { cluster, conversion: Box::new(new) });
            }
        }
        for old in booked.into_values() {
            let locks = Locks { before: locked, changes: lock_changes };
            self.money(Some(&old), None, cause, &locks);
            self.rollups.add_conversion(&old, -1);
            self.commit.conversions.push(ConversionChange::Remove(old.event_id));
        }
    }

    fn money(
        &mut self,
        old: Option<&Conversion>,
        new: Option<&Conversion>,
        arrival: Option<EventId>,
        locks: &Locks<'_>,
    ) {
        let lines = |conversion: Option<&Conversion>| -> BTreeMap<CommissionId, Commission> {
            conversion.map_or_else(BTreeMap::new, |c| {
                c.commissions.iter().map(|line| (line.id, line.clone())).collect()
            })
        };
        let (old_lines, new_lines) = (lines(old), lines(new));
        let Some(conversion) = new.or(old) else { return };
        let ids: BTreeSet<CommissionId> = old_lines.keys().chain(new_lines.keys()).copied().collect();
        for id in ids {
            let (before, after) = (old_lines.get(&id), new_lines.get(&id));
            let Some(any) = after.or(before) else { continue };
            let subject = id.to_string();
            // A line of a conversion that arrived in this step came with it; one that is as it was moved because a payout took it or gave it
            // back; anything else changed by the newest arrival.
            let of_payout = self.touched.get(&id).map(|line| line.cause);
            let cause = match (before, new) {
                (None, Some(new)) if self.arrived.contains(&new.event_id) => new.event_id,
                _ if before == after => of_payout.or(arrival).unwrap_or(conversion.event_id),
                _ => arrival.or(of_payout).unwrap_or(conversion.event_id),
            };
            let posting = Posting {
                brand: &conversion.brand,
                currency: any.granted.currency,
                subject: &subject,
                cause,
            };
            let (lock_before, lock_after) = locks.of(id);
            self.visited.insert(id);
            self.books.post(&posting, &position(before, any, lock_before), &position(after, any, lock_after));
        }
    }

    /// Lines that payouts take or give back though no conversion grants them (any more): nothing is owed on them, so all that
    /// payouts hold is to come back from the partner.
    pub(super) fn ungranted(
        &mut self,
        locked: &HashMap<CommissionId, i64>,
        lock_changes: &HashMap<CommissionId, i64>,
    ) {
        let locks = Locks { before: locked, changes: lock_changes };
        let lines: BTreeMap<&CommissionId, &TouchedLine> =
            self.touched.iter().filter(|(id, _)| !self.visited.contains(id)).collect();
        for (id, line) in lines {
            let subject = id.to_string();
            let posting =
                Posting { brand: &line.brand, currency: line.currency, subject: &subject, cause: line.cause };
            let (before, after) = locks.of(*id);
            let position = |held| commission_position(&line.partner, CommissionState::Rejected, 0, held);
            self.books.post(&posting, &position(before), &position(after));
        }
    }
}

/// A line that a payout's fact of this step names.
#[derive(Clone)]
pub(super) struct TouchedLine {
    pub(super) brand: BrandKey,
    pub(super) partner: PartnerKey,
    pub(super) currency: Currency,
    pub(super) cause: EventId,
}

/// What payouts hold of lines, before and after this step.
struct Locks<'a> {
    before: &'a HashMap<CommissionId, i64>,
    changes: &'a HashMap<CommissionId, i64>,
}

impl Locks<'_> {
    fn of(&self, id: CommissionId) -> (i64, i64) {
        let before = self.before.get(&id).copied().unwrap_or(0);
        (before, before + self.changes.get(&id).copied().unwrap_or(0))
    }
}

/// The position of a line; a line that does not stand (any more) but is held by a payout is owed nothing.
fn position(line: Option<&Commission>, any: &Commission, locked: i64) -> Position {
    match line {
        Some(line) => commission_position(&line.partner, line.state, line.owed, locked),
        None if locked == 0 => Position::new(),
        None => commission_position(&any.partner, any.state, 0, locked),
    }
}
