//! Files of marketing paths: one row for many people becomes dated clicks and conversions of each of them.
//!
//! A row `a > b, 2 conversions, 1 without` stands for three people who each clicked `a`, then `b`; the first two then convert.
//! Everything is derived from the row's number and the map, so a repeated import brings the same events and they are
//! duplicates.

use tributary_domain::ids::{Goal, LinkKey};
use tributary_domain::money::{Currency, Money, split_by_largest_remainder};
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};

use super::decimal::rounded_half_even;
use super::map::{ColumnMap, MapKind};
use super::reader::Row;
use crate::canonical::{Fields, Refusal, shortened};

/// Most touches of one path, and most people of one row.
const MOST_TOUCHES: usize = 10_000;
const MOST_PEOPLE: u64 = 100_000_000;

/// How rows of paths are read and dated. Made by a map with `kind = "journeys"`:
///
/// ```toml
/// kind = "journeys"
/// currency = "KWD"
///
/// [journeys]
/// name = "path"                    # begins every id: path-7-3 is the third person of row 7
/// path = "path"                    # columns of the file
/// conversions = "total_conversions"
/// value = "total_conversion_value"
/// nulls = "total_null"
/// separator = " > "
/// link_prefix = "p_"               # the link of channel alpha is p_alpha
/// start = "2026-01-05T00:00:00Z"   # first touch of the first person
/// until = "2026-02-01T00:00:00Z"   # nothing may happen at or after this (optional)
/// between_people = "20s"
/// between_touches = "1h"
/// before_conversion = "1h"         # from the last touch
/// goal = "purchase"                # optional
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct JourneyRules {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) conversions: String,
    pub(super) value: String,
    pub(super) nulls: String,
    pub(super) separator: String,
    pub(super) link_prefix: String,
    pub(super) goal: Option<Goal>,
    pub(super) currency: Currency,
    pub(super) start: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) between_touches: Span,
    pub(super) between_people: Span,
    pub(super) before_conversion: Span,
}

impl JourneyRules {
    pub(super) fn columns(&self) -> Vec<&str> {
        vec![&self.path, &self.conversions, &self.value, &self.nulls]
    }
}

/// Turns rows into events. The people are numbered through the file, so rows must be given from the first on,
/// in order; a row whose events are not wanted again may be expanded and dropped.
#[derive(Clone, Debug)]
pub struct JourneyExpander {
    rules: JourneyRules,
    people: u64,
}

impl JourneyExpander {
    /// Starts before the file's first row.
    #[must_use]
    pub const fn new(rules: JourneyRules) -> Self {
        Self { rules, people: 0 }
    }

    /// Starts before the first row of a file with that map; `None` for a map whose rows are events.
    #[must_use]
    pub fn of(map: &ColumnMap) -> Option<Self> {
        match map.kind() {
            MapKind::Events => None,
            MapKind::Journeys(rules) => Some(Self::new((**rules).clone())),
        }
    }

    /// How many people the rows so far stood for.
    #[must_use]
    pub const fn people(&self) -> u64 {
        self.people
    }

    /// The journeys of the next row. A refused row stands for nobody.
    ///
    /// # Errors
    /// The row's own refusal; [`Reason::InvalidField`] or [`Reason::MissingField`] naming the column;
    /// [`Reason::TimeOutOfRange`] when a journey would end at or after `until`.
    pub fn expand(&mut self, row: &Row) -> Result<Journeys, Refusal> {
        let fields = row.fields.as_ref().map_err(Clone::clone)?;
        let links = self.links(fields)?;
        let conversions = count(fields, &self.rules.conversions)?;
        let people = conversions + count(fields, &self.rules.nulls)?;
        if people > MOST_PEOPLE {
            let why = format!("a row stands for at most {MOST_PEOPLE} people");
            return Err(Refusal::invalid(&self.rules.conversions, why));
        }
        let total = self.total(fields, conversions)?;
        let equal = vec![1; usize::try_from(conversions).unwrap_or_default()];
        let journeys = Journeys {
            rules: self.rules.clone(),
            row: row.number,
            first_person: self.people,
            people,
            values: split_by_largest_remainder(total.minor, &equal),
            total,
            links,
            person: 0,
            step: 0,
        };
        journeys.require_end()?;
        self.people += people;
        Ok(journeys)
    }

    fn links(&self, fields: &Fields) -> Result<Vec<LinkKey>, Refusal> {
        let column = self.rules.path.as_str();
        let path = required(fields, column)?;
        let links: Vec<LinkKey> = path
            .split(self.rules.separator.as_str())
            .map(|channel| {
                LinkKey::parse(&format!("{}{}", self.rules.link_prefix, channel.trim())).map_err(|_| {
                    Refusal::invalid(column, format!("`{}` is not a channel", shortened(channel)))
                })
            })
            .collect::<Result<_, _>>()?;
        if links.len() > MOST_TOUCHES {
            return Err(Refusal::invalid(column, format!("a path has at most {MOST_TOUCHES} touches")));
        }
        Ok(links)
    }

    /// The row's value, rounded once; whoever has value has a conversion to carry it.
    fn total(&self, fields: &Fields, conversions: u64) -> Result<Money, Refusal> {
        let column = self.rules.value.as_str();
        let text = required(fields, column)?;
        let total = rounded_half_even(text, self.rules.currency).ok_or_else(|| {
            Refusal::invalid(column, format!("`{}` is not a non-negative decimal number", shortened(text)))
        })?;
        if conversions == 0 && total.minor != 0 {
            return Err(Refusal::invalid(column, "a path without conversions has no value"));
        }
        Ok(total)
    }
}

fn required<'f>(fields: &'f Fields, column: &str) -> Result<&'f str, Refusal> {
    fields
        .get(column)
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Refusal::missing(column, "every path needs it"))
}

fn count(fields: &Fields, column: &str) -> Result<u64, Refusal> {
    let text = required(fields, column)?;
    let digits = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| Refusal::invalid(column, format!("`{}` is not a number of people", shortened(text))))
}

/// The events of one row, person by person, each person's touches in order and then the conversion.
///
/// They come as canonical fields: [`Fields::to_json`] is what the server's doors take.
#[derive(Clone, Debug)]
pub struct Journeys {
    rules: JourneyRules,
    row: u64,
    first_person: u64,
    people: u64,
    values: Vec<i64>,
    total: Money,
    links: Vec<LinkKey>,
    person: u64,
    step: usize,
}

impl Journeys {
    /// The row's value, rounded once; the values of its conversions sum to it.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// How many people made this journey.
    #[must_use]
    pub const fn people(&self) -> u64 {
        self.people
    }

    /// How many of them convert: the first ones.
    #[must_use]
    pub fn conversions(&self) -> u64 {
        self.values.len() as u64
    }

    /// How many touches each of them makes.
    #[must_use]
    pub const fn touches(&self) -> usize {
        self.links.len()
    }

    /// How many events the row has in all.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.people * self.links.len() as u64 + self.conversions()
    }

    /// When a person reaches a step; the step after the last touch is the conversion.
    fn moment(&self, person: u64, step: usize) -> Timestamp {
        let times =
            |span: Span, count: u64| Span(span.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)));
        let first = self.rules.start.plus(times(self.rules.between_people, self.first_person + person));
        let last = self.links.len().saturating_sub(1);
        let touch = first.plus(times(self.rules.between_touches, step.min(last) as u64));
        if step > last { touch.plus(self.rules.before_conversion) } else { touch }
    }

    fn require_end(&self) -> Result<(), Refusal> {
        let end = self.moment(self.people.saturating_sub(1), self.links.len());
        match self.rules.until {
            Some(until) if self.people > 0 && end >= until => Err(Refusal::of_field(
                Reason::TimeOutOfRange,
                &self.rules.path,
                format!(
                    "`{}`: the journey of the row's last person would end at {end}, after `until`",
                    self.rules.path
                ),
            )
            .with_hint("Shorten `between_people` or `between_touches` in the map, or move `until`.")),
            _ => Ok(()),
        }
    }

    fn touch(&self, link: &LinkKey) -> Fields {
        let person = self.person_id();
        Fields::of_known([
            ("event_type", "click".to_owned()),
            ("event_id", format!("{person}-touch-{}", self.step + 1)),
            ("timestamp", self.moment(self.person, self.step).to_string()),
            ("visitor_id", person),
            ("link", link.as_str().to_owned()),
        ])
    }

    fn conversion(&self, value: i64) -> Fields {
        let person = self.person_id();
        let goal = self.rules.goal.as_ref().map(|goal| ("goal", goal.as_str().to_owned()));
        Fields::of_known(
            [
                ("event_type", "conversion".to_owned()),
                ("event_id", format!("{person}-conversion")),
                ("timestamp", self.moment(self.person, self.links.len()).to_string()),
                ("visitor_id", person.clone()),
                ("customer_id", person.clone()),
                ("transaction_id", person),
                ("value", Money::new(value, self.rules.currency).decimal()),
                ("currency", self.rules.currency.to_string()),
            ]
            .into_iter()
            .chain(goal),
        )
    }

    fn person_id(&self) -> String {
        format!("{}-{}-{}", self.rules.name, self.row, self.person + 1)
    }
}

impl Iterator for Journeys {
    type Item = Fields;

    fn next(&mut self) -> Option<Fields> {
        while self.person < self.people {
            if let Some(link) = self.links.get(self.step) {
                let event = self.touch(link);
                self.step += 1;
                return Some(event);
            }
            let value = usize::try_from(self.person).ok().and_then(|person| self.values.get(person)).copied();
            let event = value.map(|value| self.conversion(value));
            self.person += 1;
            self.step = 0;
            if event.is_some() {
                // `person` has moved on already; the event was made before.
                return event;
            }
        }
        None
    }
}
