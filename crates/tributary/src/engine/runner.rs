//! The loop around [`Engine::step`]: a thread that works while there is work and sleeps until the log grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tributary_domain::configuration::Configuration;
use tributary_store::state::StateError;

use super::large::LARGE;
use super::{Engine, EngineError, Step};
use crate::setup::live::LiveConfiguration;
use crate::telemetry::Metrics;

/// First wait after a failure; doubled up to [`LONGEST_RETRY_WAIT`].
const RETRY_WAIT: Duration = Duration::from_millis(50);
const LONGEST_RETRY_WAIT: Duration = Duration::from_secs(5);

/// After settling a large cluster the others wait this many times as long as it took: they take a tenth of the time at most.
const WAIT_PER_LARGE: u32 = 9;
/// They never wait longer than this.
const LONGEST_LARGE_WAIT: Duration = Duration::from_secs(60);

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

/// Visitors who wait for their redirect at this moment: the doors count them, the engine looks.
#[derive(Clone, Debug, Default)]
pub struct Visitors(Arc<AtomicUsize>);

/// One visitor who waits, until it is dropped.
#[derive(Debug)]
pub struct Visitor<'v>(&'v AtomicUsize);

impl Visitors {
    /// From this many on it is a rush: one who waits for the disk alone is soon gone.
    const RUSH: usize = 16;
    /// During a rush the engine rests this many times as long as it worked.
    const REST_PER_WORK: u32 = 9;
    /// It never rests longer than this.
    const LONGEST_REST: Duration = Duration::from_millis(250);

    /// Counts one more.
    #[must_use]
    pub fn one_more(&self) -> Visitor<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Visitor(&self.0)
    }

    /// How long the engine rests after it worked for a while.
    fn rest_after(&self, work: Duration) -> Duration {
        if self.0.load(Ordering::Relaxed) < Self::RUSH {
            return Duration::ZERO;
        }
        (work * Self::REST_PER_WORK).min(Self::LONGEST_REST)
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
    visitors: &Visitors,
    stop: &Arc<AtomicBool>,
) {
    step_back();
    let mut retry_wait = RETRY_WAIT;
    let mut large_wait_until = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        engine.spare_large_clusters(started < large_wait_until);
        let done = guarded(&mut engine, &configuration.current());
        let work = engine.take_work();
        metrics.engine_worked(&work);
        if work.largest_cluster >= LARGE {
            let wait = (work.settling * WAIT_PER_LARGE).min(LONGEST_LARGE_WAIT);
            large_wait_until = Instant::now() + wait;
        }
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
                let worked = started.elapsed();
                metrics.engine_advanced(checkpoint.0, records, worked);
                std::thread::sleep(visitors.rest_after(worked));
            }
            Ok(Step::Resettled(clusters)) => {
                retry_wait = RETRY_WAIT;
                tracing::debug!(clusters, "settled what waited in the queue");
                std::thread::sleep(visitors.rest_after(started.elapsed()));
            }
            Ok(Step::Recounted) => {
                retry_wait = RETRY_WAIT;
                std::thread::sleep(visitors.rest_after(started.elapsed()));
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

/// One step; a panic in it is a failure like any other. The thread lives on, the log keeps what was not booked, and readiness says so.
fn guarded(engine: &mut Engine, configuration: &Configuration) -> Result<Step, EngineError> {
    // Nothing of a step outlives its failure: the engine forgets what it had read, and an open transaction is rolled back.
    let step = std::panic::AssertUnwindSafe(|| engine.step(configuration));
    std::panic::catch_unwind(step).unwrap_or_else(|panic| {
        engine.forget();
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(EngineError::Panicked(said.unwrap_or_else(|| "without a word".to_owned())))
    })
}

/// Lets the doors' threads go first where the machine has not enough cores for all: somebody waits for a redirect, and what the engine
/// has not done yet stands safely in the log. It keeps a share of the cores whatever the load; [`Visitors`] does the same for the disk.
pub(crate) fn step_back() {
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

#[cfg(test)]
mod tests {
    use tributary_domain::ids::{DeduplicationKey, EventId};
    use tributary_store::log::{ConflictRecord, LogError, LogReader, LogRecord, Sequence};
    use tributary_store::state::sqlite::SqliteStateWriter;

    use super::*;

    #[test]
    fn the_engine_rests_only_while_many_visitors_wait() {
        let visitors = Visitors::default();
        let work = Duration::from_millis(10);
        let few: Vec<Visitor<'_>> = (1..Visitors::RUSH).map(|_| visitors.one_more()).collect();
        assert_eq!(visitors.rest_after(work), Duration::ZERO);
        let last = visitors.one_more();
        assert_eq!(visitors.rest_after(work), Duration::from_millis(90));
        assert_eq!(visitors.rest_after(Duration::from_secs(5)), Visitors::LONGEST_REST);
        drop(last);
        assert_eq!(visitors.rest_after(work), Duration::ZERO);
        drop(few);
        assert_eq!(visitors.0.load(Ordering::Relaxed), 0);
    }

    /// A log that fails like a fault of our own, once.
    struct FaultyOnce(AtomicBool);

    impl LogReader for FaultyOnce {
        fn read_after(&self, _: Sequence, _: usize) -> Result<Vec<LogRecord>, LogError> {
            assert!(self.0.swap(true, Ordering::Relaxed), "a fault of our own");
            Ok(Vec::new())
        }
        fn get(&self, _: Sequence) -> Result<Option<LogRecord>, LogError> {
            Ok(None)
        }
        fn find_by_event(&self, _: EventId) -> Result<Option<LogRecord>, LogError> {
            Ok(None)
        }
        fn find_by_key(&self, _: &DeduplicationKey) -> Result<Option<LogRecord>, LogError> {
            Ok(None)
        }
        fn last(&self) -> Result<Sequence, LogError> {
            Ok(Sequence(0))
        }
        fn count(&self) -> Result<u64, LogError> {
            Ok(0)
        }
        fn conflicts(&self, _: usize) -> Result<Vec<ConflictRecord>, LogError> {
            Ok(Vec::new())
        }
        fn conflict_count(&self) -> Result<u64, LogError> {
            Ok(0)
        }
    }

    #[test]
    fn a_panic_in_a_step_is_a_failure_that_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = SqliteStateWriter::open(&folder.path().join("state.sqlite")).unwrap();
        let mut engine = Engine::new(Arc::new(FaultyOnce(AtomicBool::new(false))), Box::new(state), 10);
        let configuration = Configuration::default();
        let failed = guarded(&mut engine, &configuration).unwrap_err().to_string();
        assert!(failed.contains("a fault of our own"), "{failed}");
        assert_eq!(guarded(&mut engine, &configuration).unwrap(), Step::Idle);
    }
}
