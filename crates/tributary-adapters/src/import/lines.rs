//! JSONL: one JSON object per line; blank lines are passed over.

use std::io::{BufRead, Read};

use super::map::ColumnMap;
use super::reader::{Limits, Row, too_long, unreadable};
use crate::canonical::{Fields, Refusal, fields_from_json};

/// Reads lines, each bounded.
pub(super) struct JsonLines<B> {
    input: B,
    map: ColumnMap,
    limits: Limits,
    line: u64,
    number: u64,
}

impl<B: BufRead> JsonLines<B> {
    pub(super) const fn new(input: B, map: ColumnMap, limits: Limits) -> Self {
        Self { input, map, limits, line: 0, number: 0 }
    }

    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Refusal> {
        loop {
            let mut raw = Vec::new();
            let most = self.limits.longest_row as u64 + 1;
            self.input
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut raw)
                .map_err(|error| unreadable(self.line + 1, &error))?;
            if raw.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            if raw.len() > self.limits.longest_row {
                return Err(too_long(self.line, self.limits.longest_row));
            }
            let trimmed = raw.trim_ascii();
            if !trimmed.is_empty() {
                self.number += 1;
                let row = Row {
                    line: self.line,
                    number: self.number,
                    fields: self.fields(trimmed),
                    raw: trimmed.to_vec(),
                };
                return Ok(Some(row));
            }
        }
    }

    fn fields(&self, line: &[u8]) -> Result<Fields, Refusal> {
        let fields = fields_from_json(line)?;
        let mapped = self
            .map
            .fields(fields.iter().map(|field| (field.name.as_str(), field.value.as_str(), field.form)))?;
        Ok(mapped)
    }
}
