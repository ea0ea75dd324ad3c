//! Network addresses: one spelling of each, and the part of it that may be kept for geography.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address with its last part removed: `203.0.113.0/24` for IPv4, `2001:db8:7::/48` for IPv6. Nothing for a text that is no address.
#[must_use]
pub fn truncate_ip(ip: &str) -> Option<String> {
    Some(match parse(ip)? {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    })
}

/// One text per address however it was written; a text that is no address stays as it is, without surrounding blanks.
pub(super) fn canonical(ip: &str) -> String {
    parse(ip).map_or_else(|| ip.trim().to_owned(), |address| address.to_string())
}

/// Reads an address; an IPv4 address inside IPv6 (`::ffff:203.0.113.9`) is that IPv4 address.
fn parse(ip: &str) -> Option<IpAddr> {
    ip.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_to_its_network() {
        for (given, kept) in [
            ("203.0.113.9", Some("203.0.113.0/24")),
            (" 203.0.113.255 ", Some("203.0.113.0/24")),
            ("::ffff:203.0.113.9", Some("203.0.113.0/24")),
            ("2001:db8:7:8:9:a:b:c", Some("2001:db8:7::/48")),
            ("::1", Some("::/48")),
            ("203.0.113", None),
            ("203.0.113.9:443", None),
            ("", None),
            ("shop.example", None),
        ] {
            assert_eq!(truncate_ip(given).as_deref(), kept, "{given}");
        }
    }

    #[test]
    fn one_address_has_one_spelling() {
        assert_eq!(canonical("2001:DB8:0::1"), canonical("2001:db8::1"));
        assert_eq!(canonical("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(canonical(" unknown "), "unknown");
    }
}
