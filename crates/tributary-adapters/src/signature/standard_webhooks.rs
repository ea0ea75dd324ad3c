//! Standard Webhooks 1.0.0, symmetric scheme `v1`: HMAC-SHA256 over `id.timestamp.body`, base64.
//!
//! Source: the Standard Webhooks specification and its reference tests.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use subtle::{Choice, ConstantTimeEq};
use tributary_domain::configuration::Secret;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use super::{Scheme, SignedRequest, TOLERANCE, Verified, hmac_sha256, live};

/// The sender's message id.
pub const ID_HEADER: &str = "webhook-id";
/// Unix seconds of sending.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Signatures `v1,<base64>`, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// Longest message id that is taken over; as long as an event id may be.
const LONGEST_ID: usize = 128;
/// More signatures than any rotation needs are not looked at.
const MOST_SIGNATURES: usize = 16;

/// Padding is optional: some senders' libraries drop it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Signs a message for sending; answers the value of [`SIGNATURE_HEADER`].
///
/// Empty when the secret has no usable key, which nobody accepts.
#[must_use]
pub fn sign_standard(secret: &Secret, id: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.0.div_euclid(1_000_000).to_string();
    key(secret)
        .and_then(|key| sign(&key, id, &seconds, body))
        .map(|digest| format!("v1,{}", BASE64_STANDARD.encode(digest)))
        .unwrap_or_default()
}

pub(super) fn is_present(request: &SignedRequest<'_>) -> bool {
    [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER].iter().any(|name| (request.header)(name).is_some())
}

pub(super) fn verify(
    request: &SignedRequest<'_>,
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    let header = |name| {
        (request.header)(name).filter(|value: &&str| !value.is_empty()).ok_or(Reason::SignatureMissing)
    };
    let (id, seconds, signatures) =
        (header(ID_HEADER)?, header(TIMESTAMP_HEADER)?, header(SIGNATURE_HEADER)?);
    let sent_at = sent_at(seconds).ok_or(Reason::SignatureInvalid)?;
    if id.chars().count() > LONGEST_ID || id.chars().any(char::is_control) {
        return Err(Reason::SignatureInvalid);
    }
    let claimed = claimed_digests(signatures);
    let mut matches = Choice::from(0);
    for secret in live(secrets, now) {
        // A secret that is not the base64 it promises to be is skipped; the others still count.
        let Some(expected) = key(secret).and_then(|key| sign(&key, id, seconds, request.body)) else {
            continue;
        };
        for digest in &claimed {
            matches |= expected.ct_eq(digest);
        }
    }
    if !bool::from(matches) {
        return Err(Reason::SignatureInvalid);
    }
    if now.since(sent_at).0.abs() > TOLERANCE.0 {
        return Err(Reason::SignatureExpired);
    }
    Ok(Verified { scheme: Scheme::StandardWebhooks, message_id: Some(id.to_owned()) })
}

/// Unix seconds as plain ASCII digits; signs, spaces and exponents are not numbers here.
fn sent_at(text: &str) -> Option<Timestamp> {
    let plain = (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = plain.then(|| text.parse().ok()).flatten()?;
    Some(Timestamp(seconds * 1_000_000))
}

/// The digests of version 1; other versions and malformed entries are skipped.
fn claimed_digests(header: &str) -> Vec<[u8; 32]> {
    header
        .split(' ')
        .filter_map(|entry| entry.strip_prefix("v1,"))
        .filter_map(|encoded| BASE64.decode(encoded).ok()?.try_into().ok())
        .take(MOST_SIGNATURES)
        .collect()
}

/// `whsec_` secrets are base64 of the key; any other secret is the key itself.
fn key(secret: &Secret) -> Option<Vec<u8>> {
    match secret.0.strip_prefix(b"whsec_") {
        Some(encoded) => BASE64.decode(encoded).ok(),
        None => Some(secret.0.clone()),
    }
}

fn sign(key: &[u8], id: &str, seconds: &str, body: &[u8]) -> Option<[u8; 32]> {
    hmac_sha256(key, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body])
}
