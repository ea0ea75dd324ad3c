//! The thread that writes notes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tributary_adapters::canonical::{DecodingRules, Harmless, harmless_name, is_word};
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};
use tributary_store::log::Way;
use tributary_store::refusals::{Keep, RefusalStore, RefusedRequest};

use super::allowance::Bucket;
use super::reading::{Held, rules_of};
use super::{Fate, Refused, Shared};
use crate::edge::now;
use crate::edge::outcome::Outcome;
use crate::settings::RefusalSettings;

/// Notes written in one transaction.
const BATCH: usize = 1_000;
/// How long the first note of a batch waits for others.
const GATHERING: Duration = Duration::from_millis(50);
/// How often what is too old is thrown away when nothing is refused.
const TIDYING: Duration = Duration::from_secs(3_600);
/// How often a store that takes nothing is complained about.
const COMPLAINING: Duration = Duration::from_secs(60);

/// What the writer is told.
pub(super) enum Message {
    Note(Box<Waiting>),
    Flush(SyncSender<()>),
    Close,
}

/// A refused request that waits to be looked into.
pub(super) struct Waiting {
    at: Timestamp,
    way: Way,
    brand: Option<BrandKey>,
    source: Option<String>,
    proven: bool,
    reason: Reason,
    field: Option<String>,
    rules: DecodingRules,
    content: Held,
    bucket: Bucket,
    /// Bytes that it holds here.
    weight: usize,
    /// Bytes that came.
    bytes: usize,
}

impl Waiting {
    pub(super) fn new(
        refused: &Refused<'_>,
        outcome: &Outcome,
        bucket: Bucket,
        weight: usize,
        bytes: usize,
    ) -> Self {
        // A name that no source has may be anything, also a secret in the wrong place.
        let named = refused.named.filter(|named| refused.source.is_some() || is_word(named));
        Self {
            at: refused.at,
            way: refused.way,
            brand: refused.source.map(|source| &source.brand).or(refused.brand).cloned(),
            source: named.map(str::to_owned),
            proven: refused.proven,
            reason: outcome.reason,
            field: outcome.field.clone(),
            rules: refused.rules.cloned().unwrap_or_else(|| rules_of(refused.way, refused.source)),
            content: refused.content.into(),
            bucket,
            weight,
            bytes,
        }
    }

    fn note(&self, kept: Harmless) -> RefusedRequest {
        RefusedRequest {
            received_at: self.at,
            way: self.way,
            brand: self.brand.clone(),
            source: self.source.clone(),
            proven: self.proven,
            reason: self.reason,
            field: self.field.as_deref().and_then(|field| harmless_name(field, &self.rules)),
            ids: kept.ids().map(str::to_owned).collect(),
            fields: kept.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            other_fields: u64::try_from(kept.other_fields).unwrap_or(u64::MAX),
            bytes: u64::try_from(self.bytes).unwrap_or(u64::MAX),
        }
    }
}

/// Reads and writes.
pub(super) struct Writer {
    store: Arc<dyn RefusalStore>,
    shared: Arc<Shared>,
    settings: RefusalSettings,
    complained: Option<Instant>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn RefusalStore>, shared: Arc<Shared>, settings: RefusalSettings) -> Self {
        Self { store, shared, settings, complained: None }
    }

    /// Writes until it is told to end or nobody can tell it anything any more.
    pub(super) fn run(mut self, waiting: &Receiver<Message>) {
        self.write(&[]);
        loop {
            match waiting.recv_timeout(TIDYING) {
                Ok(Message::Note(first)) => {
                    if self.gather(*first, waiting) {
                        return;
                    }
                }
                Ok(Message::Flush(done)) => drop(done),
                Err(RecvTimeoutError::Timeout) => self.write(&[]),
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes a note and those that come shortly after it; true when that was the end.
    fn gather(&mut self, first: Waiting, waiting: &Receiver<Message>) -> bool {
        let mut notes = Vec::new();
        let mut asking = Vec::new();
        let mut ends = false;
        self.look_into(&first, &mut notes);
        let deadline = Instant::now() + GATHERING;
        while notes.len() < BATCH {
            match waiting.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Message::Note(next)) => self.look_into(&next, &mut notes),
                Ok(Message::Flush(done)) => {
                    asking.push(done);
                    break;
                }
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => {
                    ends = true;
                    break;
                }
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        self.write(&notes);
        drop(asking);
        ends
    }

    fn look_into(&self, waiting: &Waiting, notes: &mut Vec<RefusedRequest>) {
        let (read, mut beyond) = waiting.content.read(&waiting.rules);
        self.shared.waiting_bytes.fetch_sub(waiting.weight, Ordering::Relaxed);
        for (place, kept) in read.into_iter().enumerate() {
            // The first was taken out of the allowance at the door.
            if place == 0 || self.shared.allowance.take(&waiting.bucket, waiting.reason, waiting.at) {
                notes.push(waiting.note(kept));
            } else {
                beyond += 1;
            }
        }
        let beyond = u64::try_from(beyond).unwrap_or(u64::MAX);
        self.count(Fate::OverLimit, waiting.reason, beyond);
    }

    fn write(&mut self, notes: &[RefusedRequest]) {
        let age = Span(i64::from(self.settings.keep_days).saturating_mul(86_400 * Span::SECOND.0));
        let since = Timestamp(now().0.saturating_sub(age.0));
        let stored = self.store.record(notes, Keep { most: self.settings.most_stored, since });
        let fate = if stored.is_ok() { Fate::Kept } else { Fate::NotStored };
        for note in notes {
            self.count(fate, note.reason, 1);
        }
        if let Err(problem) = stored
            && self.complained.is_none_or(|last| last.elapsed() > COMPLAINING)
        {
            tracing::warn!(%problem, notes = notes.len(), "notes about refused requests are lost; nothing else is");
            self.complained = Some(Instant::now());
        }
    }

    fn count(&self, fate: Fate, reason: Reason, notes: u64) {
        if notes > 0 {
            self.shared.metrics.refusals(fate.name(), reason.code(), notes);
        }
    }
}
