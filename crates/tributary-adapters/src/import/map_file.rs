//! Reads map files: TOML, strict, with the nearest valid name for every unknown key.

use toml::{Table, Value};
use tributary_domain::ids::{Goal, LinkKey};
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};

use super::journeys::JourneyRules;
use super::map::{ColumnMap, MapKind};
use super::times::Zone;
use crate::canonical::{CANONICAL, Refusal, is_canonical_field, nearest, nearest_field, shortened};

const KEYS: [&str; 8] =
    ["kind", "delimiter", "decimal_comma", "currency", "time_zone", "columns", "constants", "journeys"];
const JOURNEY_KEYS: [&str; 13] = [
    "name",
    "path",
    "conversions",
    "value",
    "nulls",
    "separator",
    "link_prefix",
    "goal",
    "start",
    "until",
    "between_touches",
    "between_people",
    "before_conversion",
];

pub(super) fn parse(text: &str) -> Result<ColumnMap, Refusal> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        Refusal::of_whole(
            Reason::MalformedBody,
            format!("the map is not TOML: line {line}: {}", error.message()),
        )
    })?;
    refuse_unknown(&table, "", &KEYS)?;
    let mut map = ColumnMap::default();
    if let Some(mark) = text_of(&table, "delimiter")? {
        map.delimiter = delimiter(mark)?;
    }
    map.decimal_comma = match table.get("decimal_comma") {
        None => None,
        Some(Value::Boolean(is_comma)) => Some(*is_comma),
        Some(_) => return Err(Refusal::invalid("decimal_comma", "it is neither true nor false")),
    };
    map.currency = text_of(&table, "currency")?
        .map(|code| Currency::parse(code).map_err(|error| Refusal::invalid("currency", error)))
        .transpose()?;
    map.zone = text_of(&table, "time_zone")?.map(zone).transpose()?;
    map.columns = columns(&table)?;
    map.constants = constants(&table)?;
    map.kind = kind(&table, map.currency)?;
    Ok(map)
}

fn kind(table: &Table, currency: Option<Currency>) -> Result<MapKind, Refusal> {
    let journeys = section(table, "journeys")?;
    match (text_of(table, "kind")?.unwrap_or("events"), journeys) {
        ("events", None) => Ok(MapKind::Events),
        ("events", Some(_)) => Err(Refusal::missing("kind", "the map has a section `journeys`")
            .with_hint("Add `kind = \"journeys\"`.")),
        ("journeys", None) => Err(Refusal::missing("journeys", "`kind = \"journeys\"` needs its section")),
        ("journeys", Some(section)) => {
            journey_rules(section, currency).map(|rules| MapKind::Journeys(Box::new(rules)))
        }
        (other, _) => Err(Refusal::invalid("kind", format!("`{}` is not a kind of map", shortened(other)))
            .with_hint("Kinds are `events` and `journeys`.")),
    }
}

fn delimiter(mark: &str) -> Result<u8, Refusal> {
    match mark.as_bytes() {
        [byte] if matches!(byte, b',' | b';' | b'\t' | b'|' | b':' | b'^' | b'~') => Ok(*byte),
        _ => Err(Refusal::invalid("delimiter", format!("`{}` cannot separate columns", shortened(mark)))
            .with_hint("Use `,` `;` `|` or a tab (`\\t`).")),
    }
}

fn zone(text: &str) -> Result<Zone, Refusal> {
    Zone::parse(text).ok_or_else(|| {
        Refusal::invalid("time_zone", format!("`{}` is neither UTC nor a fixed offset", shortened(text)))
            .with_hint("Write `UTC` or an offset such as `+01:00`.")
    })
}

/// The mapped columns; each leads to a field that exists, and no two to the same one.
fn columns(table: &Table) -> Result<Vec<(String, String)>, Refusal> {
    let Some(section) = section(table, "columns")? else { return Ok(Vec::new()) };
    let mut columns: Vec<(String, String)> = Vec::with_capacity(section.len());
    for (column, value) in section {
        let key = format!("columns.{column}");
        let canonical =
            value.as_str().ok_or_else(|| Refusal::invalid(&key, "it names a field, as a text"))?;
        require_field(&key, canonical)?;
        if let Some((other, _)) =
            columns.iter().find(|(_, taken)| taken == canonical && canonical != "ignore")
        {
            let why = format!("`{}` already leads to `{canonical}`", shortened(other));
            return Err(Refusal::invalid(&key, why));
        }
        columns.push((column.clone(), canonical.to_owned()));
    }
    Ok(columns)
}

fn constants(table: &Table) -> Result<Vec<(String, String)>, Refusal> {
    let Some(section) = section(table, "constants")? else { return Ok(Vec::new()) };
    let mut constants = Vec::with_capacity(section.len());
    for (name, value) in section {
        let key = format!("constants.{name}");
        require_field(&key, name)?;
        let text = value.as_str().ok_or_else(|| {
            Refusal::invalid(&key, "it must be a text").with_hint("Write it in quotation marks, amounts too.")
        })?;
        constants.push((name.clone(), text.to_owned()));
    }
    Ok(constants)
}

fn require_field(key: &str, canonical: &str) -> Result<(), Refusal> {
    if is_canonical_field(canonical) {
        return Ok(());
    }
    let refusal = Refusal::of_field(
        Reason::UnknownField,
        key,
        format!("`{}`: there is no field `{}`", shortened(key), shortened(canonical)),
    );
    Err(match nearest_field(canonical) {
        Some(name) => refusal.with_hint(format!("Did you mean `{name}`?")),
        None => {
            let names: Vec<&str> = CANONICAL.iter().map(|(name, _)| *name).collect();
            refusal.with_hint(format!("Fields are {}.", names.join(", ")))
        }
    })
}

fn journey_rules(section: &Table, currency: Option<Currency>) -> Result<JourneyRules, Refusal> {
    refuse_unknown(section, "journeys.", &JOURNEY_KEYS)?;
    let text = |key: &str| text_of(section, key).map(|found| found.map(str::to_owned));
    let required = |key: &str| {
        text(key)?
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Refusal::missing(&format!("journeys.{key}"), "the map needs it"))
    };
    let time = |key: &str| {
        text(key)?
            .map(|value| {
                Timestamp::parse(&value).map_err(|error| Refusal::invalid(&format!("journeys.{key}"), error))
            })
            .transpose()
    };
    let span = |key: &str| {
        let value = required(key)?;
        Span::parse(&value).map_err(|error| Refusal::invalid(&format!("journeys.{key}"), error))
    };
    let link_prefix = text("link_prefix")?.unwrap_or_default();
    if !link_prefix.is_empty() {
        LinkKey::parse(&link_prefix).map_err(|error| Refusal::invalid("journeys.link_prefix", error))?;
    }
    let goal = text("goal")?
        .map(|goal| Goal::parse(&goal).map_err(|error| Refusal::invalid("journeys.goal", error)))
        .transpose()?;
    let name = required("name")?;
    LinkKey::parse(&name).map_err(|_| {
        Refusal::invalid(
            "journeys.name",
            "it begins every id and has 1 to 64 of the characters A-Z a-z 0-9 . _ -",
        )
    })?;
    Ok(JourneyRules {
        name,
        path: required("path")?,
        conversions: required("conversions")?,
        value: required("value")?,
        nulls: required("nulls")?,
        separator: text("separator")?.filter(|mark| !mark.is_empty()).unwrap_or_else(|| " > ".to_owned()),
        link_prefix,
        goal,
        currency: currency.ok_or_else(|| Refusal::missing("currency", "values of paths need one"))?,
        start: time("start")?
            .ok_or_else(|| Refusal::missing("journeys.start", "it dates the first touch"))?,
        until: time("until")?,
        between_touches: span("between_touches")?,
        between_people: span("between_people")?,
        before_conversion: span("before_conversion")?,
    })
}

fn section<'t>(table: &'t Table, key: &str) -> Result<Option<&'t Table>, Refusal> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::Table(section)) => Ok(Some(section)),
        Some(_) => Err(Refusal::invalid(key, "it is a section").with_hint(format!("Write it as `[{key}]`."))),
    }
}

fn text_of<'t>(table: &'t Table, key: &str) -> Result<Option<&'t str>, Refusal> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(key, "it must be a text").with_hint("Write it in quotation marks.")),
    }
}

fn refuse_unknown(table: &Table, prefix: &str, known: &[&str]) -> Result<(), Refusal> {
    let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let full = format!("{prefix}{key}");
    let refusal = Refusal::of_field(
        Reason::UnknownField,
        &full,
        format!("`{}` is not a key of a map", shortened(&full)),
    );
    Err(match nearest(key, known.iter().copied()) {
        Some(name) => refusal.with_hint(format!("Did you mean `{prefix}{name}`?")),
        None => refusal.with_hint(format!("Keys are {}.", known.join(", "))),
    })
}
