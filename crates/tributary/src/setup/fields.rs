//! Reading a mapping field by field, so that every error can say where it is and what to write instead.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::problem::{Place, Problem};
use crate::nearest::nearest;

/// A mapping that is being read.
pub(super) struct Fields<'v> {
    place: Place,
    map: &'v Map<String, Value>,
}

impl<'v> Fields<'v> {
    /// Opens a mapping and refuses keys that are not known.
    pub(super) fn open(value: &'v Value, place: Place, known: &[&[&str]]) -> Result<Self, Problem> {
        let Some(map) = value.as_object() else {
            let fields = known.concat().join(", ");
            return Err(
                place.problem(format!("expected fields, found {}", kind(value)), format!("fields: {fields}"))
            );
        };
        for key in map.keys() {
            if !known.iter().any(|names| names.contains(&key.as_str())) {
                let close =
                    nearest(key, known.iter().flat_map(|names| names.iter().copied())).unwrap_or_default();
                return Err(place.field(key).problem(
                    format!("unknown field `{key}`; the nearest valid name is `{close}`"),
                    "correct the name or remove the field; docs/setup.md lists all fields",
                ));
            }
        }
        Ok(Self { place, map })
    }

    /// Where the mapping stands.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The raw value of a field; `null` counts as absent.
    pub(super) fn value(&self, name: &str) -> Option<(&'v Value, Place)> {
        self.map.get(name).filter(|value| !value.is_null()).map(|value| (value, self.place.field(name)))
    }

    /// A problem at one of the fields.
    pub(super) fn problem(
        &self,
        name: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        self.place.field(name).problem(message, remedy)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'v str>, Problem> {
        self.value(name).map(|(value, place)| text_of(value, &place)).transpose()
    }

    /// A text read into something else; the reader's error becomes the message.
    pub(super) fn parsed<T, E: Display>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let Some((value, place)) = self.value(name) else { return Ok(None) };
        read(text_of(value, &place)?).map(Some).map_err(|error| place.problem(error.to_string(), ""))
    }

    /// Like [`Self::parsed`], and the field must be there.
    pub(super) fn required<T, E: Display>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        self.parsed(name, read)?.ok_or_else(|| self.missing(name))
    }

    /// One of a few names; another one is refused with the nearest.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match choices.iter().find(|(known, _)| *known == text) {
            Some((_, chosen)) => Ok(Some(*chosen)),
            None => {
                let names = || choices.iter().map(|(known, _)| *known);
                let close = nearest(text, names()).unwrap_or_default();
                let message = format!("`{text}` is not known; the nearest valid name is `{close}`");
                Err(self.problem(name, message, format!("one of {}", names().collect::<Vec<_>>().join(", "))))
            }
        }
    }

    /// The problem of a field that must be there.
    pub(super) fn missing(&self, name: &str) -> Problem {
        self.place
            .problem(format!("`{name}` is missing"), format!("add `{name}`; docs/setup.md shows an example"))
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.value(name) {
            None => Ok(default),
            Some((Value::Bool(flag), _)) => Ok(*flag),
            Some((value, place)) => Err(place.problem(
                format!("expected true or false, found {}", kind(value)),
                "write it without quotes",
            )),
        }
    }

    /// A whole number above zero.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, Problem> {
        let Some((value, place)) = self.value(name) else { return Ok(None) };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0) {
            Some(number) => Ok(Some(number)),
            None => Err(place.problem("expected a whole number above zero", "write digits without quotes")),
        }
    }

    /// The elements of a list, each with its place; an absent list is empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<(&'v Value, Place)>, Problem> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some((Value::Array(elements), place)) => Ok(elements
                .iter()
                .enumerate()
                .map(|(index, element)| (element, place.element(index)))
                .collect()),
            Some((value, place)) => Err(place.problem(
                format!("expected a list, found {}", kind(value)),
                "write one element per `- ` line",
            )),
        }
    }

    /// The elements of a list of texts, each read into something else.
    pub(super) fn texts<T, E: Display>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, Problem> {
        let read_one = |(value, place): (&Value, Place)| {
            read(text_of(value, &place)?).map_err(|error| place.problem(error.to_string(), ""))
        };
        self.list(name)?.into_iter().map(read_one).collect()
    }

    /// The pairs of a mapping of texts, in its order.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Problem> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some((Value::Object(map), place)) => map
                .iter()
                .map(|(key, value)| Ok((key.clone(), text_of(value, &place.field(key))?.to_owned())))
                .collect(),
            Some((value, place)) => Err(place
                .problem(format!("expected pairs of names, found {}", kind(value)), "write `name: name`")),
        }
    }
}

/// The text of a value; a number or a truth value in its place is told to wear quotes.
pub(super) fn text_of<'v>(value: &'v Value, place: &Place) -> Result<&'v str, Problem> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Err(place
            .problem(format!("expected a text, found {value}"), format!("put it in quotes: \"{value}\""))),
        _ => Err(place.problem(format!("expected a text, found {}", kind(value)), "")),
    }
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "fields",
    }
}
