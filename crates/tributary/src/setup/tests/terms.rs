//! Windows, models and minimum times at every level: read, inherited, refused, stored and seen when they change.

use super::*;

/// Adds fields to entities of [`BASE`].
fn with(brand: &str, campaign: &str, partner: &str) -> String {
    BASE.replace("currency: EUR", &format!("currency: EUR{brand}"))
        .replace("tier: awareness", &format!("tier: awareness{campaign}"))
        .replace("kind: creator", &format!("kind: creator{partner}"))
}

const OF_TIER: &str = ", tiers: {awareness: {click: 45d, view: 2h, model: linear}}";

#[test]
fn a_campaign_inherits_what_it_leaves_out_from_its_tier_and_a_partner_goes_before_both() {
    for (text, click, view, model) in [
        (with(OF_TIER, "", ""), 45, 2, Model::Linear),
        (with(", tiers: {conversion: {click: 1d}}", "", ""), 30, 24, BUILT_IN_MODEL),
        (with(OF_TIER, ", windows: {click: 10d}, model: first_touch", ""), 10, 2, Model::FirstTouch),
        (with(OF_TIER, ", windows: {click: 10d}", ", windows: {click: 3d}"), 3, 2, Model::Linear),
        (with("", "", ", windows: {view: 0s}"), 30, 0, BUILT_IN_MODEL),
    ] {
        let configuration = built(&apply(&[(&text, NOW)]));
        let hours = Span(view * Span::HOUR.0);
        assert_eq!(windows(&configuration), (Span::days(click), hours), "{text}");
        assert_eq!(model_for(&configuration, "purchase"), model, "{text}");
    }
}

#[test]
fn a_goal_has_terms_of_its_own() {
    let goals = ", goals: [{goal: ftd, model: last_touch, windows: {click: 90d}}]";
    let configuration = built(&apply(&[(&with(OF_TIER, goals, ""), NOW)]));
    assert_eq!(model_for(&configuration, "ftd"), Model::LastTouch);
    assert_eq!(model_for(&configuration, "purchase"), Model::Linear);
    let (campaign, goal) = (CampaignKey::parse("summer").unwrap(), Goal::parse("ftd").unwrap());
    let of_ftd = configuration.windows(&acme(), Some(&campaign), None, &goal, NOW);
    assert_eq!((of_ftd.click, of_ftd.view), (Span::days(90), Span(2 * Span::HOUR.0)));
    assert_eq!(configuration.models(&acme()), [Model::LastTouch, Model::Linear]);
}

#[test]
fn what_is_stored_as_inherited_follows_a_later_change_of_the_tier() {
    let later = NOW.plus(Span::DAY);
    let rows = apply(&[(&with("", "", ""), NOW), (&with(OF_TIER, "", ""), later)]);
    let configuration = built(&rows);
    let (campaign, goal) = (CampaignKey::parse("summer").unwrap(), Goal::parse("purchase").unwrap());
    let click = |at| configuration.windows(&acme(), Some(&campaign), None, &goal, at).click;
    assert_eq!((click(NOW), click(later)), (Span::days(30), Span::days(45)));
    let stored = rows.iter().find(|row| row.kind == "campaign").unwrap();
    let body: serde_json::Value = serde_json::from_str(&stored.body).unwrap();
    assert_eq!(body["windows"], serde_json::json!({"click": null, "view": null}));
    assert_eq!((&body["model"], &body["goals"]), (&serde_json::Value::Null, &serde_json::json!([])));
    assert_eq!(body["minimum_time"], "0s");
}

#[test]
fn everything_stated_is_stored_and_applying_it_again_changes_nothing() {
    let text = with(
        ", tiers: {awareness: {click: 45d, model: {kind: time_decay, half_life: 3d}}, consideration: {view: 2h}}",
        ", windows: {view: 1h}, minimum_time: 5s, goals: [{goal: ftd, windows: {view: 3h}}, {goal: lead, model: linear}]",
        ", windows: {click: 3d, view: 1d}",
    );
    let rows = apply(&[(&text, NOW)]);
    let set = plan(&rows, &document(&text), NOW.plus(Span::DAY)).unwrap();
    assert!(set.is_empty(), "{set}");
    let configuration = built(&rows);
    let campaign = configuration.campaign(&acme(), &CampaignKey::parse("summer").unwrap(), NOW).unwrap();
    assert_eq!(campaign.minimum_time, Span(5 * Span::SECOND.0));
    assert_eq!(campaign.goals.len(), 2);
}

#[test]
fn every_term_decides_about_money_and_a_change_names_its_field() {
    let rows = apply(&[(BASE, NOW)]);
    let later = NOW.plus(Span::DAY);
    for (text, field) in [
        (with(OF_TIER, "", ""), "tiers.awareness.click: (none) -> 45d"),
        (with("", ", windows: {click: 10d}", ""), "windows.click: (none) -> 10d"),
        (with("", ", model: linear", ""), "model: (none) -> linear"),
        (with("", ", minimum_time: 5s", ""), "minimum_time: 0s -> 5s"),
        (with("", ", stand_down: off", ""), "stand_down: (none) -> off"),
        (with(", stand_down: {after: cart}", "", ""), "stand_down.within: (none) -> 30m"),
        (with("", ", goals: [{goal: ftd, model: linear}]", ""), "goals[0].model: (none) -> linear"),
        (with("", "", ", windows: {click: 3d}"), "windows.click: (none) -> 3d"),
    ] {
        let set = plan(&rows, &document(&text), later).unwrap();
        assert_eq!(set.resettle_from(), Some(later), "{text}");
        assert!(set.to_string().contains(field), "{field}: {set}");
    }
}

#[test]
fn wrong_terms_are_refused_where_they_stand() {
    for (text, expected) in [
        (with(", tiers: {awarenes: {}}", "", ""), &["brands[0].tiers.awarenes", "`awareness`"][..]),
        (with(", tiers: {awareness: {clik: 3d}}", "", ""), &["brands[0].tiers.awareness.clik", "`click`"]),
        (with(", tiers: {awareness: {click: 0s}}", "", ""), &["tiers.awareness.click", "no length"]),
        (with(", tiers: {awareness: {model: last}}", "", ""), &["tiers.awareness.model", "`last_touch`"]),
        (with("", ", goals: [{model: linear}]", ""), &["campaigns[0].goals[0]", "`goal` is missing"]),
        (with("", ", goals: [{goal: ftd}]", ""), &["campaigns[0].goals[0]", "nothing is said", "`ftd`"]),
        (
            with("", ", goals: [{goal: a, model: linear}, {goal: a, model: linear}]", ""),
            &["campaigns[0].goals[1].goal", "stands twice"],
        ),
        (with("", ", minimum_time: 2d", ""), &["campaigns[0].minimum_time", "more than a day"]),
        (
            with("", ", minimum_time: 2h, windows: {click: 1h}", ""),
            &["campaigns[0].minimum_time", "shorter than `windows.click`"],
        ),
        (with("", ", stand_down: on", ""), &["campaigns[0].stand_down", "`off`, or `{after: cart"]),
        (with("", ", stand_down: {within: 5m}", ""), &["campaigns[0].stand_down", "`after` is missing"]),
        (with("", ", stand_down: {after: card}", ""), &["campaigns[0].stand_down.after", "`cart`"]),
        (with(", stand_down: {after: cart, within: 0s}", "", ""), &["brands[0].stand_down.within", "`off`"]),
        (with(", stand_down: {after: cart, within: 2d}", "", ""), &["stand_down.within", "up to 24h"]),
        (with("", "", ", windows: {click: 0d}"), &["partners[0].windows.click", "no length"]),
    ] {
        let message = refusal(&text);
        for part in expected {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn standing_down_is_off_unless_set_and_a_campaign_goes_before_its_brand() {
    let rule = |minutes: i64| StandDown::AfterCart { within: Span(minutes * Span::MINUTE.0) };
    let of_brand = ", stand_down: {after: cart}";
    for (text, expected) in [
        (with("", "", ""), StandDown::Off),
        (with(of_brand, "", ""), rule(30)),
        (with(of_brand, ", stand_down: off", ""), StandDown::Off),
        (with(of_brand, ", stand_down: {after: cart, within: 1h}", ""), rule(60)),
        (with("", ", stand_down: {after: cart, within: 10m}", ""), rule(10)),
    ] {
        let rows = apply(&[(&text, NOW)]);
        assert!(plan(&rows, &document(&text), NOW.plus(Span::DAY)).unwrap().is_empty(), "{text}");
        let configuration = built(&rows);
        let campaign = configuration.campaign(&acme(), &CampaignKey::parse("summer").unwrap(), NOW);
        assert_eq!(StandDown::of(configuration.brand(&acme(), NOW), campaign), expected, "{text}");
    }
}
