//! The facts that belong together, settled afresh by the pure function that booked them.

use std::collections::BTreeMap;

use tributary_domain::attribution::Touchpoint;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody, Touch};
use tributary_domain::identity::{Guards, Stitching, stitch};
use tributary_domain::ids::{EventId, LinkKey};
use tributary_domain::settlement::{CartOpened, Conversion, carts, settle};
use tributary_store::state::{ClusterId, StateError, StateReader};

/// One cluster with what follows from it.
pub(super) struct Cluster {
    /// Its facts in order of time and event id.
    pub(super) facts: Vec<Fact>,
    /// Whose each of them is.
    pub(super) stitching: Stitching,
    /// Its conversions.
    pub(super) conversions: Vec<Conversion>,
    /// When the carts of conversions were opened, by the events that stand for these.
    pub(super) carts: BTreeMap<EventId, CartOpened>,
}

impl Cluster {
    pub(super) fn read(
        state: &dyn StateReader,
        configuration: &Configuration,
        id: ClusterId,
    ) -> Result<Self, StateError> {
        let mut facts: Vec<Fact> = state.cluster(id)?.facts.into_iter().map(|(fact, _)| fact).collect();
        facts.sort_by_key(|fact| (fact.occurred_at, fact.event_id));
        let conversions = settle(&facts, configuration).conversions;
        let carts = carts(&facts, configuration);
        let stitching = facts.first().map_or_else(Stitching::default, |first| {
            stitch(&facts.iter().collect::<Vec<_>>(), &Guards::of(configuration, &first.brand))
        });
        Ok(Self { facts, stitching, conversions, carts })
    }

    /// The click or impression that a touchpoint is; `None` for one that is known by its id alone.
    pub(super) fn fact_of(&self, touchpoint: &Touchpoint) -> Option<&Fact> {
        let wanted = (touchpoint.occurred_at, touchpoint.event_id);
        let place =
            self.facts.binary_search_by_key(&wanted, |fact| (fact.occurred_at, fact.event_id)).ok()?;
        self.facts.get(place)
    }

    /// The place of an event among the facts.
    pub(super) fn place(&self, event: EventId) -> Option<usize> {
        self.facts.iter().position(|fact| fact.event_id == event)
    }

    /// The conversion that a fact is, repeats or refers to.
    pub(super) fn concerned(&self, fact: &Fact, configuration: &Configuration) -> Option<&Conversion> {
        self.conversions.iter().find(|conversion| conversion.event_id == fact.event_id).or_else(|| {
            let number = fact.body.transaction()?;
            let namespace =
                |fact: &Fact| configuration.transaction_namespace(&fact.source, fact.occurred_at).to_owned();
            let own = namespace(fact);
            let of_same_order = |conversion: &&Conversion| {
                conversion.transaction.as_ref() == Some(number)
                    && self
                        .place(conversion.event_id)
                        .is_some_and(|place| namespace(&self.facts[place]) == own)
            };
            let same_step = |conversion: &&Conversion| conversion.kind == fact.body.kind();
            let mut of_order = self.conversions.iter().rev().filter(of_same_order);
            let exact = self.conversions.iter().rev().filter(of_same_order).find(same_step);
            exact.or_else(|| of_order.next())
        })
    }
}

/// The touchpoint inside a fact.
pub(super) const fn touch_of(fact: &Fact) -> Option<&Touch> {
    match &fact.body {
        FactBody::Click(touch) | FactBody::Impression(touch) => Some(touch),
        _ => None,
    }
}

/// Whose touchpoint a fact is (a partner's key or `@channel`), by which link, for which campaign.
pub(super) struct Owner<'a> {
    pub(super) earner: Option<String>,
    pub(super) link: Option<&'a LinkKey>,
    pub(super) campaign: Option<String>,
}

/// The owner of a touchpoint; `None` for other facts.
pub(super) fn owner_of<'a>(fact: &'a Fact, configuration: &Configuration) -> Option<Owner<'a>> {
    let touch = touch_of(fact)?;
    let link = touch.link.as_ref().and_then(|key| configuration.link(key, fact.occurred_at));
    let link = link.filter(|link| link.brand == fact.brand);
    let partner = link.map(|link| &link.partner).or(touch.partner.as_ref());
    let channel = || {
        let channel = configuration.channel_of(&fact.brand, touch, fact.occurred_at)?;
        Some(format!("@{channel}"))
    };
    let campaign = link.map(|link| &link.campaign).or(touch.campaign.as_ref());
    Some(Owner {
        earner: partner.map(|partner| partner.as_str().to_owned()).or_else(channel),
        link: touch.link.as_ref(),
        campaign: campaign.map(|campaign| campaign.as_str().to_owned()),
    })
}
