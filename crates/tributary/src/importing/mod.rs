//! Importing files: rows in, one outcome per row out; restartable at any row.
//!
//! The rows go through a [`Door`]: the log of this installation, or the doors of a running server. Each row's outcome is
//! written to the result file. An interrupted import goes on after the last row that the result file holds; what was sent
//! but not yet written there is sent again and told `duplicate`, so nothing is lost and nothing counts twice.

mod by_source;
mod doors;
mod progress_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tributary_adapters::canonical::{Fields, Refusal};
use tributary_adapters::import::{
    ColumnMap, Format, JourneyExpander, Limits, OutcomeRow, OutcomeWriter, Row, RowReader,
};
use tributary_domain::reason::Reason;

pub use by_source::DoorsBySource;
pub use doors::{DirectDoor, DryRunDoor, ServerDoor};
use progress_file::ProgressFile;

use crate::edge::outcome::{Outcome, Status};

/// Events handed to a door at once.
const BATCH_EVENTS: usize = 2_000;

/// One event of a row, with the bytes that it came from.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its fields.
    pub fields: Fields,
    /// The row's bytes.
    pub raw: Vec<u8>,
}

/// Where events go.
pub trait Door {
    /// Takes events and answers for each, in order. Waits and tries again while the log or server is busy.
    ///
    /// # Errors
    /// When they cannot be taken for good; nothing of them is written to the result file then.
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>>;
}

/// What to import.
pub struct Job {
    /// The file.
    pub file: PathBuf,
    /// Its form.
    pub format: Format,
    /// How columns become fields.
    pub map: ColumnMap,
    /// The map's text and the source's key: another map or source is another import.
    pub identity: String,
    /// Where the outcomes go; `None` for a dry run.
    pub result: Option<PathBuf>,
}

/// How an import ended, or stands.
#[derive(Debug, Default, Clone, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// Rows read, those of an earlier run included.
    pub rows: u64,
    /// Rows skipped because an earlier run had done them.
    pub resumed: u64,
    /// Events accepted.
    pub accepted: u64,
    /// Events that were stored before.
    pub duplicate: u64,
    /// Events or rows refused.
    pub rejected: u64,
    /// Refusals by reason code.
    pub reasons: BTreeMap<String, u64>,
}

/// How far an import is: bytes of the file read, of how many.
pub type Progress<'p> = dyn FnMut(u64, u64) + 'p;

/// Runs an import to its end.
///
/// # Errors
/// When the file cannot be read on, or the door or result file fails; run it again to go on from there.
pub fn run(job: &Job, door: &mut dyn Door, progress: &mut Progress<'_>) -> anyhow::Result<Summary> {
    let file = File::open(&job.file).with_context(|| format!("cannot read {}", job.file.display()))?;
    let length = file.metadata()?.len();
    let identity = identity(&file, job)?;
    let counted = Counted { inner: file, read: std::rc::Rc::new(std::cell::Cell::new(0)) };
    let read = counted.read.clone();
    let reader =
        RowReader::open(BufReader::with_capacity(1 << 20, counted), job.format, &job.map, Limits::default())
            .map_err(|refusal| anyhow::anyhow!("{refusal}"))?;

    let mut results = Results::open(job.result.as_deref(), &identity)?;
    let mut summary = Summary { resumed: results.done, ..Summary::default() };
    let mut journeys = JourneyExpander::of(&job.map);
    let mut batch = Batch::default();
    for row in reader {
        let row = row.map_err(|refusal| anyhow::anyhow!("the file cannot be read on: {refusal}"))?;
        summary.rows += 1;
        let submissions = expand(&row, journeys.as_mut());
        if summary.rows <= results.done {
            continue;
        }
        batch.add(row.line, submissions)?;
        if batch.events.len() >= BATCH_EVENTS {
            batch.send(door, &mut results, &mut summary)?;
            progress(read.get(), length);
        }
    }
    batch.send(door, &mut results, &mut summary)?;
    results.finish()?;
    progress(length, length);
    Ok(summary)
}

/// What makes two runs the same import: the file's bytes, the map and the source.
fn identity(file: &File, job: &Job) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    hasher.update(job.identity.as_bytes());
    Ok(hex::encode(hasher.finalize()))
}

type Expanded = Result<Box<dyn Iterator<Item = Submission>>, Refusal>;

fn expand(row: &Row, journeys: Option<&mut JourneyExpander>) -> Expanded {
    let raw = row.raw.clone();
    match journeys {
        Some(journeys) => {
            let events = journeys.expand(row)?;
            Ok(Box::new(events.map(move |fields| Submission { fields, raw: raw.clone() })))
        }
        None => {
            let fields = row.fields.clone()?;
            Ok(Box::new(std::iter::once(Submission { fields, raw })))
        }
    }
}

/// Rows that wait for the door, and how many events each one has.
#[derive(Default)]
struct Batch {
    rows: Vec<(u64, Result<usize, Refusal>)>,
    events: Vec<Submission>,
}

impl Batch {
    fn add(&mut self, line: u64, submissions: Expanded) -> anyhow::Result<()> {
        match submissions {
            Ok(submissions) => {
                let before = self.events.len();
                self.events.extend(submissions);
                self.rows.push((line, Ok(self.events.len() - before)));
            }
            Err(refusal) => self.rows.push((line, Err(refusal))),
        }
        Ok(())
    }

    fn send(
        &mut self,
        door: &mut dyn Door,
        results: &mut Results,
        summary: &mut Summary,
    ) -> anyhow::Result<()> {
        let mut outcomes = Vec::with_capacity(self.events.len());
        let events = std::mem::take(&mut self.events);
        // A single row of a journeys file may hold many batches' worth.
        let mut events = events.into_iter();
        loop {
            let part: Vec<Submission> = events.by_ref().take(BATCH_EVENTS).collect();
            if part.is_empty() {
                break;
            }
            let count = part.len();
            let answered = door.submit(part)?;
            anyhow::ensure!(answered.len() == count, "{} outcomes for {count} events", answered.len());
            outcomes.extend(answered);
        }
        let mut outcomes = outcomes.into_iter();
        for (line, row) in self.rows.drain(..) {
            let of_row: Vec<Outcome> = match row {
                Ok(count) => outcomes.by_ref().take(count).collect(),
                Err(refusal) => vec![refusal.into()],
            };
            summary.count(&of_row);
            results.write(line, &of_row)?;
        }
        results.flush()
    }
}

impl Summary {
    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome.status {
                Status::Accepted => self.accepted += 1,
                Status::Duplicate => self.duplicate += 1,
                Status::Rejected => {
                    self.rejected += 1;
                    *self.reasons.entry(outcome.reason.code().to_owned()).or_insert(0) += 1;
                }
            }
        }
    }
}

/// The result file and the note of how far it is.
struct Results {
    writer: Option<OutcomeWriter<File>>,
    progress: Option<ProgressFile>,
    done: u64,
}

impl Results {
    fn open(path: Option<&Path>, identity: &str) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self { writer: None, progress: None, done: 0 }) };
        let cannot = || format!("cannot write the result file {}", path.display());
        let (progress, done) = ProgressFile::open(path, identity).with_context(cannot)?;
        let writer = if done > 0 {
            OutcomeWriter::resume(OpenOptions::new().append(true).open(path).with_context(cannot)?)
        } else {
            OutcomeWriter::new(File::create(path).with_context(cannot)?).with_context(cannot)?
        };
        Ok(Self { writer: Some(writer), progress: Some(progress), done })
    }

    fn write(&mut self, line: u64, outcomes: &[Outcome]) -> anyhow::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let worst = outcomes.iter().max_by_key(|outcome| match outcome.status {
            Status::Duplicate => 0,
            Status::Accepted => 1,
            Status::Rejected => 2,
        });
        let (status, reason) =
            worst.map_or((Status::Accepted, Reason::Recorded), |worst| (worst.status, worst.reason));
        let event_id = match outcomes {
            [only] => only.event_id.map(|id| id.to_string()),
            _ => None,
        };
        let message = match outcomes {
            [only] => only.message.clone().unwrap_or_else(|| only.reason.message().to_owned()),
            _ => many_in_words(outcomes),
        };
        writer.write(&OutcomeRow {
            line,
            status: status.name(),
            event_id: event_id.as_deref(),
            reason,
            message: &message,
        })?;
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if let Some(progress) = self.progress {
            progress.finish()?;
        }
        Ok(())
    }
}

fn many_in_words(outcomes: &[Outcome]) -> String {
    let count = |status: Status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    format!(
        "{} events: {} accepted, {} duplicate, {} rejected",
        outcomes.len(),
        count(Status::Accepted),
        count(Status::Duplicate),
        count(Status::Rejected)
    )
}

/// Counts the bytes read, for the progress bar.
struct Counted {
    inner: File,
    read: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}
