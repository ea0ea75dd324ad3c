//! CAKE: `r` is the request (its click), `t` the advertiser's transaction, `p` the price, `e` the event, `s1`..`s5` the sub-ids.
//!
//! A request id is per session and may repeat: it joins a conversion to its click and is never a deduplication key.

use super::PostbackProfile;
use crate::canonical::Target::{ClickId, Ignored, Kind, Tracking, Transaction, Value};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "cake",
    aliases: &[
        ("r", ClickId),
        ("reqid", ClickId),
        ("t", Transaction),
        ("tid", Transaction),
        ("p", Value),
        ("price", Value),
        ("e", Kind),
        ("s1", Tracking("sub1")),
        ("s2", Tracking("sub2")),
        ("s3", Tracking("sub3")),
        ("s4", Tracking("sub4")),
        ("s5", Tracking("sub5")),
        ("o", Ignored),
        ("a", Ignored),
        ("c", Ignored),
    ],
    on_touches: &[],
    value_is_optional: true,
};
