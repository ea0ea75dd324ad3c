//! Plain traffic by the million for benchmarks: any event is made from its number alone, without state.
//!
//! Customer `c` has `touches_per_customer` clicks and `conversions_per_customer` purchases. The numbers of both run
//! through all customers before they return to the first, so that a batch touches as many people as it has events: the
//! hardest case for a store's caches.

use tributary_domain::time::{Span, Timestamp};

use crate::output::{Event, decimal};
use crate::random::Random;
use crate::world::{CURRENCY, LINKS};

/// How much traffic, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Everything follows from it.
    pub seed: u64,
    /// How many people.
    pub customers: u64,
    /// Clicks of each.
    pub touches_per_customer: u32,
    /// Purchases of each.
    pub conversions_per_customer: u32,
    /// First click; all clicks lie within the seven days that follow, all purchases within two hours after those.
    pub start: Timestamp,
}

impl Load {
    /// How many clicks there are.
    #[must_use]
    pub const fn clicks(&self) -> u64 {
        self.customers * self.touches_per_customer as u64
    }

    /// How many purchases there are.
    #[must_use]
    pub const fn conversions(&self) -> u64 {
        self.customers * self.conversions_per_customer as u64
    }

    /// The customer to whom event `number` belongs.
    #[must_use]
    pub const fn customer(&self, number: u64) -> u64 {
        if self.customers == 0 { 0 } else { number % self.customers }
    }

    /// When click `number` happened: evenly over six days.
    #[must_use]
    pub fn click_time(&self, number: u64) -> Timestamp {
        self.start.plus(part(Span::days(6), number, self.clicks()))
    }

    /// When purchase `number` happened: evenly over two hours at the end of the seventh day, within every window.
    #[must_use]
    pub fn conversion_time(&self, number: u64) -> Timestamp {
        let first = self.start.plus(Span(Span::days(7).0 - 2 * Span::HOUR.0));
        first.plus(part(Span(2 * Span::HOUR.0), number, self.conversions()))
    }

    /// The link that click `number` followed; a customer's clicks follow different ones.
    #[must_use]
    pub fn link(&self, number: u64) -> &'static str {
        let mut random = Random::of(self.seed, 11, number);
        random.pick(&LINKS).map_or("", |link| link.key)
    }

    /// The value of purchase `number` in minor units: 5.00 to 504.99.
    #[must_use]
    pub fn value_minor(&self, number: u64) -> i64 {
        Random::of(self.seed, 12, number).between(500, 50_499)
    }

    /// Click `number`.
    #[must_use]
    pub fn click(&self, number: u64) -> Event {
        Event {
            event_type: "click",
            event_id: Some(format!("lc{:x}-{number}", self.seed)),
            timestamp: self.click_time(number).to_string(),
            visitor_id: Some(self.visitor(number)),
            link: Some(self.link(number)),
            ..Event::default()
        }
    }

    /// Purchase `number`. It names customer and visitor, so that it finds all clicks of its person.
    #[must_use]
    pub fn conversion(&self, number: u64) -> Event {
        Event {
            event_type: "conversion",
            event_id: Some(format!("lo{:x}-{number}", self.seed)),
            timestamp: self.conversion_time(number).to_string(),
            customer_id: Some(format!("lcu{:x}-{}", self.seed, self.customer(number))),
            visitor_id: Some(self.visitor(number)),
            transaction_id: Some(format!("lt{:x}-{number}", self.seed)),
            goal: Some("purchase"),
            value: Some(decimal(self.value_minor(number))),
            currency: Some(CURRENCY),
            status: Some("approved"),
            ..Event::default()
        }
    }

    /// All clicks, then all purchases, made one by one.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        (0..self.clicks()).map(|n| self.click(n)).chain((0..self.conversions()).map(|n| self.conversion(n)))
    }

    fn visitor(&self, number: u64) -> String {
        format!("lv{:x}-{}", self.seed, self.customer(number))
    }
}

/// `number / of` of a span, in whole milliseconds.
fn part(span: Span, number: u64, of: u64) -> Span {
    let milliseconds = u128::from(span.0.unsigned_abs() / 1000) * u128::from(number) / u128::from(of.max(1));
    Span(i64::try_from(milliseconds).unwrap_or(0) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        Load { seed: 9, customers: 50, touches_per_customer: 5, conversions_per_customer: 2, start }
    }

    #[test]
    fn any_event_is_made_from_its_number_alone() {
        let load = load();
        let all: Vec<Event> = load.events().collect();
        assert_eq!(all.len() as u64, load.clicks() + load.conversions());
        assert_eq!(all[17], load.click(17));
        assert_eq!(all[250 + 99], load.conversion(99));
    }

    #[test]
    fn every_purchase_comes_after_all_clicks_of_its_person_and_within_seven_days_of_them() {
        let load = load();
        for number in 0..load.conversions() {
            let bought = load.conversion_time(number);
            for click in 0..load.clicks() {
                let age = bought.since(load.click_time(click));
                assert!(age > Span(0) && age <= Span::days(7));
            }
        }
    }

    #[test]
    fn a_batch_touches_as_many_people_as_it_has_events() {
        let load = load();
        let people: std::collections::HashSet<u64> = (0..50).map(|n| load.customer(n)).collect();
        assert_eq!(people.len(), 50);
    }
}
