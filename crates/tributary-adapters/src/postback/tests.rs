use super::*;

#[test]
fn every_dialect_is_found_by_its_published_name() {
    assert!(PROFILES.iter().map(|found| found.name()).eq(PostbackProfile::NAMES));
    for name in PostbackProfile::NAMES {
        assert_eq!(profile(name).map(PostbackProfile::name), Some(name));
    }
    assert_eq!(profile("Everflow"), None);
    assert_eq!(default_profile().name(), "tributary");
}

#[test]
fn no_dialect_names_a_parameter_twice() {
    for profile in PROFILES {
        for table in [profile.aliases, profile.on_touches] {
            for (place, (name, _)) in table.iter().enumerate() {
                assert!(
                    table.iter().skip(place + 1).all(|(other, _)| other != name),
                    "{} {name}",
                    profile.name
                );
            }
        }
    }
}

#[test]
fn one_name_means_different_things_in_different_houses() {
    for (dialect, parameter, expected) in [
        ("tributary", "transaction_id", Some(Target::Transaction)),
        ("everflow", "transaction_id", Some(Target::ClickId)),
        ("tune", "transaction_id", Some(Target::ClickId)),
        ("tributary", "payout", None),
        ("voluum", "payout", Some(Target::Value)),
        ("tune", "payout", Some(Target::Ignored)),
        ("cake", "t", Some(Target::Transaction)),
        ("tributary", "t", None),
        ("tributary", "tid", Some(Target::ClickId)),
        ("cake", "tid", Some(Target::Transaction)),
        ("everflow", "event_id", Some(Target::Goal)),
        ("tributary", "event_id", Some(Target::EventId)),
    ] {
        assert_eq!(profile(dialect).unwrap().target(parameter, false), expected, "{dialect} {parameter}");
    }
}

#[test]
fn a_slip_in_a_costly_name_is_seen_and_other_junk_is_not() {
    for (name, expected) in [
        ("amuont", Some("amount")),
        ("amout", Some("amount")),
        ("Amount", Some("amount")),
        ("clik_id", Some("click_id")),
        ("curency", Some("currency")),
        ("orderid", Some("order_id")),
        ("transactionid", Some("transaction_id")),
        ("adv_unique2", None),
        ("foo", None),
        ("nid", None),
        ("adv1", None),
        ("cb", None),
        ("country_code", None),
    ] {
        assert_eq!(default_profile().misspelt(name), expected, "{name}");
    }
}

#[test]
fn secrets_and_personal_values_do_not_reach_a_log_line() {
    for (raw, expected) in [
        ("click_id=c1&token=abc&amount=1", "click_id=c1&token=[redacted]&amount=1"),
        ("security_token=a&SIGN=b&Key=c", "security_token=[redacted]&SIGN=[redacted]&Key=[redacted]"),
        (
            "email=a%40b.c&user.email=a&user%5Bemail%5D=a",
            "email=[redacted]&user.email=[redacted]&user%5Bemail%5D=[redacted]",
        ),
        ("to%6ben=abc", "to%6ben=[redacted]"),
        ("%zz=abc&a", "%zz=[redacted]&a"),
        ("", ""),
        ("sub1=key", "sub1=key"),
        ("user-id=7", "user-id=[redacted]"),
    ] {
        assert_eq!(redact_query(raw), expected);
    }
}
