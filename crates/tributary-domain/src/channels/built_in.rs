//! The built-in rules, which every brand has unless it switches them off. The values of `utm_medium` and the order of the groups follow the
//! default channel groups of web analytics.

use crate::ids::Channel;
use crate::tracking::Tracking;

use super::{ChannelBasis, Classified, Conditions};

/// A rule: the channel, then what may be there.
struct BuiltIn {
    channel: &'static str,
    click_ids: &'static [&'static str],
    sources: &'static [&'static str],
    mediums: &'static [&'static str],
    referrers: &'static [&'static str],
}

/// A rule without conditions, to be filled in.
const ANY: BuiltIn = BuiltIn { channel: "", click_ids: &[], sources: &[], mediums: &[], referrers: &[] };

const SOCIAL_NETWORKS: &[&str] = &[
    "facebook",
    "fb",
    "meta",
    "instagram",
    "ig",
    "tiktok",
    "twitter",
    "x",
    "linkedin",
    "pinterest",
    "reddit",
    "snapchat",
];

/// Mail readers come before search engines, whose subdomains some are.
const RULES: &[BuiltIn] = &[
    BuiltIn { channel: "paid_search", click_ids: &["gclid", "gbraid", "wbraid", "msclkid", "yclid"], ..ANY },
    BuiltIn { channel: "display", click_ids: &["dclid"], ..ANY },
    BuiltIn {
        channel: "paid_social",
        sources: SOCIAL_NETWORKS,
        mediums: &["cpc", "ppc", "cpm", "paid", "ads"],
        ..ANY
    },
    BuiltIn { channel: "paid_social", mediums: &["paid_social", "paid-social", "paidsocial"], ..ANY },
    BuiltIn {
        channel: "paid_search",
        mediums: &["cpc", "ppc", "sem", "paid_search", "paid-search", "paidsearch"],
        ..ANY
    },
    BuiltIn { channel: "display", mediums: &["display", "banner", "cpm"], ..ANY },
    BuiltIn { channel: "email", mediums: &["email", "e-mail", "e_mail", "newsletter"], ..ANY },
    BuiltIn { channel: "email", sources: &["email", "e-mail", "e_mail", "newsletter"], ..ANY },
    BuiltIn { channel: "sms", mediums: &["sms"], ..ANY },
    BuiltIn { channel: "organic", mediums: &["organic"], ..ANY },
    BuiltIn {
        channel: "organic_social",
        mediums: &["social", "social-network", "social-media", "social_network", "social_media", "sm"],
        ..ANY
    },
    BuiltIn { channel: "referral", mediums: &["referral", "link", "app"], ..ANY },
    BuiltIn {
        channel: "paid_social",
        click_ids: &["fbclid", "ttclid", "twclid", "li_fat_id", "epik", "rdt_cid"],
        ..ANY
    },
    BuiltIn { channel: "direct", sources: &["direct", "(direct)"], ..ANY },
    BuiltIn {
        channel: "email",
        referrers: &["mail.google.com", "com.google.android.gm", "mail.yahoo.com", "outlook.live.com"],
        ..ANY
    },
    BuiltIn {
        channel: "organic",
        referrers: &[
            "google.*",
            "bing.com",
            "duckduckgo.com",
            "yahoo.*",
            "ecosia.org",
            "yandex.*",
            "baidu.com",
            "qwant.com",
            "startpage.com",
            "search.brave.com",
        ],
        ..ANY
    },
    BuiltIn {
        channel: "organic_social",
        referrers: &[
            "facebook.com",
            "instagram.com",
            "tiktok.com",
            "twitter.com",
            "x.com",
            "t.co",
            "linkedin.com",
            "lnkd.in",
            "pinterest.*",
            "reddit.com",
            "snapchat.com",
            "youtube.com",
        ],
        ..ANY
    },
];

/// The channel of the first rule that is met. What carries nothing at all came directly; what carries something that no rule knows was
/// referred by somebody.
pub(super) fn channel(tracking: &Tracking) -> Option<Channel> {
    Channel::parse(first_met(tracking).map_or_else(|| otherwise(tracking), |rule| rule.channel)).ok()
}

/// The same, with what decided.
pub(super) fn classify(tracking: &Tracking) -> Option<Classified> {
    let channel = channel(tracking)?;
    Some(match first_met(tracking) {
        Some(rule) => Classified {
            channel,
            basis: ChannelBasis::BuiltInRule,
            carries: rule.conditions().parameters(tracking),
        },
        None => Classified { channel, basis: ChannelBasis::NoRule, carries: Vec::new() },
    })
}

fn first_met(tracking: &Tracking) -> Option<&'static BuiltIn> {
    RULES.iter().find(|rule| rule.conditions().are_met(tracking))
}

fn otherwise(tracking: &Tracking) -> &'static str {
    if tracking.tells_channel() { "referral" } else { "direct" }
}

impl BuiltIn {
    const fn conditions(&self) -> Conditions<'_, &'static str> {
        Conditions {
            click_ids: self.click_ids,
            sources: self.sources,
            mediums: self.mediums,
            referrers: self.referrers,
        }
    }
}
