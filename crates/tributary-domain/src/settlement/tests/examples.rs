//! Worked examples of attribution and commission, those of `docs/attribution.md` and `docs/commissions.md` among them.

use super::*;
use crate::configuration::Brand;
use crate::identity::KnownIdentifiers;
use crate::reason::Reason;

#[test]
fn three_partners_share_by_the_commissioned_weights_and_their_own_plans() {
    assert_eq!(
        shown(
            &world(),
            &[
                "1d click link:a v:1",
                "2d click link:b v:1",
                "3d click link:c v:1",
                "4d conversion 100.00EUR t:o1 c:A v:1 status:approved",
            ]
        ),
        ["o1 100.00 EUR approved: attributed | anna 20.00, ben 20.00, cleo 60.00 | \
          cleo 3.00 in_hold_period, anna 2.00 in_hold_period, ben 2.00 in_hold_period"]
    );
}

#[test]
fn other_channels_take_their_share_and_nobody_is_paid_for_it() {
    assert_eq!(
        shown(
            &world(),
            &["1d click link:a v:1", "2d click @email v:1", "3d conversion 50.00EUR t:o1 c:A v:1"]
        ),
        ["o1 50.00 EUR pending: attributed | anna 20.00, @email 30.00 | anna 2.00 awaiting_approval"]
    );
}

#[test]
fn a_plan_that_pays_everything_grants_each_partner_exactly_his_credit() {
    let world = world().with_model(Model::Linear).with_percentage(1_000_000);
    assert_eq!(
        shown(
            &world,
            &[
                "1d click @email v:1",
                "2d click link:a v:1",
                "3d click link:b v:1",
                "4d conversion 100.00EUR t:o1 v:1"
            ]
        ),
        ["o1 100.00 EUR pending: attributed | @email 33.34, anna 33.33, ben 33.33 | \
          anna 33.33 awaiting_approval, ben 33.33 awaiting_approval"]
    );
}

#[test]
fn sub_cent_commissions_are_rounded_once_and_split_without_loss() {
    let lines = |value: &str| {
        [
            "1d click link:a v:1".to_owned(),
            "2d click link:b v:1".to_owned(),
            format!("3d conversion {value} t:o1 v:1"),
        ]
    };
    for (value, expected) in [
        (
            "0.04EUR",
            "o1 0.04 EUR pending: attributed | anna 0.02, ben 0.02 | anna 0.00 awaiting_approval, ben 0.00 awaiting_approval",
        ),
        (
            "0.25EUR",
            "o1 0.25 EUR pending: attributed | anna 0.10, ben 0.15 | anna 0.01 awaiting_approval, ben 0.01 awaiting_approval",
        ),
        (
            "7JPY",
            "o1 7 JPY pending: attributed | anna 3, ben 4 | anna 0 awaiting_approval, ben 1 awaiting_approval",
        ),
        (
            "1.001KWD",
            "o1 1.001 KWD pending: attributed | anna 0.400, ben 0.601 | anna 0.040 awaiting_approval, ben 0.060 awaiting_approval",
        ),
    ] {
        assert_eq!(shown(&world(), &lines(value)), [expected]);
    }
}

#[test]
fn a_cost_per_action_is_paid_in_its_own_currency_and_without_a_value() {
    assert_eq!(
        shown(&world(), &["1d click link:d v:1", "20d conversion 30.00EUR t:o1 v:1"]),
        ["o1 30.00 EUR pending: attributed | dora 30.00 | dora 20.00 in_hold_period"]
    );
    assert_eq!(
        shown(
            &world(),
            &["1d click link:a v:1", "2d click link:b v:1", "3d qualification t:q1 v:1 status:approved"]
        ),
        [
            "q1 no value approved: attributed | anna -, ben - | anna 10.00 in_hold_period, ben 15.00 in_hold_period"
        ]
    );
    assert_eq!(
        shown(&world(), &["1d click link:a v:1", "3d conversion t:o1 v:1"]),
        ["o1 no value pending: attributed | anna -"],
        "a percentage of nothing said is nothing"
    );
}

#[test]
fn impressions_count_only_without_a_click_and_named_partners_only_without_either() {
    let lines =
        ["2d click link:a v:1", "2d12h view link:b v:1", "3d conversion 10.00EUR t:o1 v:1 named:cleo"];
    assert_eq!(considered(&world(), &lines), ["anna eligible", "ben view_outranked", "cleo named_outranked"]);
    assert_eq!(considered(&world(), &lines[1..]), ["ben eligible", "cleo named_outranked"]);
    assert_eq!(considered(&world(), &lines[2..]), ["cleo eligible"]);
    assert_eq!(
        considered(&world(), &["1d23h view link:b v:1", "3d conversion 10.00EUR t:o1 v:1 named:nobody"]),
        ["ben outside_window", "? partner_unknown"]
    );
}

#[test]
fn a_promo_code_is_a_touch_at_the_moment_of_the_order() {
    assert_eq!(
        shown(&world(), &["1d click link:b v:1", "2d conversion 100.00EUR t:o1 v:1 code:anna10"]),
        [
            "o1 100.00 EUR pending: attributed | ben 40.00, anna 60.00 | anna 6.00 awaiting_approval, ben 4.00 awaiting_approval"
        ]
    );
    assert_eq!(
        shown(&world(), &["2d conversion 100.00EUR t:o1 code:NOBODY"]),
        ["o1 100.00 EUR pending: no_eligible_touchpoint"]
    );
}

#[test]
fn a_promo_code_that_changed_hands_pays_whoever_had_it_then() {
    let mut world = world();
    let (a, b) = (LinkKey::parse("a").unwrap(), LinkKey::parse("b").unwrap());
    let mut of_anna = Versions::always(link("anna", "summer", Some("ANNA10")));
    of_anna.add(time("10d"), link("anna", "summer", None));
    let mut of_ben = Versions::always(link("ben", "summer", None));
    of_ben.add(time("12d"), link("ben", "summer", Some("ANNA10")));
    world.links.insert(a, of_anna);
    world.links.insert(b, of_ben);
    world.index();
    for (line, expected) in [
        ("9d conversion 10.00EUR t:o1 code:ANNA10", "anna eligible"),
        ("11d conversion 10.00EUR t:o1 code:ANNA10", "ben code_outside_dates"),
        ("12d conversion 10.00EUR t:o1 code:ANNA10", "ben eligible"),
    ] {
        assert_eq!(considered(&world, &[line]), [expected]);
    }
}

#[test]
fn an_action_that_names_a_campaign_is_credited_within_it() {
    let lines = |campaign: &str| {
        [
            "1d click link:d v:1".to_owned(),
            "2d click link:a v:1".to_owned(),
            "3d click @email v:1".to_owned(),
            format!("4d conversion 10.00EUR t:o1 v:1 {campaign}"),
        ]
    };
    assert_eq!(considered(&world(), &lines("")), ["dora eligible", "anna eligible", "@email eligible"]);
    assert_eq!(
        considered(&world(), &lines("campaign:autumn")),
        ["dora eligible", "anna other_campaign", "@email eligible"]
    );
}

#[test]
fn a_conversion_does_not_wait_for_its_click_when_the_click_id_is_ours() {
    let conversion = "2d conversion 100.00EUR t:o1 k:=a@1d c:A";
    let expected = ["o1 100.00 EUR pending: attributed | anna 100.00 | anna 10.00 awaiting_approval"];
    let early = settled(&world(), &[conversion]);
    assert_eq!(shown(&world(), &[conversion]), expected);
    assert_eq!(shown(&world(), &[conversion, "1d click link:a v:1 k:=a@1d"]), expected);
    let click = fact("1d click link:a v:1 k:=a@1d").event_id;
    assert_eq!(
        early.conversions[0].credits[0].touchpoint, click,
        "the credit names the click before it arrives"
    );
    let later = ["1d12h registration t:r1 k:=a@1d c:A", "2d conversion 100.00EUR t:o1 c:A"];
    assert_eq!(shown(&world(), &later)[1], expected[0], "a registration named the click");
    assert_eq!(
        shown(&world(), &["2d conversion 100.00EUR t:o1 k:=zz@1d c:A"]),
        ["o1 100.00 EUR pending: no_touchpoint"],
        "an id of a link that is not set up"
    );
}

#[test]
fn the_evidence_of_every_delivery_of_one_order_counts() {
    let lines = [
        "1d click link:a v:1 k:x",
        "2d conversion t:o1 v:9 src:pixel",
        "2d1m conversion 100.00EUR t:o1 c:A k:x src:pixel",
        "2d2m conversion 90.00EUR t:o1 c:A code:ANNA10 status:approved src:pixel",
    ];
    assert_eq!(
        shown(&world(), &lines),
        ["o1 100.00 EUR approved: attributed | anna 40.00, anna 60.00 | anna 10.00 in_hold_period"]
    );
    assert_eq!(
        outcomes(&world(), &lines),
        ["recorded", "attributed", "transaction_repeated", "transaction_repeated"]
    );
}

#[test]
fn one_number_in_two_namespaces_is_two_orders() {
    let lines = [
        "2d conversion 10.00EUR t:o1 c:A src:shop",
        "2d conversion 20.00EUR t:o1 c:A src:network",
        "3d refund t:o1 src:network",
        "3d registration t:o1 c:A src:shop",
    ];
    assert_eq!(
        shown(&world(), &lines)
            .iter()
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .len(),
        3
    );
    let refunded: Vec<i64> = settled(&world(), &lines).conversions.iter().map(|c| c.refunded).collect();
    assert_eq!(refunded.iter().sum::<i64>(), 2_000);
}

#[test]
fn a_partner_on_hold_earns_but_is_not_paid() {
    let mut world = world();
    let key = (brand(), PartnerKey::parse("anna").unwrap());
    world.partners.insert(key, Versions::always(Partner { on_hold: true, ..partner(None) }));
    assert_eq!(
        shown(&world, &["1d click link:a v:1", "2d conversion 10.00EUR t:o1 v:1 status:approved"]),
        ["o1 10.00 EUR approved: attributed | anna 10.00 | anna 1.00 partner_on_hold"]
    );
}

#[test]
fn touches_of_links_and_partners_that_are_not_set_up_are_told_and_refused() {
    assert_eq!(
        considered(
            &world(),
            &[
                "1d click link:zz v:1",
                "1d1h click partner:nobody v:1",
                "1d2h click partner:ben campaign:summer v:1",
                "2d conversion 10.00EUR t:o1 v:1",
            ]
        ),
        ["? partner_unknown", "? partner_unknown", "ben eligible"]
    );
}

#[test]
fn another_tracker_s_click_id_of_a_crowd_counts_for_each_by_its_last_click() {
    let lines = [
        "1d click link:a k:session",
        "2d click link:b k:session",
        "2d12h conversion 10.00EUR t:o1 c:A k:session",
        "3d click link:c k:session",
        "4d conversion 10.00EUR t:o2 c:B k:session",
        "5d conversion 10.00EUR t:o3 c:C k:session",
        "6d conversion 10.00EUR t:o4 c:D k:session",
    ];
    let earners: Vec<String> =
        settled(&world(), &lines).conversions.iter().map(|c| format!("{:?}", c.credits[0].earner)).collect();
    assert_eq!(
        earners,
        [r#"Partner("ben")"#, r#"Partner("cleo")"#, r#"Partner("cleo")"#, r#"Partner("cleo")"#]
    );
}

/// The world, whose brand has these rules for identifiers.
fn bounded(most_customers_per_identifier: u32, identity: IdentityRules) -> Configuration {
    let mut world = world();
    let acme = Brand { most_customers_per_identifier, identity, ..acme() };
    world.brands.insert(brand(), Versions::always(acme));
    world
}

#[test]
fn a_tester_s_conversions_are_kept_and_nobody_earns_by_them() {
    let lines = [
        "1d click link:a v:1",
        "2d conversion 10.00EUR t:o1 c:T v:1",
        "2d conversion 10.00EUR t:o2 v:1",
        "2d conversion 10.00EUR t:o3 c:A code:ANNA10",
    ];
    let mut world = bounded(3, IdentityRules::default());
    let tester = fact("1d click c:T").subject.customer.unwrap();
    let known = KnownIdentifiers { test_customers: [tester].into(), ..KnownIdentifiers::default() };
    world.known_identifiers.insert(brand(), known);
    let settlement = settled(&world, &lines);
    let ended: Vec<(&str, usize, usize)> = settlement
        .conversions
        .iter()
        .map(|each| (each.reason.code(), each.credits.len(), each.commissions.len()))
        .collect();
    // The second names no customer, and its device is the tester's.
    assert_eq!(ended.iter().filter(|each| **each == ("test_account", 0, 0)).count(), 2, "{ended:?}");
    assert_eq!(ended.iter().filter(|each| **each == ("attributed", 1, 1)).count(), 1, "{ended:?}");
}

#[test]
fn an_identifier_of_more_customers_than_the_brand_s_bound_joins_nobody() {
    let lines = [
        "1d click link:a v:1",
        "2d conversion 10.00EUR t:o1 c:A v:1",
        "2d1h conversion 10.00EUR t:o2 c:B v:1",
        "2d2h conversion 10.00EUR t:o3 c:C v:1",
    ];
    for (bound, expected) in
        [(2, ["no_touchpoint"; 3]), (3, ["attributed", "no_touchpoint", "no_touchpoint"])]
    {
        let world = bounded(bound, IdentityRules::default());
        let reasons: Vec<&str> =
            settled(&world, &lines).conversions.iter().map(|c| c.reason.code()).collect();
        assert_eq!(reasons, expected, "at most {bound}");
    }
}

#[test]
fn a_shared_device_s_clicks_go_to_the_customer_who_identified_himself_next() {
    let lines = [
        "1d click link:a v:1",
        "2d conversion 10.00EUR t:o1 c:A v:1",
        "3d click link:b v:1",
        "4d conversion 10.00EUR t:o2 c:B v:1",
    ];
    assert_eq!(
        shown(&world(), &lines),
        [
            "o1 10.00 EUR pending: attributed | anna 10.00 | anna 1.00 awaiting_approval",
            "o2 10.00 EUR pending: attributed | ben 10.00 | ben 1.00 awaiting_approval",
        ]
    );
}

#[test]
fn a_visitor_with_fifty_thousand_clicks_is_settled_and_listed_within_bounds() {
    let mut facts: Vec<Fact> = (0..50_000)
        .map(|number| {
            fact(&format!("{}s click link:{} v:1 id:1", number * 20, if number % 3 == 0 { "a" } else { "b" }))
        })
        .collect();
    facts.extend(
        (0..50).map(|number| fact(&format!("{}h conversion 10.00EUR t:o{number} c:A v:1", 100 + number * 4))),
    );
    let settlement = settle(&facts, &world());
    let joined_to_nobody = |conversion: &Conversion| conversion.reason == Reason::NoTouchpoint;
    assert!(settlement.conversions.iter().all(joined_to_nobody), "more facts than one visitor has");
    let rules = IdentityRules { most_facts_per_identifier: 100_000, ..IdentityRules::default() };
    let settlement = settle(&facts, &bounded(3, rules));
    assert_eq!(settlement.conversions.len(), 50);
    for conversion in &settlement.conversions {
        assert_eq!(conversion.credits.iter().map(|credit| credit.minor).sum::<i64>(), 1_000);
        assert!(conversion.considered.len() <= 1_000 + conversion.credits.len());
    }
}
