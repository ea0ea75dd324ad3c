//! What is kept of refused requests, so that whoever misses an order can be told that it came and why it was not taken.
//!
//! A note is written behind the door's back: the door says what it refused, which costs it a look at a counter and a copy, and goes on. A
//! thread of its own reads what may be kept ([`tributary_adapters::canonical::harmless`]) and writes it in batches. A flood costs bounded
//! memory, time and disk: each source may have so many notes a minute, so many bytes may wait, and so many notes are stored. What goes
//! beyond is counted. A crash may lose the newest notes; nobody was promised them.

mod allowance;
mod reading;
mod shown;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;
use tributary_adapters::canonical::{DecodingRules, Fields};
use tributary_domain::configuration::Source;
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;
use tributary_store::refusals::RefusalStore;

use self::allowance::{Allowance, Bucket};
pub use self::shown::ShownRefusal;
pub(crate) use self::shown::content;
use self::writing::{Message, Waiting, Writer};
use super::outcome::{Outcome, Status};
use crate::settings::RefusalSettings;
use crate::telemetry::Metrics;

/// Requests that may wait for the writer, and bytes of them.
const MOST_WAITING: usize = 4_096;
const MOST_WAITING_BYTES: usize = 8 << 20;
/// Larger requests are noted without looking into them.
const MOST_READ_BYTES: usize = 256 << 10;

/// A request as far as a door knew it when it refused it. A door fills it in as it goes.
#[derive(Clone, Copy)]
pub struct Refused<'a> {
    /// When it came.
    pub at: Timestamp,
    /// How it came.
    pub way: Way,
    /// The source that it names or proved to be.
    pub named: Option<&'a str>,
    /// The source, if there is such a one.
    pub source: Option<&'a Source>,
    /// The brand, where it is known without a source.
    pub brand: Option<&'a BrandKey>,
    /// Whether the sender had proved himself.
    pub proven: bool,
    /// How its fields are read, where the source does not say it.
    pub rules: Option<&'a DecodingRules>,
    /// What came.
    pub content: Content<'a>,
}

/// What came in a refused request.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Nothing that could be read.
    Nothing,
    /// Parameters, in the query and as a form or JSON in the body.
    Parameters(&'a str, &'a [u8]),
    /// One event as JSON.
    Event(&'a [u8]),
    /// One event, an array or one per line.
    Events(&'a [u8]),
    /// One event's fields.
    Fields(&'a Fields),
    /// The key of a link.
    Link(&'a str),
}

impl Content<'_> {
    fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Parameters(query, body) => query.len() + body.len(),
            Self::Event(body) | Self::Events(body) => body.len(),
            Self::Fields(fields) => fields.iter().map(|field| field.name.len() + field.value.len()).sum(),
            Self::Link(key) => key.len(),
        }
    }
}

impl<'a> Refused<'a> {
    /// A request of which nothing is known yet.
    #[must_use]
    pub const fn new(way: Way, at: Timestamp) -> Self {
        Self {
            at,
            way,
            named: None,
            source: None,
            brand: None,
            proven: false,
            rules: None,
            content: Content::Nothing,
        }
    }

    /// The same with what came.
    #[must_use]
    pub const fn with(self, content: Content<'a>) -> Self {
        Self { content, ..self }
    }

    /// Whose allowance it uses. Strangers share one however they call themselves, and use up no one else's: also not that of the source
    /// they pretend to be.
    fn bucket(&self) -> Bucket {
        match (self.named, self.source) {
            (Some(named), Some(_)) => Bucket::Source(named.to_owned(), self.proven),
            _ if self.way == Way::Redirect => Bucket::Visitors,
            _ => Bucket::Strangers,
        }
    }
}

/// What became of a note, as metrics name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is stored.
    Kept,
    /// The source had as many notes as it may have in this minute.
    OverLimit,
    /// Too much waited to be written.
    Overflow,
    /// The store did not take it.
    NotStored,
}

impl Fate {
    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::OverLimit => "over_limit",
            Self::Overflow => "overflow",
            Self::NotStored => "not_stored",
        }
    }
}

/// Where doors tell what they refused. Clones tell the same writer; the last one to go waits until everything is written.
#[derive(Clone)]
pub struct Refusals(Arc<Desk>);

struct Desk {
    store: Arc<dyn RefusalStore>,
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What doors and writer share.
struct Shared {
    allowance: Allowance,
    waiting_bytes: AtomicUsize,
    metrics: Metrics,
}

impl Refusals {
    /// Starts the writer.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        store: Arc<dyn RefusalStore>,
        settings: &RefusalSettings,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            allowance: Allowance::new(settings.per_source_and_minute),
            waiting_bytes: AtomicUsize::new(0),
            metrics,
        });
        let (sender, waiting) = sync_channel(MOST_WAITING);
        let writer = Writer::new(store.clone(), shared.clone(), settings.clone());
        let thread = std::thread::Builder::new().name("refusals".to_owned());
        let thread =
            thread.spawn(move || writer.run(&waiting)).context("cannot start the refusals' thread")?;
        Ok(Self(Arc::new(Desk { store, shared, sender, writer: Mutex::new(Some(thread)) })))
    }

    /// The stored notes, for reading.
    #[must_use]
    pub fn store(&self) -> &dyn RefusalStore {
        self.0.store.as_ref()
    }

    /// Makes a note of what was refused. Never waits.
    ///
    /// What was taken needs none, and neither does a conflict: the log itself keeps those.
    pub fn tell(&self, refused: &Refused<'_>, outcome: &Outcome) {
        if outcome.status != Status::Rejected || outcome.reason == Reason::PayloadConflict {
            return;
        }
        let shared = &self.0.shared;
        let bucket = refused.bucket();
        if !shared.allowance.take(&bucket, outcome.reason, refused.at) {
            shared.metrics.refusals(Fate::OverLimit.name(), outcome.reason.code(), 1);
            return;
        }
        let bytes = refused.content.bytes();
        let content = if bytes > MOST_READ_BYTES { Content::Nothing } else { refused.content };
        let weight = content.bytes();
        let sent = if shared.waiting_bytes.fetch_add(weight, Ordering::Relaxed) + weight > MOST_WAITING_BYTES
        {
            false
        } else {
            let waiting = Waiting::new(&refused.with(content), outcome, bucket, weight, bytes);
            match self.0.sender.try_send(Message::Note(Box::new(waiting))) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            }
        };
        if !sent {
            shared.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
            shared.metrics.refusals(Fate::Overflow.name(), outcome.reason.code(), 1);
        }
    }

    /// Waits until what was told before this call is written.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.0.sender.send(Message::Flush(done)).is_ok() {
            // An error is a writer that has ended: nothing waits then.
            let _ = written.recv();
        }
    }

    /// Writes what waits and ends the writer; what is told later is counted as overflow.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Desk {
    fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let told = self.sender.send(Message::Close);
            if told.is_ok() && writer.join().is_err() {
                tracing::error!("the writer of the notes about refused requests ended in a panic");
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}
