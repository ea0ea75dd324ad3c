//! Query strings as they may stand in a log.

use crate::canonical::decode_component;

/// Parameters whose values are secrets or personal; compared in lower case.
const WITHHELD: [&str; 25] = [
    "token",
    "security_token",
    "sign",
    "signature",
    "sig",
    "key",
    "api_key",
    "apikey",
    "secret",
    "password",
    "auth",
    "access_token",
    "email",
    "mail",
    "e_mail",
    "phone",
    "customer_id",
    "user_id",
    "uid",
    "visitor_id",
    "ip",
    "user_ip",
    "customer_ip",
    "user_agent",
    "ua",
];

/// The query string with the values of secret and personal parameters replaced by `[redacted]`.
///
/// Names are compared after decoding and without regard to case, and a nested name (`user.email`, `user[email]`) by its last
/// part. A name that does not decode loses its value too: what cannot be read cannot be judged harmless.
#[must_use]
pub fn redact_query(raw: &str) -> String {
    let mut redacted = String::with_capacity(raw.len());
    for (place, pair) in raw.split('&').enumerate() {
        if place > 0 {
            redacted.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if is_withheld(name) => {
                redacted.push_str(name);
                redacted.push_str("=[redacted]");
            }
            _ => redacted.push_str(pair),
        }
    }
    redacted
}

fn is_withheld(name: &str) -> bool {
    let Some(decoded) = decode_component(name) else { return true };
    let folded = decoded.to_lowercase().replace('-', "_");
    let inner = folded.trim_end_matches(']').rsplit(['.', '[']).next().unwrap_or_default();
    WITHHELD.contains(&inner.trim())
}
