//! Who sent a request, proved over the raw bytes before anything is parsed.
//!
//! Three schemes, tried in this order by what the request carries: Standard Webhooks, the commissioned body HMAC,
//! a static token. A request that carries a signature is judged by it alone: a wrong signature never falls back
//! to a weaker scheme. Comparison takes the same time whatever the difference (`subtle`).

mod body_hmac;
mod standard_webhooks;
mod token;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tributary_domain::configuration::{Secret, Source};
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};

pub use body_hmac::{HEADER as BODY_SIGNATURE_HEADER, sign_body};
pub use standard_webhooks::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_standard};
pub use token::{TOKEN_PARAMETERS, verify_parameters};

/// How far a signed timestamp may lie from now, in both directions: five minutes, as the Standard Webhooks
/// reference code has it.
pub const TOLERANCE: Span = Span(300 * 1_000_000);

/// A request as far as signatures look at it.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Looks a header up by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The bytes received, before any decoding.
    pub body: &'a [u8],
}

/// How a request proved its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
    /// `x-webhook-signature`: HMAC of the body alone.
    BodyHmac,
    /// A static token in a header or parameter.
    Token,
    /// None; the source trusts the unguessable click id of a postback.
    Unsigned,
}

impl Scheme {
    /// The name in logs and explanations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard_webhooks",
            Self::BodyHmac => "body_hmac",
            Self::Token => "token",
            Self::Unsigned => "unsigned",
        }
    }
}

/// Proof that a request came from its source. Only this module makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    scheme: Scheme,
    message_id: Option<String>,
}

impl Verified {
    const fn by(scheme: Scheme) -> Self {
        Self { scheme, message_id: None }
    }

    /// The scheme that held.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The sender's signed message id (Standard Webhooks), which stands in for an event id where the body has none.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }
}

/// Verifies a request's headers and raw body against the live secrets of its source.
///
/// Each secret may have an end after which it counts no more; several may be live during a rotation, and one
/// that cannot be used does not keep the others from being tried.
///
/// # Errors
/// [`Reason::SignatureMissing`] when nothing is presented, [`Reason::SignatureInvalid`] when it is malformed or
/// matches no live secret, [`Reason::SignatureExpired`] when it is right but its time is more than [`TOLERANCE`] away.
pub fn verify(
    request: &SignedRequest<'_>,
    secrets: &[(Secret, Option<Timestamp>)],
    now: Timestamp,
) -> Result<Verified, Reason> {
    if standard_webhooks::is_present(request) {
        standard_webhooks::verify(request, secrets, now)
    } else if (request.header)(body_hmac::HEADER).is_some() {
        body_hmac::verify(request, secrets, now)
    } else {
        token::verify_headers(request, secrets, now)
    }
}

/// Lets an unsigned postback through where its source was set up to trust the click id alone.
///
/// # Errors
/// [`Reason::SignatureMissing`] for every other source.
pub fn accept_unsigned(source: &Source) -> Result<Verified, Reason> {
    if source.accepts_unsigned_postbacks {
        Ok(Verified::by(Scheme::Unsigned))
    } else {
        Err(Reason::SignatureMissing)
    }
}

/// The secrets that may still prove a sender: not past their end and not empty.
fn live(secrets: &[(Secret, Option<Timestamp>)], now: Timestamp) -> impl Iterator<Item = &Secret> {
    secrets
        .iter()
        .filter(move |(secret, end)| !secret.0.is_empty() && end.is_none_or(|end| now < end))
        .map(|(secret, _)| secret)
}

/// HMAC-SHA256 over the parts; `None` for an empty key, which would let anybody sign.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    if key.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
