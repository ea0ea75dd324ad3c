//! When a person opened the cart of an order.
//!
//! The shop says it with the order (`cart_opened_at`), or with a registration or qualification of the goal `cart`, or else `checkout`.

use std::collections::HashMap;

use crate::attribution::age;
use crate::fact::{EventKind, Fact};
use crate::identity::PersonIndex;
use crate::time::{Span, Timestamp};

use super::Cluster;
use super::orders::Evidence;

/// An older event of a cart says nothing of an order.
const OLDEST_CART: Span = Span::DAY;

/// What the events of one person say, in order of time.
#[derive(Default)]
struct Opened {
    carts: Vec<Timestamp>,
    checkouts: Vec<Timestamp>,
}

/// The events that tell of carts, by person.
#[derive(Default)]
pub(super) struct Carts(HashMap<PersonIndex, Opened>);

impl Carts {
    pub(super) fn of(cluster: &Cluster<'_>) -> Self {
        let mut carts = Self::default();
        for (place, fact) in cluster.facts.iter().enumerate() {
            let Some(goal) = cart_goal(fact) else { continue };
            let Some(person) = cluster.stitching.person(place) else { continue };
            let opened = carts.0.entry(person).or_default();
            if goal == "cart" { &mut opened.carts } else { &mut opened.checkouts }.push(fact.occurred_at);
        }
        carts
    }

    /// When the cart of an action was opened last, up to the action.
    ///
    /// The sender's word at the order goes before events, and an event `cart` before an event `checkout`, which comes later on the same
    /// way. An action that is itself the opening of a cart has none.
    pub(super) fn opened_at(
        &self,
        cluster: &Cluster<'_>,
        deliveries: &[usize],
        evidence: &Evidence<'_>,
    ) -> Option<Timestamp> {
        let fact = deliveries.first().map(|place| cluster.facts[*place])?;
        let converted_at = fact.occurred_at;
        let is_before = |opened_at: &Timestamp| age(*opened_at, converted_at) >= Span(0);
        if let Some(stated) = evidence.cart_opened_at.filter(is_before) {
            return Some(stated);
        }
        if cart_goal(fact).is_some() {
            return None;
        }
        let persons = deliveries.iter().filter_map(|place| cluster.stitching.person(*place));
        let opened: Vec<&Opened> = persons.filter_map(|person| self.0.get(&person)).collect();
        let latest = |moments: &[Timestamp]| {
            let last = moments.iter().rev().find(|moment| is_before(moment)).copied();
            last.filter(|moment| converted_at.since(*moment) <= OLDEST_CART)
        };
        let carts = opened.iter().filter_map(|opened| latest(&opened.carts)).max();
        carts.or_else(|| opened.iter().filter_map(|opened| latest(&opened.checkouts)).max())
    }
}

/// The goal of a fact that tells of a cart.
fn cart_goal(fact: &Fact) -> Option<&str> {
    let tells = matches!(fact.body.kind(), EventKind::Registration | EventKind::Qualification);
    let goal = fact.body.action().filter(|_| tells)?.goal.as_str();
    matches!(goal, "cart" | "checkout").then_some(goal)
}
