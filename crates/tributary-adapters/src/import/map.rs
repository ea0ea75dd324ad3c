//! What the columns of a file mean.

use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;

use super::journeys::JourneyRules;
use super::map_file;
use super::times::{Zone, with_zone};
use crate::canonical::{DecodingRules, Field, Fields, Form, Refusal, Target, nearest, shortened, target};

/// What a file's rows are.
#[derive(Clone, PartialEq, Debug)]
pub enum MapKind {
    /// One event per row.
    Events,
    /// One marketing path per row, for many people: see [`super::JourneyExpander`].
    Journeys(Box<JourneyRules>),
}

/// A column map: the meaning of a file's columns, and what holds for the whole file.
///
/// ```toml
/// delimiter = ";"          # default ","
/// decimal_comma = true     # default: the source's setting
/// currency = "EUR"         # of amounts without one; default: the source's
/// time_zone = "+01:00"     # of times without one: UTC or a fixed offset; without it such times are refused
///
/// [columns]                # column of the file = canonical field; columns not listed are left out
/// "Order No" = "transaction_id"
///
/// [constants]              # the same in every row
/// event_type = "conversion"
/// ```
///
/// Without `[columns]` every column counts under its own name.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnMap {
    pub(super) kind: MapKind,
    pub(super) delimiter: u8,
    pub(super) decimal_comma: Option<bool>,
    pub(super) currency: Option<Currency>,
    pub(super) zone: Option<Zone>,
    pub(super) columns: Vec<(String, String)>,
    pub(super) constants: Vec<(String, String)>,
}

impl Default for ColumnMap {
    /// Comma-separated columns under their canonical names.
    fn default() -> Self {
        Self {
            kind: MapKind::Events,
            delimiter: b',',
            decimal_comma: None,
            currency: None,
            zone: None,
            columns: Vec::new(),
            constants: Vec::new(),
        }
    }
}

impl ColumnMap {
    /// Reads a map file.
    ///
    /// # Errors
    /// A [`Refusal`] that names the key: [`Reason::MalformedBody`] for TOML that does not read, [`Reason::UnknownField`] with the
    /// nearest valid name, [`Reason::InvalidField`] and [`Reason::MissingField`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        map_file::parse(text)
    }

    /// What the rows are.
    #[must_use]
    pub const fn kind(&self) -> &MapKind {
        &self.kind
    }

    /// The byte between columns.
    #[must_use]
    pub const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// How the rows are to be decoded: the source's rules with this map's settings before them.
    #[must_use]
    pub fn rules(&self, source: &DecodingRules) -> DecodingRules {
        let mut rules = source.clone();
        rules.default_currency = self.currency.or(source.default_currency);
        rules.decimal_comma = self.decimal_comma.unwrap_or(source.decimal_comma);
        rules.aliases = self.columns.iter().chain(&source.aliases).cloned().collect();
        // A file's columns are chosen by its map; nothing unknown is passed over in silence.
        rules.profile = None;
        rules
    }

    /// The fields of a row as somebody reads them who does not know this map, such as a running server: under canonical names,
    /// amounts with a point and a currency.
    ///
    /// # Errors
    /// [`Reason::InvalidField`] for an amount with a point in a file of decimal commas, which could mean two things.
    pub fn canonical(&self, fields: &Fields) -> Result<Fields, Refusal> {
        let mut canonical = Fields::new();
        let (mut has_value, mut has_currency) = (false, false);
        for field in fields.iter() {
            let mapped = self.columns.iter().find(|(column, _)| *column == field.name);
            let name = mapped.map_or(field.name.as_str(), |(_, canonical)| canonical.as_str());
            let is_given = !field.value.trim().is_empty();
            match target(name) {
                _ if name == "ignore" => {}
                Some(Target::Value) => {
                    has_value |= is_given;
                    let (amount, form) = self.amount(field)?;
                    canonical.push_as(name, &amount, form)?;
                }
                // Empty is absent, and a second one of the same name would not be JSON.
                Some(Target::Currency) if !is_given => {}
                found => {
                    has_currency |= found == Some(Target::Currency);
                    canonical.push_as(name, &field.value, field.form)?;
                }
            }
        }
        if let (Some(currency), true, false) = (self.currency, has_value, has_currency) {
            canonical.push("currency", currency.code())?;
        }
        Ok(canonical)
    }

    /// An amount as this map means it; as a number where it is one, which has a point for every source.
    fn amount(&self, field: &Field) -> Result<(String, Form), Refusal> {
        let text = field.value.trim();
        let plain = match (self.decimal_comma, field.form) {
            (None, _) | (_, Form::Number | Form::Boolean) => return Ok((field.value.clone(), field.form)),
            (Some(true), Form::Text) if text.contains('.') => {
                let why = format!("`{}` has a point, and this file writes a decimal comma", shortened(text));
                return Err(Refusal::invalid(&field.name, why)
                    .with_hint("Write `1234,56` without thousands marks, or set `decimal_comma = false`."));
            }
            (Some(true), Form::Text) => text.replacen(',', ".", 1),
            (Some(false), Form::Text) => text.to_owned(),
        };
        let is_number = serde_json::from_str::<serde_json::Number>(&plain).is_ok();
        Ok((plain, if is_number { Form::Number } else { Form::Text }))
    }

    /// The columns that a header must have.
    pub(super) fn require_columns(&self, header: &[String]) -> Result<(), Refusal> {
        let wanted = match &self.kind {
            MapKind::Events => self.columns.iter().map(|(column, _)| column.as_str()).collect(),
            MapKind::Journeys(rules) => rules.columns(),
        };
        for column in wanted {
            if !header.iter().any(|name| name == column) {
                let message = format!("the file has no column `{}`, which the map names", shortened(column));
                let hint = match nearest(column, header.iter().map(String::as_str)) {
                    Some(near) => format!("The header has `{}`; correct the map.", shortened(near)),
                    None => "Correct the map, or set its `delimiter`.".to_owned(),
                };
                return Err(Refusal::of_field(Reason::MissingField, column, message).with_hint(hint));
            }
        }
        Ok(())
    }

    /// The fields of one row: the listed columns under the file's own names, then the constants.
    pub(super) fn fields<'a>(
        &self,
        pairs: impl Iterator<Item = (&'a str, &'a str, Form)>,
    ) -> Result<Fields, Refusal> {
        let mut fields = Fields::new();
        let takes_all = self.columns.is_empty();
        for (name, value, form) in pairs {
            let canonical = self
                .columns
                .iter()
                .find(|(column, _)| column == name)
                .map(|(_, canonical)| canonical.as_str());
            if canonical.is_none() && !takes_all {
                continue;
            }
            let is_time = target(canonical.unwrap_or(name)) == Some(Target::OccurredAt);
            match (is_time, self.zone) {
                (true, Some(zone)) => fields.push_as(name, &with_zone(value, zone), form)?,
                _ => fields.push_as(name, value, form)?,
            }
        }
        for (name, value) in &self.constants {
            fields.push(name, value)?;
        }
        Ok(fields)
    }
}
