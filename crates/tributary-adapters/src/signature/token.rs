//! Static tokens: `Authorization: Bearer`, `x-api-key`, HTTP Basic's password, or a query or form parameter.
//!
//! Old postback senders can do no better. A token in a query string ends up in logs, so whoever writes one uses
//! [`crate::postback::redact_query`].

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use subtle::{Choice, ConstantTimeEq};
use tributary_domain::configuration::Secret;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use super::{Scheme, SignedRequest, Verified, hmac_sha256, live};
use crate::canonical::{Field, Fields};

/// Parameters that may carry the token of a postback.
pub const TOKEN_PARAMETERS: [&str; 4] = ["token", "security_token", "secret", "api_key"];

/// Verifies a token among the parameters of a postback's query, form or JSON.
///
/// # Errors
/// [`Reason::SignatureMissing`] without a token parameter, [`Reason::SignatureInvalid`] when one is wrong; of
/// several, every one must be right.
pub fn verify_parameters(
    parameters: &Fields,
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    let mut found = Err(Reason::SignatureMissing);
    for Field { name, value, .. } in parameters.iter() {
        if TOKEN_PARAMETERS.contains(&name.as_str()) && !value.is_empty() {
            found = Ok(compare(value.as_bytes(), secrets, now)?);
        }
    }
    found
}

pub(super) fn verify_headers(
    request: &SignedRequest<'_>,
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    if let Some(key) = (request.header)("x-api-key") {
        return compare(key.trim().as_bytes(), secrets, now);
    }
    let authorization = (request.header)("authorization").ok_or(Reason::SignatureMissing)?;
    let (scheme, credentials) = authorization.trim().split_once(' ').ok_or(Reason::SignatureInvalid)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        compare(credentials.as_bytes(), secrets, now)
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(credentials).map_err(|_| Reason::SignatureInvalid)?;
        let colon = decoded.iter().position(|byte| *byte == b':').ok_or(Reason::SignatureInvalid)?;
        compare(&decoded[colon + 1..], secrets, now)
    } else {
        Err(Reason::SignatureInvalid)
    }
}

/// Compares hashes instead of the texts, so that not even a secret's length shows in the time taken.
fn compare(
    presented: &[u8],
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    const KEY: &[u8] = b"tributary token comparison";
    let presented = hmac_sha256(KEY, &[presented]).ok_or(Reason::SignatureInvalid)?;
    let mut matches = Choice::from(0);
    for secret in live(secrets, now) {
        if let Some(expected) = hmac_sha256(KEY, &[&secret.0]) {
            matches |= expected.ct_eq(&presented);
        }
    }
    if bool::from(matches) { Ok(Verified::by(Scheme::Token)) } else { Err(Reason::SignatureInvalid) }
}
