//! The sample's defects that settlement must not share; names begin with their row in the list of defects.

use std::collections::HashSet;

use super::*;

#[test]
fn a1_credits_sum_to_the_value_for_any_number_of_touches() {
    for count in [1, 2, 3, 5, 10, 100] {
        let mut lines: Vec<String> = (0..count)
            .map(|touch| format!("{touch}h click link:{} v:1", ["a", "b", "c"][touch % 3]))
            .collect();
        lines.push("100h conversion 100.00EUR t:o1 v:1".to_owned());
        let settlement = settle(&facts(&lines), &world());
        let credits: Vec<i64> = settlement.conversions[0].credits.iter().map(|credit| credit.minor).collect();
        assert_eq!((credits.len(), credits.iter().sum::<i64>()), (count, 10_000));
        assert_eq!(credits.last(), Some(&if count == 1 { 10_000 } else { 6_000 }), "{count} touches");
    }
}

#[test]
fn a2_a_missing_value_is_no_value_and_never_a_number() {
    let settlement = settled(&world(), &["1d click link:a v:1", "2d conversion t:o1 v:1"]);
    let conversion = &settlement.conversions[0];
    assert_eq!(conversion.value, None);
    assert_eq!(conversion.credits[0].minor, 0);
    assert_eq!(conversion.commissions, []);
}

#[test]
fn a3_a_click_after_the_conversion_gets_nothing() {
    let lines = ["1d click link:a v:1", "2d conversion 100.00EUR t:o1 v:1", "3d click link:b v:1"];
    assert_eq!(
        shown(&world(), &lines),
        ["o1 100.00 EUR pending: attributed | anna 100.00 | anna 10.00 awaiting_approval"]
    );
    assert_eq!(considered(&world(), &lines), ["anna eligible", "ben after_conversion"]);
}

#[test]
fn a4_windows_are_counted_from_the_conversion_so_processing_it_late_changes_nothing() {
    let lines = ["1d click link:a v:1", "3d conversion 100.00EUR t:o1 v:1"];
    let first = settled(&world(), &lines);
    assert_eq!(first.conversions[0].credits.len(), 1);
    let much_later = ["1d click link:a v:1", "3d conversion 100.00EUR t:o1 v:1", "900d identify v:1 c:A"];
    assert_eq!(settled(&world(), &much_later).conversions[0].credits, first.conversions[0].credits);
}

#[test]
fn a5_settling_again_is_settling_once_and_a_refund_reverses_what_it_names() {
    let lines = [
        "1d click link:a v:1",
        "2d conversion 100.00EUR t:o1 v:1 status:approved",
        "2d conversion 50.00EUR t:o2 v:1 status:approved",
        "3d refund t:o1",
    ];
    let mut owed: Vec<(String, i64)> = settled(&world(), &lines)
        .conversions
        .iter()
        .map(|c| (c.transaction.as_ref().unwrap().to_string(), c.commissions[0].owed))
        .collect();
    owed.sort();
    assert_eq!(owed, [("o1".to_owned(), 0), ("o2".to_owned(), 500)]);
    let threefold: Vec<&str> = lines.iter().chain(&lines).chain(&lines).copied().collect();
    assert_eq!(settle(&facts(&threefold), &world()), settle(&facts(&lines), &world()));
    let without_number =
        ["1d click link:a v:1", "2d conversion 100.00EUR v:1", "2d conversion 100.00EUR v:1"];
    assert_eq!(settled(&world(), &without_number).conversions.len(), 1, "the same event twice");
}

#[test]
fn a7_fifty_reloads_of_one_link_are_one_touch() {
    let mut lines: Vec<String> = (0..50).map(|second| format!("2d{second}s click link:a v:1")).collect();
    lines.push("1d click link:b v:1".to_owned());
    lines.push("3d conversion 100.00EUR t:o1 v:1".to_owned());
    for (model, expected) in
        [(Model::Linear, "ben 50.00, anna 50.00"), (COMMISSIONED, "ben 40.00, anna 60.00")]
    {
        assert!(shown(&world().with_model(model.clone()), &lines)[0].contains(expected), "{model:?}");
    }
}

#[test]
fn a8_clicks_before_the_account_are_stitched_and_what_nobody_brought_is_kept_and_tried_again() {
    let conversion = "3d conversion 100.00EUR t:o1 c:A";
    assert_eq!(shown(&world(), &[conversion]), ["o1 100.00 EUR pending: no_touchpoint"]);
    let attributed = "o1 100.00 EUR pending: attributed | anna 100.00 | anna 10.00 awaiting_approval";
    for lines in [
        &["1d click link:a v:1", "2d identify v:1 c:A", conversion][..],
        &["1d click link:a v:1 e:m", "2d identify e:m c:A", conversion],
        &["1d click link:a v:1 k:x", "3d conversion 100.00EUR t:o1 c:A k:x"],
        &["1d click link:a v:1", "9d identify v:1 c:A", conversion],
    ] {
        assert_eq!(shown(&world(), lines), [attributed], "{lines:?}");
    }
}

#[test]
fn a9_money_is_whole_minor_units_of_a_currency() {
    let mut lines = vec![
        "1d click link:a v:1".to_owned(),
        "2d click link:b v:1".to_owned(),
        "3d click link:c v:1".to_owned(),
    ];
    lines.extend((0..1_000).map(|order| format!("4d conversion 0.10EUR t:o{order} v:1")));
    let settlement = settle(&facts(&lines), &world());
    let credited: i64 =
        settlement.conversions.iter().flat_map(|c| &c.credits).map(|credit| credit.minor).sum();
    assert_eq!(credited, 10_000);
}

#[test]
fn a10_ties_in_time_break_on_the_event_id_whatever_arrives_first() {
    for (first, second, expected) in [(1, 2, "anna 40.00, ben 60.00"), (2, 1, "ben 40.00, anna 60.00")] {
        let lines = [
            format!("1d click link:a v:1 id:{first}"),
            format!("1d click link:b v:1 id:{second}"),
            "2d conversion 100.00EUR t:o1 v:1".to_owned(),
        ];
        assert!(shown(&world(), &lines)[0].contains(expected));
    }
}

#[test]
fn a11_windows_are_those_of_the_tier_and_of_the_version_in_force_at_the_conversion() {
    for (tier, days) in [(Tier::Awareness, 30), (Tier::Consideration, 14), (Tier::Conversion, 7)] {
        assert_eq!(tier.click_window(), Span::days(days));
        let mut world = world();
        world.set_campaign("summer", Campaign { tier, ..campaign(COMMISSIONED, "standard") });
        let lines = |late: &str| {
            ["1h click link:a v:1".to_owned(), format!("{days}d1h{late} conversion 10.00EUR t:o1 v:1")]
        };
        assert_eq!(considered(&world, &lines("")), ["anna eligible"], "exactly {days} days");
        assert_eq!(
            considered(&world, &lines("1s")),
            ["anna outside_window"],
            "a second more than {days} days"
        );
    }
    let mut world = world();
    let mut versions = Versions::always(campaign(COMMISSIONED, "standard"));
    versions
        .add(time("20d"), Campaign { windows: click_window(14), ..campaign(Model::FirstTouch, "standard") });
    world.campaigns.insert((brand(), CampaignKey::parse("summer").unwrap()), versions);
    let clicks = ["9d click link:a v:1", "18d click link:b v:1"];
    let with = |conversion: &str| shown(&world, &[clicks[0], clicks[1], conversion]).join("");
    assert!(with("19d conversion 10.00EUR t:o1 v:1").contains("| ben 10.00 |"));
    assert!(with("20d conversion 10.00EUR t:o1 v:1").contains("| anna 10.00 |"));
}

#[test]
fn a12_a_late_click_opens_the_attribution_again() {
    let lines = ["1d click link:a v:1", "3d conversion 100.00EUR t:o1 v:1"];
    assert!(shown(&world(), &lines)[0].contains("| anna 100.00 |"));
    let late = ["1d click link:a v:1", "3d conversion 100.00EUR t:o1 v:1", "2d click link:b v:1"];
    assert!(shown(&world(), &late)[0].contains("| anna 40.00, ben 60.00 |"));
}

#[test]
fn d2_two_customers_at_one_moment_both_count() {
    let lines = ["2d conversion 10.00EUR c:A named:anna", "2d conversion 900.00EUR c:B named:anna"];
    let mut values: Vec<i64> =
        settled(&world(), &lines).conversions.iter().map(|c| c.value.unwrap().minor).collect();
    values.sort_unstable();
    assert_eq!(values, [1_000, 90_000]);
}

#[test]
fn d3_five_thousand_customers_in_one_hour_of_whole_seconds_all_count() {
    let lines: Vec<String> = (0..5_000)
        .map(|n| {
            format!("{}s conversion 1.00EUR t:o{n} c:{n} named:anna campaign:summer", (n * 7_919) % 3_600)
        })
        .collect();
    let settlement = settle(&facts(&lines), &world());
    let ids: HashSet<EventId> = settlement.conversions.iter().map(|conversion| conversion.event_id).collect();
    assert_eq!(ids.len(), 5_000);
    assert!(settlement.conversions.iter().all(|conversion| conversion.commissions.len() == 1));
}

#[test]
fn d4_numbers_and_names_that_hold_separators_stay_apart() {
    let lines = [
        "2d conversion 1.00EUR t:a:b src:shop c:A",
        "2d conversion 2.00EUR t:b src:shop c:A",
        "2d conversion 3.00EUR t:a:b:c src:shop c:A",
        "3d refund t:a:b src:shop",
    ];
    let refunded: Vec<(i64, i64)> =
        settled(&world(), &lines).conversions.iter().map(|c| (c.value.unwrap().minor, c.refunded)).collect();
    assert_eq!(refunded.iter().filter(|(_, back)| *back > 0).collect::<Vec<_>>(), [&(100, 100)]);
}
