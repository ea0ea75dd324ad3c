//! The doors that an import may take.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tributary_adapters::canonical::{DecodingRules, decode};
use tributary_adapters::import::ColumnMap;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{EventId, SourceKey};
use tributary_domain::reason::Reason;
use tributary_store::log::Way;

use super::{Door, Submission};
use crate::edge::intake::{Intake, Sender, source};
use crate::edge::now;
use crate::edge::outcome::{Outcome, Status};
use crate::edge::refusals::{Content, Refused};

/// Attempts while the log or server is busy, each after a longer wait.
const MOST_ATTEMPTS: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

fn wait(attempt: u32) {
    std::thread::sleep(FIRST_WAIT.saturating_mul(1 << attempt.min(10)).min(LONGEST_WAIT));
}

/// Straight into the log of this installation.
pub struct DirectDoor {
    intake: Intake,
    configuration: Arc<Configuration>,
    source: SourceKey,
    rules: DecodingRules,
    way: Way,
}

impl DirectDoor {
    /// A door for a source's events, read with its rules and the map's, and logged as come by `way`.
    ///
    /// # Errors
    /// [`Reason::UnknownSource`] and the other reasons of [`source`].
    pub fn open(
        intake: Intake,
        configuration: Arc<Configuration>,
        source_key: &str,
        map: &ColumnMap,
        way: Way,
    ) -> Result<Self, Reason> {
        let (source, found) = source(&configuration, source_key, now())?;
        let rules = map.rules(&DecodingRules::canonical_for(found));
        Ok(Self { intake, configuration, source, rules, way })
    }
}

impl Door for DirectDoor {
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>> {
        for attempt in 0..MOST_ATTEMPTS {
            let outcomes = self.try_submit(&events)?;
            if !outcomes.iter().any(|outcome| outcome.reason == Reason::StorageUnavailable) {
                return Ok(outcomes);
            }
            wait(attempt);
        }
        anyhow::bail!("the log takes no more events; run the import again to go on from here")
    }
}

impl DirectDoor {
    fn try_submit(&self, events: &[Submission]) -> anyhow::Result<Vec<Outcome>> {
        let at = now();
        let (key, source) = source(&self.configuration, self.source.as_str(), at)
            .map_err(|reason| anyhow::anyhow!("{}", reason.message()))?;
        let sender =
            Sender { brand: &source.brand, source: &key, way: self.way, received_at: at, message_id: None };
        let request = Refused {
            named: Some(key.as_str()),
            source: Some(source),
            proven: true,
            rules: Some(&self.rules),
            ..Refused::new(self.way, at)
        };
        let decoded: Vec<_> = events.iter().map(|event| decode(&event.fields, &self.rules)).collect();
        if let Err(refusal) = self.intake.ready_keys_blocking(sender.brand, decoded.iter().flatten()) {
            return Ok(events.iter().map(|_| refusal.clone().into()).collect());
        }
        let mut prepared = Vec::with_capacity(events.len());
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
        for (decoded, event) in decoded.into_iter().zip(events) {
            let ready = decoded
                .and_then(|decoded| self.intake.prepare(&self.configuration, sender, decoded, &event.raw));
            match ready {
                Ok(ready) => {
                    prepared.push(ready);
                    outcomes.push(None);
                }
                Err(refusal) => outcomes.push(Some(refusal.into())),
            }
        }
        let stored = if prepared.is_empty() { Vec::new() } else { self.intake.append_blocking(prepared) };
        let mut stored = stored.into_iter();
        Ok(outcomes
            .into_iter()
            .map(|outcome| {
                outcome.or_else(|| stored.next()).unwrap_or(Outcome::rejected(Reason::StorageUnavailable))
            })
            .zip(events)
            .map(|(outcome, event)| {
                self.intake.metrics.event(self.way.name(), outcome.status.name(), outcome.reason.code());
                // What the log has no room for is tried again.
                if outcome.reason != Reason::StorageUnavailable {
                    self.intake.refusals.tell(&request.with(Content::Fields(&event.fields)), &outcome);
                }
                outcome
            })
            .collect())
    }
}

/// Decodes everything and stores nothing.
pub struct DryRunDoor {
    /// How fields are read.
    pub rules: DecodingRules,
}

impl Door for DryRunDoor {
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>> {
        Ok(events
            .iter()
            .map(|event| match decode(&event.fields, &self.rules) {
                Ok(_) => Outcome { status: Status::Accepted, ..Outcome::rejected(Reason::Recorded) },
                Err(refusal) => refusal.into(),
            })
            .collect())
    }
}

/// Through `POST /v1/events` of a running server.
pub struct ServerDoor {
    agent: ureq::Agent,
    address: String,
    secret: String,
    map: ColumnMap,
}

impl ServerDoor {
    /// A door at `server` for a source, whose secret is sent as a bearer token. The map is applied here, before sending, so that
    /// nobody else needs to know it.
    #[must_use]
    pub fn new(server: &str, source: &str, secret: String, map: ColumnMap) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        Self {
            agent,
            address: format!("{}/v1/events?source={source}", server.trim_end_matches('/')),
            secret,
            map,
        }
    }

    fn post(&self, body: &[u8]) -> anyhow::Result<(u16, serde_json::Value)> {
        let mut response = self
            .agent
            .post(&self.address)
            .header("authorization", format!("Bearer {}", self.secret))
            .header("content-type", "application/x-ndjson")
            .header("content-encoding", "gzip")
            .send(body)?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok((status, serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)))
    }
}

impl Door for ServerDoor {
    fn submit(&mut self, events: Vec<Submission>) -> anyhow::Result<Vec<Outcome>> {
        let mut sent = Vec::with_capacity(events.len());
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
        for event in &events {
            match self.map.canonical(&event.fields) {
                Ok(fields) => {
                    sent.push(fields.to_json());
                    outcomes.push(None);
                }
                Err(refusal) => outcomes.push(Some(refusal.into())),
            }
        }
        let answered = if sent.is_empty() { Vec::new() } else { self.send(&sent)? };
        anyhow::ensure!(
            answered.len() == sent.len(),
            "{} outcomes for {} events",
            answered.len(),
            sent.len()
        );
        let mut answered = answered.into_iter();
        Ok(outcomes.into_iter().filter_map(|outcome| outcome.or_else(|| answered.next())).collect())
    }
}

impl ServerDoor {
    fn send(&self, events: &[String]) -> anyhow::Result<Vec<Outcome>> {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        // As an array: also a single event is then answered with a list.
        compressed.write_all(format!("[{}]", events.join(",")).as_bytes())?;
        let body = compressed.finish()?;
        for attempt in 0..MOST_ATTEMPTS {
            match self.post(&body) {
                Ok((429 | 503, _)) | Err(_) => wait(attempt),
                Ok((_, answer)) => {
                    let outcomes =
                        answer["outcomes"].as_array().map(|list| list.iter().map(outcome).collect());
                    return outcomes.ok_or_else(|| {
                        let message =
                            answer["reason"]["message"].as_str().unwrap_or("the answer is not Tributary's");
                        anyhow::anyhow!("the server refused the batch: {message}")
                    });
                }
            }
        }
        anyhow::bail!(
            "the server at {} takes no events; run the import again to go on from here",
            self.address
        )
    }
}

fn outcome(answer: &serde_json::Value) -> Outcome {
    let reason =
        answer["reason"]["code"].as_str().and_then(Reason::from_code).unwrap_or(Reason::MalformedBody);
    Outcome {
        status: match answer["status"].as_str() {
            Some("accepted") => Status::Accepted,
            Some("duplicate") => Status::Duplicate,
            _ => Status::Rejected,
        },
        event_id: answer["event_id"].as_str().and_then(|text| EventId::parse(text).ok()),
        message: answer["reason"]["message"].as_str().map(str::to_owned),
        ..Outcome::rejected(reason)
    }
}
