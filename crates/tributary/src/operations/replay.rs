//! `tributary replay`: rebuilds the derived state from the log into a scratch store and compares, beside a running server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{DeduplicationKey, EventId};
use tributary_store::log::{ConflictRecord, LogError, LogReader, LogRecord, Sequence};
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::state::{ConfigurationStore, JudgedAnew, StateReader};

use super::settled::settled_snapshot;
use super::state_hash::state_hash;
use crate::engine::runner::step_back;
use crate::engine::{Engine, Step};

/// Records of one step of a rebuild. Nobody waits for its commits, and what is settled once for many records need not be settled again for
/// each; more takes memory.
const BATCH_RECORDS: usize = 20_000;
/// How a rebuild ended.
#[derive(Debug, Serialize)]
pub struct Rebuilt {
    /// Log records read.
    pub records: u64,
    /// The log record up to which both states were compared.
    pub checkpoint: u64,
    /// Log records after it: the server's engine had not taken them into account when the live state was hashed.
    pub behind: u64,
    /// Hash of the live state.
    pub live: String,
    /// Hash of the rebuilt state.
    pub rebuilt: String,
    /// Seconds from the first record read to the last one booked, without waiting for a server.
    pub rebuild_seconds: f64,
    /// Seconds that hashing both states took.
    pub compare_seconds: f64,
    /// Log records a second, from the log to the rebuilt books.
    pub records_per_second: f64,
}

/// What a rebuild reads.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The log.
    pub log: &'a Arc<dyn LogReader>,
    /// The state to compare with.
    pub live: &'a dyn StateReader,
    /// The stored set-up.
    pub set_up: &'a dyn ConfigurationStore,
}

/// Rebuilds everything from the log into a scratch file and compares the hashes. The live state is not touched, and may move on meanwhile: both
/// are compared at one log record.
///
/// `progress` is told how many records were read.
///
/// # Errors
/// When log or store fail, or the set-up changes meanwhile.
pub fn rebuild(
    from: Sources<'_>,
    configuration: &Configuration,
    scratch: &Path,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Rebuilt> {
    step_back();
    let (_, entities) = from.set_up.load_configuration()?;
    let revision = SqliteConfigurationStore::open_scratch(scratch)?
        .save_configuration(&entities, JudgedAnew::NOTHING)?;
    let writer = SqliteStateWriter::open_scratch(scratch)?;
    let scratch_configuration = Configuration { revision, ..configuration.clone() };
    let limited = Arc::new(LogUpTo { log: from.log.clone(), last: AtomicU64::new(0) });
    let mut engine = Engine::new(limited.clone(), Box::new(writer), BATCH_RECORDS);
    let (mut records, mut rebuilding) = (0, Duration::ZERO);
    let mut run_to = |last: Sequence| -> anyhow::Result<()> {
        let started = Instant::now();
        limited.last.store(last.0, Ordering::Relaxed);
        loop {
            match engine.step(&scratch_configuration)? {
                Step::Advanced { records: read, .. } => {
                    records += read as u64;
                    progress(records);
                }
                Step::Resettled(_) | Step::Recounted => {}
                Step::Idle => break,
            }
        }
        engine.flush()?;
        rebuilding += started.elapsed();
        Ok(())
    };
    run_to(from.live.checkpoint()?)?;
    // What came meanwhile: a little, so that the snapshot is held for a moment only.
    run_to(from.live.checkpoint()?)?;
    let live = settled_snapshot(from.live)?;
    let checkpoint = live.checkpoint()?;
    run_to(checkpoint)?;
    let rebuild_seconds = rebuilding.as_secs_f64();
    drop(engine);

    let started = Instant::now();
    let rebuilt = SqliteStateReader::open(scratch)?;
    let (live, rebuilt) = std::thread::scope(|scope| {
        let rebuilt = scope.spawn(|| state_hash(&rebuilt));
        let live = state_hash(live.as_ref());
        (live, rebuilt.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    anyhow::ensure!(
        from.set_up.configuration_revision()? == configuration.revision,
        "the set-up was changed while the state was rebuilt, so the two cannot be compared; run it again"
    );
    Ok(Rebuilt {
        records,
        checkpoint: checkpoint.0,
        behind: from.log.last()?.0.saturating_sub(checkpoint.0),
        live: live?,
        rebuilt: rebuilt?,
        rebuild_seconds,
        compare_seconds: started.elapsed().as_secs_f64(),
        records_per_second: records as f64 / rebuild_seconds.max(f64::EPSILON),
    })
}

/// A log that ends at a record, though more may have come.
struct LogUpTo {
    log: Arc<dyn LogReader>,
    last: AtomicU64,
}

impl LogReader for LogUpTo {
    fn read_after(&self, after: Sequence, limit: usize) -> Result<Vec<LogRecord>, LogError> {
        let last = self.last()?;
        if after >= last {
            return Ok(Vec::new());
        }
        let mut records = self.log.read_after(after, limit)?;
        records.truncate(records.partition_point(|record| record.sequence <= last));
        Ok(records)
    }

    fn get(&self, sequence: Sequence) -> Result<Option<LogRecord>, LogError> {
        if sequence > self.last()? { Ok(None) } else { self.log.get(sequence) }
    }

    fn find_by_event(&self, event: EventId) -> Result<Option<LogRecord>, LogError> {
        let last = self.last()?;
        Ok(self.log.find_by_event(event)?.filter(|record| record.sequence <= last))
    }

    fn find_by_key(&self, key: &DeduplicationKey) -> Result<Option<LogRecord>, LogError> {
        let last = self.last()?;
        Ok(self.log.find_by_key(key)?.filter(|record| record.sequence <= last))
    }

    fn last(&self) -> Result<Sequence, LogError> {
        Ok(Sequence(self.last.load(Ordering::Relaxed)))
    }

    fn count(&self) -> Result<u64, LogError> {
        self.log.count()
    }

    fn conflicts(&self, limit: usize) -> Result<Vec<ConflictRecord>, LogError> {
        self.log.conflicts(limit)
    }

    fn conflict_count(&self) -> Result<u64, LogError> {
        self.log.conflict_count()
    }
}
