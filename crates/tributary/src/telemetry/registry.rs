//! Counters, gauges and histograms in the Prometheus text format 0.0.4.
//!
//! Atomics and a read lock: counting on a hot path costs tens of nanoseconds, so every request may be counted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Content type of what [`super::Metrics::render`] answers.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters that share a name and differ in their labels.
#[derive(Debug)]
pub(super) struct CounterFamily<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    cells: RwLock<BTreeMap<[&'static str; N], AtomicU64>>,
}

impl<const N: usize> CounterFamily<N> {
    pub(super) fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, cells: RwLock::default() }
    }

    pub(super) fn add(&self, values: [&'static str; N], amount: u64) {
        if let Some(cell) = self.cells.read().unwrap_or_else(PoisonError::into_inner).get(&values) {
            cell.fetch_add(amount, Ordering::Relaxed);
            return;
        }
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        cells.entry(values).or_default().fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn render(&self, out: &mut String) {
        head(out, self.name, self.help, "counter");
        for (values, cell) in self.cells.read().unwrap_or_else(PoisonError::into_inner).iter() {
            out.push_str(self.name);
            for (index, (label, value)) in self.labels.iter().zip(values).enumerate() {
                let open = if index == 0 { '{' } else { ',' };
                // Writing to a String cannot fail.
                let _ = write!(out, "{open}{label}=\"{}\"", escaped(value));
            }
            let close = if N == 0 { "" } else { "}" };
            let _ = writeln!(out, "{close} {}", cell.load(Ordering::Relaxed));
        }
    }
}

/// A figure that goes up and down.
#[derive(Debug)]
pub(super) struct Gauge {
    name: &'static str,
    help: &'static str,
    value: AtomicU64,
}

impl Gauge {
    pub(super) const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicU64::new(0) }
    }

    pub(super) fn set(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Sets it unless it is higher already.
    pub(super) fn raise(&self, value: u64) {
        self.value.fetch_max(value, Ordering::Relaxed);
    }

    pub(super) fn render(&self, out: &mut String) {
        head(out, self.name, self.help, "gauge");
        let _ = writeln!(out, "{} {}", self.name, self.value.load(Ordering::Relaxed));
    }
}

/// Upper bounds of the buckets in microseconds, with their text in seconds: 100 us to 10 s.
const BOUNDS: [(u64, &str); 15] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// How long something takes.
#[derive(Debug)]
pub(super) struct Histogram {
    name: &'static str,
    help: &'static str,
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    sum_microseconds: AtomicU64,
}

impl Histogram {
    pub(super) fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            buckets: Default::default(),
            beyond: AtomicU64::new(0),
            sum_microseconds: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|(bound, _)| *bound < microseconds);
        self.buckets.get(place).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.sum_microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(super) fn render(&self, out: &mut String) {
        head(out, self.name, self.help, "histogram");
        let mut total = 0;
        for (bucket, (_, bound)) in self.buckets.iter().zip(BOUNDS) {
            total += bucket.load(Ordering::Relaxed);
            let _ = writeln!(out, "{}_bucket{{le=\"{bound}\"}} {total}", self.name);
        }
        total += self.beyond.load(Ordering::Relaxed);
        let _ = writeln!(out, "{}_bucket{{le=\"+Inf\"}} {total}", self.name);
        let sum = self.sum_microseconds.load(Ordering::Relaxed);
        let _ = writeln!(out, "{}_sum {}.{:06}", self.name, sum / 1_000_000, sum % 1_000_000);
        let _ = writeln!(out, "{}_count {total}", self.name);
    }
}

pub(super) fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
