//! The log port's contract as tests. Each function takes a log of its own, empty at first, and fails by panicking.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tributary_domain::ids::{DeduplicationKey, EventId, fingerprint};
use tributary_domain::time::Timestamp;

use crate::log::{
    Appended, Log, LogEngine, LogError, LogReader, LogRecord, LogSettings, NewRecord, Sequence, Way,
};

/// Opens engines and readers of one log.
pub trait LogStores: Sync {
    /// An engine that writes it. Migrates it when it is new.
    ///
    /// # Errors
    /// What the engine says.
    fn engine(&self) -> Result<Box<dyn LogEngine>, LogError>;

    /// A reader of it.
    fn reader(&self) -> Box<dyn LogReader>;

    /// Makes the storage fail in the middle of a transaction that stores this event.
    fn break_event(&self, event: EventId);

    /// Ends [`LogStores::break_event`].
    fn mend(&self);
}

/// A record whose bytes are derived from its numbers; `key` 0 is none.
#[must_use]
pub fn sample(event: u64, key: u64, content: u64) -> NewRecord {
    let at = Timestamp(1_770_000_000_000_000 + i64::try_from(event).unwrap() * 1000);
    NewRecord {
        event_id: EventId::from_parts(at, &fingerprint(&[b"event", &event.to_be_bytes()])),
        key: (key != 0).then(|| DeduplicationKey(fingerprint(&[b"key", &key.to_be_bytes()]))),
        content: fingerprint(&[b"content", &content.to_be_bytes()]),
        received_at: at,
        way: Way::ALL[usize::try_from(event % 7).unwrap()],
        fact: format!("{{\"event\":{event}}}").into_bytes(),
        sealed: vec![u8::try_from(event % 251).unwrap(); usize::try_from(event % 40).unwrap()],
    }
}

fn assert_same(stored: &LogRecord, given: &NewRecord) {
    assert_eq!(
        (stored.event_id, stored.key, stored.received_at, stored.way, &stored.fact, &stored.sealed),
        (given.event_id, given.key, given.received_at, given.way, &given.fact, &given.sealed)
    );
}

fn sequence_of(appended: Appended) -> Sequence {
    match appended {
        Appended::Stored(sequence) => sequence,
        other => panic!("expected a stored record, got {other:?}"),
    }
}

fn all_records(reader: &dyn LogReader) -> Vec<LogRecord> {
    reader.read_after(Sequence(0), usize::MAX).unwrap()
}

/// Sequences start at 1 or later, strictly increase, and follow the order of the group; reading follows them.
pub fn records_keep_their_order(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let records: Vec<NewRecord> = (1..=50).map(|n| sample(n, n, n)).collect();
    let mut sequences: Vec<Sequence> = Vec::new();
    for group in records.chunks(7) {
        sequences.extend(engine.append(group).unwrap().into_iter().map(sequence_of));
    }
    assert!(sequences[0] >= Sequence(1));
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");

    let reader = stores.reader();
    assert_eq!(reader.last().unwrap(), sequences[49]);
    assert_eq!(reader.count().unwrap(), 50);
    let mut read = Vec::new();
    let mut after = Sequence(0);
    loop {
        let page = reader.read_after(after, 8).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 8);
        after = last.sequence;
        read.extend(page);
    }
    assert_eq!(read.iter().map(|record| record.sequence).collect::<Vec<_>>(), sequences);
    for (stored, given) in read.iter().zip(&records) {
        assert_same(stored, given);
        assert_eq!(reader.get(stored.sequence).unwrap().as_ref(), Some(stored));
        assert_eq!(reader.find_by_event(given.event_id).unwrap().as_ref(), Some(stored));
        assert_eq!(reader.find_by_key(&given.key.unwrap()).unwrap().as_ref(), Some(stored));
    }
    assert_eq!(reader.get(Sequence(sequences[49].0 + 1)).unwrap(), None);
    assert_eq!(reader.find_by_event(sample(999, 0, 0).event_id).unwrap(), None);
    assert_eq!(reader.find_by_key(&sample(999, 999, 0).key.unwrap()).unwrap(), None);
}

/// An empty log reads as empty, and an empty group does nothing.
pub fn an_empty_log_reads_as_empty(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    assert_eq!(engine.append(&[]).unwrap(), []);
    let reader = stores.reader();
    assert_eq!((reader.last().unwrap(), reader.count().unwrap()), (Sequence(0), 0));
    assert_eq!((reader.conflicts(9).unwrap().len(), reader.conflict_count().unwrap()), (0, 0));
    assert!(all_records(&*reader).is_empty());
}

/// What was stored is there after the engine is gone and opened again, and sequences go on.
pub fn d10_records_and_keys_survive_reopening(stores: &impl LogStores) {
    let first = sequence_of(stores.engine().unwrap().append(&[sample(1, 1, 1)]).unwrap()[0]);
    let mut engine = stores.engine().unwrap();
    let again = engine.append(&[sample(2, 1, 1), sample(3, 3, 3)]).unwrap();
    assert_eq!(again[0], Appended::Duplicate { event_id: sample(1, 1, 1).event_id });
    assert!(sequence_of(again[1]) > first);
    assert_eq!(stores.reader().count().unwrap(), 2);
}

/// A taken key answers with the event that was stored first: in the same group, in a later one, by any way in.
pub fn d11_duplicates_name_the_first_event(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let first = sample(1, 1, 1);
    let duplicate = Appended::Duplicate { event_id: first.event_id };
    let answers = engine.append(&[first.clone(), sample(2, 1, 1), sample(3, 2, 2), sample(4, 1, 1)]).unwrap();
    assert_eq!((answers[1], answers[3]), (duplicate, duplicate));
    assert!(matches!(answers[2], Appended::Stored(_)));
    for way in Way::ALL {
        let other_way = NewRecord { way, ..sample(5, 1, 1) };
        assert_eq!(engine.append(&[other_way]).unwrap(), [duplicate], "{way:?}");
    }
    assert_eq!(stores.reader().count().unwrap(), 2);
    assert_eq!(stores.reader().conflict_count().unwrap(), 0);
}

/// A taken key with other content is a conflict that stays visible, once per content.
pub fn conflicts_are_visible_once_per_content(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let first = sample(1, 1, 1);
    let conflict = Appended::Conflict { event_id: first.event_id };
    let answers = engine.append(&[first.clone(), sample(2, 1, 2), sample(3, 1, 2)]).unwrap();
    assert_eq!(answers[1..], [conflict, conflict]);
    assert_eq!(engine.append(&[sample(4, 1, 3)]).unwrap(), [conflict]);
    assert_eq!(engine.append(&[sample(5, 1, 3), sample(6, 1, 1)]).unwrap()[0], conflict);

    let reader = stores.reader();
    assert_eq!((reader.count().unwrap(), reader.conflict_count().unwrap()), (1, 2));
    let conflicts = reader.conflicts(10).unwrap();
    assert!(conflicts.iter().all(|conflict| conflict.original == first.event_id));
    let facts: Vec<&[u8]> = conflicts.iter().map(|conflict| &conflict.fact[..]).collect();
    assert_eq!(facts, [&sample(4, 1, 3).fact[..], &sample(2, 1, 2).fact[..]], "newest first");
    assert_eq!(conflicts[1].received_at, sample(2, 1, 2).received_at);
    assert_eq!((conflicts[1].way, &conflicts[1].sealed), (sample(2, 1, 2).way, &sample(2, 1, 2).sealed));
    assert_eq!(reader.conflicts(1).unwrap().len(), 1);
}

/// Records without a key are always new, equal content or not.
pub fn records_without_a_key_are_always_new(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let answers = engine.append(&[sample(1, 0, 1), sample(2, 0, 1), sample(3, 0, 1)]).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Appended::Stored(_))));
    assert!(all_records(&*stores.reader()).iter().all(|record| record.key.is_none()));
}

/// Records of many sizes come back byte for byte, empty and of several MiB.
pub fn big_and_empty_records_come_back_exactly(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let sized = |event: u64, length: usize| NewRecord {
        fact: (0..length).map(|n| u8::try_from(n % 253).unwrap()).collect(),
        sealed: (0..length).map(|n| u8::try_from(n % 241).unwrap()).collect(),
        ..sample(event, event, event)
    };
    let records: Vec<NewRecord> = [0, 1, 4095, 4096, 70_000, 5 << 20]
        .into_iter()
        .zip(1..)
        .map(|(length, event)| sized(event, length))
        .collect();
    engine.append(&records).unwrap();
    let stored = all_records(&*stores.reader());
    assert_eq!(stored.len(), records.len());
    stored.iter().zip(&records).for_each(|(stored, given)| assert_same(stored, given));
}

/// A group that fails in the middle stores nothing and takes no key; the same engine then works on.
pub fn d7_a_failed_commit_leaves_no_key_behind(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    engine.append(&[sample(1, 1, 1)]).unwrap();
    let group = [sample(2, 2, 2), sample(3, 1, 9), sample(4, 4, 4), sample(5, 0, 5)];
    stores.break_event(sample(4, 4, 4).event_id);
    for _ in 0..3 {
        assert!(matches!(engine.append(&group), Err(LogError::Storage(_))));
    }
    let reader = stores.reader();
    assert_eq!((reader.count().unwrap(), reader.conflict_count().unwrap()), (1, 0));

    stores.mend();
    let answers = engine.append(&group).unwrap();
    let stored = answers.iter().filter(|answer| matches!(answer, Appended::Stored(_))).count();
    assert_eq!(stored, 3, "the retry is new, not a duplicate: {answers:?}");
    assert_eq!(answers[1], Appended::Conflict { event_id: sample(1, 1, 1).event_id });
}

/// A reader beside the writer sees a group whole or not at all.
pub fn readers_see_whole_groups(stores: &impl LogStores) {
    const GROUP: u64 = 7;
    let mut engine = stores.engine().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for start in (1..=150 * GROUP).step_by(usize::try_from(GROUP).unwrap()) {
                let group: Vec<NewRecord> = (start..start + GROUP).map(|n| sample(n, n, n)).collect();
                engine.append(&group).unwrap();
            }
        });
        let reader = stores.reader();
        while !writer.is_finished() {
            let records = all_records(&*reader);
            assert_eq!(u64::try_from(records.len()).unwrap() % GROUP, 0, "a part of a group was read");
            assert_eq!(reader.count().unwrap() % GROUP, 0, "a part of a group was counted");
        }
    });
    assert_eq!(stores.reader().count().unwrap(), 150 * GROUP);
}

/// Random groups answer as the simplest possible log would: a map from key to first event.
pub fn any_groups_answer_like_a_map_of_keys(stores: &impl LogStores) {
    let mut engine = stores.engine().unwrap();
    let mut model: HashMap<DeduplicationKey, (EventId, [u8; 16])> = HashMap::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut event = 0;
    let mut expected_records = 0;
    for _ in 0..120 {
        let group: Vec<NewRecord> = (0..1 + below(12))
            .map(|_| {
                event += 1;
                sample(event, below(60), below(3))
            })
            .collect();
        let answers = engine.append(&group).unwrap();
        assert_eq!(answers.len(), group.len());
        for (record, answer) in group.iter().zip(answers) {
            let first = record.key.and_then(|key| model.get(&key).copied());
            match first {
                None => {
                    assert!(matches!(answer, Appended::Stored(_)), "{record:?}");
                    expected_records += 1;
                    if let Some(key) = record.key {
                        model.insert(key, (record.event_id, record.content));
                    }
                }
                Some((event_id, content)) if content == record.content => {
                    assert_eq!(answer, Appended::Duplicate { event_id });
                }
                Some((event_id, _)) => assert_eq!(answer, Appended::Conflict { event_id }),
            }
        }
    }
    assert_eq!(stores.reader().count().unwrap(), expected_records);
}

/// Of a thousand simultaneous appends of one event exactly one is stored, and all the others are told its id.
pub async fn d1_of_a_thousand_simultaneous_appends_exactly_one_is_stored(stores: &impl LogStores) {
    let log = Log::start(stores.engine().unwrap(), LogSettings::default()).unwrap();
    let mut tasks = Vec::new();
    for n in 1..=1000 {
        let log = log.clone();
        tasks.push(tokio::spawn(async move { log.append_one(sample(n, 7, 7)).await.unwrap() }));
    }
    let mut stored = 0;
    let mut duplicates = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Appended::Stored(_) => stored += 1,
            Appended::Duplicate { event_id } => duplicates.push(event_id),
            Appended::Conflict { .. } => panic!("equal content is no conflict"),
        }
    }
    let records = all_records(&*stores.reader());
    assert_eq!((stored, duplicates.len(), records.len()), (1, 999, 1));
    assert!(duplicates.iter().all(|event| *event == records[0].event_id));
}

/// A full queue refuses at once instead of letting the sender wait; what it took is stored.
pub async fn a_full_queue_refuses_at_once(stores: &impl LogStores) {
    let settings = LogSettings {
        queue_records: 10,
        group_records: 4,
        commit_delay: Duration::from_millis(300),
        ..LogSettings::default()
    };
    let log = Log::start(stores.engine().unwrap(), settings).unwrap();
    let too_large = log.append((1..=11).map(|n| sample(n, n, n)).collect()).await;
    assert!(matches!(too_large, Err(LogError::TooLarge { records: 11, .. })));

    let mut waiting = Vec::new();
    let mut refused = 0;
    for n in 1..=40 {
        let log = log.clone();
        let mut append = Box::pin(async move { log.append_one(sample(n, n, n)).await });
        // Asked once: whoever is refused knows it then.
        match std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await {
            Poll::Ready(answer) => {
                assert_eq!(answer, Err(LogError::Overloaded));
                refused += 1;
            }
            Poll::Pending => waiting.push(append),
        }
    }
    let mut stored = 0;
    for append in waiting {
        assert!(matches!(append.await, Ok(Appended::Stored(_))), "a full queue is told at once or never");
        stored += 1;
    }
    assert!(refused > 0, "40 records at once do not fit a queue of 10");
    assert_eq!(stores.reader().count().unwrap(), stored);
    assert_eq!(log.depth().records, 0);
}

/// When a commit fails everybody in the group is told so, and the log goes on as soon as the storage does.
pub async fn d7_everybody_hears_of_a_failed_commit(stores: &impl LogStores) {
    let engine = stores.engine().unwrap();
    stores.break_event(sample(3, 3, 3).event_id);
    let settings = LogSettings { commit_delay: Duration::from_millis(50), ..LogSettings::default() };
    let log = Log::start(engine, settings).unwrap();
    let opener = log.append_one(sample(100, 100, 100));
    // These meet in one group while the opener is being committed.
    let together = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        tokio::join!(log.append_one(sample(1, 1, 1)), log.append(vec![sample(2, 2, 2), sample(3, 3, 3)]))
    };
    let (opened, (one, two)) = tokio::join!(opener, together);
    assert!(matches!(opened, Ok(Appended::Stored(_))));
    assert!(matches!(two, Err(LogError::Storage(_))), "{two:?}");
    assert!(matches!(one, Err(LogError::Storage(_))), "{one:?}");

    stores.mend();
    let retried = log.append(vec![sample(1, 1, 1), sample(2, 2, 2), sample(3, 3, 3)]).await.unwrap();
    assert!(retried.iter().all(|answer| matches!(answer, Appended::Stored(_))), "{retried:?}");
}

/// Readers are told of new records, and closing stores what waits before it refuses.
pub async fn closing_stores_what_waits(stores: &impl LogStores) {
    let settings = LogSettings { commit_delay: Duration::from_millis(20), ..LogSettings::default() };
    let log = Log::start(stores.engine().unwrap(), settings).unwrap();
    let mut newest = log.newest();
    assert_eq!(*newest.borrow_and_update(), Sequence(0));
    let tasks: Vec<_> = (1..=200)
        .map(|n| {
            let log = log.clone();
            tokio::spawn(async move { log.append_one(sample(n, n, n)).await })
        })
        .collect();
    newest.changed().await.unwrap();
    assert!(*newest.borrow_and_update() > Sequence(0));
    let closing = log.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    assert_eq!(log.append_one(sample(1000, 0, 0)).await, Err(LogError::Closed));
    let mut stored = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(error) => assert_eq!(error, LogError::Closed),
        }
    }
    assert_eq!(stores.reader().count().unwrap(), stored);
    assert_eq!(stores.reader().last().unwrap(), *log.newest().borrow());
}

/// Several writers at once: every key is stored once in all, and a reader that goes on from the last sequence it saw misses nothing.
/// For engines that allow several writers.
pub fn d1_several_writers_store_each_key_once_and_fill_no_gap_later(stores: &impl LogStores) {
    const WRITERS: u64 = 3;
    const KEYS: u64 = 400;
    stores.engine().unwrap();
    let finished = Arc::new(AtomicU64::new(0));
    let seen = std::thread::scope(|scope| {
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let finished = Arc::clone(&finished);
            writers.push(scope.spawn(move || {
                let mut engine = stores.engine().unwrap();
                let mut stored = 0;
                for start in (1..=KEYS).step_by(5) {
                    // Every writer sends all keys, in an order of its own.
                    let keys = (start..start + 5).map(|n| if writer % 2 == 0 { n } else { KEYS + 1 - n });
                    let group: Vec<NewRecord> =
                        keys.map(|key| sample(key * WRITERS + writer, key, key)).collect();
                    let answers = engine.append(&group).unwrap();
                    stored += answers.iter().filter(|answer| matches!(answer, Appended::Stored(_))).count();
                }
                finished.fetch_add(1, Ordering::SeqCst);
                stored
            }));
        }
        let reader = stores.reader();
        let mut seen: Vec<LogRecord> = Vec::new();
        loop {
            let done = finished.load(Ordering::SeqCst) == WRITERS;
            let after = seen.last().map_or(Sequence(0), |record| record.sequence);
            let page = reader.read_after(after, 50).unwrap();
            if page.is_empty() && done {
                break;
            }
            seen.extend(page);
        }
        let stored: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        assert_eq!(stored, usize::try_from(KEYS).unwrap());
        seen
    });
    assert_eq!(
        seen,
        all_records(&*stores.reader()),
        "a reader that follows sees what a reader from the start sees"
    );
    assert_eq!(seen.len(), usize::try_from(KEYS).unwrap());
}
