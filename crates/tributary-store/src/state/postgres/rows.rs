//! From columns to the domain's types and back. What cannot be read is an error that says where it stands, never a default.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::sync::LazyLock;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
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

/// An id or identity node in a UUID column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Id(pub(super) [u8; 16]);

impl ToSql for Id {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    accepts!(UUID);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Id {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    accepts!(UUID);
}

impl From<EventId> for Id {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

impl From<CommissionId> for Id {
    fn from(id: CommissionId) -> Self {
        Self(id.0.0)
    }
}

/// A stored value that this version cannot read.
pub(super) fn unreadable(what: &str, error: &dyn Display) -> StateError {
    StateError::Unreadable(format!("{what}: {error}"))
}

/// A number that a BIGINT can hold.
pub(super) fn stored_number(number: u64) -> Result<i64, StateError> {
    i64::try_from(number).map_err(|_| StateError::Database(format!("{number} is too large to be stored")))
}

/// A number of rows to answer at most.
pub(super) fn stored_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Numbers of clusters as they are stored; one that is too large is stored nowhere and so left out.
pub(super) fn stored_clusters(clusters: &[ClusterId]) -> Vec<i64> {
    clusters.iter().filter_map(|cluster| i64::try_from(cluster.0).ok()).collect()
}

/// A number that was unsigned when it was stored.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, StateError> {
    let stored: i64 = row.try_get(column)?;
    u64::try_from(stored).map_err(|_| unreadable("a number", &stored))
}

/// A text without a copy of it.
pub(super) fn text(row: &Row, column: usize) -> Result<&str, StateError> {
    Ok(row.try_get(column)?)
}

/// An event id.
pub(super) fn event(row: &Row, column: usize) -> Result<EventId, StateError> {
    let Id(bytes) = row.try_get(column)?;
    Ok(EventId(bytes))
}

/// A hash.
pub(super) fn hash(row: &Row, column: usize) -> Result<[u8; 32], StateError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|error| unreadable("a hash", &error))
}

/// A cluster number.
pub(super) fn cluster(row: &Row, column: usize) -> Result<ClusterId, StateError> {
    number(row, column).map(ClusterId)
}

/// A brand.
pub(super) fn brand(row: &Row, column: usize) -> Result<BrandKey, StateError> {
    BrandKey::parse(text(row, column)?).map_err(|error| unreadable("a brand", &error))
}

/// A currency.
pub(super) fn currency(row: &Row, column: usize) -> Result<Currency, StateError> {
    Currency::parse(text(row, column)?).map_err(|error| unreadable("a currency", &error))
}

/// An account.
pub(super) fn account(row: &Row, column: usize) -> Result<Account, StateError> {
    let name = text(row, column)?;
    Account::parse(name).ok_or_else(|| unreadable("an account", &name))
}

/// A reason. Every fact has one, so codes are found by hash and not one after another.
pub(super) fn reason(row: &Row, column: usize) -> Result<Reason, StateError> {
    static BY_CODE: LazyLock<HashMap<&'static str, Reason>> =
        LazyLock::new(|| Reason::ALL.iter().map(|reason| (reason.code(), *reason)).collect());
    let code = text(row, column)?;
    BY_CODE.get(code).copied().ok_or_else(|| unreadable("a reason", &code))
}

/// A partner.
pub(super) fn partner(row: &Row, column: usize) -> Result<PartnerKey, StateError> {
    PartnerKey::parse(text(row, column)?).map_err(|error| unreadable("a partner", &error))
}

/// A kind of event.
pub(super) fn kind(row: &Row, column: usize) -> Result<EventKind, StateError> {
    let name = text(row, column)?;
    EventKind::from_name(name).ok_or_else(|| unreadable("a kind of event", &name))
}

/// A verdict.
pub(super) fn verdict(row: &Row, column: usize) -> Result<Verdict, StateError> {
    let name = text(row, column)?;
    Verdict::from_name(name).ok_or_else(|| unreadable("a verdict", &name))
}

/// A state of a commission line.
pub(super) fn commission_state(row: &Row, column: usize) -> Result<CommissionState, StateError> {
    let name = text(row, column)?;
    CommissionState::from_name(name).ok_or_else(|| unreadable("a state of a commission line", &name))
}

/// A fact in its stored form.
pub(super) fn fact(row: &Row, column: usize) -> Result<Fact, StateError> {
    wire::fact::decode(row.try_get(column)?).map_err(|error| unreadable("a fact", &error))
}

/// A settled conversion in its stored form.
pub(super) fn conversion(stored: &[u8]) -> Result<Conversion, StateError> {
    wire::conversion::decode(stored).map_err(|error| unreadable("a conversion", &error))
}

/// A fact with what surrounds it; columns as in `reader::STORED_FACT`.
pub(super) fn stored_fact(row: &Row) -> Result<StoredFact, StateError> {
    let way = text(row, 2)?;
    Ok(StoredFact {
        sequence: Sequence(number(row, 0)?),
        cluster: cluster(row, 1)?,
        way: Way::from_name(way).ok_or_else(|| unreadable("a way in", &way))?,
        received_at: Timestamp(row.try_get(3)?),
        outcome: reason(row, 4)?,
        fact: fact(row, 5)?,
    })
}

/// A commission line with what surrounds it; columns as in `listing::COMMISSION_ROW`.
pub(super) fn commission_row(row: &Row) -> Result<CommissionRow, StateError> {
    Ok(CommissionRow {
        brand: brand(row, 0)?,
        conversion: event(row, 1)?,
        line: Line {
            id: CommissionId(event(row, 2)?),
            partner: partner(row, 3)?,
            owed: Money::new(row.try_get(5)?, currency(row, 4)?),
            locked: row.try_get(9)?,
            state: commission_state(row, 6)?,
            payable_from: Timestamp(row.try_get(8)?),
        },
        reason: reason(row, 7)?,
    })
}

/// A payout: brand, step, reference, prepared_at, stepped_at, plan.
pub(super) fn payout(row: &Row) -> Result<Payout, StateError> {
    Ok(Payout {
        brand: brand(row, 0)?,
        step: wire::payout::parse_step(text(row, 1)?).map_err(|error| unreadable("a payout", &error))?,
        reference: row.try_get(2)?,
        prepared_at: Timestamp(row.try_get(3)?),
        stepped_at: Timestamp(row.try_get(4)?),
        plan: wire::payout::decode(row.try_get(5)?).map_err(|error| unreadable("a payout", &error))?,
    })
}

/// A ledger entry: brand, number, debit, credit, currency, minor, subject, cause, hash.
pub(super) fn entry(row: &Row) -> Result<Entry, StateError> {
    let minor: i64 = row.try_get(5)?;
    Ok(Entry {
        brand: brand(row, 0)?,
        number: number(row, 1)?,
        transfer: Transfer { debit: account(row, 2)?, credit: account(row, 3)?, minor },
        amount: Money::new(minor, currency(row, 4)?),
        subject: unpack_subject(row.try_get(6)?)?,
        cause: event(row, 7)?,
        hash: hash(row, 8)?,
    })
}

/// A rollup row: its key in the first five columns, then its measures.
pub(super) fn rollup(row: &Row) -> Result<(RollupKey, RollupMeasures), StateError> {
    let key = RollupKey {
        brand: brand(row, 0)?,
        hour: Timestamp(row.try_get(1)?),
        campaign: row.try_get(2)?,
        earner: row.try_get(3)?,
        currency: row.try_get(4)?,
    };
    let measures = RollupMeasures {
        clicks: row.try_get(5)?,
        impressions: row.try_get(6)?,
        registrations_ppm: row.try_get(7)?,
        qualifications_ppm: row.try_get(8)?,
        conversions_ppm: row.try_get(9)?,
        value: row.try_get(10)?,
        refunded: row.try_get(11)?,
        commission: row.try_get(12)?,
    };
    Ok((key, measures))
}
