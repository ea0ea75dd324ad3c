//! What a brand's rules about customers and channels are written like.

use tributary_domain::channels::ChannelRules;
use tributary_domain::ownership::CustomerOwnership;

use super::*;

fn with(fields: &str) -> String {
    BASE.replacen("currency: EUR", &format!("currency: EUR, {fields}"), 1)
}

fn ownership(text: &str) -> CustomerOwnership {
    built(&apply(&[(text, NOW)])).brands[&acme()].latest().customer_ownership
}

#[test]
fn customers_are_owned_by_nobody_unless_the_brand_says_so() {
    let first_partner = |lasts: Option<i64>, inactivity: Option<i64>| CustomerOwnership::FirstPartner {
        lasts: lasts.map(Span::days),
        inactivity: inactivity.map(Span::days),
    };
    assert_eq!(ownership(BASE), CustomerOwnership::Nobody);
    for (fields, expected) in [
        ("none", CustomerOwnership::Nobody),
        ("{rule: none}", CustomerOwnership::Nobody),
        ("first_partner", first_partner(None, None)),
        ("{rule: first_partner, lasts: life}", first_partner(None, None)),
        ("{rule: first_partner, lasts: 180d, inactivity: 90d}", first_partner(Some(180), Some(90))),
    ] {
        let text = with(&format!("customer_ownership: {fields}"));
        assert_eq!(ownership(&text), expected, "{fields}");
        let rows = apply(&[(&text, NOW)]);
        assert!(plan(&rows, &document(&text), NOW.plus(Span::DAY)).unwrap().is_empty(), "{fields}");
    }
}

#[test]
fn an_ownership_that_means_nothing_is_refused_by_its_field() {
    for (fields, expected) in [
        ("for_ever", "brands[0].customer_ownership"),
        ("{lasts: 180d}", "brands[0].customer_ownership: `rule` is missing"),
        ("{rule: first_partner, lasts: 6mo}", "or write `life`"),
        ("{rule: first_partner, lasts: 0d}", "customer_ownership.lasts: an ownership of no length"),
        ("{rule: first_partner, inactivity: life}", "customer_ownership.inactivity"),
        ("{rule: none, lasts: 180d}", "customer_ownership.lasts: `none` has no `lasts`"),
        ("{rule: first_partner, last: 180d}", "`lasts`"),
    ] {
        let message = refusal(&with(&format!("customer_ownership: {fields}")));
        assert!(message.contains(expected), "{fields}: {message}");
    }
}

#[test]
fn conversions_are_settled_again_when_the_rule_changes() {
    let rows = apply(&[(BASE, NOW)]);
    let later = NOW.plus(Span::DAY);
    let set = plan(&rows, &document(&with("customer_ownership: first_partner")), later).unwrap();
    assert_eq!(set.resettle_from(), Some(later));
    assert!(set.to_string().contains("customer_ownership.rule: none -> first_partner"), "{set}");
}

fn channels(text: &str) -> ChannelRules {
    built(&apply(&[(text, NOW)])).brands[&acme()].latest().channels.clone()
}

#[test]
fn own_channel_rules_stand_before_the_usual_ones_or_alone() {
    assert_eq!(channels(BASE), ChannelRules::default());
    for (fields, own, usual) in [
        ("usual", 0, true),
        ("none", 0, false),
        ("{usual: false}", 0, false),
        ("{rules: [{channel: email, utm_medium: [CRM]}]}", 1, true),
        (
            "{usual: false, rules: [{channel: a, click_ids: [gclid]}, {channel: b, referrer: ['Google.*']}]}",
            2,
            false,
        ),
    ] {
        let text = with(&format!("channels: {fields}"));
        let rules = channels(&text);
        assert_eq!((rules.own.len(), rules.usual), (own, usual), "{fields}");
        let rows = apply(&[(&text, NOW)]);
        assert!(plan(&rows, &document(&text), NOW.plus(Span::DAY)).unwrap().is_empty(), "{fields}");
    }
    let rules = channels(&with("channels: {rules: [{channel: email, utm_medium: [' CRM ']}]}"));
    assert_eq!(&*rules.own[0].mediums[0], "crm");
}

#[test]
fn a_channel_rule_that_cannot_be_meant_is_refused_by_its_field() {
    for (fields, expected) in [
        ("all", "brands[0].channels"),
        ("{rules: [{channel: email}]}", "channels.rules[0]: the rule asks for nothing"),
        ("{rules: [{utm_medium: [crm]}]}", "channels.rules[0]: `channel` is missing"),
        (
            "{rules: [{channel: ads, click_ids: [gclld]}]}",
            "click_ids[0]: `gclld` is not a paid click id; the nearest is `gclid`",
        ),
        (
            "{rules: [{channel: ads, referrer: ['https://a.example/']}]}",
            "referrer[0]: `https://a.example/` is not a host",
        ),
        ("{rules: [{channel: ads, utm_medium: ['']}]}", "utm_medium[0]"),
        ("{rules: [{channel: ads, utm_medium: cpc}]}", "utm_medium: expected a list"),
        ("{rule: []}", "`rules`"),
    ] {
        let message = refusal(&with(&format!("channels: {fields}")));
        assert!(message.contains(expected), "{fields}: {message}");
    }
}

#[test]
fn conversions_are_settled_again_when_channel_rules_change() {
    let rows = apply(&[(BASE, NOW)]);
    let later = NOW.plus(Span::DAY);
    let set = plan(&rows, &document(&with("channels: none")), later).unwrap();
    assert_eq!(set.resettle_from(), Some(later));
}
