//! A brand: the advertiser whose sales are tracked.

use serde_json::{Value, json};
use tributary_domain::configuration::Brand;
use tributary_domain::identity::{DEFAULT_MOST_FACTS, IdentityRules};
use tributary_domain::money::Currency;

use super::values::{label, web_address};
use super::{Context, Fields, Problem, channels, ownership, stand_down, terms};

pub(super) const FIELDS: &[&str] = &[
    "name",
    "currency",
    "fallback_url",
    "most_customers_per_identifier",
    "customer_ownership",
    "channels",
    "tiers",
    "stand_down",
    "most_facts_per_identifier",
    "ignored_identifiers",
    "test_customers",
];

/// More customers than this on one visitor or e-mail are a shared device or a test account, not one person.
const MOST_CUSTOMERS: u32 = 5;

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Brand, Problem> {
    Ok(Brand {
        name: fields.parsed("name", label)?.unwrap_or_else(|| context.key.to_owned()),
        currency: fields.required("currency", Currency::parse)?,
        fallback_url: fields.parsed("fallback_url", web_address)?,
        most_customers_per_identifier: fields
            .count("most_customers_per_identifier")?
            .unwrap_or(MOST_CUSTOMERS),
        identity: IdentityRules {
            most_facts_per_identifier: fields
                .count("most_facts_per_identifier")?
                .unwrap_or(DEFAULT_MOST_FACTS),
            ignored_identifiers: fields.texts("ignored_identifiers", identifier)?,
            test_customers: fields.texts("test_customers", identifier)?,
        },
        customer_ownership: ownership::read(fields, "customer_ownership")?,
        tiers: terms::tiers(fields)?,
        stand_down: stand_down::read(fields)?.unwrap_or_default(),
        channels: channels::read(fields, "channels")?,
    })
}

pub(super) fn write(brand: &Brand) -> Value {
    json!({
        "name": brand.name,
        "currency": brand.currency.code(),
        "fallback_url": brand.fallback_url,
        "most_customers_per_identifier": brand.most_customers_per_identifier,
        "most_facts_per_identifier": brand.identity.most_facts_per_identifier,
        "ignored_identifiers": brand.identity.ignored_identifiers,
        "test_customers": brand.identity.test_customers,
        "customer_ownership": ownership::write(brand.customer_ownership),
        "tiers": terms::write_tiers(&brand.tiers),
        "stand_down": stand_down::write(brand.stand_down),
        "channels": channels::write(&brand.channels),
    })
}

/// An identifier as a sender writes it.
fn identifier(text: &str) -> Result<String, String> {
    tributary_domain::ids::plain_text("identifier", text, 200)
        .map(|text| text.to_string())
        .map_err(|error| error.to_string())
}
