//! The operator's desk: an installation opened by one command, for writing facts and taking them into account at once.
//!
//! On embedded storage it needs the installation alone. On PostgreSQL it works beside running servers: it appends to the
//! shared log and waits for the engine that runs elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tributary_store::log::{Log, LogReader, LogSettings};
use tributary_store::state::{StateError, StateReader};

use crate::edge::Edge;
use crate::edge::intake::Intake;
use crate::edge::refusals::Refusals;
use crate::engine::{Engine, EngineError, Step};
use crate::settings::Settings;
use crate::setup::live::LiveConfiguration;
use crate::storage::Storage;
use crate::telemetry::Metrics;

/// An opened installation.
pub struct Desk {
    /// Takes facts in.
    pub intake: Intake,
    /// The set-up in force.
    pub configuration: Arc<LiveConfiguration>,
    /// The derived state.
    pub state: Arc<dyn StateReader>,
    /// The log.
    pub log: Arc<dyn LogReader>,
    engine: Option<Engine>,
}

/// How long to wait for an engine that runs in another process.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Desk {
    /// Opens the installation that the settings name.
    ///
    /// # Errors
    /// When there is none, or a server runs on embedded storage.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let storage = Storage::of(settings);
        storage.must_exist()?;
        let keyring = storage.keyring()?;
        let log_engine = storage.log_engine().context("this command writes to the log")?;
        let engine = match storage.state_writer_if_free()? {
            Some(state) => Some(Engine::new(storage.log_reader()?, state, settings.engine.batch_events)),
            None => None,
        };
        let configuration = Arc::new(LiveConfiguration::load(storage.configuration()?, keyring.clone())?);
        let log = Log::start(log_engine, LogSettings::default())?;
        let metrics = Metrics::default();
        let intake = Intake {
            log,
            keyring,
            refusals: Refusals::start(storage.refusals()?, &settings.refusals, metrics.clone())?,
            metrics,
            future_tolerance: settings.edge.future_tolerance(),
        };
        Ok(Self { intake, configuration, state: storage.state_reader()?, log: storage.log_reader()?, engine })
    }

    /// A desk inside a running server, whose own engine takes the facts into account.
    #[must_use]
    pub fn beside(edge: &Edge) -> Self {
        Self {
            intake: edge.intake.clone(),
            configuration: edge.configuration.clone(),
            state: edge.readiness.state.clone(),
            log: edge.readiness.log.clone(),
            engine: None,
        }
    }

    /// Runs the engine until everything in the log is taken into account, or waits for the one that runs elsewhere.
    ///
    /// # Errors
    /// When a step fails for good.
    pub fn catch_up(&mut self) -> anyhow::Result<()> {
        let Some(engine) = &mut self.engine else {
            return wait_for_engine(self.log.as_ref(), self.state.as_ref());
        };
        loop {
            match engine.step(&self.configuration.current()) {
                Ok(Step::Idle) => return Ok(()),
                Ok(_) => {}
                Err(EngineError::State(StateError::ConfigurationMoved { .. })) => {
                    self.configuration.reload()?
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Waits until an engine that runs elsewhere has taken everything into account that is in the log now, and settled again what a
/// change of the set-up queued.
///
/// # Errors
/// When log or store cannot be read, or no engine does it in time.
pub fn wait_for_engine(log: &dyn LogReader, state: &dyn StateReader) -> anyhow::Result<()> {
    let started = Instant::now();
    let goal = log.last()?;
    while state.checkpoint()? < goal || state.queue_length()? > 0 {
        if started.elapsed() > LONGEST_WAIT {
            anyhow::bail!(
                "no engine took everything into account within {} s; start one with `tributary serve`",
                LONGEST_WAIT.as_secs()
            );
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}
