//! The stand-down rule, measured: late clicks of coupon extensions are demoted, honest clicks are not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use tributary_domain::channels::ChannelRules;
use tributary_domain::configuration::{
    Brand, Campaign, Configuration, Link, Partner, PartnerKind, StandDown, StatedWindows, Tier, Tiers,
    Versions,
};
use tributary_domain::fact::{Action, Fact, FactBody, Subject, Touch};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, DeduplicationKey, EventId, Goal, LinkKey, PartnerKey, SourceKey,
    SubjectHash, TransactionId, fingerprint,
};
use tributary_domain::money::{Currency, Money};
use tributary_domain::ownership::CustomerOwnership;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::settle;
use tributary_domain::time::{Span, Timestamp};
use tributary_domain::tracking::Tracking;

use tributary_sim::disorder::shuffle;
use tributary_sim::stand_down::{Act, Course, Deed, Journey, Truth, Who, journey};
use tributary_sim::world;

const JOURNEYS: u64 = 40_000;
/// 2026-03-02T10:00:00Z.
const START: i64 = 1_772_445_600_000_000;
const RULE: StandDown = StandDown::AfterCart { within: Span(30 * Span::MINUTE.0) };

/// How many clicks of each course were judged, and how many of them stood down.
type Counts = BTreeMap<(Truth, Course), (u64, u64)>;

#[test]
fn late_coupon_clicks_stand_down_and_honest_clicks_do_not() {
    let counts = measured(&configuration(RULE), 7);
    let rate = |truth: Truth| {
        let of = counts.iter().filter(|((found, _), _)| *found == truth);
        let (all, demoted) = of.fold((0, 0), |sum, (_, (all, demoted))| (sum.0 + all, sum.1 + demoted));
        println!("{truth:?}: {demoted} of {all} stood down");
        (all, demoted)
    };
    for ((truth, course), (all, demoted)) in &counts {
        println!("{truth:?} {course:?}: {demoted} of {all}");
    }
    let ((late, late_demoted), (honest, honest_demoted)) = (rate(Truth::LateCoupon), rate(Truth::Honest));
    assert!(late >= 10_000 && honest >= 10_000, "{late} late and {honest} honest clicks");
    assert!(late_demoted * 1_000 >= late * 990, "at least 99 % of late clicks: {late_demoted} of {late}");
    assert!(
        honest_demoted * 1_000 <= honest * 5,
        "at most 0.5 % of honest ones: {honest_demoted} of {honest}"
    );
    let courses = Course::LATE.len() + Course::HONEST.len();
    assert_eq!(counts.len(), courses, "every course is walked: {counts:?}");
}

#[test]
fn without_the_rule_nobody_stands_down() {
    let counts = measured(&configuration(StandDown::Off), 8);
    assert!(counts.values().all(|(_, demoted)| *demoted == 0), "{counts:?}");
}

#[test]
fn a_journey_depends_on_seed_and_number_alone() {
    assert_eq!(journey(7, 41, START), journey(7, 41, START));
    assert_ne!(journey(7, 41, START).deeds, journey(8, 41, START).deeds);
}

fn measured(configuration: &Configuration, seed: u64) -> Counts {
    let mut counts = Counts::new();
    for number in 0..JOURNEYS {
        let journey = journey(seed, number, START);
        let count = counts.entry((journey.truth, journey.course)).or_default();
        count.0 += 1;
        count.1 += u64::from(stood_down(configuration, &journey, number));
    }
    counts
}

fn stood_down(configuration: &Configuration, journey: &Journey, number: u64) -> bool {
    let facts: Vec<Fact> =
        journey.deeds.iter().enumerate().map(|(place, deed)| fact(deed, number, place)).collect();
    let place = journey.deeds.iter().position(|deed| deed.is_judged).expect("every journey is judged");
    let judged = facts[place].event_id;
    let settlement = settle(&shuffle(facts, number), configuration);
    let order = settlement.conversions.iter().find(|each| each.goal.as_str() == "purchase").unwrap();
    let verdict = order.considered.iter().find(|each| each.touchpoint.event_id == judged).unwrap().verdict;
    assert!(
        matches!(verdict, Reason::StandDown | Reason::Eligible | Reason::RepeatInVisit),
        "journey {number}: {verdict:?}"
    );
    verdict == Reason::StandDown
}

fn fact(deed: &Deed, number: u64, place: usize) -> Fact {
    let action = |goal: &str, cart_opened_at: Option<i64>, value: Option<Money>| Action {
        goal: Goal::parse(goal).unwrap(),
        transaction: value.map(|_| TransactionId::parse(&format!("o{number}")).unwrap()),
        value,
        status: None,
        campaign: None,
        promo_code: None,
        named_partner: None,
        cart_opened_at: cart_opened_at.map(Timestamp),
        tracking: Tracking::default(),
    };
    let body = match deed.act {
        Act::Click(Who::Link(key)) => {
            FactBody::Click(Touch { link: LinkKey::parse(key).ok(), ..Touch::default() })
        }
        Act::Click(Who::Channel(name)) => {
            FactBody::Click(Touch { channel: Channel::parse(name).ok(), ..Touch::default() })
        }
        Act::Step(goal) => FactBody::Qualification(action(goal, None, None)),
        Act::Order { cart_opened_at } => {
            FactBody::Conversion(action("purchase", cart_opened_at, Some(Money::new(10_000, eur()))))
        }
    };
    let at = Timestamp(deed.at);
    let key = fingerprint(&[&number.to_be_bytes(), &place.to_be_bytes()]);
    Fact {
        event_id: EventId::derive(at, &DeduplicationKey(key)),
        brand: brand(),
        source: SourceKey::parse(world::SHOP).unwrap(),
        occurred_at: at,
        subject: Subject {
            customer: Some(SubjectHash(fingerprint(&[&number.to_be_bytes()]))),
            ..Subject::default()
        },
        body,
    }
}

fn brand() -> BrandKey {
    BrandKey::parse(world::BRAND).unwrap()
}

fn eur() -> Currency {
    Currency::parse(world::CURRENCY).unwrap()
}

fn configuration(stand_down: StandDown) -> Configuration {
    let mut configuration = Configuration::default();
    let shop = Brand {
        name: "Lumen".into(),
        currency: eur(),
        fallback_url: None,
        most_customers_per_identifier: 5,
        customer_ownership: CustomerOwnership::Nobody,
        channels: ChannelRules::default(),
        tiers: Tiers::default(),
        stand_down,
        identity: tributary_domain::identity::IdentityRules::default(),
    };
    configuration.brands.insert(brand(), Versions::always(shop));
    for campaign in &world::CAMPAIGNS {
        let key = (brand(), CampaignKey::parse(campaign.key).unwrap());
        let campaign = Campaign {
            brand: brand(),
            tier: Tier::from_name(campaign.tier).unwrap(),
            destination: "https://example.com".into(),
            allowed_hosts: Vec::new(),
            click_parameter: "click_id".into(),
            windows: StatedWindows { click: Some(Span::days(campaign.click_window_days)), view: None },
            goals: Vec::new(),
            minimum_time: Span(0),
            stand_down: None,
            visit_gap: Span(30 * Span::MINUTE.0),
            model: None,
            plan: None,
            active: true,
        };
        configuration.campaigns.insert(key, Versions::always(campaign));
    }
    for partner in &world::PARTNERS {
        let key = (brand(), PartnerKey::parse(partner.key).unwrap());
        let partner = Partner {
            brand: brand(),
            name: partner.name.into(),
            kind: PartnerKind::Affiliate,
            parent: None,
            plan: None,
            on_hold: false,
            active: true,
            minimum_payout: Vec::new(),
            windows: StatedWindows::default(),
        };
        configuration.partners.insert(key, Versions::always(partner));
    }
    for link in &world::LINKS {
        let key = LinkKey::parse(link.key).unwrap();
        let link = Link {
            brand: brand(),
            partner: PartnerKey::parse(link.partner).unwrap(),
            campaign: CampaignKey::parse(link.campaign).unwrap(),
            destination: None,
            promo_code: None,
            active: true,
        };
        configuration.links.insert(key, Versions::always(link));
    }
    configuration.index();
    configuration
}
