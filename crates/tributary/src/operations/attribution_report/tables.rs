//! The report as tables: for CSV files and terminals.

use std::path::{Path, PathBuf};

use super::AttributionReport;
use super::credit::CreditRow;
use super::time_lag::Lag;
use super::totals::Counted;
use super::trained::RemovalEffects;

/// A table; every row is as long as the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, which is its file's too.
    pub name: &'static str,
    /// The names of its columns.
    pub header: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

/// Every table of the report, in its order.
#[must_use]
pub fn tables(report: &AttributionReport) -> Vec<Table> {
    let credit = &report.credit;
    let trained = report.trained.iter().flat_map(|trained| {
        [
            removal("removal_by_earner", "earner", &trained.by_earner),
            removal("removal_by_class", "class", &trained.by_class),
            removal("removal_by_campaign", "campaign", &trained.by_campaign),
        ]
    });
    let mut tables = vec![
        totals(report),
        side_by_side("models_by_earner", "earner", &credit.models, &credit.by_earner),
        side_by_side("models_by_class", "class", &credit.models, &credit.by_class),
        side_by_side("models_by_campaign", "campaign", &credit.models, &credit.by_campaign),
    ];
    tables.extend(trained);
    tables.extend([
        path_length(report),
        lag("time_lag_from_first", &report.time_lag.from_first),
        lag("time_lag_from_last", &report.time_lag.from_last),
        top_paths(report),
        assists(report),
        overlap(report),
    ]);
    tables
}

impl Table {
    /// The table as CSV. Cells that a spreadsheet would take for a formula get an apostrophe before them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_csv(&self, to: impl std::io::Write) -> std::io::Result<()> {
        let mut file = csv::Writer::from_writer(to);
        for row in std::iter::once(&self.header).chain(&self.rows) {
            file.write_record(row.iter().map(|cell| inert(cell)))?;
        }
        file.flush()
    }
}

/// Writes one CSV file per table into a directory, which is created if it is not there. Cells that a spreadsheet would take for a
/// formula get an apostrophe before them.
///
/// # Errors
/// When a file cannot be written.
pub fn write_csv(report: &AttributionReport, directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(directory)?;
    let mut written = Vec::new();
    for table in tables(report) {
        let path = directory.join(format!("{}.csv", table.name));
        table.write_csv(std::fs::File::create(&path)?)?;
        written.push(path);
    }
    Ok(written)
}

/// A cell that no spreadsheet takes for a formula. Negative numbers stay numbers.
fn inert(cell: &str) -> String {
    let is_number = cell.strip_prefix('-').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
    format!("{}{cell}", if is_formula { "'" } else { "" })
}

fn table<const N: usize>(
    name: &'static str,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    Table { name, header: header.map(str::to_owned).to_vec(), rows: rows.map(Vec::from).collect() }
}

/// Millionths as a decimal.
fn share(ppm: u64) -> String {
    format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000)
}

fn totals(report: &AttributionReport) -> Table {
    let totals = &report.totals;
    let counted = |name: &str, counted: &Counted| {
        [name.to_owned(), counted.conversions.to_string(), counted.value.clone()]
    };
    let rows = [
        counted("attributed", &totals.attributed),
        counted("without_touchpoint", &totals.without_touchpoint),
        counted("without_eligible_touchpoint", &totals.without_eligible_touchpoint),
        ["rejected".to_owned(), totals.rejected.to_string(), String::new()],
        ["other_currency".to_owned(), totals.other_currency.to_string(), String::new()],
    ];
    table("totals", ["what", "conversions", "value"], rows.into_iter())
}

/// One row per key and model, so that a spreadsheet can turn it as it likes.
fn side_by_side(name: &'static str, key: &str, models: &[String], rows: &[CreditRow]) -> Table {
    let cells = rows.iter().flat_map(|row| {
        models.iter().zip(&row.credits).enumerate().map(|(column, (model, credit))| {
            // What is owed follows from what is paid by; the other models owe nobody anything.
            let commission = row.commission.clone().filter(|_| column == 0).unwrap_or_default();
            let (conversions, value) = (credit.conversions.clone(), credit.value.clone());
            [row.key.clone(), model.clone(), conversions, value, share(credit.share_ppm), commission]
        })
    });
    table(name, [key, "model", "conversions", "value", "share", "commission"], cells)
}

fn removal(name: &'static str, key: &str, effects: &RemovalEffects) -> Table {
    let rows = effects.rows.iter().map(|row| {
        [
            row.key.clone(),
            row.journeys.to_string(),
            row.conversions.to_string(),
            share(row.effect_ppm.into()),
            share(row.effect_on_value_ppm.into()),
        ]
    });
    table(name, [key, "journeys", "conversions", "removal_effect", "removal_effect_on_value"], rows)
}

fn path_length(report: &AttributionReport) -> Table {
    let rows = report.path_length.rows.iter().map(|row| {
        [row.touchpoints.to_string(), row.conversions.to_string(), share(row.share_ppm), row.value.clone()]
    });
    table("path_length", ["touchpoints", "conversions", "share", "value"], rows)
}

fn lag(name: &'static str, lag: &Lag) -> Table {
    let rows = lag.rows.iter().map(|row| {
        [row.lag.to_owned(), row.from_seconds.to_string(), row.conversions.to_string(), share(row.share_ppm)]
    });
    table(name, ["lag", "from_seconds", "conversions", "share"], rows)
}

fn top_paths(report: &AttributionReport) -> Table {
    let rows = report.top_paths.rows.iter().map(|row| {
        [
            row.path.join(" > "),
            row.conversions.to_string(),
            share(row.share_ppm),
            row.value.clone(),
            row.average_touchpoints.clone(),
        ]
    });
    table("top_paths", ["path", "conversions", "share", "value", "average_touchpoints"], rows)
}

fn assists(report: &AttributionReport) -> Table {
    let rows = report.assists.iter().map(|row| {
        [
            row.earner.clone(),
            row.took_part.to_string(),
            row.first.to_string(),
            row.last.to_string(),
            row.alone.to_string(),
            row.assisted.to_string(),
            row.assisted_value.clone(),
            row.assists_per_last.clone().unwrap_or_default(),
        ]
    });
    let header =
        ["earner", "took_part", "first", "last", "alone", "assisted", "assisted_value", "assists_per_last"];
    table("assists", header, rows)
}

fn overlap(report: &AttributionReport) -> Table {
    let rows = report.overlap.rows.iter().map(|row| {
        [
            row.one.clone(),
            row.other.clone(),
            row.conversions.to_string(),
            row.value.clone(),
            share(row.of_one_ppm),
            share(row.of_other_ppm),
        ]
    });
    table("overlap", ["one", "other", "conversions", "value", "share_of_one", "share_of_other"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas_and_numbers_stay_numbers() {
        for (cell, expected) in [
            ("@email", "'@email"),
            ("=1+1", "'=1+1"),
            ("-1+1", "'-1+1"),
            ("-12.50", "-12.50"),
            ("-", "'-"),
            ("anna > @email", "anna > @email"),
        ] {
            assert_eq!(inert(cell), expected);
        }
    }
}
