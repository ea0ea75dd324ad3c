//! The engine: from the log to the derived state, in batches that commit whole.
//!
//! One [`Engine::step`] reads log records after the checkpoint, finds the clusters they touch, settles those afresh
//! (`tributary_domain::settlement`), and commits the difference to what is booked together with the checkpoint. It may be
//! killed between any two instructions: what was not committed is read from the log again.
//!
//! ```text
//! log records -> Batch -> clusters::assign -> load -> settle -> difference -> Books, Rollups -> Commit
//! ```
//!
//! While more is waiting, steps overlap: the next one looks up and settles, seeing through `view.rs` the commit that is not written yet; then that commit
//! is written while the next is drawn up and the batch after it is read and decoded.

mod batch;
pub mod books;
pub mod clusters;
mod difference;
pub mod large;
mod payouts;
mod planning;
mod recount;
pub mod rollup;
pub mod runner;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::BrandKey;
use tributary_store::log::{LogError, LogReader, Sequence};
use tributary_store::state::{ChainHead, ClusterId, Commit, StateError, StateWriter};

use self::batch::Batch;
use self::large::{LargeClusters, Work};
use self::planning::{DrawnUp, Plan};
use self::view::{Contents, View, can_wait};

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
    /// So many clusters that waited in the queue were settled.
    Resettled(usize),
    /// An hour of touches was counted again after a change of the set-up.
    Recounted,
}

/// Clusters of the queue that are settled at once between two slices of the log, so that neither waits for the other to end.
const QUEUED_BETWEEN: usize = 256;

/// The engine of one store.
pub struct Engine {
    log: Arc<dyn LogReader>,
    state: Box<dyn StateWriter>,
    batch_records: usize,
    checkpoint: Option<Sequence>,
    heads: Option<HashMap<BrandKey, ChainHead>>,
    /// What follows the checkpoint, drawn up while the commit before was written.
    due: Option<Due>,
    /// What follows after that, read and decoded meanwhile.
    ahead: Option<Batch>,
    /// Commits in a row that were drawn up while another was written.
    drawn_ahead: usize,
    large: LargeClusters,
    spares_large: bool,
    /// The log was read to its end: the queue's turn.
    queue_is_next: bool,
    work: Work,
}

/// Steps in a row that draw up the next commit while they write. Then one writes alone, and the queue has its turn also when the log never ends.
const MOST_AHEAD: usize = 15;

/// The next step's plan, made before the commit before it is written.
struct Ahead {
    plan: Plan,
    /// The last record that it takes into account.
    reached: Sequence,
    records: usize,
    more: bool,
}

/// A commit that is ready to be written.
struct Due {
    commit: Commit,
    /// By what the next step asks for.
    contents: Contents,
    /// The ends of the chains after it.
    heads: HashMap<BrandKey, ChainHead>,
    work: Work,
    records: usize,
    /// A full batch says that more is waiting.
    more: bool,
}

impl Due {
    fn of(drawn_up: DrawnUp, records: usize, more: bool) -> Self {
        let DrawnUp { commit, heads, work } = drawn_up;
        Self { contents: Contents::of(&commit), commit, heads, work, records, more }
    }
}

impl Engine {
    /// An engine that reads `log` and writes `state`, at most `batch_records` records a step.
    #[must_use]
    pub fn new(log: Arc<dyn LogReader>, state: Box<dyn StateWriter>, batch_records: usize) -> Self {
        Self {
            log,
            state,
            batch_records: batch_records.max(1),
            checkpoint: None,
            heads: None,
            due: None,
            ahead: None,
            drawn_ahead: 0,
            large: LargeClusters::default(),
            spares_large: false,
            queue_is_next: false,
            work: Work::default(),
        }
    }

    /// Whether large clusters stay in the queue for now, so that they do not take all the time there is. One that grew much is settled
    /// all the same.
    pub const fn spare_large_clusters(&mut self, spare: bool) {
        self.spares_large = spare;
    }

    /// What it did since this was last asked.
    pub fn take_work(&mut self) -> Work {
        std::mem::take(&mut self.work)
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
        self.due = None;
        self.ahead = None;
        self.large.forget();
    }

    /// Lets readers see everything that was committed; a store for a rebuild keeps it to itself until then.
    ///
    /// # Errors
    /// When the store fails.
    pub fn flush(&mut self) -> Result<(), EngineError> {
        Ok(self.state.flush()?)
    }

    fn try_step(&mut self, configuration: &Configuration) -> Result<Step, EngineError> {
        let checkpoint = match self.checkpoint {
            Some(checkpoint) => checkpoint,
            None => self.state.checkpoint()?,
        };
        self.checkpoint = Some(checkpoint);
        if std::mem::take(&mut self.queue_is_next) {
            let done = self.queue(configuration, checkpoint, QUEUED_BETWEEN.min(self.batch_records))?;
            if done != Step::Idle {
                return Ok(done);
            }
        }
        let due = match self.due.take() {
            Some(due) if due.commit.configuration_revision == configuration.revision => due,
            // What was drawn up under another set-up was never written, and neither were its entries.
            Some(_) => {
                self.forget();
                return self.try_step(configuration);
            }
            None => {
                let batch = self.next_batch(checkpoint, configuration)?;
                if batch.arrivals.is_empty() {
                    return self.queue(configuration, checkpoint, self.batch_records);
                }
                self.draw_up(configuration, batch, Vec::new())?
            }
        };
        let done = Step::Advanced { checkpoint: due.commit.checkpoint, records: due.records };
        self.write(configuration, due)?;
        self.queue_is_next = self.due.is_none();
        Ok(done)
    }

    /// Settles clusters of the queue, at most so many, or else counts touches again.
    fn queue(
        &mut self,
        configuration: &Configuration,
        checkpoint: Sequence,
        most: usize,
    ) -> Result<Step, EngineError> {
        let spared = if self.spares_large { self.large.count() } else { 0 };
        let mut queued = self.state.queued(most.saturating_add(spared))?;
        queued.retain(|cluster| spared == 0 || !self.large.contains(*cluster));
        if queued.is_empty() {
            return self.recount(configuration, checkpoint);
        }
        let count = queued.len();
        let due = self.draw_up(configuration, Batch::empty(checkpoint, configuration), queued)?;
        self.write(configuration, due)?;
        Ok(Step::Resettled(count))
    }

    fn recount(&mut self, configuration: &Configuration, checkpoint: Sequence) -> Result<Step, EngineError> {
        let Some(since) = self.state.touches_to_recount()? else { return Ok(Step::Idle) };
        let recounted = recount::first_hour(self.state.as_mut(), configuration, since)?;
        self.state.commit(&Commit {
            expected_checkpoint: checkpoint,
            checkpoint,
            configuration_revision: configuration.revision,
            rollups: recounted.rollups,
            recount_touches_from: Some(recounted.onwards),
            ..Commit::default()
        })?;
        Ok(Step::Recounted)
    }

    /// What follows a place in the log, if possible without reading it again.
    fn next_batch(&mut self, after: Sequence, configuration: &Configuration) -> Result<Batch, EngineError> {
        match self.ahead.take().filter(|batch| batch.follows(after, configuration)) {
            Some(batch) => Ok(batch),
            None => Batch::read(self.log.as_ref(), after, self.batch_records, configuration),
        }
    }

    /// The commit of a batch, from the store as it is.
    fn draw_up(
        &mut self,
        configuration: &Configuration,
        batch: Batch,
        queued: Vec<ClusterId>,
    ) -> Result<Due, EngineError> {
        let heads = match self.heads.take() {
            Some(heads) => heads,
            None => self.state.chain_heads()?,
        };
        let (base, records, more) = self.base(configuration, &batch);
        let mut view = View::of(self.state.as_mut());
        let plan = Plan::of(&mut view, configuration, &mut self.large, base, batch.arrivals, queued, heads)?;
        Ok(Due::of(plan.draw_up(configuration), records, more))
    }

    /// Writes a commit; while more is waiting, the next one is drawn up at the same time.
    fn write(&mut self, configuration: &Configuration, due: Due) -> Result<(), EngineError> {
        let next = match self.look_ahead(configuration, &due) {
            Some(ahead) => self.write_beside(configuration, &due, ahead)?,
            None => {
                self.state.commit(&due.commit)?;
                None
            }
        };
        self.drawn_ahead = if next.is_some() { self.drawn_ahead + 1 } else { 0 };
        self.due = next;
        self.work.add(due.work);
        self.heads = Some(due.heads);
        self.checkpoint = Some(due.commit.checkpoint);
        Ok(())
    }

    /// Looks up and settles what follows a commit that is not written yet. What fails here fails again when it is due, and is told then: a
    /// fault in one batch never keeps the one before from being written.
    fn look_ahead(&mut self, configuration: &Configuration, due: &Due) -> Option<Ahead> {
        if !due.more || !can_wait(&due.commit) || self.drawn_ahead >= MOST_AHEAD {
            return None;
        }
        let looking = std::panic::AssertUnwindSafe(|| self.try_look_ahead(configuration, due));
        std::panic::catch_unwind(looking).ok().and_then(Result::ok).unwrap_or_else(|| {
            // It may have counted facts of the batch that failed.
            self.large.forget();
            None
        })
    }

    fn try_look_ahead(
        &mut self,
        configuration: &Configuration,
        due: &Due,
    ) -> Result<Option<Ahead>, EngineError> {
        let batch = self.next_batch(due.commit.checkpoint, configuration)?;
        if batch.arrivals.is_empty() || batch.concerns_payouts() {
            self.ahead = Some(batch).filter(|batch| !batch.arrivals.is_empty());
            return Ok(None);
        }
        let reached = batch.reached;
        let (base, records, more) = self.base(configuration, &batch);
        let mut view = View::after(self.state.as_mut(), &due.commit, &due.contents);
        let heads = due.heads.clone();
        let plan =
            Plan::of(&mut view, configuration, &mut self.large, base, batch.arrivals, Vec::new(), heads)?;
        Ok(Some(Ahead { plan, reached, records, more }))
    }

    /// Writes one commit while the next is drawn up and the batch after that is read. Without a thread for it, one follows the other.
    fn write_beside(
        &mut self,
        configuration: &Configuration,
        due: &Due,
        ahead: Ahead,
    ) -> Result<Option<Due>, EngineError> {
        let Ahead { plan, reached, records, more } = ahead;
        let (state, log, limit) = (self.state.as_mut(), self.log.as_ref(), self.batch_records);
        let draw_up = || {
            let next = Due::of(plan.draw_up(configuration), records, more);
            let after = if more { Batch::read(log, reached, limit, configuration).ok() } else { None };
            (next, after)
        };
        let (written, drawn_up) = std::thread::scope(|scope| {
            let writing = std::thread::Builder::new()
                .name("tributary-write".to_owned())
                .spawn_scoped(scope, || state.commit(&due.commit));
            let drawn_up = std::panic::catch_unwind(std::panic::AssertUnwindSafe(draw_up));
            let written = writing
                .ok()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            (written, drawn_up)
        });
        match written {
            Some(written) => written?,
            None => self.state.commit(&due.commit)?,
        }
        // The records of a commit that could not be drawn up are read again.
        let Ok((next, after)) = drawn_up else {
            self.large.forget();
            return Ok(None);
        };
        self.ahead = after;
        Ok(Some(next))
    }

    /// The frame of a batch's commit, how many records it has, and whether more are waiting.
    fn base(&self, configuration: &Configuration, batch: &Batch) -> (Commit, usize, bool) {
        let base = Commit {
            expected_checkpoint: batch.after,
            checkpoint: batch.reached,
            configuration_revision: configuration.revision,
            ..Commit::default()
        };
        (base, batch.arrivals.len(), batch.arrivals.len() == self.batch_records)
    }
}
