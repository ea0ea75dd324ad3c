//! `tributary explain`: the whole chain behind an event, click, order, credit, commission, ledger entry or payout, or behind its absence.
//!
//! Nothing of it is stored: it is worked out afresh by the same pure settlement that booked it, so it cannot drift from the books. It is a
//! value first ([`Explanation`]); what a partner may not see is taken out of that value (`redaction`), and only then are the causes of an
//! absence and the sentences made from it. So neither can tell what the value does not hold.

mod absence;
mod answer;
mod arrival;
mod books;
mod cluster;
mod commissions;
mod conversion;
mod finding;
mod fraction;
mod identity;
mod period;
mod prose;
mod redaction;
mod terms;
#[cfg(test)]
mod tests;

use thiserror::Error;
use tributary_domain::attribution::Considered;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{BrandKey, CommissionId, EventId, PartnerKey};
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Timestamp;
use tributary_store::keys::Keyring;
use tributary_store::log::{LogError, LogReader};
use tributary_store::refusals::{RefusalError, RefusalStore};
use tributary_store::state::{Payout, StateError, StateReader, StoredFact};

pub use self::absence::{Cause, Progress, Stage};
use self::answer::Use;
pub use self::answer::{Explanation, Section};
use self::cluster::{Cluster, touch_of};
pub(crate) use self::conversion::credit_id;
use self::finding::Found;

/// Why nothing can be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The notes about refused requests failed.
    #[error(transparent)]
    Refusals(#[from] RefusalError),
}

/// What an explanation looks at, and who looks.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The derived state.
    pub state: &'a dyn StateReader,
    /// The log.
    pub log: &'a dyn LogReader,
    /// The notes about refused requests.
    pub refusals: &'a dyn RefusalStore,
    /// The set-up in force.
    pub configuration: &'a Configuration,
    /// Hashes identifiers as the door does, and checks click ids.
    pub keyring: &'a Keyring,
    /// The present.
    pub now: Timestamp,
    /// The partner who is told; `None` for the operator, who may see everything.
    pub viewer: Option<&'a Viewer>,
}

/// A partner who is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Viewer {
    /// His brand: partners of two brands may have one key.
    pub brand: BrandKey,
    /// His key.
    pub partner: PartnerKey,
}

impl Viewer {
    /// Reads a partner's key, or `brand/key` where several brands have a partner of this key.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str, configuration: &Configuration) -> Result<Self, String> {
        let (brand, key) = match text.split_once('/') {
            Some((brand, key)) => (Some(BrandKey::parse(brand).map_err(|error| error.to_string())?), key),
            None => (None, text),
        };
        let partner = PartnerKey::parse(key).map_err(|error| error.to_string())?;
        let of_brand = |known: &BrandKey| brand.as_ref().is_none_or(|brand| brand == known);
        let mut brands =
            configuration.partners.keys().filter(|(known, key)| *key == partner && of_brand(known));
        match (brands.next(), brands.next()) {
            (Some((brand, _)), None) => Ok(Self { brand: brand.clone(), partner }),
            (None, _) => Err(format!("there is no partner `{text}`")),
            (Some(_), Some(_)) => Err(format!("several brands have a partner `{text}`; write BRAND/{text}")),
        }
    }
}

impl Sight<'_> {
    /// Explains whatever the id names: event, click, transaction, credit, commission, payout or line of one, `#number` of an entry, or a
    /// customer's id.
    ///
    /// # Errors
    /// When the store or the log cannot be read.
    pub fn explain(&self, id: &str) -> Result<Explanation, ExplainError> {
        let id = id.trim();
        let mut explanation = self.whole(id)?;
        explanation.id = id.to_owned();
        if let Some(viewer) = self.viewer {
            explanation = redaction::seen_by(viewer, self.configuration, explanation);
        }
        explanation.progress = match explanation.what.as_str() {
            "nothing" => Some(self.absence(id)?),
            _ => Progress::of(&explanation, self.now),
        };
        match self.viewer {
            None => self.add_refused_later(id, &mut explanation)?,
            Some(_) => explanation.progress = explanation.progress.map(Progress::for_partner),
        }
        explanation.sections = prose::sections(&explanation);
        Ok(explanation)
    }

    /// Adds what was refused under the id after it was stored, behind the other causes of its not getting further.
    fn add_refused_later(&self, id: &str, explanation: &mut Explanation) -> Result<(), ExplainError> {
        let stored_at =
            explanation.arrived.as_ref().and_then(|arrived| Timestamp::parse(&arrived.received_at).ok());
        let stopped = explanation.progress.take_if(|progress| progress.stopped_at.is_some());
        explanation.progress = match (stopped, stored_at) {
            (Some(progress), Some(at)) => Some(progress.and(self.refused_later(id, at)?.into_iter())),
            (stopped, _) => stopped.or(explanation.progress.take()),
        };
        Ok(())
    }

    /// Everything that is known, for the operator.
    fn whole(&self, id: &str) -> Result<Explanation, ExplainError> {
        match self.find(id)? {
            Found::Fact(stored) => self.fact(&stored),
            Found::Commission(row, stored) => {
                let explanation = self.fact(&stored)?;
                Ok(Explanation { what: format!("commission of {}", row.line.partner), ..explanation })
            }
            Found::Credit(stored, touchpoint) => self.credit(&stored, touchpoint),
            Found::Payout(payout) => Ok(Explanation {
                what: "payout".to_owned(),
                payout: Some(self.payout(&payout, None)?),
                ..Explanation::default()
            }),
            Found::PayoutLine(payout, line) => self.payout_line(&payout, line),
            Found::Entry(entry) => {
                let subject = self.whole_of_subject(&entry.subject)?;
                let entry = self.entry_explained(&entry)?;
                Ok(Explanation { what: "entry".to_owned(), entry: Some(entry), ..subject })
            }
            Found::Nothing => Ok(Explanation { what: "nothing".to_owned(), ..Explanation::default() }),
        }
    }

    /// What an entry belongs to. A line that is no longer granted has only its entries left.
    fn whole_of_subject(&self, subject: &str) -> Result<Explanation, ExplainError> {
        match self.find(subject)? {
            Found::Entry(_) | Found::Nothing => Ok(Explanation::default()),
            _ => self.whole(subject),
        }
    }

    /// One touchpoint of a conversion, with what it was credited there.
    fn credit(&self, stored: &StoredFact, touchpoint: EventId) -> Result<Explanation, ExplainError> {
        let cluster = Cluster::read(self.state, self.configuration, stored.cluster)?;
        let conversion = cluster.concerned(&stored.fact, self.configuration);
        let used = conversion.and_then(|conversion| self.used(&cluster, conversion, touchpoint));
        let Some(used) = used else {
            return Ok(Explanation { what: "nothing".to_owned(), ..Explanation::default() });
        };
        let what = if used.credit.is_some() { "credit" } else { "touchpoint" };
        let whose = used.touchpoint.earner.as_deref().unwrap_or("nobody");
        let what = format!("{what} of {whose}");
        let explanation = self.fact_within(stored, &cluster)?;
        Ok(Explanation { what, uses: vec![used], ..explanation })
    }

    /// One line of a payout, with the conversion that it is for while it is granted.
    fn payout_line(&self, payout: &Payout, line: CommissionId) -> Result<Explanation, ExplainError> {
        let conversion = match self.state.commission(line)? {
            Some(row) => self.state.fact(row.conversion)?,
            None => None,
        };
        let explanation = conversion.map(|stored| self.fact(&stored)).transpose()?;
        Ok(Explanation {
            what: format!("payout line of {}", payout.plan.partner),
            payout: Some(self.payout(payout, Some(line))?),
            ..explanation.unwrap_or_default()
        })
    }

    fn fact(&self, stored: &StoredFact) -> Result<Explanation, ExplainError> {
        self.fact_within(stored, &Cluster::read(self.state, self.configuration, stored.cluster)?)
    }

    fn fact_within(&self, stored: &StoredFact, cluster: &Cluster) -> Result<Explanation, ExplainError> {
        let fact = &stored.fact;
        let mut explanation = Explanation {
            what: fact.body.kind().name().to_owned(),
            arrived: Some(self.arrival(stored, cluster)?),
            ..Explanation::default()
        };
        let conversion = if touch_of(fact).is_some() {
            let event = fact.event_id;
            let uses = cluster.conversions.iter().filter_map(|each| self.used(cluster, each, event));
            explanation.uses = uses.collect();
            let best = explanation.uses.iter().rev().max_by_key(|each| each.credit.is_some());
            best.and_then(|best| {
                cluster.conversions.iter().find(|each| each.event_id.to_string() == best.conversion)
            })
        } else {
            cluster.concerned(fact, self.configuration)
        };
        let whose =
            conversion.filter(|_| touch_of(fact).is_none()).map_or(fact.event_id, |found| found.event_id);
        explanation.identity =
            cluster.place(whose).map(|place| identity::identity(cluster, place, self.configuration));
        explanation.conversion =
            conversion.map(|conversion| self.conversion(cluster, conversion)).transpose()?;
        Ok(explanation)
    }

    /// What became of a touchpoint in a conversion that it was considered for. A promo code and a partner named by the sender are
    /// both touchpoints by the order's event: then it is the one that was credited.
    fn used(&self, cluster: &Cluster, conversion: &Conversion, touchpoint: EventId) -> Option<Use> {
        let is_it = |each: &&Considered| each.touchpoint.event_id == touchpoint;
        let credited = conversion.credits.iter().find(|credit| credit.touchpoint == touchpoint);
        let of_kind = |each: &&Considered| credited.is_none_or(|credit| credit.kind == each.touchpoint.kind);
        let considered = conversion.considered.iter().filter(is_it).find(of_kind)?;
        Some(Use {
            conversion: conversion.event_id.to_string(),
            goal: conversion.goal.to_string(),
            transaction: conversion.transaction.as_ref().map(ToString::to_string),
            occurred_at: conversion.occurred_at.to_string(),
            touchpoint: conversion::touchpoint(cluster, conversion, considered, self.configuration),
            credit: credited.map(|credit| conversion::credit(conversion, credit)),
        })
    }
}
