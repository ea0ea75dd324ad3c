//! `RedTrack`: `/postback?clickid=&sum=&type=`; twenty sub-ids, of which the first ten are kept.

use super::PostbackProfile;
use crate::canonical::Target::{ClickId, Ignored, Kind, Transaction, Value};

pub(super) static PROFILE: PostbackProfile = PostbackProfile {
    name: "redtrack",
    aliases: &[
        ("clickid", ClickId),
        ("sum", Value),
        ("type", Kind),
        ("txid", Transaction),
        ("sub11", Ignored),
        ("sub12", Ignored),
        ("sub13", Ignored),
        ("sub14", Ignored),
        ("sub15", Ignored),
        ("sub16", Ignored),
        ("sub17", Ignored),
        ("sub18", Ignored),
        ("sub19", Ignored),
        ("sub20", Ignored),
    ],
    on_touches: &[],
    value_is_optional: true,
};
