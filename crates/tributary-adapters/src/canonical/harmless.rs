//! What of a refused event may be kept in the clear.
//!
//! The rule is an allow-list: a field is named where its name is known here, and its value is kept where the field is for something
//! harmless and the value looks like nothing else. Who a person is, signatures, tokens, tracking and whatever nobody knows here is never
//! kept, so that a note about a refused request needs no erasure.

use std::net::IpAddr;

use tributary_domain::fact::EventKind;

use super::collect::{kind, resolve};
use super::event::DecodingRules;
use super::fields::Fields;
use super::names::{CANONICAL, Target};

/// Most fields that are kept of one event.
const MOST_KEPT: usize = 40;
/// Longest values by what they are.
const LONGEST_IDENTIFIER: usize = 128;
const LONGEST_WORD: usize = 40;
const LONGEST_NAME: usize = 32;
const LONGEST_TIME: usize = 35;
/// Shorter than the number of any payment card.
const LONGEST_AMOUNT: usize = 12;
const LONGEST_CURRENCY: usize = 5;
/// A word with more digits may be a key or a number of somebody.
const MOST_DIGITS_IN_WORD: usize = 3;

/// The fields by whose values an event can be found again, by their canonical names.
const FOUND_BY: [&str; 5] = ["event_id", "click_id", "transaction_id", "promo_code", "link"];

/// What may be kept of one refused event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Harmless {
    /// The fields that are known here, by canonical name and in the order sent; the value where it may be kept.
    pub fields: Vec<(&'static str, Option<String>)>,
    /// How many fields came beside them.
    pub other_fields: usize,
}

impl Harmless {
    /// The ids, order numbers and codes by which the event can be found again.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(|(name, _)| FOUND_BY.contains(name))
            .filter_map(|(_, value)| value.as_deref())
    }
}

/// What may be kept of an event that was refused.
#[must_use]
pub fn harmless(fields: &Fields, rules: &DecodingRules) -> Harmless {
    let touch = kind(fields, rules, false)
        .is_ok_and(|found| matches!(found.kind, EventKind::Click | EventKind::Impression));
    let mut kept = Harmless::default();
    for field in fields.iter() {
        match resolve(&field.name, rules, touch).and_then(|target| Some((target, canonical_name(target)?))) {
            Some((target, name)) if kept.fields.len() < MOST_KEPT => {
                let value = field.value.trim();
                kept.fields.push((name, may_be_kept(target, value).then(|| folded(target, value))));
            }
            _ => kept.other_fields += 1,
        }
    }
    kept
}

/// The name of the field at fault, where it is a name and nothing else.
#[must_use]
pub fn harmless_name(name: &str, rules: &DecodingRules) -> Option<String> {
    let is_known = resolve(name, rules, false).and_then(canonical_name).is_some();
    (is_known || (name.len() <= LONGEST_NAME && is_word(name))).then(|| name.to_owned())
}

/// Whether a text is a plain word: a name that somebody gave to a thing, neither a key nor a person's data.
#[must_use]
pub fn is_word(text: &str) -> bool {
    (1..=LONGEST_WORD).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && text.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS_IN_WORD
}

/// Whether a text has the form of an id: no address of a mailbox or a machine, no sentence.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    (1..=LONGEST_IDENTIFIER).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '#')
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b'#')
        })
        && !is_address(text)
}

fn may_be_kept(target: Target, value: &str) -> bool {
    match target {
        Target::Kind | Target::Goal | Target::Status | Target::Purpose | Target::Granted => is_word(value),
        Target::EventId
        | Target::ClickId
        | Target::Transaction
        | Target::Campaign
        | Target::Partner
        | Target::Link
        | Target::PromoCode => is_identifier(value),
        Target::OccurredAt | Target::CartOpenedAt => is_time(value),
        Target::Value => is_made_of_digits(value, LONGEST_AMOUNT, b".,-") && !is_address(value),
        Target::Currency => {
            (1..=LONGEST_CURRENCY).contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphabetic())
        }
        _ => false,
    }
}

/// Whether a text looks like a time, if perhaps in a wrong form: it has a clock or begins with a year, or counts seconds or milliseconds.
/// The number of a telephone or a card does not.
fn is_time(text: &str) -> bool {
    let has_year =
        text.as_bytes().get(4) == Some(&b'-') && (text.starts_with("19") || text.starts_with("20"));
    let is_counted =
        text.starts_with('1') && [10, 13].contains(&text.len()) && is_made_of_digits(text, 13, b"");
    let is_dated = (has_year || text.contains(':')) && is_made_of_digits(text, LONGEST_TIME, b"-:.+TtZz ");
    (is_counted || is_dated) && !is_address(text)
}

fn is_made_of_digits(text: &str, longest: usize, also: &[u8]) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || also.contains(&byte))
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Codes are compared without regard to case.
fn folded(target: Target, value: &str) -> String {
    if target == Target::PromoCode { value.to_uppercase() } else { value.to_owned() }
}

fn canonical_name(target: Target) -> Option<&'static str> {
    match target {
        Target::Tracking(slot) => Some(slot),
        Target::Figure => Some("figures"),
        Target::NoSuchSlot | Target::Ignored => None,
        single => CANONICAL.iter().find(|(_, known)| *known == single).map(|(name, _)| *name),
    }
}
