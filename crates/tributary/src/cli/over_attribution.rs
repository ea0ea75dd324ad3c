//! How `tributary report over-attribution` prints its figures.

use super::{Failure, print_line};
use crate::operations::over_attribution::{Counted, OverAttributionReport};

/// Prints the report as text.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print(report: &OverAttributionReport) -> Result<(), Failure> {
    let currency = &report.currency;
    let told = |what: &str, counted: &Counted| {
        print_line(format!("{what:<44} {:>10} {:>18} {currency}", counted.conversions, counted.value))
    };
    told("conversions", &report.conversions)?;
    told("claimed by at least one partner", &report.claimed)?;
    told("sum of what each partner claims alone", &report.claims)?;
    told("claimed by several partners", &report.claimed_by_several)?;
    told("claimed, and touched by other channels", &report.claimed_and_other_channels)?;
    told("touched by other channels only", &report.only_other_channels)?;
    match (&report.claims_per_conversion, &report.claims_per_value) {
        (Some(conversions), Some(value)) => print_line(format!(
            "Each claimed conversion is claimed {conversions} times, each {currency} of them {value} times."
        ))?,
        _ => print_line("No partner claims anything.")?,
    }
    print_line(format!(
        "\n{:<24} {:>8} {:>16} {:>10} {:>10} {:>26} {:>16}",
        "partner", "claims", "value", "by others", "channels", "credited", "value"
    ))?;
    for row in &report.partners {
        print_line(format!(
            "{:<24} {:>8} {:>16} {:>10} {:>10} {:>26} {:>16}",
            row.partner,
            row.claims.conversions,
            row.claims.value,
            row.claimed_by_others.conversions,
            row.touched_by_channels.conversions,
            row.credited_conversions,
            row.credited_value
        ))?;
    }
    for row in &report.channels {
        print_line(format!(
            "{:<24} {:>8} {:>16} {:>10} {:>10} {:>26} {:>16}",
            row.channel,
            row.touched.conversions,
            row.touched.value,
            row.claimed_by_partners.conversions,
            "-",
            row.credited_conversions,
            row.credited_value
        ))?;
    }
    Ok(())
}
