//! The same log in another order, and rulings in between.

use tributary::operations::identity::{self, Considered};
use tributary_domain::fact::FactBody;
use tributary_domain::identity::Ruling;
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;
use tributary_sim::disorder::{shuffle, split};
use tributary_sim::random::Random;
use tributary_store::log::{LogRecord, NewRecord};
use tributary_store::wire;

use super::SET_UP;
use super::house::{Ground, House};

/// The records in another order. Only the steps of payouts keep theirs: each is a command that was given after the one before it.
fn disordered(records: &[LogRecord], seed: u64) -> Vec<LogRecord> {
    let is_payout = |record: &LogRecord| {
        let fact = wire::fact::decode(&record.fact).unwrap();
        matches!(fact.body, FactBody::PayoutPrepared(_) | FactBody::PayoutAdvanced(_))
    };
    let mut steps = records.iter().filter(|record| is_payout(record));
    let shuffled = shuffle(records.to_vec(), seed);
    shuffled
        .into_iter()
        .map(|record| if is_payout(&record) { steps.next().unwrap().clone() } else { record })
        .collect()
}

/// The records of one log in another order and split, through the engine of another installation.
pub fn log_in_disorder(ground: Ground, records: &[LogRecord], seed: u64) -> String {
    let mut random = Random::of(seed, 3, 0);
    let mut house = House::new(ground, SET_UP, 1 + random.below(20));
    for batch in split(disordered(records, seed), 12, seed) {
        let again: Vec<NewRecord> = batch
            .into_iter()
            .map(|record| NewRecord {
                event_id: record.event_id,
                key: record.key,
                content: [0; 16],
                received_at: record.received_at,
                way: record.way,
                fact: record.fact,
                sealed: record.sealed,
            })
            .collect();
        house.desk.intake.log.append_blocking(again).unwrap();
        house.settle();
        house.holds();
    }
    house.hash()
}

/// Rules about two identifiers as an operator does, and says whether there was anything to rule.
pub fn rule(house: &mut House, ruling: Ruling, one: &str, other: &str, at: Timestamp) -> bool {
    let brand = BrandKey::parse("acme").unwrap();
    let keyring = house.desk.intake.keyring.clone();
    let find = |text| identity::identifier(house.desk.state.as_ref(), &keyring, &brand, text).ok();
    let (Some(one), Some(other)) = (find(one), find(other)) else { return false };
    let considered = Considered::new(&brand, ruling, one, other, "two sisters").unwrap();
    let configuration = house.desk.configuration.current();
    let effect = considered.effect(house.desk.state.as_ref(), &configuration, at).unwrap();
    let ruled = considered.apply(&mut house.desk, at).unwrap();
    assert_eq!(ruled.is_none(), effect.stands_already);
    house.holds();
    ruled.is_some()
}
