//! How the report of a what-if is printed and written as CSV.

use std::fmt::Write as _;
use std::path::Path;

use super::{Failure, print_json, print_line};
use crate::operations::payout::cell;
use crate::operations::what_if::{ChangedConversion, Grouping, Row, WhatIfReport};
use crate::setup::Laid;

/// Prints what the files change of the set-up, and the report: the money, and the conversions if they were asked for.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print(
    report: &WhatIfReport,
    laid: &Laid,
    conversions: bool,
    changed_only: bool,
    json: bool,
) -> Result<(), Failure> {
    if json {
        let mut document = report.to_json(changed_only);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("sources_left".to_owned(), laid.sources_left.clone().into());
            fields.insert("set_up_changes".to_owned(), laid.stated.to_json());
            if conversions {
                let listed: Vec<_> = report.listed().collect();
                fields.insert("listed".to_owned(), serde_json::to_value(listed).map_err(Failure::new)?);
            }
        }
        return print_json(&document);
    }
    print_line(&laid.stated)?;
    print_line(format!(
        "{} conversions examined; the money of {} changes, {} change without moving money",
        report.conversions, report.changed, report.changed_otherwise
    ))?;
    for source in &laid.sources_left {
        print_line(format!("source `{source}` is left as it is: it decided what was taken in"))?;
    }
    if report.waiting > 0 {
        print_line(format!(
            "{} clusters wait to be settled again; for these `now` is what is booked",
            report.waiting
        ))?;
    }
    for (title, grouping) in [
        ("total", Grouping::Total),
        ("partner", Grouping::Earner),
        ("campaign", Grouping::Campaign),
        ("period", Grouping::Period),
    ] {
        let rows = report.rows(grouping, changed_only && grouping != Grouping::Total);
        print_rows(title, &rows)?;
    }
    if conversions {
        report.listed().try_for_each(print_conversion)?;
    }
    Ok(())
}

fn print_rows(title: &str, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    print_line(format!(
        "\n{title:<24} {:<3} {:>14} {:>14} {:>15} {:>15} {:>13} {:>13}",
        "", "value now", "then", "commission now", "then", "difference", "adjustment"
    ))?;
    for row in rows {
        let of = row.earner.as_ref().or(row.campaign.as_ref()).or(row.period.as_ref());
        let name = match of.map(String::as_str) {
            Some("") => "(none)".to_owned(),
            Some(name) => name.to_owned(),
            None => row.brand.clone(),
        };
        print_line(format!("{name:<24} {}", amounts(row)))?;
    }
    Ok(())
}

fn amounts(row: &Row) -> String {
    format!(
        "{:<3} {:>14} {:>14} {:>15} {:>15} {:>13} {:>13}",
        row.amounts.currency,
        row.amounts.value_now,
        row.amounts.value_then,
        row.amounts.commission_now,
        row.amounts.commission_then,
        row.amounts.difference,
        row.adjustment
    )
}

fn print_conversion(conversion: &ChangedConversion) -> Result<(), Failure> {
    let none = || "none".to_owned();
    print_line(format!(
        "\n{} {} at {}, model {} -> {}",
        conversion.event_id,
        conversion.transaction_id.as_deref().unwrap_or("without a number"),
        conversion.occurred_at,
        conversion.model_now.clone().unwrap_or_else(none),
        conversion.model_then.clone().unwrap_or_else(none),
    ))?;
    for share in &conversion.shares {
        let whose = match share.row.earner.as_deref() {
            None | Some("") => "(nobody)",
            Some(earner) => earner,
        };
        let campaign = share.row.campaign.as_deref().unwrap_or_default();
        let name = format!("  {whose} {campaign}");
        let held = if share.in_payouts.chars().any(|digit| ('1'..='9').contains(&digit)) {
            format!("  {} in payouts", share.in_payouts)
        } else {
            String::new()
        };
        print_line(format!("{name:<24} {}{held}", amounts(&share.row)))?;
    }
    Ok(())
}

const AMOUNTS: &str = "value_now,value_then,commission_now,commission_then,difference,adjustment";

/// Writes one row per share of a listed conversion, or per partner, campaign and month.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_csv(
    path: &Path,
    report: &WhatIfReport,
    conversions: bool,
    changed_only: bool,
) -> Result<(), Failure> {
    let mut text = String::new();
    let written = if conversions {
        conversions_csv(&mut text, report)
    } else {
        cells_csv(&mut text, &report.rows(Grouping::Cell, changed_only))
    };
    written.map_err(Failure::new)?;
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

fn cells_csv(text: &mut String, rows: &[Row]) -> std::fmt::Result {
    writeln!(text, "brand,period,campaign,earner,currency,{AMOUNTS}")?;
    rows.iter().try_for_each(|row| writeln!(text, "{}", row_csv(row)))
}

fn conversions_csv(text: &mut String, report: &WhatIfReport) -> std::fmt::Result {
    writeln!(
        text,
        "event_id,transaction_id,occurred_at,model_now,model_then,brand,period,campaign,earner,currency,{AMOUNTS},in_payouts"
    )?;
    for conversion in report.listed() {
        for share in &conversion.shares {
            writeln!(
                text,
                "{},{},{},{},{},{},{}",
                conversion.event_id,
                cell(conversion.transaction_id.as_deref().unwrap_or_default()),
                conversion.occurred_at,
                conversion.model_now.as_deref().unwrap_or_default(),
                conversion.model_then.as_deref().unwrap_or_default(),
                row_csv(&share.row),
                share.in_payouts
            )?;
        }
    }
    Ok(())
}

fn row_csv(row: &Row) -> String {
    // A channel begins with `@`, which a spreadsheet would take for a formula.
    let text = |field: &Option<String>| cell(field.as_deref().unwrap_or_default());
    [
        cell(&row.brand),
        text(&row.period),
        text(&row.campaign),
        text(&row.earner),
        row.amounts.currency.clone(),
        row.amounts.value_now.clone(),
        row.amounts.value_then.clone(),
        row.amounts.commission_now.clone(),
        row.amounts.commission_then.clone(),
        row.amounts.difference.clone(),
        row.adjustment.clone(),
    ]
    .join(",")
}
