//! Finding what an id names.

use std::collections::HashSet;

use tributary_adapters::canonical::key_of_event_id;
use tributary_domain::click_id::ClickId;
use tributary_domain::fact::Fact;
use tributary_domain::identity::{Identifier, NodeKey, click_node, identifier_node, transaction_node};
use tributary_domain::ids::{BrandKey, CommissionId, EventId, SubjectHash, TransactionId};
use tributary_domain::ledger::Entry;
use tributary_domain::settlement::click_event_id;
use tributary_store::keys::SubjectKind;
use tributary_store::log::LogRecord;
use tributary_store::state::{CommissionRow, Payout, StoredFact};

use super::{ExplainError, Sight};

/// Events after a click that are looked through for one that names it.
const LOOKED_THROUGH: usize = 2_000;

/// What an id names.
pub(super) enum Found {
    /// An event: by its own id, or the first one that a click id or transaction names.
    Fact(Box<StoredFact>),
    /// A commission line, with the conversion it belongs to.
    Commission(Box<CommissionRow>, Box<StoredFact>),
    /// A touchpoint of a conversion, by the id of its credit.
    Credit(Box<StoredFact>, EventId),
    /// A payout.
    Payout(Box<Payout>),
    /// One line of a payout.
    PayoutLine(Box<Payout>, CommissionId),
    /// An entry of a brand's books.
    Entry(Box<Entry>),
    /// Nothing that is stored.
    Nothing,
}

impl Sight<'_> {
    /// What the id names, in the brands that may be seen.
    pub(super) fn find(&self, id: &str) -> Result<Found, ExplainError> {
        if let Some(payout) = self.state.payout(id)? {
            return Ok(Found::Payout(Box::new(payout)));
        }
        if let Some(entry) = self.entry(id)? {
            return Ok(Found::Entry(Box::new(entry)));
        }
        if let Some(part) = self.part(id)? {
            return Ok(part);
        }
        if let Ok(event) = EventId::parse(id) {
            if let Some(stored) = self.state.fact(event)? {
                return Ok(Found::Fact(Box::new(stored)));
            }
            if let Some(row) = self.state.commission(CommissionId(event))?
                && let Some(stored) = self.state.fact(row.conversion)?
            {
                return Ok(Found::Commission(Box::new(row), Box::new(stored)));
            }
        }
        let named = match self.by_click_or_transaction(id)? {
            Some(stored) => Some(stored),
            None => self.by_sender_event(id)?,
        };
        let named = match named {
            Some(stored) => Some(stored),
            None => self.by_customer(id)?,
        };
        if let (None, Ok(event)) = (&named, EventId::parse(id))
            && let Some(stored) = self.naming_unseen_click(event)?
        {
            let is_action = stored.fact.body.action().is_some();
            let stored = Box::new(stored);
            return Ok(if is_action { Found::Credit(stored, event) } else { Found::Fact(stored) });
        }
        Ok(named.map_or(Found::Nothing, |stored| Found::Fact(Box::new(stored))))
    }

    /// `conversion:touchpoint` or `payout:commission`: what is part of something else and has no id of its own.
    fn part(&self, id: &str) -> Result<Option<Found>, ExplainError> {
        let Some((whole, part)) = id.split_once(':') else { return Ok(None) };
        let Ok(part) = EventId::parse(part) else { return Ok(None) };
        if let Ok(conversion) = EventId::parse(whole) {
            let stored = self.state.fact(conversion)?;
            return Ok(stored.map(|stored| Found::Credit(Box::new(stored), part)));
        }
        let payout = self.state.payout(whole)?;
        let line = CommissionId(part);
        let payout = payout.filter(|payout| payout.plan.lines.iter().any(|(id, _)| *id == line));
        Ok(payout.map(|payout| Found::PayoutLine(Box::new(payout), line)))
    }

    /// The first event that names a click which is known by its id alone, by the event id that the click would have: it is printed with
    /// the touchpoints of a conversion. Event ids begin with the event's time, so the events after the click are looked through.
    fn naming_unseen_click(&self, event: EventId) -> Result<Option<StoredFact>, ExplainError> {
        let brands = self.brands();
        let names = |stored: &StoredFact| {
            let click = stored.fact.subject.click_id.as_ref();
            let issued = click.and_then(|click| Some(click_event_id(click, click.issued_for()?.1)));
            issued == Some(event) && brands.contains(&&stored.fact.brand)
        };
        Ok(self.state.facts_by_event(Some(event), LOOKED_THROUGH)?.into_iter().find(names))
    }

    /// The brands that may be seen, in order of their keys.
    pub(super) fn brands(&self) -> Vec<&BrandKey> {
        let mut brands: Vec<&BrandKey> = match self.viewer {
            Some(viewer) => vec![&viewer.brand],
            None => self.configuration.brands.keys().collect(),
        };
        brands.sort_unstable();
        brands
    }

    /// `#number` where there is one brand, or `brand#number`.
    fn entry(&self, id: &str) -> Result<Option<Entry>, ExplainError> {
        let Some((brand, number)) = id.split_once('#') else { return Ok(None) };
        let Ok(number) = number.parse::<u64>() else { return Ok(None) };
        for known in self.brands() {
            if number > 0 && (brand == known.as_str() || (brand.is_empty() && self.brands().len() == 1)) {
                let found = self.state.entries(known, number - 1, 1)?.into_iter().next();
                return Ok(found.filter(|entry| entry.number == number));
            }
        }
        Ok(None)
    }

    /// The fact that a click id or transaction id names.
    pub(super) fn by_click_or_transaction(&self, id: &str) -> Result<Option<StoredFact>, ExplainError> {
        let mut keys: HashSet<NodeKey> = HashSet::new();
        let (click, transaction) = (ClickId::from_stored(id), TransactionId::parse(id).ok());
        for brand in self.brands() {
            keys.extend(click.as_ref().map(|click| click_node(brand, click)));
            let Some(number) = &transaction else { continue };
            // A source without set-up, such as the operator's commands, is a namespace of its own.
            let sources = self.configuration.sources.iter();
            let namespaces: HashSet<&str> = sources
                .flat_map(|(_, versions)| versions.iter())
                .filter(|(_, source)| source.brand == *brand)
                .map(|(_, source)| source.transaction_namespace.as_str())
                .collect();
            keys.extend(namespaces.into_iter().map(|namespace| transaction_node(brand, namespace, number)));
        }
        let by_number = |fact: &Fact| fact.body.transaction().is_some_and(|number| number.as_str() == id);
        let by_click = |fact: &Fact| fact.subject.click_id.as_ref().is_some_and(|click| click.as_str() == id);
        let mut named = self.facts_of(keys)?;
        named.retain(|fact| by_number(fact) || by_click(fact));
        // An order number names its conversion before what was said about it, a click id the click before what it led to.
        named.sort_by_key(|fact| {
            let is_late = fact.body.action().is_some() != by_number(fact);
            (!by_number(fact), is_late, fact.occurred_at, fact.event_id)
        });
        match named.first() {
            Some(fact) => Ok(self.state.fact(fact.event_id)?),
            None => Ok(None),
        }
    }

    /// The newest event that a sender gave this id of his own.
    fn by_sender_event(&self, id: &str) -> Result<Option<StoredFact>, ExplainError> {
        let mut found: Vec<StoredFact> = Vec::new();
        for record in self.logged_under(id)? {
            found.extend(self.state.fact(record.event_id)?);
        }
        Ok(found.into_iter().max_by_key(|stored| stored.sequence))
    }

    /// The log's records under an event id of the sender, one for each source that used it. It is the deduplication key, so nothing
    /// has to be looked through.
    pub(super) fn logged_under(&self, id: &str) -> Result<Vec<LogRecord>, ExplainError> {
        let may_see = self.brands();
        let mut records = Vec::new();
        for (source, versions) in &self.configuration.sources {
            let brands: HashSet<&BrandKey> = versions.iter().map(|(_, version)| &version.brand).collect();
            for brand in brands.into_iter().filter(|brand| may_see.contains(brand)) {
                records.extend(self.log.find_by_key(&key_of_event_id(brand, source, id))?);
            }
        }
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    /// The newest action, else the newest fact, of a customer. The raw id is hashed as the door does and goes nowhere.
    pub(super) fn by_customer(&self, id: &str) -> Result<Option<StoredFact>, ExplainError> {
        let mut keys: HashSet<NodeKey> = HashSet::new();
        let mut hashes: HashSet<SubjectHash> = HashSet::new();
        for brand in self.brands() {
            let hash = self.keyring.subject_hash(brand, SubjectKind::Customer, id);
            hashes.insert(hash);
            keys.insert(identifier_node(brand, &Identifier::Customer(hash)));
        }
        let mut own = self.facts_of(keys)?;
        own.retain(|fact| fact.subject.customer.is_some_and(|hash| hashes.contains(&hash)));
        own.sort_by_key(|fact| (fact.body.action().is_some(), fact.occurred_at, fact.event_id));
        match own.last() {
            Some(fact) => Ok(self.state.fact(fact.event_id)?),
            None => Ok(None),
        }
    }

    /// The facts of the clusters that hold any of these identifiers.
    fn facts_of(&self, keys: HashSet<NodeKey>) -> Result<Vec<Fact>, ExplainError> {
        let keys: Vec<NodeKey> = keys.into_iter().collect();
        let clusters: HashSet<_> = self.state.clusters_of_nodes(&keys)?.into_values().collect();
        let mut facts = Vec::new();
        for cluster in clusters {
            facts.extend(self.state.cluster(cluster)?.facts.into_iter().map(|(fact, _)| fact));
        }
        Ok(facts)
    }
}
