//! Checks between entities: references lead somewhere, links lead only to allowed hosts, nobody recruits himself.

use std::collections::{BTreeMap, BTreeSet};

use tributary_domain::attribution::Earner;
use tributary_domain::attribution::models::{Model, TrainedWeights};
use tributary_domain::configuration::{Campaign, Link, Partner, Tier};
use tributary_domain::ids::{BrandKey, PartnerKey, PlanKey, PromoCode};

use super::kinds::{Body, Kind};
use super::problem::{Place, Problem};
use super::versions::{History, Id};
use crate::engine::rollup::label;
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

/// The tiers as the set-up names them.
const TIERS: [(&str, Tier); 3] = [
    ("awareness", Tier::Awareness),
    ("consideration", Tier::Consideration),
    ("conversion", Tier::Conversion),
];

/// Names that a message lists; of many the first.
fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 5;
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    shown.join(", ")
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
                let is_newest = self.is_newest(id, body);
                for (name, tier) in TIERS {
                    let Some(model) = &own.tiers.of(tier).model else { continue };
                    let place = place.field("tiers").field(name).field("model");
                    let partners =
                        is_newest.then(|| self.promoting(brand, |campaign, _| campaign.tier == tier));
                    self.data_driven(&place, brand, model, &partners.unwrap_or_default());
                }
            }
            Body::Plan(_) => {}
            Body::Weights(trained) => self.earners(place, brand, trained),
            Body::Campaign(campaign) => {
                self.plan(place, brand, campaign.plan.as_ref());
                let is_newest = self.is_newest(id, body);
                let partners = is_newest.then(|| self.promoting(brand, |_, promoted| promoted == key));
                let partners = partners.unwrap_or_default();
                if let Some(model) = &campaign.model {
                    self.data_driven(&place.field("model"), brand, model, &partners);
                }
                for (index, terms) in campaign.goals.iter().enumerate() {
                    let Some(model) = &terms.model else { continue };
                    let place = place.field("goals").element(index).field("model");
                    self.data_driven(&place, brand, model, &partners);
                }
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

    /// A data-driven model pays by weights that are there and that know somebody of those whom it is to pay.
    ///
    /// Where they know nobody of them, every conversion would be shared equally, or go to other channels alone. A partner
    /// who came after the training has no weight, and that is as it should be: so one who is known is enough.
    fn data_driven(
        &mut self,
        place: &Place,
        brand: &BrandKey,
        model: &Model,
        partners: &BTreeSet<PartnerKey>,
    ) {
        let Some(key) = model.trained_weights() else { return };
        let place =
            if matches!(model, Model::CouponFirst { .. }) { place.field("otherwise") } else { place.clone() };
        if !self.refers(&place, "weights", Kind::Weights, brand, key.as_str()) {
            return;
        }
        let Some(Body::Weights(trained)) = self.history.latest(Kind::Weights, brand, key.as_str()) else {
            return;
        };
        let weighs = |partner: &PartnerKey| {
            trained.of_earner.get(&Earner::Partner(partner.clone())).is_some_and(|weight| *weight > 0)
        };
        if partners.is_empty() || partners.iter().any(weighs) {
            return;
        }
        let known: Vec<String> = trained
            .of_earner
            .iter()
            .filter(|(_, weight)| **weight > 0)
            .map(|(earner, _)| label(earner))
            .collect();
        let message = format!(
            "the weights `{key}` were trained for other channels: they know {}, and none of {}",
            listed(&known),
            listed(partners)
        );
        let remedy = format!(
            "train them on a period in which these partners brought traffic (`tributary model train --brand {brand} --key {key}`), or choose another model"
        );
        self.problems.push(place.field("weights").problem(message, remedy));
    }

    /// Whether a version is its entity's newest: what an older one says cannot be mended any more.
    fn is_newest(&self, (kind, brand, key): &Id, body: &Body) -> bool {
        self.history.latest(*kind, brand, key).is_some_and(|newest| std::ptr::eq(newest, body))
    }

    /// The partners whose links promote campaigns of a brand, as the newest versions have it.
    fn promoting(&self, brand: &BrandKey, meant: impl Fn(&Campaign, &str) -> bool) -> BTreeSet<PartnerKey> {
        let newest = self.history.iter().filter(|(id, _)| id.1 == *brand);
        let links = newest.filter_map(|(_, versions)| match versions.last_key_value() {
            Some((_, Body::Link(link))) => Some(link),
            _ => None,
        });
        let is_meant = |link: &&Link| {
            let promoted = link.campaign.as_str();
            match self.history.latest(Kind::Campaign, brand, promoted) {
                Some(Body::Campaign(campaign)) => meant(campaign, promoted),
                _ => false,
            }
        };
        links.filter(is_meant).map(|link| link.partner.clone()).collect()
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
