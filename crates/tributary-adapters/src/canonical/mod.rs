//! The one validated event that every way in produces.
//!
//! [`fields_from_json`], [`fields_from_query`] and [`crate::import`] make [`Fields`]; [`decode`] makes an
//! [`IncomingEvent`] of them or a [`Refusal`] that names the field; [`content_fingerprint`] and [`deduplication_key`]
//! say when two of them are the same, whatever the dialect, the order of parameters or the way in.

mod bodies;
mod collect;
mod decode;
mod event;
mod fields;
mod harmless;
mod json;
mod names;
mod query;
mod refusal;
mod sameness;
#[cfg(test)]
mod tests;
mod values;

pub use decode::{decode, decode_internal};
pub use event::{DecodingRules, IncomingBody, IncomingEvent, Personal, PersonalData};
pub use fields::{Field, Fields, Form, LONGEST_NAME, LONGEST_VALUE, MOST_FIELDS};
pub use harmless::{Harmless, harmless, harmless_name, is_identifier, is_word};
pub use json::{LONGEST_EVENT, fields_from_json, json_events, readable_json};
pub use names::{Target, is_canonical_field, nearest_field};
pub use query::{fields_from_query, readable_query};
pub use refusal::Refusal;
pub use sameness::{content_fingerprint, deduplication_key, key_of_event_id};

pub(crate) use names::{CANONICAL, nearest, target};
pub(crate) use query::decode_component;
pub(crate) use refusal::shortened;
