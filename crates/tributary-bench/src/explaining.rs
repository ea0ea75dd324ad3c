//! How long an explanation takes with millions of events stored: orders asked for by number, one after another, spread over all.

use std::time::Instant;

use anyhow::ensure;
use tributary_sim::load::Load;

use crate::client;
use crate::product::Product;
use crate::report::{Figure, Report, Target};

/// Explanations asked for.
const QUESTIONS: u64 = 500;

/// Measures the slowest of a hundred, in milliseconds, over the orders of a load whose first `conversions` are stored, among so many `events`.
pub(crate) fn measure(
    product: &Product,
    load: &Load,
    (conversions, events): (u64, u64),
    engine: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut taken = Vec::new();
    for question in 0..QUESTIONS.min(conversions) {
        // A step that shares no factor with round amounts visits orders from everywhere.
        let order = load.conversion(question * 7_919 % conversions).transaction_id.unwrap_or_default();
        let begun = Instant::now();
        let answer = client::get(&product.address, &format!("/v1/explain/{order}"))?;
        taken.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(
            answer.contains(&order) && answer.contains("commission"),
            "order {order} is not explained: {answer}"
        );
    }
    taken.sort_by(f64::total_cmp);
    let slowest = taken.get(taken.len() * 99 / 100).copied().unwrap_or_default();
    report.add(Figure::alone(
        format!("explanation of an order, 99 of 100 within, {engine}, {events} events"),
        slowest,
        "ms",
        Target::AtMost(50.0),
    ));
    Ok(())
}
