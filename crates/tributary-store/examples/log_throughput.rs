//! Measures the log alone: senders in a closed loop through the group commit, as the doors use it.
//!
//! `cargo run --release -p tributary-store --example log_throughput -- [FOLDER | postgres://...] [SENDERS] [SECONDS] [COMMIT_DELAY_MS]`

use std::time::{Duration, Instant};

use tributary_domain::ids::{DeduplicationKey, EventId, fingerprint};
use tributary_domain::time::Timestamp;
use tributary_store::log::{
    Log, LogEngine, LogReader, LogSettings, NewRecord, PostgresLogEngine, PostgresLogReader, SqliteLogEngine,
    SqliteLogReader, Way,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, default: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let place = arguments.first().cloned().unwrap_or_else(|| "/tmp/tributary-log".to_owned());
    let (senders, seconds, delay) = (number(1, 64), number(2, 5), number(3, 0));
    let (engine, reader): (Box<dyn LogEngine>, Box<dyn LogReader>) = if place.starts_with("postgres://") {
        (Box::new(PostgresLogEngine::open(&place)?), Box::new(PostgresLogReader::open(&place)?))
    } else {
        std::fs::create_dir_all(&place)?;
        let file = std::path::Path::new(&place).join("log.sqlite");
        (Box::new(SqliteLogEngine::open(&file)?), Box::new(SqliteLogReader::open(&file)?))
    };
    let settings = LogSettings { commit_delay: Duration::from_millis(delay), ..LogSettings::default() };
    let log = Log::start(engine, settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for keyed in [false, true] {
        let (before, processor) = (reader.count()?, processor_seconds());
        let started = Instant::now();
        let mut waits = runtime.block_on(load(&log, senders, Duration::from_secs(seconds), keyed))?;
        let elapsed = started.elapsed().as_secs_f64();
        let stored = reader.count()? - before;
        waits.sort_unstable();
        let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
        println!(
            "{} {:.0} records/s, {:.1} us processor each, wait p50 {} us, p99 {} us, {} records",
            if keyed { "with key:   " } else { "without key:" },
            stored as f64 / elapsed,
            (processor_seconds() - processor) / stored as f64 * 1e6,
            at(0.5),
            at(0.99),
            stored
        );
    }
    Ok(())
}

/// Sends until the time is over; answers how many microseconds each record waited.
async fn load(log: &Log, senders: u64, time: Duration, keyed: bool) -> Result<Vec<u64>, Failure> {
    let until = Instant::now() + time;
    let mut tasks = Vec::new();
    for sender in 0..senders {
        let log = log.clone();
        tasks.push(tokio::spawn(async move {
            let mut waits = Vec::new();
            let mut number = 0_u64;
            while Instant::now() < until {
                number += 1;
                let sent = Instant::now();
                log.append_one(record(sender, number, keyed)).await?;
                waits.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Ok::<_, tributary_store::log::LogError>(waits)
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    Ok(waits)
}

fn record(sender: u64, number: u64, keyed: bool) -> NewRecord {
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    let at = Timestamp(i64::try_from(at).unwrap_or(0));
    let unique = fingerprint(&[&sender.to_be_bytes(), &number.to_be_bytes(), &at.0.to_be_bytes()]);
    NewRecord {
        event_id: EventId::from_parts(at, &unique),
        key: keyed.then_some(DeduplicationKey(unique)),
        content: unique,
        received_at: at,
        way: if keyed { Way::Postback } else { Way::Redirect },
        fact: vec![b'f'; 260],
        sealed: vec![7; 120],
    }
}

/// Processor time of this process so far: fields 14 and 15 of Linux's `/proc/self/stat`, in hundredths of a second.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
