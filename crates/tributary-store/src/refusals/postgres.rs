//! Notes about refused requests in PostgreSQL, of all servers together.

use std::sync::{Mutex, PoisonError};

use tokio_postgres::Row as PostgresRow;
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;

use super::{
    Keep, RefusalError, RefusalFilter, RefusalStore, RefusedRequest, Row, StoredRefusal, at_most,
    fields_json, signed,
};
use crate::migrations::Migration;
use crate::postgres_connection::{Driver, Parameters, PostgresError, Session};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "refusals",
    sql: include_str!("../../migrations/postgres/refusals/0001_refusals.sql"),
}];

/// Without a wait for the disk: a loss of power may cost the newest notes. A database that hangs must not hold their writer for ever.
const SETTINGS: &str =
    "SET synchronous_commit = off; SET client_min_messages = warning; SET statement_timeout = 30000";

// Each row's number comes back with its place, so that its ids find it: identity values need not follow the order of a SELECT.
const INSERT: &str = "WITH given AS MATERIALIZED ( \
        SELECT nextval(pg_get_serial_sequence('refusal', 'number')) AS number, given.* FROM ( \
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], \
                $8::text[], $9::text[], $10::bigint[], $11::bigint[]) \
            AS given (place, received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes) \
            ORDER BY place) AS given), \
    stored AS (INSERT INTO refusal (number, received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes) \
        OVERRIDING SYSTEM VALUE \
        SELECT number, received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes FROM given) \
    INSERT INTO refusal_id (value, number) \
        SELECT DISTINCT carried.value, given.number FROM unnest($12::bigint[], $13::text[]) AS carried (place, value) \
        JOIN given ON given.place = carried.place";

const DROP_BEYOND: &str = "DELETE FROM refusal WHERE number <= (SELECT max(number) FROM refusal) - $1";

const DROP_OLD: &str = "DELETE FROM refusal WHERE received_at < $1";

const SELECT: &str = "SELECT number, received_at, way, brand, source, proven, reason, field, fields, other_fields, bytes, \
    (SELECT coalesce(json_agg(value ORDER BY value), '[]')::text FROM refusal_id WHERE refusal_id.number = refusal.number) AS ids \
    FROM refusal \
    WHERE ($1::text IS NULL OR number IN (SELECT number FROM refusal_id WHERE value = $1)) \
    AND ($2::bigint IS NULL OR number < $2) AND ($3::text IS NULL OR brand = $3) \
    AND ($4::text IS NULL OR source = $4) AND ($5::text IS NULL OR reason = $5) \
    AND ($6::bigint IS NULL OR received_at >= $6) AND ($7::bigint IS NULL OR received_at < $7) \
    ORDER BY number DESC LIMIT $8";

/// A database of notes.
pub struct PostgresRefusals {
    driver: Driver,
    /// None after a failure; the next question connects again.
    session: Mutex<Option<Session>>,
}

impl PostgresRefusals {
    /// Connects to the server of `url` and creates or migrates its tables. Blocks.
    ///
    /// # Errors
    /// [`RefusalError::Database`].
    pub fn open(url: &str) -> Result<Self, RefusalError> {
        let driver = Driver::start(url)?;
        driver.migrate("refusals", MIGRATIONS)?;
        Ok(Self { driver, session: Mutex::new(None) })
    }

    /// Does something on a connection. One that broke since its last use costs a new one, not the answer; the answer may then be given
    /// twice, which for a note is no harm.
    fn on_session<T>(
        &self,
        mut work: impl FnMut(&mut Session) -> Result<T, PostgresError>,
    ) -> Result<T, RefusalError> {
        let mut kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut session) = kept.take().filter(|session| !session.is_closed()) {
            match work(&mut session) {
                Ok(done) => {
                    *kept = Some(session);
                    return Ok(done);
                }
                Err(error) => tracing::debug!(%error, "the connection of the refusals is made anew"),
            }
        }
        let mut session = self.driver.connect(SETTINGS)?;
        let done = work(&mut session)?;
        *kept = Some(session);
        Ok(done)
    }
}

impl RefusalStore for PostgresRefusals {
    fn record(&self, requests: &[RefusedRequest], keep: Keep) -> Result<(), RefusalError> {
        let columns = Columns::of(requests);
        let (most, since) = (signed(keep.most), keep.since.0);
        self.on_session(|session| {
            session.batch("BEGIN")?;
            if !requests.is_empty() {
                session.rows(INSERT, columns.parameters())?;
            }
            session.rows(DROP_BEYOND, vec![&most])?;
            session.rows(DROP_OLD, vec![&since])?;
            session.batch("COMMIT")
        })
    }

    fn list(&self, filter: &RefusalFilter, limit: usize) -> Result<Vec<StoredRefusal>, RefusalError> {
        let (before, limit) = (filter.before.map(signed), at_most(limit));
        let (brand, reason) = (filter.brand.as_ref().map(BrandKey::as_str), filter.reason.map(Reason::code));
        let (since, until) = (filter.since.map(|at| at.0), filter.until.map(|at| at.0));
        let rows = self.on_session(|session| {
            let parameters: Parameters<'_> =
                vec![&filter.id, &before, &brand, &filter.source, &reason, &since, &until, &limit];
            session.rows(SELECT, parameters)
        })?;
        rows.iter().map(|row| read(row)?.read()).collect()
    }
}

/// Notes as columns: one statement stores all of them.
#[derive(Default)]
struct Columns<'r> {
    place: Vec<i64>,
    received_at: Vec<i64>,
    way: Vec<&'static str>,
    brand: Vec<Option<&'r str>>,
    source: Vec<Option<&'r str>>,
    proven: Vec<bool>,
    reason: Vec<&'static str>,
    field: Vec<Option<&'r str>>,
    fields: Vec<String>,
    other_fields: Vec<i64>,
    bytes: Vec<i64>,
    id_place: Vec<i64>,
    id: Vec<&'r str>,
}

impl<'r> Columns<'r> {
    fn of(requests: &'r [RefusedRequest]) -> Self {
        let mut columns = Self::default();
        for (place, request) in (0..).zip(requests) {
            columns.place.push(place);
            columns.received_at.push(request.received_at.0);
            columns.way.push(request.way.name());
            columns.brand.push(request.brand.as_ref().map(BrandKey::as_str));
            columns.source.push(request.source.as_deref());
            columns.proven.push(request.proven);
            columns.reason.push(request.reason.code());
            columns.field.push(request.field.as_deref());
            columns.fields.push(fields_json(request));
            columns.other_fields.push(signed(request.other_fields));
            columns.bytes.push(signed(request.bytes));
            for id in &request.ids {
                columns.id_place.push(place);
                columns.id.push(id);
            }
        }
        columns
    }

    fn parameters(&self) -> Parameters<'_> {
        vec![
            &self.place,
            &self.received_at,
            &self.way,
            &self.brand,
            &self.source,
            &self.proven,
            &self.reason,
            &self.field,
            &self.fields,
            &self.other_fields,
            &self.bytes,
            &self.id_place,
            &self.id,
        ]
    }
}

fn read(row: &PostgresRow) -> Result<Row, RefusalError> {
    let read = || -> Result<Row, tokio_postgres::Error> {
        Ok(Row {
            number: row.try_get(0)?,
            received_at: row.try_get(1)?,
            way: row.try_get(2)?,
            brand: row.try_get(3)?,
            source: row.try_get(4)?,
            proven: row.try_get(5)?,
            reason: row.try_get(6)?,
            field: row.try_get(7)?,
            fields: row.try_get(8)?,
            other_fields: row.try_get(9)?,
            bytes: row.try_get(10)?,
            ids: row.try_get(11)?,
        })
    };
    read().map_err(|error| PostgresError::from(error).into())
}

impl From<PostgresError> for RefusalError {
    fn from(error: PostgresError) -> Self {
        Self::Database(error.to_string())
    }
}
