//! Customer ownership: worked examples, and what must hold for every set of facts.

use proptest::prelude::*;

use super::properties::shuffled;
use super::*;
use crate::configuration::Brand;
use crate::ownership::CustomerOwnership;
use crate::reason::Reason;

fn acme(customer_ownership: CustomerOwnership) -> Brand {
    Brand { customer_ownership, ..super::acme() }
}

fn first_partner(lasts: Option<i64>, inactivity: Option<i64>) -> CustomerOwnership {
    CustomerOwnership::FirstPartner { lasts: lasts.map(Span::days), inactivity: inactivity.map(Span::days) }
}

fn owning(rule: CustomerOwnership) -> Configuration {
    let mut world = world();
    world.brands.insert(brand(), Versions::always(acme(rule)));
    world
}

/// Who is credited with each conversion, and how it ended.
fn owners(world: &Configuration, lines: &[&str]) -> Vec<String> {
    let settlement = settled(world, lines);
    settlement
        .conversions
        .iter()
        .map(|conversion| {
            let earners = conversion.credits.iter().map(|credit| match &credit.earner {
                Earner::Partner(key) => key.to_string(),
                Earner::Channel(name) => format!("@{name}"),
            });
            let number =
                conversion.transaction.as_ref().map_or(conversion.kind.name(), TransactionId::as_str);
            format!("{number} {} {}", earners.collect::<Vec<_>>().join("+"), conversion.reason.code())
        })
        .collect()
}

/// Anna wins customer A on day 1; Ben touches him before each of his later orders.
const YEARS: [&str; 7] = [
    "1d click link:a v:1",
    "1d1h registration c:A v:1",
    "50d click link:b v:1",
    "51d conversion 100.00EUR t:o1 c:A v:1",
    "170d conversion 50.00EUR t:o2 c:A",
    "300d click link:b v:1",
    "300d1h conversion 10.00EUR t:o3 c:A v:1",
];

#[test]
fn the_first_partner_keeps_the_customer_for_as_long_as_the_rule_says() {
    let registration = "registration anna attributed".to_owned();
    for (rule, orders) in [
        (CustomerOwnership::Nobody, ["o1 ben attributed", "o2  no_eligible_touchpoint", "o3 ben attributed"]),
        (
            first_partner(None, None),
            ["o1 anna customer_owned", "o2 anna customer_owned", "o3 anna customer_owned"],
        ),
        (
            first_partner(Some(180), None),
            ["o1 anna customer_owned", "o2 anna customer_owned", "o3 ben attributed"],
        ),
        // Never 120 days without any step: until the one on day 300.
        (
            first_partner(None, Some(120)),
            ["o1 anna customer_owned", "o2 anna customer_owned", "o3 ben attributed"],
        ),
        (
            first_partner(None, Some(30)),
            ["o1 ben attributed", "o2  no_eligible_touchpoint", "o3 ben attributed"],
        ),
    ] {
        let mut expected = vec![registration.clone()];
        expected.extend(orders.map(str::to_owned));
        assert_eq!(owners(&owning(rule), &YEARS), expected, "{rule:?}");
    }
}

#[test]
fn an_owned_conversion_is_paid_by_the_plan_of_the_touchpoint_that_won_the_customer() {
    let world = owning(first_partner(None, None));
    assert_eq!(
        shown(&world, &YEARS[..4])[1],
        "o1 100.00 EUR pending: customer_owned | anna 100.00 | anna 10.00 awaiting_approval"
    );
    assert_eq!(considered(&world, &YEARS[..4]), ["anna eligible", "ben owned_by_other"]);
}

#[test]
fn after_an_ownership_has_ended_the_next_partner_credited_owns_the_customer_anew() {
    let world = owning(first_partner(Some(30), None));
    let lines = [
        "1d click link:a v:1",
        "1d1h conversion 1.00EUR t:o1 c:A v:1",
        "40d conversion 1.00EUR t:o2 c:A v:1",
        "50d click link:b v:1",
        "50d1h conversion 1.00EUR t:o3 c:A v:1",
        "60d click link:a v:1",
        "60d1h conversion 1.00EUR t:o4 c:A v:1",
    ];
    assert_eq!(
        owners(&world, &lines),
        ["o1 anna attributed", "o2  no_eligible_touchpoint", "o3 ben attributed", "o4 ben customer_owned"]
    );
}

#[test]
fn an_event_that_was_rejected_or_wholly_taken_back_owns_nothing() {
    let world = owning(first_partner(None, None));
    let lines = |about: &'static str| {
        [
            "1d click link:a v:1",
            "2d conversion 100.00EUR t:o1 c:A v:1",
            "20d click link:b v:1",
            "21d conversion 100.00EUR t:o2 c:A v:1",
            about,
        ]
    };
    for (about, owner) in [
        ("40d refund 99.99EUR t:o1", "o2 anna customer_owned"),
        ("40d refund 100.00EUR t:o1", "o2 ben attributed"),
        ("40d chargeback t:o1", "o2 ben attributed"),
        ("40d status t:o1 status:rejected", "o2 ben attributed"),
        ("40d status t:o1 status:approved", "o2 anna customer_owned"),
    ] {
        assert_eq!(owners(&world, &lines(about))[1], owner, "{about}");
    }
}

#[test]
fn the_largest_share_owns_and_of_equal_shares_the_last_touch_and_never_a_channel() {
    for (model, touches, owner) in [
        (COMMISSIONED, ["1d click link:a v:1", "2d click link:b v:1", "3d click @email v:1"], "ben"),
        (COMMISSIONED, ["1d click link:a v:1", "2d click link:b v:1", "3d click link:c v:1"], "cleo"),
        (Model::Linear, ["1d click link:a v:1", "2d click link:b v:1", "3d click link:a v:1"], "anna"),
        (Model::Linear, ["1d click link:a v:1", "2d click link:c v:1", "3d click @email v:1"], "cleo"),
        (Model::FirstTouch, ["1d click link:a v:1", "2d click link:b v:1", "3d click link:b v:1"], "anna"),
    ] {
        let world = {
            let mut world = owning(first_partner(None, None)).with_model(model.clone());
            world.index();
            world
        };
        let mut lines = touches.to_vec();
        lines.extend(["4d conversion 1.00EUR t:o1 c:A v:1", "90d conversion 1.00EUR t:o2 c:A v:1"]);
        assert_eq!(owners(&world, &lines)[1], format!("o2 {owner} customer_owned"), "{model} {touches:?}");
    }
}

#[test]
fn a_code_that_won_a_customer_owns_him_and_a_qualification_alone_wins_nobody() {
    let world = owning(first_partner(None, None));
    let code = ["1d conversion 5.00EUR t:o1 c:A code:ANNA10", "60d conversion 5.00EUR t:o2 c:A code:ANNA10"];
    assert_eq!(owners(&world, &code), ["o1 anna attributed", "o2 anna customer_owned"]);
    let step = [
        "1d click link:a v:1",
        "2d qualification c:A v:1",
        "20d click link:b v:1",
        "21d conversion 5.00EUR t:o2 c:A v:1",
    ];
    assert_eq!(owners(&world, &step), ["qualification anna attributed", "o2 ben attributed"]);
}

#[test]
fn the_rule_in_force_at_the_conversion_decides() {
    let mut versions = Versions::always(acme(CustomerOwnership::Nobody));
    versions.add(time("30d"), acme(first_partner(None, None)));
    versions.add(time("90d"), acme(CustomerOwnership::Nobody));
    let mut world = world();
    world.brands.insert(brand(), versions);
    let lines = [
        "1d click link:a v:1",
        "2d conversion 1.00EUR t:o1 c:A v:1",
        "40d click link:b v:1",
        "41d conversion 1.00EUR t:o2 c:A v:1",
        "50d click link:a v:1",
        "51d conversion 1.00EUR t:o3 c:A v:1",
        "90d click link:a v:1",
        "91d conversion 1.00EUR t:o4 c:A v:1",
    ];
    assert_eq!(
        owners(&world, &lines),
        ["o1 anna attributed", "o2 ben attributed", "o3 ben customer_owned", "o4 anna attributed"]
    );
}

fn any_rule() -> impl Strategy<Value = CustomerOwnership> {
    let days = || prop::option::of(1i64..6);
    (days(), days()).prop_map(|(lasts, inactivity)| first_partner(lasts, inactivity))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn who_owns_whom_depends_on_the_facts_alone((lines, other) in shuffled(), rule in any_rule()) {
        let world = owning(rule);
        prop_assert_eq!(settle(&facts(&lines), &world), settle(&facts(&other), &world));
    }

    #[test]
    fn owned_conversions_go_to_one_partner_wholly_and_credits_still_sum((lines, _) in shuffled(), rule in any_rule()) {
        for conversion in settle(&facts(&lines), &owning(rule)).conversions {
            let credited: i64 = conversion.credits.iter().map(|credit| credit.minor).sum();
            let value = conversion.value.map_or(0, |value| value.minor);
            prop_assert_eq!(credited, if conversion.credits.is_empty() { 0 } else { value });
            let is_owned = conversion.reason == Reason::CustomerOwned;
            let eligible = conversion.considered.iter().filter(|each| each.verdict == Reason::Eligible).count();
            prop_assert!(!is_owned || (conversion.credits.len(), eligible) == (1, 1));
            prop_assert!(!is_owned || matches!(conversion.credits[0].earner, Earner::Partner(_)));
            let lost = conversion.considered.iter().any(|each| each.verdict == Reason::OwnedByOther);
            prop_assert!(is_owned || !lost, "only an owned customer's touchpoints lose to his owner");
            let places: Vec<_> = conversion.considered.iter().map(|each| each.touchpoint.place_in_time()).collect();
            prop_assert!(places.is_sorted());
        }
    }
}
