use std::sync::mpsc;

use tributary_domain::ids::EventId;
use tributary_domain::time::Timestamp;

use super::*;
use crate::log::Way;

fn record(number: u8) -> NewRecord {
    NewRecord {
        event_id: EventId([number; 16]),
        key: None,
        content: [0; 16],
        received_at: Timestamp(0),
        way: Way::Redirect,
        fact: vec![number; 10],
        sealed: Vec::new(),
    }
}

/// An engine that waits for a permit before each group and tells how large the group was.
struct Stepped {
    permits: mpsc::Receiver<()>,
    groups: mpsc::Sender<usize>,
    last: u64,
}

impl LogEngine for Stepped {
    fn append(&mut self, group: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        self.groups.send(group.len()).unwrap();
        self.permits.recv().unwrap();
        let first = self.last + 1;
        self.last += group.len() as u64;
        Ok((first..=self.last).map(|sequence| Appended::Stored(Sequence(sequence))).collect())
    }
}

struct Steps {
    permit: mpsc::Sender<()>,
    groups: mpsc::Receiver<usize>,
}

fn stepped(settings: LogSettings) -> (Log, Steps) {
    let (permit, permits) = mpsc::channel();
    let (group, groups) = mpsc::channel();
    let log = Log::start(Box::new(Stepped { permits, groups: group, last: 0 }), settings).unwrap();
    (log, Steps { permit, groups })
}

/// Queues records without waiting for the answer; the calling task is the only one that runs.
fn queue(
    log: &Log,
    numbers: std::ops::Range<u8>,
) -> Vec<tokio::task::JoinHandle<Result<Appended, LogError>>> {
    numbers
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.append_one(record(number)).await })
        })
        .collect()
}

#[tokio::test]
async fn who_comes_during_a_commit_shares_the_next_one() {
    let (log, steps) = stepped(LogSettings::default());
    let first = queue(&log, 0..1);
    tokio::task::yield_now().await;
    assert_eq!(steps.groups.recv().unwrap(), 1, "a lone record waits for nobody");
    let others = queue(&log, 1..31);
    tokio::task::yield_now().await;
    assert_eq!(log.depth().records, 30);
    steps.permit.send(()).unwrap();
    assert_eq!(steps.groups.recv().unwrap(), 30);
    steps.permit.send(()).unwrap();
    for (sequence, task) in (1..).zip(first.into_iter().chain(others)) {
        assert_eq!(
            task.await.unwrap(),
            Ok(Appended::Stored(Sequence(sequence))),
            "each hears of his own record"
        );
    }
    assert_eq!(*log.newest().borrow(), Sequence(31));
}

#[tokio::test]
async fn groups_are_bounded_and_requests_are_never_split() {
    let settings = LogSettings { group_records: 10, ..LogSettings::default() };
    let (log, steps) = stepped(settings);
    let opener = queue(&log, 0..1);
    tokio::task::yield_now().await;
    steps.groups.recv().unwrap();
    let requests: Vec<_> = [6, 6, 25, 3]
        .into_iter()
        .map(|count| {
            let log = log.clone();
            tokio::spawn(async move { log.append((0..count).map(record).collect()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for expected in [6, 6, 25, 3] {
        steps.permit.send(()).unwrap();
        assert_eq!(steps.groups.recv().unwrap(), expected);
    }
    steps.permit.send(()).unwrap();
    for (task, count) in requests.into_iter().zip([6, 6, 25, 3]) {
        assert_eq!(task.await.unwrap().unwrap().len(), count);
    }
    opener.into_iter().next().unwrap().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_by_records_and_by_bytes() {
    let size = record(0).size_bytes();
    for settings in [
        LogSettings { queue_records: 3, ..LogSettings::default() },
        LogSettings { queue_bytes: 3 * size + 1, ..LogSettings::default() },
    ] {
        let (log, steps) = stepped(settings);
        let opener = queue(&log, 0..1);
        tokio::task::yield_now().await;
        steps.groups.recv().unwrap();
        let waiting = queue(&log, 1..4);
        tokio::task::yield_now().await;
        assert_eq!(log.append_one(record(9)).await, Err(LogError::Overloaded));
        assert!(matches!(
            log.append((0..4).map(record).collect()).await,
            Err(LogError::TooLarge { records: 4, .. })
        ));
        steps.permit.send(()).unwrap();
        steps.permit.send(()).unwrap();
        for task in opener.into_iter().chain(waiting) {
            task.await.unwrap().unwrap();
        }
    }
}

/// An engine that answers once and then panics.
struct Panicking(bool);

impl LogEngine for Panicking {
    fn append(&mut self, _: &[NewRecord]) -> Result<Vec<Appended>, LogError> {
        assert!(!std::mem::replace(&mut self.0, true), "an engine's defect");
        Ok(vec![Appended::Stored(Sequence(1))])
    }
}

#[tokio::test]
async fn nobody_waits_for_ever_when_an_engine_panics() {
    let log = Log::start(Box::new(Panicking(false)), LogSettings::default()).unwrap();
    log.append_one(record(1)).await.unwrap();
    assert_eq!(log.append_one(record(2)).await, Err(LogError::Closed));
    assert_eq!(log.append_one(record(3)).await, Err(LogError::Closed));
}

#[tokio::test]
async fn dropping_the_last_handle_stores_what_waits() {
    let (log, steps) = stepped(LogSettings::default());
    let tasks = queue(&log, 0..5);
    tokio::task::yield_now().await;
    for task in &tasks {
        task.abort();
    }
    drop(tasks);
    for _ in 0..5 {
        steps.permit.send(()).unwrap();
    }
    tokio::task::spawn_blocking(move || drop(log)).await.unwrap();
    assert_eq!(
        steps.groups.iter().sum::<usize>(),
        5,
        "records of senders who went away are stored all the same"
    );
}

#[test]
fn commands_append_without_a_runtime() {
    let (log, steps) = stepped(LogSettings::default());
    steps.permit.send(()).unwrap();
    let answers = log.append_blocking((0..3).map(record).collect()).unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(log.append_blocking(Vec::new()), Ok(Vec::new()));
    log.close();
    assert_eq!(log.append_blocking(vec![record(1)]), Err(LogError::Closed));
}
