//! A source: an authenticated sender of events.

use serde_json::{Value, json};
use tributary_adapters::canonical::{is_canonical_field, nearest_field};
use tributary_adapters::postback::{PostbackProfile, default_profile};
use tributary_domain::configuration::{Secret, Source};
use tributary_domain::money::Currency;
use tributary_domain::time::Timestamp;

use super::super::fields::text_of;
use super::values::label;
use super::{Context, Fields, Place, Problem};

pub(super) const FIELDS: &[&str] = &[
    "adapter",
    "secrets",
    "accepts_unsigned_postbacks",
    "rate_limit",
    "transaction_namespace",
    "default_currency",
    "decimal_comma",
    "aliases",
    "plain_answer",
];

/// Shorter secrets can be guessed.
const SHORTEST_SECRET: usize = 16;

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Source, Problem> {
    let mut secrets = Vec::new();
    for (value, place) in fields.list("secrets")? {
        secrets.push(secret(value, place, context)?);
    }
    let accepts_unsigned_postbacks = fields.flag("accepts_unsigned_postbacks", false)?;
    if secrets.is_empty() && !accepts_unsigned_postbacks {
        return Err(fields.problem(
            "secrets",
            "a source without a secret would let anybody send in its name",
            "add a secret, such as `secrets: [\"env:SHOP_SECRET\"]`; only for senders that cannot sign, and only for \
             postbacks that carry a click id, write `accepts_unsigned_postbacks: true`",
        ));
    }
    let namespace = fields.parsed("transaction_namespace", label)?;
    Ok(Source {
        brand: context.brand.clone(),
        adapter: adapter(fields)?,
        secrets,
        accepts_unsigned_postbacks,
        rate_limit: fields.count("rate_limit")?,
        transaction_namespace: namespace.unwrap_or_else(|| context.key.to_owned()),
        default_currency: fields.parsed("default_currency", Currency::parse)?,
        decimal_comma: fields.flag("decimal_comma", false)?,
        aliases: aliases(fields)?,
        plain_answer: fields.parsed("plain_answer", label)?,
    })
}

pub(super) fn write(source: &Source) -> Value {
    let secret = |(secret, not_after): &(Secret, Option<Timestamp>)| {
        json!({
            "value": String::from_utf8_lossy(&secret.0),
            "not_after": not_after.map(|moment| moment.to_string()),
        })
    };
    let aliases: serde_json::Map<String, Value> =
        source.aliases.iter().map(|(sent, field)| (sent.clone(), json!(field))).collect();
    json!({
        "adapter": source.adapter,
        "secrets": source.secrets.iter().map(secret).collect::<Vec<_>>(),
        "accepts_unsigned_postbacks": source.accepts_unsigned_postbacks,
        "rate_limit": source.rate_limit,
        "transaction_namespace": source.transaction_namespace,
        "default_currency": source.default_currency.map(|currency| currency.code().to_owned()),
        "decimal_comma": source.decimal_comma,
        "aliases": aliases,
        "plain_answer": source.plain_answer,
    })
}

/// The dialect that the sender speaks.
fn adapter(fields: &Fields<'_>) -> Result<String, Problem> {
    let names = PostbackProfile::NAMES.map(|name| (name, name));
    Ok(fields.choice("adapter", &names)?.unwrap_or(default_profile().name()).to_owned())
}

/// Own names of the sender; each must stand for a field that exists.
fn aliases(fields: &Fields<'_>) -> Result<Vec<(String, String)>, Problem> {
    let aliases = fields.pairs("aliases")?;
    match aliases.iter().find(|(_, field)| !is_canonical_field(field)) {
        None => Ok(aliases),
        Some((sent, field)) => {
            let close =
                nearest_field(field).map_or_else(String::new, |close| format!("; the nearest is `{close}`"));
            let place = fields.place().field("aliases").field(sent);
            Err(place.problem(
                format!("`{field}` is not a field of events{close}"),
                "docs/events.md lists the fields",
            ))
        }
    }
}

/// `"text"`, `"env:NAME"`, or `{value: ..., not_after: ...}` for one that is being rotated out.
fn secret(
    value: &Value,
    place: Place,
    context: &Context<'_>,
) -> Result<(Secret, Option<Timestamp>), Problem> {
    if !value.is_object() {
        return Ok((secret_text(text_of(value, &place)?, &place, context)?, None));
    }
    let fields = Fields::open(value, place, &[&["value", "not_after"]])?;
    let text = fields.text("value")?.ok_or_else(|| fields.missing("value"))?;
    let secret = secret_text(text, &fields.place().field("value"), context)?;
    Ok((secret, fields.parsed("not_after", Timestamp::parse)?))
}

/// Messages here never repeat the secret.
fn secret_text(text: &str, place: &Place, context: &Context<'_>) -> Result<Secret, Problem> {
    let resolved;
    let secret = match text.strip_prefix("env:") {
        None => text,
        Some(name) => {
            resolved = (context.environment)(name).ok_or_else(|| {
                place.problem(
                    format!("the environment variable `{name}` is not set"),
                    format!("set it before applying: export {name}=..."),
                )
            })?;
            &resolved
        }
    };
    if secret.len() < SHORTEST_SECRET {
        return Err(place.problem(
            format!("the secret has {} bytes; at least {SHORTEST_SECRET} are needed", secret.len()),
            "make one with `openssl rand -hex 32`",
        ));
    }
    Ok(Secret(secret.as_bytes().to_vec()))
}
