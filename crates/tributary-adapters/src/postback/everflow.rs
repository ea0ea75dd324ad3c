//! Everflow: `transaction_id` is the click, `event_id` the advertiser's numbered event (0 is the base conversion).
//!
//! Minimal call: `?nid=NET&transaction_id=ID`. `amount` may have the decimal comma of the offer's currency: that is a
//! setting of the source.

use super::PostbackProfile;
use crate::canonical::Target::{ClickId, Goal, Ignored, PromoCode, Transaction, Value};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "everflow",
    aliases: &[
        ("transaction_id", ClickId),
        ("_ef_transaction_id", ClickId),
        ("tid", ClickId),
        ("order_id", Transaction),
        ("amount", Value),
        ("sale_amount", Value),
        ("event_id", Goal),
        ("adv_event_id", Goal),
        ("coupon_code", PromoCode),
        // The network and its event's display name.
        ("nid", Ignored),
        ("event_name", Ignored),
    ],
    on_touches: &[],
    value_is_optional: true,
};
