//! Verdicts, as tables.

use super::*;
use crate::attribution::models::Model;
use crate::configuration::{Campaign, StatedWindows, Versions};

/// A text table: `minute partner campaign kind`; the conversion is at minute 1000.
fn verdicts(rows: &[&str]) -> Vec<&'static str> {
    let touchpoints = rows
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let words: Vec<&str> = row.split_whitespace().collect();
            let occurred_at = Timestamp(words[0].parse::<i64>().unwrap() * Span::MINUTE.0);
            let earner = match words[1] {
                "?" => None,
                name if name.starts_with('@') => Some(Earner::Channel(Channel::parse(&name[1..]).unwrap())),
                name => Some(Earner::Partner(PartnerKey::parse(name).unwrap())),
            };
            Touchpoint {
                event_id: EventId([number as u8; 16]),
                occurred_at,
                kind: match words[3] {
                    "click" => TouchKind::Click,
                    "view" => TouchKind::Impression,
                    "code" => TouchKind::Code,
                    _ => TouchKind::Named,
                },
                earner,
                campaign: CampaignKey::parse(words[2]).ok().filter(|key| key.as_str() != "none"),
                link: None,
                click_id: None,
                barred: None,
            }
        })
        .collect();
    let configuration = configuration();
    considered(touchpoints, &configuration, Timestamp(1000 * Span::MINUTE.0))
        .iter()
        .map(|c| c.verdict.code())
        .collect()
}

fn considered(
    touchpoints: Vec<Touchpoint>,
    configuration: &Configuration,
    converted_at: Timestamp,
) -> Vec<Considered> {
    let (brand, goal) = (BrandKey::parse("acme").unwrap(), Goal::parse("purchase").unwrap());
    let circumstances = Circumstances {
        configuration,
        brand: &brand,
        converted_at,
        goal: &goal,
        only_campaign: None,
        cart_opened_at: None,
    };
    consider(touchpoints, &circumstances)
}

/// The campaigns `x` and `y`, both as [`campaign`] says.
fn configuration() -> Configuration {
    let mut configuration = Configuration::default();
    for key in ["x", "y"] {
        let key = (BrandKey::parse("acme").unwrap(), CampaignKey::parse(key).unwrap());
        configuration.campaigns.insert(key, Versions::always(campaign()));
    }
    configuration
}

fn campaign() -> Campaign {
    Campaign {
        brand: crate::ids::BrandKey::parse("acme").unwrap(),
        tier: crate::configuration::Tier::Conversion,
        destination: String::new(),
        allowed_hosts: Vec::new(),
        click_parameter: "click_id".into(),
        windows: StatedWindows {
            click: Some(Span(600 * Span::MINUTE.0)),
            view: Some(Span(60 * Span::MINUTE.0)),
        },
        goals: Vec::new(),
        minimum_time: Span(0),
        stand_down: None,
        visit_gap: Span(30 * Span::MINUTE.0),
        model: Some(Model::Linear),
        plan: None,
        active: true,
    }
}

#[test]
fn a3_a_touch_after_the_conversion_gets_nothing_and_the_window_is_closed_at_both_ends() {
    assert_eq!(
        verdicts(&["399 a x click", "400 b x click", "1000 c x click", "1001 d x click"]),
        ["outside_window", "eligible", "eligible", "after_conversion"]
    );
}

#[test]
fn a_conversion_stamped_in_whole_seconds_is_not_before_a_click_of_the_same_second() {
    let second = Span::SECOND.0;
    for (touched_at, converted_at, expected) in [
        (10 * second + 900_000, 10 * second, Span(0)),
        (11 * second, 10 * second, Span(-second)),
        (10 * second + 900_000, 10 * second + 1, Span(-899_999)),
        (9 * second, 10 * second, Span(second)),
    ] {
        assert_eq!(
            age(Timestamp(touched_at), Timestamp(converted_at)),
            expected,
            "{touched_at} {converted_at}"
        );
    }
}

#[test]
fn a7_repeats_of_one_creator_within_a_visit_collapse() {
    assert_eq!(
        verdicts(&["500 a x click", "510 a x click", "535 a x click", "536 b x click", "540 a x click"]),
        ["repeat_in_visit", "repeat_in_visit", "eligible", "eligible", "eligible"]
    );
    assert_eq!(verdicts(&["500 a x click", "530 a x click"]), ["eligible", "eligible"]);
    assert_eq!(
        verdicts(&["500 a x click", "510 a y click"]),
        ["repeat_in_visit", "eligible"],
        "another campaign"
    );
}

#[test]
fn a7_links_reloaded_in_turn_count_at_most_twice_in_a_visit() {
    let rows: Vec<String> =
        (500..550).map(|m| format!("{m} {} x click", if m % 2 == 0 { "a" } else { "b" })).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let standing: Vec<usize> = verdicts(&rows)
        .iter()
        .enumerate()
        .filter(|(_, v)| **v == "eligible")
        .map(|(place, _)| place)
        .collect();
    assert_eq!(standing, [0, 1, 48, 49]);
    assert_eq!(
        verdicts(&[
            "500 a x click",
            "501 b x click",
            "502 a x click",
            "503 a x click",
            "504 c x click",
            "505 a x click"
        ]),
        ["eligible", "eligible", "repeat_in_visit", "repeat_in_visit", "eligible", "eligible"]
    );
}

#[test]
fn stronger_evidence_outranks_weaker() {
    assert_eq!(verdicts(&["900 a x click", "990 b x view"]), ["eligible", "view_outranked"]);
    assert_eq!(verdicts(&["990 b x view", "1000 c x named"]), ["eligible", "named_outranked"]);
    assert_eq!(verdicts(&["990 a x click", "999 @direct none click"]), ["eligible", "direct_outranked"]);
    assert_eq!(verdicts(&["999 @direct none click", "1000 c x named"]), ["direct_outranked", "eligible"]);
    assert_eq!(verdicts(&["999 ? x click", "999 @email none click"]), ["partner_unknown", "eligible"]);
}

#[test]
fn a10_ties_in_time_break_on_the_event_id() {
    assert_eq!(verdicts(&["900 a x click", "900 b x click"]), ["eligible", "eligible"]);
    let order = |first: u8, second: u8| {
        let touch = |id: u8| Touchpoint {
            event_id: EventId([id; 16]),
            occurred_at: Timestamp(0),
            kind: TouchKind::Click,
            earner: None,
            campaign: None,
            link: None,
            click_id: None,
            barred: None,
        };
        considered(vec![touch(first), touch(second)], &Configuration::default(), Timestamp(1))
            .iter()
            .map(|c| c.touchpoint.event_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(1, 2), order(2, 1));
}

#[test]
fn of_too_many_touchpoints_the_first_and_the_newest_stand() {
    let rows: Vec<String> =
        (0..1_005).map(|number| format!("{} p{number} spring click", 400 + number / 3)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let verdicts = verdicts(&rows);
    let standing = verdicts.iter().filter(|verdict| **verdict == "eligible").count();
    assert_eq!((standing, verdicts[0], verdicts[1_004]), (1_000, "eligible", "eligible"));
    assert_eq!(verdicts[1..6], ["too_many_touchpoints"; 5]);
}
