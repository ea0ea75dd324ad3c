//! Group commit: one thread owns the engine, gathers whatever waits, stores it in one transaction and answers everybody.
//!
//! A commit costs about the same for one record and for a thousand, so under load each commit serves all who came during the one
//! before it. Nothing waits for a group to fill: measured, a pause that makes groups larger costs more than it saves.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::{Appended, LogEngine, LogError, NewRecord, Sequence};

/// Failures are logged once in this time: a full disk fails thousands of groups a second.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// Bounds of the queue and the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Most records that may wait; one more is answered [`LogError::Overloaded`].
    pub queue_records: usize,
    /// Most bytes that may wait.
    pub queue_bytes: usize,
    /// Most records of one transaction; a single request with more is a transaction of its own.
    pub group_records: usize,
    /// Most bytes of one transaction; likewise.
    pub group_bytes: usize,
    /// Added to each commit: simulates a slow disk in measurements. Zero otherwise.
    pub commit_delay: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            queue_records: 65_536,
            queue_bytes: 64 * 1024 * 1024,
            group_records: 4096,
            group_bytes: 8 * 1024 * 1024,
            commit_delay: Duration::ZERO,
        }
    }
}

/// How much waits to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Records.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The log as the doors use it. Clones share one queue and one writer; when the last is dropped, what waits is stored and the writer ends.
#[derive(Clone)]
pub struct Log {
    handle: Arc<Handle>,
}

impl Log {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// [`LogError::Storage`] when the operating system grants no thread.
    pub fn start(engine: Box<dyn LogEngine>, settings: LogSettings) -> Result<Self, LogError> {
        let shared = Arc::new(Shared {
            settings,
            queue: Mutex::new(Queue::default()),
            filled: Condvar::new(),
            newest: watch::Sender::new(Sequence(0)),
        });
        let writer = Writer { shared: Arc::clone(&shared), engine, complained_at: None };
        let thread = std::thread::Builder::new()
            .name("tributary-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LogError::Storage(format!("no thread for the log: {error}")))?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Stores records in one transaction and answers for each in order: all are stored, duplicates or conflicts, or none is stored.
    ///
    /// # Errors
    /// [`LogError::Overloaded`] at once when the queue is full; otherwise what the engine says.
    pub async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, LogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        self.handle.shared.enqueue(Request::Many(records, answer))?;
        answered.await.unwrap_or(Err(LogError::Closed))
    }

    /// Stores one record.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub async fn append_one(&self, record: NewRecord) -> Result<Appended, LogError> {
        let (answer, answered) = oneshot::channel();
        self.handle.shared.enqueue(Request::One(record, answer))?;
        answered.await.unwrap_or(Err(LogError::Closed))
    }

    /// [`Log::append`] for code that is not asynchronous, such as a command. Must not be called inside an asynchronous runtime.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_blocking(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, LogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        self.handle.shared.enqueue(Request::Many(records, answer))?;
        answered.blocking_recv().unwrap_or(Err(LogError::Closed))
    }

    /// Tells the newest sequence stored through this handle, each time it grows: wakes the engine and pages. `Sequence(0)` until then.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Sequence> {
        self.handle.shared.newest.subscribe()
    }

    /// How much waits, for gauges.
    #[must_use]
    pub fn depth(&self) -> QueueDepth {
        self.handle.shared.lock().depth
    }

    /// Refuses new records from now on, waits until what waits is stored, and ends the writer. Blocks; may be called more than once.
    pub fn close(&self) {
        self.handle.close();
    }
}

struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log's writer thread had panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    settings: LogSettings,
    queue: Mutex<Queue>,
    filled: Condvar,
    newest: watch::Sender<Sequence>,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    depth: QueueDepth,
    closed: bool,
    /// Whether the writer sleeps: waking it costs a system call, which a busy one does not need.
    idle: bool,
}

enum Request {
    One(NewRecord, oneshot::Sender<Result<Appended, LogError>>),
    Many(Vec<NewRecord>, oneshot::Sender<Result<Vec<Appended>, LogError>>),
}

impl Request {
    fn depth(&self) -> QueueDepth {
        match self {
            Self::One(record, _) => QueueDepth { records: 1, bytes: record.size_bytes() },
            Self::Many(records, _) => {
                QueueDepth { records: records.len(), bytes: records.iter().map(NewRecord::size_bytes).sum() }
            }
        }
    }
}

impl QueueDepth {
    fn plus(self, other: Self) -> Self {
        Self { records: self.records + other.records, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_sub(other.records),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    const fn exceeds(self, records: usize, bytes: usize) -> bool {
        self.records > records || self.bytes > bytes
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock; were it otherwise, the queue is whole after each statement.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, request: Request) -> Result<(), LogError> {
        let size = request.depth();
        if size.exceeds(self.settings.queue_records, self.settings.queue_bytes) {
            return Err(LogError::TooLarge { records: size.records, bytes: size.bytes });
        }
        let mut queue = self.lock();
        if queue.closed {
            return Err(LogError::Closed);
        }
        let depth = queue.depth.plus(size);
        if depth.exceeds(self.settings.queue_records, self.settings.queue_bytes) {
            return Err(LogError::Overloaded);
        }
        queue.depth = depth;
        queue.requests.push_back(request);
        let wake = std::mem::take(&mut queue.idle);
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for requests and takes as many as one transaction may hold; `None` when the log is closed and nothing waits.
    fn take_group(&self) -> Option<Group> {
        let mut queue = self.lock();
        while queue.requests.is_empty() {
            if queue.closed {
                return None;
            }
            queue.idle = true;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let mut group =
            Group { records: Vec::with_capacity(queue.depth.records.min(4096)), waiters: Vec::new() };
        let mut size = QueueDepth::default();
        while let Some(request) = queue.requests.front() {
            let with_it = size.plus(request.depth());
            if !group.records.is_empty()
                && with_it.exceeds(self.settings.group_records, self.settings.group_bytes)
            {
                break;
            }
            size = with_it;
            if let Some(request) = queue.requests.pop_front() {
                group.push(request);
            }
        }
        queue.depth = queue.depth.minus(size);
        Some(group)
    }
}

struct Group {
    records: Vec<NewRecord>,
    waiters: Vec<Waiter>,
}

/// Who waits for how many of the group's answers. Whoever stopped waiting is not told; his records are stored all the same.
enum Waiter {
    One(oneshot::Sender<Result<Appended, LogError>>),
    Many(usize, oneshot::Sender<Result<Vec<Appended>, LogError>>),
}

impl Group {
    fn push(&mut self, request: Request) {
        match request {
            Request::One(record, answer) => {
                self.records.push(record);
                self.waiters.push(Waiter::One(answer));
            }
            Request::Many(records, answer) => {
                self.waiters.push(Waiter::Many(records.len(), answer));
                self.records.extend(records);
            }
        }
    }

    fn answer(self, appended: Result<Vec<Appended>, LogError>) {
        match appended {
            Ok(appended) => {
                let mut rest = &appended[..];
                for waiter in self.waiters {
                    match waiter {
                        Waiter::One(answer) => {
                            let (own, others) = rest.split_at(1);
                            rest = others;
                            let _gone = answer.send(own.first().copied().ok_or(LogError::Closed));
                        }
                        Waiter::Many(count, answer) => {
                            let (own, others) = rest.split_at(count);
                            rest = others;
                            let _gone = answer.send(Ok(own.to_vec()));
                        }
                    }
                }
            }
            Err(error) => {
                for waiter in self.waiters {
                    match waiter {
                        Waiter::One(answer) => drop(answer.send(Err(error.clone()))),
                        Waiter::Many(_, answer) => drop(answer.send(Err(error.clone()))),
                    }
                }
            }
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    engine: Box<dyn LogEngine>,
    complained_at: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        while let Some(group) = self.shared.take_group() {
            let appended = self.store(&group.records);
            if let Ok(appended) = &appended
                && let Some(newest) = appended.iter().rev().find_map(stored_at)
            {
                self.shared.newest.send_replace(newest);
            }
            group.answer(appended);
        }
    }

    fn store(&mut self, records: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        let appended = self.engine.append(records);
        if !self.shared.settings.commit_delay.is_zero() {
            std::thread::sleep(self.shared.settings.commit_delay);
        }
        let appended = match appended {
            Ok(appended) if appended.len() != records.len() => Err(LogError::Storage(format!(
                "the engine answered for {} of {} records",
                appended.len(),
                records.len()
            ))),
            other => other,
        };
        if let Err(error) = &appended {
            self.complain(error, records.len());
        }
        appended
    }

    fn complain(&mut self, error: &LogError, records: usize) {
        if self.complained_at.is_none_or(|moment| moment.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained_at = Some(Instant::now());
            tracing::error!(%error, records, "a group of records could not be stored; none of it was acknowledged");
        }
    }
}

impl Drop for Writer {
    /// However the thread ends, nobody is left waiting for an answer: dropping a request tells its waiter that the log is closed.
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.depth = QueueDepth::default();
        queue.requests.clear();
    }
}

fn stored_at(appended: &Appended) -> Option<Sequence> {
    match appended {
        Appended::Stored(sequence) => Some(*sequence),
        Appended::Duplicate { .. } | Appended::Conflict { .. } => None,
    }
}

#[cfg(test)]
mod tests;
