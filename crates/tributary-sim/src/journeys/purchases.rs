//! Purchases and what becomes of them: codes, verdicts, returns.

use tributary_domain::time::{Span, Timestamp};

use super::{Walker, person};
use crate::output::{Event, decimal};
use crate::random::Random;
use crate::truth::{ConversionTruth, Earner};
use crate::world::{CRM, CURRENCY, LINKS, PARTNERS, SHOP};

/// Prices of lamps in cents, and how often each is bought.
const PRICES: [(i64, u32); 8] =
    [(2_490, 24), (3_995, 20), (5_900, 18), (8_950, 14), (12_900, 10), (19_900, 8), (34_900, 4), (89_000, 2)];

/// The first purchase, which qualifies the customer, and those that follow.
pub(super) fn buy_and_come_back(walker: &mut Walker) {
    buy(walker, true);
    let more = walker.random.streak(300_000, 5);
    for _ in 0..more {
        walker.wait(Span::days(2), Span::days(16));
        if walker.clicks_left > 0 && walker.random.chance(500_000) {
            let place = walker.random.weighted(PARTNERS.iter().map(|partner| partner.reach));
            person::click_link_of(walker, &PARTNERS[place]);
            walker.wait(Span(3 * Span::MINUTE.0), Span(5 * Span::HOUR.0));
        }
        buy(walker, false);
    }
}

/// One purchase.
pub(super) fn buy(walker: &mut Walker, first: bool) {
    let order = walker.id("ord", walker.events.len());
    let value_minor = basket(&mut walker.random);
    let code = walker.random.chance(90_000).then(|| known_code(walker)).flatten();
    let owner = code.and_then(|code| LINKS.iter().find(|link| link.promo_code == Some(code)));
    let owner = owner.map(|link| Earner::Partner(link.partner));
    let truth = ConversionTruth::of(walker.number, &walker.touches, owner, walker.now, value_minor);
    if first {
        qualify(walker, &order, code, ConversionTruth { value_minor: 0, ..truth.clone() });
    }
    let names_click = walker.random.chance(400_000);
    let event = Event {
        event_type: "conversion",
        event_id: Some(format!("evt-{order}")),
        customer_id: walker.customer.clone(),
        visitor_id: walker.device.visitor.clone(),
        ip: Some(walker.device.ip.clone()),
        click_id: walker.last_click_id.clone().filter(|_| names_click),
        transaction_id: Some(order.clone()),
        goal: Some("purchase"),
        value: Some(decimal(value_minor)),
        currency: Some(CURRENCY),
        status: Some("pending"),
        promo_code: code,
        ..Event::default()
    };
    walker.send(SHOP, event, Some(truth));
    let bought_at = walker.now;
    aftermath(walker, &order, value_minor);
    walker.now = bought_at;
}

/// The first purchase makes the account a qualified one.
fn qualify(walker: &mut Walker, order: &str, code: Option<&'static str>, truth: ConversionTruth) {
    let event = Event {
        event_type: "qualification",
        event_id: Some(format!("qlf-{order}")),
        customer_id: walker.customer.clone(),
        transaction_id: Some(format!("first-{order}")),
        goal: Some("first_purchase"),
        status: Some("approved"),
        promo_code: code,
        ..Event::default()
    };
    walker.send(CRM, event, Some(truth));
}

fn basket(random: &mut Random) -> i64 {
    let items = 1 + random.streak(250_000, 4);
    (0..items)
        .map(|_| {
            let place = random.weighted(PRICES.iter().map(|(_, weight)| *weight));
            PRICES[place].0
        })
        .sum()
}

/// The code of a partner whose link he followed, if that one has a code, else any.
fn known_code(walker: &mut Walker) -> Option<&'static str> {
    let followed = walker.touches.iter().rev().find_map(|touch| {
        LINKS
            .iter()
            .find(|link| touch.earner == Earner::Partner(link.partner))
            .and_then(|link| link.promo_code)
    });
    followed.or_else(|| {
        let codes: Vec<&'static str> = LINKS.iter().filter_map(|link| link.promo_code).collect();
        walker.random.pick(&codes).copied()
    })
}

/// The verdict on an order after days, and in some cases its return.
fn aftermath(walker: &mut Walker, order: &str, value_minor: i64) {
    match walker.random.below(100) {
        0..86 => verdict(walker, order, "approved"),
        86..91 => return verdict(walker, order, "rejected"),
        _ => {}
    }
    if walker.random.chance(70_000) {
        walker.wait(Span::days(3), Span::days(18));
        let part = (walker.random.chance(400_000)).then_some(value_minor / 2);
        let kind = if walker.random.chance(120_000) { "chargeback" } else { "refund" };
        send_back(walker, order, kind, part);
    }
}

fn verdict(walker: &mut Walker, order: &str, status: &'static str) {
    walker.wait(Span::days(2), Span::days(9));
    let event = Event {
        event_type: "status",
        event_id: Some(format!("sts-{order}")),
        transaction_id: Some(order.to_owned()),
        status: Some(status),
        ..Event::default()
    };
    walker.send(CRM, event, None);
}

/// Money goes back: part of it, or all when no part is named.
pub(super) fn send_back(walker: &mut Walker, order: &str, kind: &'static str, part_minor: Option<i64>) {
    let event = Event {
        event_type: kind,
        event_id: Some(format!("bck-{order}")),
        transaction_id: Some(order.to_owned()),
        value: part_minor.map(decimal),
        currency: part_minor.map(|_| CURRENCY),
        ..Event::default()
    };
    walker.send(SHOP, event, None);
}

/// Orders made so far, with the moment of each.
pub(super) fn orders(walker: &Walker) -> Vec<(String, Timestamp)> {
    walker
        .events
        .iter()
        .filter(|sent| sent.event.event_type == "conversion")
        .filter_map(|sent| sent.event.transaction_id.clone().map(|order| (order, sent.occurred_at)))
        .collect()
}
