//! Files of events: rows of CSV and JSONL, plain or gzip, read in a stream with every size bounded.
//!
//! A [`ColumnMap`] says what a file's columns mean; [`RowReader`] hands over one [`Row`] at a time; what a row says is decided
//! by [`crate::canonical::decode`] under [`ColumnMap::rules`], so that a row and a postback of one event are one
//! event. [`JourneyExpander`] makes events of files of marketing paths. [`OutcomeWriter`] writes the result file.

mod decimal;
mod decompress;
mod delimited;
mod journeys;
mod lines;
mod map;
mod map_file;
mod outcome;
mod reader;
#[cfg(test)]
mod tests;
mod times;

pub use journeys::{JourneyExpander, JourneyRules, Journeys};
pub use map::{ColumnMap, MapKind};
pub use outcome::{OutcomeRow, OutcomeWriter};
pub use reader::{Format, Limits, Row, RowReader};
