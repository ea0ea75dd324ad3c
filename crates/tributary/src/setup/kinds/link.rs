//! A link or promo code: partner x campaign x destination.

use serde_json::{Value, json};
use tributary_domain::configuration::Link;
use tributary_domain::ids::{CampaignKey, PartnerKey, PromoCode};

use super::values::web_address;
use super::{Context, Fields, Problem};

pub(super) const FIELDS: &[&str] = &["partner", "campaign", "destination", "promo_code", "active"];

pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Result<Link, Problem> {
    Ok(Link {
        brand: context.brand.clone(),
        partner: fields.required("partner", PartnerKey::parse)?,
        campaign: fields.required("campaign", CampaignKey::parse)?,
        destination: fields.parsed("destination", web_address)?,
        promo_code: fields.parsed("promo_code", PromoCode::parse)?,
        active: fields.flag("active", true)?,
    })
}

pub(super) fn write(link: &Link) -> Value {
    json!({
        "partner": link.partner.as_str(),
        "campaign": link.campaign.as_str(),
        "destination": link.destination,
        "promo_code": link.promo_code.as_ref().map(PromoCode::as_str),
        "active": link.active,
    })
}
