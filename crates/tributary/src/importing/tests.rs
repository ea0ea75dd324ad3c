//! Imports end in one outcome per row, wherever they were interrupted.

use std::path::PathBuf;

use tributary_adapters::canonical::DecodingRules;
use tributary_adapters::import::{ColumnMap, Format};

use super::*;
use crate::workbench::Workbench;

/// A door that fails after so many events.
struct Failing<D> {
    inner: D,
    left: usize,
}

impl<D: Door> Door for Failing<D> {
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>> {
        anyhow::ensure!(events.len() <= self.left, "the door is shut");
        self.left -= events.len();
        self.inner.submit(events)
    }
}

fn job(file: PathBuf, map: &str) -> Job {
    let result = PathBuf::from(format!("{}.result.csv", file.display()));
    Job {
        file,
        format: Format::Csv,
        map: ColumnMap::parse(map).unwrap(),
        identity: format!("shop {map}"),
        result: Some(result),
    }
}

fn clicks(count: usize) -> String {
    let rows = (0..count).map(|n| format!("click,e-{n},a,2026-03-01T10:00:00Z\n"));
    std::iter::once("event_type,event_id,link,timestamp\n".to_owned()).chain(rows).collect()
}

fn result_of(job: &Job) -> Vec<String> {
    let text = std::fs::read_to_string(job.result.as_ref().unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_interrupted_import_goes_on_and_ends_in_one_outcome_per_row() {
    let bench = Workbench::new();
    let rows = 2 * BATCH_EVENTS + 500;
    let job = job(bench.file("clicks.csv", &clicks(rows)), "");
    let mut shut = Failing { inner: bench.door(), left: BATCH_EVENTS };
    assert!(run(&job, &mut shut, &mut |_, _| {}).is_err());
    assert_eq!(result_of(&job).len(), 1 + BATCH_EVENTS, "what was answered is written");

    let summary = run(&job, &mut bench.door(), &mut |_, _| {}).unwrap();
    assert_eq!((summary.rows, summary.resumed), (rows as u64, BATCH_EVENTS as u64));
    assert_eq!((summary.accepted, summary.duplicate), ((rows - BATCH_EVENTS) as u64, 0));
    let lines: Vec<u64> =
        result_of(&job).iter().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(lines, (2..2 + rows as u64).collect::<Vec<_>>());

    let again = run(&job, &mut bench.door(), &mut |_, _| {}).unwrap();
    assert_eq!((again.resumed, again.accepted, again.duplicate), (0, 0, rows as u64));
}

#[test]
fn a_refused_row_has_its_reason_and_the_others_are_stored() {
    let bench = Workbench::new();
    let text = "event_type,event_id,link,timestamp\nclick,1,a,\nclick,2,a,yesterday\nclick,3\nclick,4,a,\n";
    let job = job(bench.file("mixed.csv", text), "");
    let summary = run(&job, &mut bench.door(), &mut |_, _| {}).unwrap();
    assert_eq!((summary.rows, summary.accepted, summary.rejected), (4, 2, 2));
    assert_eq!(summary.reasons.values().sum::<u64>(), 2);
    let result = result_of(&job);
    assert!(result[2].starts_with("3,rejected,,invalid_field,"), "{}", result[2]);
    assert!(result[3].starts_with("4,rejected,"), "{}", result[3]);
}

const PATHS: &str = r#"
kind = "journeys"
currency = "EUR"
[journeys]
name = "path"
path = "path"
conversions = "yes"
value = "value"
nulls = "no"
start = "2026-03-01T00:00:00Z"
between_people = "20s"
between_touches = "1h"
before_conversion = "1h"
"#;

#[test]
fn a_row_of_journeys_has_one_outcome_for_all_its_events() {
    let mut bench = Workbench::new();
    let text = "path,yes,value,no\na > b,2,10.005,1\na,1,x,0\n";
    let job = job(bench.file("paths.csv", text), PATHS);
    let summary = run(&job, &mut bench.door(), &mut |_, _| {}).unwrap();
    // Three people with two clicks each, and two orders of 5.00; the bad row is nobody.
    assert_eq!((summary.rows, summary.accepted, summary.rejected), (2, 8, 1));
    let result = result_of(&job);
    assert!(result[1].contains("8 events: 8 accepted, 0 duplicate, 0 rejected"), "{}", result[1]);
    bench.desk.catch_up().unwrap();
    let again = run(&job, &mut bench.door(), &mut |_, _| {}).unwrap();
    assert_eq!((again.accepted, again.duplicate), (0, 8));
}

#[test]
fn a_dry_run_judges_every_row_and_leaves_nothing_behind() {
    let bench = Workbench::new();
    let text = "event_type,transaction_id,value\nconversion,1,5.00\nconversion,2,\n";
    let file = bench.file("orders.csv", text);
    let job = Job { result: None, ..job(file, "currency = \"EUR\"") };
    let before = bench.desk.log.last().unwrap();
    let rules = job.map.rules(&DecodingRules::default());
    let summary = run(&job, &mut DryRunDoor { rules }, &mut |_, _| {}).unwrap();
    assert_eq!((summary.accepted, summary.rejected), (1, 1));
    assert_eq!(bench.desk.log.last().unwrap(), before);
    assert_eq!(std::fs::read_dir(bench.directory.path()).unwrap().count(), 2, "the data and the file");
}

/// A door that tells how many events it was handed at once.
struct Counting(std::rc::Rc<std::cell::RefCell<Vec<usize>>>);

impl Door for Counting {
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>> {
        self.0.borrow_mut().push(events.len());
        Ok(events.iter().map(|_| Outcome::rejected(Reason::Recorded)).collect())
    }
}

#[test]
fn events_of_several_sources_go_in_batches_each_through_its_own_door() {
    let handed = std::rc::Rc::default();
    let opened = std::cell::RefCell::new(Vec::new());
    let mut doors = DoorsBySource::new(|source| -> anyhow::Result<Counting> {
        anyhow::ensure!(source != "nobody", "no door");
        opened.borrow_mut().push(source);
        Ok(Counting(std::rc::Rc::clone(&handed)))
    });
    let event = || Submission { fields: Fields::new(), raw: Vec::new() };
    let mut outcomes = 0;
    for number in 0..1_003 {
        let source = if number % 500 == 1 { "crm" } else { "shop" };
        outcomes += doors.submit(source, event()).unwrap().len();
    }
    assert!(doors.submit("nobody", event()).is_err());
    outcomes += doors.finish().unwrap().len();
    assert_eq!(outcomes, 1_003);
    assert_eq!(opened.into_inner(), ["shop", "crm"], "each door is opened once");
    let mut handed = handed.borrow().clone();
    handed.sort_unstable();
    assert_eq!(handed, [3, 1_000]);
}
