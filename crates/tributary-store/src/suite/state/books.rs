//! Money: payouts and their locks, balances, rollups, the ledger.

use std::collections::HashMap;

use tributary_domain::fact::PayoutStep;
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Money;

use super::StateStores;
use super::samples::*;
use crate::state::{ChainHead, Commit, RollupKey, RollupMeasures, StateError};

/// A payout's steps follow each other; its plan stays as it was first written.
pub fn payouts_take_their_steps_and_keep_their_plan(stores: &dyn StateStores) {
    let lines = vec![(line_id(9, "anna"), 700), (line_id(1, "anna"), -200), (line_id(5, "anna"), 50)];
    let prepared = payout("po_1", lines.clone(), PayoutStep::Prepared, 10);
    let (mut writer, reader) = filled(stores, &[Commit { payouts: vec![prepared.clone()], ..next(0, 1) }]);
    assert_eq!(reader.payout("po_1").unwrap(), Some(prepared.clone()));
    let mut settled = prepared;
    for (number, step) in (2..).zip([PayoutStep::Approved, PayoutStep::Exported, PayoutStep::Settled]) {
        settled.step = step;
        settled.stepped_at = at(number);
        settled.reference = (step == PayoutStep::Settled).then(|| "SEPA 2026/7".to_owned());
        writer.commit(&Commit { payouts: vec![settled.clone()], ..next(number - 1, number) }).unwrap();
        assert_eq!(reader.payout("po_1").unwrap().as_ref(), Some(&settled));
    }
    let asked = ["po_1".to_owned(), "po_2".to_owned()];
    assert_eq!(writer.payouts(&asked).unwrap(), HashMap::from([("po_1".to_owned(), settled)]));
    assert_eq!(reader.payout("po_2").unwrap(), None);
}

/// What payouts hold of a line: the sum over those that did not fail, also of one that takes back.
pub fn locks_are_the_sum_of_payouts_that_did_not_fail(stores: &dyn StateStores) {
    let [one, two, free] = [1, 2, 3].map(|number| line_id(number, "anna"));
    let first = payout("po_1", vec![(one, 600), (two, 400)], PayoutStep::Settled, 10);
    let second = payout("po_2", vec![(one, -100)], PayoutStep::Prepared, 20);
    let third = payout("po_3", vec![(two, 50), (two, 5)], PayoutStep::Exported, 30);
    let purchases = Commit {
        facts: (1..=3).map(|number| stored(number, number, purchase(number))).collect(),
        conversions: (1..=3).map(|number| put(number, settled(number, 600))).collect(),
        payouts: vec![first, second, third.clone()],
        ..next(0, 3)
    };
    let (mut writer, reader) = filled(stores, &[purchases]);
    let lines = [one, two, free];
    assert_eq!(writer.locked(&lines).unwrap(), HashMap::from([(one, 500), (two, 455)]));
    assert_eq!(reader.locked(&lines).unwrap(), HashMap::from([(one, 500), (two, 455)]));
    let locked = |id| reader.commission(id).unwrap().unwrap().line.locked;
    assert_eq!(lines.map(locked), [500, 455, 0]);

    let failed = crate::state::Payout { step: PayoutStep::Failed, ..third };
    writer.commit(&Commit { payouts: vec![failed], ..next(3, 4) }).unwrap();
    assert_eq!(writer.locked(&lines).unwrap(), HashMap::from([(one, 500), (two, 400)]));
    assert_eq!(lines.map(locked), [500, 400, 0]);
    let sums = reader.commission_sums().unwrap();
    assert_eq!(
        sums.iter().map(|sum| (sum.lines, sum.owed, sum.locked)).collect::<Vec<_>>(),
        [(3, 1_800, 900)]
    );
}

/// Balances are sums of changes, negative ones too, per brand, account and currency.
pub fn balances_add_up_and_leave_out_zero(stores: &dyn StateStores) {
    let change = |of: &str, account, code, minor| ((brand(of), account, currency(code)), minor);
    let anna = || partner("anna");
    let first = vec![
        change("acme", Account::Approved(anna()), "EUR", -500),
        change("acme", Account::CommissionExpense, "EUR", 500),
        change("acme", Account::CommissionExpense, "KWD", 7),
        change("zeta", Account::CommissionExpense, "EUR", 1),
        change("acme", Account::Cash, "EUR", 0),
    ];
    let second = vec![
        change("acme", Account::Approved(anna()), "EUR", 500),
        change("acme", Account::Payable(anna()), "EUR", -500),
        change("acme", Account::CommissionExpense, "KWD", -9),
        change("acme", Account::Pending(anna()), "EUR", i64::MAX / 4),
    ];
    let (_, reader) = filled(
        stores,
        &[Commit { balances: first, ..next(0, 1) }, Commit { balances: second, ..next(1, 2) }],
    );
    let euro = |minor| Money::new(minor, currency("EUR"));
    assert_eq!(
        reader.balances().unwrap(),
        [
            (brand("acme"), Account::CommissionExpense, euro(500)),
            (brand("acme"), Account::CommissionExpense, Money::new(-2, currency("KWD"))),
            (brand("acme"), Account::Pending(anna()), euro(i64::MAX / 4)),
            (brand("acme"), Account::Payable(anna()), euro(-500)),
            (brand("zeta"), Account::CommissionExpense, euro(1)),
        ]
    );
}

/// Rollups are sums of changes; a row that became nothing is not shown.
pub fn rollups_add_up_and_leave_out_zero(stores: &dyn StateStores) {
    let key = |campaign: &str, earner: &str, code: &str| RollupKey {
        brand: brand("acme"),
        hour: at(0).hour(),
        campaign: campaign.to_owned(),
        earner: earner.to_owned(),
        currency: code.to_owned(),
    };
    let measures = |sign: i64| RollupMeasures {
        clicks: sign,
        impressions: 2 * sign,
        registrations_ppm: 3 * sign,
        qualifications_ppm: 4 * sign,
        conversions_ppm: 600_000 * sign,
        value: 10_000 * sign,
        refunded: 5 * sign,
        commission: 6 * sign,
    };
    let (_, reader) = filled(
        stores,
        &[
            Commit {
                rollups: vec![(key("b", "anna", "EUR"), measures(1)), (key("a", "", ""), measures(2))],
                ..next(0, 1)
            },
            Commit {
                rollups: vec![(key("b", "anna", "EUR"), measures(-1)), (key("a", "", ""), measures(-5))],
                ..next(1, 2)
            },
            Commit { rollups: vec![(key("", "@email", "EUR"), measures(1))], ..next(2, 3) },
        ],
    );
    let expected = [(key("", "@email", "EUR"), measures(1)), (key("a", "", ""), measures(-3))];
    assert_eq!(reader.rollups(None, 10).unwrap(), expected);
}

/// Two brands' chains; entries come in the order of their numbers and by subject.
pub fn the_ledger_is_read_in_its_order(stores: &dyn StateStores) {
    let subject = line_id(1, "anna").to_string();
    let acme = chain("acme", 1..=4, [0; 32], &subject);
    let more = chain("acme", 5..=6, acme[3].hash, "po_1");
    let zeta = chain("zeta", 1..=2, [0; 32], &subject);
    let first = Commit { entries: [zeta.clone(), acme.clone()].concat(), ..next(0, 1) };
    let (mut writer, reader) = filled(stores, &[first, Commit { entries: more.clone(), ..next(1, 2) }]);
    assert_eq!(reader.entries(&brand("acme"), 0, 100).unwrap(), [acme.clone(), more.clone()].concat());
    assert_eq!(reader.entries(&brand("acme"), 3, 2).unwrap(), [acme[3].clone(), more[0].clone()]);
    assert_eq!(reader.entries_of(&subject).unwrap(), [acme, zeta.clone()].concat());
    assert_eq!(reader.entries_of("po_1").unwrap(), more);
    assert!(reader.entries_of("po_2").unwrap().is_empty());
    let head = |entry: &Entry| ChainHead { number: entry.number, hash: entry.hash };
    let expected = HashMap::from([(brand("acme"), head(&more[1])), (brand("zeta"), head(&zeta[1]))]);
    assert_eq!(writer.chain_heads().unwrap(), expected);
}

/// The database itself refuses to change or remove an entry, whoever asks.
pub fn the_ledger_refuses_change_and_removal(stores: &dyn StateStores) {
    let entries = chain("acme", 1..=3, [0; 32], "po_1");
    let (_, reader) = filled(stores, &[Commit { entries: entries.clone(), ..next(0, 1) }]);
    for statement in [
        "UPDATE ledger_entry SET minor = 1 WHERE number = 2",
        "UPDATE ledger_entry SET subject = subject",
        "DELETE FROM ledger_entry WHERE number = 3",
        "DELETE FROM ledger_entry",
    ] {
        let refusal = stores.execute(statement).unwrap_err();
        assert!(refusal.contains("append-only"), "{statement}: {refusal}");
    }
    assert_eq!(reader.entries(&brand("acme"), 0, 100).unwrap(), entries);
}

/// Two entries with one number of a brand's chain cannot both stand.
pub fn a_number_of_the_chain_is_given_once(stores: &dyn StateStores) {
    let entries = chain("acme", 1..=2, [0; 32], "po_1");
    let (mut writer, reader) = filled(stores, &[Commit { entries: entries.clone(), ..next(0, 1) }]);
    let again = Commit { entries: chain("acme", 2..=2, entries[0].hash, "po_2"), ..next(1, 2) };
    assert!(matches!(writer.commit(&again), Err(StateError::Database(_))));
    assert_eq!(reader.entries(&brand("acme"), 0, 100).unwrap(), entries);
}

fn chain(
    of: &str,
    numbers: std::ops::RangeInclusive<u64>,
    mut previous: [u8; 32],
    subject: &str,
) -> Vec<Entry> {
    let link = |number| {
        let entry = entry(of, number, previous, subject);
        previous = entry.hash;
        entry
    };
    numbers.map(link).collect()
}
