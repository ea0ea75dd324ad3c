//! Channels as tables: what a click carries, and where it came from by that.

use super::*;

/// `gclid=1 utm_source=x` as tracking parameters.
fn tracking(words: &str) -> Tracking {
    let mut tracking = Tracking::default();
    for word in words.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        tracking.insert(name, value).unwrap();
    }
    tracking
}

fn channel(rules: &ChannelRules, words: &str) -> String {
    rules.channel(&tracking(words)).map_or_else(|| "-".to_owned(), |channel| channel.to_string())
}

#[test]
fn the_built_in_rules_know_the_usual_signs() {
    for (carries, expected) in [
        ("gclid=1", "paid_search"),
        ("gbraid=1", "paid_search"),
        ("wbraid=1 utm_medium=email", "paid_search"),
        ("msclkid=1", "paid_search"),
        ("dclid=1", "display"),
        ("fbclid=1", "paid_social"),
        ("fbclid=1 utm_medium=social", "organic_social"),
        ("fbclid=1 utm_medium=email", "email"),
        ("ttclid=1", "paid_social"),
        ("twclid=1", "paid_social"),
        ("li_fat_id=1", "paid_social"),
        ("utm_source=google utm_medium=cpc", "paid_search"),
        ("utm_source=Facebook utm_medium=CPC", "paid_social"),
        ("utm_source=ig utm_medium=paid", "paid_social"),
        ("utm_source=crm utm_medium=Email", "email"),
        ("utm_source=newsletter", "email"),
        ("utm_source=google utm_medium=organic", "organic"),
        ("utm_medium=banner", "display"),
        ("utm_medium=sms", "sms"),
        ("utm_source=blog utm_medium=referral", "referral"),
        ("utm_source=somebody", "referral"),
        ("utm_source=(direct) utm_medium=(none)", "direct"),
        ("referrer=https://www.google.co.uk/", "organic"),
        ("referrer=google.com", "organic"),
        ("referrer=https://mail.google.com/mail/u/0", "email"),
        ("referrer=notgoogle.com", "referral"),
        ("referrer=google.somebody.com", "referral"),
        ("referrer=https://l.instagram.com/?u=x", "organic_social"),
        ("referrer=https://t.co/x", "organic_social"),
        ("referrer=https://blog.example/post", "referral"),
        ("sub1=x", "direct"),
        ("", "direct"),
    ] {
        assert_eq!(channel(&ChannelRules::default(), carries), expected, "{carries}");
    }
}

fn rule(channel: &str, click_ids: &[&'static str], sources: &[&str], referrers: &[&str]) -> ChannelRule {
    let texts = |all: &[&str]| all.iter().map(|text| Arc::from(*text)).collect();
    ChannelRule {
        channel: Channel::parse(channel).unwrap(),
        click_ids: click_ids.to_vec(),
        sources: texts(sources),
        mediums: Vec::new(),
        referrers: texts(referrers),
    }
}

#[test]
fn own_rules_come_first_and_need_every_condition_that_they_state() {
    let own = vec![
        rule("brand_search", &["gclid", "msclkid"], &["brand"], &[]),
        rule("direct", &[], &[], &["shop.example"]),
    ];
    let rules = |usual| ChannelRules { own: own.clone(), usual };
    for (carries, with_usual, alone) in [
        ("gclid=1 utm_source=Brand", "brand_search", "brand_search"),
        ("msclkid=1 utm_source=brand", "brand_search", "brand_search"),
        ("gclid=1", "paid_search", "-"),
        ("utm_source=brand", "referral", "-"),
        ("referrer=www.shop.example", "direct", "direct"),
        ("referrer=workshop.example", "referral", "-"),
        ("", "direct", "-"),
    ] {
        assert_eq!(channel(&rules(true), carries), with_usual, "{carries}");
        assert_eq!(channel(&rules(false), carries), alone, "{carries}");
    }
}

#[test]
fn only_what_names_nobody_is_judged_by_rules() {
    use crate::ids::{CampaignKey, LinkKey, PartnerKey};
    let brand = BrandKey::parse("acme").unwrap();
    let configuration = Configuration::default();
    let paid = Touch { tracking: tracking("gclid=1"), ..Touch::default() };
    let of = |touch: Touch| configuration.channel_of(&brand, &touch, Timestamp(0));
    assert_eq!(of(paid.clone()).unwrap().as_str(), "paid_search");
    assert_eq!(of(Touch { link: Some(LinkKey::parse("l").unwrap()), ..paid.clone() }), None);
    assert_eq!(of(Touch { partner: Some(PartnerKey::parse("p").unwrap()), ..paid.clone() }), None);
    let email = Touch { channel: Some(Channel::parse("email").unwrap()), ..paid.clone() };
    assert_eq!(of(email).unwrap().as_str(), "email");
    let within = Touch { campaign: Some(CampaignKey::parse("summer").unwrap()), ..paid };
    assert_eq!(of(within).unwrap().as_str(), "paid_search");
}

#[test]
fn a_classification_names_the_rule_and_what_met_it() {
    let own = vec![rule("brand_search", &["gclid", "msclkid"], &["brand"], &[])];
    for (carries, channel, basis, by) in [
        (
            "msclkid=1 utm_source=brand",
            "brand_search",
            ChannelBasis::OwnRule(0),
            &["msclkid", "utm_source"][..],
        ),
        ("gclid=1", "paid_search", ChannelBasis::BuiltInRule, &["gclid"]),
        ("fbclid=1 utm_medium=email", "email", ChannelBasis::BuiltInRule, &["utm_medium"]),
        ("referrer=t.co", "organic_social", ChannelBasis::BuiltInRule, &["referrer"]),
        ("utm_source=somebody", "referral", ChannelBasis::NoRule, &[]),
        ("", "direct", ChannelBasis::NoRule, &[]),
    ] {
        let rules = ChannelRules { own: own.clone(), usual: true };
        let classified = rules.classify(&tracking(carries)).unwrap();
        assert_eq!((classified.channel.as_str(), classified.basis), (channel, basis), "{carries}");
        assert_eq!(classified.carries, by, "{carries}");
        assert_eq!(Some(classified.channel), rules.channel(&tracking(carries)), "{carries}");
    }
    assert_eq!(ChannelRules { own, usual: false }.classify(&tracking("gclid=1")), None);
}
