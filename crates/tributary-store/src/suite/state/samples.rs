//! Facts, conversions and commits of a small brand, made from a number each.

use tributary_domain::attribution::models::Model;
use tributary_domain::attribution::{Earner, TouchKind};
use tributary_domain::fact::{
    Action, EventKind, Fact, FactBody, PayoutId, PayoutPlan, PayoutStep, Subject, Touch, Verdict,
};
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, DeduplicationKey, EventId, Goal, LinkKey, PartnerKey,
    PlanKey, SourceKey, SubjectHash, TransactionId, fingerprint,
};
use tributary_domain::ledger::{Account, CommissionState, Entry, Transfer, chain_hash};
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::Tracking;

use super::StateStores;
use crate::log::{Sequence, Way};
use crate::state::{ClusterId, Commit, ConversionChange, Payout, StateReader, StateWriter, StoredFact};

/// 2026-01-15T10:00:00Z.
pub(super) const START: i64 = 1_768_471_200_000_000;

pub(super) fn brand(key: &str) -> BrandKey {
    BrandKey::parse(key).unwrap()
}

pub(super) fn partner(key: &str) -> PartnerKey {
    PartnerKey::parse(key).unwrap()
}

pub(super) fn transaction(text: &str) -> TransactionId {
    TransactionId::parse(text).unwrap()
}

pub(super) fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

pub(super) fn eur(minor: i64) -> Money {
    Money::new(minor, currency("EUR"))
}

/// The moment of the event with that number: one minute after another.
pub(super) fn at(number: u64) -> Timestamp {
    Timestamp(START + i64::try_from(number).unwrap() * 60_000_000)
}

/// The id of the event with that number.
pub(super) fn event(number: u64) -> EventId {
    EventId::derive(at(number), &DeduplicationKey(fingerprint(&[&number.to_be_bytes()])))
}

pub(super) fn node(name: &str) -> NodeKey {
    NodeKey(fingerprint(&[b"node", name.as_bytes()]))
}

/// A click of a visitor in brand `acme`.
pub(super) fn click(number: u64) -> Fact {
    Fact {
        event_id: event(number),
        brand: brand("acme"),
        source: SourceKey::parse("web").unwrap(),
        occurred_at: at(number),
        subject: Subject {
            visitor: Some(SubjectHash(fingerprint(&[b"visitor", &number.to_be_bytes()]))),
            ..Subject::default()
        },
        body: FactBody::Click(Touch { link: Some(LinkKey::parse("spring").unwrap()), ..Touch::default() }),
    }
}

/// A purchase in brand `acme`, from source `shop`.
pub(super) fn purchase(number: u64) -> Fact {
    let action = Action {
        goal: Goal::parse("purchase").unwrap(),
        transaction: Some(transaction(&format!("order-{number}"))),
        value: Some(eur(10_000)),
        status: Some(Verdict::Approved),
        campaign: None,
        promo_code: None,
        named_partner: None,
        cart_opened_at: None,
        tracking: Tracking::default(),
    };
    Fact {
        source: SourceKey::parse("shop").unwrap(),
        subject: Subject {
            customer: Some(SubjectHash(fingerprint(&[b"customer", &number.to_be_bytes()]))),
            ..Subject::default()
        },
        body: FactBody::Conversion(action),
        ..click(number)
    }
}

/// The fact as the engine stores it: its number is its place in the log.
pub(super) fn stored(number: u64, cluster: u64, fact: Fact) -> StoredFact {
    StoredFact {
        sequence: Sequence(number),
        cluster: ClusterId(cluster),
        way: Way::ALL[usize::try_from(number).unwrap() % Way::ALL.len()],
        received_at: at(number + 1),
        outcome: Reason::Recorded,
        fact,
    }
}

/// The settled form of [`purchase`]: shared by *anna* and the e-mail channel; anna's line is `owed`.
pub(super) fn settled(number: u64, owed: i64) -> Conversion {
    let credit = |earner, link, weight, minor| Credit {
        touchpoint: event(number.saturating_sub(1)),
        kind: TouchKind::Click,
        earner,
        campaign: Some(CampaignKey::parse("spring_sale").unwrap()),
        link,
        weight,
        total_weight: 10,
        minor,
    };
    Conversion {
        event_id: event(number),
        kind: EventKind::Conversion,
        brand: brand("acme"),
        occurred_at: at(number),
        goal: Goal::parse("purchase").unwrap(),
        transaction: Some(transaction(&format!("order-{number}"))),
        person: Some(event(number.saturating_sub(1))),
        campaign: Some(CampaignKey::parse("spring_sale").unwrap()),
        model: Some(Model::WeightedLastTouch { last_share_ppm: 600_000 }),
        value: Some(eur(10_000)),
        refunded: 0,
        verdict: Verdict::Approved,
        reason: Reason::Attributed,
        considered: Vec::new(),
        credits: vec![
            credit(Earner::Partner(partner("anna")), Some(LinkKey::parse("spring").unwrap()), 6, 6_000),
            credit(Earner::Channel(Channel::parse("email").unwrap()), None, 4, 4_000),
        ],
        commissions: vec![line(number, "anna", owed)],
    }
}

/// The id of a partner's commission line of the conversion with that number.
pub(super) fn line_id(number: u64, who: &str) -> CommissionId {
    CommissionId::derive(
        event(number),
        at(number),
        &partner(who),
        &PlanKey::parse("standard").unwrap(),
        currency("EUR"),
    )
}

pub(super) fn line(number: u64, who: &str, owed: i64) -> Commission {
    Commission {
        id: line_id(number, who),
        partner: partner(who),
        plan: PlanKey::parse("standard").unwrap(),
        granted: eur(600),
        owed,
        state: CommissionState::Approved,
        reason: Reason::InHoldPeriod,
        payable_from: at(number + 100),
    }
}

pub(super) fn put(cluster: u64, conversion: Conversion) -> ConversionChange {
    ConversionChange::Put { cluster: ClusterId(cluster), conversion: Box::new(conversion) }
}

/// A payout of these lines to anna in run `2026-01`.
pub(super) fn payout(id: &str, lines: Vec<(CommissionId, i64)>, step: PayoutStep, number: u64) -> Payout {
    Payout {
        brand: brand("acme"),
        plan: PayoutPlan {
            payout: PayoutId(id.into()),
            run: "2026-01".into(),
            partner: partner("anna"),
            currency: currency("EUR"),
            lines,
        },
        step,
        reference: None,
        prepared_at: at(number),
        stepped_at: at(number),
    }
}

/// An entry of a brand's chain, chained to `previous`: 1.00 EUR of expense owed to anna.
pub(super) fn entry(of: &str, number: u64, previous: [u8; 32], subject: &str) -> Entry {
    let transfer = Transfer {
        debit: Account::CommissionExpense,
        credit: Account::Approved(partner("anna")),
        minor: 100,
    };
    let hash = chain_hash(&previous, number, &transfer, eur(100), subject, event(number));
    Entry {
        brand: brand(of),
        number,
        transfer,
        amount: eur(100),
        subject: subject.to_owned(),
        cause: event(number),
        hash,
    }
}

/// A commit that continues from `from`, at the first revision.
pub(super) fn next(from: u64, to: u64) -> Commit {
    Commit { expected_checkpoint: Sequence(from), checkpoint: Sequence(to), ..Commit::default() }
}

/// A writer and a reader of a store that holds `commits`.
pub(super) fn filled(
    stores: &dyn StateStores,
    commits: &[Commit],
) -> (Box<dyn StateWriter>, Box<dyn StateReader>) {
    let mut writer = stores.writer().unwrap();
    for commit in commits {
        writer.commit(commit).unwrap();
    }
    (writer, stores.reader())
}

/// Pages through a list, three at a time, until it ends.
pub(super) fn pages<T>(read: impl Fn(Option<&T>, usize) -> Vec<T>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let page = read(all.last(), 3);
        assert!(page.len() <= 3, "a page is longer than its limit");
        let ended = page.len() < 3;
        all.extend(page);
        if ended {
            return all;
        }
        assert!(all.len() < 10_000, "the list does not end");
    }
}
