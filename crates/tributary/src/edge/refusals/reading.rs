//! Looking into what was refused, for what may be kept of it.

use tributary_adapters::canonical::{
    DecodingRules, Fields, Harmless, harmless, json_events, readable_json, readable_query,
};
use tributary_adapters::postback::default_profile;
use tributary_domain::configuration::Source;
use tributary_store::log::Way;

use super::Content;

/// Events of one request that are looked into.
const MOST_EVENTS: usize = 100;
/// Events that a request may hold to be looked into at all.
const MOST_FRAMED: usize = 100_000;

/// What came, with its own copy of the bytes.
pub(super) enum Held {
    Nothing,
    Parameters(String, Vec<u8>),
    Event(Vec<u8>),
    Events(Vec<u8>),
    Fields(Fields),
    Link(String),
}

impl From<Content<'_>> for Held {
    fn from(content: Content<'_>) -> Self {
        match content {
            Content::Nothing => Self::Nothing,
            Content::Parameters(query, body) => Self::Parameters(query.to_owned(), body.to_vec()),
            Content::Event(body) => Self::Event(body.to_vec()),
            Content::Events(body) => Self::Events(body.to_vec()),
            Content::Fields(fields) => Self::Fields(fields.clone()),
            Content::Link(key) => Self::Link(key.to_owned()),
        }
    }
}

impl Held {
    /// What may be kept of each event, the first hundred; and how many more there were. At least one, so that the request leaves a note.
    pub(super) fn read(&self, rules: &DecodingRules) -> (Vec<Harmless>, usize) {
        let one = |fields: &Fields| (vec![harmless(fields, rules)], 0);
        match self {
            Self::Nothing => (vec![Harmless::default()], 0),
            Self::Parameters(query, body) => {
                let mut fields = readable_query(query);
                let more = match body.trim_ascii_start().first() {
                    Some(b'{') => readable_json(body),
                    _ => readable_query(&String::from_utf8_lossy(body)),
                };
                // What is too much is left out.
                let _ = fields.append(&more);
                one(&fields)
            }
            Self::Event(body) => one(&readable_json(body)),
            Self::Fields(fields) => one(fields),
            Self::Link(key) => {
                let mut fields = Fields::new();
                let _ = fields.push("link", key);
                one(&fields)
            }
            Self::Events(body) => match json_events(body, MOST_FRAMED) {
                Ok(events) => {
                    let read =
                        events.iter().take(MOST_EVENTS).map(|event| harmless(&readable_json(event), rules));
                    (read.collect(), events.len().saturating_sub(MOST_EVENTS))
                }
                Err(_) => (vec![Harmless::default()], 0),
            },
        }
    }
}

/// How the fields of a request are read: by its source's rules where there is one, else as anybody's.
pub(super) fn rules_of(way: Way, source: Option<&Source>) -> DecodingRules {
    match (way, source) {
        (Way::Redirect, _) => DecodingRules::redirect(),
        (Way::Postback, Some(source)) => DecodingRules::postback_for(source),
        (Way::Postback, None) => {
            DecodingRules { profile: Some(default_profile()), ..DecodingRules::default() }
        }
        (_, Some(source)) => DecodingRules::canonical_for(source),
        (_, None) => DecodingRules::default(),
    }
}
