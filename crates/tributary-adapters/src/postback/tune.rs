//! TUNE (`HasOffers`): `transaction_id` is the click, `amount` the sale; `payout` and `revenue` are its own sums between
//! network, advertiser and partner and are not the value of the sale.
//!
//! Minimal call: `/aff_lsr?offer_id=26&transaction_id=ID`.

use super::PostbackProfile;
use crate::canonical::Target::{ClickId, Goal, Ignored, PromoCode, Tracking, Transaction, Value};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "tune",
    aliases: &[
        ("transaction_id", ClickId),
        ("conversion_unique_id", Transaction),
        ("adv_unique1", Transaction),
        ("order_id", Transaction),
        ("amount", Value),
        ("goal_id", Goal),
        ("goal_ref", Goal),
        ("goal_name", Goal),
        ("promo_code", PromoCode),
        ("aff_sub", Tracking("sub1")),
        ("aff_sub2", Tracking("sub2")),
        ("aff_sub3", Tracking("sub3")),
        ("aff_sub4", Tracking("sub4")),
        ("aff_sub5", Tracking("sub5")),
        ("offer_id", Ignored),
        ("payout", Ignored),
        ("revenue", Ignored),
    ],
    on_touches: &[],
    value_is_optional: true,
};
