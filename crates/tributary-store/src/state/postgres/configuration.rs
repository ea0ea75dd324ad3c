//! The set-up: read by the edge, written by `apply` beside a running engine.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tributary_domain::time::Timestamp;

use super::connection::{self, Purpose};
use super::{lookup, rows};
use crate::postgres_connection::{Driver, Request, Session};
use crate::state::{ConfigurationStore, JudgedAnew, StateError, StoredEntity};

/// The set-up in the same database as derived state, on a connection of its own. Reading never waits; saving waits at most for the
/// engine's commit under way.
pub struct PostgresConfigurationStore {
    driver: Driver,
    session: Mutex<Option<Session>>,
}

impl fmt::Debug for PostgresConfigurationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfigurationStore").finish_non_exhaustive()
    }
}

impl PostgresConfigurationStore {
    /// Connects to the server of `url` and migrates the database. An engine may run on it.
    ///
    /// # Errors
    /// [`StateError::Database`] when the server cannot be reached or the database cannot be migrated.
    pub fn open(url: &str) -> Result<Self, StateError> {
        let driver = connection::start(url, Purpose::SetUp)?;
        let session = driver.connect(Purpose::SetUp.settings())?;
        Ok(Self { driver, session: Mutex::new(Some(session)) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, StateError>) -> Result<T, StateError> {
        let mut kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out while it works: what a panic or an error leaves half-done ends with its connection.
        let mut session = match kept.take() {
            Some(session) if !session.is_closed() => session,
            _ => self.driver.connect(Purpose::SetUp.settings())?,
        };
        let answer = work(&mut session)?;
        *kept = Some(session);
        Ok(answer)
    }
}

impl ConfigurationStore for PostgresConfigurationStore {
    fn load_configuration(&self) -> Result<(u64, Vec<StoredEntity>), StateError> {
        self.with(load)
    }

    fn configuration_revision(&self) -> Result<u64, StateError> {
        self.with(lookup::configuration_revision)
    }

    fn save_configuration(&self, entities: &[StoredEntity], anew: JudgedAnew) -> Result<u64, StateError> {
        self.with(|session| save(session, entities, anew))
    }
}

/// The revision and every entity version, in order of their key, as of one moment.
pub(super) fn load(session: &mut Session) -> Result<(u64, Vec<StoredEntity>), StateError> {
    let answers = session.run(&[
        Request::new("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Vec::new()),
        Request::new("SELECT revision FROM configuration_revision", Vec::new()),
        Request::new(
            "SELECT kind, brand, key, effective_from, body, applied_at FROM entity ORDER BY kind, brand, key, effective_from",
            Vec::new(),
        ),
        Request::new("COMMIT", Vec::new()),
    ])?;
    let [_, revision, entities, _] = answers.as_slice() else { return Ok((0, Vec::new())) };
    let revision = revision.first().map_or(Ok(0), |row| rows::number(row, 0))?;
    let entities = entities.iter().map(|row| {
        Ok(StoredEntity {
            kind: row.try_get(0)?,
            brand: row.try_get(1)?,
            key: row.try_get(2)?,
            effective_from: Timestamp(row.try_get(3)?),
            body: row.try_get(4)?,
            applied_at: Timestamp(row.try_get(5)?),
        })
    });
    Ok((revision, entities.collect::<Result<_, StateError>>()?))
}

/// The revision comes first: it waits for the commit under way and makes the next one fail, so that the queue misses no fact.
fn save(session: &mut Session, entities: &[StoredEntity], anew: JudgedAnew) -> Result<u64, StateError> {
    let raised = session.run(&[
        Request::new("BEGIN", Vec::new()),
        Request::new(
            "UPDATE configuration_revision SET revision = revision + 1 RETURNING revision",
            Vec::new(),
        ),
    ])?;
    let revision = match raised.last().and_then(|found| found.first()) {
        Some(row) => rows::number(row, 0)?,
        None => return Err(StateError::Unreadable("the row of the set-up's revision is missing".to_owned())),
    };
    // One after another: an entity may be named twice, and the last body counts.
    let times: Vec<[i64; 2]> =
        entities.iter().map(|entity| [entity.effective_from.0, entity.applied_at.0]).collect();
    let mut requests: Vec<Request<'_>> = entities
        .iter()
        .zip(&times)
        .map(|(entity, [effective_from, applied_at])| {
            Request::new(
                "INSERT INTO entity (kind, brand, key, effective_from, body, applied_at) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (kind, brand, key, effective_from) \
                 DO UPDATE SET body = EXCLUDED.body, applied_at = EXCLUDED.applied_at",
                vec![&entity.kind, &entity.brand, &entity.key, effective_from, &entity.body, applied_at],
            )
        })
        .collect();
    // The queue holds clusters of today only; see `cluster_alias`.
    requests.push(Request::new(
        "INSERT INTO resettle_queue (cluster) SELECT DISTINCT COALESCE(a.target, f.cluster) FROM fact f \
         LEFT JOIN cluster_alias a ON a.source = f.cluster WHERE f.is_action AND f.occurred_at >= $1 \
         ON CONFLICT (cluster) DO NOTHING",
        vec![&anew.actions_from.0],
    ));
    if anew.touches_from != JudgedAnew::NEVER {
        requests.push(Request::new(
            "INSERT INTO touch_recount (id, since) VALUES (1, $1) \
             ON CONFLICT (id) DO UPDATE SET since = LEAST(touch_recount.since, EXCLUDED.since)",
            vec![&anew.touches_from.0],
        ));
    }
    session.run(&requests)?;
    session.run(&[Request::new("COMMIT", Vec::new())])?;
    Ok(revision)
}
