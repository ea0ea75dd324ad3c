//! The loop around [`Engine::step`]: a thread that works while there is work and sleeps until the log grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tributary_store::state::StateError;

use super::{Engine, EngineError, Step};
use crate::setup::live::LiveConfiguration;
use crate::telemetry::Metrics;

/// First wait after a failure; doubled up to [`LONGEST_RETRY_WAIT`].
const RETRY_WAIT: Duration = Duration::from_millis(50);
const LONGEST_RETRY_WAIT: Duration = Duration::from_secs(5);

/// Failed steps in a row, shared with what tells readiness: 0 while the engine works.
#[derive(Clone, Debug, Default)]
pub struct Failures(Arc<AtomicU64>);

impl Failures {
    /// How many steps have failed since the last one that did not.
    #[must_use]
    pub fn in_a_row(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs the engine until `stop` is set, looking again `idle` after it found nothing. Failures are logged and tried again: the log keeps
/// everything meanwhile.
pub fn run(
    mut engine: Engine,
    configuration: &LiveConfiguration,
    metrics: &Metrics,
    idle: Duration,
    failures: &Failures,
    stop: &Arc<AtomicBool>,
) {
    step_back();
    let mut retry_wait = RETRY_WAIT;
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let done = engine.step(&configuration.current());
        if done.is_ok() {
            failures.0.store(0, Ordering::Relaxed);
        }
        match done {
            Ok(Step::Idle) => {
                retry_wait = RETRY_WAIT;
                std::thread::sleep(idle);
            }
            Ok(Step::Advanced { checkpoint, records }) => {
                retry_wait = RETRY_WAIT;
                metrics.engine_advanced(checkpoint.0, records, started.elapsed());
            }
            Ok(Step::Resettled(clusters)) => {
                retry_wait = RETRY_WAIT;
                tracing::info!(clusters, "settled again after a change of the set-up");
            }
            Err(EngineError::State(StateError::ConfigurationMoved { .. })) => {
                if let Err(problem) = configuration.reload() {
                    tracing::error!(%problem, "the set-up cannot be loaded");
                    std::thread::sleep(retry_wait);
                }
            }
            Err(problem) => {
                tracing::error!(%problem, "the engine's step failed and is tried again");
                metrics.engine_failed();
                failures.0.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(retry_wait);
                retry_wait = (retry_wait * 2).min(LONGEST_RETRY_WAIT);
            }
        }
    }
}

/// Lets the doors' threads go first where the machine has not enough cores for all: somebody waits for a redirect, and what the engine
/// has not done yet stands safely in the log. It keeps a share of the cores whatever the load.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        /// About a tenth of the weight of a thread that did not step back.
        const NICENESS: i32 = 10;
        // On Linux both concern the calling thread alone.
        let stepped = rustix::process::getpriority_process(None)
            .and_then(|given| rustix::process::setpriority_process(None, given + NICENESS));
        if let Err(problem) = stepped {
            tracing::debug!(%problem, "the engine keeps the priority of the doors");
        }
    }
}
