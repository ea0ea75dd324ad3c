//! Windows, models and minimum times: which level of the set-up holds.

use super::*;
use crate::configuration::{GoalTerms, TermsLevel, TierTerms, Windows};

/// The longest click window, in days, that credits anna's click for a first deposit in the campaign `summer`.
fn longest_window(world: &Configuration) -> i64 {
    let lines = |days| {
        ["0d click link:a v:1".to_owned(), format!("{days}d qualification goal:ftd 10.00EUR t:o1 v:1")]
    };
    (1..60).rev().find(|days| considered(world, &lines(*days)) == ["anna eligible"]).unwrap_or(0)
}

fn ftd(model: Option<Model>, windows: StatedWindows) -> Vec<GoalTerms> {
    vec![GoalTerms { goal: Goal::parse("ftd").unwrap(), windows, model }]
}

/// States the windows on the levels that are given a number of days.
fn stated(levels: [Option<i64>; 4]) -> Configuration {
    let [of_goal, of_partner, of_campaign, of_tier] =
        levels.map(|days| days.map_or_else(StatedWindows::default, click_window));
    let mut world = world();
    world.set_campaign(
        "summer",
        Campaign { windows: of_campaign, goals: ftd(None, of_goal), ..campaign(COMMISSIONED, "standard") },
    );
    let anna = Partner { windows: of_partner, ..partner(None) };
    world.partners.insert((brand(), PartnerKey::parse("anna").unwrap()), Versions::always(anna));
    let tiers = Tiers { conversion: TierTerms { windows: of_tier, model: None }, ..Tiers::default() };
    world.brands.insert(brand(), Versions::always(Brand { tiers, ..acme() }));
    world
}

#[test]
fn a_goal_s_window_goes_before_the_partner_s_the_campaign_s_the_tier_s_and_the_built_in_one() {
    for levels in 0..16 {
        let days = [2, 3, 5, 11];
        let levels: [Option<i64>; 4] =
            std::array::from_fn(|level| (levels & (1 << level) > 0).then_some(days[level]));
        let expected = levels.into_iter().flatten().next().unwrap_or(7);
        let world = stated(levels);
        assert_eq!(longest_window(&world), expected, "{levels:?}");
        let names = [TermsLevel::Goal, TermsLevel::Partner, TermsLevel::Campaign, TermsLevel::Tier];
        let level = levels.iter().position(Option::is_some).map_or(TermsLevel::BuiltIn, |place| names[place]);
        let at = Timestamp(0);
        let (campaign, anna) = (CampaignKey::parse("summer").unwrap(), PartnerKey::parse("anna").unwrap());
        let (windows, of) = Windows::with_levels(
            world.brand(&brand(), at),
            world.campaign(&brand(), &campaign, at),
            world.partner(&brand(), &anna, at),
            &Goal::parse("ftd").unwrap(),
        );
        assert_eq!((windows.click, of.click), (Span::days(expected), level), "{levels:?}");
        assert_eq!(of.view, TermsLevel::BuiltIn);
    }
}

#[test]
fn a_goal_s_window_is_of_that_goal_and_a_partner_s_of_that_partner_alone() {
    let world = stated([Some(2), Some(3), None, None]);
    assert_eq!(
        considered(&world, &["0d click link:a v:1", "3d conversion 10.00EUR t:o1 v:1"]),
        ["anna eligible"],
        "a purchase is no first deposit: the partner's window holds"
    );
    assert_eq!(
        considered(&world, &["0d click link:b v:1", "7d conversion 10.00EUR t:o1 v:1"]),
        ["ben eligible"],
        "ben has no windows of his own: the built-in one holds"
    );
}

#[test]
fn each_window_is_inherited_by_itself() {
    let mut world = stated([None, None, Some(20), None]);
    let view = StatedWindows { click: None, view: Some(Span(2 * Span::HOUR.0)) };
    let tiers = Tiers { conversion: TierTerms { windows: view, model: None }, ..Tiers::default() };
    world.brands.insert(brand(), Versions::always(Brand { tiers, ..acme() }));
    assert_eq!(longest_window(&world), 20, "the campaign's click window");
    for (moment, expected) in [("2h", "anna eligible"), ("2h1s", "anna outside_window")] {
        let lines = ["0d view link:a v:1".to_owned(), format!("{moment} conversion 10.00EUR t:o1 v:1")];
        assert_eq!(considered(&world, &lines), [expected], "the tier's view window, at {moment}");
    }
}

#[test]
fn what_a_campaign_leaves_out_follows_its_tier_from_the_tier_s_date_on() {
    let mut world = stated([None; 4]);
    let unstated = Campaign { model: None, ..campaign(COMMISSIONED, "standard") };
    world.set_campaign("summer", unstated);
    let terms = TierTerms { windows: click_window(20), model: Some(Model::FirstTouch) };
    let mut versions = Versions::always(acme());
    let tiers = Tiers { conversion: terms, ..Tiers::default() };
    versions.add(time("30d"), Brand { tiers, ..acme() });
    world.brands.insert(brand(), versions);
    let orders = |moment: &str| {
        let order = format!("{moment} conversion 100.00EUR t:o1 v:1");
        shown(&world, &["15d click link:a v:1", "28d click link:b v:1", &order]).join("")
    };
    assert!(orders("29d").contains("| ben 100.00 |"), "{}", orders("29d"));
    assert!(orders("30d").contains("| anna 100.00 |"), "{}", orders("30d"));
}

#[test]
fn a_goal_s_model_goes_before_the_campaign_s_the_tier_s_and_the_commissioned_one() {
    for levels in 0..8 {
        let models = [Model::FirstTouch, Model::LastTouch, Model::Linear];
        let [of_goal, of_campaign, of_tier]: [Option<Model>; 3] =
            std::array::from_fn(|level| (levels & (1 << level) > 0).then(|| models[level].clone()));
        let mut world = world();
        let expected = [&of_goal, &of_campaign, &of_tier].into_iter().flatten().next();
        let expected = expected.cloned().unwrap_or(COMMISSIONED);
        let goals = ftd(of_goal.clone(), StatedWindows::default());
        world.set_campaign(
            "summer",
            Campaign { model: of_campaign.clone(), goals, ..campaign(COMMISSIONED, "standard") },
        );
        let terms = TierTerms { windows: StatedWindows::default(), model: of_tier.clone() };
        let tiers = Tiers { conversion: terms, ..Tiers::default() };
        world.brands.insert(brand(), Versions::always(Brand { tiers, ..acme() }));
        let lines = ["1d click link:a v:1", "2d click link:b v:1", "3d qualification goal:ftd t:o1 v:1"];
        let settlement = settled(&world, &lines);
        assert_eq!(
            settlement.conversions[0].model,
            Some(expected),
            "{of_goal:?} {of_campaign:?} {of_tier:?}"
        );
    }
}

#[test]
fn a_click_younger_than_the_minimum_time_takes_no_part_even_alone() {
    let mut world = world();
    let minimum_time = Span(5 * Span::SECOND.0);
    world.set_campaign("summer", Campaign { minimum_time, ..campaign(COMMISSIONED, "standard") });
    for (line, expected) in [
        ("5s conversion 10.00EUR t:o1 v:1", "anna eligible"),
        ("4s conversion 10.00EUR t:o1 v:1", "anna too_close_to_conversion"),
        ("0s conversion 10.00EUR t:o1 v:1", "anna too_close_to_conversion"),
    ] {
        assert_eq!(considered(&world, &["0s click link:a v:1", line]), [expected], "{line}");
    }
    assert_eq!(
        considered(&world, &["4s conversion 10.00EUR t:o1 v:1 code:ANNA10"]),
        ["anna eligible"],
        "a code is used at the order by nature"
    );
    assert_eq!(
        considered(&world, &["0s click link:d v:1", "1s conversion 10.00EUR t:o1 v:1"]),
        ["dora eligible"],
        "another campaign has its own minimum time"
    );
}

#[test]
fn a_window_of_a_level_above_the_campaign_is_seen_among_very_many_touchpoints() {
    let world = stated([None, Some(50), None, None]);
    let mut lines = vec!["1d click link:a v:1".to_owned()];
    lines.extend((0..1_500).map(|second| format!("5d{second}s click @email v:1")));
    lines.push("41d conversion 10.00EUR t:o1 v:1".to_owned());
    let settlement = settle(&facts(&lines), &world);
    let credited = &settlement.conversions[0].credits;
    assert_eq!(credited[0].earner, Earner::Partner(PartnerKey::parse("anna").unwrap()));
}
