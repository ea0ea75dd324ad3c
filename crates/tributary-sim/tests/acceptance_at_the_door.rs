//! Everything the simulator sends is taken by the decoder of `POST /v1/events`, strict as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use tributary_adapters::canonical::{DecodingRules, decode, fields_from_json};
use tributary_domain::money::Currency;
use tributary_domain::time::Timestamp;
use tributary_sim::load::Load;
use tributary_sim::{Event, Parameters, simulate, world};

fn rules() -> DecodingRules {
    DecodingRules {
        default_currency: Some(Currency::parse(world::CURRENCY).unwrap()),
        ..DecodingRules::default()
    }
}

fn require_accepted(event: &Event, rules: &DecodingRules) {
    let json = event.to_json();
    let fields = fields_from_json(json.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}: {json}"));
    let decoded = decode(&fields, rules).unwrap_or_else(|refusal| panic!("{refusal}: {json}"));
    assert_eq!(decoded.kind.name(), event.event_type);
}

#[test]
fn every_simulated_event_is_accepted() {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    for sent in simulate(&Parameters::new(31, 8_000, start)) {
        require_accepted(&sent.event, &rules());
    }
}

#[test]
fn every_event_of_the_load_is_accepted() {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let load = Load { seed: 5, customers: 300, touches_per_customer: 5, conversions_per_customer: 2, start };
    for event in load.events() {
        require_accepted(&event, &rules());
    }
}
