//! The server: every role that this process plays, started together and stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tributary_store::log::{Log, LogEngine, LogSettings};

use crate::connections::{self, Doors};
use crate::edge::health::Readiness;
use crate::edge::imports::Imports;
use crate::edge::intake::Intake;
use crate::edge::rate_limit::RateLimits;
use crate::edge::refusals::Refusals;
use crate::edge::{self, Edge, address};
use crate::engine::{Engine, runner};
use crate::settings::{Role, Settings};
use crate::setup::live::LiveConfiguration;
use crate::storage::Storage;
use crate::telemetry::Metrics;
use crate::web::{self, Pages, ReadAccess};

/// How long the engine may take to end its step when the server stops.
const ENGINE_GRACE: Duration = Duration::from_secs(10);
/// How long writing the last notes about refused requests may take then.
const REFUSALS_GRACE: Duration = Duration::from_secs(5);
/// How often the set-up's revision is looked at.
const CONFIGURATION_POLL: Duration = Duration::from_millis(500);

/// A started server.
pub struct Server {
    /// The address it listens on.
    pub address: SocketAddr,
    /// The set-up in force.
    pub configuration: Arc<LiveConfiguration>,
    /// The edge, for what runs in the same process.
    pub edge: Arc<Edge>,
    listener: TcpListener,
    doors: Doors,
    stop: Arc<AtomicBool>,
    engine: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the storage, applies migrations, binds the address and starts the engine.
    ///
    /// # Errors
    /// When any of that fails; nothing is left running then.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        Self::start_through(settings, |engine| engine).await
    }

    /// The same with something of the caller's between the doors and the log, such as a measurement.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_through(
        settings: &Settings,
        through: impl FnOnce(Box<dyn LogEngine>) -> Box<dyn LogEngine>,
    ) -> anyhow::Result<Self> {
        let storage = Storage::of(settings);
        storage.create_directory()?;
        let keyring = storage.keyring()?;
        let log_engine = through(storage.log_engine()?);
        // Whichever of these two is opened first migrates the state; readers need it to be there. Only the engine's process opens
        // the writer, even for a moment: a second one is refused.
        let state_writer = settings.has_role(Role::Engine).then(|| storage.state_writer()).transpose()?;
        let configuration = Arc::new(LiveConfiguration::load(storage.configuration()?, keyring.clone())?);
        let (log_reader, state_reader) = (storage.log_reader()?, storage.state_reader()?);
        let metrics = Metrics::default();
        let (failures, visitors) = (runner::Failures::default(), runner::Visitors::default());
        let refusals = Refusals::start(storage.refusals()?, &settings.refusals, metrics.clone())?;
        let edge = Arc::new(Edge {
            intake: Intake {
                log: Log::start(log_engine, log_settings(settings))?,
                keyring: keyring.clone(),
                metrics: metrics.clone(),
                refusals: refusals.clone(),
                future_tolerance: settings.edge.future_tolerance(),
            },
            configuration: configuration.clone(),
            limits: settings.limits.clone(),
            rate_limits: RateLimits::default(),
            imports: Imports::new(storage.data_dir()),
            readiness: Readiness {
                log: log_reader.clone(),
                state: state_reader.clone(),
                engine: failures.clone(),
            },
            visitors: visitors.clone(),
        });
        let pages = Pages {
            state: state_reader,
            log: log_reader.clone(),
            refusals,
            configuration: configuration.clone(),
            keyring,
            access: settings
                .api
                .read_token
                .as_ref()
                .map_or(ReadAccess::Loopback, |token| ReadAccess::Token(token.as_str().to_owned())),
            overviews: Default::default(),
            rows: Default::default(),
        };
        let listener = TcpListener::bind(settings.listen).await.with_context(|| {
            format!("cannot listen on {}; name a free address with --listen", settings.listen)
        })?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let engine = state_writer.map(|state| {
            let engine = Engine::new(log_reader, state, settings.engine.batch_events);
            let run = EngineRun { configuration: configuration.clone(), metrics, failures, visitors };
            run.start(engine, Duration::from_millis(settings.engine.idle_ms), stop.clone())
        });
        let engine = engine.transpose()?;
        let redirects = settings.has_role(Role::Edge).then(|| edge.clone());
        let doors = Doors::new(routes(settings, &edge, pages), redirects);
        Ok(Self { address, configuration, edge, listener, doors, stop, engine })
    }

    /// Serves until `shutdown` ends, then answers what is open, stores what waits, and lets the engine finish its step.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { configuration, edge, listener, doors, stop, engine, .. } = self;
        let watcher = tokio::spawn(watch_configuration(configuration));
        edge::imports::resume(&edge);
        connections::serve(listener, doors, shutdown).await;
        watcher.abort();
        stop.store(true, Ordering::Relaxed);
        edge.intake.log.close();
        let refusals = edge.intake.refusals.clone();
        let written = tokio::task::spawn_blocking(move || refusals.close());
        if tokio::time::timeout(REFUSALS_GRACE, written).await.is_err() {
            tracing::warn!("the newest notes about refused requests were not written in time");
        }
        if let Some(engine) = engine {
            // A long step may be given up at any instruction: what it did not commit is read from the log again.
            let finished =
                tokio::time::timeout(ENGINE_GRACE, tokio::task::spawn_blocking(move || engine.join())).await;
            if finished.is_err() {
                tracing::warn!(
                    "the engine did not end its step in time; it goes on from its checkpoint at the next start"
                );
            }
        }
        Ok(())
    }
}

fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings {
        queue_records: settings.limits.queue_records,
        commit_delay: Duration::from_millis(settings.test.commit_delay_ms),
        ..LogSettings::default()
    }
}

/// What the engine's thread shares with the rest of the process.
struct EngineRun {
    configuration: Arc<LiveConfiguration>,
    metrics: Metrics,
    failures: runner::Failures,
    visitors: runner::Visitors,
}

impl EngineRun {
    fn start(self, engine: Engine, idle: Duration, stop: Arc<AtomicBool>) -> anyhow::Result<JoinHandle<()>> {
        let run = move || {
            let Self { configuration, metrics, failures, visitors } = self;
            runner::run(engine, &configuration, &metrics, idle, &failures, &visitors, &stop);
        };
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(run)
            .context("cannot start the engine's thread")
    }
}

/// What this process answers, by its roles.
fn routes(settings: &Settings, edge: &Arc<Edge>, pages: Pages) -> Router {
    let router = if settings.has_role(Role::Edge) {
        edge::routes(edge.clone())
    } else {
        edge::operation_routes(edge.clone())
    };
    if !settings.has_role(Role::Api) {
        return router;
    }
    let within_limit = middleware::from_fn_with_state(edge.clone(), address::within_limit);
    router.merge(web::routes(Arc::new(pages)).layer(within_limit))
}

async fn watch_configuration(configuration: Arc<LiveConfiguration>) {
    loop {
        tokio::time::sleep(CONFIGURATION_POLL).await;
        let live = configuration.clone();
        match tokio::task::spawn_blocking(move || live.reload_if_changed()).await {
            Ok(Ok(true)) => tracing::info!(revision = configuration.current().revision, "the set-up changed"),
            Ok(Err(problem)) => {
                tracing::warn!(%problem, "the set-up cannot be looked at; the last one stays in force")
            }
            _ => {}
        }
    }
}

/// Listens for the signals that ask the process to stop, from this call on, and answers what ends when one came.
///
/// Call it before telling anybody that the server runs: a signal that nobody listens for ends the process at once.
#[cfg(unix)]
pub fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let listening = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [interrupt, terminate] = listening;
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without its own listening the system's default holds: the signal ends the process.
            _ => std::future::pending().await,
        }
    }
}

/// Ends when the process is asked to stop.
#[cfg(not(unix))]
pub fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}
