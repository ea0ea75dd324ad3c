//! What is kept of refused events: enough to find and to mend them, and nothing of anybody.

use proptest::prelude::*;

use super::*;

fn kept_of_json(text: &str) -> Harmless {
    harmless(&readable_json(text.as_bytes()), &rules())
}

fn value<'h>(kept: &'h Harmless, name: &str) -> Option<&'h str> {
    kept.fields.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_deref())
}

#[test]
fn what_an_event_is_found_and_mended_by_is_kept() {
    let kept = kept_of_json(
        r##"{"event_type":"conversion","timestamp":"2026-03-01T10:00:00Z","order_id":"#1001/a","value":"12,34","currency":"EURO",
            "promo_code":"anna10","click_id":"t1abc","event_id":"ev-9","status":"aproved","customer_id":"c-1","sub1":"x","mystery":1}"##,
    );
    let expected = [
        ("event_type", "conversion"),
        ("timestamp", "2026-03-01T10:00:00Z"),
        ("transaction_id", "#1001/a"),
        ("value", "12,34"),
        ("currency", "EURO"),
        ("promo_code", "ANNA10"),
        ("click_id", "t1abc"),
        ("event_id", "ev-9"),
        ("status", "aproved"),
    ];
    for (name, text) in expected {
        assert_eq!(value(&kept, name), Some(text), "{name}");
    }
    assert_eq!(kept.ids().collect::<Vec<_>>(), ["#1001/a", "ANNA10", "t1abc", "ev-9"]);
    assert!(kept.fields.contains(&("customer_id", None)) && kept.fields.contains(&("sub1", None)));
    assert_eq!(kept.other_fields, 1);
}

#[test]
fn a_dialect_says_what_its_parameters_mean() {
    // TUNE calls the click a transaction and the order `adv_unique1`.
    let kept =
        harmless(&readable_query("transaction_id=abc&adv_unique1=o-7&security_token=hush"), &dialect("tune"));
    assert_eq!((value(&kept, "click_id"), value(&kept, "transaction_id")), (Some("abc"), Some("o-7")));
    assert!(!format!("{kept:?}").contains("hush"));
    let of_redirect = harmless(&readable_query("link=a&customer_id=c-1&value=3"), &DecodingRules::redirect());
    assert_eq!(of_redirect.fields, [("link", Some("a".to_owned()))], "a browser has no say in the rest");
}

#[test]
fn what_does_not_read_strictly_is_still_looked_into() {
    let kept = kept_of_json(
        r#"{"order_id":"o-1","order_id":"o-2","items":[{"a":1}],"deep":{"x":{"y":1}},"user":{"email":"j@x.example"}}"#,
    );
    assert_eq!(kept.ids().collect::<Vec<_>>(), ["o-1", "o-2"]);
    assert!(kept.fields.contains(&("email", None)));
    assert_eq!(kept_of_json("[1]"), Harmless::default());
    assert_eq!(kept_of_json("{\"order_id\": "), Harmless::default());
    let broken = harmless(&readable_query("order_id=o-1&x=%zz&=&currency"), &rules());
    assert_eq!(broken.ids().collect::<Vec<_>>(), ["o-1"]);
}

#[test]
fn people_and_secrets_in_the_wrong_place_are_not_kept() {
    for misplaced in [
        "jane@shop.example",
        "Jane Doe",
        "203.0.113.9",
        "2001:db8::1",
        "+49 170 1234567",
        "https://x.example/?a=1&b=2",
        "<script>",
    ] {
        let text = serde_json::json!({ "event_type": misplaced, "order_id": misplaced, "click_id": misplaced,
            "event_id": misplaced, "promo_code": misplaced, "value": misplaced, "timestamp": misplaced, "cart_opened_at": misplaced,
            "currency": misplaced, "status": misplaced, "goal": misplaced });
        let kept = kept_of_json(&text.to_string());
        assert!(kept.fields.iter().all(|(_, value)| value.is_none()), "{misplaced}: {kept:?}");
    }
    for number in ["4111111111111111", "+491701234567", "1-202-555-0143"] {
        let kept = kept_of_json(&serde_json::json!({ "value": number, "timestamp": number }).to_string());
        assert!(kept.fields.iter().all(|(_, value)| value.is_none()), "{number}: {kept:?}");
    }
    for time in ["2026-03-01", "2026-03-01 10:00", "01.03.2026 10:00:00", "1768471200", "1768471200000"] {
        let kept = kept_of_json(&serde_json::json!({ "timestamp": time }).to_string());
        assert_eq!(value(&kept, "timestamp"), Some(time));
    }
    assert_eq!(harmless_name("jane@shop.example", &rules()), None);
    assert_eq!(harmless_name("9f86d081884c7d659a2feaa0c55ad015", &rules()), None, "a key");
    assert_eq!(harmless_name("curency", &rules()).as_deref(), Some("curency"));
    assert_eq!(harmless_name("sub1", &rules()).as_deref(), Some("sub1"));
}

proptest! {
    /// Whatever stands in a field that is not on the list, and under whatever name, nothing of it is kept.
    #[test]
    fn only_listed_fields_are_kept(secret in "[a-zA-Z0-9]{24,40}", name in "[a-z_]{1,12}", place in 0usize..14) {
        let closed = ["customer_id", "user_id", "visitor_id", "email", "ip", "user_agent", "token", "signature", "user.id", "customer.email",
            "data.note", "sub1", "gclid", "referrer"];
        let under = if place == 0 { name.as_str() } else { closed[place % closed.len()] };
        prop_assume!(closed.contains(&under) || resolvable(under).is_none());
        let fields = readable_query(&format!("{under}={secret}&{secret}=1"));
        for rules in [rules(), dialect("tune"), dialect("everflow"), dialect("cake"), DecodingRules::redirect()] {
            let kept = harmless(&fields, &rules);
            prop_assert!(!format!("{kept:?}").contains(&secret), "{}: {:?}", under, kept);
        }
    }

    /// Any bytes are read without a panic and within bounds.
    #[test]
    fn any_bytes_are_read_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let text = String::from_utf8_lossy(&bytes);
        for fields in [readable_json(&bytes), readable_query(&text)] {
            prop_assert!(harmless(&fields, &rules()).fields.len() <= 40);
        }
    }
}

/// The canonical name of a field whose values may be kept, if the name means one anywhere.
fn resolvable(name: &str) -> Option<&'static str> {
    [rules(), dialect("tune"), dialect("everflow"), dialect("cake")].iter().find_map(|rules| {
        harmless(&readable_query(&format!("{name}=a")), rules).fields.first().map(|(known, _)| *known)
    })
}
