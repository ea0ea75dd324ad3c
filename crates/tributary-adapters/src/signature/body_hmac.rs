//! The commissioned scheme: `x-webhook-signature: hex(HMAC-SHA256(secret, raw body))`.
//!
//! Nothing in it ages, so a captured request stays valid: what keeps it from counting twice is that deduplication
//! keys never lapse.

use subtle::{Choice, ConstantTimeEq};
use tributary_domain::configuration::Secret;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use super::{Scheme, SignedRequest, Verified, hmac_sha256, live};

/// The header, in lower case.
pub const HEADER: &str = "x-webhook-signature";

/// Signs a body for sending: 64 lower-case hex digits. Empty for an empty secret, which nobody accepts.
#[must_use]
pub fn sign_body(secret: &Secret, body: &[u8]) -> String {
    hmac_sha256(&secret.0, &[body]).map(hex::encode).unwrap_or_default()
}

pub(super) fn verify(
    request: &SignedRequest<'_>,
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    let presented = (request.header)(HEADER).ok_or(Reason::SignatureMissing)?.trim();
    if presented.is_empty() {
        return Err(Reason::SignatureMissing);
    }
    let mut claimed = [0u8; 32];
    hex::decode_to_slice(presented, &mut claimed).map_err(|_| Reason::SignatureInvalid)?;
    let mut matches = Choice::from(0);
    for secret in live(secrets, now) {
        if let Some(expected) = hmac_sha256(&secret.0, &[request.body]) {
            matches |= expected.ct_eq(&claimed);
        }
    }
    if bool::from(matches) { Ok(Verified::by(Scheme::BodyHmac)) } else { Err(Reason::SignatureInvalid) }
}
