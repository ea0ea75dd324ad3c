//! From columns to the domain's types. What cannot be read is an error that says where it stands, never a default.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use rusqlite::Row;
use tributary_domain::fact::{EventKind, Fact, Verdict};
use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey};
use tributary_domain::ledger::{Account, CommissionState, Entry, Transfer};
use tributary_domain::money::{Currency, Money};
use tributary_domain::payout::Line;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Timestamp;

use crate::log::{Sequence, Way};
use crate::state::subject::unpack_subject;
use crate::state::{ClusterId, CommissionRow, Payout, RollupKey, RollupMeasures, StateError, StoredFact};
use crate::wire;

/// A stored value that this version cannot read.
pub(super) fn unreadable(what: &str, error: &dyn Display) -> StateError {
    StateError::Unreadable(format!("{what}: {error}"))
}

/// A number that SQLite can hold: it has no unsigned ones.
pub(super) fn stored_number(number: u64) -> Result<i64, StateError> {
    i64::try_from(number).map_err(|_| StateError::Database(format!("{number} is too large to be stored")))
}

/// A number that was unsigned when it was stored.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64, StateError> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map_err(|_| unreadable("a number", &stored))
}

/// A text without a copy of it.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, StateError> {
    row.get_ref(column)?.as_str().map_err(|error| unreadable("a text", &error))
}

/// Bytes without a copy of them.
pub(super) fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], StateError> {
    row.get_ref(column)?.as_blob().map_err(|error| unreadable("bytes", &error))
}

/// An id, node or hash.
pub(super) fn array<const LENGTH: usize>(row: &Row<'_>, column: usize) -> Result<[u8; LENGTH], StateError> {
    blob(row, column)?.try_into().map_err(|error| unreadable("an id", &error))
}

/// A cluster number.
pub(super) fn cluster(row: &Row<'_>, column: usize) -> Result<ClusterId, StateError> {
    number(row, column).map(ClusterId)
}

/// A brand.
pub(super) fn brand(row: &Row<'_>, column: usize) -> Result<BrandKey, StateError> {
    BrandKey::parse(text(row, column)?).map_err(|error| unreadable("a brand", &error))
}

/// A currency.
pub(super) fn currency(row: &Row<'_>, column: usize) -> Result<Currency, StateError> {
    Currency::parse(text(row, column)?).map_err(|error| unreadable("a currency", &error))
}

/// An account.
pub(super) fn account(row: &Row<'_>, column: usize) -> Result<Account, StateError> {
    let name = text(row, column)?;
    Account::parse(name).ok_or_else(|| unreadable("an account", &name))
}

/// A reason. Every fact has one, so codes are found by hash and not one after another.
pub(super) fn reason(row: &Row<'_>, column: usize) -> Result<Reason, StateError> {
    static BY_CODE: LazyLock<HashMap<&'static str, Reason>> =
        LazyLock::new(|| Reason::ALL.iter().map(|reason| (reason.code(), *reason)).collect());
    let code = text(row, column)?;
    BY_CODE.get(code).copied().ok_or_else(|| unreadable("a reason", &code))
}

/// A partner.
pub(super) fn partner(row: &Row<'_>, column: usize) -> Result<PartnerKey, StateError> {
    PartnerKey::parse(text(row, column)?).map_err(|error| unreadable("a partner", &error))
}

/// A kind of event.
pub(super) fn kind(row: &Row<'_>, column: usize) -> Result<EventKind, StateError> {
    let name = text(row, column)?;
    EventKind::from_name(name).ok_or_else(|| unreadable("a kind of event", &name))
}

/// A verdict.
pub(super) fn verdict(row: &Row<'_>, column: usize) -> Result<Verdict, StateError> {
    let name = text(row, column)?;
    Verdict::from_name(name).ok_or_else(|| unreadable("a verdict", &name))
}

/// A state of a commission line.
pub(super) fn commission_state(row: &Row<'_>, column: usize) -> Result<CommissionState, StateError> {
    let name = text(row, column)?;
    CommissionState::from_name(name).ok_or_else(|| unreadable("a state of a commission line", &name))
}

/// A fact in its stored form.
pub(super) fn fact(row: &Row<'_>, column: usize) -> Result<Fact, StateError> {
    wire::fact::decode(blob(row, column)?).map_err(|error| unreadable("a fact", &error))
}

/// A settled conversion in its stored form.
pub(super) fn conversion(row: &Row<'_>, column: usize) -> Result<Conversion, StateError> {
    wire::conversion::decode(text(row, column)?.as_bytes())
        .map_err(|error| unreadable("a conversion", &error))
}

/// Columns of [`stored_fact`]; needs `cluster_alias` joined as `a` to `fact f`.
pub(super) const STORED_FACT: &str = "f.sequence, COALESCE(a.target, f.cluster), f.way, f.received_at, f.outcome, f.body \
     FROM fact f LEFT JOIN cluster_alias a ON a.source = f.cluster";

/// A fact with what surrounds it.
pub(super) fn stored_fact(row: &Row<'_>) -> Result<StoredFact, StateError> {
    let way = text(row, 2)?;
    Ok(StoredFact {
        sequence: Sequence(number(row, 0)?),
        cluster: cluster(row, 1)?,
        way: Way::from_name(way).ok_or_else(|| unreadable("a way in", &way))?,
        received_at: Timestamp(row.get(3)?),
        outcome: reason(row, 4)?,
        fact: fact(row, 5)?,
    })
}

/// Columns of [`commission_row`], up to the alias of the table.
pub(super) const COMMISSION_ROW: &str = "c.brand, c.conversion, c.id, c.partner, c.currency, c.owed, c.state, c.reason, \
     c.payable_from, COALESCE((SELECT SUM(l.minor) FROM payout_line l JOIN payout p ON p.id = l.payout \
     WHERE l.commission = c.id AND p.step <> 'failed'), 0) FROM commission c";

/// A commission line with what surrounds it.
pub(super) fn commission_row(row: &Row<'_>) -> Result<CommissionRow, StateError> {
    Ok(CommissionRow {
        brand: brand(row, 0)?,
        conversion: EventId(array(row, 1)?),
        line: Line {
            id: CommissionId(EventId(array(row, 2)?)),
            partner: partner(row, 3)?,
            owed: Money::new(row.get(5)?, currency(row, 4)?),
            locked: row.get(9)?,
            state: commission_state(row, 6)?,
            payable_from: Timestamp(row.get(8)?),
        },
        reason: reason(row, 7)?,
    })
}

/// Columns of [`payout`].
pub(super) const PAYOUT: &str = "brand, step, reference, prepared_at, stepped_at, plan FROM payout";

/// A payout.
pub(super) fn payout(row: &Row<'_>) -> Result<Payout, StateError> {
    Ok(Payout {
        brand: brand(row, 0)?,
        step: wire::payout::parse_step(text(row, 1)?).map_err(|error| unreadable("a payout", &error))?,
        reference: row.get(2)?,
        prepared_at: Timestamp(row.get(3)?),
        stepped_at: Timestamp(row.get(4)?),
        plan: wire::payout::decode(text(row, 5)?.as_bytes())
            .map_err(|error| unreadable("a payout", &error))?,
    })
}

/// Columns of [`entry`].
pub(super) const ENTRY: &str =
    "brand, number, debit, credit, currency, minor, subject, cause, hash FROM ledger_entry";

/// A ledger entry.
pub(super) fn entry(row: &Row<'_>) -> Result<Entry, StateError> {
    let minor: i64 = row.get(5)?;
    Ok(Entry {
        brand: brand(row, 0)?,
        number: number(row, 1)?,
        transfer: Transfer { debit: account(row, 2)?, credit: account(row, 3)?, minor },
        amount: Money::new(minor, currency(row, 4)?),
        subject: unpack_subject(blob(row, 6)?)?,
        cause: EventId(array(row, 7)?),
        hash: array(row, 8)?,
    })
}

/// A rollup row: its key in the first five columns, then its measures.
pub(super) fn rollup(row: &Row<'_>) -> Result<(RollupKey, RollupMeasures), StateError> {
    let key = RollupKey {
        brand: brand(row, 0)?,
        hour: Timestamp(row.get(1)?),
        campaign: row.get(2)?,
        earner: row.get(3)?,
        currency: row.get(4)?,
    };
    let measures = RollupMeasures {
        clicks: row.get(5)?,
        impressions: row.get(6)?,
        registrations_ppm: row.get(7)?,
        qualifications_ppm: row.get(8)?,
        conversions_ppm: row.get(9)?,
        value: row.get(10)?,
        refunded: row.get(11)?,
        commission: row.get(12)?,
    };
    Ok((key, measures))
}
