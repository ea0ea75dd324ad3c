//! The key store in PostgreSQL, for several processes on several machines.
//!
//! A destroyed key is gone from every answer at once. Its wrapped form may stay in dead rows until the server's vacuum and in its
//! write-ahead log until that is recycled; it is worth nothing without the master key, which never lies in the database.

use tokio_postgres::Row;

use crate::keys::KeyError;
use crate::keys::store::{KeyStore, NewKey, StoredKey};
use crate::migrations::Migration;
use crate::postgres_connection::{Driver, Parameters, PostgresError, Session};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "keys",
    sql: include_str!("../../migrations/postgres/keys/0001_keys.sql"),
}];

/// A key must be durable before it is used, also on a server whose default is otherwise.
const SETTINGS: &str = "SET synchronous_commit = on; SET client_min_messages = warning";

const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM sealing_key)";

const NEWEST: &str = "SELECT newest.generation, newest.wrapped \
    FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (name, place) \
    LEFT JOIN LATERAL (SELECT generation, wrapped FROM sealing_key WHERE sealing_key.name = asked.name \
                       ORDER BY generation DESC LIMIT 1) AS newest ON TRUE \
    ORDER BY asked.place";

const FIND: &str = "SELECT generation, wrapped FROM sealing_key WHERE name = $1 AND generation = $2";

// A key that another process is storing at this moment makes the statement wait for that process's commit.
const INSERT: &str = "INSERT INTO sealing_key (name, generation, wrapped, created_at) \
    SELECT name, generation, wrapped, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT \
    FROM unnest($1::bytea[], $2::integer[], $3::bytea[]) AS given (name, generation, wrapped) \
    ON CONFLICT DO NOTHING RETURNING name, generation";

const DESTROY: &str = "UPDATE sealing_key SET wrapped = NULL, \
    destroyed_at = (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT \
    WHERE name = $1 AND wrapped IS NOT NULL RETURNING generation";

// Ten minutes: longer than a commit can take between the server's clock and its visibility.
const LATELY_DESTROYED: &str = "SELECT DISTINCT name FROM sealing_key WHERE destroyed_at IS NOT NULL \
    AND destroyed_at >= (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT - 600000000";

/// A database of keys.
pub(super) struct PostgresKeys {
    driver: Driver,
    /// None after a failure; the next question connects again.
    session: Option<Session>,
}

impl PostgresKeys {
    /// Connects to the server of `url` and creates or migrates its table. Blocks.
    pub(super) fn open(url: &str) -> Result<Self, KeyError> {
        let driver = Driver::start(url)?;
        driver.migrate("keys", MIGRATIONS)?;
        let session = driver.connect(SETTINGS)?;
        Ok(Self { driver, session: Some(session) })
    }

    /// Runs one statement. A connection that broke since its last use costs a new one, not the answer: every statement here may be
    /// repeated without harm. A server that ends a connection says so in words that look like a refusal, so any failure is tried again
    /// once.
    fn rows(&mut self, sql: &'static str, parameters: &Parameters<'_>) -> Result<Vec<Row>, KeyError> {
        if let Some(mut session) = self.session.take().filter(|session| !session.is_closed()) {
            match session.rows(sql, parameters.clone()) {
                Ok(rows) => {
                    self.session = Some(session);
                    return Ok(rows);
                }
                Err(error) => tracing::debug!(%error, "the key store's connection is made anew"),
            }
        }
        let mut session = self.driver.connect(SETTINGS)?;
        let rows = session.rows(sql, parameters.clone())?;
        self.session = Some(session);
        Ok(rows)
    }
}

impl KeyStore for PostgresKeys {
    fn place(&self) -> String {
        self.driver.place()
    }

    fn is_empty(&mut self) -> Result<bool, KeyError> {
        self.rows(IS_EMPTY, &Vec::new())?.first().map_or(Ok(true), |row| Ok(row.try_get(0)?))
    }

    fn newest(&mut self, names: &[Vec<u8>]) -> Result<Vec<Option<StoredKey>>, KeyError> {
        let rows = self.rows(NEWEST, &vec![&names])?;
        if rows.len() != names.len() {
            return Err(KeyError::Database("it answered for fewer names than it was asked".to_owned()));
        }
        rows.iter().map(stored_key).collect()
    }

    fn find(&mut self, name: &[u8], generation: u16) -> Result<Option<StoredKey>, KeyError> {
        let rows = self.rows(FIND, &vec![&name, &i32::from(generation)])?;
        rows.first().map_or(Ok(None), stored_key)
    }

    fn insert(&mut self, keys: &[NewKey]) -> Result<Vec<bool>, KeyError> {
        let names: Vec<&[u8]> = keys.iter().map(|key| &key.name[..]).collect();
        let generations: Vec<i32> = keys.iter().map(|key| i32::from(key.generation)).collect();
        let wrapped: Vec<&[u8]> = keys.iter().map(|key| &key.wrapped[..]).collect();
        let rows = self.rows(INSERT, &vec![&names, &generations, &wrapped])?;
        // Names are distinct within a call, so they alone tell which keys were stored.
        let stored =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<std::collections::HashSet<&[u8]>, _>>()?;
        Ok(names.iter().map(|name| stored.contains(name)).collect())
    }

    fn destroy(&mut self, name: &[u8]) -> Result<bool, KeyError> {
        Ok(!self.rows(DESTROY, &vec![&name])?.is_empty())
    }

    fn lately_destroyed(&mut self) -> Result<Vec<Vec<u8>>, KeyError> {
        self.rows(LATELY_DESTROYED, &Vec::new())?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// A row of generation and wrapped key; both are NULL where there is none.
fn stored_key(row: &Row) -> Result<Option<StoredKey>, KeyError> {
    let Some(generation) = row.try_get::<_, Option<i32>>(0)? else { return Ok(None) };
    let generation = u16::try_from(generation)
        .map_err(|_| KeyError::Database(format!("{generation} is not a generation")))?;
    Ok(Some(StoredKey { generation, wrapped: row.try_get(1)? }))
}

impl From<PostgresError> for KeyError {
    fn from(error: PostgresError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<tokio_postgres::Error> for KeyError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}
