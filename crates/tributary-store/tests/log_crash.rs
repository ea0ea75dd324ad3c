//! A process that writes the log is killed again and again: whatever it had acknowledged is there, once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use tributary_domain::ids::EventId;
use tributary_store::log::{
    Appended, Log, LogEngine, LogReader, LogSettings, PostgresLogEngine, PostgresLogReader, Sequence,
    SqliteLogEngine, SqliteLogReader,
};
use tributary_store::suite::{log::sample, postgres_server};

/// Tells the child process where the log is and from which number on to write.
const PLACE: &str = "TRIBUTARY_TEST_CRASH_PLACE";
const START: &str = "TRIBUTARY_TEST_CRASH_START";

fn engine(place: &str) -> Box<dyn LogEngine> {
    if place.starts_with("postgres://") {
        Box::new(PostgresLogEngine::open(place).unwrap())
    } else {
        Box::new(SqliteLogEngine::open(Path::new(place)).unwrap())
    }
}

fn reader(place: &str) -> Box<dyn LogReader> {
    if place.starts_with("postgres://") {
        Box::new(PostgresLogReader::open(place).unwrap())
    } else {
        Box::new(SqliteLogReader::open(Path::new(place)).unwrap())
    }
}

/// Not a test of its own: what the child process runs. Eight senders write and say each number as soon as it is acknowledged.
#[test]
#[ignore = "the child process of the crash tests"]
fn child_that_writes_until_it_is_killed() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let start: u64 = std::env::var(START).unwrap().parse().unwrap();
    let log = Log::start(engine(&place), LogSettings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let log = log.clone();
                tokio::spawn(async move {
                    for number in (start + sender..).step_by(8) {
                        let answer = log.append_one(sample(number, number, number)).await.unwrap();
                        assert!(matches!(answer, Appended::Stored(_)));
                        // One write call, so that a line is whole or absent.
                        std::io::stdout().write_all(format!("stored {number}\n").as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

fn write_and_kill(place: &str, start: u64, lines: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(PLACE, place)
        .env(START, start.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("stored ").and_then(|number| number.parse().ok());
    let mut acknowledged: Vec<u64> = output.by_ref().filter_map(number).take(lines).collect();
    // SIGKILL, while it writes.
    child.kill().unwrap();
    acknowledged.extend(output.filter_map(number));
    child.wait().unwrap();
    acknowledged
}

fn nothing_acknowledged_is_lost(place: &str) {
    engine(place);
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        let lines = 1 + usize::try_from(round).unwrap() * 97;
        acknowledged.extend(write_and_kill(place, 1 + round * 1_000_000, lines));
    }
    assert!(acknowledged.len() > 1000);
    let records = reader(place).read_after(Sequence(0), usize::MAX).unwrap();
    let stored: HashSet<EventId> = records.iter().map(|record| record.event_id).collect();
    assert_eq!(stored.len(), records.len(), "nothing is stored twice");
    for number in &acknowledged {
        assert!(stored.contains(&sample(*number, 0, 0).event_id), "{number} was acknowledged and is lost");
    }
    // What was stored without having been acknowledged is known: its sender is told so when he repeats it.
    let repeated: Vec<_> = acknowledged.iter().map(|number| sample(*number, *number, *number)).collect();
    let answers = engine(place).append(&repeated).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Appended::Duplicate { .. })));
}

#[test]
fn d8_nothing_acknowledged_is_lost_when_the_writer_of_a_sqlite_log_is_killed() {
    let folder = tempfile::TempDir::new().unwrap();
    nothing_acknowledged_is_lost(folder.path().join("log.sqlite").to_str().unwrap());
}

#[test]
fn d8_nothing_acknowledged_is_lost_when_a_writer_of_a_postgresql_log_is_killed() {
    nothing_acknowledged_is_lost(&postgres_server::fresh_database());
}
