mod decoding;
mod harmless;
mod sameness;

use tributary_domain::ids::{BrandKey, SourceKey};
use tributary_domain::money::Currency;

use super::*;
use crate::postback::profile;

fn rules() -> DecodingRules {
    DecodingRules { default_currency: Some(Currency::parse("EUR").unwrap()), ..DecodingRules::default() }
}

fn dialect(name: &str) -> DecodingRules {
    DecodingRules { profile: Some(profile(name).unwrap()), ..rules() }
}

fn json(text: &str) -> Result<IncomingEvent, Refusal> {
    decode(&fields_from_json(text.as_bytes())?, &rules())
}

fn query(name: &str, text: &str) -> Result<IncomingEvent, Refusal> {
    decode(&fields_from_query(text)?, &dialect(name))
}

fn key(event: &IncomingEvent) -> tributary_domain::ids::DeduplicationKey {
    deduplication_key(&BrandKey::parse("acme").unwrap(), &SourceKey::parse("shop").unwrap(), event)
}

fn action(event: &IncomingEvent) -> &tributary_domain::fact::Action {
    match &event.body {
        IncomingBody::Registration(action)
        | IncomingBody::Qualification(action)
        | IncomingBody::Conversion(action) => action,
        other => panic!("no action: {other:?}"),
    }
}
