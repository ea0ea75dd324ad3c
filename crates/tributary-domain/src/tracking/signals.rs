//! What a click carries about the channel it came by: ids that advertising platforms hang on the links they sold, and the page before.
//!
//! Signals come from platforms and browsers, not from the partner who sends the click, so nothing about them is ever refused: what
//! cannot be kept is left out.

use std::borrow::Cow;

use super::LONGEST_VALUE;

/// Parameters that advertising platforms add to clicks they sold.
pub const PAID_CLICK_IDS: [&str; 12] = [
    "gclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "dclid",
    "fbclid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "epik",
    "rdt_cid",
];

/// The parameter that names the page before; of its address only the host is kept.
pub const REFERRER: &str = "referrer";

/// Longest host by the rules of the domain name system.
const LONGEST_HOST: usize = 253;

/// Whether a tracking parameter is a signal.
#[must_use]
pub fn is_signal(name: &str) -> bool {
    name == REFERRER || PAID_CLICK_IDS.contains(&name)
}

/// What is kept of a signal's value; empty when nothing is. Keeping it again changes nothing.
pub(super) fn kept<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if name == REFERRER {
        return Cow::Owned(host_of(value).unwrap_or_default());
    }
    let stands = |c: &char| !c.is_control() && *c != char::REPLACEMENT_CHARACTER;
    Cow::Owned(value.trim().chars().filter(stands).take(LONGEST_VALUE).collect::<String>().trim().to_owned())
}

/// The host of an address, or of a host already; in lower case, without port and user. `None` for what is no host.
fn host_of(address: &str) -> Option<String> {
    let address = address.trim();
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let place = authority.rsplit('@').next()?;
    let host = place.split(':').next()?.trim_end_matches('.').to_ascii_lowercase();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    ((1..=LONGEST_HOST).contains(&host.len()) && host.chars().all(is_plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_referrer_only_the_host_is_kept() {
        for (sent, host) in [
            ("https://www.Google.com/search?q=secret", "www.google.com"),
            ("android-app://com.google.android.gm/", "com.google.android.gm"),
            ("http://user:pass@shop.example:8080/x", "shop.example"),
            ("news.example", "news.example"),
            ("news.example.", "news.example"),
            ("https://b\u{fc}cher.example#x", "b\u{fc}cher.example"),
            ("//", ""),
            ("not a host", ""),
            ("", ""),
        ] {
            assert_eq!(kept(REFERRER, sent), host, "{sent}");
            assert_eq!(kept(REFERRER, host), host, "keeping it again changes nothing");
        }
        assert_eq!(kept(REFERRER, &"x".repeat(254)), "");
    }

    #[test]
    fn a_platform_s_id_is_kept_as_far_as_there_is_room() {
        let long = "x".repeat(400);
        for (sent, expected) in [("Cj0-K_q", "Cj0-K_q"), ("a\u{0}b", "ab"), (long.as_str(), &long[..255])] {
            assert_eq!(kept("gclid", sent), expected);
            assert_eq!(kept("gclid", expected), expected);
        }
    }
}
