//! A connection and its prepared statements, used without waiting for one answer before the next question.
//!
//! The connection itself is driven by a thread of its own ([`Driver`]); whoever asks only parks until the answers are there. So the
//! store may be called from any thread, also from inside an asynchronous runtime (where it blocks, as any store does).

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::state::StateError;

/// How long to wait for a server that does not answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Borrowed values of one statement, in the order of `$1`, `$2` and so on.
pub(super) type Parameters<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// One statement to run.
pub(super) struct Request<'a> {
    /// The text; prepared once per connection.
    pub(super) sql: &'static str,
    /// Its values.
    pub(super) parameters: Parameters<'a>,
}

impl<'a> Request<'a> {
    /// A statement with its values.
    pub(super) fn new(sql: &'static str, parameters: Parameters<'a>) -> Self {
        Self { sql, parameters }
    }
}

/// Drives connections on one thread of its own.
pub(super) struct Driver {
    runtime: Option<Runtime>,
    config: Config,
}

impl Driver {
    /// Starts the thread for the server of `url` (`postgres://user@host/database`); does not connect yet.
    pub(super) fn start(url: &str) -> Result<Self, StateError> {
        let mut config = Config::from_str(url).map_err(|error| {
            StateError::Database(format!("the address of the PostgreSQL server: {error}"))
        })?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("tributary");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tributary-postgres")
            .enable_all()
            .build()
            .map_err(|error| StateError::Database(format!("no thread for PostgreSQL: {error}")))?;
        Ok(Self { runtime: Some(runtime), config })
    }

    /// Connects and applies settings, given as one text of `SET` statements.
    pub(super) fn connect(&self, settings: &str) -> Result<Session, StateError> {
        let Some(runtime) = &self.runtime else {
            return Err(StateError::Database("the PostgreSQL driver has ended".to_owned()));
        };
        let config = self.config.clone();
        let (client, connection) = wait(runtime.spawn(async move { config.connect(NoTls).await }))
            .map_err(|error| StateError::Database(error.to_string()))??;
        runtime.spawn(async move {
            // The error reaches whoever waits for an answer; here the connection has merely ended.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        wait(client.batch_execute(settings))?;
        Ok(Session { client, statements: HashMap::new() })
    }
}

impl Drop for Driver {
    /// Without waiting, so that a store may be dropped inside an asynchronous runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// Whether the connection is gone; a new one is needed then.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements in their order and answers the rows of each. All of them are sent before the first answer is awaited.
    ///
    /// When one fails the others are still awaited, and the first error is answered.
    pub(super) fn run(&mut self, requests: &[Request<'_>]) -> Result<Vec<Vec<Row>>, StateError> {
        self.prepare(requests)?;
        let mut pending: Vec<Pending<'_, Vec<Row>>> = Vec::with_capacity(requests.len());
        for request in requests {
            let Some(statement) = self.statements.get(request.sql) else {
                return Err(StateError::Database("a statement was not prepared".to_owned()));
            };
            pending.push(Box::pin(self.client.query(statement, &request.parameters)));
        }
        wait(all(pending)).into_iter().map(|answer| answer.map_err(StateError::from)).collect()
    }

    /// Runs one statement and answers its rows.
    pub(super) fn rows(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StateError> {
        Ok(self.run(&[Request::new(sql, parameters)])?.pop().unwrap_or_default())
    }

    /// Runs a text of several statements without values.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StateError> {
        Ok(wait(self.client.batch_execute(sql))?)
    }

    fn prepare(&mut self, requests: &[Request<'_>]) -> Result<(), StateError> {
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

/// Waits for a future that another thread drives.
fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::park();
    }
}

impl From<tokio_postgres::Error> for StateError {
    /// The server's own words and its code; never the detail, which repeats stored values.
    fn from(error: tokio_postgres::Error) -> Self {
        let source = std::error::Error::source(&error);
        Self::Database(match (error.as_db_error(), source) {
            (Some(refused), _) => format!("{} ({})", refused.message(), refused.code().code()),
            (None, Some(source)) => format!("{error}: {source}"),
            (None, None) => error.to_string(),
        })
    }
}
