//! CSV: a header, then records; quoted fields may hold line breaks; every record's length is bounded.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tributary_domain::reason::Reason;

use super::map::ColumnMap;
use super::reader::{Limits, Row, too_long, unreadable};
use crate::canonical::{Fields, Form, Refusal, shortened};

/// Most columns of a file.
const MOST_COLUMNS: usize = 1000;

/// Reads records by the state machine of the `csv` crate, whose own reader has no bound on a record.
pub(super) struct Delimited<B> {
    input: B,
    machine: Reader,
    map: ColumnMap,
    limits: Limits,
    header: Vec<String>,
    /// Lines that lie wholly before the next byte.
    lines: u64,
    number: u64,
    record: Record,
}

/// One record: its raw bytes and its fields, unquoted, end to end.
#[derive(Default)]
struct Record {
    raw: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
    line: u64,
}

impl Record {
    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }

    fn trimmed(&self) -> &[u8] {
        let start = self.raw.iter().position(|byte| !is_line_end(*byte)).unwrap_or(self.raw.len());
        let end = self.raw.iter().rposition(|byte| !is_line_end(*byte)).map_or(start, |last| last + 1);
        self.raw.get(start..end).unwrap_or_default()
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

impl<B: BufRead> Delimited<B> {
    pub(super) fn open(input: B, map: ColumnMap, limits: Limits) -> Result<Self, Refusal> {
        let machine = ReaderBuilder::new().delimiter(map.delimiter()).build();
        let mut reader = Self {
            input,
            machine,
            map,
            limits,
            header: Vec::new(),
            lines: 0,
            number: 0,
            record: Record::default(),
        };
        if !reader.read_record()? {
            return Err(Refusal::of_whole(
                Reason::MalformedBody,
                "the file is empty; its first row names the columns",
            ));
        }
        reader.header = header(&reader.record, &reader.map)?;
        reader.map.require_columns(&reader.header)?;
        Ok(reader)
    }

    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Refusal> {
        if !self.read_record()? {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Row {
            line: self.record.line,
            number: self.number,
            fields: self.fields(),
            raw: self.record.trimmed().to_vec(),
        }))
    }

    fn fields(&self) -> Result<Fields, Refusal> {
        let (found, expected) = (self.record.ends.len(), self.header.len());
        if found != expected {
            return Err(Refusal::of_whole(
                Reason::MalformedBody,
                format!("the row has {found} columns and the header has {expected}"),
            )
            .with_hint("Look for an unquoted delimiter or a quotation mark that is not closed."));
        }
        let mut pairs = Vec::with_capacity(expected);
        for (name, bytes) in self.header.iter().zip(self.record.fields()) {
            let value = std::str::from_utf8(bytes).map_err(|_| {
                Refusal::of_field(Reason::MalformedBody, name, format!("`{}` is not UTF-8", shortened(name)))
                    .with_hint("Save the file as UTF-8.")
            })?;
            pairs.push((name.as_str(), value, Form::Text));
        }
        self.map.fields(pairs.into_iter())
    }

    /// Reads the next record; `false` at the end of the file.
    fn read_record(&mut self) -> Result<bool, Refusal> {
        let record = &mut self.record;
        record.raw.clear();
        record.text.resize(record.text.len().max(4096), 0);
        record.ends.resize(record.ends.capacity().max(64), 0);
        let (mut text_length, mut ends_length) = (0, 0);
        let finished = loop {
            let chunk = self.input.fill_buf().map_err(|error| unreadable(self.lines + 1, &error))?;
            let text = record.text.get_mut(text_length..).unwrap_or_default();
            let ends = record.ends.get_mut(ends_length..).unwrap_or_default();
            let (result, taken, written, ended) = self.machine.read_record(chunk, text, ends);
            record.raw.extend_from_slice(chunk.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            text_length += written;
            ends_length += ended;
            if record.raw.len() > self.limits.longest_row {
                return Err(too_long(self.lines + 1, self.limits.longest_row));
            }
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => record.text.resize(record.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if record.ends.len() >= MOST_COLUMNS => {
                    let message = format!("line {} has more than {MOST_COLUMNS} columns", self.lines + 1);
                    return Err(Refusal::of_whole(Reason::TooLarge, message));
                }
                ReadRecordResult::OutputEndsFull => record.ends.resize(MOST_COLUMNS, 0),
                ReadRecordResult::Record => break true,
                ReadRecordResult::End => break false,
            }
        };
        record.ends.truncate(ends_length);
        let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let before = record.raw.iter().position(|byte| !is_line_end(*byte)).unwrap_or(record.raw.len());
        record.line = self.lines + count(record.raw.get(..before).unwrap_or_default()) + 1;
        self.lines += count(&record.raw);
        Ok(finished)
    }
}

fn header(record: &Record, map: &ColumnMap) -> Result<Vec<String>, Refusal> {
    let mut names: Vec<String> = Vec::with_capacity(record.ends.len());
    for bytes in record.fields() {
        let name = std::str::from_utf8(bytes)
            .map_err(|_| Refusal::of_whole(Reason::MalformedBody, "the header is not UTF-8"))?
            .trim();
        if name.is_empty() {
            let message = format!("column {} of the header has no name", names.len() + 1);
            return Err(Refusal::of_whole(Reason::MalformedBody, message));
        }
        if names.iter().any(|earlier| earlier == name) {
            let message = format!("the header names `{}` twice", shortened(name));
            return Err(Refusal::of_field(Reason::MalformedBody, name, message)
                .with_hint("Rename one of the columns."));
        }
        names.push(name.to_owned());
    }
    let other = [';', ',', '\t', '|'].into_iter().find(|mark| {
        names.len() == 1
            && u32::from(*mark) != u32::from(map.delimiter())
            && names.iter().any(|name| name.contains(*mark))
    });
    match other {
        Some(mark) => Err(Refusal::of_whole(Reason::MalformedBody, "the header has one column only")
            .with_hint(format!("Set `delimiter = {mark:?}` in the map."))),
        None => Ok(names),
    }
}
