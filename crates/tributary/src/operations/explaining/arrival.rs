//! What arrived: the event as it is stored, without personal data.

use tributary_domain::click_id::ClickId;
use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::ids::BrandKey;
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::tracking::Tracking;
use tributary_store::state::StoredFact;
use tributary_store::wire;

use super::answer::{Arrival, ClickNamed};
use super::cluster::{Cluster, owner_of, touch_of};
use super::terms::carried;
use super::{ExplainError, Sight};

/// Newest refused deliveries that are looked through.
const CONFLICTS: usize = 1_000;

impl Sight<'_> {
    pub(super) fn arrival(&self, stored: &StoredFact, cluster: &Cluster) -> Result<Arrival, ExplainError> {
        let fact = &stored.fact;
        let owner = owner_of(fact, self.configuration);
        let action = fact.body.action();
        let click = fact.subject.click_id.as_ref();
        let (channel, paid_click) = carried(fact, self.configuration);
        Ok(Arrival {
            event_id: fact.event_id.to_string(),
            kind: fact.body.kind().name().to_owned(),
            brand: fact.brand.to_string(),
            source: fact.source.to_string(),
            way: stored.way.name().to_owned(),
            occurred_at: fact.occurred_at.to_string(),
            received_at: stored.received_at.to_string(),
            log_record: Some(stored.sequence.0),
            outcome: stored.outcome.into(),
            click: click.map(|click| self.click_named(&fact.brand, click, cluster)),
            earner: owner.as_ref().and_then(|owner| owner.earner.clone()),
            channel,
            paid_click,
            link: owner.as_ref().and_then(|owner| Some(owner.link?.to_string())),
            campaign: owner
                .and_then(|owner| owner.campaign)
                .or_else(|| action.and_then(|action| Some(action.campaign.as_ref()?.to_string()))),
            promo_code: action.and_then(|action| Some(action.promo_code.as_ref()?.to_string())),
            named_partner: action.and_then(|action| Some(action.named_partner.as_ref()?.to_string())),
            transaction: fact.body.transaction().map(ToString::to_string),
            value: value_of(&fact.body).map(Into::into),
            tracking: tracking_of(&fact.body)
                .map(|tracking| tracking.iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
                .map_or_else(Vec::new, Iterator::collect),
            known_elsewhere: self.known_elsewhere(stored)?,
            conflicting_deliveries: self.conflicts_with(fact)?,
        })
    }

    /// What is known of a click id that an event carries.
    fn click_named(&self, brand: &BrandKey, click: &ClickId, cluster: &Cluster) -> ClickNamed {
        let is_it = |fact: &&Fact| touch_of(fact).is_some() && fact.subject.click_id.as_ref() == Some(click);
        let key = click.issued_for().map(|(fingerprint, at)| {
            let key = self.configuration.link_fingerprints.get(&fingerprint);
            key.and_then(|key| Some((key, self.configuration.link(key, at)?)))
        });
        let own = key.flatten().filter(|(_, link)| link.brand == *brand);
        let state = match (cluster.facts.iter().any(|fact| is_it(&fact)), key, own) {
            (true, ..) => "stored",
            (false, Some(_), Some(_)) => "issued_here",
            (false, Some(Some(_)), None) => "other_brand",
            (false, Some(None), None) => "unknown_link",
            (false, None, _) => "unknown",
        };
        let link = own.map(|(key, _)| key.to_string());
        ClickNamed { click_id: click.as_str().to_owned(), state, link }
    }

    /// Whether a fact waits for its conversion while one with this number is stored in another namespace.
    fn known_elsewhere(&self, stored: &StoredFact) -> Result<bool, ExplainError> {
        let Some(number) = stored.fact.body.transaction() else { return Ok(false) };
        if stored.outcome != Reason::AwaitingConversion {
            return Ok(false);
        }
        let found = self.by_click_or_transaction(number.as_str())?;
        Ok(found.is_some_and(|found| found.fact.body.action().is_some()))
    }

    /// How many of the newest refused deliveries came under the fact's key with other content.
    fn conflicts_with(&self, fact: &Fact) -> Result<usize, ExplainError> {
        if self.log.conflict_count()? == 0 {
            return Ok(0);
        }
        let conflicts = self.log.conflicts(CONFLICTS)?;
        Ok(conflicts.iter().filter(|conflict| conflict.original == fact.event_id).count())
    }

    /// The event that holds the key under which a refused delivery came, by that delivery's own event id or number.
    pub(super) fn conflict_about(&self, id: &str) -> Result<Option<(String, Fact)>, ExplainError> {
        if self.log.conflict_count()? == 0 {
            return Ok(None);
        }
        for conflict in self.log.conflicts(CONFLICTS)? {
            let Ok(fact) = wire::fact::decode(&conflict.fact) else { continue };
            let by_number = fact.body.transaction().is_some_and(|number| number.as_str() == id);
            let may_see = self.brands().contains(&&fact.brand);
            if may_see && (by_number || fact.event_id.to_string() == id) {
                return Ok(Some((conflict.original.to_string(), fact)));
            }
        }
        Ok(None)
    }
}

fn value_of(body: &FactBody) -> Option<Money> {
    match body {
        FactBody::Refund(reversal) | FactBody::Chargeback(reversal) => reversal.value,
        FactBody::Adjustment(adjustment) => Some(adjustment.value),
        FactBody::Measure(measure) => measure.value,
        body => body.action()?.value,
    }
}

fn tracking_of(body: &FactBody) -> Option<&Tracking> {
    match body {
        FactBody::Click(touch) | FactBody::Impression(touch) => Some(&touch.tracking),
        body => body.action().map(|action| &action.tracking),
    }
}
