//! One cluster of tens of thousands of facts: how much is settled, and that it ends as if all had come at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Action, Fact, FactBody, Subject, Touch};
use tributary_domain::ids::{DeduplicationKey, SourceKey, SubjectHash, TransactionId, fingerprint};
use tributary_store::log::{ConflictRecord, LogError, LogReader, LogRecord, Sequence, Way};
use tributary_store::state::StateReader;
use tributary_store::state::sqlite::{SqliteConfigurationStore, SqliteStateReader, SqliteStateWriter};
use tributary_store::wire;

use super::*;
use crate::engine::large::{GROWTH, LARGE};
use crate::engine::{Engine, Step};
use crate::operations::state_hash::state_hash;
use crate::operations::verify::verify;

const START: i64 = 1_768_471_200_000_000;

fn hash(kind: &[u8], number: usize) -> SubjectHash {
    SubjectHash(fingerprint(&[kind, &number.to_be_bytes()]))
}

/// The visitors of one kiosk: every fifth event is an order of one of two thousand customers.
fn at_the_kiosk(number: usize) -> Fact {
    let goal = Goal::parse("purchase").unwrap();
    let order = Action {
        goal,
        transaction: Some(TransactionId::parse(&format!("o-{number}")).unwrap()),
        value: Some(Money::new(1_000, Currency::parse("EUR").unwrap())),
        status: Some(Verdict::Approved),
        campaign: None,
        promo_code: None,
        named_partner: None,
        cart_opened_at: None,
        tracking: tributary_domain::tracking::Tracking::default(),
    };
    let is_order = number.is_multiple_of(5);
    let occurred_at = Timestamp(START + i64::try_from(number).unwrap() * 1_000_000);
    Fact {
        event_id: EventId::derive(occurred_at, &DeduplicationKey(fingerprint(&[&number.to_be_bytes()]))),
        brand: brand(),
        source: SourceKey::parse("shop").unwrap(),
        occurred_at,
        subject: Subject {
            visitor: Some(hash(b"kiosk", 0)),
            customer: is_order.then(|| hash(b"customer", number / 5 % 2_000)),
            ..Subject::default()
        },
        body: if is_order { FactBody::Conversion(order) } else { FactBody::Click(Touch::default()) },
    }
}

/// A log of which more and more is there.
struct Growing {
    records: Vec<LogRecord>,
    there: AtomicUsize,
}

impl Growing {
    fn of(facts: usize) -> Self {
        let record = |number: usize| {
            let fact = at_the_kiosk(number);
            LogRecord {
                sequence: Sequence(number as u64 + 1),
                event_id: fact.event_id,
                key: None,
                received_at: fact.occurred_at,
                way: Way::Events,
                fact: wire::fact::encode(&fact),
                sealed: Vec::new(),
            }
        };
        Self { records: (0..facts).map(record).collect(), there: AtomicUsize::new(facts) }
    }
}

impl LogReader for Growing {
    fn read_after(&self, after: Sequence, limit: usize) -> Result<Vec<LogRecord>, LogError> {
        let there = self.there.load(Ordering::Relaxed);
        let from = usize::try_from(after.0).unwrap().min(there);
        Ok(self.records[from..there.min(from.saturating_add(limit))].to_vec())
    }
    fn get(&self, _: Sequence) -> Result<Option<LogRecord>, LogError> {
        Ok(None)
    }
    fn find_by_event(&self, _: EventId) -> Result<Option<LogRecord>, LogError> {
        Ok(None)
    }
    fn find_by_key(&self, _: &DeduplicationKey) -> Result<Option<LogRecord>, LogError> {
        Ok(None)
    }
    fn last(&self) -> Result<Sequence, LogError> {
        Ok(Sequence(self.there.load(Ordering::Relaxed) as u64))
    }
    fn count(&self) -> Result<u64, LogError> {
        Ok(self.last()?.0)
    }
    fn conflicts(&self, _: usize) -> Result<Vec<ConflictRecord>, LogError> {
        Ok(Vec::new())
    }
    fn conflict_count(&self) -> Result<u64, LogError> {
        Ok(0)
    }
}

/// An engine on a fresh state, and what reads it.
struct Running {
    engine: Engine,
    state: SqliteStateReader,
    log: Arc<Growing>,
    configuration: Configuration,
    _folder: TempDir,
}

impl Running {
    fn on(log: Growing, batch: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        drop(SqliteConfigurationStore::open(&path).unwrap());
        let writer = SqliteStateWriter::open_scratch(&path).unwrap();
        let state = SqliteStateReader::open(&path).unwrap();
        let log = Arc::new(log);
        let engine = Engine::new(log.clone(), Box::new(writer), batch);
        Self { engine, state, log, configuration: Configuration::default(), _folder: folder }
    }

    /// Works until nothing is left to do, and answers how many facts were settled.
    fn work_to_the_end(&mut self) -> u64 {
        while self.engine.step(&self.configuration).unwrap() != Step::Idle {}
        self.engine.flush().unwrap();
        self.engine.take_work().facts_settled
    }

    fn hash(&self) -> String {
        state_hash(&self.state).unwrap()
    }
}

#[test]
fn a_cluster_of_fifty_thousand_facts_costs_a_multiple_of_its_size_and_not_its_square() {
    const FACTS: usize = 50_000;
    const BATCH: usize = 250;
    let mut at_once = Running::on(Growing::of(FACTS), FACTS);
    assert_eq!(at_once.work_to_the_end(), FACTS as u64);

    let mut by_slices = Running::on(Growing::of(FACTS), BATCH);
    // As a server does: the queue's turns leave it out while the log has more.
    by_slices.engine.spare_large_clusters(true);
    let mut settled = by_slices.work_to_the_end();
    by_slices.engine.spare_large_clusters(false);
    settled += by_slices.work_to_the_end();
    // While it is small it is settled with every slice; from then on only when it grew by an eighth, and once in the end.
    let small = LARGE * LARGE / BATCH;
    let most = (small + (GROWTH + 2) * FACTS) as u64;
    assert!(
        settled <= most,
        "{settled} facts settled, {most} at most; its square would be {}",
        FACTS * FACTS / BATCH / 2
    );
    assert_eq!(by_slices.state.queue_length().unwrap(), 0);
    assert_eq!(by_slices.hash(), at_once.hash());
    let report = verify(by_slices.log.as_ref(), &by_slices.state, &by_slices.configuration).unwrap();
    assert_eq!(report.first_fault(), None);
}

#[test]
fn event_by_event_a_large_cluster_waits_while_it_is_spared_and_is_settled_in_the_end() {
    const FACTS: usize = 2_500;
    let mut at_once = Running::on(Growing::of(FACTS), FACTS);
    at_once.work_to_the_end();

    let mut trickle = Running::on(Growing::of(FACTS), 100);
    trickle.engine.spare_large_clusters(true);
    for there in 1..=FACTS {
        trickle.log.there.store(there, Ordering::Relaxed);
        while trickle.engine.step(&trickle.configuration).unwrap() != Step::Idle {}
    }
    trickle.engine.flush().unwrap();
    let settled = trickle.engine.take_work();
    let most = (LARGE * LARGE / 2 + LARGE + (GROWTH + 2) * FACTS) as u64;
    assert!(settled.facts_settled <= most, "{settled:?}, {most} at most");
    assert!(settled.guarded["identifier_of_crowd"] > 0, "{settled:?}");
    assert_eq!(trickle.state.queue_length().unwrap(), 1, "it waits");
    assert_ne!(trickle.hash(), at_once.hash());
    trickle.engine.spare_large_clusters(false);
    assert!(trickle.work_to_the_end() <= FACTS as u64);
    assert_eq!(trickle.state.queue_length().unwrap(), 0);
    assert_eq!(trickle.hash(), at_once.hash());
}

/// How often the large cluster was settled between two slices of a log that grows by `more` events with every step.
fn turns_of_the_queue(more: usize) -> usize {
    let steps = 40;
    let mut busy = Running::on(Growing::of(1_000 + steps * more), 100);
    let turns = (0..steps).filter(|step| {
        busy.log.there.store(1_000 + step * more, Ordering::Relaxed);
        matches!(busy.engine.step(&busy.configuration).unwrap(), Step::Resettled(_))
    });
    turns.count()
}

#[test]
fn the_queue_has_its_turn_though_the_log_never_ends() {
    assert!(turns_of_the_queue(10) > 0, "with batches that are not full");
    assert!(turns_of_the_queue(150) > 0, "with a backlog that grows faster than it is worked off");
}

#[test]
fn a_fault_in_one_batch_does_not_keep_the_one_before_from_being_written() {
    let mut log = Growing::of(6);
    log.records[3].fact = b"not a fact".to_vec();
    let mut running = Running::on(log, 2);
    let step = |running: &mut Running| running.engine.step(&running.configuration);
    assert_eq!(step(&mut running).unwrap(), Step::Advanced { checkpoint: Sequence(2), records: 2 });
    for _ in 0..2 {
        let problem = step(&mut running).unwrap_err().to_string();
        assert!(problem.contains("log record 4"), "{problem}");
    }
    running.engine.flush().unwrap();
    assert_eq!(running.state.checkpoint().unwrap(), Sequence(2));
}
