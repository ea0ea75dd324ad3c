//! One row at a time from a file of any supported format.

use std::io::{self, BufReader, Chain, Cursor, Read};

use tributary_domain::reason::Reason;

use super::decompress::Unpacked;
use super::delimited::Delimited;
use super::lines::JsonLines;
use super::map::ColumnMap;
use crate::canonical::{Fields, Refusal};

/// What a file's rows look like, gzip or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Delimited text with a header row.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

impl Format {
    /// The format by a file's name: `.csv`, `.tsv`, `.txt`, `.jsonl`, `.ndjson`, each also with `.gz`.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
        match plain.rsplit_once('.')?.1 {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// Bounds that a file must keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest row in bytes.
    pub longest_row: usize,
    /// Unpacked size in bytes.
    pub largest_file: u64,
    /// Unpacked bytes per packed byte, beyond the first 64 MiB.
    pub most_expansion: u64,
}

impl Default for Limits {
    /// Rows of 256 KiB, files of 256 GiB, 200 unpacked bytes per packed one.
    fn default() -> Self {
        Self { longest_row: 256 * 1024, largest_file: 256 * 1024 * 1024 * 1024, most_expansion: 200 }
    }
}

/// One row of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The line of the file on which the row begins; the first line is 1 and, in CSV, holds the header.
    pub line: u64,
    /// The row's number; the first row after the header is 1.
    pub number: u64,
    /// Its fields under the names of the file, or why it cannot be read.
    pub fields: Result<Fields, Refusal>,
    /// Its bytes as they stand in the unpacked file, without the line's end.
    pub raw: Vec<u8>,
}

/// Reads a file row by row. A row that cannot be read is a row with a refusal and reading goes on; a file that cannot be
/// read further ends with an error, and the rows before it stand.
pub struct RowReader<R: Read> {
    rows: Rows<R>,
    ended: bool,
}

/// The unpacked text behind its byte order mark.
type Text<R> = BufReader<Chain<Cursor<Vec<u8>>, Unpacked<R>>>;

enum Rows<R: Read> {
    // Boxed: one reader per file, and the state machine's table is large.
    Csv(Box<Delimited<Text<R>>>),
    Jsonl(Box<JsonLines<Text<R>>>),
}

impl<R: Read> RowReader<R> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Reason::MalformedBody`] for a header that cannot be read or lacks a mapped column, [`Reason::TooLarge`] beyond the
    /// limits.
    pub fn open(input: R, format: Format, map: &ColumnMap, limits: Limits) -> Result<Self, Refusal> {
        let unpacked = Unpacked::open(input, limits).map_err(|error| unreadable(1, &error))?;
        let input = BufReader::with_capacity(64 * 1024, without_byte_order_mark(unpacked)?);
        let rows = match format {
            Format::Csv => Rows::Csv(Box::new(Delimited::open(input, map.clone(), limits)?)),
            Format::Jsonl => Rows::Jsonl(Box::new(JsonLines::new(input, map.clone(), limits))),
        };
        Ok(Self { rows, ended: false })
    }
}

impl<R: Read> Iterator for RowReader<R> {
    type Item = Result<Row, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match &mut self.rows {
            Rows::Csv(rows) => rows.next_row(),
            Rows::Jsonl(rows) => rows.next_row(),
        };
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn without_byte_order_mark<I: Read>(mut input: I) -> Result<Chain<Cursor<Vec<u8>>, I>, Refusal> {
    let mut first = Vec::with_capacity(3);
    input.by_ref().take(3).read_to_end(&mut first).map_err(|error| unreadable(1, &error))?;
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return Err(Refusal::of_whole(Reason::MalformedBody, "the file is UTF-16")
            .with_hint("Save it as UTF-8 (in spreadsheets: \"CSV UTF-8\")."));
    }
    if first == b"\xef\xbb\xbf" {
        first.clear();
    }
    Ok(Cursor::new(first).chain(input))
}

/// A file that cannot be read further.
pub(super) fn unreadable(line: u64, error: &io::Error) -> Refusal {
    let reason =
        if error.kind() == io::ErrorKind::FileTooLarge { Reason::TooLarge } else { Reason::MalformedBody };
    Refusal::of_whole(reason, format!("the file cannot be read beyond line {line}: {error}"))
        .with_hint("Rows before that line are not affected; send the file again when it is whole.")
}

/// A row longer than the limit ends the file: what it swallowed cannot be told.
pub(super) fn too_long(line: u64, longest: usize) -> Refusal {
    Refusal::of_whole(
        Reason::TooLarge,
        format!("the row that begins on line {line} has more than {longest} bytes"),
    )
    .with_hint("Look for a quotation mark that is not closed.")
}
