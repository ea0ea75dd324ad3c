//! JSON objects, read without ever making a number a float, a duplicate key a silent choice, or nesting unbounded.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use tributary_domain::reason::Reason;

use super::fields::{Fields, Form};
use super::refusal::{Refusal, shortened};

/// Longest JSON text of one event in bytes.
pub const LONGEST_EVENT: usize = 256 * 1024;

/// Objects that an event may hold, one level deep; their members become fields `outer.inner`.
const NESTED: [&str; 6] = ["data", "figures", "tracking", "utm", "user", "customer"];

/// Reads one JSON object.
///
/// Numbers keep their source text; `null` counts as absent; an object may stand only under `data`, `figures`, `tracking`,
/// `utm`, `user` and `customer`, one level deep.
///
/// # Errors
/// [`Reason::MalformedBody`] for what is not an object or names a key twice, [`Reason::InvalidField`] for values
/// that no field takes, [`Reason::TooLarge`] beyond [`LONGEST_EVENT`].
pub fn fields_from_json(body: &[u8]) -> Result<Fields, Refusal> {
    if body.len() > LONGEST_EVENT {
        return Err(Refusal::of_whole(
            Reason::TooLarge,
            format!("an event has at most {LONGEST_EVENT} bytes"),
        ));
    }
    let object: Object<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut fields = Fields::new();
    refuse_repeated(&object, "")?;
    for (name, raw) in &object.0 {
        if !raw.get().starts_with('{') {
            push_plain(&mut fields, name, raw)?;
            continue;
        }
        if !NESTED.contains(&name.as_str()) {
            return Err(Refusal::invalid(name, "an object cannot stand here")
                .with_hint(format!("Objects may stand under {}.", NESTED.join(", "))));
        }
        let inner: Object<'_> = serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
        refuse_repeated(&inner, name)?;
        for (inner_name, inner_raw) in &inner.0 {
            push_plain(&mut fields, &format!("{name}.{inner_name}"), inner_raw)?;
        }
    }
    Ok(fields)
}

/// As many members of one JSON object as can be read, of a request that was refused already: nothing rests on them.
#[must_use]
pub fn readable_json(body: &[u8]) -> Fields {
    let mut fields = Fields::new();
    if body.len() > LONGEST_EVENT {
        return fields;
    }
    let object: Object<'_> = serde_json::from_slice(body).unwrap_or_else(|_| Object(Vec::new()));
    for (name, raw) in &object.0 {
        let inner = match serde_json::from_str::<Object<'_>>(raw.get()) {
            Ok(inner) if NESTED.contains(&name.as_str()) => inner,
            // What has no place here, or is too long or too much, is left out.
            _ => {
                let _ = push_plain(&mut fields, name, raw);
                continue;
            }
        };
        for (inner_name, inner_raw) in &inner.0 {
            let _ = push_plain(&mut fields, &format!("{name}.{inner_name}"), inner_raw);
        }
    }
    fields
}

/// Cuts a body of one object, an array of objects, or one object per line into the texts of its events.
///
/// Only the frame is read here: each text then stands or falls on its own in [`fields_from_json`].
///
/// # Errors
/// [`Reason::MalformedBody`] for an empty body or a broken array, [`Reason::TooLarge`] for more than `most` events.
pub fn json_events(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Refusal> {
    let trimmed = body.trim_ascii();
    let too_many = || {
        Refusal::of_whole(
            Reason::TooLarge,
            format!("more events in one request than {most}, which is the most that is taken"),
        )
    };
    let events: Vec<&[u8]> = match trimmed.first() {
        None => return Err(Refusal::of_whole(Reason::MalformedBody, "the body is empty")),
        Some(b'[') => {
            let exceeded = Cell::new(false);
            let mut array = serde_json::Deserializer::from_slice(trimmed);
            let items = AtMost { most, exceeded: &exceeded }.deserialize(&mut array);
            match items.and_then(|items| array.end().map(|()| items)) {
                Ok(items) => items.into_iter().map(|item| item.get().as_bytes()).collect(),
                Err(_) if exceeded.get() => return Err(too_many()),
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Some(_) if is_one_per_line(trimmed) => trimmed
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .take(most.saturating_add(1))
            .collect(),
        Some(_) => vec![trimmed],
    };
    if events.len() > most {
        return Err(too_many());
    }
    if events.is_empty() {
        return Err(Refusal::of_whole(Reason::MalformedBody, "the array holds no event"));
    }
    Ok(events)
}

/// Reads an array's items, and gives up after the most that are taken: a small compressed body may hold millions.
struct AtMost<'c> {
    most: usize,
    exceeded: &'c Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for AtMost<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element::<&'de RawValue>()? {
            if items.len() >= self.most {
                self.exceeded.set(true);
                return Err(A::Error::custom("too many events"));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// NDJSON when there are several lines and the first is a whole value; else one object over several lines.
fn is_one_per_line(trimmed: &[u8]) -> bool {
    let mut lines = trimmed.splitn(2, |byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    lines.next().is_some() && serde_json::from_slice::<&RawValue>(first.trim_ascii()).is_ok()
}

fn push_plain(fields: &mut Fields, name: &str, raw: &RawValue) -> Result<(), Refusal> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') | None => Ok(()),
        Some(b'"') => {
            let value: String = serde_json::from_str(text).map_err(|_| {
                Refusal::of_field(Reason::MalformedBody, name, format!("`{}` is not a text", shortened(name)))
            })?;
            fields.push(name, &value)
        }
        Some(b't' | b'f') => fields.push_as(name, text, Form::Boolean),
        Some(b'[') => {
            Err(Refusal::invalid(name, "a list cannot stand here").with_hint("Send one value per field."))
        }
        Some(b'{') => {
            Err(Refusal::invalid(name, "it is nested too deeply").with_hint("Objects may be one level deep."))
        }
        Some(_) => fields.push_as(name, text, Form::Number),
    }
}

/// Two readers of one body may pick different values of a repeated key, so the body has no one meaning.
fn refuse_repeated(object: &Object<'_>, outer: &str) -> Result<(), Refusal> {
    for (place, (name, _)) in object.0.iter().enumerate() {
        if object.0.iter().take(place).any(|(earlier, _)| earlier == name) {
            let full = if outer.is_empty() { name.clone() } else { format!("{outer}.{name}") };
            let message = format!("the key `{}` stands twice in one object", shortened(&full));
            return Err(
                Refusal::of_field(Reason::MalformedBody, &full, message).with_hint("Send each key once.")
            );
        }
    }
    Ok(())
}

/// The place and kind of the fault; the library's own words might quote a value.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let what = match error.classify() {
        Category::Eof => "the JSON ends too early",
        Category::Syntax | Category::Io => "the JSON is not well formed",
        Category::Data => "an event is a JSON object with at most 200 keys",
    };
    Refusal::of_whole(
        Reason::MalformedBody,
        format!("{what} (line {}, column {})", error.line(), error.column()),
    )
    .with_hint("Send one JSON object per event.")
}

/// An object's members in order, repeated keys included; values are kept as their source text.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    if members.len() >= super::fields::MOST_FIELDS {
                        return Err(A::Error::custom("too many keys"));
                    }
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
