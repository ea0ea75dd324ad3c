//! The simulator's truth and the domain's settlement are written apart from each other and must agree on every journey.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use tributary_domain::attribution::models::Model;
use tributary_domain::attribution::{Earner as Settled, TouchKind};
use tributary_domain::channels::ChannelRules;
use tributary_domain::click_id::ClickId;
use tributary_domain::configuration::{
    Brand, Campaign, Configuration, Link, Partner, PartnerKind, Source, StandDown, StatedWindows, Tier,
    Tiers, Versions,
};
use tributary_domain::fact::{Action, Fact, FactBody, Reversal, StatusChange, Subject, Touch, Verdict};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, DeduplicationKey, EventId, Goal, LinkKey, PartnerKey, PromoCode,
    SourceKey, SubjectHash, TransactionId, fingerprint,
};
use tributary_domain::money::{Currency, Money};
use tributary_domain::ownership::CustomerOwnership;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::settle;
use tributary_domain::time::{Span, Timestamp};
use tributary_domain::tracking::Tracking;

use tributary_sim::disorder::shuffle;
use tributary_sim::journeys::{Start, walk};
use tributary_sim::truth::Earner;
use tributary_sim::{Label, SimulatedEvent, world};

#[test]
fn settlement_finds_the_first_and_last_touch_that_the_simulator_knows_of() {
    let configuration = configuration();
    let at = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
    let (mut compared, mut attributed) = (0, 0);
    for number in 0..10_000 {
        let label = if number % 100 == 99 { Label::SelfReferral } else { Label::Genuine };
        let journey = walk(&Start { seed: 20, number, at, label, most_clicks: 50 });
        let facts: Vec<Fact> = shuffle(journey.events.iter().map(fact).collect(), number);
        let settlement = settle(&facts, &configuration);
        for sent in journey.events.iter() {
            let Some(truth) = &sent.truth else { continue };
            let conversion = settlement
                .conversions
                .iter()
                .find(|conversion| conversion.event_id == event_id(sent))
                .expect("every conversion is settled");
            let eligible: Vec<Settled> = conversion
                .considered
                .iter()
                .filter(|considered| considered.verdict == Reason::Eligible)
                .filter_map(|considered| considered.touchpoint.earner.clone())
                .collect();
            assert_eq!(eligible.first().cloned(), truth.first.map(settled), "person {number}: {sent:?}");
            assert_eq!(eligible.last().cloned(), truth.last.map(settled), "person {number}: {sent:?}");
            let clicks = conversion.considered.iter().filter(|c| c.touchpoint.kind == TouchKind::Click);
            let earlier = clicks.filter(|c| c.touchpoint.occurred_at <= conversion.occurred_at).count();
            assert_eq!(earlier, truth.touchpoints.len(), "person {number}: {sent:?}");
            assert_eq!(conversion.value.map_or(0, |value| value.minor), truth.value_minor);
            compared += 1;
            attributed += usize::from(truth.first.is_some());
        }
    }
    assert!(compared > 3_000 && attributed > 2_000, "{compared} compared, {attributed} of them attributed");
}

fn settled(earner: Earner) -> Settled {
    match earner {
        Earner::Partner(key) => Settled::Partner(PartnerKey::parse(key).unwrap()),
        Earner::Channel(name) => Settled::Channel(Channel::parse(name).unwrap()),
    }
}

fn event_id(sent: &SimulatedEvent) -> EventId {
    let id = sent.event.event_id.as_deref().unwrap();
    let key = fingerprint(&[sent.source.as_bytes(), id.as_bytes()]);
    EventId::derive(Timestamp::parse(&sent.event.timestamp).unwrap(), &DeduplicationKey(key))
}

fn fact(sent: &SimulatedEvent) -> Fact {
    let event = &sent.event;
    let hash = |text: &Option<String>| text.as_ref().map(|text| SubjectHash(fingerprint(&[text.as_bytes()])));
    let transaction = event.transaction_id.as_deref().map(|text| TransactionId::parse(text).unwrap());
    let value = event.value.as_deref().map(|text| Money::parse(text, eur()).unwrap());
    let verdict = event.status.map(|status| match status {
        "approved" => Verdict::Approved,
        "rejected" => Verdict::Rejected,
        _ => Verdict::Pending,
    });
    let action = || Action {
        goal: Goal::parse(event.goal.unwrap()).unwrap(),
        transaction: transaction.clone(),
        value,
        status: verdict,
        campaign: None,
        promo_code: event.promo_code.map(|code| PromoCode::parse(code).unwrap()),
        named_partner: None,
        cart_opened_at: None,
        tracking: Tracking::default(),
    };
    let body = match event.event_type {
        "click" => FactBody::Click(Touch {
            link: event.link.map(|key| LinkKey::parse(key).unwrap()),
            channel: event.channel.map(|name| Channel::parse(name).unwrap()),
            ..Touch::default()
        }),
        "registration" => FactBody::Registration(action()),
        "qualification" => FactBody::Qualification(action()),
        "conversion" => FactBody::Conversion(action()),
        "refund" => FactBody::Refund(Reversal { transaction: transaction.unwrap(), value }),
        "chargeback" => FactBody::Chargeback(Reversal { transaction: transaction.unwrap(), value }),
        "status" => {
            FactBody::Status(StatusChange { transaction: transaction.unwrap(), verdict: verdict.unwrap() })
        }
        "identify" => FactBody::Identify,
        other => panic!("the simulator sends no `{other}`"),
    };
    Fact {
        event_id: event_id(sent),
        brand: brand(),
        source: SourceKey::parse(sent.source).unwrap(),
        occurred_at: Timestamp::parse(&event.timestamp).unwrap(),
        subject: Subject {
            customer: hash(&event.customer_id),
            visitor: hash(&event.visitor_id),
            email: hash(&event.email),
            click_id: event.click_id.as_deref().map(|id| ClickId::from_stored(id).unwrap()),
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

fn configuration() -> Configuration {
    let mut configuration = Configuration::default();
    let shop = Brand {
        name: "Lumen".into(),
        currency: eur(),
        fallback_url: None,
        most_customers_per_identifier: 5,
        customer_ownership: CustomerOwnership::Nobody,
        tiers: Tiers::default(),
        stand_down: StandDown::Off,
        channels: ChannelRules::default(),
        identity: tributary_domain::identity::IdentityRules::default(),
    };
    configuration.brands.insert(brand(), Versions::always(shop));
    for campaign in &world::CAMPAIGNS {
        let key = (brand(), CampaignKey::parse(campaign.key).unwrap());
        configuration.campaigns.insert(key, Versions::always(campaign_of(campaign)));
    }
    for partner in &world::PARTNERS {
        let key = (brand(), PartnerKey::parse(partner.key).unwrap());
        configuration.partners.insert(key, Versions::always(partner_of(partner)));
    }
    for link in &world::LINKS {
        let key = LinkKey::parse(link.key).unwrap();
        configuration.links.insert(key, Versions::always(link_of(link)));
    }
    for source in [world::SITE, world::SHOP, world::CRM, world::NETWORK] {
        configuration.sources.insert(SourceKey::parse(source).unwrap(), Versions::always(source_of(source)));
    }
    configuration.index();
    configuration
}

fn campaign_of(campaign: &world::Campaign) -> Campaign {
    Campaign {
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
        model: Some(Model::Linear),
        plan: None,
        active: true,
    }
}

fn partner_of(partner: &world::Partner) -> Partner {
    Partner {
        brand: brand(),
        name: partner.name.into(),
        kind: PartnerKind::Affiliate,
        parent: None,
        plan: None,
        on_hold: false,
        active: true,
        minimum_payout: Vec::new(),
        windows: StatedWindows::default(),
    }
}

fn link_of(link: &world::Link) -> Link {
    Link {
        brand: brand(),
        partner: PartnerKey::parse(link.partner).unwrap(),
        campaign: CampaignKey::parse(link.campaign).unwrap(),
        destination: None,
        promo_code: link.promo_code.map(|code| PromoCode::parse(code).unwrap()),
        active: true,
    }
}

fn source_of(source: &str) -> Source {
    Source {
        brand: brand(),
        adapter: "tributary".into(),
        secrets: Vec::new(),
        accepts_unsigned_postbacks: false,
        rate_limit: None,
        // Only the orders of shop and customer relations share their numbers.
        transaction_namespace: if matches!(source, world::SHOP | world::CRM) {
            "lumen_orders"
        } else {
            source
        }
        .into(),
        default_currency: Some(eur()),
        decimal_comma: false,
        aliases: Vec::new(),
        plain_answer: None,
    }
}
