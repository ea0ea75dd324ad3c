//! The touchpoints of a cluster, looked up by person and by click id.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::attribution::{Circumstances, Considered, Earner, TouchKind, Touchpoint, judge};
use crate::click_id::ClickId;
use crate::fact::{Fact, FactBody, Touch};
use crate::identity::PersonIndex;
use crate::ids::{BrandKey, CampaignKey, PartnerKey};
use crate::reason::Reason;
use crate::time::{Span, Timestamp};

use super::carts::Carts;
use super::orders::Evidence;
use super::{Cluster, click_event_id};

/// More touchpoints than this, and of those that took no part only the newest are listed with a conversion.
const MOST_REFUSED_LISTED: usize = 1_000;

/// Every touchpoint of a cluster, in order of time.
pub(super) struct Touches<'a> {
    all: Vec<Touchpoint>,
    of_person: HashMap<PersonIndex, Vec<usize>>,
    of_click: HashMap<&'a ClickId, Vec<usize>>,
    /// How long any touchpoint can earn credit; worked out only where there are very many.
    widest_window: Span,
    carts: Carts,
}

impl<'a> Touches<'a> {
    pub(super) fn of(cluster: &Cluster<'a>) -> Self {
        let mut found: Vec<(Touchpoint, Option<PersonIndex>, Option<&'a ClickId>)> = Vec::new();
        let mut arrived: HashSet<&'a ClickId> = HashSet::new();
        for (place, fact) in cluster.facts.iter().enumerate() {
            if let Some((kind, touch)) = touch_of(fact) {
                let click_id = fact.subject.click_id.as_ref();
                arrived.extend(click_id);
                found.push((
                    cluster.touchpoint(fact, kind, touch),
                    cluster.stitching.person(place),
                    click_id,
                ));
            }
        }
        // A conversion does not wait for its click: our own id tells link and time before the click arrives.
        for click_id in cluster.facts.iter().filter_map(|fact| fact.subject.click_id.as_ref()) {
            if arrived.insert(click_id) {
                found.extend(
                    cluster.unseen_click(click_id).map(|touchpoint| (touchpoint, None, Some(click_id))),
                );
            }
        }
        found.sort_by_key(|(touchpoint, ..)| touchpoint.place_in_time());
        let mut touches = Self {
            all: Vec::with_capacity(found.len()),
            of_person: HashMap::new(),
            of_click: HashMap::new(),
            widest_window: Span(0),
            carts: Carts::of(cluster),
        };
        for (index, (touchpoint, person, click_id)) in found.into_iter().enumerate() {
            touches.all.push(touchpoint);
            if let Some(person) = person {
                touches.of_person.entry(person).or_default().push(index);
            }
            if let Some(click_id) = click_id {
                touches.of_click.entry(click_id).or_default().push(index);
            }
        }
        touches.add_named(cluster);
        if touches.all.len() > MOST_REFUSED_LISTED {
            touches.widest_window = cluster.configuration.widest_window();
        }
        touches
    }

    /// Each person's touchpoints in order of time; people in their order.
    pub(super) fn of_each_person(&self) -> BTreeMap<PersonIndex, Vec<&Touchpoint>> {
        let touchpoints = |places: &Vec<usize>| places.iter().map(|place| &self.all[*place]).collect();
        self.of_person.iter().map(|(person, places)| (*person, touchpoints(places))).collect()
    }

    /// A click that a person's registration or conversion names is his, for all his conversions.
    fn add_named(&mut self, cluster: &Cluster<'a>) {
        let mut grown = HashSet::new();
        for (place, _) in cluster.facts.iter().enumerate().filter(|(_, fact)| touch_of(fact).is_none()) {
            let named = self.named_by(cluster, place);
            if let (Some(person), Some(index)) = (cluster.stitching.person(place), named) {
                self.of_person.entry(person).or_default().push(index);
                grown.insert(person);
            }
        }
        for person in grown {
            let indices = self.of_person.entry(person).or_default();
            indices.sort_unstable();
            indices.dedup();
        }
    }

    /// The touchpoint that a fact names by click id. Another tracker's id may stand for several: then the last one up to
    /// the fact, else the first one after it.
    fn named_by(&self, cluster: &Cluster<'_>, place: usize) -> Option<usize> {
        let fact = cluster.facts.get(place).filter(|_| cluster.stitching.may_name_click(place))?;
        let indices = self.of_click.get(fact.subject.click_id.as_ref()?)?;
        let after = indices.partition_point(|index| self.all[*index].occurred_at <= fact.occurred_at);
        indices.get(after.saturating_sub(1)).copied()
    }

    /// What may have led to an action: touchpoints of its person, and those that any of its deliveries names.
    fn candidates(
        &self,
        cluster: &Cluster<'a>,
        deliveries: &[usize],
        converted_at: Timestamp,
    ) -> Vec<&Touchpoint> {
        let mut persons: Vec<PersonIndex> =
            deliveries.iter().filter_map(|place| cluster.stitching.person(*place)).collect();
        persons.sort_unstable();
        persons.dedup();
        let mut indices: Vec<usize> = Vec::new();
        for person in persons {
            indices.extend(self.of_person.get(&person).map_or(&[][..], |own| self.near(own, converted_at)));
        }
        indices.extend(deliveries.iter().filter_map(|place| self.named_by(cluster, *place)));
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().map(|index| &self.all[index]).collect()
    }

    /// Of very many touchpoints those that may take part, and the nearest of those that come too early or too late.
    fn near<'i>(&self, indices: &'i [usize], converted_at: Timestamp) -> &'i [usize] {
        if indices.len() <= MOST_REFUSED_LISTED {
            return indices;
        }
        let earliest = converted_at.plus(Span(self.widest_window.0.saturating_neg()));
        let from = indices.partition_point(|index| self.all[*index].occurred_at < earliest);
        let to = indices.partition_point(|index| self.all[*index].occurred_at <= converted_at);
        let (from, to) = (from.saturating_sub(MOST_REFUSED_LISTED), to.saturating_add(MOST_REFUSED_LISTED));
        &indices[from..to.min(indices.len())]
    }
}

/// The touchpoints of one conversion with the verdict on each, in order of time.
pub(super) fn considered(
    cluster: &Cluster<'_>,
    touches: &Touches<'_>,
    deliveries: &[usize],
    evidence: &Evidence<'_>,
) -> Vec<Considered> {
    let Some(fact) = deliveries.first().map(|place| cluster.facts[*place]) else { return Vec::new() };
    let Some(action) = fact.body.action() else { return Vec::new() };
    let at = fact.occurred_at;
    let own: Vec<Touchpoint> =
        cluster.code(fact, evidence).into_iter().chain(cluster.named(fact, evidence)).collect();
    let mut candidates = touches.candidates(cluster, deliveries, at);
    candidates.extend(&own);
    candidates.sort_by_key(|touchpoint| touchpoint.place_in_time());
    let verdicts = judge(
        &candidates,
        &Circumstances {
            configuration: cluster.configuration,
            brand: &fact.brand,
            converted_at: at,
            goal: &action.goal,
            only_campaign: evidence.campaign,
            cart_opened_at: touches.carts.opened(cluster, deliveries, evidence).map(|cart| cart.at),
        },
    );
    let refused = verdicts.iter().filter(|verdict| **verdict != Reason::Eligible).count();
    let mut unlisted = refused.saturating_sub(MOST_REFUSED_LISTED);
    let mut listed = Vec::with_capacity(candidates.len() - unlisted);
    for (touchpoint, verdict) in candidates.into_iter().zip(verdicts) {
        if verdict != Reason::Eligible && unlisted > 0 {
            unlisted -= 1;
        } else {
            listed.push(Considered { touchpoint: touchpoint.clone(), verdict });
        }
    }
    listed
}

const fn touch_of(fact: &Fact) -> Option<(TouchKind, &Touch)> {
    match &fact.body {
        FactBody::Click(touch) => Some((TouchKind::Click, touch)),
        FactBody::Impression(touch) => Some((TouchKind::Impression, touch)),
        _ => None,
    }
}

impl Cluster<'_> {
    fn touchpoint(&self, fact: &Fact, kind: TouchKind, touch: &Touch) -> Touchpoint {
        let link = touch.link.as_ref().and_then(|key| self.configuration.link(key, fact.occurred_at));
        let link = link.filter(|link| link.brand == fact.brand);
        let partner = link.map(|link| &link.partner).or(touch.partner.as_ref());
        let channel = self.configuration.channel_of(&fact.brand, touch, fact.occurred_at);
        let names_nobody = touch.link.is_none() && touch.partner.is_none() && channel.is_none();
        Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind,
            earner: partner
                .and_then(|partner| self.earner(&fact.brand, partner))
                .or(channel.map(Earner::Channel)),
            campaign: link.map(|link| link.campaign.clone()).or_else(|| touch.campaign.clone()),
            link: touch.link.clone(),
            click_id: fact.subject.click_id.clone(),
            barred: names_nobody.then_some(Reason::ChannelUnknown),
        }
    }

    /// The click that one of our own ids was issued for; `None` for other trackers' ids and unknown links.
    fn unseen_click(&self, click_id: &ClickId) -> Option<Touchpoint> {
        let brand = &self.facts.first()?.brand;
        let (fingerprint, issued_at) = click_id.issued_for()?;
        let key = self.configuration.link_fingerprints.get(&fingerprint)?;
        let link = self.configuration.link(key, issued_at).filter(|link| link.brand == *brand)?;
        Some(Touchpoint {
            event_id: click_event_id(click_id, issued_at),
            occurred_at: issued_at,
            kind: TouchKind::Click,
            earner: self.earner(brand, &link.partner),
            campaign: Some(link.campaign.clone()),
            link: Some(key.clone()),
            click_id: Some(click_id.clone()),
            barred: None,
        })
    }

    /// A promo code is a touchpoint of its link at the moment of the action.
    fn code(&self, fact: &Fact, evidence: &Evidence<'_>) -> Option<Touchpoint> {
        let found = self.configuration.link_of_code(&fact.brand, evidence.promo_code?, fact.occurred_at);
        Some(Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind: TouchKind::Code,
            earner: found.and_then(|(_, link, _)| self.earner(&fact.brand, &link.partner)),
            campaign: found.map(|(_, link, _)| link.campaign.clone()),
            link: found.map(|(key, _, _)| key.clone()),
            click_id: None,
            barred: found.and_then(|(_, _, valid)| (!valid).then_some(Reason::CodeOutsideDates)),
        })
    }

    /// A partner named by the sender.
    fn named(&self, fact: &Fact, evidence: &Evidence<'_>) -> Option<Touchpoint> {
        let partner = evidence.named_partner?;
        Some(Touchpoint {
            event_id: fact.event_id,
            occurred_at: fact.occurred_at,
            kind: TouchKind::Named,
            earner: self.earner(&fact.brand, partner),
            campaign: evidence.campaign.cloned().or_else(|| self.only_campaign(&fact.brand)),
            link: None,
            click_id: None,
            barred: None,
        })
    }

    /// The partner as an earner, if he is set up.
    fn earner(&self, brand: &BrandKey, partner: &PartnerKey) -> Option<Earner> {
        let is_known = self.configuration.partners.contains_key(&(brand.clone(), partner.clone()));
        is_known.then(|| Earner::Partner(partner.clone()))
    }

    /// A brand's campaign where it has just one: what a sender who names only the partner must mean.
    fn only_campaign(&self, brand: &BrandKey) -> Option<CampaignKey> {
        let mut keys = self.configuration.campaigns.keys().filter(|(of, _)| of == brand).map(|(_, key)| key);
        keys.next().filter(|_| keys.next().is_none()).cloned()
    }
}
