//! The common way of every event once its sender is known: check against the set-up, seal, append, answer.

use std::sync::Arc;

use serde::Serialize;
use tributary_adapters::canonical::{
    IncomingBody, IncomingEvent, Personal, Refusal, content_fingerprint, deduplication_key,
};
use tributary_domain::click_id::{ClickId, ClickIdError, LinkFingerprint};
use tributary_domain::configuration::{Configuration, Source};
use tributary_domain::fact::{Fact, FactBody, Subject, Touch};
use tributary_domain::ids::{BrandKey, EventId, LinkKey, SourceKey, SubjectHash, fingerprint};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::click_event_id;
use tributary_domain::time::{Span, Timestamp};
use tributary_store::keys::{Keyring, SealFor, SubjectKind};
use tributary_store::log::{Appended, Log, LogError, NewRecord, Way};
use tributary_store::wire;

use super::outcome::Outcome;
use super::refusals::Refusals;
use crate::telemetry::Metrics;

/// Takes events in. One for the whole process.
#[derive(Clone)]
pub struct Intake {
    /// Where events are stored before they are answered.
    pub log: Log,
    /// Keys for click ids, look-ups and sealing.
    pub keyring: Arc<Keyring>,
    /// Counters.
    pub metrics: Metrics,
    /// What is kept of what was refused.
    pub refusals: Refusals,
    /// How far in the future an event's own time may lie.
    pub future_tolerance: Span,
}

/// Who sent an event, how, and when it came.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// The tenant.
    pub brand: &'a BrandKey,
    /// The source.
    pub source: &'a SourceKey,
    /// The way in.
    pub way: Way,
    /// Time of receipt.
    pub received_at: Timestamp,
    /// The signed message id, if the request had one.
    pub message_id: Option<&'a str>,
}

/// An event that is ready for the log.
pub struct Prepared {
    record: NewRecord,
    click_id: Option<String>,
}

/// What is sealed beside a fact.
#[derive(Serialize)]
struct Sealed<'a> {
    raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

impl Intake {
    /// Checks an event against the set-up and seals it.
    ///
    /// # Errors
    /// A refusal that names the field; [`Reason::StorageUnavailable`] when a key cannot be had.
    pub fn prepare(
        &self,
        configuration: &Configuration,
        sender: Sender<'_>,
        mut event: IncomingEvent,
        raw: &[u8],
    ) -> Result<Prepared, Refusal> {
        check_set_up(configuration, sender, &event)?;
        let occurred_at = event.occurred_at.unwrap_or(sender.received_at);
        if occurred_at > sender.received_at.plus(self.future_tolerance) {
            let message = format!(
                "`timestamp` {occurred_at} is in the future; the server's time is {}",
                sender.received_at
            );
            return Err(Refusal::of_field(Reason::TimeOutOfRange, "timestamp", message));
        }
        if let (Some(id), None) = (sender.message_id, &event.event_id)
            && transaction_of(&event.body).is_none()
        {
            event.event_id = Some(format!("message:{id}"));
        }
        if let (IncomingBody::Click(_), None, Some(click_id)) =
            (&event.body, &event.event_id, &event.click_id)
        {
            // A click that brings its id is that click, however often it is told.
            event.event_id = Some(format!("click:{click_id}"));
        }
        let is_touch = matches!(event.body, IncomingBody::Click(_) | IncomingBody::Impression(_));
        // Two touches without id and time may well be two touches; only what a sender can repeat has a key.
        let keyed = !is_touch || event.event_id.is_some() || event.occurred_at.is_some();
        let key = keyed.then(|| deduplication_key(sender.brand, sender.source, &event));
        // Without a key nothing is ever compared with this event.
        let content = if keyed { content_fingerprint(&event) } else { [0; 16] };

        let given = event.click_id.as_deref().map(|text| self.click_id(text)).transpose()?;
        let click_id = match (&event.body, given) {
            (_, Some(click_id)) => Some(click_id),
            (IncomingBody::Click(touch), None) => {
                let unique = key.map_or_else(|| self.keyring.random_bytes(), |key| first_seven(&key.0));
                Some(self.issue(sender.brand, touch, occurred_at, unique))
            }
            _ => None,
        };
        let event_id = match (&key, &click_id) {
            (Some(key), _) => EventId::derive(occurred_at, key),
            (None, Some(click_id)) if matches!(event.body, IncomingBody::Click(_)) => {
                click_event_id(click_id, occurred_at)
            }
            (None, _) => {
                let random: [u8; 16] = self.keyring.random_bytes();
                EventId::from_parts(occurred_at, &random)
            }
        };
        let subject = self.subject(sender.brand, &event, click_id.clone());
        let seal_for = subject.customer.map_or(SealFor::Day(sender.received_at), SealFor::Subject);
        let sealed = self.seal(seal_for, event_id, &event, raw)?;
        let issued = matches!(event.body, IncomingBody::Click(_))
            .then(|| click_id.map(|id| id.as_str().to_owned()))
            .flatten();
        let fact = Fact {
            event_id,
            brand: sender.brand.clone(),
            source: sender.source.clone(),
            occurred_at,
            subject,
            body: FactBody::from(event.body),
        };
        let record = NewRecord {
            event_id,
            key,
            content,
            received_at: sender.received_at,
            way: sender.way,
            fact: wire::fact::encode(&fact),
            sealed,
        };
        Ok(Prepared { record, click_id: issued })
    }

    /// Makes the keys that new customers need, in one durable commit and without blocking the runtime's thread:
    /// [`Intake::prepare`] then finds them at hand.
    ///
    /// # Errors
    /// [`Reason::StorageUnavailable`] when they cannot be stored.
    pub async fn ready_keys<'e>(
        &self,
        brand: &BrandKey,
        events: impl Iterator<Item = &'e IncomingEvent>,
    ) -> Result<(), Refusal> {
        let customers = self.customers(brand, events);
        if customers.is_empty() {
            return Ok(());
        }
        self.keyring.prepare(&customers).await.map_err(|problem| unavailable(&problem))
    }

    /// As [`Intake::ready_keys`], for threads outside the asynchronous runtime.
    ///
    /// # Errors
    /// As [`Intake::ready_keys`].
    pub fn ready_keys_blocking<'e>(
        &self,
        brand: &BrandKey,
        events: impl Iterator<Item = &'e IncomingEvent>,
    ) -> Result<(), Refusal> {
        self.keyring.ensure_subjects(&self.customers(brand, events)).map_err(|problem| unavailable(&problem))
    }

    fn customers<'e>(
        &self,
        brand: &BrandKey,
        events: impl Iterator<Item = &'e IncomingEvent>,
    ) -> Vec<SubjectHash> {
        events
            .filter_map(|event| event.personal.customer_id.as_ref())
            .map(|customer| self.keyring.subject_hash(brand, SubjectKind::Customer, customer.reveal()))
            .collect()
    }

    /// Appends what was prepared and answers for each event, in order. Everything or nothing of it is stored.
    pub async fn append(&self, prepared: Vec<Prepared>) -> Vec<Outcome> {
        let (records, issued): (Vec<NewRecord>, Vec<Option<String>>) =
            prepared.into_iter().map(|each| (each.record, each.click_id)).unzip();
        let ids: Vec<EventId> = records.iter().map(|record| record.event_id).collect();
        let started = std::time::Instant::now();
        let appended = self.log.append(records).await;
        self.metrics.log_append(started.elapsed());
        answers(appended, &ids, issued)
    }

    async fn append_one(&self, prepared: Prepared) -> Outcome {
        let event_id = prepared.record.event_id;
        let started = std::time::Instant::now();
        let appended = self.log.append_one(prepared.record).await;
        self.metrics.log_append(started.elapsed());
        match appended {
            Ok(appended) => Outcome::of_append(&appended, event_id, prepared.click_id),
            Err(problem) => not_stored(&problem),
        }
    }

    /// As [`Intake::append`], for threads outside the asynchronous runtime.
    pub fn append_blocking(&self, prepared: Vec<Prepared>) -> Vec<Outcome> {
        let (records, issued): (Vec<NewRecord>, Vec<Option<String>>) =
            prepared.into_iter().map(|each| (each.record, each.click_id)).unzip();
        let ids: Vec<EventId> = records.iter().map(|record| record.event_id).collect();
        let appended = self.log.append_blocking(records);
        answers(appended, &ids, issued)
    }

    /// Takes one event the whole way.
    pub async fn take(
        &self,
        configuration: &Configuration,
        sender: Sender<'_>,
        event: IncomingEvent,
        raw: &[u8],
    ) -> Outcome {
        if let Err(refusal) = self.ready_keys(sender.brand, std::iter::once(&event)).await {
            return refusal.into();
        }
        match self.prepare(configuration, sender, event, raw) {
            Ok(prepared) => self.append_one(prepared).await,
            Err(refusal) => refusal.into(),
        }
    }

    fn click_id(&self, text: &str) -> Result<ClickId, Refusal> {
        ClickId::parse(self.keyring.click_id_key(), text).map_err(|problem| {
            let reason = match problem {
                ClickIdError::Forged => Reason::ClickIdForged,
                ClickIdError::Malformed => Reason::InvalidField,
            };
            Refusal::of_field(reason, "click_id", format!("`click_id` cannot be accepted: {problem}"))
        })
    }

    fn issue(&self, brand: &BrandKey, touch: &Touch, at: Timestamp, unique: [u8; 7]) -> ClickId {
        // A click without a link has no fingerprint to carry; the empty one belongs to no link.
        let link =
            touch.link.as_ref().map_or(LinkFingerprint([0; 8]), |link| LinkFingerprint::of(brand, link));
        ClickId::issue(self.keyring.click_id_key(), at, link, unique)
    }

    fn subject(&self, brand: &BrandKey, event: &IncomingEvent, click_id: Option<ClickId>) -> Subject {
        let hash = |kind, value: &Option<Personal>| -> Option<SubjectHash> {
            value.as_ref().map(|personal| self.keyring.subject_hash(brand, kind, personal.reveal()))
        };
        Subject {
            customer: hash(SubjectKind::Customer, &event.personal.customer_id),
            visitor: hash(SubjectKind::Visitor, &event.personal.visitor_id),
            email: hash(SubjectKind::Email, &event.personal.email),
            click_id,
        }
    }

    fn seal(
        &self,
        seal_for: SealFor,
        event_id: EventId,
        event: &IncomingEvent,
        raw: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let raw = String::from_utf8_lossy(raw);
        let personal = &event.personal;
        let plain = Sealed {
            raw: &raw,
            ip: personal.ip.as_ref().map(Personal::reveal),
            user_agent: personal.user_agent.as_ref().map(Personal::reveal),
        };
        let bytes = serde_json::to_vec(&plain).map_err(|problem| unavailable(&problem))?;
        self.keyring.seal(seal_for, event_id, &bytes).map_err(|problem| unavailable(&problem))
    }
}

fn unavailable(problem: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%problem, "an event could not be sealed and was not taken");
    Refusal::of_whole(Reason::StorageUnavailable, Reason::StorageUnavailable.message())
}

fn answers(
    appended: Result<Vec<Appended>, LogError>,
    ids: &[EventId],
    issued: Vec<Option<String>>,
) -> Vec<Outcome> {
    match appended {
        Ok(appended) => appended
            .iter()
            .zip(ids)
            .zip(issued)
            .map(|((appended, event_id), click_id)| Outcome::of_append(appended, *event_id, click_id))
            .collect(),
        Err(problem) => {
            let outcome = not_stored(&problem);
            ids.iter().map(|_| outcome.clone()).collect()
        }
    }
}

fn not_stored(problem: &LogError) -> Outcome {
    if !matches!(problem, LogError::Overloaded) {
        tracing::error!(%problem, "events could not be stored and were answered 503");
    }
    Outcome::rejected(Reason::StorageUnavailable)
}

fn first_seven(bytes: &[u8; 16]) -> [u8; 7] {
    let hashed = fingerprint(&[b"click", bytes]);
    let mut seven = [0; 7];
    seven.copy_from_slice(&hashed[..7]);
    seven
}

fn transaction_of(body: &IncomingBody) -> Option<()> {
    FactBody::from(body.clone()).transaction().map(|_| ())
}

/// What an event names must be set up, in its own brand; otherwise a typing mistake would silently cost a partner his traffic.
fn check_set_up(
    configuration: &Configuration,
    sender: Sender<'_>,
    event: &IncomingEvent,
) -> Result<(), Refusal> {
    let brand = sender.brand;
    let at = event.occurred_at.unwrap_or(sender.received_at);
    let campaign = match &event.body {
        IncomingBody::Click(touch) | IncomingBody::Impression(touch) => {
            if let Some(key) = &touch.link {
                check_link(configuration, brand, key, at)?;
            }
            if let Some(key) = &touch.partner
                && configuration.partner(brand, key, at).is_none()
            {
                let message = format!("`partner` names `{key}`, which is not set up in this brand");
                return Err(Refusal::of_field(Reason::UnknownPartner, "partner", message));
            }
            touch.campaign.as_ref()
        }
        IncomingBody::Registration(action)
        | IncomingBody::Qualification(action)
        | IncomingBody::Conversion(action) => action.campaign.as_ref(),
        _ => None,
    };
    match campaign {
        Some(key) if configuration.campaign(brand, key, at).is_none() => {
            let message = format!("`campaign` names `{key}`, which is not set up in this brand");
            Err(Refusal::of_field(Reason::UnknownCampaign, "campaign", message))
        }
        _ => Ok(()),
    }
}

fn check_link(
    configuration: &Configuration,
    brand: &BrandKey,
    key: &LinkKey,
    at: Timestamp,
) -> Result<(), Refusal> {
    let known = configuration.link(key, at).is_some_and(|link| link.brand == *brand);
    if known {
        return Ok(());
    }
    let message = format!("`link` names `{key}`, which is not set up in this brand");
    Err(Refusal::of_field(Reason::UnknownLink, "link", message))
}

/// The source's brand and rules, or why there are none.
///
/// # Errors
/// [`Reason::UnknownSource`].
pub fn source<'c>(
    configuration: &'c Configuration,
    key: &str,
    at: Timestamp,
) -> Result<(SourceKey, &'c Source), Reason> {
    let key = SourceKey::parse(key).map_err(|_| Reason::UnknownSource)?;
    let source = configuration.source(&key, at).ok_or(Reason::UnknownSource)?;
    Ok((key, source))
}
