//! Conversions from webhook to books: accepted, attributed, commissioned, posted and committed, beside a bare loop that writes the same rows.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use tributary_domain::time::Timestamp;
use tributary_sim::load::Load;
use tributary_sim::world::{SHOP, SITE};

use crate::history::{self, History};
use crate::product::Product;
use crate::report::{Figure, Report, Target};
use crate::{Bench, bare_postgres, bare_sqlite, client, explaining, world};

/// Events of one request where events come in batches.
const BATCH: u64 = 1_000;
/// Connections that send single webhooks.
const CONNECTIONS: usize = 256;
/// Touchpoints stored when the cost of an event is measured first.
const FEW_CUSTOMERS: u64 = 20_000;

/// How much is stored and sent.
struct Amounts {
    customers: u64,
    /// Purchases of each of the two ways in.
    conversions: u64,
    /// Customers whose clicks are stored before explanations and replays are measured, where the store is the embedded one.
    more_customers: u64,
}

fn amounts(bench: &Bench) -> Amounts {
    if bench.full {
        Amounts { customers: 1_000_000, conversions: 500_000, more_customers: 800_000 }
    } else {
        Amounts { customers: 200_000, conversions: 60_000, more_customers: 0 }
    }
}

/// On SQLite.
pub(crate) fn sqlite(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let directory = bench.directory.join("sqlite");
    std::fs::create_dir_all(&directory)?;
    let data_dir = directory.join("data");
    let place = data_dir.to_string_lossy().into_owned();
    world::apply(&bench.executable, &directory, &["--data-dir", &place])?;
    let copy = directory.join("copy");
    let run = Run {
        bench,
        report,
        data_dir: &data_dir,
        arguments: &[],
        engine: "SQLite",
        embedded: true,
        least: 10_000.0,
        least_part: 10.0 / 18.0,
    };
    run.measure(&mut || bare_sqlite::copy(&data_dir, &copy), &mut || bare_sqlite::measure(&data_dir, &copy))
}

/// On PostgreSQL.
pub(crate) fn postgres(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.postgres.clone().context("no PostgreSQL; run it through scripts/bench.sh")?;
    let directory = bench.directory.join("postgres");
    std::fs::create_dir_all(&directory)?;
    let data_dir = directory.join("data");
    let databases = bare_postgres::Databases::create(&server)?;
    let place = data_dir.to_string_lossy().into_owned();
    let arguments = ["--database-url", databases.live()];
    world::apply(&bench.executable, &directory, &[&["--data-dir", &place], &arguments[..]].concat())?;
    let run = Run {
        bench,
        report,
        data_dir: &data_dir,
        arguments: &arguments,
        engine: "PostgreSQL",
        embedded: false,
        least: 6_000.0,
        least_part: 0.5,
    };
    run.measure(&mut || databases.copy(), &mut || databases.measure())
}

/// What a stretch of conversions took.
struct Took {
    rate: f64,
    processor_microseconds: f64,
}

struct Run<'a> {
    bench: &'a Bench,
    report: &'a mut Report,
    data_dir: &'a Path,
    arguments: &'a [&'a str],
    engine: &'static str,
    embedded: bool,
    /// Conversions a second on two free cores.
    least: f64,
    /// The same as a part of what the bare loop does there.
    least_part: f64,
}

impl Run<'_> {
    fn measure(
        self,
        copy: &mut dyn FnMut() -> anyhow::Result<()>,
        bare: &mut dyn FnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<()> {
        let amounts = amounts(self.bench);
        let start = Timestamp::parse("2026-01-01T00:00:00Z")?;
        let engine = self.engine;
        let product = self.serve()?;
        let few = world::traffic(1, FEW_CUSTOMERS, start);
        load(&product, &few)?;
        let early = in_batches(&product, &few, 0, FEW_CUSTOMERS)?;
        let many = world::traffic(2, amounts.customers, start);
        let begun = Instant::now();
        load(&product, &many)?;
        let loading = many.clicks() as f64 / begun.elapsed().as_secs_f64();
        let stored =
            format!("{engine}, {} customers, {} touchpoints", many.customers, many.clicks() + few.clicks());
        self.report.add(Figure::alone(format!("touchpoints settled, {engine}"), loading, "/s", Target::Told));

        // The copy is what the bare loop writes into: tables as large as the product's.
        product.stop()?;
        copy()?;
        let product = self.serve()?;
        let singly = singly(&product, &many, 0, amounts.conversions)?;
        let peak = product.memory_mib("VmHWM")?;
        product.stop()?;
        let reference = bare()?;
        let beside = |name: String, took: &Took, target| {
            Figure::beside(name, took.rate, "/s", ("bare loop", reference), target)
        };
        self.report.add(beside(
            format!("webhook to books, one by one: {stored}"),
            &singly,
            Target::AtLeast(self.least_part),
        ));
        self.report.add(Figure::alone(
            format!("  as a rate, {engine}"),
            singly.rate,
            "/s",
            Target::AtLeast(self.least),
        ));

        let product = self.serve()?;
        let late = in_batches(&product, &many, amounts.conversions, amounts.conversions)?;
        self.report.add(beside(
            format!("events to books, {BATCH} a request: {stored}"),
            &late,
            Target::AtLeast(self.least_part),
        ));
        self.report.add(Figure::alone(
            format!("  as a rate, {engine}"),
            late.rate,
            "/s",
            Target::AtLeast(self.least),
        ));
        for (name, value, first) in [
            (
                "processor per event, many stored against few",
                late.processor_microseconds,
                early.processor_microseconds,
            ),
            ("time per event, many stored against few", 1e6 / late.rate, 1e6 / early.rate),
        ] {
            let name = format!("{name}, {engine}");
            self.report.add(Figure::beside(
                name,
                value,
                "us",
                ("100,000 stored", first),
                Target::AtMost(1.2),
            ));
        }
        let peak = peak.max(product.memory_mib("VmHWM")?);
        self.report.add(Figure::alone(
            format!("memory under this load, {engine}"),
            peak,
            "MiB",
            Target::AtMost(400.0),
        ));
        let mut events = few.clicks() + FEW_CUSTOMERS + many.clicks() + 2 * amounts.conversions;
        if self.embedded && amounts.more_customers > 0 {
            let more = world::traffic(3, amounts.more_customers, start);
            load(&product, &more)?;
            events += more.clicks();
        }
        explaining::measure(&product, &many, (2 * amounts.conversions, events), engine, self.report)?;
        product.stop()?;
        let place = ["--data-dir".to_owned(), self.data_dir.to_string_lossy().into_owned()];
        let history = History {
            executable: &self.bench.executable,
            arguments: place.into_iter().chain(self.arguments.iter().map(ToString::to_string)).collect(),
            directory: &self.bench.directory,
            set_up: &world::text(),
            engine,
            least_replayed: if self.embedded { Target::AtLeast(100_000.0) } else { Target::Told },
        };
        history::measure(&history, self.report)
    }

    fn serve(&self) -> anyhow::Result<Product> {
        Product::serve(&self.bench.executable, self.data_dir, self.arguments)
    }
}

/// Stores the clicks of a load through `/v1/events` and waits until all are settled.
fn load(product: &Product, load: &Load) -> anyhow::Result<()> {
    let before = product.wait_idle()?;
    let path = format!("/v1/events?source={SITE}");
    // In parts: the requests of millions of clicks do not fit into memory at once.
    let part = 200 * BATCH;
    for first in (0..load.clicks()).step_by(usize::try_from(part)?) {
        let last = (first + part).min(load.clicks());
        let requests = batches(&path, first, last, |number| load.click(number).to_json());
        client::send_all(&product.address, requests, 4)?;
    }
    product.wait_settled(before + load.clicks())
}

/// Purchases as signed webhooks, one a request.
fn singly(product: &Product, load: &Load, first: u64, count: u64) -> anyhow::Result<Took> {
    let path = format!("/webhooks/{SHOP}");
    let requests =
        (first..first + count).map(|number| world::signed(&path, &load.conversion(number).to_json()));
    took(product, count, requests.collect(), CONNECTIONS)
}

/// Purchases as signed arrays.
fn in_batches(product: &Product, load: &Load, first: u64, count: u64) -> anyhow::Result<Took> {
    let path = format!("/v1/events?source={SHOP}");
    let requests = batches(&path, first, first + count, |number| load.conversion(number).to_json());
    took(product, count, requests, 4)
}

fn batches(path: &str, first: u64, last: u64, event: impl Fn(u64) -> String) -> Vec<Vec<u8>> {
    let numbers: Vec<u64> = (first..last).collect();
    numbers
        .chunks(usize::try_from(BATCH).unwrap_or(1))
        .map(|part| {
            let events: Vec<String> = part.iter().map(|number| event(*number)).collect();
            world::signed(path, &format!("[{}]", events.join(",")))
        })
        .collect()
}

/// From the first request to the commit of the last event's books.
fn took(product: &Product, events: u64, requests: Vec<Vec<u8>>, connections: usize) -> anyhow::Result<Took> {
    let before = product.wait_idle()?;
    let processor = product.processor_seconds()?;
    let begun = Instant::now();
    client::send_all(&product.address, requests, connections)?;
    product.wait_settled(before + events)?;
    let seconds = begun.elapsed().as_secs_f64();
    let processor = product.processor_seconds()? - processor;
    Ok(Took { rate: events as f64 / seconds, processor_microseconds: processor * 1e6 / events as f64 })
}
