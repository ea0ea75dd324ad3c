//! What must hold for every set of facts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::attribution::models::tests::any_model;
use crate::ids::CommissionId;

fn any_line() -> impl Strategy<Value = String> {
    let when = (0u32..6, prop::sample::select(vec!["0h", "1m", "40m", "9h"]))
        .prop_map(|(day, more)| format!("{day}d{more}"));
    let pick = |words: &[&'static str]| prop::sample::select(words.to_vec());
    let subject = (
        pick(&["", "c:A", "c:B", "c:C"]),
        pick(&["", "v:1", "v:2"]),
        pick(&["", "", "e:m"]),
        pick(&["", "k:x", "k:=a@1d", "k:=b@2d"]),
    )
        .prop_map(|(customer, visitor, email, click)| format!("{customer} {visitor} {email} {click}"));
    let amount = pick(&["", "10.00EUR", "0.05EUR", "33.33EUR", "7.00USD"]);
    let number = pick(&["t:1", "t:2", "t:3"]);
    let touch = (
        pick(&["click", "click", "view"]),
        pick(&["link:a", "link:b", "link:c", "link:d", "@email", "@direct", "link:zz"]),
    )
        .prop_map(|(kind, of)| format!("{kind} {of}"));
    let action = (
        pick(&["conversion", "conversion", "qualification", "registration"]),
        amount.clone(),
        pick(&["", "t:1", "t:2", "t:3"]),
        pick(&["", "status:pending", "status:approved", "status:rejected"]),
        pick(&["", "", "code:ANNA10", "named:cleo", "campaign:autumn"]),
    )
        .prop_map(|(kind, amount, number, status, evidence)| {
            format!("{kind} {amount} {number} {status} {evidence}")
        });
    let about = prop_oneof![
        (pick(&["refund", "chargeback"]), amount, number.clone())
            .prop_map(|(kind, amount, number)| format!("{kind} {amount} {number}")),
        (pick(&["status:pending", "status:approved", "status:rejected"]), number.clone())
            .prop_map(|(status, number)| format!("status {status} {number}")),
        (pick(&["5.00EUR", "20.00EUR", "5.00USD"]), number)
            .prop_map(|(amount, number)| format!("adjustment {amount} {number}")),
    ];
    let what = prop_oneof![3 => touch, 3 => action, 2 => about, 1 => Just("identify".to_owned())];
    (when, what, subject, 0u8..3).prop_map(|(when, what, subject, id)| {
        // Our own click ids tell the moment of their click.
        let moment = match (what.starts_with("click"), subject.contains("k:=a"), subject.contains("k:=b")) {
            (true, true, _) => "1d".to_owned(),
            (true, _, true) => "2d".to_owned(),
            _ => format!("{when} {what} id:{id}").split(' ').next().unwrap_or_default().to_owned(),
        };
        let what = match (moment.as_str(), subject.contains("k:=")) {
            ("1d", true) => "click link:a".to_owned(),
            ("2d", true) => "click link:b".to_owned(),
            _ => what,
        };
        format!("{moment} {what} {subject}")
    })
}

/// Lines in two orders, the second with repetitions.
pub(super) fn shuffled() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    prop::collection::vec(any_line(), 1..25).prop_flat_map(|mut lines| {
        // The log takes one content per event id.
        let mut taken = BTreeSet::new();
        lines.retain(|line| taken.insert(fact(line).event_id));
        let twice: Vec<String> = lines.iter().chain(lines.iter().step_by(2)).cloned().collect();
        (Just(lines), Just(twice).prop_shuffle())
    })
}

fn granted_and_credited(conversion: &Conversion) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
    let (mut granted, mut credited) = (BTreeMap::new(), BTreeMap::new());
    for line in &conversion.commissions {
        *granted.entry(line.partner.to_string()).or_insert(0) += line.granted.minor;
    }
    for credit in &conversion.credits {
        if let Earner::Partner(partner) = &credit.earner {
            *credited.entry(partner.to_string()).or_insert(0) += credit.minor;
        }
    }
    (granted, credited)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_and_repetition_of_facts_settles_alike((lines, other) in shuffled(), model in any_model()) {
        let world = world().with_model(model);
        prop_assert_eq!(settle(&facts(&lines), &world), settle(&facts(&other), &world));
    }

    #[test]
    fn every_fact_has_one_outcome_and_credits_sum_to_the_value((lines, _) in shuffled(), model in any_model()) {
        let all = facts(&lines);
        let settlement = settle(&all, &world().with_model(model));
        let distinct: BTreeSet<EventId> = all.iter().map(|fact| fact.event_id).collect();
        prop_assert_eq!(settlement.outcomes.len(), distinct.len());
        let mut lines_seen = BTreeSet::<CommissionId>::new();
        for conversion in &settlement.conversions {
            let credited: i64 = conversion.credits.iter().map(|credit| credit.minor).sum();
            let value = conversion.value.map_or(0, |value| value.minor);
            prop_assert_eq!(credited, if conversion.model.is_some() { value } else { 0 });
            prop_assert!(conversion.refunded <= value.max(0));
            for line in &conversion.commissions {
                prop_assert!(lines_seen.insert(line.id), "one line twice");
                prop_assert!((0..=line.granted.minor).contains(&line.owed));
            }
        }
    }

    #[test]
    fn credits_sum_exactly_in_every_currency(
        minor in 0i64..10_000_000,
        currency in prop::sample::select(vec!["JPY", "EUR", "KWD"]),
        links in prop::collection::vec(prop::sample::select(vec!["link:a", "link:b", "link:c", "@email"]), 1..40),
        model in any_model(),
    ) {
        let value = Money::new(minor, Currency::parse(currency).unwrap());
        let mut lines: Vec<String> = links.iter().enumerate().map(|(hour, link)| format!("{hour}h click {link} v:1")).collect();
        lines.push(format!("50h conversion {}{currency} t:o1 v:1", value.decimal()));
        let settlement = settle(&facts(&lines), &world().with_model(model));
        prop_assert_eq!(settlement.conversions[0].credits.iter().map(|credit| credit.minor).sum::<i64>(), minor);
    }

    #[test]
    fn a_plan_that_pays_all_grants_partners_exactly_their_credits_under_every_model(
        minor in 0i64..10_000_000,
        links in prop::collection::vec(prop::sample::select(vec!["link:a", "link:b", "@email"]), 1..20),
        model in any_model(),
    ) {
        let mut lines: Vec<String> = links.iter().enumerate().map(|(hour, link)| format!("{hour}h click {link} v:1")).collect();
        lines.push(format!("50h conversion {} t:o1 v:1 code:ANNA10", Money::new(minor, Currency::parse("EUR").unwrap()).to_string().replace(' ', "")));
        let world = world().with_model(model).with_percentage(1_000_000);
        let settlement = settle(&facts(&lines), &world);
        let (granted, credited) = granted_and_credited(&settlement.conversions[0]);
        prop_assert_eq!(granted, credited);
    }

    #[test]
    fn refunds_of_everything_in_any_order_return_everybody_to_zero(
        parts in prop::collection::vec(1i64..5_000, 1..8),
        links in prop::collection::vec(prop::sample::select(vec!["link:a", "link:b", "link:c", "@email"]), 1..8),
        days in prop::collection::vec(0u32..60, 8),
        model in any_model(),
    ) {
        let euro = |minor: i64| Money::new(minor, Currency::parse("EUR").unwrap()).to_string().replace(' ', "");
        let mut lines: Vec<String> = links.iter().enumerate().map(|(hour, link)| format!("{hour}h click {link} v:1")).collect();
        lines.push(format!("2d conversion {} t:o1 v:1 status:approved", euro(parts.iter().sum())));
        lines.extend(parts.iter().zip(&days).enumerate().map(|(n, (part, day))| {
            format!("{day}d {} {} t:o1 id:{n}", if n % 2 == 0 { "refund" } else { "chargeback" }, euro(*part))
        }));
        let conversion = settle(&facts(&lines), &world().with_model(model)).conversions.remove(0);
        prop_assert_eq!(Some(conversion.refunded), conversion.value.map(|value| value.minor));
        prop_assert!(conversion.commissions.iter().all(|line| line.owed == 0));
    }

    #[test]
    fn a_click_that_comes_late_ends_in_what_it_would_have_been((lines, _) in shuffled(), late in 0usize..25) {
        let mut other = lines.clone();
        let moved = other.remove(late % lines.len());
        let before = settle(&facts(&other), &world());
        other.push(moved);
        prop_assert_eq!(settle(&facts(&other), &world()), settle(&facts(&lines), &world()));
        prop_assert!(before.outcomes.len() <= lines.len());
    }
}
