//! Ordinary people: they click, come back, sign up, and some of them buy.

use tributary_domain::time::{Span, Timestamp};

use super::{Device, Walker, purchases};
use crate::output::Event;
use crate::random::Random;
use crate::truth::{ConversionTruth, Earner, Label, Touch};
use crate::world::{CHANNELS, CRM, LINKS, Link, NETWORK, PARTNERS, Partner, SITE, VIRAL_PARTNER};

/// Browsers as people really have them; the CUBOT is a telephone, not a program.
const BROWSERS: [(&str, u32); 7] = [
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        26,
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
        30,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        22,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        9,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", 5),
    (
        "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
        2,
    ),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", 6),
];

/// Addresses of a carrier behind which thousands of telephones stand.
const CARRIER_ADDRESSES: u64 = 40;

/// A browser; those of a viral post are telephones.
pub(super) fn browser(random: &mut Random, label: Label) -> &'static str {
    let few = if label == Label::ViralSpike { 2 } else { BROWSERS.len() };
    let place = random.weighted(BROWSERS[..few].iter().map(|(_, weight)| *weight));
    BROWSERS[place].0
}

/// An address from ranges that belong to nobody: RFC 6598 for carriers, RFC 2544 and RFC 3849 for homes.
pub(super) fn address(random: &mut Random, label: Label) -> String {
    if label == Label::ViralSpike && random.chance(800_000) {
        return format!("100.64.7.{}", 10 + random.below(CARRIER_ADDRESSES));
    }
    if random.chance(250_000) {
        return format!(
            "2001:db8:{:x}:{:x}::{:x}",
            random.below(4096),
            random.below(65_536),
            1 + random.below(4000)
        );
    }
    format!("198.{}.{}.{}", 18 + random.below(2), random.below(256), 1 + random.below(254))
}

/// How far somebody goes.
enum Aim {
    LookAround,
    Join,
    Buy,
    /// Knows the shop already; nobody brought him.
    BuyUnbidden,
}

/// One person's whole story.
pub(super) fn live(walker: &mut Walker) {
    let aim = match walker.random.below(1000) {
        0..780 => Aim::LookAround,
        780..890 => Aim::Join,
        890..975 => Aim::Buy,
        _ if walker.label == Label::ViralSpike => Aim::LookAround,
        _ => Aim::BuyUnbidden,
    };
    if !matches!(aim, Aim::BuyUnbidden) {
        let partner = favourite(walker);
        visits(walker, partner);
    }
    if matches!(aim, Aim::LookAround) {
        return;
    }
    walker.wait(Span(3 * Span::MINUTE.0), Span(30 * Span::HOUR.0));
    register(walker);
    if matches!(aim, Aim::Buy | Aim::BuyUnbidden) {
        walker.wait(Span(2 * Span::MINUTE.0), Span::days(6));
        purchases::buy_and_come_back(walker);
    }
}

fn favourite(walker: &mut Walker) -> &'static Partner {
    let place = if walker.label == Label::ViralSpike {
        PARTNERS.iter().position(|partner| partner.key == VIRAL_PARTNER).unwrap_or(0)
    } else {
        walker.random.weighted(PARTNERS.iter().map(|partner| partner.reach))
    };
    &PARTNERS[place]
}

/// The first click and those that follow, by the same partner, another one or another channel.
fn visits(walker: &mut Walker, favourite: &'static Partner) {
    click_link_of(walker, favourite);
    let more = walker.random.streak(420_000, 9);
    for _ in 0..more {
        if walker.clicks_left == 0 {
            return;
        }
        come_back_later(walker);
        if walker.random.chance(60_000) {
            take_other_device(walker);
        }
        match walker.random.below(100) {
            0..55 => click_link_of(walker, favourite),
            55..80 => {
                let place = walker.random.weighted(PARTNERS.iter().map(|partner| partner.reach));
                click_link_of(walker, &PARTNERS[place]);
            }
            _ => arrive_by_channel(walker),
        }
    }
}

/// Reloads within a visit, the same evening, or days later. Never under 95 seconds: clocks of senders differ by up to
/// 45, and who came first must not depend on them.
pub(super) fn come_back_later(walker: &mut Walker) {
    match walker.random.below(10) {
        0..3 => walker.wait(Span(95 * Span::SECOND.0), Span(20 * Span::MINUTE.0)),
        3..7 => walker.wait(Span(40 * Span::MINUTE.0), Span(20 * Span::HOUR.0)),
        _ => walker.wait(Span::days(1), Span::days(9)),
    }
}

/// He goes on at another device; that it is his, the shop learns when he logs in there.
fn take_other_device(walker: &mut Walker) {
    let device = Device {
        visitor: Some(format!("v-{}-{}b", walker.mark, walker.number)),
        ip: address(&mut walker.random, Label::Genuine),
        user_agent: browser(&mut walker.random, Label::Genuine),
    };
    walker.device = device;
}

/// Follows one of a partner's links, mostly his main one.
pub(super) fn click_link_of(walker: &mut Walker, partner: &'static Partner) {
    let first = LINKS.iter().position(|link| link.partner == partner.key).unwrap_or(0);
    let count = LINKS[first..].iter().take_while(|link| link.partner == partner.key).count();
    let place = if walker.random.chance(650_000) { 0 } else { walker.random.below(count as u64) };
    let link = &LINKS[first + usize::try_from(place).unwrap_or(0)];
    click(walker, partner, link);
}

/// Follows a link.
pub(super) fn click(walker: &mut Walker, partner: &'static Partner, link: &'static Link) {
    let place = walker.events.len();
    let event_id = walker.id("clk", place);
    let click_id = format!("s{}{}", walker.random.letters(14), walker.number);
    // A network's clock is off by up to 45 seconds; what it sends is all that anybody else can know.
    let skew = if partner.source == NETWORK { walker.random.between(-45_000, 45_000) * 1000 } else { 0 };
    let sent_time = walker.now.plus(Span(skew));
    walker.touches.push(Touch {
        event_id: event_id.clone(),
        sent_time,
        earner: Earner::Partner(partner.key),
        campaign: Some(link.campaign),
    });
    let creator = partner.kind == "creator";
    let event = Event {
        event_type: "click",
        event_id: Some(event_id),
        timestamp: sent_time.to_string(),
        visitor_id: walker.device.visitor.clone(),
        ip: Some(walker.device.ip.clone()),
        user_agent: Some(walker.device.user_agent).filter(|name| !name.is_empty()).map(str::to_owned),
        click_id: Some(click_id.clone()),
        link: Some(link.key),
        creator_id: creator.then_some(partner.key),
        sub_id: creator.then(|| format!("video_{}", 1 + walker.random.below(24))),
        sub1: (!creator).then(|| format!("page{}", 1 + walker.random.below(60))),
        sub2: (partner.source == NETWORK).then(|| format!("pub{}", 100 + walker.random.below(40))),
        utm_source: Some(partner.key),
        utm_medium: Some(if creator { "social" } else { "affiliate" }),
        utm_campaign: Some(link.campaign),
        ..Event::default()
    };
    walker.last_click_id = Some(click_id);
    count_click(walker, partner.source, event);
}

fn arrive_by_channel(walker: &mut Walker) {
    let place = walker.random.weighted(CHANNELS.iter().map(|(_, weight)| *weight));
    let channel = CHANNELS[place].0;
    let event_id = walker.id("vis", walker.events.len());
    walker.touches.push(Touch {
        event_id: event_id.clone(),
        sent_time: walker.now,
        earner: Earner::Channel(channel),
        campaign: None,
    });
    let event = Event {
        event_type: "click",
        event_id: Some(event_id),
        visitor_id: walker.device.visitor.clone(),
        ip: Some(walker.device.ip.clone()),
        user_agent: Some(walker.device.user_agent.to_owned()),
        channel: Some(channel),
        ..Event::default()
    };
    count_click(walker, SITE, event);
}

fn count_click(walker: &mut Walker, source: &'static str, event: Event) {
    walker.clicks += 1;
    walker.clicks_left = walker.clicks_left.saturating_sub(1);
    walker.send(source, event, None);
}

/// Opens an account. Every device he used is tied to it: the present one here, others when he logs in there.
pub(super) fn register(walker: &mut Walker) {
    let customer = format!("lum-{}-{}", walker.mark, walker.number);
    let email = walker
        .email
        .get_or_insert_with(|| format!("reader{}.{}@example.org", walker.number, walker.mark))
        .clone();
    walker.customer = Some(customer.clone());
    let truth = ConversionTruth::of(walker.number, &walker.touches, None, walker.now, 0);
    let names_click = walker.random.chance(700_000);
    let rejected = walker.random.chance(30_000);
    let event = Event {
        event_type: "registration",
        event_id: Some(walker.id("reg", walker.events.len())),
        customer_id: Some(customer.clone()),
        visitor_id: walker.device.visitor.clone(),
        email: Some(email),
        ip: Some(walker.device.ip.clone()),
        click_id: walker.last_click_id.clone().filter(|_| names_click),
        transaction_id: Some(format!("acc-{}-{}", walker.mark, walker.number)),
        goal: Some("registration"),
        status: Some(if rejected { "rejected" } else { "approved" }),
        ..Event::default()
    };
    walker.send(CRM, event, Some(truth));
    let first = format!("v-{}-{}", walker.mark, walker.number);
    if walker.device.visitor.as_ref().is_some_and(|present| *present != first) {
        log_in_on(walker, customer, first);
    }
}

fn log_in_on(walker: &mut Walker, customer: String, visitor: String) {
    let registered_at: Timestamp = walker.now;
    walker.wait(Span(2 * Span::MINUTE.0), Span(40 * Span::HOUR.0));
    let event = Event {
        event_type: "identify",
        event_id: Some(walker.id("idn", walker.events.len())),
        customer_id: Some(customer),
        visitor_id: Some(visitor),
        ..Event::default()
    };
    walker.send(CRM, event, None);
    walker.now = registered_at;
}
