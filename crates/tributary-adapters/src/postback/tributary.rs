//! `tributary`: the default, which takes every name of the trade that means one thing only.
//!
//! Absent on purpose: `payout` (revenue at one incumbent, commission at another), `transaction_id` as a click id, single
//! letters. A source that needs them names its dialect or its own aliases.

use super::PostbackProfile;
use crate::canonical::Target::{
    ClickId, CustomerId, Goal, Ignored, Ip, Kind, OccurredAt, PromoCode, Tracking, Transaction, UserAgent,
    Value,
};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "tributary",
    aliases: &[
        ("clickid", ClickId),
        ("cid", ClickId),
        ("tid", ClickId),
        ("subid", ClickId),
        ("evclid", ClickId),
        ("txid", Transaction),
        ("conversion_unique_id", Transaction),
        ("adv_unique1", Transaction),
        ("sale_amount", Value),
        ("revenue", Value),
        ("sum", Value),
        ("price", Value),
        ("et", Kind),
        ("event_name", Kind),
        ("goal_id", Goal),
        ("goal_ref", Goal),
        ("goal_name", Goal),
        ("coupon", PromoCode),
        ("coupon_code", PromoCode),
        ("uid", CustomerId),
        ("user_ip", Ip),
        ("customer_ip", Ip),
        ("ua", UserAgent),
        ("time", OccurredAt),
        ("aff_sub", Tracking("sub1")),
        ("aff_sub1", Tracking("sub1")),
        ("aff_sub2", Tracking("sub2")),
        ("aff_sub3", Tracking("sub3")),
        ("aff_sub4", Tracking("sub4")),
        ("aff_sub5", Tracking("sub5")),
        ("af_sub1", Tracking("sub1")),
        ("af_sub2", Tracking("sub2")),
        ("af_sub3", Tracking("sub3")),
        ("af_sub4", Tracking("sub4")),
        ("af_sub5", Tracking("sub5")),
        ("s1", Tracking("sub1")),
        ("s2", Tracking("sub2")),
        ("s3", Tracking("sub3")),
        ("s4", Tracking("sub4")),
        ("s5", Tracking("sub5")),
        // The answer that old systems insist on is chosen by the edge.
        ("return", Ignored),
    ],
    on_touches: &[
        ("subid", Tracking("sub_id")),
        ("clickid", Ignored),
        ("cid", Ignored),
        ("tid", Ignored),
        ("evclid", Ignored),
    ],
    value_is_optional: false,
};
