//! Query strings and forms, read strictly: what does not decode is refused, never replaced.

use tributary_domain::reason::Reason;

use super::fields::Fields;
use super::refusal::{Refusal, shortened};

/// Longest query string or form in bytes.
const LONGEST_QUERY: usize = 64 * 1024;

/// Reads `application/x-www-form-urlencoded` text: a raw query string or a form body.
///
/// # Errors
/// [`Reason::MalformedBody`] for percent signs without two hex digits and for bytes that are not UTF-8, naming
/// the parameter; [`Reason::TooLarge`] beyond 64 KiB or 200 parameters.
pub fn fields_from_query(raw: &str) -> Result<Fields, Refusal> {
    if raw.len() > LONGEST_QUERY {
        return Err(Refusal::of_whole(
            Reason::TooLarge,
            format!("parameters have at most {LONGEST_QUERY} bytes"),
        ));
    }
    let mut fields = Fields::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let undecodable = || {
            Refusal::of_field(
                Reason::MalformedBody,
                name,
                format!("`{}` is not percent-encoded UTF-8", shortened(name)),
            )
            .with_hint(
                "Encode every byte outside A-Z a-z 0-9 - _ . ~ as % and two hex digits of its UTF-8 form.",
            )
        };
        let decoded_name = decode_component(name).ok_or_else(undecodable)?;
        let decoded_value = decode_component(value).ok_or_else(undecodable)?;
        fields.push(&decoded_name, &decoded_value)?;
    }
    Ok(fields)
}

/// As many parameters as can be read, of a request that was refused already: nothing rests on them.
#[must_use]
pub fn readable_query(raw: &str) -> Fields {
    let mut fields = Fields::new();
    if raw.len() > LONGEST_QUERY {
        return fields;
    }
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(name), Some(value)) = (decode_component(name), decode_component(value)) {
            // What is too long or too much is left out.
            let _ = fields.push(&name, &value);
        }
    }
    fields
}

/// Decodes `+` and `%XX`; `None` when it is not strictly percent-encoded UTF-8.
pub(crate) fn decode_component(text: &str) -> Option<String> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'%' => {
                let digit = |offset: usize| char::from(*bytes.get(place + offset)?).to_digit(16);
                decoded.push(u8::try_from(digit(1)? * 16 + digit(2)?).ok()?);
                place += 3;
            }
            b'+' => {
                decoded.push(b' ');
                place += 1;
            }
            other => {
                decoded.push(*other);
                place += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}
