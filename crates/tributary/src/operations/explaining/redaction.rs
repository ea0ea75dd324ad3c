//! What a partner may see of an explanation.
//!
//! The rule is an allow-list. A partner sees his own touchpoints, credits, commissions, entries and payouts in full, and of a conversion
//! that one of his touchpoints was considered for: its event, goal, time, number and how it stands. That somebody else took part he is told
//! as `another partner` or `another channel`, without number, name or amount. The order's value, and with it the amounts of his credits,
//! he sees only where a plan of his own pays a percentage of it: then his own commission tells it anyway. What an order says beside that
//! (tracking, promo code, campaign) he sees where it is his own. Of the terms that decided about his touchpoint he sees the level that
//! states them, and the entity where it is the brand, himself, or a campaign of his own; of a paid click id its name; of a cart its
//! moment. What he is told to do is a partner's to do: hints for the operator are left out. Anything that does not concern him is to him as if it were not there.

use std::collections::BTreeSet;

use tributary_domain::configuration::Configuration;

use super::Viewer;
use super::answer::{
    Arrival, CartExplained, ConversionExplained, EntryExplained, Explanation, Identity, MinimumTime,
    PaidClick, Rounding, Sharing, StandDownExplained, StatedAt, TouchpointExplained, Use,
};

/// The part of an explanation that a partner may see.
pub(super) fn seen_by(viewer: &Viewer, configuration: &Configuration, whole: Explanation) -> Explanation {
    let eyes = Eyes {
        key: viewer.partner.as_str(),
        brand: viewer.brand.as_str(),
        own: own_of(viewer, configuration),
    };
    let for_partner = Some(eyes.key.to_owned());
    let seen = eyes.see(&whole);
    let nothing = || Explanation { what: "nothing".to_owned(), ..Explanation::default() };
    Explanation { id: whole.id, for_partner, ..seen.unwrap_or_else(nothing) }
}

/// The keys that a partner runs: campaigns, links, promo codes.
#[derive(Default)]
struct Own {
    campaigns: BTreeSet<String>,
    codes: BTreeSet<String>,
}

fn own_of(viewer: &Viewer, configuration: &Configuration) -> Own {
    let mut own = Own::default();
    for (_, link) in configuration.links.values().flat_map(|versions| versions.iter()) {
        if link.brand == viewer.brand && link.partner == viewer.partner {
            own.campaigns.insert(link.campaign.to_string());
            own.codes.extend(link.promo_code.as_ref().map(ToString::to_string));
        }
    }
    own
}

struct Eyes<'v> {
    key: &'v str,
    brand: &'v str,
    own: Own,
}

impl Eyes<'_> {
    fn is_own(&self, earner: Option<&String>) -> bool {
        earner.is_some_and(|earner| earner == self.key)
    }

    fn see(&self, whole: &Explanation) -> Option<Explanation> {
        let in_brand = whole.arrived.as_ref().is_none_or(|arrived| arrived.brand == self.brand)
            && whole.payout.as_ref().is_none_or(|payout| payout.brand == self.brand)
            && whole.entry.as_ref().is_none_or(|entry| entry.brand == self.brand);
        if !in_brand {
            return None;
        }
        if let Some(entry) = &whole.entry
            && !self.is_own_entry(entry, whole)
        {
            return None;
        }
        if whole.payout.as_ref().is_some_and(|payout| payout.partner != self.key) {
            return None;
        }
        let of_payout = || {
            whole.payout.as_ref().map(|payout| Explanation {
                what: whole.what.clone(),
                payout: Some(payout.clone()),
                entry: whole.entry.clone(),
                ..Explanation::default()
            })
        };
        let whose = ["commission of ", "credit of ", "touchpoint of "]
            .iter()
            .find_map(|part| whole.what.strip_prefix(part));
        if whose.is_some_and(|whose| whose != self.key) {
            return None;
        }
        // A payout, or a line of one whose conversion grants nothing any more, stands alone.
        let Some(arrived) = whole.arrived.as_ref() else { return of_payout() };
        let is_touch = matches!(arrived.kind.as_str(), "click" | "impression");
        if is_touch && !self.is_own(arrived.earner.as_ref()) {
            return None;
        }
        let conversion = whole.conversion.as_ref().and_then(|found| self.conversion(found));
        if !is_touch && conversion.is_none() {
            return of_payout();
        }
        let visible = self.visible_events(whole, conversion.as_ref());
        Some(Explanation {
            what: whole.what.clone(),
            arrived: self.arrival(arrived, is_touch, conversion.as_ref(), &visible),
            identity: whole.identity.as_ref().map(|identity| identity_of(identity, &visible)),
            uses: whole.uses.iter().map(|each| self.used(each, whole)).collect(),
            payout: whole.payout.clone(),
            entry: whole.entry.as_ref().map(|entry| caused(entry, &visible)),
            conversion,
            ..Explanation::default()
        })
    }

    /// Whether an entry is of the partner's own line or payout.
    fn is_own_entry(&self, entry: &EntryExplained, whole: &Explanation) -> bool {
        let of_line = whole.conversion.as_ref().is_some_and(|conversion| {
            conversion.commissions.iter().any(|line| line.partner == self.key && line.id == entry.subject)
        });
        let of_payout = whole.payout.as_ref().is_some_and(|payout| payout.partner == self.key);
        of_line || of_payout
    }

    /// Events that the partner may be told of: his own, and the conversions that they were considered for.
    fn visible_events(
        &self,
        whole: &Explanation,
        conversion: Option<&ConversionExplained>,
    ) -> BTreeSet<String> {
        let mut visible: BTreeSet<String> = whole.uses.iter().map(|each| each.conversion.clone()).collect();
        if let Some(conversion) = conversion {
            visible.insert(conversion.event_id.clone());
            visible.extend(conversion.touchpoints.iter().map(|each| each.event_id.clone()));
        }
        let joined = whole.identity.iter().flat_map(|identity| &identity.joined);
        visible.extend(
            joined.filter(|each| self.is_own(each.earner.as_ref())).map(|each| each.event_id.clone()),
        );
        if let Some(arrived) = whole.arrived.as_ref().filter(|arrived| self.is_own(arrived.earner.as_ref())) {
            visible.insert(arrived.event_id.clone());
        }
        visible
    }

    /// The conversion as far as it concerns the partner; `None` when nothing of him was considered for it.
    fn conversion(&self, whole: &ConversionExplained) -> Option<ConversionExplained> {
        let own_touch = whole.touchpoints.iter().any(|each| self.is_own(each.earner.as_ref()));
        let own_line = whole.commissions.iter().any(|line| line.partner == self.key);
        if whole.brand != self.brand || !(own_touch || own_line) {
            return None;
        }
        let mut seen = whole.clone();
        let may_value = self.may_see_value(whole);
        seen.touchpoints.retain(|each| self.is_own(each.earner.as_ref()));
        seen.touchpoints = seen.touchpoints.iter().map(|each| self.touchpoint(each)).collect();
        seen.cart = seen.cart.map(without_event);
        seen.attribution.hint = "";
        seen.commissions.retain(|line| line.partner == self.key);
        for line in seen.commissions.iter_mut().filter(|line| line.rule != "percentage") {
            // A fixed amount says nothing of the order.
            line.exact_whole_minor = None;
        }
        for line in &mut seen.commissions {
            line.reason.hint = "";
        }
        seen.unpaid.retain(|each| each.earner == self.key);
        let own_lines: BTreeSet<&String> = seen.commissions.iter().map(|line| &line.id).collect();
        seen.entries.retain(|entry| own_lines.contains(&entry.subject));
        let visible: BTreeSet<String> = seen
            .touchpoints
            .iter()
            .map(|each| each.event_id.clone())
            .chain([seen.event_id.clone()])
            .collect();
        seen.entries = seen.entries.iter().map(|entry| caused(entry, &visible)).collect();
        seen.others = self.others(whole);
        if !may_value {
            seen.value = None;
            seen.refunded = None;
        }
        seen.sharing = whole.sharing.as_ref().map(|sharing| self.sharing(sharing, may_value));
        seen.configuration.versions.retain(|version| match version.kind {
            "brand" => true,
            "campaign" => self.own.campaigns.contains(&version.key),
            "partner" => version.key == self.key,
            "plan" => seen.commissions.iter().any(|line| line.plan == version.key),
            _ => false,
        });
        Some(seen)
    }

    /// Whether a plan of the partner's own pays a percentage of the value.
    fn may_see_value(&self, conversion: &ConversionExplained) -> bool {
        conversion.commissions.iter().any(|line| line.partner == self.key && line.rule == "percentage")
    }

    /// Who else has a share.
    fn others(&self, conversion: &ConversionExplained) -> Vec<&'static str> {
        let credits = conversion.sharing.iter().flat_map(|sharing| &sharing.credits);
        let others: BTreeSet<bool> = credits
            .filter(|credit| credit.earner != self.key)
            .map(|credit| credit.earner.starts_with('@'))
            .collect();
        others
            .into_iter()
            .map(|channel| if channel { "another channel" } else { "another partner" })
            .collect()
    }

    fn sharing(&self, whole: &Sharing, may_value: bool) -> Sharing {
        let own_campaign = whole.campaign.as_ref().is_some_and(|key| self.own.campaigns.contains(key));
        let mut seen = whole.clone();
        seen.credits.retain(|credit| credit.earner == self.key);
        if !own_campaign {
            seen.campaign = None;
        }
        seen.stated_at = self.stated_at(&whole.stated_at, None);
        // Parameters may name trained weights, which are the operator's.
        if !own_campaign || whole.model == "data_driven" {
            seen.parameters = whole.model.to_owned();
        }
        if may_value {
            let own: BTreeSet<&String> = seen.credits.iter().map(|credit| &credit.touchpoint).collect();
            seen.rounding = seen.rounding.map(|rounding| Rounding {
                remainder_went_to: rounding
                    .remainder_went_to
                    .iter()
                    .filter(|id| own.contains(id))
                    .cloned()
                    .collect(),
                ..rounding
            });
        } else {
            seen.rounding = None;
            for credit in &mut seen.credits {
                (credit.amount, credit.exact_minor, credit.got_remainder) = (None, None, None);
            }
        }
        seen
    }

    /// A touchpoint of his own. Of what the order itself says (a partner named with it) only his own campaigns are his.
    fn touchpoint(&self, whole: &TouchpointExplained) -> TouchpointExplained {
        let mut seen = whole.clone();
        if whole.kind == "named" {
            seen.campaign = seen.campaign.filter(|key| self.own.campaigns.contains(key));
        }
        let campaign = seen.campaign.as_deref();
        // Hints say what the operator can do.
        seen.verdict.hint = "";
        seen.channel = None;
        seen.paid_click = seen.paid_click.map(|paid| PaidClick { value: None, ..paid });
        seen.window_stated_at = self.stated_at(&whole.window_stated_at, campaign);
        seen.minimum_time = seen.minimum_time.map(|minimum| {
            let stated_at = self.stated_at(&minimum.stated_at, campaign);
            MinimumTime { stated_at, ..minimum }
        });
        seen.stand_down = seen.stand_down.map(|stood| StandDownExplained {
            cart: without_event(stood.cart),
            stated_at: self.stated_at(&stood.stated_at, campaign),
            ..stood
        });
        seen
    }

    /// Who states a term, where that is his brand, himself, his own campaign or that of his touchpoint; else the level alone.
    fn stated_at(&self, whole: &StatedAt, campaign: Option<&str>) -> StatedAt {
        let key = whole.key.as_deref();
        let may_know = match (whole.kind, key) {
            (Some("brand"), _) => true,
            (Some("partner"), Some(key)) => key == self.key,
            (Some("campaign"), Some(key)) => campaign == Some(key) || self.own.campaigns.contains(key),
            _ => false,
        };
        if may_know { whole.clone() } else { whole.level_alone() }
    }

    fn used(&self, whole: &Use, explanation: &Explanation) -> Use {
        let mut seen = Use { touchpoint: self.touchpoint(&whole.touchpoint), ..whole.clone() };
        let shown = explanation.conversion.as_ref().filter(|found| found.event_id == whole.conversion);
        if !shown.is_some_and(|conversion| self.may_see_value(conversion))
            && let Some(credit) = &mut seen.credit
        {
            (credit.amount, credit.exact_minor, credit.got_remainder) = (None, None, None);
        }
        seen
    }

    fn arrival(
        &self,
        whole: &Arrival,
        is_touch: bool,
        conversion: Option<&ConversionExplained>,
        visible: &BTreeSet<String>,
    ) -> Option<Arrival> {
        let mut seen = whole.clone();
        seen.log_record = None;
        seen.outcome.hint = "";
        seen.conflicting_deliveries = 0;
        seen.channel = None;
        seen.paid_click = seen.paid_click.map(|paid| PaidClick { value: None, ..paid });
        if is_touch {
            return Some(seen);
        }
        // A later word on the order (a refund, another delivery) is told as far as it shows on the conversion itself.
        if !visible.contains(&whole.event_id) {
            return None;
        }
        seen.tracking.clear();
        seen.earner = None;
        let own_click = conversion.is_some_and(|conversion| {
            let ids = conversion.touchpoints.iter().filter_map(|each| each.click_id.as_ref());
            ids.into_iter().any(|id| whole.click.as_ref().is_some_and(|click| click.click_id == *id))
        });
        if !own_click {
            seen.click = None;
        }
        seen.campaign = seen.campaign.filter(|key| self.own.campaigns.contains(key));
        seen.promo_code = seen.promo_code.filter(|code| self.own.codes.contains(code));
        seen.named_partner = seen.named_partner.filter(|partner| partner == self.key);
        if conversion.is_none_or(|conversion| conversion.value.is_none()) {
            seen.value = None;
        }
        Some(seen)
    }
}

fn identity_of(whole: &Identity, visible: &BTreeSet<String>) -> Identity {
    let mut seen = whole.clone();
    // The label is the first event known of the person: shown or not, it would tell whether somebody else came before.
    seen.person = None;
    seen.unlisted = 0;
    seen.rulings.clear();
    seen.carried_by_others = None;
    for why in &mut seen.ignored_because {
        why.hint = "";
    }
    seen.joined.retain(|each| visible.contains(&each.event_id));
    for joined in &mut seen.joined {
        joined.through = joined.through.take().filter(|through| visible.contains(through));
        if joined.through.is_none() {
            joined.shares.clear();
        }
    }
    seen
}

/// The cart's moment is told, not the customer's event that tells it.
fn without_event(cart: CartExplained) -> CartExplained {
    CartExplained { event_id: None, ..cart }
}

/// An entry without the event that caused it, unless the partner knows that event.
fn caused(entry: &EntryExplained, visible: &BTreeSet<String>) -> EntryExplained {
    let known = entry.cause.as_ref().is_some_and(|cause| visible.contains(cause));
    let (cause, cause_kind) =
        if known { (entry.cause.clone(), entry.cause_kind.clone()) } else { (None, None) };
    EntryExplained { cause, cause_kind, ..entry.clone() }
}
