//! `make bench`: how fast, how large, how dear, as ratios to a reference that is measured in the same run.
//!
//! The product runs as its own process (`target/release/tributary`); this program starts it, drives it over the network, reads
//! its processor time and memory from `/proc`, and measures the references. A figure that misses its target is shown as missed;
//! the run still ends with 0, because a loaded machine is no defect of the program.
//!
//! `BENCH_SCALE=full` stores 1 million customers and 5 million touchpoints first; `BENCH_ONLY=redirects,sqlite,postgres,models` picks parts.

mod bare_postgres;
mod bare_sqlite;
mod client;
mod end_to_end;
mod explaining;
mod history;
mod models;
mod product;
mod redirects;
mod report;
mod web_server;
mod without_storing;
mod world;
mod wrk;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::report::Report;

/// The product's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured, and where.
pub(crate) struct Bench {
    /// The released executable.
    pub(crate) executable: PathBuf,
    /// A directory of this run's own, on the disk that is measured; removed at the end.
    pub(crate) directory: PathBuf,
    /// Whether the amounts are those of the published targets.
    pub(crate) full: bool,
    /// A PostgreSQL server of this run's own, if there is one.
    pub(crate) postgres: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, directory] = &arguments[..]
        && command == without_storing::COMMAND
    {
        return without_storing::serve(Path::new(directory));
    }
    let executable = PathBuf::from(arguments.first().map_or("target/release/tributary", String::as_str));
    let output = PathBuf::from(arguments.get(1).map_or("target/bench", String::as_str));
    std::fs::create_dir_all(&output)?;
    let directory = output.join(format!("run-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let bench = Bench {
        executable: executable
            .canonicalize()
            .context("build it first: cargo build --release -p tributary")?,
        directory: directory.canonicalize()?,
        full: std::env::var("BENCH_SCALE").is_ok_and(|scale| scale == "full"),
        postgres: std::env::var("TRIBUTARY_TEST_POSTGRES_URL").ok(),
    };
    let only = std::env::var("BENCH_ONLY").unwrap_or_else(|_| "redirects,sqlite,postgres,models".to_owned());
    let mut report = Report::new(&bench);
    for part in only.split(',') {
        let measured = match part {
            "redirects" => redirects::measure(&bench, &mut report),
            "sqlite" => end_to_end::sqlite(&bench, &mut report),
            "postgres" => end_to_end::postgres(&bench, &mut report),
            "models" => models::measure(&bench, &mut report),
            other => Err(anyhow::anyhow!("there is no part `{other}`")),
        };
        if let Err(problem) = measured {
            report.failed(part, &problem);
        }
    }
    std::fs::remove_dir_all(&bench.directory)?;
    report.write(&output)
}
