//! The metrics of Tributary, each with its own method so that names and labels stand in one place.

use std::sync::Arc;
use std::time::Duration;

use super::process;
use super::registry::{CounterFamily, Gauge, Histogram, head};
use super::requests::RequestCounters;
use crate::engine::large::Work;

/// All metrics of this process. Cheap to clone; clones count into the same figures.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    events: CounterFamily<3>,
    refusals: CounterFamily<2>,
    requests: RequestCounters,
    append: Histogram,
    batch: Histogram,
    settled: CounterFamily<0>,
    failures: CounterFamily<0>,
    checkpoint: Gauge,
    lag: Gauge,
    waiting: Gauge,
    facts_settled: CounterFamily<0>,
    largest_cluster: Gauge,
    guarded: CounterFamily<1>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Figures {
            events: CounterFamily::new(
                "tributary_events_total",
                "Events by way in, outcome and reason.",
                ["way", "outcome", "reason"],
            ),
            refusals: CounterFamily::new(
                "tributary_refusals_total",
                "Notes about refused events by what became of them (kept, over_limit, overflow, not_stored) and by reason.",
                ["fate", "reason"],
            ),
            requests: RequestCounters::default(),
            append: Histogram::new(
                "tributary_log_append_seconds",
                "Time from handing a record to the log until it is durable.",
            ),
            batch: Histogram::new(
                "tributary_engine_batch_seconds",
                "Time of one batch of the engine, commit included.",
            ),
            settled: CounterFamily::new(
                "tributary_engine_events_total",
                "Log records that the engine took into account.",
                [],
            ),
            failures: CounterFamily::new(
                "tributary_engine_failures_total",
                "Batches of the engine that failed and were tried again.",
                [],
            ),
            checkpoint: Gauge::new(
                "tributary_engine_checkpoint",
                "The last log record that the engine took into account.",
            ),
            lag: Gauge::new(
                "tributary_engine_lag_events",
                "Log records that the engine has not taken into account yet.",
            ),
            waiting: Gauge::new(
                "tributary_engine_waiting_clusters",
                "Clusters that wait to be settled, after a change of the set-up or because they are large.",
            ),
            facts_settled: CounterFamily::new(
                "tributary_engine_facts_settled_total",
                "Facts that were settled, each as often as it was.",
                [],
            ),
            largest_cluster: Gauge::new(
                "tributary_engine_largest_cluster_facts",
                "Facts of the largest cluster that was settled since the start.",
            ),
            guarded: CounterFamily::new(
                "tributary_identity_guarded_events_total",
                "Events with an identifier that joins nobody: a placeholder, or beyond a bound.",
                ["reason"],
            ),
        }))
    }
}

impl Metrics {
    /// Counts an event: `way` in (`postback`, `webhook`, ...), `outcome` (`accepted`, `duplicate`, `rejected`), and the
    /// code of its reason.
    pub fn event(&self, way: &'static str, outcome: &'static str, reason: &'static str) {
        self.0.events.add([way, outcome, reason], 1);
    }

    /// Counts notes about refused events: what became of them, and the code of the reason.
    pub fn refusals(&self, fate: &'static str, reason: &'static str, notes: u64) {
        self.0.refusals.add([fate, reason], notes);
    }

    /// Counts an answered request. `route` is the template (`/c/{link}`), never the path that was asked for.
    pub fn http_request(&self, route: &str, status: u16) {
        self.0.requests.add(route, status);
    }

    /// Records how long a record waited until it was durable.
    pub fn log_append(&self, duration: Duration) {
        self.0.append.observe(duration);
    }

    /// Records one batch of the engine: the log record it has come to, how many it took, and how long that took.
    pub fn engine_advanced(&self, checkpoint: u64, records: usize, duration: Duration) {
        self.0.checkpoint.set(checkpoint);
        self.0.settled.add([], u64::try_from(records).unwrap_or(u64::MAX));
        self.0.batch.observe(duration);
    }

    /// Counts a batch of the engine that failed and will be tried again.
    pub fn engine_failed(&self) {
        self.0.failures.add([], 1);
    }

    /// Sets how many log records the engine has yet to take into account.
    pub fn set_engine_lag(&self, events: u64) {
        self.0.lag.set(events);
    }

    /// Sets how many clusters wait to be settled.
    pub fn set_waiting_clusters(&self, clusters: u64) {
        self.0.waiting.set(clusters);
    }

    /// Counts what the engine settled and what the guards of identity kept apart.
    pub fn engine_worked(&self, work: &Work) {
        self.0.facts_settled.add([], work.facts_settled);
        self.0.largest_cluster.raise(u64::try_from(work.largest_cluster).unwrap_or(u64::MAX));
        for (reason, events) in &work.guarded {
            self.0.guarded.add([*reason], *events);
        }
    }

    /// Everything in the Prometheus text format; see [`super::CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(8 << 10);
        let figures = &self.0;
        figures.events.render(&mut out);
        figures.refusals.render(&mut out);
        figures.requests.render(&mut out);
        figures.append.render(&mut out);
        figures.settled.render(&mut out);
        figures.batch.render(&mut out);
        figures.failures.render(&mut out);
        figures.checkpoint.render(&mut out);
        figures.lag.render(&mut out);
        figures.waiting.render(&mut out);
        figures.facts_settled.render(&mut out);
        figures.largest_cluster.render(&mut out);
        figures.guarded.render(&mut out);
        head(&mut out, "tributary_build_info", "The running release.", "gauge");
        out.push_str(concat!("tributary_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"));
        process::render(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rendered_in_the_prometheus_text_format() {
        let metrics = Metrics::default();
        let clone = metrics.clone();
        for _ in 0..3 {
            clone.event("postback", "accepted", "recorded");
        }
        metrics.http_request("/c/{link}", 302);
        metrics.http_request("/c/{link}", 799);
        metrics.log_append(Duration::from_micros(250));
        metrics.log_append(Duration::from_micros(251));
        metrics.log_append(Duration::from_secs(60));
        metrics.engine_advanced(900, 512, Duration::from_millis(3));
        metrics.engine_failed();
        metrics.set_engine_lag(7);
        metrics.set_waiting_clusters(4);
        let work = |facts_settled, largest_cluster| Work {
            facts_settled,
            largest_cluster,
            guarded: [("identifier_overrun", 2)].into(),
            ..Work::default()
        };
        metrics.engine_worked(&work(900, 700));
        metrics.engine_worked(&work(100, 50));
        let text = metrics.render();
        for line in [
            "# TYPE tributary_events_total counter",
            "tributary_events_total{way=\"postback\",outcome=\"accepted\",reason=\"recorded\"} 3",
            "tributary_http_requests_total{route=\"/c/{link}\",status=\"302\"} 1",
            "tributary_http_requests_total{route=\"/c/{link}\",status=\"other\"} 1",
            "tributary_log_append_seconds_bucket{le=\"0.0001\"} 0",
            "tributary_log_append_seconds_bucket{le=\"0.00025\"} 1",
            "tributary_log_append_seconds_bucket{le=\"0.0005\"} 2",
            "tributary_log_append_seconds_bucket{le=\"+Inf\"} 3",
            "tributary_log_append_seconds_sum 60.000501",
            "tributary_log_append_seconds_count 3",
            "tributary_engine_events_total 512",
            "tributary_engine_lag_events 7",
            "tributary_engine_checkpoint 900",
            "tributary_engine_waiting_clusters 4",
            "tributary_engine_facts_settled_total 1000",
            "tributary_engine_largest_cluster_facts 700",
            "tributary_identity_guarded_events_total{reason=\"identifier_overrun\"} 4",
            "tributary_engine_failures_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn counting_from_many_threads_loses_nothing() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| metrics.event("redirect", "accepted", "recorded")));
            }
        });
        assert!(metrics.render().contains("reason=\"recorded\"} 8000\n"));
    }
}
