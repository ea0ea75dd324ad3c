//! Durable tracked redirects: rate, latency, processor time and disk per click, beside the same server without storing and nginx.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::product::Product;
use crate::report::{Figure, Report, Target};
use crate::web_server::WebServer;
use crate::wrk::{Answered, Load, median};
use crate::{Bench, without_storing, world};

/// Rounds of each measurement; the middle one counts. Candidate and references take turns, so that a change of the machine's load
/// meets all of them.
const ROUNDS: usize = 3;
const SECONDS: u32 = 6;

/// Measures everything about redirects.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let directory = bench.directory.join("redirects");
    std::fs::create_dir_all(&directory)?;
    let (stored, kept_nothing, slow) =
        (directory.join("stored"), directory.join("without-storing"), directory.join("slow-disk"));
    for data_dir in [&stored, &kept_nothing, &slow] {
        world::apply(&bench.executable, &directory, &["--data-dir", &data_dir.to_string_lossy()])?;
    }
    let (middle, mean) = disk_wait(&directory.join("disk"))?;
    report.add(Figure::alone("the disk: fdatasync of 24 KiB, median", middle, "us", Target::Told));
    report.add(Figure::alone("the disk: the same, mean", mean, "us", Target::Told));
    let product = Product::serve(&bench.executable, &stored, &[])?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    report.add(Figure::alone("idle memory", product.memory_mib("VmRSS")?, "MiB", Target::AtMost(60.0)));
    let reference = start_without_storing(&kept_nothing)?;
    let nginx = WebServer::start(&directory.join("nginx"))?;

    for (name, paths) in
        [("spread over 1,000 links", world::spread_paths()), ("one hot link", world::hot_path())]
    {
        let load = Load::of(&directory, "paths", &paths, 64, SECONDS)?;
        let before = Costs::of(&product)?;
        let (mut durable, mut unstored, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(load.run(&nginx.address)?);
            unstored.push(load.run(&reference.address)?);
            durable.push(load.run(&product.address)?);
            product.wait_idle()?;
        }
        let clicks: u64 = durable.iter().map(|run| run.requests).sum();
        told(report, name, median(durable)?, median(unstored)?, median(bare)?);
        per_click(report, name, &before, &Costs::of(&product)?, clicks as f64);
    }
    slow_disk(bench, report, &directory, &product, &slow)?;
    report.add(Figure::alone(
        "memory under redirects",
        product.memory_mib("VmHWM")?,
        "MiB",
        Target::AtMost(400.0),
    ));
    product.stop()?;
    reference.stop()
}

/// What a commit waits for at least: a slow or busy disk explains durable redirects that are slow beside references that never wait.
/// Median and mean in microseconds.
fn disk_wait(file: &Path) -> anyhow::Result<(f64, f64)> {
    let mut file = std::fs::File::create(file)?;
    file.write_all(&vec![1; 4 << 20])?;
    file.sync_all()?;
    let mut waits = Vec::new();
    for round in 0..500_u64 {
        file.seek(SeekFrom::Start(round % 160 * 24_576))?;
        file.write_all(&[2; 24_576])?;
        let begun = Instant::now();
        file.sync_data()?;
        waits.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    waits.sort_by(f64::total_cmp);
    Ok((waits[waits.len() / 2], waits.iter().sum::<f64>() / waits.len() as f64))
}

fn start_without_storing(data_dir: &Path) -> anyhow::Result<Product> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(without_storing::COMMAND).arg(data_dir);
    Product::start(command, data_dir)
}

fn told(report: &mut Report, name: &str, durable: Answered, unstored: Answered, bare: Answered) {
    let figure = |what: &str| format!("{what}, {name}");
    report.add(Figure::beside(
        figure("durable redirects against the same without storing"),
        durable.rate,
        "/s",
        ("without storing", unstored.rate),
        Target::AtLeast(0.65),
    ));
    report.add(Figure::beside(
        figure("durable redirects against nginx"),
        durable.rate,
        "/s",
        ("nginx", bare.rate),
        Target::AtLeast(0.5),
    ));
    report.add(Figure::beside(figure("p99"), durable.p99, "ms", ("nginx", bare.p99), Target::AtMost(8.0)));
}

/// What clicks have cost so far.
struct Costs {
    processor_seconds: f64,
    disk_bytes: u64,
}

impl Costs {
    fn of(product: &Product) -> anyhow::Result<Self> {
        Ok(Self { processor_seconds: product.processor_seconds()?, disk_bytes: product.disk_bytes()? })
    }
}

fn per_click(report: &mut Report, name: &str, before: &Costs, after: &Costs, clicks: f64) {
    let microseconds = (after.processor_seconds - before.processor_seconds) * 1e6 / clicks;
    let figure = format!("processor per durable click, engine included, {name}");
    report.add(Figure::alone(figure, microseconds, "us", Target::AtMost(50.0)));
    let bytes = after.disk_bytes.saturating_sub(before.disk_bytes) as f64 / clicks;
    report.add(Figure::alone(format!("disk per click, log and books, {name}"), bytes, "bytes", Target::Told));
}

/// The same with 5 ms added to each commit and 1,000 connections, as on a slow disk.
fn slow_disk(
    bench: &Bench,
    report: &mut Report,
    directory: &Path,
    fast: &Product,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let slow = Product::serve(&bench.executable, data_dir, &["--set", "test.commit_delay_ms=5"])?;
    for (name, paths) in [("spread", world::spread_paths()), ("one hot link", world::hot_path())] {
        let load = Load::of(directory, "many", &paths, 1_000, SECONDS)?;
        let (mut delayed, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            plain.push(load.run(&fast.address)?);
            fast.wait_idle()?;
            delayed.push(load.run(&slow.address)?);
            slow.wait_idle()?;
        }
        let (delayed, plain) = (median(delayed)?, median(plain)?);
        report.add(Figure::beside(
            format!("redirects with 5 ms more per commit, 1,000 connections, {name}"),
            delayed.rate,
            "/s",
            ("without delay", plain.rate),
            Target::AtLeast(0.6),
        ));
        report.add(Figure::alone(format!("  its p99, {name}"), delayed.p99, "ms", Target::Told));
    }
    slow.stop()
}
