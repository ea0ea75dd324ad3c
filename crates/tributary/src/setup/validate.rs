//! Checks between entities: references lead somewhere, links lead only to allowed hosts, nobody recruits himself.

use std::collections::{BTreeMap, BTreeSet};

use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::{Model, TrainedWeights};
use tributary_domain::configuration::{Campaign, Link, Partner};
use tributary_domain::ids::{BrandKey, PartnerKey, PlanKey, PromoCode};

use super::kinds::{Body, Kind};
use super::problem::{Place, Problem};
use super::versions::{History, Id};
use crate::nearest::nearest;

/// Every problem of a whole set-up.
pub(super) fn validate(history: &History) -> Vec<Problem> {
    let mut check = Check { history, problems: Vec::new(), codes: BTreeMap::new(), owners: BTreeMap::new() };
    for (id, versions) in history.iter() {
        for (from, body) in versions {
            check.one(id, body, &history.place(id, *from));
        }
    }
    check.problems
}

struct Check<'h> {
    history: &'h History,
    problems: Vec<Problem>,
    /// Which link a promo code stands for.
    codes: BTreeMap<(BrandKey, PromoCode), String>,
    /// Whose a link's or source's key is: `/c/{link}` and `/postback/{source}` name no brand.
    owners: BTreeMap<(Kind, String), BrandKey>,
}

impl Check<'_> {
    fn one(&mut self, id: &Id, body: &Body, place: &Place) {
        let (kind, brand, key) = id;
        if *kind != Kind::Brand {
            self.refers(place, "brand", Kind::Brand, brand, brand.as_str());
        }
        match body {
            Body::Brand(own) => {
                let tiers = [&own.tiers.awareness, &own.tiers.consideration, &own.tiers.conversion];
                self.weights(
                    &place.field("tiers"),
                    brand,
                    tiers.into_iter().filter_map(|terms| terms.model.as_ref()),
                );
            }
            Body::Plan(_) => {}
            Body::Weights(trained) => self.earners(place, brand, trained),
            Body::Campaign(campaign) => {
                self.plan(place, brand, campaign.plan.as_ref());
                let of_goals = campaign.goals.iter().filter_map(|terms| terms.model.as_ref());
                self.weights(place, brand, campaign.model.iter().chain(of_goals));
            }
            Body::Partner(partner) => self.partner(place, brand, key, partner),
            Body::Link(link) => {
                self.owned(place, id);
                self.link(place, brand, key, link);
            }
            Body::Source(_) => self.owned(place, id),
        }
    }

    /// A reference must lead to an entity of the brand.
    fn refers(&mut self, place: &Place, field: &str, kind: Kind, brand: &BrandKey, key: &str) -> bool {
        if self.history.latest(kind, brand, key).is_some() {
            return true;
        }
        let same = self
            .history
            .iter()
            .map(|(id, _)| id)
            .filter(|id| id.0 == kind && (kind == Kind::Brand || id.1 == *brand));
        let close = nearest(key, same.map(|id| id.2.as_str())).map_or_else(
            || format!("there is no {} yet", kind.name()),
            |close| format!("the nearest is `{close}`"),
        );
        let message = format!("there is no {} `{key}`; {close}", kind.name());
        let remedy = format!("correct the key, or add it under `{}`", kind.section());
        self.problems.push(place.field(field).problem(message, remedy));
        false
    }

    fn plan(&mut self, place: &Place, brand: &BrandKey, plan: Option<&PlanKey>) {
        if let Some(plan) = plan {
            self.refers(place, "plan", Kind::Plan, brand, plan.as_str());
        }
    }

    /// A data-driven model pays by weights that are there.
    fn weights<'m>(&mut self, place: &Place, brand: &BrandKey, models: impl Iterator<Item = &'m Model>) {
        for weights in models.filter_map(Model::trained_weights) {
            self.refers(&place.field("model"), "weights", Kind::Weights, brand, weights.as_str());
        }
    }

    /// Weights of partners that are not set up would never be used; channels need no set-up.
    fn earners(&mut self, place: &Place, brand: &BrandKey, trained: &TrainedWeights) {
        for earner in trained.of_earner.keys() {
            if let Earner::Partner(partner) = earner {
                self.refers(
                    &place.field("of_earner"),
                    partner.as_str(),
                    Kind::Partner,
                    brand,
                    partner.as_str(),
                );
            }
        }
    }

    /// Keys of links and sources are unique in the whole installation.
    fn owned(&mut self, place: &Place, (kind, brand, key): &Id) {
        let owner = self.owners.entry((*kind, key.clone())).or_insert_with(|| brand.clone());
        if owner != brand {
            let message = format!("the {} `{key}` belongs to the brand `{owner}`", kind.name());
            let remedy = format!("choose another key: the address of a {} names no brand", kind.name());
            self.problems.push(place.field("key").problem(message, remedy));
        }
    }

    fn partner(&mut self, place: &Place, brand: &BrandKey, key: &str, partner: &Partner) {
        self.plan(place, brand, partner.plan.as_ref());
        let Some(parent) = &partner.parent else { return };
        if !self.refers(place, "parent", Kind::Partner, brand, parent.as_str()) {
            return;
        }
        let mut line = vec![key.to_owned()];
        let mut next = Some(parent.clone());
        while let Some(ancestor) = next {
            let repeated = line.iter().any(|member| member == ancestor.as_str());
            line.push(ancestor.as_str().to_owned());
            if repeated {
                // A line that leads into somebody else's circle is reported there.
                if ancestor.as_str() == key {
                    let message = format!("the partner recruits himself: {}", line.join(" -> "));
                    self.problems
                        .push(place.field("parent").problem(message, "remove one of these `parent` fields"));
                }
                return;
            }
            next = self.parent_of(brand, &ancestor);
        }
    }

    fn parent_of(&self, brand: &BrandKey, partner: &PartnerKey) -> Option<PartnerKey> {
        match self.history.latest(Kind::Partner, brand, partner.as_str())? {
            Body::Partner(partner) => partner.parent.clone(),
            _ => None,
        }
    }

    fn link(&mut self, place: &Place, brand: &BrandKey, key: &str, link: &Link) {
        self.refers(place, "partner", Kind::Partner, brand, link.partner.as_str());
        if self.refers(place, "campaign", Kind::Campaign, brand, link.campaign.as_str()) {
            self.destination(place, brand, link);
        }
        let Some(code) = &link.promo_code else { return };
        let holder = self.codes.entry((brand.clone(), code.clone())).or_insert_with(|| key.to_owned());
        if holder.as_str() != key {
            let message = format!("the promo code `{code}` belongs to the link `{holder}`");
            self.problems.push(place.field("promo_code").problem(message, "give each link its own code"));
        }
    }

    /// A link may lead to its campaign's host and to those the campaign allows; nowhere else, so that nobody can
    /// use the tracking address to send people wherever he likes.
    fn destination(&mut self, place: &Place, brand: &BrandKey, link: &Link) {
        let Some(destination) = &link.destination else { return };
        let Some(Body::Campaign(campaign)) =
            self.history.latest(Kind::Campaign, brand, link.campaign.as_str())
        else {
            return;
        };
        let Some(host) = host_of(destination) else { return };
        let allowed = allowed_hosts(campaign);
        if !allowed.contains(&host) {
            let listed = allowed.into_iter().collect::<Vec<_>>().join(", ");
            let message =
                format!("`{host}` is not allowed for the campaign `{}`; allowed: {listed}", link.campaign);
            let remedy = "correct the address, or add the host to the campaign's `allowed_hosts`";
            self.problems.push(place.field("destination").problem(message, remedy));
        }
    }
}

fn allowed_hosts(campaign: &Campaign) -> BTreeSet<String> {
    campaign.allowed_hosts.iter().cloned().chain(host_of(&campaign.destination)).collect()
}

fn host_of(address: &str) -> Option<String> {
    url::Url::parse(address).ok()?.host_str().map(str::to_lowercase)
}
