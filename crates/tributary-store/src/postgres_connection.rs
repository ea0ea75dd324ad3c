//! How this crate speaks to PostgreSQL: connections that any thread may use without an asynchronous runtime of its own.
//!
//! Connections are driven by one thread per `Driver`; whoever asks only parks until the answers are there. So the engines may be
//! called from any thread, also inside an asynchronous runtime (where they block, as any storage does). Statements are prepared once
//! per connection, and several are sent before the first answer is awaited.
//!
//! There is no TLS here: a server on another machine is reached through a tunnel or a proxy beside it.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::migrations::{self, Migration, MigrationError};

/// How long to wait for a server that does not answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sent bytes may stay unacknowledged before the connection counts as broken, and how long a silent one is left alone before the
/// other side is asked for a sign of life.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(20);

/// The lock of whoever applies migrations; any number that is no other lock's.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(1953652321)";

/// Why PostgreSQL did not do it. Holds the server's own words and code, never its detail, which repeats stored values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PostgresError {
    /// The address cannot be read, or the server cannot be reached or went away; another connection may work.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    /// The server refused a statement.
    #[error("PostgreSQL refused: {0}")]
    Refused(String),
    /// The tables are not as this build needs them.
    #[error("{0}")]
    Format(String),
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let source = std::error::Error::source(&error);
        match (error.as_db_error(), source) {
            (Some(refused), _) => Self::Refused(format!("{} ({})", refused.message(), refused.code().code())),
            (None, Some(source)) => Self::Unreachable(format!("{error}: {source}")),
            (None, None) => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<MigrationError> for PostgresError {
    fn from(error: MigrationError) -> Self {
        Self::Format(error.to_string())
    }
}

/// Borrowed values of one statement, in the order of `$1`, `$2` and so on.
pub(crate) type Parameters<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// One statement to run.
pub(crate) struct Request<'a> {
    /// The text; prepared once per connection.
    sql: &'static str,
    /// Its values.
    parameters: Parameters<'a>,
}

impl<'a> Request<'a> {
    /// A statement with its values.
    pub(crate) fn new(sql: &'static str, parameters: Parameters<'a>) -> Self {
        Self { sql, parameters }
    }
}

/// Drives connections to one server on one thread of its own. It must outlive its sessions.
pub(crate) struct Driver {
    runtime: Option<Runtime>,
    config: Config,
}

impl Driver {
    /// Starts the thread for the server of `url` (`postgres://user@host/database`); does not connect yet.
    pub(crate) fn start(url: &str) -> Result<Self, PostgresError> {
        // The address may hold a password, so an error says what is wrong and does not repeat it.
        let mut config = Config::from_str(url)
            .map_err(|error| PostgresError::Unreachable(format!("its address cannot be read: {error}")))?;
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(UNANSWERED_TIMEOUT)
            .keepalives_idle(UNANSWERED_TIMEOUT)
            .application_name("tributary");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tributary-postgres")
            .enable_all()
            .build()
            .map_err(|error| PostgresError::Unreachable(format!("no thread: {error}")))?;
        Ok(Self { runtime: Some(runtime), config })
    }

    /// Connects and applies settings, given as one text of `SET` statements.
    pub(crate) fn connect(&self, settings: &str) -> Result<Session, PostgresError> {
        let Some(runtime) = &self.runtime else {
            return Err(PostgresError::Unreachable("its driver has ended".to_owned()));
        };
        let config = self.config.clone();
        let (client, connection) = wait(runtime.spawn(async move { config.connect(NoTls).await }))
            .map_err(|error| PostgresError::Unreachable(error.to_string()))??;
        runtime.spawn(async move {
            // The error reaches whoever waits for an answer; here the connection has merely ended.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        wait(client.batch_execute(settings))?;
        Ok(Session { client, statements: HashMap::new() })
    }

    /// Which database it is, as shown to people.
    pub(crate) fn place(&self) -> String {
        let name = self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or_default();
        format!("the PostgreSQL database `{name}`")
    }

    /// Brings an area up to date, all of it or nothing. Several programs may do so at once: they wait for each other.
    pub(crate) fn migrate(&self, area: &str, migrations: &[Migration]) -> Result<(), PostgresError> {
        let mut session = self.connect("SET client_min_messages = warning")?;
        // A lock of the transaction: `CREATE TABLE IF NOT EXISTS` is not safe against another one at the same moment.
        session.batch("BEGIN")?;
        session.batch(MIGRATION_LOCK)?;
        session.batch(migrations::TABLE)?;
        for migration in migrations::pending(area, &session.applied(area)?, migrations)? {
            session.batch(migration.sql)?;
            let sql = "INSERT INTO migration (area, number, name, checksum) VALUES ($1, $2, $3, $4)";
            session.rows(sql, vec![&area, &migration.number, &migration.name, &migration.checksum()])?;
        }
        session.batch("COMMIT")
    }

    /// Checks that an area is exactly at this build's migrations, without writing: for readers.
    pub(crate) fn check(&self, area: &str, migrations: &[Migration]) -> Result<(), PostgresError> {
        let mut session = self.connect("SET client_min_messages = warning")?;
        match migrations::pending(area, &session.applied(area)?, migrations)?.first() {
            None => Ok(()),
            Some(next) => Err(PostgresError::Format(format!(
                "migration {} `{}` of area `{area}` is not applied yet; run `tributary migrate`",
                next.number, next.name
            ))),
        }
    }
}

impl Drop for Driver {
    /// Without waiting, so that it may be dropped inside an asynchronous runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection and its prepared statements.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// Whether the connection is gone; a new one is needed then.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a text of statements without values.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), PostgresError> {
        Ok(wait(self.client.batch_execute(sql))?)
    }

    /// Runs statements in their order and answers the rows of each. All of them are sent before the first answer is awaited.
    ///
    /// When one fails the others are still awaited, and the first error is answered.
    pub(crate) fn run(&mut self, requests: &[Request<'_>]) -> Result<Vec<Vec<Row>>, PostgresError> {
        self.prepare(requests)?;
        let mut pending: Vec<Pending<'_, Vec<Row>>> = Vec::with_capacity(requests.len());
        for request in requests {
            let Some(statement) = self.statements.get(request.sql) else {
                return Err(PostgresError::Refused("a statement was not prepared".to_owned()));
            };
            pending.push(Box::pin(self.client.query(statement, &request.parameters)));
        }
        wait(all(pending)).into_iter().map(|answer| answer.map_err(PostgresError::from)).collect()
    }

    /// Runs one statement and answers its rows.
    pub(crate) fn rows(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, PostgresError> {
        Ok(self.run(&[Request::new(sql, parameters)])?.pop().unwrap_or_default())
    }

    /// The migrations applied in an area, as number and checksum; none in an empty database.
    pub(crate) fn applied(&mut self, area: &str) -> Result<Vec<(i64, String)>, PostgresError> {
        let exists = self.rows("SELECT to_regclass('migration') IS NOT NULL", Vec::new())?;
        if exists.first().map(|row| row.try_get(0)).transpose()? != Some(true) {
            return Ok(Vec::new());
        }
        let rows = self.rows("SELECT number, checksum FROM migration WHERE area = $1", vec![&area])?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    fn prepare(&mut self, requests: &[Request<'_>]) -> Result<(), PostgresError> {
        let mut missing: Vec<&'static str> = requests
            .iter()
            .map(|request| request.sql)
            .filter(|sql| !self.statements.contains_key(sql))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        let pending: Vec<Pending<'_, Statement>> =
            missing.iter().map(|sql| Box::pin(self.client.prepare(sql)) as Pending<'_, Statement>).collect();
        for (sql, statement) in missing.into_iter().zip(wait(all(pending))) {
            self.statements.insert(sql, statement?);
        }
        Ok(())
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + 'a>>;

/// Polls all futures together, in their order, until each has its answer. The client sends a request when its future is first polled,
/// so the requests go out one behind the other without waiting.
async fn all<T>(mut pending: Vec<Pending<'_, T>>) -> Vec<Result<T, tokio_postgres::Error>> {
    let mut answers: Vec<Option<Result<T, tokio_postgres::Error>>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        let mut waiting = false;
        for (future, answer) in
            pending.iter_mut().zip(answers.iter_mut()).filter(|(_, answer)| answer.is_none())
        {
            match future.as_mut().poll(context) {
                Poll::Ready(result) => *answer = Some(result),
                Poll::Pending => waiting = true,
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(answers.drain(..).flatten().collect()) }
    })
    .await
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future that another thread drives. Unconstrained, because inside a task whose budget is used up a future of the
/// asynchronous runtime would put us off for ever.
fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::park();
    }
}
