//! Lists, filters and sums.

use tributary_domain::attribution::Earner;
use tributary_domain::fact::{EventKind, PayoutStep, Verdict};
use tributary_domain::ids::{BrandKey, CommissionId, PlanKey, SourceKey};
use tributary_domain::ledger::CommissionState;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion};
use tributary_domain::time::{Period, Timestamp};

use super::StateStores;
use super::samples::*;
use crate::log::Sequence;
use crate::state::{ClusterId, Commit, ConversionFilter, RollupKey, RollupMeasures, StateReader};

/// Page after page gives every row once, in order, whatever the order it was written in.
pub fn every_list_is_paged_in_order(stores: &dyn StateStores) {
    // Written in an order that is none of the lists'.
    let numbers: Vec<u64> = (0..10).map(|step| 1 + step * 7 % 10).collect();
    let key = |number: u64| RollupKey {
        brand: brand(if number.is_multiple_of(2) { "acme" } else { "zeta" }),
        hour: Timestamp(START + i64::try_from(number % 3).unwrap() * 3_600_000_000),
        campaign: ["", "b", "a-b", "B"][usize::try_from(number % 4).unwrap()].to_owned(),
        earner: if number < 5 { "anna".to_owned() } else { "@email".to_owned() },
        currency: "EUR".to_owned(),
    };
    let commit = Commit {
        facts: (1..).zip(&numbers).map(|(place, number)| stored(place, place, purchase(*number))).collect(),
        conversions: (1..).zip(&numbers).map(|(place, number)| put(place, settled(*number, 600))).collect(),
        entries: (1..=10).map(|number| entry("acme", number, [0; 32], "po_1")).collect(),
        rollups: numbers
            .iter()
            .map(|number| (key(*number), RollupMeasures { clicks: 1, ..RollupMeasures::default() }))
            .collect(),
        ..next(0, 10)
    };
    let (_, reader) = filled(stores, std::slice::from_ref(&commit));
    let acme = brand("acme");

    let facts = pages(|last: Option<&crate::state::StoredFact>, limit| {
        reader.facts_after(last.map_or(Sequence(0), |fact| fact.sequence), limit).unwrap()
    });
    assert_eq!(facts, commit.facts);
    let facts = pages(|last: Option<&crate::state::StoredFact>, limit| {
        reader.facts_by_event(last.map(|fact| fact.fact.event_id), limit).unwrap()
    });
    assert_eq!(
        facts.iter().map(|fact| fact.fact.event_id).collect::<Vec<_>>(),
        (1..=10).map(event).collect::<Vec<_>>()
    );
    let clusters =
        pages(|last, limit| reader.clusters_after(last.copied().unwrap_or(ClusterId(0)), limit).unwrap());
    assert_eq!(clusters, (1..=10).map(ClusterId).collect::<Vec<_>>());
    let conversions = pages(|last: Option<&(ClusterId, Conversion)>, limit| {
        reader.conversions(&ConversionFilter::default(), last.map(|(_, c)| c.event_id), limit).unwrap()
    });
    let ids: Vec<_> = conversions.iter().map(|(_, conversion)| conversion.event_id).collect();
    assert_eq!(ids, (1..=10).map(event).collect::<Vec<_>>());
    let lines = pages(|last: Option<&crate::state::CommissionRow>, limit| {
        reader.commissions(&acme, last.map(|row| row.line.id), limit).unwrap()
    });
    assert_eq!(lines.len(), 10);
    assert!(lines.is_sorted_by(|one, other| one.line.id < other.line.id));
    let entries = pages(|last: Option<&tributary_domain::ledger::Entry>, limit| {
        reader.entries(&acme, last.map_or(0, |entry| entry.number), limit).unwrap()
    });
    assert_eq!(entries, commit.entries);
    let rollups = pages(|last: Option<&(RollupKey, RollupMeasures)>, limit| {
        reader.rollups(last.map(|(key, _)| key), limit).unwrap()
    });
    assert_eq!(rollups.len(), 10);
    assert!(rollups.is_sorted_by(|one, other| one.0 < other.0), "rollups are in the order of their key");
}

/// Each filter alone, and all together.
pub fn conversions_are_filtered(stores: &dyn StateStores) {
    // 1: acme, web, January. 2: acme, shop, January, ben. 3: zeta, shop, January. 4: acme, shop, February.
    let mut settled: Vec<Conversion> = (1..=4).map(|number| settled(number, 600)).collect();
    let mut facts: Vec<_> = (1..=4).map(purchase).collect();
    facts[0].source = SourceKey::parse("web").unwrap();
    settled[1].credits[0].earner = Earner::Partner(partner("ben"));
    settled[1].commissions = vec![line(2, "cleo", 5)];
    (settled[2].brand, facts[2].brand) = (brand("zeta"), brand("zeta"));
    settled[2].transaction = Some(transaction("order-2"));
    let february = Period::parse("2026-02").unwrap();
    settled[3].occurred_at = february.start();
    settled[0].occurred_at = Timestamp(february.start().0 - 1);
    let commit = Commit {
        facts: (1..=4).zip(facts).map(|(number, fact)| stored(number, number, fact)).collect(),
        conversions: (1..=4).zip(settled).map(|(number, conversion)| put(number, conversion)).collect(),
        ..next(0, 4)
    };
    let (_, reader) = filled(stores, &[commit]);
    let all = ConversionFilter::default;
    let acme = || Some(brand("acme"));
    let order_2 = || Some(transaction("order-2"));
    let january = Some(Period::parse("2026-01").unwrap());
    let shop = || Some(SourceKey::parse("shop").unwrap());
    for (filter, expected) in [
        (all(), &[1, 2, 3, 4][..]),
        (ConversionFilter { brand: acme(), ..all() }, &[1, 2, 4]),
        (ConversionFilter { brand: Some(brand("other")), ..all() }, &[]),
        (ConversionFilter { source: shop(), ..all() }, &[2, 3, 4]),
        (ConversionFilter { period: Some(february), ..all() }, &[4]),
        (ConversionFilter { period: january, ..all() }, &[1, 2, 3]),
        (ConversionFilter { transaction: order_2(), ..all() }, &[2, 3]),
        (ConversionFilter { transaction: order_2(), brand: acme(), ..all() }, &[2]),
        (ConversionFilter { partner: Some(partner("anna")), ..all() }, &[1, 3, 4]),
        (ConversionFilter { partner: Some(partner("ben")), ..all() }, &[2]),
        (ConversionFilter { partner: Some(partner("cleo")), ..all() }, &[2]),
        (ConversionFilter { partner: Some(partner("email")), ..all() }, &[]),
        (
            ConversionFilter {
                brand: acme(),
                source: shop(),
                period: january,
                transaction: order_2(),
                partner: Some(partner("ben")),
            },
            &[2],
        ),
    ] {
        let found = numbers(&*reader, &filter, None);
        assert_eq!(found, expected, "{filter:?}");
        let rest = numbers(&*reader, &filter, Some(2));
        assert_eq!(
            rest,
            expected.iter().copied().filter(|number| *number > 2).collect::<Vec<_>>(),
            "{filter:?}"
        );
    }
}

fn numbers(reader: &dyn StateReader, filter: &ConversionFilter, after: Option<u64>) -> Vec<u64> {
    let found = reader.conversions(filter, after.map(event), 10).unwrap();
    found.iter().map(|(cluster, _)| cluster.0).collect()
}

/// Newest first, of all brands or of one, at most as many as asked for.
pub fn the_newest_come_first(stores: &dyn StateStores) {
    let of = |number: u64| brand(if number.is_multiple_of(2) { "acme" } else { "zeta" });
    let commit = Commit {
        facts: (1..=6)
            .map(|number| {
                stored(number, number, tributary_domain::fact::Fact { brand: of(number), ..purchase(number) })
            })
            .collect(),
        conversions: (1..=6)
            .map(|number| put(number, Conversion { brand: of(number), ..settled(number, 600) }))
            .collect(),
        payouts: (1..=3)
            .map(|number| {
                let step = tributary_domain::fact::PayoutStep::Prepared;
                let mut one = payout(&format!("po_{number}"), vec![], step, 10 - number);
                one.plan.run = if number == 3 { "2026-02".into() } else { "2026-01".into() };
                one
            })
            .collect(),
        ..next(0, 6)
    };
    let (_, reader) = filled(stores, &[commit]);
    let acme = brand("acme");
    let facts = |of: Option<&BrandKey>, limit| -> Vec<u64> {
        reader.latest_facts(of, limit).unwrap().iter().map(|fact| fact.sequence.0).collect()
    };
    assert_eq!(facts(None, 4), [6, 5, 4, 3]);
    assert_eq!(facts(Some(&acme), 2), [6, 4]);
    let conversions = |of: Option<&BrandKey>, limit| -> Vec<_> {
        reader.latest_conversions(of, limit).unwrap().iter().map(|conversion| conversion.event_id).collect()
    };
    assert_eq!(conversions(None, 2), [event(6), event(5)]);
    assert_eq!(conversions(Some(&acme), 10), [event(6), event(4), event(2)]);
    let payouts = |run: Option<&str>, limit| -> Vec<String> {
        reader.payouts(run, limit).unwrap().iter().map(|one| one.plan.payout.0.to_string()).collect()
    };
    assert_eq!(payouts(None, 2), ["po_1", "po_2"]);
    assert_eq!(payouts(Some("2026-01"), 10), ["po_1", "po_2"]);
    assert_eq!(payouts(Some("2026-02"), 10), ["po_3"]);
}

/// Sums of credits are exact; sums of lines are per partner, currency, state and reason.
pub fn credits_and_lines_are_summed(stores: &dyn StateStores) {
    let mut others = settled(2, 40);
    others.commissions[0].state = CommissionState::Held;
    others.commissions[0].reason = Reason::PartnerOnHold;
    let february = Conversion { occurred_at: Period::parse("2026-02").unwrap().start(), ..settled(3, 50) };
    let mut without_value = settled(4, 0);
    (without_value.value, without_value.commissions) = (None, Vec::new());
    for credit in &mut without_value.credits {
        (credit.minor, credit.weight, credit.total_weight) = (0, 1, 3);
    }
    let changes = [settled(1, 600), others, february, without_value];
    let commit = Commit {
        facts: (1..=4).map(|number| stored(number, number, purchase(number))).collect(),
        conversions: (1..=4).zip(changes).map(|(number, conversion)| put(number, conversion)).collect(),
        ..next(0, 4)
    };
    let (_, reader) = filled(stores, &[commit]);
    let sums = |period| -> Vec<(String, String, u64, i64)> {
        let sums = reader.credit_sums(&brand("acme"), period).unwrap();
        // Millionths, to compare.
        sums.into_iter()
            .map(|s| (s.earner, s.currency, (s.conversions * 1e6).round() as u64, s.value))
            .collect()
    };
    let row =
        |earner: &str, code: &str, millionths, value| (earner.to_owned(), code.to_owned(), millionths, value);
    let all = [
        row("@email", "", 333_333, 0),
        row("@email", "EUR", 1_200_000, 12_000),
        row("anna", "", 333_333, 0),
        row("anna", "EUR", 1_800_000, 18_000),
    ];
    assert_eq!(sums(None), all);
    let february = sums(Some(Period::parse("2026-02").unwrap()));
    assert_eq!(february, [row("@email", "EUR", 400_000, 4_000), row("anna", "EUR", 600_000, 6_000)]);
    assert!(reader.credit_sums(&brand("zeta"), None).unwrap().is_empty());

    let lines: Vec<_> = reader
        .commission_sums()
        .unwrap()
        .into_iter()
        .map(|sum| {
            (sum.partner.to_string(), sum.state.name(), sum.reason.code(), sum.lines, sum.owed, sum.locked)
        })
        .collect();
    let anna = || "anna".to_owned();
    let expected =
        [(anna(), "approved", "in_hold_period", 2, 650, 0), (anna(), "held", "partner_on_hold", 1, 40, 0)];
    assert_eq!(lines, expected);
    let line = reader.commission(line_id(2, "anna")).unwrap().unwrap();
    assert_eq!((line.brand, line.conversion, line.reason), (brand("acme"), event(2), Reason::PartnerOnHold));
    assert_eq!((line.line.owed, line.line.payable_from), (eur(40), at(102)));
    assert!(reader.commission(line_id(9, "anna")).unwrap().is_none());
}

/// Conversions are counted once each, and as paid only when a payout of a line of theirs was settled.
pub fn conversions_are_counted_by_kind_and_verdict(stores: &dyn StateStores) {
    let mut conversions: Vec<Conversion> = (1..=5).map(|number| settled(number, 600)).collect();
    // A second line of the first conversion, by another plan.
    let plan = PlanKey::parse("second").unwrap();
    let second = CommissionId::derive(event(1), at(1), &partner("anna"), &plan, currency("EUR"));
    conversions[0].commissions.push(Commission { plan, id: second, ..line(1, "anna", 1) });
    conversions[1].verdict = Verdict::Rejected;
    conversions[2].kind = EventKind::Registration;
    conversions[3].verdict = Verdict::Pending;
    conversions[4].brand = brand("zeta");
    let commit = Commit {
        facts: (1..=5).map(|number| stored(number, number, purchase(number))).collect(),
        conversions: (1..).zip(conversions).map(|(number, conversion)| put(number, conversion)).collect(),
        payouts: vec![
            payout("po_1", vec![(line_id(1, "anna"), 600), (second, 1)], PayoutStep::Settled, 1),
            payout("po_2", vec![(line_id(1, "anna"), 5)], PayoutStep::Settled, 2),
            payout("po_3", vec![(line_id(4, "anna"), 600)], PayoutStep::Exported, 3),
        ],
        ..next(0, 5)
    };
    let (_, reader) = filled(stores, &[commit]);
    let counts: Vec<_> = reader
        .conversion_counts()
        .unwrap()
        .into_iter()
        .map(|count| {
            (count.brand.to_string(), count.kind.name(), count.verdict.name(), count.conversions, count.paid)
        })
        .collect();
    let row = |of: &str, kind, verdict, conversions, paid| (of.to_owned(), kind, verdict, conversions, paid);
    let expected = [
        row("acme", "conversion", "approved", 1, 1),
        row("acme", "conversion", "pending", 1, 0),
        row("acme", "conversion", "rejected", 1, 0),
        row("acme", "registration", "approved", 1, 0),
        row("zeta", "conversion", "approved", 1, 0),
    ];
    assert_eq!(counts, expected);
}
