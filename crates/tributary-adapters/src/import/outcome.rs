//! The result file: one outcome per row.

use std::io::Write;

use tributary_domain::reason::Reason;

/// What became of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeRow<'a> {
    /// The line of the imported file on which the row begins.
    pub line: u64,
    /// `accepted`, `duplicate` or `rejected`.
    pub status: &'a str,
    /// The event's id, where it has one.
    pub event_id: Option<&'a str>,
    /// Why.
    pub reason: Reason,
    /// The message, naming the field and the remedy.
    pub message: &'a str,
}

/// Writes result files: `line,status,event_id,reason,message`.
pub struct OutcomeWriter<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> OutcomeWriter<W> {
    /// Begins a file with its header.
    ///
    /// # Errors
    /// What the output reports.
    pub fn new(output: W) -> std::io::Result<Self> {
        let mut rows = csv::Writer::from_writer(output);
        rows.write_record(["line", "status", "event_id", "reason", "message"]).map_err(io_error)?;
        Ok(Self { rows })
    }

    /// Continues a file that has its header, after a restart.
    #[must_use]
    pub fn resume(output: W) -> Self {
        Self { rows: csv::Writer::from_writer(output) }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// What the output reports.
    pub fn write(&mut self, row: &OutcomeRow<'_>) -> std::io::Result<()> {
        let line = row.line.to_string();
        let event_id = row.event_id.unwrap_or_default();
        let cells = [line.as_str(), row.status, event_id, row.reason.code(), row.message];
        self.rows.write_record(cells.map(inert)).map_err(io_error)
    }

    /// Hands what was written so far to the output.
    ///
    /// # Errors
    /// What the output reports.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.rows.flush()
    }
}

/// A cell that a spreadsheet would take for a formula gets an apostrophe before it: messages quote what senders wrote.
fn inert(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("{}{cell}", if formula { "'" } else { "" })
}

fn io_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}
