//! Coupon first: whoever's promo code the customer entered has earned the order, whatever led to the shop.
//!
//! A code that is expired or belongs to nobody is not eligible and never reaches a model; then, and without any code, another model decides.

use super::super::TouchKind;
use super::{Journey, Model};

pub(super) fn weights(journey: &Journey<'_>, otherwise: &Model) -> Vec<u64> {
    match journey.touchpoints.iter().rposition(|touchpoint| touchpoint.kind == TouchKind::Code) {
        Some(code) => (0..journey.touchpoints.len()).map(|place| u64::from(place == code)).collect(),
        None => otherwise.weights(journey),
    }
}
