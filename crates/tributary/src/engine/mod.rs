//! The engine: from the log to the derived state, in batches that commit whole.
//!
//! One [`Engine::step`] reads log records after the checkpoint, finds the clusters they touch, settles those afresh
//! (`tributary_domain::settlement`), and commits the difference to what is booked together with the checkpoint. It may be
//! killed between any two instructions: what was not committed is read from the log again.
//!
//! ```text
//! log records -> clusters::assign -> load -> settle -> difference -> Books, Rollups -> Commit
//! ```

pub mod books;
pub mod clusters;
mod difference;
mod payouts;
mod planning;
pub mod rollup;
pub mod runner;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::BrandKey;
use tributary_store::log::{LogError, LogReader, LogRecord, Sequence};
use tributary_store::state::{ChainHead, ClusterId, Commit, StateError, StateWriter};
use tributary_store::wire;

/// Why a step failed. Nothing of it is kept; it can be tried again.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] LogError),
    /// The store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A rule of the domain failed in a way that it never should.
    #[error("the engine's step panicked: {0}")]
    Panicked(String),
    /// A log record cannot be decoded by this version.
    #[error("log record {sequence} cannot be read: {problem}")]
    Record {
        /// Its place in the log.
        sequence: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing waits.
    Idle,
    /// Log records were taken into account, up to this one.
    Advanced {
        /// The new checkpoint.
        checkpoint: Sequence,
        /// How many records.
        records: usize,
    },
    /// Clusters were settled again after a change of the set-up.
    Resettled(usize),
}

/// The engine of one store.
pub struct Engine {
    log: Arc<dyn LogReader>,
    state: Box<dyn StateWriter>,
    batch_records: usize,
    checkpoint: Option<Sequence>,
    heads: Option<HashMap<BrandKey, ChainHead>>,
}

impl Engine {
    /// An engine that reads `log` and writes `state`, at most `batch_records` records a step.
    #[must_use]
    pub fn new(log: Arc<dyn LogReader>, state: Box<dyn StateWriter>, batch_records: usize) -> Self {
        Self { log, state, batch_records: batch_records.max(1), checkpoint: None, heads: None }
    }

    /// Does one bounded piece of work under this configuration and says what it was.
    ///
    /// # Errors
    /// After [`StateError::ConfigurationMoved`] the caller loads the configuration and tries again.
    pub fn step(&mut self, configuration: &Configuration) -> Result<Step, EngineError> {
        let done = self.try_step(configuration);
        if done.is_err() {
            self.forget();
        }
        done
    }

    /// Forgets what was read from the store: after a failure it is read again.
    pub(crate) fn forget(&mut self) {
        self.checkpoint = None;
        self.heads = None;
    }

    fn try_step(&mut self, configuration: &Configuration) -> Result<Step, EngineError> {
        let checkpoint = match self.checkpoint {
            Some(checkpoint) => checkpoint,
            None => self.state.checkpoint()?,
        };
        self.checkpoint = Some(checkpoint);
        let records = self.log.read_after(checkpoint, self.batch_records)?;
        let Some(last) = records.last() else { return self.resettle(configuration, checkpoint) };
        let reached = last.sequence;
        let facts = decode(&records)?;
        let count = records.len();
        self.commit(configuration, checkpoint, reached, facts, Vec::new())?;
        Ok(Step::Advanced { checkpoint: reached, records: count })
    }

    fn resettle(&mut self, configuration: &Configuration, checkpoint: Sequence) -> Result<Step, EngineError> {
        let queued = self.state.queued(self.batch_records)?;
        if queued.is_empty() {
            return Ok(Step::Idle);
        }
        let count = queued.len();
        self.commit(configuration, checkpoint, checkpoint, Vec::new(), queued)?;
        Ok(Step::Resettled(count))
    }

    fn commit(
        &mut self,
        configuration: &Configuration,
        from: Sequence,
        to: Sequence,
        facts: Vec<planning::Arrival>,
        queued: Vec<ClusterId>,
    ) -> Result<(), EngineError> {
        let heads = match self.heads.take() {
            Some(heads) => heads,
            None => self.state.chain_heads()?,
        };
        let base = Commit {
            expected_checkpoint: from,
            checkpoint: to,
            configuration_revision: configuration.revision,
            ..Commit::default()
        };
        let (commit, heads) = planning::plan(self.state.as_mut(), configuration, base, facts, queued, heads)?;
        self.state.commit(&commit)?;
        self.heads = Some(heads);
        self.checkpoint = Some(to);
        Ok(())
    }
}

/// Records from which on decoding is shared with a second thread.
const SHARED_FROM: usize = 8_192;

fn decode(records: &[LogRecord]) -> Result<Vec<planning::Arrival>, EngineError> {
    if records.len() < SHARED_FROM {
        return decode_part(records);
    }
    let (first, second) = records.split_at(records.len() / 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| decode_part(second));
        let mut arrivals = decode_part(first)?;
        arrivals.extend(second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok(arrivals)
    })
}

fn decode_part(records: &[LogRecord]) -> Result<Vec<planning::Arrival>, EngineError> {
    records
        .iter()
        .map(|record| {
            let fact = wire::fact::decode(&record.fact).map_err(|problem| EngineError::Record {
                sequence: record.sequence.0,
                problem: problem.to_string(),
            })?;
            Ok(planning::Arrival {
                sequence: record.sequence,
                way: record.way,
                received_at: record.received_at,
                fact,
            })
        })
        .collect()
}
