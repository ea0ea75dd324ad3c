//! Voluum: `/postback?cid=&payout=&txid=&currency=&et=`; `payout` is the advertiser's revenue here, `et` the event type,
//! whose case is kept. Only `cid` is mandatory.

use super::PostbackProfile;
use crate::canonical::Target::{ClickId, Kind, Transaction, Value};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "voluum",
    aliases: &[
        ("cid", ClickId),
        ("clickid", ClickId),
        ("txid", Transaction),
        ("payout", Value),
        ("et", Kind),
    ],
    on_touches: &[],
    value_is_optional: true,
};
