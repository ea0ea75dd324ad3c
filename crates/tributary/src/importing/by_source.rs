//! Events of several sources, each handed to its own door in batches.

use std::collections::HashMap;

use super::{Door, Submission};
use crate::edge::outcome::Outcome;

/// Events handed over at once.
const BATCH: usize = 1_000;

/// One door per source; events wait until a batch is full.
pub struct DoorsBySource<D, Open> {
    open: Open,
    doors: HashMap<&'static str, (D, Vec<Submission>)>,
}

impl<D, E, Open> DoorsBySource<D, Open>
where
    D: Door,
    E: From<anyhow::Error>,
    Open: FnMut(&'static str) -> Result<D, E>,
{
    /// Nothing waits yet; `open` is called once for every source that has an event.
    pub fn new(open: Open) -> Self {
        Self { open, doors: HashMap::new() }
    }

    /// Adds an event; answers the outcomes of a batch that became full, of earlier events too.
    ///
    /// # Errors
    /// When the source has no door or the door fails.
    pub fn submit(&mut self, source: &'static str, event: Submission) -> Result<Vec<Outcome>, E> {
        if !self.doors.contains_key(source) {
            self.doors.insert(source, ((self.open)(source)?, Vec::with_capacity(BATCH)));
        }
        let Some((door, waiting)) = self.doors.get_mut(source) else { return Ok(Vec::new()) };
        waiting.push(event);
        if waiting.len() < BATCH {
            return Ok(Vec::new());
        }
        Ok(door.submit(std::mem::take(waiting))?)
    }

    /// Hands over what still waits.
    ///
    /// # Errors
    /// When a door fails.
    pub fn finish(mut self) -> Result<Vec<Outcome>, E> {
        let mut outcomes = Vec::new();
        for (door, waiting) in self.doors.values_mut().filter(|(_, waiting)| !waiting.is_empty()) {
            outcomes.extend(door.submit(std::mem::take(waiting))?);
        }
        Ok(outcomes)
    }
}
