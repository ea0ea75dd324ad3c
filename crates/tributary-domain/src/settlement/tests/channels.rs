//! Clicks that name nobody take part for the channel that the brand's rules say.

use super::*;
use crate::channels::ChannelRule;
use crate::configuration::Brand;

fn carrying(line: &str, words: &[(&str, &str)]) -> Fact {
    let mut fact = fact(line);
    if let FactBody::Click(touch) = &mut fact.body {
        for (name, value) in words {
            touch.tracking.insert(name, value).unwrap();
        }
    }
    fact
}

fn with_rules(channels: ChannelRules) -> Brand {
    Brand { channels, ..acme() }
}

/// Anna's link on day 1; a search advertisement on day 2 and 3; the order.
fn journey() -> Vec<Fact> {
    vec![
        fact("1d click link:a v:1"),
        carrying("2d click v:1", &[("gclid", "Cj0")]),
        carrying("3d click link:b v:1", &[("gclid", "Cj1")]),
        fact("4d conversion 100.00EUR t:o1 c:A v:1"),
    ]
}

fn verdicts(world: &Configuration) -> Vec<String> {
    let settlement = settle(&journey(), world);
    let considered = settlement.conversions[0].considered.iter();
    considered
        .map(|each| match &each.touchpoint.earner {
            Some(Earner::Partner(key)) => format!("{key} {}", each.verdict.code()),
            Some(Earner::Channel(name)) => format!("@{name} {}", each.verdict.code()),
            None => format!("? {}", each.verdict.code()),
        })
        .collect()
}

#[test]
fn a_paid_click_takes_part_for_its_channel_and_a_partner_s_link_stays_the_partner_s() {
    assert_eq!(verdicts(&world()), ["anna eligible", "@paid_search eligible", "ben eligible"]);
    let conversion = settle(&journey(), &world()).conversions.remove(0);
    assert_eq!(
        conversion.credits.iter().map(|credit| credit.minor).collect::<Vec<_>>(),
        [2_000, 2_000, 6_000]
    );
    let paid: Vec<String> = conversion.commissions.iter().map(|line| line.partner.to_string()).collect();
    assert_eq!(paid, ["anna", "ben"]);
}

#[test]
fn the_rules_in_force_at_the_click_decide_and_without_one_that_fits_it_takes_no_part() {
    let search = ChannelRule {
        channel: Channel::parse("brand_search").unwrap(),
        click_ids: vec!["gclid"],
        sources: Vec::new(),
        mediums: Vec::new(),
        referrers: Vec::new(),
    };
    let own = ChannelRules { own: vec![search], usual: false };
    let none = ChannelRules { own: Vec::new(), usual: false };
    for (before, after, expected) in [
        (own.clone(), none.clone(), "@brand_search eligible"),
        (none.clone(), own, "? channel_unknown"),
        (none, ChannelRules::default(), "? channel_unknown"),
    ] {
        let mut versions = Versions::always(with_rules(before));
        versions.add(time("2d12h"), with_rules(after));
        let mut world = world();
        world.brands.insert(brand(), versions);
        assert_eq!(verdicts(&world), ["anna eligible", expected, "ben eligible"]);
    }
}
