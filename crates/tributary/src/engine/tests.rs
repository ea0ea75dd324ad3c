//! What is added can be taken away, and what is booked balances, for conversions of every shape.

mod growth;
mod seam;

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use tributary_domain::attribution::{Earner, TouchKind};
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, PartnerKey, PlanKey,
};
use tributary_domain::ledger::{CommissionState, chain_hash, commission_position};
use tributary_domain::money::{Currency, Money, split_by_largest_remainder};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};
use tributary_domain::time::Timestamp;
use tributary_store::state::{ClusterId, Commit, ConversionChange};

use super::books::{Books, Posting};
use super::difference::Difference;
use super::rollup::Rollups;

fn brand() -> BrandKey {
    BrandKey::parse("acme").unwrap()
}

fn partner(number: u8) -> PartnerKey {
    PartnerKey::parse(&format!("p{number}")).unwrap()
}

fn state() -> impl Strategy<Value = CommissionState> {
    use CommissionState::{Approved, Held, Pending, Rejected};
    prop_oneof![Just(Pending), Just(Approved), Just(Held), Just(Rejected)]
}

prop_compose! {
    fn conversion()(
        event in 1u8..6,
        code in prop_oneof![Just("EUR"), Just("JPY"), Just("KWD")],
        value in proptest::option::of(0i64..1_000_000),
        weights in proptest::collection::vec((0u8..4, 0u64..5), 0..5),
        refund in 0i64..1_000,
        states in proptest::collection::vec(state(), 5),
        rejected in proptest::bool::weighted(0.1),
        kind in prop_oneof![Just(EventKind::Conversion), Just(EventKind::Registration)],
        hour in 0i64..3,
    ) -> Conversion {
        let currency = Currency::parse(code).unwrap();
        let shares: Vec<u64> = weights.iter().map(|(_, weight)| weight + 1).collect();
        let minors = split_by_largest_remainder(value.unwrap_or(0), &shares);
        let id = |place: usize| EventId([event, place as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let earner = |number: u8| match number {
            0 => Earner::Channel(Channel::parse("email").unwrap()),
            other => Earner::Partner(partner(other)),
        };
        let credits: Vec<Credit> = weights.iter().zip(&shares).zip(&minors).enumerate().map(|(place, (((who, _), weight), minor))| Credit {
            touchpoint: id(place + 1),
            kind: TouchKind::Click,
            earner: earner(*who),
            campaign: Some(CampaignKey::parse("spring").unwrap()),
            link: None,
            weight: *weight,
            total_weight: shares.iter().sum(),
            minor: *minor,
        }).collect();
        let commissions = (1u8..4).filter(|who| weights.iter().any(|(found, _)| found == who)).map(|who| {
            let state = states[usize::from(who)];
            let granted = i64::from(who) * 100 + value.unwrap_or(0) / 10;
            Commission {
                // As in settlement, lines in different currencies are different lines.
                id: CommissionId(EventId([event, 100 + who, code.as_bytes()[0], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
                partner: partner(who),
                plan: PlanKey::parse("tenth").unwrap(),
                granted: Money::new(granted, currency),
                owed: if state == CommissionState::Rejected { 0 } else { granted },
                state,
                reason: Reason::AwaitingApproval,
                payable_from: Timestamp(0),
            }
        }).collect();
        Conversion {
            event_id: id(0),
            kind,
            brand: brand(),
            occurred_at: Timestamp(hour * 3_600_000_000),
            goal: Goal::parse("purchase").unwrap(),
            transaction: None,
            person: None,
            campaign: None,
            model: None,
            value: value.map(|minor| Money::new(minor, currency)),
            refunded: refund.min(value.unwrap_or(0)),
            verdict: if rejected { Verdict::Rejected } else { Verdict::Approved },
            reason: Reason::Attributed,
            considered: Vec::new(),
            credits,
            commissions,
        }
    }
}

/// At most one conversion per event.
fn conversions() -> impl Strategy<Value = Vec<Conversion>> {
    proptest::collection::vec(conversion(), 0..6).prop_map(|list| {
        let by_event: std::collections::BTreeMap<_, _> =
            list.into_iter().map(|conversion| (conversion.event_id, conversion)).collect();
        by_event.into_values().collect()
    })
}

/// Everything that the step from one set of conversions to another changes.
fn step(old: &[Conversion], new: &[Conversion]) -> (Commit, Books, Rollups) {
    let (mut commit, mut books, mut rollups) =
        (Commit::default(), Books::open(HashMap::new()), Rollups::default());
    let (arrived, touched) = (HashSet::new(), HashMap::new());
    let mut difference = Difference {
        commit: &mut commit,
        books: &mut books,
        rollups: &mut rollups,
        arrived: &arrived,
        touched: &touched,
        visited: HashSet::new(),
    };
    let none = HashMap::new();
    difference.conversions(ClusterId(1), old.to_vec(), new.to_vec(), None, &none, &none);
    (commit, books, rollups)
}

proptest! {
    #[test]
    fn rollups_of_what_is_added_and_taken_away_are_nothing(list in conversions()) {
        let mut rollups = Rollups::default();
        for conversion in &list {
            rollups.add_conversion(conversion, 1);
        }
        for conversion in list.iter().rev() {
            rollups.add_conversion(conversion, -1);
        }
        prop_assert_eq!(rollups.into_changes(), Vec::new());
    }

    #[test]
    fn rollups_hold_the_whole_value_and_every_conversion_once(conversion in conversion()) {
        let mut rollups = Rollups::default();
        rollups.add_conversion(&conversion, 1);
        let changes = rollups.into_changes();
        let sum = |measure: fn(&tributary_store::state::RollupMeasures) -> i64| {
            changes.iter().map(|(_, measures)| measure(measures)).sum::<i64>()
        };
        let counts = conversion.verdict != Verdict::Rejected;
        let whole = |amount: i64| if counts { amount } else { 0 };
        prop_assert_eq!(sum(|m| m.value), whole(conversion.value.map_or(0, |value| value.minor)));
        prop_assert_eq!(sum(|m| m.refunded), whole(conversion.refunded));
        prop_assert_eq!(sum(|m| m.conversions_ppm + m.registrations_ppm), whole(1_000_000));
    }

    #[test]
    fn nothing_is_booked_where_nothing_changed_and_there_and_back_is_nothing(
        old in conversions(),
        new in conversions(),
    ) {
        let (commit, books, rollups) = step(&old, &old);
        prop_assert!(commit.conversions.is_empty());
        prop_assert!(books.close().0.is_empty() && rollups.into_changes().is_empty());

        let (there, back) = (step(&old, &new), step(&new, &old));
        let mut sums: HashMap<_, i64> = HashMap::new();
        for (key, change) in there.1.close().1.into_iter().chain(back.1.close().1) {
            *sums.entry(key).or_insert(0) += change;
        }
        prop_assert!(sums.values().all(|sum| *sum == 0), "{:?}", sums);
    }

    #[test]
    fn the_way_through_another_state_ends_in_the_same_balances(
        old in conversions(),
        between in conversions(),
        new in conversions(),
    ) {
        let mut direct: HashMap<_, i64> = step(&old, &new).1.close().1.into_iter().collect();
        for (key, change) in step(&old, &between).1.close().1.into_iter().chain(step(&between, &new).1.close().1) {
            *direct.entry(key).or_insert(0) -= change;
        }
        prop_assert!(direct.values().all(|sum| *sum == 0), "{:?}", direct);
    }

    #[test]
    fn books_balance_per_currency_and_continue_their_chain(old in conversions(), new in conversions()) {
        let (commit, books, _) = step(&old, &new);
        let removed = commit.conversions.iter().filter(|change| matches!(change, ConversionChange::Remove(_))).count();
        prop_assert_eq!(removed, old.iter().filter(|o| new.iter().all(|n| n.event_id != o.event_id)).count());
        let (entries, balances, heads) = books.close();
        let mut sums: HashMap<Currency, i64> = HashMap::new();
        for ((_, _, currency), change) in balances {
            *sums.entry(currency).or_insert(0) += change;
        }
        prop_assert!(sums.values().all(|sum| *sum == 0), "{:?}", sums);
        let mut hash = [0; 32];
        for (number, entry) in (1..).zip(&entries) {
            prop_assert!(entry.amount.minor > 0);
            hash = chain_hash(&hash, number, &entry.transfer, entry.amount, &entry.subject, entry.cause);
            prop_assert_eq!((entry.number, entry.hash), (number, hash));
        }
        prop_assert_eq!(heads.get(&brand()).map_or([0; 32], |head| head.hash), hash);
    }

    #[test]
    fn posting_from_position_to_position_leaves_the_last_one(
        steps in proptest::collection::vec((state(), 0i64..1_000, 0i64..1_000), 1..8),
    ) {
        let currency = Currency::parse("EUR").unwrap();
        let mut books = Books::open(HashMap::new());
        let posting = Posting { brand: &brand(), currency, subject: "line", cause: EventId([1; 16]) };
        let mut last = tributary_domain::ledger::Position::new();
        for (state, owed, locked) in steps {
            let next = commission_position(&partner(1), state, owed, locked);
            books.post(&posting, &last, &next);
            last = next;
        }
        last.retain(|_, minor| *minor != 0);
        let left: tributary_domain::ledger::Position =
            books.close().1.into_iter().map(|((_, account, _), minor)| (account, minor)).collect();
        prop_assert_eq!(left, last);
    }
}
