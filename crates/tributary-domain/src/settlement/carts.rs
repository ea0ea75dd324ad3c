//! When a person opened the cart of an order.
//!
//! The shop says it with the order (`cart_opened_at`), or with a registration or qualification of the goal `cart`, or else `checkout`.

use std::collections::{BTreeMap, HashMap};

use crate::attribution::age;
use crate::configuration::Configuration;
use crate::fact::{EventKind, Fact};
use crate::identity::PersonIndex;
use crate::ids::EventId;
use crate::time::{Span, Timestamp};

use super::Cluster;
use super::orders::{Evidence, Order};

/// An older event of a cart says nothing of an order.
const OLDEST_CART: Span = Span::DAY;

/// What tells when a cart was opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CartEvidence {
    /// `cart_opened_at` of the order itself, from any of its deliveries.
    Order,
    /// A registration or qualification of the goal `cart`.
    Cart,
    /// A registration or qualification of the goal `checkout`.
    Checkout,
}

impl CartEvidence {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Cart => "cart",
            Self::Checkout => "checkout",
        }
    }
}

/// When the cart of an action was opened last, and what tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CartOpened {
    /// When.
    pub at: Timestamp,
    /// What tells it.
    pub evidence: CartEvidence,
    /// The event that tells it: the order's delivery, or the event of the cart.
    pub told_by: EventId,
}

/// The carts of a cluster's conversions, by the events that stand for these: what [`super::settle`] judges late touchpoints by.
#[must_use]
pub fn carts(facts: &[Fact], configuration: &Configuration) -> BTreeMap<EventId, CartOpened> {
    let mut found = BTreeMap::new();
    let tells = |fact: &Fact| {
        cart_goal(fact).is_some() || fact.body.action().is_some_and(|action| action.cart_opened_at.is_some())
    };
    let Some(cluster) = facts.iter().any(tells).then(|| Cluster::of(facts, configuration)).flatten() else {
        return found;
    };
    let (orders, carts) = (cluster.orders(), Carts::of(&cluster));
    for (place, fact) in cluster.facts.iter().enumerate().filter(|(_, fact)| fact.body.action().is_some()) {
        let alone = [place];
        let order: Option<&Order> = cluster.order(place, &orders);
        let deliveries = order.map(|order| order.deliveries(fact.body.kind()));
        let deliveries = deliveries.filter(|deliveries| !deliveries.is_empty()).unwrap_or(&alone);
        if deliveries.first() == Some(&place) {
            let opened = carts.opened(&cluster, deliveries, &cluster.evidence(deliveries));
            found.extend(opened.map(|opened| (fact.event_id, opened)));
        }
    }
    found
}

/// What the events of one person say, in order of time.
#[derive(Default)]
struct Opened {
    carts: Vec<CartOpened>,
    checkouts: Vec<CartOpened>,
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
            let (told, evidence) = match goal {
                "cart" => (&mut opened.carts, CartEvidence::Cart),
                _ => (&mut opened.checkouts, CartEvidence::Checkout),
            };
            told.push(CartOpened { at: fact.occurred_at, evidence, told_by: fact.event_id });
        }
        carts
    }

    /// When the cart of an action was opened last, up to the action.
    ///
    /// The sender's word at the order goes before events, and an event `cart` before an event `checkout`, which comes later on the same
    /// way. An action that is itself the opening of a cart has none.
    pub(super) fn opened(
        &self,
        cluster: &Cluster<'_>,
        deliveries: &[usize],
        evidence: &Evidence<'_>,
    ) -> Option<CartOpened> {
        let fact = deliveries.first().map(|place| cluster.facts[*place])?;
        let converted_at = fact.occurred_at;
        let is_before = |opened: &CartOpened| age(opened.at, converted_at) >= Span(0);
        if let Some(stated) = evidence.cart.filter(is_before) {
            return Some(stated);
        }
        if cart_goal(fact).is_some() {
            return None;
        }
        let persons = deliveries.iter().filter_map(|place| cluster.stitching.person(*place));
        let opened: Vec<&Opened> = persons.filter_map(|person| self.0.get(&person)).collect();
        let latest = |told: &[CartOpened]| {
            let last = told.iter().rev().find(|opened| is_before(opened)).copied();
            last.filter(|opened| converted_at.since(opened.at) <= OLDEST_CART)
        };
        let by_time = |opened: &CartOpened| (opened.at, opened.told_by);
        let carts = opened.iter().filter_map(|opened| latest(&opened.carts)).max_by_key(by_time);
        carts.or_else(|| opened.iter().filter_map(|opened| latest(&opened.checkouts)).max_by_key(by_time))
    }
}

/// The goal of a fact that tells of a cart.
fn cart_goal(fact: &Fact) -> Option<&str> {
    let tells = matches!(fact.body.kind(), EventKind::Registration | EventKind::Qualification);
    let goal = fact.body.action().filter(|_| tells)?.goal.as_str();
    matches!(goal, "cart" | "checkout").then_some(goal)
}
